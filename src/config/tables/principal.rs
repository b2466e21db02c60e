//! `[roles.NAME]`, `[affiliates.ID]`, `[employees.ID]` and their tokens.
//!
//! A file that was cut off gives less access, never more: tokens come last, so that what
//! limits a principal is read before anything that opens it.

use super::backend::credential;
use super::rate::{self, Rate};
use super::{Fields, Item, Reader, address, keys, name};
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::names::{PermissionName, PrincipalId, RoleName, TokenId};
use crate::domain::time::{Expiry, Timestamp};
use crate::domain::token::TokenDigest;
use crate::policy::{
    Credential, Principal, PrincipalIndex, PrincipalKind, Rights, ScopeGrant, TokenLimits, TokenRecord,
};
use smol_str::SmolStr;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::value::{Datetime, Offset};

/// Columns of a report, by name.
pub(in crate::config) struct RawView {
    pub(in crate::config) report: Marked<Box<str>>,
    /// `None`: the whole catalogue.
    pub(in crate::config) columns: Option<Vec<Marked<Box<str>>>>,
    /// Where the columns stand.
    pub(in crate::config) mark: Mark,
}

/// A role, its references by name.
pub(in crate::config) struct RawRole {
    pub(in crate::config) name: Marked<RoleName>,
    pub(in crate::config) extends: Option<Marked<SmolStr>>,
    pub(in crate::config) permissions: Vec<Marked<PermissionName>>,
    pub(in crate::config) views: Vec<RawView>,
    /// `None`: that of the role it extends, or the default.
    pub(in crate::config) rate: Option<Rate>,
    /// `extends` and `columns` were read without a problem.
    pub(in crate::config) sound: bool,
}

/// The principals of all files. There may be a million, so each keeps little.
#[derive(Default)]
pub(in crate::config) struct RawPrincipals {
    /// Their rights and credentials are not set.
    pub(in crate::config) list: Vec<Principal>,
    /// What else they say, by their place in `list`.
    pub(in crate::config) rest: Vec<RawPrincipal>,
    no_rights: Arc<Rights>,
}

/// What a principal says of others, by name, and where.
pub(in crate::config) struct RawPrincipal {
    /// Where its id stands.
    pub(in crate::config) mark: Mark,
    /// Where each id of its scope stands.
    pub(in crate::config) id_marks: Box<[Mark]>,
    pub(in crate::config) role: Option<Marked<SmolStr>>,
    /// `None`: it has its role's only.
    pub(in crate::config) own: Option<Box<Own>>,
    pub(in crate::config) has_tokens: bool,
    /// `role`, `columns` and `credentials` were read without a problem.
    pub(in crate::config) sound: bool,
    /// `scope` is left out.
    pub(in crate::config) without_scope: bool,
    /// `allowed_ips` is left out.
    pub(in crate::config) without_ips: bool,
}

/// What a principal has besides its role.
#[derive(Default)]
pub(in crate::config) struct Own {
    pub(in crate::config) permissions: Vec<Marked<PermissionName>>,
    pub(in crate::config) views: Vec<RawView>,
    pub(in crate::config) rate: Option<Rate>,
    pub(in crate::config) credentials: Vec<OwnCredential>,
}

/// A principal's own credential at a backend.
pub(in crate::config) struct OwnCredential {
    pub(in crate::config) backend: Marked<Box<str>>,
    pub(in crate::config) credential: Credential,
}

/// The tokens of all files. There may be a million, so each keeps little.
#[derive(Default)]
pub(in crate::config) struct RawTokens {
    pub(in crate::config) records: Vec<TokenRecord>,
    /// Where each record stands.
    places: Vec<TokenPlace>,
    /// Own columns, by the place of their token in `records`.
    pub(in crate::config) views: Vec<(usize, Vec<RawView>)>,
}

struct TokenPlace {
    file: u32,
    id: u32,
    hash: u32,
}

impl RawTokens {
    /// Where the id of a token stands.
    pub(in crate::config) fn id_mark(&self, index: usize) -> Option<Mark> {
        let (place, record) = (self.places.get(index)?, self.records.get(index)?);
        let quoted = u32::try_from(record.id.as_str().len() + 2).ok()?;
        Some(Mark { file: place.file, start: place.id, end: place.id.saturating_add(quoted) })
    }

    /// Where the hash of a token stands.
    pub(in crate::config) fn hash_mark(&self, index: usize) -> Option<Mark> {
        let place = self.places.get(index)?;
        // `sha256:` and 64 digits in quotes.
        Some(Mark { file: place.file, start: place.hash, end: place.hash.saturating_add(73) })
    }
}

/// Reads a role.
pub(super) fn read_role(reader: &mut Reader<'_>, at: Marked<&str>, item: Item<'_>) -> Option<RawRole> {
    let fields = reader.fields(item, &keys::ROLE);
    let value = name(reader, at, RoleName::parse)?;
    let fields = fields?;
    let permissions = fields.read("permissions", |item| permissions(reader, item)).unwrap_or_default();
    let ((extends, views), sound) = reader.sound(|reader| {
        let extends = fields.read("extends", |item| reference(reader, item));
        (extends, fields.read("columns", |item| views(reader, item)).unwrap_or_default())
    });
    let sound = sound && !fields.has_unknown();
    let rate = fields.read("rate_limit", |item| rate::rate(reader, item));
    Some(RawRole { name: Marked { value, mark: at.mark }, extends, permissions, views, rate, sound })
}

/// Reads a principal and its tokens.
pub(super) fn read(
    reader: &mut Reader<'_>,
    at: Marked<&str>,
    item: Item<'_>,
    kind: PrincipalKind,
    principals: &mut RawPrincipals,
    tokens: &mut RawTokens,
) {
    let affiliate = kind == PrincipalKind::Affiliate;
    let spec = if affiliate { &keys::AFFILIATE } else { &keys::EMPLOYEE };
    let fields = reader.fields(item, spec);
    let (Some(id), Some(fields)) = (name(reader, at, PrincipalId::parse), fields) else { return };
    let ((role, views, credentials), sound) = reader.sound(|reader| {
        let role = fields.read("role", |item| reference(reader, item));
        let views = fields.read("columns", |item| views(reader, item)).unwrap_or_default();
        (role, views, fields.read("credentials", |item| credentials(reader, item)).unwrap_or_default())
    });
    let permissions = fields.read("permissions", |item| permissions(reader, item)).unwrap_or_default();
    let rate = fields.read("rate_limit", |item| rate::rate(reader, item));
    let has_own = rate.is_some() || !(permissions.is_empty() && views.is_empty() && credentials.is_empty());
    let kinds = [("affiliate", PrincipalKind::Affiliate), ("ib", PrincipalKind::Ib)];
    let own_kind = if affiliate { fields.read("kind", |item| reader.choice(item, &kinds)) } else { None };
    let (scope, id_marks) = match fields.get("scope") {
        Some(item) => scope(reader, item, affiliate),
        None => (ScopeGrant::Ids(std::iter::empty().collect()), Box::default()),
    };
    let tokens_item = fields.get("tokens");
    let index = PrincipalIndex(u32::try_from(principals.list.len()).unwrap_or(u32::MAX));
    principals.list.push(Principal {
        id,
        name: fields.read("name", |item| reader.filled(item)).map(Into::into),
        kind: own_kind.unwrap_or(kind),
        disabled: fields.read("disabled", |item| reader.boolean(item)).unwrap_or(false),
        scope,
        allowed_ips: fields.read("allowed_ips", |item| address::ranges(reader, item)).unwrap_or_default(),
        rights: Arc::clone(&principals.no_rights),
        credentials: Box::default(),
    });
    principals.rest.push(RawPrincipal {
        mark: at.mark,
        id_marks,
        role,
        own: has_own.then(|| Box::new(Own { permissions, views, rate, credentials })),
        has_tokens: tokens_item.is_some_and(|item| read_tokens(reader, item, index, tokens)),
        sound: sound && !fields.has_unknown(),
        without_scope: fields.get("scope").is_none(),
        without_ips: fields.get("allowed_ips").is_none(),
    });
    if let (Some(first), Some(table)) =
        (tokens_item.and_then(|tokens| tokens.get_ref().as_array()?.first()), item.get_ref().as_table())
    {
        check_order(reader, table, first.span().start);
    }
}

/// Whose rows, and where each id stands; nobody's, where that cannot be read.
fn scope(reader: &mut Reader<'_>, item: Item<'_>, affiliate: bool) -> (ScopeGrant, Box<[Mark]>) {
    let mut ids = Vec::new();
    match item.get_ref().as_str() {
        Some("all") if !affiliate => return (ScopeGrant::All, Box::default()),
        Some("all") => reader.error(item, "only employees may see every affiliate's rows"),
        Some(_) => reader.error(item, "expected a list of the platform's ids"),
        None => ids = reader.entries(item, |reader, item| reader.parsed(item, id)).unwrap_or_default(),
    }
    let marks = ids.iter().map(|id| id.mark).collect();
    (ScopeGrant::Ids(ids.into_iter().map(|id| id.value).collect()), marks)
}

fn id(text: &str) -> Result<SmolStr, &'static str> {
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) || text.trim() != text {
        return Err("expected an id of 1 to 128 bytes without control characters or blanks at its ends");
    }
    Ok(text.into())
}

/// Refuses what stands behind the first token: cut off there, the principal would have more access.
fn check_order(reader: &mut Reader<'_>, principal: &DeTable<'_>, first_token: usize) {
    for (key, value) in principal {
        let name: &str = key.get_ref();
        if name == "tokens" {
            continue;
        }
        let own = key.span();
        let inner = value.get_ref().as_table().and_then(last_key).unwrap_or_else(|| own.clone());
        let last = if inner.start > own.start { inner } else { own };
        if last.start > first_token {
            let at = reader.mark(&last);
            let message = format!(
                "`{name}` stands after the tokens of its principal; tokens come last, so that a file cut off gives no more access"
            );
            reader.problems.error(at, message);
        }
    }
}

/// The last key of a table and of those inside it; their depth is limited by the parser.
fn last_key(table: &DeTable<'_>) -> Option<std::ops::Range<usize>> {
    let inner = table.values().filter_map(|value| value.get_ref().as_table().and_then(last_key));
    table.keys().map(toml::Spanned::span).chain(inner).max_by_key(|span| span.start)
}

/// Reads tokens, which stand as `[[…tokens]]` tables. Tells whether there are any.
fn read_tokens(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    principal: PrincipalIndex,
    tokens: &mut RawTokens,
) -> bool {
    let Some(items) = reader.list(item) else { return false };
    // The span of such a table is its header, `[[…]]`, and that of an inline one its braces.
    let inline = |item: &toml::Spanned<DeValue<'_>>| {
        item.get_ref().is_table() && reader.source.as_bytes().get(item.span().start) == Some(&b'[')
    };
    if items.is_empty() || !items.iter().all(inline) {
        reader.error(
            item,
            "tokens stand as tables of their own, [[affiliates.ID.tokens]] or [[employees.ID.tokens]]",
        );
        return false;
    }
    for item in items {
        read_token(reader, item, principal, tokens);
    }
    true
}

fn read_token(reader: &mut Reader<'_>, item: Item<'_>, principal: PrincipalIndex, tokens: &mut RawTokens) {
    let Some(fields) = reader.fields(item, &keys::TOKEN) else { return };
    let id_item = fields.required(reader, "id");
    let id = id_item.and_then(|item| reader.parsed(item, TokenId::parse));
    let hash_item = fields.required(reader, "hash");
    let digest = hash_item.and_then(|item| {
        let digest = TokenDigest::parse(reader.text(item)?);
        if digest.is_none() {
            reader.error(item, "expected sha256: and 64 hexadecimal digits");
        }
        digest
    });
    let _ = fields.read("created", |item| timestamp(reader, item));
    let expires = fields.required(reader, "expires").and_then(|item| expiry(reader, item));
    let _ = fields.read("note", |item| reader.text(item));
    let allowed_ips = fields.read("allowed_ips", |item| address::ranges(reader, item));
    let own_views = fields.read("columns", |item| views(reader, item));
    let rate_limit = fields.read("rate_limit", |item| rate::of_token(reader, item));
    refuse_late_limits(reader, item);
    let (Some(id), Some(digest), Some(expires)) = (id, digest, expires) else { return };
    let (Some(id_item), Some(hash_item)) = (id_item, hash_item) else { return };
    if let Some(own) = own_views {
        tokens.views.push((tokens.records.len(), own));
    }
    let (id_mark, hash_mark) = (reader.at(id_item), reader.at(hash_item));
    tokens.places.push(TokenPlace { file: reader.file, id: id_mark.start, hash: hash_mark.start });
    let limits = (allowed_ips.is_some() || rate_limit.is_some())
        .then(|| Box::new(TokenLimits { allowed_ips, rate_limit, views: None }));
    tokens.records.push(TokenRecord { id, digest, principal, expires, limits });
}

/// Refuses a token's own limits behind the last key that it needs: a cut there would lose the limits alone.
fn refuse_late_limits(reader: &mut Reader<'_>, item: Item<'_>) {
    let Some(table) = item.get_ref().as_table() else { return };
    let start = |key: &str| table.get_key_value(key).map(|(key, _)| key.span().start);
    for key in ["columns", "allowed_ips", "rate_limit"] {
        let Some((name, value)) = table.get_key_value(key) else { continue };
        let last = value.get_ref().as_table().and_then(last_key).unwrap_or_else(|| name.span());
        let needed = ["id", "hash", "expires"].into_iter().filter_map(start).max();
        if needed.is_some_and(|needed| needed < last.start) {
            let at = reader.mark(&name.span());
            let message = format!(
                "put a token's `{key}` in front of its `expires`: a file cut off in between would give it more access"
            );
            reader.problems.error(at, message);
        }
    }
}

fn expiry(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Expiry> {
    if item.get_ref().as_str() == Some("never") {
        return Some(Expiry::Never);
    }
    if let DeValue::String(_) = item.get_ref() {
        reader.error(item, "expected \"never\" or a date-time without quotes, such as 2027-02-20T10:15:00Z");
        return None;
    }
    timestamp(reader, item).map(Expiry::At)
}

/// A date-time with an offset; fractions of a second are cut.
fn timestamp(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Timestamp> {
    let read = match item.get_ref().as_datetime() {
        Some(value) => instant(value),
        None => None,
    };
    if read.is_none() {
        reader.error(item, "expected a date-time with an offset, such as 2027-02-20T10:15:00Z");
    }
    read
}

fn instant(value: &Datetime) -> Option<Timestamp> {
    let (date, time) = (value.date?, value.time?);
    let minutes = match value.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i32::from(minutes),
    };
    let year = i16::try_from(date.year).ok()?;
    let (month, day) = (i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?);
    let (hour, minute) = (i8::try_from(time.hour).ok()?, i8::try_from(time.minute).ok()?);
    let second = i8::try_from(time.second.unwrap_or(0)).ok()?;
    let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let offset = jiff::tz::Offset::from_seconds(minutes * 60).ok()?;
    Some(Timestamp::from_unix_seconds(offset.to_timestamp(civil).ok()?.as_second()))
}

fn reference(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Marked<SmolStr>> {
    let value = reader.filled(item)?.into();
    Some(Marked { value, mark: reader.at(item) })
}

fn permissions(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Vec<Marked<PermissionName>>> {
    reader.entries(item, |reader, item| reader.parsed(item, PermissionName::parse))
}

fn views(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Vec<RawView>> {
    let mut views = Vec::new();
    for entry in reader.table(item)? {
        let mark = reader.at(entry.item);
        let columns = if entry.item.get_ref().as_str() == Some("all") {
            None
        } else if let DeValue::String(text) = entry.item.get_ref() {
            reader
                .error(entry.item, format!("expected a list of columns or \"all\", found {}", quoted(text)));
            continue;
        } else {
            let Some(columns) = reader.texts(entry.item) else { continue };
            if columns.is_empty() {
                reader.error(entry.item, "names no column; leave the report out, or name at least one");
                continue;
            }
            Some(columns)
        };
        let report = Marked { value: entry.key.into(), mark: entry.mark };
        views.push(RawView { report, columns, mark });
    }
    Some(views)
}

fn credentials(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Vec<OwnCredential>> {
    let mut own = Vec::new();
    for entry in reader.table(item)? {
        let fields: Option<Fields<'_>> = reader.fields(entry.item, &keys::CREDENTIAL);
        let Some(fields) = fields else { continue };
        let credential = credential(reader, &fields);
        if credential.headers.is_empty() && credential.query.is_empty() {
            reader.error(entry.item, "needs `headers` or `query`");
        }
        own.push(OwnCredential { backend: Marked { value: entry.key.into(), mark: entry.mark }, credential });
    }
    Some(own)
}
