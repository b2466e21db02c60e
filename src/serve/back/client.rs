//! The one way to a backend: a [`BackendRequest`] goes out, the head of an answer comes back.
//!
//! Each wait has its timeout. A request is sent a second time only when nothing of it
//! was sent, or when it may be done twice (GET, HEAD) and a reused connection ended before
//! a byte of the answer.

use super::pool::{Pool, Sender};
use crate::domain::code::Code;
use crate::filter::FilterError;
use crate::policy::Backend;
use crate::rewrite::BackendRequest;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Why a backend gave no answer that may be passed on.
#[derive(Debug)]
pub(crate) enum BackendError {
    /// No connection: refused, reset, unknown host.
    Connect(std::io::Error),
    /// No connection within `connect_timeout`.
    ConnectTimeout,
    /// A request that is no HTTP; a fault of the gate.
    Request(http::Error),
    /// The connection ended before the head of the answer.
    Lost(hyper::Error),
    /// The head of the answer cannot be read.
    Head(hyper::Error),
    /// The head or a piece of the body did not come in time.
    Timeout,
    /// The connection, or its framing, broke within the body.
    Truncated(hyper::Error),
    /// A status that is no success: what it means, and the backend's own.
    Status(Code, StatusCode),
    /// The body cannot be passed on.
    Filter(FilterError),
}

impl BackendError {
    /// The code of the answer.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Connect(_) | Self::ConnectTimeout => Code::BackendUnreachable,
            Self::Request(_) => Code::Internal,
            Self::Lost(_) => Code::BackendFailed,
            Self::Timeout => Code::BackendTimeout,
            Self::Status(code, _) => *code,
            Self::Filter(FilterError::Refused) => Code::BackendRefused,
            Self::Head(_) | Self::Truncated(_) | Self::Filter(FilterError::Invalid(..)) => {
                Code::BackendResponseInvalid
            }
        }
    }

    /// The status of the answer. A client whose parameters were rejected gets the backend's own.
    pub(crate) fn status(&self) -> StatusCode {
        if let Self::Status(Code::BackendRejected, status) = self {
            return *status;
        }
        StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// What the client can do about it; nothing of the backend's own.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Status(Code::BackendRejected, _) => "the backend does not accept these parameters",
            Self::Timeout => "ask for a shorter period, or try again later",
            Self::Connect(_) | Self::ConnectTimeout | Self::Lost(_) | Self::Truncated(_) => "try again later",
            Self::Request(_) | Self::Head(_) | Self::Status(..) | Self::Filter(_) => {
                "the request was in order; the operator can find the cause by the request id"
            }
        }
    }

    /// How the backend broke its dialect, as `response_violations_total` calls it.
    pub(crate) fn violation(&self) -> Option<&'static str> {
        match self {
            Self::Head(_) => Some("head"),
            Self::Status(Code::BackendResponseInvalid, _) => Some("status"),
            Self::Truncated(_) => Some("truncated"),
            Self::Filter(FilterError::Invalid(kind, _)) => Some(kind.as_str()),
            Self::Filter(FilterError::Refused)
            | Self::Status(..)
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Request(_)
            | Self::Lost(_)
            | Self::Timeout => None,
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("no connection to the backend"),
            Self::ConnectTimeout => f.write_str("no connection to the backend within connect_timeout"),
            Self::Request(_) => f.write_str("the request cannot be written"),
            Self::Lost(_) => f.write_str("the backend closed the connection before its answer"),
            Self::Head(_) => f.write_str("the head of the backend's answer cannot be read"),
            Self::Timeout => f.write_str("the backend did not answer in time"),
            Self::Truncated(_) => f.write_str("the backend's answer broke off"),
            Self::Status(_, status) => write!(f, "the backend answered {}", status.as_u16()),
            Self::Filter(error) => write!(f, "the backend's answer: {error}"),
        }
    }
}

impl std::error::Error for BackendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Lost(error) | Self::Head(error) | Self::Truncated(error) => Some(error),
            Self::ConnectTimeout | Self::Timeout | Self::Status(..) | Self::Filter(_) => None,
        }
    }
}

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
}

impl Lease {
    /// The backend at the other end.
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The answer was read to its end: the connection may be used again.
    pub(crate) fn release(self) {
        self.pool.put(&self.backend, self.sender);
    }
}

/// Sends requests and keeps connections.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pool: Arc<Pool>,
}

impl Client {
    /// Sends `request` and waits for the head of the answer.
    pub(crate) async fn send(&self, request: &BackendRequest) -> Result<Answered, BackendError> {
        let backend = request.backend();
        let mut message = message(request)?;
        if let Some(sender) = self.pool.take(backend) {
            match self.exchange(sender, message, backend).await {
                Ok(answered) => return Ok(answered),
                Err(Failed { unsent: Some(unsent), .. }) => message = unsent,
                Err(Failed { error: BackendError::Lost(_), .. }) if repeatable(request.method()) => {
                    message = self::message(request)?;
                }
                Err(Failed { error, .. }) => return Err(error),
            }
        }
        let sender = connect(backend).await?;
        self.exchange(sender, message, backend).await.map_err(|failed| failed.error)
    }

    async fn exchange(
        &self,
        mut sender: Sender,
        message: Request<Full<Bytes>>,
        backend: &Arc<Backend>,
    ) -> Result<Answered, Failed> {
        if let Err(error) = sender.ready().await {
            return Err(Failed { error: BackendError::Lost(error), unsent: Some(message) });
        }
        match tokio::time::timeout(backend.timeout, sender.try_send_request(message)).await {
            Ok(Ok(response)) => {
                let lease = Lease { backend: Arc::clone(backend), pool: Arc::clone(&self.pool), sender };
                Ok(Answered { response, lease })
            }
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
