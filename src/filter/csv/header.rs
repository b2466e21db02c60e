//! What the header of a CSV answer says: where the columns stand that matter, and what was cut.
//!
//! Platforms that glue reports together repeat their header line. The same line again
//! is dropped; one in another order is refused, since hidden cells would stand in
//! granted places below it.

use super::CsvPlan;
use super::record::{Record, said};
use crate::domain::names::ColumnName;
use crate::filter::{FilterError, RowsOf, Violation};
use std::collections::{HashMap, HashSet};

pub(super) const NO_HEADER: FilterError = FilterError::Invalid(Violation::Shape, "there is no header line");

/// How many names of cut columns are remembered.
const REMOVED_NAMES: usize = 16;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A header that was read.
pub(super) struct Header {
    /// How many cells it has, and so every record.
    pub(super) width: usize,
    /// In the view's order: where the granted columns stand.
    pub(super) granted: Vec<Option<usize>>,
    /// Where the column stands that tells whose a row is, if that is asked.
    pub(super) scope: Option<usize>,
    /// Where the column stands that tells a total.
    pub(super) total: Option<usize>,
    /// How many distinct columns are cut.
    pub(super) removed: usize,
    /// The first of their names.
    pub(super) removed_names: Vec<String>,
    names: Names,
}

impl Header {
    /// Reads a header for the rows of `rows_of`.
    ///
    /// # Errors
    /// When it lacks what the rules for rows look at, names that twice, or names no granted column.
    pub(super) fn read(record: &Record<'_>, plan: &CsvPlan, rows_of: &RowsOf) -> Result<Self, FilterError> {
        if record.cells().all(<[u8]>::is_empty) {
            return Err(NO_HEADER);
        }
        let names = Names::new(record);
        let scope = match rows_of {
            RowsOf::Ids(_) => plan.rows.scope.as_deref(),
            RowsOf::Everyone => None,
        };
        let scope = scope.map(|name| names.only(name)).transpose()?;
        let total = plan.rows.total.as_deref().map(|name| names.only(name)).transpose()?;
        let granted: Vec<_> = plan.columns.iter().map(|(_, response)| names.first(response)).collect();
        if granted.iter().all(Option::is_none) {
            return Err(FilterError::Invalid(
                Violation::Shape,
                "the header names none of the granted columns",
            ));
        }
        // What the gate itself asked for, to look at, is not the backend's to be blamed for.
        let asked_for = [&plan.rows.scope, &plan.rows.total].into_iter().flatten();
        let known: HashSet<&[u8]> = plan
            .columns
            .iter()
            .map(|(_, response)| response)
            .chain(asked_for)
            .map(|name| name.as_bytes())
            .collect();
        let is_cut = |(place, cell): &(usize, &[u8])| {
            let name = said(cell);
            names.places.get(&*name) == Some(place) && !known.contains(&*name)
        };
        let cut = || record.cells().enumerate().filter(is_cut).map(|(_, cell)| said(cell));
        let removed_names = cut().take(REMOVED_NAMES).map(|name| String::from_utf8_lossy(&name).into_owned());
        Ok(Self {
            width: record.width(),
            scope,
            total,
            removed: cut().count(),
            removed_names: removed_names.collect(),
            granted,
            names,
        })
    }

    /// The columns of the view that it does not name.
    pub(super) fn missing(&self, plan: &CsvPlan) -> Vec<ColumnName> {
        let columns = plan.columns.iter().zip(&self.granted);
        columns.filter(|(_, place)| place.is_none()).map(|((name, _), _)| name.clone()).collect()
    }

    /// Whether a record is this header again. A single cell never is: it may well say its column's name.
    ///
    /// # Errors
    /// When it is a header of another order.
    #[inline]
    pub(super) fn is_again(&self, record: &Record<'_>) -> Result<bool, FilterError> {
        if self.width < 2 {
            return Ok(false);
        }
        // Those that matter name a column in their first cell or in a granted place.
        let tells = |place: &usize| self.names.may_have(record.cell(*place));
        if !self.names.may_have(without_mark(record.cell(0))) && !self.granted.iter().flatten().any(tells) {
            return Ok(false);
        }
        self.names.are_in(record)
    }
}

/// The names of a header.
struct Names {
    /// Where each stands first.
    places: HashMap<Box<[u8]>, usize>,
    /// In the order of the header: where the name of a cell stands first.
    order: Vec<usize>,
    /// By first bytes: bit n is set where a name has n bytes, the last one for all that are longer.
    lengths: Box<[u64; 256]>,
}

impl Names {
    fn new(record: &Record<'_>) -> Self {
        let (mut places, mut order) = (HashMap::new(), Vec::new());
        let mut lengths = Box::new([0; 256]);
        for (place, cell) in record.cells().enumerate() {
            let name = inside(cell);
            if let Some(lengths) = name.first().and_then(|first| lengths.get_mut(usize::from(*first))) {
                *lengths |= length_bit(name);
            }
            order.push(*places.entry(Box::from(&*said(cell))).or_insert(place));
        }
        Self { places, order, lengths }
    }

    fn first(&self, name: &str) -> Option<usize> {
        self.places.get(name.as_bytes()).copied()
    }

    /// The place of a name that the rules for rows look at.
    fn only(&self, name: &str) -> Result<usize, FilterError> {
        let Some(place) = self.first(name) else {
            return Err(FilterError::Invalid(
                Violation::Shape,
                "the header lacks a column that rows are judged by",
            ));
        };
        if self.order.iter().filter(|first| **first == place).count() > 1 {
            return Err(FilterError::Invalid(
                Violation::Repeated,
                "the header names a column twice that rows are judged by",
            ));
        }
        Ok(place)
    }

    /// Whether a cell may say one of the names, the empty one aside: seldom where it does not.
    #[inline]
    fn may_have(&self, cell: &[u8]) -> bool {
        let first = if let [b'"', first, ..] | [first, ..] = cell { *first } else { return false };
        let lengths = self.lengths.get(usize::from(first)).copied().unwrap_or_default();
        lengths != 0 && lengths & length_bit(inside(cell)) != 0
    }

    /// Whether a record of as many cells says the same in each.
    ///
    /// # Errors
    /// When it does not, and yet says at least two, and more than half, of the names.
    #[cold]
    fn are_in(&self, record: &Record<'_>) -> Result<bool, FilterError> {
        let mut found: HashSet<usize> = HashSet::new();
        let mut is_same = true;
        for ((place, cell), own) in record.cells().enumerate().zip(&self.order) {
            let name = said(if place == 0 { without_mark(cell) } else { cell });
            let first = self.places.get(&*name);
            is_same &= first == Some(own);
            found.extend(first.filter(|_| !name.is_empty()));
        }
        let names = self.places.keys().filter(|name| !name.is_empty()).count();
        if !is_same && found.len() > 1 && found.len() * 2 > names {
            return Err(FilterError::Invalid(Violation::Shape, "a header line of another order follows"));
        }
        Ok(is_same)
    }
}

#[inline]
fn length_bit(inside: &[u8]) -> u64 {
    1 << inside.len().min(63)
}

/// A cell without the quotes around it. Those inside stay doubled, as in every cell that says the same.
#[inline]
fn inside(cell: &[u8]) -> &[u8] {
    match cell {
        [b'"', inside @ .., b'"'] => inside,
        cell => cell,
    }
}

/// A first cell without the byte order mark of a file that was appended.
#[inline]
fn without_mark(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(BYTE_ORDER_MARK).unwrap_or(cell)
}
