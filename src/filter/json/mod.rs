//! JSON answers: the envelope is walked, rows are judged and cut, everything else is dropped.
//!
//! A document is read once, front to back, by a stack of open containers and one word of
//! what may come next; no input drives a recursion. Rows, headers, `also` objects, cursors and
//! scalars are read whole, containers around or beside them piece by piece, so that memory
//! does not grow with the body. Nothing of a document leaves before success is known, the rows
//! have begun and their header was seen; up to 8 MiB are held back until then.
//!
//! The grammar is RFC 8259, nested at most 64 deep. A name may stand once, however it is spelt, in a
//! row, an `also` object and the objects around them; objects that are dropped or passed
//! whole are not searched for that. Of an answer with many documents each is read like
//! an answer of its own.

mod columns;
mod documents;
mod early;
mod envelope;
mod header;
mod keys;
mod pairs;
#[cfg(test)]
mod properties;
mod row;
mod scan;
#[cfg(test)]
mod tests;
mod values;
mod walk;

use super::headers::Ending;
use super::intake::Intake;
use super::output::OutputColumns;
use super::rows::RowPlan;
use super::{FilterError, Terms, Violation};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{Documents, JsonDialect, ResponseDialect, RowForm, Shape};
use crate::domain::names::ColumnName;
use columns::Columns;
use envelope::Envelope;
use pairs::Pairs;
use std::sync::Arc;
use walk::Walk;

/// How JSON answers to one view are cut.
#[derive(Debug)]
pub(super) struct JsonPlan {
    documents: Documents,
    /// Each document is a row.
    documents_are_rows: bool,
    rows_optional: bool,
    envelope: Envelope,
    row: RowForm,
    pairs: Option<Pairs>,
    columns: Columns,
    rules: RowPlan,
    shape: Shape,
    output: OutputColumns,
}

impl JsonPlan {
    pub(super) fn new(
        json: &JsonDialect,
        dialect: &ResponseDialect,
        catalogue: &Catalogue,
        view: &View,
    ) -> Self {
        let rules = RowPlan::new(dialect, catalogue);
        let columns = Columns::new(catalogue.columns_of(view), &rules);
        let pairs = match &json.row {
            RowForm::Pairs { name_key, value_key } => Some(Pairs::new(name_key, value_key, &columns)),
            RowForm::Object | RowForm::Array { .. } | RowForm::ArrayAfterHeader => None,
        };
        Self {
            documents: json.documents,
            documents_are_rows: json.rows.is_none(),
            rows_optional: json.rows_optional && json.success.is_some(),
            envelope: Envelope::new(json),
            row: json.row.clone(),
            pairs,
            columns,
            rules,
            shape: dialect.output.shape,
            output: OutputColumns::new(dialect, catalogue, view),
        }
    }
}

/// The filter of one JSON answer.
pub(super) struct JsonFilter {
    intake: Intake,
    walk: Walk,
}

impl JsonFilter {
    pub(super) fn new(plan: Arc<JsonPlan>, terms: Arc<Terms>) -> Self {
        Self { intake: Intake::default(), walk: Walk::new(plan, terms) }
    }

    pub(super) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.intake.push(input, |text| self.walk.read(text))?;
        self.walk.leave(out);
        Ok(())
    }

    pub(super) fn finish(&mut self, ending: Ending, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let rest = self.intake.finish()?;
        if self.walk.read(&rest)? < rest.len() {
            return Err(TRUNCATED);
        }
        self.walk.finish(ending)?;
        self.walk.leave(out);
        Ok(())
    }

    pub(super) fn columns_removed(&self) -> usize {
        self.walk.reader.removed()
    }

    pub(super) fn foreign_rows(&self) -> u64 {
        self.walk.judge.foreign_rows()
    }

    pub(super) fn removed_names(&self) -> Vec<String> {
        self.walk.reader.removed_names(&self.walk.plan.columns)
    }

    pub(super) fn missing_columns(&self) -> Vec<ColumnName> {
        self.walk.reader.missing(&self.walk.plan.columns)
    }
}

const TRUNCATED: FilterError = FilterError::Invalid(Violation::Truncated, "it ends before the document does");
