//! The head of a backend's answer: what its status means, which headers pass, whether its body can be read.
//!
//! Headers pass by allow-list; what describes a body that was cut, or one connection only,
//! passes under no list.

use super::{FilterError, Violation};
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

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By its length or its last chunk: a body that was cut off is seen to be.
    Framed,
    /// By the end of the connection: a body that was cut off looks whole (RFC 9112 section 6.3).
    Closed,
}

/// Whether the body can be read, being neither compressed nor of two lengths, and how its end is told.
///
/// # Errors
/// When it has a `Content-Encoding` other than identity, a `Transfer-Encoding` other than chunked, or
/// both a length and a transfer encoding (HTTP programs disagree about which counts).
pub fn check_body(head: &HeaderMap) -> Result<Ending, FilterError> {
    let mut encodings = head
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','));
    if encodings.any(|word| !word.trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(FilterError::Invalid(Violation::Coding, "the body is compressed"));
    }
    let mut codings = head.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) if head.contains_key(header::CONTENT_LENGTH) => Ok(Ending::Framed),
        (None, _) => Ok(Ending::Closed),
        (Some(_), None) if head.contains_key(header::CONTENT_LENGTH) => {
            Err(FilterError::Invalid(Violation::Coding, "the body has a length and a transfer encoding"))
        }
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Ending::Framed),
        _ => Err(FilterError::Invalid(
            Violation::Coding,
            "the body has a transfer encoding other than chunked",
        )),
    }
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
        if !fixed.contains(name) && !extra.contains(name) {
            continue;
        }
        let barred = HOP_BY_HOP.contains(&name.as_str())
            || (body == Body::Filtered && OF_THE_WHOLE_BODY.contains(&name.as_str()))
            || is_connection_option(from, name);
        if !barred {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn statuses_are_classified() {
        #[rustfmt::skip]
        let cases = [
            (200, "with_body"), (201, "with_body"), (203, "with_body"), (204, "without_body"), (205, "without_body"),
            (206, "backend_response_invalid 502"), (207, "with_body"), (299, "with_body"), (100, "backend_response_invalid 502"),
            (101, "backend_response_invalid 502"), (300, "backend_refused 502"), (302, "backend_refused 502"), (304, "backend_refused 502"),
            (399, "backend_refused 502"), (400, "backend_rejected 400"), (401, "backend_refused 502"), (402, "backend_failed 502"),
            (403, "backend_refused 502"), (404, "backend_rejected 404"), (405, "backend_failed 502"), (409, "backend_rejected 409"),
            (410, "backend_rejected 410"), (418, "backend_failed 502"), (422, "backend_rejected 422"), (429, "overloaded 503"),
            (499, "backend_failed 502"), (500, "backend_failed 502"), (502, "backend_failed 502"), (503, "overloaded 503"),
            (504, "backend_failed 502"), (599, "backend_failed 502"), (600, "backend_response_invalid 502"), (999, "backend_response_invalid 502"),
        ];
        for (status, expected) in cases {
            let found = match outcome(StatusCode::from_u16(status).unwrap()) {
                Ok(Success::WithBody) => "with_body".to_owned(),
                Ok(Success::WithoutBody) => "without_body".to_owned(),
                Err((code, status)) => format!("{code} {}", status.as_u16()),
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn bodies_are_plain_and_of_one_length() {
        use Ending::{Closed, Framed};
        #[rustfmt::skip]
        let cases: [(&[_], Option<Ending>); 15] = [
            (&[], Some(Closed)), (&[("content-length", "3")], Some(Framed)), (&[("transfer-encoding", "chunked")], Some(Framed)),
            (&[("transfer-encoding", "Chunked")], Some(Framed)), (&[("content-encoding", "identity")], Some(Closed)),
            (&[("content-encoding", "Identity, identity")], Some(Closed)), (&[("content-encoding", "gzip")], None),
            (&[("content-encoding", "identity, gzip")], None), (&[("content-encoding", "identity"), ("content-encoding", "br")], None),
            (&[("content-encoding", "")], None), (&[("content-length", "3"), ("transfer-encoding", "chunked")], None),
            (&[("transfer-encoding", "gzip, chunked")], None), (&[("transfer-encoding", "identity")], None),
            (&[("transfer-encoding", "chunked, chunked")], None),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(check_body(&headers(lines)).ok(), expected, "{lines:?}");
        }
    }

    #[test]
    fn headers_pass_by_list() {
        let from = headers(&[
            ("content-type", "text/html"),
            ("content-language", "de"),
            ("content-language", "en"),
            ("content-length", "5"),
            ("content-disposition", "attachment"),
            ("etag", "\"1\""),
            ("last-modified", "x"),
            ("digest", "x"),
            ("server", "legacy"),
            ("set-cookie", "a=1"),
            ("location", "http://inner/"),
            ("x-total", "5"),
            ("x-total", "6"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("connection", "close, X-Hop"),
        ]);
        let all: Vec<_> = from.keys().cloned().collect();
        let some = [HeaderName::from_static("x-total"), HeaderName::from_static("x-hop")];
        #[rustfmt::skip]
        let cases: [(&[HeaderName], Body, &[&str]); 5] = [
            (&[],   Body::Filtered, &["content-language"]),
            (&some, Body::Filtered, &["content-language", "x-total"]),
            (&all,  Body::Filtered, &["content-disposition", "content-language", "last-modified", "location", "server", "set-cookie", "x-total"]),
            (&[],   Body::Opaque,   &["content-disposition", "content-language", "content-type", "etag", "last-modified"]),
            (&all,  Body::Opaque,   &["content-disposition", "content-language", "content-type", "digest", "etag", "last-modified", "location",
                                      "server", "set-cookie", "x-total"]),
        ];
        for (extra, body, expected) in cases {
            let mut to = headers(&[("x-request-id", "1")]);
            pass_headers(&from, extra, body, &mut to);
            assert_eq!(to.remove("x-request-id").unwrap(), "1");
            let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, expected);
            assert_eq!(to.get_all("content-language").iter().count(), 2);
        }
    }
}
