//! The headers of the backend's request: a fixed list, the report's own, the platform's credential.
//!
//! An allow-list: no hop-by-hop header, no cookie, no token and no `X-Forwarded-*` of the client's gets in.

use super::build::Contents;
use crate::decide::{Denial, Head};
use crate::domain::code::Code;
use crate::domain::dialect::{BodyKind, ColumnPlace, OutputFormat, ResponseFormat, ScopePlace};
use crate::policy::TokenPlace;
use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long the text of an address is at most.
const MAX_ADDRESS: usize = 45;

/// The headers of the backend's request. What the gate sets comes last and replaces what passed.
pub(super) fn headers(contents: &Contents<'_>, head: &Head<'_>) -> Result<HeaderMap, Denial> {
    let permit = contents.permit;
    let report = permit.report();
    let mut headers = HeaderMap::with_capacity(16);
    for name in &report.pass_request_headers {
        if !is_token_place(name, permit.token_in()) {
            pass(name, head, &mut headers);
        }
    }
    for name in [ACCEPT_LANGUAGE, USER_AGENT, TRACEPARENT] {
        if !headers.contains_key(&name) && !is_token_place(&name, permit.token_in()) {
            pass(&name, head, &mut headers);
        }
    }
    headers.insert(HOST, permit.backend().endpoint.authority.clone());
    headers.insert(ACCEPT, HeaderValue::from_static(accept(&report.response.format)));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(X_REQUEST_ID, value(head.request_id)?);
    if permit.client().ip().is_some() {
        let mut client = String::with_capacity(MAX_ADDRESS);
        permit.client().push_to(&mut client);
        headers.insert(X_FORWARDED_FOR, value(client)?);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if head.is_tls { "https" } else { "http" }));
    if let Some(host) = head.headers.get(HOST) {
        headers.insert(X_FORWARDED_HOST, host.clone());
    }
    match report.request.body {
        BodyKind::None => None,
        BodyKind::Form => Some("application/x-www-form-urlencoded"),
        BodyKind::Json => Some("application/json"),
    }
    .map(|content_type| headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type)));
    set_columns_and_scope(contents, &mut headers)?;
    for (name, value) in &permit.credential().headers {
        headers.insert(name, value.clone());
    }
    Ok(headers)
}

fn pass(name: &HeaderName, head: &Head<'_>, headers: &mut HeaderMap) {
    for value in head.headers.get_all(name) {
        headers.append(name, value.clone());
    }
}

/// Whether a token may stand in the header; none of them may reach the backend.
fn is_token_place(name: &HeaderName, places: &[TokenPlace]) -> bool {
    *name == AUTHORIZATION
        || places.iter().any(|place| matches!(place, TokenPlace::Header(own) if own == name))
}

fn accept(response: &ResponseFormat) -> &'static str {
    match response.own_output() {
        // Many backends that write a document a line know no name for it.
        OutputFormat::Ndjson => "application/x-ndjson, application/json;q=0.9",
        own @ (OutputFormat::Json | OutputFormat::Csv | OutputFormat::Xml | OutputFormat::Opaque) => {
            own.media_type().unwrap_or("*/*")
        }
    }
}

fn set_columns_and_scope(contents: &Contents<'_>, headers: &mut HeaderMap) -> Result<(), Denial> {
    let dialect = &contents.permit.report().request;
    for (slot, written) in dialect.columns.iter().zip(&contents.grant.written) {
        if let ColumnPlace::Header { name } = &slot.place {
            headers.remove(name);
            if !written.is_empty() {
                headers.insert(name, value(&**written)?);
            }
        }
    }
    for slot in dialect.scope.slots() {
        if let ScopePlace::Header { name } = &slot.place {
            headers.remove(name);
            if let Some(ids) = contents.scope.header(slot) {
                headers.insert(name, value(&ids)?);
            }
        }
    }
    Ok(())
}

fn value(text: impl TryInto<HeaderValue>) -> Result<HeaderValue, Denial> {
    text.try_into().map_err(|_| Denial::new(Code::Internal, "a header cannot be written"))
}
