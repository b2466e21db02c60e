//! The record of one request: its metrics and its access line, written exactly once.
//!
//! A record is settled when it is dropped. Until the whole answer was handed over that
//! means "the client has gone" (or the gate itself, at the very end of a drain), so that
//! whatever ends a request, even a dropped future, is recorded.

use super::back::BackendError;
use super::drain::Stage;
use super::front::Connection;
use super::limit::Standing;
use super::line::Line;
use super::shard::Shard;
use super::sighting::Sighting;
use super::tally::{CacheResult, Counted, Outcome, SELF_SERVICE};
use crate::decide::Facts;
use crate::domain::code::Code;
use crate::filter::Filter;
use crate::policy::{LogFormat, Snapshot};
use crate::rewrite::BackendRequest;
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Above so many principals none has a series of its own.
const MAX_PRINCIPALS: usize = 1_000;

/// How much of a path that is no report's is logged, in characters.
const MAX_PATH: usize = 256;

/// A request under way.
pub(crate) struct Record {
    pub(crate) facts: Facts,
    pub(crate) backend_duration: Option<Duration>,
    columns_removed: u64,
    foreign_rows: u64,
    bytes: u64,
    shard: Arc<Shard>,
    connection: Arc<Connection>,
    request_id: Box<str>,
    /// `None` when the head could not be read.
    head: Option<(Method, Uri)>,
    is_head: bool,
    started: Instant,
    generation: u64,
    log_format: LogFormat,
    principal_series: bool,
    handed_over: HandedOver,
    /// The status of the head, and how the request ends once all of the answer was handed over.
    answer: Option<(u16, Outcome)>,
    violation: Option<&'static str>,
    /// It asks for one of the holders' own endpoints.
    self_service: bool,
    /// `None`: its holder is not known.
    standing: Option<Standing>,
    /// What became of it in the cache; `None` where the report has none.
    cache: Option<CacheResult>,
}

/// How much of the answer the connection has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandedOver {
    Nothing,
    Part,
    Whole,
}

impl fmt::Debug for Record {
    /// Not the target: a token may stand in its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", self.request_id)
    }
}

impl Record {
    /// A request with this method and target begins on `connection`.
    pub(crate) fn begin(
        shard: &Arc<Shard>,
        connection: &Arc<Connection>,
        snapshot: &Snapshot,
        head: Option<(Method, Uri)>,
    ) -> Self {
        connection.begin();
        shard.tally.begin();
        Self {
            facts: Facts::default(),
            backend_duration: None,
            columns_removed: 0,
            foreign_rows: 0,
            bytes: 0,
            shard: Arc::clone(shard),
            connection: Arc::clone(connection),
            request_id: shard.request_id().into(),
            is_head: head.as_ref().is_some_and(|(method, _)| method == Method::HEAD),
            head,
            started: Instant::now(),
            generation: snapshot.generation,
            log_format: snapshot.policy.settings.log_format,
            principal_series: snapshot.policy.principals.len() <= MAX_PRINCIPALS,
            handed_over: HandedOver::Nothing,
            answer: None,
            violation: None,
            self_service: false,
            standing: None,
            cache: None,
        }
    }

    /// The answer has a head only, although the request could not be read.
    pub(crate) fn head_only(&mut self) {
        self.is_head = true;
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// This became of it in the cache.
    pub(super) fn cached(&mut self, result: CacheResult) {
        self.cache = Some(result);
    }

    /// What will be seen of an answer that this request asks for, but not alone.
    pub(super) fn sighting(&self) -> Sighting {
        Sighting::new(&self.shard, self.generation, self.facts.report.clone())
    }

    /// This was seen of the answer.
    pub(super) fn see(&mut self, sighting: Option<Sighting>) {
        let Some(sighting) = sighting else { return };
        self.backend_duration = sighting.backend_duration;
        self.columns_removed = sighting.columns_removed;
        self.foreign_rows = sighting.foreign_rows;
    }

    /// It asks for one of the holders' own endpoints.
    pub(crate) fn self_service(&mut self) {
        self.self_service = true;
    }

    /// The rates of its holder stand like this.
    pub(crate) fn standing(&mut self, standing: Standing) {
        self.standing = Some(standing);
    }

    /// Writes how the rates of its holder stand.
    pub(crate) fn write_standing(&self, head: &mut HeaderMap) {
        if let Some(standing) = &self.standing {
            standing.write(head);
        }
    }

    /// What stands for the report: its name, or `_gate`.
    fn report(&self) -> Option<&str> {
        let own = self.self_service.then_some(SELF_SERVICE);
        own.or_else(|| self.facts.report.as_ref().map(|name| name.as_str()))
    }

    /// The checks and the rewrite are over, after so much time of the gate's own.
    pub(crate) fn decided(&self, outcome: Outcome, duration: Duration) {
        self.shard.tally.decided(outcome, duration);
    }

    /// The request was refused below this program's own checks, with an empty answer.
    pub(crate) fn refused(mut self, code: Code) {
        self.answer = Some((code.status(), Some(code)));
        self.complete();
    }

    /// Whether the answer has a head only.
    pub(crate) fn is_head(&self) -> bool {
        self.is_head
    }

    /// The answer has this status and ends, once all of it was handed over, like this.
    pub(crate) fn answer(&mut self, status: StatusCode, outcome: Outcome) {
        self.answer = Some((status.as_u16(), outcome));
    }

    /// The backend gave no answer that may be passed on, or no whole one: said once, for the operator.
    pub(crate) fn backend_failed(&mut self, error: &BackendError, asked: Option<&BackendRequest>) {
        self.violation = error.violation();
        // The query may hold the platform's credential.
        let path = asked.and_then(|request| request.path_and_query().split('?').next());
        tracing::warn!(
            request_id = self.request_id(),
            report = self.facts.report.as_ref().map(|name| name.as_str()),
            code = error.code().as_str(),
            backend_path = path,
            cause = std::error::Error::source(error).map(tracing::field::display),
            "{error}"
        );
    }

    /// So much the filter has found by now.
    pub(crate) fn found(&mut self, filter: &Filter) {
        self.columns_removed = filter.columns_removed();
        self.foreign_rows = filter.foreign_rows();
    }

    /// The filter will see no more of the answer.
    pub(crate) fn filtered(&mut self, filter: &Filter) {
        self.found(filter);
        self.shard.findings.tell_of(self.generation, self.facts.report.as_ref(), filter, false);
    }

    /// The filter has seen all of the answer.
    pub(crate) fn filtered_whole(&mut self, filter: &Filter) {
        self.found(filter);
        self.shard.findings.tell_of(self.generation, self.facts.report.as_ref(), filter, true);
    }

    /// The connection took some of the body.
    pub(crate) fn handed_over(&mut self, bytes: usize) {
        self.handed_over = HandedOver::Part;
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// The connection took all of the answer, or as much as it will get.
    pub(crate) fn complete(&mut self) {
        self.handed_over = HandedOver::Whole;
    }

    /// The answer breaks off with this code; its status is already said.
    pub(crate) fn abort(&mut self, code: Code) {
        self.answer = self.answer.map(|(status, _)| (status, Some(code)));
        self.complete();
    }

    /// Ends the connection in a reset: what was handed over must not look whole.
    pub(crate) fn reset_connection(&self) {
        self.connection.reset();
    }

    /// Status and ending as they turned out.
    fn ending(&self) -> (u16, Outcome) {
        let gone =
            if self.shard.draining.stage() < Stage::Refusing { Code::ClientGone } else { Code::Draining };
        match (self.handed_over, self.answer) {
            (HandedOver::Whole, Some((status, outcome))) => (status, outcome),
            (HandedOver::Part, Some((status, _))) => (status, Some(gone)),
            (HandedOver::Nothing, _) | (_, None) => (gone.status(), Some(gone)),
        }
    }

    fn line(&self, duration: Duration) -> String {
        let (status, outcome) = self.ending();
        let mut line = Line::new(self.log_format);
        line.now("ts");
        line.text("request_id", &self.request_id);
        line.address("client", self.facts.client);
        line.address("peer", Some(self.connection.peer()));
        line.optional("principal", self.facts.principal.as_ref().map(|id| id.as_str()));
        line.optional("token", self.facts.token.as_ref().map(|id| id.as_str()));
        line.optional("report", self.report());
        line.optional("method", self.head.as_ref().map(|(method, _)| method.as_str()));
        match &self.head {
            // A success of the gate's own stands at a path of the config's own words.
            Some((_, uri)) if self.facts.report.is_some() || self.self_service && outcome.is_none() => {
                line.text("path", uri.path());
            }
            Some((_, uri)) => line.text("path", &presentable(uri.path())),
            None => line.nothing("path"),
        }
        line.number("status", status);
        line.text("code", outcome.map_or("ok", Code::as_str));
        line.millis("duration_ms", Some(duration));
        line.millis("backend_ms", self.backend_duration);
        line.number("bytes", self.bytes);
        line.number("columns_removed", self.columns_removed);
        line.number("generation", self.generation);
        line.text("version", env!("CARGO_PKG_VERSION"));
        line.end()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        if self.foreign_rows > 0 {
            tracing::warn!(
                request_id = self.request_id(),
                report = self.facts.report.as_ref().map(|name| name.as_str()),
                principal = self.facts.principal.as_ref().map(|id| id.as_str()),
                rows = self.foreign_rows,
                "the backend's answer holds rows that are not the holder's; none of them was passed on"
            );
        }
        if let Some(token) = &self.facts.token {
            self.shard.tally.used(token, crate::clock::now());
        }
        self.shard.tally.end(&Counted {
            report: self.facts.report.as_ref(),
            self_service: self.self_service,
            principal: self.facts.principal.as_ref().filter(|_| self.principal_series),
            outcome: self.ending().1,
            duration,
            backend: self.backend_duration,
            columns_removed: self.columns_removed,
            foreign_rows: self.foreign_rows,
            violation: self.violation,
            cache: self.cache,
        });
        if let Some(log) = &self.shard.access_log {
            log.push(self.line(duration).as_bytes());
        }
        self.connection.end();
    }
}

/// A stranger's path for the log: cut to [`MAX_PATH`] characters, in plain ASCII, without what may be a token.
///
/// A segment is blotted out when it begins like a token of ours, when it is as long as tokens
/// of other platforms are at least, or when it is rather long and mixes letters and digits.
fn presentable(path: &str) -> String {
    let secret = |segment: &str| {
        let has = |class: fn(&u8) -> bool| segment.as_bytes().iter().any(class);
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        segment.starts_with("rg_") || segment.len() >= 20 || segment.len() >= 8 && mixed
    };
    let mut shown = String::new();
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            shown.push('/');
        }
        if secret(segment) {
            shown.push_str("***");
        } else {
            shown.extend(utf8_percent_encode(segment, CONTROLS));
        }
    }
    shown.chars().take(MAX_PATH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_paths_are_cut_and_blotted() {
        let long = format!("/{}", "ab/".repeat(200));
        #[rustfmt::skip]
        let cases = [
            ("/api/v1/reports/leads", "/api/v1/reports/leads"),
            ("/daily-performance/2026-11-22", "/daily-performance/2026-11-22"),
            ("/daily-performance-1", "/***"),
            ("/platform/ken-s3cr3t", "/platform/***"),
            ("/\u{9b}2J/\u{202e}", "/%C2%9B2J/%E2%80%AE"),
            ("/rg_0123456789/x", "/***/x"),
            ("/a/5f4dcc3b5aa765d61d8327deb882cf99/b", "/a/***/b"),
            ("/abcdefghijklmnopqrst", "/***"),
            ("/550e8400-e29b-41d4-a716-446655440000", "/***"),
            ("/%72%67%5F%30%31%32%33", "/***"),
            (long.as_str(), long.get(..256).unwrap()),
        ];
        for (path, expected) in cases {
            assert_eq!(presentable(path), expected, "{path}");
        }
    }
}
