//! Config files as they would be: texts that stand in for what is on disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Texts of config files that are not written yet, by the files' canonical paths.
#[derive(Debug, Clone, Default)]
pub struct Drafts(Arc<HashMap<PathBuf, String>>);

impl Drafts {
    /// The draft of a file, whatever name it is read by.
    pub(super) fn text(&self, path: &Path) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let real = std::fs::canonicalize(path).ok()?;
        self.0.get(&real).map(String::as_str)
    }
}

impl FromIterator<(PathBuf, String)> for Drafts {
    /// The paths are canonical; a text has no byte order mark.
    fn from_iter<I: IntoIterator<Item = (PathBuf, String)>>(texts: I) -> Self {
        Self(Arc::new(texts.into_iter().collect()))
    }
}
