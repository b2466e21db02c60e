//! Hot reload: watch the files, load, publish. It owns the only `PolicyWriter`.
//!
//! Floor 6. A config with one problem changes nothing. Requests are unknown here.

use crate::config::{Rejected, Report};
use crate::domain::time::Timestamp;
use crate::policy::PolicyReader;
use std::io;
use std::path::Path;
use std::sync::Arc;

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
    /// A file is a strict prefix of its version in force, or changed while it was read: tried again soon.
    Unsettled,
}

/// What is known about reloads; for `/status` and metrics.
#[derive(Debug, Clone)]
pub struct ReloadStatus {
    /// Whether the last one succeeded.
    pub ok: bool,
    /// When it was tried.
    pub at: Timestamp,
    /// When the last successful one was.
    pub success_at: Timestamp,
    /// Its problems, each on one line with file:line:column.
    pub problems: Vec<String>,
    /// Whether a config is held, and why.
    pub held: Option<String>,
    /// Settings that differ from those at start and need a restart.
    pub restart_needed: Vec<&'static str>,
    /// Cases of the config in force that fail.
    pub tests_failing: usize,
    /// How many reloads were published, the first load included.
    pub published: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were held.
    pub held_count: u64,
}

/// Loads configs and puts them in force.
#[derive(Debug)]
pub struct Reloader {}

/// The thread that watches the files; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {}

impl Reloader {
    /// Loads the first config, as generation 1, and returns its warnings with the reloader.
    ///
    /// # Errors
    /// As [`crate::load::load`].
    pub fn start(path: &Path) -> Result<(Arc<Self>, Report), Box<Rejected>> {
        let _ = path;
        unimplemented!()
    }

    /// A reader of what is in force.
    #[must_use]
    pub fn reader(&self) -> PolicyReader {
        unimplemented!()
    }

    /// What is known about reloads so far.
    #[must_use]
    pub fn status(&self) -> ReloadStatus {
        unimplemented!()
    }

    /// Loads the files and puts them in force if they differ from those in force and are accepted.
    pub fn reload(&self, trigger: Trigger) -> Outcome {
        let _ = trigger;
        unimplemented!()
    }

    /// Starts to watch the folders of all files read.
    ///
    /// # Errors
    /// When the thread cannot be started. Where no file events are to be had, the slow poll alone watches.
    pub fn watch(self: &Arc<Self>) -> io::Result<Watch> {
        unimplemented!()
    }
}
