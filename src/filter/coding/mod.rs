//! Content codings (RFC 9110 section 8.4.1): backends' bodies are decoded before anything is
//! read of them, and answers are encoded for clients that ask for it.
//!
//! In steps of bounded work, and in blocks: no more of a body is held than a block and its
//! coding's window. A body that is not wholly of its coding never passes: not cut short, not
//! with a wrong checksum, not with anything behind its end.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::Decoder;
pub use encode::Encoder;

use super::{FilterError, Violation};

/// How a backend's body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` (RFC 1952), one member or several.
    Gzip,
    /// `deflate`: the zlib format (RFC 1950), or the bare data (RFC 1951) that some send instead.
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878), one frame or several.
    Zstd,
}

impl Coding {
    /// The coding of that name, in any case; `None` for those that are not known.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 5] = [
            (b"gzip", Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
        ];
        names.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, coding)| coding)
    }
}

const INVALID: FilterError =
    FilterError::Invalid(Violation::Coding, "the body is not of its content coding, or damaged");
const BEHIND_THE_END: FilterError =
    FilterError::Invalid(Violation::Coding, "the body goes on behind the end of its content coding");
const CUT_SHORT: FilterError =
    FilterError::Invalid(Violation::Truncated, "the body ends before its content coding does");
const TOO_LONG: FilterError =
    FilterError::Invalid(Violation::TooLarge, "the body is decoded to more than max_decoded_bytes");
const TOO_DENSE: FilterError =
    FilterError::Invalid(Violation::TooLarge, "the body is decoded to more than max_ratio times its length");
const NO_CODEC: FilterError = FilterError::Invalid(Violation::Coding, "no memory to decode the body");
