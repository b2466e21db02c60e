//! Connections that have served and are closed, or say something nobody asked for, before the next request.

use super::{FAILED, Method, Seen, arrivals, assert_seen, assert_well, gate, well, well_once};
use crate::harness::{ScriptedBackend, Signal, eventually};
use std::net::Ipv4Addr;

#[test]
fn a_connection_closed_at_the_moment_of_its_use() {
    for (name, is_reset) in [("closed", false), ("reset", true)] {
        let backend = ScriptedBackend::start(move |wire| {
            well(wire, "keep-alive");
            if wire.connection().is_multiple_of(2) {
                // The first bytes of the second request are the signal.
                let _ = wire.first_byte();
                if is_reset {
                    wire.reset();
                }
                return;
            }
            wire.until_closed();
        });
        let gate = gate(backend.address());
        let mut client = gate.client();
        assert_well(name, &mut client, Method::Get, "first");
        assert_well(name, &mut client, Method::Get, "got");
        assert_eq!((arrivals(&backend, "got"), backend.connections()), (2, 2), "{name}: sent again, once");
        // The connection that is open now was told to stay silent: the next one is sick again.
        backend.follow(move |wire| {
            well(wire, "keep-alive");
            let _ = wire.first_byte();
            if is_reset {
                wire.reset();
            }
        });
        let gate = self::gate(backend.address());
        assert_well(name, &mut gate.client(), Method::Post, "before");
        let answer = gate.call(&Method::Post.request("posted"));
        assert_seen(name, &answer, FAILED);
        assert_eq!(arrivals(&backend, "posted"), 1, "{name}: a POST is never sent again");
        backend.follow(well_once);
        assert_well(name, &mut gate.client(), Method::Post, "after");
    }
}

#[test]
fn a_connection_closed_while_nobody_used_it() {
    for is_reset in [false, true] {
        let backend = ScriptedBackend::start(move |wire| {
            well(wire, "keep-alive");
            if is_reset {
                wire.reset();
            }
        });
        let gate = gate(backend.address());
        let mut client = gate.client();
        for round in 0..100 {
            for method in Method::BOTH {
                let name = format!("{method:?}{round}").to_lowercase();
                let answer = client.call(&method.request(&name));
                // The close may be under way while the next request is: then a POST fails, and is not sent again.
                if answer.status == 502 && method == Method::Post {
                    assert_seen(&name, &answer, FAILED);
                } else {
                    assert_seen(&name, &answer, Seen::Success);
                    assert_eq!(answer.json()["rows"][0]["country"], name.as_str());
                }
                let most = if method == Method::Post { 1 } else { 2 };
                assert!(arrivals(&backend, &name) <= most, "{name}");
            }
        }
    }
}

#[test]
fn an_answer_that_nobody_asked_for() {
    #[rustfmt::skip]
    let cases = [
        ("an answer",   "HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{\"rows\":[{\"country\":\"s3cr3t\"}]}"),
        ("a 408",       "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        ("a head",      "HTTP/1.1 200 OK\r\n"),
        ("an interim",  "HTTP/1.1 100 Continue\r\n\r\n"),
        ("a line end",  "\r\n"),
        ("anything",    "\0"),
    ];
    for (name, text) in cases {
        let (answered, closed) = (Signal::default(), Signal::default());
        let (go_on, gone) = (answered.clone(), closed.clone());
        let backend = ScriptedBackend::start(move |wire| {
            well(wire, "keep-alive");
            if wire.connection() == 0 {
                go_on.wait();
                wire.reply().send(text);
                wire.until_closed();
                gone.set();
            }
        });
        let gate = gate(backend.address());
        let mut client = gate.client();
        assert_well(name, &mut client, Method::Get, "before");
        answered.set();
        closed.wait();
        for method in Method::BOTH {
            backend.follow(well_once);
            assert_well(name, &mut client, method, "after");
        }
    }
}

#[test]
fn an_answer_before_the_request_was_read() {
    let backend = ScriptedBackend::start(|wire| {
        wire.reply().json("{\"rows\":[{\"country\":\"early\"}]}");
        wire.request();
        well_once(wire);
    });
    let gate = gate(backend.address());
    let mut client = gate.client();
    for round in 0..50 {
        for method in Method::BOTH {
            let name = format!("{method:?}{round}").to_lowercase();
            let answer = client.call(&method.request(&name));
            // It may come before the request was sent, and then answers nothing.
            let wrong = super::wrong(&name, &answer, Seen::Success);
            assert!(wrong.is_none() || answer.code() == "backend_failed", "{wrong:?}");
            assert!(arrivals(&backend, &name) <= 1, "{name}");
        }
    }
    backend.follow(well_once);
    // What is left of the early ones is never used for others.
    for round in 0..4 {
        assert_well("after early answers", &mut client, Method::Post, &format!("after{round}"));
    }
}

#[test]
fn nobody_listens() {
    // Bound, so that nobody else gets the port, but not listening.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let gate = gate(socket.local_addr().unwrap().as_socket().unwrap());
    let mut client = gate.client();
    for method in Method::BOTH {
        let answer = client.call(&method.request("any"));
        assert_seen("nobody listens", &answer, Seen::Refused(502, "backend_unreachable"));
    }
    socket.listen(16).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let served = std::thread::spawn(move || {
        for stream in listener.incoming().take(2).flatten() {
            let mut stream = stream;
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let text = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n\r\n{\"rows\":[]}";
            let _ = std::io::Write::write_all(&mut stream, text.as_bytes());
        }
    });
    for method in Method::BOTH {
        let answer = eventually("an answer", || Some(client.call(&method.request("any"))));
        assert_seen("somebody listens", &answer, Seen::Success);
    }
    served.join().unwrap();
}
