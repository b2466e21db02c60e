//! What the backend sees, and what it never sees.

mod caching;
mod columns;
mod headers;
mod links;
mod paging;
mod parameters;
mod properties;
mod scope;
mod tricks;

use super::*;
use crate::decide::{Extra, fixture};
use crate::domain::dialect::RequestDialect;
use crate::policy::{Policy, Report};

/// Compiles every grant anew.
pub(super) struct Uncached;

impl Grants for Uncached {
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant> {
        Arc::new(Grant::compile(report, &key.view))
    }
}

/// A key of the tests' own.
pub(super) fn seal_key() -> SealKey {
    SealKey::new(b"a secret of 32 or even more bytes").unwrap()
}

/// 2026-03-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_seconds(1_772_323_200);

pub(super) fn policy(dialect: RequestDialect) -> Policy {
    fixture::policy_of(Report { request: dialect, ..fixture::report() })
}

/// The backend request for a query (GET) or a query and a body (POST).
pub(super) fn rewritten(
    policy: &Policy,
    id: &str,
    query: &str,
    body: Option<&[u8]>,
) -> Result<BackendRequest, Denial> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let head = Head { method: &method, ..fixture::head("/reports/leads", Some(query)) };
    rewrite(
        &fixture::permit(policy, id, &head),
        &head,
        body.unwrap_or_default(),
        NOW,
        &Uncached,
        Some(&seal_key()),
    )
}

/// Query and body as the backend gets them, or the code and what it is about.
pub(super) fn told(result: Result<BackendRequest, Denial>) -> String {
    match result {
        Ok(request) => {
            let query = request.path_and_query().split_once('?').map_or("", |(_, query)| query);
            let body = std::str::from_utf8(request.body()).unwrap();
            let parts = [query, body].into_iter().filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join(" ").replace("%5B%5D", "[]").replace("%2C", ",")
        }
        Err(denial) => match denial.extras.first() {
            Some((_, Extra::Text(text))) => format!("{} {text}", denial.code),
            Some((_, Extra::List(list))) => format!("{} {}", denial.code, list.join(",")),
            None => denial.code.to_string(),
        },
    }
}

#[track_caller]
pub(super) fn check(dialect: &RequestDialect, id: &str, query: &str, expected: &str) {
    assert_eq!(told(rewritten(&policy(dialect.clone()), id, query, None)), expected, "{id} ?{query}");
}

#[track_caller]
pub(super) fn check_body(dialect: &RequestDialect, id: &str, body: &str, expected: &str) {
    let result = rewritten(&policy(dialect.clone()), id, "", Some(body.as_bytes()));
    assert_eq!(told(result), expected, "{id} {body}");
}
