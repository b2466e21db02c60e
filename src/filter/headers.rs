//! The head of a backend's answer: what its status means, which headers pass, whether its body can be read.
//!
//! Headers pass by allow-list; what describes a body that was cut, or one connection only,
//! passes under no list.

use super::FilterError;
use crate::domain::code::Code;
use http::{HeaderMap, HeaderName, StatusCode, header};

/// A success of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// Its body is filtered and passed.
    WithBody,
    /// 204 or 205: it passes without a body.
    WithoutBody,
}

/// What a backend's status means: a success that keeps it, or our code and the status of our answer.
///
/// # Errors
/// For everything but 2xx other than 206: the gate never asks for a part.
pub fn outcome(status: StatusCode) -> Result<Success, (Code, StatusCode)> {
    let code = match status.as_u16() {
        204 | 205 => return Ok(Success::WithoutBody),
        206 => Code::BackendResponseInvalid,
        200..=299 => return Ok(Success::WithBody),
        300..=399 | 401 | 403 => Code::BackendRefused,
        400 | 404 | 409 | 410 | 422 => return Err((Code::BackendRejected, status)),
        429 | 503 => Code::Overloaded,
        400..=599 => Code::BackendFailed,
        _ => Code::BackendResponseInvalid,
    };
    Err((code, StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_GATEWAY)))
}

/// Whether the body can be read: not compressed, and of one length only.
///
/// # Errors
/// When it has a `Content-Encoding` other than identity, a `Transfer-Encoding` other than chunked, or
/// both a length and a transfer encoding (HTTP programs disagree about which counts).
pub fn check_body(head: &HeaderMap) -> Result<(), FilterError> {
    let only = |name, expected: &str| {
        let mut words = head.get_all(name).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
        words.all(|word| word.trim_ascii().eq_ignore_ascii_case(expected.as_bytes()))
    };
    if !only(header::CONTENT_ENCODING, "identity") {
        return Err(FilterError::Invalid("the body is compressed"));
    }
    let codings = head.get_all(header::TRANSFER_ENCODING).iter().count();
    if codings > 1 || !only(header::TRANSFER_ENCODING, "chunked") {
        return Err(FilterError::Invalid("the body has a transfer encoding other than chunked"));
    }
    if codings > 0 && head.contains_key(header::CONTENT_LENGTH) {
        return Err(FilterError::Invalid("the body has a length and a transfer encoding"));
    }
    Ok(())
}

/// Whether the body passes as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It is cut.
    Filtered,
    /// It is relayed.
    Opaque,
}

/// Appends the backend's headers that may reach the client to `to`: the fixed list and those named by `extra`.
pub fn pass_headers(from: &HeaderMap, extra: &[HeaderName], body: Body, to: &mut HeaderMap) {
    let fixed: &[_] = match body {
        Body::Filtered => &[header::CONTENT_LANGUAGE],
        Body::Opaque => &[
            header::CONTENT_LANGUAGE,
            header::CONTENT_TYPE,
            header::LAST_MODIFIED,
            header::ETAG,
            header::CONTENT_DISPOSITION,
        ],
    };
    for (name, value) in from {
        let listed = fixed.contains(name) || extra.contains(name);
        let barred = HOP_BY_HOP.contains(&name.as_str())
            || body == Body::Filtered && OF_THE_WHOLE_BODY.contains(&name.as_str())
            || is_connection_option(from, name);
        if listed && !barred {
            to.append(name, value.clone());
        }
    }
}

/// Of one connection, not of the answer (RFC 9110 section 7.6.1); and how long the body is, which our own connection tells.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// True only of the body before it was cut, or set by the gate for the body that it sends.
const OF_THE_WHOLE_BODY: &[&str] = &[
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-md5",
    "content-range",
    "content-type",
    "digest",
    "etag",
    "repr-digest",
];

/// Whether `Connection` lists that header.
fn is_connection_option(head: &HeaderMap, name: &HeaderName) -> bool {
    let mut options =
        head.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}
