//! The filter and Python's own parsers make the same of generated answers.
//!
//! `tests/servers/differential.py` generates them, says how each is to be cut, and compares
//! what leaves with its own projection; the texts of numbers count, white space and the
//! spelling of strings do not. Here is only the filter.

use crate::harness::Cutter;
use reportgate::domain::dialect::{
    CsvDialect, Documents, JsonDialect, OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, RowForm,
    Shape, XmlDialect,
};
use reportgate::domain::pointer::Pointer;
use serde::Deserialize;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many answers.
const CASES: &str = "10000";

/// How an answer is to be cut, as the script says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    format: String,
    /// Names and the backend's, in the order of the view.
    columns: Vec<(String, String)>,
    rows: Option<String>,
    row: Option<String>,
    header: Option<String>,
    name_key: Option<String>,
    value_key: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    keep: Vec<String>,
    delimiter: Option<char>,
    output: Option<String>,
    shape: Option<String>,
    scope_column: Option<String>,
    #[serde(default)]
    own: Vec<String>,
    on_foreign_row: Option<String>,
    /// Where the body is cut in pieces.
    cuts: Vec<usize>,
}

impl Cut {
    fn json(&self, documents: Documents) -> ResponseFormat {
        let mut json = JsonDialect::new(Pointer::default());
        json.documents = documents;
        json.rows = self.rows.as_deref().map(pointer);
        json.also = pointers(&self.also);
        json.keep = pointers(&self.keep);
        json.row = match self.row.as_deref() {
            None | Some("object") => RowForm::Object,
            Some("first") => RowForm::ArrayAfterHeader,
            Some("header") => RowForm::Array { header: pointer(self.header.as_deref().unwrap()) },
            Some("pairs") => RowForm::Pairs {
                name_key: self.name_key.as_deref().unwrap().into(),
                value_key: self.value_key.as_deref().unwrap().into(),
            },
            Some(other) => panic!("no row form: {other}"),
        };
        ResponseFormat::Json(json)
    }

    fn dialect(&self) -> ResponseDialect {
        let mut dialect = ResponseDialect::new(match self.format.as_str() {
            "json" => self.json(Documents::One),
            "ndjson" => self.json(Documents::Many),
            "csv" => {
                let delimiter = self.delimiter.unwrap_or(',').try_into().expect("an ASCII delimiter");
                ResponseFormat::Csv(CsvDialect { delimiter })
            }
            "xml" => ResponseFormat::Xml(XmlDialect {
                rows: pointer(self.rows.as_deref().unwrap()),
                also: pointers(&self.also),
                keep: pointers(&self.keep),
                success: None,
            }),
            other => panic!("no format: {other}"),
        });
        dialect.output.shape = match self.shape.as_deref() {
            None | Some("same") => Shape::Same,
            Some("objects") => Shape::Objects,
            Some("bare") => Shape::Bare,
            Some(other) => panic!("no shape: {other}"),
        };
        dialect.rows.scope_column = self.scope_column.as_deref().map(Into::into);
        dialect.rows.on_foreign_row = match self.on_foreign_row.as_deref() {
            None | Some("refuse") => OnForeignRow::Refuse,
            Some("drop") => OnForeignRow::Drop,
            Some(other) => panic!("not for a foreign row: {other}"),
        };
        dialect
    }

    fn cutter(&self) -> Cutter {
        let columns = self.columns.iter().map(|(name, response)| (name.as_str(), response.as_str()));
        let mut cutter = Cutter::new(&self.dialect(), columns);
        if self.scope_column.is_some() {
            cutter = cutter.rows_of(&self.own);
        }
        match self.output.as_deref() {
            None => cutter,
            Some("json") => cutter.output(OutputFormat::Json),
            Some("ndjson") => cutter.output(OutputFormat::Ndjson),
            Some("csv") => cutter.output(OutputFormat::Csv),
            Some(other) => panic!("no output: {other}"),
        }
    }

    /// What leaves, behind a `+`, or why nothing does, behind a `-`; the same whole and in pieces.
    fn reply(&self, body: &[u8]) -> Vec<u8> {
        let cutter = self.cutter();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for to in self.cuts.iter().copied().chain([body.len()]) {
            pieces.push(&body[from..to]);
            from = to;
        }
        let (whole, found) = (cutter.cut([body]), cutter.cut(pieces));
        assert_eq!(
            whole.as_ref().ok(),
            found.as_ref().ok(),
            "cut at {:?}: {}",
            self.cuts,
            body.escape_ascii()
        );
        match whole {
            Ok(out) => [b"+", out.as_slice()].concat(),
            Err(error) => format!("-{error}").into_bytes(),
        }
    }
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn pointers(texts: &[String]) -> Box<[Pointer]> {
    texts.iter().map(|text| pointer(text)).collect()
}

/// The next frame; `None` at the end.
fn frame(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
        read => read.unwrap(),
    }
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame).unwrap();
    Some(frame)
}

/// Generated answers of these forms, of all when none is named.
fn check(seed: &str, forms: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/differential.py");
    let mut command = Command::new("python3");
    command.arg(script).args([seed, CASES]).args(forms);
    let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    let (mut cases, mut replies) =
        (io::BufReader::new(python.stdout.take().unwrap()), python.stdin.take().unwrap());
    while let Some(cut) = frame(&mut cases) {
        let cut: Cut = serde_json::from_slice(&cut).unwrap();
        let reply = cut.reply(&frame(&mut cases).expect("a body"));
        let length = u32::try_from(reply.len()).unwrap().to_be_bytes();
        replies.write_all(&[&length[..], &reply].concat()).expect("the script reads on");
    }
    let status = python.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
#[ignore = "needs Python 3.10; run by tests/run"]
fn the_filter_cuts_as_python_does() {
    check("1", &[]);
}
