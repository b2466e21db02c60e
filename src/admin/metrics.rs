//! `/metrics`: the numbers of section 10 of the contract, in Prometheus' text format.
//!
//! Shards count for themselves; they are summed when somebody asks. Everything about
//! tokens is read off the snapshot in force.

use super::Page;
use crate::clock;
use crate::domain::code::Code;
use crate::domain::time::{Expiry, Timestamp};
use crate::policy::{Policy, PolicyReader};
use crate::reload::Reloader;
use crate::serve::{
    ByOutcome, CacheResult, Connections, Counts, DECISION_BOUNDS, Draining, Histogram, LineLog,
    REQUEST_BOUNDS, SELF_SERVICE, Shard,
};
use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::Serialize;
use std::sync::Arc;

/// Above so many principals no token has a series of its own.
const MAX_PRINCIPALS: usize = 1_000;

/// Above so many tokens none has a series of its own.
const MAX_TOKENS: usize = 10_000;

/// Where the numbers come from.
#[derive(Debug)]
pub struct Sources {
    /// What is in force.
    pub policies: PolicyReader,
    /// What became of reloads.
    pub reloader: Arc<Reloader>,
    /// Who counts requests.
    pub shards: Vec<Arc<Shard>>,
    /// Open connections.
    pub connections: Arc<Connections>,
    /// Lost access lines.
    pub access_log: Option<Arc<LineLog>>,
    /// Lost lines of everything else that is said.
    pub diagnostics: Option<Arc<LineLog>>,
    /// Whether the process is on its way out.
    pub draining: Draining,
}

/// Tokens by state; each is in exactly one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct TokenStates {
    /// Works, for more than 30 days or for ever.
    pub(super) active: u64,
    /// Works, for at most 30 days but more than 7.
    pub(super) expiring_30d: u64,
    /// Works, for at most 7 days.
    pub(super) expiring_7d: u64,
    /// Past its expiry.
    pub(super) expired: u64,
    /// Its holder is disabled.
    pub(super) disabled: u64,
}

impl TokenStates {
    /// Counts the tokens of `policy`.
    pub(super) fn count(policy: &Policy, now: Timestamp) -> Self {
        const DAY: i64 = 86_400;
        let mut states = Self::default();
        for token in policy.tokens.iter() {
            let disabled = policy.principal(token.principal).is_none_or(|holder| holder.disabled);
            let left = match token.expires {
                Expiry::Never => i64::MAX,
                Expiry::At(at) => at.unix_seconds().saturating_sub(now.unix_seconds()),
            };
            *match left {
                _ if disabled => &mut states.disabled,
                ..=0 => &mut states.expired,
                left if left <= 7 * DAY => &mut states.expiring_7d,
                left if left <= 30 * DAY => &mut states.expiring_30d,
                _ => &mut states.active,
            } += 1;
        }
        states
    }
}

/// The page.
pub(super) fn exposition(sources: &Sources) -> Page {
    let mut families = Vec::new();
    requests(&mut families, sources);
    process(&mut families, sources);
    backends(&mut families, sources);
    config(&mut families, sources);
    tokens(&mut families, &sources.policies);
    families.retain(|family: &MetricFamily| !family.get_metric().is_empty());
    // The families are well formed: named, and none without a metric.
    let text = TextEncoder::new().encode_to_string(&families).unwrap_or_default();
    ("text/plain; version=0.0.4; charset=utf-8", text)
}

fn requests(families: &mut Vec<MetricFamily>, sources: &Sources) {
    let mut counts = Counts::default();
    for shard in &sources.shards {
        counts.add(&shard.counts());
    }
    let (mut outcomes, mut cached) = (Vec::new(), Vec::new());
    let (mut durations, mut backend_durations) = (Vec::new(), Vec::new());
    let asked =
        counts.reports.iter().map(|(name, report)| (name.as_ref().map_or("-", |n| n.as_str()), report));
    let own = (counts.self_service.request.count > 0).then_some((SELF_SERVICE, &counts.self_service));
    for (name, report) in asked.chain(own) {
        let labels = [("report", name)];
        outcomes.extend(by_outcome(&report.outcomes, &labels));
        durations.push(histogram(&report.request, &REQUEST_BOUNDS, &labels));
        if name == "-" || name == SELF_SERVICE {
            continue;
        }
        backend_durations.push(histogram(&report.backend, &REQUEST_BOUNDS, &labels));
        for (result, count) in CacheResult::ALL.iter().zip(report.cache).filter(|(_, count)| *count > 0) {
            cached.push(counter(count, &[("report", name), ("result", result.as_str())]));
        }
    }
    let principals = counts.principals.iter();
    let principals =
        principals.flat_map(|(id, outcomes)| by_outcome(outcomes, &[("principal", id.as_str())])).collect();
    let decisions = counts.decisions.iter().map(|(outcome, count)| {
        let decision = if outcome.is_none() { "allow" } else { "deny" };
        counter(count, &[("decision", decision), ("reason", outcome.map_or("ok", Code::as_str))])
    });
    let decisions = decisions.collect();
    let decision = vec![histogram(&counts.decision, &DECISION_BOUNDS, &[])];
    let mut add = |name, help, kind, metrics| families.push(family(name, help, kind, metrics));
    let (counters, histograms) = (MetricType::COUNTER, MetricType::HISTOGRAM);
    add("requests_total", "Requests by report and ending.", counters, outcomes);
    add(
        "cache_requests_total",
        "Requests for reports with a cache, by what became of them.",
        counters,
        cached,
    );
    add("requests_by_principal_total", "Requests by principal and ending.", counters, principals);
    add("auth_decisions_total", "Decisions about requests, by reason.", counters, decisions);
    add(
        "request_duration_seconds",
        "From the head of a request to the end of its answer.",
        histograms,
        durations,
    );
    add(
        "backend_duration_seconds",
        "From the backend request to the head of its answer.",
        histograms,
        backend_durations,
    );
    add(
        "decision_duration_seconds",
        "Checks and rewrite of a request, waiting excluded.",
        histograms,
        decision,
    );
    let in_flight = vec![gauge(counts.in_flight as f64, &[])];
    add("requests_in_flight", "Requests under way.", MetricType::GAUGE, in_flight);
    answers(families, &counts);
}

/// What backends sent that they should not have.
fn answers(families: &mut Vec<MetricFamily>, counts: &Counts) {
    let (mut removed, mut foreign, mut violations) = (Vec::new(), Vec::new(), Vec::new());
    for (name, report) in &counts.reports {
        let Some(name) = name else { continue };
        let labels = [("report", name.as_str())];
        removed.push(counter(report.columns_removed, &labels));
        foreign.push(counter(report.foreign_rows, &labels));
        for (kind, count) in &report.violations {
            violations.push(counter(*count, &[("report", name.as_str()), ("kind", kind)]));
        }
    }
    let mut add = |name, help, metrics| families.push(family(name, help, MetricType::COUNTER, metrics));
    add("columns_removed_total", "Columns the backend sent that were cut, summed over answers.", removed);
    add(
        "foreign_rows_total",
        "Rows the backend sent that are not the holder's; none of them was passed on.",
        foreign,
    );
    add(
        "response_violations_total",
        "Backend answers that were refused or broken off for what they are, by kind.",
        violations,
    );
}

fn process(families: &mut Vec<MetricFamily>, sources: &Sources) {
    let mut add = |name, help, kind, metric| families.push(family(name, help, kind, vec![metric]));
    let open = gauge(sources.connections.open() as f64, &[]);
    add("connections", "Open client connections.", MetricType::GAUGE, open);
    let refused = sources.connections.refused();
    let refused = refused.map(|(why, count)| counter(count, &[("reason", why.as_str())])).collect();
    let help = "Client connections closed before their first request.";
    families.push(family("connections_refused_total", help, MetricType::COUNTER, refused));
    let mut add = |name, help, kind, metric| families.push(family(name, help, kind, vec![metric]));
    let dropped = |log: &Option<Arc<LineLog>>| counter(log.as_ref().map_or(0, |log| log.dropped()), &[]);
    let lines = dropped(&sources.access_log);
    add("access_log_dropped_total", "Access lines that could not be written.", MetricType::COUNTER, lines);
    let lines = dropped(&sources.diagnostics);
    add(
        "diagnostics_dropped_total",
        "Lines for stderr that could not be written.",
        MetricType::COUNTER,
        lines,
    );
    if let Some(shard) = sources.shards.first() {
        let (bytes, entries) = shard.cache().figures();
        add("cache_bytes", "What kept answers take.", MetricType::GAUGE, gauge(bytes as f64, &[]));
        add("cache_entries", "Answers that are kept.", MetricType::GAUGE, gauge(entries as f64, &[]));
    }
    let build = gauge(1.0, &[("version", env!("CARGO_PKG_VERSION"))]);
    add("build_info", "The version that runs.", MetricType::GAUGE, build);
}

/// Whether each host of each backend works, as far as checks and requests have shown.
fn backends(families: &mut Vec<MetricFamily>, sources: &Sources) {
    let Some(shard) = sources.shards.first() else { return };
    let mut up = Vec::new();
    for backend in &sources.policies.current().policy.backends {
        for endpoint in backend.endpoints() {
            let works = shard.backends().is_up(backend, endpoint);
            let labels = [("backend", backend.name.as_str()), ("url", &*endpoint.url)];
            up.push(gauge(f64::from(u8::from(works)), &labels));
        }
    }
    families.push(family("backend_up", "Whether a host of a backend works.", MetricType::GAUGE, up));
}

fn config(families: &mut Vec<MetricFamily>, sources: &Sources) {
    let reload = sources.reloader.status();
    let generation = sources.policies.current().generation;
    let gauges = [
        ("config_last_reload_successful", "Whether the last reload was.", f64::from(u8::from(reload.ok))),
        (
            "config_last_reload_success_timestamp_seconds",
            "When the last successful reload was.",
            reload.success_at.unix_seconds() as f64,
        ),
        ("config_generation", "Accepted configs since the start.", generation as f64),
        (
            "config_reload_held",
            "Whether a config waits to be confirmed.",
            f64::from(u8::from(reload.held.is_some())),
        ),
        (
            "config_unwatched",
            "Whether some changes are seen by the slow poll only.",
            f64::from(u8::from(!reload.unwatched.is_empty())),
        ),
        (
            "config_tests_failing",
            "Cases of the config in force that expect a success and fail.",
            reload.tests_failing as f64,
        ),
    ];
    for (name, help, value) in gauges {
        families.push(family(name, help, MetricType::GAUGE, vec![gauge(value, &[])]));
    }
    let results = [("published", generation), ("failed", reload.failed)];
    let results = results.iter().map(|(result, count)| counter(*count, &[("result", result)])).collect();
    families.push(family("config_reloads_total", "Reloads by result.", MetricType::COUNTER, results));
}

fn tokens(families: &mut Vec<MetricFamily>, policies: &PolicyReader) {
    let snapshot = policies.current();
    let policy = &snapshot.policy;
    let states = TokenStates::count(policy, clock::now());
    let states = [
        ("active", states.active),
        ("expiring_30d", states.expiring_30d),
        ("expiring_7d", states.expiring_7d),
        ("expired", states.expired),
        ("disabled", states.disabled),
    ];
    let states = states.iter().map(|(state, count)| gauge(*count as f64, &[("state", state)])).collect();
    families.push(family("tokens", "Tokens by state, each in one.", MetricType::GAUGE, states));
    let mut expiries = Vec::new();
    if policy.principals.len() <= MAX_PRINCIPALS && policy.tokens.iter().len() <= MAX_TOKENS {
        for token in policy.tokens.iter() {
            let (Expiry::At(at), Some(holder)) = (token.expires, policy.principal(token.principal)) else {
                continue;
            };
            let labels = [("principal", holder.id.as_str()), ("token", token.id.as_str())];
            expiries.push(gauge(at.unix_seconds() as f64, &labels));
        }
    }
    let help = "When a token expires.";
    families.push(family("token_expiry_timestamp_seconds", help, MetricType::GAUGE, expiries));
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("reportgate_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

fn counter(value: u64, labels: &[(&str, &str)]) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

fn gauge(value: f64, labels: &[(&str, &str)]) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

fn by_outcome(counts: &ByOutcome, labels: &[(&str, &str)]) -> Vec<Metric> {
    let metric = |(outcome, count): (Option<Code>, u64)| {
        let outcome = ("outcome", outcome.map_or("ok", Code::as_str));
        counter(count, &[labels, &[outcome]].concat())
    };
    counts.iter().map(metric).collect()
}

fn histogram<const N: usize>(observed: &Histogram<N>, bounds: &[f64; N], labels: &[(&str, &str)]) -> Metric {
    let mut cumulative = 0;
    let buckets = bounds.iter().zip(&observed.buckets).map(|(bound, count)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    let mut histogram = prometheus::proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(observed.count);
    histogram.set_sample_sum(observed.sum);
    let mut metric = labelled(labels);
    metric.set_histogram(histogram);
    metric
}
