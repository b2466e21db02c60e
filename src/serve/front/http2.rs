//! HTTP/2 with a client (RFC 9113): many requests at once, each decided and answered by itself.
//!
//! On `h2` itself: hyper hands it pieces of answers for which the client has opened no window, and
//! then lets go of the stream, so that neither could be seen to wait. Only requests keep a
//! connection: PING and its like prolong nothing.

use super::exchange::{Ending, Exchange};
use super::frames::Frames;
use super::stream::ClientStream;
use super::worker::Client;
use crate::domain::code::Code;
use crate::policy::Limits;
use crate::serve::deadline::Deadline;
use crate::serve::drain::{LINGER, Stage};
use crate::serve::record::Record;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// How much of the body of one request may wait here, in bytes, and of all of a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How much of an answer may wait for the socket, in bytes.
const SEND_BUFFER: usize = 64 << 10;

/// What a header counts besides its name and value (RFC 9113 section 6.5.2).
const HEADER_OVERHEAD: usize = 32;

/// How many streams may be reset before they are looked at, and for the client's mistakes, until the connection ends.
const UNSEEN_RESETS: usize = 20;
const MISTAKES: usize = 256;

/// How many more streams than were answered, in multiples of those open at one time, may be given up until the
/// connection ends (CVE-2023-44487).
const GIVEN_UP: usize = 2;

/// How long what the client still sends is read once everything is said.
const DISCARDING: Duration = Duration::from_millis(500);

/// Serves a connection to its end.
pub(super) async fn serve<S>(
    stream: ClientStream<S>,
    unread: Vec<u8>,
    mut deadline: Deadline,
    client: &Client,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = client.shard.policies.current().policy.settings.limits.clone();
    let http = tokio::select! {
        http = builder(&limits).handshake(Frames::new(stream, unread)) => match http {
            Ok(http) => http,
            Err(error) => return record_mistake(client, &error),
        },
        () = poll_fn(|cx| deadline.poll(cx)) => return,
        () = client.lingered() => return,
    };
    let mut session = Session {
        http,
        client,
        limits,
        streams: JoinSet::new(),
        given_up: 0,
        leaving: Leaving::Not,
        deadline,
    };
    session.run().await;
    if !client.connection.is_blocked() {
        discard(client).await;
    }
}

fn builder(limits: &Limits) -> Builder {
    // What is a little beyond the limits gets an answer of ours, as with HTTP/1.
    let header_list = 2 * limits.header_bytes + HEADER_OVERHEAD * limits.headers;
    let mut http = Builder::new();
    http.max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(header_list).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(Some(MISTAKES));
    http
}

/// Records that a client has broken the rules of the whole connection. One that ends between requests is no mistake.
fn record_mistake(client: &Client, error: &h2::Error) {
    if error.is_library() && error.is_go_away() {
        let snapshot = client.shard.policies.current();
        Record::begin(&client.shard, &client.connection, &snapshot, None).refused(Code::RequestMalformed);
    }
}

/// Reads what the client still sends: closing a socket with something unread resets it, and the client may lose the
/// end of its answers.
async fn discard(client: &Client) {
    let mut socket = client.socket.clone();
    let mut bytes = [0; 1 << 10];
    let reading = async { while socket.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    // Whoever goes on sending has had its time.
    let _ = timeout(DISCARDING, reading).await;
}

/// A connection under way.
struct Session<'c, S> {
    http: h2::server::Connection<Frames<S>, Bytes>,
    client: &'c Client,
    limits: Limits,
    /// The requests that are being answered; they end with the connection.
    streams: JoinSet<Ending>,
    /// How many more of them were given up by the client than were answered, at least zero.
    given_up: usize,
    leaving: Leaving,
    /// Counts while there is no stream.
    deadline: Deadline,
}

/// How far the connection is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Not,
    /// The client knows that it is to send nothing more; what it sent before it learnt of it, until then, is answered.
    Announced(Instant),
    /// It knows that nothing more is answered.
    Said,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Answers requests until there are no more.
    async fn run(&mut self) {
        let mut draining = self.client.draining.clone();
        let mut drained = pin!(draining.reached(Stage::Draining));
        loop {
            tokio::select! {
                next = self.http.accept() => match next {
                    Some(Ok((request, respond))) => self.begin(request, respond).await,
                    Some(Err(error)) => return record_mistake(self.client, &error),
                    None => return,
                },
                Some(ending) = self.streams.join_next() => self.end(ending.unwrap_or(Ending::Answered)),
                () = poll_fn(|cx| self.deadline.poll(cx)), if self.streams.is_empty() => {
                    if self.leaving == Leaving::Said {
                        return;
                    }
                    self.leave();
                }
                () = drained.as_mut(), if self.leaving == Leaving::Not => self.leave(),
            }
        }
    }

    /// Begins to answer a request, beside the others.
    async fn begin(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let is_late = match self.leaving {
            Leaving::Not => false,
            Leaving::Announced(until) => Instant::now() >= until,
            Leaving::Said => true,
        };
        if is_late {
            // That is to say: it was not looked at and may be sent elsewhere (RFC 9113 section 8.7).
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        let exchange = Exchange {
            shard: Arc::clone(&self.client.shard),
            connection: Arc::clone(&self.client.connection),
            write_timeout: self.limits.write_timeout,
        };
        let mut exchange = Box::pin(exchange.run(request, respond));
        // At once: headers take many times more room here than on the wire, and most that are refused have many.
        match poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx))).await {
            Poll::Ready(ending) => self.end(ending),
            Poll::Pending => {
                self.streams.spawn(exchange);
            }
        }
    }

    /// A request has its answer, or wants none.
    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Answered => self.given_up = self.given_up.saturating_sub(1),
            Ending::GivenUp => self.given_up += 1,
        }
        let most = GIVEN_UP.saturating_mul(usize::try_from(self.limits.h2_streams).unwrap_or(usize::MAX));
        if self.given_up > most && self.leaving != Leaving::Said {
            tracing::debug!(peer = %self.client.connection.peer(), "connection closed: streams given up");
            self.http.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            self.leaving = Leaving::Said;
        }
        if self.streams.is_empty() {
            let wait = if self.leaving == Leaving::Not { self.limits.idle_timeout } else { LINGER };
            self.deadline.restart(wait);
        }
    }

    /// Goes a step further on the way out.
    fn leave(&mut self) {
        match self.leaving {
            Leaving::Not => {
                self.http.graceful_shutdown();
                self.leaving = Leaving::Announced(Instant::now() + LINGER);
            }
            // The last answers are not written yet; a write that stalls ends by itself.
            Leaving::Announced(_) if self.client.connection.is_blocked() => {}
            Leaving::Announced(_) | Leaving::Said => {
                self.http.abrupt_shutdown(Reason::NO_ERROR);
                self.leaving = Leaving::Said;
            }
        }
        self.deadline.restart(LINGER);
    }
}
