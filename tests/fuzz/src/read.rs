//! Readers of what a backend gets, and what they must agree on.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Names and values of a query or form, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Pairs {
    /// As the standard says (WHATWG URL section 5.1).
    pub(crate) fn strict(text: &str) -> Self {
        let parts = text.split('&').filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(n, v)| (decoded(n), decoded(v)))
                .collect(),
        )
    }

    /// As a careless program does: `;` ends a pair, names have neither case, spaces, brackets nor dots, NUL ends a text.
    pub(crate) fn careless(text: &str) -> Self {
        let parts = text.split(['&', ';']).filter(|part| !part.is_empty());
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = decoded(value);
            let value = value.split('\0').next().unwrap_or_default();
            (fold(&decoded(name)), value.to_owned())
        };
        Self(parts.map(pair).collect())
    }

    /// The values of a name.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A name as a careless program takes it.
pub(crate) fn fold(name: &str) -> String {
    let name = name.split('\0').next().unwrap_or_default().trim().to_lowercase();
    name.split('[').next().unwrap_or_default().trim().replace(['.', ' '], "_")
}

/// Decodes percent signs and `+`; what is no UTF-8 or no escape must not be there.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit =
                    || rest.next().and_then(|digit| char::from(digit).to_digit(16)).expect("a hex digit");
                let value = digit() * 16 + digit();
                bytes.push(u8::try_from(value).expect("two digits"));
            }
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Decodes what can be decoded, and leaves the rest as it is.
pub(crate) fn loose(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit =
            |at: usize| char::from(*after.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let escaped = digit(0).zip(digit(1)).filter(|_| *first == b'%');
        bytes.push(escaped.map_or(if *first == b'+' { b' ' } else { *first }, |(high, low)| high * 16 + low));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    bytes
}

/// Every scalar of a JSON body and its path, in which `*` is any place in an array. Whether the first or the last of two
/// members with one name counts, the document is the same.
pub(crate) fn json(body: &[u8]) -> Vec<(String, String)> {
    let last: Value = serde_json::from_slice(body).expect("JSON");
    let First(first) = serde_json::from_slice(body).expect("JSON");
    assert_eq!(first, last, "two readings of {}", body.escape_ascii());
    let mut found = Vec::new();
    scalars(&last, &mut String::new(), &mut found);
    found
}

/// The ids of those items of `/filters` that name an affiliate.
pub(crate) fn ids_of_affiliates(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let items = body["filters"].as_array().cloned().unwrap_or_default();
    let is_own = |item: &&Value| {
        let kind = item["resource_type"].as_str().expect("every item has a kind");
        assert!(kind == "affiliate" || kind == "country", "{kind}");
        kind == "affiliate"
    };
    items.iter().filter(is_own).map(|item| text(&item["filter_id_value"])).collect()
}

pub(crate) fn is_at_or_below(path: &str, own: &str) -> bool {
    path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn scalars(value: &Value, path: &mut String, found: &mut Vec<(String, String)>) {
    let length = path.len();
    match value {
        Value::Array(items) if !items.is_empty() => {
            path.push_str("/*");
            items.iter().for_each(|item| scalars(item, path, found));
        }
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                path.truncate(length);
                path.push('/');
                path.push_str(&name.replace('~', "~0").replace('/', "~1"));
                scalars(value, path, found);
            }
        }
        scalar => found.push((path.clone(), text(scalar))),
    }
    path.truncate(length);
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A document of which the first member with a name counts.
struct First(Value);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(First(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = BTreeMap::new();
        while let Some((name, First(value))) = members.next_entry::<String, First>()? {
            all.entry(name).or_insert(value);
        }
        Ok(Value::Object(all.into_iter().collect()))
    }
}
