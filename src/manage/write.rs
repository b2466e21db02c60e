//! Replacing a file so that whoever reads it meets the old text or the new one, whole.

use super::file::ConfigFile;
use super::{ManageError, folder_of};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A new text that lies beside the file that it is to replace.
#[derive(Debug)]
pub(super) struct Replacement<'a> {
    file: &'a ConfigFile,
    temporary: PathBuf,
    replaced: bool,
}

/// Writes and syncs `text` beside `file`, with the same mode and owner; those of the main file, when it is new.
pub(super) fn beside<'a>(
    file: &'a ConfigFile,
    text: &str,
    main: &Path,
) -> Result<Replacement<'a>, ManageError> {
    let name = file.real.file_name().unwrap_or_default().to_string_lossy();
    // A dot in front: no include pattern takes it in.
    let temporary = folder_of(&file.real).join(format!(".{name}.{}.new", std::process::id()));
    let like = if file.is_new { main } else { &file.real };
    let before = fs::metadata(like).map_err(ManageError::io("cannot read", &file.path))?;
    let replacement = Replacement { file, temporary, replaced: false };
    let write = || {
        let mut options = OpenOptions::new();
        // Whatever lies there, left by a killed process or a link to elsewhere, goes: nothing is written through it.
        let _ = fs::remove_file(&replacement.temporary);
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut new = options.open(&replacement.temporary)?;
        new.write_all(text.as_bytes())?;
        keep_owner(&new, &before)?;
        new.set_permissions(before.permissions())?;
        new.sync_all()
    };
    write().map_err(ManageError::io("cannot write beside", &file.path))?;
    Ok(replacement)
}

#[cfg(unix)]
fn keep_owner(new: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let own = new.metadata()?;
    let (user, group) = (before.uid(), before.gid());
    if (own.uid(), own.gid()) == (user, group) {
        return Ok(());
    }
    std::os::unix::fs::fchown(new, Some(user), Some(group))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

impl Replacement<'_> {
    /// Puts the new text in place of the file, unless that has changed since it was read.
    pub(super) fn replace(mut self) -> Result<(), ManageError> {
        let file = self.file;
        let is_same = match fs::read(&file.real) {
            Ok(now) => !file.is_new && now == file.text.as_bytes(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => file.is_new,
            Err(error) => return Err(ManageError::io("cannot read", &file.path)(error)),
        };
        if !is_same {
            return Err(ManageError::Changed(file.path.clone()));
        }
        fs::rename(&self.temporary, &file.real).map_err(ManageError::io("cannot replace", &file.path))?;
        self.replaced = true;
        Ok(())
    }
}

/// So that the new name outlives a power cut.
pub(super) fn sync_folder(file: &ConfigFile) -> Result<(), ManageError> {
    let sync = || if cfg!(unix) { File::open(folder_of(&file.real))?.sync_all() } else { Ok(()) };
    sync().map_err(ManageError::io("cannot sync the folder of", &file.path))
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if !self.replaced {
            // It may not even be there.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
