//! CSV answers: no hidden byte leaves, and what leaves is sound.

#![no_main]

#[path = "../answers.rs"]
mod answers;

use answers::{Choices, Cutter, HIDDEN, VIEW, check, is_csv};
use libfuzzer_sys::fuzz_target;
use reportgate::domain::dialect::{CsvDialect, OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat};

/// In which formats answers leave.
const OUTPUTS: [OutputFormat; 3] = [OutputFormat::Csv, OutputFormat::Json, OutputFormat::Ndjson];

const DELIMITERS: [u8; 4] = *b",;\t|";

/// Names that look like granted ones.
const STRANGE: [&str; 6] = ["A", "b", "", " a", "a\"\"", "s"];

const TEXTS: [&str; 8] = ["", "x", "é😀", ",;\t|", "\r\n", "\n", "\"\"", "0"];

/// A cell, quoted where it must be and where that is chosen.
fn push_cell(cell: &str, choices: &mut Choices<'_>, out: &mut String) {
    if choices.one_in(4) || cell.contains([',', ';', '\t', '|', '"', '\r', '\n']) {
        out.push_str(&format!("\"{cell}\""));
    } else {
        out.push_str(cell);
    }
}

/// A CSV whose hidden cells and names hold the mark; the first column of an owned one tells whose a row is.
fn built(choices: &mut Choices<'_>, delimiter: u8, owned: bool) -> String {
    let (mut out, mut granted, mut seen) = (String::new(), Vec::new(), [false; 3]);
    if choices.one_in(8) {
        out.push('\u{feff}');
    }
    let header = out.len();
    if owned {
        push_cell("own", choices, &mut out);
    }
    for nth in 0..=choices.below(6) {
        if nth > 0 || owned {
            out.push(char::from(delimiter));
        }
        let choice = choices.below(6);
        match VIEW.get(choice) {
            Some((_, name)) => {
                push_cell(name, choices, &mut out);
                granted.push(!std::mem::replace(&mut seen[choice], true));
            }
            None => {
                let name = format!("{}{HIDDEN}{nth}", choices.pick(&STRANGE));
                push_cell(&name, choices, &mut out);
                granted.push(false);
            }
        }
    }
    let end = choices.pick(&["\n", "\r\n"]);
    out.push_str(end);
    let header = out[header..].to_owned();
    for _ in 0..choices.below(6) {
        if choices.one_in(16) {
            // Glued reports repeat it.
            out.push_str(&header);
            continue;
        }
        let owner = if owned { choices.pick(&["17", "18", "", "017", "17 "]) } else { "17" };
        if owned {
            push_cell(owner, choices, &mut out);
        }
        for (nth, granted) in granted.iter().enumerate() {
            if nth > 0 || owned {
                out.push(char::from(delimiter));
            }
            let mark = if *granted && owner == "17" { "" } else { HIDDEN };
            let cell = format!("{}{mark}{}", choices.pick(&TEXTS), choices.pick(&TEXTS));
            push_cell(&cell, choices, &mut out);
        }
        if choices.one_in(32) {
            out.push_str(&format!("{}{HIDDEN}", char::from(delimiter)));
        }
        out.push_str(end);
    }
    out
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let (delimiter, output) = (choices.pick(&DELIMITERS), choices.pick(&OUTPUTS));
    let mut dialect = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter }));
    let (is_raw, owned, drops, cut) =
        (choices.one_in(2), choices.one_in(2), choices.one_in(2), choices.below(256));
    dialect.rows.scope_column = owned.then(|| "own".into());
    dialect.rows.on_foreign_row = if drops { OnForeignRow::Drop } else { OnForeignRow::Refuse };
    let cutter = Cutter::new(&dialect, VIEW).output(output).rows_of(&["17".to_owned()]);
    // The backend's own format keeps its delimiter, and is read by that.
    let read = if output == OutputFormat::Csv { OutputFormat::Opaque } else { output };
    let sound = |out: &[u8]| output != OutputFormat::Csv || is_csv(out, delimiter);
    let (body, left);
    if is_raw {
        body = choices.rest().to_vec();
        left = check(&cutter, read, &body, cut, false);
    } else {
        let (end, text) = (choices.below(256), built(choices, delimiter, owned).into_bytes());
        // Cut off now and then.
        let length = if end < 32 { text.len() * end / 32 } else { text.len() };
        body = text[..length].to_vec();
        left = check(&cutter, read, &body, cut, true);
    }
    if let Some(out) = left {
        assert!(sound(&out), "unsound: {}\nof: {}", out.escape_ascii(), body.escape_ascii());
    }
});
