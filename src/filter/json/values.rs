//! What is done with the values that matter: rows, headers, totals, cursors and links.

use super::columns::Judged;
use super::early::Holds;
use super::row::Lines;
use super::scan::{self, Scan, Stop, byte, invalid, misshapen, slice, too_large};
use super::walk::{Walk, within_limit};
use crate::domain::dialect::{OutputFormat, RowForm, Shape};
use crate::domain::encode::push_json_string;
use crate::filter::escape::{inside_of_string, unescaped};
use crate::filter::output::Cell;
use crate::filter::rows::Verdict;

/// The longest cursor, in bytes: clients send it back in a request.
const MAX_CURSOR: usize = 64 << 10;

/// As what a row leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOutput {
    /// An object as deep as the backend's.
    Nested,
    /// An object of what stood side by side.
    Flat,
    Array,
    Pairs,
    Csv,
}

impl RowOutput {
    pub(super) fn new(output: OutputFormat, shape: Shape, row: &RowForm, envelope_leaves: bool) -> Self {
        match (output, row) {
            (OutputFormat::Csv, _) => Self::Csv,
            (_, RowForm::Object) => Self::Nested,
            (_, RowForm::Array { .. } | RowForm::ArrayAfterHeader | RowForm::Pairs { .. })
                if shape != Shape::Same || !envelope_leaves =>
            {
                Self::Flat
            }
            (_, RowForm::Array { .. } | RowForm::ArrayAfterHeader) => Self::Array,
            (_, RowForm::Pairs { .. }) => Self::Pairs,
        }
    }
}

impl Walk {
    pub(super) fn row(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let depth = self.depth_left();
        let columns = &self.plan.columns;
        let end = match (&self.plan.row, &self.plan.pairs) {
            (RowForm::Pairs { .. }, Some(pairs)) => {
                self.reader.read_pairs(pairs, columns, text, at, depth)?
            }
            (RowForm::Object | RowForm::Pairs { .. }, _) => {
                self.reader.read_object(columns, text, at, depth)?
            }
            (RowForm::Array { .. } | RowForm::ArrayAfterHeader, _) => {
                self.reader.read_array(text, at, depth)?
            }
        };
        within_limit(at, end)?;
        if self.plan.documents_are_rows {
            self.tell_success_of_row(text, at)?;
        }
        match (&self.plan.row, &self.header) {
            (RowForm::Object | RowForm::Pairs { .. }, _) => {}
            (RowForm::Array { .. } | RowForm::ArrayAfterHeader, Some(header)) => {
                self.reader.place(header)?;
                if self.reader.is_again(header, text)? {
                    return Ok(end);
                }
            }
            (RowForm::Array { .. }, None) => {
                self.hold(Holds::Rows, slice(text, at, end));
                return Ok(end);
            }
            (RowForm::ArrayAfterHeader, None) => {
                self.first_row(text)?;
                return Ok(end);
            }
        }
        if self.leaves(text)? {
            self.introduce();
            self.write_row(text);
        }
        Ok(end)
    }

    /// Decides by the success member of a document that is a row.
    fn tell_success_of_row(&mut self, text: &[u8], at: usize) -> Scan<()> {
        let Some(success) = &self.plan.envelope.success else { return Ok(()) };
        match scan::find(text, at, success.at.tokens())? {
            Some(value) => self.tell_success(slice(text, value.start, value.end)),
            None => Ok(()),
        }
    }

    /// Takes the array just read for the header of those that follow.
    fn first_row(&mut self, text: &[u8]) -> Scan<()> {
        let header = self.reader.header_row(&self.plan.columns, self.judged, text)?;
        self.header = Some(header);
        self.fill_holes()?;
        if self.row_output == RowOutput::Array {
            self.introduce();
            self.write_names();
        }
        Ok(())
    }

    /// Judges the row just read from `text`.
    #[inline]
    pub(super) fn leaves(&mut self, text: &[u8]) -> Scan<bool> {
        self.reader.note_row();
        let is_judged = self.judged.scope.is_some() || self.judged.total.is_some();
        if is_judged { self.judge_row(text) } else { Ok(true) }
    }

    fn judge_row(&mut self, text: &[u8]) -> Scan<bool> {
        let cell = |cell: Option<usize>| cell.map_or(Cell::Missing, |cell| self.reader.cell(cell, text));
        let (scope, total) = (cell(self.judged.scope), cell(self.judged.total));
        let verdict = self.judge.judge(&self.plan.rules, &scope, &total).map_err(Stop::Failed)?;
        Ok(verdict == Verdict::Leaves)
    }

    /// Writes the row just read from `text`.
    #[inline]
    pub(super) fn write_row(&mut self, text: &[u8]) {
        let columns = &self.plan.columns;
        let pieces = match self.row_output {
            RowOutput::Nested => &columns.nested,
            RowOutput::Flat => &columns.flat,
            RowOutput::Array | RowOutput::Pairs | RowOutput::Csv => return self.write_other_row(text),
        };
        let (reader, out, lines) = (&mut self.reader, &mut self.out, self.lines);
        match &mut self.rows_only {
            None => reader.write_object(pieces, text, lines, out),
            Some(writer) => {
                writer.begin(&self.plan.output, out);
                writer.object(|out| reader.write_object(pieces, text, lines, out), out);
            }
        }
    }

    /// [`Self::write_row`] for rows that leave as something else than objects.
    fn write_other_row(&mut self, text: &[u8]) {
        let (reader, out, columns) = (&self.reader, &mut self.out, &self.plan.columns);
        if let Some(writer) = &mut self.rows_only {
            let cell = |nth: usize| match columns.view.get(nth) {
                Some(granted) => reader.cell(granted.cell, text),
                None => Cell::Missing,
            };
            writer.begin(&self.plan.output, out);
            writer.row(&self.plan.output, cell, out);
        } else if let Some(pairs) = &self.plan.pairs {
            reader.write_pairs(pairs, columns, text, self.lines, out);
        } else if let Some(header) = &self.header {
            reader.write_array(header, text, self.lines, out);
        }
    }

    /// The names of the columns: of rows that are arrays, or of the arrays parallel to them.
    pub(super) fn header(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = self.reader.read_array(text, at, self.depth_left())?;
        let judged = match self.plan.row {
            RowForm::Array { .. } | RowForm::ArrayAfterHeader => self.judged,
            RowForm::Object | RowForm::Pairs { .. } => Judged::default(),
        };
        let header = self.reader.header(&self.plan.columns, judged, text)?;
        self.header = Some(header);
        self.fill_holes()?;
        self.introduce();
        self.write_names();
        Ok(end)
    }

    fn write_names(&mut self) {
        if self.rows_only.is_none()
            && let Some(header) = &self.header
        {
            header.write(&self.plan.columns, &mut self.out);
        }
    }

    /// An array parallel to the columns.
    pub(super) fn parallel(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = self.reader.read_array(text, at, self.depth_left())?;
        self.introduce();
        if self.header.is_some() {
            self.write_parallel(text)?;
        } else {
            self.hold(Holds::Parallel, slice(text, at, end));
        }
        Ok(end)
    }

    /// Writes the array just read from `text`; without a header there is nothing to tell its items by.
    pub(super) fn write_parallel(&mut self, text: &[u8]) -> Scan<()> {
        let Some(header) = &self.header else {
            self.put(b"[]");
            return Ok(());
        };
        self.reader.fits(header)?;
        if self.rows_only.is_none() {
            self.reader.write_array(header, text, self.lines, &mut self.out);
        }
        Ok(())
    }

    /// An object keyed by column; or null or an empty array, which are other words for no cells.
    pub(super) fn also(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let depth = self.depth_left();
        let columns = &self.plan.columns;
        if byte(text, at)? == b'{' {
            let end = self.reader.read_object(columns, text, at, depth)?;
            self.introduce();
            if self.rows_only.is_none() {
                self.reader.write_object(&self.plan.columns.nested, text, self.lines, &mut self.out);
            }
            return Ok(end);
        }
        let end = scan::value(text, at, depth)?;
        let value = slice(text, at, end);
        if value != b"null" && value.strip_prefix(b"[").map(<[u8]>::trim_ascii) != Some(b"]") {
            return Err(misshapen("not an object where totals belong"));
        }
        self.introduce();
        if self.rows_only.is_none() {
            self.lines.write(value, &mut self.out);
        }
        Ok(end)
    }

    /// Whether cursors and links leave.
    pub(super) fn has_pages(&self) -> bool {
        self.rows_only.is_none() && self.terms.paging.is_some()
    }

    /// A cursor, which leaves sealed unless it says that there is none.
    pub(super) fn cursor(&mut self, nth: usize, text: &[u8], at: usize) -> Scan<usize> {
        let end = scan::value(text, at, self.depth_left())?;
        let value = slice(text, at, end);
        if value.len() > MAX_CURSOR {
            return Err(too_large("a cursor is longer than 64 KiB"));
        }
        self.introduce();
        if matches!(value, b"null" | b"true" | b"false" | b"\"\"") {
            self.put(value);
            return Ok(end);
        }
        let Ok(json) = std::str::from_utf8(value) else { return Err(invalid("a cursor is not UTF-8")) };
        if let Some(paging) = &self.terms.paging {
            let sealed = paging.seal(nth, json);
            self.put_string(&sealed);
        }
        Ok(end)
    }

    /// A link to another page, which leaves as the gate's own, or as null.
    pub(super) fn link(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = scan::value(text, at, self.depth_left())?;
        let inside = inside_of_string(slice(text, at, end)).and_then(unescaped);
        let backend = inside.as_deref().and_then(|inside| std::str::from_utf8(inside).ok());
        let own = backend.and_then(|backend| self.terms.paging.as_ref()?.link(backend));
        self.introduce();
        match own {
            Some(own) => self.put_string(&own),
            None => self.put(b"null"),
        }
        Ok(end)
    }

    fn put_string(&mut self, plain: &str) {
        let mut quoted = String::with_capacity(plain.len() + 2);
        push_json_string(&mut quoted, plain);
        self.put(quoted.as_bytes());
    }
}

impl Lines {
    /// One line for every document, or no care for lines.
    pub(super) fn of(output: OutputFormat) -> Self {
        if output == OutputFormat::Ndjson { Self::One } else { Self::AsTheyAre }
    }
}
