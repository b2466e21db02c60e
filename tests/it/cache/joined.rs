//! Those who ask for the same at once.

use super::*;
use crate::harness::Client;
use std::io::Read as _;

#[test]
fn fifty_at_once_are_one_backend_request() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::empty(&backend).server("workers = 3").with(&cached("ttl = \"1m\"")).with(&acme());
    let gate = start(&config);
    let bell = held(&backend);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..50).map(|_| scope.spawn(|| gate.get("acme", "/leads"))).collect();
        gate.wait_for_metric("requests_in_flight", 50.0);
        bell.ring();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(backend.count(), 1);
    for answer in &answers {
        assert_eq!((answer.status, answer.text().as_str()), (200, OWN_ROW));
    }
    let stored = answers.iter().filter(|answer| told(answer) == "reportgate; fwd=miss; stored").count();
    let joined = answers.iter().filter(|answer| told(answer) == "reportgate; fwd=miss; collapsed").count();
    assert_eq!((stored, joined), (1, 49));
    gate.wait_for_metric("cache_requests_total{report=\"leads\",result=\"joined\"}", 49.0);
    let lines: Vec<_> = answers.iter().map(|answer| gate.access_line(answer.request_id())).collect();
    assert_eq!(lines.iter().filter(|line| !line["backend_ms"].is_null()).count(), 1);
    assert!(lines.iter().all(|line| line["bytes"] == OWN_ROW.len()));
}

#[test]
fn who_asked_first_may_leave() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let bell = held(&backend);
    let mut first = gate.client();
    first.send(&Request::get("/leads").of("acme").bytes());
    eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    let lines = gate.lines();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..5).map(|_| scope.spawn(|| gate.get("acme", "/leads"))).collect();
        gate.wait_for_metric("requests_in_flight", 6.0);
        socket2::SockRef::from(first.stream()).set_linger(Some(Duration::ZERO)).unwrap();
        drop(first);
        assert_eq!(gate.line_with_code(lines, "client_gone")["status"], 499);
        bell.ring();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(backend.count(), 1);
    let collapsed = |answer: &Answer| told(answer) == "reportgate; fwd=miss; collapsed";
    assert!(answers.iter().all(|answer| answer.text() == OWN_ROW && collapsed(answer)));
    // What was seen of the answer is told once, by one of those that stayed.
    let lines: Vec<_> = answers.iter().map(|answer| gate.access_line(answer.request_id())).collect();
    assert_eq!(lines.iter().filter(|line| line["columns_removed"] == 2).count(), 1);
}

#[test]
fn when_all_have_left_the_backend_is_free() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let freed = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&freed);
    backend.behave(move |_, reply| {
        reply.stall();
        counting.fetch_add(1, Ordering::Relaxed);
    });
    let mut clients = [gate.client(), gate.client()];
    for client in &mut clients {
        client.send(&Request::get("/leads").of("acme").bytes());
    }
    gate.wait_for_metric("requests_in_flight", 2.0);
    eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    for client in clients {
        socket2::SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    eventually("the backend's connection is closed", || (freed.load(Ordering::Relaxed) == 1).then_some(()));
    backend.behave(|_, reply| reply.json(ROW));
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored");
}

#[test]
fn too_large_answers_are_neither_kept_nor_joined() {
    let backend = RecordingBackend::json(ROW);
    let limits = "[cache]\nmax_bytes = \"4MiB\"\nmax_entry = \"256KiB\"\n";
    let config = Config::empty(&backend).with(limits).with(&cached("ttl = \"1m\"")).with(&acme());
    let gate = start(&config);
    let body = large(300 << 10);
    let sent = body.clone();
    let bell = Bell::default();
    let waiting = bell.clone();
    backend.behave(move |_, reply| {
        waiting.wait();
        reply.json(&sent);
    });
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| gate.get("acme", "/leads"))).collect();
        gate.wait_for_metric("requests_in_flight", 4.0);
        eventually("the backend is asked", || (backend.count() == 1).then_some(()));
        bell.ring();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(backend.count(), 4);
    for answer in &answers {
        assert_eq!((answer.end, answer.text() == body), (End::Complete, true));
        assert_eq!(told(answer), "reportgate; fwd=miss");
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(gate.access_line(answer.request_id())["bytes"], body.len());
    }
    // It is known now: nobody waits for it any more.
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=bypass");
    // One byte less than too much is kept.
    let sent = large(200 << 10);
    backend.behave(move |_, reply| reply.json(&sent));
    for _ in 0..2 {
        assert_eq!(gate.get("acme", "/leads?q=1").text(), large(200 << 10));
    }
    assert!(told(&gate.get("acme", "/leads?q=1")).contains("; hit; "));
}

#[test]
fn failures_are_shared_by_those_who_wait_and_never_kept() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("500 Oops", ROW, 502, "backend_failed"), ("404 Not Found", ROW, 404, "backend_rejected"), ("401 Who", ROW, 502, "backend_refused"),
        ("503 Busy", ROW, 503, "overloaded"), ("200 OK", "{\"rows\":[", 502, "backend_response_invalid"), ("200 OK", "<html>", 502, "backend_response_invalid"),
    ];
    for (line, body, status, code) in cases {
        let seen = backend.count();
        let bell = Bell::default();
        let waiting = bell.clone();
        backend.behave(move |_, reply| {
            waiting.wait();
            reply.respond(line, "", body);
        });
        let answers: Vec<_> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..5).map(|_| scope.spawn(|| gate.get("acme", "/leads"))).collect();
            gate.wait_for_metric("requests_in_flight", 5.0);
            bell.ring();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        for answer in &answers {
            assert_eq!((answer.status, answer.code().as_str(), told(answer)), (status, code, "-"), "{line}");
        }
        assert_eq!(backend.count(), seen + 1, "{line}: a sick backend is not stormed");
        assert_eq!(gate.get("acme", "/leads").code(), code, "{line}");
        assert_eq!(backend.count(), seen + 2, "{line}: a failure is not kept");
    }
    backend.behave(|_, reply| reply.respond("204 No Content", "", ""));
    for _ in 0..2 {
        assert_eq!(gate.get("acme", "/leads").status, 204);
    }
    backend.behave(|_, reply| reply.json(ROW));
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored");
}

/// What the gate has for a client by now, at least `bytes` of it; the rest of the answer is still to come.
fn first_bytes(client: &mut Client, bytes: usize) -> Vec<u8> {
    let mut first = vec![0; bytes];
    client.stream().read_exact(&mut first).expect("the beginning of an answer");
    first
}

#[test]
fn slow_answers_are_not_held_back_for_ever() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::empty(&backend).backend("timeout = \"300ms\"");
    let gate = start(&config.with(&cached("ttl = \"1m\"")).with(&acme()));
    let bell = Bell::default();
    let waiting = bell.clone();
    backend.behave(move |_, reply| {
        let body = large(200 << 10);
        let (first, second) = body.as_bytes().split_at(100 << 10);
        reply.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        reply.send(first);
        waiting.wait();
        reply.send(second);
    });
    let mut clients = [gate.client(), gate.client()];
    for client in &mut clients {
        client.send(&Request::get("/leads").of("acme").bytes());
        eventually("the backend is asked", || (backend.count() >= 1).then_some(()));
    }
    for client in &mut clients {
        let head = first_bytes(client, 16 << 10);
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(memchr::memmem::find(&head, b"cache-status: reportgate; fwd=miss\r\n").is_some());
    }
    assert_eq!(backend.count(), 2, "the other one went by itself");
    bell.ring();
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=bypass");
}

#[test]
fn who_joins_waits_as_long_as_its_own_config_says() {
    let backend = RecordingBackend::json(ROW);
    let config = |timeout: &str| {
        let config =
            Config::empty(&backend).backend(&format!("connect_timeout = \"100ms\"\ntimeout = \"{timeout}\""));
        config.with(&cached("ttl = \"1m\"")).with(&acme())
    };
    let gate = start(&config("19s"));
    let bell = held(&backend);
    let mut first = gate.client();
    first.send(&Request::get("/leads").of("acme").bytes());
    eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    gate.reload(&config("200ms"));
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.code().as_str()), (504, "backend_timeout"));
    assert_eq!(backend.count(), 1, "it had joined");
    bell.ring();
    assert_eq!(first.answer("GET").unwrap().text(), OWN_ROW);
}

/// The worker that reads the answer ends before the one that waits for it.
#[test]
fn who_waits_takes_over_when_the_reader_is_gone() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::empty(&backend).server("workers = 2").with(&cached("ttl = \"1m\"")).with(&acme());
    let mut gate = start(&config);
    backend.behave(|_, reply| reply.stall());
    let mut clients = [gate.client(), gate.client()];
    for client in &mut clients {
        client.send(&Request::get("/leads").of("acme").bytes());
        eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    }
    gate.wait_for_metric("requests_in_flight", 2.0);
    backend.behave(|_, reply| reply.json(ROW));
    gate.signal("TERM");
    let [first, mut second] = clients;
    socket2::SockRef::from(first.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(first);
    let answer = second.answer("GET").expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, OWN_ROW));
    assert_eq!(told(&answer), "reportgate; fwd=miss; stored");
    assert_eq!(backend.count(), 2);
    gate.exit();
}

/// A gate where `greedy` has no place left at the backend, and what it waits for.
fn with_greedy(backend: &RecordingBackend, rule: &str) -> (Gate, Bell, Client) {
    let greedy = affiliate("greedy", "role = \"standard\"\nscope = [\"1001\"]");
    let config = Config::empty(backend)
        // One of four places is all that anybody may have.
        .backend("max_in_flight = 4\nqueue_timeout = \"700ms\"")
        .with(&cached(rule))
        .with(&acme())
        .with(&greedy);
    let gate = start(&config);
    let bell = Bell::default();
    let waiting = bell.clone();
    backend.behave(move |received, reply| {
        if received.query().contains("q=slow") {
            waiting.wait();
        }
        reply.json(ROW);
    });
    let mut slow = gate.client();
    slow.send(&Request::get("/leads?q=slow").of("greedy").bytes());
    eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    (gate, bell, slow)
}

#[test]
fn nobody_fails_for_the_places_that_another_has_used_up() {
    let backend = RecordingBackend::json(ROW);
    let (gate, bell, mut slow) = with_greedy(&backend, "ttl = \"1m\"");
    std::thread::scope(|scope| {
        let late = scope.spawn(|| gate.get("greedy", "/leads"));
        gate.wait_for_metric("requests_in_flight", 2.0);
        let answer = gate.get("acme", "/leads");
        bell.ring();
        assert_eq!((answer.status, answer.text().as_str()), (200, OWN_ROW));
        assert_eq!(late.join().unwrap().code(), "overloaded");
    });
    assert_eq!(slow.answer("GET").unwrap().status, 200);
}

#[test]
fn nobody_gets_old_answers_for_the_places_that_another_has_used_up() {
    let backend = RecordingBackend::json(ROW);
    let (gate, bell, _slow) = with_greedy(&backend, "ttl = \"1s\"\nstale_if_error = \"1h\"");
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored");
    eventually("greedy gets an old one", || {
        let answer = gate.get("greedy", "/leads");
        assert_eq!(answer.text(), OWN_ROW);
        told(&answer).starts_with("reportgate; fwd=stale; fwd-status=503").then_some(())
    });
    let answer = gate.get("acme", "/leads");
    bell.ring();
    assert_eq!(told(&answer), "reportgate; fwd=miss; stored", "acme may ask the backend");
}
