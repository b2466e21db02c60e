//! JSON answers: the envelope is walked, rows are cut, everything else is dropped.
//!
//! The document is read once, front to back, by a stack of open containers and one word of
//! what may come next; no input drives a recursion. Rows, headers, `also` objects and
//! scalars are read whole, containers around or beside them piece by piece, so that memory
//! does not grow with the body. Nothing leaves before success is known, the rows have
//! begun and their header was seen; up to 8 MiB are held back until then.
//!
//! The grammar is RFC 8259, nested at most 64 deep. A name may stand once, however it is spelt, in a
//! row, an `also` object and the objects around them; objects that are dropped or passed
//! whole are not searched for that.

mod columns;
mod envelope;
mod keys;
#[cfg(test)]
mod properties;
mod row;
mod scan;
#[cfg(test)]
mod tests;

use super::escape::unescaped;
use super::intake::{Intake, MAX_UNIT, TOO_LONG};
use super::output::Cell;
use super::{FilterError, Terms, Violation};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{JsonDialect, ResponseDialect, RowForm};
use crate::domain::names::ColumnName;
use columns::Columns;
use envelope::{Envelope, Target, Task};
use row::{Header, RowReader};
use scan::{MAX_DEPTH, REPEATED, Scan, Stop, blank, byte, invalid, misshapen, slice, too_large};
use std::collections::HashSet;
use std::sync::Arc;

/// How much is held back before something may leave.
const MAX_HELD: usize = 8 << 20;

/// How much the names of one object of the envelope may take.
const MAX_NAMES: usize = 1 << 20;

/// How JSON answers to one view are cut.
#[derive(Debug)]
pub(super) struct JsonPlan {
    envelope: Envelope,
    row: RowForm,
    columns: Columns,
}

impl JsonPlan {
    pub(super) fn new(
        json: &JsonDialect,
        _dialect: &ResponseDialect,
        catalogue: &Catalogue,
        view: &View,
    ) -> Self {
        let columns = Columns::new(catalogue.columns_of(view));
        Self { envelope: Envelope::new(json), row: json.row.clone(), columns }
    }
}

/// The filter of one JSON answer.
pub(super) struct JsonFilter {
    intake: Intake,
    walk: Walk,
}

impl JsonFilter {
    pub(super) fn new(plan: Arc<JsonPlan>, _terms: Arc<Terms>) -> Self {
        Self { intake: Intake::default(), walk: Walk::new(plan) }
    }

    pub(super) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.intake.push(input, |text| self.walk.read(text))?;
        if self.walk.may_leave() {
            out.append(&mut self.walk.out);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let rest = self.intake.finish()?;
        if self.walk.read(&rest)? < rest.len() {
            return Err(TRUNCATED);
        }
        self.walk.finish()?;
        out.append(&mut self.walk.out);
        Ok(())
    }

    pub(super) fn columns_removed(&self) -> usize {
        self.walk.reader.removed()
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

const TRUNCATED: FilterError = FilterError::Invalid(Violation::Truncated, "it ends before the document does");

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// An open container.
struct Frame {
    target: Target,
    is_object: bool,
    /// Whether a member or item has left already.
    has_left: bool,
    items: usize,
    /// The names so far, where they matter.
    names: HashSet<Box<[u8]>>,
    names_size: usize,
}

/// The state of reading a document.
struct Walk {
    plan: Arc<JsonPlan>,
    frames: Vec<Frame>,
    next: Next,
    /// The value that comes next.
    target: Target,
    /// What leaves, or is held back.
    out: Vec<u8>,
    has_rows: bool,
    is_success: bool,
    reader: RowReader,
    header: Option<Header>,
    /// Rows that came before their header, each with a comma behind it.
    early_rows: Vec<u8>,
    /// Where in `out` they belong.
    early_at: usize,
}

impl Walk {
    fn new(plan: Arc<JsonPlan>) -> Self {
        Self {
            frames: Vec::new(),
            next: Next::Value,
            target: plan.envelope.root(),
            out: Vec::new(),
            has_rows: false,
            is_success: plan.envelope.success.is_none(),
            reader: RowReader::new(&plan.columns),
            header: None,
            early_rows: Vec::new(),
            early_at: 0,
            plan,
        }
    }

    /// Reads as far as units are complete: how many bytes that were.
    fn read(&mut self, text: &[u8]) -> Result<usize, FilterError> {
        let mut at = 0;
        loop {
            match self.step(text, at) {
                Ok(end) => at = end,
                Err(Stop::Incomplete) => return Ok(at),
                Err(Stop::Failed(error)) => return Err(error),
            }
            if self.out.len() + self.early_rows.len() > MAX_HELD && !self.may_leave() {
                return Err(FilterError::Invalid(
                    Violation::TooLarge,
                    "success, rows or header come behind more than 8 MiB",
                ));
            }
        }
    }

    fn may_leave(&self) -> bool {
        let awaits_header = self.header.is_none() && matches!(self.plan.row, RowForm::Array { .. });
        self.is_success && self.has_rows && !awaits_header
    }

    /// The end of the document.
    fn finish(&mut self) -> Result<(), FilterError> {
        if self.next != Next::Nothing {
            return Err(TRUNCATED);
        }
        if !self.is_success && !self.plan.envelope.success.as_ref().is_some_and(|success| success.absent_ok) {
            return Err(FilterError::Refused);
        }
        if !self.has_rows {
            return Err(NO_ROWS);
        }
        if !self.early_rows.is_empty() {
            return Err(FilterError::Invalid(Violation::Shape, "the rows have no header"));
        }
        Ok(())
    }

    /// Reads one thing at `at`: where it ends.
    fn step(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = blank(text, at);
        if end > at {
            self.keep(slice(text, at, end));
            return Ok(end);
        }
        let first = byte(text, at)?;
        match (self.next, first) {
            (Next::Value, _) => return self.value(text, at, first),
            (Next::ValueOrEnd, b']') | (Next::NameOrEnd, b'}') => self.close(first),
            (Next::ValueOrEnd, _) => return self.value(text, at, first),
            (Next::Name | Next::NameOrEnd, _) => return self.name(text, at),
            (Next::Colon, b':') => {
                self.keep(b":");
                self.next = Next::Value;
            }
            (Next::CommaOrEnd, b',') => self.comma(),
            (Next::CommaOrEnd, b']' | b'}') if self.closes(first) => self.close(first),
            (Next::Colon, _) => return Err(invalid("a colon is missing behind a member's name")),
            (Next::CommaOrEnd, _) => return Err(invalid("a comma or closing bracket is missing")),
            (Next::Nothing, _) => return Err(invalid("something follows the document")),
        }
        Ok(at + 1)
    }

    /// Passes text between the values of a container that passes whole.
    fn keep(&mut self, text: &[u8]) {
        if self.frames.last().is_some_and(|frame| frame.target.task == Task::Keep) {
            self.out.extend_from_slice(text);
        }
    }

    fn name(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = scan::name(text, at)?;
        within_limit(at, end)?;
        self.keep(slice(text, at, end));
        let Some(frame) = self.frames.last_mut() else { return Err(invalid("a name outside of an object")) };
        let mut name = None;
        if self.plan.envelope.looks_inside(frame.target) {
            let Some(meaning) = unescaped(slice(text, at + 1, end - 1)) else {
                return Err(invalid("half of a surrogate pair in a member's name"));
            };
            frame.names_size += meaning.len() + size_of::<Box<[u8]>>();
            if frame.names_size > MAX_NAMES {
                return Err(too_large("an object of the envelope has too many members"));
            }
            if !frame.names.insert(meaning.as_ref().into()) {
                return Err(REPEATED);
            }
            name = Some(meaning);
        }
        self.target = self.plan.envelope.step(frame.target, name.as_deref().unwrap_or_default());
        self.next = Next::Colon;
        Ok(end)
    }

    fn value(&mut self, text: &[u8], at: usize, first: u8) -> Scan<usize> {
        let target = self.target;
        let is_container = matches!(first, b'{' | b'[');
        if self.plan.envelope.place(target.place).is_some_and(|place| place.tells_success) {
            self.judge(text, at, is_container)?;
        }
        let end = match target.task {
            Task::Row => self.row(text, at)?,
            Task::Header => self.header(text, at)?,
            Task::Also => self.also(text, at)?,
            Task::Rows if first == b'[' => return self.open_rows(at),
            // A failure may have no rows.
            Task::Rows if self.is_success => return Err(Stop::Failed(NO_ROWS)),
            Task::Keep | Task::Rebuild if is_container => return self.open(at, first, target),
            Task::Drop | Task::Rows if is_container => {
                return self.open(at, first, Target { task: Task::Drop, ..target });
            }
            Task::Keep => {
                let end = scan::scalar(text, at)?;
                self.introduce();
                self.out.extend_from_slice(slice(text, at, end));
                end
            }
            Task::Drop | Task::Rebuild | Task::Rows => scan::scalar(text, at)?,
        };
        within_limit(at, end)?;
        self.after_value();
        Ok(end)
    }

    /// Decides about the success member.
    fn judge(&mut self, text: &[u8], at: usize, is_container: bool) -> Scan<()> {
        let Some(success) = &self.plan.envelope.success else { return Ok(()) };
        if is_container {
            return Err(Stop::Failed(FilterError::Refused));
        }
        let found = slice(text, at, scan::scalar(text, at)?);
        if !success.equals.iter().any(|expected| Cell::Json(found).is(expected)) {
            return Err(Stop::Failed(FilterError::Refused));
        }
        self.is_success = true;
        Ok(())
    }

    fn open_rows(&mut self, at: usize) -> Scan<usize> {
        let end = self.open(at, b'[', self.target)?;
        self.has_rows = true;
        self.early_at = self.out.len();
        self.target = Target { task: Task::Row, place: None };
        Ok(end)
    }

    /// Opens a container, which leaves unless it is dropped.
    fn open(&mut self, at: usize, bracket: u8, target: Target) -> Scan<usize> {
        if self.depth_left() == 0 {
            return Err(too_large("nested more than 64 levels deep"));
        }
        if target.task != Task::Drop {
            self.introduce();
            self.out.push(bracket);
        }
        let is_object = bracket == b'{';
        self.frames.push(Frame {
            target,
            is_object,
            has_left: false,
            items: 0,
            names: HashSet::new(),
            names_size: 0,
        });
        self.next = if is_object { Next::NameOrEnd } else { Next::ValueOrEnd };
        if !is_object {
            self.target = self.plan.envelope.step(target, b"0");
        }
        Ok(at + 1)
    }

    fn closes(&self, bracket: u8) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_object == (bracket == b'}'))
    }

    fn close(&mut self, bracket: u8) {
        if let Some(frame) = self.frames.pop()
            && frame.target.task != Task::Drop
        {
            self.out.push(bracket);
        }
        self.after_value();
    }

    fn after_value(&mut self) {
        self.next = if self.frames.is_empty() { Next::Nothing } else { Next::CommaOrEnd };
    }

    fn comma(&mut self) {
        self.keep(b",");
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.is_object {
            self.next = Next::Name;
            return;
        }
        self.next = Next::Value;
        frame.items += 1;
        self.target = if frame.target.task == Task::Rows {
            Target { task: Task::Row, place: None }
        } else if self.plan.envelope.looks_inside(frame.target) {
            self.plan.envelope.step(frame.target, frame.items.to_string().as_bytes())
        } else {
            self.plan.envelope.step(frame.target, b"")
        };
    }

    /// Writes what stands in front of the value at hand in the container around it, which is rebuilt.
    fn introduce(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.target.task == Task::Keep {
            return;
        }
        if std::mem::replace(&mut frame.has_left, true) {
            self.out.push(b',');
        }
        if frame.is_object
            && let Some(place) = self.plan.envelope.place(self.target.place)
        {
            self.out.extend_from_slice(&place.lead);
        }
    }

    fn depth_left(&self) -> u32 {
        u32::try_from(self.frames.len()).map_or(0, |depth| MAX_DEPTH.saturating_sub(depth))
    }

    fn row(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let depth = self.depth_left();
        let columns = &self.plan.columns;
        let end = match self.plan.row {
            RowForm::Object | RowForm::Pairs { .. } => self.reader.read_object(columns, text, at, depth)?,
            RowForm::Array { .. } | RowForm::ArrayAfterHeader => self.reader.read_array(text, at, depth)?,
        };
        within_limit(at, end)?;
        if self.header.is_none() && matches!(self.plan.row, RowForm::Array { .. }) {
            self.early_rows.extend_from_slice(slice(text, at, end));
            self.early_rows.push(b',');
            return Ok(end);
        }
        self.introduce();
        match (&self.plan.row, &self.header) {
            (RowForm::Object | RowForm::Pairs { .. }, _) => {
                self.reader.write_object(&self.plan.columns, text, &mut self.out)
            }
            (_, Some(header)) => self.reader.write_array(header, text, &mut self.out)?,
            (_, None) => {
                self.header = Some(self.reader.write_header(&self.plan.columns, text, &mut self.out)?);
            }
        }
        Ok(end)
    }

    fn header(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = self.reader.read_array(text, at, self.depth_left())?;
        self.introduce();
        let header = self.reader.write_header(&self.plan.columns, text, &mut self.out)?;
        self.write_early_rows(&header)?;
        self.header = Some(header);
        Ok(end)
    }

    /// Writes the rows that waited for their header to where they belong.
    fn write_early_rows(&mut self, header: &Header) -> Scan<()> {
        let rows = std::mem::take(&mut self.early_rows);
        if rows.is_empty() {
            return Ok(());
        }
        let behind = self.out.split_off(self.early_at);
        let mut at = 0;
        while at < rows.len() {
            if at > 0 {
                self.out.push(b',');
            }
            at = self.reader.read_array(&rows, at, MAX_DEPTH)? + 1;
            self.reader.write_array(header, &rows, &mut self.out)?;
        }
        self.out.extend_from_slice(&behind);
        Ok(())
    }

    /// An object keyed by column; or null or an empty array, which are other words for no cells.
    fn also(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let depth = self.depth_left();
        if byte(text, at)? == b'{' {
            let end = self.reader.read_object(&self.plan.columns, text, at, depth)?;
            self.introduce();
            self.reader.write_object(&self.plan.columns, text, &mut self.out);
            return Ok(end);
        }
        let end = scan::value(text, at, depth)?;
        let value = slice(text, at, end);
        if value != b"null" && value.strip_prefix(b"[").map(<[u8]>::trim_ascii) != Some(b"]") {
            return Err(misshapen("not an object where totals belong"));
        }
        self.introduce();
        self.out.extend_from_slice(value);
        Ok(end)
    }
}

const NO_ROWS: FilterError =
    FilterError::Invalid(Violation::Shape, "there is no array where the rows belong");

/// A whole unit is no longer than an incomplete one may get.
fn within_limit(from: usize, to: usize) -> Scan<()> {
    if to - from > MAX_UNIT { Err(Stop::Failed(TOO_LONG)) } else { Ok(()) }
}
