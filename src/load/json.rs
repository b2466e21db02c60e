//! JSON texts compared as values: the order of members and the spelling of strings do not count,
//! the text of a number does (RFC 8259).

use crate::domain::pointer::Pointer;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How many levels are compared as values; what lies deeper is compared as text.
const MOST_LEVELS: usize = 64;

/// The value at `pointer` in `document`, as it is written there.
pub(super) fn find<'d>(document: &'d str, pointer: &Pointer) -> Option<&'d str> {
    let whole: &RawValue = serde_json::from_str(document).ok()?;
    pointer.tokens().try_fold(whole.get(), |text, token| match text.bytes().next()? {
        b'{' => members(text)?.remove(token),
        b'[' => items(text)?.get(index(token)?).copied(),
        _ => None,
    })
}

/// Whether two JSON texts say the same.
pub(super) fn same(a: &str, b: &str) -> bool {
    same_within(MOST_LEVELS, a.trim_ascii(), b.trim_ascii())
}

fn same_within(levels: usize, a: &str, b: &str) -> bool {
    let Some(inner) = levels.checked_sub(1) else { return a == b };
    match (a.bytes().next(), b.bytes().next()) {
        (Some(b'{'), Some(b'{')) => match (members(a), members(b)) {
            (Some(a), Some(b)) => {
                a.len() == b.len()
                    && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && same_within(inner, a.1, b.1))
            }
            (None, _) | (_, None) => a == b,
        },
        (Some(b'['), Some(b'[')) => match (items(a), items(b)) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_within(inner, a, b))
            }
            (None, _) | (_, None) => a == b,
        },
        (Some(b'"'), Some(b'"')) => match (string(a), string(b)) {
            (Some(a), Some(b)) => a == b,
            (None, _) | (_, None) => a == b,
        },
        _ => a == b,
    }
}

fn members(text: &str) -> Option<BTreeMap<String, &str>> {
    let raw: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    Some(raw.into_iter().map(|(name, value)| (name, value.get())).collect())
}

fn items(text: &str) -> Option<Vec<&str>> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(raw.into_iter().map(RawValue::get).collect())
}

fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// An array index of a pointer: decimal, without leading zeros (RFC 6901 section 4).
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    (plain && token.bytes().all(|b| b.is_ascii_digit())).then(|| token.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_as_written() {
        let document = r#" {"a": [1, {"b/c": 12345678901234567890123}], "u": "\u0063", "": null} "#;
        #[rustfmt::skip]
        let cases = [
            ("/a/0", Some("1")), ("/a/1/b~1c", Some("12345678901234567890123")), ("/u", Some(r#""\u0063""#)),
            ("/", Some("null")), ("", Some(document.trim())),
            ("/a/2", None), ("/a/00", None), ("/a/-", None), ("/a/+1", None), ("/x", None), ("/u/0", None),
        ];
        for (pointer, expected) in cases {
            assert_eq!(find(document, &Pointer::parse(pointer).unwrap()), expected, "{pointer}");
        }
        assert_eq!(find("not json", &Pointer::parse("").unwrap()), None);
        assert_eq!(find("1 2", &Pointer::parse("").unwrap()), None);
    }

    #[test]
    fn values_are_compared_but_numbers_by_text() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"a":1,"b":[true,null]}"#, r#" { "b" : [ true, null ], "a" : 1 } "#, true),
            (r#""\u0063""#, r#""c""#, true),
            ("12345678901234567890123", "12345678901234567890124", false),
            ("1", "1.0", false), ("1", r#""1""#, false), ("[1,2]", "[2,1]", false), ("[1]", "[1,1]", false),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#, false), (r#"{"a":1}"#, r#"{"b":1}"#, false), ("null", "false", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(same(a, b), expected, "{a} {b}");
            assert_eq!(same(b, a), expected, "{b} {a}");
        }
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(same(&deep("1"), &deep("1")) && !same(&deep("1"), &deep("2")), "depth is limited");
    }
}
