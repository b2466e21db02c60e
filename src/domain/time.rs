//! Points in time with a resolution of one second, and the end of a token's life.
//!
//! Nothing here reads a clock: callers pass the time in.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// So much later; the last second there is when that is beyond it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The calendar date in UTC; the calendar's last day when out of its range (9999 years).
    #[must_use]
    pub fn date(self) -> Date {
        jiff::Timestamp::from_second(self.0)
            .map_or(Date::MAX, |instant| instant.to_zoned(TimeZone::UTC).date())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// When a token stops working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Works until it is removed from the config.
    Never,
    /// Works while `now < at`; at the second `at` itself it is expired.
    At(Timestamp),
}

impl Expiry {
    /// Whether a token with this expiry no longer works at `now`.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        match self {
            Self::Never => false,
            Self::At(at) => now >= at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_expiry_is_expired() {
        let at = |s| Timestamp::from_unix_seconds(s);
        #[rustfmt::skip]
        let cases = [
            (Expiry::At(at(1_000)), 999, false),
            (Expiry::At(at(1_000)), 1_000, true),
            (Expiry::Never, i64::MAX, false),
        ];
        for (expiry, now, expected) in cases {
            assert_eq!(expiry.is_over(at(now)), expected, "{expiry:?} at {now}");
        }
    }

    #[test]
    fn timestamps_print_as_rfc_3339() {
        assert_eq!(Timestamp::from_unix_seconds(1_763_806_500).to_string(), "2025-11-22T10:15:00Z");
        assert_eq!(Timestamp::from_unix_seconds(1_763_806_500).date().to_string(), "2025-11-22");
    }
}
