//! What the tests of this room share.

use super::headers::Ending;
use super::{Filter, FilterError, FilterPlan, Paging, RowsOf, Terms, Violation};
use crate::domain::column::{Catalogue, Column, View};
use crate::domain::dialect::{OutputFormat, ResponseDialect, ResponseFormat};
use crate::domain::names::ColumnName;
use smol_str::SmolStr;
use std::sync::Arc;

/// Columns written `name` or `name=response`, separated by blanks.
pub(super) fn columns(text: &str) -> Vec<Column> {
    let column = |word: &str| {
        let (name, response) = word.split_once('=').unwrap_or((word, word));
        Column {
            name: ColumnName::parse(name).unwrap(),
            title: None,
            request: response.into(),
            response: response.into(),
            group: None,
        }
    };
    text.split_whitespace().map(column).collect()
}

/// A plan, and the terms of an answer.
pub(super) struct Rig {
    plan: FilterPlan,
    terms: Terms,
}

/// Every column of `view` is granted, in its order; the answer leaves in its own format and may be everyone's.
pub(super) fn rig(dialect: &ResponseDialect, view: &str) -> Rig {
    rig_of(dialect, view, usize::MAX)
}

/// [`rig`] where only the first few columns of the catalogue are granted.
pub(super) fn rig_of(dialect: &ResponseDialect, catalogue: &str, granted: usize) -> Rig {
    let catalogue = Catalogue::new(columns(catalogue));
    let view: Vec<_> = catalogue.iter().map(|(at, _)| at).take(granted).collect();
    let plan = FilterPlan::new(dialect, &catalogue, &View::new(&view).unwrap());
    let terms = Terms { output: dialect.format.own_output(), rows_of: RowsOf::Everyone, paging: None };
    Rig { plan, terms }
}

/// [`rig`] for a format and no further rules.
pub(super) fn plan(format: ResponseFormat, view: &str) -> Rig {
    rig(&ResponseDialect::new(format), view)
}

impl Rig {
    pub(super) fn output(mut self, output: OutputFormat) -> Self {
        self.terms.output = output;
        self
    }

    pub(super) fn rows_of(mut self, ids: &[&str]) -> Self {
        self.terms.rows_of = RowsOf::Ids(ids.iter().map(SmolStr::new).collect());
        self
    }

    pub(super) fn paging(mut self, paging: impl Paging + 'static) -> Self {
        self.terms.paging = Some(Arc::new(paging));
        self
    }

    pub(super) fn filter(&self) -> Filter {
        Filter::new(&self.plan, &Arc::new(self.terms.clone()))
    }
}

/// The output for these pieces, and how many columns were cut.
pub(super) fn run<'a>(
    plan: &Rig,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, u64), FilterError> {
    let mut filter = plan.filter();
    let mut out = Vec::new();
    for piece in pieces {
        filter.push(piece, &mut out)?;
    }
    filter.finish(Ending::Framed, &mut out)?;
    Ok((out, filter.columns_removed()))
}

/// `text` cut at these places, given in thousandths of its length.
pub(super) fn pieces<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % 1001 * text.len() / 1000).collect();
    places.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for to in places.into_iter().chain([text.len()]) {
        pieces.push(&text[from..to]);
        from = to;
    }
    pieces
}

/// Whole, byte by byte and in halves comes to the same: what leaves, or why nothing does.
#[track_caller]
pub(super) fn cut(plan: &Rig, text: &[u8]) -> Result<String, FilterError> {
    // Which of several faults is met first depends on the pieces.
    let kind = |failure| match failure {
        FilterError::Invalid(..) => FilterError::Invalid(Violation::Syntax, ""),
        FilterError::Refused => FilterError::Refused,
    };
    let whole = run(plan, [text]).map_err(kind);
    assert_eq!(run(plan, text.chunks(1)).map_err(kind), whole, "byte by byte: {}", text.escape_ascii());
    let halves = text.chunks(text.len() / 2 + 1);
    assert_eq!(run(plan, halves).map_err(kind), whole, "in halves: {}", text.escape_ascii());
    whole.map(|(out, _)| String::from_utf8(out).unwrap())
}
