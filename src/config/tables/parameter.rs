//! `[reports.NAME.parameters]`: client parameters that are checked, and spans between two of them.

use super::report::find_column;
use super::request::place;
use super::{Fields, Item, Reader, keys};
use crate::config::problem::Marked;
use crate::config::secret::quoted;
use crate::config::units;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{Parameter, ParameterDefault, ParameterType, Span};
use std::time::Duration;
use toml::de::DeValue;

/// The longest string when a parameter does not say.
const MAX_LENGTH: usize = 256;

/// A parameter, the name that spans call it by, and where that stands.
pub(super) struct Named<'d> {
    pub(super) key: &'d str,
    pub(super) parameter: Marked<Parameter>,
}

/// Reads the parameters of a report, in their order.
pub(super) fn read<'d>(
    reader: &mut Reader<'_>,
    report: &Fields<'d>,
    catalogue: &Catalogue,
) -> Vec<Named<'d>> {
    let mut read = Vec::new();
    let entries = report.read("parameters", |item| reader.table(item));
    for entry in entries.unwrap_or_default() {
        let client = match place(entry.key) {
            Ok(client) => client,
            Err(error) => {
                reader.problems.error(entry.mark, format!("{}: {error}", quoted(entry.key)));
                continue;
            }
        };
        let Some(fields) = reader.fields(entry.item, &keys::PARAMETER) else { continue };
        let backend = fields.read("backend", |item| reader.parsed(item, place));
        let kind = kind(reader, &fields);
        let default = fields.read("default", |item| default(reader, item, &kind));
        let required = fields.read("required", |item| reader.boolean(item)).unwrap_or(false);
        let column = fields.read("column", |item| find_column(reader, item, catalogue));
        let backend = backend.unwrap_or_else(|| client.clone());
        let parameter = Parameter { client, backend, kind, required, default, column };
        read.push(Named { key: entry.key, parameter: Marked { value: parameter, mark: entry.mark } });
    }
    read
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Date,
    DateTime,
}

fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>) -> ParameterType {
    let words = [
        ("string", Type::String),
        ("integer", Type::Integer),
        ("number", Type::Number),
        ("boolean", Type::Boolean),
        ("date", Type::Date),
        ("datetime", Type::DateTime),
    ];
    let named = fields.read("type", |item| reader.choice(item, &words)).unwrap_or(Type::String);
    if named != Type::String {
        fields.refuse(reader, &["max_length", "one_of"], "is for type string only");
    }
    if named != Type::Integer {
        fields.refuse(reader, &["min", "max"], "is for type integer only");
    }
    match named {
        Type::String => {
            let max_length =
                fields.read("max_length", |item| reader.count(item, 1..=65_536)).unwrap_or(MAX_LENGTH);
            let one_of = fields.read("one_of", |item| {
                let values = reader.texts(item)?;
                if values.is_empty() {
                    reader.error(item, "names no value");
                }
                Some(values.into_iter().map(|value| value.value).collect())
            });
            ParameterType::String { max_length, one_of: one_of.unwrap_or_default() }
        }
        Type::Integer => {
            let min = fields.read("min", |item| reader.integer(item));
            let max = fields.read("max", |item| reader.integer(item));
            if let (Some(low), Some(high), Some(item)) = (min, max, fields.get("max"))
                && low > high
            {
                reader.error(item, format!("`max` is below `min`, {low}"));
            }
            ParameterType::Integer { min, max }
        }
        Type::Number => ParameterType::Number,
        Type::Boolean => ParameterType::Boolean,
        Type::Date => ParameterType::Date,
        Type::DateTime => ParameterType::DateTime,
    }
}

fn default(reader: &mut Reader<'_>, item: Item<'_>, kind: &ParameterType) -> Option<ParameterDefault> {
    let text = match item.get_ref() {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(_) => reader.integer(item)?.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => {
            reader.wrong_type(item, "a string");
            return None;
        }
    };
    if *kind == ParameterType::Date {
        if text == "today" {
            return Some(ParameterDefault::Today { offset_days: 0 });
        }
        if let Some(offset_days) = units::days(&text) {
            return Some(ParameterDefault::Today { offset_days });
        }
    }
    if let Err(expected) = fits(&text, kind) {
        reader.error(item, format!("{}: expected {expected}", quoted(&text)));
        return None;
    }
    Some(ParameterDefault::Text(text.into()))
}

/// Whether a text is a value of the type.
fn fits(text: &str, kind: &ParameterType) -> Result<(), &'static str> {
    let fits = match kind {
        ParameterType::String { max_length, one_of } => {
            let listed = one_of.is_empty() || one_of.iter().any(|value| **value == *text);
            return if !listed {
                Err("one of `one_of`")
            } else if text.chars().count() > *max_length {
                Err("at most `max_length` characters")
            } else {
                Ok(())
            };
        }
        ParameterType::Integer { min, max } => {
            let number = text.parse::<i64>().ok();
            let within = |n: i64| min.is_none_or(|min| min <= n) && max.is_none_or(|max| n <= max);
            return number.filter(|n| within(*n)).map(|_| ()).ok_or("a whole number from `min` to `max`");
        }
        ParameterType::Number => serde_json::from_str::<serde_json::Number>(text).is_ok(),
        ParameterType::Boolean => text == "true" || text == "false",
        ParameterType::Date => is_date(text),
        ParameterType::DateTime => is_date_time(text),
    };
    if fits {
        return Ok(());
    }
    Err(match kind {
        ParameterType::Date => "a date such as 2026-01-31, \"today\" or \"-30d\"",
        ParameterType::DateTime => "a date and time such as 2026-01-31T00:00:00Z",
        ParameterType::Boolean => "true or false",
        ParameterType::String { .. } | ParameterType::Integer { .. } | ParameterType::Number => "a number",
    })
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// `YYYY-MM-DDTHH:MM:SS`, with or without fraction and offset (RFC 3339).
fn is_date_time(text: &str) -> bool {
    let shape = text.get(10..11) == Some("T") && text.get(16..17) == Some(":");
    let date = text.get(..10).is_some_and(is_date);
    let civil = || text.parse::<jiff::civil::DateTime>().is_ok();
    date && shape && (text.parse::<jiff::Timestamp>().is_ok() || civil())
}

/// Reads the spans between two date parameters.
pub(super) fn spans(
    reader: &mut Reader<'_>,
    request: Option<&Fields<'_>>,
    parameters: &[Named<'_>],
) -> Box<[Span]> {
    let item = request.and_then(|fields| fields.get("spans"));
    let items = item.and_then(|item| reader.list(item)).unwrap_or_default();
    items.iter().filter_map(|item| span(reader, item, parameters)).collect()
}

fn span(reader: &mut Reader<'_>, item: Item<'_>, parameters: &[Named<'_>]) -> Option<Span> {
    let fields = reader.fields(item, &keys::SPAN)?;
    let mut end = |key| {
        let item = fields.required(reader, key)?;
        let name = reader.filled(item)?;
        let Some(at) = parameters.iter().position(|parameter| parameter.key == name) else {
            let mark = reader.at(item);
            reader.problems.unknown(mark, "parameter", name, parameters.iter().map(|p| p.key));
            return None;
        };
        let kind = parameters.get(at).map(|p| p.parameter.value.kind.clone())?;
        if !matches!(kind, ParameterType::Date | ParameterType::DateTime) {
            reader.error(item, format!("{} is neither a date nor a datetime", quoted(name)));
            return None;
        }
        Some((at, kind))
    };
    let (from, to) = (end("from"), end("to"));
    let max = fields.required(reader, "max").and_then(|item| reader.duration(item, Duration::from_secs(1)));
    let ((from, from_kind), (to, to_kind)) = (from?, to?);
    if from == to || from_kind != to_kind {
        reader.error(item, "`from` and `to` must be two parameters of one type");
    }
    Some(Span { from, to, max_seconds: i64::try_from(max?.as_secs()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_their_type() {
        let string = ParameterType::String { max_length: 2, one_of: ["a".into(), "bcd".into()].into() };
        let integer = ParameterType::Integer { min: Some(1), max: Some(10) };
        #[rustfmt::skip]
        let cases = [
            ("a", &string, true), ("b", &string, false), ("bcd", &string, false),
            ("1", &integer, true), ("10", &integer, true), ("0", &integer, false), ("11", &integer, false), ("1.0", &integer, false),
            ("1.5e3", &ParameterType::Number, true), ("1.", &ParameterType::Number, false), ("x", &ParameterType::Number, false),
            ("true", &ParameterType::Boolean, true), ("yes", &ParameterType::Boolean, false),
            ("2026-02-28", &ParameterType::Date, true), ("2026-02-29", &ParameterType::Date, false), ("20260228", &ParameterType::Date, false),
            ("2026-02-28T00:00:00Z", &ParameterType::DateTime, true), ("2026-02-28T00:00:00", &ParameterType::DateTime, true),
            ("2026-02-28 00:00:00", &ParameterType::DateTime, false), ("2026-02-28", &ParameterType::DateTime, false),
        ];
        for (text, kind, expected) in cases {
            assert_eq!(fits(text, kind).is_ok(), expected, "{text} as {kind:?}");
        }
    }
}
