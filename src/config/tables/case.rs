//! `[[test]]`: written requests and what must come of them.

use super::request::json_template;
use super::{Fields, Item, Reader, keys};
use crate::config::Case;
use crate::config::near;
use crate::config::problem::{Location, Marked};
use crate::config::secret::quoted;
use crate::domain::code::Code;
use crate::domain::encode::push_json_string;
use crate::domain::names::PrincipalId;
use crate::domain::pointer::Pointer;
use crate::domain::template::{JsonTemplate, Part, Template};
use http::{HeaderName, HeaderValue, Method};
use std::net::IpAddr;
use std::path::PathBuf;
use toml::de::DeValue;

const BACKEND_KEYS: [&str; 5] =
    ["backend_path", "backend_query", "backend_form", "backend_header", "backend_json"];

/// Reads a case; its location is not yet set.
pub(super) fn read(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Marked<Case>> {
    let fields = reader.fields(item, &keys::TEST)?;
    // Whether there is such a principal is no matter of the form: one that was removed fails its tests.
    let principal = fields.required(reader, "as").and_then(|item| reader.parsed(item, PrincipalId::parse));
    let address = |text: &str| text.parse::<IpAddr>().map_err(|_| "expected an IP address");
    let from = fields.required(reader, "from").and_then(|item| reader.parsed(item, address));
    let request = fields.required(reader, "request").and_then(|item| reader.parsed(item, request));
    let refusal = fields.required(reader, "expect").and_then(|item| expectation(reader, item));
    if matches!(refusal, Some(Some(_))) {
        fields.refuse(reader, &BACKEND_KEYS, "cannot be looked at when a refusal is expected");
    }
    let headers = fields.read("headers", |item| headers(reader, item, header_value)).unwrap_or_default();
    let body = fields.read("body", |item| reader.text(item)).unwrap_or_default().as_bytes().to_vec();
    let backend_path = fields.read("backend_path", |item| reader.filled(item)).map(ToOwned::to_owned);
    let text = |text: &str| Ok(text.to_owned());
    let backend_header = fields.read("backend_header", |item| self::headers(reader, item, text));
    let backend_json = fields.read("backend_json", |item| members(reader, item)).unwrap_or_default();
    let (backend_query, backend_form) =
        (lists(reader, &fields, "backend_query"), lists(reader, &fields, "backend_form"));
    let (method, target) = request?;
    let case = Case {
        location: Location { file: PathBuf::new(), line: 0, column: 0 },
        principal: principal?,
        from: from?,
        method,
        target,
        headers,
        body,
        refusal: refusal?,
        backend_path,
        backend_query,
        backend_form,
        backend_header: backend_header.unwrap_or_default(),
        backend_json,
    };
    Some(Marked { value: case, mark: fields.at })
}

/// Reads `METHOD PATH?QUERY`.
fn request(text: &str) -> Result<(Method, String), &'static str> {
    const EXPECTED: &str = "expected METHOD PATH, such as GET /api/v1/reports/leads?from=2026-01-01";
    let (method, target) = text.split_once(' ').ok_or(EXPECTED)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| EXPECTED)?;
    let visible = target.bytes().all(|b| b.is_ascii_graphic());
    if !target.starts_with('/') || !visible || target.contains('#') {
        return Err(EXPECTED);
    }
    Ok((method, target.to_owned()))
}

/// `allow`, or the code of a refusal.
fn expectation(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Option<Code>> {
    let text = reader.text(item)?;
    if text == "allow" {
        return Some(None);
    }
    let code = Code::parse(text);
    if code.is_none() {
        let known = Code::ALL.iter().map(|code| code.as_str()).chain(["allow"]);
        let near = near::nearest(text, known).map(|near| format!("did you mean `{near}`?"));
        let at = reader.at(item);
        let message = format!("expected \"allow\" or a code of an answer, found {}", quoted(text));
        reader.problems.error_with(at, message, near);
    }
    code.map(Some)
}

fn header_value(text: &str) -> Result<HeaderValue, &'static str> {
    HeaderValue::try_from(text).map_err(|_| "holds characters that a header cannot")
}

fn headers<V>(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    value: impl Fn(&str) -> Result<V, &'static str>,
) -> Option<Vec<(HeaderName, V)>> {
    let mut headers = Vec::new();
    for entry in reader.table(item)? {
        let Ok(name) = HeaderName::try_from(entry.key) else {
            reader.problems.error(entry.mark, format!("{} is not a header name", quoted(entry.key)));
            continue;
        };
        let Some(text) = reader.text(entry.item) else { continue };
        match value(text) {
            Ok(value) => headers.push((name, value)),
            Err(error) => reader.error(entry.item, error),
        }
    }
    Some(headers)
}

/// Names, each with one text or a list of them.
fn lists(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<(String, Vec<String>)> {
    let mut read = Vec::new();
    let entries = fields.read(key, |item| reader.table(item));
    for entry in entries.unwrap_or_default() {
        let values = match entry.item.get_ref().as_array() {
            Some(items) => items.iter().filter_map(|item| text_of(reader, item)).collect(),
            None => text_of(reader, entry.item).into_iter().collect(),
        };
        read.push((entry.key.to_owned(), values));
    }
    read
}

fn text_of(reader: &mut Reader<'_>, item: Item<'_>) -> Option<String> {
    match item.get_ref() {
        DeValue::Integer(_) => reader.integer(item).map(|number| number.to_string()),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => reader.text(item).map(ToOwned::to_owned),
    }
}

fn members(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Vec<(Pointer, String)>> {
    let mut members = Vec::new();
    for entry in reader.table(item)? {
        let pointer = match Pointer::parse(entry.key) {
            Ok(pointer) => pointer,
            Err(error) => {
                reader.problems.error(entry.mark, format!("{}: {error}", quoted(entry.key)));
                continue;
            }
        };
        let mut text = String::new();
        write_json(&json_template(reader, entry.item)?, &mut text);
        members.push((pointer, text));
    }
    Some(members)
}

/// A value as JSON text; here `{columns}` and `{scope}` are text like any other.
fn write_json(value: &JsonTemplate, out: &mut String) {
    match value {
        JsonTemplate::Literal(text) => out.push_str(text),
        JsonTemplate::Text(text) => push_json_string(out, &written(text)),
        JsonTemplate::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_json(item, out);
            }
            out.push(']');
        }
        JsonTemplate::Object(members) => {
            out.push('{');
            for (at, (name, item)) in members.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                push_json_string(out, name);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn written(text: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Columns => "{columns}".into(),
        Part::Scope => "{scope}".into(),
    };
    text.parts().iter().map(part).collect()
}
