//! CSV answers: no hidden byte leaves, and what leaves is sound.

#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use reportgate::domain::dialect::{CsvDialect, OutputFormat, ResponseDialect, ResponseFormat};
use shared::{Choices, Cutter, HIDDEN, VIEW, check, is_csv};

/// In which formats answers leave.
const OUTPUTS: [OutputFormat; 1] = [OutputFormat::Csv];

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

/// A CSV whose hidden cells and names hold the mark.
fn built(choices: &mut Choices<'_>, delimiter: u8) -> String {
    let (mut out, mut granted, mut seen) = (String::new(), Vec::new(), [false; 3]);
    if choices.one_in(8) {
        out.push('\u{feff}');
    }
    for nth in 0..=choices.below(6) {
        if nth > 0 {
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
    for _ in 0..choices.below(6) {
        for (nth, granted) in granted.iter().enumerate() {
            if nth > 0 {
                out.push(char::from(delimiter));
            }
            let mark = if *granted { "" } else { HIDDEN };
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
    let dialect = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter }));
    let cutter = Cutter::new(&dialect, VIEW).output(output);
    let (is_raw, cut) = (choices.one_in(2), choices.below(256));
    // The backend's own format keeps its delimiter, and is read by that.
    let read = if output == OutputFormat::Csv { OutputFormat::Opaque } else { output };
    let sound = |out: &[u8]| output != OutputFormat::Csv || is_csv(out, delimiter);
    let (body, left);
    if is_raw {
        body = choices.rest().to_vec();
        left = check(&cutter, read, &body, cut, false);
    } else {
        let (end, text) = (choices.below(256), built(choices, delimiter).into_bytes());
        // Cut off now and then.
        let length = if end < 32 { text.len() * end / 32 } else { text.len() };
        body = text[..length].to_vec();
        left = check(&cutter, read, &body, cut, true);
    }
    if let Some(out) = left {
        assert!(sound(&out), "unsound: {}\nof: {}", out.escape_ascii(), body.escape_ascii());
    }
});
