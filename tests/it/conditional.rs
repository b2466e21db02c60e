//! HEAD, parts and conditions (RFC 9110 sections 9.3.2, 13 and 14): the gate answers whole, and tells nothing of the backend's body.

use crate::harness::{
    Answer, Config, End, Gate, LEADS, ROW, RecordingBackend, Request, TO_THE_BACKEND, affiliate, new_folder,
};

/// What a backend says of its own body; none of it is true of the filtered one.
const OF_THE_BODY: &str = "ETag: \"s3cr3t\"\r\nLast-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\
    Content-Range: bytes 0-9/10\r\nDigest: sha-256=s3cr3t\r\nContent-MD5: s3cr3t\r\nContent-Location: /s3cr3t\r\nContent-Language: de\r\n";

/// What is left of [`ROW`].
const OWN_ROW: &str = r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;

/// A gate whose report takes GET, HEAD and POST.
fn gate(backend: &RecordingBackend) -> Gate {
    let report = LEADS.replace("path = \"/leads\"", "path = \"/leads\"\nmethods = [\"GET\", \"POST\"]");
    let acme = affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]");
    Gate::start(&Config::empty(backend).with(&report).with(&acme))
}

/// Headers without those that differ by the moment or the framing.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    const PASSING: [&str; 4] = ["date", "x-request-id", "content-length", "transfer-encoding"];
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !PASSING.contains(&name.as_str()));
    headers.sort();
    headers
}

#[test]
fn conditions_and_parts_are_not_asked_for() {
    let backend = RecordingBackend::start(|_, reply| reply.respond("200 OK", OF_THE_BODY, ROW));
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("Range", "bytes=0-1"), ("Range", "bytes=-1"), ("Range", "rows=0-1"), ("Range", "bytes=9999-"), ("If-Range", "\"s3cr3t\""),
        ("If-None-Match", "\"s3cr3t\""), ("If-None-Match", "*"), ("If-Match", "\"other\""), ("If-Match", "*"),
        ("If-Modified-Since", "Wed, 25 Nov 2026 00:00:00 GMT"), ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("A-IM", "feed"), ("Cache-Control", "only-if-cached"), ("Want-Digest", "sha-256"),
    ];
    for (name, value) in cases {
        for request in [Request::get("/leads"), Request::get("/leads").http10()] {
            let answer = gate.call(&request.of("acme").header(name, value));
            let found = (answer.status, answer.end, answer.text());
            assert_eq!(found, (200, End::Complete, OWN_ROW.to_owned()), "{name}: {value}");
            // The harness knows every header that may be there.
            assert_eq!(answer.header("content-language"), Some("de"), "{name}: {value}");
            for (sent, _) in backend.last().headers() {
                assert!(TO_THE_BACKEND.contains(&sent.as_str()), "{name}: {sent} reached the backend");
            }
        }
        let head = gate.call(&Request::new("HEAD", "/leads").of("acme").header(name, value));
        assert_eq!(head.status, 200, "{name}: {value}");
        assert_eq!(backend.last().method(), "HEAD");
        assert_eq!(backend.last().header(&name.to_ascii_lowercase()), None);
    }
}

#[test]
fn an_expectation_is_met_here() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let mut client = gate.client();
    let request = Request::post("/leads", "application/x-www-form-urlencoded", "").of("acme");
    for value in ["100-continue", "100-Continue"] {
        assert_eq!(client.call(&request.clone().header("Expect", value)).text(), OWN_ROW);
        assert_eq!(backend.last().header("expect"), None);
    }
}

#[test]
fn parts_and_unchanged_bodies_that_nobody_asked_for_are_failures() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("206 Partial Content",            502, "backend_response_invalid"),
        ("304 Not Modified",               502, "backend_refused"),
        ("412 Precondition Failed",        502, "backend_failed"),
        ("416 Range Not Satisfiable",      502, "backend_failed"),
        ("417 Expectation Failed",         502, "backend_failed"),
        ("226 IM Used",                    200, ""),
    ];
    for (line, status, code) in cases {
        backend.behave(move |_, reply| reply.respond(line, OF_THE_BODY, ROW));
        let answer = gate.call(&Request::get("/leads").of("acme").header("Range", "bytes=0-1"));
        if code.is_empty() {
            assert_eq!((answer.status, answer.text().as_str()), (226, OWN_ROW), "{line}");
            continue;
        }
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{line}");
        let head = gate.call(&Request::new("HEAD", "/leads").of("acme"));
        assert_eq!((head.status, head.body.len()), (status, 0), "{line}");
        assert_eq!(gate.access_line(head.request_id())["code"], code, "{line}");
    }
}

#[test]
fn head_has_the_head_of_get() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("200 OK", OF_THE_BODY, true), ("201 Created", "", true), ("200 OK", "Content-Type: text/html\r\n", true), ("204 No Content", OF_THE_BODY, false),
        ("404 Not Found", OF_THE_BODY, true), ("503 Service Unavailable", OF_THE_BODY, true), ("302 Found", "Location: /s3cr3t\r\n", true),
    ];
    for (line, headers, has_body) in cases {
        backend.behave(move |received, reply| {
            let body = if received.method() == "HEAD" || !has_body { "" } else { ROW };
            let length = if has_body { format!("Content-Length: {}\r\n", ROW.len()) } else { String::new() };
            reply.send(format!("HTTP/1.1 {line}\r\n{headers}{length}\r\n{body}"));
        });
        let mut client = gate.client();
        let get = client.call(&Request::get("/leads").of("acme"));
        let head = client.call(&Request::new("HEAD", "/leads").of("acme"));
        assert_eq!((head.status, lasting(&head)), (get.status, lasting(&get)), "{line}");
        let is_success = head.status < 300;
        assert!(!is_success || head.header("content-length").is_none(), "{line}: of which body?");
        assert_eq!(head.header("etag"), None, "{line}");
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, get.status, "{line}: out of step");
    }
}

#[test]
fn refusals_of_head_have_a_head_only() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let mut client = gate.client();
    #[rustfmt::skip]
    let cases = [
        ("/leads?_col=email", 403, "column_not_granted"), ("/leads?x=1", 400, "parameter_not_allowed"), ("/nothing", 404, "report_not_found"),
    ];
    for (target, status, code) in cases {
        let answer = client.call(&Request::new("HEAD", target).of("acme"));
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{target}");
        assert_eq!(gate.access_line(answer.request_id())["code"], code, "{target}");
        assert_eq!(gate.access_line(answer.request_id())["bytes"], 0, "{target}");
    }
    assert_eq!(backend.count(), 0);
    assert_eq!(client.call(&Request::get("/leads").of("acme")).text(), OWN_ROW, "out of step");
}

/// A body where none may be must not become the answer to somebody else's request.
#[test]
fn a_body_where_none_may_be_is_nobodys_answer() {
    const POISON: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{\"rows\":[{\"country\":\"s3cr3t\"}]}      ";
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("HEAD", "200 OK\r\nContent-Length: 70", 200), ("HEAD", "200 OK\r\nTransfer-Encoding: chunked", 200), ("HEAD", "200 OK", 200),
        ("GET",  "204 No Content", 204), ("GET", "204 No Content\r\nContent-Length: 70", 204), ("GET", "205 Reset Content\r\nContent-Length: 0", 205),
        ("GET",  "304 Not Modified\r\nContent-Length: 70", 502), ("HEAD", "404 Not Found\r\nContent-Length: 70", 404),
        ("HEAD", "500 Oops", 502),
    ];
    for (method, head, status) in cases {
        let mut client = gate.client();
        backend.behave(move |_, reply| reply.send(format!("HTTP/1.1 {head}\r\n\r\n{POISON}")));
        let answer = client.call(&Request::new(method, "/leads").of("acme"));
        assert_eq!((answer.status, answer.end), (status, End::Complete), "{method} {head}");
        let poisoned = backend.last().connection;
        backend.behave(|_, reply| reply.json(ROW));
        for _ in 0..3 {
            let answer = client.call(&Request::get("/leads").of("acme"));
            assert_eq!((answer.status, answer.text().as_str()), (200, OWN_ROW), "{method} {head}");
            assert_ne!(
                backend.last().connection,
                poisoned,
                "{method} {head}: a connection out of step is used"
            );
        }
    }
}

#[test]
fn head_of_a_passed_body_has_no_validator_either() {
    let backend = RecordingBackend::start(|received, reply| {
        let body = if received.method() == "HEAD" { "" } else { "%PDF" };
        reply.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\nContent-Length: 4\r\n\r\n{body}"
        ));
    });
    let config =
        Config::leads(&backend).text().replace("format = \"json\"\nrows = \"/rows\"", "format = \"opaque\"");
    let mut gate = Gate::in_folder(new_folder(), &config, None);
    gate.extra_headers = &["etag"];
    let get = gate.call(
        &Request::get("/leads").of("acme").header("Range", "bytes=0-1").header("If-None-Match", "\"v1\""),
    );
    assert_eq!((get.status, get.text().as_str(), get.header("etag")), (200, "%PDF", Some("\"v1\"")));
    let head = gate.call(&Request::new("HEAD", "/leads").of("acme"));
    assert_eq!((head.status, head.header("etag"), head.header("content-length")), (200, None, None));
    assert_eq!(head.header("content-type"), Some("application/pdf"));
}
