//! Rows on their way out in another form than the backend's: cells, and the writers of JSON, NDJSON and CSV.
//!
//! A cell stays what the backend wrote. JSON values keep their text, byte for byte, as long
//! as the answer is JSON; text of CSV and XML becomes JSON strings, since it has no types.
//! In CSV (RFC 4180) null is empty and objects and arrays are their JSON text.

use crate::domain::column::{Catalogue, Column, View};
use crate::domain::dialect::{CsvHeader, OutputFormat, ResponseDialect, Scalar};
use crate::domain::encode::push_json_string;
use crate::filter::escape::{inside_of_string, unescaped, unescaped_lossy};
use std::borrow::Cow;

/// What stands in a column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell<'t> {
    /// Nothing: the row does not have the column.
    Missing,
    /// The text of a JSON value.
    Json(&'t [u8]),
    /// Text, whatever it means.
    Text(Cow<'t, [u8]>),
}

impl Cell<'_> {
    /// Whether it is that scalar: strings and text by what they say, numbers by value.
    pub(super) fn is(&self, expected: &Scalar) -> bool {
        match (self, expected) {
            (Self::Missing, _) => false,
            (Self::Json(value), Scalar::Boolean(expected)) => *value == word(*expected),
            (Self::Json(value), Scalar::Text(expected)) => {
                inside_of_string(value).and_then(unescaped).as_deref() == Some(expected.as_bytes())
            }
            (Self::Json(value), Scalar::Number(expected)) => is_number(value, *expected),
            (Self::Text(text), Scalar::Boolean(expected)) => **text == *word(*expected),
            (Self::Text(text), Scalar::Text(expected)) => **text == *expected.as_bytes(),
            (Self::Text(text), Scalar::Number(expected)) => is_number(text, *expected),
        }
    }

    /// Whether it is an id (a string, a number, text) that `is_own`.
    #[inline]
    pub(super) fn with_id(&self, is_own: impl Fn(&[u8]) -> bool) -> bool {
        match self {
            Self::Missing => false,
            Self::Text(text) => is_own(text),
            Self::Json(value) => match value.first() {
                Some(b'"') => {
                    inside_of_string(value).and_then(unescaped).is_some_and(|inside| is_own(&inside))
                }
                Some(b'-' | b'0'..=b'9') => is_own(value),
                _ => false,
            },
        }
    }

    /// Appends it as a JSON value; a missing one as null.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Missing => out.extend_from_slice(b"null"),
            Self::Json(value) => out.extend_from_slice(value),
            Self::Text(text) => push_string(text, out),
        }
    }

    /// Appends it as a JSON value on one line.
    pub(super) fn write_line(&self, out: &mut Vec<u8>) {
        match self {
            Self::Json(value) if matches!(value.first(), Some(b'{' | b'[')) => push_compact(value, out),
            Self::Json(_) | Self::Text(_) | Self::Missing => self.write_json(out),
        }
    }

    /// Appends it as a CSV cell.
    pub(super) fn write_csv(&self, delimiter: u8, safe: bool, out: &mut Vec<u8>) {
        let text = match self {
            Self::Missing => return,
            Self::Text(text) => Cow::Borrowed(&**text),
            Self::Json(b"null") => return,
            Self::Json(value) => inside_of_string(value).map_or(Cow::Borrowed(*value), unescaped_lossy),
        };
        push_csv(&text, delimiter, safe, out);
    }
}

fn word(truth: bool) -> &'static [u8] {
    if truth { b"true" } else { b"false" }
}

fn is_number(text: &[u8], expected: f64) -> bool {
    let looks_like_one = text.first().is_some_and(|first| matches!(first, b'-' | b'0'..=b'9'));
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    looks_like_one && value == Some(expected)
}

fn push_string(text: &[u8], out: &mut Vec<u8>) {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_json_string(&mut quoted, &String::from_utf8_lossy(text));
    out.extend_from_slice(quoted.as_bytes());
}

/// Appends a JSON value without the white space between its parts.
fn push_compact(value: &[u8], out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for byte in value {
        if in_string || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push(*byte);
        }
        if escaped {
            escaped = false;
        } else if *byte == b'"' {
            in_string = !in_string;
        } else if in_string && *byte == b'\\' {
            escaped = true;
        }
    }
}

/// Appends a CSV cell, in quotes where it needs them; with `safe`, one that a spreadsheet would run gets an
/// apostrophe in front.
pub(super) fn push_csv(text: &[u8], delimiter: u8, safe: bool, out: &mut Vec<u8>) {
    let runs = safe && is_formula(text);
    let special = |byte: &u8| *byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    let quoted = text.iter().any(special);
    if quoted {
        out.push(b'"');
    }
    if runs {
        out.push(b'\'');
    }
    if quoted {
        for byte in text {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(text);
    }
}

/// Whether a spreadsheet might run a cell: it begins like a formula and is no plain number.
pub(super) fn is_formula(text: &[u8]) -> bool {
    match text.first() {
        Some(b'=' | b'@' | b'\t' | b'\r' | b'\n') => true,
        Some(b'+' | b'-') => {
            let rest = text.get(1..).unwrap_or_default();
            let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', rest) {
                Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
                None => (rest, &b"0"[..]),
            };
            let power =
                exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
            let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
            let is_number = mantissa.iter().all(is_part)
                && mantissa.iter().any(u8::is_ascii_digit)
                && !power.is_empty()
                && power.iter().all(u8::is_ascii_digit);
            !is_number
        }
        // The full-width forms of =, +, - and @.
        Some(0xEF) => [&b"\xEF\xBC\x9D"[..], b"\xEF\xBC\x8B", b"\xEF\xBC\x8D", b"\xEF\xBC\xA0"]
            .iter()
            .any(|sign| text.starts_with(sign)),
        _ => false,
    }
}

/// How the columns of a view are called on their way out, in its order.
#[derive(Debug)]
pub(super) struct OutputColumns {
    columns: Vec<OutputColumn>,
    csv_safe: bool,
}

#[derive(Debug)]
struct OutputColumn {
    /// `"name":`
    lead: Box<[u8]>,
    /// As the cell of a CSV header says it.
    heading: Box<[u8]>,
}

impl OutputColumns {
    pub(super) fn new(dialect: &ResponseDialect, catalogue: &Catalogue, view: &View) -> Self {
        fn heading(column: &Column, called: CsvHeader) -> &str {
            match (called, &column.title) {
                (CsvHeader::Title, Some(title)) => title,
                (CsvHeader::Title | CsvHeader::Name, _) => column.name.as_str(),
            }
        }
        let column = |column: &Column| {
            let mut lead = Vec::new();
            push_string(column.name.as_str().as_bytes(), &mut lead);
            lead.push(b':');
            OutputColumn {
                lead: lead.into(),
                heading: heading(column, dialect.output.csv_header).as_bytes().into(),
            }
        };
        Self { columns: catalogue.columns_of(view).map(column).collect(), csv_safe: dialect.output.csv_safe }
    }

    /// Appends a row object of the cells that it has; `cell` knows them by their place in the view.
    pub(super) fn write_object<'t>(&self, cell: impl Fn(usize) -> Cell<'t>, out: &mut Vec<u8>) {
        self.write_members(cell, Cell::write_json, out);
    }

    fn write_members<'t>(
        &self,
        cell: impl Fn(usize) -> Cell<'t>,
        write: impl Fn(&Cell<'t>, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        let mut is_first = true;
        for (nth, column) in self.columns.iter().enumerate() {
            let cell = cell(nth);
            if cell == Cell::Missing {
                continue;
            }
            if !std::mem::replace(&mut is_first, false) {
                out.push(b',');
            }
            out.extend_from_slice(&column.lead);
            write(&cell, out);
        }
        out.push(b'}');
    }

    /// Appends the cells of a CSV header, without the end of its line.
    pub(super) fn write_headings(&self, delimiter: u8, out: &mut Vec<u8>) {
        for (nth, column) in self.columns.iter().enumerate() {
            if nth > 0 {
                out.push(delimiter);
            }
            push_csv(&column.heading, delimiter, self.csv_safe, out);
        }
    }
}

/// Writes the rows of an answer that leaves in another format, and nothing but its rows.
#[derive(Debug)]
pub(super) struct RowWriter {
    format: RowFormat,
    begun: bool,
    has_rows: bool,
}

/// In which format rows leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowFormat {
    /// One array of objects.
    Array,
    /// An object a line.
    Lines,
    Csv,
}

/// Between two cells of a CSV that the gate makes.
const DELIMITER: u8 = b',';

impl RowWriter {
    /// For answers in `output`; `None` for formats that only the backend writes.
    pub(super) fn new(output: OutputFormat) -> Option<Self> {
        let format = match output {
            OutputFormat::Json => RowFormat::Array,
            OutputFormat::Ndjson => RowFormat::Lines,
            OutputFormat::Csv => RowFormat::Csv,
            OutputFormat::Xml | OutputFormat::Opaque => return None,
        };
        Some(Self { format, begun: false, has_rows: false })
    }

    /// Appends what stands before the first row. The first call counts.
    pub(super) fn begin(&mut self, columns: &OutputColumns, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        match self.format {
            RowFormat::Array => out.push(b'['),
            RowFormat::Lines => {}
            RowFormat::Csv => {
                columns.write_headings(DELIMITER, out);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Appends a row; `cell` knows its cells by their place in the view.
    pub(super) fn row<'t>(
        &mut self,
        columns: &OutputColumns,
        cell: impl Fn(usize) -> Cell<'t>,
        out: &mut Vec<u8>,
    ) {
        match self.format {
            RowFormat::Array => {
                if self.has_rows {
                    out.push(b',');
                }
                columns.write_object(cell, out);
            }
            RowFormat::Lines => {
                columns.write_members(cell, Cell::write_line, out);
                out.push(b'\n');
            }
            RowFormat::Csv => {
                let began = out.len();
                for nth in 0..columns.columns.len() {
                    if nth > 0 {
                        out.push(DELIMITER);
                    }
                    cell(nth).write_csv(DELIMITER, columns.csv_safe, out);
                }
                if out.len() == began {
                    // Readers take a blank line for none.
                    out.extend_from_slice(b"\"\"");
                }
                out.extend_from_slice(b"\r\n");
            }
        }
        self.has_rows = true;
    }

    /// Appends a row that `write` writes as one JSON object, on one line where rows are lines; CSV has no objects.
    pub(super) fn object(&mut self, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        match self.format {
            RowFormat::Array => {
                if self.has_rows {
                    out.push(b',');
                }
                write(out);
            }
            RowFormat::Lines => {
                write(out);
                out.push(b'\n');
            }
            RowFormat::Csv => {}
        }
        self.has_rows = true;
    }

    /// Appends what stands behind the last row.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.format == RowFormat::Array {
            out.push(b']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::{JsonDialect, ResponseFormat};
    use crate::domain::names::ColumnName;
    use crate::domain::pointer::Pointer;

    fn columns(csv_header: CsvHeader, csv_safe: bool) -> OutputColumns {
        let column = |name: &str, title: Option<&str>| Column {
            name: ColumnName::parse(name).unwrap(),
            title: title.map(Into::into),
            request: name.into(),
            response: name.into(),
            group: None,
        };
        let catalogue = Catalogue::new(vec![column("a", Some("The \"A\"")), column("b.c", None)]);
        let all: Vec<_> = catalogue.iter().map(|(at, _)| at).collect();
        let mut dialect = ResponseDialect::new(ResponseFormat::Json(JsonDialect::new(Pointer::default())));
        dialect.output.csv_header = csv_header;
        dialect.output.csv_safe = csv_safe;
        OutputColumns::new(&dialect, &catalogue, &View::new(&all).unwrap())
    }

    fn written(output: OutputFormat, columns: &OutputColumns, rows: &[[Cell<'static>; 2]]) -> String {
        let (mut writer, mut out) = (RowWriter::new(output).unwrap(), Vec::new());
        writer.begin(columns, &mut out);
        for row in rows {
            writer.begin(columns, &mut out);
            writer.row(columns, |nth| row[nth].clone(), &mut out);
        }
        writer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn json(text: &'static str) -> Cell<'static> {
        Cell::Json(text.as_bytes())
    }

    fn text(text: &'static str) -> Cell<'static> {
        Cell::Text(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn rows_are_written_in_every_format() {
        let plain = columns(CsvHeader::Name, false);
        let rows = [
            [json("1E400"), text("x\"y")],
            [Cell::Missing, json("{ \"k\" :\n[1 , \" \\\" \"] }")],
            [json("null"), Cell::Missing],
            [json(r#""a\u000ab\ud800""#), text("")],
        ];
        #[rustfmt::skip]
        let cases = [
            (OutputFormat::Json, "[{\"a\":1E400,\"b.c\":\"x\\\"y\"},{\"b.c\":{ \"k\" :\n[1 , \" \\\" \"] }},{\"a\":null},\
                {\"a\":\"a\\u000ab\\ud800\",\"b.c\":\"\"}]"),
            (OutputFormat::Ndjson, "{\"a\":1E400,\"b.c\":\"x\\\"y\"}\n{\"b.c\":{\"k\":[1,\" \\\" \"]}}\n{\"a\":null}\n\
                {\"a\":\"a\\u000ab\\ud800\",\"b.c\":\"\"}\n"),
            (OutputFormat::Csv, "a,b.c\r\n1E400,\"x\"\"y\"\r\n,\"{ \"\"k\"\" :\n[1 , \"\" \\\"\" \"\"] }\"\r\n,\r\n\"a\nb\u{fffd}\",\r\n"),
        ];
        for (output, expected) in cases {
            assert_eq!(written(output, &plain, &rows), expected, "{output:?}");
        }
        assert_eq!(written(OutputFormat::Json, &plain, &[]), "[]");
        assert_eq!(written(OutputFormat::Ndjson, &plain, &[]), "");
        let titled = columns(CsvHeader::Title, false);
        assert_eq!(written(OutputFormat::Csv, &titled, &[]), "\"The \"\"A\"\"\",b.c\r\n");
    }

    #[test]
    fn formulas_are_neutralised_where_that_is_wanted() {
        let (safe, plain) = (columns(CsvHeader::Name, true), columns(CsvHeader::Name, false));
        #[rustfmt::skip]
        let cases = [
            ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+cmd|x", "'+cmd|x"), ("-cmd", "'-cmd"), ("\t=1", "'\t=1"),
            ("=\"a\",1", "\"'=\"\"a\"\",1\""), ("-", "'-"), ("\u{ff1d}1", "'\u{ff1d}1"),
            ("-5.20", "-5.20"), ("-1.5e-07", "-1.5e-07"), ("+2E+3", "+2E+3"), ("-1e", "'-1e"), ("-e1", "'-e1"), ("-1e-", "'-1e-"),
            ("-1e1e1", "'-1e1e1"), ("-1e1+A1", "'-1e1+A1"), ("-1e.5", "'-1e.5"), ("+49", "+49"), ("-1,000.5", "\"-1,000.5\""), ("a=1", "a=1"), ("", ""), ("\u{feff}x", "\u{feff}x"),
        ];
        for (cell, expected) in cases {
            let rows = [[text(cell), json("0")]];
            assert_eq!(written(OutputFormat::Csv, &safe, &rows), format!("a,b.c\r\n{expected},0\r\n"));
            let unchanged = expected.replacen('\'', "", usize::from(expected != cell));
            assert_eq!(written(OutputFormat::Csv, &plain, &rows), format!("a,b.c\r\n{unchanged},0\r\n"));
        }
    }

    #[test]
    fn cells_are_compared_by_what_they_say() {
        let (yes, one, total) = (Scalar::Boolean(true), Scalar::Number(1.0), Scalar::Text("Total".into()));
        #[rustfmt::skip]
        let cases = [
            (json("true"), &yes, true), (json("\"true\""), &yes, false), (text("true"), &yes, true), (json("1.0"), &one, true),
            (text("1"), &one, true), (text("inf"), &one, false), (json("\"1\""), &one, false), (json(r#""\u0054otal""#), &total, true),
            (text("Total"), &total, true), (text(" Total"), &total, false), (json("Total"), &total, false), (Cell::Missing, &total, false),
        ];
        for (cell, scalar, expected) in cases {
            assert_eq!(cell.is(scalar), expected, "{cell:?} {scalar:?}");
        }
    }
}
