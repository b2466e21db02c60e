//! One load path for start, reload and `check`: the config, then its `[[test]]` cases.
//!
//! Floor 5. A config is accepted when it has no problem and none of its cases refuses it.
//! The cases run through `decide` and `rewrite`, the code that requests run through; so does a request that somebody
//! writes down, to have it explained.

mod ask;
pub(crate) mod changes;
mod compare;
mod compose;
mod explain;
mod json;
mod shown;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use told::told;

pub use ask::{Asks, WrittenRequest, ask};
pub use compose::{ClientRequest, Incomplete, compose, examples};
pub use explain::{Decision, Explanation, Step, explain};
pub use shown::ShownRequest;

use crate::config::{Case, Drafts, Loaded, Rejected, Report, Sources};
use crate::decide::Denial;
use crate::domain::code::Code;
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
    /// Cases that found a refusal where they expect `allow` or another refusal.
    pub tests_failing: usize,
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// What it expects.
    Passed,
    /// Less access than it expects: a warning, because revoking must never be blocked.
    Stricter(String),
    /// More access than it expects, or another backend request: each a problem.
    Wrong(Vec<String>),
}

/// Loads the config at `path` and runs its cases. `now` tells which tokens are expired and what day it is.
///
/// # Errors
/// Every problem of all files in one report; a case that found an allowance where it expects a
/// refusal, or another backend request than it states, is one. The cases of a config that has
/// problems of its own are not run.
pub fn load(path: &Path, now: Timestamp) -> Result<Accepted, Box<Rejected>> {
    load_drafts(path, now, &Drafts::default())
}

/// [`load`], with drafts in place of the files that they stand for.
///
/// # Errors
/// As [`load`].
pub fn load_drafts(path: &Path, now: Timestamp, drafts: &Drafts) -> Result<Accepted, Box<Rejected>> {
    let Loaded { policy, cases, warnings: mut report, sources } =
        crate::config::load_drafts(path, now, drafts)?;
    let mut tests_failing = 0;
    let mut refused = false;
    for case in &cases {
        match run(&policy, case, now) {
            Verdict::Passed => {}
            Verdict::Stricter(found) => {
                tests_failing += 1;
                report.warning(&case.location, found);
            }
            Verdict::Wrong(found) => {
                refused = true;
                found.into_iter().for_each(|what| report.error(&case.location, what));
            }
        }
    }
    if refused {
        return Err(Box::new(Rejected { report, sources }));
    }
    Ok(Accepted { policy, warnings: report, sources, tests: cases.len(), tests_failing })
}

fn run(policy: &Policy, case: &Case, now: Timestamp) -> Verdict {
    let found = ask(policy, &case.into(), now);
    judge(case.refusal, found, |request| compare::differences(case, &request, policy))
}

/// Compares what a case expects with what it found; `differences` tells where an allowed request is not as stated.
fn judge<R>(
    expected: Option<Code>,
    found: Result<R, Denial>,
    differences: impl FnOnce(R) -> Vec<String>,
) -> Verdict {
    let refused = |denial: Denial, expected| {
        Verdict::Stricter(format!(
            "the test expects `{expected}`, found `{}`: {}",
            denial.code, denial.detail
        ))
    };
    match (expected, found) {
        (Some(code), Err(denial)) if denial.code == code => Verdict::Passed,
        (Some(code), Err(denial)) => refused(denial, code.as_str()),
        (None, Err(denial)) => refused(denial, "allow"),
        (Some(code), Ok(_)) => {
            Verdict::Wrong(vec![format!("the test expects `{code}`, but the request is allowed")])
        }
        (None, Ok(request)) => {
            let found = differences(request);
            if found.is_empty() { Verdict::Passed } else { Verdict::Wrong(found) }
        }
    }
}
