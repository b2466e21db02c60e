//! Whether a host of a backend is worth asking: what checks and answers have shown.
//!
//! Pure. Two failed checks in a row take a host down, one success brings it back. Between checks, or without them,
//! three failures in a row eject it for a second, and for longer each time up to half a minute; after that one request
//! a second may try it until it answers.

use std::time::{Duration, Instant};

/// So many checks must fail in a row.
const FAILED_CHECKS: u32 = 2;

/// So many requests must fail in a row.
const FAILURES: u32 = 3;

/// The first ejection, and how often an ejected host may be tried after it.
const FIRST: Duration = Duration::from_secs(1);

/// The longest ejection.
const LONGEST: Duration = Duration::from_secs(30);

/// What is known of a host.
#[derive(Debug, Default)]
pub(super) struct Standing {
    failed_checks: u32,
    failures: u32,
    ejections: u32,
    /// Not to be asked before; only with [`FAILURES`] or more.
    ejected_until: Option<Instant>,
    /// A request tries it although it was ejected.
    on_trial: bool,
}

impl Standing {
    /// Whether it works, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.failed_checks < FAILED_CHECKS && self.failures < FAILURES
    }

    /// Whether it is worth asking; when it is asked all the same, nothing is lost.
    pub(super) fn is_worth_asking(&self, now: Instant) -> bool {
        self.failed_checks < FAILED_CHECKS && self.ejected_until.is_none_or(|until| until <= now)
    }

    /// A request goes to it: when it was ejected, others wait for what comes of that.
    pub(super) fn asked(&mut self, now: Instant) {
        if self.ejected_until.is_some_and(|until| until <= now) {
            self.ejected_until = Some(now + FIRST);
            self.on_trial = true;
        }
    }

    /// It answered a request, whatever the answer.
    pub(super) fn answered(&mut self) {
        *self = Self { failed_checks: self.failed_checks, ..Self::default() };
    }

    /// It could not be reached, or closed the connection instead of an answer.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        // Many requests may fail of one outage: what was under way when it was ejected says nothing new.
        if self.failures == FAILURES || std::mem::take(&mut self.on_trial) {
            let longer = FIRST.saturating_mul(1 << self.ejections.min(5));
            self.ejected_until = Some(now + longer.min(LONGEST));
            self.ejections = self.ejections.saturating_add(1);
        }
    }

    /// It was checked.
    pub(super) fn checked(&mut self, works: bool) {
        if works {
            *self = Self::default();
        } else {
            self.failed_checks = self.failed_checks.saturating_add(1);
        }
    }

    /// It is checked no more.
    pub(super) fn unchecked(&mut self) {
        self.failed_checks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(times: u32, now: Instant) -> Standing {
        let mut standing = Standing::default();
        (0..times).for_each(|_| standing.failed(now));
        standing
    }

    #[test]
    fn two_failed_checks_take_it_down_and_one_success_brings_it_back() {
        let now = Instant::now();
        let mut standing = Standing::default();
        standing.checked(false);
        assert!(standing.is_up() && standing.is_worth_asking(now));
        standing.checked(false);
        assert!(!standing.is_up() && !standing.is_worth_asking(now));
        standing.answered();
        assert!(!standing.is_up(), "an answer is no check");
        standing.checked(true);
        assert!(standing.is_up() && standing.is_worth_asking(now));
        standing.checked(false);
        assert!(standing.is_up(), "not in a row");
        standing.checked(false);
        standing.unchecked();
        assert!(standing.is_up(), "nobody checks any more");
    }

    #[test]
    fn three_failures_in_a_row_eject_it() {
        let now = Instant::now();
        let mut standing = failed(2, now);
        assert!(standing.is_up() && standing.is_worth_asking(now));
        standing.answered();
        standing.failed(now);
        standing.failed(now);
        assert!(standing.is_worth_asking(now), "not in a row");
        standing.failed(now);
        assert!(!standing.is_up() && !standing.is_worth_asking(now));
        standing.answered();
        assert!(standing.is_up() && standing.is_worth_asking(now));
        let mut standing = failed(3, now);
        standing.checked(true);
        assert!(standing.is_up() && standing.is_worth_asking(now));
    }

    #[test]
    fn ejections_grow_and_one_request_a_second_tries() {
        let mut now = Instant::now();
        // However many fail at once.
        let mut standing = failed(100, now);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let until = now + Duration::from_secs(seconds);
            assert!(!standing.is_worth_asking(until - Duration::from_millis(1)), "{seconds}");
            now = until;
            assert!(standing.is_worth_asking(now) && !standing.is_up(), "{seconds}");
            standing.asked(now);
            assert!(!standing.is_worth_asking(now), "one at a time");
            assert!(standing.is_worth_asking(now + FIRST), "the trial may hang");
            standing.failed(now);
        }
        standing.answered();
        assert!(standing.is_up());
        (0..3).for_each(|_| standing.failed(now));
        assert!(standing.is_worth_asking(now + FIRST), "the first ejection is short again");
    }
}
