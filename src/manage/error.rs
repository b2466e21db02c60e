//! Why a change was not made.

use super::audit::CANNOT_AUDIT;
use crate::config::{Rejected, blotted};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a change was not made.
#[derive(Debug)]
pub enum ManageError {
    /// The config does not load as it is.
    Config(Box<Rejected>),
    /// The config would not load after the change.
    WouldNotLoad(Box<Rejected>),
    /// There is no such thing: what it is, what was named, and a near name that there is.
    NotFound {
        /// `principal`, `token`, `report`, …
        what: &'static str,
        /// What was named.
        name: String,
        /// What may have been meant.
        near: Option<String>,
    },
    /// It cannot be done, and why: a whole sentence.
    Refused(String),
    /// Somebody else changed the file meanwhile.
    Changed(PathBuf),
    /// A file cannot be read or written.
    Io {
        /// What was to be done, such as `cannot write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ManageError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_path_buf(), source }
    }
}

impl fmt::Display for ManageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(_) => f.write_str("the config has problems, which come first"),
            Self::WouldNotLoad(_) => f.write_str("the change is refused, and nothing was changed"),
            Self::NotFound { what, name, near } => {
                // Somebody may have named a token by itself.
                let shown = blotted(name.clone());
                write!(f, "there is no {what} \"{shown}\"")?;
                match near {
                    Some(near) => write!(f, "; did you mean \"{near}\"?"),
                    None if *what == "token" && shown != *name => {
                        f.write_str("; a token is named by its id, which `token list` has")
                    }
                    None => Ok(()),
                }
            }
            Self::Refused(why) => f.write_str(why),
            Self::Changed(path) => {
                write!(
                    f,
                    "{} was changed by somebody else meanwhile; nothing was changed, try again",
                    path.display()
                )
            }
            Self::Io { what, path, source } => {
                write!(f, "{what} {}", path.display())?;
                let kind = source.kind();
                if kind == io::ErrorKind::ReadOnlyFilesystem && *what == CANNOT_AUDIT {
                    f.write_str(" on a read-only file system: let `[log].audit` name another place")?;
                } else if kind == io::ErrorKind::ReadOnlyFilesystem {
                    f.write_str(
                        " on a read-only file system: change it where it comes from, --stdout prints the edited file",
                    )?;
                } else if kind == io::ErrorKind::ResourceBusy {
                    f.write_str(
                        ", which is mounted by itself and cannot be replaced: mount the folder that holds it",
                    )?;
                }
                Ok(())
            }
        }
    }
}

impl Error for ManageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Config(rejected) | Self::WouldNotLoad(rejected) => Some(rejected),
            Self::NotFound { .. } | Self::Refused(_) | Self::Changed(_) => None,
        }
    }
}
