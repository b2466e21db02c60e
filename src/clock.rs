//! The wall clock, read in one place.
//!
//! Rooms that decide take the time as an argument; those that act ask here. Deadlines
//! use the monotonic clock and are not touched by a step of this one.

use crate::domain::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time, in whole seconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// The time since 1970-01-01T00:00:00Z, as fine as the clock gives it; zero before that.
#[must_use]
pub fn since_epoch() -> std::time::Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}
