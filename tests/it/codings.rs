//! Backends that compress although nobody asked them to: decoded, within limits, or refused.

use crate::harness::{
    Answer, Config, End, Gate, ROW, RecordingBackend, Reply, Request, eventually, new_folder,
};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;

const MEGABYTE: usize = 1 << 20;

/// What `acme` gets of [`ROW`].
const CUT: &str = r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn brotli(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
    encoder.write_all(text.as_ref()).unwrap();
    drop(encoder);
    out
}

fn zstd(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(text.as_ref().len())];
    let length = zstd_safe::compress(&mut out[..], text.as_ref(), 3).unwrap();
    out.truncate(length);
    out
}

/// How a backend tells the end of its body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    Length,
    Chunks(usize),
    Close,
}

/// Sends a body of that coding.
fn send(reply: &mut Reply<'_>, coding: &str, body: &[u8], end: Told) {
    let head = format!("Content-Type: text/plain\r\nContent-Encoding: {coding}\r\n");
    match end {
        Told::Length => reply.respond("200 OK", &head, body),
        Told::Chunks(size) => {
            reply.send(format!("HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n"));
            body.chunks(size).for_each(|piece| reply.chunk(piece));
            reply.chunk("");
        }
        Told::Close => {
            reply.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n"));
            reply.send(body);
            reply.close();
        }
    }
}

/// The answer to `acme` when the backend sends that.
pub(crate) fn answer(
    gate: &Gate,
    backend: &RecordingBackend,
    coding: &'static str,
    body: &[u8],
    end: Told,
) -> Answer {
    let body = Arc::<[u8]>::from(body);
    backend.behave(move |_, reply| send(reply, coding, &body, end));
    gate.get("acme", "/leads")
}

/// A gate whose report has these response keys in place of JSON rows.
pub(crate) fn gate_with(backend: &RecordingBackend, response: &str) -> Gate {
    let config = Config::leads(backend).text();
    Gate::in_folder(new_folder(), &config.replace("format = \"json\"\nrows = \"/rows\"", response), None)
}

#[test]
fn every_coding_is_decoded_before_it_is_cut() {
    let (front, back) = ROW.split_at(40);
    #[rustfmt::skip]
    let cases = [
        ("gzip",       "gzip",           gzip(ROW)),
        ("x-gzip",     "x-gzip",         gzip(ROW)),
        ("in capitals", "GZIP",          gzip(ROW)),
        ("members",    "gzip",           [gzip(front), gzip(""), gzip(back)].concat()),
        ("zlib",       "deflate",        zlib(ROW)),
        ("bare",       "deflate",        bare_deflate(ROW)),
        ("brotli",     "br",             brotli(ROW)),
        ("zstd",       "zstd",           zstd(ROW)),
        ("frames",     "zstd",           [zstd(front), zstd(back)].concat()),
        ("identity",   "identity",       ROW.into()),
        ("beside",     "identity, gzip", gzip(ROW)),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (name, coding, body) in &cases {
        for end in [Told::Length, Told::Chunks(1), Told::Chunks(7), Told::Chunks(9_999), Told::Close] {
            let answer = answer(&gate, &backend, coding, body, end);
            assert!(answer.is_success(), "{name}, {end:?}: {}", answer.text());
            assert_eq!(answer.squeezed(), CUT, "{name}, {end:?}");
            assert_eq!(answer.header("content-encoding"), None, "{name}");
        }
    }
}

#[test]
fn what_is_not_wholly_of_its_coding_is_refused() {
    let whole = gzip(ROW);
    let cut = |body: &[u8], by: usize| body[..body.len() - by].to_vec();
    let flipped = |body: &[u8], from_end: usize| {
        let mut body = body.to_vec();
        let at = body.len() - from_end;
        body[at] ^= 1;
        body
    };
    let (zlib, br, zstd) = (zlib(ROW), brotli(ROW), zstd(ROW));
    #[rustfmt::skip]
    let cases = [
        // name                     coding        body                                  violation
        ("plain text",              "gzip",       ROW.into(),                           "coding"),
        ("plain text as br",        "br",         ROW.into(),                           "coding"),
        ("plain text as zstd",      "zstd",       ROW.into(),                           "coding"),
        ("another coding",          "br",         whole.clone(),                        "coding"),
        ("two codings",             "gzip, gzip", gzip(&whole),                         "coding"),
        ("two codings in truth",    "gzip",       gzip(&whole),                         "charset"),
        ("two codings, one known",  "gzip, aes",  whole.clone(),                        "coding"),
        ("an unknown coding",       "compress",   whole.clone(),                        "coding"),
        ("no name",                 "",           whole.clone(),                        "coding"),
        ("nothing",                 "gzip",       Vec::new(),                           "truncated"),
        ("gzip without its end",    "gzip",       cut(&whole, 9),                       "truncated"),
        ("gzip without checksum",   "gzip",       cut(&whole, 8),                       "truncated"),
        ("gzip but a byte",         "gzip",       cut(&whole, 1),                       "truncated"),
        ("zlib but a byte",         "deflate",    cut(&zlib, 1),                        "truncated"),
        ("br but a byte",           "br",         cut(&br, 1),                          "truncated"),
        ("zstd but a byte",         "zstd",       cut(&zstd, 1),                        "truncated"),
        ("a wrong checksum",        "gzip",       flipped(&whole, 8),                   "coding"),
        ("a wrong length",          "gzip",       flipped(&whole, 1),                   "coding"),
        ("a wrong zlib checksum",   "deflate",    flipped(&zlib, 1),                    "coding"),
        ("something behind",        "gzip",       [&whole, &b"s3cr3t"[..]].concat(),    "coding"),
        ("a second document",       "gzip",       [whole.clone(), whole].concat(),      "syntax"),
        ("something behind zlib",   "deflate",    [&zlib, &b"\n"[..]].concat(),         "coding"),
        ("something behind br",     "br",         [&br, &b"\n"[..]].concat(),           "coding"),
        ("something behind zstd",   "zstd",       [&zstd, &b"s3cr3t"[..]].concat(),     "coding"),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (name, coding, body, violation) in cases {
        let series = format!("response_violations_total{{report=\"leads\",kind=\"{violation}\"}}");
        for end in [Told::Length, Told::Close] {
            let before = gate.metrics().get(&series);
            let answer = answer(&gate, &backend, coding, &body, end);
            let found = (answer.status, answer.code());
            assert_eq!(found, (502, "backend_response_invalid".to_owned()), "{name}, {end:?}");
            gate.wait_for_metric(&series, before + 1.0);
        }
    }
}

#[test]
fn damage_after_the_first_rows_is_a_broken_transfer() {
    let row = r#"{"country":"DE","email":"s3cr3t","commission":1.25},"#;
    let rows: String =
        (0..20_000).map(|n| format!(r#"{{"lead_id":{n},"created_at":"{n}"}},"#) + row).collect();
    let text = format!("{{\"rows\":[{rows}{{}}]}}");
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (coding, body) in
        [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("br", brotli(&text)), ("zstd", zstd(&text))]
    {
        for end in [Told::Length, Told::Chunks(3_000), Told::Close] {
            assert!(answer(&gate, &backend, coding, &body, end).is_success(), "{coding}, {end:?}");
            let cut = answer(&gate, &backend, coding, &body[..body.len() - 1], end);
            assert_eq!((cut.status, cut.end), (200, End::Broken), "{coding} without its end, {end:?}");
            let line = gate.access_line(cut.request_id());
            assert_eq!(line["code"], json!("backend_response_invalid"), "{coding}, {end:?}");
            let longer = [&*body, b"{}"].concat();
            let longer = answer(&gate, &backend, coding, &longer, end);
            assert_eq!((longer.status, longer.end), (200, End::Broken), "{coding} and more, {end:?}");
        }
    }
}

/// Where only the end of the connection tells that of the body, a line may be cut short; gzip and zstd do not tell
/// either: between two of their parts nothing shows that others are missing.
#[test]
fn a_csv_ends_within_its_last_line_only_where_something_tells_its_end() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate_with(&backend, "format = \"csv\"");
    let text = "email,created_at,country,commission\ns3cr3t,1,DE,2\ns3cr3t,3,FR,45";
    let within_a_number = text.strip_suffix('5').unwrap();
    #[rustfmt::skip]
    let cases = [
        // coding     body            told by the coding
        ("identity",  text.into(),    false),
        ("gzip",      gzip(text),     false),
        ("zstd",      zstd(text),     false),
        ("deflate",   zlib(text),     true),
        ("br",        brotli(text),   true),
        // Of two parts the first, which ends within a number.
        ("gzip",      gzip(within_a_number), false),
        ("zstd",      zstd(within_a_number), false),
    ];
    for (coding, body, is_told) in cases {
        for end in [Told::Length, Told::Chunks(20), Told::Close] {
            let answer = answer(&gate, &backend, coding, &body, end);
            let passes = is_told || !matches!(end, Told::Close);
            assert_eq!(answer.is_success(), passes, "{coding}, {end:?}: {}", answer.text());
        }
    }
    for (coding, body) in [("gzip", gzip(format!("{text}\n"))), ("zstd", zstd(format!("{text}\n")))] {
        let answer = answer(&gate, &backend, coding, &body, Told::Close);
        assert!(answer.is_success(), "{coding}: {}", answer.text());
        let lines = answer.text();
        assert_eq!(lines.lines().collect::<Vec<_>>(), ["created_at,country,commission", "1,DE,2", "3,FR,45"]);
    }
}

#[test]
fn opaque_answers_are_decoded_too() {
    let backend = RecordingBackend::json(ROW);
    let mut gate = gate_with(&backend, "format = \"opaque\"");
    gate.extra_headers = &["etag", "last-modified"];
    let body = Arc::<[u8]>::from(gzip(b"%PDF\0\xff"));
    backend.behave(move |received, reply| {
        let coding = if received.query().contains("plain") { "identity" } else { "gzip" };
        let head = format!(
            "Content-Type: application/pdf\r\nContent-Encoding: {coding}\r\nETag: \"v1\"\r\nContent-MD5: x\r\n\
             Last-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\nContent-Disposition: attachment\r\nAccept-Ranges: bytes\r\n"
        );
        let body = if received.method() == "HEAD" { &[][..] } else { &body };
        reply.respond("200 OK", &head, body);
    });
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"%PDF\0\xff"[..]));
    let head = gate.call(&Request::new("HEAD", "/leads?q=plain").of("acme"));
    for answer in [answer, head] {
        assert_eq!(answer.header("content-type"), Some("application/pdf"));
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
        assert_eq!(answer.header("etag"), None, "it is of other bytes");
        assert_eq!(answer.header("content-encoding"), None);
    }
}

/// Gzip of `opening`, then `unit` as often as to fill a megabyte `megabytes` times; it has no end.
pub(crate) fn bomb(opening: &str, unit: &str, megabytes: usize) -> Vec<u8> {
    let mut stream = Compress::new(Compression::best(), false);
    let mut flushed = |text: &[u8]| {
        let mut out = Vec::with_capacity(text.len() + 1_000);
        stream.compress_vec(text, &mut out, FlushCompress::Full).unwrap();
        out
    };
    let head = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(), flushed(opening.as_bytes())].concat();
    // What follows a full flush needs nothing of what came before: it can stand any number of times.
    let megabyte = flushed(unit.repeat(MEGABYTE / unit.len()).as_bytes());
    [head, megabyte.repeat(megabytes)].concat()
}

#[test]
fn a_bomb_costs_little_and_is_no_success() {
    let backend = RecordingBackend::json(ROW);
    #[rustfmt::skip]
    let cases = [
        // name                     response                                   the bomb                                                      status
        ("spaces before the rows",  "format = \"json\"\nrows = \"/rows\"",     bomb("{\"rows\":", " ", 10_240),                              502),
        ("rows that pass",          "format = \"json\"\nrows = \"/rows\"",     bomb("{\"rows\":[{}", ",{\"country\":\"DE\"}", 4_000),        200),
        ("rows that are cut",       "format = \"json\"\nrows = \"/rows\"",     bomb("{\"rows\":[{}", ",{\"email\":\"s3cr3t\"}", 4_000),      200),
        ("a cell without an end",   "format = \"json\"\nrows = \"/rows\"",     bomb("{\"rows\":[{\"country\":\"", "s3cr3t", 4_000),          502),
        ("lines",                   "format = \"csv\"",                        bomb("country\n", "DE\n", 4_000),                             200),
        ("opaque",                  "format = \"opaque\"",                     bomb("", "\0", 10_240),                                       200),
    ];
    for (name, response, bomb, status) in cases {
        let gate = gate_with(&backend, response);
        assert_eq!(gate.get("acme", "/nowhere").status, 404);
        let before = gate.program.memory("VmRSS");
        let answer = answer(&gate, &backend, "gzip", &bomb, Told::Length);
        let end = if status == 200 { End::Broken } else { End::Complete };
        assert_eq!((answer.status, answer.end), (status, end), "{name}");
        assert!(answer.body.len() < 2 * MEGABYTE, "{name}: {} bytes got through", answer.body.len());
        let grown = gate.program.memory("VmHWM").saturating_sub(before);
        assert!(grown < 64 << 20, "{name}: resident memory grew by {} KB", grown / 1024);
        let kind = "response_violations_total{report=\"leads\",kind=\"too_large\"}";
        eventually("the bomb is counted", || (gate.metrics().get(kind) > 0.0).then_some(()));
    }
}

#[test]
fn clients_that_ask_for_parts_or_changes_get_all() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let request = Request::get("/leads")
        .of("acme")
        .header("Range", "bytes=0-1")
        .header("If-Range", "\"a\"")
        .header("If-None-Match", "*")
        .header("If-Modified-Since", "Tue, 24 Nov 2026 00:00:00 GMT");
    let answer = gate.call(&request);
    assert_eq!((answer.status, answer.squeezed().as_str()), (200, CUT));
    for name in ["range", "if-range", "if-none-match", "if-modified-since"] {
        assert_eq!(backend.last().header(name), None, "{name}");
    }
}

#[test]
fn heads_say_what_leaves() {
    let csv = "country,email\nDE,s3cr3t\n";
    #[rustfmt::skip]
    let cases = [
        // response keys                             backend's body               content type                                  disposition
        ("format = \"json\"\nrows = \"/rows\"",      ROW,                         "application/json",                           None),
        ("format = \"csv\"",                         csv,                         "text/csv; charset=utf-8",                    Some("attachment; filename=\"leads.csv\"")),
        ("format = \"csv\"\ndelimiter = \";\"",      "country;email\nDE;s3cr3t\n", "text/csv; charset=utf-8",                   Some("attachment; filename=\"leads.csv\"")),
        ("format = \"csv\"\ndelimiter = \"\\t\"",    "country\temail\nDE\ts3cr3t\n", "text/tab-separated-values; charset=utf-8", Some("attachment; filename=\"leads.tsv\"")),
    ];
    let backend = RecordingBackend::json(ROW);
    for (response, body, content_type, disposition) in cases {
        let gate = gate_with(&backend, response);
        backend.behave(move |received, reply| {
            let head = "Content-Type: text/html\r\nContent-Disposition: s3cr3t\r\nETag: \"s3cr3t\"\r\nVary: s3cr3t\r\n\
                 Last-Modified: s3cr3t\r\nContent-MD5: s3cr3t\r\nAccept-Ranges: bytes\r\n";
            reply.respond("200 OK", head, if received.method() == "HEAD" { "" } else { body });
        });
        for method in ["GET", "HEAD"] {
            let answer = gate.call(&Request::new(method, "/leads").of("acme"));
            assert_eq!(answer.status, 200, "{response}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some(content_type), "{method} {response}");
            assert_eq!(answer.header("content-disposition"), disposition, "{method} {response}");
            assert_eq!(answer.header("vary"), None, "{method} {response}");
            assert!(method == "GET" || answer.header("content-length").is_none(), "{response}");
        }
        let refused = gate.call(&Request::get("/leads").of("acme").header("Accept", "image/png"));
        assert_eq!((refused.status, refused.header("vary")), (406, Some("accept")), "{response}");
        assert_eq!(refused.json()["available"].as_array().unwrap().len(), 1, "{response}");
    }
}

#[test]
fn a_dense_answer_lets_others_have_their_turn() {
    let backend = RecordingBackend::json(ROW);
    let hidden = format!(",{{\"email\":\"{}\"}}", "x".repeat(30 << 10));
    let bomb = Arc::<[u8]>::from(bomb("{\"rows\":[{}", &hidden, 900));
    for compress in ["", "compress = [\"gzip\"]"] {
        let gate = gate_with(
            &backend,
            &format!("format = \"json\"\nrows = \"/rows\"\nmax_ratio = 1000000\n{compress}"),
        );
        let (sent, is_sent) = std::sync::mpsc::channel();
        let bomb = Arc::clone(&bomb);
        backend.behave(move |_, reply| {
            send(reply, "gzip", &bomb, Told::Length);
            sent.send(()).unwrap();
        });
        let mut slow = gate.client();
        slow.send(&Request::get("/leads").of("acme").header("Accept-Encoding", "gzip").bytes());
        is_sent.recv().unwrap();
        // The one worker has much to do for the answer above, whatever little of it leaves.
        (0..20).for_each(|_| assert_eq!(gate.get("acme", "/nowhere").status, 404));
        slow.stream().set_nonblocking(true).unwrap();
        let answer = slow.stream().peek(&mut [0]);
        assert!(answer.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{compress}");
    }
}
