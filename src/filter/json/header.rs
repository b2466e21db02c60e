//! Headers: where the columns stand in rows that are arrays, and in arrays parallel to the columns.
//!
//! Platforms that glue reports together repeat a header that is the first row. The same one again is
//! dropped; one in another order is refused, since hidden cells would stand in granted places below it.

use super::columns::{Columns, Judged};
use super::row::{Lines, RowReader, separate};
use super::scan::{Scan, Stop, misshapen, slice};
use crate::filter::escape::{inside_of_string, unescaped};
use crate::filter::{FilterError, Violation};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// The backend's names of the columns.
pub(super) struct Header {
    width: usize,
    /// Where each cell stands.
    places: Vec<Option<usize>>,
    /// The places of the granted columns that the backend sends, in the view's order.
    granted: Vec<usize>,
    /// Known where the header is a row.
    names: Option<Names>,
}

/// The names of a header that is a row, to know it again.
struct Names {
    /// Where each stands first.
    places: HashMap<Box<[u8]>, usize>,
    /// In the order of the header: where the name at that place stands first.
    order: Vec<usize>,
}

impl RowReader {
    /// Makes a header of the first row, which was just read.
    pub(super) fn header_row(&mut self, columns: &Columns, judged: Judged, text: &[u8]) -> Scan<Header> {
        let header = self.header(columns, judged, text)?;
        let (mut places, mut order) = (HashMap::new(), Vec::new());
        for (place, item) in self.items.iter().enumerate() {
            order.push(*places.entry(name(text, item).unwrap_or_default().into()).or_insert(place));
        }
        Ok(Header { names: Some(Names { places, order }), ..header })
    }

    /// Whether the row just read is the row that is its header again. A single cell never is: it may well say its
    /// column's name.
    pub(super) fn is_again(&self, header: &Header, text: &[u8]) -> Scan<bool> {
        let Some(Names { places, order }) = &header.names else { return Ok(false) };
        let place = |item| name(text, item).and_then(|name| places.get(&*name));
        // A header is nothing but strings; those that matter name a column in their first cell or in a granted place.
        let are_strings = || self.items.iter().all(|item| text.get(item.start) == Some(&b'"'));
        let tells = |at: &usize| self.items.get(*at).and_then(place).is_some();
        if self.items.len() < 2 || !are_strings() || !(tells(&0) || header.granted.iter().any(tells)) {
            return Ok(false);
        }
        let (mut found, mut is_same) = (HashSet::<usize>::new(), true);
        for (item, own) in self.items.iter().zip(order) {
            let place = place(item);
            is_same &= place == Some(own);
            found.extend(place);
        }
        if !is_same && found.len() > 1 && found.len() * 2 > places.len() {
            return Err(misshapen("a header of another order follows"));
        }
        Ok(is_same)
    }

    /// Makes a header of the array just read. Of a name that stands twice the first counts, unless rows
    /// are judged by it.
    pub(super) fn header(&mut self, columns: &Columns, judged: Judged, text: &[u8]) -> Scan<Header> {
        let mut places = vec![None; columns.cells()];
        let is_judged = |cell| judged.scope == Some(cell) || judged.total == Some(cell);
        for (place, item) in self.items.iter().enumerate() {
            let spelling = slice(text, item.start, item.end);
            let Some(name) = name(text, item) else {
                return Err(misshapen("a header holds something else than a name"));
            };
            let Some(cell) = columns.cell(&name) else {
                if let Some(keys) = self.levels.first_mut() {
                    keys.note(spelling, &name, columns.step(0, &name));
                }
                continue;
            };
            if let Some(known) = places.get_mut(cell)
                && *known.get_or_insert(place) != place
                && is_judged(cell)
            {
                return Err(Stop::Failed(FilterError::Invalid(
                    Violation::Repeated,
                    "a header names a column twice that rows are judged by",
                )));
            }
        }
        let place = |cell: usize| places.get(cell).copied().flatten();
        let granted: Vec<_> = columns.view.iter().filter_map(|granted| place(granted.cell)).collect();
        let width = self.items.len();
        // Without a single name the rows are empty too: there is nothing to judge.
        if width > 0 {
            if [judged.scope, judged.total].into_iter().flatten().any(|cell| place(cell).is_none()) {
                return Err(misshapen("a header lacks a column that rows are judged by"));
            }
            if granted.is_empty() {
                return Err(misshapen("a header names none of the granted columns"));
            }
        }
        Ok(Header { width, places, granted, names: None })
    }

    /// Finds the cells of the array just read, a row under that header.
    pub(super) fn place(&mut self, header: &Header) -> Scan<()> {
        self.fits(header)?;
        for (cell, place) in self.cells.iter_mut().zip(&header.places) {
            *cell = place.and_then(|place| self.items.get(place).cloned());
        }
        Ok(())
    }

    /// Whether the array just read is as long as that header.
    pub(super) fn fits(&self, header: &Header) -> Scan<()> {
        if self.items.len() == header.width {
            Ok(())
        } else {
            Err(misshapen("a row or array is not as long as its header"))
        }
    }

    /// Writes what is granted of the array just read from `text`, which fits that header.
    pub(super) fn write_array(&self, header: &Header, text: &[u8], lines: Lines, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, place) in header.granted.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            if let Some(item) = self.items.get(*place) {
                lines.write(slice(text, item.start, item.end), out);
            }
        }
        out.push(b']');
    }
}

/// What an item says that is a string.
fn name<'t>(text: &'t [u8], item: &Range<usize>) -> Option<Cow<'t, [u8]>> {
    inside_of_string(slice(text, item.start, item.end)).and_then(unescaped)
}

impl Header {
    /// Writes the granted names.
    pub(super) fn write(&self, columns: &Columns, out: &mut Vec<u8>) {
        out.push(b'[');
        for granted in &columns.view {
            if let Some(Some(_)) = self.places.get(granted.cell) {
                separate(out);
                out.extend_from_slice(&granted.quoted);
            }
        }
        out.push(b']');
    }
}
