//! HTTP/1 with a client, by hyper: one request after the other, as long as they come.

use super::requests::Requests;
use super::worker::Client;
use crate::domain::code::Code;
use crate::policy::Limits;
use crate::serve::body::Body;
use crate::serve::drain::Stage;
use crate::serve::handle::handle;
use crate::serve::record::Record;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// How many headers hyper reads without an allocation.
const DEFAULT_MAX_HEADERS: usize = 100;

/// Answers the requests of a connection until it is idle for a moment, or over; whether it goes on. After `lingered`
/// it is to end.
pub(super) async fn serve<S>(
    requests: &mut Requests<S>,
    client: &Client,
    lingered: Pin<&mut impl Future<Output = ()>>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(client, request));
    let builder = builder(&client.shard.policies.current().policy.settings.limits);
    let mut http = Box::pin(builder.serve_connection(TokioIo::new(&mut *requests), service));
    let (ended, is_last) = tokio::select! {
        ended = http.as_mut() => (ended, false),
        () = lingered => {
            http.as_mut().graceful_shutdown();
            (http.as_mut().await, true)
        }
    };
    drop(http);
    if let Err(error) = ended {
        record_refusal(client, &error);
        return false;
    }
    !is_last && requests.is_parked()
}

/// hyper's side of the limits; those that have an answer of ours are checked by `decide` before they are reached here.
fn builder(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.half_close(true).header_read_timeout(None).max_header_size(2 * limits.header_bytes);
    if limits.headers >= DEFAULT_MAX_HEADERS {
        http.max_headers(limits.headers + 1);
    }
    http
}

/// Answers one request of a connection, and closes that from the start of a drain.
async fn answer(client: &Client, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = handle(&client.shard, &client.connection, request).await;
    if client.draining.stage() >= Stage::Draining {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Records a request that hyper refused before it could be decided.
fn record_refusal(client: &Client, error: &hyper::Error) {
    let code = if client.connection.refusal().is_some() {
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
    Record::begin(&client.shard, &client.connection, &client.shard.policies.current(), None).refused(code);
}
