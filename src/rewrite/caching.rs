//! What tells whether the answer to one request may be given to another, besides the backend's request itself.

use super::build::Contents;
use super::headers::{TRACEPARENT, X_FORWARDED_FOR, X_REQUEST_ID};
use super::paging::Pages;
use super::seal::push_bound;
use crate::domain::dialect::{ColumnPlace, ScopePlace};
use crate::policy::{CacheRule, SealKey, TokenPlace};
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

/// How the answer to a request may be kept.
#[derive(Debug, Clone)]
pub struct Caching {
    /// For how long.
    pub rule: CacheRule,
    /// The hash of the report's definition.
    pub report: [u8; 32],
    /// The hash of what cursors and links are written by, the holder's id and the key of seals included; `None`
    /// where answers have neither.
    pub pages: Option<[u8; 32]>,
    /// Headers of the backend's request that belong to one request, not to what it asks for.
    pub of_one_request: Box<[HeaderName]>,
    /// The client's headers that its answer depends on, as `Vary` lists them (RFC 9110 section 12.5.5).
    pub varies: Option<HeaderValue>,
}

impl Caching {
    /// Nothing for reports without a cache.
    pub(super) fn new(
        contents: &Contents<'_>,
        pages: Option<&Pages>,
        spare: Option<&SealKey>,
    ) -> Option<Self> {
        let report = contents.permit.report();
        let rule = report.cache?;
        let pages = pages.map(|pages| {
            let mut told = Vec::with_capacity(512);
            push_bound(&mut told, contents.permit.principal().id.as_str().as_bytes());
            let key = contents.permit.seal_key().or(spare);
            push_bound(&mut told, key.map(SealKey::as_bytes).unwrap_or_default());
            push_bound(&mut told, pages.told().as_bytes());
            Sha256::digest(told).into()
        });
        Some(Self {
            rule,
            report: report.fingerprint,
            pages,
            of_one_request: of_one_request(contents),
            varies: varies(contents),
        })
    }
}

/// Headers in which two requests for the same may differ: who carries them, from where, and by which program.
///
/// An operator who passes one, or a report or credential that writes it, means it to count.
fn of_one_request(contents: &Contents<'_>) -> Box<[HeaderName]> {
    let permit = contents.permit;
    let counts = |name: &HeaderName| {
        permit.report().pass_request_headers.contains(name)
            || permit.credential().headers.iter().any(|(own, _)| own == name)
            || places(contents).any(|own| own == name)
    };
    let names = [X_REQUEST_ID, X_FORWARDED_FOR, TRACEPARENT, USER_AGENT];
    names.into_iter().filter(|name| !counts(name)).collect()
}

fn varies(contents: &Contents<'_>) -> Option<HeaderValue> {
    let tokens = contents.permit.token_in().iter().filter_map(|place| match place {
        TokenPlace::Bearer => Some(&AUTHORIZATION),
        TokenPlace::Header(name) => Some(name),
        TokenPlace::Query(_) => None,
    });
    let mut names: Vec<&str> = Vec::with_capacity(8);
    let passed = &contents.permit.report().pass_request_headers;
    for name in tokens.chain([&ACCEPT_LANGUAGE]).chain(passed).chain(places(contents)) {
        if !names.contains(&name.as_str()) {
            names.push(name.as_str());
        }
    }
    names.join(", ").try_into().ok()
}

/// Headers that hold columns or a scope.
fn places<'c>(contents: &'c Contents<'_>) -> impl Iterator<Item = &'c HeaderName> {
    let dialect = &contents.permit.report().request;
    let columns = dialect.columns.iter().chain(&dialect.ask).filter_map(|slot| match &slot.place {
        ColumnPlace::Header { name } => Some(name),
        ColumnPlace::Query { .. } | ColumnPlace::Form { .. } | ColumnPlace::Json { .. } => None,
    });
    let scope = dialect.scope.slots().iter().filter_map(|slot| match &slot.place {
        ScopePlace::Header { name } => Some(name),
        ScopePlace::Query { .. }
        | ScopePlace::Form { .. }
        | ScopePlace::Json { .. }
        | ScopePlace::Append { .. }
        | ScopePlace::Path { .. } => None,
    });
    columns.chain(scope)
}
