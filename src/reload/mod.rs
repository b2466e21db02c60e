//! Hot reload: watch the files, load, publish. It owns the only `PolicyWriter`.
//!
//! Floor 6. A config with one problem changes nothing. Requests are unknown here, and
//! never wait here: building and freeing happen on the watch thread or the caller's.

mod judge;
#[cfg(test)]
mod tests;
mod watch;

pub use watch::Watch;

use crate::clock;
use crate::config::{Rejected, Report, Sources};
use crate::domain::time::Timestamp;
use crate::load::{Accepted, changes, load};
use crate::policy::{PolicyReader, PolicyWriter, Settings, Snapshot, policies};
use judge::{Loss, Reading, Settling, restart_needed};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::{fmt, io};

/// How many problems of a report are kept and logged.
const MOST_PROBLEMS: usize = 100;

/// Why a reload is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A file changed, or the slow poll came round. May be held.
    Watched,
    /// Somebody asked: SIGHUP or `confirm`. Never held.
    Asked,
}

/// What came of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The files are those in force.
    Unchanged,
    /// A new snapshot of this generation is in force.
    Published(u64),
    /// A problem: the snapshot in force stays.
    Failed,
    /// It would remove too many tokens: waits for somebody to ask.
    Held,
    /// A file is a strict prefix of its version in force, or changed while it was read: tried again
    /// soon, by the watch thread, or when somebody asks again.
    Unsettled,
}

/// What is known about reloads; for `/status` and metrics.
#[derive(Debug, Clone)]
pub struct ReloadStatus {
    /// Whether the last one succeeded.
    pub ok: bool,
    /// When it was tried; a version already judged that is seen again is no new try, unless somebody asked.
    pub at: Timestamp,
    /// When the last successful one was.
    pub success_at: Timestamp,
    /// Its problems, each on one line with file:line:column; the first 100 and how many more.
    pub problems: Vec<String>,
    /// Whether a config is held, and why.
    pub held: Option<String>,
    /// Settings that differ from those at start and need a restart.
    pub restart_needed: Vec<&'static str>,
    /// Cases of the config in force that fail.
    pub tests_failing: usize,
    /// How many failed since the start, the held ones included.
    pub failed: u64,
    /// What cannot be watched, and why: there only the slow poll looks.
    pub unwatched: Vec<String>,
}

/// Loads configs and puts them in force.
pub struct Reloader {
    path: PathBuf,
    started_with: Settings,
    reader: PolicyReader,
    work: Mutex<Work>,
    status: Mutex<ReloadStatus>,
}

/// What a reload needs for itself; behind a lock that no request touches.
struct Work {
    writer: PolicyWriter,
    /// The files of the snapshot in force.
    in_force: Arc<Sources>,
    /// The files of the last try.
    tried: Arc<Sources>,
    settling: Settling,
    /// The version that failed or is held.
    refused: Option<Refused>,
    /// Snapshots out of force that somebody still reads.
    retired: Vec<Arc<Snapshot>>,
}

/// A version of the files that is not put in force.
struct Refused {
    hash: Box<str>,
    outcome: Outcome,
}

impl Reloader {
    /// Loads the first config, as generation 1, and returns its warnings with the reloader.
    ///
    /// # Errors
    /// As [`crate::load::load`].
    pub fn start(path: &Path) -> Result<(Arc<Self>, Report), Box<Rejected>> {
        let Accepted { policy, warnings, sources, tests_failing, .. } = load(path, clock::now())?;
        let now = clock::now();
        let started_with = policy.settings.clone();
        let writer = policies(policy, sources.hash().into(), now);
        let status = ReloadStatus {
            ok: true,
            at: now,
            success_at: now,
            problems: Vec::new(),
            held: None,
            restart_needed: Vec::new(),
            tests_failing,
            failed: 0,
            unwatched: Vec::new(),
        };
        let reader = writer.reader();
        let sources = Arc::new(sources);
        let work = Work {
            writer,
            tried: Arc::clone(&sources),
            in_force: sources,
            settling: Settling::default(),
            refused: None,
            retired: Vec::new(),
        };
        let (work, status) = (Mutex::new(work), Mutex::new(status));
        Ok((Arc::new(Self { path: path.to_owned(), started_with, reader, work, status }), warnings))
    }

    /// A reader of what is in force.
    #[must_use]
    pub fn reader(&self) -> PolicyReader {
        self.reader.clone()
    }

    /// What is known about reloads so far.
    #[must_use]
    pub fn status(&self) -> ReloadStatus {
        self.status_lock().clone()
    }

    /// Loads the files and puts them in force if they differ from those in force and are accepted.
    ///
    /// A version that is in force, or was refused and not asked for, is not parsed again. Snapshot and status
    /// are those of the outcome when this returns. Takes as long as a load: not for threads that serve.
    pub fn reload(&self, trigger: Trigger) -> Outcome {
        let mut work = self.work_lock();
        work.free_retired();
        let files = work.files();
        work.tried = Arc::clone(&files);
        if files.is_starved() {
            return work.put_off(files.hash(), trigger);
        }
        let refused = work.refused(files.hash());
        let cut = refused.is_none() && self.may_be_cut(&work, &files);
        let reading = if cut { Reading::CutShort } else { Reading::Whole };
        let Some(trigger) = work.settling.believe(files.hash(), reading, trigger, Instant::now()) else {
            return unsettled();
        };
        if files.hash() == work.in_force.hash() {
            work.in_force = files;
            return self.heal(&mut work, trigger);
        }
        if let (Some(outcome), Trigger::Watched) = (refused, trigger) {
            return outcome;
        }
        let now = clock::now();
        let read = load(&self.path, now);
        let sources = match &read {
            Ok(accepted) => &accepted.sources,
            Err(rejected) => &rejected.sources,
        };
        let cut_since = !sources.agrees_with(&files) && self.may_be_cut(&work, sources);
        if !sources.is_settled() || sources.is_starved() || cut_since {
            return work.put_off(sources.hash(), trigger);
        }
        match read {
            Ok(accepted) => self.judge(&mut work, trigger, accepted, now),
            Err(rejected) => self.fail(&mut work, trigger, *rejected),
        }
    }

    /// Starts to watch the folders of all files read.
    ///
    /// # Errors
    /// When the thread cannot be started. Where no file events are to be had, the slow poll alone watches.
    pub fn watch(self: &Arc<Self>) -> io::Result<Watch> {
        Watch::start(Arc::clone(self), watch::Pace::USUAL)
    }

    /// Whether a file is perhaps half written; commands never leave one so.
    fn may_be_cut(&self, work: &Work, files: &Sources) -> bool {
        files.cut_short_of(&work.in_force) && !changes::lead(&self.path, &work.in_force, files)
    }

    /// The files are those in force, perhaps again.
    fn heal(&self, work: &mut Work, trigger: Trigger) -> Outcome {
        work.refused = None;
        let mut status = self.status_lock();
        if !status.ok {
            tracing::info!("the config files are those in force again");
        }
        if !status.ok || trigger == Trigger::Asked {
            *status = succeeded(&status, clock::now());
        }
        Outcome::Unchanged
    }

    fn judge(&self, work: &mut Work, trigger: Trigger, accepted: Accepted, now: Timestamp) -> Outcome {
        let current = self.reader.current();
        let loss = Loss::between(&current.policy, &accepted.policy, now);
        let exceeds = trigger == Trigger::Watched && loss.exceeds(current.policy.settings.max_removed);
        if exceeds && !changes::lead(&self.path, &work.in_force, &accepted.sources) {
            return self.hold(work, accepted.sources, &loss);
        }
        drop(current);
        self.publish(work, accepted)
    }

    fn fail(&self, work: &mut Work, trigger: Trigger, rejected: Rejected) -> Outcome {
        let Rejected { report, sources } = rejected;
        // The files may have changed and changed back while they were loaded.
        if trigger == Trigger::Asked || work.refused(sources.hash()).is_none() {
            let problems = first_lines(&report);
            tracing::error!(problems = report.errors(), "config refused, the one in force stays");
            problems.iter().for_each(|problem| tracing::error!("{problem}"));
            self.failed(problems, None);
        }
        work.refuse(sources, Outcome::Failed)
    }

    fn hold(&self, work: &mut Work, sources: Sources, loss: &Loss) -> Outcome {
        let why = loss.to_string();
        tracing::warn!("config held, the one in force stays: {why}");
        self.failed(Vec::new(), Some(why));
        work.refuse(sources, Outcome::Held)
    }

    fn failed(&self, problems: Vec<String>, held: Option<String>) {
        let mut status = self.status_lock();
        let failed = status.failed + 1;
        *status = ReloadStatus { ok: false, at: clock::now(), problems, held, failed, ..status.clone() };
    }

    fn publish(&self, work: &mut Work, accepted: Accepted) -> Outcome {
        let Accepted { mut policy, warnings, sources, tests_failing, .. } = accepted;
        keep_sessions(&mut policy.settings, &self.reader().current().policy.settings);
        let restart_needed = restart_needed(&self.started_with, &policy.settings);
        let counts = (policy.reports.iter().len(), policy.principals.len(), policy.tokens.iter().len());
        let old = {
            // Whoever sees the new generation, sees its status.
            let mut status = self.status_lock();
            let (restart_needed, now) = (restart_needed.clone(), clock::now());
            *status = ReloadStatus { restart_needed, tests_failing, ..succeeded(&status, now) };
            work.writer.publish(policy, sources.hash().into(), now)
        };
        let generation = old.generation + 1;
        work.retired.push(old);
        work.free_retired();
        work.in_force = Arc::new(sources);
        work.tried = Arc::clone(&work.in_force);
        work.refused = None;
        let (reports, principals, tokens) = counts;
        tracing::info!(generation, reports, principals, tokens, tests_failing, "config in force");
        warnings.lines().take(MOST_PROBLEMS).for_each(|warning| tracing::warn!("{warning}"));
        if !restart_needed.is_empty() {
            tracing::warn!(settings = restart_needed.join(", "), "takes effect after a restart");
        }
        Outcome::Published(generation)
    }

    fn work_lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status_lock(&self) -> MutexGuard<'_, ReloadStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Work {
    /// Looks again soon: the files change, or too many are open to read them.
    fn put_off(&mut self, hash: &str, trigger: Trigger) -> Outcome {
        let _ = self.settling.believe(hash, Reading::Changing, trigger, Instant::now());
        unsettled()
    }

    /// The files as they are now: those of the last try, or of the version in force when they are others.
    fn files(&self) -> Arc<Sources> {
        let tried = self.tried.again();
        Arc::new(if tried.hash() == self.tried.hash() { tried } else { self.in_force.again() })
    }

    /// What came of this version of the files, when it was not put in force.
    fn refused(&self, hash: &str) -> Option<Outcome> {
        self.refused.as_ref().filter(|refused| *refused.hash == *hash).map(|refused| refused.outcome)
    }

    fn refuse(&mut self, sources: Sources, outcome: Outcome) -> Outcome {
        self.refused = Some(Refused { hash: sources.hash().into(), outcome });
        self.tried = Arc::new(sources);
        outcome
    }

    /// Frees snapshots that nobody reads any more, here and not on a thread that serves.
    fn free_retired(&mut self) {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

fn unsettled() -> Outcome {
    tracing::debug!("the config files cannot be told yet, looking again soon");
    Outcome::Unsettled
}

/// Where the certificates are the same, clients may resume the sessions that they have.
fn keep_sessions(new: &mut Settings, old: &Settings) {
    if new.tls == old.tls {
        new.tls.clone_from(&old.tls);
    }
}

/// `status` after a success at `now`.
fn succeeded(status: &ReloadStatus, now: Timestamp) -> ReloadStatus {
    let (problems, held) = (Vec::new(), None);
    ReloadStatus { ok: true, at: now, success_at: now, problems, held, ..status.clone() }
}

/// The problems of a report, as far as they are kept.
fn first_lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<_> = report.lines().take(report.errors().min(MOST_PROBLEMS)).collect();
    match report.errors().saturating_sub(MOST_PROBLEMS) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}
