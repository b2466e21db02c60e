//! Which versions of the config files commands made of which.
//!
//! Each change by a command leaves a line beside the main config file, `BEFORE AFTER`, before it replaces a file.
//! A gate tells by these that a version is meant, however much it takes away.

use crate::config::Sources;
use std::path::{Path, PathBuf};

/// So many lines are kept.
pub(crate) const MOST: usize = 256;

/// The file of the lines for the config at `main`, beside where its links lead; `None`: that cannot be found.
pub(crate) fn place(main: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(main).ok()?;
    let name = real.file_name()?.to_string_lossy();
    Some(real.with_file_name(format!(".{name}.changes")))
}

/// Whether commands alone made the one version of the other.
pub(crate) fn lead(main: &Path, from: &Sources, to: &Sources) -> bool {
    let (Some(from), Some(to)) = (from.contents(), to.contents()) else { return false };
    let lines = place(main).and_then(|place| std::fs::read_to_string(place).ok()).unwrap_or_default();
    let mut at = from;
    for (before, after) in lines.lines().filter_map(|line| line.split_once(' ')) {
        if before == at {
            at = after.to_owned();
            if at == to {
                return true;
            }
        }
    }
    false
}
