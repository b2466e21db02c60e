//! What must never be printed: which texts of a config are secrets, and how they are blotted out.
//!
//! Secret are the values of `hash`, of `headers` and of `query`, and anything that looks
//! like a token, wherever it stands. Each of their characters becomes `*`.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Keys whose values are secret, at any depth below.
const SECRET_KEYS: [&str; 3] = ["hash", "headers", "query"];

/// A text in quotes as a message may show it: short, on one line, no secret.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    let plain = |c: char| c == '\'' || c == '"' || c.escape_debug().count() == 1;
    let mut short = String::new();
    for c in text.chars().take(80) {
        if plain(c) { short.push(c) } else { short.extend(c.escape_debug()) }
    }
    let more = if text.chars().nth(80).is_some() { "…" } else { "" };
    format!("`{}{more}`", blotted(short))
}

/// A whole file with its secrets blotted out; every line and column stays where it is.
pub(super) fn masked(text: &str) -> String {
    // A text with errors gives what could be read; lines with errors are never shown.
    let (document, _) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    collect(document.get_ref(), Secrecy::None, &mut spans);
    spans.sort_by_key(|span| span.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        let (Some(before), Some(secret)) = (text.get(done..span.start), text.get(span.clone())) else {
            continue;
        };
        out.push_str(before);
        blot(secret, &mut out);
        done = span.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    blotted(out)
}

/// A line without the comment at its end, where an old secret may stand.
pub(super) fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            None if c == '#' => return line.get(..at).unwrap_or(line).trim_end(),
            None => quote = Some(c).filter(|c| *c == '"' || *c == '\''),
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    line
}

#[derive(Clone, Copy, PartialEq)]
enum Secrecy {
    None,
    /// Directly in `headers` or `query`: a key is a name, whatever it is called.
    Named,
    /// In `{ env = .. }` or `{ file = .. }` there, where the names are not secret, or anything else.
    Value,
}

/// Gathers the secret values of a table; its depth is limited by the parser.
fn collect(table: &DeTable<'_>, within: Secrecy, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let secrecy = match within {
            Secrecy::None if SECRET_KEYS.contains(&name) => Secrecy::Named,
            Secrecy::None => Secrecy::None,
            Secrecy::Value if name == "env" || name == "file" => continue,
            Secrecy::Named | Secrecy::Value => Secrecy::Value,
        };
        collect_value(value, secrecy, spans);
    }
}

fn collect_value(value: &toml::Spanned<DeValue<'_>>, secrecy: Secrecy, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(inner) => collect(inner, secrecy, spans),
        DeValue::Array(items) => items.iter().for_each(|item| collect_value(item, secrecy, spans)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {
            if secrecy != Secrecy::None {
                spans.push(value.span());
            }
        }
    }
}

fn blot(secret: &str, out: &mut String) {
    out.extend(secret.chars().map(|c| if c == '\n' || c == '\r' { c } else { '*' }));
}

/// The text with everything that looks like a token blotted out.
fn blotted(text: String) -> String {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "_-+=".contains(c);
    let mut out = String::new();
    let mut rest = text.as_str();
    let mut changed = false;
    while let Some(start) = rest.find(part_of_word) {
        let (before, from) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let end = from.find(|c: char| !part_of_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at_checked(end).unwrap_or((from, ""));
        out.push_str(before);
        if looks_like_token(word) {
            changed = true;
            blot(word, &mut out);
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    if !changed {
        return text;
    }
    out.push_str(rest);
    out
}

/// Whether a word is long and mixed enough to be a secret: 20 characters, letters among digits.
///
/// A name such as `ftd_count_last_30_days` is long, but each of its parts is plain.
fn looks_like_token(word: &str) -> bool {
    let gate_token = word.starts_with("rg_") && word.len() > 8;
    let mixed = |part: &str| {
        part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic())
    };
    gate_token || (word.len() >= 20 && word.split(['_', '-']).any(mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_where_they_stand() {
        #[rustfmt::skip]
        let cases = [
            ("hash = \"sha256:12\" # x", "hash = *********** # x"),
            ("headers = { \"x-key\" = \"s\", env = \"t\" }", "headers = { \"x-key\" = ***, env = *** }"),
            ("query = { k = { env = \"NAME\" } }", "query = { k = { env = \"NAME\" } }"),
            ("query = { k = { evn = \"NAME\" } }", "query = { k = { evn = ****** } }"),
            ("[backends.a.headers]\nx = '''\ns\n'''\n", "[backends.a.headers]\nx = ***\n*\n***\n"),
            ("note = \"abcdefghijklmnopqr12\"", "note = \"********************\""),
            ("note = \"abcdefghijklmnopq12\"", "note = \"abcdefghijklmnopq12\""),
            ("# rg_abcdef", "# *********"),
            ("note = \"ftd_count_last_30_days\"", "note = \"ftd_count_last_30_days\""),
            ("note = \"123e4567-e89b-12d3-a456\"", "note = \"***********************\""),
            ("path = \"/api/v1/reports/leads/all\"", "path = \"/api/v1/reports/leads/all\""),
            ("created = 2026-11-22T10:15:00Z", "created = 2026-11-22T10:15:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected, "{text}");
        }
        #[rustfmt::skip]
        let lines = [
            ("a = 1 # b", "a = 1"), ("a = \"#\" # b", "a = \"#\""), ("a = \"\\\"#\" # b", "a = \"\\\"#\""), ("a = '\\' # b", "a = '\\'"),
            ("a = 1", "a = 1"), ("# b", ""),
        ];
        for (line, expected) in lines {
            assert_eq!(without_comment(line), expected, "{line}");
        }
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted("rg_0123456789"), "`*************`");
    }
}
