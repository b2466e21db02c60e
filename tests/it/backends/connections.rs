//! What is tried again, and how many connections there are.

use super::{Opened, Valve, ask_slowly, config, slow, status};
use crate::harness::{Gate, ROW, RecordingBackend, Request, eventually};
use std::time::Duration;

/// A backend that answers the first request of each connection and ends it at the second.
fn forgetful() -> RecordingBackend {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    RecordingBackend::start(move |request, reply| {
        if seen.lock().unwrap().insert(request.connection) { reply.json(ROW) } else { reply.close() }
    })
}

#[test]
fn a_connection_that_ended_while_it_was_kept_costs_no_request() {
    let backend = forgetful();
    let gate = Gate::start(&config(&backend, &["acme"]));
    assert_eq!(gate.get("acme", "/leads").status, 200);
    assert_eq!(gate.get("acme", "/leads").status, 200, "asked again on a connection of its own");
    let connections: Vec<_> = backend.received().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn what_may_change_something_is_never_sent_twice() {
    let backend = forgetful();
    let gate = Gate::start(&config(&backend, &["acme"]));
    assert_eq!(gate.get("acme", "/posted").status, 200);
    let answer = gate.get("acme", "/posted");
    assert_eq!((answer.status, answer.code().as_str()), (502, "backend_failed"));
    assert_eq!(backend.count(), 2, "the backend may have done it before it ended the connection");
    backend.behave(|_, reply| reply.reset());
    for target in ["/posted", "/leads"] {
        let before = backend.count();
        assert_eq!(gate.get("acme", target).code(), "backend_failed");
        assert_eq!(backend.count(), before + 1, "{target}: on a new connection it is the answer");
    }
}

#[test]
fn connections_are_counted_over_all_workers() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&config(&backend, &["acme"]).server("workers = 2").backend("max_connections = 1"));
    // One on each worker.
    let mut clients = [gate.client(), gate.client()];
    for _ in 0..3 {
        for client in &mut clients {
            let answer = client.call(&Request::get("/leads").of("acme"));
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_eq!(backend.connections(), 6, "each worker closes the other's");
    gate.reload(&config(&backend, &["acme"]).server("workers = 2").backend("max_connections = 2"));
    for _ in 0..3 {
        for client in &mut clients {
            assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
        }
    }
    assert_eq!(backend.connections(), 7, "room for both");
}

#[test]
fn whoever_may_ask_has_a_connection() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let keys = "max_connections = 2\nqueue_timeout = \"20s\"\nconnect_timeout = \"20s\"";
    let gate = Gate::start(&config(&backend, &["a", "b", "c"]).server("workers = 2").backend(keys));
    let mut clients: Vec<_> = ["a", "b", "c", "a", "b"].map(|who| ask_slowly(&gate, who)).into();
    super::wait_for_in_flight(&gate, 5);
    eventually("both connections are used", || (backend.count() == 2).then_some(()));
    super::wait_for_in_flight(&gate, 5);
    assert_eq!(backend.count(), 2, "nobody else is asked meanwhile");
    valve.open();
    assert!(clients.iter_mut().all(|client| status(client) == 200));
    assert_eq!(backend.count(), 5);
}

#[test]
fn an_answer_without_a_body_gives_the_place_back() {
    let backend = RecordingBackend::start(|request, reply| match request.query() {
        query if query.contains("q=nothing") => reply.send("HTTP/1.1 204 No Content\r\n\r\n"),
        query if query.contains("q=broken") => reply.respond("500 Oops", "", "no"),
        query if query.contains("q=coded") => reply.respond("200 OK", "Content-Encoding: rot13\r\n", "no"),
        _ if request.method() == "HEAD" => reply.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
        _ => reply.json(ROW),
    });
    let gate =
        Gate::start(&config(&backend, &["acme"]).backend("max_in_flight = 1\nqueue_timeout = \"1ms\""));
    let mut client = gate.client();
    #[rustfmt::skip]
    let cases = [
        ("GET", "/leads?q=nothing", 204), ("HEAD", "/leads", 200), ("GET", "/leads?q=broken", 502),
        ("GET", "/leads?q=coded", 502), ("GET", "/leads", 200),
    ];
    for (method, target, expected) in cases {
        let answer = client.call(&Request::new(method, target).of("acme"));
        assert_eq!(answer.status, expected, "{method} {target}");
    }
}

#[test]
fn a_client_that_leaves_within_an_answer_gives_the_place_back() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let held = valve.clone();
    let backend = RecordingBackend::start(move |request, reply| {
        if request.query().contains("q=slow") {
            reply.chunked("application/json");
            reply.chunk(format!(r#"{{"rows":[{}"#, r#"{"country":"DE"},"#.repeat(10_000)));
            held.pass();
        }
        reply.json(ROW);
    });
    let gate =
        Gate::start(&config(&backend, &["acme"]).backend("max_in_flight = 1\nqueue_timeout = \"20s\""));
    let client = ask_slowly(&gate, "acme");
    eventually("the answer began", || {
        let mut byte = [0];
        client.stream().peek(&mut byte).ok().filter(|read| *read == 1)
    });
    socket2::SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(gate.get("acme", "/leads").status, 200);
}

#[test]
fn few_connections_serve_many_clients_of_many_workers() {
    let backends = [RecordingBackend::json(ROW), RecordingBackend::json(ROW)];
    let urls = backends.each_ref().map(|backend| format!("\"http://{}\"", backend.address())).join(", ");
    let keys = format!("urls = [{urls}]\nmax_connections = 3\nqueue_timeout = \"20s\"");
    let principals = ["a", "b", "c", "d"];
    let gate = Gate::start(&config(&backends[0], &principals).server("workers = 4").backend(&keys));
    std::thread::scope(|scope| {
        for who in principals.iter().cycle().take(12) {
            scope.spawn(|| {
                let mut client = gate.client();
                for _ in 0..25 {
                    let answer = client.call(&Request::get("/leads").of(who));
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
            });
        }
    });
    assert_eq!(backends.iter().map(RecordingBackend::count).sum::<usize>(), 300);
}
