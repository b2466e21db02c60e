//! What comes before the header that it needs: held back, and written to where it belongs.

use super::scan::{MAX_DEPTH, Scan, slice, too_large};
use super::walk::Walk;

/// How much rows that were held back may leave as: under long names many times their own length.
const MAX_LEAVING: usize = 64 << 20;

/// A gap in what leaves.
pub(super) struct Hole {
    /// Where in the output it is.
    pub(super) at: usize,
    pub(super) holds: Holds,
    /// What belongs there, as the backend wrote it; rows each with a comma behind it.
    text: Vec<u8>,
}

/// What a hole waits to be filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Rows,
    /// An array parallel to the columns.
    Parallel,
}

impl Walk {
    /// Holds a row or array back that belongs to the end of what leaves so far.
    pub(super) fn hold(&mut self, holds: Holds, text: &[u8]) {
        self.held += text.len() + 1;
        match self.holes.last_mut() {
            Some(hole) if holds == Holds::Rows && hole.holds == Holds::Rows => {
                hole.text.extend_from_slice(text);
                hole.text.push(b',');
            }
            Some(_) | None => {
                let text = [text, b","].concat();
                self.holes.push(Hole { at: self.out.len(), holds, text });
            }
        }
    }

    /// Fills the holes: the header is known, or there is none.
    pub(super) fn fill_holes(&mut self) -> Scan<()> {
        if self.holes.is_empty() {
            return Ok(());
        }
        self.held = 0;
        let out = std::mem::take(&mut self.out);
        let mut from = 0;
        for Hole { at, holds, text } in std::mem::take(&mut self.holes) {
            self.out.extend_from_slice(slice(&out, from, at));
            from = at;
            match holds {
                Holds::Rows => self.write_early_rows(&text)?,
                Holds::Parallel => {
                    self.reader.read_array(&text, 0, MAX_DEPTH)?;
                    self.write_parallel(&text)?;
                }
            }
        }
        self.out.extend_from_slice(slice(&out, from, out.len()));
        Ok(())
    }

    fn write_early_rows(&mut self, rows: &[u8]) -> Scan<()> {
        let mut has_left = false;
        let mut at = 0;
        while at < rows.len() {
            at = self.reader.read_array(rows, at, MAX_DEPTH)? + 1;
            if let Some(header) = &self.header {
                self.reader.place(header)?;
            }
            if self.leaves(rows)? {
                if std::mem::replace(&mut has_left, true) {
                    self.put(b",");
                }
                self.write_row(rows);
                if self.out.len() > MAX_LEAVING {
                    return Err(too_large("rows before their header would leave as more than 64 MiB"));
                }
            }
        }
        Ok(())
    }
}
