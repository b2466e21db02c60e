//! Backends that speak HTTP/2.

use super::config;
use crate::harness::{Config, Gate, ROW, RecordingBackend, eventually};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{Request, Response};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What becomes of a connection once a request was answered.
enum Then {
    GoOn,
    GoAway,
}

type Answering = Arc<dyn Fn(usize, Request<h2::RecvStream>, SendResponse<Bytes>) -> Then + Send + Sync>;

/// A backend that speaks HTTP/2 and nothing else.
struct Http2Backend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Method, target and authority of each request.
    seen: Arc<Mutex<Vec<(String, String)>>>,
    _runtime: Runtime,
}

impl Http2Backend {
    /// A backend that takes so many requests at a time on a connection; `answer` gets the number of each request.
    fn start(
        streams: u32,
        answer: impl Fn(usize, Request<h2::RecvStream>, SendResponse<Bytes>) -> Then + Send + Sync + 'static,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, seen): (Arc<AtomicUsize>, Arc<Mutex<Vec<_>>>) = Default::default();
        let (opened, noted) = (Arc::clone(&connections), Arc::clone(&seen));
        let answer: Answering = Arc::new(answer);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::Relaxed);
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                tokio::spawn(async move {
                    let mut server = h2::server::Builder::new();
                    let mut connection =
                        server.max_concurrent_streams(streams).handshake::<_, Bytes>(stream).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        assert!(request.headers().get("host").is_none(), "it stands in :authority");
                        let number = {
                            let mut noted = noted.lock().unwrap();
                            noted.push((request.method().to_string(), request.uri().to_string()));
                            noted.len() - 1
                        };
                        if let Then::GoAway = answer(number, request, respond) {
                            connection.graceful_shutdown();
                        }
                    }
                });
            }
        });
        Self { address, connections, seen, _runtime: runtime }
    }

    /// The gate in front of it.
    fn gate(&self, keys: &str) -> (Gate, RecordingBackend) {
        let unused = RecordingBackend::json(ROW);
        (Gate::start(&self.config(&unused, keys)), unused)
    }

    fn config(&self, unused: &RecordingBackend, keys: &str) -> Config {
        let urls = format!("urls = [\"http://{}\"]\nhttp2 = true", self.address);
        config(unused, &["acme"]).backend(&urls).backend(keys)
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A whole success.
fn ok(respond: SendResponse<Bytes>) -> Then {
    answer(respond);
    Then::GoOn
}

fn answer(mut respond: SendResponse<Bytes>) {
    let mut body = respond.send_response(Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(ROW.as_bytes()), true).unwrap();
}

#[test]
fn many_requests_share_a_connection() {
    let held: Arc<Mutex<Vec<SendResponse<Bytes>>>> = Arc::default();
    let kept = Arc::clone(&held);
    let backend = Http2Backend::start(100, move |_, request, respond| {
        if request.uri().query().unwrap_or_default().contains("q=slow") {
            kept.lock().unwrap().push(respond);
            return Then::GoOn;
        }
        ok(respond)
    });
    let (gate, _unused) = backend.gate("");
    let mut clients: Vec<_> = (0..50).map(|_| super::ask_slowly(&gate, "acme")).collect();
    eventually("all are asked at once", || (backend.count() == 50).then_some(()));
    assert_eq!(gate.get("acme", "/leads").status, 200, "nobody waits for others' answers");
    assert_eq!(gate.get("acme", "/posted").status, 200);
    held.lock().unwrap().drain(..).for_each(answer);
    assert!(clients.iter_mut().all(|client| super::status(client) == 200));
    assert_eq!(backend.connections(), 1);
    let seen = backend.seen.lock().unwrap();
    let (method, target) = &seen[0];
    assert_eq!(method, "GET");
    assert!(target.starts_with(&format!("http://{}/legacy/leads.json?", backend.address)), "{target}");
    assert_eq!(seen[51].0, "POST");
}

#[test]
fn more_requests_than_a_connection_takes_open_another() {
    let held: Arc<Mutex<Vec<SendResponse<Bytes>>>> = Arc::default();
    let kept = Arc::clone(&held);
    let backend = Http2Backend::start(2, move |_, request, respond| {
        if request.uri().query().unwrap_or_default().contains("q=slow") {
            kept.lock().unwrap().push(respond);
            return Then::GoOn;
        }
        ok(respond)
    });
    let (gate, _unused) = backend.gate("");
    for _ in 0..2 {
        assert_eq!(gate.get("acme", "/leads").status, 200);
    }
    let mut clients = Vec::new();
    for number in 1..=5 {
        clients.push(super::ask_slowly(&gate, "acme"));
        eventually("it is asked", || (backend.count() == 2 + number).then_some(()));
    }
    assert_eq!(backend.connections(), 3);
    held.lock().unwrap().drain(..).for_each(answer);
    assert!(clients.iter_mut().all(|client| super::status(client) == 200));
}

#[test]
fn what_was_not_done_is_asked_again_and_nothing_else() {
    #[rustfmt::skip]
    let cases = [
        // target, reset with, so many times, status, how often it is seen
        ("/posted", Reason::REFUSED_STREAM, 1, 200, 2), ("/leads", Reason::REFUSED_STREAM, 1, 200, 2),
        ("/posted", Reason::REFUSED_STREAM, 9, 502, 2), ("/posted", Reason::INTERNAL_ERROR, 1, 502, 1),
        ("/posted", Reason::CANCEL, 1, 502, 1),
    ];
    for (target, reason, times, status, seen) in cases {
        let backend = Http2Backend::start(100, move |number, _, mut respond| {
            if number >= times {
                return ok(respond);
            }
            respond.send_reset(reason);
            Then::GoOn
        });
        let (gate, _unused) = backend.gate("");
        let answer = gate.get("acme", target);
        assert_eq!((answer.status, backend.count()), (status, seen), "{target} {reason}");
        assert_eq!(backend.connections(), 1, "{target} {reason}: the connection is as good as before");
    }
}

#[test]
fn a_backend_that_goes_away_is_asked_on_another_connection() {
    let backend = Http2Backend::start(100, |_, _, respond| {
        ok(respond);
        Then::GoAway
    });
    let (gate, _unused) = backend.gate("");
    for number in 1..=5 {
        let target = if number % 2 == 0 { "/leads" } else { "/posted" };
        assert_eq!(gate.get("acme", target).status, 200, "{number}");
    }
    assert_eq!((backend.count(), backend.connections()), (5, 5));
}

#[test]
fn an_answer_that_breaks_off_is_no_success() {
    let backend = Http2Backend::start(100, |number, _, mut respond| {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(&ROW.as_bytes()[..20]), false).unwrap();
        if number == 0 {
            body.send_reset(Reason::INTERNAL_ERROR)
        } else {
            drop(body)
        }
        Then::GoOn
    });
    let (gate, _unused) = backend.gate("");
    for _ in 0..2 {
        let answer = gate.get("acme", "/leads");
        // The reset may be there before the head was looked at.
        assert!(["backend_response_invalid", "backend_failed"].contains(&answer.code().as_str()));
        assert_eq!(answer.status, 502);
    }
}

#[test]
fn every_answer_has_its_own_end() {
    let backend = Http2Backend::start(100, |_, _, mut respond| {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        // Over HTTP/1.1 such a line may be half of one.
        body.send_data(Bytes::from_static(b"day,country\n2026-01-01,DE"), true).unwrap();
        Then::GoOn
    });
    let unused = RecordingBackend::json(ROW);
    let report = r#"
[reports.days]
permission = "get_leads_report"
path = "/days"

[reports.days.columns]
day = {}

[reports.days.request]
scope = [{ in = "query", name = "affiliate_id" }]

[reports.days.response]
format = "csv"
"#;
    let config =
        Config::leads(&unused).backend(&format!("urls = [\"http://{}\"]\nhttp2 = true", backend.address));
    let text = config.text().replace(
        "permissions = [\"get_leads_report\"]",
        "permissions = [\"get_leads_report\"]\ncolumns.days = [\"day\"]",
    );
    let gate = Gate::in_folder(crate::harness::new_folder(), &(text + report), None);
    let answer = gate.get("acme", "/days");
    assert_eq!((answer.status, answer.text().trim()), (200, "day\n2026-01-01"));
}

#[test]
fn one_connection_serves_all_workers_where_there_may_be_no_more() {
    let backend = Http2Backend::start(100, |_, _, respond| ok(respond));
    let (gate, _unused) = backend.gate("max_connections = 1");
    let unused = RecordingBackend::json(ROW);
    drop(gate);
    let gate = Gate::start(
        &backend.config(&unused, "max_connections = 1\nidle_timeout = \"60s\"").server("workers = 2"),
    );
    let mut clients = [gate.client(), gate.client()];
    for _ in 0..3 {
        for client in &mut clients {
            let answer = client.call(&crate::harness::Request::get("/leads").of("acme"));
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn checks_speak_it_too() {
    let backend = Http2Backend::start(100, |_, request, mut respond| {
        if request.uri().path() != "/health" {
            return ok(respond);
        }
        respond.send_response(Response::builder().status(503).body(()).unwrap(), true).unwrap();
        Then::GoOn
    });
    let (gate, _unused) = backend.gate("health = { path = \"/health\", every = \"100ms\" }");
    let series = format!("backend_up{{backend=\"legacy\",url=\"http://{}\"}}", backend.address);
    eventually("it is down", || (gate.metrics().get(&series) < 0.5).then_some(()));
    assert_eq!(gate.get("acme", "/leads").status, 200, "there is no other");
}
