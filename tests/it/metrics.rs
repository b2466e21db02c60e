//! Metrics and access lines: complete, once each, and never named by a request.

use crate::harness::{Config, Gate, ROW, RecordingBackend, Request, new_folder};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Random enough, and the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self) -> String {
        format!("{:x}{:x}", self.roll(), self.roll())
    }
}

/// Requests of a stranger: every path, token, header and parameter is another.
fn strange(dice: &mut Dice) -> Request {
    let text = dice.text();
    let path = match dice.roll() % 4 {
        0 => format!("/{text}"),
        1 => format!("/leads?{text}={text}"),
        2 => format!("/leads/{text}"),
        _ => "/leads".to_owned(),
    };
    let method = ["GET", "POST", "DELETE", "BREW"][usize::try_from(dice.roll() % 4).unwrap()];
    let request = Request::new(method, &path).header(&format!("X-{text}"), &text);
    match dice.roll() % 3 {
        0 => request.bearer(&dice.text()),
        1 => request.of("acme"),
        _ => request.header("X-Api-Key", &dice.text()).header("User-Agent", &text),
    }
}

#[test]
fn strangers_add_no_series() {
    const CLIENTS: u64 = 4;
    const EACH: u64 = 2_500;
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server("lockout = \"off\""));
    let load = |seed: u64, requests: u64| {
        let mut dice = Dice(seed);
        let mut client = gate.client();
        for _ in 0..requests {
            match client.try_call(&strange(&mut dice)) {
                Some(answer) if answer.header("connection") != Some("close") => {}
                _ => client = gate.client(),
            }
        }
    };
    load(1, 300);
    let before: BTreeSet<String> = gate.metrics().names().into_iter().map(str::to_owned).collect();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || load(client + 2, EACH));
        }
    });
    let after = gate.metrics();
    let added: Vec<_> = after.names().into_iter().filter(|name| !before.contains(*name)).collect();
    assert!(added.is_empty(), "{added:?}");
    let total = f64::from(u32::try_from(300 + CLIENTS * EACH).unwrap());
    assert!((after.sum("requests_total") - total).abs() < 0.5, "{}", after.sum("requests_total"));
}

#[test]
fn every_request_is_counted_once() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server("workers = 2"));
    let mut clients: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for _ in 0..25 {
        for client in &mut clients {
            assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
            assert_eq!(client.call(&Request::get("/leads")).status, 401);
        }
    }
    #[rustfmt::skip]
    let expected = [
        ("requests_total{report=\"leads\",outcome=\"ok\"}",              100.0),
        ("requests_total{report=\"-\",outcome=\"token_missing\"}",       100.0),
        ("auth_decisions_total{decision=\"allow\",reason=\"ok\"}",       100.0),
        ("auth_decisions_total{decision=\"deny\",reason=\"token_missing\"}", 100.0),
        ("request_duration_seconds_count{report=\"leads\"}",             100.0),
        ("backend_duration_seconds_count{report=\"leads\"}",             100.0),
        ("columns_removed_total{report=\"leads\"}",                      200.0),
        ("requests_by_principal_total{principal=\"acme\",outcome=\"ok\"}", 100.0),
        ("requests_in_flight",                                           0.0),
        ("connections",                                                  4.0),
        ("config_generation",                                            1.0),
        ("config_tests_failing",                                         0.0),
        ("access_log_dropped_total",                                     0.0),
        ("tokens{state=\"active\"}",                                     1.0),
        ("tokens{state=\"expired\"}",                                    0.0),
    ];
    for (series, value) in expected {
        gate.wait_for_metric(series, value);
    }
    let ids: BTreeSet<_> = gate.program.stdout.all().into_iter().collect();
    assert_eq!(ids.len(), 200, "a line each, each with its own request id");
}

#[test]
fn an_access_line_says_what_happened() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let answer = gate.get("acme", "/leads?q=in-the-query");
    let line = gate.access_line(answer.request_id());
    #[rustfmt::skip]
    let expected = [
        ("client", json!("127.0.0.1")), ("peer", json!("127.0.0.1")), ("principal", json!("acme")), ("token", json!("acme-1")),
        ("report", json!("leads")), ("method", json!("GET")), ("path", json!("/leads")), ("status", json!(200)), ("code", json!("ok")),
        ("bytes", json!(answer.body.len())), ("columns_removed", json!(2)), ("generation", json!(1)),
    ];
    for (key, value) in expected {
        assert_eq!(line[key], value, "{key} of {line}");
    }
    for key in ["ts", "request_id", "duration_ms", "backend_ms", "version"] {
        assert!(!line[key].is_null(), "{key} of {line}");
    }
    assert!(!line.to_string().contains("in-the-query"), "{line}");
}

#[test]
fn a_path_of_a_stranger_is_escaped_and_short() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let token = crate::harness::token("acme");
    let long = "y".repeat(2_000);
    for path in [format!("/{token}"), format!("/x/{token}/y"), format!("/{long}"), "/%0a%1b%22".to_owned()] {
        let lines = gate.lines();
        gate.call(&Request::get(&path));
        let line = gate.line_with_code(lines, "token_missing");
        let logged = line["path"].as_str().expect("a path");
        assert!(logged.len() <= 300 && logged.chars().all(|c| !c.is_control()), "{logged}");
    }
}

#[test]
#[ignore = "needs promtool; run by tests/run"]
fn promtool_has_nothing_to_say() {
    let promtool = std::env::var_os("REPORTGATE_TEST_PROMTOOL").expect("run by tests/run");
    let backend = RecordingBackend::json(ROW);
    let mut gate = Gate::start(&Config::leads(&backend).with("\n[reports.leads.cache]\nttl = \"1m\"\n"));
    gate.extra_headers = &["cache-status"];
    for target in ["/leads", "/leads", "/leads?_col=email", "/nothing"] {
        gate.get("acme", target);
        gate.call(&Request::get(target));
    }
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    child.stdin.take().unwrap().write_all(gate.metrics().text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn the_admin_listener_tells_its_state() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::in_folder(new_folder(), &Config::leads(&backend).text(), None);
    for path in ["/livez", "/readyz"] {
        assert_eq!(gate.admin(path).status, 200, "{path}");
    }
    let status = gate.status();
    for key in [
        "version",
        "generation",
        "config_hash",
        "loaded_at",
        "principals",
        "tokens",
        "reports",
        "last_reload",
    ] {
        assert!(!status[key].is_null(), "{key} of {status}");
    }
    assert_eq!(status["last_reload"]["ok"], json!(true), "{status}");
    assert_eq!(status["tokens"]["active"], json!(1), "{status}");
    assert_eq!(gate.admin("/nothing").status, 404);
    assert_eq!(gate.get("acme", "/metrics").status, 404, "the affiliates' listener has none of it");
}
