//! The files of a config: reading them, and what is kept to see that they changed.
//!
//! Of every file its SHA-256 is kept. To tell a half-written config file, which is a strict
//! prefix of its older self, one hash per kibibyte is kept besides, and the bytes at its end.
//! A file cut further in front than these counts as a prefix when all its whole blocks are the
//! same: the bytes behind them cannot be compared, and waiting for a moment is the safe side.

use super::draft::Drafts;
use super::include;
use super::stamp::Stamp;
use sha2::{Digest as _, Sha256};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write as _};
use std::hash::Hasher as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest config file that is read; offsets in it must fit 32 bits.
const MAX_CONFIG: u64 = 1 << 30;
/// The largest secret.
const MAX_SECRET: u64 = 64 << 10;
const BLOCK: usize = 1 << 10;
/// So many bytes of the end of a config file are kept.
const END: usize = 4 << 10;

/// The files of a config, with what is needed to see that they changed.
#[derive(Debug, Default)]
pub struct Sources {
    drafts: Drafts,
    files: Vec<Source>,
    by_path: HashMap<PathBuf, u32>,
    includes: Vec<Include>,
    hash: String,
    settled: bool,
}

/// An include pattern and the files that it names.
#[derive(Debug, PartialEq)]
struct Include {
    pattern: PathBuf,
    files: Result<Vec<PathBuf>, Unread>,
}

/// Why nothing was read.
#[derive(Debug, PartialEq)]
struct Unread {
    why: String,
    /// The process has too many files open: nothing is said about this one.
    starved: bool,
}

impl From<&io::Error> for Unread {
    fn from(error: &io::Error) -> Self {
        #[cfg(unix)]
        let starved = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
        #[cfg(not(unix))]
        let starved = false;
        Self { why: error.to_string(), starved }
    }
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    kind: Kind,
    /// How it looked before it was read; `None`: it could not be seen.
    stamp: Option<Stamp>,
    /// What was read, or why nothing.
    read: Result<Arc<Fingerprint>, Unread>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Config,
    Secret,
}

#[derive(Debug)]
struct Fingerprint {
    digest: [u8; 32],
    /// Of config files.
    shape: Option<Shape>,
}

/// What tells a strict prefix.
struct Shape {
    length: usize,
    /// A hash of each whole block.
    blocks: Box<[u64]>,
    end: Box<[u8]>,
}

impl Sources {
    /// No files yet; drafts stand in for those that they name.
    pub(super) fn with(drafts: Drafts) -> Self {
        Self { drafts, ..Self::default() }
    }

    /// The config files that were read: the main one first, then the included ones.
    pub fn config_files(&self) -> impl Iterator<Item = &Path> {
        let configs = self.files.iter().filter(|file| matches!(file.kind, Kind::Config));
        configs.map(|file| file.path.as_path())
    }

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
        folders.extend(self.includes.iter().map(|include| existing(folder_of(&include.pattern))));
        folders.into_iter().collect()
    }

    /// SHA-256 over names and contents of all files, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// SHA-256 over the contents of the config files, whatever they are called; `None`: one could not be read.
    pub(crate) fn contents(&self) -> Option<String> {
        self.contents_with(&Drafts::default())
    }

    /// The same as it would be with these texts in files, byte order marks included.
    pub(crate) fn contents_with(&self, written: &Drafts) -> Option<String> {
        let mut all = Sha256::new();
        for file in self.files.iter().filter(|file| matches!(file.kind, Kind::Config)) {
            match (written.text(&file.path), &file.read) {
                (Some(text), _) => all.update(Sha256::digest(text)),
                (None, Ok(read)) => all.update(read.digest),
                (None, Err(_)) => return None,
            }
        }
        Some(hexadecimal(&all.finalize()))
    }

    /// Whether the files held still while they were read.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The same files as they are now, with another hash when anything is otherwise.
    ///
    /// Only those are read that look changed, or had changed so shortly before they were
    /// read that another change might not show.
    #[must_use]
    pub fn again(&self) -> Self {
        let files = self.files.iter().map(Source::again).collect();
        let include = |include: &Include| Include::of(include.pattern.clone(), &self.drafts);
        let includes = self.includes.iter().map(include).collect();
        let mut now = Self {
            files,
            includes,
            by_path: self.by_path.clone(),
            settled: true,
            ..Self::with(self.drafts.clone())
        };
        now.seal();
        now
    }

    /// Whether nothing about the files is otherwise in `other`, not even a link or a time.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.files.iter().zip(&other.files).all(|(now, other)| now.stamp == other.stamp)
    }

    /// Whether something could not be read because the process has too many files open, which says nothing about it.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        let files = self.files.iter().filter_map(|file| file.read.as_ref().err());
        let mut unread = files.chain(self.includes.iter().filter_map(|include| include.files.as_ref().err()));
        unread.any(|unread| unread.starved)
    }

    /// Whether some config file is now a strict prefix of what it was in `older`: perhaps half written.
    ///
    /// Exact for files cut within their last three kibibytes; for others, "yes" may also mean that only
    /// bytes behind the last whole kibibyte differ.
    #[must_use]
    pub fn cut_short_of(&self, older: &Self) -> bool {
        self.pairs(older).any(|(now, before)| match (&now.shape, &before.shape) {
            (Some(now), Some(before)) => now.is_cut_from(before),
            (None, _) | (_, None) => false,
        })
    }

    /// Whether every file that could be read in both is the same.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.pairs(other).all(|(now, other)| now.digest == other.digest)
    }

    /// Reads a config file. The outer error says why it cannot be read, the inner one how many bytes of it are UTF-8.
    pub(super) fn read_config(&mut self, path: &Path) -> (u32, io::Result<Result<String, usize>>) {
        let (index, bytes) = self.read(path, Kind::Config);
        if let Some(draft) = self.drafts.text(path) {
            return (index, Ok(Ok(draft.to_owned())));
        }
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
        let (_, bytes) = self.read(path, Kind::Secret);
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

    /// The files that a pattern names; its folder is watched.
    pub(super) fn include(&mut self, pattern: PathBuf) -> Result<Vec<PathBuf>, String> {
        let include = Include::of(pattern, &self.drafts);
        let files = include.files.as_ref().map(Clone::clone).map_err(|unread| unread.why.clone());
        self.includes.push(include);
        files
    }

    /// Computes the hash, when all files are read.
    pub(super) fn seal(&mut self) {
        let mut all = Sha256::new();
        let mut add = |kind: u8, bytes: &[u8]| {
            all.update([kind]);
            all.update((bytes.len() as u64).to_le_bytes());
            all.update(bytes);
        };
        for file in &self.files {
            add(0, file.path.as_os_str().as_encoded_bytes());
            match &file.read {
                Ok(read) => add(1, &read.digest),
                Err(unread) => add(2, unread.why.as_bytes()),
            }
        }
        for include in &self.includes {
            add(3, include.pattern.as_os_str().as_encoded_bytes());
            match &include.files {
                Ok(files) => files.iter().for_each(|file| add(0, file.as_os_str().as_encoded_bytes())),
                Err(unread) => add(2, unread.why.as_bytes()),
            }
        }
        self.hash = hexadecimal(&all.finalize());
    }

    /// Looks at the sealed files again and tells whether they held still since they were read.
    pub(super) fn settle(&mut self) -> bool {
        let now = self.again();
        let settled = now.hash == self.hash;
        if settled {
            *self = now;
        }
        settled
    }

    /// The name of a file.
    pub(super) fn path(&self, index: u32) -> &Path {
        self.source(index).map_or(Path::new(""), |file| &file.path)
    }

    /// The text of a config file as it was read; `None` when it has changed since, or cannot be read.
    pub(super) fn text(&self, index: u32) -> Option<String> {
        let file = self.source(index)?;
        if let Some(draft) = self.drafts.text(&file.path) {
            return Some(draft.to_owned());
        }
        let bytes = read_up_to(&file.path, MAX_CONFIG).ok()?;
        (Sha256::digest(&bytes)[..] == file.read.as_ref().ok()?.digest).then_some(())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
    }

    fn source(&self, index: u32) -> Option<&Source> {
        self.files.get(usize::try_from(index).ok()?)
    }

    /// What was read of every file that both have.
    fn pairs<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = (&'s Fingerprint, &'s Fingerprint)> {
        self.files.iter().filter_map(|file| {
            let other = other.source(*other.by_path.get(&file.path)?)?;
            Some((&**file.read.as_ref().ok()?, &**other.read.as_ref().ok()?))
        })
    }

    fn read(&mut self, path: &Path, kind: Kind) -> (u32, io::Result<Vec<u8>>) {
        let (source, bytes) = Source::read(path, kind);
        // Of a file that is named twice what was read first is kept: if it changed in between, it looks changed.
        let index = *self.by_path.entry(path.to_path_buf()).or_insert_with(|| {
            self.files.push(source);
            u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
        });
        (index, bytes)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Include {
    fn of(pattern: PathBuf, drafts: &Drafts) -> Self {
        let unread = |error: io::Error| {
            let mut unread = Unread::from(&error);
            if error.raw_os_error().is_some() {
                unread.why.insert_str(0, "the folder cannot be read: ");
            }
            unread
        };
        Self { files: include::files(&pattern, drafts).map_err(unread), pattern }
    }
}

impl Source {
    fn read(path: &Path, kind: Kind) -> (Self, io::Result<Vec<u8>>) {
        let stamp = Stamp::of(path);
        let limit = match kind {
            Kind::Config => MAX_CONFIG,
            Kind::Secret => MAX_SECRET,
        };
        let bytes = read_up_to(path, limit);
        let read = match &bytes {
            Ok(bytes) => Ok(Arc::new(Fingerprint::of(bytes, kind))),
            Err(error) => Err(error.into()),
        };
        (Self { path: path.to_path_buf(), kind, stamp, read }, bytes)
    }

    /// The same file as it is now.
    fn again(&self) -> Self {
        let stamp = Stamp::of(&self.path);
        match &self.read {
            Ok(read) if stamp == self.stamp && self.stamp.as_ref().is_some_and(|stamp| !stamp.is_fresh()) => {
                Self { path: self.path.clone(), kind: self.kind, stamp, read: Ok(Arc::clone(read)) }
            }
            Ok(_) | Err(_) => Self::read(&self.path, self.kind).0,
        }
    }
}

impl Fingerprint {
    fn of(bytes: &[u8], kind: Kind) -> Self {
        let shape = match kind {
            Kind::Config => Some(Shape::of(bytes)),
            Kind::Secret => None,
        };
        Self { digest: Sha256::digest(bytes).into(), shape }
    }
}

impl fmt::Debug for Shape {
    /// Not the bytes: a secret may stand there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape(<{} bytes>)", self.length)
    }
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let hash = |block: &[u8]| {
            let mut hasher = DefaultHasher::new();
            hasher.write(block);
            hasher.finish()
        };
        let end = bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default();
        Self { length: bytes.len(), blocks: bytes.chunks_exact(BLOCK).map(hash).collect(), end: end.into() }
    }

    fn is_cut_from(&self, before: &Self) -> bool {
        let whole = self.blocks.len() * BLOCK;
        let in_end = |at: usize| at.checked_sub(before.length - before.end.len());
        self.length < before.length
            && before.blocks.starts_with(&self.blocks)
            && in_end(whole).zip(in_end(self.length)).is_none_or(|(from, to)| {
                before.end.get(from..to).is_some_and(|before| self.end.ends_with(before))
            })
    }
}

/// Reads a regular file to its end, which may be further than its length says.
fn read_up_to(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Some devices notice that they are opened.
    regular(&std::fs::metadata(path)?)?;
    let mut options = std::fs::OpenOptions::new();
    // A pipe that took its place meanwhile would be waited for.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.read(true).open(path)?;
    let length = regular(&file.metadata()?)?.min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("the file is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The length of a regular file; of a folder, a pipe or a device an error.
fn regular(metadata: &std::fs::Metadata) -> io::Result<u64> {
    if metadata.is_file() { Ok(metadata.len()) } else { Err(io::Error::other("it is not a regular file")) }
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
        let cases: [(&[u8], &[u8], bool); 13] = [
            (b"abc", b"ab", true), (b"abc", b"", true), (b"abc", b"abc", false), (b"abc", b"abcd", false), (b"abc", b"bc", false),
            (&long, &long[..99 << 10], true), (&long, &long[..7], true), (&long, &other[..99 << 10], false), (&long, &long, false),
            // Of the last three kibibytes every byte counts.
            (&long, &long[..(100 << 10) - 1], true), (&long, &edited(&long, 1), false), (&long, &edited(&long, 3 << 10), false),
            (&long, &long[..(97 << 10) - 1], true),
        ];
        for (at, (before, now, expected)) in cases.into_iter().enumerate() {
            let before = sources(folder.path(), &[("a", before)]);
            let now = sources(folder.path(), &[("a", now)]);
            assert_eq!(now.cut_short_of(&before), expected, "{at}");
            assert_eq!(now.hash() == before.hash(), at == 2 || at == 8, "{at}");
        }
    }

    /// So many bytes shorter, and another last byte.
    fn edited(bytes: &[u8], shorter: usize) -> Vec<u8> {
        let mut edited = bytes[..bytes.len() - shorter].to_vec();
        *edited.last_mut().unwrap() = b'y';
        edited
    }

    #[test]
    fn a_secret_that_got_shorter_is_not_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let mut sources = Sources::default();
            sources.read_secret(&path).unwrap();
            sources.seal();
            sources
        };
        let (before, now) = (read("secret"), read("sec"));
        assert!(now.hash() != before.hash() && !now.cut_short_of(&before));
    }

    #[test]
    fn what_changed_between_two_uses_looks_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let mut sources = Sources::default();
        for text in ["one", "two"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(sources.read_secret(&path).unwrap(), text);
        }
        sources.seal();
        assert!(!sources.settle());
    }

    #[test]
    fn files_are_the_same_again_when_their_content_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut sources = Sources::default();
        std::fs::write(at("a.toml"), "a").unwrap();
        assert_eq!(sources.include(at("*.toml")).unwrap(), [at("a.toml")]);
        let _ = sources.read_config(&at("a.toml"));
        sources.seal();
        assert!(sources.settle() && sources.again().looks_like(&sources));
        std::fs::write(at("busy.log"), "").unwrap();
        assert!(sources.again().looks_like(&sources), "another file beside it");
        std::fs::rename(at("a.toml"), at("b")).unwrap();
        std::fs::write(at("a.toml"), "a").unwrap();
        let again = sources.again();
        assert!(again.hash() == sources.hash() && !again.looks_like(&sources), "replaced by its like");
        std::fs::write(at("a.toml"), "b").unwrap();
        assert!(sources.again().hash() != sources.hash() && sources.agrees_with(&sources));
        assert!(!sources.again().agrees_with(&sources));
        std::fs::rename(at("b"), at("a.toml")).unwrap();
        assert_eq!(sources.again().hash(), sources.hash());
        std::fs::write(at("b.toml"), "").unwrap();
        assert!(sources.again().hash() != sources.hash(), "a file more");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&*pipe, Path::new("/dev/zero"), folder.path()] {
            let mut sources = Sources::default();
            assert!(sources.read_secret(path).unwrap_err().to_string().contains("not a regular file"));
            assert!(sources.read_config(path).1.is_err());
        }
    }

    #[test]
    fn a_missing_file_is_known_and_its_folder_watched() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::default();
        let missing = folder.path().join("none/deeper/secret");
        assert!(sources.read_secret(&missing).is_err());
        sources.seal();
        assert_eq!(sources.files().collect::<Vec<_>>(), [missing.as_path()]);
        assert_eq!(sources.folders(), [folder.path()]);
        assert!(sources.settle());
        std::fs::create_dir_all(missing.parent().unwrap()).unwrap();
        std::fs::write(&missing, "s").unwrap();
        assert!(!sources.settle());
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
