//! A hostile backend: whatever it answers, in whatever place, none of its own words comes out of the gate.
//!
//! Every answer of the tables is asked for with GET, HEAD and POST over HTTP/1.1 and with GET
//! over HTTP/1.0, and what the client's socket gives is read byte for byte: status line, headers, body,
//! trailers, interim answers. Afterwards the same is asked of both logs and the metrics.

use crate::harness::{Config, Gate, LEADS, RecordingBackend, Request, affiliate, new_folder};
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

/// Headers that a backend tells about itself, or that would make a client act; `ADDRESS` is the backend's.
const HEADERS: &str = "Server: HIDDEN-server/1.0\r\nX-Powered-By: HIDDEN-php/5\r\nSet-Cookie: session=HIDDEN-cookie\r\n\
    Location: http://ADDRESS/legacy/HIDDEN-login?key=s3cr3t-key\r\nContent-Location: /legacy/HIDDEN-location\r\n\
    Link: <http://ADDRESS/legacy/HIDDEN-link>; rel=next\r\nVia: 1.1 HIDDEN-proxy\r\nETag: \"HIDDEN-etag\"\r\n\
    Content-Disposition: attachment; filename=\"HIDDEN-file.csv\"\r\nWWW-Authenticate: Basic realm=\"HIDDEN-realm\"\r\n\
    Retry-After: HIDDEN-later\r\nWarning: 199 - \"HIDDEN-warning\"\r\nX-Request-Id: HIDDEN-id\r\nVary: HIDDEN-vary\r\n\
    Cache-Control: HIDDEN-caching\r\nLast-Modified: HIDDEN-date\r\nAllow: HIDDEN-METHOD\r\nAccept-Ranges: HIDDEN-unit\r\n\
    Content-Range: HIDDEN-unit 0-1/2\r\nRefresh: 0; url=http://ADDRESS/HIDDEN-refresh\r\nDate: HIDDEN-day\r\n\
    Keep-Alive: HIDDEN-parameter\r\nTrailer: X-HIDDEN-Trailer\r\nDigest: HIDDEN-digest\r\nX-HIDDEN-Name: 1\r\n\
    Content_Language: HIDDEN-underscore\r\nContent-Languages: HIDDEN-plural\r\nX-Content-Language: HIDDEN-prefix\r\n\
    X-Content-Type-Options: HIDDEN-options\r\nX-Api-Key: s3cr3t-key\r\nX-Debug: HIDDEN-SELECT email FROM leads\r\n\
    Content-Type: text/html; charset=HIDDEN-charset\r\nContent-Language: de (http://ADDRESS/HIDDEN-language)\r\n";

/// What a framework shows of itself.
const PAGE: &str = "<!doctype html><title>HIDDEN-login</title><form action=http://ADDRESS/login><pre>\
    Traceback (most recent call last):\n  HIDDEN-trace in SELECT email FROM leads -- s3cr3t-key\n</pre>";

/// A good answer, hidden cells included.
const ROWS: &str = r#"{"sql":"HIDDEN-SELECT email FROM leads","rows":[{"lead_id":"HIDDEN-cell","commission":1.50,"country":"DE","email":"HIDDEN-cell","created_at":"2026-01-01"}],"next":"http://ADDRESS/legacy/HIDDEN-cursor"}"#;

/// Stands for a byte that is in no character.
const NO_CHARACTER: u8 = 0x7F;

/// What is left of it.
const OWN_ROWS: &str = r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;

/// What the backend does once its bytes are out.
#[derive(Clone)]
enum Answer {
    /// It keeps the connection open, as if it were in order.
    Stays(String),
    /// It closes it.
    Closes(String),
}
use Answer::{Closes, Stays};

/// What a client gets for GET and POST.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// An answer of that status that is ours.
    Status(u16),
    /// 200 with exactly this body.
    Body(&'static str),
    /// A transfer that breaks off.
    Broken,
}
use Expected::{Body, Broken, Status};

/// An answer as it came out of the socket.
struct Raw {
    bytes: Vec<u8>,
    was_reset: bool,
}

impl Raw {
    /// Sends a request on a connection of its own and reads to the end of that.
    fn of(gate: &Gate, request: &Request) -> Self {
        let mut stream = TcpStream::connect(gate.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        std::io::Write::write_all(&mut stream, &request.bytes()).unwrap();
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes);
        let was_reset = ended.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(ended.is_ok() || was_reset, "the gate did not close: {ended:?}");
        Self { bytes, was_reset }
    }

    fn head(&self) -> String {
        let end = memchr::memmem::find(&self.bytes, b"\r\n\r\n").expect("a whole head");
        String::from_utf8(self.bytes[..end].to_vec()).expect("a head in ASCII")
    }

    fn status(&self) -> u16 {
        self.head().split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status")
    }

    fn header(&self, name: &str) -> Option<String> {
        let head = self.head();
        let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// The body without its framing, and whether it is whole.
    fn body(&self) -> (Vec<u8>, bool) {
        let mut rest = &self.bytes[self.head().len() + 4..];
        if let Some(length) = self.header("content-length") {
            return (rest.to_vec(), !self.was_reset && rest.len() == length.parse::<usize>().unwrap());
        }
        if self.header("transfer-encoding").is_none() {
            return (rest.to_vec(), !self.was_reset);
        }
        let mut body = Vec::new();
        while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
            let size = std::str::from_utf8(&rest[..at]).unwrap();
            let size = usize::from_str_radix(size, 16).expect("a chunk size, and no extension");
            if size == 0 {
                assert!(b"\r\n".starts_with(&rest[at + 2..]), "trailers, or more behind them");
                return (body, rest.ends_with(b"\r\n\r\n"));
            }
            rest = &rest[at + 2..];
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            rest = rest.get(size + 2..).unwrap_or_default();
        }
        (body, false)
    }
}

/// The requests that every answer is tried with: their method, and the request on a connection of its own.
fn requests(target: &str) -> [(&'static str, Request); 4] {
    let of = |method, request: Request| (method, request.of("acme").header("Connection", "close"));
    [
        of("GET", Request::get(target)),
        of("HEAD", Request::new("HEAD", target)),
        of("POST", Request::new("POST", target).body("")),
        of("GET", Request::get(target).http10()),
    ]
}

/// A hostile backend and the gate in front of it.
struct Hostile {
    backend: RecordingBackend,
    gate: Gate,
    address: String,
    /// The body of an answer that is in order.
    good: &'static str,
}

impl Hostile {
    /// Its report has these keys of `response`.
    fn new(response: &str, good: &'static str) -> Self {
        let backend = RecordingBackend::json(good);
        let report = LEADS.replace("path = \"/leads\"", "path = \"/leads\"\nmethods = [\"GET\", \"POST\"]");
        let keys = "headers = { x-api-key = \"s3cr3t-key\" }\nquery = { api_key = \"s3cr3t-key\" }";
        let config = Config::empty(&backend)
            .backend(keys)
            .with(&report)
            .with(&affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]"))
            .text()
            .replace("format = \"json\"\nrows = \"/rows\"", response);
        let gate = Gate::in_folder(new_folder(), &config, None);
        Self { address: backend.address().to_string(), backend, gate, good }
    }

    fn json() -> Self {
        Self::new("format = \"json\"\nrows = \"/rows\"", ROWS)
    }

    /// Tries one answer with every request; then a good one, which must not suffer.
    #[track_caller]
    fn check(&self, name: &str, answer: &Answer, expected: Expected, head: u16) {
        let (Stays(text) | Closes(text)) = answer;
        let mut bytes = text.replace("ADDRESS", &self.address).into_bytes();
        bytes.iter_mut().filter(|byte| **byte == NO_CHARACTER).for_each(|byte| *byte = 0xFF);
        let closes = matches!(answer, Closes(_));
        self.backend.behave(move |_, reply| {
            reply.send(&bytes);
            if closes {
                reply.close();
            }
        });
        for (method, request) in requests("/leads") {
            let what = format!("{name}, {method}");
            let raw = Raw::of(&self.gate, &request);
            self.nothing_hidden(&what, &raw.bytes);
            if method == "HEAD" {
                assert_eq!(raw.status(), head, "{what}");
                assert!(
                    raw.bytes.ends_with(b"\r\n\r\n") && raw.header("etag").is_none(),
                    "{what}: a head only"
                );
                continue;
            }
            let (body, is_whole) = raw.body();
            self.nothing_hidden(&what, &body);
            let found = (raw.status(), is_whole);
            match expected {
                Status(status) => assert_eq!(found, (status, true), "{what}"),
                Broken => assert_eq!(found, (200, false), "{what}"),
                Body(text) => {
                    assert_eq!(found, (200, true), "{what}: {}", String::from_utf8_lossy(&body));
                    assert_eq!(String::from_utf8_lossy(&body), text, "{what}");
                }
            }
            let is_problem = raw.header("content-type").as_deref() == Some("application/problem+json");
            assert_eq!(is_problem, raw.status() >= 400, "{what}");
        }
        let good = self.good;
        self.backend.behave(move |_, reply| reply.json(good));
        let raw = Raw::of(&self.gate, &requests("/leads")[0].1);
        assert_eq!((raw.status(), raw.body().1), (200, true), "{name}: the next request suffers");
        self.nothing_hidden(name, &raw.bytes);
    }

    /// Fails when words of the backend's stand in what left the gate.
    #[track_caller]
    fn nothing_hidden(&self, what: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        for word in ["hidden-", "s3cr3t", "select ", "traceback", "doctype", "x-api-key", &self.address] {
            assert!(!text.contains(word), "{what}: {word} in {text}");
        }
    }

    /// Ends the gate and looks through all that it wrote.
    fn end(mut self) {
        self.nothing_hidden("the metrics", without_hosts(&self.gate.metrics().text).as_bytes());
        self.nothing_hidden("the status", self.gate.admin("/status").text().as_bytes());
        self.gate.signal("TERM");
        self.gate.exit();
        let program = &self.gate.program;
        for (name, lines) in [("the access log", &program.stdout), ("the log", &program.stderr)] {
            self.nothing_hidden(name, without_hosts(&lines.to_end().join("\n")).as_bytes());
        }
    }
}

/// What operators see, but for the lines that tell them which host of the backend works.
fn without_hosts(text: &str) -> String {
    let about_hosts = ["reportgate_backend_up{", "the backend is down", "the backend is up again"];
    let others = text.lines().filter(|line| !about_hosts.iter().any(|words| line.contains(words)));
    others.collect::<Vec<_>>().join("\n")
}

/// An answer of that status line with these headers, which tell its length.
fn whole(status: &str, headers: &str, body: &str) -> String {
    let body = framed(body);
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A body whose length is told: an address is of another than the word that stands for it.
fn framed(body: &str) -> String {
    body.replace("ADDRESS", "HIDDEN-host:1")
}

fn ok(body: &str) -> Answer {
    Stays(whole("200 HIDDEN-reason", HEADERS, body))
}

/// A success in chunks, as they are.
fn chunked(chunks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{HEADERS}Transfer-Encoding: chunked\r\n\r\n{chunks}")
}

fn chunk(text: &str) -> String {
    let text = framed(text);
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[test]
fn heads() {
    let good = whole("200 OK", HEADERS, ROWS);
    let interim = |status: &str| format!("HTTP/1.1 {status} HIDDEN-interim\r\n{HEADERS}\r\n{good}");
    let with = |header: &str| Closes(whole("200 OK", &format!("{header}\r\n{HEADERS}"), ROWS));
    let cells = chunk(ROWS);
    #[rustfmt::skip]
    let cases = [
        // name                     the backend's answer                                                    GET, POST       HEAD
        ("a good one",              Stays(good.clone()),                                                    Body(OWN_ROWS), 200),
        ("no reason",               Stays(whole("200", HEADERS, ROWS)),                                     Body(OWN_ROWS), 200),
        ("another success",         Stays(whole("201 HIDDEN-reason", HEADERS, "")),                         Status(502),    201),
        ("100",                     Stays(interim("100")),                                                  Body(OWN_ROWS), 200),
        ("102",                     Stays(interim("102")),                                                  Body(OWN_ROWS), 200),
        ("103",                     Stays(interim("103")),                                                  Body(OWN_ROWS), 200),
        ("101",                     Closes(interim("101")),                                                 Status(502),    502),
        ("101, upgraded",           Closes(whole("101 HIDDEN", "Connection: upgrade\r\nUpgrade: HIDDEN-protocol\r\n", PAGE)), Status(502), 502),
        ("many interim ones",       Stays(interim("103").replace(&good, "").repeat(50) + &good),            Body(OWN_ROWS), 200),
        ("204 with a body",         Stays(whole("204 HIDDEN-reason", HEADERS, ROWS)),                       Status(204),    204),
        ("205 with a body",         Stays(whole("205 HIDDEN-reason", HEADERS, ROWS)),                       Status(205),    205),
        ("206",                     Stays(whole("206 HIDDEN-reason", HEADERS, ROWS)),                       Status(502),    502),
        ("304 with a body",         Stays(whole("304 HIDDEN-reason", HEADERS, ROWS)),                       Status(502),    502),
        ("999",                     Stays(whole("999 HIDDEN-reason", HEADERS, ROWS)),                       Status(502),    502),
        ("a second answer",         Stays(format!("{good}{}", whole("200 OK", HEADERS, "HIDDEN-second"))),  Body(OWN_ROWS), 200),
        ("several types",           with("Content-Type: application/json\r\nContent-Type: HIDDEN/type"),    Body(OWN_ROWS), 200),
        ("a bad type",              with("Content-Type: HIDDEN-\u{1}"),                                     Status(502),    502),
        ("a language",              with("Content-Language: HIDDEN-host.language"),                            Body(OWN_ROWS), 200),
        ("a folded header",         with("Content-Language: de,\r\n HIDDEN-folded"),                        Status(502),    502),
        ("a blank in a name",       with("Content-Language : HIDDEN-blank"),                                Status(502),    502),
        ("a name of no letters",    with(": HIDDEN-name"),                                                  Status(502),    502),
        ("a line without a colon",  with("HIDDEN-line"),                                                    Status(502),    502),
        ("not ASCII",               with("X-Total: HIDDEN-\u{e9}"),                                         Body(OWN_ROWS), 200),
        ("a long header",           with(&format!("X-Long: HIDDEN-{}", "x".repeat(1 << 20))),               Status(502),    502),
        ("many headers",            with("X-Many: HIDDEN-1\r\n".repeat(200).trim_end()),                   Status(502),    502),
        ("said to be gzip",         with("Content-Encoding: gzip"),                                         Status(502),    200),
        ("an unknown coding",       with("Content-Encoding: HIDDEN-coding"),                                Status(502),    502),
        ("an unknown framing",      with("Transfer-Encoding: HIDDEN-framing"),                              Status(502),    502),
        ("two lengths",             with("Content-Length: 3"),                                              Status(502),    200),
        ("chunks and a length",     with("Transfer-Encoding: chunked"),                                     Status(502),    502),
        ("trailers",                Stays(chunked(&format!("{cells}0\r\nX-HIDDEN-Trailer: HIDDEN-trailer\r\nSet-Cookie: HIDDEN-cookie\r\n\r\n"))), Body(OWN_ROWS), 200),
        ("broken trailers",         Closes(chunked(&format!("{cells}0\r\nHIDDEN-trailer\r\n\r\n"))),        Status(502),    200),
        ("a chunk extension",       Stays(chunked(&format!("{}0;HIDDEN-end\r\n\r\n", cells.replacen("\r\n", ";HIDDEN-extension=1\r\n", 1)))), Body(OWN_ROWS), 200),
        ("a bad chunk size",        Closes(chunked("HIDDEN-size\r\n")),                                     Status(502),    200),
        ("no status line",          Closes(format!("HIDDEN-banner\r\n{HEADERS}\r\n{ROWS}")),                Status(502),    502),
        ("another protocol",        Closes(format!("ICY 200 HIDDEN-radio\r\n{HEADERS}\r\n{ROWS}")),         Status(502),    502),
        ("another version",         Closes(whole("200 OK", HEADERS, ROWS).replacen("1.1", "7.1", 1)),       Status(502),    502),
        ("a head cut short",        Closes("HTTP/1.1 200 OK\r\nX-Total: HIDDEN-total".to_owned()),            Status(502),    502),
        ("nothing at all",          Closes(String::new()),                                                  Status(502),    502),
        ("an old server",           Closes(format!("HTTP/1.0 200 HIDDEN-reason\r\n{HEADERS}\r\n{ROWS}")),   Body(OWN_ROWS), 200),
    ];
    let hostile = Hostile::json();
    for (name, answer, expected, head) in cases {
        hostile.check(name, &answer, expected, head);
    }
    hostile.end();
}

#[test]
fn statuses() {
    let hostile = Hostile::json();
    for status in (300..=308).chain(400..=431).chain([451, 499]).chain(500..=511).chain([520, 599]) {
        let expected = match status {
            400 | 404 | 409 | 410 | 422 => status,
            429 | 503 => 503,
            _ => 502,
        };
        for body in [PAGE, ROWS] {
            let answer = Stays(whole(&format!("{status} HIDDEN-reason"), HEADERS, body));
            hostile.check(&status.to_string(), &answer, Status(expected), expected);
        }
    }
    hostile.end();
}

#[test]
fn bodies() {
    // With one column, so that what a row holds besides has the same answer.
    let one = r#"{"rows":[{"country":"DE"}]}"#;
    let deep = |levels| format!("{}\"HIDDEN-cell\"{}", "[".repeat(levels), "]".repeat(levels));
    let huge = "HIDDEN-cell ".repeat(800_000);
    let rows = format!(
        "{{\"rows\":[{{\"country\":\"DE\"}}{}",
        r#",{"country":"DE","email":"HIDDEN-cell"}"#.repeat(6_000)
    );
    #[rustfmt::skip]
    let cases = [
        // name                     the backend's body                                                                      GET, POST
        ("nothing",                 ok(""),                                                                                 Status(502)),
        ("a blank",                 ok(" "),                                                                                Status(502)),
        ("a page to log in",        ok(PAGE),                                                                               Status(502)),
        ("a stack trace",           ok("Traceback (most recent call last): HIDDEN-trace"),                                  Status(502)),
        ("an error in JSON",        ok(r#"{"error":"HIDDEN-error: SELECT email FROM leads","ok":false}"#),                  Status(502)),
        ("a text",                  ok(r#""HIDDEN-text""#),                                                                 Status(502)),
        ("an array",                ok(r#"[{"country":"HIDDEN-cell"}]"#),                                                   Status(502)),
        ("rows are a text",         ok(r#"{"rows":"HIDDEN-text"}"#),                                                        Status(502)),
        ("rows are an object",      ok(r#"{"rows":{"country":"HIDDEN-cell"}}"#),                                            Status(502)),
        ("a row is a text",         ok(r#"{"rows":["HIDDEN-text"]}"#),                                                      Status(502)),
        ("a row is an array",       ok(r#"{"rows":[["HIDDEN-cell"]]}"#),                                                    Status(502)),
        ("a row in a row",          ok(r#"{"rows":[[{"country":"HIDDEN-cell"}]]}"#),                                        Status(502)),
        ("members everywhere",      ok(r#"{"a":{"HIDDEN-a: x":["HIDDEN-1"]},"rows":[{"b":{"country":"HIDDEN-2"},"country":"DE","HIDDEN-b: x":[{"country":"HIDDEN-3"}]}],"c":[{"rows":[{"country":"HIDDEN-4"}]}],"Rows":"HIDDEN-5"}"#), Body(one)),
        ("other spellings",         ok(r#"{"ROWS":[{"country":"HIDDEN-1"}],"r\u006fws":[{"Country":"HIDDEN-2","em\u0061il":"HIDDEN-3","c\u006funtry":"DE","country ":"HIDDEN-4"}]}"#), Body(one)),
        ("a cell twice",            ok(r#"{"rows":[{"country":"DE","country":"HIDDEN-cell"}]}"#),                           Status(502)),
        ("a cell twice, escaped",   ok(r#"{"rows":[{"country":"HIDDEN-cell","\u0063ountry":"DE"}]}"#),                      Status(502)),
        ("a hidden cell twice",     ok(r#"{"rows":[{"email":"HIDDEN-1","country":"DE","email":"HIDDEN-2"}]}"#),             Status(502)),
        ("rows twice",              ok(r#"{"rows":[],"rows":[{"country":"HIDDEN-cell"}]}"#),                                Status(502)),
        ("a comment",               ok(r#"{"rows":[{"country":"DE"}]/* HIDDEN-comment */}"#),                               Status(502)),
        ("a bad escape",            ok(r#"{"rows":[{"country":"\HIDDEN-"}]}"#),                                             Status(502)),
        ("a line in a text",        ok("{\"rows\":[{\"country\":\"HIDDEN-\n\"}]}"),                                         Status(502)),
        ("no UTF-8",                ok("{\"rows\":[{\"country\":\"HIDDEN-\u{7f}\"}]}"),                                     Status(502)),
        ("deep, hidden",            ok(&format!(r#"{{"rows":[{{"country":"DE","email":{}}}]}}"#, deep(50))),                Body(one)),
        ("too deep, hidden",        ok(&format!(r#"{{"rows":[{{"country":"DE","email":{}}}]}}"#, deep(100_000))),           Status(502)),
        ("too deep, beside",        ok(&format!(r#"{{"x":{},"rows":[{{"country":"DE"}}]}}"#, deep(100_000))),               Status(502)),
        ("never closed",            ok(&"[{\"HIDDEN-: x\":".repeat(50_000)),                                                Status(502)),
        ("a huge cell",             ok(&format!(r#"{{"rows":[{{"country":"DE","email":"{huge}"}}]}}"#)),                    Status(502)),
        ("a huge name",             ok(&format!(r#"{{"rows":[{{"country":"DE","{huge}":1}}]}}"#)),                          Status(502)),
        ("a text behind",           ok(&format!("{one}HIDDEN-text")),                                                       Status(502)),
        ("a page behind",           ok(&format!("{one}\n{PAGE}")),                                                          Status(502)),
        ("broken later",            Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk("HIDDEN-error: SELECT")))),  Broken),
        ("a late page",             Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk(PAGE)))),                   Broken),
        ("a late second document",  Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk("]}{\"country\":\"HIDDEN-cell\"}")))), Broken),
        ("a late repetition",       Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk("],\"rows\":[{\"country\":\"HIDDEN-cell\"}]}")))), Broken),
        ("ends too early, later",   Stays(chunked(&format!("{}0\r\n\r\n", chunk(&rows)))),                                  Broken),
        ("closed later",            Closes(chunked(&chunk(&rows))),                                                         Broken),
        ("a bad chunk later",       Closes(chunked(&format!("{}HIDDEN-size\r\n", chunk(&rows)))),                           Broken),
    ];
    let hostile = Hostile::json();
    for (name, answer, expected) in cases {
        hostile.check(name, &answer, expected, 200);
    }
    hostile.end();
}

#[test]
fn bodies_cut_short() {
    let hostile = Hostile::json();
    let good = whole("200 OK", HEADERS, ROWS);
    let (head, body) = good.split_once("\r\n\r\n").unwrap();
    for at in (0..body.len()).step_by(7) {
        let (part, _) = body.split_at(at);
        #[rustfmt::skip]
        let cases = [
            ("a length", format!("{head}\r\n\r\n{part}")),
            ("chunks",   chunked(&chunk(part))),
            ("neither",  format!("HTTP/1.1 200 OK\r\n{HEADERS}\r\n{part}")),
        ];
        for (name, answer) in cases {
            hostile.check(&format!("{name}, cut at {at}"), &Closes(answer), Status(502), 200);
        }
    }
    hostile.end();
}

#[test]
fn csv_bodies() {
    let own = "created_at,country,commission\r\n2026-01-01,DE,1.50\r\n";
    let head = "lead_id,created_at,country,email,commission\r\n";
    let row = "HIDDEN-1,2026-01-01,DE,HIDDEN-2,1.50\r\n";
    let rows = format!("{head}{}", row.repeat(6_000));
    #[rustfmt::skip]
    let cases = [
        // name                     the backend's body                                              GET, POST
        ("hidden columns",          ok(&format!("{head}{row}")),                                    Body(own)),
        ("quoted",                  ok(&format!("{head}\"HIDDEN-\"\"1\",2026-01-01,DE,\"HIDDEN-\r\n2\",1.50\r\n")), Body(own)),
        ("a name twice",            ok("created_at,country,country,commission\r\n2026-01-01,DE,HIDDEN-cell,1.50\r\n"), Body(own)),
        ("nothing",                 ok(""),                                                         Status(502)),
        ("a page to log in",        ok(PAGE),                                                       Status(502)),
        ("a cell too many",         ok(&format!("{head}HIDDEN-1,2026-01-01,DE,HIDDEN-2,1.50,HIDDEN-3\r\n")), Status(502)),
        ("a cell too few",          ok(&format!("{head}HIDDEN-1,2026-01-01,DE,HIDDEN-2\r\n")),      Status(502)),
        ("an open quote",           ok(&format!("{head}\"HIDDEN-1,2026-01-01,DE,HIDDEN-2,1.50\r\n")), Status(502)),
        ("text after a quote",      ok(&format!("{head}\"1\"HIDDEN-1,2026-01-01,DE,HIDDEN-2,1.50\r\n")), Status(502)),
        ("an error behind",         ok(&format!("{head}{row}HIDDEN-error: SELECT\r\n")),            Status(502)),
        ("broken later",            Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk("HIDDEN-error: SELECT\r\n")))), Broken),
        ("closed later",            Closes(chunked(&chunk(&rows))),                                 Broken),
        ("no length, cut later",    Closes(format!("HTTP/1.1 200 OK\r\n\r\n{rows}HIDDEN-1,2026-01-01,D")), Broken),
    ];
    let hostile = Hostile::new("format = \"csv\"", "country,email\r\nDE,HIDDEN-cell\r\n");
    for (name, answer, expected) in cases {
        hostile.check(name, &answer, expected, 200);
    }
    hostile.end();
}

#[test]
fn xml_bodies() {
    let own = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ResultSet><row><created_at>1</created_at><country>DE</country></row></ResultSet>";
    let row =
        "<row id=\"HIDDEN-1\"><country>DE</country><email>HIDDEN-2</email><created_at>1</created_at></row>";
    let one = format!("<ResultSet>{row}</ResultSet>");
    let rows = format!("<ResultSet>{}", row.repeat(6_000));
    let deep = format!("{}HIDDEN-cell{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    #[rustfmt::skip]
    let cases = [
        // name                     the backend's body                                                              GET, POST
        ("hidden columns",          ok(&one),                                                                       Body(own)),
        ("members beside",          ok(&format!("<ResultSet HIDDEN-a=\"HIDDEN-b\"><sql>HIDDEN-c</sql>{row}<next href=\"HIDDEN-d\"/></ResultSet>")), Body(own)),
        ("comments",                ok(&format!("<!-- HIDDEN-a --><ResultSet><!-- HIDDEN-b -->{row}</ResultSet><!-- HIDDEN-c -->")), Body(own)),
        ("instructions",            ok(&format!("<?xml version=\"1.0\"?><?HIDDEN-a HIDDEN-b?><ResultSet><?HIDDEN-c?>{row}</ResultSet>")), Body(own)),
        ("hidden in CDATA",         ok(&one.replace("HIDDEN-2", "<![CDATA[HIDDEN-<country>3</country>]]>")),        Body(own)),
        ("columns in a column",     ok(&one.replace("HIDDEN-2", "<country>HIDDEN-3</country>")),                    Body(own)),
        ("a document type",         ok(&format!("<!DOCTYPE ResultSet [<!ENTITY a \"HIDDEN-entity\">]>{}", one.replace("DE", "&a;"))), Status(502)),
        ("an outer entity",         ok(&format!("<!DOCTYPE ResultSet SYSTEM \"http://ADDRESS/HIDDEN-dtd\">{one}")), Status(502)),
        ("an unknown entity",       ok(&one.replace("DE", "&HIDDEN-entity;")),                                      Status(502)),
        ("nothing",                 ok(""),                                                                         Status(502)),
        ("a page to log in",        ok(PAGE),                                                                       Status(502)),
        ("an error",                ok("<error><message>HIDDEN-error: SELECT email FROM leads</message></error>"),  Status(502)),
        ("a cell twice",            ok(&one.replace("HIDDEN-2</email>", "</email><country>HIDDEN-3</country>")),    Status(502)),
        ("too deep",                ok(&one.replace("HIDDEN-2", &deep)),                                            Status(502)),
        ("never closed",            ok("<ResultSet><row><country>HIDDEN-cell</country>"),                           Status(502)),
        ("closed crosswise",        ok("<ResultSet><row><country>HIDDEN-cell</row></country></ResultSet>"),         Status(502)),
        ("a text behind",           ok(&format!("{one}HIDDEN-text")),                                               Status(502)),
        ("broken later",            Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk("HIDDEN-error: SELECT")))), Broken),
        ("a late page",             Stays(chunked(&format!("{}{}0\r\n\r\n", chunk(&rows), chunk(PAGE)))),           Broken),
        ("closed later",            Closes(chunked(&chunk(&rows))),                                                 Broken),
    ];
    let hostile = Hostile::new(
        "format = \"xml\"\nrows = \"/ResultSet/row\"",
        "<ResultSet><row><email>HIDDEN-1</email></row></ResultSet>",
    );
    for (name, answer, expected) in cases {
        hostile.check(name, &answer, expected, 200);
    }
    hostile.end();
}
