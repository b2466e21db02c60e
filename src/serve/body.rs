//! The body of an answer: whole, or cut from the backend's while that still arrives.
//!
//! It owns the request's record, which is settled when the last piece was handed over or
//! the body is dropped, whichever comes first.

use super::back::{BackendError, Lease};
use super::deadline::Deadline;
use super::record::Record;
use super::sighting::Observer;
use crate::domain::dialect::ContentCoding;
use crate::filter::coding::{Decoder, Encoder};
use crate::filter::headers::Ending;
use crate::filter::{Filter, FilterError};
use bytes::{Buf as _, Bytes};
use http::Version;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// How much of an answer is held back, so that one that turns out wrong gets an error instead of a broken transfer.
const HELD_BACK: usize = 64 << 10;

/// Whole answers below this many bytes are not compressed: nothing would be won.
const WORTH_COMPRESSING: usize = 1 << 10;

/// So much is compressed before a client can read it, in plain bytes; less when the backend makes us wait.
const FLUSHED_AFTER: usize = 16 << 10;

/// A body that is there already leaves in pieces of so many bytes, so that it is seen how much of it a client took.
const PIECE: usize = 64 << 10;

/// How many blocks are decoded before others get their turn, however little of them leaves: a hundred megabytes may
/// come of one piece.
const BLOCKS_A_TURN: usize = 32;

/// The body of an answer of the gate.
#[derive(Debug)]
pub struct Body(Inner);

#[derive(Debug)]
enum Inner {
    Whole { bytes: Bytes, record: Option<Box<Record>> },
    Streamed { held_back: Bytes, cut: Box<Cut>, record: Option<Box<Record>>, version: Version },
}

/// Why an answer broke off after its head; the client sees a broken transfer.
#[derive(Debug)]
pub struct Aborted(BackendError);

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Aborted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Body {
    /// A body that is there already. Without bytes, or for HEAD, nobody will ask for it.
    pub(super) fn whole(bytes: Bytes, mut record: Box<Record>) -> Self {
        if bytes.is_empty() || record.is_head() {
            record.complete();
            return Self(Inner::Whole { bytes: Bytes::new(), record: None });
        }
        Self(Inner::Whole { bytes, record: Some(record) })
    }

    /// What comes of `cut` once its first part was prefetched.
    pub(super) fn cut(prefetched: Prefetched, record: Box<Record>, version: Version) -> Self {
        match prefetched {
            Prefetched::Whole(bytes) => Self::whole(bytes, record),
            Prefetched::Begun(held_back, cut) => {
                Self(Inner::Streamed { held_back, cut, record: Some(record), version })
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut self.0 {
            Inner::Whole { bytes, record } => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                if let Some(record) = record {
                    record.handed_over(piece.len());
                }
                if bytes.is_empty()
                    && let Some(mut record) = record.take()
                {
                    record.complete();
                }
                Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
            }
            Inner::Streamed { held_back, cut, record, version } => {
                if !held_back.is_empty() {
                    let piece = held_back.split_to(held_back.len().min(PIECE));
                    return Poll::Ready(Some(Ok(Frame::data(counted(record, piece)))));
                }
                if record.is_none() {
                    return Poll::Ready(None);
                }
                match ready!(cut.poll_next(cx)) {
                    Ok(Some(bytes)) => Poll::Ready(Some(Ok(Frame::data(counted(record, bytes))))),
                    Ok(None) => {
                        settle(record, cut, Ok(()));
                        Poll::Ready(None)
                    }
                    Err(error) => {
                        // Without chunks only a reset tells a cut answer from a whole one (RFC 9112 section 6.3).
                        if *version < Version::HTTP_11
                            && let Some(record) = record
                        {
                            record.reset_connection();
                        }
                        settle(record, cut, Err(&error));
                        Poll::Ready(Some(Err(Aborted(error))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole { bytes, .. } => bytes.is_empty(),
            Inner::Streamed { record, .. } => record.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole { bytes, .. } => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Inner::Streamed { .. } => SizeHint::default(),
        }
    }
}

impl Drop for Inner {
    /// A client that left has seen what was filtered so far.
    fn drop(&mut self) {
        if let Self::Streamed { cut, record: Some(record), .. } = self {
            record.filtered(&cut.filter);
        }
    }
}

fn counted(record: &mut Option<Box<Record>>, bytes: Bytes) -> Bytes {
    if let Some(record) = record {
        record.handed_over(bytes.len());
    }
    bytes
}

fn settle(record: &mut Option<Box<Record>>, cut: &Cut, ending: Result<(), &BackendError>) {
    if let Some(mut record) = record.take() {
        match ending {
            Ok(()) => {
                record.filtered_whole(&cut.filter);
                record.complete();
            }
            Err(error) => {
                record.filtered(&cut.filter);
                record.backend_failed(error, None);
                record.abort(error.code());
            }
        }
    }
}

/// A backend's body on its way through the filter.
#[derive(Debug)]
pub(super) struct Cut {
    incoming: Incoming,
    ending: Ending,
    /// For a body that comes compressed.
    decoder: Option<Decoder>,
    /// What arrived and is not decoded.
    coded: Bytes,
    /// How many blocks were decoded in this turn.
    blocks: usize,
    filter: Filter,
    /// For an answer that leaves compressed.
    compression: Option<Compression>,
    /// What leaves first.
    given_back: Bytes,
    /// Handed back once the body was read to its end.
    lease: Option<Lease>,
    /// Until when the backend is waited for, while it is.
    waiting: Option<Deadline>,
}

/// The beginning of an answer.
#[derive(Debug)]
pub(super) enum Prefetched {
    /// All of it.
    Whole(Bytes),
    /// What fits into [`HELD_BACK`], and the rest to come.
    Begun(Bytes, Box<Cut>),
}

impl Cut {
    pub(super) fn new(
        incoming: Incoming,
        ending: Ending,
        decoder: Option<Decoder>,
        filter: Filter,
        lease: Lease,
    ) -> Self {
        let ending = if lease.frames_all() { Ending::Framed } else { ending };
        Self {
            incoming,
            ending,
            decoder,
            coded: Bytes::new(),
            blocks: 0,
            filter,
            compression: None,
            given_back: Bytes::new(),
            lease: Some(lease),
            waiting: None,
        }
    }

    /// Reads until the answer is whole or [`HELD_BACK`] is full. Failures up to there have a status of their own.
    pub(super) async fn prefetch(
        mut self: Box<Self>,
        record: &mut impl Observer,
    ) -> Result<Prefetched, BackendError> {
        let mut held_back = Bytes::new();
        loop {
            let next = std::future::poll_fn(|cx| {
                let next = self.poll_plain(cx);
                // At every pause: the client may leave in it.
                record.found(&self.filter);
                next
            });
            match next.await.inspect_err(|_| record.filtered(&self.filter))? {
                None => {
                    record.filtered_whole(&self.filter);
                    return Ok(Prefetched::Whole(held_back));
                }
                // Most answers come in one piece, which is not copied.
                Some(bytes) if held_back.is_empty() => held_back = bytes,
                Some(bytes) => {
                    let mut whole = Vec::from(held_back);
                    whole.extend_from_slice(&bytes);
                    held_back = whole.into();
                }
            }
            if held_back.len() >= HELD_BACK {
                return Ok(Prefetched::Begun(held_back, self));
            }
        }
    }

    /// Takes back what was given last: it is given again, first.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        self.given_back = bytes;
    }

    /// How the answer is cut, and what was found so far.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The next bytes that leave, never empty; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BackendError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next bytes that leave, never empty; `None` after the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BackendError>> {
        if !self.given_back.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.given_back))));
        }
        loop {
            let plain = self.poll_plain(cx);
            let Some(compression) = &mut self.compression else { return plain };
            let leaves = match plain {
                Poll::Ready(Ok(Some(plain))) => compression.push(&plain),
                Poll::Ready(Ok(None)) => {
                    let leaves = compression.finish();
                    self.compression = None;
                    leaves
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if compression.unflushed == 0 => return Poll::Pending,
                // Rows are seen as they come.
                Poll::Pending => compression.flush(),
            };
            let leaves = leaves.map_err(BackendError::Filter)?;
            if !leaves.is_empty() {
                return Poll::Ready(Ok(Some(leaves)));
            }
        }
    }

    /// The next bytes that passed the filter, never empty; `None` after the last.
    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BackendError>> {
        while let Some(lease) = &self.lease {
            let leaves = if self.decoder.as_ref().is_some_and(|decoder| decoder.can_step(&self.coded)) {
                if self.blocks == BLOCKS_A_TURN {
                    self.blocks = 0;
                    // Woken once sockets were looked after, too: a plain wake would come before that, many times over.
                    ready!(pin!(tokio::task::yield_now()).poll(cx));
                }
                self.blocks += 1;
                self.decoded()?
            } else {
                let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                    // Counted from here: before, it may have been the client that kept us waiting.
                    let timeout = lease.backend().body_timeout;
                    ready!(self.waiting.get_or_insert_with(|| Deadline::after(timeout)).poll(cx));
                    return Poll::Ready(Err(BackendError::Timeout));
                };
                self.waiting = None;
                match frame.transpose().map_err(BackendError::Truncated)? {
                    Some(frame) => self.arrived(frame)?,
                    None => self.ended()?,
                }
            };
            if !leaves.is_empty() {
                return Poll::Ready(Ok(Some(leaves)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// What may leave of a piece of the body; nothing yet when it is to be decoded.
    fn arrived(&mut self, frame: Frame<Bytes>) -> Result<Bytes, BackendError> {
        // Trailers stay here.
        let Ok(data) = frame.into_data() else { return Ok(Bytes::new()) };
        if self.decoder.is_some() {
            self.coded = data;
            return Ok(Bytes::new());
        }
        if self.filter.is_opaque() {
            return Ok(data);
        }
        let mut leaves = Vec::with_capacity(data.len());
        self.filter.push(&data, &mut leaves).map_err(BackendError::Filter)?;
        Ok(leaves.into())
    }

    /// What may leave of the next block that is decoded.
    fn decoded(&mut self) -> Result<Bytes, BackendError> {
        let Some(decoder) = &mut self.decoder else { return Ok(Bytes::new()) };
        let mut rest = &*self.coded;
        let block = decoder.step(&mut rest).map_err(BackendError::Filter)?;
        let mut leaves = Vec::with_capacity(block.len());
        self.filter.push(block, &mut leaves).map_err(BackendError::Filter)?;
        let taken = self.coded.len() - rest.len();
        self.coded.advance(taken);
        Ok(leaves.into())
    }

    /// What may leave at the end, where the connection is handed back.
    fn ended(&mut self) -> Result<Bytes, BackendError> {
        let ending = match &self.decoder {
            None => self.ending,
            Some(decoder) => {
                decoder.finish().map_err(BackendError::Filter)?;
                if decoder.tells_end() { Ending::Framed } else { self.ending }
            }
        };
        let mut leaves = Vec::new();
        self.filter.finish(ending, &mut leaves).map_err(BackendError::Filter)?;
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
        Ok(leaves.into())
    }
}

impl Prefetched {
    /// The beginning of the same answer as it leaves, and what it is compressed with: what the client wants, or
    /// nothing when the answer is too short for it.
    pub(super) fn compressed(
        self,
        wanted: Option<ContentCoding>,
    ) -> Result<(Self, Option<ContentCoding>), BackendError> {
        let Some(coding) = wanted else { return Ok((self, None)) };
        let begun = |plain: &[u8]| {
            let mut compression = Compression::new(coding)?;
            compression.push(plain).map(|leaves| (compression, leaves))
        };
        let compressed = match self {
            Self::Whole(plain) if plain.len() < WORTH_COMPRESSING => return Ok((Self::Whole(plain), None)),
            Self::Whole(plain) => begun(&plain).and_then(|(mut compression, leaves)| {
                Ok(Self::Whole([leaves, compression.finish()?].concat().into()))
            }),
            Self::Begun(plain, mut cut) => begun(&plain).map(|(compression, leaves)| {
                cut.compression = Some(compression);
                Self::Begun(leaves, cut)
            }),
        };
        Ok((compressed.map_err(BackendError::Filter)?, Some(coding)))
    }
}

/// The compression of an answer under way.
#[derive(Debug)]
struct Compression {
    encoder: Encoder,
    /// Plain bytes that the client cannot read yet.
    unflushed: usize,
}

impl Compression {
    fn new(coding: ContentCoding) -> Result<Self, FilterError> {
        Ok(Self { encoder: Encoder::new(coding)?, unflushed: 0 })
    }

    /// Takes the next plain bytes; gives nothing until it is worth a piece of its own.
    fn push(&mut self, plain: &[u8]) -> Result<Bytes, FilterError> {
        let mut leaves = Vec::new();
        self.encoder.push(plain, &mut leaves)?;
        self.unflushed += plain.len();
        if self.unflushed >= FLUSHED_AFTER {
            self.encoder.flush(&mut leaves)?;
            self.unflushed = 0;
        }
        Ok(leaves.into())
    }

    fn flush(&mut self) -> Result<Bytes, FilterError> {
        let mut leaves = Vec::new();
        self.encoder.flush(&mut leaves)?;
        self.unflushed = 0;
        Ok(leaves.into())
    }

    fn finish(&mut self) -> Result<Bytes, FilterError> {
        let mut leaves = Vec::new();
        self.encoder.finish(&mut leaves)?;
        Ok(leaves.into())
    }
}
