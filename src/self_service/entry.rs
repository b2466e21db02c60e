//! A parameter as the list of reports shows it, in the words of the config.

use super::parameter::{List, Parameter, Values, duration};
use crate::domain::dialect::{IdType, ParameterType};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// A parameter; what does not apply is left out.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'p> {
    name: Cow<'p, str>,
    #[serde(rename = "in")]
    part: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    /// Several values: how.
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    separator: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_span: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'p str>,
}

impl<'p> From<&'p Parameter<'_>> for Entry<'p> {
    fn from(own: &'p Parameter<'_>) -> Self {
        let value = Self {
            name: own.stands.name(),
            part: own.stands.part(),
            kind: kind(&own.values),
            required: own.required,
            style: own.list.map(List::as_str),
            separator: None,
            key: None,
            one_of: own.one_of(),
            min: None,
            max: None,
            max_length: None,
            default: own.default_json(),
            column: own.column,
            not_before: own.span.as_ref().map(|(from, _)| from.as_str()),
            max_span: own.span.as_ref().map(|(_, seconds)| duration(*seconds)),
            description: own.description.as_deref(),
        };
        let value = match own.list {
            Some(List::Csv(separator)) => Self { separator: Some(separator), ..value },
            Some(List::Objects(key)) => Self { key: Some(key), ..value },
            _ => value,
        };
        let Values::Typed(kind) = &own.values else { return value };
        match kind {
            ParameterType::String { max_length, .. } => Self { max_length: Some(*max_length), ..value },
            ParameterType::Integer { min, max } => Self { min: *min, max: *max, ..value },
            ParameterType::Number
            | ParameterType::Boolean
            | ParameterType::Date
            | ParameterType::DateTime => value,
        }
    }
}

fn kind(values: &Values<'_>) -> &'static str {
    match values {
        Values::Typed(kind) => match kind {
            ParameterType::String { .. } => "string",
            ParameterType::Integer { .. } => "integer",
            ParameterType::Number => "number",
            ParameterType::Boolean => "boolean",
            ParameterType::Date => "date",
            ParameterType::DateTime => "datetime",
        },
        Values::Texts(_) | Values::Text | Values::AnyId(IdType::String) => "string",
        Values::Numbers(_) | Values::AnyId(IdType::Number) => "integer",
        Values::Anything => "any",
        Values::Items(_) => "object",
    }
}
