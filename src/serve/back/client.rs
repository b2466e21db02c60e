//! The one way to a backend: a [`BackendRequest`] goes out, the head of an answer comes back.
//!
//! A request waits for its turn, and keeps it until its answer was read or is dropped.
//! Each wait has its timeout. A request is sent a second time only when nothing of it
//! was sent or done, or when it may be done twice (GET, HEAD) and a reused connection ended before
//! a byte of the answer.

use super::connect::{self, Opened};
use super::error::BackendError;
use super::exchange::{Failed, exchange, message};
use super::host::{Asked, Host, ask_one};
use super::pool::{Pool, Sender};
use super::state::{Backends, Target, limits};
use super::turns::Place;
use crate::policy::{Backend, Endpoint};
use crate::rewrite::BackendRequest;
use http::{Method, Response};
use hyper::body::Incoming;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The head of an answer, its body to come, and the connection it comes by.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// A connection in use; goes back to the pool only through [`Lease::release`].
#[derive(Debug)]
pub(crate) struct Lease {
    backend: Arc<Backend>,
    pool: Arc<Pool>,
    sender: Sender,
    asked: Asked,
    turn: Turn,
}

/// The right to send one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    target: Arc<Target>,
    _place: Place,
}

impl Lease {
    /// The backend at the other end.
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Whether the end of every answer is told from a broken connection, whatever its head says.
    pub(crate) fn frames_all(&self) -> bool {
        matches!(self.sender, Sender::Many(..))
    }

    /// The answer was read to its end: the connection may be used again.
    pub(crate) fn release(self) {
        let Self { backend, pool, sender, asked, turn } = self;
        if let Sender::One(sender) = sender {
            pool.put(asked.host(), sender, backend.idle_timeout, &turn.target.state.connections);
        }
        // Whose turn comes now finds the connection.
        drop(turn);
    }
}

/// Sends requests and keeps connections.
#[derive(Debug)]
pub(crate) struct Client {
    pool: Arc<Pool>,
    backends: Arc<Backends>,
    /// Looked up once per snapshot.
    targets: Mutex<Vec<(Weak<Backend>, Arc<Target>)>>,
}

impl Client {
    /// A client that knows of backends what `backends` does.
    pub(crate) fn new(backends: Arc<Backends>) -> Self {
        let pool = Arc::default();
        backends.add_pool(&pool);
        Self { pool, backends, targets: Mutex::default() }
    }

    /// What is known of backends.
    pub(crate) fn backends(&self) -> &Arc<Backends> {
        &self.backends
    }

    /// Waits until `request` may be sent.
    pub(crate) async fn turn(&self, request: &BackendRequest) -> Result<Turn, BackendError> {
        let backend = request.backend();
        let target = self.target(backend);
        let turns = &target.state.turns;
        let place = turns.take(request.principal(), limits(backend), backend.queue_timeout).await;
        let place = place.ok_or(BackendError::Overloaded)?;
        Ok(Turn { target, _place: place })
    }

    /// Sends `request` to one of its backend's hosts and waits for the head of the answer. A host that did nothing of it
    /// is no reason to fail: the others are asked, each once, and within twice the time to connect.
    pub(crate) async fn send(&self, request: &BackendRequest, turn: Turn) -> Result<Answered, BackendError> {
        let backend = request.backend();
        let target = &turn.target;
        let first = target.state.next.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + backend.connect_timeout.saturating_mul(2);
        let mut tried = Vec::new();
        loop {
            let now = Instant::now();
            let Some((at, asked)) = ask_one(&target.hosts, &tried, first, now) else {
                return Err(BackendError::ConnectTimeout);
            };
            let endpoint = backend.endpoints().nth(at).unwrap_or(&backend.endpoint);
            match self.ask(request, target, asked.host(), endpoint).await {
                Ok((response, sender)) => {
                    let (backend, pool) = (Arc::clone(backend), Arc::clone(&self.pool));
                    return Ok(Answered { response, lease: Lease { backend, pool, sender, asked, turn } });
                }
                Err(Failed { error, is_untouched, .. }) => {
                    tried.push(at);
                    let goes_on = is_untouched && tried.len() < target.hosts.len();
                    if !goes_on || Instant::now() >= deadline {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Asks one host, twice where nothing can be done twice by that.
    async fn ask(
        &self,
        request: &BackendRequest,
        target: &Target,
        host: &Arc<Host>,
        endpoint: &Endpoint,
    ) -> Result<(Response<Incoming>, Sender), Failed> {
        let backend = request.backend();
        let mut again = false;
        loop {
            let message = message(request, endpoint).map_err(Failed::fault)?;
            let kept = if again && !backend.http2 { None } else { self.pool.take(host) };
            let reused = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connection(backend, target, host, endpoint).await.map_err(Failed::unsent)?,
            };
            let failed = match exchange(&mut sender, message, backend.timeout).await {
                Ok(response) => {
                    host.note(|standing| standing.answered());
                    return Ok((response, sender));
                }
                Err(failed) => failed,
            };
            if !failed.is_usable {
                self.pool.forget(host, &sender);
            }
            let is_lost = matches!(failed.error, BackendError::Lost(_));
            let may_be_repeated = is_lost && reused && repeatable(request.method());
            if again || !(failed.is_untouched || may_be_repeated) {
                if is_lost {
                    host.note(|standing| standing.failed(Instant::now()));
                }
                return Err(failed);
            }
            again = true;
        }
    }

    /// A connection to `host`: a new one, or one that others use and that was opened meanwhile.
    async fn connection(
        &self,
        backend: &Backend,
        target: &Target,
        host: &Arc<Host>,
        endpoint: &Endpoint,
    ) -> Result<Sender, BackendError> {
        if !backend.http2 {
            return self.open(backend, target, host, endpoint).await;
        }
        let alone = tokio::time::timeout(backend.connect_timeout, host.opening()).await;
        let _alone = alone.map_err(|_| BackendError::ConnectTimeout)?;
        match self.pool.take(host) {
            Some(sender) => Ok(sender),
            None => self.open(backend, target, host, endpoint).await,
        }
    }

    /// Opens a connection, where there is room for one.
    async fn open(
        &self,
        backend: &Backend,
        target: &Target,
        host: &Arc<Host>,
        endpoint: &Endpoint,
    ) -> Result<Sender, BackendError> {
        let state = &target.state;
        let room = match state.connections.try_room(backend.max_connections) {
            Some(room) => room,
            None => {
                let shared = self.pool.squeeze_in(host).or_else(|| self.backends.squeeze_in(host));
                if let Some(shared) = shared {
                    return Ok(shared);
                }
                let room =
                    state.connections.room(backend.max_connections, || self.backends.close_idle(state));
                let room = tokio::time::timeout(backend.connect_timeout, room).await;
                room.map_err(|_| BackendError::Overloaded)?
            }
        };
        match connect::open(backend, endpoint, Some(room)).await {
            Ok(Opened::One(sender)) => Ok(Sender::One(sender)),
            Ok(Opened::Many(sender, most)) => Ok(self.pool.share(host, sender, most, backend.idle_timeout)),
            Err(error) => {
                host.note(|standing| standing.failed(Instant::now()));
                Err(error)
            }
        }
    }

    /// What is known of `backend`.
    fn target(&self, backend: &Arc<Backend>) -> Arc<Target> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = targets.iter().find(|(own, _)| std::ptr::eq(own.as_ptr(), Arc::as_ptr(backend)));
        if let Some((_, target)) = known {
            return Arc::clone(target);
        }
        let target = Arc::new(self.backends.target(backend));
        targets.retain(|(own, _)| own.strong_count() > 0);
        targets.push((Arc::downgrade(backend), Arc::clone(&target)));
        target
    }
}

/// Whether a request may be done twice (RFC 9110 section 9.2.2).
fn repeatable(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}
