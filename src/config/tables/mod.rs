//! One reader per TOML table: from spanned values to what the policy is built of.
//!
//! What a table says by itself is checked here; what it says about others (roles,
//! permissions, backends, columns of reports) is kept by name, with its place, for `check`.

mod address;
mod backend;
mod case;
mod claims;
mod parameter;
mod places;
mod principal;
mod rate;
mod report;
mod request;
mod response;
mod settings;
mod tls;

pub(super) use backend::merged as merged_credential;
pub(super) use principal::{Own, RawPrincipal, RawPrincipals, RawRole, RawTokens, RawView};
pub(super) use rate::Rate;
pub(super) use report::RawReport;
pub(super) use request::IdRule;
pub(super) use settings::RawSettings;
pub(super) use tls::out_of_time;

use super::keys::{self, TableSpec};
use super::problem::Marked;
use super::read::{Entry, Fields, Item, Reader};
use crate::config::Case;
use crate::domain::spelling::fold_header;
use crate::policy::{Backend, PrincipalKind};
use http::HeaderName;

/// Everything that all files say, as far as each can be understood by itself.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) settings: RawSettings,
    pub(super) backends: Vec<Marked<Backend>>,
    pub(super) reports: Vec<RawReport>,
    pub(super) roles: Vec<RawRole>,
    pub(super) principals: RawPrincipals,
    pub(super) tokens: RawTokens,
    /// Their locations are not yet set.
    pub(super) cases: Vec<Marked<Case>>,
    /// A file cannot be read, so that names may be unknown without being wrong.
    pub(super) incomplete: bool,
}

impl Raw {
    /// Reads the tables that every file may have.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, file: &Fields<'_>) {
        if let Some(item) = file.get("backends") {
            named_tables(reader, item, |reader, name, item| {
                let backend = backend::read(reader, name, item);
                self.backends.extend(backend);
            });
        }
        if let Some(item) = file.get("reports") {
            named_tables(reader, item, |reader, name, item| {
                self.reports.extend(report::read(reader, name, item));
            });
        }
        if let Some(item) = file.get("roles") {
            named_tables(reader, item, |reader, name, item| {
                self.roles.extend(principal::read_role(reader, name, item));
            });
        }
        for (key, kind) in [("affiliates", PrincipalKind::Affiliate), ("employees", PrincipalKind::Employee)]
        {
            if let Some(item) = file.get(key) {
                named_tables(reader, item, |reader, name, item| {
                    principal::read(reader, name, item, kind, &mut self.principals, &mut self.tokens);
                });
            }
        }
        if let Some(items) = file.get("test").and_then(|item| reader.list(item)) {
            for item in items {
                self.cases.extend(case::read(reader, item));
            }
        }
    }
}

/// Reads each table of a table of tables.
fn named_tables<'d>(
    reader: &mut Reader<'_>,
    item: Item<'d>,
    mut read: impl FnMut(&mut Reader<'_>, Marked<&'d str>, Item<'d>),
) {
    for entry in reader.table(item).unwrap_or_default() {
        read(reader, Marked { value: entry.key, mark: entry.mark }, entry.item);
    }
}

/// One table, or a list of them.
fn one_or_more<'d>(reader: &mut Reader<'_>, item: Item<'d>, spec: &'static TableSpec) -> Vec<Fields<'d>> {
    match item.get_ref() {
        toml::de::DeValue::Array(items) => {
            items.iter().filter_map(|item| reader.fields(item, spec)).collect()
        }
        toml::de::DeValue::Table(_) => reader.fields(item, spec).into_iter().collect(),
        toml::de::DeValue::String(_)
        | toml::de::DeValue::Integer(_)
        | toml::de::DeValue::Float(_)
        | toml::de::DeValue::Boolean(_)
        | toml::de::DeValue::Datetime(_) => {
            reader.wrong_type(item, "a table or a list of tables");
            Vec::new()
        }
    }
}

/// A name of the config's own alphabet.
fn name<T, E: std::fmt::Display>(
    reader: &mut Reader<'_>,
    name: Marked<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    match parse(name.value) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let found = super::secret::quoted(name.value);
            reader.problems.error(name.mark, format!("{found} is not a name: {error}"));
            None
        }
    }
}

/// Header fields that frame a message or that the gate itself sets.
const RESERVED_HEADERS: [&str; 29] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "ratelimit",
    "ratelimit-policy",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-content-type-options",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// The name of a header that the config may use.
fn header_name(text: &str) -> Result<HeaderName, &'static str> {
    let name = HeaderName::try_from(text).map_err(|_| "expected a header name (RFC 9110)")?;
    if RESERVED_HEADERS.contains(&&*fold_header(&name)) {
        return Err("this header frames the message or is set by the gate itself");
    }
    Ok(name)
}

/// A name of a query parameter or form field.
fn parameter_name(text: &str) -> Result<Box<str>, &'static str> {
    if text.is_empty() {
        return Err("a parameter's name is empty");
    }
    if text.len() > 128 || text.chars().any(char::is_control) || text.trim() != text {
        return Err(
            "a parameter's name has at most 128 bytes, no control characters and no blanks at its ends",
        );
    }
    Ok(text.into())
}
