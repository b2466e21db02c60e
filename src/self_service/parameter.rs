//! One thing that a holder may send with a report: where it stands, what may stand there, what for.
//!
//! Only names that clients use are in here: nothing of what the backend calls anything.

use super::items::Items;
use super::schema::Schema;
use crate::domain::dialect::{IdType, JsonListStyle, ListStyle, ParameterDefault, ParameterType, Place};
use crate::domain::pointer::Pointer;
use serde_json::Value;
use std::borrow::Cow;

/// Where a parameter stands; names are decoded.
#[derive(Debug, Clone)]
pub(super) enum Stands<'p> {
    Query(Cow<'p, str>),
    Header(&'p str),
    Form(Cow<'p, str>),
    Json(&'p Pointer),
}

impl<'p> From<&'p Place> for Stands<'p> {
    fn from(place: &'p Place) -> Self {
        match place {
            Place::Query(name) => Self::Query(Cow::Borrowed(name)),
            Place::Form(name) => Self::Form(Cow::Borrowed(name)),
            Place::Json(at) => Self::Json(at),
        }
    }
}

impl Stands<'_> {
    /// The part of a request, as documents say it.
    pub(super) fn part(&self) -> &'static str {
        match self {
            Self::Query(_) => "query",
            Self::Header(_) => "header",
            Self::Form(_) => "form",
            Self::Json(_) => "json",
        }
    }

    /// Whether only a request with a body can hold it.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self, Self::Form(_) | Self::Json(_))
    }

    /// Its name, or the pointer to it in a JSON body.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Query(name) | Self::Form(name) => Cow::Borrowed(name),
            Self::Header(name) => Cow::Borrowed(name),
            Self::Json(at) => Cow::Owned(at.to_string()),
        }
    }
}

/// What one value may be.
#[derive(Debug, Clone)]
pub(super) enum Values<'p> {
    /// Of a declared type.
    Typed(&'p ParameterType),
    /// One of these.
    Texts(Vec<Cow<'p, str>>),
    /// One of these numbers, in JSON.
    Numbers(Vec<i64>),
    /// Any id of the platform, in a form that the gate passes.
    AnyId(IdType),
    /// Any text.
    Text,
    /// Any JSON value.
    Anything,
    /// An item of a JSON array.
    Items(Items<'p>),
}

/// How several values stand at one place.
#[derive(Debug, Clone, Copy)]
pub(super) enum List<'p> {
    Csv(&'p str),
    Repeat,
    Brackets,
    Array,
    Objects(&'p str),
    /// One alone, or an array.
    OneOrArray,
}

impl<'p> List<'p> {
    /// Flags are no list: each is a parameter of its own.
    pub(super) fn of(style: &'p ListStyle) -> Option<Self> {
        match style {
            ListStyle::Csv { separator } => Some(Self::Csv(separator)),
            ListStyle::Repeat => Some(Self::Repeat),
            ListStyle::Brackets => Some(Self::Brackets),
            ListStyle::Flags { .. } => None,
        }
    }

    pub(super) fn of_json(style: &'p JsonListStyle) -> Self {
        match style {
            JsonListStyle::Array => Self::Array,
            JsonListStyle::Objects { key } => Self::Objects(key),
            JsonListStyle::Csv { separator } => Self::Csv(separator),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Repeat => "repeat",
            Self::Brackets => "brackets",
            Self::Array | Self::OneOrArray => "array",
            Self::Objects(_) => "objects",
        }
    }
}

/// One thing that may be sent.
#[derive(Debug, Clone)]
pub(super) struct Parameter<'p> {
    pub(super) stands: Stands<'p>,
    pub(super) values: Values<'p>,
    /// `None`: one value.
    pub(super) list: Option<List<'p>>,
    /// No value may stand there twice.
    pub(super) distinct: bool,
    /// Requests without it are refused.
    pub(super) required: bool,
    /// A value that would do, where one is required.
    pub(super) example: Option<String>,
    pub(super) default: Option<ParameterDefault>,
    /// The column that it filters by.
    pub(super) column: Option<&'p str>,
    /// The date that it may not come before, and how far behind it may be, in seconds.
    pub(super) span: Option<(String, i64)>,
    /// What it is for, in a few words.
    pub(super) description: Option<String>,
}

impl<'p> Parameter<'p> {
    pub(super) fn optional(stands: Stands<'p>, values: Values<'p>, description: &str) -> Self {
        Self {
            stands,
            values,
            list: None,
            distinct: false,
            required: false,
            example: None,
            default: None,
            column: None,
            span: None,
            description: (!description.is_empty()).then(|| description.to_owned()),
        }
    }

    pub(super) fn listed(self, list: Option<List<'p>>) -> Self {
        Self { list, ..self }
    }

    /// The example as a JSON value of the parameter's type.
    pub(super) fn example_json(&self) -> Option<Value> {
        let one = json_of(&self.values, self.example.as_deref()?);
        Some(match self.list {
            None | Some(List::OneOrArray) => one,
            // A text that is joined, where this is asked for a body.
            Some(List::Csv(_)) if matches!(self.stands, Stands::Json(_)) => one,
            Some(List::Objects(key)) => Value::from_iter([(key, one)]),
            Some(List::Csv(_) | List::Repeat | List::Brackets | List::Array) => Value::Array(vec![one]),
        })
    }
}

/// A text as a JSON value of its type; a string where that cannot be.
fn json_of(values: &Values<'_>, text: &str) -> Value {
    let is_text = match values {
        Values::Typed(kind) => match kind {
            ParameterType::Integer { .. } | ParameterType::Number | ParameterType::Boolean => false,
            ParameterType::String { .. } | ParameterType::Date | ParameterType::DateTime => true,
        },
        Values::Numbers(_) | Values::AnyId(IdType::Number) => false,
        Values::Texts(_)
        | Values::AnyId(IdType::String)
        | Values::Text
        | Values::Anything
        | Values::Items(_) => true,
    };
    let read = if is_text { None } else { serde_json::from_str(text).ok() };
    read.unwrap_or_else(|| Value::from(text))
}

/// A length of time as the config writes it.
pub(super) fn duration(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    let (length, unit) = unit.unwrap_or((1, "s"));
    format!("{}{unit}", seconds / length)
}

impl Parameter<'_> {
    pub(super) fn one_of(&self) -> Vec<Value> {
        match &self.values {
            Values::Typed(ParameterType::String { one_of, .. }) => {
                one_of.iter().map(|one| Value::from(&**one)).collect()
            }
            Values::Texts(texts) => texts.iter().map(|text| Value::from(&**text)).collect(),
            Values::Numbers(numbers) => numbers.iter().map(|number| Value::from(*number)).collect(),
            Values::Items(items) => items.own_items(),
            Values::Typed(_) | Values::AnyId(_) | Values::Text | Values::Anything => Vec::new(),
        }
    }

    /// As the config writes it: a value, `"today"` or `"-30d"`.
    pub(super) fn default_json(&self) -> Option<Value> {
        Some(match self.default.as_ref()? {
            ParameterDefault::Text(text) => json_of(&self.values, text),
            ParameterDefault::Today { offset_days: 0 } => Value::from("today"),
            ParameterDefault::Today { offset_days } => Value::from(format!("{offset_days}d")),
        })
    }

    /// What may stand there, as a JSON Schema.
    pub(super) fn schema(&self) -> Schema {
        let one = self.values.schema();
        let one = match &self.default {
            Some(ParameterDefault::Text(text)) => {
                Schema { default: Some(json_of(&self.values, text)), ..one }
            }
            Some(ParameterDefault::Today { .. }) | None => one,
        };
        let in_json = matches!(self.stands, Stands::Json(_));
        let several =
            |items| Schema { min_items: Some(1), unique_items: self.distinct, ..Schema::array(items) };
        match self.list {
            None => one,
            Some(List::Csv(separator)) if in_json || delimiter(separator).is_none() => Schema::of("string"),
            Some(List::Csv(_) | List::Repeat | List::Brackets) => several(one),
            Some(List::Array) if matches!(self.values, Values::Items(_)) => Schema::array(one),
            Some(List::Array) => several(one),
            Some(List::Objects(key)) => {
                several(Schema::closed([(key, one)].into_iter().collect(), vec![key.to_owned()]))
            }
            Some(List::OneOrArray) => Schema { any_of: vec![one.clone(), several(one)], ..Schema::default() },
        }
    }

    /// How OpenAPI says that several values stand in a query, header or form: `style` and `explode`.
    pub(super) fn serialization(&self) -> Option<(&'static str, bool)> {
        let list = self.list?;
        match (&self.stands, list) {
            (Stands::Json(_), _) => None,
            (Stands::Header(_), _) => Some(("simple", false)),
            (Stands::Query(_) | Stands::Form(_), List::Csv(separator)) => {
                delimiter(separator).map(|style| (style, false))
            }
            (Stands::Query(_) | Stands::Form(_), _) => Some(("form", true)),
        }
    }

    /// What it is for, its default and its span, in sentences.
    pub(super) fn sentences(&self) -> Option<String> {
        let mut said: Vec<_> = self.description.clone().into_iter().collect();
        said.extend(self.column.map(|column| format!("filters by the column {column}")));
        said.extend(match &self.default {
            Some(ParameterDefault::Today { offset_days: 0 }) => Some("default: today (UTC)".to_owned()),
            Some(ParameterDefault::Today { offset_days: days @ ..=-1 }) => {
                Some(format!("default: {} days ago (UTC)", days.unsigned_abs()))
            }
            Some(ParameterDefault::Today { offset_days }) => {
                Some(format!("default: in {offset_days} days (UTC)"))
            }
            Some(ParameterDefault::Text(_)) | None => None,
        });
        let span = self.span.as_ref();
        said.extend(span.map(|(from, seconds)| {
            format!("not before {from}, and at most {} after it", duration(*seconds))
        }));
        if let Some(List::Csv(separator)) = self.list {
            said.push(format!("several are joined by {separator}"));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What OpenAPI calls a list with that separator; it has no word for most.
fn delimiter(separator: &str) -> Option<&'static str> {
    match separator {
        "," => Some("form"),
        "|" => Some("pipeDelimited"),
        " " => Some("spaceDelimited"),
        _ => None,
    }
}

impl Values<'_> {
    /// One of them.
    pub(super) fn schema(&self) -> Schema {
        match self {
            Self::Typed(kind) => typed(kind),
            Self::Texts(texts) => Schema::one_of_texts(texts.iter().map(|text| &**text)),
            Self::Numbers(numbers) => {
                let one_of = numbers.iter().map(|number| Value::from(*number)).collect();
                Schema { one_of, ..Schema::of("integer") }
            }
            Self::AnyId(IdType::String) => {
                Schema { pattern: Some("^[A-Za-z0-9_.:@-]{1,64}$"), ..Schema::of("string") }
            }
            Self::AnyId(IdType::Number) => Schema { minimum: Some(0), ..Schema::of("integer") },
            Self::Text => Schema::of("string"),
            Self::Anything => Schema::default(),
            Self::Items(items) => items.schema(),
        }
    }
}

fn typed(kind: &ParameterType) -> Schema {
    match kind {
        ParameterType::String { max_length, one_of } => {
            Schema { max_length: Some(*max_length), ..Schema::one_of_texts(one_of.iter().map(|one| &**one)) }
        }
        ParameterType::Integer { min, max } => {
            Schema { format: Some("int64"), minimum: *min, maximum: *max, ..Schema::of("integer") }
        }
        ParameterType::Number => Schema::of("number"),
        ParameterType::Boolean => Schema::of("boolean"),
        ParameterType::Date => Schema { format: Some("date"), ..Schema::of("string") },
        ParameterType::DateTime => Schema { format: Some("date-time"), ..Schema::of("string") },
    }
}
