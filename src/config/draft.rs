//! Config files as they would be: texts that stand in for what is on disk.

use super::source::folder_of;
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
        let real = std::fs::canonicalize(path).ok().or_else(|| {
            // A file that is to be made has no name yet, but its folder has.
            Some(std::fs::canonicalize(folder_of(path)).ok()?.join(path.file_name()?))
        })?;
        self.0.get(&real).map(String::as_str)
    }

    /// The names of the drafts in a folder.
    pub(super) fn names_in(&self, folder: &Path) -> Vec<&str> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let Ok(folder) = std::fs::canonicalize(folder) else { return Vec::new() };
        let within = self.0.keys().filter(|path| path.parent() == Some(&*folder));
        within.filter_map(|path| path.file_name()?.to_str()).collect()
    }
}

impl FromIterator<(PathBuf, String)> for Drafts {
    /// The paths are canonical, those of files that are to be made as far as they exist; a text has no byte order mark.
    fn from_iter<I: IntoIterator<Item = (PathBuf, String)>>(texts: I) -> Self {
        Self(Arc::new(texts.into_iter().collect()))
    }
}
