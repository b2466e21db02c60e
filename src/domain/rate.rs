//! How many requests a holder may send, and the arithmetic of it.

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

/// What is left of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests that may come at once.
    pub remaining: u32,
    /// Until all of them are back.
    pub reset: Duration,
}

/// The arithmetic of the generic cell rate algorithm (GCRA).
///
/// The state of a rate is one number: when all of it will be back, in nanoseconds of the clock that `now` is read
/// from. Every request moves it on by the time that one request takes to come back; 0 is a rate nothing was taken
/// of. So a state in the past says nothing, and may be forgotten.
impl RateLimit {
    /// Takes one request at `now`, and gives the next state.
    ///
    /// # Errors
    /// How long until one would pass; a refused request takes nothing.
    pub fn take(self, state: u64, now: u64) -> Result<u64, Duration> {
        let next = state.max(now).saturating_add(self.interval());
        let latest = now.saturating_add(self.tolerance());
        if next > latest { Err(Duration::from_nanos(next - latest)) } else { Ok(next) }
    }

    /// What is left at `now`.
    #[must_use]
    pub fn quota(self, state: u64, now: u64) -> Quota {
        let taken = state.saturating_sub(now);
        let remaining = self.tolerance().saturating_sub(taken) / self.interval();
        Quota { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset: Duration::from_nanos(taken) }
    }

    /// The state that this rate has in the place of `before`, whose `state` it was: as many requests are taken, but
    /// no more than it has.
    #[must_use]
    pub fn carry(self, before: Self, state: u64, now: u64) -> u64 {
        let taken = u128::from(state.saturating_sub(now)) * u128::from(self.interval());
        let taken = u64::try_from(taken.div_ceil(u128::from(before.interval()))).unwrap_or(u64::MAX);
        now.saturating_add(taken.min(self.tolerance()))
    }

    /// Until a request that was taken is back, in nanoseconds; rounded up, so that no more pass than are allowed.
    fn interval(self) -> u64 {
        let period = self.period.duration().as_nanos();
        u64::try_from(period.div_ceil(u128::from(self.requests))).unwrap_or(u64::MAX)
    }

    /// Until the whole burst is back, in nanoseconds; of a burst that takes more than 292 years to come back,
    /// the rest never passes.
    fn tolerance(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst)).min(u64::MAX / 2)
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
    use proptest::prelude::*;

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

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_passes_at_once_and_comes_back_one_by_one() {
        let rate = RateLimit::parse("60/min burst 3").unwrap();
        let start = 5 * SECOND;
        #[rustfmt::skip]
        let steps = [
            // at (ns)               retry after (ns)   remaining, reset (s) behind it
            (start,                  None,              2, 1),
            (start,                  None,              1, 2),
            (start,                  None,              0, 3),
            (start,                  Some(SECOND),      0, 3),
            (start + SECOND - 1,     Some(1),           0, 3),
            (start + SECOND,         None,              0, 3),
            (start + SECOND,         Some(SECOND),      0, 3),
            // A clock that lags a little, as that of another core may, is no harm.
            (start,                  Some(2 * SECOND),  0, 4),
            (start + 4 * SECOND,     None,              2, 1),
            (start + 400 * SECOND,   None,              2, 1),
        ];
        let mut state = 0;
        for (at, (now, refused, remaining, reset)) in steps.into_iter().enumerate() {
            match rate.take(state, now) {
                Ok(next) => {
                    assert_eq!(refused, None, "step {at}");
                    state = next;
                }
                Err(wait) => assert_eq!(Some(wait), refused.map(Duration::from_nanos), "step {at}"),
            }
            let quota = rate.quota(state, now);
            assert_eq!(
                (quota.remaining, quota.reset.as_secs_f64().ceil()),
                (remaining, f64::from(reset)),
                "step {at}"
            );
        }
    }

    #[test]
    fn a_changed_rate_keeps_what_was_taken() {
        #[rustfmt::skip]
        let cases = [
            // before, taken of it, after, remaining of that
            ("300/min",          100, "600/min",          500),
            ("300/min",          300, "1000/min",         700),
            ("300/min",          300, "10/min",             0),
            ("1000/d",          1000, "100/min",            0),
            ("300/min burst 10",  10, "300/min",          290),
            ("300/min",            0, "10/min",            10),
            ("1/d burst 4294967295", 1, "4294967295/s", 999_999_999 + 3_294_967_295),
        ];
        let now = 7 * SECOND;
        for (before, taken, after, remaining) in cases {
            let [old, new] = [before, after].map(|rate| RateLimit::parse(rate).unwrap());
            let state = (0..taken).fold(0, |state, _| old.take(state, now).unwrap());
            let carried = new.carry(old, state, now);
            assert_eq!(new.quota(carried, now).remaining, remaining, "{before} to {after}");
            let wait = new.take(carried, now).err().unwrap_or_default();
            assert!(wait.as_nanos() <= u128::from(new.interval()), "{before} to {after}: {wait:?}");
        }
    }

    proptest! {
        /// In no window more than the burst and what comes back in it.
        #[test]
        fn no_more_pass_than_allowed(
            requests in 1_u32..2_000, burst in 1_u32..50, period in 0_usize..4,
            waits in proptest::collection::vec(prop_oneof![Just(0), 0_u64..SECOND, 0..100 * SECOND], 1..200),
        ) {
            let periods = [RatePeriod::Second, RatePeriod::Minute, RatePeriod::Hour, RatePeriod::Day];
            let rate = RateLimit::new(requests, periods[period], burst).unwrap();
            let (mut state, mut now, mut passed) = (0, 0_u64, Vec::new());
            for wait in waits {
                now += wait;
                match rate.take(state, now) {
                    Ok(next) => {
                        prop_assert!(next > state);
                        state = next;
                        passed.push(now);
                    }
                    Err(wait) => {
                        let wait = u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert_eq!(rate.quota(state, now).remaining, 0);
                        prop_assert!(rate.take(state, now + wait).is_ok(), "it passes when it was told to");
                        prop_assert!(rate.take(state, now + wait - 1).is_err(), "and not before");
                    }
                }
            }
            let period = u128::from(rate.period().duration().as_secs()) * u128::from(SECOND);
            for (first, from) in passed.iter().enumerate() {
                for (more, to) in passed[first..].iter().enumerate() {
                    let back = u128::from(to - from) * u128::from(requests) / period;
                    prop_assert!(u128::try_from(more + 1).unwrap() <= u128::from(burst) + back);
                }
            }
        }

        /// What is said to be left passes, and then nothing.
        #[test]
        fn what_is_left_passes(requests in 1_u32..5_000, burst in 1_u32..100, taken in 0_u32..100, waited in 0..10 * SECOND) {
            let rate = RateLimit::new(requests, RatePeriod::Minute, burst).unwrap();
            let state = (0..taken).fold(0, |state, _| rate.take(state, 1).unwrap_or(state));
            let remaining = rate.quota(state, 1 + waited).remaining;
            prop_assert!(remaining <= burst);
            let state = (0..remaining).try_fold(state, |state, _| rate.take(state, 1 + waited));
            prop_assert!(state.is_ok_and(|state| rate.take(state, 1 + waited).is_err()));
        }
    }
}
