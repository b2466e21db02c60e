//! A backend that is a process of its own: stopped, continued, killed, started again.

use super::{AT_ONCE, LATE, Method, Seen, assert_seen, assert_well, gate, wrong};
use crate::harness::{Answer, Client, Lines, PATIENCE, Request, eventually, within};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A running `reports.py`, until it is dropped.
struct Reports {
    child: Child,
    port: u16,
    requests: Arc<Lines>,
}

impl Reports {
    fn start(port: u16) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/reports.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(port.to_string()).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("python3");
        let requests = Lines::follow(child.stdout.take().unwrap());
        let port = requests.wait_for("its port", 0, |line| line.strip_prefix("listening on ")?.parse().ok());
        Self { child, port, requests }
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How many requests of this name it saw.
    fn count(&self, name: &str) -> usize {
        self.requests.all().iter().filter(|line| line.ends_with(&format!(" {name}"))).count()
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request for an answer without end.
fn long() -> Request {
    Request::get("/got").of("acme").header("User-Agent", "long")
}

/// Begins to read an answer without end, and does something to its backend once it is on its way; the whole answer.
fn interrupted(client: &mut Client, interrupt: impl FnOnce()) -> Answer {
    client.send(&long().bytes());
    let mut interrupt = Some(interrupt);
    let mut length = 0;
    let answer = client.stream_answer("GET", |piece| {
        length += piece.len();
        if length > 100_000
            && let Some(interrupt) = interrupt.take()
        {
            interrupt();
        }
    });
    answer.expect("an answer")
}

#[test]
#[ignore = "needs Python 3; run by tests/run"]
fn a_backend_that_is_stopped() {
    let reports = Reports::start(0);
    let gate = gate(reports.address());
    let mut client = gate.client();
    for method in Method::BOTH {
        assert_well("before", &mut client, method, "before");
    }
    reports.signal("STOP");
    for method in Method::BOTH {
        let begun = Instant::now();
        let answer = gate.call(&method.request("stopped"));
        assert_seen("stopped", &answer, LATE);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
    reports.signal("CONT");
    for method in Method::BOTH {
        assert_well("continued", &mut client, method, "continued");
    }
    assert!(reports.count("stopped") <= 2, "each at most once");
    let answer = interrupted(&mut client, || reports.signal("STOP"));
    assert_seen("stopped in the body", &answer, Seen::Broken);
    reports.signal("CONT");
    for method in Method::BOTH {
        assert_well("continued again", &mut gate.client(), method, "again");
    }
}

#[test]
#[ignore = "needs Python 3; run by tests/run"]
fn a_backend_that_is_killed() {
    let mut reports = Reports::start(0);
    let gate = gate(reports.address());
    let mut client = gate.client();
    assert_well("before", &mut client, Method::Get, "before");
    let answer = interrupted(&mut client, || reports.kill());
    assert_seen("killed in the body", &answer, Seen::Broken);
    for method in Method::BOTH {
        let answer = gate.call(&method.request("dead"));
        assert_seen("dead", &answer, Seen::Refused(502, "backend_unreachable"));
    }
    let reports = Reports::start(reports.port);
    for method in Method::BOTH {
        assert_well("started again", &mut gate.client(), method, "alive");
    }
    eventually("both are told of", || (reports.count("alive") == 2).then_some(()));
}

/// While requests run through it, a backend is killed again and again: what fails is said to, and nothing is done twice.
#[test]
#[ignore = "needs Python 3; run by tests/run"]
fn a_backend_that_is_killed_under_load() {
    let mut reports = Reports::start(0);
    let gate = gate(reports.address());
    let allowed = ["backend_failed", "backend_unreachable", "backend_response_invalid", "backend_timeout"];
    for round in 0..5 {
        let name = |client: usize, count: usize| format!("r{round}c{client}n{count}");
        let dead = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for at in 0..8 {
                let (gate, dead) = (&gate, &dead);
                scope.spawn(move || {
                    let mut client = gate.client();
                    for count in 0.. {
                        let method = Method::BOTH[count % 2];
                        let answer = client.call(&method.request(&name(at, count)));
                        if let Some(wrong) = wrong("under load", &answer, Seen::Success) {
                            assert!(allowed.contains(&answer.code().as_str()), "{wrong}");
                        }
                        if dead.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                });
            }
            let running = within(PATIENCE, || (reports.count(&name(7, 20)) > 0).then_some(()));
            reports.kill();
            dead.store(true, Ordering::Relaxed);
            assert!(running.is_some(), "the last client has not come to its 20th request");
        });
        let mut posted: Vec<_> =
            reports.requests.to_end().into_iter().filter(|line| line.starts_with("POST")).collect();
        posted.sort();
        let all = posted.len();
        posted.dedup();
        assert_eq!(posted.len(), all, "a POST was sent twice");
        reports = Reports::start(reports.port);
        assert_well("started again", &mut gate.client(), Method::Post, "alive");
    }
}
