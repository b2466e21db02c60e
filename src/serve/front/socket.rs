//! A client's socket, of whichever family: read and written by its connection, watched for a reset beside it.

use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A socket that was accepted, on no runtime yet.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// By TCP.
    Tcp(std::net::TcpStream),
    /// By a unix socket.
    Unix(std::os::unix::net::UnixStream),
}

/// A client's socket; a clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Socket {
    family: Arc<Family>,
    /// The driver that reports what comes turns on the thread that reads.
    is_on_one_thread: bool,
}

#[derive(Debug)]
enum Family {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Brings a socket onto the runtime that this is called on.
    pub(crate) fn new(accepted: Accepted) -> io::Result<Self> {
        let family = match accepted {
            Accepted::Tcp(stream) => {
                stream.set_nodelay(true)?;
                Family::Tcp(TcpStream::from_std(stream)?)
            }
            Accepted::Unix(stream) => Family::Unix(UnixStream::from_std(stream)?),
        };
        let is_on_one_thread = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        Ok(Self { family: Arc::new(family), is_on_one_thread })
    }

    /// Waits until the client resets the connection.
    pub(super) async fn was_reset(&self) {
        // Whatever ends the wait ends the connection.
        let _ = match &*self.family {
            Family::Tcp(stream) => stream.ready(Interest::ERROR).await,
            Family::Unix(stream) => stream.ready(Interest::ERROR).await,
        };
    }

    /// Makes the close of the last clone a reset.
    pub(super) fn reset_when_closed(&self) {
        // A linger of zero makes close() send a reset. Best effort: the socket may be gone, and a unix socket has none.
        let _ = self.raw().set_linger(Some(Duration::ZERO));
    }

    fn raw(&self) -> SockRef<'_> {
        match &*self.family {
            Family::Tcp(stream) => SockRef::from(stream),
            Family::Unix(stream) => SockRef::from(stream),
        }
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &*self.family {
            Family::Tcp(stream) => stream.poll_read_ready(cx),
            Family::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Lets the next read wait for more without a try of its own: a read of less than there was room for took all.
    ///
    /// What came since is reported later, by a driver on this thread; another may have done so already.
    fn drained(&self) {
        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = match &*self.family {
            Family::Tcp(stream) => stream.try_io(Interest::READABLE, nothing),
            Family::Unix(stream) => stream.try_io(Interest::READABLE, nothing),
        };
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &*self.family {
            Family::Tcp(stream) => stream.poll_write_ready(cx),
            Family::Unix(stream) => stream.poll_write_ready(cx),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let attempt = |buf: &mut ReadBuf<'_>| match &*self.family {
            Family::Tcp(stream) => stream.try_read_buf(buf),
            Family::Unix(stream) => stream.try_read_buf(buf),
        };
        let room = buf.remaining();
        let read = ready!(retried(cx, |cx| self.poll_read_ready(cx), || attempt(buf)))?;
        if self.is_on_one_thread && 0 < read && read < room {
            self.drained();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = || match &*self.family {
            Family::Tcp(stream) => stream.try_write(buf),
            Family::Unix(stream) => stream.try_write(buf),
        };
        retried(cx, |cx| self.poll_write_ready(cx), attempt)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = || match &*self.family {
            Family::Tcp(stream) => stream.try_write_vectored(bufs),
            Family::Unix(stream) => stream.try_write_vectored(bufs),
        };
        retried(cx, |cx| self.poll_write_ready(cx), attempt)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has what was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.raw().shutdown(Shutdown::Write))
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
