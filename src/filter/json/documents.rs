//! Where documents begin and end, and what of them may leave.

use super::columns::Judged;
use super::early::Holds;
use super::row::{Lines, RowReader};
use super::scan::{Scan, Stop, invalid, misshapen};
use super::values::RowOutput;
use super::walk::{NO_ROWS, Next, Walk};
use super::{JsonPlan, TRUNCATED};
use crate::domain::dialect::{Documents, OutputFormat, RowForm, Shape};
use crate::filter::headers::Ending;
use crate::filter::output::RowWriter;
use crate::filter::rows::RowJudge;
use crate::filter::{FilterError, RowsOf, Terms, Violation};
use std::sync::Arc;

impl Walk {
    pub(super) fn new(plan: Arc<JsonPlan>, terms: Arc<Terms>) -> Self {
        // Many documents are no document, but may be lines.
        let own = match plan.documents {
            Documents::One => OutputFormat::Json,
            Documents::Many => OutputFormat::Ndjson,
        };
        let envelope_leaves = terms.output == own && plan.shape != Shape::Bare;
        let rows_only = if envelope_leaves { None } else { RowWriter::new(terms.output) };
        let mut judged = plan.columns.judged;
        if terms.rows_of == RowsOf::Everyone {
            judged = Judged { scope: None, ..judged };
        }
        Self {
            frames: Vec::new(),
            next: Next::Value,
            target: plan.envelope.root(),
            out: Vec::new(),
            released: 0,
            row_output: RowOutput::new(terms.output, plan.shape, &plan.row, rows_only.is_none()),
            lines: Lines::of(terms.output),
            rows_only,
            has_rows: plan.documents_are_rows,
            is_success: plan.envelope.success.is_none(),
            reader: RowReader::new(&plan.columns),
            judge: RowJudge::new(Arc::clone(&terms)),
            judged,
            header: None,
            holes: Vec::new(),
            held: 0,
            line_ended: false,
            plan,
            terms,
        }
    }

    /// Begins another document, if there may be one.
    pub(super) fn begin_document(&mut self) -> Scan<()> {
        if self.plan.documents == Documents::One {
            return Err(invalid("something follows the document"));
        }
        self.next = Next::Value;
        self.target = self.plan.envelope.root();
        self.has_rows = self.plan.documents_are_rows;
        self.is_success = self.plan.envelope.success.is_none();
        if !self.plan.documents_are_rows {
            self.header = None;
        }
        self.line_ended = false;
        Ok(())
    }

    /// Takes the end of a document: from now on it may leave.
    pub(super) fn end_document(&mut self) -> Scan<()> {
        if !self.is_success && !self.plan.envelope.success.as_ref().is_some_and(|success| success.absent_ok) {
            return Err(Stop::Failed(FilterError::Refused));
        }
        if !self.has_rows && !self.plan.rows_optional {
            return Err(Stop::Failed(NO_ROWS));
        }
        if self.holes.iter().any(|hole| hole.holds == Holds::Rows) {
            return Err(misshapen("the rows have no header"));
        }
        if !self.holes.is_empty() && matches!(self.plan.row, RowForm::Object | RowForm::Pairs { .. }) {
            return Err(misshapen("arrays parallel to the columns have no names"));
        }
        self.fill_holes()?;
        // A row that was cut is no line.
        let has_left = !self.plan.documents_are_rows || self.out.len() > self.released;
        if self.rows_only.is_none() && self.lines == Lines::One && has_left {
            self.out.push(b'\n');
        }
        self.released = self.out.len();
        Ok(())
    }

    /// The end of the answer.
    pub(super) fn finish(&mut self, ending: Ending) -> Result<(), FilterError> {
        if self.next != Next::Nothing {
            return Err(TRUNCATED);
        }
        let may_go_on = self.plan.documents == Documents::Many && !self.line_ended;
        if may_go_on && ending == Ending::Closed {
            return Err(FilterError::Invalid(
                Violation::Truncated,
                "it ends without a line end, and its length was not told",
            ));
        }
        if let Some(writer) = &mut self.rows_only {
            writer.begin(&self.plan.output, &mut self.out);
            writer.end(&mut self.out);
        }
        self.released = self.out.len();
        Ok(())
    }

    /// Whether what the document at hand has written may leave before its end.
    pub(super) fn may_leave(&self) -> bool {
        let awaits_header = self.header.is_none() && matches!(self.plan.row, RowForm::Array { .. });
        self.is_success && self.has_rows && self.holes.is_empty() && !awaits_header
    }

    /// Moves what may leave to `out`.
    pub(super) fn leave(&mut self, out: &mut Vec<u8>) {
        if self.may_leave() {
            out.append(&mut self.out);
        } else {
            out.extend(self.out.drain(..self.released));
            for hole in &mut self.holes {
                hole.at -= self.released;
            }
        }
        self.released = 0;
    }
}
