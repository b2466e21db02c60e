//! One record, and how it leaves.

use super::CsvPlan;
use super::header::Header;
use crate::filter::output::{Cell, is_formula};
use memchr::memchr;
use std::borrow::Cow;

/// A record whose cells are known.
pub(super) struct Record<'t> {
    text: &'t [u8],
    /// Where it begins.
    from: usize,
    /// Where each cell ends.
    ends: &'t [usize],
    /// The end of its line: LF, CR and LF, or nothing at the end of the text.
    pub(super) line_end: &'t [u8],
}

impl<'t> Record<'t> {
    /// The record at `from` whose cells have a byte behind them at each of `ends`, and where the next one begins.
    #[inline]
    pub(super) fn new(text: &'t [u8], from: usize, ends: &'t mut [usize]) -> (Self, usize) {
        let mut next = from;
        let mut line_end: &[u8] = b"";
        if let Some(last) = ends.last_mut() {
            let feed = *last;
            next = text.len().min(feed + 1);
            if feed > from && text.get(feed - 1) == Some(&b'\r') {
                *last = feed - 1;
            }
            line_end = text.get(*last..next).unwrap_or_default();
        }
        (Self { text, from, ends, line_end }, next)
    }

    /// How many cells it has; at least one.
    #[inline]
    pub(super) fn width(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing on its line.
    #[inline]
    pub(super) fn is_blank(&self) -> bool {
        self.ends == [self.from]
    }

    /// The cell at that place, quotes included; empty where it has none.
    #[inline]
    pub(super) fn cell(&self, place: usize) -> &'t [u8] {
        self.run(place, place)
    }

    /// The cells of two places and those between them, delimiters included.
    #[inline]
    fn run(&self, first: usize, last: usize) -> &'t [u8] {
        let from = match first.checked_sub(1) {
            None => Some(self.from),
            Some(before) => self.ends.get(before).map(|end| end + 1),
        };
        let range = from.zip(self.ends.get(last).copied());
        range.and_then(|(from, to)| self.text.get(from..to)).unwrap_or_default()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &'t [u8]> {
        (0..self.width()).map(|place| self.cell(place))
    }

    /// What the cell at that place says; nothing where there is no place.
    #[inline]
    pub(super) fn value(&self, place: Option<usize>) -> Cell<'t> {
        place.map_or(Cell::Missing, |place| Cell::Text(said(self.cell(place))))
    }
}

/// What a cell says.
#[inline]
pub(super) fn said(cell: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inside @ .., b'"'] = cell else { return Cow::Borrowed(cell) };
    if memchr(b'"', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut after_quote = false;
    let mut out = Vec::with_capacity(inside.len());
    for byte in inside {
        after_quote = *byte == b'"' && !after_quote;
        if !after_quote {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

/// How the granted cells of a CSV stand side by side.
pub(super) struct Layout {
    delimiter: u8,
    /// Cells that stand side by side in every record and leave so: the first place and the last. `None`: a cell
    /// that the backend does not send.
    runs: Vec<Option<(usize, usize)>>,
    safe: bool,
}

impl Layout {
    pub(super) fn new(header: &Header, plan: &CsvPlan) -> Self {
        let mut runs: Vec<Option<(usize, usize)>> = Vec::new();
        for place in &header.granted {
            match (place, runs.last_mut()) {
                // A cell that may need an apostrophe is looked at by itself.
                (Some(place), Some(Some((_, last)))) if *last + 1 == *place && !plan.csv_safe => {
                    *last = *place
                }
                (place, _) => runs.push(place.map(|place| (place, place))),
            }
        }
        Self { delimiter: plan.delimiter, runs, safe: plan.csv_safe }
    }

    /// Writes what is granted of a record. An empty cell alone on its line is written `""`: readers take a blank line for none.
    #[inline]
    pub(super) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let began = out.len();
        for (nth, run) in self.runs.iter().enumerate() {
            if nth > 0 {
                out.push(self.delimiter);
            }
            let Some((first, last)) = run else { continue };
            if self.safe {
                push_safe(record.cell(*first), out);
            } else {
                out.extend_from_slice(record.run(*first, *last));
            }
        }
        if out.len() == began {
            out.extend_from_slice(b"\"\"");
        }
        match record.line_end {
            b"\r\n" => out.extend_from_slice(b"\r\n"),
            b"\n" => out.push(b'\n'),
            _ => {}
        }
    }
}

/// Appends a cell as it is, but with an apostrophe before what a spreadsheet would run.
fn push_safe(cell: &[u8], out: &mut Vec<u8>) {
    let runs = is_formula(&said(cell));
    let bare = match cell.split_first() {
        Some((b'"', inside)) if runs => {
            out.push(b'"');
            inside
        }
        _ => cell,
    };
    if runs {
        out.push(b'\'');
    }
    out.extend_from_slice(bare);
}
