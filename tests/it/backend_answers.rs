//! What becomes of whatever a backend answers: its failures, its lies, its silence.

use crate::harness::{Config, End, Gate, ROW, RecordingBackend, Reply, Request, eventually};
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};

/// A whole answer of that status; its body holds what must not pass.
fn status(line: &'static str, headers: &'static str) -> Box<dyn Fn(&mut Reply<'_>) + Send + Sync> {
    Box::new(move |reply| reply.respond(line, headers, ROW))
}

/// A whole answer with this body, said to be JSON.
fn body(text: &'static str) -> Box<dyn Fn(&mut Reply<'_>) + Send + Sync> {
    Box::new(move |reply| reply.json(text))
}

/// Bytes as they are, then the end of the connection.
fn raw(bytes: &'static str) -> Box<dyn Fn(&mut Reply<'_>) + Send + Sync> {
    Box::new(move |reply| {
        reply.send(bytes);
        reply.close();
    })
}

#[test]
fn every_failure_of_the_backend_has_its_code() {
    let retry = "retry-after";
    #[rustfmt::skip]
    let cases = [
        // name                    the backend's answer                                    status code                         header
        ("400",                    status("400 Bad Request", ""),                             400, "backend_rejected",         ""),
        ("404",                    status("404 Not Found", ""),                               404, "backend_rejected",         ""),
        ("409",                    status("409 Conflict", ""),                                409, "backend_rejected",         ""),
        ("410",                    status("410 Gone", ""),                                    410, "backend_rejected",         ""),
        ("422",                    status("422 Unprocessable Content", ""),                   422, "backend_rejected",         ""),
        ("301",                    status("301 Moved", "Location: http://s3cr3t/\r\n"),       502, "backend_refused",          ""),
        ("302",                    status("302 Found", "Location: /login\r\n"),               502, "backend_refused",          ""),
        ("401",                    status("401 Unauthorized", "WWW-Authenticate: s3cr3t\r\n"), 502, "backend_refused",         ""),
        ("403",                    status("403 Forbidden", ""),                               502, "backend_refused",          ""),
        ("405",                    status("405 Method Not Allowed", "Allow: POST\r\n"),       502, "backend_failed",           ""),
        ("418",                    status("418 I'm a teapot", ""),                            502, "backend_failed",           ""),
        ("500",                    status("500 Internal Server Error", ""),                   502, "backend_failed",           ""),
        ("502",                    status("502 Bad Gateway", ""),                             502, "backend_failed",           ""),
        ("504",                    status("504 Gateway Timeout", ""),                         502, "backend_failed",           ""),
        ("429",                    status("429 Too Many Requests", "Retry-After: 7\r\n"),     503, "overloaded",               retry),
        ("503",                    status("503 Service Unavailable", ""),                     503, "overloaded",               retry),
        ("206",                    status("206 Partial Content", "Content-Range: bytes 0-1/9\r\n"), 502, "backend_response_invalid", ""),
        ("an encoding not asked",  status("200 OK", "Content-Encoding: gzip\r\n"),            502, "backend_response_invalid", ""),
        ("a page for people",      body("<!doctype html><title>s3cr3t login</title>"),       502, "backend_response_invalid", ""),
        ("nothing",                body(""),                                                  502, "backend_response_invalid", ""),
        ("no rows",                body(r#"{"s3cr3t":1}"#),                                   502, "backend_response_invalid", ""),
        ("rows elsewhere",         body(r#"{"data":{"rows":[{"country":"s3cr3t"}]}}"#),      502, "backend_response_invalid", ""),
        ("rows are an object",     body(r#"{"rows":{"country":"s3cr3t"}}"#),                  502, "backend_response_invalid", ""),
        ("rows are null",          body(r#"{"rows":null}"#),                                  502, "backend_response_invalid", ""),
        ("a row is an array",      body(r#"{"rows":[["s3cr3t"]]}"#),                          502, "backend_response_invalid", ""),
        ("a row is a string",      body(r#"{"rows":["s3cr3t"]}"#),                            502, "backend_response_invalid", ""),
        ("a key twice",            body(r#"{"rows":[{"country":"s3cr3t","country":"DE"}]}"#), 502, "backend_response_invalid", ""),
        ("a key twice, escaped",   body(r#"{"rows":[{"country":"s3cr3t","\u0063ountry":1}]}"#), 502, "backend_response_invalid", ""),
        ("rows twice",             body(r#"{"rows":[],"rows":[{"country":"s3cr3t"}]}"#),      502, "backend_response_invalid", ""),
        ("two documents",          body(r#"{"rows":[]}{"rows":["s3cr3t"]}"#),                 502, "backend_response_invalid", ""),
        ("cut short",              body(r#"{"rows":[{"country":"s3cr3t"}"#),                  502, "backend_response_invalid", ""),
        ("a bad number",           body(r#"{"rows":[{"country":01}]}"#),                      502, "backend_response_invalid", ""),
        ("a bad escape",           body(r#"{"rows":[{"country":"\x"}]}"#),                    502, "backend_response_invalid", ""),
        ("NaN",                    body(r#"{"rows":[{"country":NaN}]}"#),                     502, "backend_response_invalid", ""),
        ("not HTTP",               raw("220 s3cr3t ready\r\n"),                               502, "backend_response_invalid", ""),
        ("both framings",          raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 502, "backend_response_invalid", ""),
        ("two lengths",            raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 502, "backend_response_invalid", ""),
        ("a bad chunk size",       raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 502, "backend_response_invalid", ""),
        ("cut in its length",      raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"rows\":["), 502, "backend_response_invalid", ""),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (name, behaviour, status, code, header) in cases {
        backend.behave(move |_, reply| behaviour(reply));
        let series = format!("requests_total{{report=\"leads\",outcome=\"{code}\"}}");
        let before = gate.metrics().get(&series);
        let answer = gate.get("acme", "/leads");
        assert_eq!(
            (answer.status, answer.code().as_str(), answer.end),
            (status, code, End::Complete),
            "{name}"
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{name}");
        assert!(header.is_empty() || answer.header(header).is_some(), "{name}: no {header}");
        let line = gate.access_line(answer.request_id());
        assert_eq!((&line["code"], &line["status"]), (&json!(code), &json!(status)), "{name}");
        assert_eq!((&line["principal"], &line["report"]), (&json!("acme"), &json!("leads")), "{name}");
        gate.wait_for_metric(&series, before + 1.0);
    }
}

#[test]
fn a_backend_that_is_not_there() {
    // A port that was free a moment ago.
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let backend = RecordingBackend::json(ROW);
    let text = Config::leads(&backend).text().replace(&backend.address().to_string(), &nobody.to_string());
    let gate = Gate::in_folder(crate::harness::new_folder(), &text, None);
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.code().as_str()), (502, "backend_unreachable"));
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"backend_unreachable\"}", 1.0);
}

#[test]
fn a_backend_that_closes_without_an_answer() {
    let backend = RecordingBackend::start(|_, reply| reply.reset());
    let gate = Gate::start(&Config::leads(&backend));
    let answer = gate.get("acme", "/leads");
    let code = answer.code();
    assert_eq!(answer.status, 502);
    assert!(
        ["backend_unreachable", "backend_failed", "backend_response_invalid"].contains(&code.as_str()),
        "{code}"
    );
}

#[test]
fn a_silent_backend_is_a_timeout() {
    let backend = RecordingBackend::start(|_, reply| reply.stall());
    let gate = Gate::start(&Config::leads(&backend).backend("timeout = \"200ms\""));
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.code().as_str()), (504, "backend_timeout"));
    assert_eq!(gate.access_line(answer.request_id())["code"], "backend_timeout");
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"backend_timeout\"}", 1.0);
}

/// What breaks after the first rows are on their way; the end is what the client sees, the code what is recorded.
#[test]
fn an_answer_that_breaks_later_is_a_broken_transfer() {
    fn rows(reply: &mut Reply<'_>) {
        reply.chunked("application/json");
        reply.chunk(r#"{"rows":[{"country":"DE"}"#);
        for _ in 0..2_000 {
            reply.chunk(r#",{"country":"DE","email":"s3cr3t","commission":1.25,"created_at":"2026-01-01"}"#);
        }
    }
    type Behaviour = fn(&mut Reply<'_>);
    #[rustfmt::skip]
    let cases: [(&str, Behaviour, &str); 6] = [
        ("closed",           |r| { rows(r); r.close() },                                     "backend_response_invalid"),
        ("reset",            |r| { rows(r); r.reset() },                                     ""),
        ("silent",           |r| { rows(r); r.stall() },                                     "backend_timeout"),
        ("malformed",        |r| { rows(r); r.chunk("{]"); r.chunk("") },                    "backend_response_invalid"),
        ("ends too early",   |r| { rows(r); r.chunk("") },                                   "backend_response_invalid"),
        ("goes on too long", |r| { rows(r); r.chunk("]}"); r.chunk("{\"a\":1}"); r.chunk("") }, "backend_response_invalid"),
    ];
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).backend("body_timeout = \"300ms\""));
    for (name, behaviour, code) in cases {
        backend.behave(move |_, reply| behaviour(reply));
        for request in [Request::get("/leads"), Request::get("/leads").http10()] {
            let lines = gate.lines();
            let answer = gate.call(&request.of("acme"));
            assert!(!answer.is_success(), "{name}: looks like a success: {}", answer.text().len());
            let line = eventually("its line", || gate.program.stdout.all().get(lines).cloned());
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["status"], answer.status, "{name}: the status that was sent stays");
            assert!(code.is_empty() && line["code"] != "ok" || line["code"] == code, "{name}: {line}");
        }
    }
}

#[test]
fn answers_without_a_body_pass_without_a_body() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    for (line, expected) in [("204 No Content", 204), ("205 Reset Content\r\nContent-Length: 0", 205)] {
        backend.behave(move |_, reply| reply.send(format!("HTTP/1.1 {line}\r\nX-Total: s3cr3t\r\n\r\n")));
        let answer = gate.get("acme", "/leads");
        assert_eq!((answer.status, answer.body.len()), (expected, 0));
    }
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 2.0);
}

#[test]
fn interim_answers_and_trailers_do_not_pass() {
    let backend = RecordingBackend::start(|_, reply| {
        reply.send("HTTP/1.1 103 Early Hints\r\nLink: <s3cr3t>\r\n\r\n");
        reply.send("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n");
        reply.chunk(r#"{"rows":[]}"#);
        reply.send("0\r\nX-Sum: s3cr3t\r\n\r\n");
    });
    let gate = Gate::start(&Config::leads(&backend));
    assert_eq!(gate.get("acme", "/leads").squeezed(), r#"{"rows":[]}"#);
}

#[test]
fn a_client_that_leaves_is_recorded_as_gone() {
    let backend = RecordingBackend::start(|_, reply| reply.stall());
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    client.send(&Request::get("/leads").of("acme").bytes());
    eventually("the backend is asked", || (backend.count() == 1).then_some(()));
    // A reset, since a client that only half-closes still waits for its answer.
    socket2::SockRef::from(client.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let line = gate.line_with_code(0, "client_gone");
    assert_eq!((&line["status"], &line["report"]), (&json!(499), &json!("leads")));
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"client_gone\"}", 1.0);
}

#[test]
fn a_failed_success_member_is_a_refusal() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend).text().replace(
        "rows = \"/rows\"\n",
        "rows = \"/rows\"\nsuccess = { at = \"/ok\", equals = [true, 1, \"yes\"], absent_ok = false }\n",
    );
    let gate = Gate::in_folder(crate::harness::new_folder(), &config, None);
    #[rustfmt::skip]
    let cases = [
        (r#"{"ok":true,"rows":[]}"#, 200), (r#"{"ok":1,"rows":[]}"#, 200), (r#"{"rows":[],"ok":"yes"}"#, 200),
        (r#"{"ok":false,"rows":[]}"#, 502), (r#"{"ok":"true","rows":[]}"#, 502), (r#"{"rows":[{"country":"s3cr3t"}],"ok":0}"#, 502),
        (r#"{"ok":false,"error":"s3cr3t"}"#, 502), (r#"{"rows":[{"country":"s3cr3t"}]}"#, 502),
    ];
    for (text, status) in cases {
        backend.behave(move |_, reply| reply.json(text));
        let answer = gate.get("acme", "/leads");
        assert_eq!(answer.status, status, "{text}");
        assert!(status == 200 || answer.code() == "backend_refused", "{text}: {}", answer.text());
    }
}
