//! `explain`: what it says of a request is what the gate does with it, to the byte.

use crate::harness::{
    Config, Gate, LEADS, ROW, RecordingBackend, Request, SECRET, TOKEN, affiliate, new_folder, principal,
    run, run_with, token,
};
use http::{HeaderName, HeaderValue, Method};
use proptest::prelude::{Just, Strategy, prop, prop_oneof};
use proptest::test_runner::{Config as Runs, TestRunner};
use reportgate::domain::names::PrincipalId;
use reportgate::load::{self, Asks, Decision, Explanation, WrittenRequest};
use reportgate::policy::Policy;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;

/// Reports of three dialects: leads in the query, orders in JSON, clicks in a form.
const REPORTS: &str = r#"
[reports.orders]
permission = "get_orders"
path = "/orders"
methods = ["GET", "POST"]
backend_method = "POST"
columns = { first = {}, second = { request = "Second" }, hidden = {} }

[reports.orders.request]
body = "json"
columns = { in = "json", at = "/fields", style = "array" }
scope = [{ in = "json", at = "/filter/aff", type = "number" }]
set = { "json:/v" = 2 }

[reports.orders.parameters]
"json:/range/from" = { type = "date" }
size = { type = "integer", min = 1, max = 100, default = "10", backend = "json:/size" }

[reports.orders.response]
format = "json"
rows = ""

[reports.clicks]
title = "Clicks"
permission = "get_clicks"
path = "/clicks"
methods = ["POST"]
backend_method = "POST"
backend_path = "/by/{scope}/clicks"
columns = { first = {}, second = {}, hidden = {} }

[reports.clicks.request]
body = "form"
columns = { in = "form", name = "cols", style = "csv" }
scope = [{ in = "path", name = "aff" }]
on_unknown_parameter = "drop"
allow = ["form:q"]

[reports.clicks.response]
format = "csv"
"#;

/// The rights of who has one id, or all; clicks take no more than one.
const GRANTS: &str = r#"
permissions = ["get_leads_report", "get_orders", "get_clicks"]
columns.leads = ["created_at", "country", "commission"]
columns.orders = ["second", "first"]
columns.clicks = ["first"]
"#;

/// The rights of who has two.
const FEWER: &str = r#"
permissions = ["get_leads_report", "get_orders"]
columns.leads = ["created_at", "country", "commission"]
columns.orders = ["second", "first"]
"#;

fn config(backend: &RecordingBackend) -> Config {
    const ANYWHERE: &str = "allowed_ips = [\"127.0.0.1\", \"192.0.2.0/24\"]";
    let affiliate =
        |id: &str, keys: &str| principal("affiliates", id, &format!("kind = \"affiliate\"\n{keys}"));
    let holder =
        |id: &str, keys: &str| affiliate(id, &format!("{keys}\nscope = [\"1003\"]\n{ANYWHERE}{GRANTS}"));
    Config::empty(backend)
        .server("lockout = \"off\"")
        .server(
            "trusted_proxies = [\"127.0.0.1\"]\ntoken_in = [\"bearer\", \"header:x-api-key\", \"query:key\"]",
        )
        .backend(&format!(
            "headers = {{ \"x-legacy\" = \"{SECRET}\" }}\nquery = {{ \"k[]\" = \"{SECRET}\" }}"
        ))
        .with(LEADS)
        .with(REPORTS)
        .with(&affiliate("acme", &format!("scope = [\"1001\"]\nallowed_ips = [\"127.0.0.1\"]{GRANTS}")))
        .with(&affiliate("duo", &format!("scope = [\"1001\", \"1002\"]\n{ANYWHERE}{FEWER}")))
        .with(&principal("employees", "jane", &format!("scope = \"all\"\n{ANYWHERE}{GRANTS}")))
        .with(&holder("off", "disabled = true"))
        .with(&holder("old", "").replace("\"never\"", "2026-01-02T00:00:00Z"))
}

/// A request as a client might send it.
#[derive(Debug, Clone)]
struct Asked {
    who: &'static str,
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<&'static str>,
}

impl Asked {
    fn live(&self) -> Request {
        let request = Request::new(self.method, &self.target).of(self.who);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        match self.body {
            Some(body) => request.body(body),
            None => request,
        }
    }

    fn explained(&self, policy: &Policy) -> Explanation {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let host = [("host", "gate.test")];
        let headers = host.iter().chain(&self.headers).map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value))
        });
        let request = WrittenRequest {
            asks: Asks::Token(&token(self.who)),
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            method: &method,
            target: &self.target,
            headers: &headers.collect::<Vec<_>>(),
            body: self.body.unwrap_or_default().as_bytes(),
            request_id: "explain",
        };
        load::explain(policy, &request, reportgate::clock::now())
    }
}

/// One of these.
fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(choices)
}

/// Method, path, pieces of the query, and a body with its content type.
type Wanted = (&'static str, &'static str, Vec<&'static str>, Option<(&'static str, &'static str)>);

/// What is asked for: mostly what a report takes, or nearly.
fn wanted() -> impl Strategy<Value = Wanted> {
    #[rustfmt::skip]
    let pieces = one_of(&[
        "_col=country", "_col=created_at", "_col=email", "_col=nothing", "affiliate_id=1001", "affiliate_id=2002",
        "Affiliate_id=1001", "affiliate%5Fid=1", "_sort=country", "_sort=email", "q=a%20b", "q=%FF", "size=20", "size=0",
        "size=x", "land=DE", "mail=x", "from=2026-01-31", "from=2026-02-30", "format=csv", "format=json", "x=1", "%20=1",
        "q=a;b", "k%5B%5D=1", "key=other", "_shape=arrays",
    ]);
    #[rustfmt::skip]
    let json = one_of(&[
        "{}", r#"{"fields":["first"]}"#, r#"{"fields":["hidden"]}"#, r#"{"range":{"from":"2026-01-31"}}"#,
        r#"{"range":{"from":1}}"#, r#"{"filter":{"aff":1001}}"#, r#"{"filter":{"aff":9}}"#, r#"{"a":1,"a":2}"#, "{", "[]",
    ]);
    let form =
        one_of(&["cols=first", "cols=second", "q=1", "q=1&q=2", "x=1", "cols=first&q=%C3%A9", "aff=1001"]);
    let body = prop_oneof![
        json.prop_map(|body| ("application/json", body)),
        form.prop_map(|body| ("application/x-www-form-urlencoded", body)),
    ];
    let body = prop::option::of(body).boxed();
    let some = |pieces, most| prop::collection::vec(pieces, 0..=most);
    let leads = (one_of(&["GET", "GET", "GET", "HEAD"]), Just("/leads"), some(pieces.boxed(), 3), Just(None));
    let small = || one_of(&["size=5", "size=500", "size=5", "aff=1001", "aff=1002,1001"]).boxed();
    let posted = (one_of(&["POST", "GET"]), one_of(&["/orders", "/clicks"]), some(small(), 1), body.clone());
    #[rustfmt::skip]
    let paths = one_of(&["/leads", "/orders", "/clicks", "/nothing", "/leads/", "/%6ceads", "/../leads", "//leads", "/"]);
    let stray = (one_of(&["GET", "POST", "PUT", "OPTIONS"]), paths, some(small(), 1), body);
    prop_oneof![4 => leads, 4 => posted, 1 => stray]
}

fn asked() -> impl Strategy<Value = Asked> {
    let who =
        prop_oneof![5 => Just("acme"), 4 => one_of(&["duo", "jane"]), 1 => one_of(&["off", "old", "nobody"])];
    #[rustfmt::skip]
    let header = prop::sample::select(&[
        ("Accept", "text/csv"), ("Accept", "application/json, */*;q=0.1"), ("User-Agent", "bi/1.0 (\"x\")"),
        ("Accept-Language", "de"), ("Cookie", "a=1"), ("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-For", "203.0.113.1"),
        ("X-Forwarded-For", "oops"), ("X-Api-Key", "another-one-of-somebody"), ("Content-Type", "text/plain"),
        ("Host", "other"), ("X-Legacy", "mine"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("Expect", "200-ok"), ("Range", "bytes=0-1"), ("X-Forwarded-Proto", "https"),
    ][..]);
    let headers = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(header, 1..3)];
    (who, wanted(), headers).prop_map(|(who, (method, path, query, body), mut headers)| {
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{path}{mark}{}", query.join("&"));
        headers.extend(body.map(|(content_type, _)| ("Content-Type", content_type)));
        Asked { who, method, target, headers, body: body.map(|(_, body)| body) }
    })
}

/// The latest request of the backend as it is shown.
fn received(backend: &RecordingBackend) -> Value {
    let seen = backend.last();
    let headers = seen.headers().into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "x-request-id" => "explain".to_owned(),
            "x-legacy" if value == SECRET => "***".to_owned(),
            _ => value,
        };
        json!([name, value])
    });
    let url = format!("http://{}{}", backend.address(), seen.target());
    json!([
        seen.method(),
        url.replace(&format!("k%5B%5D={SECRET}"), "k%5B%5D=***"),
        headers.collect::<Value>(),
        seen.text()
    ])
}

#[test]
fn a_thousand_requests_are_explained_as_they_are_answered() {
    let backend = RecordingBackend::start(|_, reply| reply.send("HTTP/1.1 204 No Content\r\n\r\n"));
    let gate = Gate::start(&config(&backend));
    let policy = load::load(&gate.config(), reportgate::clock::now()).unwrap().policy;
    let endings = RefCell::new(BTreeMap::<&str, u32>::new());
    let runs = Runs { cases: 1_000, failure_persistence: None, ..Runs::default() };
    let agree = |asked: Asked| {
        let before = backend.count();
        let answer = gate.call(&asked.live());
        let explained = asked.explained(&policy);
        *endings.borrow_mut().entry(explained.code).or_default() += 1;
        let (allowed, refused): (Vec<_>, Vec<_>) = explained.steps.iter().partition(|step| step.ok);
        match &explained.backend_request {
            Some(shown) => {
                assert_eq!(
                    (answer.status, backend.count()),
                    (204, before + 1),
                    "{asked:?} {}",
                    answer.text()
                );
                let shown = json!([shown.method, shown.url, shown.headers, shown.body]);
                assert_eq!(shown, received(&backend), "{asked:?}");
                assert_eq!((explained.decision, allowed.len()), (Decision::Allow, 18));
            }
            None => {
                assert_eq!(
                    (answer.status, backend.count()),
                    (explained.status, before),
                    "{asked:?} {explained:?}"
                );
                // Neither HEAD nor what is no HTTP to hyper is told why.
                if !answer.body.is_empty() {
                    assert_eq!(answer.code(), explained.code, "{asked:?}");
                    let told = answer.json()["detail"].as_str().unwrap().to_owned();
                    assert!(refused[0].detail.starts_with(&told), "{told} {explained:?}");
                }
                assert_eq!((explained.decision, refused.len()), (Decision::Deny, 1), "{asked:?}");
                assert!(!explained.steps.last().unwrap().ok, "{asked:?}");
            }
        }
        let printed = serde_json::to_string(&explained).unwrap();
        assert!(!printed.contains(SECRET) && !printed.contains(TOKEN), "{printed}");
        Ok(())
    };
    TestRunner::new(runs).run(&asked(), agree).unwrap();
    let endings = endings.into_inner();
    assert!(endings.len() > 15 && endings["ok"] > 100, "the requests are of all kinds: {endings:?}");
}

/// What `explain --format json` prints, and its exit code.
#[track_caller]
fn explain(gate: &Gate, arguments: &[&str]) -> (Value, Option<i32>) {
    let config = gate.config();
    let all = [&["explain", "-c", config.to_str().unwrap(), "--format", "json"], arguments].concat();
    let output = run_with(&all, &format!("{}\n", token("acme")));
    let json = serde_json::from_slice(&output.stdout);
    (json.unwrap_or_else(|error| panic!("{error}: {}", said(&output))), output.status.code())
}

/// Both outputs; neither holds a secret.
#[track_caller]
fn said(output: &Output) -> String {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");
    said
}

#[test]
fn the_command_says_what_the_gate_does() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&config(&backend));
    let file = gate.folder().join("order.json");
    std::fs::write(&file, r#"{"fields":["first"]}"#).unwrap();
    let file = format!("@{}", file.display());
    let json_body = ["-H", "content-type: application/json", "-d"];
    #[rustfmt::skip]
    let cases: [(&[&str], &str, Option<&str>); 12] = [
        (&["--as", "acme", "--ip", "127.0.0.1", "/leads"], "ok", None),
        (&["--as", "acme", "--ip", "127.0.0.1", "GET", "https://reports.example/leads?q=x#here"], "ok", None),
        (&["--token-stdin", "--ip", "127.0.0.1", "/leads"], "ok", None),
        (&["--token-stdin", "--ip", "192.0.2.1", "/leads"], "ip_not_allowed", Some("whitelist")),
        (&["--token-stdin", "--ip", "127.0.0.1", "-H", "X-Api-Key: second", "/leads"], "token_malformed", Some("token")),
        (&["--as", "acme", "--ip", "127.0.0.1", "/leads?_col=email"], "column_not_granted", Some("columns")),
        (&["--as", "acme", "--ip", "127.0.0.1", "/leads?mail=x"], "column_not_granted", Some("columns")),
        (&["--as", "acme", "--ip", "127.0.0.1", "/leads?affiliate_id=2"], "scope_not_granted", Some("scope")),
        (&["--as", "acme", "--ip", "127.0.0.1", "-d", "x=1", "/leads"], "method_not_allowed", Some("method")),
        (&["--as", "off", "--ip", "127.0.0.1", "/leads"], "principal_disabled", Some("disabled")),
        (&["--as", "duo", "--ip", "127.0.0.1", "-H", "X-Forwarded-For: 192.0.2.1", "/leads"], "ok", None),
        (&["--as", "duo", "--ip", "127.0.0.1", "/orders", json_body[0], json_body[1], json_body[2], &file], "ok", None),
    ];
    for (arguments, code, refused) in cases {
        let (found, exit) = explain(&gate, arguments);
        assert_eq!(
            (&found["code"], exit),
            (&json!(code), Some(i32::from(code != "ok"))),
            "{arguments:?} {found}"
        );
        let steps = found["steps"].as_array().unwrap();
        let refusing: Vec<_> = steps.iter().filter(|step| step["ok"] == json!(false)).collect();
        assert_eq!(
            refusing.first().map(|step| step["step"].as_str().unwrap()),
            refused,
            "{arguments:?} {found}"
        );
        assert_eq!(found["backend_request"].is_null(), code != "ok", "{arguments:?}");
        assert_eq!(found["decision"], if code == "ok" { "allow" } else { "deny" });
    }
    assert_eq!(backend.count(), 0, "nothing is sent");

    let (found, _) = explain(&gate, cases[1].0);
    let sent = &found["backend_request"];
    assert_eq!(sent["headers"]["x-forwarded-host"], "reports.example");
    assert_eq!(sent["headers"]["x-legacy"], "***");
    let (found, _) = explain(&gate, cases[11].0);
    let body: Value = serde_json::from_str(found["backend_request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"fields": ["first"], "filter": {"aff": [1001, 1002]}, "size": 10, "v": 2}));
}

#[test]
fn it_is_printed_for_reading_too() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, config(&backend).text()).unwrap();
    let path = path.to_str().unwrap();
    let base = ["explain", "-c", path, "--as", "acme", "--ip", "127.0.0.1"];
    let allowed = run(&[&base[..], &["/leads"]].concat());
    let text = said(&allowed);
    for part in [
        "skipped: acme is taken to ask",
        "created_at, country, commission (3 of 5)",
        "x-legacy: ***",
        "k%5B%5D=***",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let refused = said(&run(&[&base[..], &["/leads?_col=em%1b%5Bail"]].concat()));
    assert!(
        refused.contains("columns: em\\u{1b}[ail; granted: created_at") && !refused.contains('\u{1b}'),
        "{refused}"
    );
    assert!(refused.ends_with("refused: 403 column_not_granted\n"), "{refused}");

    #[rustfmt::skip]
    let mistakes: [(&[&str], i32); 6] = [
        (&["--as", "acme", "/leads"], 2), (&["--ip", "127.0.0.1", "/leads"], 2),
        (&["--as", "acme", "--token-stdin", "--ip", "127.0.0.1", "/leads"], 2), (&["--as", "acme", "--ip", "127.0.0.1", "leads"], 2),
        (&["--as", "acme", "--ip", "127.0.0.1", "-d", "@/nowhere", "/leads"], 2), (&["--as", "amce", "--ip", "127.0.0.1", "/leads"], 1),
    ];
    for (arguments, code) in mistakes {
        let output = run(&[&["explain", "-c", path], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {}", said(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn everyone_who_may_ask_is_told_by_id() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let text = Config::leads(&backend).with(&affiliate("none", "scope = [\"1\"]")).text();
    std::fs::write(&path, text).unwrap();
    let policy = load::load(&path, reportgate::clock::now()).unwrap().policy;
    let id = PrincipalId::parse("none").unwrap();
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let asks = [(Asks::Holder(&id), "ip_not_allowed"), (Asks::HolderAnywhere(&id), "permission_missing")];
    for (asks, code) in asks {
        let request = WrittenRequest {
            asks,
            from: elsewhere,
            method: &Method::GET,
            target: "/leads",
            headers: &[],
            body: &[],
            request_id: "explain",
        };
        assert_eq!(load::explain(&policy, &request, reportgate::clock::now()).code, code);
    }
}
