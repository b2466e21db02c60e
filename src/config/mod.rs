//! From files to a policy: raw to checked, every problem in one report.
//!
//! Floor 3. It reads the config file, its includes and the secret files they name,
//! and builds a `Policy`; it knows no sockets and no requests. Values of secrets are
//! never printed, in no error.

use crate::domain::code::Code;
use crate::domain::names::PrincipalId;
use crate::domain::pointer::Pointer;
use crate::domain::time::Timestamp;
use crate::policy::Policy;
use http::{HeaderName, HeaderValue, Method};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A place in a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file, as named on the command line or by `include`.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

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

/// Problems and warnings, each at its place.
#[derive(Debug, Default)]
pub struct Report {}

impl Report {
    /// Adds a problem: the config is refused.
    pub fn error(&mut self, at: &Location, message: impl Into<String>) {
        let _ = (at, message.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: &Location, message: impl Into<String>) {
        let _ = (at, message.into());
    }

    /// How many problems there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        0
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        0
    }

    /// Every problem, then every warning, each on one line: `file:line:column: what`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        std::iter::empty()
    }

    /// The report as people read it: each entry with its line and the text underlined; `colour` for terminals.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let _ = colour;
        String::new()
    }
}

/// The JSON Schema (2020-12) of the config, for editors.
#[must_use]
pub fn schema() -> String {
    String::new()
}

/// The files of a config, with what is needed to see that they changed.
#[derive(Debug, Default)]
pub struct Sources {}

impl Sources {
    /// Every file read or looked for: config, includes, secrets.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::empty()
    }

    /// The folders to watch: those of every file and of every include pattern.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// SHA-256 over names and contents of all files, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        ""
    }

    /// Whether some file is now a strict prefix of what it was in `older`: perhaps half written.
    #[must_use]
    pub fn cut_short_of(&self, older: &Self) -> bool {
        let _ = older;
        false
    }
}

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
/// `now` tells which tokens are expired. `[[test]]` cases are read, not run.
///
/// # Errors
/// Every problem of all files in one report.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, Box<Rejected>> {
    let _ = (path, now);
    Err(Box::new(Rejected { report: Report::default(), sources: Sources::default() }))
}
