//! What a shard counts: its own numbers behind its own lock, summed when Prometheus asks.
//!
//! No label comes from a request: reports, principals and codes are words of the config
//! or of the closed set.

use crate::domain::code::Code;
use crate::domain::names::{PrincipalId, ReportName, TokenId};
use crate::domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What stands for the report where holders ask for their own endpoints; no report can have the name.
pub(crate) const SELF_SERVICE: &str = "_gate";

/// How a request ended: `None` is a success.
pub(crate) type Outcome = Option<Code>;

/// The upper bounds of request and backend durations, in seconds.
pub(crate) const REQUEST_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The upper bounds of decision durations, in seconds.
pub(crate) const DECISION_BOUNDS: [f64; 8] =
    [0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_1, 0.001, 0.01];

/// A histogram with fixed bounds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram<const N: usize> {
    /// Observations in each bucket, not cumulative.
    pub(crate) buckets: [u64; N],
    /// All observations, those beyond the last bound included.
    pub(crate) count: u64,
    /// Their sum, in seconds.
    pub(crate) sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    fn observe(&mut self, bounds: &[f64; N], duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = bounds.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    fn add(&mut self, other: &Self) {
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *to += from;
        }
        self.count += other.count;
        self.sum += other.sum;
    }
}

/// Counts by ending: the successes, then every code in its order.
#[derive(Debug, Clone)]
pub(crate) struct ByOutcome([u64; Code::ALL.len() + 1]);

impl Default for ByOutcome {
    fn default() -> Self {
        Self([0; Code::ALL.len() + 1])
    }
}

impl ByOutcome {
    fn count(&mut self, outcome: Outcome) {
        let at = outcome.map_or(0, |code| code as usize + 1);
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to += from;
        }
    }

    /// Every ending that occurred, with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        let outcomes = std::iter::once(None).chain(Code::ALL.iter().copied().map(Some));
        outcomes.zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// What became of a request for a report that has a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheResult {
    /// It got what was kept.
    Hit,
    /// It was for the backend to answer.
    Miss,
    /// It got what the backend gave another that asked at the same time.
    Joined,
    /// It got what was kept for longer than it is fresh, since the backend failed.
    Stale,
    /// It had nothing to do with the cache.
    Bypass,
}

impl CacheResult {
    /// Every one.
    pub(crate) const ALL: [Self; 5] = [Self::Hit, Self::Miss, Self::Joined, Self::Stale, Self::Bypass];

    /// The `result` of `cache_requests_total`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Joined => "joined",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
        }
    }
}

/// What is counted of one report; of none, for requests that found none.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportCounts {
    pub(crate) outcomes: ByOutcome,
    pub(crate) request: Histogram<12>,
    pub(crate) backend: Histogram<12>,
    pub(crate) columns_removed: u64,
    pub(crate) foreign_rows: u64,
    /// Answers of the backend that broke its dialect, by kind.
    pub(crate) violations: HashMap<&'static str, u64>,
    /// By what became of them in the cache, in the order of [`CacheResult::ALL`].
    pub(crate) cache: [u64; CacheResult::ALL.len()],
}

impl ReportCounts {
    fn add(&mut self, other: &Self) {
        self.outcomes.add(&other.outcomes);
        self.request.add(&other.request);
        self.backend.add(&other.backend);
        self.columns_removed += other.columns_removed;
        self.foreign_rows += other.foreign_rows;
        for (to, from) in self.cache.iter_mut().zip(&other.cache) {
            *to += from;
        }
        for (kind, count) in &other.violations {
            *self.violations.entry(kind).or_default() += count;
        }
    }
}

/// All that is counted of requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) reports: HashMap<Option<ReportName>, ReportCounts>,
    /// The holders' own endpoints.
    pub(crate) self_service: ReportCounts,
    pub(crate) principals: HashMap<PrincipalId, ByOutcome>,
    pub(crate) decisions: ByOutcome,
    pub(crate) decision: Histogram<8>,
    pub(crate) in_flight: u64,
}

impl Counts {
    /// Adds another shard's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, report) in &other.reports {
            self.reports.entry(name.clone()).or_default().add(report);
        }
        self.self_service.add(&other.self_service);
        for (id, outcomes) in &other.principals {
            self.principals.entry(id.clone()).or_default().add(outcomes);
        }
        self.decisions.add(&other.decisions);
        self.decision.add(&other.decision);
        self.in_flight += other.in_flight;
    }
}

/// One request, as it is counted at its end.
#[derive(Debug)]
pub(crate) struct Counted<'r> {
    pub(crate) report: Option<&'r ReportName>,
    /// It asked for one of the holders' own endpoints.
    pub(crate) self_service: bool,
    /// `None`: unknown, or there are too many principals for a series each.
    pub(crate) principal: Option<&'r PrincipalId>,
    pub(crate) outcome: Outcome,
    pub(crate) duration: Duration,
    pub(crate) backend: Option<Duration>,
    pub(crate) columns_removed: u64,
    pub(crate) foreign_rows: u64,
    pub(crate) violation: Option<&'static str>,
    pub(crate) cache: Option<CacheResult>,
}

/// The counts of one shard.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    /// When each token was presented last; those of the config, so that no stranger fills it.
    last_used: Mutex<HashMap<TokenId, Timestamp>>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counts stay true when a thread dies between two additions.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<TokenId, Timestamp>> {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token of the config was presented, whatever became of the request.
    pub(crate) fn used(&self, token: &TokenId, at: Timestamp) {
        let mut uses = self.uses();
        if let Some(last) = uses.get_mut(token) {
            *last = at;
        } else {
            uses.insert(token.clone(), at);
        }
    }

    /// Enters when each token was presented last, unless `all` knows of a later time.
    pub(crate) fn add_uses(&self, all: &mut HashMap<TokenId, Timestamp>) {
        for (token, at) in &*self.uses() {
            let last = all.entry(token.clone()).or_insert(*at);
            *last = (*last).max(*at);
        }
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.lock().in_flight += 1;
    }

    /// A request was decided, in so much time of the gate's own.
    pub(crate) fn decided(&self, outcome: Outcome, duration: Duration) {
        let mut counts = self.lock();
        counts.decisions.count(outcome);
        counts.decision.observe(&DECISION_BOUNDS, duration);
    }

    /// A request is over.
    pub(crate) fn end(&self, request: &Counted<'_>) {
        let mut counts = self.lock();
        counts.in_flight = counts.in_flight.saturating_sub(1);
        if let Some(principal) = request.principal {
            if let Some(outcomes) = counts.principals.get_mut(principal) {
                outcomes.count(request.outcome);
            } else {
                counts.principals.entry(principal.clone()).or_default().count(request.outcome);
            }
        }
        let report = if request.self_service {
            &mut counts.self_service
        } else {
            counts.reports.entry(request.report.cloned()).or_default()
        };
        report.outcomes.count(request.outcome);
        report.request.observe(&REQUEST_BOUNDS, request.duration);
        if let Some(backend) = request.backend {
            report.backend.observe(&REQUEST_BOUNDS, backend);
        }
        report.columns_removed += request.columns_removed;
        report.foreign_rows += request.foreign_rows;
        if let Some(count) = request.cache.and_then(|result| report.cache.get_mut(result as usize)) {
            *count += 1;
        }
        if let Some(kind) = request.violation {
            *report.violations.entry(kind).or_default() += 1;
        }
    }

    /// A copy of the counts so far.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_sum_up() {
        let report = ReportName::parse("leads").unwrap();
        let counted = |outcome, millis| Counted {
            report: Some(&report),
            self_service: false,
            principal: None,
            outcome,
            duration: Duration::from_millis(millis),
            backend: None,
            columns_removed: 2,
            foreign_rows: 5,
            violation: outcome.map(|_| "syntax"),
            cache: Some(CacheResult::Stale),
        };
        let (one, two) = (Tally::default(), Tally::default());
        for tally in [&one, &two] {
            tally.begin();
            tally.begin();
            tally.decided(None, Duration::from_micros(1));
            tally.end(&counted(None, 1));
        }
        two.end(&counted(Some(Code::BackendResponseInvalid), 40_000));
        let mut sum = one.counts();
        sum.add(&two.counts());
        let leads = &sum.reports[&Some(report)];
        let outcomes: Vec<_> = leads.outcomes.iter().collect();
        assert_eq!(outcomes, [(None, 2), (Some(Code::BackendResponseInvalid), 1)]);
        assert_eq!((leads.request.buckets[0], leads.request.count), (2, 3), "a bound is inclusive");
        assert_eq!(leads.request.buckets.iter().sum::<u64>(), 2, "40 s lie beyond the last bound");
        assert_eq!((leads.columns_removed, leads.foreign_rows, leads.violations["syntax"]), (6, 15, 1));
        assert_eq!(leads.cache, [0, 0, 0, 3, 0]);
        assert_eq!((sum.in_flight, sum.decision.buckets[0]), (1, 2));
    }
}
