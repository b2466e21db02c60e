//! The walk through a document: what is open, what may come next, and what is done with it.

use super::JsonPlan;
use super::columns::Judged;
use super::early::Hole;
use super::envelope::{Target, Task};
use super::header::Header;
use super::row::{Lines, RowReader};
use super::scan::{self, MAX_DEPTH, REPEATED, Scan, Stop, blank, byte, invalid, slice, too_large};
use super::values::RowOutput;
use crate::filter::escape::unescaped;
use crate::filter::intake::{MAX_UNIT, TOO_LONG};
use crate::filter::output::{Cell, RowWriter};
use crate::filter::rows::RowJudge;
use crate::filter::{FilterError, Terms, Violation};
use std::collections::HashSet;
use std::sync::Arc;

/// How much is held back before something may leave.
const MAX_HELD: usize = 8 << 20;

/// How much the names of one object of the envelope may take.
const MAX_NAMES: usize = 1 << 20;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    /// The document has ended.
    Nothing,
}

/// An open container.
pub(super) struct Frame {
    target: Target,
    is_object: bool,
    /// Whether a member or item has left already.
    has_left: bool,
    items: usize,
    /// The names so far, where they matter.
    names: HashSet<Box<[u8]>>,
    names_size: usize,
}

/// The state of reading an answer.
pub(super) struct Walk {
    pub(super) plan: Arc<JsonPlan>,
    pub(super) terms: Arc<Terms>,
    pub(super) frames: Vec<Frame>,
    pub(super) next: Next,
    /// The value that comes next.
    pub(super) target: Target,
    /// What leaves, or is held back.
    pub(super) out: Vec<u8>,
    /// How much of it belongs to documents that have ended.
    pub(super) released: usize,
    /// Where nothing leaves but rows: their writer.
    pub(super) rows_only: Option<RowWriter>,
    pub(super) row_output: RowOutput,
    pub(super) lines: Lines,
    pub(super) has_rows: bool,
    pub(super) is_success: bool,
    pub(super) reader: RowReader,
    pub(super) judge: RowJudge,
    /// The cells that rows of this answer are judged by.
    pub(super) judged: Judged,
    pub(super) header: Option<Header>,
    /// What came before the header that it needs, in order.
    pub(super) holes: Vec<Hole>,
    /// How long that is.
    pub(super) held: usize,
    /// Whether a line has ended behind the last document.
    pub(super) line_ended: bool,
}

impl Walk {
    /// Reads as far as units are complete: how many bytes that were.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<usize, FilterError> {
        let mut at = 0;
        loop {
            match self.step(text, at) {
                Ok(end) => at = end,
                Err(Stop::Incomplete) => return Ok(at),
                Err(Stop::Failed(error)) => return Err(error),
            }
            if self.out.len().saturating_sub(self.released) + self.held > MAX_HELD && !self.may_leave() {
                return Err(FilterError::Invalid(
                    Violation::TooLarge,
                    "success, rows or header come behind more than 8 MiB",
                ));
            }
        }
    }

    /// Reads one thing at `at`: where it ends.
    fn step(&mut self, text: &[u8], at: usize) -> Scan<usize> {
        let end = blank(text, at);
        if end > at {
            self.pass_blank(slice(text, at, end));
            return Ok(end);
        }
        let first = byte(text, at)?;
        match (self.next, first) {
            (Next::Value, _) => return self.value(text, at, first),
            (Next::ValueOrEnd, b']') | (Next::NameOrEnd, b'}') => self.close(first)?,
            (Next::ValueOrEnd, _) => return self.value(text, at, first),
            (Next::Name | Next::NameOrEnd, _) => return self.name(text, at),
            (Next::Colon, b':') => {
                self.keep(b":");
                self.next = Next::Value;
            }
            (Next::CommaOrEnd, b',') => self.comma(),
            (Next::CommaOrEnd, b']' | b'}') if self.closes(first) => self.close(first)?,
            (Next::Colon, _) => return Err(invalid("a colon is missing behind a member's name")),
            (Next::CommaOrEnd, _) => return Err(invalid("a comma or closing bracket is missing")),
            (Next::Nothing, _) => {
                self.begin_document()?;
                return Ok(at);
            }
        }
        Ok(at + 1)
    }

    fn pass_blank(&mut self, text: &[u8]) {
        if self.next == Next::Nothing {
            self.line_ended |= text.contains(&b'\n');
        } else if self.lines == Lines::AsTheyAre {
            self.keep(text);
        }
    }

    /// Passes text between the values of a container that passes whole.
    fn keep(&mut self, text: &[u8]) {
        if self.frames.last().is_some_and(|frame| frame.target.task == Task::Keep) {
            self.put(text);
        }
    }

    /// Writes a part of the envelope, where that leaves.
    #[inline]
    pub(super) fn put(&mut self, text: &[u8]) {
        if self.rows_only.is_none() {
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
            // A bracket is no scalar: no success.
            let end = if is_container { at + 1 } else { scan::scalar(text, at)? };
            self.tell_success(slice(text, at, end))?;
        }
        let end = match target.task {
            Task::Row => self.row(text, at)?,
            Task::Header => self.header(text, at)?,
            Task::Parallel => self.parallel(text, at)?,
            Task::Also => self.also(text, at)?,
            Task::Cursor(nth) if self.has_pages() => self.cursor(nth, text, at)?,
            Task::Link if self.has_pages() => self.link(text, at)?,
            Task::Rows if first == b'[' => return self.open_rows(at),
            Task::Rows if first == b'n' && self.plan.rows_optional => {
                let end = scan::scalar(text, at)?;
                self.introduce();
                self.put(b"[]");
                self.has_rows = true;
                end
            }
            // A failure may have no rows.
            Task::Rows if self.is_success => return Err(Stop::Failed(NO_ROWS)),
            Task::Keep | Task::Rebuild if is_container => return self.open(at, first, target),
            Task::Drop | Task::Rows | Task::Cursor(_) | Task::Link if is_container => {
                return self.open(at, first, Target { task: Task::Drop, ..target });
            }
            Task::Keep => {
                let end = scan::scalar(text, at)?;
                self.introduce();
                self.put(slice(text, at, end));
                end
            }
            Task::Drop | Task::Rebuild | Task::Rows | Task::Cursor(_) | Task::Link => scan::scalar(text, at)?,
        };
        within_limit(at, end)?;
        self.after_value()?;
        Ok(end)
    }

    /// Decides by the success member.
    pub(super) fn tell_success(&mut self, value: &[u8]) -> Scan<()> {
        let Some(success) = &self.plan.envelope.success else { return Ok(()) };
        if !success.equals.iter().any(|expected| Cell::Json(value).is(expected)) {
            return Err(Stop::Failed(FilterError::Refused));
        }
        self.is_success = true;
        Ok(())
    }

    fn open_rows(&mut self, at: usize) -> Scan<usize> {
        let end = self.open(at, b'[', self.target)?;
        self.has_rows = true;
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
            self.put(&[bracket]);
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

    fn close(&mut self, bracket: u8) -> Scan<()> {
        if let Some(frame) = self.frames.pop()
            && frame.target.task != Task::Drop
        {
            self.put(&[bracket]);
        }
        self.after_value()
    }

    #[inline]
    fn after_value(&mut self) -> Scan<()> {
        if self.frames.is_empty() {
            self.next = Next::Nothing;
            return self.end_document();
        }
        self.next = Next::CommaOrEnd;
        Ok(())
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
    #[inline]
    pub(super) fn introduce(&mut self) {
        if self.rows_only.is_some() {
            return;
        }
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

    pub(super) fn depth_left(&self) -> u32 {
        u32::try_from(self.frames.len()).map_or(0, |depth| MAX_DEPTH.saturating_sub(depth))
    }
}

pub(super) const NO_ROWS: FilterError =
    FilterError::Invalid(Violation::Shape, "there is no array where the rows belong");

/// A whole unit is no longer than an incomplete one may get.
pub(super) fn within_limit(from: usize, to: usize) -> Scan<()> {
    if to - from > MAX_UNIT { Err(Stop::Failed(TOO_LONG)) } else { Ok(()) }
}
