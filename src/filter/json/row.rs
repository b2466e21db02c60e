//! Reading one row, or one object keyed by column, and writing what is granted of it.
//!
//! Reading notes where the cells that matter stand in the text; nothing is copied before
//! the whole row was read. Writing goes in the view's order, cells byte for byte.

use super::columns::{Columns, Piece};
use super::keys::Keys;
use super::pairs::PairNames;
use super::scan::{Scan, Stop, blank, byte, colon, invalid, misshapen, slice, too_large, value};
use crate::domain::names::ColumnName;
use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use crate::filter::output::Cell;
use std::ops::Range;

/// How many names of cut columns are told.
const MAX_TOLD: usize = 16;

/// Whether values may hold line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// They leave byte for byte.
    AsTheyAre,
    /// Each document leaves on one line.
    One,
}

impl Lines {
    /// Appends a value.
    #[inline]
    pub(super) fn write(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::AsTheyAre => out.extend_from_slice(value),
            Self::One => Cell::Json(value).write_line(out),
        }
    }
}

/// Reads rows; keeps what it learnt about their names.
pub(super) struct RowReader {
    /// The names of rows and `also` objects; those of headers and pairs count as the first level's.
    pub(super) levels: Vec<Keys>,
    /// The names in pairs, once there is one.
    pub(super) pairs: Option<Box<PairNames>>,
    /// Where the cells of the row or object at hand stand.
    pub(super) cells: Vec<Option<Range<usize>>>,
    /// Where all items of the array at hand stand.
    pub(super) items: Vec<Range<usize>>,
    /// Where the open groups of the row being written began.
    groups: Vec<usize>,
    /// The cells that some row had so far.
    met: Vec<bool>,
    met_all: bool,
    has_rows: bool,
}

impl RowReader {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            levels: columns.prefixes().map(|_| Keys::default()).collect(),
            pairs: None,
            cells: vec![None; columns.cells()],
            items: Vec::new(),
            groups: Vec::new(),
            met: vec![false; columns.cells()],
            met_all: false,
            has_rows: false,
        }
    }

    /// How many distinct names were dropped.
    pub(super) fn removed(&self) -> usize {
        self.levels.iter().map(Keys::removed).sum()
    }

    /// The first few names that were dropped, as they mean.
    pub(super) fn removed_names(&self, columns: &Columns) -> Vec<String> {
        let told = |prefix: &str, name: &[u8]| format!("{prefix}{}", String::from_utf8_lossy(name));
        let levels = columns.prefixes().zip(&self.levels);
        levels
            .flat_map(|(prefix, keys)| keys.removed_names().map(move |name| told(prefix, name)))
            .take(MAX_TOLD)
            .collect()
    }

    /// The columns of the view that no row had so far; none where there was no row.
    pub(super) fn missing(&self, columns: &Columns) -> Vec<ColumnName> {
        let is_missing = |cell: usize| self.has_rows && self.met.get(cell) == Some(&false);
        let missing = columns.view.iter().filter(|granted| is_missing(granted.cell));
        missing.map(|granted| granted.name.clone()).collect()
    }

    /// Notes which columns the row just read has.
    #[inline]
    pub(super) fn note_row(&mut self) {
        self.has_rows = true;
        if !self.met_all {
            self.note_columns();
        }
    }

    fn note_columns(&mut self) {
        for (met, cell) in self.met.iter_mut().zip(&self.cells) {
            *met |= cell.is_some();
        }
        self.met_all = self.met.iter().all(|met| *met);
    }

    /// What stands in a cell of the row just read from `text`.
    #[inline]
    pub(super) fn cell<'t>(&self, cell: usize, text: &'t [u8]) -> Cell<'t> {
        match self.cells.get(cell) {
            Some(Some(cell)) => Cell::Json(slice(text, cell.start, cell.end)),
            Some(None) | None => Cell::Missing,
        }
    }

    /// Reads the object at `at`: where it ends.
    pub(super) fn read_object(
        &mut self,
        columns: &Columns,
        text: &[u8],
        at: usize,
        depth: u32,
    ) -> Scan<usize> {
        self.cells.fill(None);
        self.level(columns, 0, text, at, depth)
    }

    /// Reads an object of that level. The recursion is as deep as granted columns have dots, and `depth`.
    fn level(&mut self, columns: &Columns, level: usize, text: &[u8], at: usize, depth: u32) -> Scan<usize> {
        if byte(text, at)? != b'{' {
            return Err(misshapen("not an object where a row belongs"));
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(too_large("nested more than 64 levels deep"));
        };
        if let Some(keys) = self.levels.get_mut(level) {
            keys.begin();
        }
        let mut at = blank(text, at + 1);
        if byte(text, at)? == b'}' {
            return Ok(at + 1);
        }
        loop {
            let Some(keys) = self.levels.get_mut(level) else {
                return Err(misshapen("a row has too many levels"));
            };
            let (step, end) = keys.read(text, at, |name| columns.step(level, name))?;
            let from = colon(text, end)?;
            at = match step.level {
                Some(below) if byte(text, from)? == b'{' => self.level(columns, below, text, from, depth)?,
                _ => value(text, from, depth)?,
            };
            if let Some(cell) = step.cell.and_then(|cell| self.cells.get_mut(cell)) {
                *cell = Some(from..at);
            }
            at = blank(text, at);
            match byte(text, at)? {
                b',' => at = blank(text, at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(invalid("a comma or closing brace is missing")),
            }
        }
    }

    /// Writes what was just read from `text` as an object.
    pub(super) fn write_object(&mut self, pieces: &[Piece], text: &[u8], lines: Lines, out: &mut Vec<u8>) {
        out.push(b'{');
        for piece in pieces {
            match piece {
                Piece::Cell { lead, cell } => {
                    if let Some(Some(cell)) = self.cells.get(*cell) {
                        separate(out);
                        out.extend_from_slice(lead);
                        lines.write(slice(text, cell.start, cell.end), out);
                    }
                }
                Piece::Open { lead } => {
                    self.groups.push(out.len());
                    separate(out);
                    out.extend_from_slice(lead);
                }
                Piece::Close => {
                    let began = self.groups.pop().unwrap_or_default();
                    // A group without a single cell is left out.
                    if out.ends_with(b"{") { out.truncate(began) } else { out.push(b'}') }
                }
            }
        }
        out.push(b'}');
    }

    /// Reads the array at `at`: where it ends.
    pub(super) fn read_array(&mut self, text: &[u8], at: usize, depth: u32) -> Scan<usize> {
        self.items.clear();
        if byte(text, at)? != b'[' {
            return Err(misshapen("not an array where a row or header belongs"));
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(too_large("nested more than 64 levels deep"));
        };
        let mut at = blank(text, at + 1);
        if byte(text, at)? == b']' {
            return Ok(at + 1);
        }
        loop {
            let end = value(text, at, depth)?;
            if self.items.len() >= MAX_CELLS {
                return Err(Stop::Failed(TOO_MANY));
            }
            self.items.push(at..end);
            at = blank(text, end);
            match byte(text, at)? {
                b',' => at = blank(text, at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(invalid("a comma or closing bracket is missing")),
            }
        }
    }
}

/// A comma, unless a bracket has just been opened: no cell or name ends in one.
pub(super) fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}
