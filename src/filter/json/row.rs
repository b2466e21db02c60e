//! Reading one row, or one object keyed by column, and writing what is granted of it.
//!
//! Reading notes where the granted cells stand in the text; nothing is copied before
//! the whole row was read. Writing goes in the view's order, cells byte for byte.

use super::columns::{Columns, Piece};
use super::keys::Keys;
use super::scan::{Scan, Stop, blank, byte, colon, invalid, misshapen, slice, too_large, value};
use crate::filter::escape::{inside_of_string, unescaped};
use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use std::ops::Range;

/// Reads rows; keeps what it learnt about their names.
pub(super) struct RowReader {
    levels: Vec<Keys>,
    /// Where the granted cells of the object at hand stand.
    cells: Vec<Option<Range<usize>>>,
    /// Where all items of the array at hand stand.
    items: Vec<Range<usize>>,
    /// Where the open groups of the row being written began.
    groups: Vec<usize>,
}

/// The names of array rows.
pub(super) struct Header {
    width: usize,
    /// The places of the granted columns that the backend sends, in the view's order.
    granted: Vec<usize>,
}

impl RowReader {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            levels: (0..columns.levels()).map(|_| Keys::default()).collect(),
            cells: vec![None; columns.cells()],
            items: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// How many distinct names were dropped.
    pub(super) fn removed(&self) -> usize {
        self.levels.iter().map(Keys::removed).sum()
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

    /// Writes the object just read from `text`.
    pub(super) fn write_object(&mut self, columns: &Columns, text: &[u8], out: &mut Vec<u8>) {
        out.push(b'{');
        for piece in &columns.pieces {
            match piece {
                Piece::Cell { lead, cell } => {
                    if let Some(Some(cell)) = self.cells.get(*cell) {
                        separate(out);
                        out.extend_from_slice(lead);
                        out.extend_from_slice(slice(text, cell.start, cell.end));
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

    /// Makes a header of the array just read, and writes its granted names. Of a name that stands twice the first counts.
    pub(super) fn write_header(&mut self, columns: &Columns, text: &[u8], out: &mut Vec<u8>) -> Scan<Header> {
        let mut places = vec![None; columns.cells()];
        for (place, item) in self.items.iter().enumerate() {
            let spelling = slice(text, item.start, item.end);
            let Some(name) = inside_of_string(spelling).and_then(unescaped) else {
                return Err(misshapen("a header holds something else than a name"));
            };
            match columns.cell(&name) {
                Some(cell) => {
                    if let Some(known) = places.get_mut(cell) {
                        known.get_or_insert(place);
                    }
                }
                None => {
                    if let Some(keys) = self.levels.first_mut() {
                        keys.note(spelling, &name, columns.step(0, &name));
                    }
                }
            }
        }
        let mut granted = Vec::new();
        out.push(b'[');
        for (name, cell) in &columns.view {
            if let Some(Some(place)) = places.get(*cell) {
                separate(out);
                out.extend_from_slice(name);
                granted.push(*place);
            }
        }
        out.push(b']');
        if granted.is_empty() && !self.items.is_empty() {
            return Err(misshapen("a header names none of the granted columns"));
        }
        Ok(Header { width: self.items.len(), granted })
    }

    /// Writes the array just read from `text`, a row under that header.
    pub(super) fn write_array(&mut self, header: &Header, text: &[u8], out: &mut Vec<u8>) -> Scan<()> {
        if self.items.len() != header.width {
            return Err(misshapen("a row is not as long as its header"));
        }
        out.push(b'[');
        for (nth, place) in header.granted.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            if let Some(item) = self.items.get(*place) {
                out.extend_from_slice(slice(text, item.start, item.end));
            }
        }
        out.push(b']');
        Ok(())
    }
}

/// A comma, unless a bracket has just been opened: no cell or name ends in one.
fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}
