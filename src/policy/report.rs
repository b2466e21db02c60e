//! Reports: routes of the backend with their catalogues.

use super::backend::BackendIndex;
use super::principal::PermissionIndex;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{OutputFormat, RequestDialect, ResponseDialect};
use crate::domain::names::ReportName;
use crate::domain::template::Template;
use http::{HeaderName, Method};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt::{self, Write as _};
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
    /// The hash of everything in here that an answer may depend on; set by [`ReportTable::new`].
    pub fingerprint: [u8; 32],
}

impl Report {
    /// The hash of everything that an answer may depend on besides the backend's request.
    ///
    /// A new field has to be taken, or left out, here. Left out is what says only who may ask, and whom.
    fn fingerprint(&self) -> [u8; 32] {
        let Self {
            name,
            title: _,
            permission: _,
            backend: _,
            path,
            methods: _,
            backend_path,
            backend_method,
            catalogue,
            request,
            response,
            output,
            pass_request_headers,
            pass_response_headers,
            cache: _,
            fingerprint: _,
        } = self;
        // Its `Debug` has a map without an order.
        let columns: Vec<_> = catalogue.iter().map(|(_, column)| column).collect();
        let mut hash = Hashed(Sha256::new());
        // Hashing cannot fail. Debug texts of different values differ: strings are quoted, names escaped.
        let _ = write!(
            hash,
            "{:?}",
            (
                (name, path, backend_path, backend_method, columns),
                (request, response, output),
                (pass_request_headers, pass_response_headers),
            )
        );
        hash.0.finalize().into()
    }
}

/// Takes text into a hash.
struct Hashed(Sha256);

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
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
        let finished = |mut report: Report| {
            report.fingerprint = report.fingerprint();
            Arc::new(report)
        };
        Self { reports: reports.into_iter().map(finished).collect(), by_path }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;
    use crate::domain::column::Column;
    use crate::domain::dialect::{ContentCoding, OnExtra};

    fn fingerprint(report: Report) -> [u8; 32] {
        let table = ReportTable::new(vec![report]);
        table.get(ReportIndex(0)).unwrap().fingerprint
    }

    /// Of a report that was changed in one thing.
    fn changed(change: impl FnOnce(&mut Report)) -> [u8; 32] {
        let mut report = fixture::report();
        change(&mut report);
        fingerprint(report)
    }

    fn with_column(change: impl FnOnce(&mut Column)) -> [u8; 32] {
        changed(|report| {
            let mut columns: Vec<_> = report.catalogue.iter().map(|(_, column)| column.clone()).collect();
            change(&mut columns[0]);
            report.catalogue = Catalogue::new(columns);
        })
    }

    #[test]
    fn what_an_answer_depends_on_is_in_the_fingerprint() {
        let all = [
            fingerprint(fixture::report()),
            changed(|report| report.name = ReportName::parse("other").unwrap()),
            changed(|report| report.path = "/other".into()),
            changed(|report| report.backend_path = Template::parse("/other")),
            changed(|report| report.backend_method = Method::POST),
            changed(|report| report.request.on_extra_columns = OnExtra::Drop),
            changed(|report| report.response.compress = [ContentCoding::Zstd].into()),
            changed(|report| report.response.decoding.max_ratio = 7),
            changed(|report| report.output = [OutputFormat::Ndjson].into()),
            changed(|report| report.pass_request_headers = [http::header::FROM].into()),
            changed(|report| report.pass_response_headers = [http::header::FROM].into()),
            with_column(|column| column.response = "other".into()),
            with_column(|column| column.title = Some("other".into())),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }

    #[test]
    fn who_may_ask_is_not_in_it() {
        let own = fingerprint(fixture::report());
        // Of another map with another order.
        assert_eq!(own, with_column(|_| {}));
        assert_eq!(own, changed(|report| report.title = Some("Leads of today".into())));
        assert_eq!(own, changed(|report| report.permission = PermissionIndex(7)));
        assert_eq!(own, changed(|report| report.backend = BackendIndex(7)));
        let rule = CacheRule { ttl: Duration::from_secs(7), stale_if_error: Duration::ZERO };
        assert_eq!(own, changed(|report| report.cache = Some(rule)));
    }
}
