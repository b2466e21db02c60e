//! A change as a unified diff.

use similar::TextDiff;
use std::path::Path;

/// The difference of two texts of a file, with three lines around each change; empty when there is none.
pub(super) fn unified(path: &Path, before: &str, after: &str) -> String {
    let path = path.display().to_string();
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
}
