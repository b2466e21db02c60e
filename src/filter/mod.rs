//! What comes back: cuts an answer to the granted columns. Pure; bytes in, bytes out.
//!
//! Floor 1. It knows the response dialect and the columns of a view, and nothing of
//! requests, principals or sockets. Memory does not grow with the body; nothing that
//! was not parsed passes.

pub mod coding;
mod csv;
mod escape;
pub mod headers;
mod intake;
mod json;
mod output;
mod rows;
#[cfg(test)]
mod testing;
mod xml;

use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{OutputFormat, ResponseDialect, ResponseFormat};
use crate::domain::names::ColumnName;
use csv::{CsvFilter, CsvPlan};
use headers::Ending;
use json::{JsonFilter, JsonPlan};
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;
use xml::{XmlFilter, XmlPlan};

/// Why an answer cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterError {
    /// It is not what the dialect says.
    Invalid(Violation, &'static str),
    /// The dialect's `success` member says that it is a failure.
    Refused,
}

/// In which way an answer is not what its dialect says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// It is not UTF-8.
    Charset,
    /// It is not of the format.
    Syntax,
    /// It is of the format, but not of the configured shape.
    Shape,
    /// A name stands twice where it may stand once.
    Repeated,
    /// A row, a member or the whole is larger than it may be.
    TooLarge,
    /// A row is not one of those that may leave.
    ForeignRow,
    /// It is compressed in a way that cannot, or may not, be decoded.
    Coding,
    /// It ends too early.
    Truncated,
}

impl Violation {
    /// The `kind` of `response_violations_total`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charset => "charset",
            Self::Syntax => "syntax",
            Self::Shape => "shape",
            Self::Repeated => "repeated",
            Self::TooLarge => "too_large",
            Self::ForeignRow => "foreign_row",
            Self::Coding => "coding",
            Self::Truncated => "truncated",
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(_, what) => f.write_str(what),
            Self::Refused => f.write_str("the answer's own success member does not say success"),
        }
    }
}

impl std::error::Error for FilterError {}

/// Whose rows may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsOf {
    /// Everyone's.
    Everyone,
    /// Those of these ids.
    Ids(Box<[SmolStr]>),
}

/// What one answer is filtered by, besides its plan.
#[derive(Debug, Clone)]
pub struct Terms {
    /// In which format it leaves.
    pub output: OutputFormat,
    /// Whose rows may leave; looked at where the dialect has a `scope_column`.
    pub rows_of: RowsOf,
    /// What becomes of cursors and links; `None` where the dialect has neither.
    pub paging: Option<Arc<dyn Paging>>,
}

/// What becomes of the members that lead to other pages.
pub trait Paging: fmt::Debug + Send + Sync {
    /// What a client gets in place of the cursor at that place in the dialect, whose value is `json`; plain text.
    fn seal(&self, cursor: usize, json: &str) -> String;

    /// The gate's own link in place of the backend's; `None` when there is none that would work.
    fn link(&self, backend: &str) -> Option<String>;
}

/// How answers to one view of a report are cut; compiled once, shared.
#[derive(Debug)]
pub struct FilterPlan(Plan);

#[derive(Debug)]
enum Plan {
    Json(Arc<JsonPlan>),
    Csv(Arc<CsvPlan>),
    Xml(Arc<XmlPlan>),
    Opaque,
}

impl FilterPlan {
    /// Compiles a dialect for the columns of a view, in its order.
    #[must_use]
    pub fn new(dialect: &ResponseDialect, catalogue: &Catalogue, view: &View) -> Self {
        Self(match &dialect.format {
            ResponseFormat::Json(json) => Plan::Json(Arc::new(JsonPlan::new(json, dialect, catalogue, view))),
            ResponseFormat::Csv(csv) => Plan::Csv(Arc::new(CsvPlan::new(csv, dialect, catalogue, view))),
            ResponseFormat::Xml(xml) => Plan::Xml(Arc::new(XmlPlan::new(xml, dialect, catalogue, view))),
            ResponseFormat::Opaque => Plan::Opaque,
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
    Xml(Box<XmlFilter>),
    Opaque,
}

impl Filter {
    /// A filter at the start of an answer.
    #[must_use]
    pub fn new(plan: &FilterPlan, terms: &Arc<Terms>) -> Self {
        let format = match &plan.0 {
            Plan::Json(plan) => Format::Json(Box::new(JsonFilter::new(Arc::clone(plan), Arc::clone(terms)))),
            Plan::Csv(plan) => Format::Csv(Box::new(CsvFilter::new(Arc::clone(plan), Arc::clone(terms)))),
            Plan::Xml(plan) => Format::Xml(Box::new(XmlFilter::new(Arc::clone(plan), Arc::clone(terms)))),
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
            Format::Xml(xml) => xml.push(input, out),
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
            Format::Json(json) => json.finish(ending, out),
            Format::Csv(csv) => csv.finish(ending, out),
            Format::Xml(xml) => xml.finish(out),
            Format::Opaque => Ok(()),
        })
    }

    /// How many columns of the backend's were cut so far: distinct names, not cells; counted up to some thousands.
    #[must_use]
    pub fn columns_removed(&self) -> u64 {
        let removed = match &self.format {
            Format::Json(json) => json.columns_removed(),
            Format::Csv(csv) => csv.columns_removed(),
            Format::Xml(xml) => xml.columns_removed(),
            Format::Opaque => 0,
        };
        u64::try_from(removed).unwrap_or(u64::MAX)
    }

    /// How many rows of somebody else's the answer held so far, the one included that it was refused for.
    #[must_use]
    pub fn foreign_rows(&self) -> u64 {
        match &self.format {
            Format::Json(json) => json.foreign_rows(),
            Format::Csv(csv) => csv.foreign_rows(),
            Format::Xml(xml) => xml.foreign_rows(),
            Format::Opaque => 0,
        }
    }

    /// The names of columns that were cut so far, the first few, as the backend spells them.
    #[must_use]
    pub fn removed_names(&self) -> Vec<String> {
        match &self.format {
            Format::Json(json) => json.removed_names(),
            Format::Csv(csv) => csv.removed_names(),
            Format::Xml(xml) => xml.removed_names(),
            Format::Opaque => Vec::new(),
        }
    }

    /// Columns of the view that the answer did not hold at all; meaningful at its end, and none where it had no row.
    #[must_use]
    pub fn missing_columns(&self) -> Vec<ColumnName> {
        match &self.format {
            Format::Json(json) => json.missing_columns(),
            Format::Csv(csv) => csv.missing_columns(),
            Format::Xml(xml) => xml.missing_columns(),
            Format::Opaque => Vec::new(),
        }
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
