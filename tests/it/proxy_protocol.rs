//! The PROXY protocol: who a trusted proxy says has connected is the peer, and nobody else may say it.

use crate::harness::*;
use crate::http2;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const REQUIRED: &str = "proxy_protocol = \"required\"\ntrusted_proxies = [\"127.0.0.1\"]";

/// Version 2 by TCP over IPv4, from that address.
fn binary(from: [u8; 4]) -> Vec<u8> {
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    [head.as_slice(), &from, &[10, 0, 0, 1, 0x12, 0x67, 0, 80]].concat()
}

/// A gate whose affiliate may come from 203.0.113.7 only.
fn gate(backend: &RecordingBackend, server: &str) -> Gate {
    let keys =
        "kind = \"affiliate\"\nrole = \"standard\"\nscope = [\"1001\"]\nallowed_ips = [\"203.0.113.7\"]";
    let config = Config::empty(backend).with(LEADS).with(&principal("affiliates", "acme", keys));
    Gate::start(&config.server(server))
}

#[test]
fn whoever_the_header_names_is_the_peer() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, REQUIRED);
    let v1 = |from: &str| format!("PROXY TCP4 {from} 10.0.0.1 4711 80\r\n").into_bytes();
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    #[rustfmt::skip]
    let cases = [
        ("version 1",                                v1("203.0.113.7"),                            "",            200, "203.0.113.7"),
        ("version 2",                                binary([203, 0, 113, 7]),                     "",            200, "203.0.113.7"),
        ("another",                                  v1("203.0.113.8"),                            "",            403, "203.0.113.8"),
        ("mapped",          b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 80\r\n".to_vec(),             "",            200, "203.0.113.7"),
        ("its client header is not believed",        v1("203.0.113.8"),                            "203.0.113.7", 403, "203.0.113.8"),
        ("its client header cannot harm it",         v1("203.0.113.7"),                            "203.0.113.8", 200, "203.0.113.7"),
        ("a trusted proxy behind the trusted proxy", v1("127.0.0.1"),                              "203.0.113.7", 200, "127.0.0.1"),
        ("the proxy for itself, version 1",          b"PROXY UNKNOWN\r\n".to_vec(),                "",            403, "127.0.0.1"),
        ("the proxy for itself, version 2",          local,                                        "203.0.113.7", 200, "127.0.0.1"),
    ];
    for (nth, (rule, header, forwarded, status, peer)) in cases.into_iter().enumerate() {
        let request = Request::get("/leads").of("acme");
        let request =
            if forwarded.is_empty() { request } else { request.header("X-Forwarded-For", forwarded) };
        let mut client = gate.client();
        if nth % 2 == 0 {
            // In one segment with the request.
            client.send(&[header, request.bytes()].concat());
        } else {
            for byte in header {
                client.send(&[byte]);
            }
            client.send(&request.bytes());
        }
        let answer = client.answer("GET").expect(rule);
        assert_eq!(answer.status, status, "{rule}");
        let line = gate.access_line(answer.header("x-request-id").unwrap());
        assert_eq!(line["peer"], peer, "{rule}");
        assert_eq!(client.call(&request).status, status, "{rule}: the next request of the connection");
    }
}

#[test]
fn behind_the_header_http2_may_be_spoken() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, REQUIRED);
    http2::runtime().block_on(async {
        for (from, status) in [([203, 0, 113, 7], 200), ([203, 0, 113, 8], 403)] {
            let mut stream = tokio::net::TcpStream::connect(gate.address()).await.unwrap();
            stream.write_all(&binary(from)).await.unwrap();
            let (connection, _) = http2::begin(stream).await;
            assert_eq!(http2::call(&connection, "acme", "/leads").await.unwrap().status, status);
        }
    });
}

#[test]
fn connections_without_a_good_header_are_closed() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, &format!("{REQUIRED}\nlimits = {{ handshake_timeout = \"300ms\" }}"));
    let request = Request::get("/leads").of("acme").bytes();
    let refused = |reason: &str| format!("connections_refused_total{{reason=\"{reason}\"}}");
    for header in ["", "PROXY TCP4 203.0.113.07 10.0.0.1 1 2\r\n", "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\n"] {
        let mut client = gate.client();
        client.send(&[header.as_bytes(), &request].concat());
        assert!(client.closes_within(Duration::from_secs(5)), "{header:?}");
    }
    gate.wait_for_metric(&refused("proxy_header_invalid"), 3.0);
    let mut half = gate.client();
    half.send(b"PROXY TCP4 203.0.113.7 10.0");
    let mut silent = gate.client();
    for client in [&mut half, &mut silent] {
        assert!(client.closes_within(Duration::from_secs(5)));
    }
    gate.wait_for_metric(&refused("proxy_header_late"), 2.0);
    // Load balancers look whether a port is open.
    gate.client().half_close();
    let mut cut = gate.client();
    cut.send(b"PROXY TCP4 203.0.113.7 10.0");
    cut.half_close();
    assert!(cut.closes_within(Duration::from_secs(5)));
    gate.wait_for_metric(&refused("proxy_header_invalid"), 4.0);
    assert_eq!((backend.count(), gate.lines()), (0, 0), "none of them is a request");
    // It holds for the next connection.
    let keys = "kind = \"affiliate\"\nrole = \"standard\"\nscope = [\"1001\"]\nallowed_ips = [\"127.0.0.1\"]";
    let open = Config::empty(&backend).with(LEADS).with(&principal("affiliates", "acme", keys));
    gate.reload(&open.clone().server("proxy_protocol = \"required\"\ntrusted_proxies = [\"10.0.0.1\"]"));
    let mut stranger = gate.client();
    stranger.send(&[&binary([127, 0, 0, 1])[..], &request].concat());
    assert!(stranger.closes_within(Duration::from_secs(5)));
    gate.wait_for_metric(&refused("proxy_not_trusted"), 1.0);
    gate.reload(&open);
    assert_eq!(gate.get("acme", "/leads").status, 200);
}

#[test]
fn connections_are_counted_for_whom_the_header_names() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend, &format!("{REQUIRED}\nlimits = {{ connections_per_address = 2 }}"));
    let connect = |from: [u8; 4]| {
        let mut client = gate.client();
        client.send(&[&binary(from)[..], &Request::get("/leads").of("acme").bytes()].concat());
        client
    };
    let mut open = [connect([203, 0, 113, 7]), connect([203, 0, 113, 7]), connect([203, 0, 113, 8])];
    let statuses = open.each_mut().map(|client| client.answer("GET").expect("an answer").status);
    assert_eq!(statuses, [200, 200, 403]);
    assert!(connect([203, 0, 113, 7]).closes_within(Duration::from_secs(5)), "the third of two");
    gate.wait_for_metric("connections_refused_total{reason=\"connections_per_address\"}", 1.0);
    drop(open);
    eventually("there is room again", || {
        connect([203, 0, 113, 7]).answer("GET").filter(|answer| answer.status == 200)
    });
}

#[test]
fn a_proxy_on_the_same_machine_says_it_by_a_unix_socket() {
    let backend = RecordingBackend::json(ROW);
    let server = "listen = [\"127.0.0.1:0\", \"unix:gate.sock\"]\nproxy_protocol = \"required\"\n\
                  trusted_proxies = [\"unix\"]";
    let gate = gate(&backend, server);
    let asked = |header: &[u8]| {
        let mut stream = UnixStream::connect(gate.folder().join("gate.sock")).unwrap();
        let request = Request::get("/leads").of("acme").header("Connection", "close").bytes();
        stream.write_all(&[header, &request].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(asked(&binary([203, 0, 113, 7])).starts_with("HTTP/1.1 200"));
    let local = asked(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert!(local.starts_with("HTTP/1.1 403") && local.contains("\"seen_ip\":\"unix\""), "{local}");
    let mut by_tcp = gate.client();
    by_tcp.send(&binary([203, 0, 113, 7]));
    assert!(by_tcp.closes_within(Duration::from_secs(5)), "not a trusted proxy");
}
