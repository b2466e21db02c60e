//! The filter as programs that embed it call it, without a gate around it.

use reportgate::domain::column::{Catalogue, Column, View};
use reportgate::domain::dialect::{OutputFormat, ResponseDialect};
use reportgate::domain::names::ColumnName;
use reportgate::filter::headers::Ending;
use reportgate::filter::{Filter, FilterError, FilterPlan, RowsOf, Terms};
use std::sync::Arc;

/// Bodies up to this length are cut at every byte, longer ones near their ends.
const CUT_EVERYWHERE: usize = 1024;

/// A plan and the terms of its answers.
pub(crate) struct Cutter {
    plan: FilterPlan,
    terms: Arc<Terms>,
}

impl Cutter {
    /// Every column, given by its name and the backend's, is granted, in this order.
    pub(crate) fn new<'c>(
        dialect: &ResponseDialect,
        columns: impl IntoIterator<Item = (&'c str, &'c str)>,
    ) -> Self {
        let column = |(name, response): (&str, &str)| Column {
            name: ColumnName::parse(name).expect("the name of a column"),
            title: None,
            request: response.into(),
            response: response.into(),
            group: None,
        };
        let catalogue = Catalogue::new(columns.into_iter().map(column).collect());
        let all: Vec<_> = catalogue.iter().map(|(at, _)| at).collect();
        let plan = FilterPlan::new(dialect, &catalogue, &View::new(&all).expect("distinct columns"));
        let terms = Terms { output: dialect.format.own_output(), rows_of: RowsOf::Everyone, paging: None };
        Self { plan, terms: Arc::new(terms) }
    }

    /// Answers leave in this format instead of the backend's.
    pub(crate) fn output(mut self, output: OutputFormat) -> Self {
        Arc::make_mut(&mut self.terms).output = output;
        self
    }

    /// Only rows of these ids may leave.
    pub(crate) fn rows_of(mut self, ids: &[String]) -> Self {
        Arc::make_mut(&mut self.terms).rows_of =
            RowsOf::Ids(ids.iter().map(|id| id.as_str().into()).collect());
        self
    }

    /// What leaves of an answer that comes in these pieces.
    pub(crate) fn cut<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<Vec<u8>, FilterError> {
        let mut out = Vec::new();
        self.cut_into(pieces, &mut out).map(|()| out)
    }

    /// [`Self::cut`]; what left before a failure stays in `out`.
    pub(crate) fn cut_into<'b>(
        &self,
        pieces: impl IntoIterator<Item = &'b [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), FilterError> {
        let mut filter = Filter::new(&self.plan, &self.terms);
        for piece in pieces {
            filter.push(piece, out)?;
        }
        filter.finish(Ending::Framed, out)
    }

    /// What leaves of an answer; the same whole, in two pieces wherever it is cut, and byte by byte.
    #[track_caller]
    pub(crate) fn cut_anywhere(&self, body: &[u8]) -> Result<Vec<u8>, FilterError> {
        let whole = self.cut([body]);
        // Which of several faults is met first may depend on the pieces.
        let same = |found: &Result<Vec<u8>, FilterError>| found.as_ref().ok() == whole.as_ref().ok();
        let near_an_end = |at: &usize| body.len() <= CUT_EVERYWHERE || *at < 64 || body.len() - *at < 64;
        for at in (0..=body.len()).filter(near_an_end) {
            let (head, tail) = body.split_at(at);
            let found = self.cut([head, tail]);
            assert!(same(&found), "cut at {at}: {found:?}, not {whole:?}: {}", body.escape_ascii());
        }
        let found = self.cut(body.chunks(1));
        assert!(same(&found), "byte by byte: {found:?}, not {whole:?}: {}", body.escape_ascii());
        whole
    }
}
