//! Which host is asked, and what a sick one costs.

use super::{Opened, Valve, ask_slowly, config, slow, status};
use crate::harness::{Config, Gate, ROW, RecordingBackend, eventually, new_folder};
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A port that refuses connections, and is kept for whoever will listen there.
struct Refusing(Socket);

impl Refusing {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// A backend starts there.
    fn start(self) -> RecordingBackend {
        self.0.listen(128).unwrap();
        RecordingBackend::on(self.0.into(), |_, reply| reply.json(ROW))
    }
}

/// A config with these hosts.
fn hosts(first: &RecordingBackend, hosts: &[SocketAddr]) -> Config {
    let urls: Vec<_> = hosts.iter().map(|host| format!("\"http://{host}\"")).collect();
    config(first, &["acme"]).backend(&format!("urls = [{}]", urls.join(", ")))
}

fn up(gate: &Gate, host: SocketAddr) -> f64 {
    gate.metrics().get(&format!("backend_up{{backend=\"legacy\",url=\"http://{host}\"}}"))
}

#[track_caller]
fn wait_until_up(gate: &Gate, host: SocketAddr, value: f64) {
    eventually(&format!("{host} is {value}"), || ((up(gate, host) - value).abs() < 0.5).then_some(()));
}

/// Asks for a report that is asked by GET, or by POST.
#[track_caller]
fn ok(gate: &Gate, target: &str) {
    let answer = gate.get("acme", target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
}

#[test]
fn ties_go_round() {
    let backends = [RecordingBackend::json(ROW), RecordingBackend::json(ROW), RecordingBackend::json(ROW)];
    let addresses: Vec<_> = backends.iter().map(RecordingBackend::address).collect();
    let gate = Gate::start(&hosts(&backends[0], &addresses).server("workers = 2"));
    for _ in 0..12 {
        ok(&gate, "/leads");
    }
    for backend in &backends {
        assert_eq!(backend.count(), 4);
        let host = backend.address().to_string();
        assert!(backend.received().iter().all(|seen| seen.header("host").as_deref() == Some(&host)));
        assert!((up(&gate, backend.address()) - 1.0).abs() < 0.5);
    }
}

#[test]
fn a_slow_host_gets_fewer_requests() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let (slow_one, fast_one) = (RecordingBackend::start(slow(&valve)), RecordingBackend::json(ROW));
    let gate = Gate::start(&hosts(&slow_one, &[slow_one.address(), fast_one.address()]));
    let mut held = ask_slowly(&gate, "acme");
    eventually("the first host is asked", || (slow_one.count() == 1).then_some(()));
    for _ in 0..20 {
        ok(&gate, "/leads?q=slow");
    }
    assert_eq!((slow_one.count(), fast_one.count()), (1, 20));
    valve.open();
    assert_eq!(status(&mut held), 200);
    for _ in 0..4 {
        ok(&gate, "/leads");
    }
    assert_eq!((slow_one.count(), fast_one.count()), (3, 22), "as busy as the other again");
}

#[test]
fn a_host_that_cannot_be_reached_costs_no_request() {
    let dead = Refusing::new();
    let alive = RecordingBackend::json(ROW);
    let address = dead.address();
    let gate = Gate::start(&hosts(&alive, &[address, alive.address()]));
    for _ in 0..5 {
        ok(&gate, "/leads");
        ok(&gate, "/posted");
    }
    assert_eq!(alive.count(), 10, "each once");
    wait_until_up(&gate, address, 0.0);
    assert!((up(&gate, alive.address()) - 1.0).abs() < 0.5);
    let back = dead.start();
    eventually("the host is tried again", || {
        ok(&gate, "/leads");
        (back.count() > 0).then_some(())
    });
    wait_until_up(&gate, address, 1.0);
    let before = back.count();
    for _ in 0..4 {
        ok(&gate, "/leads");
    }
    assert_eq!(back.count(), before + 2, "its turn comes as before");
}

#[test]
fn where_no_host_works_all_are_tried() {
    let (first, second) = (Refusing::new(), Refusing::new());
    let addresses = [first.address(), second.address()];
    let unused = RecordingBackend::json(ROW);
    let gate = Gate::start(&hosts(&unused, &addresses));
    for _ in 0..10 {
        let answer = gate.get("acme", "/leads");
        assert_eq!((answer.status, answer.code().as_str()), (502, "backend_unreachable"));
    }
    for address in addresses {
        wait_until_up(&gate, address, 0.0);
    }
    let back = second.start();
    ok(&gate, "/leads");
    assert_eq!(back.count(), 1, "the very next request");
}

#[test]
fn checks_take_a_host_down_and_bring_it_back() {
    let sick = Arc::new(AtomicBool::new(true));
    let is_sick = Arc::clone(&sick);
    let first = RecordingBackend::start(move |request, reply| {
        match (request.path(), is_sick.load(Ordering::Relaxed)) {
            ("/api/health", true) => reply.respond("503 Service Unavailable", "", ""),
            ("/api/health", false) => reply.respond("302 Found", "Location: /login\r\n", ""),
            _ => reply.json(ROW),
        }
    });
    let second = RecordingBackend::json(ROW);
    let urls = format!("urls = [\"http://{}/api\", \"http://{}/api\"]", first.address(), second.address());
    let health = "health = { path = \"/health?deep=1\", every = \"100ms\" }";
    let keys = "headers = { \"x-key\" = \"s3cr3t\" }\nquery = { api_key = \"s3cr3t 2\" }";
    let with = |health: &str| config(&first, &["acme"]).backend(&urls).backend(keys).backend(health);
    let gate = Gate::start(&with(health));
    let series = |host: &RecordingBackend| {
        let url = format!("http://{}/api", host.address());
        gate.metrics().get(&format!("backend_up{{backend=\"legacy\",url=\"{url}\"}}"))
    };
    let wait_until = |value: f64| {
        eventually("the first host is seen", || ((series(&first) - value).abs() < 0.5).then_some(()));
    };
    wait_until(0.0);
    let check = first.received().into_iter().find(|seen| seen.path() == "/api/health").unwrap();
    assert_eq!((check.method(), check.query()), ("GET", "deep=1&api_key=s3cr3t%202"));
    assert_eq!(check.header("x-key").as_deref(), Some("s3cr3t"));
    assert_eq!(check.header("host"), Some(first.address().to_string()));
    let reports = |host: &RecordingBackend| {
        host.received().iter().filter(|seen| seen.path() == "/api/legacy/leads.json").count()
    };
    for _ in 0..4 {
        ok(&gate, "/leads");
    }
    assert_eq!((reports(&first), reports(&second)), (0, 4));
    sick.store(false, Ordering::Relaxed);
    wait_until(1.0);
    for _ in 0..4 {
        ok(&gate, "/leads");
    }
    assert_eq!((reports(&first), reports(&second)), (2, 6));
    // Checked no more, it is as good as any.
    sick.store(true, Ordering::Relaxed);
    wait_until(0.0);
    gate.reload(&with(""));
    wait_until(1.0);
    let checks = first.count();
    for _ in 0..4 {
        ok(&gate, "/leads");
    }
    assert_eq!((reports(&first), reports(&second)), (4, 8));
    assert!(first.count() - checks <= 3, "one check may have been under way");
}

#[test]
fn an_embedded_gate_checks_on_whatever_runtime_it_is_called_on() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let health = "health = { path = \"/health\", every = \"100ms\" }";
    std::fs::write(&path, config(&backend, &["acme"]).backend(health).text()).unwrap();
    let gate = reportgate::Gate::new(&path).expect("a good config");
    let checks = || backend.received().iter().filter(|seen| seen.path() == "/health").count();
    for _ in 0..2 {
        let before = checks();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let request =
            http::Request::get("/leads").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        let answer = runtime.block_on(gate.call(request, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(answer.status(), 400, "even a request that is refused begins them");
        eventually("it checks, again and again", || (checks() > before + 2).then_some(()));
    }
}
