//! Requests by HTTP/2: the same rules, the same answers.

use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, REFUSED_STREAM, Raw, block, frame,
    get as get_frame,
};
use super::{call, connect, gate_of_many, get, runtime, send};
use crate::harness::{
    Config, End, Gate, POSTED, ROW, RecordingBackend, Request, eventually, poster, token, within,
};
use http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A POST of a form by `poster`.
fn post() -> http::Request<()> {
    let mut request = get("poster", "/posted");
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    request
}

#[test]
fn a_request_gets_what_it_gets_by_http_1() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let first = gate.call(&Request::get("/leads?q=1").of("acme"));
    let seen = backend.last();
    let second = runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        call(&connection, "acme", "/leads?q=1").await.unwrap()
    });
    assert_eq!((second.status, second.text()), (200, first.text()));
    let names = |answer: &crate::harness::Answer| -> Vec<String> {
        let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&second), names(&first));
    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
    let again = backend.last();
    assert_eq!(again.target(), seen.target());
    for name in ["host", "x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "accept"] {
        assert_eq!(again.header(name), seen.header(name), "{name}");
    }
    assert_eq!(again.header("x-forwarded-host").as_deref(), Some("gate.test"));
    let line = gate.access_line(second.request_id());
    assert_eq!(
        (&line["method"], &line["path"], &line["code"]),
        (&"GET".into(), &"/leads".into(), &"ok".into())
    );
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 2.0);
}

#[test]
fn refusals_are_answers_and_the_connection_goes_on() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let long = format!("/leads?q={}", "a".repeat(20_000));
        #[rustfmt::skip]
        let cases = [
            ("nobody", "/leads",             401, "token_unknown"),
            ("acme",   "/nothing",           404, "report_not_found"),
            ("acme",   "/leads?_col=email",  403, "column_not_granted"),
            ("acme",   "/leads?strange=1",   400, "parameter_not_allowed"),
            ("acme",   long.as_str(),        414, "uri_too_long"),
            ("acme",   "/leads",             200, ""),
        ];
        for (principal, target, status, code) in cases {
            let answer = call(&connection, principal, target).await.unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target:.40}");
            assert_eq!(answer.header("connection"), None);
        }
    });
    assert_eq!(backend.count(), 1);
}

#[test]
fn head_has_no_body_and_post_has_one_with_trailers() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).with(POSTED).with(&poster()));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let mut head = get("acme", "/leads");
        *head.method_mut() = Method::HEAD;
        let answer = send(&connection, head, None).await.unwrap();
        assert_eq!((answer.status, answer.body.len(), answer.header("content-length")), (200, 0, None));
        let answer = send(&connection, post(), Some(b"q=1")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(backend.last().text().contains("q=1"));

        let (response, mut stream) =
            connection.clone().ready().await.unwrap().send_request(post(), false).unwrap();
        stream.send_data("q=2".into(), false).unwrap();
        let trailers = [("x-checksum", "1"), ("host", "other.test")];
        let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        stream.send_trailers(http::HeaderMap::from_iter(trailers)).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        let seen = backend.last();
        assert!(seen.text().contains("q=2"));
        assert!(!seen.head.contains("checksum") && !seen.head.contains("other.test"), "{}", seen.head);

        // A refusal does not wait for a body.
        let mut unknown = post();
        unknown.headers_mut().remove("authorization");
        let (response, _body) =
            connection.clone().ready().await.unwrap().send_request(unknown, false).unwrap();
        assert_eq!(response.await.unwrap().status(), 401);
        let answer = send(&connection, post(), Some(&[b'a'; 300_000])).await;
        assert!(answer.is_ok_and(|answer| answer.code() == "body_too_large"));
    });
}

#[test]
fn a_client_may_wait_to_be_asked_for_its_body() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).with(POSTED).with(&poster()));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        for is_known in [true, false] {
            let mut request = post();
            request.headers_mut().insert("expect", "100-continue".parse().unwrap());
            if !is_known {
                request.headers_mut().remove("authorization");
            }
            let (mut response, mut stream) =
                connection.clone().ready().await.unwrap().send_request(request, false).unwrap();
            let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await;
            assert_eq!(interim.is_some(), is_known);
            if let Some(interim) = interim {
                assert_eq!(interim.unwrap().status(), 100);
                stream.send_data("q=3".into(), true).unwrap();
            }
            assert_eq!(response.await.unwrap().status(), if is_known { 200 } else { 401 });
        }
    });
    assert!(backend.last().text().contains("q=3"));
}

/// As many streams as there may be, each for somebody else; the backend answers when it has seen them all.
#[test]
fn streams_are_answered_at_once_and_each_by_its_own_token() {
    const STREAMS: usize = 64;
    let arrived = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&arrived);
    let backend = RecordingBackend::start(move |received, reply| {
        seen.fetch_add(1, Ordering::Relaxed);
        let all = within(Duration::from_secs(10), || (seen.load(Ordering::Relaxed) >= STREAMS).then_some(()));
        let own = received.query().split('&').find_map(|pair| pair.strip_prefix("affiliate_id="));
        match (all, own) {
            (Some(()), Some(own)) => reply.json(format!(r#"{{"rows":[{{"country":"of {own}"}}]}}"#)),
            _ => reply.close(),
        }
    });
    let gate = gate_of_many(&backend, STREAMS, "");
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let mut calls = tokio::task::JoinSet::new();
        // h2 holds those back that are too many, once it knows how many may be.
        call(&connection, "nobody", "/leads").await.unwrap();
        for number in 0..STREAMS + 1 {
            let connection = connection.clone();
            let principal = format!("a{}", number % STREAMS);
            calls.spawn(async move { (principal.clone(), call(&connection, &principal, "/leads").await) });
        }
        while let Some(called) = calls.join_next().await {
            let (principal, answer) = called.unwrap();
            let answer = answer.unwrap();
            let expected =
                format!(r#"{{"rows":[{{"country":"of {}"}}]}}"#, principal.trim_start_matches('a'));
            assert_eq!((answer.status, answer.text()), (200, expected), "{principal}");
        }
    });
    assert_eq!(backend.count(), STREAMS + 1);
}

#[test]
fn a_stream_too_many_is_refused() {
    for (keys, streams) in [("limits = { h2_streams = 2 }", 2), ("", 64)] {
        let backend = RecordingBackend::start(|_, reply| reply.stall());
        let gate = gate_of_many(&backend, streams, keys);
        let mut raw = Raw::connect(&gate, &[]);
        let mut id = 1;
        for number in 0..streams {
            let bearer = format!("Bearer {}", token(&format!("a{number}")));
            raw.send(&get_frame(id, "/leads", &[("authorization", &bearer)]));
            id += 2;
        }
        eventually("all are under way", || (backend.count() == streams).then_some(()));
        raw.send(&get_frame(id, "/leads", &[]));
        let refused = raw.until(|frame| frame.stream != 0).expect("a refusal");
        assert!(refused.is_reset(id, REFUSED_STREAM), "{refused:?}");
        assert_eq!(backend.count(), streams);
    }
}

/// What a request made of these headers comes to: a status and code, or the code of a reset.
fn outcome(raw: &mut Raw, stream: u32, headers: &[(&str, &str)]) -> String {
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, block(headers)));
    match raw.answer(stream) {
        Ok((200, _)) => "ok".to_owned(),
        Ok((status, body)) => {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            format!("{status} {}", problem["code"].as_str().unwrap_or_default())
        }
        Err(code) => format!("reset {code}"),
    }
}

/// Names and values.
type Headers<'h> = &'h [(&'h str, &'h str)];

#[test]
fn heads_with_two_readings_are_refused_alone() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let bearer = format!("Bearer {}", token("acme"));
    let mut raw = Raw::connect(&gate, &[]);
    let malformed = "400 request_malformed";
    let reset = format!("reset {PROTOCOL_ERROR}");
    let reset = reset.as_str();
    #[rustfmt::skip]
    let cases: [(&str, Headers<'_>, &str); 27] = [
        // pseudo-headers: method, scheme, authority, path; other headers; outcome
        ("GET http gate.test /leads",      &[],                                "ok"),
        ("GET https gate.test:443 /leads", &[],                                "ok"),
        ("GET http - /leads",              &[("host", "gate.test")],           "ok"),
        ("GET http gate.test /leads",      &[("host", "Gate.Test")],           "ok"),
        ("GET http gate.test /leads",      &[("te", "trailers")],              "ok"),
        ("GET http - /leads",              &[],                                malformed),
        ("GET http gate.test /leads",      &[("host", "other.test")],          malformed),
        ("GET http gate.test /leads",      &[("host", "gate.test"), ("host", "gate.test")], malformed),
        ("GET http gate.test /leads",      &[("host", "gate.test:80")],        malformed),
        ("GET http - /leads",              &[("host", "a,b")],                 malformed),
        ("GET http u@gate.test /leads",    &[],                                malformed),
        ("GET ftp gate.test /leads",       &[],                                malformed),
        ("OPTIONS http gate.test *",       &[],                                malformed),
        ("CONNECT - gate.test -",          &[],                                malformed),
        ("GET http gate.test /leads",      &[("content-length", "3")],         reset),
        ("GET http gate.test /leads",      &[("connection", "close")],         reset),
        ("GET http gate.test /leads",      &[("keep-alive", "1")],             reset),
        ("GET http gate.test /leads",      &[("proxy-connection", "close")],   reset),
        ("GET http gate.test /leads",      &[("upgrade", "h2c")],              reset),
        ("GET http gate.test /leads",      &[("transfer-encoding", "chunked")], reset),
        ("GET http gate.test /leads",      &[("te", "gzip")],                  reset),
        ("GET http gate.test /leads",      &[(":status", "100")],              reset),
        ("GET http gate.test /leads",      &[("x", "1"), (":path", "/nothing")], reset),
        ("GET http gate.test leads",       &[],                                reset),
        ("GET - gate.test /leads",         &[],                                reset),
        ("- http gate.test /leads",        &[],                                reset),
        ("CONNECT http gate.test /leads",  &[(":protocol", "websocket")],      reset),
    ];
    let mut fine = 0;
    for (at, (pseudo, others, expected)) in cases.iter().enumerate() {
        let names = [":method", ":scheme", ":authority", ":path"];
        let pseudo = names.into_iter().zip(pseudo.split(' ')).filter(|(_, value)| *value != "-");
        let (first, rest): (Vec<_>, Vec<_>) =
            others.iter().copied().partition(|(name, _)| matches!(*name, ":status" | ":protocol"));
        let mut headers: Vec<_> = pseudo.chain(first).collect();
        headers.push(("authorization", &bearer));
        headers.extend(rest);
        let stream = 2 * u32::try_from(at).unwrap() + 1;
        assert_eq!(outcome(&mut raw, stream, &headers), *expected, "{:?} {others:?}", cases[at].0);
        fine += usize::from(*expected == "ok");
    }
    assert_eq!(backend.count(), fine);
    assert_eq!(backend.last().header("x-forwarded-host").as_deref(), Some("gate.test"));
}

/// A head in pieces is one head; between them nothing else may come.
#[test]
fn heads_may_come_in_pieces() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let bearer = format!("Bearer {}", token("acme"));
    let whole = get_frame(1, "/leads", &[("authorization", &bearer)]).split_off(9);
    let (first, second) = whole.split_at(40);
    let mut raw = Raw::connect(&gate, &[]);
    raw.send(&frame(HEADERS, END_STREAM, 1, first));
    raw.send(&frame(CONTINUATION, END_HEADERS, 1, second));
    assert_eq!(raw.answer(1).unwrap().0, 200);
    raw.send(&frame(HEADERS, END_STREAM, 3, first));
    raw.send(&get_frame(5, "/leads", &[("authorization", &bearer)]));
    assert!(raw.until(|frame| frame.is_goaway(PROTOCOL_ERROR)).is_some());
    raw.rest();
    assert_eq!(gate.line_with_code(1, "request_malformed")["method"], serde_json::Value::Null);
}

#[test]
fn a_broken_answer_breaks_its_stream_alone() {
    let backend = RecordingBackend::start(|received, reply| match received.query().contains("q=break") {
        true => {
            reply.chunked("application/json");
            reply.chunk(format!("{{\"rows\":[{}", r#"{"country":"DE"},"#.repeat(20_000)));
            reply.reset();
        }
        false => reply.json(ROW),
    });
    let gate = Gate::start(&Config::leads(&backend));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let broken = call(&connection, "acme", "/leads?q=break").await.unwrap();
        assert_eq!((broken.status, broken.end), (200, End::Broken));
        let line = gate.access_line(broken.request_id());
        assert_eq!((&line["status"], &line["code"]), (&200.into(), &"backend_response_invalid".into()));
        assert_eq!(call(&connection, "acme", "/leads").await.unwrap().status, 200);
    });
}

#[test]
fn the_address_that_a_client_uses_stands_in_its_document() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    runtime().block_on(async {
        let (connection, _) = connect(&gate).await;
        let answer = call(&connection, "acme", "/_gate/openapi.json").await.unwrap();
        assert_eq!(answer.json()["servers"][0]["url"], "http://gate.test");
    });
}

/// Requests of both protocols on one port, one after the other.
#[test]
fn the_first_bytes_tell_what_is_spoken() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let bearer = format!("Bearer {}", token("acme"));
    for cut in [1, 3, 4, 14, 18, 23, 24, 25] {
        let mut raw = Raw::silent(&gate);
        let bytes = [
            super::frames::PREFACE,
            &frame(super::frames::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0]),
            &get_frame(1, "/leads", &[("authorization", &bearer)]),
        ]
        .concat();
        let (first, second) = bytes.split_at(cut);
        raw.send(first);
        // That the gate has read the first part cannot be seen.
        within(Duration::from_millis(20), || None::<()>);
        raw.send(second);
        assert_eq!(raw.answer(1).unwrap().0, 200, "{cut}");
        assert_eq!(gate.get("acme", "/leads").status, 200);
    }
    let mut client = gate.client();
    client.send(b"PRI * HTTP/2.0\r\n\r\nsm\r\n\r\n");
    assert_eq!(client.answer("GET").map(|answer| answer.status), Some(400));
    // Behind a request of HTTP/1 there is no HTTP/2.
    let mut client = gate.client();
    assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
    client.send(super::frames::PREFACE);
    assert_eq!(client.answer("GET").map(|answer| answer.status), Some(400));
}
