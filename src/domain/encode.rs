//! How names and values are written into a query, a form or a JSON text.

use super::dialect::{JsonListStyle, ListStyle};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends a list joined by commas to a path, percent-encoded but for the commas (RFC 3986 section 3.3).
pub fn push_path_list(out: &mut String, joined: &str) {
    const ITEM: &AsciiSet = &RESERVED.remove(b',');
    out.extend(utf8_percent_encode(joined, ITEM));
}

/// Appends `text`, percent-encoded but for unreserved characters (RFC 3986 section 2.3).
pub fn push_component(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, RESERVED));
}

/// Appends `name=value` to a query or form, after a `&` unless it is the first pair.
pub fn push_pair(out: &mut String, name: &str, value: &str) {
    push_separator(out);
    push_component(out, name);
    out.push('=');
    push_component(out, value);
}

/// Appends pairs that are encoded already, after a `&` unless they are the first.
pub fn push_encoded(out: &mut String, pairs: &str) {
    push_separator(out);
    out.push_str(pairs);
}

/// The first pair of a query stands behind `?`, that of a form at the start.
fn push_separator(out: &mut String) {
    if !out.is_empty() && !out.ends_with('?') {
        out.push('&');
    }
}

/// Appends `values` as pairs of a query or form, in the style of their place.
pub fn push_pairs(out: &mut String, name: &str, style: &ListStyle, values: &[&str]) {
    match style {
        ListStyle::Csv { separator } => push_pair(out, name, &values.join(separator)),
        ListStyle::Repeat => values.iter().for_each(|value| push_pair(out, name, value)),
        ListStyle::Brackets => {
            let name = format!("{name}[]");
            values.iter().for_each(|value| push_pair(out, &name, value));
        }
        ListStyle::Flags { prefix, value: on } => {
            values.iter().for_each(|value| push_pair(out, &format!("{prefix}{value}"), on));
        }
    }
}

/// Appends `values` in the JSON style of their place; `push` writes one value.
pub fn push_json_list(
    out: &mut String,
    style: &JsonListStyle,
    values: &[&str],
    push: impl Fn(&mut String, &str),
) {
    match style {
        JsonListStyle::Array => push_json_array(out, values, |out, value| push(out, value)),
        JsonListStyle::Objects { key } => push_json_array(out, values, |out, value| {
            out.push('{');
            push_json_string(out, key);
            out.push(':');
            push(out, value);
            out.push('}');
        }),
        JsonListStyle::Csv { separator } => push_json_string(out, &values.join(separator)),
    }
}

/// Appends a JSON array whose items `push` writes.
pub fn push_json_array<T>(out: &mut String, items: &[T], push: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

/// Appends a JSON object whose values `push` writes.
pub fn push_json_object<T>(out: &mut String, members: &[(Box<str>, T)], push: impl Fn(&mut String, &T)) {
    out.push('{');
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_json_string(out, name);
        out.push(':');
        push(out, value);
    }
    out.push('}');
}

/// Appends `text` as a JSON string (RFC 8259 section 7).
pub fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c @ ('"' | '\\')) => {
                out.push('\\');
                out.push(c);
            }
            Some(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_percent_encoded() {
        let mut out = String::new();
        push_pair(&mut out, "fields[]", "a b&c=d");
        push_pair(&mut out, "q", "ü+~");
        assert_eq!(out, "fields%5B%5D=a%20b%26c%3Dd&q=%C3%BC%2B~");
        let mut out = "/path?".to_owned();
        push_encoded(&mut out, "a=1&a=2");
        push_pair(&mut out, "b", "?");
        push_pair(&mut out, "c", "");
        assert_eq!(out, "/path?a=1&a=2&b=%3F&c=");
    }

    #[test]
    fn json_strings_are_escaped() {
        let mut out = String::new();
        push_json_string(&mut out, "a\"b\\c\n\u{1}é");
        assert_eq!(out, "\"a\\\"b\\\\c\\n\\u0001é\"");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "a\"b\\c\n\u{1}é");
    }
}
