//! Columns: a report's catalogue, and views of it.

use super::names::ColumnName;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One column of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name affiliates see.
    pub name: ColumnName,
    /// A human title.
    pub title: Option<Box<str>>,
    /// What the backend calls it in requests.
    pub request: Box<str>,
    /// What the backend calls it in answers; in JSON and XML, dots step into nested objects and elements.
    pub response: Box<str>,
    /// The group (`dimension`, `measure`, …) that picks where it is asked for.
    pub group: Option<Box<str>>,
}

/// The place of a column in its report's catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnIndex(u16);

impl ColumnIndex {
    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// All columns of a report, in the order of the config.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    columns: Box<[Column]>,
    by_name: HashMap<ColumnName, ColumnIndex>,
}

impl Catalogue {
    /// A catalogue of at most 65,535 columns; of columns with one name, the first counts.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        let mut by_name = HashMap::with_capacity(columns.len());
        for (index, column) in (0..u16::MAX).zip(&columns) {
            by_name.entry(column.name.clone()).or_insert(ColumnIndex(index));
        }
        Self { columns: columns.into(), by_name }
    }

    /// The column of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ColumnIndex> {
        self.by_name.get(name).copied()
    }

    /// The column at that place; `None` for an index of another catalogue.
    #[must_use]
    pub fn get(&self, index: ColumnIndex) -> Option<&Column> {
        self.columns.get(usize::from(index.0))
    }

    /// Every column with its place.
    pub fn iter(&self) -> impl Iterator<Item = (ColumnIndex, &Column)> {
        (0..u16::MAX).map(ColumnIndex).zip(&self.columns)
    }

    /// How many columns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns of `view`, in its order.
    pub fn columns_of<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Column> {
        view.iter().filter_map(|index| self.get(index))
    }
}

/// Granted columns of one report, in order, each once, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View(Arc<[ColumnIndex]>);

impl View {
    /// A view of these columns, in this order; `None` when there is none or one stands twice.
    #[must_use]
    pub fn new(columns: &[ColumnIndex]) -> Option<Self> {
        let distinct: HashSet<_> = columns.iter().collect();
        (!columns.is_empty() && distinct.len() == columns.len()).then(|| Self(columns.into()))
    }

    /// Its columns, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ColumnIndex> + '_ {
        self.0.iter().copied()
    }

    /// Whether the column is in the view.
    #[must_use]
    pub fn contains(&self, column: ColumnIndex) -> bool {
        self.0.contains(&column)
    }

    /// How many columns it has; never 0.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.len()
    }
}
