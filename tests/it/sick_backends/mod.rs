//! Backends that are silent, break off, break the rules, or die: at each stage of an answer, for GET and for POST.
//!
//! The client gets the exact code, or a transfer that it can see to be broken; a POST reaches
//! the backend once, a GET twice at most; and the next request, to a backend that is well
//! again, is answered right at once.

mod process;
mod stages;
mod stale;

use crate::harness::{Answer, Client, Config, End, Gate, Request, ScriptedBackend, Wire, affiliate};
use std::time::{Duration, Instant};

/// How long the gate waits for a head, and between two pieces of a body.
const TIMEOUT: Duration = Duration::from_millis(600);

/// How soon a backend that is well again must be believed, on a machine with other things to do.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Two reports alike, one asked for with GET, one with POST.
const REPORTS: &str = r#"
[reports.got]
permission = "get_report"
path = "/got"
columns = { country = {} }
[reports.got.request]
scope = [{ in = "query", name = "affiliate_id" }]
[reports.got.response]
format = "json"
rows = "/rows"

[reports.posted]
permission = "get_report"
path = "/posted"
methods = ["POST"]
backend_method = "POST"
columns = { country = {} }
[reports.posted.request]
body = "json"
scope = [{ in = "json", at = "/affiliate" }]
[reports.posted.response]
format = "json"
rows = "/rows"
"#;

fn gate(backend: std::net::SocketAddr) -> Gate {
    let keys = "permissions = [\"get_report\"]\nscope = [\"1001\"]\ncolumns.got = [\"country\"]\ncolumns.posted = [\"country\"]";
    let timeouts = format!("timeout = \"{0}ms\"\nbody_timeout = \"{0}ms\"", TIMEOUT.as_millis());
    Gate::start(&Config::at(backend).backend(&timeouts).with(REPORTS).with(&affiliate("acme", keys)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

impl Method {
    const BOTH: [Self; 2] = [Self::Get, Self::Post];

    /// A request of this name, which the backend sees as its `User-Agent`.
    fn request(self, name: &str) -> Request {
        let request = match self {
            Self::Get => Request::get("/got"),
            Self::Post => Request::post("/posted", "application/json", "{}"),
        };
        request.of("acme").header("User-Agent", name)
    }
}

/// What a client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// A whole success.
    Success,
    /// A whole refusal.
    Refused(u16, &'static str),
    /// An answer without its end.
    Broken,
}

const FAILED: Seen = Seen::Refused(502, "backend_failed");
const INVALID: Seen = Seen::Refused(502, "backend_response_invalid");
const LATE: Seen = Seen::Refused(504, "backend_timeout");

/// What is wrong with an answer.
fn wrong(what: &str, answer: &Answer, expected: Seen) -> Option<String> {
    let is_right = match expected {
        Seen::Success => answer.is_success(),
        Seen::Broken => answer.status == 200 && answer.end == End::Broken,
        Seen::Refused(status, code) => {
            answer.end == End::Complete && answer.status == status && answer.code() == code
        }
    };
    let Answer { status, end, .. } = answer;
    (!is_right).then(|| format!("{what}: not {expected:?} but {status} {} {end:?}", answer.code()))
}

#[track_caller]
fn assert_seen(what: &str, answer: &Answer, expected: Seen) {
    if let Some(wrong) = wrong(what, answer, expected) {
        panic!("{wrong}");
    }
}

/// The answer of a backend that is well: one row, which tells whose request it was.
fn well(wire: &mut Wire, connection: &str) {
    if let Some(received) = wire.request() {
        let name = received.header("user-agent").unwrap_or_default();
        let body = format!("{{\"rows\":[{{\"country\":\"{name}\"}}]}}");
        let connection = format!("Connection: {connection}\r\nContent-Type: application/json\r\n");
        wire.reply().respond("200 OK", &connection, body);
    }
}

/// A connection that is well for one request.
fn well_once(wire: &mut Wire) {
    well(wire, "close");
    wire.until_closed();
}

/// What is wrong with the answer of a backend that is well.
fn unwell(what: &str, client: &mut Client, method: Method, name: &str) -> Option<String> {
    let begun = Instant::now();
    let answer = client.call(&method.request(name));
    let took = begun.elapsed();
    let own = || answer.json()["rows"][0]["country"] == name && took < AT_ONCE;
    let other = || format!("{what}: {} after {took:?}", answer.text());
    wrong(what, &answer, Seen::Success).or_else(|| (!own()).then(other))
}

#[track_caller]
fn assert_well(what: &str, client: &mut Client, method: Method, name: &str) {
    if let Some(wrong) = unwell(what, client, method, name) {
        panic!("{wrong}");
    }
}

/// How often a request of this name reached the backend, as far as that read it.
fn arrivals(backend: &ScriptedBackend, name: &str) -> usize {
    let line = format!("user-agent: {name}\r\n");
    let lower = backend.bytes().into_iter().map(|bytes| bytes.to_ascii_lowercase());
    lower.map(|bytes| memchr::memmem::find_iter(&bytes, line.as_bytes()).count()).sum()
}
