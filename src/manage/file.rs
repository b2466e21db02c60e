//! A config file with its text, which can be edited without touching anything else in it.

use super::ManageError;
use std::path::{Path, PathBuf};
use toml_edit::DocumentMut;

const BOM: &str = "\u{FEFF}";

/// A config file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// As the config names it.
    pub(super) path: PathBuf,
    /// Its one name, links followed.
    pub(super) real: PathBuf,
    /// Byte for byte.
    pub(super) text: String,
    document: Option<DocumentMut>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ManageError> {
        let real = std::fs::canonicalize(path).map_err(ManageError::io("cannot find", path))?;
        let text = std::fs::read_to_string(&real).map_err(ManageError::io("cannot read", path))?;
        Ok(Self { path: path.to_path_buf(), real, text, document: None })
    }

    /// Its tables, to be read or edited.
    pub(super) fn document(&mut self) -> Result<&mut DocumentMut, ManageError> {
        let parsed = match self.document.take() {
            Some(document) => document,
            None => {
                let text = self.as_read(&self.text).replace("\r\n", "\n");
                // It has loaded, so it is TOML; should the two readers disagree, nothing is touched.
                text.parse().map_err(|_| {
                    ManageError::Refused(format!(
                        "{} cannot be edited: it is not plain TOML",
                        self.path.display()
                    ))
                })?
            }
        };
        Ok(self.document.insert(parsed))
    }

    /// Its text after the edits; `None` when that is the same.
    pub(super) fn edited(&self) -> Option<String> {
        let mut after = self.document.as_ref()?.to_string();
        if self.text.contains("\r\n") {
            after = after.replace('\n', "\r\n");
        }
        if self.text.starts_with(BOM) {
            after.insert_str(0, BOM);
        }
        (after != self.text).then_some(after)
    }

    /// A text of this file as the config reads it, without a byte order mark.
    pub(super) fn as_read(&self, text: &str) -> String {
        text.strip_prefix(BOM).unwrap_or(text).to_owned()
    }
}
