//! Where the cells and lines of a text end (RFC 4180), 64 bytes at a time.
//!
//! Each byte of a block that matters is a bit of a mask, and the rules of quoting are arithmetic
//! on masks: a quote opens at the start of a cell and nowhere else, behind a closing one
//! the cell ends, a CR outside of quotes stands before an LF. A text is read in batches,
//! so that the list of ends stays as short as the longest record.

use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use crate::filter::{FilterError, Violation};
use wide::u8x64;

const BLOCK: usize = 64;

/// How much of a text is read before its records are, in bytes.
const BATCH: usize = 64 * BLOCK;

/// One text that begins with a record, and where its cells end.
pub(super) struct Scan {
    delimiter: u8,
    /// How far it was read.
    at: usize,
    state: State,
    /// The delimiter or LF behind each cell that is not done with: the first `filled`.
    ends: Vec<usize>,
    filled: usize,
    /// Behind which of the `ends` lines end.
    lines: Vec<usize>,
}

/// What a block needs to know of the one before it.
#[derive(Debug, Clone, Copy)]
struct State {
    /// All ones inside of quotes.
    inside: u64,
    /// One where the last byte ended a cell.
    ended: u64,
    /// One where the last byte was a closing quote, or the first half of a quote inside of quotes.
    closed: u64,
    /// One where the last byte was a CR outside of quotes.
    returned: u64,
}

const START: State = State { inside: 0, ended: 1, closed: 0, returned: 0 };

impl Scan {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, at: 0, state: START, ends: Vec::new(), filled: 0, lines: Vec::new() }
    }

    /// Begins another text.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.state = START;
        self.filled = 0;
        self.lines.clear();
    }

    /// Reads the next batch of `text`; false when there is none.
    ///
    /// # Errors
    /// When it breaks a rule of quoting, or a record has too many cells.
    pub(super) fn advance(&mut self, text: &[u8]) -> Result<bool, FilterError> {
        let rest = text.get(self.at..).unwrap_or_default();
        let batch = rest.get(..BATCH).unwrap_or(rest);
        let room = self.filled + batch.len() + BLOCK;
        if self.ends.len() < room {
            self.ends.resize(room, 0);
        }
        let (mut at, mut filled, mut state) = (self.at, self.filled, self.state);
        let (blocks, tail) = batch.as_chunks::<BLOCK>();
        for block in blocks {
            let marks = state.marks(block, self.delimiter, u64::MAX)?;
            note_lines(marks, filled, &mut self.lines);
            note_ends(marks.ends, at, self.ends.get_mut(filled..).unwrap_or_default());
            filled += marks.ends.count_ones() as usize;
            at += BLOCK;
        }
        if !tail.is_empty() {
            let mut block = [0; BLOCK];
            block.iter_mut().zip(tail).for_each(|(byte, from)| *byte = *from);
            let marks = state.marks(&block, self.delimiter, (1 << tail.len()) - 1)?;
            note_lines(marks, filled, &mut self.lines);
            note_ends(marks.ends, at, self.ends.get_mut(filled..).unwrap_or_default());
            filled += marks.ends.count_ones() as usize;
            at += tail.len();
        }
        (self.at, self.filled, self.state) = (at, filled, state);
        Ok(!batch.is_empty())
    }

    /// Ends the last line of `text`, which was read to its end.
    ///
    /// # Errors
    /// When it cannot end there.
    pub(super) fn close(&mut self, text: &[u8]) -> Result<(), FilterError> {
        if self.state.inside != 0 {
            return Err(FilterError::Invalid(Violation::Truncated, "it ends inside of quotes"));
        }
        if text.last() == Some(&b'\r') {
            return Err(LONE_CR);
        }
        let Some(end) = self.ends.get_mut(self.filled) else { return Err(TOO_MANY) };
        *end = text.len();
        self.filled += 1;
        self.lines.push(self.filled);
        Ok(())
    }

    /// The ends of the cells that are not done with, those of whole lines first, and behind which of them lines end.
    pub(super) fn found(&mut self) -> (&mut [usize], &[usize]) {
        (self.ends.get_mut(..self.filled).unwrap_or_default(), &self.lines)
    }

    /// The whole lines found so far are done with.
    ///
    /// # Errors
    /// When the next record has too many cells.
    pub(super) fn drop_lines(&mut self) -> Result<(), FilterError> {
        if let Some(done) = self.lines.last() {
            self.ends.copy_within(*done..self.filled, 0);
            self.filled -= done;
            self.lines.clear();
        }
        if self.filled < MAX_CELLS { Ok(()) } else { Err(TOO_MANY) }
    }
}

/// The bytes of a block that end a cell, and of those the ones that end a line.
#[derive(Clone, Copy)]
struct Marks {
    ends: u64,
    line_feeds: u64,
}

impl State {
    /// Reads one block, of whose bytes only those in `valid` count.
    #[inline(always)]
    fn marks(&mut self, block: &[u8; BLOCK], delimiter: u8, valid: u64) -> Result<Marks, FilterError> {
        let text = u8x64::new(*block);
        let places = |byte: u8| text.simd_eq(u8x64::splat(byte)).to_bitmask() & valid;

        let quotes = places(b'"');
        // An opening quote counts as inside, a closing one as outside.
        let inside = if quotes == 0 { self.inside } else { parity(quotes) ^ self.inside };
        let line_feeds = places(b'\n') & !inside;
        let returns = places(b'\r') & !inside;
        let ends = places(delimiter) & !inside | line_feeds;
        let closes = quotes & !inside;

        let behind_close = closes << 1 | self.closed;
        let behind_return = returns << 1 | self.returned;
        let stray = quotes & inside & !(ends << 1 | self.ended | behind_close);
        let trailing = behind_close & !(ends | returns | quotes) & valid;
        let lone = behind_return & !line_feeds & valid;
        if stray | trailing | lone != 0 {
            return Err(fault(stray, trailing, lone));
        }
        *self = Self {
            inside: 0_u64.wrapping_sub(inside >> 63),
            ended: ends >> 63,
            closed: closes >> 63,
            returned: returns >> 63,
        };
        Ok(Marks { ends, line_feeds })
    }
}

/// Notes behind which cells lines end, `before` of them being noted.
#[inline(always)]
fn note_lines(Marks { ends, mut line_feeds }: Marks, before: usize, lines: &mut Vec<usize>) {
    while line_feeds != 0 {
        let up_to = line_feeds ^ (line_feeds - 1);
        lines.push(before + (ends & up_to).count_ones() as usize);
        line_feeds &= line_feeds - 1;
    }
}

/// Notes the ends of cells in the block at `at`.
#[inline(always)]
fn note_ends(mut ends: u64, at: usize, mut slots: &mut [usize]) {
    while ends != 0 {
        // More than there may be: a loop of a fixed length has nothing to guess.
        let Some((some, more)) = slots.split_first_chunk_mut::<8>() else { break };
        for slot in some {
            *slot = at + ends.trailing_zeros() as usize;
            ends &= ends.wrapping_sub(1);
        }
        slots = more;
    }
}

const LONE_CR: FilterError = FilterError::Invalid(Violation::Syntax, "a CR without LF outside of quotes");

#[cold]
fn fault(stray: u64, trailing: u64, lone: u64) -> FilterError {
    let first = (stray | trailing | lone).trailing_zeros();
    if stray.trailing_zeros() == first {
        FilterError::Invalid(Violation::Syntax, "a quote inside a bare cell")
    } else if trailing.trailing_zeros() == first {
        FilterError::Invalid(Violation::Syntax, "text behind a closing quote")
    } else {
        LONE_CR
    }
}

/// In each bit whether an odd number of bits is set up to and with it.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
