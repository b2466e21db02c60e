//! One change at a time: an advisory lock on a file beside the main config file.
//!
//! The lock goes with its process, however that ends; the file stays, empty.

use super::{ManageError, folder_of};
use std::fs::{File, OpenOptions};
use std::path::Path;

/// Held while a change is made.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock of the config at `path`.
    pub(super) fn take(path: &Path) -> Result<Self, ManageError> {
        // By the real name: two links to one config are one config.
        let real = std::fs::canonicalize(path).map_err(ManageError::io("cannot find", path))?;
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let place = folder_of(&real).join(format!(".{name}.lock"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&place);
        let file = file.map_err(ManageError::io("cannot open the lock file", &place))?;
        file.lock().map_err(ManageError::io("cannot lock", &place))?;
        Ok(Self { _file: file })
    }
}
