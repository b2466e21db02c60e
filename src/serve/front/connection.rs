//! One client connection: its socket with every wait bounded, and what the rest may know of it.
//!
//! hyper's own timeouts leave a silent connection, a stalled writer and an idle one alone.
//! Here the socket itself knows the phase of its connection (waiting for a head, answering,
//! idle) and fails a read or write that takes longer than that phase may.

use super::socket::Socket;
use super::wire;
use crate::domain::address::Peer;
use crate::domain::code::Code;
use crate::policy::Limits;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What hyper gets in place of a request that is refused for its bytes, so that it is answered like every other.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// Likewise, for one whose answer has no body.
const HEAD_STAND_IN: &[u8] = b"HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// How much is read from a socket at once.
const READ_AT_ONCE: usize = 8 << 10;

/// What a request may know and say of the connection it came by.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer,
    is_tls: bool,
    /// Requests whose answers are not yet handed over whole; hyper takes one at a time.
    answering: AtomicUsize,
    /// Requests whose answers are.
    answered: AtomicUsize,
    /// Close by a reset, so that an answer without framing is seen to be broken.
    reset: AtomicBool,
    /// Why the request that is read now is refused before anything is decided.
    refusal: OnceLock<(Code, &'static str)>,
}

impl Connection {
    pub(crate) fn new(peer: Peer, is_tls: bool) -> Arc<Self> {
        Arc::new(Self {
            peer,
            is_tls,
            answering: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            reset: AtomicBool::new(false),
            refusal: OnceLock::new(),
        })
    }

    /// The other end, or what its PROXY header says.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether it is by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// A request begins; until it is over no read deadline of the connection counts.
    pub(crate) fn begin(&self) {
        self.answering.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub(crate) fn end(&self) {
        self.answering.fetch_sub(1, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes the connection end in a reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// Why the request is refused for its bytes, and with which code; it is the last one of the connection.
    pub(crate) fn refusal(&self) -> Option<(Code, &'static str)> {
        self.refusal.get().copied()
    }
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

/// What is to be done for more bytes.
enum Next {
    /// They are there.
    HandOver,
    /// They are read.
    Read,
    /// They belong to the next request, and come after the answer.
    Wait,
    /// There will be none.
    End,
}

/// A client's socket whose every wait has an end, and whose requests have one reading.
#[derive(Debug)]
pub(super) struct TimedStream<S> {
    stream: S,
    /// What `stream` is, or speaks through.
    socket: Socket,
    connection: Arc<Connection>,
    header_timeout: Duration,
    idle_timeout: Duration,
    header_bytes: usize,
    phase: Phase,
    /// How many requests were answered when the phase was settled last.
    answered: usize,
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
    write_timeout: Duration,
    /// Set while a write makes no progress.
    writing: Option<Deadline>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedStream<S> {
    pub(super) fn new(stream: S, socket: Socket, connection: Arc<Connection>, limits: &Limits) -> Self {
        Self {
            stream,
            socket,
            connection,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            header_bytes: limits.header_bytes,
            phase: Phase::Fresh,
            answered: 0,
            held: Vec::new(),
            ready: 0,
            scanned: 0,
            message: Message::Head,
            handed_over: 0,
            reading: Deadline::after(limits.header_timeout),
            write_timeout: limits.write_timeout,
            writing: None,
        }
    }

    /// Follows the requests of the connection into the phase that counts now.
    ///
    /// hyper need not read while it answers, so a whole request may have come and gone since.
    fn settle_phase(&mut self) {
        let answered = self.connection.answered.load(Ordering::Relaxed);
        if self.connection.answering.load(Ordering::Relaxed) > 0 {
            self.phase = Phase::Answering;
        } else if answered != self.answered {
            self.phase = Phase::Idle;
            self.reading.restart(self.idle_timeout);
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
            return Ok(Next::HandOver);
        }
        if let Message::Body(body) = &mut self.message {
            if !body.is_over() {
                let taken = body.take(&self.held).map_err(|why| {
                    // The first reason counts.
                    let _ = self.connection.refusal.set((Code::RequestMalformed, why));
                    io::Error::from(io::ErrorKind::InvalidData)
                })?;
                self.ready = taken;
                return Ok(if taken > 0 { Next::HandOver } else { Next::Read });
            }
            if self.answered < self.handed_over {
                return Ok(Next::Wait);
            }
            self.message = Message::Head;
        }
        match self.message {
            Message::Refused => Ok(Next::End),
            Message::Head | Message::Body(_) => Ok(self.head()),
        }
    }

    /// Judges a head, as soon as all of it is held.
    fn head(&mut self) -> Next {
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
                Next::HandOver
            }
            Err(why) => self.refuse(Code::RequestMalformed, why),
        }
    }

    /// Refuses the request that is held; what may follow it is none.
    fn refuse(&mut self, code: Code, why: &'static str) -> Next {
        // The first reason counts.
        let _ = self.connection.refusal.set((code, why));
        self.message = Message::Refused;
        let is_head = self.held.trim_ascii_start().starts_with(b"HEAD ");
        self.held = if is_head { HEAD_STAND_IN } else { STAND_IN }.to_vec();
        self.ready = self.held.len();
        Next::HandOver
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

    /// Reads more; tells how much.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.held.reserve(READ_AT_ONCE);
        let read = pin!(self.stream.read_buf(&mut self.held)).poll(cx);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        read
    }

    /// Fails when a write that is pending has made no progress for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.writing.get_or_insert_with(|| Deadline::after(self.write_timeout));
        deadline.poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    fn progressed<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match write {
            Poll::Ready(result) => {
                self.writing = None;
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_stalled(cx).map(Err),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            this.settle_phase();
            match this.next() {
                Ok(Next::HandOver) => {
                    this.hand_over(buf);
                    return Poll::Ready(Ok(()));
                }
                Ok(Next::Read) => {}
                // hyper asks again once it has answered.
                Ok(Next::Wait) => return Poll::Pending,
                Ok(Next::End) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
            let waited = matches!(this.phase, Phase::Fresh | Phase::Idle);
            if waited && !this.held.is_empty() {
                this.begin_head();
            }
            match this.poll_more(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) if waited => this.begin_head(),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if this.phase == Phase::Answering => return Poll::Pending,
                Poll::Pending => {
                    ready!(this.reading.poll(cx));
                    if this.phase != Phase::Head {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    this.refuse(Code::RequestTimeout, "the head of the request did not arrive in time");
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.progressed(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.progressed(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.stream).poll_flush(cx);
        self.progressed(cx, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let shutdown = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.progressed(cx, shutdown)
    }
}

impl<S> Drop for TimedStream<S> {
    fn drop(&mut self) {
        if self.connection.reset.load(Ordering::Relaxed) {
            self.socket.reset_when_closed();
        }
    }
}

/// A deadline that is moved often and reached seldom: the timer is only touched when it fires.
#[derive(Debug)]
struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn after(wait: Duration) -> Self {
        Self { at: Instant::now() + wait, timer: None }
    }

    fn restart(&mut self, wait: Duration) {
        self.at = Instant::now() + wait;
    }

    /// Ready once the deadline is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }
}
