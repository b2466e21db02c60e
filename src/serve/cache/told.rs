//! What an answer says of the cache: `Cache-Status` (RFC 9211), `Cache-Control` and `Vary` (RFC 9111).

use super::store::Entry;
use crate::policy::CacheRule;
use crate::rewrite::Caching;
use crate::serve::body::Body;
use crate::serve::tally::CacheResult;
use http::header::{CACHE_CONTROL, HeaderName, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use std::time::Instant;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What became of a request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By what was kept.
    Hit,
    /// By what was kept, since the backend failed lately.
    Resting,
    /// By the backend; now it is kept.
    Stored,
    /// By the backend.
    Miss,
    /// By what the backend gave somebody else.
    Joined,
    /// By what was kept, in place of a backend that failed with this.
    StandIn(StatusCode),
    /// By the backend: this cache does not answer HEAD.
    Head,
    /// By the backend: there is no room at all, or the answer is not one to keep.
    Bypass,
}

impl Told {
    /// As metrics count it.
    pub(super) fn result(self) -> CacheResult {
        match self {
            Self::Hit => CacheResult::Hit,
            Self::Stored | Self::Miss => CacheResult::Miss,
            Self::Joined => CacheResult::Joined,
            Self::StandIn(_) | Self::Resting => CacheResult::Stale,
            Self::Head | Self::Bypass => CacheResult::Bypass,
        }
    }

    /// Tells it of an answer that was kept, or is whole and could have been.
    pub(super) fn of_entry(self, entry: &Entry, caching: &Caching, response: &mut Response<Body>) {
        let left = seconds_left(entry, caching.rule);
        self.write(left, response.headers_mut());
        if left > 0 {
            if let Ok(fresh) = HeaderValue::try_from(format!("private, max-age={left}")) {
                response.headers_mut().insert(CACHE_CONTROL, fresh);
            }
            varies(caching, response.headers_mut());
        }
    }

    /// Tells it of an answer that is passed on as it comes.
    pub(super) fn of_passed(self, response: &mut Response<Body>) {
        self.write(0, response.headers_mut());
    }

    fn write(self, left: i64, head: &mut HeaderMap) {
        let text = match self {
            Self::Hit | Self::Resting => format!("reportgate; hit; ttl={left}"),
            Self::Stored => "reportgate; fwd=miss; stored".to_owned(),
            Self::Miss => "reportgate; fwd=miss".to_owned(),
            Self::Joined => "reportgate; fwd=miss; collapsed".to_owned(),
            // Either `hit` or `fwd`, never both (section 2.1).
            Self::StandIn(status) => {
                format!("reportgate; fwd=stale; fwd-status={}; ttl={left}", status.as_u16())
            }
            Self::Head => "reportgate; fwd=method".to_owned(),
            Self::Bypass => "reportgate; fwd=bypass".to_owned(),
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            head.insert(CACHE_STATUS, value);
        }
    }
}

/// How many whole seconds an answer stays fresh; below 0 when it is not.
fn seconds_left(entry: &Entry, rule: CacheRule) -> i64 {
    let age = entry.age(Instant::now());
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match rule.ttl.checked_sub(age) {
        Some(left) => seconds(left),
        None => -seconds(age.saturating_sub(rule.ttl)),
    }
}

/// A client that keeps the answer must not give it to whoever presents another token.
fn varies(caching: &Caching, head: &mut HeaderMap) {
    let Some(own) = &caching.varies else { return };
    let all = match head.get(VARY) {
        None => own.clone(),
        Some(before) => {
            let all = [before.as_bytes(), own.as_bytes()].join(&b", "[..]);
            HeaderValue::from_bytes(&all).unwrap_or_else(|_| own.clone())
        }
    };
    head.insert(VARY, all);
}
