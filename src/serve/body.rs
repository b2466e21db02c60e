//! The body of an answer: whole, or cut from the backend's while that still arrives.
//!
//! It owns the request's record, which is settled when the last piece was handed over or
//! the body is dropped, whichever comes first.

use super::backend::{BackendError, Lease};
use super::record::Record;
use crate::filter::Filter;
use crate::filter::headers::Ending;
use bytes::Bytes;
use http::Version;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep};

/// How much of an answer is held back, so that one that turns out wrong gets an error instead of a broken transfer.
const HELD_BACK: usize = 64 << 10;

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
                let bytes = std::mem::take(bytes);
                if let Some(mut record) = record.take() {
                    record.handed_over(bytes.len());
                    record.complete();
                }
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Inner::Streamed { held_back, cut, record, version } => {
                if !held_back.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(counted(record, std::mem::take(held_back))))));
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

fn counted(record: &mut Option<Box<Record>>, bytes: Bytes) -> Bytes {
    if let Some(record) = record {
        record.handed_over(bytes.len());
    }
    bytes
}

fn settle(record: &mut Option<Box<Record>>, cut: &Cut, ending: Result<(), &BackendError>) {
    if let Some(mut record) = record.take() {
        record.columns_removed = cut.columns_removed();
        match ending {
            Ok(()) => record.complete(),
            Err(error) => {
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
    filter: Filter,
    /// Handed back once the body was read to its end.
    lease: Option<Lease>,
    /// Whether the backend is waited for, until `deadline` at most.
    is_waiting: bool,
    deadline: Pin<Box<Sleep>>,
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
    pub(super) fn new(incoming: Incoming, ending: Ending, filter: Filter, lease: Lease) -> Self {
        let deadline = Box::pin(tokio::time::sleep(lease.backend().body_timeout));
        Self { incoming, ending, filter, lease: Some(lease), is_waiting: false, deadline }
    }

    /// How many columns the backend sent that were cut so far.
    pub(super) fn columns_removed(&self) -> u64 {
        self.filter.columns_removed()
    }

    /// Reads until the answer is whole or [`HELD_BACK`] is full. Failures up to there have a status of their own.
    pub(super) async fn prefetch(
        mut self: Box<Self>,
        record: &mut Record,
    ) -> Result<Prefetched, BackendError> {
        let mut held_back = Vec::new();
        loop {
            let next = std::future::poll_fn(|cx| self.poll_next(cx)).await;
            record.columns_removed = self.columns_removed();
            match next? {
                None => return Ok(Prefetched::Whole(held_back.into())),
                Some(bytes) => held_back.extend_from_slice(&bytes),
            }
            if held_back.len() >= HELD_BACK {
                return Ok(Prefetched::Begun(held_back.into(), self));
            }
        }
    }

    /// The next bytes that may leave, never empty; `None` after the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BackendError>> {
        while let Some(lease) = &self.lease {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                // Counted from here: before, it may have been the client that kept us waiting.
                if !std::mem::replace(&mut self.is_waiting, true) {
                    self.deadline.as_mut().reset(Instant::now() + lease.backend().body_timeout);
                }
                ready!(self.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(BackendError::Timeout));
            };
            self.is_waiting = false;
            let leaves = match frame.transpose().map_err(BackendError::Truncated)? {
                Some(frame) => self.arrived(frame)?,
                None => self.ended()?,
            };
            if !leaves.is_empty() {
                return Poll::Ready(Ok(Some(leaves)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// What may leave of a piece of the body.
    fn arrived(&mut self, frame: Frame<Bytes>) -> Result<Bytes, BackendError> {
        // Trailers stay here.
        let Ok(data) = frame.into_data() else { return Ok(Bytes::new()) };
        if self.filter.is_opaque() {
            return Ok(data);
        }
        let mut leaves = Vec::with_capacity(data.len());
        self.filter.push(&data, &mut leaves).map_err(BackendError::Filter)?;
        Ok(leaves.into())
    }

    /// What may leave at the end, where the connection is handed back.
    fn ended(&mut self) -> Result<Bytes, BackendError> {
        let mut leaves = Vec::new();
        self.filter.finish(self.ending, &mut leaves).map_err(BackendError::Filter)?;
        if let Some(lease) = self.lease.take() {
            lease.release();
        }
        Ok(leaves.into())
    }
}
