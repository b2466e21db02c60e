//! Encoding: from the pieces of an answer to those of a coded one.
//!
//! Levels and windows are such that an answer under way costs about a megabyte and a coded
//! megabyte some hundredths of a second: rows repeat themselves within a few kilobytes.

use super::{FilterError, Violation};
use crate::domain::dialect::ContentCoding;
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};
use flate2::{Compress, Compression, FlushCompress, Status};
use std::fmt;
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// The coded bytes of one step of a codec.
const BLOCK: usize = 16 << 10;

const GZIP_LEVEL: u32 = 5;
const GZIP_WINDOW_LOG: u8 = 15;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW_LOG: u32 = 18;
const ZSTD_LEVEL: i32 = 3;
const ZSTD_WINDOW_LOG: u32 = 18;

/// Of the gate's own making: no backend can bring it about.
const FAILED: FilterError = FilterError::Invalid(Violation::Coding, "the answer cannot be compressed");

/// Encodes one body.
pub struct Encoder {
    codec: Codec,
    block: Box<[u8]>,
}

enum Codec {
    Gzip(Compress),
    Brotli(Box<BrotliEncoderStateStruct<StandardAlloc>>),
    Zstd(CCtx<'static>),
}

/// What is wanted of a codec besides taking its input.
#[derive(Clone, Copy)]
enum Until {
    /// Nothing: it may keep what it likes.
    Taken,
    /// Everything given so far can be decoded from what it gave.
    Flushed,
    /// Likewise, and nothing follows.
    Ended,
}

/// What a step of a codec did.
struct Step {
    read: usize,
    written: usize,
    /// Whether there is nothing more to do but for input that was not read.
    done: bool,
}

impl Encoder {
    /// An encoder at the start of a body.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(coding: ContentCoding) -> Result<Self, FilterError> {
        let codec = match coding {
            ContentCoding::Gzip => {
                Codec::Gzip(Compress::new_gzip(Compression::new(GZIP_LEVEL), GZIP_WINDOW_LOG))
            }
            ContentCoding::Brotli => {
                let mut state = Box::new(BrotliEncoderStateStruct::new(StandardAlloc::default()));
                state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, BROTLI_QUALITY);
                state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, BROTLI_WINDOW_LOG);
                Codec::Brotli(state)
            }
            ContentCoding::Zstd => {
                let mut context = CCtx::try_create().ok_or(FAILED)?;
                let level = CParameter::CompressionLevel(ZSTD_LEVEL);
                context.set_parameter(level).map_err(|_| FAILED)?;
                context.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG)).map_err(|_| FAILED)?;
                Codec::Zstd(context)
            }
        };
        Ok(Self { codec, block: vec![0; BLOCK].into() })
    }

    /// Takes the next plain bytes and appends what comes of them to `out`, perhaps later.
    ///
    /// # Errors
    /// When the codec fails, which it has no reason to.
    pub fn push(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.run(plain, Until::Taken, out)
    }

    /// Appends what is missing for a client to decode everything up to here.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.run(&[], Until::Flushed, out)
    }

    /// Appends the end. Nothing may be pushed after it.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.run(&[], Until::Ended, out)
    }

    fn run(&mut self, mut plain: &[u8], until: Until, out: &mut Vec<u8>) -> Result<(), FilterError> {
        loop {
            let step = self.codec.step(plain, until, &mut self.block)?;
            plain = plain.get(step.read..).unwrap_or_default();
            out.extend_from_slice(self.block.get(..step.written).unwrap_or_default());
            if step.done && plain.is_empty() {
                return Ok(());
            }
            if step.read == 0 && step.written == 0 {
                return Err(FAILED);
            }
        }
    }
}

impl Codec {
    fn step(&mut self, plain: &[u8], until: Until, block: &mut [u8]) -> Result<Step, FilterError> {
        match self {
            Self::Gzip(stream) => gzip(stream, plain, until, block),
            Self::Brotli(state) => brotli(state, plain, until, block),
            Self::Zstd(context) => {
                let wanted = match until {
                    Until::Taken => ZSTD_EndDirective::ZSTD_e_continue,
                    Until::Flushed => ZSTD_EndDirective::ZSTD_e_flush,
                    Until::Ended => ZSTD_EndDirective::ZSTD_e_end,
                };
                let mut input = InBuffer::around(plain);
                let mut output = OutBuffer::around(block);
                let left = context.compress_stream2(&mut output, &mut input, wanted).map_err(|_| FAILED)?;
                let done = left == 0 || matches!(until, Until::Taken);
                Ok(Step { read: input.pos, written: output.pos(), done })
            }
        }
    }
}

fn gzip(stream: &mut Compress, plain: &[u8], until: Until, block: &mut [u8]) -> Result<Step, FilterError> {
    let wanted = match until {
        Until::Taken => FlushCompress::None,
        Until::Flushed => FlushCompress::Sync,
        Until::Ended => FlushCompress::Finish,
    };
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream.compress(plain, block, wanted).map_err(|_| FAILED)?;
    let since = |total: u64, before: u64| usize::try_from(total - before).unwrap_or(usize::MAX);
    let (read, written) = (since(stream.total_in(), read), since(stream.total_out(), written));
    let done = match until {
        Until::Taken => true,
        // Room that is left over tells that everything was given.
        Until::Flushed => written < block.len(),
        Until::Ended => status == Status::StreamEnd,
    };
    Ok(Step { read, written, done })
}

fn brotli(
    state: &mut BrotliEncoderStateStruct<StandardAlloc>,
    plain: &[u8],
    until: Until,
    block: &mut [u8],
) -> Result<Step, FilterError> {
    let wanted = match until {
        Until::Taken => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
        Until::Flushed => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
        Until::Ended => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
    };
    let (mut left, mut read) = (plain.len(), 0);
    let (mut room, mut written) = (block.len(), 0);
    let fine = state.compress_stream(
        wanted,
        &mut left,
        plain,
        &mut read,
        &mut room,
        block,
        &mut written,
        &mut Some(0),
        &mut |_, _, _, _| (),
    );
    if !fine {
        return Err(FAILED);
    }
    let done = match until {
        Until::Taken => true,
        Until::Flushed => !state.has_more_output(),
        Until::Ended => state.is_finished(),
    };
    Ok(Step { read, written, done })
}

impl fmt::Debug for Encoder {
    /// Without what it holds of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}
