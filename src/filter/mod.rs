//! What comes back: cuts an answer to the granted columns. Pure; bytes in, bytes out.
//!
//! Floor 1. It knows the response dialect and the columns of a view, and nothing of
//! requests, principals or sockets. Memory does not grow with the body; nothing that
//! was not parsed passes.

pub mod headers;

use crate::domain::column::Column;
use crate::domain::dialect::ResponseDialect;
use std::fmt;

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
pub struct FilterPlan {}

impl FilterPlan {
    /// Compiles a dialect for the columns of a view, in its order.
    #[must_use]
    pub fn new<'a>(dialect: &ResponseDialect, columns: impl Iterator<Item = &'a Column>) -> Self {
        let _ = (dialect, columns.count());
        Self {}
    }
}

/// The filter of one answer.
#[derive(Debug)]
pub struct Filter {}

impl Filter {
    /// A filter at the start of an answer.
    #[must_use]
    pub fn new(plan: &std::sync::Arc<FilterPlan>) -> Self {
        let _ = plan;
        Self {}
    }

    /// Takes the next bytes of the answer, in whatever pieces, and appends what may leave to `out`.
    ///
    /// # Errors
    /// When the answer cannot be passed on; nothing may be sent after that.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        let _ = (input, out);
        Ok(())
    }

    /// Takes the end of the answer and appends what may still leave to `out`.
    ///
    /// # Errors
    /// When the answer is not complete, or cannot be passed on.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let _ = out;
        Ok(())
    }

    /// How many columns of the backend's were cut so far: distinct names, not cells.
    #[must_use]
    pub fn columns_removed(&self) -> u64 {
        0
    }
}
