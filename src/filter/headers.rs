//! The head of a backend's answer: what its status means, which headers pass, how its body is read;
//! and what the head of ours says of its body.
//!
//! Headers pass by allow-list; what describes a body that was cut, or one connection only,
//! passes under no list.

use super::coding::Coding;
use super::{FilterError, Violation};
use crate::domain::code::Code;
use crate::domain::dialect::{CsvDialect, OutputFormat, ResponseDialect, ResponseFormat};
use crate::domain::names::ReportName;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

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

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// How its end is told.
    pub ending: Ending,
    /// What it is to be decoded from; `None` when it is plain.
    pub coding: Option<Coding>,
}

/// How the body is read.
///
/// # Errors
/// When it has more than one content coding or one that is not known, a `Transfer-Encoding` other than
/// chunked, or both a length and a transfer encoding (HTTP programs disagree about which counts).
pub fn check_body(head: &HeaderMap) -> Result<Framing, FilterError> {
    Ok(Framing { ending: ending(head)?, coding: coding(head)? })
}

/// The one content coding (RFC 9110 section 8.4), `identity` being none.
fn coding(head: &HeaderMap) -> Result<Option<Coding>, FilterError> {
    let lines = head.get_all(header::CONTENT_ENCODING).iter();
    let words = lines.flat_map(|value| value.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let mut codings = words.filter(|word| !word.eq_ignore_ascii_case(b"identity"));
    let Some(first) = codings.next() else { return Ok(None) };
    if codings.next().is_some() {
        return Err(FilterError::Invalid(Violation::Coding, "the body is coded more than once"));
    }
    let unknown = FilterError::Invalid(Violation::Coding, "the body has an unknown content coding");
    Coding::named(first).map(Some).ok_or(unknown)
}

fn ending(head: &HeaderMap) -> Result<Ending, FilterError> {
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

/// What becomes of the body on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It is cut.
    Filtered,
    /// It is cut, and leaves in another format than the backend's.
    Converted,
    /// It is relayed.
    Opaque,
    /// It is relayed, but not the bytes that the backend sent: decoded, encoded, or none.
    Recoded,
}

/// Appends the backend's headers that may reach the client to `to`: the fixed list and those named by `extra`.
pub fn pass_headers(from: &HeaderMap, extra: &[HeaderName], body: Body, to: &mut HeaderMap) {
    let (fixed, barred): (&[_], &[&[&str]]) = match body {
        Body::Filtered => (FIXED, &[OF_THE_BYTES, OF_THE_WHOLE_BODY]),
        Body::Converted => (FIXED, &[OF_THE_BYTES, OF_THE_WHOLE_BODY, OF_THE_FORMAT]),
        Body::Opaque => (FIXED_OPAQUE, &[]),
        Body::Recoded => (FIXED_OPAQUE, &[OF_THE_BYTES]),
    };
    for (name, value) in from {
        if !fixed.contains(name) && !extra.contains(name) {
            continue;
        }
        let barred = ALWAYS_BARRED.contains(&name.as_str())
            || barred.iter().any(|list| list.contains(&name.as_str()))
            || is_connection_option(from, name)
            || (name == header::CONTENT_LANGUAGE && !is_language_list(value));
        if !barred {
            to.append(name, value.clone());
        }
    }
}

/// Whether a `Content-Language` holds language tags (RFC 5646 section 2.1), and not words of the backend's own.
fn is_language_list(value: &HeaderValue) -> bool {
    let is_part = |part: &[u8]| (1..=8).contains(&part.len()) && part.iter().all(u8::is_ascii_alphanumeric);
    value.as_bytes().split(|b| *b == b',').all(|tag| tag.trim_ascii().split(|b| *b == b'-').all(is_part))
}

const FIXED: &[HeaderName] = &[header::CONTENT_LANGUAGE];

const FIXED_OPAQUE: &[HeaderName] = &[
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::LAST_MODIFIED,
    header::ETAG,
    header::CONTENT_DISPOSITION,
];

/// Of one connection, not of the answer (RFC 9110 section 7.6.1); how long the body is and how it is coded, which
/// our own connection tells; and parts of bodies, which the gate never asks for.
const ALWAYS_BARRED: &[&str] = &[
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// True only of the very bytes that the backend sent.
const OF_THE_BYTES: &[&str] = &["content-digest", "content-md5", "digest", "etag", "repr-digest"];

/// True only of the body before it was cut, or set by the gate for the body that it sends.
const OF_THE_WHOLE_BODY: &[&str] = &["content-type", "last-modified"];

/// True only of the body in the backend's own format: it may name a file.
const OF_THE_FORMAT: &[&str] = &["content-disposition"];

/// What the head of an answer says of its body, whatever the backend's says.
#[derive(Debug, Clone)]
pub struct Described {
    body: Body,
    content_type: Option<&'static str>,
    /// The report, and what files of its format are called by.
    file: Option<(ReportName, &'static str)>,
    vary: Option<&'static str>,
}

impl Described {
    /// An answer of that report in the format `chosen` of those on `offer`.
    #[must_use]
    pub fn new(
        report: &ReportName,
        dialect: &ResponseDialect,
        offer: &[OutputFormat],
        chosen: OutputFormat,
    ) -> Self {
        let by_tabs = matches!(dialect.format, ResponseFormat::Csv(CsvDialect { delimiter: b'\t' }));
        let (content_type, extension) = match chosen {
            OutputFormat::Csv if by_tabs => (Some(TSV), Some("tsv")),
            OutputFormat::Csv => (Some("text/csv; charset=utf-8"), Some("csv")),
            OutputFormat::Json | OutputFormat::Ndjson | OutputFormat::Xml | OutputFormat::Opaque => {
                (chosen.media_type(), None)
            }
        };
        let body = match chosen {
            OutputFormat::Opaque => Body::Opaque,
            format if format == dialect.format.own_output() => Body::Filtered,
            OutputFormat::Json | OutputFormat::Ndjson | OutputFormat::Csv | OutputFormat::Xml => {
                Body::Converted
            }
        };
        Self {
            body,
            content_type,
            file: extension.map(|extension| (report.clone(), extension)),
            vary: match (offer.len() > 1, dialect.compress.is_empty()) {
                (false, true) => None,
                (true, true) => Some("accept"),
                (false, false) => Some("accept-encoding"),
                (true, false) => Some("accept, accept-encoding"),
            },
        }
    }

    /// What becomes of the body; `same_bytes` tells whether one that is relayed leaves as the backend sent it.
    #[must_use]
    pub fn body(&self, same_bytes: bool) -> Body {
        if self.body == Body::Opaque && !same_bytes { Body::Recoded } else { self.body }
    }

    /// Sets the headers that are ours to say.
    pub fn write(&self, to: &mut HeaderMap) {
        if let Some(content_type) = self.content_type {
            to.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(vary) = self.vary {
            to.insert(header::VARY, HeaderValue::from_static(vary));
        }
        // Names of reports need no escaping, so they always are a header's.
        if let Some((name, extension)) = &self.file
            && let Ok(value) = format!("attachment; filename=\"{name}.{extension}\"").try_into()
        {
            to.insert(header::CONTENT_DISPOSITION, value);
        }
    }
}

const TSV: &str = "text/tab-separated-values; charset=utf-8";

/// Whether `Connection` lists that header.
fn is_connection_option(head: &HeaderMap, name: &HeaderName) -> bool {
    let mut options =
        head.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::{ContentCoding, JsonDialect, XmlDialect};
    use crate::domain::pointer::Pointer;

    fn xml() -> ResponseFormat {
        ResponseFormat::Xml(XmlDialect {
            rows: Pointer::parse("/rows/row").unwrap(),
            also: [].into(),
            keep: [].into(),
            success: None,
        })
    }

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
    fn bodies_are_of_one_coding_and_one_length() {
        use Ending::{Closed, Framed};
        let plain = |ending| Some(Framing { ending, coding: None });
        let coded = |coding| Some(Framing { ending: Closed, coding: Some(coding) });
        #[rustfmt::skip]
        let cases: [(&[_], Option<Framing>); 22] = [
            (&[], plain(Closed)), (&[("content-length", "3")], plain(Framed)), (&[("transfer-encoding", "chunked")], plain(Framed)),
            (&[("transfer-encoding", "Chunked")], plain(Framed)), (&[("content-encoding", "identity")], plain(Closed)),
            (&[("content-encoding", "Identity, identity")], plain(Closed)), (&[("content-encoding", "gzip")], coded(Coding::Gzip)),
            (&[("content-encoding", " GZIP ")], coded(Coding::Gzip)), (&[("content-encoding", "deflate")], coded(Coding::Deflate)),
            (&[("content-encoding", "zstd")], coded(Coding::Zstd)), (&[("content-encoding", "identity, gzip")], coded(Coding::Gzip)),
            (&[("content-encoding", "identity"), ("content-encoding", "br")], coded(Coding::Brotli)),
            (&[("content-encoding", "gzip, gzip")], None), (&[("content-encoding", "gzip"), ("content-encoding", "br")], None),
            (&[("content-encoding", "compress")], None), (&[("content-encoding", "")], None), (&[("content-encoding", "gzip,")], None),
            (&[("content-length", "3"), ("transfer-encoding", "chunked")], None),
            (&[("transfer-encoding", "gzip, chunked")], None), (&[("transfer-encoding", "identity")], None),
            (&[("transfer-encoding", "chunked, chunked")], None),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(check_body(&headers(lines)).ok(), expected, "{lines:?}");
        }
    }

    #[test]
    fn languages_are_tags() {
        #[rustfmt::skip]
        let cases = [
            ("de", true), ("de, en-GB", true), ("zh-Hant-TW,mi", true), ("x-whatever", true), ("", false), ("de,", false), ("de-", false),
            ("languages", false), ("de; q=1", false), ("http://inner/", false), ("legacy.internal", false), ("d\u{e9}", false),
        ];
        for (value, expected) in cases {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            assert_eq!(is_language_list(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn headers_pass_by_list() {
        let from = headers(&[
            ("content-type", "text/html"),
            ("content-language", "de"),
            ("content-language", "en"),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("accept-ranges", "bytes"),
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
        let cases: [(&[HeaderName], Body, &[&str]); 8] = [
            (&[],   Body::Filtered,  &["content-language"]),
            (&some, Body::Filtered,  &["content-language", "x-total"]),
            (&all,  Body::Filtered,  &["content-disposition", "content-language", "location", "server", "set-cookie", "x-total"]),
            (&all,  Body::Converted, &["content-language", "location", "server", "set-cookie", "x-total"]),
            (&[],   Body::Opaque,    &["content-disposition", "content-language", "content-type", "etag", "last-modified"]),
            (&all,  Body::Opaque,    &["content-disposition", "content-language", "content-type", "digest", "etag", "last-modified", "location",
                                       "server", "set-cookie", "x-total"]),
            (&[],   Body::Recoded,   &["content-disposition", "content-language", "content-type", "last-modified"]),
            (&all,  Body::Recoded,   &["content-disposition", "content-language", "content-type", "last-modified", "location", "server",
                                       "set-cookie", "x-total"]),
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

    #[test]
    fn heads_describe_the_body_that_leaves() {
        use OutputFormat::{Csv, Json, Ndjson, Opaque, Xml};
        let csv = |delimiter| ResponseFormat::Csv(CsvDialect { delimiter });
        let json = || ResponseFormat::Json(JsonDialect::new(Pointer::default()));
        let gzip: &[_] = &[ContentCoding::Gzip];
        let file = Some("attachment; filename=\"leads.v2.csv\"");
        let csv_type = Some("text/csv; charset=utf-8");
        let both = Some("accept, accept-encoding");
        #[rustfmt::skip]
        let cases: [(_, &[_], _, &[_], _, _, _, _); 11] = [
            // backend's        offer            chosen  compress  body             content type                    disposition  vary
            (json(),            &[Json],         Json,   &[][..],  Body::Filtered,  Some("application/json"),       None, None),
            (json(),            &[Json],         Json,   gzip,     Body::Filtered,  Some("application/json"),       None, Some("accept-encoding")),
            (json(),            &[Json, Ndjson], Ndjson, &[],      Body::Converted, Some("application/x-ndjson"),   None, Some("accept")),
            (json(),            &[Csv, Json],    Csv,    gzip,     Body::Converted, csv_type,                       file, both),
            (csv(b','),         &[Csv],          Csv,    &[],      Body::Filtered,  csv_type,                       file, None),
            (csv(b';'),         &[Csv],          Csv,    &[],      Body::Filtered,  csv_type,                       file, None),
            (csv(b'\t'),        &[Csv],          Csv,    &[],      Body::Filtered,  Some(TSV),
                                                                   Some("attachment; filename=\"leads.v2.tsv\""),              None),
            (csv(b'\t'),        &[Csv, Json],    Json,   &[],      Body::Converted, Some("application/json"),       None, Some("accept")),
            (ResponseFormat::Opaque, &[Opaque],  Opaque, &[],      Body::Opaque,    None,                           None, None),
            (ResponseFormat::Opaque, &[Opaque],  Opaque, gzip,     Body::Opaque,    None,                           None, Some("accept-encoding")),
            (xml(),             &[Xml],          Xml,    &[],      Body::Filtered,  Some("application/xml"),        None, None),
        ];
        for (format, offer, chosen, compress, body, content_type, disposition, vary) in cases {
            let dialect = ResponseDialect { compress: compress.into(), ..ResponseDialect::new(format) };
            let described = Described::new(&ReportName::parse("leads.v2").unwrap(), &dialect, offer, chosen);
            let mut head = headers(&[]);
            described.write(&mut head);
            let sent = |name| head.get(name).map(|value: &HeaderValue| value.to_str().unwrap());
            let found = (sent("content-type"), sent("content-disposition"), sent("vary"));
            assert_eq!(found, (content_type, disposition, vary), "{offer:?} {chosen:?}");
            assert_eq!(described.body(true), body, "{offer:?} {chosen:?}");
            let recoded = if body == Body::Opaque { Body::Recoded } else { body };
            assert_eq!(described.body(false), recoded, "{offer:?} {chosen:?}");
        }
    }
}
