//! Whose turn it is, and who waits.

use super::{Opened, Valve, ask_slowly, config, slow, status, wait_for_in_flight};
use crate::harness::{Gate, ROW, Received, RecordingBackend, Request, eventually};

#[test]
fn one_principal_leaves_room_for_another() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let gate = Gate::start(
        &config(&backend, &["greedy", "modest"]).server("workers = 2").backend("queue_timeout = \"20s\""),
    );
    let mut slow: Vec<_> = (0..100).map(|_| ask_slowly(&gate, "greedy")).collect();
    eventually("a quarter of the places is taken", || (backend.count() == 64).then_some(()));
    wait_for_in_flight(&gate, 100);
    for _ in 0..3 {
        assert_eq!(gate.get("modest", "/leads").status, 200);
    }
    assert_eq!(backend.count(), 64 + 3, "nobody has more than a quarter");
    valve.open();
    assert!(slow.iter_mut().all(|client| status(client) == 200));
    assert_eq!(backend.count(), 103);
}

#[test]
fn whoever_waits_too_long_is_told_when_to_come_back() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let gate =
        Gate::start(&config(&backend, &["acme"]).backend("max_in_flight = 1\nqueue_timeout = \"50ms\""));
    let mut first = ask_slowly(&gate, "acme");
    eventually("the place is taken", || (backend.count() == 1).then_some(()));
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let line = gate.access_line(answer.request_id());
    assert_eq!(line["code"], "overloaded");
    assert_eq!(line.get("backend_ms").and_then(serde_json::Value::as_f64), None, "the backend was not asked");
    assert_eq!(backend.count(), 1);
    valve.open();
    assert_eq!(status(&mut first), 200);
    assert_eq!(gate.get("acme", "/leads").status, 200);
}

#[test]
fn the_queue_has_an_end() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let gate = Gate::start(
        &config(&backend, &["acme", "other"]).backend("max_in_flight = 1\nqueue_timeout = \"20s\""),
    );
    let mut waiting: Vec<_> = (0..5).map(|_| ask_slowly(&gate, "acme")).collect();
    wait_for_in_flight(&gate, 5);
    assert_eq!(gate.get("acme", "/leads").code(), "overloaded", "at once");
    // Somebody else's request is worth more than the fifth of the same.
    let mut other = ask_slowly(&gate, "other");
    let line = gate.line_with_code(1, "overloaded");
    assert_eq!(line["principal"], "acme");
    valve.open();
    assert_eq!(status(&mut other), 200);
    let mut statuses: Vec<_> = waiting.iter_mut().map(status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 503]);
}

#[test]
fn the_place_goes_to_whoever_has_the_fewest() {
    // Each request has a valve of its own.
    let valves: [Valve; 6] = Default::default();
    let _opened = valves.each_ref().map(Opened);
    let held = valves.clone();
    let number = |request: &Received| {
        request.query().split("q=").nth(1).unwrap().split('&').next().unwrap().parse::<usize>().unwrap()
    };
    let backend = RecordingBackend::start(move |request, reply| {
        held[number(request)].pass();
        reply.json(ROW);
    });
    let keys = "max_in_flight = 8\nqueue_timeout = \"20s\"";
    let gate = Gate::start(&config(&backend, &["one", "two"]).backend(keys));
    // Both have their share of two; of those who wait, `one` came first.
    let mut clients: Vec<_> = ["one", "one", "two", "two", "one", "two"]
        .into_iter()
        .enumerate()
        .map(|(number, who)| {
            let mut client = gate.client();
            client.send(&Request::get(&format!("/leads?q={number}")).of(who).bytes());
            wait_for_in_flight(&gate, number + 1);
            client
        })
        .collect();
    eventually("both have their share", || (backend.count() == 4).then_some(()));
    for (answered, next) in [(2, 5), (0, 4)] {
        let before = backend.count();
        valves[answered].open();
        assert_eq!(status(&mut clients[answered]), 200);
        eventually("the next is asked", || (backend.count() == before + 1).then_some(()));
        assert_eq!(number(&backend.last()), next, "when {answered} was answered");
    }
    for at in [1, 3, 4, 5] {
        valves[at].open();
        assert_eq!(status(&mut clients[at]), 200, "{at}");
    }
}

#[test]
fn a_client_that_leaves_frees_its_place_in_the_queue() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let gate =
        Gate::start(&config(&backend, &["acme"]).backend("max_in_flight = 1\nqueue_timeout = \"20s\""));
    let mut first = ask_slowly(&gate, "acme");
    let waiting: Vec<_> = (0..4).map(|_| ask_slowly(&gate, "acme")).collect();
    wait_for_in_flight(&gate, 5);
    for client in waiting {
        socket2::SockRef::from(client.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    wait_for_in_flight(&gate, 1);
    let mut last = ask_slowly(&gate, "acme");
    wait_for_in_flight(&gate, 2);
    valve.open();
    assert_eq!((status(&mut first), status(&mut last)), (200, 200));
    assert_eq!(backend.count(), 2, "the backend is not asked for those who have left");
}

#[test]
fn a_reload_keeps_count() {
    let valve = Valve::default();
    let _opened = Opened(&valve);
    let backend = RecordingBackend::start(slow(&valve));
    let places = |places: usize, principals: &[&str]| {
        let keys = format!("max_in_flight = {places}\nqueue_timeout = \"50ms\"");
        config(&backend, principals).backend(&keys)
    };
    let gate = Gate::start(&places(1, &["acme"]));
    let mut first = ask_slowly(&gate, "acme");
    eventually("the place is taken", || (backend.count() == 1).then_some(()));
    gate.reload(&places(1, &["acme", "other"]));
    assert_eq!(gate.get("other", "/leads").code(), "overloaded", "the place is still taken");
    gate.reload(&places(2, &["acme", "other"]));
    assert_eq!(gate.get("other", "/leads").status, 200);
    assert_eq!(gate.get("acme", "/leads").code(), "overloaded", "it has its share");
    valve.open();
    assert_eq!(status(&mut first), 200);
    assert_eq!(gate.get("acme", "/leads").status, 200);
}
