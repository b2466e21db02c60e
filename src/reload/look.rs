//! Files and folders as they look from outside: a cheap sign that something changed.
//!
//! Whether something really changed, the hash of the contents decides. Symbolic links are
//! followed, so a swapped link looks changed.

use crate::clock;
use crate::config::Sources;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks of file systems may be as coarse as this; two changes within it can look like one.
const COARSENESS: Duration = Duration::from_secs(2);

/// How the files and folders of a config looked.
#[derive(Debug)]
pub(super) struct Look {
    files: Vec<Seen>,
    folders: Vec<Seen>,
    /// Something changed shortly before: a change right after it might not be seen.
    fresh: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    /// `None`: not there, or not to be seen.
    mark: Option<Mark>,
}

/// What differs after a change of content, a replacement or a change of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    length: u64,
    /// Since 1970-01-01T00:00:00Z.
    changed: Duration,
    modified: Duration,
    inode: (u64, u64),
}

impl Look {
    /// How they look after they were read; `begun` is the clock's time before that.
    pub(super) fn after_reading(sources: &Sources, begun: Duration) -> Self {
        let files = sources.files().map(Path::to_owned).collect();
        Self::of(files, sources.folders(), begun)
    }

    /// How the same files and folders look now.
    pub(super) fn again(&self) -> Self {
        let paths = |seen: &[Seen]| seen.iter().map(|seen| seen.path.clone()).collect();
        Self::of(paths(&self.files), paths(&self.folders), clock::since_epoch())
    }

    fn of(files: Vec<PathBuf>, folders: Vec<PathBuf>, since: Duration) -> Self {
        let (files, folders): (Vec<_>, Vec<_>) = (seen(files), seen(folders));
        let recent = since.saturating_sub(COARSENESS)..=clock::since_epoch() + COARSENESS;
        let mut marks = files.iter().chain(&folders).filter_map(|seen| seen.mark);
        let fresh = marks.any(|mark| recent.contains(&mark.changed));
        Self { files, folders, fresh }
    }

    /// Whether both show the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.files == other.files && self.folders == other.folders
    }

    /// Whether something changed so shortly before that another change might not show.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The folders.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|seen| &*seen.path)
    }
}

fn seen(paths: Vec<PathBuf>) -> Vec<Seen> {
    let see = |path: PathBuf| {
        let mark = std::fs::metadata(&path).ok().map(|metadata| Mark::of(&metadata));
        Seen { path, mark }
    };
    paths.into_iter().map(see).collect()
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.unwrap_or_default();
        let (changed, inode) = identity(metadata, modified);
        Self { length: metadata.len(), changed, modified, inode }
    }
}

/// When anything about the file changed, and which file it is.
#[cfg(unix)]
fn identity(metadata: &Metadata, _modified: Duration) -> (Duration, (u64, u64)) {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
    (Duration::new(seconds, nanoseconds), (metadata.dev(), metadata.ino()))
}

/// When anything about the file changed, and which file it is.
#[cfg(not(unix))]
fn identity(_metadata: &Metadata, modified: Duration) -> (Duration, (u64, u64)) {
    (modified, (0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[cfg(unix)]
    #[test]
    fn changes_of_any_kind_show() {
        use std::os::unix::fs::symlink;
        type Change = fn(&Path);
        #[rustfmt::skip]
        let cases: [(&str, Change, bool); 8] = [
            ("none", |_| {}, true),
            ("reading", |dir| drop(fs::read(dir.join("a")).unwrap()), true),
            ("another length", |dir| fs::write(dir.join("a"), "longer").unwrap(), false),
            ("replaced by its like", |dir| {
                fs::write(dir.join("new"), "a").unwrap();
                fs::rename(dir.join("new"), dir.join("a")).unwrap();
            }, false),
            ("removed", |dir| fs::remove_file(dir.join("a")).unwrap(), false),
            ("another file beside it", |dir| fs::write(dir.join("c"), "").unwrap(), false),
            ("a link elsewhere", |dir| {
                symlink(dir.join("b"), dir.join("link2")).unwrap();
                fs::rename(dir.join("link2"), dir.join("link")).unwrap();
            }, false),
            ("what was missing", |dir| fs::create_dir(dir.join("later")).unwrap(), false),
        ];
        for (name, change, same) in cases {
            let dir = tempfile::tempdir().unwrap();
            let at = |name| dir.path().join(name);
            fs::write(at("a"), "a").unwrap();
            fs::write(at("b"), "a").unwrap();
            symlink(at("a"), at("link")).unwrap();
            let look = Look::of(vec![at("a"), at("link")], vec![at(""), at("later")], clock::since_epoch());
            change(dir.path());
            assert_eq!(look.same(&look.again()), same, "{name}");
        }
    }

    #[test]
    fn what_changed_shortly_before_is_fresh() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "a").unwrap();
        let now = clock::since_epoch();
        let cases = [(Duration::ZERO, true), (Duration::from_secs(1), true), (Duration::from_secs(3), false)];
        for (later, expected) in cases {
            let look = Look::of(vec![file.clone()], Vec::new(), now + later);
            assert_eq!(look.is_fresh(), expected, "{later:?} later");
        }
        assert!(!Look::of(vec![dir.path().join("none")], Vec::new(), now).is_fresh(), "nothing there");
    }
}
