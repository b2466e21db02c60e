//! The one way to a backend: a [`BackendRequest`] goes out, the head of an answer comes back.
//!
//! A request waits for its turn, and keeps it until its answer was read or is dropped.
//! Each wait has its timeout. A request is sent a second time only when nothing of it
//! was sent, or when it may be done twice (GET, HEAD) and a reused connection ended before
//! a byte of the answer.

use super::error::BackendError;
use super::pool::{Pool, Sender};
use super::state::{Backends, State, limits};
use super::turns::Place;
use crate::policy::Backend;
use crate::rewrite::BackendRequest;
use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::net::TcpStream;

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
    turn: Turn,
}

/// The right to send one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: Place,
}

impl Lease {
    /// The backend at the other end.
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The answer was read to its end: the connection may be used again.
    pub(crate) fn release(self) {
        let Self { backend, pool, sender, turn } = self;
        pool.put(&backend, sender);
        // Whose turn comes now finds the connection.
        drop(turn);
    }
}

/// Sends requests and keeps connections.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pool: Arc<Pool>,
    backends: Arc<Backends>,
    /// Looked up once per snapshot.
    states: Mutex<Vec<(Weak<Backend>, Arc<State>)>>,
}

impl Client {
    /// A client that knows of backends what `backends` does.
    pub(crate) fn new(backends: Arc<Backends>) -> Self {
        Self { backends, ..Self::default() }
    }

    /// Waits until `request` may be sent.
    pub(crate) async fn turn(&self, request: &BackendRequest) -> Result<Turn, BackendError> {
        let backend = request.backend();
        let turns = &self.state(backend).turns;
        let place = turns.take(request.principal(), limits(backend), backend.queue_timeout).await;
        Ok(Turn { _place: place.ok_or(BackendError::Overloaded)? })
    }

    /// Sends `request` and waits for the head of the answer.
    pub(crate) async fn send(&self, request: &BackendRequest, turn: Turn) -> Result<Answered, BackendError> {
        let backend = request.backend();
        let mut message = message(request)?;
        if let Some(sender) = self.pool.take(backend) {
            match exchange(sender, message, backend).await {
                Ok((response, sender)) => return Ok(self.answered(response, backend, sender, turn)),
                Err(Failed { unsent: Some(unsent), .. }) => message = unsent,
                Err(Failed { error: BackendError::Lost(_), .. }) if repeatable(request.method()) => {
                    message = self::message(request)?;
                }
                Err(Failed { error, .. }) => return Err(error),
            }
        }
        let sender = connect(backend).await?;
        let (response, sender) = exchange(sender, message, backend).await.map_err(|failed| failed.error)?;
        Ok(self.answered(response, backend, sender, turn))
    }

    fn answered(
        &self,
        response: Response<Incoming>,
        backend: &Arc<Backend>,
        sender: Sender,
        turn: Turn,
    ) -> Answered {
        let (backend, pool) = (Arc::clone(backend), Arc::clone(&self.pool));
        Answered { response, lease: Lease { backend, pool, sender, turn } }
    }

    /// What is known of `backend`.
    fn state(&self, backend: &Arc<Backend>) -> Arc<State> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.iter().find(|(own, _)| std::ptr::eq(own.as_ptr(), Arc::as_ptr(backend)));
        if let Some((_, state)) = known {
            return Arc::clone(state);
        }
        let state = self.backends.state(&backend.name);
        states.retain(|(own, _)| own.strong_count() > 0);
        states.push((Arc::downgrade(backend), Arc::clone(&state)));
        state
    }
}

async fn exchange(
    mut sender: Sender,
    message: Request<Full<Bytes>>,
    backend: &Backend,
) -> Result<(Response<Incoming>, Sender), Failed> {
    if let Err(error) = sender.ready().await {
        return Err(Failed { error: BackendError::Lost(error), unsent: Some(message) });
    }
    match tokio::time::timeout(backend.timeout, sender.try_send_request(message)).await {
        Ok(Ok(response)) => Ok((response, sender)),
        Ok(Err(mut failed)) => {
            let unsent = failed.take_message();
            let error = failed.into_error();
            let unreadable = error.is_parse() || error.is_parse_too_large();
            let error = if unreadable { BackendError::Head(error) } else { BackendError::Lost(error) };
            Err(Failed { error, unsent })
        }
        Err(_) => Err(Failed { error: BackendError::Timeout, unsent: None }),
    }
}

/// An exchange without an answer; with the request when nothing of it was sent.
struct Failed {
    error: BackendError,
    unsent: Option<Request<Full<Bytes>>>,
}

/// Whether a request may be done twice (RFC 9110 section 9.2.2).
fn repeatable(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn message(request: &BackendRequest) -> Result<Request<Full<Bytes>>, BackendError> {
    let target = Uri::try_from(request.path_and_query()).map_err(|e| BackendError::Request(e.into()))?;
    let mut message = Request::new(Full::new(request.body().clone()));
    *message.method_mut() = request.method().clone();
    *message.uri_mut() = target;
    *message.headers_mut() = request.headers().clone();
    Ok(message)
}

async fn connect(backend: &Backend) -> Result<Sender, BackendError> {
    let opening = async {
        let stream = TcpStream::connect((&*backend.endpoint.host, backend.endpoint.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let stream = tokio::time::timeout(backend.connect_timeout, opening)
        .await
        .map_err(|_| BackendError::ConnectTimeout)?
        .map_err(BackendError::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(BackendError::Lost)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever waits for an answer is told; an idle connection may end as it likes.
            tracing::debug!(%error, "connection to the backend ended");
        }
    });
    Ok(sender)
}
