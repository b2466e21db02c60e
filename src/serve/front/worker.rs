//! Workers: threads with a current-thread runtime each, and the connections they own.

use super::connection::{Connection, TimedStream};
use super::listen::Place;
use super::socket::{Accepted, Socket};
use super::tls;
use crate::domain::address::Peer;
use crate::domain::code::Code;
use crate::policy::Limits;
use crate::serve::body::Body;
use crate::serve::drain::{Drain, Draining, LINGER, Stage};
use crate::serve::handle::handle;
use crate::serve::record::Record;
use crate::serve::shard::Shard;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// How many headers hyper reads without an allocation.
const DEFAULT_MAX_HEADERS: usize = 100;

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
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            threads.push(thread.spawn(move || runtime.block_on(work(shard, arrivals, draining)))?);
            workers.push(Worker { streams, open: Arc::default() });
        }
        Ok((Self { workers, next: AtomicUsize::new(0) }, threads))
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

/// Serves one connection to its end.
async fn serve(shard: Arc<Shard>, arrival: Arrival, draining: Draining) {
    let Arrival { stream, peer, place: _place, open: _open } = arrival;
    let Ok(socket) = Socket::new(stream) else { return };
    let (tls, patience) = {
        let snapshot = shard.policies.current();
        let settings = &snapshot.policy.settings;
        (settings.tls.clone(), settings.limits.handshake_timeout)
    };
    let connection = Connection::new(peer, tls.is_some());
    let Some(tls) = tls else {
        return serve_http(&shard, &connection, socket.clone(), &socket, draining).await;
    };
    match tls::accept(socket.clone(), &tls, patience).await {
        Ok(stream) => serve_http(&shard, &connection, stream, &socket, draining).await,
        // No request has come: there is nothing to record.
        Err(error) => tracing::debug!(%peer, %error, "TLS handshake failed"),
    }
}

/// Serves HTTP on a connection, whatever carries it.
async fn serve_http<S: AsyncRead + AsyncWrite + Unpin>(
    shard: &Arc<Shard>,
    connection: &Arc<Connection>,
    stream: S,
    socket: &Socket,
    draining: Draining,
) {
    let builder;
    let timed = {
        let snapshot = shard.policies.current();
        let settings = &snapshot.policy.settings;
        builder = http(&settings.limits);
        TimedStream::new(stream, socket.clone(), Arc::clone(connection), &settings.limits)
    };
    let service = service_fn(|request| answer(shard, connection, request, &draining));
    let mut http = pin!(builder.serve_connection(TokioIo::new(timed), service));
    let lingered = async {
        draining.clone().reached(Stage::Draining).await;
        tokio::time::sleep(LINGER).await;
    };
    let served = async {
        tokio::select! {
            ended = http.as_mut() => return ended,
            () = lingered => http.as_mut().graceful_shutdown(),
        }
        http.await
    };
    tokio::select! {
        ended = served => if let Err(error) = ended {
            record_refusal(shard, connection, &error);
        },
        // hyper, which has to serve half-closed connections, sees a reset only when it writes. Whoever
        // resets does not wait for an answer: dropping the request frees the backend.
        () = socket.was_reset() => {}
    }
}

/// Answers one request of a connection, and closes that from the start of a drain.
async fn answer(
    shard: &Arc<Shard>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
    draining: &Draining,
) -> Result<Response<Body>, Infallible> {
    let mut response = handle(shard, connection, request).await;
    if draining.stage() >= Stage::Draining {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// hyper's side of the limits; those that have an answer of ours are checked by `decide` before they are reached here.
fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.half_close(true).header_read_timeout(None).max_header_size(2 * limits.header_bytes);
    if limits.headers >= DEFAULT_MAX_HEADERS {
        http.max_headers(limits.headers + 1);
    }
    http
}

/// Records a request that hyper refused before it could be decided.
fn record_refusal(shard: &Arc<Shard>, connection: &Arc<Connection>, error: &hyper::Error) {
    let code = if connection.refusal().is_some() {
        // It was answered.
        return;
    } else if error.is_parse_too_large() {
        Code::HeadersTooLarge
    } else if error.is_parse() {
        Code::RequestMalformed
    } else {
        // A connection that ends between requests is none.
        return;
    };
    Record::begin(shard, connection, &shard.policies.current(), None).refused(code);
}
