//! How connections of HTTP/2 end: whoever is slow is let go in time, and whoever is not loses nothing.

use super::frames::{
    ACK, CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR, PING, Raw,
    WINDOW_UPDATE, block, frame, get as get_frame,
};
use super::{begin, call, connect, gate_of_many, get, runtime};
use crate::harness::{
    Config, End, Gate, POSTED, ROW, RecordingBackend, Request, affiliate, eventually, poster, token, within,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Limits that differ, so that each is seen to be the one that counts.
const HEADER: Duration = Duration::from_millis(500);
const BODY: Duration = Duration::from_millis(800);
const WRITE: Duration = Duration::from_millis(1_100);
const IDLE: Duration = Duration::from_millis(1_400);

/// How much later than its limit something may end, and how much earlier it may seem to.
const LATER: Duration = Duration::from_secs(2);
const EARLIER: Duration = Duration::from_millis(50);

fn limits() -> String {
    format!(
        "limits = {{ header_timeout = \"{}ms\", body_timeout = \"{}ms\", write_timeout = \"{}ms\", idle_timeout = \"{}ms\" }}",
        HEADER.as_millis(),
        BODY.as_millis(),
        WRITE.as_millis(),
        IDLE.as_millis()
    )
}

fn gate(backend: &RecordingBackend) -> Gate {
    Gate::start(&Config::leads(backend).server(&limits()))
}

fn bearer() -> String {
    format!("Bearer {}", token("acme"))
}

fn assert_in_time(began: Instant, limit: Duration) {
    let took = began.elapsed();
    assert!(took + EARLIER >= limit && took <= limit + LATER, "after {took:?}, limit {limit:?}");
}

/// Sends these bytes over and over until the gate closes.
fn drip(raw: &mut Raw, bytes: &[u8]) {
    let mut twin = raw.twin();
    std::thread::scope(|scope| {
        scope.spawn(
            || while twin.send(bytes) && within(Duration::from_millis(20), || None::<()>).is_none() {},
        );
        assert!(raw.rest().iter().any(|frame| frame.is_goaway(NO_ERROR)), "it says that it leaves");
    });
}

#[test]
fn connections_without_requests_are_let_go() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let half_a_head = &get_frame(3, "/leads", &[])[..30];
    let open_head = frame(HEADERS, END_STREAM, 3, block(&[(":method", "GET")]));
    let unknown = frame(0x42, 0, 0, "abc");
    let ping = frame(PING, 0, 0, [7; 8]);
    let window = frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]);
    std::thread::scope(|scope| {
        for is_idle in [false, true] {
            let nothing = Vec::new();
            for (sent, dripped) in [
                (nothing.as_slice(), nothing.as_slice()),
                (half_a_head, &nothing),
                (&open_head, &nothing),
                (&nothing, &ping),
                (&nothing, &window),
                (&nothing, &unknown),
            ] {
                let (gate, sent, dripped) = (&gate, sent.to_vec(), dripped.to_vec());
                scope.spawn(move || {
                    let mut began = Instant::now();
                    let mut raw = Raw::connect(gate, &[]);
                    if is_idle {
                        raw.send(&get_frame(1, "/leads", &[("authorization", &bearer())]));
                        assert_eq!(raw.answer(1).unwrap().0, 200);
                        began = Instant::now();
                    }
                    raw.send(&sent);
                    match dripped.as_slice() {
                        [] => assert!(raw.rest().iter().any(|frame| frame.is_goaway(NO_ERROR))),
                        dripped => drip(&mut raw, dripped),
                    }
                    assert_in_time(began, if is_idle { IDLE } else { HEADER });
                });
            }
        }
    });
    eventually("all are closed", || (gate.metrics().get("connections") < 0.5).then_some(()));
}

/// A request that is on its way when the gate wants to close is answered.
#[test]
fn a_request_at_the_last_moment_is_answered() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let mut raw = Raw::connect(&gate, &[]);
    raw.send(&get_frame(1, "/leads", &[("authorization", &bearer())]));
    assert_eq!(raw.answer(1).unwrap().0, 200);
    raw.until(|frame| frame.is_goaway(NO_ERROR)).expect("it says that it leaves");
    raw.send(&get_frame(3, "/leads", &[("authorization", &bearer())]));
    assert_eq!(raw.answer(3).unwrap().0, 200);
    // It has asked whether anything else is on its way; then there is no reason to wait.
    let ping = frame(PING, ACK, 0, [0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54]);
    let began = Instant::now();
    raw.send(&ping);
    raw.rest();
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
}

/// An answer of many megabytes for `q=big`, a row for others.
fn big() -> RecordingBackend {
    let rows = format!("{{\"rows\":[{}]}}", vec![r#"{"country":"DE"}"#; 1_000_000].join(","));
    RecordingBackend::start(move |received, reply| match received.query().contains("q=big") {
        true => reply.json(&rows),
        false => reply.json(ROW),
    })
}

#[test]
fn a_stream_whose_client_opens_no_window_ends_alone() {
    let backend = big();
    let gate = gate(&backend);
    let mut raw = Raw::connect(&gate, &[]);
    let began = Instant::now();
    // The window of the connection stays open, that of the stream does not.
    raw.send(&frame(WINDOW_UPDATE, 0, 0, 10_000_000_u32.to_be_bytes()));
    raw.send(&get_frame(1, "/leads?q=big", &[("authorization", &bearer())]));
    let ended = raw.until(|frame| frame.stream == 1 && frame.kind != DATA && frame.kind != HEADERS);
    assert!(ended.is_some_and(|frame| frame.is_reset(1, CANCEL)));
    assert_in_time(began, WRITE);
    assert_eq!(gate.line_with_code(0, "client_gone")["status"], 200);
    raw.send(&get_frame(3, "/leads", &[("authorization", &bearer())]));
    assert_eq!(raw.answer(3).unwrap().0, 200);
}

/// Likewise when all of the answer is there, and when the window of the connection is what stays closed.
#[test]
fn small_answers_do_not_wait_for_a_window_either() {
    let backend = big();
    let gate = gate(&backend);
    let mut raw = Raw::connect(&gate, &[(INITIAL_WINDOW_SIZE, 10)]);
    let began = Instant::now();
    raw.send(&get_frame(1, "/leads", &[("authorization", &bearer())]));
    raw.send(&get_frame(3, "/leads", &[]));
    let mut ended = BTreeSet::new();
    while ended.len() < 2 {
        let frame = raw.next().expect("two resets");
        if frame.is_reset(frame.stream, CANCEL) {
            ended.insert(frame.stream);
        }
    }
    assert_in_time(began, WRITE);

    let mut raw = Raw::connect(&gate, &[(INITIAL_WINDOW_SIZE, 1_000_000)]);
    let began = Instant::now();
    for stream in [1, 3, 5] {
        raw.send(&get_frame(stream, "/leads?q=big", &[("authorization", &bearer())]));
    }
    for _ in 0..3 {
        raw.until(|frame| frame.is_reset(frame.stream, CANCEL)).expect("three resets");
    }
    assert_in_time(began, WRITE);
}

#[test]
fn a_client_that_never_reads_is_let_go() {
    let backend = big();
    let gate = gate(&backend);
    let mut deaf = Raw::connect(&gate, &[(INITIAL_WINDOW_SIZE, 100_000_000)]);
    deaf.send(&frame(WINDOW_UPDATE, 0, 0, 1_000_000_000_u32.to_be_bytes()));
    let began = Instant::now();
    deaf.send(&get_frame(1, "/leads?q=big", &[("authorization", &bearer())]));
    deaf.send(&get_frame(3, "/leads?q=big", &[("authorization", &bearer())]));
    eventually("its connection is closed", || {
        (began.elapsed() >= WRITE && gate.metrics().get("connections") < 0.5).then_some(())
    });
    assert_in_time(began, WRITE);
    gate.line_with_code(0, "client_gone");
}

#[test]
fn a_client_that_reads_slowly_is_not() {
    let backend = big();
    let gate = gate(&backend);
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let (response, _) = connection
            .clone()
            .ready()
            .await
            .unwrap()
            .send_request(get("acme", "/leads?q=big"), true)
            .unwrap();
        let mut body = response.await.unwrap().into_body();
        let began = Instant::now();
        let mut length = 0;
        while let Some(piece) = body.data().await {
            let piece = piece.expect("a whole answer");
            length += piece.len();
            // A piece now and then, for longer than any limit; others are answered meanwhile.
            if began.elapsed() < 2 * IDLE {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert_eq!(call(&connection, "acme", "/leads").await.unwrap().status, 200);
            }
            body.flow_control().release_capacity(piece.len()).unwrap();
        }
        assert!(length > 15_000_000 && began.elapsed() >= 2 * IDLE, "{length} {:?}", began.elapsed());
    });
}

#[test]
fn a_body_that_stalls_ends_its_stream_alone() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server(&limits()).with(POSTED).with(&poster()));
    let bearer = format!("Bearer {}", token("poster"));
    let mut raw = Raw::connect(&gate, &[]);
    let head = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "gate.test"),
        (":path", "/posted"),
        ("authorization", &bearer),
        ("content-type", "application/x-www-form-urlencoded"),
    ]);
    let began = Instant::now();
    raw.send(&frame(HEADERS, END_HEADERS, 1, &head));
    raw.send(&frame(DATA, 0, 1, "q="));
    assert_eq!(raw.answer(1).unwrap().0, 408);
    assert_in_time(began, BODY);
    raw.send(&frame(HEADERS, END_HEADERS, 3, &head));
    raw.send(&frame(DATA, END_STREAM, 3, "q=1"));
    assert_eq!(raw.answer(3).unwrap().0, 200);
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_client_that_has_said_its_last_gets_its_answers() {
    let backend = big();
    let gate = Gate::start(&Config::leads(&backend));
    for (requests, target) in [(1, "/leads"), (1, "/leads?q=big"), (20, "/leads"), (64, "/nothing")] {
        let mut raw = Raw::connect(&gate, &[(INITIAL_WINDOW_SIZE, 100_000_000)]);
        raw.send(&frame(WINDOW_UPDATE, 0, 0, 1_000_000_000_u32.to_be_bytes()));
        let mut all = Vec::new();
        for number in 0..requests {
            all.extend(get_frame(2 * number + 1, target, &[("authorization", &bearer())]));
        }
        raw.send(&all);
        raw.half_close();
        let ended =
            raw.rest().iter().filter(|frame| frame.stream > 0 && frame.flags & END_STREAM != 0).count();
        assert_eq!(ended, usize::try_from(requests).unwrap(), "{target}");
    }
    eventually("all are closed", || (gate.metrics().get("connections") < 0.5).then_some(()));
}

/// Resets of streams and of connections free the backend at once.
#[test]
fn what_the_client_gives_up_is_given_up() {
    let backend = RecordingBackend::start(|_, reply| reply.stall());
    let gate = gate(&backend);
    runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(gate.address()).await.unwrap();
        // Its end is a reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        let (connection, _) = begin(stream).await;
        let request = || get("acme", "/leads");
        let (first, _) = connection.clone().ready().await.unwrap().send_request(request(), true).unwrap();
        let (_second, mut stream) =
            connection.clone().ready().await.unwrap().send_request(request(), false).unwrap();
        let a_moment = || tokio::time::sleep(Duration::from_millis(5));
        while backend.count() < 1 {
            a_moment().await;
        }
        drop(first);
        stream.send_reset(h2::Reason::CANCEL);
        while gate.metrics().get("requests_in_flight") > 0.5 {
            a_moment().await;
        }
        eventually("both are logged", || (gate.lines() == 2).then_some(()));
        let (_third, _) = connection.clone().ready().await.unwrap().send_request(request(), true).unwrap();
        while backend.count() < 2 {
            a_moment().await;
        }
    });
    eventually("nothing is under way", || (gate.metrics().get("requests_in_flight") < 0.5).then_some(()));
    eventually("all are logged", || (gate.lines() == 3).then_some(()));
}

#[test]
fn a_stop_loses_nothing_that_was_accepted() {
    const CONNECTIONS: usize = 16;
    const STREAMS: usize = 8;
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let running = Arc::new(AtomicUsize::new(0));
    let backend = RecordingBackend::json(ROW);
    let mut gate = gate_of_many(&backend, CONNECTIONS, "workers = 2");
    let is_stopped = AtomicBool::new(false);
    let address = gate.address();
    std::thread::scope(|scope| {
        for client in 0..CONNECTIONS {
            let (answered, running) = (Arc::clone(&answered), Arc::clone(&running));
            scope.spawn(move || {
                runtime().block_on(async {
                    let (connection, ended) = super::connect_to(address).await;
                    let mut calls = tokio::task::JoinSet::new();
                    for stream in 0..STREAMS {
                        let (answered, running) = (Arc::clone(&answered), Arc::clone(&running));
                        let connection = connection.clone();
                        calls.spawn(async move {
                            for round in 0.. {
                                let id = format!("{client}x{stream}x{round}");
                                let target = format!("/leads?q={id}");
                                // A connection may be closed between requests, never within one.
                                let Ok(answer) = call(&connection, &format!("a{client}"), &target).await
                                else {
                                    return;
                                };
                                assert_eq!((answer.status, answer.end), (200, End::Complete));
                                answered.lock().unwrap().insert(id);
                                running.fetch_add(usize::from(round == 2), Ordering::Relaxed);
                            }
                        });
                    }
                    drop(connection);
                    while let Some(called) = calls.join_next().await {
                        called.unwrap();
                    }
                    ended.await.unwrap().expect("the gate says that it leaves");
                });
            });
        }
        eventually("all are busy", || {
            (running.load(Ordering::Relaxed) == CONNECTIONS * STREAMS).then_some(())
        });
        gate.signal("TERM");
        is_stopped.store(true, Ordering::Relaxed);
    });
    gate.exit();
    let answered = answered.lock().unwrap().clone();
    let id_of = |query: &str| query.split('&').find_map(|pair| pair.strip_prefix("q=").map(str::to_owned));
    let done: BTreeSet<_> = backend.received().iter().filter_map(|seen| id_of(seen.query())).collect();
    let lost: Vec<_> = done.difference(&answered).collect();
    assert!(lost.is_empty(), "done by the backend but never answered: {lost:?}");
    assert_eq!(gate.lines(), answered.len(), "one access line for each answer, the last ones included");
}

#[test]
fn a_stop_waits_for_streams_but_not_for_idle_connections() {
    let go_on = Arc::new(AtomicBool::new(false));
    let waiting = Arc::clone(&go_on);
    let backend = RecordingBackend::start(move |received, reply| {
        if received.query().contains("q=slow") {
            within(Duration::from_secs(10), || waiting.load(Ordering::Relaxed).then_some(()));
        }
        reply.json(ROW);
    });
    let mut gate = Gate::start(&Config::leads(&backend));
    let (mut slow, mut idle, mut rude) =
        (Raw::connect(&gate, &[]), Raw::connect(&gate, &[]), Raw::connect(&gate, &[]));
    let fresh = Raw::connect(&gate, &[]);
    for raw in [&mut idle, &mut rude] {
        raw.send(&get_frame(1, "/leads", &[("authorization", &bearer())]));
        assert_eq!(raw.answer(1).unwrap().0, 200);
    }
    slow.send(&get_frame(1, "/leads?q=slow", &[("authorization", &bearer())]));
    eventually("it is under way", || (backend.count() == 3).then_some(()));
    let began = Instant::now();
    gate.signal("TERM");
    idle.until(|frame| frame.is_goaway(NO_ERROR)).expect("it says that it leaves");
    idle.rest();
    rude.rest();
    drop(fresh);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    eventually("others are gone", || (gate.metrics().get("connections") < 1.5).then_some(()));
    // What comes so late was not looked at, which it is told.
    slow.send(&get_frame(3, "/leads", &[("authorization", &bearer())]));
    let refused = slow.until(|frame| frame.stream == 3).expect("a refusal");
    assert!(refused.is_reset(3, super::frames::REFUSED_STREAM), "{refused:?}");
    go_on.store(true, Ordering::Relaxed);
    assert_eq!(slow.answer(1).unwrap().0, 200);
    gate.exit();
    assert_eq!((gate.lines(), backend.count()), (3, 3));
}

/// One who speaks HTTP/1 meanwhile notices nothing.
#[test]
fn both_protocols_are_served_at_once() {
    let backend = RecordingBackend::json(ROW);
    let acme = affiliate("bob", "role = \"standard\"\nscope = [\"1002\"]");
    let gate = Gate::start(&Config::leads(&backend).with(&acme));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let mut client = gate.client();
        for _ in 0..20 {
            assert_eq!(call(&connection, "acme", "/leads").await.unwrap().status, 200);
            assert!(backend.last().query().contains("affiliate_id=1001"));
            assert_eq!(client.call(&Request::get("/leads").of("bob")).status, 200);
            assert!(backend.last().query().contains("affiliate_id=1002"));
        }
    });
}
