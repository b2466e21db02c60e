//! What goes to the backend: a request built from parsed, granted values, never an edited one.
//!
//! Floor 4. Pure, like `decide`. [`BackendRequest`] has one producer, [`rewrite`], and
//! that needs a `Permit`.

use crate::decide::{Denial, Head, Permit};
use crate::domain::code::Code;
use crate::domain::time::Timestamp;
use crate::policy::{Backend, Grant, Grants, OutputFormat};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::sync::Arc;

/// A request to a backend, exactly as it will be sent; only from [`rewrite`].
#[derive(Debug)]
pub struct BackendRequest {
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
    /// What the client gets.
    pub output: OutputFormat,
    /// Backend headers that pass besides the fixed ones.
    pub pass_headers: Box<[http::HeaderName]>,
}

impl BackendRequest {
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

    /// Every header but `Content-Length`, `Host` included. Holds the platform's credential.
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

/// Builds the backend's request from a permitted one.
///
/// # Errors
/// `body_invalid`, `parameter_*`, `scope_*`, `column_not_granted`.
pub fn rewrite(
    permit: &Permit<'_>,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
    grants: &dyn Grants,
) -> Result<BackendRequest, Denial> {
    let _ = (permit, head, body, now, grants);
    Err(Denial::new(Code::Internal, "not written"))
}
