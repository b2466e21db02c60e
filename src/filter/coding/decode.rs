//! Decoding: from the pieces of a backend's body to blocks of plain bytes.

use super::{BEHIND_THE_END, CUT_SHORT, Coding, INVALID, NO_CODEC, TOO_DENSE, TOO_LONG};
use crate::domain::dialect::DecodingLimits;
use crate::filter::FilterError;
use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// What one step decodes at most, in bytes.
const BLOCK: usize = 32 << 10;

/// Up to here a body may be as dense as it likes: short answers of equal rows are.
const ANY_RATIO: u64 = 1 << 20;

/// The largest zstd window, as a power of two: 8 MiB, which RFC 9659 allows.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The window of gzip and zlib, as a power of two.
const GZIP_WINDOW_LOG: u8 = 15;

/// Decodes one body.
pub struct Decoder {
    codec: Codec,
    limits: DecodingLimits,
    /// Of the coded body, in bytes.
    received: u64,
    /// Of the plain one.
    decoded: u64,
    /// Whether the coding is at an end, where the body may end.
    ended: bool,
    /// Whether the codec has more to give without more input.
    has_more: bool,
    block: Box<[u8]>,
}

enum Codec {
    Gzip(Decompress),
    /// `deflate` before its first two bytes, which tell whether they are a zlib header.
    Deflate(Option<u8>),
    /// Zlib or bare.
    Inflate(Decompress),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(DCtx<'static>),
}

/// What a step of a codec did.
struct Step {
    read: usize,
    written: usize,
    ended: bool,
}

impl Decoder {
    /// A decoder at the start of a body.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(coding: Coding, limits: DecodingLimits) -> Result<Self, FilterError> {
        let codec = match coding {
            Coding::Gzip => Codec::Gzip(Decompress::new_gzip(GZIP_WINDOW_LOG)),
            Coding::Deflate => Codec::Deflate(None),
            // Strict: of the windows of RFC 7932, 16 MiB at most, without the larger ones of later drafts.
            Coding::Brotli => Codec::Brotli(Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Coding::Zstd => {
                let mut context = DCtx::try_create().ok_or(NO_CODEC)?;
                context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).map_err(|_| NO_CODEC)?;
                Codec::Zstd(context)
            }
        };
        let block = vec![0; BLOCK].into();
        Ok(Self { codec, limits, received: 0, decoded: 0, ended: false, has_more: false, block })
    }

    /// Whether a step would do anything, when so much input is left.
    #[must_use]
    pub fn can_step(&self, input: &[u8]) -> bool {
        self.has_more || !input.is_empty()
    }

    /// One step: takes some of the front of `input` and gives a block of what it says, which may be empty.
    ///
    /// # Errors
    /// When the body is not of its coding, goes on behind its end, or is decoded to more than it may be. The
    /// caller must not go on then.
    pub fn step(&mut self, input: &mut &[u8]) -> Result<&[u8], FilterError> {
        if !self.can_step(input) {
            return Ok(&[]);
        }
        let step = if self.ended { self.codec.next_member() } else { Ok(()) }
            .and_then(|()| self.codec.step(input, &mut self.block))?;
        if step.read == 0 && step.written == 0 && !step.ended && !input.is_empty() {
            return Err(INVALID);
        }
        *input = input.get(step.read..).unwrap_or_default();
        self.ended = step.ended;
        self.has_more = step.written == self.block.len() && !step.ended;
        self.received = self.received.saturating_add(u64::try_from(step.read).unwrap_or(u64::MAX));
        self.decoded = self.decoded.saturating_add(u64::try_from(step.written).unwrap_or(u64::MAX));
        if self.decoded > self.limits.max_bytes {
            return Err(TOO_LONG);
        }
        let allowed = self.received.saturating_mul(self.limits.max_ratio.into());
        if self.decoded > allowed.max(ANY_RATIO) {
            return Err(TOO_DENSE);
        }
        Ok(self.block.get(..step.written).unwrap_or_default())
    }

    /// The body has ended, after every step that could be done.
    ///
    /// # Errors
    /// When its coding has not.
    pub fn finish(&self) -> Result<(), FilterError> {
        if self.ended { Ok(()) } else { Err(CUT_SHORT) }
    }

    /// Whether the coding tells the end of a body, however the connection does: where a body may have
    /// several parts, one that was cut between two of them looks whole.
    #[must_use]
    pub fn tells_end(&self) -> bool {
        match self.codec {
            Codec::Deflate(_) | Codec::Inflate(_) | Codec::Brotli(_) => true,
            Codec::Gzip(_) | Codec::Zstd(_) => false,
        }
    }
}

impl Codec {
    /// Begins with what follows an end; only two codings are sequences of parts that each have one.
    fn next_member(&mut self) -> Result<(), FilterError> {
        match self {
            Self::Gzip(stream) => {
                stream.reset(true);
                Ok(())
            }
            Self::Zstd(_) => Ok(()),
            Self::Deflate(_) | Self::Inflate(_) | Self::Brotli(_) => Err(BEHIND_THE_END),
        }
    }

    fn step(&mut self, input: &[u8], block: &mut [u8]) -> Result<Step, FilterError> {
        match self {
            Self::Gzip(stream) | Self::Inflate(stream) => inflate(stream, input, block),
            Self::Deflate(first) => {
                let Some(second) = input.first().copied() else {
                    return Ok(Step { read: 0, written: 0, ended: false });
                };
                let Some(first) = *first else {
                    *first = Some(second);
                    return Ok(Step { read: 1, written: 0, ended: false });
                };
                let mut stream = Decompress::new(is_zlib_header(first, second));
                let step = inflate(&mut stream, &[first, second], block)?;
                *self = Self::Inflate(stream);
                // One byte was taken before; neither format ends within its second one.
                if step.read == 2 { Ok(Step { read: 1, ..step }) } else { Err(INVALID) }
            }
            Self::Brotli(state) => brotli(state, input, block),
            Self::Zstd(context) => {
                let mut input = InBuffer::around(input);
                let mut output = OutBuffer::around(block);
                let left = context.decompress_stream(&mut output, &mut input).map_err(|_| INVALID)?;
                Ok(Step { read: input.pos, written: output.pos(), ended: left == 0 })
            }
        }
    }
}

/// Whether these bytes begin the zlib format (RFC 1950 section 2.2). Bare data could begin like that only with a
/// stored block whose padding is not zero, which nobody writes.
fn is_zlib_header(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

fn inflate(stream: &mut Decompress, input: &[u8], block: &mut [u8]) -> Result<Step, FilterError> {
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, block, FlushDecompress::None).map_err(|_| INVALID)?;
    let since = |total: u64, before: u64| usize::try_from(total - before).unwrap_or(usize::MAX);
    Ok(Step {
        read: since(stream.total_in(), read),
        written: since(stream.total_out(), written),
        ended: match status {
            Status::StreamEnd => true,
            Status::Ok | Status::BufError => false,
        },
    })
}

fn brotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &[u8],
    block: &mut [u8],
) -> Result<Step, FilterError> {
    let (mut left, mut read) = (input.len(), 0);
    let (mut room, mut written) = (block.len(), 0);
    let result =
        BrotliDecompressStream(&mut left, &mut read, input, &mut room, &mut written, block, &mut 0, state);
    match result {
        BrotliResult::ResultSuccess => Ok(Step { read, written, ended: true }),
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {
            Ok(Step { read, written, ended: false })
        }
        BrotliResult::ResultFailure => Err(INVALID),
    }
}

impl fmt::Debug for Decoder {
    /// Without what it holds of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({} bytes to {})", self.received, self.decoded)
    }
}
