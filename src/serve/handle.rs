//! One request, start to end: decide, rewrite, forward, filter, record.

use super::back::{Answered, BackendError};
use super::body::{Body, Cut, Prefetched};
use super::cache;
use super::drain::Stage;
use super::front::Connection;
use super::record::Record;
use super::respond::{self, Sent};
use super::shard::Shard;
use super::sighting::Observer;
use crate::clock;
use crate::decide::{self, BodyRule, Denial, Head};
use crate::domain::code::Code;
use crate::filter::coding::Decoder;
use crate::filter::headers::Success;
use crate::filter::{Filter, headers};
use crate::policy::{Limits, Snapshot};
use crate::rewrite::{BackendRequest, rewrite};
use crate::self_service;
use bytes::{Buf as _, Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, Request, Response, Version, request};
use http_body_util::BodyExt as _;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

/// Answers one request. Whatever happens is an answer, and is recorded once.
pub(crate) async fn handle<B>(
    shard: &Arc<Shard>,
    connection: &Arc<Connection>,
    request: Request<B>,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut head, body) = request.into_parts();
    decide::settle_host(&mut head);
    let snapshot = shard.policies.current();
    // The head of a request that is refused for its bytes only stands in for it.
    let readable = connection.refusal().is_none();
    let known = readable.then(|| (head.method.clone(), head.uri.clone()));
    let mut record = Box::new(Record::begin(shard, connection, &snapshot, known));
    if head.method == Method::HEAD {
        record.head_only();
    }
    let admitted = admit(shard, &snapshot, &mut record, &head, body, connection).await;
    let cache_limits = snapshot.policy.settings.cache;
    drop(snapshot);
    let request = match admitted {
        Ok(Admitted::Report(request)) => request,
        Ok(Admitted::SelfService(document)) => return respond::document(document, record),
        Err(denial) => return respond::refusal(&denial, record),
    };
    if let Some(caching) = request.answer().caching.clone() {
        return Box::pin(cache::answer(shard, request, caching, cache_limits, head.version, record)).await;
    }
    match forward(shard, &request, &mut *record).await {
        Ok(begun) => begun.respond(&request, head.version, record),
        Err(error) => respond::backend_failure(&error, &request, record),
    }
}

/// What an admitted request gets.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for a moment, and most requests are for reports: no allocation"
)]
enum Admitted {
    /// The answer of the backend.
    Report(BackendRequest),
    /// A JSON document of the gate's own.
    SelfService(String),
}

/// The checks and the rewrite, and the time they took of the gate's own.
async fn admit<B>(
    shard: &Shard,
    snapshot: &Snapshot,
    record: &mut Record,
    head: &request::Parts,
    body: B,
    connection: &Connection,
) -> Result<Admitted, Denial>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let request_id = Box::<str>::from(record.request_id());
    let policy = &snapshot.policy;
    let now = clock::now();
    let mut waiting = None;
    let refusal = || connection.refusal().map(|(code, why)| Denial::new(code, why));
    let decide = async || {
        if let Some(denial) = refusal() {
            return Err(denial);
        }
        if shard.draining.stage() >= Stage::Refusing {
            return Err(Denial::new(Code::Draining, "the gate is about to stop; send the request again")
                .header(RETRY_AFTER, HeaderValue::from_static("1")));
        }
        decide::check_framing(head, policy)?;
        let head = Head {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
            peer: connection.peer(),
            is_tls: connection.is_tls(),
            request_id: &request_id,
        };
        let holder = match decide::identify_holder(policy, &head, now, &mut record.facts) {
            Ok(holder) => holder,
            Err(denial) => {
                return Err(shard.spent.tried(denial, record.facts.client, policy.settings.lockout));
            }
        };
        let (standing, refused) = shard.take(&holder, snapshot);
        record.standing(standing);
        refused.map_or(Ok(()), Err)?;
        if let Some(endpoint) = self_service::endpoint(policy, head.path) {
            record.self_service();
            let document = self_service::answer(policy, &head, holder, &endpoint, now)?;
            read_body(body, BodyRule::Forbidden, &policy.settings.limits).await?;
            return Ok(Admitted::SelfService(document));
        }
        let permit = decide::authorize(policy, &head, holder, &mut record.facts)?;
        let began = Instant::now();
        let body = read_body(body, permit.body_rule(), &policy.settings.limits).await?;
        waiting = Some(began.elapsed());
        rewrite(&permit, &head, &body, now, &shard.grants(snapshot), shard.seal_key.as_ref())
            .map(Admitted::Report)
    };
    // A body that has two readings breaks off, too.
    let decided = decide().await.map_err(|denial| refusal().unwrap_or(denial));
    let own = record.started().elapsed().saturating_sub(waiting.unwrap_or_default());
    record.decided(decided.as_ref().err().map(|denial| denial.code), own);
    decided
}

/// An answer that may be passed on, as far as it is held back.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) from: http::response::Parts,
    pub(super) sent: Sent,
    pub(super) body: Prefetched,
}

impl Begun {
    /// The answer to the client.
    pub(super) fn respond(
        self,
        request: &BackendRequest,
        version: Version,
        record: Box<Record>,
    ) -> Response<Body> {
        let Self { from, sent, body } = self;
        respond::success(&from, request.answer(), sent, record, |record| Body::cut(body, record, version))
    }
}

/// Sends the request and reads its answer as far as it is held back.
pub(super) async fn forward(
    shard: &Shard,
    request: &BackendRequest,
    record: &mut impl Observer,
) -> Result<Begun, BackendError> {
    let turn = shard.client.turn(request).await?;
    let began = Instant::now();
    let answered = shard.client.send(request, turn).await;
    record.answered(began.elapsed());
    let Answered { response, lease } = answered?;
    let (from, incoming) = response.into_parts();
    let success =
        headers::outcome(from.status).map_err(|(code, _)| BackendError::Status(code, from.status))?;
    // The connection is not used again where there is no body: a backend that sends one all the same would
    // have it read as the answer to somebody else's request.
    let nothing = Sent { coding: None, same_bytes: false };
    if success == Success::WithoutBody {
        return Ok(Begun { from, sent: nothing, body: Prefetched::Whole(Bytes::new()) });
    }
    // HEAD fails where the head alone tells that GET would (RFC 9110 section 9.3.2).
    let framing = headers::check_body(&from.headers).map_err(BackendError::Filter)?;
    if record.is_head() {
        return Ok(Begun { from, sent: nothing, body: Prefetched::Whole(Bytes::new()) });
    }
    let answer = request.answer();
    let decoder = framing.coding.map(|coding| Decoder::new(coding, answer.decoding)).transpose();
    let cut = Box::new(Cut::new(
        incoming,
        framing.ending,
        decoder.map_err(BackendError::Filter)?,
        Filter::new(&answer.grant.filter, &answer.terms),
        lease,
    ));
    let (body, coding) = cut.prefetch(record).await?.compressed(answer.coding)?;
    let sent = Sent { coding, same_bytes: coding.is_none() && framing.coding.is_none() };
    Ok(Begun { from, sent, body })
}

/// Reads a request's body within its limits.
async fn read_body<B>(body: B, rule: BodyRule, limits: &Limits) -> Result<Bytes, Denial>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = match rule {
        BodyRule::UpTo(_) | BodyRule::Forbidden if body.is_end_stream() => return Ok(Bytes::new()),
        BodyRule::Forbidden => return Err(Denial::new(Code::BodyInvalid, "this request takes no body")),
        BodyRule::UpTo(limit) => limit,
    };
    let reading = async {
        let mut body = pin!(body);
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Denial::new(Code::BodyInvalid, "the body broke off"))?;
            // Trailers say nothing that counts here.
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.remaining() > limit {
                return Err(Denial::new(
                    Code::BodyTooLarge,
                    format!("the body may have {limit} bytes at most"),
                ));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    let late = || Denial::new(Code::RequestTimeout, "the body did not arrive in time");
    tokio::time::timeout(limits.body_timeout, reading).await.map_err(|_| late())?
}
