//! The audit: who changed what, a JSON line before a change is put in place and one after.
//!
//! Each line is synced before the change goes on: no audit, no change. Values are those that
//! the config holds; a secret never is among them.

use super::draft::Of;
use super::{Installation, ManageError, folder_of};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What is said when a line cannot be written.
pub(super) const CANNOT_AUDIT: &str = "cannot write the audit";

/// What was changed of whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The affiliate or employee; `None` for roles.
    pub(super) principal: Option<String>,
    /// The id of a token.
    pub(super) token: Option<String>,
    /// What it was.
    pub(super) before: serde_json::Value,
    /// What it is.
    pub(super) after: serde_json::Value,
}

impl Entry {
    /// A change of a principal, or of a role, which its values then name.
    pub(super) fn of(of: Of<'_>, before: serde_json::Value, after: serde_json::Value) -> Self {
        match of {
            Of::Principal(id) => Self { principal: Some(id.to_owned()), token: None, before, after },
            Of::Role(name) => {
                let named = |mut values: serde_json::Value| {
                    if let Some(values) = values.as_object_mut() {
                        values.insert("role".to_owned(), name.into());
                    }
                    values
                };
                Self { principal: None, token: None, before: named(before), after: named(after) }
            }
        }
    }
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// It was checked and is about to be put in place.
    Intent,
    /// It is in place.
    Done,
    /// It could not be put in place.
    Failed,
}

#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    stage: Stage,
    actor: &'a str,
    command: &'a str,
    principal: Option<&'a str>,
    token: Option<&'a str>,
    before: &'a serde_json::Value,
    after: &'a serde_json::Value,
}

/// Where the lines of one change go.
#[derive(Debug)]
pub(super) struct Audit<'a> {
    path: PathBuf,
    by: &'a Installation,
    entries: &'a [Entry],
}

impl<'a> Audit<'a> {
    /// The audit at `path`, which is relative to the main config file.
    pub(super) fn of(path: &Path, by: &'a Installation, entries: &'a [Entry]) -> Self {
        Self { path: folder_of(&by.path).join(path), by, entries }
    }

    /// Appends a line for every entry, all in one write, and syncs.
    pub(super) fn write(&self, stage: Stage) -> Result<(), ManageError> {
        let mut text = String::new();
        for entry in self.entries {
            let line = Line {
                ts: self.by.now.to_string(),
                stage,
                actor: &self.by.actor,
                command: &self.by.command,
                principal: entry.principal.as_deref(),
                token: entry.token.as_deref(),
                before: &entry.before,
                after: &entry.after,
            };
            let line = serde_json::to_string(&line);
            text += &line
                .map_err(|error| ManageError::Refused(format!("the audit cannot be written: {error}")))?;
            text.push('\n');
        }
        self.append(text.as_bytes()).map_err(ManageError::io(CANNOT_AUDIT, &self.path))
    }

    fn append(&self, text: &[u8]) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        let text = if is_torn(&mut file) { [b"\n", text].concat() } else { text.to_vec() };
        let before = file.metadata()?.len();
        file.write_all(&text).inspect_err(|_| take_back(&file, before, &text))?;
        file.sync_data()
    }
}

/// Takes back what a full disk took of a text; the lock is held, so that nobody else has written behind it.
fn take_back(file: &File, before: u64, text: &[u8]) {
    let written = file.metadata().map_or(0, |now| now.len().saturating_sub(before));
    if written > 0 && usize::try_from(written).is_ok_and(|written| written < text.len()) {
        // Where nothing may be taken away, the next line begins on a line of its own.
        let _ = file.set_len(before);
    }
}

/// Whether the last line has no end: a full disk or a killed process cut it off.
fn is_torn(file: &mut File) -> bool {
    let mut last = [b'\n'];
    let read = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last));
    // What is empty or cannot be sought has no such line.
    read.is_ok() && last != *b"\n"
}
