//! The bytes of an HTTP/2 connection on their way to h2.

use super::stream::ClientStream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read before other connections get their turn: h2 itself goes on as long as frames come, be they
/// millions of PINGs.
const READ_A_TURN: usize = 16 << 10;

/// A client's stream, for h2.
///
/// A client that has said its last still gets its answers: h2, for which the end of what it reads is the end of
/// everything, learns of it once every answer is written.
#[derive(Debug)]
pub(super) struct Frames<S> {
    stream: ClientStream<S>,
    /// What was read of the stream before.
    unread: Vec<u8>,
    /// How much was read in this turn.
    read: usize,
    end: End,
}

/// Whether the client has said its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It may say more.
    Open,
    /// It has.
    Seen,
    /// It has, and when so many requests were answered, h2 was given a turn to accept others and write its answers.
    Flushed(usize),
}

impl<S> Frames<S> {
    /// The bytes of `stream` behind those that were read already.
    pub(super) fn new(stream: ClientStream<S>, unread: Vec<u8>) -> Self {
        Self { stream, unread, read: 0, end: End::Open }
    }

    /// Ready once the client has said its last and nothing is left to be answered.
    fn poll_end(&mut self, cx: &Context<'_>) -> Poll<()> {
        let connection = self.stream.connection();
        let answered = connection.answered();
        if connection.is_answering() || connection.is_blocked() {
            // Both are about to wake this task.
            Poll::Pending
        } else if self.end == End::Flushed(answered) {
            Poll::Ready(())
        } else {
            self.end = End::Flushed(answered);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.unread.is_empty() {
            let length = this.unread.len().min(buf.remaining());
            buf.put_slice(this.unread.get(..length).unwrap_or_default());
            this.unread.drain(..length);
            return Poll::Ready(Ok(()));
        }
        if this.end == End::Open {
            if this.read >= READ_A_TURN {
                this.read = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let before = buf.filled().len();
            let read = Pin::new(&mut this.stream).poll_read(cx, buf);
            if read.is_pending() {
                this.read = 0;
            }
            ready!(read)?;
            let length = buf.filled().len() - before;
            this.read += length;
            if length > 0 || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            this.end = End::Seen;
        }
        this.poll_end(cx).map(Ok)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
