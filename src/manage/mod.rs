//! Changes of the config by commands: each one checked, atomic, audited.
//!
//! Floor 6. A change edits the text of the files, keeping comments, order and formatting,
//! loads the *whole* config as it would be and runs its tests, and only then
//! replaces files. One change at a time, held by a lock file beside the main file; what somebody
//! else changed meanwhile is noticed, not overwritten. It knows no sockets and no requests,
//! and never writes a file that `config` would refuse.

pub mod addresses;
mod audit;
pub mod columns;
mod diff;
mod draft;
mod error;
mod file;
mod follow;
mod keys;
mod list;
mod lock;
pub mod permissions;
pub mod principals;
pub mod roles;
#[cfg(test)]
mod tests;
pub mod tokens;
mod write;

pub use draft::Draft;
pub use error::ManageError;

use crate::config::{Report, masked};
use crate::domain::time::Timestamp;
use crate::load::{self, Accepted};
use audit::{Audit, Stage};
use file::ConfigFile;
use lock::Lock;
use std::path::{Path, PathBuf};

/// A config on disk, and who changes it.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The main config file.
    pub path: PathBuf,
    /// Who makes the changes, as the audit says it.
    pub actor: String,
    /// The command that makes them, without secrets, as the audit says it.
    pub command: String,
    /// Now.
    pub now: Timestamp,
}

/// What becomes of a change that would load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is written.
    Write,
    /// It is only shown: nothing is written, locked or audited.
    Show,
}

/// A change that was made, or shown.
#[derive(Debug)]
pub struct Change<T> {
    /// What the edit gave.
    pub value: T,
    /// The files that are otherwise, if any.
    pub files: Vec<FileChange>,
    /// What is legal in the config as it is now, but likely not meant, and was not there before.
    pub warnings: Report,
    /// What went wrong when every file was in place already: the last line of the audit, or the sync of a folder.
    pub incomplete: Option<ManageError>,
}

/// A file before and after a change.
#[derive(Debug)]
pub struct FileChange {
    /// Its name.
    pub path: PathBuf,
    /// Its text before.
    pub before: String,
    /// Its text after.
    pub after: String,
}

impl<T> Change<T> {
    /// The change as a unified diff, in which secrets are blotted out: it is made to be shown.
    #[must_use]
    pub fn diff(&self) -> String {
        let shown = |text: &str| masked(text.trim_start_matches('\u{FEFF}'));
        let diff = |file: &FileChange| diff::unified(&file.path, &shown(&file.before), &shown(&file.after));
        self.files.iter().map(diff).collect()
    }
}

impl Installation {
    /// The config as it is.
    ///
    /// # Errors
    /// When it does not load.
    pub fn read(&self) -> Result<Draft, ManageError> {
        let accepted = load::load(&self.path, self.now).map_err(ManageError::Config)?;
        Draft::new(accepted, self.now)
    }

    /// Makes one change: `edit` changes the draft of the config, which is then checked and put in place.
    ///
    /// An edit that changes nothing writes nothing.
    ///
    /// # Errors
    /// When the config does not load before or would not load after, `edit` fails, somebody else changed
    /// a file meanwhile, or a file, the lock or the audit cannot be written. Then every file is as it was, or,
    /// where several were to be replaced and one cannot even be put back, the error names it.
    pub fn change<T>(
        &self,
        mode: Mode,
        edit: impl FnOnce(&mut Draft) -> Result<T, ManageError>,
    ) -> Result<Change<T>, ManageError> {
        let _lock = match mode {
            Mode::Write => Some(Lock::take(&self.path)?),
            Mode::Show => None,
        };
        let mut draft = self.read()?;
        let value = edit(&mut draft)?;
        let changed = draft.changed();
        if changed.is_empty() {
            return Ok(Change { value, files: Vec::new(), warnings: Report::default(), incomplete: None });
        }
        let accepted =
            load::load_drafts(&self.path, self.now, &draft.drafts()).map_err(ManageError::WouldNotLoad)?;
        refuse_left_out(&changed, &accepted)?;
        let incomplete = match mode {
            Mode::Write => {
                let audit = Audit::of(&accepted.policy.settings.audit, self, draft.entries());
                let written =
                    changed.iter().map(|(file, after)| (file.real.clone(), after.clone())).collect();
                let versions = draft.contents().zip(accepted.sources.contents_with(&written));
                put_in_place(&changed, &audit, &self.path, versions)?
            }
            Mode::Show => None,
        };
        let change = |(file, after): &(&ConfigFile, String)| FileChange {
            path: file.path.clone(),
            before: file.text.clone(),
            after: after.clone(),
        };
        let files = changed.iter().map(change).collect();
        Ok(Change { value, files, warnings: accepted.warnings.without(draft.warnings()), incomplete })
    }
}

/// Refuses a new file that the config would not read.
fn refuse_left_out(changed: &[(&ConfigFile, String)], accepted: &Accepted) -> Result<(), ManageError> {
    let is_read = |file: &ConfigFile| {
        let mut read =
            accepted.sources.config_files().filter(|read| read.file_name() == file.real.file_name());
        read.any(|read| std::fs::canonicalize(folder_of(read)).ok().as_deref() == Some(folder_of(&file.real)))
    };
    match changed.iter().find(|(file, _)| file.is_new && !is_read(file)) {
        None => Ok(()),
        Some((file, _)) => {
            let why = "would be no file of this config: no `include` names it";
            Err(ManageError::Refused(format!("{} {why}", file.path.display())))
        }
    }
}

/// Replaces files: new texts to disk, then the intent, a note for the gate, the names, and that it is done.
///
/// Gives what went wrong when all files were in place already.
fn put_in_place(
    changed: &[(&ConfigFile, String)],
    audit: &Audit<'_>,
    main: &Path,
    versions: Option<(String, String)>,
) -> Result<Option<ManageError>, ManageError> {
    let mut written = Vec::with_capacity(changed.len());
    for (file, after) in changed {
        written.push(write::beside(file, after, main)?);
    }
    audit.write(Stage::Intent)?;
    let noted = versions.map_or(Ok(()), |(before, after)| write::note_change(main, &before, &after));
    if let Err(error) = noted.and_then(|()| replace_all(written, changed, main)) {
        // The cause is what counts.
        let _ = audit.write(Stage::Failed);
        return Err(error);
    }
    let synced = changed.iter().try_for_each(|(file, _)| write::sync_folder(file));
    Ok(audit.write(Stage::Done).err().or(synced.err()))
}

/// Replaces all files or, as far as that can be, none.
fn replace_all(
    written: Vec<write::Replacement<'_>>,
    changed: &[(&ConfigFile, String)],
    main: &Path,
) -> Result<(), ManageError> {
    for (place, replacement) in written.into_iter().enumerate() {
        let replaced = replacement.replace();
        replaced.map_err(|error| put_back(changed.get(..place).unwrap_or_default(), main, error))?;
    }
    Ok(())
}

/// Puts files back that were replaced before another one could not be; why that one could not, and what is not as it was.
fn put_back(replaced: &[(&ConfigFile, String)], main: &Path, why: ManageError) -> ManageError {
    let back = |(file, after): &(&ConfigFile, String)| {
        if file.is_new {
            return std::fs::remove_file(&file.real).map_err(ManageError::io("cannot remove", &file.path));
        }
        let in_place = file.with_text(after);
        write::beside(&in_place, &file.text, main)?.replace()
    };
    let left: Vec<_> = replaced.iter().filter(|change| back(change).is_err()).collect();
    if left.is_empty() {
        return why;
    }
    let names: Vec<_> = left.iter().map(|(file, _)| file.path.display().to_string()).collect();
    let cause = std::error::Error::source(&why).map(|cause| format!(": {cause}")).unwrap_or_default();
    ManageError::Refused(format!("{why}{cause}; but {} stays changed", names.join(", ")))
}

/// The folder of a file, which is the working directory for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
