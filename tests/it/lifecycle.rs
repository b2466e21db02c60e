//! Start, stop, connections: limits, slow clients, and nothing lost at the end.

use crate::harness::{
    Client, Config, Gate, Program, ROW, RecordingBackend, Request, eventually, new_folder, within,
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_second_start_on_the_same_port_fails_and_says_so() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let listen = format!("listen = [\"{}\"]", gate.address());
    let folder = new_folder();
    let path = folder.path().join("second.toml");
    std::fs::write(&path, Config::leads(&backend).server(&listen).text()).unwrap();
    let mut second = Program::start(&path, None);
    assert_eq!(second.exit().code(), Some(1));
    let log = second.stderr.to_end().join("\n");
    assert!(log.contains(&gate.address().to_string()), "the message names the address: {log}");
    assert_eq!(gate.get("acme", "/leads").status, 200);
}

#[test]
fn a_start_without_a_good_config_fails_and_says_so() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let missing = folder.path().join("missing.toml");
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, Config::leads(&backend).text().replace("role =", "rolle =")).unwrap();
    for (path, word) in [(&missing, "missing.toml"), (&broken, "rolle")] {
        let mut program = Program::start(path, None);
        assert_eq!(program.exit().code(), Some(1), "{word}");
        let log = program.stderr.to_end().join("\n");
        assert!(log.contains(word), "{log}");
        assert!(program.stdout.to_end().is_empty());
    }
}

#[test]
fn several_addresses_are_served() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server("listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]"));
    let address = gate.program.stderr.wait_for("the second address", 0, |line| {
        let (_, rest) = line.split_once("listening on http://127.0.0.2:")?;
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        format!("127.0.0.2:{port}").parse().ok()
    });
    assert_eq!(gate.get("acme", "/leads").status, 200);
    let mut other = Client::connect(address, &[]);
    assert_eq!(other.call(&Request::get("/leads").of("acme")).status, 200);
}

#[test]
fn a_stop_loses_nothing_that_was_accepted() {
    let answered = Mutex::new(BTreeSet::new());
    let running = AtomicUsize::new(0);
    let backend = RecordingBackend::json(ROW);
    let mut gate = Gate::start(&Config::leads(&backend).server("workers = 2"));
    let address = gate.address();
    std::thread::scope(|scope| {
        for client in 0..64 {
            let (answered, running) = (&answered, &running);
            scope.spawn(move || {
                let mut connection = Client::connect(address, &[]);
                for round in 0.. {
                    let id = format!("{client}x{round}");
                    let request = Request::get(&format!("/leads?q={id}")).of("acme");
                    // A connection may be closed between two requests, never within one.
                    let Some(answer) = connection.try_call(&request) else { return };
                    assert!(answer.is_success(), "{}", answer.status);
                    answered.lock().unwrap().insert(id);
                    running.fetch_add(usize::from(round == 2), Ordering::Relaxed);
                    if answer.header("connection") == Some("close") {
                        return;
                    }
                }
            });
        }
        eventually("all are busy", || (running.load(Ordering::Relaxed) == 64).then_some(()));
        gate.signal("TERM");
    });
    gate.exit();
    let answered = answered.into_inner().unwrap();
    let done: BTreeSet<_> = backend.received().iter().filter_map(|seen| id_of(seen.query())).collect();
    let lost: Vec<_> = done.difference(&answered).collect();
    assert!(lost.is_empty(), "done by the backend but never answered: {lost:?}");
    assert_eq!(gate.lines(), answered.len(), "one access line for each answer, the last ones included");
}

fn id_of(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("q=")).map(str::to_owned)
}

#[test]
fn a_stop_waits_for_a_slow_answer_but_not_for_ever() {
    let go_on = std::sync::Arc::new(AtomicBool::new(false));
    let waiting = std::sync::Arc::clone(&go_on);
    let backend = RecordingBackend::start(move |received, reply| {
        if received.query().contains("q=never") {
            return reply.stall();
        }
        within(Duration::from_secs(10), || waiting.load(Ordering::Relaxed).then_some(()));
        reply.json(ROW);
    });
    let mut gate = Gate::start(&Config::leads(&backend).server("shutdown_grace = \"2s\""));
    let (mut slow, mut never) = (gate.client(), gate.client());
    slow.send(&Request::get("/leads").of("acme").bytes());
    never.send(&Request::get("/leads?q=never").of("acme").bytes());
    eventually("both are under way", || (backend.count() == 2).then_some(()));
    let started = Instant::now();
    gate.signal("TERM");
    eventually("it takes no more connections", || std::net::TcpStream::connect(gate.address()).err());
    go_on.store(true, Ordering::Relaxed);
    let answer = slow.answer("GET").expect("an answer");
    assert!(answer.is_success(), "{}", answer.status);
    assert_eq!(answer.header("connection"), Some("close"), "no request is to follow");
    gate.program.exit();
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(gate.lines(), 2, "both have their line");
}

#[test]
fn a_request_begun_after_the_grace_is_refused() {
    let backend = RecordingBackend::start(|received, reply| match received.query().contains("q=never") {
        true => reply.stall(),
        false => reply.json(ROW),
    });
    let mut gate = Gate::start(&Config::leads(&backend).server("shutdown_grace = \"100ms\""));
    let request = Request::get("/leads").of("acme");
    // The slow one keeps the gate from ending early; the others have been used and are open.
    let mut slow = gate.client();
    slow.send(&Request::get("/leads?q=never").of("acme").bytes());
    let mut open: Vec<_> = std::iter::repeat_with(|| gate.client()).take(200).collect();
    open.iter_mut().for_each(|client| assert_eq!(client.call(&request).status, 200));
    gate.signal("TERM");
    let refused = within(Duration::from_secs(1), || {
        let answer = open.pop()?.try_call(&request)?;
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("a refusal");
    assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(slow.answer("GET").is_none(), "broken off");
    gate.program.exit();
    let lines = gate.program.stdout.all();
    let draining = lines.iter().filter(|line| line.contains("\"code\":\"draining\"")).count();
    assert_eq!((lines.len(), draining), (200 - open.len() + 200 + 1, 2), "every request has its line");
}

#[test]
fn a_drain_is_seen_before_it_begins() {
    let backend = RecordingBackend::json(ROW);
    let mut gate = Gate::start(&Config::leads(&backend).server("drain_delay = \"1s\""));
    assert_eq!(gate.admin("/livez").status, 200);
    gate.signal("TERM");
    eventually("not ready", || (gate.admin("/readyz").status == 503).then_some(()));
    assert_eq!(gate.get("acme", "/leads").status, 200, "still accepting");
    gate.exit();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        let backend = RecordingBackend::start(|_, reply| reply.stall());
        let mut gate = Gate::start(&Config::leads(&backend).server("shutdown_grace = \"60s\""));
        let mut client = gate.client();
        client.send(&Request::get("/leads").of("acme").bytes());
        eventually("it is under way", || (backend.count() == 1).then_some(()));
        gate.signal(first);
        gate.program.stderr.wait_for("a drain", 0, |line| line.contains("draining").then_some(()));
        assert!(!client.closes_within(Duration::from_millis(300)), "{first}: the answer is waited for");
        let begun = Instant::now();
        gate.signal(second);
        gate.exit();
        assert!(begun.elapsed() < Duration::from_secs(2), "{first} {second}: {:?}", begun.elapsed());
        assert!(client.answer("GET").is_none());
    }
}

#[test]
fn a_connection_in_use_outlives_every_limit_of_its_parts() {
    let backend = RecordingBackend::start(|received, reply| {
        let slow = received.query().contains("q=slow");
        within(Duration::from_millis(if slow { 600 } else { 0 }), || None::<()>);
        reply.json(ROW);
    });
    let limits =
        "limits = { header_timeout = \"200ms\", idle_timeout = \"1500ms\", body_timeout = \"200ms\" }";
    let gate = Gate::start(&Config::leads(&backend).server(limits));
    let mut client = gate.client();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_200) {
        assert_eq!(
            client.call(&Request::get("/leads").of("acme")).status,
            200,
            "after {:?}",
            begun.elapsed()
        );
        within(Duration::from_millis(50), || None::<()>);
    }
    // The answer takes longer than a head may; the pause behind it longer, too, but not too long for an idle connection.
    assert_eq!(client.call(&Request::get("/leads?q=slow").of("acme")).status, 200);
    within(Duration::from_millis(300), || None::<()>);
    assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
    assert!(!client.closes_within(Duration::from_millis(300)), "closed before its time");
    assert!(client.closes_within(Duration::from_millis(3_000)), "idle for too long");
}

#[test]
fn a_half_closed_connection_gets_its_answer() {
    let backend = RecordingBackend::start(|_, reply| {
        within(Duration::from_millis(200), || None::<()>);
        reply.json(ROW);
    });
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    client.half_close();
    let answer = client.answer("GET").expect("an answer");
    assert!(answer.is_success(), "{}", answer.status);
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 1.0);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    let mut bytes = Request::get("/leads").of("acme").bytes();
    bytes.extend(Request::get("/leads").bytes());
    bytes.extend(Request::get("/nothing").of("acme").bytes());
    client.send(&bytes);
    let statuses: Vec<_> = (0..3).map(|_| client.answer("GET").expect("an answer").status).collect();
    assert_eq!(statuses, [200, 401, 404]);
}

/// Whether a new connection is not served for a moment: it is dropped, or waits for a place.
fn not_served(gate: &Gate) -> bool {
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    client.stream().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut byte = [0];
    !matches!(std::io::Read::read(&mut client.stream(), &mut byte), Ok(1))
}

#[test]
fn connections_are_limited() {
    for limits in ["connections = 3", "connections_per_address = 3"] {
        let backend = RecordingBackend::json(ROW);
        let gate = Gate::start(&Config::leads(&backend).server(&format!("limits = {{ {limits} }}")));
        let request = Request::get("/leads").of("acme");
        let mut open: Vec<_> = (0..3).map(|_| gate.client()).collect();
        for client in &mut open {
            assert_eq!(client.call(&request).status, 200, "{limits}");
        }
        assert!(not_served(&gate), "{limits}");
        for client in &mut open {
            assert_eq!(client.call(&request).status, 200, "{limits}: those inside go on");
        }
        open.pop();
        eventually("there is room again", || {
            let mut client = gate.client();
            client.try_call(&request).filter(|answer| answer.status == 200)
        });
    }
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::in_folder(new_folder(), &Config::leads(&backend).text(), Some(64));
    let fitting: u16 = gate.program.stderr.wait_for("a warning", 0, |line| {
        let (_, rest) = line.split_once("do not fit into 64 open files: ")?;
        rest.split(' ').next()?.parse().ok()
    });
    // Whatever the config allows from now on; that is told as soon as somebody connects.
    gate.reload(&Config::leads(&backend).server("limits = { connections = 20000 }"));
    let mut crowd: Vec<_> = (0..120).map(|_| gate.client()).collect();
    gate.wait_for_metric("connections", f64::from(fitting));
    let fitting = usize::from(fitting);
    gate.program
        .stderr
        .wait_for("a warning", 0, |line| line.contains("connections = 20000 do not fit").then_some(()));
    // A second of it costs little and says little, and nothing about the config; who looks at the gate is answered.
    let (ticks, before) = (gate.program.ticks(), gate.program.stderr.all().len());
    within(Duration::from_secs(1), || None::<()>);
    let (ticks, lines) = (gate.program.ticks() - ticks, gate.program.stderr.all().split_off(before));
    assert!(ticks <= 10, "{ticks} hundredths of a core");
    assert!(lines.len() <= 1, "{lines:#?}");
    assert_eq!((gate.admin("/livez").status, gate.admin("/metrics").status), (200, 200));
    let request = Request::get("/leads").of("acme");
    for client in &mut crowd[..fitting] {
        assert_eq!(client.call(&request).status, 200, "a client that is in has a backend, too");
    }
    crowd.truncate(fitting);
    let recovered = within(Duration::from_secs(1), || {
        crowd.pop();
        gate.client().try_call(&request).filter(|answer| answer.status == 200)
    });
    assert!(recovered.is_some());
}

#[test]
fn the_last_descriptors_are_for_whoever_looks_at_the_gate() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    assert_eq!(gate.get("acme", "/leads").status, 200);
    let open = || -> BTreeSet<u64> {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", gate.program.id())).unwrap().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    };
    let (id, limit) = (Pid::from_raw(gate.program.id().cast_signed()), |number| Rlimit {
        current: Some(number),
        maximum: Some(4096),
    });
    let open = open();
    let next = (0..).find(|number| !open.contains(number)).unwrap();
    prlimit(id, Resource::Nofile, limit(next)).unwrap();
    // Nothing more can be opened; somebody waits to be let in all the time.
    let mut waiting = gate.client();
    waiting.send(&Request::get("/leads").of("acme").bytes());
    let (ticks, before) = (gate.program.ticks(), gate.program.stderr.all().len());
    for _ in 0..20 {
        assert_eq!((gate.admin("/livez").status, gate.admin("/readyz").status), (200, 200));
        assert!(!waiting.closes_within(Duration::from_millis(50)));
    }
    assert_eq!(gate.admin("/metrics").status, 200);
    let (ticks, lines) = (gate.program.ticks() - ticks, gate.program.stderr.all().split_off(before));
    assert!(ticks <= 30, "{ticks} hundredths of a core in more than a second");
    let of_accepting = lines.iter().filter(|line| line.contains("cannot accept")).count();
    assert!((1..=3).contains(&of_accepting) && lines.len() <= 8, "{lines:#?}");
    prlimit(id, Resource::Nofile, limit(4096)).unwrap();
    let raised = Instant::now();
    assert_eq!(waiting.answer("GET").expect("an answer").status, 200);
    assert!(raised.elapsed() < Duration::from_secs(1), "{:?}", raised.elapsed());
}

/// How many threads of the program got busy while eight clients asked for something.
fn busy_threads(workers: usize) -> usize {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server(&format!("workers = {workers}")));
    let tasks = format!("/proc/{}/task", gate.program.id());
    let switches = || -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(&tasks).unwrap().flatten();
        let texts = entries.filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path().join("status")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            Some((entry.file_name().into_string().unwrap(), line.trim().parse().ok()?))
        });
        texts.collect()
    };
    let before = switches();
    let mut clients: Vec<_> = (0..8).map(|_| gate.client()).collect();
    for _ in 0..40 {
        for client in &mut clients {
            assert_eq!(client.call(&Request::get("/nothing").of("acme")).status, 404);
        }
    }
    let earlier = |task: &str| before.iter().find(|(known, _)| known == task).map_or(0, |(_, count)| *count);
    switches().iter().filter(|(task, count)| count - earlier(task) >= 40).count()
}

#[test]
fn both_workers_serve() {
    let (one, two) = (busy_threads(1), busy_threads(2));
    assert!(two > one, "{one} busy threads with one worker, {two} with two");
}

#[test]
fn a_pooled_connection_that_was_closed_is_no_failure() {
    let backend = RecordingBackend::start(|_, reply| {
        // Says that it keeps the connection, and does not.
        reply.json(ROW);
        reply.close();
    });
    let gate = Gate::start(&Config::leads(&backend));
    for _ in 0..20 {
        assert_eq!(gate.get("acme", "/leads").status, 200);
    }
}

#[test]
fn backend_connections_are_kept_and_reused() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    for _ in 0..10 {
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
    }
    let connections: BTreeSet<_> = backend.received().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1);
}
