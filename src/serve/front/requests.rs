//! What a client sends, until it is known to be HTTP/2, and all of HTTP/1: whole heads with one reading, in time.
//!
//! hyper's own timeouts leave a silent connection and an idle one alone. Here the phase of the
//! connection is known (waiting for a head, answering, idle), and a read fails that takes longer
//! than the phase may. hyper is lent the stream only while there are requests: one that is
//! fresh, or has been idle for a moment, costs no buffers.

use super::stream::ClientStream;
use super::wire;
use crate::domain::code::Code;
use crate::policy::Limits;
use crate::serve::deadline::Deadline;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What a connection of HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// As much of it as no request of HTTP/1 begins with that would ever be answered.
const PREFACE_METHOD: &[u8] = b"PRI ";

/// What hyper gets in place of a request that is refused for its bytes, so that it is answered like every other.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// Likewise, for one whose answer has no body.
const HEAD_STAND_IN: &[u8] = b"HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// How much is read from a socket at once.
const READ_AT_ONCE: usize = 8 << 10;

/// How long hyper keeps an idle connection. Most that come again do so at once.
const PARKED_AFTER: Duration = Duration::from_secs(1);

/// What a connection goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// A request of HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Nothing: the client has closed it.
    Over,
}

/// What the next bytes from the client are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first head; nothing of it has arrived.
    Fresh,
    /// A head of which something has arrived.
    Head,
    /// A body, or nothing yet: a request is under way.
    Answering,
    /// The next head, if any.
    Idle,
}

/// Where in a request the next bytes stand.
#[derive(Debug)]
enum Message {
    /// In its head.
    Head,
    /// In its body, or behind it.
    Body(wire::Body),
    /// Nowhere: it was refused.
    Refused,
}

/// What has come.
enum Found {
    /// Bytes with one reading.
    Bytes,
    /// The preface of HTTP/2.
    Http2,
    /// The end.
    End,
}

/// What is to be done for more bytes.
enum Next {
    /// They are there.
    Take(Found),
    /// They are read.
    Read,
    /// They belong to the next request, and come after the answer.
    Wait,
}

/// A client's stream whose every wait has an end, and whose requests have one reading.
#[derive(Debug)]
pub(super) struct Requests<S> {
    stream: ClientStream<S>,
    header_timeout: Duration,
    idle_timeout: Duration,
    header_bytes: usize,
    /// Nothing of HTTP/1 was seen, and nobody has said that it will be.
    may_be_http2: bool,
    /// hyper does not have it.
    is_parked: bool,
    phase: Phase,
    /// How many requests were answered when the phase was settled last.
    answered: usize,
    /// Until when it may stay idle, in that phase.
    idle_until: Instant,
    /// What was read and not handed over.
    held: Vec<u8>,
    /// How much of that is known to have one reading, and may be handed over.
    ready: usize,
    /// How much of it is known not to hold the end of a head.
    scanned: usize,
    message: Message,
    /// How many requests were handed over.
    handed_over: usize,
    reading: Deadline,
}

impl<S> Requests<S> {
    /// Requests that come by `stream`, of HTTP/1 only unless it `may_be_http2`.
    pub(super) fn new(stream: ClientStream<S>, may_be_http2: bool, limits: &Limits) -> Self {
        Self {
            stream,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            header_bytes: limits.header_bytes,
            may_be_http2,
            is_parked: true,
            phase: Phase::Fresh,
            answered: 0,
            idle_until: Instant::now(),
            held: Vec::new(),
            ready: 0,
            scanned: 0,
            message: Message::Head,
            handed_over: 0,
            reading: Deadline::after(limits.header_timeout),
        }
    }

    /// The stream, what was read of it and not handed over, and until when the first head is to be there.
    pub(super) fn into_unread(self) -> (ClientStream<S>, Vec<u8>, Deadline) {
        (self.stream, self.held, self.reading)
    }

    /// Whether hyper has given it back for being idle; otherwise the connection has come to its end.
    pub(super) fn is_parked(&self) -> bool {
        self.is_parked
    }

    /// Follows the requests of the connection into the phase that counts now.
    ///
    /// hyper need not read while it answers, so a whole request may have come and gone since.
    fn settle_phase(&mut self) {
        let connection = self.stream.connection();
        let answered = connection.answered();
        if connection.is_answering() {
            self.phase = Phase::Answering;
        } else if answered != self.answered {
            self.phase = Phase::Idle;
            let now = Instant::now();
            self.idle_until = now + self.idle_timeout;
            self.reading.move_to(now + self.idle_timeout.min(PARKED_AFTER));
        }
        self.answered = answered;
    }

    /// The first bytes of a head are there.
    fn begin_head(&mut self) {
        self.phase = Phase::Head;
        self.reading.restart(self.header_timeout);
    }

    /// Judges what is held.
    fn next(&mut self) -> io::Result<Next> {
        if self.ready > 0 {
            return Ok(Next::Take(Found::Bytes));
        }
        if let Message::Body(body) = &mut self.message {
            if !body.is_over() {
                let taken = body.take(&self.held).map_err(|why| {
                    self.stream.connection().refuse(Code::RequestMalformed, why);
                    io::Error::from(io::ErrorKind::InvalidData)
                })?;
                self.ready = taken;
                return Ok(if taken > 0 { Next::Take(Found::Bytes) } else { Next::Read });
            }
            if self.answered < self.handed_over {
                return Ok(Next::Wait);
            }
            self.message = Message::Head;
        }
        match self.message {
            Message::Refused => Ok(Next::Take(Found::End)),
            Message::Head | Message::Body(_) => Ok(self.head()),
        }
    }

    /// Judges a head, as soon as all of it is held.
    fn head(&mut self) -> Next {
        if self.may_be_http2 {
            if self.held.starts_with(PREFACE) {
                return Next::Take(Found::Http2);
            }
            if PREFACE.starts_with(&self.held) {
                return Next::Read;
            }
            self.may_be_http2 = false;
        }
        let Some(end) = wire::head_end(&self.held, self.scanned) else {
            // The end may have begun.
            self.scanned = self.held.len().saturating_sub(2);
            if !wire::may_begin(&self.held) {
                return self.refuse(Code::RequestMalformed, "the request does not begin with a method");
            }
            // Up to there `decide` sees for itself what is too long.
            if self.held.len() <= 2 * self.header_bytes {
                return Next::Read;
            }
            let code = if self.held.contains(&b'\n') { Code::HeadersTooLarge } else { Code::UriTooLong };
            return self.refuse(code, "the head of the request is longer than the limit");
        };
        match wire::judge(self.held.get(..end).unwrap_or_default()) {
            Ok(body) => {
                self.message = Message::Body(body);
                self.ready = end;
                self.scanned = 0;
                self.handed_over += 1;
                Next::Take(Found::Bytes)
            }
            Err(why) => self.refuse(Code::RequestMalformed, why),
        }
    }

    /// Refuses the request that is held; what may follow it is none.
    fn refuse(&mut self, code: Code, why: &'static str) -> Next {
        self.stream.connection().refuse(code, why);
        self.message = Message::Refused;
        let is_head = self.held.trim_ascii_start().starts_with(b"HEAD ");
        self.held = if is_head { HEAD_STAND_IN } else { STAND_IN }.to_vec();
        self.ready = self.held.len();
        Next::Take(Found::Bytes)
    }

    /// Hands over what has one reading.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let length = self.ready.min(buf.remaining());
        buf.put_slice(self.held.get(..length).unwrap_or_default());
        self.ready -= length;
        if length == self.held.len() {
            // Between requests a connection holds nothing.
            self.held = Vec::new();
        } else {
            self.held.drain(..length);
        }
    }

    /// What is to be done when nothing has come in time.
    fn late(&mut self) -> io::Result<Next> {
        match self.phase {
            // It may as well have been HTTP/2, which knows no such answer.
            Phase::Head if self.may_be_http2 && self.held.starts_with(PREFACE_METHOD) => {}
            Phase::Head => {
                return Ok(
                    self.refuse(Code::RequestTimeout, "the head of the request did not arrive in time")
                );
            }
            Phase::Idle if self.stream.connection().is_blocked() => {
                // hyper has something left to write; a write that stalls ends by itself.
                self.reading.restart(PARKED_AFTER);
                return Ok(Next::Read);
            }
            Phase::Idle if !self.is_parked && Instant::now() < self.idle_until => {
                self.reading.move_to(self.idle_until);
                self.is_parked = true;
                return Ok(Next::Take(Found::End));
            }
            Phase::Fresh | Phase::Idle | Phase::Answering => {}
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Requests<S> {
    /// Waits for a whole request head, or to know better; there is nothing but what was read of it until then.
    ///
    /// # Errors
    /// When the connection ends otherwise than by the client's wish.
    pub(super) async fn begun(&mut self) -> io::Result<Begun> {
        let found = poll_fn(|cx| self.poll_found(cx)).await?;
        Ok(match found {
            Found::Bytes => {
                self.is_parked = false;
                Begun::Http1
            }
            Found::Http2 => Begun::Http2,
            Found::End => Begun::Over,
        })
    }

    /// Reads until something may be handed over.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Found>> {
        loop {
            self.settle_phase();
            match self.next()? {
                Next::Take(found) => return Poll::Ready(Ok(found)),
                Next::Read => {}
                // hyper asks again once it has answered.
                Next::Wait => return Poll::Pending,
            }
            let waited = matches!(self.phase, Phase::Fresh | Phase::Idle);
            if waited && !self.held.is_empty() {
                self.begin_head();
            }
            match self.poll_more(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Found::End)),
                Poll::Ready(Ok(_)) if waited => self.begin_head(),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if self.phase == Phase::Answering => return Poll::Pending,
                Poll::Pending => {
                    ready!(self.reading.poll(cx));
                    if let Next::Take(found) = self.late()? {
                        return Poll::Ready(Ok(found));
                    }
                }
            }
        }
    }

    /// Reads more; tells how much.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.held.reserve(READ_AT_ONCE);
        let read = pin!(self.stream.read_buf(&mut self.held)).poll(cx);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Requests<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_parked
            && let Found::Bytes = ready!(self.poll_found(cx))?
        {
            self.hand_over(buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Requests<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_parked {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
