//! XML answers (XML 1.0, without document types): the envelope is walked, rows are cut, everything else is dropped.
//!
//! The document is read once, front to back, by a stack of open elements; no input drives
//! a recursion. Rows and `also` elements are read whole, elements around or beside them tag
//! by tag, so that memory does not grow with the body. Nothing leaves before success is known
//! and the element around the rows was found; up to 8 MiB are held back until then.
//!
//! Elements nest at most 64 deep. A column may stand once in a row, as an attribute or as an element.
//! Elements on the way to the rows leave with their names and the namespaces that they declare, and
//! nothing else; so do rows, which keep their own name. Namespaces that a granted element
//! declares leave with it, since what stands inside may use their prefixes.

mod columns;
mod envelope;
mod names;
#[cfg(test)]
mod properties;
mod row;
mod scan;
#[cfg(test)]
mod tests;
mod text;

use super::intake::{Intake, MAX_UNIT, TOO_LONG};
use super::output::{Cell, OutputColumns, RowWriter};
use super::rows::{RowJudge, RowPlan, Verdict};
use super::{FilterError, Terms, Violation};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{ResponseDialect, XmlDialect};
use crate::domain::names::ColumnName;
use columns::Columns;
use envelope::{Envelope, Target, Task};
use row::{RowReader, push_closing, push_namespaces};
use scan::{Attribute, MAX_DEPTH, Scan, Stop, TOO_DEEP, Token, blank, byte, invalid, part, slice, too_large};
use std::ops::Range;
use std::sync::Arc;

/// How much is held back before something may leave.
const MAX_HELD: usize = 8 << 20;

/// How much the names of all open elements may take.
const MAX_NAMES: usize = 1 << 20;

/// How many names of cut columns are told.
const TOLD_NAMES: usize = 16;

/// What an answer begins with.
const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// How XML answers to one view are cut.
#[derive(Debug)]
pub(super) struct XmlPlan {
    envelope: Envelope,
    rules: RowPlan,
    columns: Columns,
    output: OutputColumns,
    /// The view's names, in its order.
    names: Box<[ColumnName]>,
}

impl XmlPlan {
    pub(super) fn new(
        xml: &XmlDialect,
        dialect: &ResponseDialect,
        catalogue: &Catalogue,
        view: &View,
    ) -> Self {
        let rules = RowPlan::new(dialect, catalogue);
        Self {
            envelope: Envelope::new(xml),
            columns: Columns::new(catalogue.columns_of(view), &rules),
            rules,
            output: OutputColumns::new(dialect, catalogue, view),
            names: catalogue.columns_of(view).map(|column| column.name.clone()).collect(),
        }
    }
}

/// The filter of one XML answer.
pub(super) struct XmlFilter {
    intake: Intake,
    walk: Walk,
}

impl XmlFilter {
    pub(super) fn new(plan: Arc<XmlPlan>, terms: Arc<Terms>) -> Self {
        Self { intake: Intake::default(), walk: Walk::new(plan, terms) }
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
        self.walk.judge.foreign_rows()
    }

    pub(super) fn removed_names(&self) -> Vec<String> {
        self.walk.reader.removed_names(&self.walk.plan.columns).take(TOLD_NAMES).collect()
    }

    pub(super) fn missing_columns(&self) -> Vec<ColumnName> {
        if !self.walk.has_row {
            return Vec::new();
        }
        let XmlPlan { names, columns, .. } = &*self.walk.plan;
        let is_missing = |cell: usize| self.walk.seen.get(cell) == Some(&false);
        let columns = names.iter().zip(&columns.view);
        columns.filter(|(_, cell)| is_missing(**cell)).map(|(name, _)| name.clone()).collect()
    }
}

const TRUNCATED: FilterError = FilterError::Invalid(Violation::Truncated, "it ends before the document does");
const NO_ROWS: FilterError =
    FilterError::Invalid(Violation::Shape, "there is no element where the rows belong");
const OTHER_ROOT: Stop =
    Stop::Failed(FilterError::Invalid(Violation::Shape, "the root is not the one around the rows"));

/// How far a document has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was read.
    Beginning,
    /// The root may come.
    Before,
    Root,
    /// The root is closed.
    Behind,
}

/// An open element around or beside the rows.
struct Frame {
    target: Target,
    /// Where its name begins in [`Walk::names`].
    name: usize,
}

/// The state of reading a document.
struct Walk {
    plan: Arc<XmlPlan>,
    stage: Stage,
    frames: Vec<Frame>,
    /// The names of the open elements, one behind the other.
    names: Vec<u8>,
    /// The attributes of the tag at hand.
    attributes: Vec<Attribute>,
    /// What leaves, or is held back.
    out: Vec<u8>,
    /// For answers that leave in another format.
    writer: Option<RowWriter>,
    has_rows: bool,
    is_success: bool,
    reader: RowReader,
    judge: RowJudge,
    has_row: bool,
    /// Which cells some row had.
    seen: Vec<bool>,
}

impl Walk {
    fn new(plan: Arc<XmlPlan>, terms: Arc<Terms>) -> Self {
        let writer = RowWriter::new(terms.output);
        Self {
            stage: Stage::Beginning,
            frames: Vec::new(),
            names: Vec::new(),
            attributes: Vec::new(),
            out: if writer.is_none() { DECLARATION.to_vec() } else { Vec::new() },
            writer,
            has_rows: false,
            is_success: plan.envelope.success.is_none(),
            reader: RowReader::new(&plan.columns),
            judge: RowJudge::new(terms),
            has_row: false,
            seen: vec![false; plan.columns.cells()],
            plan,
        }
    }

    /// Reads as far as units are complete: how many bytes that were.
    fn read(&mut self, text: &[u8]) -> Result<usize, FilterError> {
        scan::characters(text)?;
        let mut at = 0;
        loop {
            match self.step(text, at) {
                Ok(end) if end - at > MAX_UNIT => return Err(TOO_LONG),
                Ok(end) => at = end,
                Err(Stop::Incomplete) => return Ok(at),
                Err(Stop::Failed(error)) => return Err(error),
            }
            if self.out.len() > MAX_HELD && !self.may_leave() {
                return Err(FilterError::Invalid(
                    Violation::TooLarge,
                    "success or rows come behind more than 8 MiB",
                ));
            }
        }
    }

    fn may_leave(&self) -> bool {
        self.is_success && self.has_rows
    }

    /// The end of the document.
    fn finish(&mut self) -> Result<(), FilterError> {
        if self.stage != Stage::Behind {
            return Err(TRUNCATED);
        }
        if !self.is_success && !self.plan.envelope.success.as_ref().is_some_and(|success| success.absent_ok) {
            return Err(FilterError::Refused);
        }
        if !self.has_rows {
            return Err(NO_ROWS);
        }
        if let Some(writer) = &mut self.writer {
            writer.end(&mut self.out);
        }
        Ok(())
    }

    /// Reads one thing at `at`: where it ends.
    fn step(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        if self.stage == Stage::Beginning {
            let end = scan::xml_declaration(text, at)?;
            self.stage = Stage::Before;
            return Ok(end);
        }
        if self.stage != Stage::Root {
            let end = blank(text, at);
            if end > at {
                return Ok(end);
            }
            if byte(text, at)? != b'<' {
                return Err(OUTSIDE);
            }
        }
        let (token, end) = scan::token(text, at)?;
        match token {
            Token::Text | Token::Data if self.stage != Stage::Root => return Err(OUTSIDE),
            Token::Text | Token::Data | Token::Aside => self.keep(slice(text, at, end)),
            Token::Open => return self.element(text, end),
            Token::Close => return self.close(text, at, end),
        }
        Ok(end)
    }

    /// Passes text of an element that passes whole.
    fn keep(&mut self, text: &[u8]) {
        if self.writer.is_none() && self.frames.last().is_some_and(|frame| frame.target.task == Task::Keep) {
            self.out.extend_from_slice(text);
        }
    }

    /// Reads the element whose name is at `at`, or its opening tag.
    fn element(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let name = at..scan::name(text, at)?;
        let target = match (self.stage, self.frames.last()) {
            (Stage::Behind, _) => return Err(invalid("a second root")),
            (_, None) => self.plan.envelope.root(part(text, &name)).ok_or(OTHER_ROOT)?,
            (_, Some(around)) => self.plan.envelope.step(around.target, part(text, &name)),
        };
        if self.frames.len() >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        if self.plan.envelope.place(target.place).is_some_and(|place| place.tells_success) {
            self.judge_element(text, name.end)?;
        }
        match target.task {
            Task::Row => self.row(text, name),
            Task::Also => self.also(text, name),
            Task::Drop | Task::Keep | Task::Rebuild => self.open(text, name, target),
        }
    }

    /// Opens an element, which leaves unless it is dropped.
    fn open(&mut self, text: &[u8], name: Range<usize>, target: Target) -> Scan<usize> {
        let (end, is_empty) = scan::attributes(text, name.end, &mut self.attributes)?;
        self.judge_attribute(text, target)?;
        let leaves = self.writer.is_none();
        match target.task {
            Task::Keep if leaves => self.out.extend_from_slice(slice(text, name.start - 1, end)),
            Task::Rebuild => {
                if leaves {
                    self.out.push(b'<');
                    self.out.extend_from_slice(part(text, &name));
                    push_namespaces(&self.attributes, text, &mut self.out);
                    self.out.push(b'>');
                }
                if self.plan.envelope.place(target.place).is_some_and(|place| place.holds_rows) {
                    self.has_rows = true;
                    if let Some(writer) = &mut self.writer {
                        writer.begin(&self.plan.output, &mut self.out);
                    }
                }
                if leaves && is_empty {
                    push_closing(part(text, &name), &mut self.out);
                }
            }
            Task::Keep | Task::Drop | Task::Row | Task::Also => {}
        }
        self.stage = Stage::Root;
        if is_empty {
            self.leave_root();
            return Ok(end);
        }
        self.frames.push(Frame { target, name: self.names.len() });
        self.names.extend_from_slice(part(text, &name));
        if self.names.len() > MAX_NAMES {
            return Err(too_large("the names of the open elements are longer than 1 MiB"));
        }
        Ok(end)
    }

    /// Reads the closing tag that begins at `at`, its name being at `name`.
    fn close(&mut self, text: &[u8], at: usize, name: usize) -> Scan<usize> {
        let Some(Frame { target, name: from }) = self.frames.last() else { return Err(OUTSIDE) };
        let expected = self.names.get(*from..).unwrap_or_default();
        let end = scan::closing(text, name, expected)?;
        if self.writer.is_none() {
            match target.task {
                Task::Keep => self.out.extend_from_slice(slice(text, at, end)),
                Task::Rebuild => push_closing(expected, &mut self.out),
                Task::Drop | Task::Row | Task::Also => {}
            }
        }
        self.names.truncate(*from);
        self.frames.pop();
        self.leave_root();
        Ok(end)
    }

    fn leave_root(&mut self) {
        if self.frames.is_empty() {
            self.stage = Stage::Behind;
        }
    }

    /// Decides by the text of the element whose name ends at `at`.
    fn judge_element(&mut self, text: &[u8], at: usize) -> Scan<()> {
        let (from, is_empty) = scan::attributes(text, at, &mut self.attributes)?;
        let mut end = from;
        if !is_empty {
            loop {
                match scan::token(text, end)? {
                    (Token::Close, _) => break,
                    (Token::Open, _) => return Err(Stop::Failed(FilterError::Refused)),
                    (Token::Text | Token::Data | Token::Aside, next) => end = next,
                }
            }
        }
        if end - from > MAX_UNIT {
            return Err(Stop::Failed(TOO_LONG));
        }
        self.decide(&Cell::Text(text::meaning(slice(text, from, end))))
    }

    /// Decides by an attribute of the tag just read.
    fn judge_attribute(&mut self, text: &[u8], target: Target) -> Scan<()> {
        let place = self.plan.envelope.place(target.place);
        let Some(name) = place.and_then(|place| place.success_attribute.as_deref()) else { return Ok(()) };
        let is_it = |attribute: &&Attribute| part(text, &attribute.name) == name.as_bytes();
        let Some(attribute) = self.attributes.iter().find(is_it) else { return Ok(()) };
        let found = Cell::Text(text::attribute_meaning(part(text, &attribute.value)));
        self.decide(&found)
    }

    fn decide(&mut self, found: &Cell<'_>) -> Scan<()> {
        let Some(success) = &self.plan.envelope.success else { return Ok(()) };
        if !success.equals.iter().any(|expected| found.is(expected)) {
            return Err(Stop::Failed(FilterError::Refused));
        }
        self.is_success = true;
        Ok(())
    }

    fn depth_left(&self) -> usize {
        MAX_DEPTH.saturating_sub(self.frames.len() + 1)
    }

    fn row(&mut self, text: &[u8], name: Range<usize>) -> Scan<usize> {
        let depth = self.depth_left();
        let Self { plan, reader, judge, writer, out, .. } = self;
        let XmlPlan { rules, columns, output, .. } = &**plan;
        let end = reader.read(columns, text, name.clone(), depth)?;
        self.has_row = true;
        reader.note_cells(&mut self.seen);
        let (scope, total) = (reader.cell(columns.scope, text), reader.cell(columns.total, text));
        match judge.judge(rules, &scope, &total) {
            Ok(Verdict::Leaves) => {}
            Ok(Verdict::Cut) => return Ok(end),
            Err(failure) => return Err(Stop::Failed(failure)),
        }
        match writer {
            None => reader.write(columns, text, part(text, &name), out),
            Some(writer) => {
                writer.row(output, |nth| reader.cell(columns.view.get(nth).copied(), text), out);
            }
        }
        Ok(end)
    }

    fn also(&mut self, text: &[u8], name: Range<usize>) -> Scan<usize> {
        let depth = self.depth_left();
        let end = self.reader.read(&self.plan.columns, text, name.clone(), depth)?;
        if self.writer.is_none() {
            self.reader.write(&self.plan.columns, text, part(text, &name), &mut self.out);
        }
        Ok(end)
    }
}

const OUTSIDE: Stop = invalid("something outside of the root");
