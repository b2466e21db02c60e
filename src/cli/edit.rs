//! What all commands that change the config have in common.

use super::{Failure, note, print};
use clap::Args;
use reportgate::clock;
use reportgate::manage::{Change, Draft, Installation, ManageError, Mode};
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// What becomes of a change.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// Only show the change, as a unified diff
    #[arg(long, conflicts_with = "stdout")]
    dry_run: bool,
    /// Write nothing; print the edited file, for a config that lives in Git
    #[arg(long)]
    stdout: bool,
}

impl Options {
    /// Whether the change is really made.
    pub(super) fn mode(&self) -> Mode {
        if self.dry_run || self.stdout { Mode::Show } else { Mode::Write }
    }

    /// Whether stdout is taken by the edited file.
    pub(super) fn takes_stdout(&self) -> bool {
        self.stdout
    }
}

/// Tells what a change did, or would do.
pub(super) fn tell<T>(options: &Options, change: &Change<T>, text: &str) {
    if change.files.is_empty() {
        return;
    }
    let shown = if options.mode() == Mode::Show { "not written: " } else { "" };
    note(&format!("{shown}{text}\n"));
}

/// The config at `path`, changed by `command`.
pub(super) fn installation(path: &Path, command: &'static str) -> Installation {
    Installation { path: path.to_path_buf(), actor: actor(), command: command.to_owned(), now: clock::now() }
}

/// Makes a change and tells what the options ask for; the caller tells the rest, when it was made.
pub(super) fn change<T>(
    path: &Path,
    command: &'static str,
    options: &Options,
    edit: impl FnOnce(&mut Draft) -> Result<T, ManageError>,
) -> Result<Change<T>, Failure> {
    let change = installation(path, command).change(options.mode(), edit)?;
    note(&change.warnings.render(io::stderr().is_terminal()));
    if let Some(error) = &change.incomplete {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        note(&format!("warning: the change is made, but {error}{cause}\n"));
    }
    if options.dry_run {
        print(&change.diff())?;
    } else if options.stdout {
        match change.files.as_slice() {
            [file] => print(&file.after)?,
            [] => return Err(Failure::Plain("nothing would change".into())),
            files => {
                let names: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
                let names = names.join(", ");
                return Err(Failure::Plain(format!(
                    "--stdout prints one file, but this changes {names}; see --dry-run"
                )));
            }
        }
    } else if change.files.is_empty() {
        note("nothing to change\n");
    }
    Ok(change)
}

impl From<ManageError> for Failure {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Config(rejected) => Self::Config(rejected),
            ManageError::WouldNotLoad(rejected) => Self::Change(rejected),
            ManageError::Io { .. }
            | ManageError::NotFound { .. }
            | ManageError::Refused(_)
            | ManageError::Changed(_) => {
                let what = error.to_string();
                match std::error::Error::source(&error) {
                    None => Self::Plain(what),
                    Some(source) => Self::Because { what, source: source.to_string().into() },
                }
            }
        }
    }
}

/// Who runs the command: behind sudo, who that was called by.
#[expect(clippy::disallowed_methods, reason = "the environment is the caller's own word for who it is")]
fn actor() -> String {
    let named =
        ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
