//! The real program, a client and a backend of our own, and what every test checks besides.
//!
//! Nothing here knows the inside of the program: it is started as users start it, and
//! spoken to over sockets; only [`Cutter`] calls the library. Nothing sleeps for a time
//! that was guessed: [`eventually`] waits for a condition, with a deadline.

mod backend;
mod checks;
mod client;
mod config;
mod cutter;
mod disk;
mod gate;
mod lines;
mod metrics;
mod pairs;
mod readers;
mod scripted;

pub(crate) use backend::{Received, RecordingBackend, Reply};
pub(crate) use checks::{TO_THE_BACKEND, check_answer};
pub(crate) use client::{Answer, Client, End, Request};
pub(crate) use config::{Config, LEADS, POSTED, ROW, affiliate, poster, principal, stored, token};
pub(crate) use cutter::Cutter;
pub(crate) use disk::{bound_by_rights, mounting, seen_by, small};
pub(crate) use gate::{Gate, Program, new_folder, replace, run, run_in_shell, run_with};
pub(crate) use lines::Lines;
pub(crate) use metrics::Metrics;
pub(crate) use pairs::{pairs, sorted};
pub(crate) use readers::{Message, Reading, Stop, Taste, leniently, strictly};
pub(crate) use scripted::{ScriptedBackend, Signal, Wire};

use std::time::{Duration, Instant};

/// Stands in every token, credential and hidden cell: must never come out of the gate.
pub(crate) const SECRET: &str = "s3cr3t";

/// Stands in every token, and in nothing else: must never reach a backend.
pub(crate) const TOKEN: &str = "t0ken";

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is a value.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, probe).unwrap_or_else(|| panic!("did not happen within {PATIENCE:?}: {what}"))
}

/// Asks again and again until there is a value or the time is over.
pub(crate) fn within<T>(time: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
