//! The way in: bytes in any pieces become text that a parser reads one whole unit at a time.
//!
//! Checks that everything is UTF-8, takes a byte order mark off the front, and carries the
//! unit that is not complete yet (a row, a key, a record) over to the next piece. Parsers
//! see contiguous text and need no states inside of a unit.

use super::{FilterError, Violation};

/// The longest unit: one row, one header, one scalar of the envelope, in bytes.
pub(super) const MAX_UNIT: usize = 8 << 20;

/// The most cells of one row or header, granted or not.
pub(super) const MAX_CELLS: usize = 1 << 16;

/// What a row with more is refused with.
pub(super) const TOO_MANY: FilterError =
    FilterError::Invalid(Violation::TooLarge, "a row has more than 65536 cells");

/// What a unit that is complete but too long is refused with.
pub(super) const TOO_LONG: FilterError =
    FilterError::Invalid(Violation::TooLarge, "a row or member is longer than 8 MiB");

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What has come in and could not be parsed yet.
#[derive(Default)]
pub(super) struct Intake {
    utf8: Utf8,
    begun: bool,
    /// The beginning of an incomplete unit; empty, or too short to try again below `wait` bytes.
    carried: Vec<u8>,
    wait: usize,
}

impl Intake {
    /// Takes a piece and hands what can be parsed to `parse`, which says how many bytes it used up:
    /// all but an incomplete unit at the end.
    ///
    /// An incomplete unit is tried again when it has doubled, so that a long one in
    /// small pieces costs no more than twice its length.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        mut parse: impl FnMut(&[u8]) -> Result<usize, FilterError>,
    ) -> Result<(), FilterError> {
        self.utf8.push(piece)?;
        if self.carried.is_empty() && self.begun {
            let used = parse(piece)?;
            self.carried.extend_from_slice(piece.get(used..).unwrap_or_default());
        } else {
            self.carried.extend_from_slice(piece);
            if self.carried.len() < self.wait || !self.begin() {
                return Ok(());
            }
            let used = parse(&self.carried)?;
            self.carried.drain(..used.min(self.carried.len()));
        }
        self.wait = (self.carried.len() * 2).min(MAX_UNIT + 1);
        if self.carried.len() > MAX_UNIT { Err(TOO_LONG) } else { Ok(()) }
    }

    /// The end: what is left over, for a last try.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, FilterError> {
        self.utf8.finish()?;
        Ok(std::mem::take(&mut self.carried))
    }

    /// Takes a byte order mark off the front; false while there are too few bytes to tell.
    fn begin(&mut self) -> bool {
        if !self.begun {
            if self.carried.len() < BOM.len() && BOM.starts_with(&self.carried) {
                return false;
            }
            if self.carried.starts_with(BOM) {
                self.carried.drain(..BOM.len());
            }
            self.begun = true;
        }
        true
    }
}

/// Checks UTF-8 over pieces that may cut a character.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character, at most three bytes.
    cut: Vec<u8>,
}

const NOT_UTF8: FilterError = FilterError::Invalid(Violation::Charset, "not UTF-8");

impl Utf8 {
    fn push(&mut self, mut piece: &[u8]) -> Result<(), FilterError> {
        while !self.cut.is_empty()
            && let Some((first, rest)) = piece.split_first()
        {
            self.cut.push(*first);
            piece = rest;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() => return Err(NOT_UTF8),
                Err(_) => {}
            }
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(NOT_UTF8),
            Err(error) => {
                self.cut.extend_from_slice(piece.get(error.valid_up_to()..).unwrap_or_default());
                Ok(())
            }
        }
    }

    fn finish(&self) -> Result<(), FilterError> {
        if self.cut.is_empty() { Ok(()) } else { Err(NOT_UTF8) }
    }
}
