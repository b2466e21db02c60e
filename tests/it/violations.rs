//! Backends that do not keep to their dialect: seen in the metrics, the access line and the log, by name and never by cell.

use crate::harness::{
    Config, End, Gate, LEADS, Metrics, ROW, RecordingBackend, Reply, Request, affiliate, eventually,
};
use serde_json::Value;

/// As many whole rows as are more than what is held back.
fn many_rows(reply: &mut Reply<'_>, row: &str) {
    reply.chunked("application/json");
    reply.chunk(r#"{"rows":[{"country":"DE"}"#);
    let rows = format!(",{row}").repeat(100);
    for _ in 0..60 {
        reply.chunk(&rows);
    }
}

#[test]
fn every_violation_has_its_kind() {
    type Behaviour = fn(&mut Reply<'_>);
    let late: Behaviour = |reply| {
        many_rows(reply, r#"{"country":"DE","commission":1.5}"#);
        reply.chunk("{]");
        reply.chunk("");
    };
    #[rustfmt::skip]
    let cases: [(&str, Behaviour); 20] = [
        ("head",      |r| { r.send("220 s3cr3t ready\r\n"); r.close() }),
        ("head",      |r| { r.send("HTTP/1.1 200 OK\r\ns3cr3t\r\n\r\n"); r.close() }),
        ("status",    |r| r.respond("206 Partial Content", "", ROW)),
        ("status",    |r| r.respond("999 s3cr3t", "", ROW)),
        ("truncated", |r| { r.send("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"rows\":["); r.close() }),
        ("truncated", |r| { r.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"row"); r.close() }),
        ("truncated", |r| r.json(r#"{"rows":[{"country":"DE""#)),
        ("charset",   |r| r.json(b"{\"rows\":[{\"country\":\"\xff\"}]}")),
        ("syntax",    |r| r.json(r#"{"rows":[{"country":01}]}"#)),
        ("syntax",    |r| r.json("<!doctype html>s3cr3t")),
        ("syntax",    late),
        ("shape",     |r| r.json(r#"{"rows":{"country":"s3cr3t"}}"#)),
        ("shape",     |r| r.json(r#"{"error":"s3cr3t"}"#)),
        ("shape",     |r| r.json(r#"{"rows":[["s3cr3t"]]}"#)),
        ("repeated",  |r| r.json(r#"{"rows":[{"country":"DE","\u0063ountry":"s3cr3t"}]}"#)),
        ("repeated",  |r| r.json(r#"{"rows":[],"rows":[]}"#)),
        ("too_large", |r| r.json(format!("{{\"rows\":[{{\"email\":\"{}\"}}]}}", "s3cr3t".repeat(1 << 21)))),
        ("coding",    |r| r.respond("200 OK", "Content-Encoding: x-s3cr3t\r\n", ROW)),
        ("coding",    |r| r.respond("200 OK", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("coding",    |r| { r.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"); r.close() }),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (at, (kind, behaviour)) in cases.into_iter().enumerate() {
        backend.behave(move |_, reply| behaviour(reply));
        let series = format!("response_violations_total{{report=\"leads\",kind=\"{kind}\"}}");
        let (before, lines) = (gate.metrics(), gate.lines());
        let answer = gate.get("acme", "/leads");
        assert!(!answer.is_success(), "{at} {kind}: {}", answer.text());
        let line = gate.line_with_code(lines, "backend_response_invalid");
        assert_eq!(line["status"], answer.status, "{at} {kind}");
        gate.wait_for_metric(&series, before.get(&series) + 1.0);
        let all = |metrics: &Metrics| metrics.sum("response_violations_total");
        assert!((all(&gate.metrics()) - all(&before) - 1.0).abs() < 0.5, "{at} {kind}: counted once");
    }
    let before = gate.metrics().sum("response_violations_total");
    for status in ["404 Not Found", "500 Oops", "302 Found", "204 No Content", "200 OK"] {
        backend.behave(move |_, reply| reply.respond(status, "", ROW));
        gate.get("acme", "/leads");
    }
    let after = gate.metrics().sum("response_violations_total");
    assert!((after - before).abs() < 0.5, "a failure that is told in order is no violation");
}

#[test]
fn access_lines_and_metrics_count_the_same_columns() {
    type Behaviour = fn(&mut Reply<'_>);
    const HIDDEN: &str = r#"{"country":"DE","email":"s3cr3t","lead_id":"s3cr3t"}"#;
    #[rustfmt::skip]
    let cases: [(&str, Behaviour, u64); 7] = [
        ("whole",               |r| r.json(ROW),                                                                     2),
        ("none",                |r| r.json(r#"{"rows":[{"country":"DE"}]}"#),                                        0),
        ("no rows",             |r| r.json(r#"{"rows":[]}"#),                                                        0),
        ("refused",             |r| r.json(r#"{"rows":[{"email":"s3cr3t"},{"email":"s3cr3t"},01]}"#),                1),
        ("whole, in pieces",    |r| { many_rows(r, HIDDEN); r.chunk("]}"); r.chunk("") },                            2),
        ("late",                |r| { many_rows(r, r#"{"country":"DE"}"#); r.chunk(format!(",{HIDDEN}]}}")); r.chunk("") }, 2),
        ("broken off",          |r| { many_rows(r, HIDDEN); r.chunk("{]"); r.chunk("") },                            2),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let mut sum = 0;
    for (name, behaviour, expected) in cases {
        backend.behave(move |_, reply| behaviour(reply));
        let lines = gate.lines();
        gate.get("acme", "/leads");
        let line = eventually("its line", || gate.program.stdout.all().get(lines).cloned());
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["columns_removed"], expected, "{name}: {line}");
        sum += expected;
        gate.wait_for_metric(
            "columns_removed_total{report=\"leads\"}",
            f64::from(u32::try_from(sum).unwrap()),
        );
    }
}

#[test]
fn what_was_cut_before_a_client_left_is_counted() {
    let backend = RecordingBackend::start(|_, reply| {
        many_rows(reply, r#"{"country":"DE"}"#);
        reply.chunk(r#",{"country":"DE","email":"s3cr3t"}"#);
        many_more(reply);
    });
    /// Rows until nobody takes them any more.
    fn many_more(reply: &mut Reply<'_>) {
        let rows = r#",{"country":"DE"}"#.repeat(1_000);
        while reply.is_open() {
            reply.chunk(&rows);
        }
    }
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    let mut taken = Vec::new();
    let mut piece = [0; 64 * 1024];
    while taken.len() < 1 << 20 {
        let read = std::io::Read::read(&mut client.stream(), &mut piece).unwrap();
        taken.extend_from_slice(&piece[..read]);
    }
    socket2::SockRef::from(client.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let line = gate.line_with_code(0, "client_gone");
    assert_eq!((&line["status"], &line["columns_removed"]), (&200.into(), &1.into()), "{line}");
    gate.wait_for_metric("columns_removed_total{report=\"leads\"}", 1.0);
}

#[test]
fn a_report_without_foreign_rows_says_so() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    assert_eq!(gate.get("acme", "/leads").end, End::Complete);
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 1.0);
    let metrics = gate.metrics();
    assert!(metrics.names().contains(&"reportgate_foreign_rows_total{report=\"leads\"}"), "{}", metrics.text);
}

#[test]
fn what_was_found_before_a_client_left_without_an_answer_is_counted() {
    let backend = RecordingBackend::json("");
    let leads = LEADS.replace(
        "rows = \"/rows\"",
        "rows = \"/rows\"\nscope_column = \"affiliate_id\"\non_foreign_row = \"drop\"",
    );
    let holder = affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]");
    let gate = Gate::start(&Config::empty(&backend).with(&leads).with(&holder));
    let (sent, waits) = std::sync::mpsc::channel::<()>();
    backend.behave(move |_, reply| {
        reply.chunked("application/json");
        reply.chunk(r#"{"rows":[{"country":"DE","affiliate_id":"1001"}"#);
        for _ in 0..3 {
            reply.chunk(r#",{"email":"s3cr3t","affiliate_id":"1002"}"#);
        }
        sent.send(()).unwrap();
        reply.stall();
    });
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    waits.recv().unwrap();
    // The one worker comes to what the backend sent before it comes to these.
    (0..5).for_each(|_| assert_eq!(gate.get("acme", "/nowhere").status, 404));
    socket2::SockRef::from(client.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let line = gate.line_with_code(0, "client_gone");
    assert_eq!((&line["status"], &line["columns_removed"]), (&499.into(), &1.into()), "{line}");
    gate.wait_for_metric("foreign_rows_total{report=\"leads\"}", 3.0);
}
