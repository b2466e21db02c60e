//! XML answers: no hidden byte leaves, what leaves is sound, and so was what came.

#![no_main]

#[path = "../answers.rs"]
mod answers;

use answers::{Choices, Cutter, HIDDEN, VIEW, check, is_xml};
use libfuzzer_sys::fuzz_target;
use reportgate::domain::dialect::{OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, XmlDialect};
use reportgate::domain::pointer::Pointer;

/// In which formats answers leave.
const OUTPUTS: [OutputFormat; 4] =
    [OutputFormat::Xml, OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv];

/// Names that look like granted ones, or are places of the dialect.
const STRANGE: [&str; 6] = ["A", "b", "x", "row", "rows", "s"];

const TEXTS: [&str; 8] = ["", "x", "é😀", "&amp;", "&#x41;", "]]&gt;", " \n", "&lt;row&gt;"];

/// Builds a body out of choices.
struct Body<'c, 'i> {
    choices: &'c mut Choices<'i>,
    text: String,
    /// Whether the row at hand is somebody else's, so that all of it is hidden.
    is_foreign: bool,
}

impl Body<'_, '_> {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// What nobody may see, and no element.
    fn aside(&mut self) {
        match self.choices.below(16) {
            0 => self.push(&format!("<!-- {HIDDEN} -->")),
            1 => self.push(&format!("<?p {HIDDEN}?>")),
            2 => self.push("\n  "),
            _ => {}
        }
    }

    fn text(&mut self, hidden: bool) {
        let mark = if hidden || self.is_foreign { HIDDEN } else { "" };
        let (before, after) = (self.choices.pick(&TEXTS), self.choices.pick(&TEXTS));
        self.push(&format!("{before}{mark}{after}"));
    }

    /// What stands inside of a cell.
    fn inside(&mut self, hidden: bool, depth: usize) {
        for nth in 0..self.choices.below(3) {
            match self.choices.below(if depth == 0 { 2 } else { 4 }) {
                0 => self.text(hidden),
                1 => {
                    let mark = if hidden || self.is_foreign { HIDDEN } else { "" };
                    self.push(&format!("<![CDATA[<a>{mark}&]]>"));
                }
                2 => self.aside(),
                _ => {
                    let mark = if hidden || self.is_foreign { HIDDEN } else { "" };
                    let name = format!("{}{mark}{nth}", self.choices.pick(&STRANGE));
                    self.push(&format!("<{name} i='"));
                    self.text(hidden);
                    self.push("'>");
                    self.inside(hidden, depth - 1);
                    self.push(&format!("</{name}>"));
                }
            }
        }
    }

    fn element(&mut self, name: &str, hidden: bool) {
        if self.choices.one_in(8) {
            return self.push(&format!("<{name}/>"));
        }
        self.push(&format!("<{name}"));
        if self.choices.one_in(4) {
            // Attributes of a cell are none of it.
            self.push(&format!(" h=\"{HIDDEN}\""));
        }
        self.push(">");
        self.inside(hidden, 2);
        self.push(&format!("</{name}>"));
    }

    /// An element keyed by column; a column may stand in it twice.
    fn row(&mut self, name: &str, owned: bool) {
        let owner = if owned { self.choices.pick(&["17", "18", "", " 17", "&#x31;7"]) } else { "17" };
        self.is_foreign = !matches!(owner, "17" | "&#x31;7");
        self.push(&format!("<{name}"));
        let as_attribute = owned && self.choices.one_in(2);
        if as_attribute {
            self.push(&format!(" own='{owner}'"));
        }
        for (attribute, hidden) in [("a", false), ("h", true), ("B", false)] {
            if self.choices.one_in(4) {
                self.push(&format!(" {attribute}=\""));
                self.text(hidden);
                self.push("\"");
            }
        }
        self.push(">");
        if owned && !as_attribute {
            self.push(&format!("<own>{owner}</own>"));
        }
        for nth in 0..self.choices.below(6) {
            self.aside();
            match self.choices.below(6) {
                0 => self.element("a", false),
                1 => self.element("B", false),
                2 => {
                    self.push("<s>");
                    self.element("c", false);
                    self.element(&format!("{HIDDEN}{nth}"), true);
                    self.push("</s>");
                }
                _ => {
                    let name = format!("{}{HIDDEN}{nth}", self.choices.pick(&STRANGE));
                    self.element(&name, true);
                }
            }
        }
        self.push(&format!("</{name}>"));
        self.is_foreign = false;
    }

    fn document(&mut self, owned: bool) {
        if self.choices.one_in(4) {
            self.push("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        }
        self.push(&format!("<R h='{HIDDEN}'>"));
        self.around(owned);
        self.push("<rows>");
        for _ in 0..self.choices.below(5) {
            self.aside();
            match self.choices.below(6) {
                0 => self.element("ro", true),
                1 => self.text(true),
                _ => self.row("row", owned),
            }
        }
        self.push("</rows>");
        self.around(owned);
        self.push("</R>");
    }

    /// Elements beside the rows.
    fn around(&mut self, owned: bool) {
        match self.choices.below(6) {
            0 if !owned => self.row("totals", false),
            1 => self.element("row", true),
            2 => self.element("x", true),
            3 => self.text(true),
            _ => self.aside(),
        }
    }
}

fn at(path: &str) -> Pointer {
    Pointer::parse(path).unwrap()
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let output = choices.pick(&OUTPUTS);
    let (is_raw, owned, drops, cut) =
        (choices.one_in(2), choices.one_in(2), choices.one_in(2), choices.below(256));
    // The operator cannot vouch for elements beside rows that are dropped.
    let also = if owned { Box::default() } else { [at("/R/totals")].into() };
    let xml = XmlDialect { rows: at("/R/rows/row"), also, keep: Box::default(), success: None };
    let mut dialect = ResponseDialect::new(ResponseFormat::Xml(xml));
    dialect.rows.scope_column = owned.then(|| "own".into());
    dialect.rows.on_foreign_row = if drops { OnForeignRow::Drop } else { OnForeignRow::Refuse };
    let cutter = Cutter::new(&dialect, VIEW).output(output).rows_of(&["17".to_owned()]);
    if is_raw {
        let body = choices.rest();
        if check(&cutter, output, body, cut, false).is_some() {
            assert!(is_xml(body), "no XML: {}", body.escape_ascii());
        }
        return;
    }
    let end = choices.below(256);
    let mut body = Body { choices, text: String::new(), is_foreign: false };
    body.document(owned);
    let text = body.text;
    // Cut off now and then.
    let text = if end < 32 { &text.as_bytes()[..text.len() * end / 32] } else { text.as_bytes() };
    let left = check(&cutter, output, text, cut, true);
    assert!(left.is_none() || is_xml(text), "a part of a document left: {}", text.escape_ascii());
});
