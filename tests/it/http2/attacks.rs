//! Clients of HTTP/2 that spend little to make the gate spend much.

use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, HEADERS, INITIAL_WINDOW_SIZE, PING,
    RESET, Raw, SETTINGS, block, frame, get as get_frame,
};
use crate::harness::{Config, Gate, PATIENCE, ROW, RecordingBackend, eventually, token, within};
use std::time::{Duration, Instant};

fn gate(backend: &RecordingBackend, keys: &str) -> Gate {
    Gate::start(&Config::leads(backend).server(keys))
}

fn bearer() -> String {
    format!("Bearer {}", token("acme"))
}

/// Whether somebody else is served, and soon.
fn is_served(gate: &Gate) -> bool {
    let began = Instant::now();
    let answer = gate.get("acme", "/leads");
    answer.status == 200 && began.elapsed() < Duration::from_secs(5)
}

/// Begins a request and gives it up.
fn given_up(stream: u32) -> Vec<u8> {
    let mut bytes = get_frame(stream, "/leads?q=attack", &[("authorization", &bearer())]);
    bytes.extend(frame(RESET, 0, stream, 8_u32.to_be_bytes()));
    bytes
}

/// A backend that lets those wait that are to be given up.
fn stalling() -> RecordingBackend {
    RecordingBackend::start(|received, reply| match received.query().contains("q=attack") {
        true => reply.stall(),
        false => reply.json(ROW),
    })
}

/// CVE-2023-44487: requests that are given up as soon as they are begun, at once and one by one.
#[test]
fn rapid_resets_end_the_connection() {
    let backend = stalling();
    let gate = gate(&backend, "");
    let mut raw = Raw::connect(&gate, &[]);
    let all: Vec<u8> = (0..1_000).flat_map(|number| given_up(2 * number + 1)).collect();
    raw.send(&all);
    let ended = raw.rest();
    assert!(ended.iter().any(|frame| frame.is_goaway(ENHANCE_YOUR_CALM)), "{ended:?}");
    assert!(backend.count() <= 200, "{}", backend.count());

    let before = backend.count();
    let mut raw = Raw::connect(&gate, &[]);
    let mut number = 0;
    let calmed = loop {
        let request = get_frame(2 * number + 1, "/leads?q=attack", &[("authorization", &bearer())]);
        raw.send(&request);
        number += 1;
        let seen = before + usize::try_from(number).unwrap();
        let arrives = within(PATIENCE, || {
            let is_over = matches!(raw.next_until(Instant::now()), Some(None));
            (is_over || backend.count() >= seen).then_some(is_over)
        });
        if arrives.expect("it arrives or ends") {
            break true;
        }
        if number > 1_000 {
            break false;
        }
        raw.send(&frame(RESET, 0, 2 * number - 1, 8_u32.to_be_bytes()));
    };
    assert!(calmed && number <= 150, "after {number}");
    assert!(is_served(&gate));
    eventually("nothing is under way", || (gate.metrics().get("requests_in_flight") < 0.5).then_some(()));
}

/// Whoever gives up less than it lets be answered may go on.
#[test]
fn resets_now_and_then_are_no_attack() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, "");
    let mut raw = Raw::connect(&gate, &[]);
    for number in 0..300 {
        raw.send(&given_up(4 * number + 1));
        raw.send(&get_frame(4 * number + 3, "/leads", &[]));
        assert_eq!(raw.answer(4 * number + 3).unwrap().0, 401);
    }
}

/// A head without end (CVE-2024-27983 and its like), small or large.
#[test]
fn a_head_without_end_ends_the_connection() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, "");
    is_served(&gate);
    let before = gate.program.memory("VmRSS");
    for length in [0, 1, 100, 16_000] {
        let mut raw = Raw::connect(&gate, &[]);
        let mut twin = raw.twin();
        raw.send(&frame(HEADERS, END_STREAM, 1, block(&[(":method", "GET")])));
        let value = "a".repeat(length);
        let piece = if length == 0 { Vec::new() } else { block(&[("x", &value)]) };
        let piece = frame(CONTINUATION, 0, 1, piece);
        let began = Instant::now();
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| while began.elapsed() < PATIENCE && twin.send(&piece) {});
            let ended = raw.rest();
            assert!(ended.iter().any(|frame| frame.kind == super::frames::GOAWAY), "{length}: {ended:?}");
            drop(sending);
        });
        assert!(began.elapsed() < Duration::from_secs(5), "{length}: {:?}", began.elapsed());
    }
    let grown = gate.program.memory("VmHWM").saturating_sub(before) >> 20;
    assert!(grown <= 32, "{grown} MiB");
    assert!(is_served(&gate));
}

/// HARDENING of many proxies: heads that are small on the wire and large in memory, and answers that wait for a window.
#[test]
fn heads_that_grow_do_not_fill_the_memory() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, "limits = { write_timeout = \"20s\", idle_timeout = \"20s\" }");
    is_served(&gate);
    for (headers, expected) in [(350, "431"), (40, "401")] {
        let before = gate.program.memory("VmRSS");
        let mut crowd: Vec<_> =
            std::iter::repeat_with(|| Raw::connect(&gate, &[(INITIAL_WINDOW_SIZE, 0)])).take(40).collect();
        std::thread::scope(|scope| {
            for raw in &mut crowd {
                scope.spawn(move || {
                    let mut all = vec![(":method", "GET"), (":scheme", "http"), (":authority", "gate.test")];
                    all.push((":path", "/leads"));
                    // The cookie enters the table; then each is a byte.
                    let mut first = block(&all);
                    first.extend([0x40, 6]);
                    first.extend(b"cookie");
                    first.extend([1, b'a']);
                    let mut next = block(&all);
                    next.extend(vec![0xbe; headers]);
                    for number in 0..200 {
                        let block = if number == 0 { &first } else { &next };
                        raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, block));
                    }
                });
            }
        });
        // The answers of 64 streams have begun on each; the others were refused.
        for raw in &mut crowd {
            let (mut begun, mut refused) = (0, 0);
            while begun + refused < 200 {
                let frame = raw.next().expect("an answer or a refusal");
                begun += usize::from(frame.kind == HEADERS);
                refused += usize::from(frame.kind == RESET);
            }
            assert!(begun >= 64, "{begun} begun, {refused} refused");
        }
        let grown = gate.program.memory("VmRSS").saturating_sub(before) >> 20;
        assert!(grown <= 64, "{grown} MiB with {headers} headers, answered {expected}");
        let peak = gate.program.memory("VmHWM").saturating_sub(before) >> 20;
        assert!(peak <= 64, "{peak} MiB at most with {headers} headers");
        assert!(is_served(&gate));
    }
    let lines = gate.program.stdout.all();
    for code in ["headers_too_large", "token_missing"] {
        assert!(lines.iter().filter(|line| line.contains(code)).count() >= 40 * 63, "{code}");
    }
}

/// Frames that want an answer, or nothing, as fast as they can be sent; somebody else is served meanwhile.
#[test]
fn floods_hold_nobody_up() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, "limits = { header_timeout = \"1500ms\", write_timeout = \"1500ms\" }");
    is_served(&gate);
    let before = gate.program.memory("VmRSS");
    let floods: [(&str, Vec<u8>); 4] = [
        ("PING", frame(PING, 0, 0, [7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, [0, 4, 0, 0, 255, 255])),
        ("unknown", frame(0x42, 0, 0, "")),
        ("PRIORITY", frame(2, 0, 1, [0, 0, 0, 3, 7])),
    ];
    for (name, one) in floods {
        for reads in [true, false] {
            let mut raw = Raw::connect(&gate, &[]);
            let mut twin = raw.twin();
            let many = one.repeat(4_000);
            let began = Instant::now();
            std::thread::scope(|scope| {
                let sending = scope.spawn(move || while twin.send(&many) {});
                let reading = reads.then(|| scope.spawn(move || while raw.next().is_some() {}));
                let mut slowest = Duration::ZERO;
                while !sending.is_finished() {
                    let asked = Instant::now();
                    assert_eq!(gate.get("acme", "/leads").status, 200);
                    slowest = slowest.max(asked.elapsed());
                    assert!(began.elapsed() < PATIENCE, "{name}: it goes on");
                }
                assert!(slowest < Duration::from_secs(5), "{name}: {slowest:?}");
                drop(reading);
            });
        }
    }
    let grown = gate.program.memory("VmHWM").saturating_sub(before) >> 20;
    assert!(grown <= 32, "{grown} MiB");
}

/// Mistakes of streams are counted, too.
#[test]
fn a_client_that_makes_nothing_but_mistakes_is_let_go() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, "");
    let mut raw = Raw::connect(&gate, &[]);
    for number in 0..1_000 {
        raw.send(&get_frame(2 * number + 1, "/leads", &[("connection", "close")]));
    }
    let ended: Vec<Frame> = raw.rest();
    assert!(ended.iter().any(|frame| frame.is_goaway(ENHANCE_YOUR_CALM)), "{:?}", ended.last());
    gate.line_with_code(0, "request_malformed");
    assert!(is_served(&gate));
}
