//! `demo`.

use super::Failure;

/// Runs it.
pub(super) fn run() -> Result<(), Failure> {
    Err(Failure::Plain("not written".to_owned()))
}
