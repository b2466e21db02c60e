//! Workers: threads with a current-thread runtime each, and the connections they own.

use super::connection::Connection;
use super::listen::{Place, Refused};
use super::proxy_protocol::introduced;
use super::pulse::Pulse;
use super::requests::{Begun, Requests};
use super::socket::{Accepted, Socket};
use super::stream::ClientStream;
use super::{http1, http2, tls};
use crate::domain::address::Peer;
use crate::serve::drain::{Drain, Draining, LINGER, Stage};
use crate::serve::shard::Shard;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// The workers of a gate.
#[derive(Debug)]
pub(in crate::serve) struct Crew {
    workers: Vec<Worker>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Worker {
    /// As many connections as the limit lets in wait here at most.
    streams: UnboundedSender<Arrival>,
    open: Arc<AtomicUsize>,
    pulse: Arc<Pulse>,
}

/// A connection on its way to a worker.
#[derive(Debug)]
struct Arrival {
    stream: Accepted,
    peer: Peer,
    place: Place,
    open: OpenCount,
}

/// One of a worker's open connections.
#[derive(Debug)]
struct OpenCount(Arc<AtomicUsize>);

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crew {
    /// Starts one thread per shard. They end when the crew is dropped and their connections are over.
    pub(in crate::serve) fn start(
        shards: &[Arc<Shard>],
        drain: &Drain,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let mut workers = Vec::new();
        let mut threads = Vec::new();
        for (number, shard) in shards.iter().enumerate() {
            let (streams, arrivals) = unbounded_channel();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (shard, draining) = (Arc::clone(shard), drain.watch());
            let pulse = Arc::new(Pulse::default());
            runtime.spawn(Arc::clone(&pulse).beat());
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            threads.push(thread.spawn(move || runtime.block_on(work(shard, arrivals, draining)))?);
            workers.push(Worker { streams, open: Arc::default(), pulse });
        }
        Ok((Self { workers, next: AtomicUsize::new(0) }, threads))
    }

    /// The worker's signs of life.
    pub(super) fn pulses(&self) -> Vec<Arc<Pulse>> {
        self.workers.iter().map(|worker| Arc::clone(&worker.pulse)).collect()
    }

    /// Gives a connection to the worker with the fewest.
    pub(super) fn hand_over(&self, stream: Accepted, peer: Peer, place: Place) {
        // Ties go round, so that short connections are spread, too.
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len().max(1);
        let in_turn = self.workers.iter().skip(first).chain(self.workers.iter().take(first));
        let Some(worker) = in_turn.min_by_key(|worker| worker.open.load(Ordering::Relaxed)) else { return };
        worker.open.fetch_add(1, Ordering::Relaxed);
        let open = OpenCount(Arc::clone(&worker.open));
        if worker.streams.send(Arrival { stream, peer, place, open }).is_err() {
            tracing::error!("a worker has died; its connections are lost");
        }
    }
}

/// Serves what arrives, until nothing can arrive and every connection is over or the grace is.
async fn work(shard: Arc<Shard>, mut arrivals: UnboundedReceiver<Arrival>, mut draining: Draining) {
    let mut connections = JoinSet::new();
    let arriving = async {
        while let Some(arrival) = arrivals.recv().await {
            while connections.try_join_next().is_some() {}
            connections.spawn(serve(Arc::clone(&shard), arrival, draining.clone()));
        }
    };
    arriving.await;
    let over = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = over => {}
        () = async {
            draining.reached(Stage::Refusing).await;
            tokio::time::sleep(LINGER).await;
        } => {}
    }
}

/// A client, as whatever serves it needs it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) shard: Arc<Shard>,
    pub(super) connection: Arc<Connection>,
    pub(super) socket: Socket,
    pub(super) draining: Draining,
}

impl Client {
    /// Waits until a drain has begun, and as long as a request may have been on its way then.
    pub(super) async fn lingered(&self) {
        self.draining.clone().reached(Stage::Draining).await;
        tokio::time::sleep(LINGER).await;
    }
}

/// Serves one connection to its end.
async fn serve(shard: Arc<Shard>, arrival: Arrival, draining: Draining) {
    let Arrival { stream, peer, mut place, open: _open } = arrival;
    let Ok(mut socket) = Socket::new(stream) else { return };
    let begun = Instant::now();
    let Some(peer) = introduced(&mut socket, peer, &mut place, &shard.policies).await else { return };
    let (tls, patience) = {
        let snapshot = shard.policies.current();
        let settings = &snapshot.policy.settings;
        (settings.tls.clone(), settings.limits.handshake_timeout.saturating_sub(begun.elapsed()))
    };
    let connection = Connection::new(peer, tls.is_some());
    let client = Client { shard, connection, socket: socket.clone(), draining };
    let Some(tls) = tls else { return converse(socket, None, &client).await };
    // Boxed, so that connections without it have no room for it.
    match Box::pin(tls::accept(socket, &tls, patience)).await {
        Ok(stream) => {
            let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            Box::pin(converse(stream, alpn.as_deref(), &client)).await;
        }
        // No request has come: there is nothing to record.
        Err(error) => {
            // Whoever leaves without a word only looked whether somebody is there.
            if !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) {
                place.refused(Refused::TlsHandshakeFailed);
            }
            tracing::debug!(%peer, %error, "connection closed: TLS handshake failed");
        }
    }
}

/// Serves what a client asks by `stream`, which is its socket or speaks through it; `alpn` is what it wants to speak
/// (RFC 7301), and without that its first bytes tell.
pub(super) async fn converse<S>(stream: S, alpn: Option<&[u8]>, client: &Client)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let requests = {
        let snapshot = client.shard.policies.current();
        let limits = &snapshot.policy.settings.limits;
        let connection = Arc::clone(&client.connection);
        let stream = ClientStream::new(stream, client.socket.clone(), connection, limits.write_timeout);
        Requests::new(stream, alpn.is_none(), limits)
    };
    tokio::select! {
        () = answer(requests, alpn == Some(b"h2"), client) => {}
        // hyper, which has to serve half-closed connections, sees a reset only when it writes. Whoever
        // resets does not wait for an answer: dropping the request frees the backend.
        () = client.socket.was_reset() => {}
    }
}

/// Answers requests until there are no more. What is not needed while there is none is boxed.
async fn answer<S>(mut requests: Requests<S>, is_http2: bool, client: &Client)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if is_http2 || answer_http1(&mut requests, client).await {
        let (stream, unread, deadline) = requests.into_unread();
        Box::pin(http2::serve(stream, unread, deadline, client)).await;
    }
}

/// Answers requests of HTTP/1 until there are no more; whether HTTP/2 came instead.
async fn answer_http1<S>(requests: &mut Requests<S>, client: &Client) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut lingered = pin!(client.lingered());
    loop {
        let begun = tokio::select! {
            biased;
            begun = requests.begun() => begun,
            () = lingered.as_mut() => return false,
        };
        match begun {
            Ok(Begun::Http1) => {
                if !Box::pin(http1::serve(requests, client, lingered.as_mut())).await {
                    return false;
                }
            }
            Ok(Begun::Http2) => return true,
            Ok(Begun::Over) | Err(_) => return false,
        }
    }
}
