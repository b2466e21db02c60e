//! Puts a written request to the rooms that decide and rewrite.
//!
//! Lockout and rate are skipped: nothing was sent. What was seen on the way is kept, so that a refusal can be
//! explained as fully as an allowance.

use crate::config::Case;
use crate::decide::{self, BodyRule, Denial, Facts, Head, Holder, Permit};
use crate::domain::code::Code;
use crate::domain::encode;
use crate::domain::names::PrincipalId;
use crate::domain::time::Timestamp;
use crate::policy::{Grant, GrantKey, Grants, Policy, Report, SealKey, TokenPlace};
use crate::rewrite::{self, BackendRequest};
use crate::self_service;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A request that somebody wrote down.
#[derive(Debug, Clone)]
pub struct WrittenRequest<'a> {
    /// Who asks.
    pub asks: Asks<'a>,
    /// From where; the peer of the connection.
    pub from: IpAddr,
    /// The method.
    pub method: &'a Method,
    /// Path and query, as sent.
    pub target: &'a str,
    /// Its headers; `Host` and `Content-Length` are added when they are missing.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Its body.
    pub body: &'a [u8],
    /// What stands for the gate's own id of the request.
    pub request_id: &'a str,
}

impl<'a> From<&'a Case> for WrittenRequest<'a> {
    fn from(case: &'a Case) -> Self {
        Self {
            asks: Asks::Holder(&case.principal),
            from: case.from,
            method: &case.method,
            target: &case.target,
            headers: &case.headers,
            body: &case.body,
            request_id: "test",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub enum Asks<'a> {
    /// Whoever holds this token; it is put where the config reads tokens first.
    Token(&'a str),
    /// This one, without a token: its expiry and its own limits do not count.
    Holder(&'a PrincipalId),
    /// This one, whatever its whitelist.
    HolderAnywhere(&'a PrincipalId),
}

impl fmt::Debug for Asks<'_> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => write!(f, "Token(<{} bytes>)", token.len()),
            Self::Holder(id) => write!(f, "Holder({id})"),
            Self::HolderAnywhere(id) => write!(f, "HolderAnywhere({id})"),
        }
    }
}

/// What was found on the way, as far as the request got.
#[derive(Debug, Default)]
pub(super) struct Seen<'p> {
    /// The head as it was decided on.
    pub(super) head: Option<Parts>,
    pub(super) facts: Facts,
    pub(super) holder: Option<Holder<'p>>,
    pub(super) permit: Option<Permit<'p>>,
}

/// What would go to the backend, or why nothing would.
///
/// # Errors
/// As `decide` and `rewrite` refuse.
pub fn ask(policy: &Policy, request: &WrittenRequest<'_>, now: Timestamp) -> Result<BackendRequest, Denial> {
    ask_seeing(policy, request, now, &mut Seen::default())
}

/// [`ask`], and what was seen on the way.
pub(super) fn ask_seeing<'p>(
    policy: &'p Policy,
    request: &WrittenRequest<'_>,
    now: Timestamp,
    seen: &mut Seen<'p>,
) -> Result<BackendRequest, Denial> {
    let head = seen.head.insert(head(request, policy)?);
    decide::check_framing(head, policy)?;
    let head = Head {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        peer: request.from.into(),
        is_tls: policy.settings.tls.is_some(),
        request_id: request.request_id,
    };
    let holder = match request.asks {
        Asks::Token(_) => decide::identify_holder(policy, &head, now, &mut seen.facts),
        Asks::Holder(id) => decide::assume_holder(policy, id, &head, &mut seen.facts),
        Asks::HolderAnywhere(id) => decide::assume_holder_anywhere(policy, id, &head, &mut seen.facts),
    }?;
    seen.holder = Some(holder);
    if self_service::endpoint(policy, head.path).is_some() {
        let own =
            "the gate answers this path itself: the backend gets nothing, and there is no report to explain";
        return Err(Denial::new(Code::ReportNotFound, own));
    }
    let permit = decide::authorize(policy, &head, holder, &mut seen.facts)?;
    seen.permit = Some(permit);
    check_body(permit.body_rule(), request.body)?;
    // Without a configured key no cursor can be opened here: that of a running gate is its own.
    let seal_key = SealKey::new(&[0; SealKey::MIN_BYTES]);
    rewrite::rewrite(&permit, &head, request.body, now, &Compiled, seal_key.as_ref())
}

/// The head of a request, with the `Host` and `Content-Length` that a client would send, and its token.
fn head(written: &WrittenRequest<'_>, policy: &Policy) -> Result<Parts, Denial> {
    let (mut target, mut token) = (written.target.to_owned(), None);
    if let Asks::Token(secret) = written.asks {
        token = header_of(secret, policy, &mut target)?;
    }
    let request = Request::builder().method(written.method.clone()).uri(&target).body(());
    let malformed = |_| Denial::new(Code::RequestMalformed, "the request target cannot be read");
    let (mut request, ()) = request.map_err(malformed)?.into_parts();
    for (name, value) in written.headers.iter().cloned().chain(token) {
        request.headers.append(name, value);
    }
    if !request.headers.contains_key(HOST) {
        let own = policy.settings.listen.first();
        let own = own.and_then(|address| HeaderValue::try_from(address.to_string()).ok());
        request.headers.insert(HOST, own.unwrap_or(HeaderValue::from_static("localhost")));
    }
    let framed = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| request.headers.contains_key(name));
    if !written.body.is_empty() && !framed {
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(written.body.len()));
    }
    Ok(request)
}

/// The header that a token stands in; or none, and the token put into the target.
fn header_of(
    token: &str,
    policy: &Policy,
    target: &mut String,
) -> Result<Option<(HeaderName, HeaderValue)>, Denial> {
    let value = |text: String| {
        let value = HeaderValue::try_from(text);
        value.map_err(|_| Denial::unauthorized(Code::TokenMalformed, "the token holds a control character"))
    };
    Ok(match policy.settings.token_in.first() {
        None | Some(TokenPlace::Bearer) => Some((AUTHORIZATION, value(format!("Bearer {token}"))?)),
        Some(TokenPlace::Header(name)) => Some((name.clone(), value(token.to_owned())?)),
        Some(TokenPlace::Query(name)) => {
            if !target.contains('?') {
                target.push('?');
            }
            encode::push_pair(target, name, token);
            None
        }
    })
}

fn check_body(rule: BodyRule, body: &[u8]) -> Result<(), Denial> {
    match rule {
        BodyRule::Forbidden if !body.is_empty() => {
            Err(Denial::new(Code::BodyInvalid, "this request takes no body"))
        }
        BodyRule::UpTo(most) if body.len() > most => {
            Err(Denial::new(Code::BodyTooLarge, format!("the body may have {most} bytes")))
        }
        BodyRule::Forbidden | BodyRule::UpTo(_) => Ok(()),
    }
}

/// Compiles every grant anew: a written request asks once.
struct Compiled;

impl Grants for Compiled {
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant> {
        Arc::new(Grant::compile(report, &key.view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_fit_their_rule() {
        #[rustfmt::skip]
        let cases: [(BodyRule, &[u8], Option<Code>); 5] = [
            (BodyRule::Forbidden, b"", None), (BodyRule::Forbidden, b"x", Some(Code::BodyInvalid)),
            (BodyRule::UpTo(2), b"", None), (BodyRule::UpTo(2), b"xx", None),
            (BodyRule::UpTo(2), b"xxx", Some(Code::BodyTooLarge)),
        ];
        for (rule, body, expected) in cases {
            assert_eq!(check_body(rule, body).err().map(|denial| denial.code), expected, "{rule:?} {body:?}");
        }
    }

    #[test]
    fn tokens_are_not_printed() {
        assert_eq!(format!("{:?}", Asks::Token("s3cr3t")), "Token(<6 bytes>)");
    }
}
