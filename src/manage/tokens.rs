//! Tokens: issued, brought over, extended, rotated and revoked.
//!
//! What is stored of a token is its digest. The secret is in the returned [`Issued`] and nowhere else.

use super::audit::Entry;
use super::draft::{Of, group_of};
use super::{Draft, ManageError, keys};
use crate::config::nearest;
use crate::domain::time::{Expiry, Timestamp};
use crate::domain::token::{PresentedToken, Token, TokenDigest};
use crate::policy::{Principal, TokenRecord};
use serde_json::json;
use std::time::Duration;
use toml_edit::{ArrayOfTables, Datetime, Item, Table, value};

/// A token shorter than this may be guessed.
const MIN_LENGTH: usize = 20;

/// When a token is to stop working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As `[defaults] token_ttl` says, from now.
    Default,
    /// So long from now.
    For(Duration),
    /// At that time.
    Until(Timestamp),
    /// Never.
    Never,
}

/// A token that was made.
#[derive(Debug)]
pub struct Issued {
    /// The token itself, to be shown once.
    pub token: Token,
    /// Its public handle.
    pub id: String,
    /// When it stops working.
    pub expires: Expiry,
    /// The token in whose place it is, and when that one stops working.
    pub replaces: Option<(String, Expiry)>,
}

/// Issues a token to a principal; `random` gives uniformly distributed bytes.
///
/// # Errors
/// When there is no such principal, or the token would live longer than `max_token_ttl`.
pub fn issue(
    draft: &mut Draft,
    principal: &str,
    life: Life,
    note: Option<&str>,
    mut random: impl FnMut() -> u8,
) -> Result<Issued, ManageError> {
    let expires = expiry(draft, life)?;
    let token = Token::generate(&mut random);
    let id = add(draft, principal, &token.digest(), expires, note, &mut random)?;
    Ok(Issued { token, id, expires, replaces: None })
}

/// Takes over a key that a principal has already; `weak` allows one of fewer than 20 characters.
///
/// Gives the id of the new token and when it stops working.
///
/// # Errors
/// As [`issue`], and when the key cannot be a token.
pub fn import(
    draft: &mut Draft,
    principal: &str,
    key: &str,
    weak: bool,
    life: Life,
    note: Option<&str>,
    mut random: impl FnMut() -> u8,
) -> Result<(String, Expiry), ManageError> {
    let refused = |why: &str| ManageError::Refused(format!("the key cannot be a token: {why}"));
    let presented = PresentedToken::parse(key.as_bytes()).map_err(|_| {
        refused("expected 1 to 512 visible ASCII characters and, when it begins with rg_, a right checksum")
    })?;
    if key.len() < MIN_LENGTH && !weak {
        return Err(refused(
            "it has fewer than 20 characters, which can be guessed; --weak takes it all the same",
        ));
    }
    let expires = expiry(draft, life)?;
    let id = add(draft, principal, &presented.digest(), expires, note, &mut random)?;
    Ok((id, expires))
}

/// Moves a token's end: `By` counts from the later of now and its old end.
///
/// # Errors
/// When there is no such token, it never ends and is to be moved by some time, or it would live longer than `max_token_ttl`.
pub fn extend(draft: &mut Draft, token: &str, end: NewEnd) -> Result<Expiry, ManageError> {
    let record = find(draft, token)?;
    let (old, now) = (record.expires, draft.now());
    let expires = match (end, old) {
        (NewEnd::By(_), Expiry::Never) => {
            return Err(ManageError::Refused(format!(
                "token \"{token}\" never expires; --to gives it an end"
            )));
        }
        (NewEnd::By(more), Expiry::At(old)) => allowed(draft, Expiry::At(old.max(now).after(more)))?,
        (NewEnd::To(life), _) => expiry(draft, life)?,
    };
    set_end(draft, token, expires)?;
    Ok(expires)
}

/// Where the end of a token is moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewEnd {
    /// So much later.
    By(Duration),
    /// To there.
    To(Life),
}

/// Issues a second token with the limits and note of the first, which lives on for `overlap` at most.
///
/// # Errors
/// When there is no such token, it has expired, or as [`issue`].
pub fn rotate(
    draft: &mut Draft,
    token: &str,
    overlap: Duration,
    life: Life,
    mut random: impl FnMut() -> u8,
) -> Result<Issued, ManageError> {
    let now = draft.now();
    let record = find(draft, token)?;
    let old = record.expires;
    if old.is_over(now) {
        return Err(ManageError::Refused(format!("token \"{token}\" has expired; issue a new one")));
    }
    let principal = holder(draft, token)?;
    let expires = expiry(draft, life)?;
    let id = new_id(draft, &mut random);
    let new = Token::generate(&mut random);
    let digest = new.digest();
    let last = draft.item(Of::Principal(&principal))?.as_table().and_then(keys::last_place);
    let lines = match last {
        Some(last) => keys::take_lines_behind(draft.document_of(Of::Principal(&principal))?, last),
        None => String::new(),
    };
    edit(draft, token, |tokens, at| {
        let Some(mut copy) = tokens.get(at).cloned() else { return };
        copy.set_position(None);
        // The comments are of the old one.
        copy.decor_mut().set_prefix(format!("{lines}\n"));
        for key in ["id", "hash", "created", "expires"] {
            if let Some(value) = copy.get_mut(key).and_then(Item::as_value_mut) {
                value.decor_mut().clear();
            }
            if let Some(mut key) = copy.key_mut(key) {
                key.leaf_decor_mut().clear();
            }
        }
        fill(&mut copy, &id, &digest, now, expires);
        tokens.push(copy);
    })?;
    draft.note(Entry {
        principal: Some(principal),
        token: Some(id.clone()),
        after: json!({ "expires": text(expires) }),
        ..Entry::default()
    });
    let end = Expiry::At(match old {
        Expiry::Never => now.after(overlap),
        Expiry::At(old) => old.min(now.after(overlap)),
    });
    if end != old {
        set_end(draft, token, end)?;
    }
    Ok(Issued { token: new, id, expires, replaces: Some((token.to_owned(), end)) })
}

/// Deletes a token: it is refused from the next request on.
///
/// # Errors
/// When there is no such token.
pub fn revoke(draft: &mut Draft, token: &str) -> Result<(), ManageError> {
    let expires = find(draft, token)?.expires;
    let principal = holder(draft, token)?;
    let mut comment = None;
    edit(draft, token, |tokens, at| {
        comment = tokens.get(at).and_then(keys::comment_apart);
        tokens.remove(at);
    })?;
    if let Some((at, comment)) = comment {
        keys::keep_behind(draft.document_of(Of::Principal(&principal))?, at, &comment);
    }
    draft.note(Entry {
        principal: Some(principal),
        token: Some(token.to_owned()),
        before: json!({ "expires": text(expires) }),
        ..Entry::default()
    });
    Ok(())
}

/// A token as it stands in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its public handle.
    pub id: String,
    /// Who holds it.
    pub principal: String,
    /// Whether that is disabled.
    pub is_disabled: bool,
    /// When it stops working.
    pub expires: Expiry,
    /// When it was made, as the config says it.
    pub created: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// Its own rate.
    pub rate_limit: Option<String>,
}

/// The tokens of a principal, or of all, in the order of the config.
///
/// # Errors
/// When there is no such principal.
pub fn list(draft: &mut Draft, principal: Option<&str>) -> Result<Vec<Listed>, ManageError> {
    if let Some(principal) = principal {
        draft.principal(principal)?;
    }
    let policy = draft.policy();
    let tokens = policy.tokens.iter().filter_map(|token| Some((token, policy.principal(token.principal)?)));
    let tokens = tokens.filter(|(_, holder)| principal.is_none_or(|id| holder.id.as_str() == id));
    let listed = |(token, holder): (&TokenRecord, &Principal)| Listed {
        id: token.id.to_string(),
        principal: holder.id.to_string(),
        is_disabled: holder.disabled,
        expires: token.expires,
        created: None,
        note: None,
        rate_limit: token.rate_limit().map(|rate| rate.to_string()),
    };
    let mut all: Vec<_> = tokens.map(listed).collect();
    let said = draft.tokens_said()?;
    for token in &mut all {
        if let Some((created, note)) = said.get(token.id.as_str()) {
            token.created.clone_from(created);
            token.note.clone_from(note);
        }
    }
    Ok(all)
}

/// The end that is meant, when a token may have it.
fn expiry(draft: &Draft, life: Life) -> Result<Expiry, ManageError> {
    let now = draft.now();
    let expires = match life {
        Life::Default => Expiry::At(now.after(draft.policy().settings.token_life.default)),
        Life::For(duration) => Expiry::At(now.after(duration)),
        Life::Until(at) => Expiry::At(at),
        Life::Never => Expiry::Never,
    };
    allowed(draft, expires)
}

fn allowed(draft: &Draft, expires: Expiry) -> Result<Expiry, ManageError> {
    let now = draft.now();
    if expires.is_over(now) {
        return Err(ManageError::Refused(format!("a token that expires {} would never work", text(expires))));
    }
    let Some(max) = draft.policy().settings.token_life.max else { return Ok(expires) };
    let latest = now.after(max);
    match expires {
        Expiry::At(at) if at <= latest => Ok(expires),
        Expiry::At(_) | Expiry::Never => Err(ManageError::Refused(format!(
            "expires {}: [defaults] max_token_ttl allows {latest} at the latest",
            text(expires)
        ))),
    }
}

/// As the config writes it.
fn text(expires: Expiry) -> String {
    match expires {
        Expiry::Never => "never".to_owned(),
        Expiry::At(at) => at.to_string(),
    }
}

/// Appends a token to a principal's: its id.
fn add(
    draft: &mut Draft,
    principal: &str,
    digest: &TokenDigest,
    expires: Expiry,
    note: Option<&str>,
    random: &mut impl FnMut() -> u8,
) -> Result<String, ManageError> {
    if let Some(holder) = draft.policy().tokens.find(digest) {
        return Err(ManageError::Refused(format!("this key is token \"{}\" already", holder.id)));
    }
    let id = new_id(draft, random);
    let now = draft.now();
    let group = group_of(draft.principal(principal)?.kind);
    let item = draft.item(Of::Principal(principal))?;
    let Some(table) = item.as_table().filter(|table| !table.is_dotted()) else {
        return Err(ManageError::Refused(format!(
            "\"{principal}\" is written inline or in dotted keys, below which no [[{group}.{principal}.tokens]] can stand; \
             give it a header, [{group}.{principal}]"
        )));
    };
    let lines = match keys::last_place(table) {
        Some(last) => keys::take_lines_behind(draft.document_of(Of::Principal(principal))?, last),
        None => String::new(),
    };
    let mut token = Table::new();
    fill(&mut token, &id, digest, now, expires);
    if let Some(note) = note {
        token.insert("note", value(note));
    }
    let table = draft.item(Of::Principal(principal))?.as_table_mut();
    let tokens =
        table.map(|table| table.entry("tokens").or_insert(Item::ArrayOfTables(ArrayOfTables::new())));
    let tokens = tokens.and_then(Item::as_array_of_tables_mut).ok_or_else(|| not_tables(principal))?;
    token.decor_mut().set_prefix(format!("{lines}\n"));
    tokens.push(token);
    draft.note(Entry {
        principal: Some(principal.to_owned()),
        token: Some(id.clone()),
        after: json!({ "expires": text(expires), "note": note }),
        ..Entry::default()
    });
    Ok(id)
}

fn fill(token: &mut Table, id: &str, digest: &TokenDigest, now: Timestamp, expires: Expiry) {
    set(token, "id", value(id));
    set(token, "hash", value(digest.stored()));
    set(token, "created", when(Expiry::At(now)));
    set(token, "expires", when(expires));
}

/// Sets a value and keeps the comment behind the old one.
fn set(table: &mut Table, key: &str, mut new: Item) {
    if let Some(old) = table.get(key).and_then(Item::as_value)
        && let Some(new) = new.as_value_mut()
    {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

/// A point in time as the config writes it.
fn when(expires: Expiry) -> Item {
    match text(expires).parse::<Datetime>() {
        Ok(at) => value(at),
        Err(_) => value(text(expires)),
    }
}

/// A handle that no token has.
fn new_id(draft: &Draft, random: &mut impl FnMut() -> u8) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    loop {
        let mut letter =
            || ALPHABET.get(usize::from(random() % 32)).map_or('a', |letter| char::from(*letter));
        let id: String = (0..6).map(|_| letter()).collect();
        if !draft.policy().tokens.iter().any(|token| token.id.as_str() == id) {
            return id;
        }
    }
}

fn find<'d>(draft: &'d Draft, token: &str) -> Result<&'d TokenRecord, ManageError> {
    let all = &draft.policy().tokens;
    all.iter().find(|record| record.id.as_str() == token).ok_or_else(|| {
        let near = nearest(token, all.iter().map(|record| record.id.as_str()));
        ManageError::NotFound { what: "token", name: token.to_owned(), near: near.map(str::to_owned) }
    })
}

/// The id of the principal that holds a token.
fn holder(draft: &Draft, token: &str) -> Result<String, ManageError> {
    let holder = draft.policy().principal(find(draft, token)?.principal);
    let holder = holder.map(|principal| principal.id.as_str().to_owned());
    holder.ok_or_else(|| ManageError::Refused(format!("token \"{token}\" has no holder")))
}

/// Edits the tables of a principal's tokens, of which the one at a place is `token`.
fn edit(
    draft: &mut Draft,
    token: &str,
    edit: impl FnOnce(&mut ArrayOfTables, usize),
) -> Result<(), ManageError> {
    let principal = holder(draft, token)?;
    let table = draft.item(Of::Principal(&principal))?;
    let tokens = keys::inner(table, "tokens").and_then(Item::as_array_of_tables_mut);
    let tokens = tokens.ok_or_else(|| not_tables(&principal))?;
    let is_it = |table: &Table| table.get("id").and_then(Item::as_str) == Some(token);
    let at = tokens.iter().position(is_it).ok_or_else(|| not_tables(&principal))?;
    edit(tokens, at);
    Ok(())
}

fn set_end(draft: &mut Draft, token: &str, expires: Expiry) -> Result<(), ManageError> {
    let before = find(draft, token)?.expires;
    let principal = holder(draft, token)?;
    edit(draft, token, |tokens, at| {
        if let Some(table) = tokens.get_mut(at) {
            set(table, "expires", when(expires));
        }
    })?;
    draft.note(Entry {
        principal: Some(principal),
        token: Some(token.to_owned()),
        before: json!({ "expires": text(before) }),
        after: json!({ "expires": text(expires) }),
    });
    Ok(())
}

fn not_tables(principal: &str) -> ManageError {
    ManageError::Refused(format!("the tokens of \"{principal}\" do not stand in [[…tokens]] tables"))
}
