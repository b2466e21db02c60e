//! Requests whose end two programs could see in two places, each with a second one hidden where the wrong end is.
//!
//! The families are those of the public tools and of published findings: which header frames
//! the body, how it may be misspelt, where a line ends, how long a chunk is. Each family is a
//! table of spellings times a table of arrangements; every payload carries a number, which tells
//! the requests of one payload from those of all others at the backend.

use crate::harness::token;
use std::collections::BTreeSet;

/// The holder of the first request, and the holder of the hidden one.
pub(super) const CARRIER: &str = "carrier";
pub(super) const VICTIM: &str = "victim";

/// The first number; all have as many digits.
const FIRST: usize = 1_000;

/// What is sent on one connection.
pub(super) struct Payload {
    pub(super) family: &'static str,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Payloads by number.
#[derive(Default)]
pub(super) struct Corpus {
    pub(super) payloads: Vec<Payload>,
    /// Bytes with every number cut out, so that nothing is counted twice.
    seen: BTreeSet<Vec<u8>>,
}

/// The pieces of one payload.
#[derive(Clone, Copy)]
pub(super) struct Pieces(usize);

impl Pieces {
    /// The body of a form that the backend gets with its number.
    pub(super) fn form(self) -> Vec<u8> {
        format!("q=c{}&note=", self.0).into_bytes()
    }

    /// The head of a POST of a form up to its last line, without what frames the body.
    pub(super) fn post(self) -> Vec<u8> {
        self.start("POST", "/form", "HTTP/1.1")
    }

    /// A head with a form's content type up to its last line.
    pub(super) fn start(self, method: &str, target: &str, version: &str) -> Vec<u8> {
        format!("{method} {target} {version}\r\nHost: gate.test\r\n{}", self.rest()).into_bytes()
    }

    /// The header lines of a POST of a form that follow its Host.
    pub(super) fn rest(self) -> String {
        format!(
            "Authorization: Bearer {}\r\nUser-Agent: c{}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            token(CARRIER),
            self.0
        )
    }

    /// A whole GET of somebody else's, to be hidden.
    pub(super) fn hidden(self) -> Vec<u8> {
        let Self(number) = self;
        format!(
            "GET /leads HTTP/1.1\r\nHost: gate.test\r\nUser-Agent: m{number}\r\nAuthorization: Bearer {}\r\n\r\n",
            token(VICTIM)
        )
        .into_bytes()
    }

    /// A whole GET of the first holder's up to its last line.
    pub(super) fn get(self) -> Vec<u8> {
        self.start("GET", "/leads", "HTTP/1.1")
    }
}

impl Corpus {
    pub(super) fn all() -> Self {
        let mut corpus = Self::default();
        super::codings::add(&mut corpus);
        super::lengths::add(&mut corpus);
        super::chunks::add(&mut corpus);
        super::lines::add(&mut corpus);
        super::heads::add(&mut corpus);
        corpus
    }

    /// Every payload with its number.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Payload)> {
        (FIRST..).zip(&self.payloads)
    }

    pub(super) fn push(
        &mut self,
        family: &'static str,
        name: impl Into<String>,
        make: impl Fn(Pieces) -> Vec<u8>,
    ) {
        // A number that no payload has: what is made with it twice is the same twice.
        if self.seen.insert(make(Pieces(9_999))) {
            let bytes = make(Pieces(FIRST + self.payloads.len()));
            self.payloads.push(Payload { family, name: name.into(), bytes });
        }
    }
}

/// Pieces put together.
pub(super) fn joined(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

/// A chunk, its size in hexadecimal digits.
pub(super) fn chunk(data: &[u8]) -> Vec<u8> {
    joined(&[format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"])
}

/// A byte as a name shows it.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
