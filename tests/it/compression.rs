//! Answers that leave compressed, for clients that ask for it; and how far compressed ones of backends are decoded.

use crate::codings::{Told, answer, bomb, gate_with};
use crate::harness::{End, Gate, RecordingBackend, Reply, Request, eventually};
use flate2::read::GzDecoder;
use reportgate::domain::dialect::DecodingLimits;
use reportgate::filter::coding::{Coding, Decoder};
use std::io::Read as _;

const JSON: &str = "format = \"json\"\nrows = \"/rows\"";

/// Some kilobytes of rows.
fn rows(count: usize) -> String {
    let rows: Vec<_> =
        (0..count).map(|n| format!(r#"{{"country":"DE","commission":{n},"email":"s3cr3t"}}"#)).collect();
    format!("{{\"rows\":[{}]}}", rows.join(","))
}

fn backend(count: usize) -> RecordingBackend {
    let text = rows(count);
    RecordingBackend::start(move |_, reply| reply.json(&text))
}

/// The body in plain text, decoded by somebody else's program text.
fn plain(coding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        None => out.extend_from_slice(body),
        Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut out).unwrap()),
        Some("br") => drop(brotli::Decompressor::new(body, 4096).read_to_end(&mut out).unwrap()),
        Some("zstd") => {
            out.resize(1 << 20, 0);
            let length = zstd_safe::decompress(&mut out[..], body).unwrap();
            out.truncate(length);
        }
        Some(other) => panic!("nobody asked for {other}"),
    }
    out
}

#[test]
fn clients_choose_among_what_the_report_offers() {
    #[rustfmt::skip]
    let cases = [
        // offer                      accept-encoding                    coding
        ("",                          Some("gzip, br, zstd"),            None),
        ("\"gzip\"",                  None,                              None),
        ("\"gzip\"",                  Some(""),                          None),
        ("\"gzip\"",                  Some("gzip"),                      Some("gzip")),
        ("\"gzip\"",                  Some("br, zstd"),                  None),
        ("\"gzip\"",                  Some("br, identity;q=0"),          None),
        ("\"br\", \"zstd\", \"gzip\"", Some("gzip, deflate, br, zstd"),  Some("br")),
        ("\"zstd\", \"br\", \"gzip\"", Some("gzip, deflate, br, zstd"),  Some("zstd")),
        ("\"zstd\", \"br\", \"gzip\"", Some("gzip;q=1.0, *;q=0.5"),      Some("gzip")),
        ("\"zstd\", \"br\", \"gzip\"", Some("gzip;q=0.1, identity;q=1"), None),
    ];
    let backend = backend(500);
    for (offer, accept, coding) in cases {
        let gate = gate_with(&backend, &format!("{JSON}\ncompress = [{offer}]"));
        let plainly = gate.get("acme", "/leads");
        assert!(plainly.is_success() && plainly.header("content-encoding").is_none());
        let request = Request::get("/leads").of("acme");
        let answer =
            gate.call(&accept.map_or(request.clone(), |accept| request.header("Accept-Encoding", accept)));
        assert_eq!(answer.header("content-encoding"), coding, "{offer}: {accept:?}");
        assert_eq!(
            answer.header("vary"),
            (!offer.is_empty()).then_some("accept-encoding"),
            "{offer}: {accept:?}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(plain(coding, &answer.body), plainly.body, "{offer}: {accept:?}");
        assert!(coding.is_none() || answer.body.len() < plainly.body.len() / 2, "{offer}: {accept:?}");
        let seen = backend.last().header("accept-encoding");
        assert_eq!(seen.as_deref(), Some("identity"), "the backend is asked for plain text");
    }
}

#[test]
fn what_is_short_or_has_no_body_is_not_compressed() {
    let backend = backend(2);
    let gate = gate_with(&backend, &format!("{JSON}\ncompress = [\"gzip\"]"));
    let call = |method: &str, target: &str| {
        gate.call(&Request::new(method, target).of("acme").header("Accept-Encoding", "gzip"))
    };
    for (method, target, status, vary) in [
        ("GET", "/leads", 200, Some("accept-encoding")),
        ("HEAD", "/leads", 200, Some("accept-encoding")),
        ("GET", "/leads?no=1", 400, None),
    ] {
        if method == "HEAD" {
            backend.behave(|_, reply| reply.json(""));
        }
        let answer = call(method, target);
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(answer.header("content-encoding"), None, "{method} {target}");
        assert_eq!(answer.header("vary"), vary, "{method} {target}");
    }
}

/// The text of an answer of that coding as far as it has come, and how it ended.
fn streamed(gate: &Gate, coding: &str, seen: &mut dyn FnMut(&[u8])) -> End {
    let decoding = Coding::named(coding.as_bytes()).unwrap();
    let limits = DecodingLimits { max_bytes: u64::MAX, max_ratio: u32::MAX };
    let mut decoder = Decoder::new(decoding, limits).unwrap();
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").header("Accept-Encoding", coding).bytes());
    let answer = client.stream_answer("GET", |mut piece| {
        while decoder.can_step(piece) {
            seen(decoder.step(&mut piece).unwrap());
        }
    });
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(coding)));
    assert_eq!(decoder.finish().is_ok(), answer.end == End::Complete, "no end that is none: {coding}");
    answer.end
}

#[test]
fn rows_are_seen_as_they_come_and_breaks_as_breaks() {
    fn begun(reply: &mut Reply<'_>) {
        reply.chunked("application/json");
        reply.chunk(r#"{"rows":[{"country":"DE"}"#);
        (0..8_000).for_each(|n| reply.chunk(format!(",{{\"country\":{n}}}")));
    }
    type Behaviour = fn(&mut Reply<'_>);
    let backend = RecordingBackend::json("");
    let gate = gate_with(&backend, &format!("{JSON}\ncompress = [\"gzip\", \"br\", \"zstd\"]"));
    #[rustfmt::skip]
    let cases: [(&str, Behaviour, End); 3] = [
        ("whole",     |reply| { begun(reply); reply.chunk("]}"); reply.chunk("") },            End::Complete),
        ("malformed", |reply| { begun(reply); reply.chunk(",{]"); reply.chunk("") },           End::Broken),
        ("cut",       |reply| { begun(reply); reply.close() },                                 End::Broken),
    ];
    for coding in ["gzip", "br", "zstd"] {
        for (name, behaviour, end) in cases {
            backend.behave(move |_, reply| behaviour(reply));
            let mut text = Vec::new();
            assert_eq!(
                streamed(&gate, coding, &mut |piece| text.extend_from_slice(piece)),
                end,
                "{coding}, {name}"
            );
            assert!(text.ends_with(b"{\"country\":7999}]}") || end == End::Broken, "{coding}, {name}");
        }
        // The backend goes on only when the client has seen what it sent so far.
        let (saw, seen) = std::sync::mpsc::channel::<()>();
        let seen = std::sync::Mutex::new(seen);
        backend.behave(move |_, reply| {
            begun(reply);
            let seen = seen.lock().unwrap().recv_timeout(crate::harness::PATIENCE);
            reply.chunk(if seen.is_ok() { "]}" } else { "the client saw nothing" });
            reply.chunk("");
        });
        let mut text = Vec::new();
        let end = streamed(&gate, coding, &mut |piece| {
            text.extend_from_slice(piece);
            if text.ends_with(b"{\"country\":7999}") {
                saw.send(()).unwrap();
            }
        });
        assert_eq!(end, End::Complete, "{coding}");
    }
}

#[test]
fn clients_without_chunks_see_a_break_as_a_reset() {
    let backend = RecordingBackend::json("");
    let gate = gate_with(&backend, &format!("{JSON}\ncompress = [\"gzip\", \"br\", \"zstd\"]"));
    for coding in ["gzip", "br", "zstd", "identity"] {
        for (last, end) in [("]}", End::Complete), ("{]", End::Broken)] {
            backend.behave(move |_, reply| {
                reply.chunked("application/json");
                reply.chunk(r#"{"rows":[{"country":"DE"}"#);
                let rows: String = (0..1_000).map(|n| format!(",{{\"country\":{n}}}")).collect();
                (0..10).for_each(|_| reply.chunk(&rows));
                reply.chunk(last);
                reply.chunk("");
            });
            let mut client = gate.client();
            let request = Request::get("/leads").of("acme").http10().header("Accept-Encoding", coding);
            client.send(&request.bytes());
            let answer = client.stream_answer("GET", |_| {}).expect("an answer");
            assert_eq!((answer.status, answer.end), (200, end), "{coding} {last}");
            assert_eq!(answer.header("content-encoding").is_none(), coding == "identity");
        }
    }
}

#[test]
fn opaque_answers_lose_their_etag_with_their_bytes() {
    let body = "%PDF s0me text ".repeat(500);
    let expected = body.clone();
    let backend = RecordingBackend::start(move |_, reply| {
        reply.respond("200 OK", "Content-Type: application/pdf\r\nETag: \"v1\"\r\n", &body);
    });
    let mut gate = gate_with(&backend, "format = \"opaque\"\ncompress = [\"zstd\"]");
    gate.extra_headers = &["etag"];
    for (accept, coding, etag) in [("gzip", None, Some("\"v1\"")), ("zstd", Some("zstd"), None)] {
        let answer = gate.call(&Request::get("/leads").of("acme").header("Accept-Encoding", accept));
        assert_eq!((answer.header("content-encoding"), answer.header("etag")), (coding, etag));
        assert_eq!(answer.header("content-type"), Some("application/pdf"));
        assert_eq!(plain(coding, &answer.body), expected.as_bytes());
    }
}

#[test]
fn the_length_of_a_decoded_answer_has_a_limit() {
    let backend = RecordingBackend::json("");
    let limits = "max_ratio = 1000000\nmax_decoded_bytes = \"256MiB\"";
    #[rustfmt::skip]
    let cases = [
        ("spaces", JSON,                   bomb("{\"rows\":", " ", 10_240), 502, End::Complete, 0..1),
        ("opaque", "format = \"opaque\"",  bomb("", "\0", 10_240),          200, End::Broken,   (200 << 20)..(256 << 20) + 1),
    ];
    for (name, response, bomb, status, end, length) in cases {
        let gate = gate_with(&backend, &format!("{response}\n{limits}"));
        assert_eq!(gate.get("acme", "/nowhere").status, 404);
        let before = gate.program.memory("VmRSS");
        backend.behave({
            let bomb = bomb.clone();
            move |_, reply| reply.respond("200 OK", "Content-Encoding: gzip\r\n", &bomb)
        });
        let mut client = gate.client();
        client.send(&Request::get("/leads").of("acme").bytes());
        let mut got = 0_usize;
        let answer = client.stream_answer("GET", |piece| got += piece.len()).expect("an answer");
        assert_eq!((answer.status, answer.end), (status, end), "{name}");
        assert!(status != 200 || length.contains(&got), "{name}: {got} bytes got through");
        let grown = gate.program.memory("VmHWM").saturating_sub(before);
        assert!(grown < 64 << 20, "{name}: resident memory grew by {} KB", grown / 1024);
        let kind = "response_violations_total{report=\"leads\",kind=\"too_large\"}";
        eventually("the bomb is counted", || (gate.metrics().get(kind) > 0.0).then_some(()));
    }
    // A limit is met by the last byte that may pass, and the ratio does not count for short answers.
    let gate = gate_with(&backend, "format = \"opaque\"\nmax_ratio = 1\nmax_decoded_bytes = \"1KiB\"");
    for (length, whole) in [(1_024, true), (1_025, false)] {
        let body = zstd_of(&vec![b'x'; length]);
        assert_eq!(answer(&gate, &backend, "zstd", &body, Told::Length).is_success(), whole, "{length}");
    }
}

fn zstd_of(text: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(text.len())];
    let length = zstd_safe::compress(&mut out[..], text, 3).unwrap();
    out.truncate(length);
    out
}
