//! `[reports.NAME]`: a route of the backend with its catalogue.

use super::request::{self, Claims, IdRule, Request};
use super::{Fields, Item, Reader, keys, name, response};
use crate::config::problem::{Mark, Marked};
use crate::domain::column::{Catalogue, Column};
use crate::domain::dialect::{BodyKind, Place};
use crate::domain::names::{ColumnName, PermissionName, ReportName};
use crate::domain::template::Template;
use crate::policy::{BackendIndex, CacheRule, Methods, PermissionIndex, Report};
use http::Method;
use std::time::Duration;

/// Answers kept for longer are worth a warning.
const LONG_TTL: Duration = Duration::from_secs(86_400);

/// A report whose permission and backend are not looked up yet.
pub(in crate::config) struct RawReport {
    /// The report; its indexes are not set.
    pub(in crate::config) report: Report,
    /// Where its name stands.
    pub(in crate::config) mark: Mark,
    /// Where its path stands.
    pub(in crate::config) path: Mark,
    /// The right that it asks for.
    pub(in crate::config) permission: Option<Marked<PermissionName>>,
    /// Who answers it.
    pub(in crate::config) backend: Option<Marked<Box<str>>>,
    /// What ids its scope places can hold.
    pub(in crate::config) ids: IdRule,
    /// Its catalogue was read without a problem.
    pub(in crate::config) has_catalogue: bool,
    /// The places that it uses, to be compared with those of credentials and tokens.
    pub(in crate::config) claims: Claims,
}

/// Reads a report. One with problems is still known by name, so that what refers to it is not reported too.
pub(super) fn read(reader: &mut Reader<'_>, at: Marked<&str>, item: Item<'_>) -> Option<RawReport> {
    let fields = reader.fields(item, &keys::REPORT);
    let name = name(reader, at, ReportName::parse);
    let (fields, name) = (fields?, name?);
    let title = fields.read("title", |item| reader.filled(item)).map(Into::into);
    let permission = fields.required(reader, "permission").and_then(|item| {
        let value = reader.parsed(item, PermissionName::parse)?;
        Some(Marked { value, mark: reader.at(item) })
    });
    let backend = fields.read("backend", |item| {
        let value = reader.filled(item)?.into();
        Some(Marked { value, mark: reader.at(item) })
    });
    let path_item = fields.required(reader, "path");
    let path = path_item.and_then(|item| reader.parsed(item, report_path)).unwrap_or_default();
    let backend_path = fields.read("backend_path", |item| reader.parsed(item, backend_path));
    let backend_path = backend_path.unwrap_or_else(|| Template::parse(&path));
    let (catalogue, sound) = reader.sound(|reader| catalogue(reader, &fields));
    let has_catalogue = sound && !catalogue.is_empty();
    let answers = response::read(reader, &fields, &catalogue);
    let Request { dialect, ids, claims } =
        request::read(reader, &fields, &catalogue, &backend_path, &answers);
    let (methods, backend_method) = methods(reader, &fields, dialect.body);
    if let Some(at) = answers.links.filter(|_| !methods.get) {
        reader.problems.error(at, "`links` are followed with GET, which is not in `methods`");
    }
    refuse_bodies(reader, &answers, methods);
    let report = Report {
        name,
        title,
        permission: PermissionIndex(0),
        backend: BackendIndex(0),
        path,
        methods,
        backend_path,
        backend_method,
        catalogue,
        request: dialect,
        output: answers.output,
        response: answers.dialect,
        pass_request_headers: answers.pass_request.into_iter().map(|name| name.value).collect(),
        pass_response_headers: answers.pass_response,
        cache: fields.read("cache", |item| cache(reader, item)),
        fingerprint: [0; 32],
    };
    let path = path_item.map_or(fields.at, |item| reader.at(item));
    Some(RawReport { report, mark: at.mark, path, permission, backend, ids, has_catalogue, claims })
}

fn cache(reader: &mut Reader<'_>, item: Item<'_>) -> Option<CacheRule> {
    let fields = reader.fields(item, &keys::REPORT_CACHE)?;
    let ttl = fields.required(reader, "ttl")?;
    let ttl_of = reader.duration(ttl, Duration::from_secs(1))?;
    if ttl_of > LONG_TTL {
        let at = reader.at(ttl);
        reader.problems.warning(
            at,
            "is long: so old may answers be, and nothing but a change of the report refreshes them",
        );
    }
    let stale = fields.read("stale_if_error", |item| reader.duration(item, Duration::ZERO));
    Some(CacheRule { ttl: ttl_of, stale_if_error: stale.unwrap_or_default() })
}

/// Refuses cursors that come back in a body where no client may send one.
fn refuse_bodies(reader: &mut Reader<'_>, answers: &response::Answers, methods: Methods) {
    if methods.post || !methods.get {
        return;
    }
    for (cursor, at) in answers.dialect.cursors().iter().zip(&answers.cursors) {
        if !matches!(cursor.parameter, Place::Query(_)) {
            let message = "comes back in a body, which needs POST, and that is not in `methods`";
            reader.problems.error(*at, message);
        }
    }
}

fn methods(reader: &mut Reader<'_>, fields: &Fields<'_>, body: BodyKind) -> (Methods, Method) {
    let words = [("GET", false), ("POST", true)];
    let named = fields.read("methods", |item| {
        let named = reader.entries(item, |reader, item| reader.choice(item, &words))?;
        if named.is_empty() {
            reader.error(item, "names no method, so nobody could call the report");
        }
        Some(named)
    });
    let backend = fields.read("backend_method", |item| reader.choice(item, &words));
    let backend_post = backend.unwrap_or(body != BodyKind::None);
    let (get, post) = match named {
        Some(named) => (named.iter().any(|m| !m.value), named.iter().any(|m| m.value)),
        None => (true, false),
    };
    let methods = Methods { get, head: get && !backend_post, post };
    (methods, if backend_post { Method::POST } else { Method::GET })
}

fn catalogue(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Catalogue {
    let Some(item) = fields.required(reader, "columns") else { return Catalogue::default() };
    let entries = reader.table(item).unwrap_or_default();
    if entries.is_empty() {
        reader.error(item, "names no column");
    }
    if entries.len() > usize::from(u16::MAX) {
        reader.error(item, "has more than 65535 columns");
        return Catalogue::default();
    }
    let mut columns = Vec::with_capacity(entries.len());
    for entry in entries {
        let fields = reader.fields(entry.item, &keys::COLUMN);
        let at = Marked { value: entry.key, mark: entry.mark };
        let Some(name) = name(reader, at, ColumnName::parse) else { continue };
        let Some(fields) = fields else { continue };
        let mut text = |key| fields.read(key, |item| reader.filled(item)).map(Box::<str>::from);
        columns.push(Column {
            title: text("title"),
            request: text("request").unwrap_or_else(|| name.as_str().into()),
            response: text("response").unwrap_or_else(|| name.as_str().into()),
            group: text("group"),
            name,
        });
    }
    Catalogue::new(columns)
}

fn report_path(text: &str) -> Result<Box<str>, &'static str> {
    plain_path(text)?;
    if text == "/_gate" || text.starts_with("/_gate/") {
        return Err("paths under /_gate are the gate's own");
    }
    Ok(text.into())
}

fn backend_path(text: &str) -> Result<Template, &'static str> {
    plain_path(&text.replace("{scope}", "x").replace("{columns}", "x"))?;
    Ok(Template::parse(text))
}

/// Refuses paths that could be written, or read, in another way (RFC 3986 section 3.3).
pub(super) fn plain_path(text: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&b);
    if !text.starts_with('/') {
        return Err("expected a path that begins with /");
    }
    if !text.bytes().all(plain) {
        return Err("a path holds letters, digits and /-._~!$&'()*+,=:@ only; no query, no % escapes");
    }
    if text.contains("//") || text.split('/').any(|part| part == "." || part == "..") {
        return Err("a path holds no // and no dot segments");
    }
    Ok(())
}

/// Reports a column that the catalogue does not have.
pub(super) fn find_column(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    catalogue: &Catalogue,
) -> Option<crate::domain::column::ColumnIndex> {
    let name = reader.text(item)?;
    let found = catalogue.find(name);
    if found.is_none() {
        let at = reader.at(item);
        let known = catalogue.iter().map(|(_, column)| column.name.as_str());
        reader.problems.unknown(at, "column", name, known);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        #[rustfmt::skip]
        let cases = [
            ("/", true), ("/api/v1/reports/leads.json", true), ("/a/", true), ("/a:b@c", true), ("/_gatekeeper", true),
            ("", false), ("a", false), ("//", false), ("/a//b", false), ("/./a", false), ("/a/..", false), ("/...", true),
            ("/a%20b", false), ("/a?b", false), ("/a#b", false), ("/a;b", false), ("/a\\b", false), ("/ä", false), ("/a b", false),
            ("/_gate", false), ("/_gate/x", false), ("/{scope}", false),
        ];
        for (text, expected) in cases {
            assert_eq!(report_path(text).is_ok(), expected, "{text}");
        }
        assert!(backend_path("/a/{scope}/{columns}.json").is_ok());
        assert!(backend_path("/a/{scop}/b").is_err());
    }
}
