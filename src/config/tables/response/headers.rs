//! `pass_headers`: headers that pass besides the fixed ones.

use super::super::{Fields, Reader, header_name, keys};
use crate::config::problem::Marked;
use http::HeaderName;

/// Reads those of requests and those of answers.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
) -> (Vec<Marked<HeaderName>>, Box<[HeaderName]>) {
    let passed = fields.read("pass_headers", |item| reader.fields(item, &keys::PASS_HEADERS));
    let mut pass = |key, parse: fn(&str) -> Result<HeaderName, &'static str>| {
        let names = passed.as_ref().and_then(|fields| fields.get(key));
        let names = names.and_then(|item| reader.entries(item, |reader, item| reader.parsed(item, parse)));
        names.unwrap_or_default()
    };
    let (request, response) = (pass("request", request_header), pass("response", response_header));
    (request, response.into_iter().map(|name| name.value).collect())
}

fn request_header(text: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(text)?;
    let never = [
        "authorization",
        "cookie",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
    ];
    if never.contains(&name.as_str()) {
        return Err("this header never reaches the backend");
    }
    Ok(name)
}

fn response_header(text: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(text)?;
    let never = [
        "set-cookie",
        "server",
        "x-powered-by",
        "location",
        "www-authenticate",
        "cache-control",
        "etag",
        "digest",
        "content-digest",
        "repr-digest",
        "content-md5",
        "content-range",
        "accept-ranges",
        "content-location",
        "link",
        "refresh",
    ];
    if never.contains(&name.as_str()) {
        return Err("this header never reaches the client as the backend sends it");
    }
    Ok(name)
}
