//! What may go wrong towards a backend, and what a client is told of it.

use crate::domain::code::Code;
use crate::filter::FilterError;
use http::StatusCode;
use std::fmt;

/// Why a backend gave no answer that may be passed on.
#[derive(Debug)]
pub(crate) enum BackendError {
    /// No connection: refused, reset, unknown host.
    Connect(std::io::Error),
    /// No connection within `connect_timeout`.
    ConnectTimeout,
    /// No turn within `queue_timeout`, or too many wait for theirs.
    Overloaded,
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
            Self::Overloaded => Code::Overloaded,
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
            Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Overloaded
            | Self::Lost(_)
            | Self::Truncated(_) => "try again later",
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
            | Self::Overloaded
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
            Self::Overloaded => f.write_str("too many requests wait for the backend"),
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
            Self::ConnectTimeout | Self::Overloaded | Self::Timeout | Self::Status(..) | Self::Filter(_) => {
                None
            }
        }
    }
}
