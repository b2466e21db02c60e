//! JSON answers of every row form: no hidden byte leaves, what leaves is sound, and so was what came.

#![no_main]

#[path = "../answers.rs"]
mod answers;

use answers::{Choices, Cutter, HIDDEN, VIEW, are_json, check, is_json, without_mark};
use libfuzzer_sys::fuzz_target;
use reportgate::domain::dialect::{
    Documents, JsonDialect, OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, RowForm, Shape,
};
use reportgate::domain::pointer::Pointer;

/// How the rows of an answer stand in it.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Objects,
    Arrays,
    ArraysAfterHeader,
    Pairs,
    /// Objects of somebody, who stands in `own`.
    Owned,
    /// Several documents with objects.
    Documents,
    /// Several documents that are objects.
    Lines,
}

const FORMS: [Form; 7] = [
    Form::Objects,
    Form::Arrays,
    Form::ArraysAfterHeader,
    Form::Pairs,
    Form::Owned,
    Form::Documents,
    Form::Lines,
];

/// In which formats answers leave.
const OUTPUTS: [OutputFormat; 3] = [OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv];

const SHAPES: [Shape; 3] = [Shape::Same, Shape::Objects, Shape::Bare];

fn dialect(form: Form, rows: &str) -> ResponseDialect {
    let mut json = JsonDialect::new(Pointer::parse(rows).unwrap());
    if !rows.is_empty() && form != Form::Lines {
        json.also = [Pointer::parse("/totals").unwrap()].into();
        json.keep = [Pointer::parse("/page").unwrap()].into();
    }
    json.row = match form {
        Form::Objects | Form::Owned | Form::Documents | Form::Lines => RowForm::Object,
        Form::Pairs => RowForm::Pairs { name_key: "k".into(), value_key: "v".into() },
        Form::Arrays => RowForm::Array { header: Pointer::parse("/columns").unwrap() },
        Form::ArraysAfterHeader => RowForm::ArrayAfterHeader,
    };
    if matches!(form, Form::Documents | Form::Lines) {
        json.documents = Documents::Many;
    }
    if form == Form::Lines {
        json.rows = None;
    }
    let mut dialect = ResponseDialect::new(ResponseFormat::Json(json));
    if form == Form::Owned {
        dialect.rows.scope_column = Some("own".into());
    }
    dialect
}

/// Names of granted columns as a row object may spell them, but for the nested one.
const GRANTED: [&str; 4] = [r#""a""#, r#""B""#, r#""\u0061""#, r#""\u0042""#];

/// Names that look like granted ones, or are places of the dialect.
const STRANGE: [&str; 8] = ["A", "b", "", "s.c", "rows", "a\\u0000", "a ", "\\\"a"];

const TEXTS: [&str; 8] = ["", "x", "\\u00e9é", "\\ud800", "\\\\", "\\\"", "],\\\"rows\\\":[", "😀"];

const NUMBERS: [&str; 6] = ["0", "-0", "1E400", "-1.50e-7", "123456789012345678901234567890", "7"];

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
        if self.choices.one_in(16) {
            let blank = self.choices.pick(&[" ", "\n", "\r\n\t"]);
            self.text.push_str(blank);
        }
    }

    /// Items, as many as are chosen, of which `item` is told the number.
    fn list(&mut self, open: &str, most: usize, close: &str, mut item: impl FnMut(&mut Self, usize)) {
        self.push(open);
        for nth in 0..self.choices.below(most + 1) {
            if nth > 0 {
                self.push(",");
            }
            item(self, nth);
        }
        self.push(close);
    }

    fn value(&mut self, hidden: bool, depth: usize) {
        let hidden = hidden || self.is_foreign;
        let mark = if hidden { HIDDEN } else { "" };
        match self.choices.below(if depth == 0 { 5 } else { 8 }) {
            0 | 1 if hidden => self.push(&format!("\"{HIDDEN}\"")),
            0 => {
                let number = self.choices.pick(&NUMBERS);
                self.push(number);
            }
            1 => {
                let word = self.choices.pick(&["true", "false", "null"]);
                self.push(word);
            }
            2..=4 => {
                let (before, after) = (self.choices.pick(&TEXTS), self.choices.pick(&TEXTS));
                self.push(&format!("\"{before}{mark}{after}\""));
            }
            5 => self.list("[", 3, "]", |body, _| body.value(hidden, depth - 1)),
            _ => self.list("{", 3, "}", |body, nth| {
                let name = body.choices.pick(&STRANGE);
                body.push(&format!("\"{name}{mark}{nth}\":"));
                body.value(hidden, depth - 1);
            }),
        }
    }

    /// A member that nobody was granted; two are seldom of one name.
    fn hidden_member(&mut self, nth: usize) {
        let name = self.choices.pick(&STRANGE);
        self.push(&format!("\"{name}{HIDDEN}{nth}\":"));
        self.value(true, 3);
    }

    /// An object keyed by column; a name may stand in it twice.
    fn object(&mut self) {
        self.list("{", 6, "}", |body, nth| match body.choices.below(8) {
            0..=2 => {
                let name = body.choices.pick(&GRANTED);
                body.push(&format!("{name}:"));
                body.value(false, 3);
            }
            3 => {
                body.push("\"s\":");
                body.list("{", 3, "}", |body, nth| {
                    if body.choices.one_in(2) {
                        body.push("\"c\":");
                        body.value(false, 2);
                    } else {
                        body.hidden_member(nth);
                    }
                });
            }
            4 => {
                // Not the object in which the granted cell is.
                body.push("\"s\":");
                body.push(&format!("[\"{HIDDEN}\"]"));
            }
            _ => body.hidden_member(nth),
        });
    }

    /// The names of array rows; whether each is granted.
    fn header(&mut self) -> Vec<bool> {
        let mut granted: Vec<bool> = Vec::new();
        let mut seen = [false; 3];
        self.list("[", 6, "]", |body, nth| {
            let choice = body.choices.below(6);
            match ["\"a\"", "\"B\"", "\"s.c\""].get(choice) {
                Some(name) => {
                    body.push(name);
                    granted.push(!std::mem::replace(&mut seen[choice], true));
                }
                None => {
                    let name = body.choices.pick(&STRANGE);
                    body.push(&format!("\"{name}{HIDDEN}{nth}\""));
                    granted.push(false);
                }
            }
        });
        granted
    }

    /// A row below that header, seldom of another length.
    fn row(&mut self, granted: &[bool]) {
        let cells: Vec<_> = granted.iter().map(|granted| !granted).collect();
        let cells = if self.choices.one_in(32) { vec![true; cells.len() + 1] } else { cells };
        self.push("[");
        for (nth, hidden) in cells.into_iter().enumerate() {
            if nth > 0 {
                self.push(",");
            }
            self.value(hidden, 3);
        }
        self.push("]");
    }

    /// An object that tells whose it is.
    fn owned(&mut self) {
        let owner =
            self.choices.pick(&["17", "\"17\"", "\"\\u0031a\"", "18", "17.0", "null", "[17]", "\" 17\""]);
        self.is_foreign = !matches!(owner, "17" | "\"17\"" | "\"\\u0031a\"");
        let began = self.text.len();
        self.object();
        let member = if self.text[began..].contains(':') {
            format!("\"own\":{owner},")
        } else {
            format!("\"own\":{owner}")
        };
        let inside = began + self.text[began..].find('{').map_or(0, |at| at + 1);
        self.text.insert_str(inside, &member);
        self.is_foreign = false;
    }

    /// An array of pairs; a name may stand in it twice.
    fn pairs(&mut self) {
        self.list("[", 6, "]", |body, nth| {
            let name = body.choices.pick(&["\"a\"", "\"B\"", "\"s.c\"", "\"\\u0061\"", "", "", ""]);
            let (named, hidden) = match name {
                "" => (format!("\"{}{HIDDEN}{nth}\"", body.choices.pick(&STRANGE)), true),
                name => (name.to_owned(), false),
            };
            body.push("{");
            if body.choices.one_in(4) {
                body.hidden_member(nth);
                body.push(",");
            }
            if body.choices.one_in(2) {
                body.push(&format!("\"k\":{named},\"v\":"));
                body.value(hidden, 3);
            } else {
                body.push("\"\\u0076\":");
                body.value(hidden, 3);
                body.push(&format!(",\"k\":{named}"));
            }
            body.push("}");
        });
    }

    fn rows(&mut self, form: Form, header: &[bool]) {
        match form {
            Form::Objects | Form::Documents | Form::Lines => self.list("[", 5, "]", |body, _| body.object()),
            Form::Owned => self.list("[", 5, "]", |body, _| body.owned()),
            Form::Pairs => self.list("[", 5, "]", |body, _| body.pairs()),
            Form::Arrays => self.list("[", 5, "]", |body, _| body.row(header)),
            Form::ArraysAfterHeader => {
                self.push("[");
                let header = self.header();
                for _ in 0..self.choices.below(5) {
                    self.push(",");
                    self.row(&header);
                }
                self.push("]");
            }
        }
    }

    fn documents(&mut self, form: Form, rows: &str) {
        if !matches!(form, Form::Documents | Form::Lines) {
            return self.document(form, rows);
        }
        for _ in 0..=self.choices.below(4) {
            match form {
                Form::Lines => self.object(),
                _ => self.document(form, rows),
            }
        }
    }

    fn document(&mut self, form: Form, rows: &str) {
        if rows.is_empty() {
            return self.rows(form, &[]);
        }
        // The names are built first and put where they are wanted.
        let (before, mut late) = (std::mem::take(&mut self.text), self.choices.one_in(2));
        let header = if form == Form::Arrays { self.header() } else { Vec::new() };
        let columns = std::mem::replace(&mut self.text, before);
        late |= columns.is_empty();
        self.push("{");
        if !late {
            self.push(&format!("\"columns\":{columns},"));
        }
        self.around();
        self.push("\"rows\":");
        self.rows(form, &header);
        self.push(",");
        self.around();
        if late && !columns.is_empty() {
            self.push(&format!("\"columns\":{columns},"));
        }
        self.push("\"page\":0}");
    }

    /// Members beside the rows.
    fn around(&mut self) {
        for nth in 0..self.choices.below(3) {
            match self.choices.below(4) {
                0 => {
                    self.push("\"totals\":");
                    self.object();
                }
                _ => self.hidden_member(nth),
            }
            self.push(",");
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let (form, output, shape) = (choices.pick(&FORMS), choices.pick(&OUTPUTS), choices.pick(&SHAPES));
    let rows = match form {
        Form::Arrays => "/rows",
        // The operator cannot vouch for members beside rows that are dropped.
        Form::Owned => "",
        _ => choices.pick(&["", "/rows"]),
    };
    let mut dialect = dialect(form, rows);
    dialect.output.shape = shape;
    let own = ["17".to_owned(), "1a".to_owned()];
    let (is_raw, drops, cut) = (choices.one_in(2), choices.one_in(2), choices.below(256));
    dialect.rows.on_foreign_row = if drops { OnForeignRow::Drop } else { OnForeignRow::Refuse };
    let cutter = Cutter::new(&dialect, VIEW).output(output).rows_of(&own);
    let is_sound = |body: &[u8]| match form {
        Form::Documents | Form::Lines => are_json(without_mark(body)),
        _ => is_json(without_mark(body)),
    };
    if is_raw {
        let body = choices.rest();
        if check(&cutter, output, body, cut, false).is_some() {
            assert!(is_sound(body), "no JSON: {}", body.escape_ascii());
        }
        return;
    }
    let end = choices.below(256);
    let mut body = Body { choices, text: String::new(), is_foreign: false };
    body.documents(form, rows);
    let text = body.text;
    assert!(is_sound(text.as_bytes()), "the target builds JSON: {text}");
    // Cut off now and then.
    let text = if end < 32 { &text.as_bytes()[..text.len() * end / 32] } else { text.as_bytes() };
    let left = check(&cutter, output, text, cut, true);
    assert!(left.is_none() || is_sound(text), "a part of a document left: {}", text.escape_ascii());
});
