//! One sick answer for each stage and each breach of the rules.

use super::{FAILED, INVALID, LATE, Method, Seen, arrivals, gate, unwell, well, well_once};
use crate::harness::{ScriptedBackend, Wire};
use std::time::Duration;

/// What a backend does once a connection, or the request on it, is there.
type Stage = fn(&mut Wire);

/// A name, what the backend does, and what the client sees.
type Row = (&'static str, Stage, Seen);

/// The end of a head with a length, and a whole body of that length.
const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n";
const BODY: &str = "{\"rows\":[{\"country\":\"DE\"}]}";

/// The end of a head with chunks.
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// As many of these bytes.
fn first(text: &str, length: usize) -> &[u8] {
    &text.as_bytes()[..length]
}

/// Sends this; then the connection is closed, as that of a finished program, or of a crashed one.
fn closed(wire: &mut Wire, text: impl AsRef<[u8]>) {
    wire.reply().send(text);
}

fn reset(wire: &mut Wire, text: impl AsRef<[u8]>) {
    wire.reply().send(text);
    wire.reset();
}

/// Sends this, and nothing more; the other end may close.
fn silent(wire: &mut Wire, text: impl AsRef<[u8]>) {
    wire.reply().send(text);
    wire.until_closed();
}

/// Sends this, and serves one more request.
fn served(wire: &mut Wire, text: impl AsRef<[u8]>) {
    wire.reply().send(text);
    well_once(wire);
}

/// Sends this, says that it was all, and goes on reading.
fn half_closed(wire: &mut Wire, text: impl AsRef<[u8]>) {
    wire.reply().send(text);
    wire.half_close();
    wire.until_closed();
}

/// Sends this after some pauses.
fn dripped(wire: &mut Wire, text: &str, pause: u64) {
    wire.reply().drip(text, Duration::from_millis(pause));
    well_once(wire);
}

/// More rows than the gate holds back, without their end.
fn many() -> String {
    let row = r#"{"country":"DE"}"#;
    format!("{{\"rows\":[{row}{}", format!(",{row}").repeat(20_000))
}

/// Many rows of a body with a length that is never reached.
fn long(wire: &mut Wire) {
    wire.reply().send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
    wire.reply().send(many());
}

/// Many rows in a chunk.
fn long_chunk(wire: &mut Wire) {
    wire.reply().send(CHUNKED);
    wire.reply().chunk(many());
}

/// Whether the connection before was in use already, and so may have been closed by the backend at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Fresh,
    Pooled,
}

/// Lets a backend be sick so, once for each method, on a fresh connection and on one that has served.
#[track_caller]
fn check(rows: &[Row]) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let kinds = Method::BOTH.into_iter().flat_map(|method| {
            [Connection::Fresh, Connection::Pooled].map(|connection| (method, connection))
        });
        let threads: Vec<_> =
            kinds.map(|(method, connection)| scope.spawn(move || run(rows, method, connection))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

/// What is wrong, row by row.
fn run(rows: &[Row], method: Method, connection: Connection) -> Vec<String> {
    let backend = ScriptedBackend::start(well_once);
    let gate = gate(backend.address());
    let mut client = gate.client();
    let mut wrong = Vec::new();
    for (row, &(name, stage, expected)) in rows.iter().enumerate() {
        let what = format!("{name}, {method:?}, {connection:?}");
        let id = format!("r{row}");
        let first = backend.connections();
        backend.follow(move |wire| {
            if connection == Connection::Pooled && wire.connection() == first {
                well(wire, "keep-alive");
            }
            if wire.first_byte().is_some() {
                stage(wire);
            }
        });
        if connection == Connection::Pooled {
            wrong.extend(unwell(&what, &mut client, Method::Post, "before"));
        }
        wrong.extend(super::wrong(&what, &gate.call(&method.request(&id)), expected));
        backend.follow(well_once);
        for method in Method::BOTH {
            wrong.extend(unwell(&format!("{method:?} after {what}"), &mut client, method, "after"));
        }
        let (arrived, most) = (arrivals(&backend, &id), if method == Method::Post { 1 } else { 2 });
        let connections = backend.connections() - first;
        if arrived > most || connections > 2 + most {
            wrong.push(format!("{what}: arrived {arrived} times, {connections} connections"));
        }
    }
    wrong
}

#[test]
fn before_the_end_of_the_head() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("closed unread",            |_| {},                                                        FAILED),
        ("reset unread",             |w| w.reset(),                                                 FAILED),
        ("silent, unread",           |w| w.until_closed(),                                          LATE),
        ("closed",                   |w| { w.request(); },                                          FAILED),
        ("reset",                    |w| { w.request(); w.reset() },                                FAILED),
        ("silent",                   |w| { w.request(); w.until_closed() },                         LATE),
        ("half-closed",              |w| { w.request(); half_closed(w, "") },                       FAILED),
        ("status, closed",           |w| { w.request(); closed(w, "HTTP/1.1 200") },                FAILED),
        ("status, reset",            |w| { w.request(); reset(w, "HTTP/1.1 200") },                 FAILED),
        ("status, silent",           |w| { w.request(); silent(w, "HTTP/1.1 200") },                LATE),
        ("status, half-closed",      |w| { w.request(); half_closed(w, "HTTP/1.1 200") },           FAILED),
        ("headers, closed",          |w| { w.request(); closed(w, first(LENGTH, 60)) },                 FAILED),
        ("headers, reset",           |w| { w.request(); reset(w, first(LENGTH, 60)) },                  FAILED),
        ("headers, silent",          |w| { w.request(); silent(w, first(LENGTH, 60)) },                 LATE),
        ("head without end, closed", |w| { w.request(); closed(w, first(LENGTH, LENGTH.len() - 1)) },   FAILED),
        ("interim answer, closed",   |w| { w.request(); closed(w, "HTTP/1.1 100 Continue\r\n\r\n") }, FAILED),
        ("interim answer, silent",   |w| { w.request(); silent(w, "HTTP/1.1 103 Early Hints\r\n\r\n") }, LATE),
        ("head, dripped too slowly", |w| { w.request(); dripped(w, LENGTH, 20) },                   LATE),
        ("interim answers for ever", |w| { w.request(); dripped(w, &"HTTP/1.1 100 Continue\r\n\r\n".repeat(100), 1) }, LATE),
    ];
    check(rows);
}

#[test]
fn in_a_short_body() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("head, closed",              |w| { w.request(); closed(w, LENGTH) },                        INVALID),
        ("head, reset",               |w| { w.request(); reset(w, LENGTH) },                         INVALID),
        ("head, silent",              |w| { w.request(); silent(w, LENGTH) },                        LATE),
        ("head, half-closed",         |w| { w.request(); half_closed(w, LENGTH) },                   INVALID),
        ("body, closed",              |w| { w.request(); closed(w, LENGTH); closed(w, first(BODY, 9)) }, INVALID),
        ("body, reset",               |w| { w.request(); closed(w, LENGTH); reset(w, first(BODY, 9)) },  INVALID),
        ("body, silent",              |w| { w.request(); closed(w, LENGTH); silent(w, first(BODY, 26)) }, LATE),
        ("body, half-closed",         |w| { w.request(); closed(w, LENGTH); half_closed(w, first(BODY, 26)) }, INVALID),
        ("whole, closed",             |w| { w.request(); closed(w, LENGTH); closed(w, BODY) },       Seen::Success),
        ("whole, half-closed",        |w| { w.request(); closed(w, LENGTH); half_closed(w, BODY) },  Seen::Success),
        ("whole, silent",             |w| { w.request(); closed(w, LENGTH); served(w, BODY) },       Seen::Success),
        ("chunked head, closed",      |w| { w.request(); closed(w, CHUNKED) },                       INVALID),
        ("chunked head, silent",      |w| { w.request(); silent(w, CHUNKED) },                       LATE),
        ("chunk size, closed",        |w| { w.request(); closed(w, CHUNKED); closed(w, "1b") },      INVALID),
        ("chunk size, reset",         |w| { w.request(); closed(w, CHUNKED); reset(w, "1b") },       INVALID),
        ("chunk size, silent",        |w| { w.request(); closed(w, CHUNKED); silent(w, "1b\r") },    LATE),
        ("in a chunk, closed",        |w| { w.request(); closed(w, CHUNKED); closed(w, "1b\r\n{\"rows\"") }, INVALID),
        ("in a chunk, reset",         |w| { w.request(); closed(w, CHUNKED); reset(w, "1b\r\n{\"rows\"") }, INVALID),
        ("in a chunk, silent",        |w| { w.request(); closed(w, CHUNKED); silent(w, "1b\r\n{\"rows\"") }, LATE),
        ("behind a chunk, closed",    |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY) }, INVALID),
        ("behind a chunk, reset",     |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); w.reset() }, INVALID),
        ("behind a chunk, silent",    |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); w.until_closed() }, LATE),
        ("last chunk, closed",        |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); closed(w, "0\r\n") }, INVALID),
        ("last chunk, reset",         |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); reset(w, "0\r\n") }, INVALID),
        ("last chunk, silent",        |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); silent(w, "0\r\n") }, LATE),
        ("last chunk, half-closed",   |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); half_closed(w, "0\r\n\r") }, INVALID),
        ("trailer, closed",           |w| { w.request(); closed(w, CHUNKED); w.reply().chunk(BODY); closed(w, "0\r\nX: Y\r\n") }, INVALID),
        ("no framing, closed",        |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); closed(w, BODY) }, Seen::Success),
        ("no framing, cut, closed",   |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); closed(w, first(BODY, 26)) }, INVALID),
        ("no framing, reset",         |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); reset(w, first(BODY, 26)) }, INVALID),
        ("no framing, silent",        |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); silent(w, BODY) }, LATE),
        ("HTTP/1.0, closed",          |w| { w.request(); closed(w, "HTTP/1.0 200 OK\r\n\r\n"); closed(w, BODY) }, Seen::Success),
        ("HTTP/1.0, half-closed",     |w| { w.request(); closed(w, "HTTP/1.0 200 OK\r\n\r\n"); half_closed(w, BODY) }, Seen::Success),
        ("head, dripped",             |w| { w.request(); dripped(w, &format!("{LENGTH}{BODY}"), 1) }, Seen::Success),
        ("body, dripped",             |w| { w.request(); closed(w, LENGTH); dripped(w, BODY, 20) },  Seen::Success),
        ("chunks, dripped",           |w| { w.request(); closed(w, CHUNKED); dripped(w, &format!("1b\r\n{BODY}\r\n0\r\n\r\n"), 20) }, Seen::Success),
    ];
    check(rows);
}

#[test]
fn in_a_long_body() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("length, closed",         |w| { w.request(); long(w) },                                          Seen::Broken),
        ("length, reset",          |w| { w.request(); long(w); w.reset() },                               Seen::Broken),
        ("length, silent",         |w| { w.request(); long(w); w.until_closed() },                        Seen::Broken),
        ("length, half-closed",    |w| { w.request(); long(w); half_closed(w, "") },                      Seen::Broken),
        ("chunk, closed",          |w| { w.request(); long_chunk(w) },                                    Seen::Broken),
        ("chunk, reset",           |w| { w.request(); long_chunk(w); w.reset() },                         Seen::Broken),
        ("chunk, silent",          |w| { w.request(); long_chunk(w); w.until_closed() },                  Seen::Broken),
        ("chunk, half-closed",     |w| { w.request(); long_chunk(w); half_closed(w, "") },                Seen::Broken),
        ("bad chunk size",         |w| { w.request(); long_chunk(w); silent(w, "zz\r\n") },               Seen::Broken),
        ("last chunk, closed",     |w| { w.request(); long_chunk(w); w.reply().chunk("]}"); closed(w, "0\r\n") }, Seen::Broken),
        ("last chunk, silent",     |w| { w.request(); long_chunk(w); w.reply().chunk("]}"); silent(w, "0\r\n") }, Seen::Broken),
        ("bad trailer",            |w| { w.request(); long_chunk(w); w.reply().chunk("]}"); silent(w, "0\r\nX\x01Y\r\n\r\nZ") }, Seen::Broken),
        ("ends too early",         |w| { w.request(); long_chunk(w); w.reply().chunk(""); w.until_closed() }, Seen::Broken),
        ("no framing, cut",        |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); closed(w, many()) }, Seen::Broken),
        ("no framing, reset",      |w| { w.request(); closed(w, "HTTP/1.1 200 OK\r\n\r\n"); reset(w, many()) }, Seen::Broken),
        ("whole",                  |w| { w.request(); long_chunk(w); w.reply().chunk("]}"); w.reply().chunk(""); well_once(w) }, Seen::Success),
    ];
    check(rows);
}

/// Sends a head with these lines and a whole body, and keeps the connection open.
fn with(wire: &mut Wire, lines: &str) {
    wire.request();
    silent(wire, format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{BODY}"));
}

/// Sends this status line, and a whole answer behind it.
fn starting(wire: &mut Wire, line: &str) {
    wire.request();
    silent(wire, format!("{line}\r\nContent-Length: 27\r\n\r\n{BODY}"));
}

/// Likewise, in order.
fn started(wire: &mut Wire, line: &str) {
    wire.request();
    served(wire, format!("{line}\r\nContent-Length: 27\r\n\r\n{BODY}"));
}

/// Sends chunks written so, in order.
fn good_chunks(wire: &mut Wire, text: &str) {
    wire.request();
    served(wire, format!("{CHUNKED}{text}"));
}

/// Sends chunks written so.
fn chunks(wire: &mut Wire, text: &str) {
    wire.request();
    silent(wire, format!("{CHUNKED}{text}"));
}

#[test]
fn heads_that_break_the_rules() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("another protocol",        |w| { w.request(); silent(w, "220 mail.example ESMTP ready\r\n") }, INVALID),
        ("TLS",                     |w| { w.request(); closed(w, "\x15\x03\x03\0\x02\x02\x46") },      INVALID),
        ("HTML",                    |w| { w.request(); closed(w, "<html>s3cr3t</html>\r\n\r\n") },     INVALID),
        ("a body alone",            |w| { w.request(); closed(w, BODY) },                              INVALID),
        ("HTTP/2.0",                |w| starting(w, "HTTP/2.0 200 OK"),                                INVALID),
        ("HTTP/0.9",                |w| starting(w, "HTTP/0.9 200 OK"),                                INVALID),
        ("no version",              |w| starting(w, "200 OK"),                                         INVALID),
        ("a word as status",        |w| starting(w, "HTTP/1.1 abc OK"),                                INVALID),
        ("a status of two digits",  |w| starting(w, "HTTP/1.1 20 OK"),                                 INVALID),
        ("a status of four digits", |w| starting(w, "HTTP/1.1 2000 OK"),                               INVALID),
        ("status 0",                |w| starting(w, "HTTP/1.1 000 OK"),                                INVALID),
        ("status 99",               |w| starting(w, "HTTP/1.1 099 OK"),                                INVALID),
        ("status 600",              |w| starting(w, "HTTP/1.1 600 OK"),                                INVALID),
        ("status 999",              |w| starting(w, "HTTP/1.1 999 OK"),                                INVALID),
        ("no reason",               |w| started(w, "HTTP/1.1 200"),                                   Seen::Success),
        ("an empty reason",         |w| started(w, "HTTP/1.1 200 "),                                  Seen::Success),
        ("a NUL in a header",       |w| with(w, "X: \0\r\nContent-Length: 27"),                        INVALID),
        ("no colon",                |w| with(w, "X\r\nContent-Length: 27"),                            INVALID),
        ("a space before a colon",  |w| with(w, "X : Y\r\nContent-Length: 27"),                        INVALID),
        ("a folded line",           |w| with(w, "X: Y\r\n Z\r\nContent-Length: 27"),                   INVALID),
        ("a megabyte of headers",   |w| with(w, &format!("X: {}\r\nContent-Length: 27", "Y".repeat(1 << 20))), INVALID),
        ("ten thousand headers",    |w| with(w, &format!("{}Content-Length: 27", "X: Y\r\n".repeat(10_000))), INVALID),
        ("both framings",           |w| { w.request(); silent(w, format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{BODY}\r\n0\r\n\r\n")) }, INVALID),
        ("both, the other way",     |w| { w.request(); silent(w, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 27\r\n\r\n1b\r\n{BODY}\r\n0\r\n\r\n")) }, INVALID),
        ("two lengths",             |w| with(w, "Content-Length: 27\r\nContent-Length: 28"),           INVALID),
        ("two lengths in one",      |w| with(w, "Content-Length: 27, 28"),                             INVALID),
        ("a signed length",         |w| with(w, "Content-Length: +27"),                                INVALID),
        ("a negative length",       |w| with(w, "Content-Length: -27"),                                INVALID),
        ("a length in hexadecimal", |w| with(w, "Content-Length: 0x1b"),                               INVALID),
        ("an empty length",         |w| with(w, "Content-Length:"),                                    INVALID),
        ("a length beyond bounds",  |w| with(w, "Content-Length: 99999999999999999999"),               INVALID),
        ("another coding",          |w| with(w, "Transfer-Encoding: identity"),                        INVALID),
        ("coded twice",             |w| { w.request(); silent(w, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1b\r\n{BODY}\r\n0\r\n\r\n")) }, INVALID),
        ("chunked twice",           |w| { w.request(); silent(w, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{BODY}\r\n0\r\n\r\n")) }, INVALID),
        ("an upgrade",              |w| { w.request(); silent(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n") }, INVALID),
    ];
    check(rows);
}

#[test]
fn chunks_that_break_the_rules() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("hexadecimal",          |w| good_chunks(w, &format!("1B\r\n{BODY}\r\n0\r\n\r\n")),                Seen::Success),
        ("leading zeros",        |w| good_chunks(w, &format!("0001b\r\n{BODY}\r\n000\r\n\r\n")),           Seen::Success),
        ("an extension",         |w| good_chunks(w, &format!("1b;a=b\r\n{BODY}\r\n0;c\r\n\r\n")),          Seen::Success),
        ("a trailer",            |w| good_chunks(w, &format!("1b\r\n{BODY}\r\n0\r\nX: Y\r\n\r\n")),        Seen::Success),
        ("0x",                   |w| chunks(w, &format!("0x1b\r\n{BODY}\r\n0\r\n\r\n")),              INVALID),
        ("a sign",               |w| chunks(w, &format!("+1b\r\n{BODY}\r\n0\r\n\r\n")),               INVALID),
        ("a minus",              |w| chunks(w, "-1\r\nx\r\n0\r\n\r\n"),                               INVALID),
        ("a leading blank",      |w| chunks(w, &format!(" 1b\r\n{BODY}\r\n0\r\n\r\n")),               INVALID),
        ("no size",              |w| chunks(w, &format!("\r\n{BODY}\r\n0\r\n\r\n")),                  INVALID),
        ("no number",            |w| chunks(w, "xyz\r\n"),                                           INVALID),
        ("a bare LF",            |w| chunks(w, &format!("1b\n{BODY}\n0\n\n")),                        INVALID),
        ("a size beyond bounds", |w| chunks(w, &format!("1000000000000001b\r\n{BODY}\r\n0\r\n\r\n")), INVALID),
        ("a size of 2^64 - 1",   |w| chunks(w, &format!("ffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n")), INVALID),
        ("no end of a chunk",    |w| chunks(w, &format!("1b\r\n{BODY}0\r\n\r\n")),                    INVALID),
        ("a chunk too long",     |w| chunks(w, &format!("1b\r\n{BODY}x\r\n0\r\n\r\n")),               INVALID),
    ];
    check(rows);
}

#[test]
fn more_than_one_answer() {
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("100 before",         |w| { w.request(); served(w, format!("HTTP/1.1 100 Continue\r\n\r\n{LENGTH}{BODY}")) }, Seen::Success),
        ("102, 103 before",    |w| { w.request(); served(w, format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{LENGTH}{BODY}")) }, Seen::Success),
        ("100 three times",    |w| { w.request(); served(w, format!("{}{LENGTH}{BODY}", "HTTP/1.1 100 Continue\r\n\r\n".repeat(3))) }, Seen::Success),
        ("100 with a length",  |w| { w.request(); served(w, format!("HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n{LENGTH}{BODY}")) }, Seen::Success),
        ("two answers",        |w| { w.request(); silent(w, format!("{LENGTH}{BODY}{LENGTH}{BODY}")) },      Seen::Success),
        ("two, chunked",       |w| { w.request(); silent(w, format!("{CHUNKED}1b\r\n{BODY}\r\n0\r\n\r\n{LENGTH}{BODY}")) }, Seen::Success),
        ("a byte more",        |w| { w.request(); silent(w, format!("{LENGTH}{BODY}x")) },                   Seen::Success),
        ("a line more",        |w| { w.request(); silent(w, format!("{LENGTH}{BODY}\r\n")) },                Seen::Success),
        ("half an answer more", |w| { w.request(); silent(w, format!("{LENGTH}{BODY}HTTP/1.1 200")) },       Seen::Success),
        ("an interim more",    |w| { w.request(); silent(w, format!("{LENGTH}{BODY}HTTP/1.1 100 Continue\r\n\r\n")) }, Seen::Success),
        ("204 with a body",    |w| { w.request(); silent(w, format!("HTTP/1.1 204 No Content\r\nContent-Length: 27\r\n\r\n{BODY}")) }, Seen::Success),
        ("204, then another",  |w| { w.request(); silent(w, format!("HTTP/1.1 204 No Content\r\n\r\n{LENGTH}{BODY}")) }, Seen::Success),
        ("304 with a body",    |w| { w.request(); silent(w, format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 27\r\n\r\n{BODY}")) }, Seen::Refused(502, "backend_refused")),
        ("500 with a body",    |w| { w.request(); silent(w, "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\ns3cr3t") }, FAILED),
    ];
    check(rows);
}
