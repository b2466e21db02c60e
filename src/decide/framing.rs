//! Heads that two programs could read differently are refused before anything is decided.
//!
//! hyper passes on much that RFC 9112 forbids: two `Host` lines, `Transfer-Encoding: gzip, chunked`,
//! any scheme in absolute form. Here is the gate's own check of framing, Host, target and size.

use super::denial::Denial;
use crate::domain::code::Code;
use crate::policy::{Limits, Policy};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use std::net::Ipv6Addr;

/// Gives the head of an HTTP/2 request the `Host` that HTTP/1 has: there its `:authority` says it (RFC 9113 section
/// 8.3.1). Where both are sent, [`check_framing`] wants them to be equal.
pub fn settle_host(head: &mut Parts) {
    if head.version >= Version::HTTP_2
        && !head.headers.contains_key(HOST)
        && let Some(host) = head.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        head.headers.insert(HOST, host);
    }
}

/// Refuses heads that two programs could read differently: framing, Host, target, limits.
///
/// A head of HTTP/2 has gone through [`settle_host`] before.
///
/// # Errors
/// `request_malformed`, `uri_too_long` or `headers_too_large`.
pub fn check_framing(head: &Parts, policy: &Policy) -> Result<(), Denial> {
    check_size(head, &policy.settings.limits)?;
    if head.version >= Version::HTTP_2 {
        check_no_connection_header(&head.headers)?;
    }
    check_body_framing(head)?;
    let host = single(&head.headers, &HOST, "there is more than one Host header")?
        .ok_or_else(|| malformed("the Host header is missing"))?;
    let host = host.to_str().ok().filter(|host| is_host(host));
    let host = host.ok_or_else(|| malformed("the Host header is not a host with an optional port"))?;
    check_target(&head.uri, host)?;
    if head.method == Method::CONNECT {
        return Err(malformed("CONNECT is not served"));
    }
    match single(&head.headers, &EXPECT, "there is more than one Expect header")? {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(malformed("the only expectation that is met is 100-continue"))
        }
        _ => Ok(()),
    }
}

fn malformed(detail: &'static str) -> Denial {
    Denial::new(Code::RequestMalformed, detail)
}

/// The target, the number of headers, and the bytes of both with `: ` and line ends.
fn check_size(head: &Parts, limits: &Limits) -> Result<(), Denial> {
    let target = target_length(&head.uri);
    if target > limits.header_bytes {
        return Err(Denial::new(Code::UriTooLong, "the request target is longer than the limit"));
    }
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if head.headers.len() > limits.headers || target + lines.sum::<usize>() > limits.header_bytes {
        return Err(Denial::new(Code::HeadersTooLarge, "there are more, or longer, headers than the limit"));
    }
    Ok(())
}

fn target_length(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3);
    scheme + uri.authority().map_or(0, |authority| authority.as_str().len()) + path
}

/// HTTP/2 has frames of its own for what these say (RFC 9113 section 8.2.2).
fn check_no_connection_header(headers: &HeaderMap) -> Result<(), Denial> {
    let others = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    let mut of_connections = [&CONNECTION, &TRANSFER_ENCODING, &UPGRADE].into_iter().chain(&others);
    let te_is_plain = headers.get_all(TE).iter().all(|value| value == "trailers");
    if of_connections.any(|name| headers.contains_key(name)) || !te_is_plain {
        return Err(malformed("HTTP/2 has no headers about the connection"));
    }
    Ok(())
}

/// At most one plain `Content-Length`, or exactly one `chunked`, never both (RFC 9112 section 6).
fn check_body_framing(head: &Parts) -> Result<(), Denial> {
    let length = single(&head.headers, &CONTENT_LENGTH, "there is more than one Content-Length")?;
    let coding = single(&head.headers, &TRANSFER_ENCODING, "there is more than one Transfer-Encoding")?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(malformed("Content-Length and Transfer-Encoding exclude each other")),
        (Some(length), None) if plain_number(length).is_none() => {
            Err(malformed("Content-Length is not a plain number"))
        }
        (None, Some(_)) if head.version < Version::HTTP_11 => {
            Err(malformed("HTTP/1.0 has no Transfer-Encoding"))
        }
        (None, Some(coding)) if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Err(malformed("the only transfer coding that is read is chunked"))
        }
        _ => Ok(()),
    }
}

/// The value of a `Content-Length` that is digits and nothing else.
pub(super) fn plain_number(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    more_than_one: &'static str,
) -> Result<Option<&'h HeaderValue>, Denial> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(malformed(more_than_one)) } else { Ok(first) }
}

/// Origin form, or absolute form with the authority that Host names.
fn check_target(uri: &Uri, host: &str) -> Result<(), Denial> {
    match (uri.scheme_str(), uri.authority()) {
        (None, None) if uri.path().starts_with('/') => Ok(()),
        (Some("http" | "https"), Some(authority))
            if authority.as_str().eq_ignore_ascii_case(host) && uri.path().starts_with('/') =>
        {
            Ok(())
        }
        (Some(_), Some(_)) => Err(malformed("the target's scheme or authority is not this gate's Host")),
        _ => Err(malformed("the target is not a path")),
    }
}

/// Whether `text` is `uri-host [":" port]` (RFC 9110 section 7.2), with a plain name or an address.
fn is_host(text: &str) -> bool {
    let (name_ok, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address.parse::<Ipv6Addr>().is_ok(), None),
        Some((address, rest)) => match rest.strip_prefix(':') {
            Some(port) => (address.parse::<Ipv6Addr>().is_ok(), Some(port)),
            None => (false, None),
        },
        None => {
            let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (!name.is_empty() && name.bytes().all(plain), port)
        }
    };
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    name_ok && port.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;

    /// The code for a head written as in HTTP/1.1, lines separated by `|`.
    fn ending(head: &str) -> &'static str {
        let mut lines = head.split('|');
        let start: Vec<_> = lines.next().unwrap().split(' ').collect();
        let mut request = http::Request::builder().method(start[0]).uri(start[1]);
        request = request.version(match start.get(2) {
            Some(&"HTTP/1.0") => Version::HTTP_10,
            Some(&"HTTP/2") => Version::HTTP_2,
            _ => Version::HTTP_11,
        });
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        settle_host(&mut parts);
        let mut policy = fixture::policy();
        policy.settings.limits.header_bytes = 200;
        policy.settings.limits.headers = 4;
        check_framing(&parts, &policy).map_or_else(|denial| denial.code.as_str(), |()| "ok")
    }

    #[test]
    fn heads_with_two_readings_are_refused() {
        #[rustfmt::skip]
        let cases = [
            ("GET /a|Host: gate", "ok"),
            ("GET /a HTTP/1.0|Host: gate", "ok"),
            ("GET /a", "request_malformed"),
            ("GET /a HTTP/1.0", "request_malformed"),
            ("GET /a|Host: gate|Host: gate", "request_malformed"),
            ("GET /a|Host: gate:8080", "ok"),
            ("GET /a|Host: gate:65536", "request_malformed"),
            ("GET /a|Host: gate:", "request_malformed"),
            ("GET /a|Host: gate:+1", "request_malformed"),
            ("GET /a|Host: [::1]:80", "ok"),
            ("GET /a|Host: [::1", "request_malformed"),
            ("GET /a|Host: [::1]x", "request_malformed"),
            ("GET /a|Host: a,b", "request_malformed"),
            ("GET /a|Host: u@a", "request_malformed"),
            ("GET /a|Host: a/b", "request_malformed"),
            ("GET /a|Host: ", "request_malformed"),
            ("GET http://gate/a|Host: GATE", "ok"),
            ("GET http://other/a|Host: gate", "request_malformed"),
            ("GET http://gate:80/a|Host: gate", "request_malformed"),
            ("GET ftp://gate/a|Host: gate", "request_malformed"),
            ("OPTIONS *|Host: gate", "request_malformed"),
            ("CONNECT gate:80|Host: gate:80", "request_malformed"),
            ("POST /a|Host: gate|Content-Length: 3", "ok"),
            ("POST /a|Host: gate|Content-Length: +3", "request_malformed"),
            ("POST /a|Host: gate|Content-Length: ", "request_malformed"),
            ("POST /a|Host: gate|Content-Length: 3, 3", "request_malformed"),
            ("POST /a|Host: gate|Content-Length: 3|Content-Length: 3", "request_malformed"),
            ("POST /a|Host: gate|Content-Length: 99999999999999999999", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: Chunked", "ok"),
            ("POST /a HTTP/1.0|Host: gate|Transfer-Encoding: chunked", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: gzip, chunked", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: ,chunked", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: identity", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: chunked|Transfer-Encoding: chunked", "request_malformed"),
            ("POST /a|Host: gate|Transfer-Encoding: chunked|Content-Length: 3", "request_malformed"),
            ("POST /a|Host: gate|Expect: 100-Continue", "ok"),
            ("POST /a|Host: gate|Expect: 200-ok", "request_malformed"),
            ("GET http://gate/a HTTP/2", "ok"),
            ("GET https://gate:8443/a HTTP/2", "ok"),
            ("GET http://gate/a HTTP/1.1", "request_malformed"),
            ("GET /a HTTP/2|Host: gate", "ok"),
            ("GET /a HTTP/2", "request_malformed"),
            ("GET http://gate/a HTTP/2|Host: Gate", "ok"),
            ("GET http://gate/a HTTP/2|Host: other", "request_malformed"),
            ("GET http://gate/a HTTP/2|Host: gate|Host: gate", "request_malformed"),
            ("GET http://u@gate/a HTTP/2", "request_malformed"),
            ("GET ftp://gate/a HTTP/2", "request_malformed"),
            ("OPTIONS http://gate HTTP/2", "ok"),
            ("CONNECT gate:80 HTTP/2", "request_malformed"),
            ("GET http://gate/a HTTP/2|Connection: close", "request_malformed"),
            ("GET http://gate/a HTTP/2|Keep-Alive: 1", "request_malformed"),
            ("GET http://gate/a HTTP/2|Proxy-Connection: close", "request_malformed"),
            ("GET http://gate/a HTTP/2|Upgrade: h2c", "request_malformed"),
            ("POST http://gate/a HTTP/2|Transfer-Encoding: chunked", "request_malformed"),
            ("GET http://gate/a HTTP/2|TE: trailers", "ok"),
            ("GET http://gate/a HTTP/2|TE: gzip", "request_malformed"),
            ("GET http://gate/a HTTP/2|TE: trailers|TE: gzip", "request_malformed"),
        ];
        for (head, expected) in cases {
            assert_eq!(ending(head), expected, "{head}");
        }
    }

    #[test]
    fn limits_hold_at_their_ends() {
        let target = |length: usize| format!("GET /{}", "a".repeat(length - 1));
        // `host: gate` with its line end counts 12 bytes.
        assert_eq!(ending(&format!("{}|Host: gate", target(188))), "ok");
        assert_eq!(ending(&format!("{}|Host: gate", target(189))), "headers_too_large");
        assert_eq!(ending(&format!("{}|Host: gate", target(200))), "headers_too_large");
        assert_eq!(ending(&format!("{}|Host: gate", target(201))), "uri_too_long");
        assert_eq!(ending("GET /|Host: gate|a: 1|b: 2|c: 3"), "ok");
        assert_eq!(ending("GET /|Host: gate|a: 1|b: 2|c: 3|d: 4"), "headers_too_large");
    }
}
