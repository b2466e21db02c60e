//! JSON text (RFC 8259), strictly: where a value ends, or why it is none.
//!
//! Works on contiguous, valid UTF-8 and never copies. Running off the end is
//! [`Stop::Incomplete`], not an error: more may come. Nesting is limited and kept in bits,
//! so no input can drive a recursion.

use crate::filter::escape::unescaped;
use crate::filter::{FilterError, Violation};
use std::ops::Range;

/// Why reading went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text so far ends inside of a unit.
    Incomplete,
    /// The answer cannot be passed on.
    Failed(FilterError),
}

/// The result of reading one thing.
pub(super) type Scan<T> = Result<T, Stop>;

/// How deep a document may nest.
pub(super) const MAX_DEPTH: u32 = 64;

/// What is not JSON.
pub(super) const fn invalid(what: &'static str) -> Stop {
    Stop::Failed(FilterError::Invalid(Violation::Syntax, what))
}

/// What is JSON, but not of the configured shape.
pub(super) const fn misshapen(what: &'static str) -> Stop {
    Stop::Failed(FilterError::Invalid(Violation::Shape, what))
}

/// What is larger than it may be.
pub(super) const fn too_large(what: &'static str) -> Stop {
    Stop::Failed(FilterError::Invalid(Violation::TooLarge, what))
}

/// A name that stands twice.
pub(super) const REPEATED: Stop =
    Stop::Failed(FilterError::Invalid(Violation::Repeated, "an object names a member twice"));

/// The byte at `at`.
#[inline]
pub(super) fn byte(text: &[u8], at: usize) -> Scan<u8> {
    text.get(at).copied().ok_or(Stop::Incomplete)
}

/// The text between two places.
#[inline]
pub(super) fn slice(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to).unwrap_or_default()
}

/// The end of the white space at `at`.
#[inline]
pub(super) fn blank(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// The beginning of the value behind the colon at or behind `at`.
#[inline]
pub(super) fn colon(text: &[u8], at: usize) -> Scan<usize> {
    let at = blank(text, at);
    match byte(text, at)? {
        b':' => Ok(blank(text, at + 1)),
        _ => Err(invalid("a colon is missing behind a member's name")),
    }
}

/// The end of the value at `at`, which may nest `depth` more levels.
#[inline]
pub(super) fn value(text: &[u8], at: usize, depth: u32) -> Scan<usize> {
    match byte(text, at)? {
        b'{' | b'[' => container(text, at, depth),
        _ => scalar(text, at),
    }
}

/// The end of the object or array at `at`.
fn container(text: &[u8], mut at: usize, depth: u32) -> Scan<usize> {
    let mut open = Nesting { objects: 0, level: 0, limit: depth.min(MAX_DEPTH) };
    loop {
        match byte(text, at)? {
            b'{' => {
                open.enter(true)?;
                at = blank(text, at + 1);
                if byte(text, at)? != b'}' {
                    at = member(text, at)?;
                    continue;
                }
                open.leave();
                at += 1;
            }
            b'[' => {
                open.enter(false)?;
                at = blank(text, at + 1);
                if byte(text, at)? != b']' {
                    continue;
                }
                open.leave();
                at += 1;
            }
            _ => at = scalar(text, at)?,
        }
        while open.level > 0 {
            at = blank(text, at);
            match (byte(text, at)?, open.in_object()) {
                (b',', true) => {
                    at = member(text, blank(text, at + 1))?;
                    break;
                }
                (b',', false) => {
                    at = blank(text, at + 1);
                    break;
                }
                (b'}', true) | (b']', false) => {
                    open.leave();
                    at += 1;
                }
                _ => return Err(invalid("a comma or closing bracket is missing")),
            }
        }
        if open.level == 0 {
            return Ok(at);
        }
    }
}

/// The beginning of a member's value, its name being at `at`.
fn member(text: &[u8], at: usize) -> Scan<usize> {
    colon(text, name(text, at)?)
}

/// The end of the member name at `at`.
#[inline]
pub(super) fn name(text: &[u8], at: usize) -> Scan<usize> {
    match byte(text, at)? {
        b'"' => string(text, at + 1),
        _ => Err(invalid("a member's name is missing")),
    }
}

/// Where the value stands to which these member names lead from the valid value at `at`; a name on the way may stand once.
pub(super) fn find<'p>(
    text: &[u8],
    mut at: usize,
    way: impl Iterator<Item = &'p str>,
) -> Scan<Option<Range<usize>>> {
    for token in way {
        if byte(text, at)? != b'{' {
            return Ok(None);
        }
        let mut found = None;
        at = blank(text, at + 1);
        while byte(text, at)? != b'}' {
            let end = name(text, at)?;
            let is_meant = unescaped(slice(text, at + 1, end - 1)).as_deref() == Some(token.as_bytes());
            at = colon(text, end)?;
            if is_meant && found.replace(at).is_some() {
                return Err(REPEATED);
            }
            at = blank(text, value(text, at, MAX_DEPTH)?);
            if byte(text, at)? == b',' {
                at = blank(text, at + 1);
            }
        }
        match found {
            Some(found) => at = found,
            None => return Ok(None),
        }
    }
    Ok(Some(at..value(text, at, MAX_DEPTH)?))
}

/// The containers around a place, one bit for each.
struct Nesting {
    objects: u64,
    level: u32,
    limit: u32,
}

impl Nesting {
    fn enter(&mut self, object: bool) -> Scan<()> {
        if self.level >= self.limit {
            return Err(too_large("nested more than 64 levels deep"));
        }
        self.level += 1;
        self.objects = (self.objects << 1) | u64::from(object);
        Ok(())
    }

    fn leave(&mut self) {
        self.level -= 1;
        self.objects >>= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// The end of the string, number or literal at `at`.
#[inline]
pub(super) fn scalar(text: &[u8], at: usize) -> Scan<usize> {
    match byte(text, at)? {
        b'"' => string(text, at + 1),
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => literal(text, at, b"true"),
        b'f' => literal(text, at, b"false"),
        b'n' => literal(text, at, b"null"),
        _ => Err(invalid("not a JSON value")),
    }
}

fn literal(text: &[u8], at: usize, expected: &[u8]) -> Scan<usize> {
    let found = slice(text, at, text.len().min(at + expected.len()));
    if found == expected {
        Ok(at + expected.len())
    } else if expected.starts_with(found) {
        Err(Stop::Incomplete)
    } else {
        Err(invalid("not a JSON value"))
    }
}

/// The end of the number at `at` (RFC 8259 section 6); a byte has to follow it.
fn number(text: &[u8], mut at: usize) -> Scan<usize> {
    if byte(text, at)? == b'-' {
        at += 1;
    }
    at = match byte(text, at)? {
        b'0' => at + 1,
        _ => digits(text, at)?,
    };
    if byte(text, at)? == b'.' {
        at = digits(text, at + 1)?;
    }
    if let b'e' | b'E' = byte(text, at)? {
        at += 1;
        if let b'+' | b'-' = byte(text, at)? {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

/// The end of one or more digits.
fn digits(text: &[u8], from: usize) -> Scan<usize> {
    let mut at = from;
    while byte(text, at)?.is_ascii_digit() {
        at += 1;
    }
    if at > from { Ok(at) } else { Err(invalid("a digit is missing in a number")) }
}

/// The end, behind the closing quote, of the string whose first character is at `at`.
#[inline]
pub(super) fn string(text: &[u8], mut at: usize) -> Scan<usize> {
    loop {
        at += plain(text.get(at..).unwrap_or_default());
        match byte(text, at)? {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(text, at + 1)?,
            _ => return Err(invalid("a control character in a string")),
        }
    }
}

/// The end of the escape whose backslash stands before `at`.
fn escape(text: &[u8], at: usize) -> Scan<usize> {
    match byte(text, at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' => {
            for digit in at + 1..at + 5 {
                if !byte(text, digit)?.is_ascii_hexdigit() {
                    return Err(invalid("not four hexadecimal digits in an escape"));
                }
            }
            Ok(at + 5)
        }
        _ => Err(invalid("not a JSON escape")),
    }
}

/// How many bytes come before the first quote, backslash or control character.
///
/// Eight at a time: a byte's top bit in a word of [`stops`] says that it is one of them.
#[inline]
fn plain(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let found = stops(u64::from_le_bytes(*word));
        if found != 0 {
            return length + found.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    length + rest.iter().position(stop).unwrap_or(rest.len())
}

/// The top bit of each byte that ends a plain run; bits above the lowest one may be wrong.
#[inline]
const fn stops(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES * 0x80;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & TOPS
}
