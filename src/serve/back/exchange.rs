//! One request on one connection, and what a failure says about asking again.

use super::connect::Opened;
use super::error::BackendError;
use super::pool::Sender;
use crate::policy::{Backend, Endpoint};
use crate::rewrite::BackendRequest;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use std::error::Error;
use std::time::Duration;

/// A message to a backend.
pub(super) type Message = Request<Full<Bytes>>;

/// An exchange without an answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: BackendError,
    /// Whether the backend did nothing of what was asked: it may be asked again, whatever it was.
    pub(super) is_untouched: bool,
    /// Whether the connection can take further requests.
    pub(super) is_usable: bool,
}

impl Failed {
    /// Nothing was sent.
    pub(super) fn unsent(error: BackendError) -> Self {
        Self { error, is_untouched: true, is_usable: false }
    }

    /// It cannot be sent at all.
    pub(super) fn fault(error: BackendError) -> Self {
        Self { error, is_untouched: false, is_usable: true }
    }

    fn new(mut failed: TrySendError<Message>) -> Self {
        let unsent = failed.take_message().is_some();
        let error = failed.into_error();
        let http2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        // RFC 9113 sections 6.8 and 8.7: what a GOAWAY leaves out and what is refused was not processed.
        let refused = http2.is_some_and(|error| {
            error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
        });
        let is_usable = http2.is_some_and(h2::Error::is_reset);
        let is_unreadable = error.is_parse() || error.is_parse_too_large();
        let error = if is_unreadable { BackendError::Head(error) } else { BackendError::Lost(error) };
        Self { error, is_untouched: unsent || refused, is_usable }
    }
}

/// Sends `message` and waits for the head of the answer.
pub(super) async fn exchange(
    sender: &mut Sender,
    message: Message,
    patience: Duration,
) -> Result<Response<Incoming>, Failed> {
    let exchange = async {
        let lost = |error| Failed::unsent(BackendError::Lost(error));
        match sender {
            Sender::One(sender) => {
                sender.ready().await.map_err(lost)?;
                sender.try_send_request(message).await
            }
            Sender::Many(sender, _) => {
                sender.ready().await.map_err(lost)?;
                sender.try_send_request(message).await
            }
        }
        .map_err(Failed::new)
    };
    let late = |_| Failed { error: BackendError::Timeout, is_untouched: false, is_usable: true };
    tokio::time::timeout(patience, exchange).await.map_err(late)?
}

/// Sends `message` on a connection that nobody else will use.
pub(super) async fn ask_once(opened: Opened, message: Message) -> hyper::Result<Response<Incoming>> {
    match opened {
        Opened::One(mut sender) => sender.send_request(message).await,
        Opened::Many(mut sender, _) => sender.send_request(message).await,
    }
}

/// The message of `request` to one of its backend's hosts.
pub(super) fn message(request: &BackendRequest, endpoint: &Endpoint) -> Result<Message, BackendError> {
    let mut headers = request.headers().clone();
    headers.insert(HOST, endpoint.authority.clone());
    let body = Full::new(request.body().clone());
    build(request.backend(), endpoint, request.method(), request.path_and_query(), headers, body)
        .map_err(BackendError::Request)
}

/// A message in the form of the backend's protocol; `headers` hold a `Host`.
pub(super) fn build(
    backend: &Backend,
    endpoint: &Endpoint,
    method: &Method,
    path_and_query: &str,
    mut headers: HeaderMap,
    body: Full<Bytes>,
) -> Result<Message, http::Error> {
    let mut message = Request::new(body);
    let target = PathAndQuery::try_from(path_and_query)?;
    *message.uri_mut() = if backend.http2 {
        // RFC 9113 section 8.3.1: what HTTP/1.1 says in `Host` stands in the target.
        headers.remove(HOST);
        *message.version_mut() = Version::HTTP_2;
        let scheme = if backend.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let authority = Authority::try_from(endpoint.authority.as_bytes())?;
        Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build()?
    } else {
        Uri::from(target)
    };
    *message.method_mut() = method.clone();
    *message.headers_mut() = headers;
    Ok(message)
}
