//! From files to a policy: raw to checked, every problem in one report.
//!
//! Floor 3. It reads the config file, its includes and the secret files they name,
//! and builds a `Policy`; it knows no sockets and no requests. Values of secrets are
//! never printed, in no error.
//!
//! `source` reads files, `read` takes their TOML apart by the keys that `keys` lists, `tables` has
//! a reader for each table, `check` compares them and builds, `problem` places what was found.

mod check;
mod include;
mod keys;
mod near;
mod problem;
mod read;
mod schema;
mod secret;
mod source;
mod stamp;
mod tables;
mod units;

pub use problem::{Location, Report};
pub use schema::schema;
pub(crate) use secret::blotted;
pub use source::Sources;

use crate::domain::code::Code;
use crate::domain::names::PrincipalId;
use crate::domain::pointer::Pointer;
use crate::domain::time::Timestamp;
use crate::policy::Policy;
use http::{HeaderName, HeaderValue, Method};
use keys::Support;
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
/// How many of a file's syntax errors are looked at.
const MAX_SYNTAX_ERRORS: usize = 20;

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
    let mut tries = 1;
    loop {
        let mut result = load_once(path, now);
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

fn load_once(path: &Path, now: Timestamp) -> Result<Loaded, Box<Rejected>> {
    let mut sources = Sources::default();
    let mut problems = Problems::default();
    let mut raw = Raw::default();
    let mut read = HashSet::from([real(path)]);
    for pattern in read_file(path, &mut sources, &mut problems, &mut raw, File::Main) {
        let files = match sources.include(beside(path).join(&*pattern.value)) {
            Ok(files) => files,
            Err(error) => {
                raw.incomplete = true;
                problems.error(pattern.mark, error);
                continue;
            }
        };
        for file in files {
            if read.insert(real(&file)) {
                read_file(&file, &mut sources, &mut problems, &mut raw, File::Included(pattern.mark));
            } else {
                // Another name of a file that was read; it may lead elsewhere later.
                let _ = sources.read_config(&file);
            }
        }
    }
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

/// The one name of a file that has several, by links or dots.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or(path.to_path_buf())
}

/// Where relative paths of a file start; empty when it is named without a folder.
fn beside(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

#[derive(Clone, Copy)]
enum File {
    Main,
    /// Named by the pattern that stands there.
    Included(Mark),
}

/// Reads one file; returns the patterns that it includes.
fn read_file(
    path: &Path,
    sources: &mut Sources,
    problems: &mut Problems,
    raw: &mut Raw,
    kind: File,
) -> Vec<Marked<Box<str>>> {
    let (index, text) = sources.read_config(path);
    let start = Mark::new(index, &(0..0));
    let text = match text {
        Ok(Ok(text)) => text,
        Ok(Err(valid)) => {
            raw.incomplete = true;
            problems.syntax(Mark::new(index, &(valid..valid)), "this byte is not UTF-8 text");
            return Vec::new();
        }
        Err(error) => {
            raw.incomplete = true;
            let message = format!("{} cannot be read: {error}", secret::quoted(&path.display().to_string()));
            match kind {
                File::Main => problems.syntax(start, message),
                File::Included(named) => problems.error(named, message),
            }
            return Vec::new();
        }
    };
    let (document, readable) = parse(&text, index, problems);
    if !readable {
        raw.incomplete = true;
        return Vec::new();
    }
    let folder = beside(path).to_path_buf();
    let mut reader = Reader { file: index, source: &text, folder, problems, sources };
    let fields = reader.fields_of(&document, start, &keys::MAIN);
    // A misspelt table may define what would be reported as unknown.
    raw.incomplete |= keys::INCLUDED.iter().any(|table| fields.misspells(table));
    raw.read(&mut reader, &fields);
    match kind {
        File::Main => {
            raw.settings.read(&mut reader, &fields);
            fields.read("include", |item| reader.texts(item)).unwrap_or_default()
        }
        File::Included(_) => {
            refuse_main_tables(&mut reader, &document);
            Vec::new()
        }
    }
}

/// Parses a file and reports what is no TOML. Tells whether the rest can be read for what it says:
/// so it is when the only problems are keys that stand twice.
fn parse<'t>(text: &'t str, file: u32, problems: &mut Problems) -> (DeTable<'t>, bool) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let readable = errors.iter().all(|error| error.message() == "duplicate key");
    let mut said = HashSet::new();
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let span = error.span().unwrap_or_default();
        let message = match error.message() {
            "duplicate key" => {
                problems.syntax(Mark::new(file, &span), "this key is defined twice in this file");
                continue;
            }
            other => other.replace('\n', "; "),
        };
        // One slip, such as a bracket that is never closed, makes the same error on line after line.
        if said.insert(message.clone()) {
            problems.syntax(Mark::new(file, &span), message);
        }
    }
    (document.into_inner(), readable)
}

fn refuse_main_tables(reader: &mut Reader<'_>, document: &DeTable<'_>) {
    for (key, _) in document {
        let name: &str = key.get_ref();
        let supported = keys::MAIN.key(name).is_some_and(|key| key.support == Support::Now);
        if supported && !keys::INCLUDED.contains(&name) {
            let at = reader.mark(&key.span());
            reader.problems.error(at, format!("`{name}` belongs in the main file, not in an included one"));
        }
    }
}

#[cfg(test)]
mod tests;
