//! The files of a config: reading them, and what is kept to see that they changed.
//!
//! Of every file its SHA-256 is kept. To tell a half-written file, which is a strict
//! prefix of its older self, the older text is needed. It is kept for small config
//! files; of others, and of secrets, only one hash per kibibyte, so that memory
//! stays bounded. Then a shorter file counts as a prefix when all its whole blocks are
//! the same: the bytes behind them cannot be compared, and waiting for a moment is the safe side.

use sha2::{Digest as _, Sha256};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The largest file that is read; offsets in it must fit 32 bits.
const MAX_FILE: u64 = 1 << 30;
/// The largest secret.
const MAX_SECRET: u64 = 64 << 10;
/// Config files up to this size are kept whole, until together they reach [`MAX_KEPT_ALL`].
const MAX_KEPT: usize = 64 << 10;
const MAX_KEPT_ALL: usize = 4 << 20;
const BLOCK: usize = 1 << 10;

/// The files of a config, with what is needed to see that they changed.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    by_path: HashMap<PathBuf, u32>,
    patterns: BTreeSet<PathBuf>,
    kept_bytes: usize,
    hash: String,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// `None`: it could not be read.
    read: Option<Fingerprint>,
    stamp: Option<Stamp>,
}

#[derive(Debug)]
struct Fingerprint {
    length: usize,
    digest: [u8; 32],
    content: Content,
}

#[derive(Debug)]
enum Content {
    Whole(Box<[u8]>),
    /// A hash of each whole block.
    Blocks(Box<[u64]>),
}

/// What the file system says of a file; a change of it is a change of the file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&meta);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { length: meta.len(), modified: meta.modified().ok(), inode })
    }
}

impl Sources {
    /// Every file read or looked for: config, includes, secrets.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// The folders to watch: those of every file, of what its symbolic links lead to, and of every include pattern.
    ///
    /// Instead of a folder that does not exist, the nearest one above it.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = BTreeSet::new();
        for file in self.files() {
            let mut at = file.to_path_buf();
            // As many links as Linux follows.
            for _ in 0..40 {
                folders.insert(existing(folder_of(&at)));
                let Ok(target) = std::fs::read_link(&at) else { break };
                at = folder_of(&at).join(target);
            }
            if let Ok(target) = std::fs::canonicalize(file) {
                folders.insert(folder_of(&target).to_path_buf());
            }
        }
        folders.extend(self.patterns.iter().map(|folder| existing(folder)));
        folders.into_iter().collect()
    }

    /// SHA-256 over names and contents of all files, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether some file is now a strict prefix of what it was in `older`: perhaps half written.
    ///
    /// Exact for config files up to 64 KiB; for others, "yes" may also mean that only bytes behind
    /// the last whole kibibyte differ.
    #[must_use]
    pub fn cut_short_of(&self, older: &Self) -> bool {
        self.files.iter().any(|file| {
            let before = older.by_path.get(&file.path).and_then(|at| older.source(*at)?.read.as_ref());
            match (&file.read, before) {
                (Some(now), Some(before)) => now.is_cut_from(before),
                _ => false,
            }
        })
    }

    /// Whether the file system still shows the files as they were read.
    pub(super) fn is_settled(&self) -> bool {
        self.files.iter().all(|file| Stamp::of(&file.path) == file.stamp)
    }

    /// Reads a config file. The outer error says why it cannot be read, the inner one how many bytes of it are UTF-8.
    pub(super) fn read_config(&mut self, path: &Path) -> (u32, io::Result<Result<String, usize>>) {
        let (index, bytes) = self.read(path, MAX_FILE, true);
        let text = bytes.map(|bytes| match String::from_utf8(bytes) {
            Ok(mut text) => {
                if text.starts_with('\u{FEFF}') {
                    text.drain(..'\u{FEFF}'.len_utf8());
                }
                Ok(text)
            }
            Err(error) => Err(error.utf8_error().valid_up_to()),
        });
        (index, text)
    }

    /// Reads the file of a secret and cuts one newline at its end.
    pub(super) fn read_secret(&mut self, path: &Path) -> io::Result<String> {
        let (_, bytes) = self.read(path, MAX_SECRET, false);
        let mut text = String::from_utf8(bytes?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text"))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }

    /// Watches the folder of an include pattern.
    pub(super) fn watch(&mut self, folder: &Path) {
        self.patterns.insert(folder.to_path_buf());
    }

    /// Computes the hash, when all files are read.
    pub(super) fn seal(&mut self) {
        let mut all = Sha256::new();
        for file in &self.files {
            let name = file.path.as_os_str().as_encoded_bytes();
            all.update((name.len() as u64).to_le_bytes());
            all.update(name);
            match &file.read {
                Some(read) => {
                    all.update([1]);
                    all.update(read.digest);
                }
                None => all.update([0]),
            }
        }
        self.hash.clear();
        for byte in all.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(self.hash, "{byte:02x}");
        }
    }

    /// The name of a file.
    pub(super) fn path(&self, index: u32) -> &Path {
        self.source(index).map_or(Path::new(""), |file| &file.path)
    }

    /// The text of a config file as it was read; `None` when it has changed since, or cannot be read.
    pub(super) fn text(&self, index: u32) -> Option<String> {
        let file = self.source(index)?;
        let read = file.read.as_ref()?;
        let bytes = match &read.content {
            Content::Whole(bytes) => bytes.to_vec(),
            Content::Blocks(_) => {
                let bytes = std::fs::read(&file.path).ok()?;
                (Sha256::digest(&bytes)[..] == read.digest).then_some(bytes)?
            }
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
    }

    fn source(&self, index: u32) -> Option<&Source> {
        self.files.get(usize::try_from(index).ok()?)
    }

    fn read(&mut self, path: &Path, limit: u64, may_keep: bool) -> (u32, io::Result<Vec<u8>>) {
        let stamp = Stamp::of(path);
        let bytes = read_up_to(path, limit);
        let read = bytes.as_ref().ok().map(|bytes| self.fingerprint(bytes, may_keep));
        let source = Source { path: path.to_path_buf(), read, stamp };
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None => u32::try_from(self.files.len()).unwrap_or(u32::MAX),
        };
        match usize::try_from(index).ok().and_then(|at| self.files.get_mut(at)) {
            Some(known) => *known = source,
            None => {
                self.files.push(source);
                self.by_path.insert(path.to_path_buf(), index);
            }
        }
        (index, bytes)
    }

    fn fingerprint(&mut self, bytes: &[u8], may_keep: bool) -> Fingerprint {
        let whole = may_keep && bytes.len() <= MAX_KEPT && self.kept_bytes + bytes.len() <= MAX_KEPT_ALL;
        let content = if whole {
            self.kept_bytes += bytes.len();
            Content::Whole(bytes.into())
        } else {
            Content::Blocks(blocks(bytes))
        };
        Fingerprint { length: bytes.len(), digest: Sha256::digest(bytes).into(), content }
    }
}

impl Fingerprint {
    fn is_cut_from(&self, before: &Self) -> bool {
        if self.length >= before.length {
            return false;
        }
        match (&self.content, &before.content) {
            (Content::Whole(now), Content::Whole(before)) => before.starts_with(now),
            (Content::Whole(now), Content::Blocks(before)) => before.starts_with(&blocks(now)),
            (Content::Blocks(now), Content::Whole(before)) => blocks(before).starts_with(now),
            (Content::Blocks(now), Content::Blocks(before)) => before.starts_with(now),
        }
    }
}

fn blocks(bytes: &[u8]) -> Box<[u64]> {
    let hash = |block: &[u8]| {
        let mut hasher = DefaultHasher::new();
        hasher.write(block);
        hasher.finish()
    };
    bytes.chunks_exact(BLOCK).map(hash).collect()
}

/// Reads a file to its end, which may be further than its length says, or nowhere.
fn read_up_to(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("the file is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The folder that a file stands in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn existing(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|at| at.is_dir());
    found.filter(|at| !at.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(folder: &Path, files: &[(&str, &[u8])]) -> Sources {
        let mut sources = Sources::default();
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let _ = sources.read_config(&path);
        }
        sources.seal();
        sources
    }

    #[test]
    fn a_cut_file_is_told_from_an_edited_one() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![b'x'; 100 << 10];
        let mut other = long.clone();
        other[5] = b'y';
        #[rustfmt::skip]
        let cases: [(&[u8], &[u8], bool); 9] = [
            (b"abc", b"ab", true), (b"abc", b"", true), (b"abc", b"abc", false), (b"abc", b"abcd", false), (b"abc", b"bc", false),
            (&long, &long[..99 << 10], true), (&long, &long[..7], true), (&long, &other[..99 << 10], false), (&long, &long, false),
        ];
        for (at, (before, now, expected)) in cases.into_iter().enumerate() {
            let before = sources(folder.path(), &[("a", before)]);
            let now = sources(folder.path(), &[("a", now)]);
            assert_eq!(now.cut_short_of(&before), expected, "{at}");
            assert_eq!(now.hash() == before.hash(), at == 2 || at == 8, "{at}");
        }
    }

    #[test]
    fn a_missing_file_is_known_and_its_folder_watched() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::default();
        let missing = folder.path().join("none/deeper/secret");
        assert!(sources.read_secret(&missing).is_err());
        assert_eq!(sources.files().collect::<Vec<_>>(), [missing.as_path()]);
        assert_eq!(sources.folders(), [folder.path()]);
        assert!(sources.is_settled());
        std::fs::create_dir_all(missing.parent().unwrap()).unwrap();
        std::fs::write(&missing, "s").unwrap();
        assert!(!sources.is_settled());
    }

    #[cfg(unix)]
    #[test]
    fn folders_of_link_targets_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(at("conf/v1")).unwrap();
        std::fs::write(at("conf/v1/c.toml"), "").unwrap();
        std::os::unix::fs::symlink("v1", at("conf/..data")).unwrap();
        std::os::unix::fs::symlink("..data/c.toml", at("conf/c.toml")).unwrap();
        let mut sources = Sources::default();
        let _ = sources.read_config(&at("conf/c.toml"));
        let folders = sources.folders();
        assert!(folders.contains(&at("conf")) && folders.contains(&at("conf/v1")), "{folders:?}");
    }

    #[test]
    fn one_newline_of_a_secret_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        for (content, expected) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("a ", "a ")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Sources::default().read_secret(&path).unwrap(), expected, "{content:?}");
        }
    }
}
