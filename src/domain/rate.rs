//! How many requests a holder may send.

use std::fmt;
use std::time::Duration;

/// A rate such as `120/min`, with the burst that it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    requests: u32,
    period: RatePeriod,
    burst: u32,
}

/// What a rate counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatePeriod {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of 24 hours.
    Day,
}

impl RatePeriod {
    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }
}

impl RateLimit {
    /// So many requests a period, at most `burst` of them at once; `None` when one of the numbers is zero.
    #[must_use]
    pub const fn new(requests: u32, period: RatePeriod, burst: u32) -> Option<Self> {
        if requests == 0 || burst == 0 { None } else { Some(Self { requests, period, burst }) }
    }

    /// Reads `120/min` or `120/min burst 20`; without a burst it is the whole number.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "expected NUMBER/s, /min, /h or /d, such as \"120/min\" or \"120/min burst 20\"";
        let (rate, burst) =
            text.split_once(" burst ").map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let (requests, period) = rate.split_once('/').ok_or(EXPECTED)?;
        let number = |text: &str| {
            let digits =
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
            if digits { text.parse::<u32>().map_err(|_| EXPECTED) } else { Err(EXPECTED) }
        };
        let requests = number(requests)?;
        let periods = [RatePeriod::Second, RatePeriod::Minute, RatePeriod::Hour, RatePeriod::Day];
        let period = periods.into_iter().find(|own| own.as_str() == period).ok_or(EXPECTED)?;
        let burst = burst.map_or(Ok(requests), number)?;
        Self::new(requests, period, burst).ok_or(EXPECTED)
    }

    /// Requests in a period.
    #[must_use]
    pub const fn requests(self) -> u32 {
        self.requests
    }

    /// The period.
    #[must_use]
    pub const fn period(self) -> RatePeriod {
        self.period
    }

    /// Requests that may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.period.as_str())?;
        if self.burst == self.requests { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        #[rustfmt::skip]
        let cases = [
            ("120/min", Some((120, RatePeriod::Minute, 120))),
            ("1/s", Some((1, RatePeriod::Second, 1))),
            ("300/min burst 50", Some((300, RatePeriod::Minute, 50))),
            ("5/h burst 10", Some((5, RatePeriod::Hour, 10))),
            ("4294967295/d", Some((u32::MAX, RatePeriod::Day, u32::MAX))),
            ("4294967296/d", None), ("0/min", None), ("120", None), ("120/m", None), ("/min", None), ("+1/min", None), ("01/min", None),
            ("120/min burst 0", None), ("120/min burst", None), ("120/min burst  5", None), ("120 /min", None), ("-1/s", None), ("1.5/s", None), ("", None),
        ];
        for (text, expected) in cases {
            let read = RateLimit::parse(text).ok();
            assert_eq!(read.map(|rate| (rate.requests(), rate.period(), rate.burst())), expected, "{text}");
            assert!(read.is_none_or(|rate| rate.to_string() == text), "{text}");
        }
    }
}
