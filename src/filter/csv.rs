//! CSV answers (RFC 4180): the header tells which cells are granted, records are cut.
//!
//! The header leaves with every column of the view under the catalogue's names; a column that
//! the backend does not send is empty. Cells, their quotes and the ends of lines leave
//! byte for byte. Refused: records of another length than the header, a quote inside a
//! bare cell, text behind a closing quote, a lone CR outside of quotes. Blank lines are dropped
//! unless there is one column, where they are a cell.

use super::headers::Ending;
use super::intake::{Intake, MAX_CELLS, MAX_UNIT, TOO_LONG, TOO_MANY};
use super::{FilterError, Terms, Violation};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{CsvDialect, ResponseDialect};
use crate::domain::names::ColumnName;
use memchr::{memchr, memchr_iter, memchr2};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// How CSV answers to one view are cut.
#[derive(Debug)]
pub(super) struct CsvPlan {
    delimiter: u8,
    /// In the view's order: the catalogue's name and the backend's.
    columns: Vec<(Box<str>, Box<str>)>,
}

impl CsvPlan {
    pub(super) fn new(
        csv: &CsvDialect,
        _dialect: &ResponseDialect,
        catalogue: &Catalogue,
        view: &View,
    ) -> Self {
        let columns = catalogue.columns_of(view);
        let columns = columns.map(|column| (column.name.as_str().into(), column.response.clone())).collect();
        Self { delimiter: csv.delimiter, columns }
    }
}

/// The filter of one CSV answer.
pub(super) struct CsvFilter {
    intake: Intake,
    records: Records,
}

impl CsvFilter {
    pub(super) fn new(plan: Arc<CsvPlan>, _terms: Arc<Terms>) -> Self {
        let records = Records { plan, cells: Vec::new(), header: None, removed: 0 };
        Self { intake: Intake::default(), records }
    }

    pub(super) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.intake.push(input, |text| self.records.read(text, Rest::MayCome, out))
    }

    pub(super) fn finish(&mut self, ending: Ending, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let rest = self.intake.finish()?;
        if ending == Ending::Closed && !rest.is_empty() {
            // Perhaps its last cell is only half there.
            return Err(FilterError::Invalid(
                Violation::Truncated,
                "it ends within a line, and its length was not told",
            ));
        }
        self.records.read(&rest, Rest::IsHere, out)?;
        if self.records.header.is_none() { Err(NO_HEADER) } else { Ok(()) }
    }

    pub(super) fn columns_removed(&self) -> usize {
        self.records.removed
    }

    pub(super) fn foreign_rows(&self) -> u64 {
        0
    }

    pub(super) fn removed_names(&self) -> Vec<String> {
        Vec::new()
    }

    pub(super) fn missing_columns(&self) -> Vec<ColumnName> {
        Vec::new()
    }
}

const NO_HEADER: FilterError = FilterError::Invalid(Violation::Shape, "there is no header line");
const RAGGED: FilterError = FilterError::Invalid(Violation::Shape, "a record is not as long as the header");

/// Whether the text at hand is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    MayCome,
    IsHere,
}

/// The records of one answer.
struct Records {
    plan: Arc<CsvPlan>,
    /// Where the cells of the record at hand stand, quotes included.
    cells: Vec<Range<usize>>,
    header: Option<Header>,
    removed: usize,
}

struct Header {
    width: usize,
    /// In the view's order: the granted columns, and where the backend has them.
    granted: Vec<Option<usize>>,
}

impl Records {
    /// Reads and writes as many records as are complete: how many bytes they were.
    fn read(&mut self, text: &[u8], rest: Rest, out: &mut Vec<u8>) -> Result<usize, FilterError> {
        let mut at = 0;
        while at < text.len() {
            self.cells.clear();
            let Some((end, next)) = self.record(text, at, rest)? else { break };
            if next - at > MAX_UNIT {
                return Err(TOO_LONG);
            }
            let line_end = slice(text, &(end..next));
            match &self.header {
                None => self.write_header(text, line_end, out)?,
                Some(header) if end == at && header.width > 1 => {}
                Some(header) => header.write(&self.cells, text, self.plan.delimiter, line_end, out)?,
            }
            at = next;
        }
        Ok(at)
    }

    /// Finds the cells of the record at `at`: where its last cell ends, and where the next record
    /// begins; `None` when it is not complete.
    fn record(&mut self, text: &[u8], at: usize, rest: Rest) -> Result<Option<(usize, usize)>, FilterError> {
        let line = text.get(at..).unwrap_or_default();
        let Some(length) = memchr(b'\n', line) else {
            return match rest {
                Rest::MayCome => Ok(None),
                Rest::IsHere => self.quoted_record(text, at, rest),
            };
        };
        let line = slice(line, &(0..length));
        let cells = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr2(b'"', b'\r', cells).is_some() {
            return self.quoted_record(text, at, rest);
        }
        let mut from = at;
        for delimiter in memchr_iter(self.plan.delimiter, cells) {
            self.cells.push(from..at + delimiter);
            if self.cells.len() >= MAX_CELLS {
                return Err(TOO_MANY);
            }
            from = at + delimiter + 1;
        }
        let end = at + cells.len();
        self.cells.push(from..end);
        Ok(Some((end, at + length + 1)))
    }

    /// [`Self::record`] for any record: cell by cell.
    fn quoted_record(
        &mut self,
        text: &[u8],
        mut at: usize,
        rest: Rest,
    ) -> Result<Option<(usize, usize)>, FilterError> {
        loop {
            let from = at;
            if text.get(at) == Some(&b'"') {
                match closing_quote(text, at + 1, rest)? {
                    Some(end) => at = end,
                    None => return Ok(None),
                }
            } else {
                let ends = |byte: &u8| *byte == self.plan.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
                let bare = text.get(at..).unwrap_or_default();
                at += bare.iter().position(ends).unwrap_or(bare.len());
            }
            if self.cells.len() >= MAX_CELLS {
                return Err(TOO_MANY);
            }
            self.cells.push(from..at);
            match (text.get(at), text.get(at + 1)) {
                (Some(byte), _) if *byte == self.plan.delimiter => at += 1,
                (Some(b'\n'), _) => return Ok(Some((at, at + 1))),
                (Some(b'\r'), Some(b'\n')) => return Ok(Some((at, at + 2))),
                (None, _) if rest == Rest::IsHere => return Ok(Some((at, at))),
                (None, _) => return Ok(None),
                (Some(b'\r'), None) if rest == Rest::MayCome => return Ok(None),
                (Some(b'\r'), _) => {
                    return Err(FilterError::Invalid(Violation::Syntax, "a CR without LF outside of quotes"));
                }
                (Some(b'"'), _) => {
                    return Err(FilterError::Invalid(Violation::Syntax, "a quote inside a bare cell"));
                }
                (Some(_), _) => {
                    return Err(FilterError::Invalid(Violation::Syntax, "text behind a closing quote"));
                }
            }
        }
    }

    /// Learns the header from the cells at hand and writes the view's.
    fn write_header(&mut self, text: &[u8], line_end: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        let mut places = HashMap::new();
        let mut names = HashSet::new();
        for (place, cell) in self.cells.iter().enumerate() {
            let name = unquoted(slice(text, cell));
            places.entry(name.clone()).or_insert(place);
            names.insert(name);
        }
        if self.cells.iter().all(|cell| cell.is_empty()) {
            return Err(NO_HEADER);
        }
        let columns = &self.plan.columns;
        let granted: Vec<_> =
            columns.iter().map(|(_, response)| places.get(response.as_bytes()).copied()).collect();
        if granted.iter().all(Option::is_none) {
            return Err(FilterError::Invalid(
                Violation::Shape,
                "the header names none of the granted columns",
            ));
        }
        for (_, response) in columns {
            names.remove(response.as_bytes());
        }
        self.removed = names.len();
        for (nth, (name, _)) in columns.iter().enumerate() {
            if nth > 0 {
                out.push(self.plan.delimiter);
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(line_end);
        self.header = Some(Header { width: self.cells.len(), granted });
        Ok(())
    }
}

impl Header {
    /// Writes what is granted of a record. An empty cell alone on its line is written `""`: readers take a blank line for none.
    fn write(
        &self,
        cells: &[Range<usize>],
        text: &[u8],
        delimiter: u8,
        line_end: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FilterError> {
        if cells.len() != self.width {
            return Err(RAGGED);
        }
        let began = out.len();
        for (nth, place) in self.granted.iter().enumerate() {
            if nth > 0 {
                out.push(delimiter);
            }
            if let Some(cell) = place.and_then(|place| cells.get(place)) {
                out.extend_from_slice(slice(text, cell));
            }
        }
        if out.len() == began {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(line_end);
        Ok(())
    }
}

/// The end of the quoted cell whose text is at `at`; `None` when that may yet come.
fn closing_quote(text: &[u8], mut at: usize, rest: Rest) -> Result<Option<usize>, FilterError> {
    loop {
        let Some(length) = memchr(b'"', text.get(at..).unwrap_or_default()) else {
            return match rest {
                Rest::MayCome => Ok(None),
                Rest::IsHere => Err(FilterError::Invalid(Violation::Truncated, "it ends inside of quotes")),
            };
        };
        at += length + 1;
        match text.get(at) {
            Some(b'"') => at += 1,
            None if rest == Rest::MayCome => return Ok(None),
            _ => return Ok(Some(at)),
        }
    }
}

fn slice<'t>(text: &'t [u8], cell: &Range<usize>) -> &'t [u8] {
    text.get(cell.clone()).unwrap_or_default()
}

/// What a cell says.
fn unquoted(cell: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = cell.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(cell);
    };
    if memchr(b'"', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut after_quote = false;
    let mut out = Vec::with_capacity(inside.len());
    for byte in inside {
        after_quote = *byte == b'"' && !after_quote;
        if !after_quote {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use crate::domain::dialect::{CsvDialect, ResponseFormat};
    use crate::filter::FilterError;
    use crate::filter::headers::Ending;
    use crate::filter::testing::{Rig, cut, pieces, plan, run};
    use proptest::prelude::*;

    const INVALID: &str = "INVALID";

    fn csv_plan(delimiter: u8, view: &str) -> Rig {
        plan(ResponseFormat::Csv(CsvDialect { delimiter }), view)
    }

    #[track_caller]
    fn check(plan: &Rig, text: impl AsRef<[u8]>, expected: &str) {
        let text = text.as_ref();
        let found = match cut(plan, text) {
            Ok(out) => out,
            Err(FilterError::Invalid(..) | FilterError::Refused) => INVALID.to_owned(),
        };
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }

    #[test]
    fn records_are_cut() {
        let plan = csv_plan(b',', "b a=A");
        #[rustfmt::skip]
        let cases = [
            ("A,h,b\r\n1,2,3\r\n4,5,6\r\n",     "b,a\r\n3,1\r\n6,4\r\n"),
            ("A,h,b\n1,2,3\r\n4,5,6",            "b,a\n3,1\r\n6,4"),
            ("\u{FEFF}A,b\n1,2\n",                "b,a\n2,1\n"),
            ("A,b",                               "b,a"),
            ("A,b\n",                             "b,a\n"),
            // cells leave as they were
            ("A,h,b\n 007 ,x, é\n",               "b,a\n é, 007 \n"),
            ("\"A\",h,b\n\"1,\"\"\r\n,2\",\"x\ny\",\"\"\n", "b,a\n\"\",\"1,\"\"\r\n,2\"\n"),
            ("A,h,b\n\"1\",2,\"3\"",               "b,a\n\"3\",\"1\""),
            ("A,b\n,\n",                          "b,a\n,\n"),
            // names are exact; the first of two counts; what is not sent is empty
            ("A,A,b,b\n1,2,3,4\n",               "b,a\n3,1\n"),
            ("A,h\n1,2\n",                        "b,a\n,1\n"),
            ("A, b\n1,2\n",                       "b,a\n,1\n"),
            ("a,b\n1,2\n",                        "b,a\n2,\n"),
            // blank lines
            ("A,b\n\n1,2\n\r\n\n",               "b,a\n2,1\n"),
            ("A\n1\n\n2\n",                      "b,a\n,1\n,\n,2\n"),
            // another shape
            ("", INVALID), ("\n", INVALID), ("\r\nA,b\n", INVALID), (",\n", INVALID), ("h,x\n1,2\n", INVALID), ("<html>login</html>", INVALID),
            ("A,b\n1\n", INVALID), ("A,b\n1,2,3\n", INVALID), ("A,b\n1,2\n3", INVALID), ("A,b\n1,2\n3,4,\n", INVALID),
            ("A;b\n1;2\n", INVALID),
            // not CSV
            ("A,b\n1\"2,3\n", INVALID), ("A,b\n\"1\"2,3\n", INVALID), ("A,b\n\"1\" ,3\n", INVALID), ("A,b\n \"1\",3\n", INVALID),
            ("A,b\n\"1,3\n", INVALID), ("A,b\n\"1\"\",3\n", INVALID), ("A,b\n1,\"", INVALID),
            ("A,b\n1\r2,3\n", INVALID), ("A,b\r1,2\r", INVALID), ("A,b\n1,2\r", INVALID), ("A,b\n1,2\r\r\n", INVALID), ("A,b\n\"1\"\r,2\n", INVALID),
            ("\u{FEFF}\u{FEFF}A\n1\n", INVALID),
        ];
        for (text, expected) in cases {
            check(&plan, text, expected);
        }
        check(&plan, b"A,h,b\n1,\xFF,2\n", INVALID);
        check(&plan, b"A,h,b\n1,2,\xC3", INVALID);
        check(&csv_plan(b'\t', "b a"), "a\th\tb\n1,\t2\t\"3\t\"\n", "b\ta\n\"3\t\"\t1,\n");
        check(&csv_plan(b';', "b"), "\"b\"\"\";b\n1;2\n", "b\n2\n");
        // a cell alone on its line
        check(&csv_plan(b',', "a"), "a,h\n1,2\n,3\n", "a\n1\n\"\"\n");
        check(&csv_plan(b',', "a"), "a\n1\n\n2", "a\n1\n\"\"\n2");
    }

    #[test]
    fn without_a_length_the_last_line_has_to_end() {
        let plan = csv_plan(b',', "a");
        #[rustfmt::skip]
        let cases = [
            ("a,h\n1,2\n", Ending::Closed, true), ("a,h\n1,2", Ending::Closed, false), ("a,h\n\"1", Ending::Closed, false),
            ("a,h", Ending::Closed, false), ("a,h\n1,2", Ending::Framed, true),
        ];
        for (text, ending, passes) in cases {
            let (mut filter, mut out) = (plan.filter(), Vec::new());
            filter.push(text.as_bytes(), &mut out).unwrap();
            assert_eq!(filter.finish(ending, &mut out).is_ok(), passes, "{text:?} {ending:?}");
        }
    }

    #[test]
    fn cut_columns_are_counted_once() {
        let text = b"a,h,i,h,a,\"h\"\n1,2,3,4,5,6\n";
        assert_eq!(run(&csv_plan(b',', "a none"), [&text[..]]).unwrap().1, 2, "h and i");
    }

    #[test]
    fn records_are_limited() {
        let plan = csv_plan(b',', "a");
        for quote in ["", "\""] {
            let overhead = ",h\n".len() + 2 * quote.len();
            for (length, passes) in [((8 << 20) - overhead, true), ((8 << 20) - overhead + 1, false)] {
                let text = format!("a,h\n{quote}{}{quote},h\n1,2\n", "x".repeat(length));
                for size in [text.len(), 1 << 16] {
                    let found = run(&plan, text.as_bytes().chunks(size)).map(|(out, _)| out.len());
                    assert_eq!(found.is_ok(), passes, "{length} in pieces of {size}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn records_are_limited_to_65536_cells() {
        let plan = csv_plan(b',', "a");
        for first in ["a", "\"a\""] {
            for (more, passes) in [((1 << 16) - 1, true), (1 << 16, false)] {
                let text = format!("{first}{}\n", ",h".repeat(more));
                assert_eq!(run(&plan, [text.as_bytes()]).is_ok(), passes, "{first} and {more} more");
            }
        }
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9é .;]{0,8}", "\"([a-z,;\n\r€]|\"\"){0,8}\""]
    }

    const NAMES: [&str; 5] = ["a", "b", "c", "h", "i"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn records_are_projected(
            names in Just(NAMES.to_vec()).prop_shuffle(),
            rows in prop::collection::vec(prop::collection::vec(cell(), NAMES.len()), 0..6),
            line_end in prop_oneof![Just("\n"), Just("\r\n")],
            cuts in prop::collection::vec(0..1001_usize, 0..8),
        ) {
            let plan = csv_plan(b',', "c second=b gone a");
            let hide = |name: &str, cell: &String| match (name, cell.strip_prefix('"')) {
                ("a" | "b" | "c", _) => cell.clone(),
                (_, Some(quoted)) => format!("\"HIDDEN{quoted}"),
                (_, None) => format!("HIDDEN{cell}"),
            };
            let place = |name| names.iter().position(|known| *known == name).unwrap();
            let places = [place("c"), place("b"), place("a")];
            let mut text = names.join(",");
            let mut expected = "c,second,gone,a".to_owned();
            for row in rows {
                let row: Vec<_> = names.iter().zip(&row).map(|(name, cell)| hide(name, cell)).collect();
                let [c, b, a] = places.map(|place| row[place].as_str());
                text += &format!("{line_end}{}", row.join(","));
                expected += &format!("{line_end}{c},{b},,{a}");
            }
            for pieces in [vec![text.as_bytes()], pieces(text.as_bytes(), &cuts), text.as_bytes().chunks(1).collect()] {
                let out = String::from_utf8(run(&plan, pieces).unwrap().0).unwrap();
                prop_assert_eq!(&out, &expected);
                prop_assert!(!out.contains("HIDDEN"));
            }
        }

        #[test]
        fn nothing_panics(
            bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "a,h(\r?\n|[ah,\"\r\n]){0,30}".prop_map(String::into_bytes)],
            cuts in prop::collection::vec(0..1001_usize, 0..8),
        ) {
            let plan = csv_plan(b',', "a");
            let whole = run(&plan, [&bytes[..]]);
            let cut = run(&plan, pieces(&bytes, &cuts));
            prop_assert_eq!(cut.is_ok(), whole.is_ok());
            if whole.is_ok() {
                prop_assert_eq!(cut, whole);
            }
        }
    }
}
