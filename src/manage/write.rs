//! Replacing a file so that whoever reads it meets the old text or the new one, whole.

use super::file::ConfigFile;
use super::{ManageError, folder_of};
use crate::load::changes;
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
    let written = new_file(&replacement.temporary, text, &before);
    written.map_err(ManageError::io("cannot write beside", &file.path))?;
    Ok(replacement)
}

/// Notes beside the main file that one version of the config is about to be made of another, for a gate that watches them.
pub(super) fn note_change(main: &Path, before: &str, after: &str) -> Result<(), ManageError> {
    let Some(place) = changes::place(main) else { return Ok(()) };
    let write = || {
        let text = match fs::read_to_string(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let skipped = (text.lines().count() + 1).saturating_sub(changes::MOST);
        let kept = text.lines().skip(skipped).map(|line| format!("{line}\n"));
        let text = kept.collect::<String>() + before + " " + after + "\n";
        let temporary = PathBuf::from(format!("{}.new", place.display()));
        let written = new_file(&temporary, &text, &fs::metadata(main)?);
        written
            .and_then(|()| fs::rename(&temporary, &place))
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
    };
    write().map_err(ManageError::io("cannot write", &place))
}

/// Makes and syncs a file with mode and owner of another.
fn new_file(path: &Path, text: &str, like: &fs::Metadata) -> io::Result<()> {
    // Whatever lies there, left by a killed process or a link to elsewhere, goes: nothing is written through it.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new = options.open(path)?;
    new.write_all(text.as_bytes())?;
    keep_owner(&new, like)?;
    new.set_permissions(like.permissions())?;
    new.sync_all()
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
