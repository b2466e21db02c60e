//! Answers: problems (RFC 9457) and the heads of successes.

use super::back::BackendError;
use super::body::Body;
use super::record::Record;
use crate::decide::{Denial, Extra};
use crate::domain::code::Code;
use crate::domain::dialect::ContentCoding;
use crate::domain::encode;
use crate::filter::headers;
use crate::rewrite::{Answer, BackendRequest};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The answer to a request that the gate refuses.
pub(crate) fn refusal(denial: &Denial, record: Box<Record>) -> Response<Body> {
    let mut response = problem(denial, status(denial.code), record);
    if denial.code == Code::RequestMalformed {
        // Where this request ends is not sure, so what follows is none (RFC 9112 section 11.2).
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer to a request that the backend did not answer well.
pub(crate) fn backend_failure(
    error: &BackendError,
    asked: &BackendRequest,
    mut record: Box<Record>,
) -> Response<Body> {
    record.backend_failed(error, Some(asked));
    problem(&backend_denial(error), error.status(), record)
}

/// What a client is told of a failure of the backend: nothing of the backend's own.
fn backend_denial(error: &BackendError) -> Denial {
    let code = error.code();
    if code == Code::Overloaded {
        // Our own queue moves on at once; a backend that says so itself wants to be left alone.
        let own = matches!(error, BackendError::Overloaded);
        let again = HeaderValue::from_static(if own { "1" } else { "5" });
        return Denial::new(code, "try again later").header(RETRY_AFTER, again);
    }
    Denial::new(code, error.advice())
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn problem(denial: &Denial, status: StatusCode, mut record: Box<Record>) -> Response<Body> {
    let body = problem_json(denial, status, record.request_id());
    let mut head = HeaderMap::with_capacity(8);
    head.insert(CONTENT_TYPE, PROBLEM_JSON);
    for (name, value) in &denial.headers {
        head.insert(name.clone(), value.clone());
    }
    record.answer(status, Some(denial.code));
    finished(status, head, record, |record| Body::whole(body.into(), record))
}

/// The text of a problem (RFC 9457 section 3).
pub(crate) fn problem_json(denial: &Denial, status: StatusCode, request_id: &str) -> String {
    let mut text = String::with_capacity(256);
    let code = denial.code.as_str();
    let mut member = |name: &str, value: &dyn Fn(&mut String)| {
        text.push(if text.is_empty() { '{' } else { ',' });
        encode::push_json_string(&mut text, name);
        text.push(':');
        value(&mut text);
    };
    member("type", &|out| encode::push_json_string(out, &format!("urn:reportgate:{code}")));
    member("title", &|out| encode::push_json_string(out, denial.code.title()));
    member("status", &|out| out.push_str(status.as_str()));
    member("detail", &|out| encode::push_json_string(out, &denial.detail));
    member("code", &|out| encode::push_json_string(out, code));
    member("request_id", &|out| encode::push_json_string(out, request_id));
    for (name, value) in &denial.extras {
        member(name, &|out| push_extra(out, value));
    }
    text.push('}');
    text
}

fn push_extra(out: &mut String, value: &Extra) {
    match value {
        Extra::Text(text) => encode::push_json_string(out, text),
        Extra::List(list) => {
            out.push('[');
            for (at, text) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                encode::push_json_string(out, text);
            }
            out.push(']');
        }
    }
}

/// How a body leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// What it is compressed with.
    pub(crate) coding: Option<ContentCoding>,
    /// Whether it is, unless it was cut, byte for byte what the backend sent.
    pub(crate) same_bytes: bool,
}

/// The head of a success: what may pass of the backend's, and the gate's own.
pub(crate) fn success(
    from: &http::response::Parts,
    answer: &Answer,
    sent: Sent,
    mut record: Box<Record>,
    body: impl FnOnce(Box<Record>) -> Body,
) -> Response<Body> {
    let head = head(from, answer, sent);
    record.answer(from.status, None);
    finished(from.status, head, record, body)
}

/// What a success says of itself, whoever asks.
pub(crate) fn head(from: &http::response::Parts, answer: &Answer, sent: Sent) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(12);
    let passes = answer.described.body(sent.same_bytes);
    headers::pass_headers(&from.headers, &answer.pass_headers, passes, &mut head);
    answer.described.write(&mut head);
    if let Some(coding) = sent.coding {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    }
    head
}

/// A success that was read before, under the head that it had then.
pub(crate) fn kept(
    status: StatusCode,
    head: HeaderMap,
    mut record: Box<Record>,
    body: impl FnOnce(Box<Record>) -> Body,
) -> Response<Body> {
    record.answer(status, None);
    finished(status, head, record, body)
}

/// A document of the gate's own.
pub(crate) fn document(text: String, mut record: Box<Record>) -> Response<Body> {
    let mut head = HeaderMap::with_capacity(8);
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    record.answer(StatusCode::OK, None);
    finished(StatusCode::OK, head, record, |record| Body::whole(text.into(), record))
}

fn finished(
    status: StatusCode,
    mut head: HeaderMap,
    record: Box<Record>,
    body: impl FnOnce(Box<Record>) -> Body,
) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(record.request_id()) {
        head.insert(X_REQUEST_ID, id);
    }
    record.write_standing(&mut head);
    head.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut response = Response::new(body(record));
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_json_with_their_extras() {
        let denial = Denial::new(Code::ColumnNotGranted, "say \"which\"")
            .with("columns", vec!["email".to_owned()])
            .with("parameter", "_col");
        let text = problem_json(&denial, StatusCode::FORBIDDEN, "42");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            serde_json::json!({
                "type": "urn:reportgate:column_not_granted", "title": Code::ColumnNotGranted.title(), "status": 403,
                "detail": "say \"which\"", "code": "column_not_granted", "request_id": "42",
                "columns": ["email"], "parameter": "_col",
            })
        );
    }

    #[test]
    fn every_code_has_a_status() {
        for code in Code::ALL {
            assert_eq!(status(*code).as_u16(), code.status(), "{code}");
        }
    }
}
