//! What the tests of this room share.

use super::headers::Ending;
use super::{Filter, FilterError, FilterPlan};
use crate::domain::column::Column;
use crate::domain::dialect::ResponseDialect;
use crate::domain::names::ColumnName;
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

pub(super) fn plan(dialect: &ResponseDialect, view: &str) -> Arc<FilterPlan> {
    Arc::new(FilterPlan::new(dialect, columns(view).iter()))
}

/// The output for these pieces, and how many columns were cut.
pub(super) fn run<'a>(
    plan: &Arc<FilterPlan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, u64), FilterError> {
    let mut filter = Filter::new(plan);
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
pub(super) fn cut(plan: &Arc<FilterPlan>, text: &[u8]) -> Result<String, FilterError> {
    // Which of several faults is met first depends on the pieces.
    let kind = |failure| match failure {
        FilterError::Invalid(_) => FilterError::Invalid(""),
        FilterError::Refused => FilterError::Refused,
    };
    let whole = run(plan, [text]).map_err(kind);
    assert_eq!(run(plan, text.chunks(1)).map_err(kind), whole, "byte by byte: {}", text.escape_ascii());
    let halves = text.chunks(text.len() / 2 + 1);
    assert_eq!(run(plan, halves).map_err(kind), whole, "in halves: {}", text.escape_ascii());
    whole.map(|(out, _)| String::from_utf8(out).unwrap())
}
