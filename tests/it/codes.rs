//! Every code there is, provoked once: its status and problem, the headers it promises and no other's, its line and its count.
//!
//! The list is the program's own, so that a new code does not compile until somebody says here how it comes about.

use crate::harness::{
    Answer, Config, Gate, LEADS, ROW, Received, RecordingBackend, Reply, Request, affiliate, eventually,
    principal, token, within,
};
use reportgate::domain::code::Code;
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

const REPORTS: &str = r#"
[reports.posted]
permission = "get_posted_report"
backend = "legacy"
path = "/posted"
methods = ["POST"]
backend_method = "POST"
columns = { name = {} }
[reports.posted.request]
body = "json"
scope = [{ in = "json", at = "/affiliate" }]
[reports.posted.parameters]
"json:/day" = { type = "date", required = true }
[reports.posted.response]
format = "json"
rows = ""

[reports.lost]
permission = "get_leads_report"
backend = "nowhere"
path = "/lost"
columns = { name = {} }
request.scope = "public"

[reports.by_path]
permission = "get_path_report"
backend = "legacy"
path = "/by-path"
backend_path = "/of/{scope}/rows"
columns = { name = {} }
[reports.by_path.request]
scope = [{ in = "path", name = "affiliate_id" }]
"#;

const SERVER: &str = r#"
trusted_proxies = ["127.0.0.1"]
lockout = { failures = 1, within = "1h", for = "1h" }
limits = { body_bytes = "1KiB", headers = 64, body_timeout = "300ms" }
shutdown_grace = "100ms"
"#;

fn config(backend: &RecordingBackend) -> Config {
    // A port that was free a moment ago.
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let holder = |id: &str, keys: &str| {
        affiliate(id, &format!("role = \"standard\"\ncolumns.lost = \"all\"\nscope = [\"1001\"]\n{keys}"))
    };
    let leads = LEADS
        .replace("[reports.leads]", "[reports.leads]\nbackend = \"legacy\"")
        .replace("[roles.gold]", "columns.lost = \"all\"\n[roles.gold]");
    Config::empty(backend)
        .server(SERVER)
        .backend("timeout = \"300ms\"")
        .with(&format!("[backends.nowhere]\nurl = \"http://{nobody}\"\n"))
        .with(&leads)
        .with(REPORTS)
        .with(&holder("acme", ""))
        .with(&holder("busy", "rate_limit = \"1/d\""))
        .with(&holder("away", "").replace("127.0.0.1", "203.0.113.7"))
        .with(&holder("gone", "disabled = true"))
        .with(&holder("late", "").replace("\"never\"", "2026-01-02T00:00:00Z"))
        .with(&affiliate(
            "poster",
            "permissions = [\"get_posted_report\"]\ncolumns.posted = \"all\"\nscope = [\"1001\"]",
        ))
        .with(&principal(
            "employees",
            "jane",
            "permissions = [\"get_path_report\"]\ncolumns.by_path = \"all\"\nscope = \"all\"\nallowed_ips = [\"127.0.0.1\"]",
        ))
}

/// Answers with the status that stands in the query.
fn backend(received: &Received, reply: &mut Reply<'_>) {
    match received.query().split("q=").nth(1).and_then(|rest| rest.split('&').next()) {
        Some("silence") => reply.stall(),
        Some("nonsense") => reply.json("nonsense"),
        Some(status) => reply.respond(&format!("{status} Status"), "", ROW),
        None => reply.json(ROW),
    }
}

/// The answer that has this code; `None`: no answer has.
fn provoked(code: Code, gate: &Gate) -> Option<Answer> {
    let get = |target: &str| Request::get(target).of("acme");
    let ask = |query: &str| Some(gate.call(&get(&format!("/leads?{query}"))));
    let of = |who: &str| Some(gate.get(who, "/leads"));
    let from = |address: &str| Request::get("/leads").header("X-Forwarded-For", address);
    let stranger = |address: &str| gate.call(&from(address).bearer("nobody-ever-had-this-one"));
    let post = |body: &str| Request::post("/posted", "application/json", body).of("poster");
    match code {
        Code::RequestMalformed => Some(gate.call(&get("/leads").header("Host", "gate.test"))),
        Code::ForwardedInvalid => Some(gate.call(&from("nobody").of("acme"))),
        Code::RequestTimeout => {
            let mut client = gate.client();
            let whole = post(r#"{"day":"2026-01-01"}"#).bytes();
            client.send(&whole[..whole.len() - 5]);
            client.answer("POST")
        }
        Code::UriTooLong => ask(&"x".repeat(20_000)),
        Code::HeadersTooLarge => {
            Some(gate.call(&get("/leads").header("Accept-Language", &"x".repeat(20_000))))
        }
        Code::TokenMissing => Some(gate.call(&Request::get("/leads"))),
        Code::TokenMalformed => {
            Some(gate.call(&from("192.0.2.1").of("acme").header("X-Api-Key", &token("acme"))))
        }
        Code::TokenUnknown => Some(stranger("192.0.2.2")),
        Code::LockedOut => {
            stranger("192.0.2.3");
            Some(stranger("192.0.2.3"))
        }
        Code::TokenExpired => of("late"),
        Code::PrincipalDisabled => of("gone"),
        Code::IpNotAllowed => of("away"),
        Code::RateLimited => {
            assert_eq!(gate.get("busy", "/leads").status, 200);
            of("busy")
        }
        Code::PathInvalid => Some(gate.call(&get("//leads"))),
        Code::ReportNotFound => Some(gate.call(&get("/nothing"))),
        Code::MethodNotAllowed => Some(gate.call(&Request::new("PUT", "/leads").of("acme"))),
        Code::PermissionMissing => of("poster"),
        Code::FormatNotAvailable => ask("format=csv"),
        Code::ContentTypeInvalid => {
            Some(gate.call(&Request::post("/posted", "text/plain", "{}").of("poster")))
        }
        Code::BodyTooLarge => Some(gate.call(&post(&" ".repeat(1_025)))),
        Code::BodyInvalid => Some(gate.call(&post("{\"day\":"))),
        Code::ParameterInvalid => ask("size=0"),
        Code::ParameterNotAllowed => ask("page=2"),
        Code::ParameterMissing => Some(gate.call(&post("{}"))),
        Code::ScopeNotGranted => ask("affiliate_id=1002"),
        Code::ScopeRequired => Some(gate.get("jane", "/by-path")),
        Code::ColumnNotGranted => ask("_col=email"),
        Code::BackendRejected => ask("q=422"),
        Code::BackendRefused => ask("q=401"),
        Code::BackendFailed => ask("q=500"),
        Code::BackendUnreachable => Some(gate.get("acme", "/lost")),
        Code::BackendResponseInvalid => ask("q=nonsense"),
        Code::BackendTimeout => ask("q=silence"),
        Code::Overloaded => ask("q=503"),
        Code::HostNotAllowed => {
            let request = Request::get("/status").hostless().header("Host", "evil.test");
            Some(gate.admin_call(&request))
        }
        // It is never sent, ends the gate, or is a fault of the gate's own that no test knows how to bring about.
        Code::ClientGone | Code::Draining | Code::Internal => None,
    }
}

/// The codes whose answers say more in these headers; all others' answers have none of them.
const PROMISES: [(&str, &[Code]); 3] = [
    (
        "www-authenticate",
        &[
            Code::TokenMissing,
            Code::TokenMalformed,
            Code::TokenUnknown,
            Code::TokenExpired,
            Code::PrincipalDisabled,
        ],
    ),
    ("retry-after", &[Code::RateLimited, Code::LockedOut, Code::Overloaded, Code::Draining]),
    ("allow", &[Code::MethodNotAllowed]),
];

#[track_caller]
fn check(code: Code, answer: &Answer) {
    let kept = if code == Code::BackendRejected { 422 } else { code.status() };
    let body = answer.json();
    assert_eq!((answer.status, &body["status"]), (kept, &json!(kept)), "{code}: {body}");
    assert_eq!(body["code"], code.as_str(), "{body}");
    assert_eq!(body["title"], code.title(), "{code}");
    assert_eq!(body["type"], format!("urn:reportgate:{code}"), "{code}");
    assert!(body["detail"].as_str().is_some_and(|text| !text.is_empty()), "{code}: {body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{code}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{code}");
    let cached = answer.header("cache-control");
    assert!(cached.is_some_and(|value| value.ends_with("no-store")), "{code}: {cached:?}");
    for (header, codes) in PROMISES {
        assert_eq!(answer.header(header).is_some(), codes.contains(&code), "{code}: {header}");
    }
    if let Some(challenge) = answer.header("www-authenticate") {
        // RFC 6750 section 3.1: whoever sent no token is told of no error.
        let is_told = challenge.contains("error=\"invalid_token\"");
        assert!(challenge.starts_with("Bearer ") && is_told == (code != Code::TokenMissing), "{challenge}");
    }
    if let Some(again) = answer.header("retry-after") {
        assert!(again.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{code}: {again}");
    }
    if let Code::RateLimited | Code::LockedOut = code {
        assert!(answer.header("ratelimit").is_some_and(|left| left.contains(";r=0;")), "{code}");
    }
}

#[test]
fn every_code_is_provoked_and_keeps_its_promises() {
    let backend = RecordingBackend::start(backend);
    let mut gate = Gate::start(&config(&backend));
    let mut unprovoked = Vec::new();
    for code in Code::ALL {
        let before = gate.metrics().sum_of_outcome(code.as_str());
        let Some(answer) = provoked(*code, &gate) else {
            unprovoked.push(*code);
            continue;
        };
        check(*code, &answer);
        if *code == Code::HostNotAllowed {
            // The admin listener's requests are none of the gate's.
            continue;
        }
        let line = gate.access_line(answer.request_id());
        assert_eq!(
            (&line["code"], &line["status"]),
            (&json!(code.as_str()), &json!(answer.status)),
            "{code}: {line}"
        );
        eventually(code.as_str(), || (gate.metrics().sum_of_outcome(code.as_str()) > before).then_some(()));
    }
    gone(&gate, &backend);
    draining(&mut gate);
    assert_eq!(unprovoked, [Code::Draining, Code::Internal, Code::ClientGone]);
}

/// A client that leaves gets nothing; its line and count have the code.
fn gone(gate: &Gate, backend: &RecordingBackend) {
    let (lines, asked) = (gate.lines(), backend.count());
    let mut client = gate.client();
    client.send(&Request::get("/leads?q=silence").of("acme").bytes());
    eventually("the backend is asked", || (backend.count() > asked).then_some(()));
    client.reset();
    let line = gate.line_with_code(lines, Code::ClientGone.as_str());
    assert_eq!(line["status"], json!(Code::ClientGone.status()));
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"client_gone\"}", 1.0);
}

/// Ends the gate. What is begun in the moment between the grace and the end is refused.
fn draining(gate: &mut Gate) {
    let request = Request::get("/leads").of("acme");
    let mut slow = gate.client();
    slow.send(&Request::get("/leads?q=silence").of("acme").bytes());
    let mut open: Vec<_> = std::iter::repeat_with(|| gate.client()).take(200).collect();
    open.iter_mut().for_each(|client| assert_eq!(client.call(&request).status, 200));
    gate.signal("TERM");
    let refused = within(Duration::from_secs(2), || {
        let answer = open.pop()?.try_call(&request)?;
        (answer.status != 200).then_some(answer)
    });
    check(Code::Draining, &refused.expect("a refusal"));
    gate.program.exit();
}
