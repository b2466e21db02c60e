//! How a file looks from outside: a cheap sign that it changed.
//!
//! Whether it really changed, the hash of its content decides. Symbolic links are
//! followed, so a swapped link looks changed.

use crate::clock;
use std::fs::Metadata;
use std::path::Path;
use std::time::Duration;

/// Clocks of file systems may be as coarse as this; two changes within it can look like one.
const COARSENESS: Duration = Duration::from_secs(2);

/// What differs after a change of content, a replacement or a change of rights.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    length: u64,
    /// Since 1970-01-01T00:00:00Z.
    changed: Duration,
    modified: Duration,
    inode: (u64, u64),
    /// When it was looked at.
    seen: Duration,
}

impl Stamp {
    /// How a file looks; `None`: it is not there, or not to be seen.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let seen = clock::since_epoch();
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.unwrap_or_default();
        let (changed, inode) = identity(&metadata, modified);
        Some(Self { length: metadata.len(), changed, modified, inode, seen })
    }

    /// Whether the file had changed so shortly before that another change might not show.
    pub(super) fn is_fresh(&self) -> bool {
        self.seen.abs_diff(self.changed) <= COARSENESS
    }
}

impl PartialEq for Stamp {
    /// Whether the file looked the same, whenever that was.
    fn eq(&self, other: &Self) -> bool {
        let look = |stamp: &Self| (stamp.length, stamp.changed, stamp.modified, stamp.inode);
        look(self) == look(other)
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
        let cases: [(&str, Change, bool); 6] = [
            ("none", |_| {}, true),
            ("reading", |dir| drop(fs::read(dir.join("a")).unwrap()), true),
            ("another length", |dir| fs::write(dir.join("a"), "longer").unwrap(), false),
            ("replaced by its like", |dir| {
                fs::write(dir.join("new"), "a").unwrap();
                fs::rename(dir.join("new"), dir.join("a")).unwrap();
            }, false),
            ("removed", |dir| fs::remove_file(dir.join("a")).unwrap(), false),
            ("a link elsewhere", |dir| {
                symlink(dir.join("b"), dir.join("link2")).unwrap();
                fs::rename(dir.join("link2"), dir.join("link")).unwrap();
            }, false),
        ];
        for (name, change, same) in cases {
            let dir = tempfile::tempdir().unwrap();
            let at = |name| dir.path().join(name);
            fs::write(at("a"), "a").unwrap();
            fs::write(at("b"), "a").unwrap();
            symlink(at("a"), at("link")).unwrap();
            let look = || [Stamp::of(&at("a")), Stamp::of(&at("link"))];
            let before = look();
            change(dir.path());
            assert_eq!(before == look(), same, "{name}");
        }
    }

    #[test]
    fn what_changed_shortly_before_is_fresh() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        let stamp = Stamp::of(&dir.path().join("a")).unwrap();
        for (later, expected) in [(0, true), (2_000, true), (2_001, false)] {
            let seen = stamp.changed + Duration::from_millis(later);
            assert_eq!(Stamp { seen, ..stamp.clone() }.is_fresh(), expected, "{later} ms later");
        }
    }
}
