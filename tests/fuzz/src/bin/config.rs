//! Config files: every problem has its place and tells no secret, and what is accepted is always the same.
//!
//! No file is there: texts take their places, one for the main file and one for a file that it may include.

#![no_main]

#[path = "../choices.rs"]
mod choices;

use choices::Choices;
use http::Method;
use libfuzzer_sys::fuzz_target;
use reportgate::config::{Drafts, Report};
use reportgate::domain::time::Timestamp;
use reportgate::load::{Accepted, Asks, WrittenRequest, explain, load_drafts};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const EXAMPLE: &str = include_str!("../../../../config.example.toml");

/// 2026-11-22T10:00:00Z.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_341_600);

/// Shows what it is: nothing says it, wherever it stands.
const TOKEN: &str = "rg_7Kq2mZ9xTb4LwV1cYp8NsR3dHf6JgA5e0uQ1iX";

/// Shows nothing: only its place makes it a secret.
const SECRET: &str = "hunter";

/// Below these keys everything is secret but the names of files and variables.
const SECRET_KEYS: [&str; 4] = ["hash", "headers", "query", "seal_key"];

/// Stands between the main file and the one that it includes; TOML has no such character.
const MARK: char = '\u{1e}';

const MAIN: &str = "/main.toml";
const PART: &str = "/part.toml";

/// The example with secrets in it, without its comments: of every table some lines.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let setting = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let untested = EXAMPLE.split_once("[[test]]").map_or(EXAMPLE, |(before, _)| before);
    let mut lines: Vec<String> = untested.lines().filter(setting).map(str::to_owned).collect();
    lines.extend(TEST.lines().map(str::to_owned));
    let secrets = format!("headers = {{ \"x-key\" = \"{SECRET}\" }}\nquery = {{ api_key = \"{SECRET}\" }}");
    let mut behind = |table: &str, more: &[&str]| {
        let at = lines.iter().position(|line| line.starts_with(table)).expect("a table of the example");
        lines.splice(at..at, more.iter().map(|line| (*line).to_owned()));
    };
    behind("[server.limits]", &[&format!("seal_key = \"{}\"", SECRET.repeat(6))]);
    behind("[reports.leads]", &secrets.lines().collect::<Vec<_>>());
    let own = format!("[affiliates.acme.credentials.legacy]\n{secrets}");
    behind("[[affiliates.acme.tokens]]", &own.lines().collect::<Vec<_>>());
    lines
});

const TEST: &str = r#"[[test]]
as = "acme"
from = "203.0.113.7"
request = "GET /api/v1/reports/leads?_col=country"
expect = "allow"
backend_query = { affiliate_id__exact = "1001", _col = ["country", "affiliate_id"] }"#;

/// Where the included file may begin: its tables may stand in any file.
static PRINCIPALS: LazyLock<usize> =
    LazyLock::new(|| LINES.iter().position(|line| line == "[affiliates.acme]").expect("an affiliate"));

/// What is put into files, as it is.
#[rustfmt::skip]
const WORDS: [&str; 72] = [
    TOKEN, SECRET, "\"", "'", "\"\"\"", "'''", "[", "]", "[[", "]]", "{", "}", " = ", ".", ", ", "\n", "\r\n", "\r", "#", "\\", "\\u0061", "\u{1e}", "\0", "\u{feff}",
    "ä", "\u{1F600}", "include = [\"part.toml\"]\n", "include = [\"*.toml\"]\n", "\"all\"", "\"never\"", "\"off\"", "\"0s\"", "\"99999999999999999999d\"", "0", "-1", "1e400",
    "9223372036854775807", "9223372036854775808", "0x7f", "nan", "true", "[]", "{}", "\"\"", "2026-13-01", "2026-11-22T10:15:00Z", "9999-12-31T23:59:59.999999999-23:59",
    "\"{scope}\"", "\"{columns}\"", "{scope}", "\"/\"", "\"/a/~0~1\"", "\"json:/a\"", "\"form:a\"", "\"a[]\"", "{ env = \"PATH\" }", "{ file = \"x\" }", "{ file = \"/\" }",
    "\"0.0.0.0-255.255.255.255\"", "\"::/0\"", "\"::ffff:1.2.3.4\"", "\"010.0.0.1\"", "{ from = \"1.1.1.1\", to = \"1.1.1.0\" }", "\"http://hunter:hunter@h/\"",
    "\"1/s burst 0\"", "\"4294967296/d\"", "hash = \"hunter\"\n", "headers = { a = \"hunter\" }\n", "query.a.b = [\"hunter\"]\n", "haeders = \"hunter\"\n", "[reports.leads.columns]\n",
    "[[employees.jane.tokens]]\n",
];

/// The two files: a text as it is, or the example with a few lines otherwise.
fn texts(choices: &mut Choices<'_>) -> [String; 2] {
    if choices.one_in(4) {
        let text = String::from_utf8_lossy(choices.rest()).replace(" TOKEN", TOKEN);
        let (main, part) = text.split_once(MARK).unwrap_or((&text, ""));
        return [main.to_owned(), part.to_owned()];
    }
    let mut lines = LINES.clone();
    let parted = choices.one_in(2);
    if parted {
        lines.insert(*PRINCIPALS, MARK.to_string());
        lines.insert(0, format!("include = [\"{PART}\"]"));
    }
    while !choices.is_empty() {
        let mut line = || (choices.below(256) * 256 + choices.below(256)) % lines.len().max(1);
        let (at, other) = (line(), line());
        if lines.is_empty() {
            break;
        }
        let value = |line: &str| line.split_once(" = ").map(|(_, value)| value.to_owned());
        match choices.below(8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other].clone()),
            2 => lines.swap(at, other),
            3 | 4 => {
                let new = if choices.one_in(2) { value(&lines[other]) } else { None };
                let new = new.unwrap_or_else(|| choices.pick(&WORDS).to_owned());
                if let Some((key, _)) = lines[at].clone().split_once(" = ") {
                    lines[at] = format!("{key} = {new}");
                }
            }
            5 | 6 => {
                let within = choices.below(256) % (lines[at].chars().count() + 1);
                let byte = lines[at].char_indices().nth(within).map_or(lines[at].len(), |(byte, _)| byte);
                lines[at].insert_str(byte, choices.pick(&WORDS));
            }
            _ => lines.truncate(at),
        }
    }
    let text = lines.join(choices.pick(&["\n", "\r\n"]));
    let (main, part) = text.split_once(MARK).unwrap_or((&text, ""));
    [main.to_owned(), part.to_owned()]
}

/// The stretches of secret values; `None` when the text is no TOML.
fn secrets(text: &str) -> Option<Vec<Range<usize>>> {
    let document = DeTable::parse(text).ok()?;
    let mut spans = Vec::new();
    for (key, value) in document.get_ref() {
        gather(key.get_ref(), value, false, &mut spans);
    }
    Some(spans)
}

fn gather(key: &str, value: &Spanned<DeValue<'_>>, secret: bool, spans: &mut Vec<Range<usize>>) {
    let secret = (secret || SECRET_KEYS.contains(&key)) && !["env", "file"].contains(&key);
    match value.get_ref() {
        DeValue::Table(table) => {
            table.iter().for_each(|(key, value)| gather(key.get_ref(), value, secret, spans));
        }
        DeValue::Array(items) => items.iter().for_each(|item| gather("", item, secret, spans)),
        _ if secret => spans.push(value.span()),
        _ => {}
    }
}

/// Whether the secret stands at secret places only, as far as somebody can tell who does not read it as the gate does.
fn is_secret(text: &str) -> bool {
    let mut places = text.match_indices(SECRET).map(|(at, _)| at..at + SECRET.len());
    match secrets(text) {
        Some(spans) => places.all(|at| spans.iter().any(|span| span.start <= at.start && at.end <= span.end)),
        // A line says what it is, unless strings reach over lines.
        None => {
            !text.contains("\"\"\"") && !text.contains("'''") && {
                let mut lines = text.lines().filter(|line| line.contains(SECRET));
                lines.all(|line| {
                    line.split_once('=').is_some_and(|(key, _)| SECRET_KEYS.contains(&key.trim()))
                })
            }
        }
    }
}

/// Every line of a report begins with a place that there is.
fn check_places(report: &Report, texts: &[String; 2]) {
    let mut count = 0;
    for line in report.lines() {
        count += 1;
        let place = [MAIN, PART].into_iter().zip(texts).find_map(|(name, text)| {
            let rest = line.strip_prefix(name)?.strip_prefix(':')?;
            let mut numbers = rest.splitn(3, ':').map(str::parse::<usize>);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?, text))
        });
        let (row, column, text) = place.unwrap_or_else(|| panic!("no place: {line}"));
        let there = text.split('\n').nth(row - 1).unwrap_or_else(|| panic!("no such line: {line}"));
        assert!((1..=there.chars().count() + 1).contains(&column), "no such column: {line}");
        assert!(line.len() > row.to_string().len() + 4 && !line.ends_with(": "), "says nothing: {line}");
    }
    assert_eq!(count, report.errors().min(1_000) + report.warnings().min(1_000));
}

/// What the policy makes of a plain request of everybody for every report.
fn decisions(accepted: &Accepted) -> String {
    let policy = &accepted.policy;
    let mut said = String::new();
    for principal in policy.principals.iter() {
        for (_, report) in policy.reports.iter() {
            for (method, body) in [(Method::GET, &b""[..]), (Method::POST, b"{}")] {
                let request = WrittenRequest {
                    asks: Asks::HolderAnywhere(&principal.id),
                    from: [203, 0, 113, 7].into(),
                    method: &method,
                    target: &report.path,
                    headers: &[],
                    body,
                    request_id: "id",
                };
                let found = explain(policy, &request, NOW);
                said.push_str(&serde_json::to_string(&found).expect("an explanation"));
            }
        }
    }
    for token in policy.tokens.iter() {
        let _ = write!(said, "{} {:?} {:?}", token.id, token.expires, token.rate_limit());
    }
    said
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    // As it is taken off files.
    let texts = texts(choices).map(|text| text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text));
    let load = |main: &str| {
        let files = [(MAIN, main), (PART, &texts[1])];
        let drafts: Drafts =
            files.into_iter().map(|(name, text)| (PathBuf::from(name), text.to_owned())).collect();
        load_drafts(Path::new(MAIN), NOW, &drafts)
    };
    let said = |report: &Report| report.lines().collect::<Vec<_>>().join("\n") + &report.render(true);
    let result = load(&texts[0]);
    let report = match &result {
        Ok(accepted) => &accepted.warnings,
        Err(rejected) => &rejected.report,
    };
    check_places(report, &texts);
    let shown = said(report);
    assert!(!shown.contains(TOKEN), "{shown}");
    if texts.iter().all(|text| is_secret(text)) {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    let again = load(&texts[0]);
    match (&result, again) {
        (Ok(first), Ok(again)) => {
            assert_eq!(first.warnings.errors(), 0, "{shown}");
            assert_eq!(first.sources.hash(), again.sources.hash());
            assert_eq!(shown, said(&again.warnings));
            let decided = decisions(first);
            assert_eq!(decided, decisions(&again));
            // What comes behind says nothing more.
            let longer = load(&format!("{}\n# more\n", texts[0]));
            let longer = longer.unwrap_or_else(|rejected| panic!("{rejected}"));
            assert_eq!(decided, decisions(&longer));
            assert_eq!(shown, said(&longer.warnings));
        }
        (Err(first), Err(again)) => {
            assert!(first.report.errors() > 0);
            assert_eq!(shown, said(&again.report));
        }
        (Ok(_), Err(again)) => panic!("refused when read again: {again}"),
        (Err(first), Ok(_)) => panic!("accepted when read again: {first}"),
    }
});
