//! JSON Schema (draft 2020-12, which OpenAPI 3.1 speaks), as far as the documents of this room need it.
//!
//! Members leave in the order in which they stand here, and objects in the order in which they were filled.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// An object whose members keep their order; names are distinct.
#[derive(Debug, Clone)]
pub(super) struct Members<T>(pub(super) Vec<(String, T)>);

impl<T: Serialize> Serialize for Members<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<N: Into<String>, T> FromIterator<(N, T)> for Members<T> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(members: I) -> Self {
        Self(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

/// The type or types of a value.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Types {
    One(&'static str),
    AnyOf(&'static [&'static str]),
}

/// What a value may be; without members, anything.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Types>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<&'static str>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub(super) one_of: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Box<Self>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_items: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) unique_items: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) properties: Option<Members<Self>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) required: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_properties: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) any_of: Vec<Self>,
}

impl Schema {
    /// A value of that type.
    pub(super) fn of(kind: &'static str) -> Self {
        Self { kind: Some(Types::One(kind)), ..Self::default() }
    }

    /// What is described elsewhere in the document.
    pub(super) fn reference(to: String) -> Self {
        Self { reference: Some(to), ..Self::default() }
    }

    /// A list of such values.
    pub(super) fn array(items: Self) -> Self {
        Self { items: Some(Box::new(items)), ..Self::of("array") }
    }

    /// An object with these members and no others.
    pub(super) fn closed(members: Members<Self>, required: Vec<String>) -> Self {
        Self { additional_properties: Some(false), ..Self::object(members, required) }
    }

    /// An object with these members, and perhaps others.
    pub(super) fn object(members: Members<Self>, required: Vec<String>) -> Self {
        Self { properties: Some(members), required, ..Self::of("object") }
    }

    /// A string that is one of these.
    pub(super) fn one_of_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self { one_of: texts.into_iter().map(Value::from).collect(), ..Self::of("string") }
    }
}
