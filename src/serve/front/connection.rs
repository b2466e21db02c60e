//! One client connection: its socket with every wait bounded, and what the rest may know of it.
//!
//! hyper's own timeouts leave a silent connection, a stalled writer and an idle one alone.
//! Here the socket itself knows the phase of its connection (waiting for a head, answering,
//! idle) and fails a read or write that takes longer than that phase may.

use crate::domain::address::Peer;
use crate::policy::Limits;
use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// Sent when a head does not arrive in time (RFC 9110 section 15.5.9).
const HEAD_TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

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
    /// A head was begun and did not arrive in time.
    head_timed_out: AtomicBool,
}

impl Connection {
    pub(crate) fn new(peer: Peer, is_tls: bool) -> Arc<Self> {
        Arc::new(Self {
            peer,
            is_tls,
            answering: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            reset: AtomicBool::new(false),
            head_timed_out: AtomicBool::new(false),
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

    /// Whether a head was begun and did not arrive in time.
    pub(crate) fn head_timed_out(&self) -> bool {
        self.head_timed_out.load(Ordering::Relaxed)
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

/// A client's socket whose every wait has an end.
#[derive(Debug)]
pub(crate) struct TimedStream {
    /// Shared with whoever watches it for a reset.
    stream: Arc<TcpStream>,
    connection: Arc<Connection>,
    header_timeout: Duration,
    idle_timeout: Duration,
    phase: Phase,
    /// How many requests were answered when the phase was settled last.
    answered: usize,
    reading: Deadline,
    write_timeout: Duration,
    /// Set while a write makes no progress.
    writing: Option<Deadline>,
}

impl TimedStream {
    pub(crate) fn new(stream: Arc<TcpStream>, connection: Arc<Connection>, limits: &Limits) -> Self {
        Self {
            stream,
            connection,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            phase: Phase::Fresh,
            answered: 0,
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

    /// The read deadline of a head or of an idle connection is over.
    fn read_timed_out(&self) -> io::Error {
        if self.phase == Phase::Head {
            self.connection.head_timed_out.store(true, Ordering::Relaxed);
            // Best effort: the client is told if its socket takes the bytes at once.
            let _ = self.stream.try_write(HEAD_TIMED_OUT);
        }
        io::ErrorKind::TimedOut.into()
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

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let stream = &this.stream;
        let read = retried(cx, |cx| stream.poll_read_ready(cx), || stream.try_read_buf(buf));
        this.settle_phase();
        match read {
            Poll::Ready(result) => {
                let waited = matches!(this.phase, Phase::Fresh | Phase::Idle);
                if waited && result.as_ref().is_ok_and(|bytes| *bytes > 0) {
                    this.phase = Phase::Head;
                    this.reading.restart(this.header_timeout);
                }
                Poll::Ready(result.map(|_| ()))
            }
            Poll::Pending if this.phase == Phase::Answering => Poll::Pending,
            Poll::Pending => {
                ready!(this.reading.poll(cx));
                Poll::Ready(Err(this.read_timed_out()))
            }
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = &self.stream;
        let write = retried(cx, |cx| stream.poll_write_ready(cx), || stream.try_write(buf));
        self.progressed(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = &self.stream;
        let write = retried(cx, |cx| stream.poll_write_ready(cx), || stream.try_write_vectored(bufs));
        self.progressed(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has what was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(SockRef::from(&*self.stream).shutdown(Shutdown::Write))
    }
}

/// Tries when the socket is ready, until it would not block.
fn retried<T>(
    cx: &mut Context<'_>,
    mut poll_ready: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        ready!(poll_ready(cx))?;
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}

impl Drop for TimedStream {
    fn drop(&mut self) {
        if self.connection.reset.load(Ordering::Relaxed) {
            // A linger of zero makes close() send a reset. Best effort: the socket may be gone.
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
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
