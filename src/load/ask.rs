//! Puts a case as a request, and asks the rooms that decide and rewrite.
//!
//! Expiry, lockout and rate are skipped: a case names a principal and presents no token.

use crate::config::Case;
use crate::decide::{self, BodyRule, Denial, Facts, Head};
use crate::domain::code::Code;
use crate::domain::time::Timestamp;
use crate::policy::{Grant, GrantKey, Grants, Policy, Report, SealKey};
use crate::rewrite::{self, BackendRequest};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Request};
use std::sync::Arc;

/// What would go to the backend, or why nothing would.
pub(super) fn ask(policy: &Policy, case: &Case, now: Timestamp) -> Result<BackendRequest, Denial> {
    let request = written(case, policy)?;
    decide::check_framing(&request, policy)?;
    let head = Head {
        method: &request.method,
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
        peer: case.from,
        request_id: "test",
    };
    let mut facts = Facts::default();
    let holder = decide::assume_holder(policy, &case.principal, &head, &mut facts)?;
    let permit = decide::authorize(policy, &head, holder, &mut facts)?;
    check_body(permit.body_rule(), &case.body)?;
    // No case reads an answer: any key does.
    let seal_key = SealKey::new(&[0; SealKey::MIN_BYTES]);
    rewrite::rewrite(&permit, &head, &case.body, now, &Compiled, seal_key.as_ref())
}

/// The request of a case, with the `Host` and `Content-Length` that a client would send.
fn written(case: &Case, policy: &Policy) -> Result<Parts, Denial> {
    let request = Request::builder().method(case.method.clone()).uri(&case.target).body(());
    let malformed = |_| Denial::new(Code::RequestMalformed, "the request target cannot be read");
    let (mut request, ()) = request.map_err(malformed)?.into_parts();
    for (name, value) in &case.headers {
        request.headers.append(name, value.clone());
    }
    if !request.headers.contains_key(HOST) {
        let own = policy.settings.listen.first();
        let own = own.and_then(|address| HeaderValue::try_from(address.to_string()).ok());
        request.headers.insert(HOST, own.unwrap_or(HeaderValue::from_static("localhost")));
    }
    let framed = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| request.headers.contains_key(name));
    if !case.body.is_empty() && !framed {
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(case.body.len()));
    }
    Ok(request)
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

/// Compiles every grant anew: a case asks once.
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
}
