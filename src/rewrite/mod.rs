//! What goes to the backend: a request built from parsed, granted values, never an edited one.
//!
//! Floor 4. Pure, like `decide`. [`BackendRequest`] has one producer, [`rewrite`], and
//! that needs a `Permit`.

mod build;
mod caching;
mod columns;
mod document;
mod headers;
mod json;
mod links;
mod members;
mod near;
mod paging;
mod parameters;
mod place;
mod scope;
mod seal;
mod sent;
#[cfg(test)]
mod tests;

pub use caching::Caching;

use crate::decide::{Denial, Head, Permit};
use crate::domain::dialect::{ContentCoding, DecodingLimits};
use crate::domain::names::PrincipalId;
use crate::domain::time::Timestamp;
use crate::filter::headers::Described;
use crate::filter::{Paging, Terms};
use crate::policy::{Backend, Grant, GrantKey, Grants, SealKey};
use build::Contents;
use bytes::Bytes;
use http::{HeaderMap, Method};
use paging::{Pages, Seals};
use scope::Scope;
use sent::{Body, Sent};
use std::fmt;
use std::sync::Arc;

/// A request to a backend, exactly as it will be sent; only from [`rewrite`].
pub struct BackendRequest {
    principal: PrincipalId,
    backend: Arc<Backend>,
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
    body: Bytes,
    answer: Answer,
}

/// How the answer to a [`BackendRequest`] is to be treated. Owns what it needs, so that a slow
/// download pins neither the snapshot nor the request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The columns and how answers are cut to them.
    pub grant: Arc<Grant>,
    /// What it is filtered by.
    pub terms: Arc<Terms>,
    /// Backend headers that pass besides the fixed ones.
    pub pass_headers: Box<[http::HeaderName]>,
    /// What its head says of its body.
    pub described: Described,
    /// How far it is decoded, should it come compressed.
    pub decoding: DecodingLimits,
    /// What it is compressed with for the client.
    pub coding: Option<ContentCoding>,
    /// How it may be kept; `None`: it may not.
    pub caching: Option<Caching>,
}

impl fmt::Debug for BackendRequest {
    /// Neither query nor headers: the platform's credential may stand there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        write!(f, "BackendRequest({} {path} to {})", self.method, self.backend.name)
    }
}

impl BackendRequest {
    /// Whose request it is.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// Who it is for.
    #[must_use]
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// GET, HEAD or POST.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query, encoded.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Every header but `Content-Length`, `Host` of the backend's first host included. Holds the platform's credential.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body; empty when there is none.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How its answer is to be treated.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

/// Builds the backend's request from a permitted one. `seal_key` seals paging cursors where the config names none.
///
/// # Errors
/// `body_invalid`, `parameter_*`, `scope_*`, `column_not_granted`.
pub fn rewrite(
    permit: &Permit<'_>,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
    grants: &dyn Grants,
    seal_key: Option<&SealKey>,
) -> Result<BackendRequest, Denial> {
    let body = Body::read(permit.body_kind(), body)?;
    let mut sent = Sent::read(permit, head, &body)?;
    let members = std::mem::take(&mut sent.members);
    // First: what a filter by a hidden column may hold is hidden, too.
    columns::check_filters(permit, &sent)?;
    let parameters = parameters::resolve(&permit.report().request, &sent.parameters, now)?;
    let scope = Scope::resolve(permit, &sent)?;
    let sorts = columns::sorts(permit, &sent)?;
    let view = columns::selection(permit, &sent)?;
    let report = permit.report();
    let grant = grants.grant(GrantKey { report: permit.report_index(), view }, report);
    let seals = Seals::new(permit, &grant.view, seal_key)?;
    let cursors = seals.as_ref().map_or_else(|| Ok(Vec::new()), |seals| seals.open(&sent, &sorts))?;
    let contents = Contents { permit, grant: &grant, scope, parameters, sorts, cursors, sent: &sent };
    let path_and_query = contents.path_and_query()?;
    let pages = Pages::of_answer(&contents, seals, &path_and_query, now);
    let caching = Caching::new(&contents, pages.as_ref(), seal_key);
    Ok(BackendRequest {
        path_and_query,
        headers: headers::headers(&contents, head)?,
        body: contents.body(members)?.into(),
        principal: permit.principal().id.clone(),
        backend: Arc::clone(permit.backend()),
        method: if head.method == Method::HEAD { Method::HEAD } else { report.backend_method.clone() },
        answer: Answer {
            terms: Arc::new(Terms {
                output: permit.output(),
                rows_of: contents.scope.rows_of(report),
                paging: pages.map(|pages| Arc::new(pages) as Arc<dyn Paging>),
            }),
            pass_headers: report.pass_response_headers.clone(),
            described: Described::new(&report.name, &report.response, &report.output, permit.output()),
            decoding: report.response.decoding,
            coding: permit.coding(),
            caching,
            grant: Arc::clone(&grant),
        },
    })
}
