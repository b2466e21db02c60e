//! Large answers: memory does not grow with them, and a slow client slows the backend down.

use crate::harness::{
    Config, End, Gate, LEADS, RecordingBackend, Reply, Request, affiliate, eventually, within,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MEGABYTE: u64 = 1024 * 1024;

/// What a debug build can do in a few seconds; `tests/run` runs this in a release build too.
const SIZE: u64 = if cfg!(debug_assertions) { 128 * MEGABYTE } else { 1024 * MEGABYTE };

/// Rows of that many bytes together, hidden cells among them; `sent` grows as they go.
fn rows(reply: &mut Reply<'_>, size: u64, sent: &AtomicU64) {
    let row = r#"{"lead_id":12345,"email":"s3cr3t@example.test","country":"DE","commission":1.2500,"created_at":"2026-01-01"}"#;
    let piece = format!("{row},").repeat(600);
    reply.chunked("application/json");
    reply.chunk(r#"{"rows":["#);
    while reply.is_open() && sent.load(Ordering::Relaxed) < size {
        reply.chunk(&piece);
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    reply.chunk(row);
    reply.chunk("]}");
    reply.chunk("");
}

#[test]
fn memory_does_not_grow_with_the_answer() {
    let backend = RecordingBackend::start(|received, reply| {
        let size = if received.query().contains("q=large") { SIZE } else { MEGABYTE };
        rows(reply, size, &AtomicU64::new(0));
    });
    let gate = Gate::start(&Config::leads(&backend));
    assert!(gate.get("acme", "/leads").is_success());
    let before = gate.program.memory("VmRSS");

    let mut client = gate.client();
    client.send(&Request::get("/leads?q=large").of("acme").bytes());
    let (mut length, mut rows, mut kept) = (0_u64, 0_usize, Vec::new());
    let answer = client.stream_answer("GET", |piece| {
        length += piece.len() as u64;
        kept.extend_from_slice(piece);
        rows += memchr::memmem::find_iter(&kept, b"\"created_at\"").count();
        assert!(memchr::memmem::find(&kept, b"s3cr3t").is_none(), "a hidden cell");
        // What may be the start of either word stays for the next piece.
        kept.drain(..kept.len().saturating_sub(11));
    });
    let answer = answer.expect("an answer");
    let grown = gate.program.memory("VmHWM").saturating_sub(before);
    assert_eq!((answer.status, answer.end), (200, End::Complete));
    let per_row = length as f64 / rows as f64;
    assert!(rows as u64 > SIZE / 120 && per_row > 50.0 && per_row < 70.0, "{rows} rows in {length} bytes");
    assert!(grown < 32 * MEGABYTE, "resident memory grew by {} KB", grown / 1024);
}

#[test]
fn a_client_that_does_not_read_stops_the_backend() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let backend = RecordingBackend::start(move |_, reply| rows(reply, 512 * MEGABYTE, &counted));
    let gate = Gate::start(&Config::leads(&backend));
    let before = gate.program.memory("VmRSS");
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    // The backend is stopped when nothing more goes for a while; sockets hold a few megabytes.
    let stopped = eventually("the backend is stopped", || {
        let then = sent.load(Ordering::Relaxed);
        let moved =
            within(Duration::from_millis(300), || (sent.load(Ordering::Relaxed) != then).then_some(()));
        (moved.is_none() && then > 0).then_some(then)
    });
    assert!(stopped < 64 * MEGABYTE, "{stopped} bytes went towards a client that reads none");
    assert!(gate.program.memory("VmHWM").saturating_sub(before) < 16 * MEGABYTE);

    // Others are served meanwhile, and the slow one goes on when it reads.
    backend.behave(|_, reply| reply.json(r#"{"rows":[]}"#));
    assert!(gate.get("acme", "/leads").is_success());
    sent.fetch_add(1 << 40, Ordering::Relaxed);
    let mut length = 0;
    let answer = client.stream_answer("GET", |piece| length += piece.len() as u64).expect("an answer");
    assert_eq!(answer.end, End::Complete);
    assert!(length > stopped / 4, "{length} of {stopped}");
}

#[test]
fn an_answer_begins_before_the_backend_has_ended() {
    let backend = RecordingBackend::start(|_, reply| {
        reply.chunked("application/json");
        reply.chunk(r#"{"rows":[{"country":"DE"}"#);
        for _ in 0..4_000 {
            reply.chunk(r#",{"country":"FR"}"#);
        }
        reply.stall();
    });
    let gate = Gate::start(&Config::leads(&backend).backend("body_timeout = \"2s\""));
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    let started = std::time::Instant::now();
    let mut first = None;
    let answer = client.stream_answer("GET", |_| {
        first.get_or_insert_with(|| started.elapsed());
    });
    assert_eq!(answer.expect("an answer").end, End::Broken);
    assert!(first.expect("some rows") < Duration::from_millis(1_500), "{first:?}");
}

#[test]
fn many_large_answers_at_once() {
    let backend = RecordingBackend::start(|_, reply| rows(reply, 4 * MEGABYTE, &AtomicU64::new(0)));
    let config = Config::empty(&backend)
        .with(LEADS)
        .with(&affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]"));
    let gate = Gate::start(&config);
    assert!(gate.get("acme", "/leads").is_success());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(gate.get("acme", "/leads").is_success()));
        }
    });
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 9.0);
}
