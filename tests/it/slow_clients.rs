//! Clients that are slow, on purpose or not, at each point where a gate waits for them.
//!
//! Each is let go within its limit and two seconds, and not before its limit; meanwhile the
//! one worker serves others as if they were not there.

use crate::harness::{
    Client, Config, Gate, PATIENCE, POSTED, ROW, RecordingBackend, Request, eventually, poster, within,
};
use std::time::{Duration, Instant};

/// Limits that differ, so that each is seen to be the one that counts.
const HEADER: Duration = Duration::from_millis(500);
const BODY: Duration = Duration::from_millis(800);
const WRITE: Duration = Duration::from_millis(1_100);
const IDLE: Duration = Duration::from_millis(1_400);

/// How much later than its limit a connection may end, and how much earlier it may seem to.
const LATER: Duration = Duration::from_secs(2);
const EARLIER: Duration = Duration::from_millis(50);

/// Between two bytes of those that drip: far less than any limit.
const PAUSE: Duration = Duration::from_millis(20);

fn gate(backend: &RecordingBackend) -> Gate {
    let limits = format!(
        "limits = {{ header_timeout = \"{}ms\", body_timeout = \"{}ms\", write_timeout = \"{}ms\", idle_timeout = \"{}ms\" }}",
        HEADER.as_millis(),
        BODY.as_millis(),
        WRITE.as_millis(),
        IDLE.as_millis()
    );
    Gate::start(&Config::leads(backend).server(&limits).with(POSTED).with(&poster()))
}

fn get() -> Vec<u8> {
    Request::get("/leads").of("acme").bytes()
}

/// The head of a POST whose body is framed by this line.
fn post(framing: &str) -> Vec<u8> {
    let request = Request::new("POST", "/posted").of("poster");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let (name, value) = framing.split_once(": ").unwrap();
    request.header(name, value).bytes()
}

/// What a connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a slow client sends: something at once, then something byte by byte, over and over.
#[derive(Clone)]
struct Slow {
    name: &'static str,
    at_once: Vec<u8>,
    /// Whether what was sent so far is answered, before the time counts.
    is_answered: bool,
    dripped: &'static [u8],
    limit: Duration,
    /// The status that it gets before the end, if any.
    status: Option<u16>,
}

fn slow(
    name: &'static str,
    at_once: impl Into<Vec<u8>>,
    dripped: &'static [u8],
    limit: Duration,
    status: Option<u16>,
) -> Slow {
    Slow { name, at_once: at_once.into(), is_answered: false, dripped, limit, status }
}

/// Likewise, once it has got an answer.
fn answered(mut slow: Slow) -> Slow {
    slow.is_answered = true;
    slow
}

/// Every kind of client that sends too slowly.
fn kinds() -> Vec<Slow> {
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let chunked = || post("Transfer-Encoding: chunked");
    let started = |data: &[u8]| [chunked().as_slice(), data].concat();
    #[rustfmt::skip]
    let kinds = vec![
        slow("silent",                      "",                                   b"",     HEADER, None),
        slow("one byte",                    "G",                                  b"",     HEADER, Some(408)),
        slow("half a head",                 half(get()),                          b"",     HEADER, Some(408)),
        slow("a head without its end",      &get()[..get().len() - 1],            b"",     HEADER, Some(408)),
        slow("a head, dripped",             "GET /leads HTTP/1.1\r\nX: ",         b"a",    HEADER, Some(408)),
        slow("headers, dripped",            "GET /leads HTTP/1.1\r\n",            b"X: Y\r\n", HEADER, Some(408)),
        slow("a target, dripped",           "GET /",                              b"a",    HEADER, Some(408)),
        slow("empty lines, dripped",        "",                                   b"\r\n", HEADER, Some(408)),
        slow("half a preface",              "PRI * HTTP",                         b"",     HEADER, None),
        slow("a preface without its end",   &PREFACE[..PREFACE.len() - 1],        b"",     HEADER, None),
        slow("the first byte of a preface", "P",                                  b"",     HEADER, Some(408)),
        slow("no preface, dripped",         "PRI * ",                             b"H",    HEADER, Some(408)),
        slow("a POST without its body",     post("Content-Length: 1000"),         b"",     BODY,   Some(408)),
        slow("a body, dripped",             post("Content-Length: 1000"),         b"a",    BODY,   Some(408)),
        slow("a chunk that stalls",         started(b"5\r\nab"),                  b"",     BODY,   Some(408)),
        slow("a chunk size that stalls",    started(b"5"),                        b"",     BODY,   Some(408)),
        slow("a chunk, dripped",            started(b"fff\r\n"),                  b"a",    BODY,   Some(408)),
        slow("chunks, dripped",             chunked(),                            b"1\r\na\r\n", BODY, Some(408)),
        slow("an extension, dripped",       started(b"5;"),                       b"a",    BODY,   Some(408)),
        slow("trailers, dripped",           started(b"1\r\na\r\n0\r\n"),          b"X: Y\r\n", BODY, Some(408)),
        slow("a continue that is waited for", post("Content-Length: 10\r\nExpect: 100-continue"), b"", BODY, Some(408)),
        answered(slow("idle after an answer", get(),                              b"",     IDLE,   None)),
        answered(slow("idle after a refusal", "GET /nothing HTTP/1.1\r\nHost: gate.test\r\n\r\n", b"", IDLE, None)),
        answered(slow("pipelined, dripped", get(),                                b"GET /leads HTTP/1.1\r\nHost: gate.test\r\nX: 0123456789\r\n", HEADER, Some(408))),
        answered(slow("empty lines after an answer", get(),                       b"\r\n", HEADER, Some(408))),
    ];
    kinds
}

/// Sends these bytes over and over until the gate closes, for twenty seconds at most; whether it did.
fn drip(client: &mut Client, bytes: &'static [u8]) -> bool {
    if bytes.is_empty() {
        return client.closes_within(PATIENCE);
    }
    client.drip(bytes.iter().copied().cycle().take(1_000), PAUSE) < 1_000
}

/// What is wrong with how the gate lets a slow client go.
fn judge(gate: &Gate, kind: &Slow) -> Option<String> {
    let mut client = gate.client().expecting_continue();
    let mut begun = Instant::now();
    client.send(&kind.at_once);
    if kind.is_answered {
        client.answer("GET").expect("an answer");
        begun = Instant::now();
    }
    let is_closed = drip(&mut client, kind.dripped);
    let took = begun.elapsed();
    let status = if is_closed { client.answer("GET").map(|answer| answer.status) } else { None };
    let in_time = took + EARLIER >= kind.limit && took <= kind.limit + LATER;
    let Slow { name, limit, .. } = kind;
    let wrong = format!("{name}: closed {is_closed} after {took:?}, limit {limit:?}, status {status:?}");
    (!(is_closed && in_time && status == kind.status)).then_some(wrong)
}

#[test]
fn slow_clients_are_let_go() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let kinds = kinds();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = kinds.iter().map(|kind| scope.spawn(|| judge(&gate, kind))).collect();
        // Whoever is quick does not notice.
        let mut quick = gate.client();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let begun = Instant::now();
            assert_eq!(quick.call(&Request::get("/leads").of("acme")).status, 200);
            assert!(begun.elapsed() < LATER, "{:?}", begun.elapsed());
            within(PAUSE, || None::<()>);
        }
        threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} wrong: {wrong:#?}", wrong.len(), kinds.len());
}

/// An answer of many megabytes.
fn big() -> RecordingBackend {
    let rows = format!("{{\"rows\":[{}]}}", vec![r#"{"country":"DE"}"#; 2_000_000].join(","));
    RecordingBackend::start(move |_, reply| reply.json(&rows))
}

#[test]
fn a_client_that_never_reads_is_let_go() {
    let backend = big();
    let gate = gate(&backend);
    let mut deaf = gate.client();
    deaf.send(&get());
    let begun = Instant::now();
    gate.line_with_code(0, "client_gone");
    let took = begun.elapsed();
    assert!(took + EARLIER >= WRITE, "{took:?}");
    eventually("it is closed", || (gate.metrics().get("connections") < 0.5).then_some(()));
    // The backend may take a while to send what is held back before anything waits for the client.
    assert!(begun.elapsed() < WRITE + LATER, "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_reads_slowly_is_not() {
    let backend = big();
    let gate = gate(&backend);
    let mut slow = gate.client();
    slow.send(&get());
    let begun = Instant::now();
    let mut length = 0;
    let answer = slow.stream_answer("GET", |piece| {
        // A piece now and then, for longer than any limit.
        if begun.elapsed() < 2 * IDLE {
            within(PAUSE, || None::<()>);
        }
        length += piece.len();
    });
    assert!(answer.expect("an answer").is_success());
    assert!(length > 30_000_000 && begun.elapsed() >= 2 * IDLE, "{length} {:?}", begun.elapsed());
}

/// A body that is sent only once it is asked for comes within the limit of bodies.
#[test]
fn a_client_may_wait_to_be_asked() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let mut client = gate.client();
    client.send(&post("Content-Length: 3\r\nExpect: 100-continue"));
    client.expect(b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(backend.count(), 0);
    client.drip(*b"q=1", PAUSE);
    assert_eq!(client.answer("POST").expect("an answer").status, 200);
    assert!(backend.last().text().contains("q=1"));
}

/// A refusal does not wait for a body, and who goes on sending it does not keep the connection.
#[test]
fn a_body_that_nobody_wants_is_not_waited_for() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        for dripped in [b"".as_slice(), b"1\r\na\r\n"] {
            let (name, value) = framing.split_once(": ").unwrap();
            let mut client = gate.client();
            let begun = Instant::now();
            client.send(&Request::new("POST", "/posted").header(name, value).bytes());
            assert_eq!(client.answer("POST").expect("an answer").status, 401, "{framing}");
            assert!(begun.elapsed() < HEADER, "{framing}: {:?}", begun.elapsed());
            assert!(drip(&mut client, dripped), "{framing}");
            assert!(begun.elapsed() < IDLE + LATER, "{framing}: {:?}", begun.elapsed());
        }
    }
    assert_eq!(backend.count(), 0);
}

/// A client that resets its connection, at each point of a request, is forgotten at once.
#[test]
fn clients_that_reset_are_forgotten() {
    let backend = RecordingBackend::start(|received, reply| match received.query().contains("q=stall") {
        true => reply.stall(),
        false => reply.json(ROW),
    });
    let gate = gate(&backend);
    let stalling = Request::get("/leads?q=stall").of("acme").bytes();
    let mut body = post("Content-Length: 1000");
    body.extend(b"q=1");
    for bytes in [Vec::new(), get()[..20].to_vec(), body, get(), stalling, [get(), get()].concat()] {
        let mut client = gate.client();
        client.send(&bytes);
        client.reset();
    }
    let gone = within(HEADER, || (gate.metrics().get("connections") < 0.5).then_some(()));
    assert!(gone.is_some(), "{} are open", gate.metrics().get("connections"));
    assert_eq!(gate.call(&Request::get("/leads").of("acme")).status, 200);
}
