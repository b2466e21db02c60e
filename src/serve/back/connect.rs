//! Opening connections to backends: the transport, what is spoken on it, and how many there are.

use super::error::BackendError;
use crate::policy::{Backend, Endpoint};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

/// The sending half of a connection that takes one request at a time.
pub(super) type Http1 = http1::SendRequest<Full<Bytes>>;

/// The sending half of a connection that takes many.
pub(super) type Http2 = http2::SendRequest<Full<Bytes>>;

/// How many requests share a connection at most; further ones open another.
const MOST_STREAMS: usize = 100;

/// How much of an answer is taken in before somebody reads it.
const STREAM_WINDOW: u32 = 64 << 10;

/// Likewise for all answers of a connection: none that nobody reads keeps others waiting.
const CONNECTION_WINDOW: u32 = 100 * STREAM_WINDOW;

/// How large the head of an HTTP/2 answer may be.
const MAX_HEAD: u32 = 64 << 10;

/// How often somebody who waits for room looks for idle connections.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How often an HTTP/2 connection is asked for a sign of life, and how long that may take.
const PING: Duration = Duration::from_secs(10);

/// A connection that has just been opened.
#[derive(Debug)]
pub(super) enum Opened {
    One(Http1),
    /// And how many requests the backend takes on it.
    Many(Http2, Arc<AtomicUsize>),
}

/// The connections to a backend, over all workers.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: AtomicUsize,
    /// How many wait until there is room.
    wanted: AtomicUsize,
    closed: Notify,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Open(Arc<Connections>);

/// Somebody who waits for room, until it is dropped.
struct Wanted<'a>(&'a Connections);

impl Connections {
    /// Room for one more among `most`. While there is none, `close_idle` is asked to close one.
    pub(super) async fn room(self: &Arc<Self>, most: usize, mut close_idle: impl FnMut()) -> Open {
        if let Some(open) = self.try_room(most) {
            return open;
        }
        // Told before it is looked for idle ones: none is put aside from now on.
        self.wanted.fetch_add(1, Ordering::SeqCst);
        let _wanted = Wanted(self);
        loop {
            let mut closed = pin!(self.closed.notified());
            // From here on no close is missed.
            closed.as_mut().enable();
            if let Some(open) = self.try_room(most) {
                return open;
            }
            close_idle();
            // One that is shared may become idle without a word.
            let _ = tokio::time::timeout(LOOK_AGAIN, closed).await;
        }
    }

    /// Room for one more among `most`, if there is some.
    pub(super) fn try_room(self: &Arc<Self>, most: usize) -> Option<Open> {
        let more = |open: usize| (open < most).then_some(open + 1);
        let counted = self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        counted.is_ok().then(|| Open(Arc::clone(self)))
    }

    /// Whether somebody waits for room, so that no connection is kept for later.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.closed.notify_one();
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.wanted.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Opens a connection to a host of `backend` and begins to speak on it. It counts until its socket is closed.
pub(super) async fn open(
    backend: &Backend,
    endpoint: &Endpoint,
    counted: Option<Open>,
) -> Result<Opened, BackendError> {
    let opening = async {
        let transport = connect(backend, endpoint).await.map_err(BackendError::Connect)?;
        let io = TokioIo::new(Counted { transport, _counted: counted });
        if backend.http2 { many(io).await } else { one(io).await }.map_err(BackendError::Lost)
    };
    tokio::time::timeout(backend.connect_timeout, opening).await.map_err(|_| BackendError::ConnectTimeout)?
}

/// Connects to a host.
async fn connect(backend: &Backend, endpoint: &Endpoint) -> io::Result<Box<dyn Transport>> {
    let stream = TcpStream::connect((&*endpoint.host, endpoint.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &backend.tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(endpoint.host.to_string()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(&tls.config)).connect(name, stream).await?;
    if backend.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other("the backend does not speak HTTP/2"));
    }
    Ok(Box::new(stream))
}

async fn one(io: TokioIo<Counted>) -> hyper::Result<Opened> {
    let (sender, connection) = http1::handshake(io).await?;
    tokio::spawn(async move { ended(connection.await) });
    Ok(Opened::One(sender))
}

async fn many(io: TokioIo<Counted>) -> hyper::Result<Opened> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
    http2.keep_alive_while_idle(true).max_header_list_size(MAX_HEAD);
    http2.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, mut connection) = http2.handshake(io).await?;
    let most = Arc::new(AtomicUsize::new(MOST_STREAMS));
    let known = Arc::clone(&most);
    tokio::spawn(async move {
        let over = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            if polled.is_pending() {
                // As the backend says by now.
                most.store(connection.current_max_send_streams().min(MOST_STREAMS), Ordering::Relaxed);
            }
            polled
        });
        ended(over.await);
    });
    Ok(Opened::Many(sender, known))
}

fn ended(how: hyper::Result<()>) {
    if let Err(error) = how {
        // Whoever waits for an answer is told; an idle connection may end as it likes.
        tracing::debug!(%error, "connection to the backend ended");
    }
}

/// What carries the bytes.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A transport that counts as a connection until it is closed, whoever still holds a half of what is spoken on it.
struct Counted {
    transport: Box<dyn Transport>,
    _counted: Option<Open>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
