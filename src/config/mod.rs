//! From files to a policy: raw to checked, every problem in one report.
//!
//! Floor 3. It reads the config file, its includes and the secret files they name,
//! and builds a `Policy`; it knows no sockets and no requests. Values of secrets are
//! never printed, in no error.
//!
//! `source` reads files, `read` takes their TOML apart by the keys that `keys` lists, `tables` has
//! a reader for each table, `check` compares them and builds, `problem` places what was found.

mod check;
mod draft;
mod include;
mod keys;
mod near;
mod parse;
mod problem;
mod read;
mod schema;
mod secret;
mod source;
mod stamp;
mod tables;
mod units;

pub use draft::Drafts;
pub(crate) use near::nearest;
pub use problem::{Location, Report};
pub use schema::schema;
pub use secret::blotted;
pub(crate) use secret::masked;
pub use source::Sources;

use crate::domain::code::Code;
use crate::domain::names::PrincipalId;
use crate::domain::pointer::Pointer;
use crate::domain::time::Timestamp;
use crate::policy::Policy;
use http::{HeaderName, HeaderValue, Method};
use parse::Parsed;
use problem::{Mark, Marked, Problems};
use read::Reader;
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tables::Raw;
use toml::de::DeTable;

/// How often a set of files that changes while it is read is read again.
const MAX_TRIES: usize = 3;
/// How many bytes of included files are parsed at one time, and the rest of the last file.
const MAX_TEXTS: usize = 8 << 20;

/// A config that may be put in force.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub policy: Policy,
    /// Its `[[test]]` cases, not yet run.
    pub cases: Vec<Case>,
    /// What is legal but likely not meant.
    pub warnings: Report,
    /// The files it was read from.
    pub sources: Sources,
}

/// A config that was refused.
#[derive(Debug)]
pub struct Rejected {
    /// Every problem and warning.
    pub report: Report,
    /// The files that were read or looked for, so that they can be watched until they are mended.
    pub sources: Sources,
}

impl fmt::Display for Rejected {
    /// Every problem and warning, as people read them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report.render(false))
    }
}

impl std::error::Error for Rejected {}

/// A `[[test]]`: a written request and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Where it stands.
    pub location: Location,
    /// Who asks.
    pub principal: PrincipalId,
    /// From where; the peer of the connection.
    pub from: IpAddr,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers of the request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Vec<u8>,
    /// `None`: it is allowed.
    pub refusal: Option<Code>,
    /// The path the backend must get.
    pub backend_path: Option<String>,
    /// Query parameters the backend must get, all values of each, in order; decoded.
    pub backend_query: Vec<(String, Vec<String>)>,
    /// Form fields, likewise.
    pub backend_form: Vec<(String, Vec<String>)>,
    /// Headers, one value each.
    pub backend_header: Vec<(HeaderName, String)>,
    /// Members of the JSON body, as JSON text.
    pub backend_json: Vec<(Pointer, String)>,
}

/// Reads, checks and builds the config at `path`, its includes and secret files.
///
/// `now` tells which tokens are expired. `[[test]]` cases are read, not run. Files that change while they are read
/// are read again, a few times; the sources tell whether they held still at last.
///
/// # Errors
/// Every problem of all files in one report.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, Box<Rejected>> {
    load_drafts(path, now, &Drafts::default())
}

/// [`load`], with drafts in place of the files that they stand for.
///
/// # Errors
/// As [`load`].
pub fn load_drafts(path: &Path, now: Timestamp, drafts: &Drafts) -> Result<Loaded, Box<Rejected>> {
    let mut tries = 1;
    loop {
        let mut result = load_once(path, now, drafts);
        let sources = match &mut result {
            Ok(loaded) => &mut loaded.sources,
            Err(rejected) => &mut rejected.sources,
        };
        if sources.settle() || tries == MAX_TRIES {
            return result;
        }
        tries += 1;
    }
}

fn load_once(path: &Path, now: Timestamp, drafts: &Drafts) -> Result<Loaded, Box<Rejected>> {
    let mut load = Load { sources: Sources::with(drafts.clone()), ..Load::default() };
    let mut seen = HashSet::from([real(path)]);
    let patterns = match load.text(path.to_path_buf(), File::Main) {
        Some(main) => load.take(&main, &Parsed::of(&main.text)),
        None => Vec::new(),
    };
    let mut files = Vec::new();
    for pattern in patterns {
        match load.sources.include(beside(path).join(&*pattern.value)) {
            Ok(found) => files.extend(found.into_iter().map(|file| (file, File::Included(pattern.mark)))),
            Err(error) => {
                load.raw.incomplete = true;
                load.problems.error(pattern.mark, error);
            }
        }
    }
    let mut files = files.into_iter();
    loop {
        let mut texts = Vec::new();
        let mut bytes = 0;
        for (file, kind) in files.by_ref() {
            if !seen.insert(real(&file)) {
                // Another name of a file that was read; it may lead elsewhere later.
                let _ = load.sources.read_config(&file);
                continue;
            }
            if let Some(text) = load.text(file, kind) {
                bytes += text.text.len();
                texts.push(text);
            }
            if bytes > MAX_TEXTS {
                break;
            }
        }
        if texts.is_empty() {
            return load.finish(now);
        }
        parse::each(&texts, |text| &text.text, |text, parsed| drop(load.take(text, &parsed)));
    }
}

#[derive(Clone, Copy)]
enum File {
    Main,
    /// Named by the pattern that stands there.
    Included(Mark),
}

/// A file that was read.
struct Text {
    index: u32,
    path: PathBuf,
    kind: File,
    text: String,
}

/// What the files say so far.
#[derive(Default)]
struct Load {
    sources: Sources,
    problems: Problems,
    raw: Raw,
}

impl Load {
    /// Reads one file.
    fn text(&mut self, path: PathBuf, kind: File) -> Option<Text> {
        let (index, text) = self.sources.read_config(&path);
        match text {
            Ok(Ok(text)) => return Some(Text { index, path, kind, text }),
            Ok(Err(valid)) => {
                let at = Mark::new(index, &(valid..valid));
                self.problems.syntax(at, "this byte is not UTF-8 text");
            }
            Err(error) => {
                let message =
                    format!("{} cannot be read: {error}", secret::quoted(&path.display().to_string()));
                match kind {
                    File::Main => self.problems.syntax(Mark::new(index, &(0..0)), message),
                    File::Included(named) => self.problems.error(named, message),
                }
            }
        }
        self.raw.incomplete = true;
        None
    }

    /// Takes what a file says; returns the patterns that it includes.
    fn take(&mut self, text: &Text, parsed: &Parsed<'_>) -> Vec<Marked<Box<str>>> {
        let Self { sources, problems, raw } = self;
        if !parsed.report(text.index, problems) {
            raw.incomplete = true;
            return Vec::new();
        }
        let folder = beside(&text.path).to_path_buf();
        let mut reader = Reader { file: text.index, source: &text.text, folder, problems, sources };
        let fields = reader.fields_of(&parsed.document, Mark::new(text.index, &(0..0)), &keys::MAIN);
        // A misspelt table may define what would be reported as unknown.
        raw.incomplete |= keys::INCLUDED.iter().any(|table| fields.misspells(table));
        raw.read(&mut reader, &fields);
        match text.kind {
            File::Main => {
                raw.settings.read(&mut reader, &fields);
                fields.read("include", |item| reader.texts(item)).unwrap_or_default()
            }
            File::Included(_) => {
                refuse_main_tables(&mut reader, &parsed.document);
                Vec::new()
            }
        }
    }

    /// Compares what the files say, and builds.
    fn finish(self, now: Timestamp) -> Result<Loaded, Box<Rejected>> {
        let Self { mut sources, mut problems, mut raw } = self;
        let cases = std::mem::take(&mut raw.cases);
        let policy = check::policy(raw, now, &mut problems);
        let locations = problem::locations(cases.iter().map(|case| case.mark), &sources);
        sources.seal();
        let failed = problems.errors() > 0;
        let report = problems.into_report(&sources);
        if failed {
            return Err(Box::new(Rejected { report, sources }));
        }
        let placed = |(case, location): (Marked<Case>, Location)| Case { location, ..case.value };
        let cases = cases.into_iter().zip(locations).map(placed).collect();
        Ok(Loaded { policy, cases, warnings: report, sources })
    }
}

/// The one name of a file that has several, by links or dots.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or(path.to_path_buf())
}

/// Where relative paths of a file start; empty when it is named without a folder.
fn beside(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn refuse_main_tables(reader: &mut Reader<'_>, document: &DeTable<'_>) {
    for (key, _) in document {
        let name: &str = key.get_ref();
        if keys::MAIN.key(name).is_some() && !keys::INCLUDED.contains(&name) {
            let at = reader.mark(&key.span());
            reader.problems.error(at, format!("`{name}` belongs in the main file, not in an included one"));
        }
    }
}

#[cfg(test)]
mod tests;
