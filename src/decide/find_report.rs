//! What is asked for: a report by its exact path, in its one spelling, by a method it answers.
//!
//! Deciding on one spelling of a path and forwarding another is how gates are walked around
//! (CWE-647). So a path with a second spelling is refused, and none is ever normalised.

use super::Head;
use super::denial::Denial;
use super::query::{hex, is_unreserved};
use crate::domain::code::Code;
use crate::policy::{Policy, Report, ReportIndex};
use http::HeaderValue;
use http::header::ALLOW;
use std::sync::Arc;

/// The report at the path of the request.
pub(super) fn find_report<'p>(
    policy: &'p Policy,
    head: &Head<'_>,
) -> Result<(ReportIndex, &'p Arc<Report>), Denial> {
    if !is_plain(head.path) {
        return Err(Denial::new(Code::PathInvalid, "the path could be written in another way"));
    }
    policy.reports.find(head.path).ok_or_else(|| Denial::new(Code::ReportNotFound, "no report has this path"))
}

/// Refuses methods that the report does not answer.
pub(super) fn check_method(report: &Report, head: &Head<'_>) -> Result<(), Denial> {
    if report.methods.allow(head.method) {
        return Ok(());
    }
    let allowed = report.methods.allow_header();
    let denial = Denial::new(Code::MethodNotAllowed, format!("this report answers {allowed}"));
    Err(match HeaderValue::try_from(allowed) {
        Ok(value) => denial.header(ALLOW, value),
        Err(_) => denial,
    })
}

/// Whether a path has no second spelling.
fn is_plain(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    if segments.is_empty() {
        return true;
    }
    // Only the last may be empty.
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let segment_ok = |segment: &[u8]| !matches!(segment, b"" | b"." | b"..") && is_plain_segment(segment);
    segments.as_bytes().split(|b| *b == b'/').all(segment_ok)
}

/// Characters that stand for themselves, and escapes of those that must be escaped, in upper case.
fn is_plain_segment(segment: &[u8]) -> bool {
    let mut bytes = segment.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => bytes.next().zip(bytes.next()).is_some_and(|(high, low)| is_needed_escape(high, low)),
            _ => is_literal(byte),
        };
        if !plain {
            return false;
        }
    }
    true
}

/// `pchar` of RFC 3986 section 3.3, less `;`, which some programs cut a path at.
fn is_literal(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

fn is_needed_escape(high: u8, low: u8) -> bool {
    let upper = !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
    let byte = hex(high, low);
    upper && byte.is_some_and(|b| b >= b' ' && !is_literal(b) && !b"/\\;%\x7f".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        #[rustfmt::skip]
        let cases = [
            ("/", true), ("/a/b.json", true), ("/a/", true), ("/a,b:c@d", true), ("/a%20b", true), ("/%C3%A9", true), ("/...", true),
            ("", false), ("a", false), ("*", false), ("//", false), ("/a//b", false), ("/a//", false),
            ("/.", false), ("/..", false), ("/a/./b", false), ("/a/../b", false), ("/a/..", false),
            ("/%61", false), ("/%2E%2E/a", false), ("/a%2Fb", false), ("/a%2fb", false), ("/a%5Cb", false), ("/a\\b", false),
            ("/%00", false), ("/a%0A", false), ("/%7F", false), ("/%2525", false), ("/a;b", false), ("/a%3Bb", false),
            ("/%c3%a9", false), ("/é", false), ("/%", false), ("/%4", false), ("/%zz", false), ("/a b", false), ("/a%21", false),
            ("/a|b", false), ("/a\"b", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_plain(path), expected, "{path}");
        }
    }
}
