//! What must never be printed: which texts of a config are secrets, and how they are blotted out.
//!
//! Secret are the values of `hash`, `seal_key`, `headers` and `query`; those of keys that no table has, which
//! may be one of these misspelt; URLs that hold more than a place; and anything that looks like a token,
//! wherever it stands. Each of their characters becomes `*`.

use super::keys::{self, Kind};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Keys whose values are secret, at any depth below.
const SECRET_KEYS: [&str; 4] = ["hash", "headers", "query", "seal_key"];
/// Keys of URLs, which should hold no more than a place.
const URL_KEYS: [&str; 2] = ["url", "urls"];

/// So many characters of a text are quoted.
const SHOWN: usize = 80;
/// The longest token that a config may hold (the contract of tokens).
const MAX_TOKEN: usize = 512;

static MAIN: Kind = Kind::Table(&keys::MAIN);

/// A text in quotes as a message may show it: short, on one line, no secret.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    // A token is known by its whole length, and before an escape stands in front of it.
    let seen =
        text.char_indices().nth(SHOWN + MAX_TOKEN).and_then(|(end, _)| text.get(..end)).unwrap_or(text);
    let seen = if is_telling(text) { stars(seen) } else { blotted(seen.to_owned()) };
    let plain = |c: char| c == '\'' || c == '"' || c.escape_debug().count() == 1;
    let mut short = String::new();
    for c in seen.chars().take(SHOWN) {
        if plain(c) { short.push(c) } else { short.extend(c.escape_debug()) }
    }
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{short}{more}`")
}

/// A whole file with its secrets blotted out; every line and column stays where it is.
pub(crate) fn masked(text: &str) -> String {
    // A text with errors gives what could be read; lines with errors are never shown.
    let (document, _) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    collect(document.get_ref(), Some(&MAIN), false, &mut spans);
    spans.sort_by_key(|span| span.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        let (Some(before), Some(secret)) = (text.get(done..span.start), text.get(span.clone())) else {
            continue;
        };
        out.push_str(before);
        out.push_str(&stars(secret));
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

/// Gathers the secret values of a table; its depth is limited by the parser.
///
/// `kind` is what the table should be, `None` when nobody knows; `secret`: what its keys name is a secret.
fn collect(table: &DeTable<'_>, kind: Option<&Kind>, secret: bool, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        // In `{ env = .. }` and `{ file = .. }`, which have keys of their own, the names are not secret.
        let secret = SECRET_KEYS.contains(&name) || secret && matches!(kind, Some(Kind::Map(_)));
        let address = URL_KEYS.contains(&name)
            && value.get_ref().as_str().is_some_and(|text| text.contains(['@', '?', '#']));
        collect_value(value, kind.and_then(|kind| kind.of_key(name)), secret || address, spans);
    }
}

fn collect_value(
    value: &toml::Spanned<DeValue<'_>>,
    kind: Option<&Kind>,
    secret: bool,
    spans: &mut Vec<Range<usize>>,
) {
    let shown = !secret && kind.is_some_and(Kind::is_scalar);
    match value.get_ref() {
        DeValue::Table(inner) => collect(inner, kind, secret, spans),
        DeValue::Array(items) => {
            let kind = kind.and_then(Kind::of_item);
            items.iter().for_each(|item| collect_value(item, kind, secret, spans));
        }
        DeValue::String(text) if shown && !is_telling(text) => {}
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) if shown => {}
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => spans.push(value.span()),
    }
}

/// Whether a text is a URL with a user, a password or a query, or a path with a query.
fn is_telling(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?', '#']) || text.starts_with('/') && text.contains('?')
}

fn stars(secret: &str) -> String {
    secret.chars().map(|c| if c == '\n' || c == '\r' { c } else { '*' }).collect()
}

/// The text with everything that looks like a token blotted out.
#[must_use]
pub fn blotted(text: String) -> String {
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
            out.push_str(&stars(word));
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
            ("[[affiliates.a.tokens]]", "hash = \"sha256:12\" # x", "hash = *********** # x"),
            ("[backends.a]", "headers = { \"x-key\" = \"s\", env = \"t\" }", "headers = { \"x-key\" = ***, env = *** }"),
            ("[backends.a]", "query = { k = { env = \"NAME\" } }", "query = { k = { env = \"NAME\" } }"),
            ("[backends.a]", "query = { k = { evn = \"NAME\" } }", "query = { k = { evn = ****** } }"),
            ("[backends.a.headers]", "x = '''\ns\n'''\n", "x = ***\n*\n***\n"),
            ("[[affiliates.a.tokens]]", "note = \"abcdefghijklmnopqr12\"", "note = \"********************\""),
            ("[[affiliates.a.tokens]]", "note = \"abcdefghijklmnopq12\"", "note = \"abcdefghijklmnopq12\""),
            ("[[affiliates.a.tokens]]", "# rg_abcdef", "# *********"),
            ("[[affiliates.a.tokens]]", "note = \"ftd_count_last_30_days\"", "note = \"ftd_count_last_30_days\""),
            ("[[affiliates.a.tokens]]", "note = \"123e4567-e89b-12d3-a456\"", "note = \"***********************\""),
            ("[reports.a]", "path = \"/api/v1/reports/leads/all\"", "path = \"/api/v1/reports/leads/all\""),
            ("[reports.a]", "path = \"/leads?key=s\"", "path = **************"),
            ("[[affiliates.a.tokens]]", "created = 2026-11-22T10:15:00Z", "created = 2026-11-22T10:15:00Z"),
            ("[backends.a]", "url = \"http://h:80/a\"", "url = \"http://h:80/a\""),
            ("[backends.a]", "url = \"http://u:s@h\"", "url = **************"),
            ("[backends.a]", "url = \"u:s@h\"", "url = *******"),
            ("[reports.a]", "title = \"http://h/?k=s\"", "title = ***************"),
            ("[backends.a]", "haeders = { \"x-key\" = \"s\", n = 1 }", "haeders = { \"x-key\" = ***, n = * }"),
            ("[backends.a]", "x-key = \"s\" # t", "x-key = *** # t"),
            ("[backends.a]", "timeout = { x = \"s\" }", "timeout = { x = *** }"),
            ("[backends.a]", "timeout = [\"s\"]", "timeout = [***]"),
            ("[backends.a]", "http2 = true", "http2 = true"),
            ("[backends.a]", "htpp2 = true", "htpp2 = ****"),
            ("[[affiliates.a.tokens]]", "token = \"s\"", "token = ***"),
            ("[server]", "seal_key = \"s\"", "seal_key = ***"),
            ("[server]", "seal_key = { file = \"s\" }", "seal_key = { file = \"s\" }"),
            ("[server]", "seal_key = { fiel = \"s\" }", "seal_key = { fiel = *** }"),
            ("[server]", "seal_key = [\"s\"]", "seal_key = [***]"),
            ("[bakcends.a]", "url = \"s\"", "url = ***"),
        ];
        for (table, text, expected) in cases {
            assert_eq!(masked(&format!("{table}\n{text}")), format!("{table}\n{expected}"), "{text}");
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
        assert_eq!(quoted("\nrg_0123456789"), "`\\n*************`", "an escape is no part of a word");
        let late = format!("{} rg_0123456789", "a ".repeat(35));
        assert_eq!(quoted(&late), format!("`{} *********…`", "a ".repeat(35)), "cut short is a token, too");
        assert_eq!(quoted("http://u:s@h"), "`************`");
        assert_eq!(quoted("/leads?key=s"), "`************`");
    }
}
