//! What comes back: cuts an answer to the granted columns. Pure; bytes in, bytes out.
//!
//! Floor 1. It knows the response dialect and the columns of a view, and nothing of
//! requests, principals or sockets. Memory does not grow with the body; nothing that
//! was not parsed passes.

mod csv;
pub mod headers;
mod intake;
mod json;
#[cfg(test)]
mod testing;

use crate::domain::column::Column;
use crate::domain::dialect::ResponseDialect;
use csv::{CsvFilter, CsvPlan};
use headers::Ending;
use json::{JsonFilter, JsonPlan};
use std::fmt;
use std::sync::Arc;

/// Why an answer cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterError {
    /// It is not what the dialect says: syntax, shape, a repeated key, too large a row.
    Invalid(&'static str),
    /// The dialect's `success` member says that it is a failure.
    Refused,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::Refused => f.write_str("the answer's own success member says failure"),
        }
    }
}

impl std::error::Error for FilterError {}

/// How answers to one view of a report are cut; compiled once, shared.
#[derive(Debug)]
pub struct FilterPlan(Plan);

#[derive(Debug)]
enum Plan {
    Json(Arc<JsonPlan>),
    Csv(Arc<CsvPlan>),
    Opaque,
}

impl FilterPlan {
    /// Compiles a dialect for the columns of a view, in its order.
    #[must_use]
    pub fn new<'a>(dialect: &ResponseDialect, columns: impl Iterator<Item = &'a Column>) -> Self {
        Self(match dialect {
            ResponseDialect::Json(dialect) => Plan::Json(Arc::new(JsonPlan::new(dialect, columns))),
            ResponseDialect::Csv(dialect) => Plan::Csv(Arc::new(CsvPlan::new(dialect, columns))),
            ResponseDialect::Opaque => Plan::Opaque,
        })
    }
}

/// The filter of one answer.
pub struct Filter {
    format: Format,
    failure: Option<FilterError>,
}

enum Format {
    Json(Box<JsonFilter>),
    Csv(Box<CsvFilter>),
    Opaque,
}

impl Filter {
    /// A filter at the start of an answer.
    #[must_use]
    pub fn new(plan: &Arc<FilterPlan>) -> Self {
        let format = match &plan.0 {
            Plan::Json(plan) => Format::Json(Box::new(JsonFilter::new(Arc::clone(plan)))),
            Plan::Csv(plan) => Format::Csv(Box::new(CsvFilter::new(Arc::clone(plan)))),
            Plan::Opaque => Format::Opaque,
        };
        Self { format, failure: None }
    }

    /// Whether every byte passes as it is: callers may spare the copy.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        matches!(self.format, Format::Opaque)
    }

    /// Takes the next bytes of the answer, in whatever pieces, and appends what may leave to `out`.
    ///
    /// # Errors
    /// When the answer cannot be passed on; nothing may be sent after that, and every later call fails alike.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.run(out, |format, out| match format {
            Format::Json(json) => json.push(input, out),
            Format::Csv(csv) => csv.push(input, out),
            Format::Opaque => {
                out.extend_from_slice(input);
                Ok(())
            }
        })
    }

    /// Takes the end of the answer, told in this way, and appends what may still leave to `out`.
    ///
    /// # Errors
    /// When the answer is not complete, or cannot be passed on.
    pub fn finish(&mut self, ending: Ending, out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.run(out, |format, out| match format {
            Format::Json(json) => json.finish(out),
            Format::Csv(csv) => csv.finish(ending, out),
            Format::Opaque => Ok(()),
        })
    }

    /// How many columns of the backend's were cut so far: distinct names, not cells; counted up to some thousands.
    #[must_use]
    pub fn columns_removed(&self) -> u64 {
        let removed = match &self.format {
            Format::Json(json) => json.columns_removed(),
            Format::Csv(csv) => csv.columns_removed(),
            Format::Opaque => 0,
        };
        u64::try_from(removed).unwrap_or(u64::MAX)
    }

    /// One step; after a failed one nothing is appended, then and ever after.
    fn run(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Format, &mut Vec<u8>) -> Result<(), FilterError>,
    ) -> Result<(), FilterError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let length = out.len();
        step(&mut self.format, out).inspect_err(|failure| {
            out.truncate(length);
            self.failure = Some(*failure);
        })
    }
}

impl fmt::Debug for Filter {
    /// Without the cells that it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("failure", &self.failure).finish_non_exhaustive()
    }
}
