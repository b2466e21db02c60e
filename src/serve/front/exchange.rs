//! One request of HTTP/2 and its answer, which is handed over as far as the client's window reaches.

use super::connection::Connection;
use crate::clock;
use crate::domain::time::Timestamp;
use crate::serve::body::Body;
use crate::serve::handle::handle;
use crate::serve::shard::Shard;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, EXPECT, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much of the windows an answer claims at one time, so that others get theirs.
const CLAIM: usize = 16 << 10;

/// What an answer of HTTP/2 may not have (RFC 9113 section 8.2.2).
const OF_CONNECTIONS: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The form of dates in headers (RFC 9110 section 5.6.7).
const IMF_FIXDATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was answered as far as there is an answer, or its client was too slow.
    Answered,
    /// The client, or the end of its connection, ended it before.
    GivenUp,
}

/// What a request is answered with.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) shard: Arc<Shard>,
    pub(super) connection: Arc<Connection>,
    pub(super) write_timeout: Duration,
}

/// Keeps the connection open for as long as a stream is.
struct Open<'c>(&'c Connection);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Exchange {
    /// Answers one request.
    pub(super) async fn run(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Ending {
        self.connection.begin();
        let _open = Open(&self.connection);
        match self.response(request, &mut respond).await {
            Some(response) => self.send(response, &mut respond).await,
            None => Ending::GivenUp,
        }
    }

    /// The answer; `None` when the client gave the request up.
    async fn response(
        &self,
        request: Request<RecvStream>,
        respond: &mut SendResponse<Bytes>,
    ) -> Option<Response<Body>> {
        let (head, stream) = request.into_parts();
        let waits = head.headers.contains_key(EXPECT) && !stream.is_end_stream();
        let mut asked = waits.then(Arc::<AtomicBool>::default);
        let request = Request::from_parts(head, Upload { stream, asked: asked.clone() });
        // Boxed, so that an answer under way does not take its room.
        let mut handling = Box::pin(handle(&self.shard, &self.connection, request));
        poll_fn(|cx| {
            if let Poll::Ready(response) = handling.as_mut().poll(cx) {
                return Poll::Ready(Some(response));
            }
            if asked.take_if(|asked| asked.load(Ordering::Relaxed)).is_some() {
                let mut interim = Response::new(());
                *interim.status_mut() = StatusCode::CONTINUE;
                // Without it the client waits a little longer.
                let _ = respond.send_informational(interim);
            }
            // Whoever resets a stream does not wait for an answer: dropping the request frees the backend.
            respond.poll_reset(cx).map(|_| None)
        })
        .await
    }

    /// Hands an answer over.
    async fn send(&self, response: Response<Body>, respond: &mut SendResponse<Bytes>) -> Ending {
        let (mut head, mut body) = response.into_parts();
        head.version = Version::HTTP_2;
        settle_headers(&mut head.headers, &body);
        let is_over = body.is_end_stream();
        let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), is_over) else {
            return Ending::GivenUp;
        };
        if is_over {
            return Ending::Answered;
        }
        loop {
            let next = poll_fn(|cx| match stream.poll_reset(cx) {
                Poll::Ready(_) => Poll::Ready(Err(Ending::GivenUp)),
                Poll::Pending => Pin::new(&mut body).poll_frame(cx).map(Ok),
            });
            let data = match next.await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(_))) => {
                    // The client sees a broken transfer.
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Ending::Answered;
                }
                Ok(None) => Bytes::new(),
                Err(ending) => return ending,
            };
            let is_last = data.is_empty() || body.is_end_stream();
            if let Err(ending) = self.send_data(data, is_last, &mut stream).await {
                return ending;
            }
            if is_last {
                return Ending::Answered;
            }
        }
    }

    /// Hands over a piece of a body, as the windows open.
    async fn send_data(
        &self,
        mut data: Bytes,
        is_last: bool,
        stream: &mut SendStream<Bytes>,
    ) -> Result<(), Ending> {
        loop {
            let room = if data.is_empty() { 0 } else { self.room(data.len(), stream).await? };
            let piece = data.split_to(room.min(data.len()));
            let is_end = data.is_empty();
            stream.send_data(piece, is_last && is_end).map_err(|_| Ending::GivenUp)?;
            if is_end {
                return Ok(());
            }
        }
    }

    /// Waits until the client has opened its windows for some of `length` bytes; gives how many.
    async fn room(&self, length: usize, stream: &mut SendStream<Bytes>) -> Result<usize, Ending> {
        stream.reserve_capacity(length.min(CLAIM));
        let mut deadline = Instant::now() + self.write_timeout;
        while stream.capacity() == 0 {
            let opened = poll_fn(|cx| match stream.poll_reset(cx) {
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending => stream.poll_capacity(cx).map(|room| matches!(room, Some(Ok(_)))),
            });
            match timeout_at(deadline, opened).await {
                Ok(true) => {}
                Ok(false) => return Err(Ending::GivenUp),
                // The socket is what keeps it waiting, and has a limit of its own.
                Err(_) if self.connection.is_blocked() => deadline = Instant::now() + self.write_timeout,
                Err(_) => {
                    stream.send_reset(Reason::CANCEL);
                    return Err(Ending::Answered);
                }
            }
        }
        Ok(stream.capacity())
    }
}

/// Makes the headers of an answer those of HTTP/2.
fn settle_headers(headers: &mut HeaderMap, body: &Body) {
    for name in &OF_CONNECTIONS {
        headers.remove(name);
    }
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    if let Some(date) = date() {
        headers.entry(DATE).or_insert(date);
    }
}

/// Now, as headers have it.
fn date() -> Option<HeaderValue> {
    thread_local! {
        /// The latest, and when that was.
        static LATEST: RefCell<Option<(Timestamp, HeaderValue)>> = const { RefCell::new(None) };
    }
    let now = clock::now();
    LATEST.with(|latest| {
        let mut latest = latest.try_borrow_mut().ok()?;
        if let Some((_, date)) = latest.as_ref().filter(|(at, _)| *at == now) {
            return Some(date.clone());
        }
        let time = jiff::Timestamp::from_second(now.unix_seconds()).ok()?;
        let date = HeaderValue::try_from(time.strftime(IMF_FIXDATE).to_string()).ok()?;
        *latest = Some((now, date.clone()));
        Some(date)
    })
}

/// The body of a request.
struct Upload {
    stream: RecvStream,
    /// Set as soon as somebody wants it, for a client that waits for that.
    asked: Option<Arc<AtomicBool>>,
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(asked) = self.asked.take() {
            asked.store(true, Ordering::Relaxed);
        }
        let data = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &data {
            // The window opens again; it cannot open too far.
            let _ = self.stream.flow_control().release_capacity(data.len());
        }
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_form_of_headers() {
        let time = jiff::Timestamp::from_second(784_111_777).unwrap();
        assert_eq!(time.strftime(IMF_FIXDATE).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(), date());
    }
}
