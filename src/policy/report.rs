//! Reports: routes of the backend with their catalogues.

use super::backend::BackendIndex;
use super::principal::PermissionIndex;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{OutputFormat, RequestDialect, ResponseDialect};
use crate::domain::names::ReportName;
use crate::domain::template::Template;
use http::{HeaderName, Method};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The place of a report in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportIndex(pub usize);

/// Which methods clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// GET.
    pub get: bool,
    /// HEAD, implied by GET where the backend is asked with GET.
    pub head: bool,
    /// POST.
    pub post: bool,
}

impl Methods {
    /// Whether clients may use `method`.
    #[must_use]
    pub fn allow(self, method: &Method) -> bool {
        match *method {
            Method::GET => self.get,
            Method::HEAD => self.head,
            Method::POST => self.post,
            _ => false,
        }
    }

    /// The value of an `Allow` header (RFC 9110 section 10.2.1).
    #[must_use]
    pub fn allow_header(self) -> String {
        let named = [(self.get, "GET"), (self.head, "HEAD"), (self.post, "POST")];
        let allowed: Vec<_> = named.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        allowed.join(", ")
    }
}

/// One route of the backend.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub name: ReportName,
    /// A human title.
    pub title: Option<Box<str>>,
    /// The right that it asks for.
    pub permission: PermissionIndex,
    /// Who answers it.
    pub backend: BackendIndex,
    /// The path clients call, matched byte for byte.
    pub path: Box<str>,
    /// What clients may use.
    pub methods: Methods,
    /// The path at the backend, behind its base path.
    pub backend_path: Template,
    /// GET or POST.
    pub backend_method: Method,
    /// Its columns.
    pub catalogue: Catalogue,
    /// How its requests are written.
    pub request: RequestDialect,
    /// How its answers are read.
    pub response: ResponseDialect,
    /// What clients get, the first being the default; at least one.
    pub output: Box<[OutputFormat]>,
    /// Client headers that pass to the backend besides the fixed ones.
    pub pass_request_headers: Box<[HeaderName]>,
    /// Backend headers that pass to the client besides the fixed ones.
    pub pass_response_headers: Box<[HeaderName]>,
    /// How long its answers are kept; `None`: they are not.
    pub cache: Option<CacheRule>,
}

/// How long answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheRule {
    /// How long they are fresh.
    pub ttl: Duration,
    /// How long, once no longer fresh, they stand in for a backend that fails.
    pub stale_if_error: Duration,
}

/// All reports, found by path.
#[derive(Debug, Default)]
pub struct ReportTable {
    reports: Box<[Arc<Report>]>,
    by_path: HashMap<Box<str>, ReportIndex>,
}

impl ReportTable {
    /// A table of reports, whose paths are distinct.
    #[must_use]
    pub fn new(reports: Vec<Report>) -> Self {
        let by_path =
            reports.iter().enumerate().map(|(at, report)| (report.path.clone(), ReportIndex(at))).collect();
        Self { reports: reports.into_iter().map(Arc::new).collect(), by_path }
    }

    /// The report at exactly that path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(ReportIndex, &Arc<Report>)> {
        let index = *self.by_path.get(path)?;
        Some((index, self.reports.get(index.0)?))
    }

    /// The report at that place; `None` for an index of another policy.
    #[must_use]
    pub fn get(&self, index: ReportIndex) -> Option<&Report> {
        self.reports.get(index.0).map(|report| &**report)
    }

    /// Every report with its place.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReportIndex, &Report)> {
        self.reports.iter().enumerate().map(|(at, report)| (ReportIndex(at), &**report))
    }
}
