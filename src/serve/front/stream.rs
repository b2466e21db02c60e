//! A client's byte stream, the socket itself or TLS over it, on which no write waits for ever.
//!
//! hyper and h2 leave a writer that stalls alone. Here a write fails that makes no progress within
//! the limit, and the close of a connection whose answer broke off is a reset.

use super::connection::Connection;
use super::socket::Socket;
use crate::serve::deadline::Deadline;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A client's stream, whose writes have an end.
#[derive(Debug)]
pub(super) struct ClientStream<S> {
    stream: S,
    /// What `stream` is, or speaks through.
    socket: Socket,
    connection: Arc<Connection>,
    write_timeout: Duration,
    /// Set while a write makes no progress.
    writing: Option<Deadline>,
}

impl<S> ClientStream<S> {
    pub(super) fn new(
        stream: S,
        socket: Socket,
        connection: Arc<Connection>,
        write_timeout: Duration,
    ) -> Self {
        Self { stream, socket, connection, write_timeout, writing: None }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn progressed<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match write {
            Poll::Ready(result) => {
                if self.writing.take().is_some() {
                    self.connection.block(false);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.connection.block(true);
                let deadline = self.writing.get_or_insert_with(|| Deadline::after(self.write_timeout));
                deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
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
        if self.connection.is_reset() {
            return Poll::Ready(Ok(()));
        }
        let shutdown = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.progressed(cx, shutdown)
    }
}

impl<S> Drop for ClientStream<S> {
    fn drop(&mut self) {
        if self.connection.is_reset() {
            self.socket.reset_when_closed();
        }
    }
}
