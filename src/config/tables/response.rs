//! `[reports.NAME.response]`: how the backend's answers are read.

use super::{Fields, Item, Reader, header_name, keys};
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{
    CsvDialect, JsonDialect, OutputFormat, ResponseDialect, ResponseFormat, RowForm, Scalar, Success,
};
use crate::domain::pointer::Pointer;
use http::HeaderName;
use std::collections::HashSet;
use toml::de::DeValue;

/// How answers are read, and which headers pass.
pub(super) struct Answers {
    pub(super) dialect: ResponseDialect,
    pub(super) pass_request: Vec<Marked<HeaderName>>,
    pub(super) pass_response: Box<[HeaderName]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Csv,
    Opaque,
}

const JSON_ONLY: [&str; 6] = ["rows", "row", "header", "also", "keep", "success"];

/// Reads how answers are read; a report that does not say gets JSON rows at the root.
pub(super) fn read(reader: &mut Reader<'_>, report: &Fields<'_>, catalogue: &Catalogue) -> Answers {
    let Some(fields) = report.read("response", |item| reader.fields(item, &keys::RESPONSE)) else {
        check_names(reader, report, catalogue, true);
        let dialect = JsonDialect::new(Pointer::default());
        return Answers {
            dialect: ResponseDialect::new(ResponseFormat::Json(dialect)),
            pass_request: Vec::new(),
            pass_response: [].into(),
        };
    };
    let (said, known) = reader.sound(|reader| fields.read("format", |item| format(reader, item)));
    let format = said.unwrap_or(Format::Json);
    let dialect = ResponseDialect::new(match format {
        Format::Json => {
            fields.refuse(reader, &["delimiter"], "is for csv answers only");
            check_names(reader, report, catalogue, true);
            ResponseFormat::Json(json(reader, &fields))
        }
        Format::Csv => {
            fields.refuse(reader, &JSON_ONLY, "is for json answers only");
            check_names(reader, report, catalogue, false);
            ResponseFormat::Csv(CsvDialect { delimiter: delimiter(reader, &fields) })
        }
        Format::Opaque => {
            fields.refuse(reader, &JSON_ONLY, "is for json answers only");
            fields.refuse(reader, &["delimiter"], "is for csv answers only");
            if let Some(item) = fields.get("format") {
                let at = reader.at(item);
                reader
                    .problems
                    .warning(at, "opaque answers are relayed unfiltered: columns are not enforced");
            }
            ResponseFormat::Opaque
        }
    });
    if let Some(item) = fields.get("shape") {
        let text = reader.filled(item);
        if text.is_some_and(|text| text != "same") {
            reader.error(item, "anything other than \"same\" is not supported yet");
        }
    }
    if let Some(item) = fields.get("output").filter(|_| known) {
        check_output(reader, item, dialect.format.own_output());
    }
    let passed = fields.read("pass_headers", |item| reader.fields(item, &keys::PASS_HEADERS));
    let mut pass = |key, parse: fn(&str) -> Result<HeaderName, &'static str>| {
        let names = passed.as_ref().and_then(|fields| fields.get(key));
        let names = names.and_then(|item| reader.entries(item, |reader, item| reader.parsed(item, parse)));
        names.unwrap_or_default()
    };
    let (pass_request, pass_response) = (pass("request", request_header), pass("response", response_header));
    Answers {
        dialect,
        pass_request,
        pass_response: pass_response.into_iter().map(|name| name.value).collect(),
    }
}

fn format(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Format> {
    if let Some(word @ ("ndjson" | "xml")) = item.get_ref().as_str() {
        reader.error(item, format!("{word} answers are not supported yet"));
        return None;
    }
    let words = [("json", Format::Json), ("csv", Format::Csv), ("opaque", Format::Opaque)];
    reader.choice(item, &words)
}

fn delimiter(reader: &mut Reader<'_>, fields: &Fields<'_>) -> u8 {
    let words = [(",", b','), ("\t", b'\t'), ("|", b'|'), (";", b';')];
    fields.read("delimiter", |item| reader.choice(item, &words)).unwrap_or(b',')
}

fn json(reader: &mut Reader<'_>, fields: &Fields<'_>) -> JsonDialect {
    let rows_item = fields.get("rows");
    let rows = rows_item.and_then(|item| reader.parsed(item, Pointer::parse)).unwrap_or_default();
    let rows = Marked { value: rows, mark: rows_item.map_or(fields.at, |item| reader.at(item)) };
    let mut pointers = |key| {
        let read = |item| reader.entries(item, |reader, item| reader.parsed(item, Pointer::parse));
        fields.read(key, read).unwrap_or_default()
    };
    let (also, keep) = (pointers("also"), pointers("keep"));
    for kept in &keep {
        let message = format!("{} passes unfiltered", quoted(&kept.value.to_string()));
        reader.problems.warning(kept.mark, message);
    }
    let (row, header) = row(reader, fields);
    let success = fields.read("success", |item| success(reader, item));
    check_places(reader, &rows, &also, &keep, header.as_ref(), success.as_ref());
    JsonDialect {
        row,
        also: also.into_iter().map(|place| place.value).collect(),
        keep: keep.into_iter().map(|place| place.value).collect(),
        success: success.map(|success| success.value),
        ..JsonDialect::new(rows.value)
    }
}

/// What a row is, and where the names of array rows stand.
fn row(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (RowForm, Option<Marked<Pointer>>) {
    let pairs = fields.get("row").filter(|item| item.get_ref().as_str() == Some("pairs"));
    if let Some(item) = pairs {
        reader.error(item, "rows of pairs are not supported yet");
        return (RowForm::Object, None);
    }
    let array = fields.read("row", |item| reader.choice(item, &[("object", false), ("array", true)]));
    if array != Some(true) {
        fields.refuse(reader, &["header"], "is for row = \"array\" only");
        return (RowForm::Object, None);
    }
    let Some(item) = fields.required(reader, "header") else { return (RowForm::Object, None) };
    match reader.text(item) {
        None => (RowForm::Object, None),
        Some("first") => (RowForm::ArrayAfterHeader, None),
        Some(_) => {
            let pointer = |text: &str| match Pointer::parse(text) {
                Ok(at) if !at.is_root() => Ok(at),
                Ok(_) | Err(_) => Err("expected \"first\" or a JSON Pointer such as /columns"),
            };
            let Some(header) = reader.parsed(item, pointer) else { return (RowForm::Object, None) };
            let mark = reader.at(item);
            (RowForm::Array { header: header.clone() }, Some(Marked { value: header, mark }))
        }
    }
}

fn success(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Marked<Success>> {
    let fields = reader.fields(item, &keys::SUCCESS)?;
    let at_item = fields.required(reader, "at");
    let at = at_item.and_then(|item| reader.parsed(item, Pointer::parse));
    let equals = fields.required(reader, "equals").and_then(|item| {
        let values: Vec<_> = reader.list(item)?.iter().filter_map(|item| scalar(reader, item)).collect();
        if values.is_empty() {
            reader.error(item, "names no value, so every answer would be a failure");
        }
        Some(values)
    });
    let absent_ok = fields.read("absent_ok", |item| reader.boolean(item)).unwrap_or(false);
    let value = Success { at: at?, equals: equals?.into(), absent_ok };
    Some(Marked { value, mark: at_item.map_or(fields.at, |item| reader.at(item)) })
}

fn scalar(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Scalar> {
    let number = |text: &str| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Scalar::Number);
    let read = match item.get_ref() {
        DeValue::String(text) => Some(Scalar::Text(text.as_ref().into())),
        DeValue::Boolean(value) => Some(Scalar::Boolean(*value)),
        DeValue::Integer(n) => {
            i64::from_str_radix(n.as_str(), n.radix()).ok().and_then(|n| number(&n.to_string()))
        }
        DeValue::Float(n) => number(n.as_str()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    if read.is_none() {
        reader.error(item, "expected a string, a number, true or false");
    }
    read
}

/// Refuses places of which one is the other or stands inside it.
fn check_places(
    reader: &mut Reader<'_>,
    rows: &Marked<Pointer>,
    also: &[Marked<Pointer>],
    keep: &[Marked<Pointer>],
    header: Option<&Marked<Pointer>>,
    success: Option<&Marked<Success>>,
) {
    let success = success.map(|success| Marked { value: success.value.at.clone(), mark: success.mark });
    let named = |name: &'static str| move |place: &Marked<Pointer>| (name, place.clone());
    let mut places: Vec<(&str, Marked<Pointer>)> = vec![("rows", rows.clone())];
    places.extend(header.map(named("header")));
    places.extend(also.iter().map(named("also")));
    places.extend(keep.iter().map(named("keep")));
    places.extend(success.as_ref().map(named("success")));
    let mut clashing = HashSet::new();
    for (at, (name, place)) in places.iter().enumerate() {
        for (other_name, other) in places.iter().take(at) {
            let kept_success = *name == "success" && *other_name == "keep" && place.value == other.value;
            let clash = place.value.contains(&other.value) || other.value.contains(&place.value);
            if clash && !kept_success && clashing.insert(at) {
                let message =
                    format!("`{name}` and `{other_name}` stand at one place, or one inside the other");
                let mark: Mark = place.mark;
                reader.problems.error(mark, message);
            }
        }
    }
}

/// Refuses columns whose names in answers are the same, or, where dots step inside, one inside the other.
fn check_names(reader: &mut Reader<'_>, report: &Fields<'_>, catalogue: &Catalogue, dots_step_inside: bool) {
    let parts = |name: &str| -> Vec<Box<str>> {
        if dots_step_inside { name.split('.').map(Into::into).collect() } else { [name.into()].into() }
    };
    let mut names: Vec<_> =
        catalogue.iter().map(|(_, column)| (parts(&column.response), column.name.as_str())).collect();
    names.sort();
    let columns = report.get("columns").and_then(|item| item.get_ref().as_table());
    for pair in names.windows(2) {
        let [(outer, a), (inner, b)] = pair else { continue };
        if inner.starts_with(outer) {
            let key = columns.and_then(|columns| columns.get_key_value(*b));
            let at = key.map_or(report.at, |(key, _)| reader.mark(&key.span()));
            let message =
                format!("columns `{a}` and `{b}` have the same `response`, or one inside the other's");
            reader.problems.error(at, message);
        }
    }
}

fn check_output(reader: &mut Reader<'_>, item: Item<'_>, own: OutputFormat) {
    let words = ["json", "ndjson", "csv"].map(|word| (word, word));
    let Some(formats) = reader.entries(item, |reader, item| {
        if own == OutputFormat::Opaque {
            return reader.filled(item);
        }
        reader.choice(item, &words)
    }) else {
        return;
    };
    if formats.is_empty() {
        reader.error(item, "names no format");
    }
    for format in formats {
        if format.value != own.as_str() {
            let message = format!(
                "anything other than the backend's own format, \"{}\", is not supported yet",
                own.as_str()
            );
            reader.problems.error(format.mark, message);
        }
    }
}

fn request_header(text: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(text)?;
    let never = [
        "authorization",
        "cookie",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
    ];
    if never.contains(&name.as_str()) {
        return Err("this header never reaches the backend");
    }
    Ok(name)
}

fn response_header(text: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(text)?;
    let never = [
        "set-cookie",
        "server",
        "x-powered-by",
        "location",
        "www-authenticate",
        "cache-control",
        "etag",
        "digest",
        "content-digest",
        "repr-digest",
        "content-md5",
        "content-range",
        "accept-ranges",
        "content-location",
        "link",
    ];
    if never.contains(&name.as_str()) {
        return Err("this header never reaches the client as the backend sends it");
    }
    Ok(name)
}
