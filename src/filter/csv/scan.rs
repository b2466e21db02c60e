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
        if self.ends.len() < self.filled + batch.len() + BLOCK {
            self.ends.resize(self.filled + batch.len() + BLOCK, 0);
        }
        let (blocks, tail) = batch.as_chunks::<BLOCK>();
        for block in blocks {
            self.block(block, u64::MAX)?;
        }
        if !tail.is_empty() {
            let mut block = [0; BLOCK];
            for (byte, from) in block.iter_mut().zip(tail) {
                *byte = *from;
            }
            self.block(&block, (1 << tail.len()) - 1)?;
        }
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

    /// Reads one block, of whose bytes only those in `valid` count.
    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], valid: u64) -> Result<(), FilterError> {
        let text = u8x64::new(*block);
        let places = |byte: u8| text.simd_eq(u8x64::splat(byte)).to_bitmask() & valid;
        let State { inside, ended, closed, returned } = self.state;

        let quotes = places(b'"');
        // An opening quote counts as inside, a closing one as outside.
        let inside = if quotes == 0 { inside } else { parity(quotes) ^ inside };
        let line_feeds = places(b'\n') & !inside;
        let returns = places(b'\r') & !inside;
        let ends = places(self.delimiter) & !inside | line_feeds;
        let closes = quotes & !inside;

        let behind_close = closes << 1 | closed;
        let behind_return = returns << 1 | returned;
        let stray = quotes & inside & !(ends << 1 | ended | behind_close);
        let trailing = behind_close & !(ends | returns | quotes) & valid;
        let lone = behind_return & !line_feeds & valid;
        if stray | trailing | lone != 0 {
            return Err(fault(stray, trailing, lone));
        }
        self.state = State {
            inside: 0_u64.wrapping_sub(inside >> 63),
            ended: ends >> 63,
            closed: closes >> 63,
            returned: returns >> 63,
        };
        self.note(ends, line_feeds);
        self.at += BLOCK.min(valid.trailing_ones() as usize);
        Ok(())
    }

    /// Notes the ends of cells in the block at hand, and which of them end lines.
    #[inline(always)]
    fn note(&mut self, ends: u64, line_feeds: u64) {
        let mut feeds = line_feeds;
        while feeds != 0 {
            let up_to = feeds ^ (feeds - 1);
            self.lines.push(self.filled + (ends & up_to).count_ones() as usize);
            feeds &= feeds - 1;
        }
        let mut slots = self.ends.get_mut(self.filled..).unwrap_or_default();
        self.filled += ends.count_ones() as usize;
        let mut left = ends;
        while left != 0 {
            // More than there may be: a loop of a fixed length has nothing to guess.
            let Some((some, more)) = slots.split_first_chunk_mut::<8>() else { break };
            for slot in some {
                *slot = self.at + left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
            }
            slots = more;
        }
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
