//! Every refusal that a client can earn: status, headers, extras, line and count; the backend sees none of them.

use crate::harness::{
    Answer, Config, Gate, LEADS, ROW, RecordingBackend, Request, affiliate, principal, stored, token,
};
use serde_json::{Value, json};

/// More reports, so that every refusal can be earned.
const REPORTS: &str = r#"
[reports.posted]
permission = "get_posted_report"
path = "/posted"
methods = ["POST"]
backend_method = "POST"
columns = { name = {}, amount = {} }
[reports.posted.request]
body = "json"
columns = { in = "json", at = "/columns", style = "array" }
scope = [{ in = "json", at = "/affiliate" }]
[reports.posted.parameters]
"json:/day" = { type = "date", required = true }
[reports.posted.response]
format = "json"
rows = ""

[reports.period]
permission = "get_period_report"
path = "/period"
columns = { name = {} }
[reports.period.request]
scope = "public"
spans = [{ from = "from", to = "to", max = "31d" }]
[reports.period.parameters]
from = { type = "date" }
to = { type = "date" }
[reports.period.response]
format = "json"
rows = ""

[reports.by_path]
permission = "get_path_report"
path = "/by-path"
backend_path = "/of/{scope}/rows"
columns = { name = {} }
[reports.by_path.request]
scope = [{ in = "path", name = "affiliate_id" }]
[reports.by_path.response]
format = "json"
rows = ""
"#;

const POSTER: &str = "permissions = [\"get_posted_report\"]\ncolumns.posted = [\"name\"]\nscope = [\"1001\"]";

fn config(backend: &RecordingBackend) -> Config {
    let expired = affiliate("late", "role = \"standard\"\nscope = [\"1002\"]")
        .replace("created = 2026-01-01T00:00:00Z\nexpires = \"never\"", "expires = 2026-01-02T00:00:00Z");
    Config::leads(backend)
        .server("trusted_proxies = [\"127.0.0.1\"]\nlimits = { body_bytes = \"1KiB\", headers = 64 }")
        .with(REPORTS)
        .with(&expired)
        .with(
            &affiliate("away", "role = \"standard\"\nscope = [\"1003\"]").replace("127.0.0.1", "203.0.113.7"),
        )
        .with(&affiliate("gone", "role = \"standard\"\nscope = [\"1004\"]\ndisabled = true"))
        .with(&affiliate("poster", POSTER))
        .with(&principal(
            "employees",
            "jane",
            "allowed_ips = [\"127.0.0.1\"]\nscope = \"all\"\npermissions = [\"get_path_report\", \"get_period_report\"]\n\
             columns.by_path = [\"name\"]\ncolumns.period = [\"name\"]",
        ))
}

/// A request and how it is refused: name, request, status, code, report, header, extras (null: any value).
type Case = (&'static str, Request, u16, &'static str, &'static str, &'static str, Value);

fn get(target: &str) -> Request {
    Request::get(target).of("acme")
}

fn leads(query: &str) -> Request {
    get(&format!("/leads?{query}"))
}

fn period(query: &str) -> Request {
    Request::get(&format!("/period?{query}")).of("jane")
}

fn post(body: &str) -> Request {
    Request::post("/posted", "application/json", body).of("poster")
}

/// What is refused before the report is known.
fn strangers() -> Vec<Case> {
    let typo = format!("rg_{}", "0".repeat(38));
    let unknown = "nobody-ever-had-this-one";
    let long = "x".repeat(20_000);
    #[rustfmt::skip]
    let cases = vec![
        // name                          request                                             status  code                     report   header                      extras
        ("no host",                      get("/leads").hostless(),                              400, "request_malformed",     "-",     "",                         json!({})),
        ("a host twice",                 get("/leads").header("Host", "gate.test"),             400, "request_malformed",     "-",     "",                         json!({})),
        ("two hosts in one",             get("/leads").hostless().header("Host", "a,b"),        400, "request_malformed",     "-",     "",                         json!({})),
        ("a user in the host",           get("/leads").hostless().header("Host", "u@a"),        400, "request_malformed",     "-",     "",                         json!({})),
        ("another transfer coding",      get("/leads").header("Transfer-Encoding", "gzip, chunked"), 400, "request_malformed", "-",    "",                         json!({})),
        ("a long target",                leads(&format!("q={long}")),                           414, "uri_too_long",          "-",     "",                         json!({})),
        ("a long header",                get("/leads").header("Accept-Language", &long),        431, "headers_too_large",     "-",     "",                         json!({})),
        ("many headers",                 many(get("/leads"), 65),                               431, "headers_too_large",     "-",     "",                         json!({})),
        ("an unreadable client address", get("/leads").header("X-Forwarded-For", "nobody"),     400, "forwarded_invalid",     "-",     "",                         json!({})),
        ("no token",                     Request::get("/leads"),                                401, "token_missing",         "-",     "www-authenticate: Bearer", json!({})),
        ("no token, unknown path",       Request::get("/nothing"),                              401, "token_missing",         "-",     "www-authenticate: Bearer", json!({})),
        ("no token, odd path",           Request::get("//%2e/"),                                401, "token_missing",         "-",     "www-authenticate: Bearer", json!({})),
        ("a token elsewhere",            Request::get("/leads?token=elsewhere"),                401, "token_missing",         "-",     "www-authenticate: Bearer", json!({})),
        ("two tokens",                   get("/leads").header("X-Api-Key", &token("acme")),     401, "token_malformed",       "-",     "www-authenticate: Bearer", json!({})),
        ("a token twice",                get("/leads").bearer(&token("acme")),                  401, "token_malformed",       "-",     "www-authenticate: Bearer", json!({})),
        ("a typo",                       Request::get("/leads").bearer(&typo),                  401, "token_malformed",       "-",     "www-authenticate: Bearer", json!({})),
        ("an unknown token",             Request::get("/leads").bearer(unknown),                401, "token_unknown",         "-",     "www-authenticate: Bearer", json!({})),
        ("an unknown token in a header", Request::get("/leads").header("X-Api-Key", unknown),   401, "token_unknown",         "-",     "www-authenticate: Bearer", json!({})),
        ("an unknown token, no report",  Request::get("/nothing").bearer(unknown),              401, "token_unknown",         "-",     "www-authenticate: Bearer", json!({})),
        ("an expired token",             Request::get("/leads").of("late"),                     401, "token_expired",         "-",     "www-authenticate: Bearer", json!({})),
        ("a disabled principal",         Request::get("/leads").of("gone"),                     401, "principal_disabled",    "-",     "www-authenticate: Bearer", json!({})),
        ("another address",              Request::get("/leads").of("away"),                     403, "ip_not_allowed",        "-",     "",                         json!({ "seen_ip": "127.0.0.1" })),
        ("another client address",       get("/leads").header("X-Forwarded-For", "::ffff:192.0.2.9"), 403, "ip_not_allowed",  "-",     "",                         json!({ "seen_ip": "192.0.2.9" })),
        ("two slashes",                  get("//leads"),                                        400, "path_invalid",          "-",     "",                         json!({})),
        ("a dot segment",                get("/x/../leads"),                                    400, "path_invalid",          "-",     "",                         json!({})),
        ("an encoded dot segment",       get("/x/%2e%2e/leads"),                                400, "path_invalid",          "-",     "",                         json!({})),
        ("an encoded slash",             get("/x%2Fleads"),                                     400, "path_invalid",          "-",     "",                         json!({})),
        ("a backslash",                  get("/x%5Cleads"),                                     400, "path_invalid",          "-",     "",                         json!({})),
        ("no such report",               get("/nothing"),                                       404, "report_not_found",      "-",     "",                         json!({})),
        ("a slash more",                 get("/leads/"),                                        404, "report_not_found",      "-",     "",                         json!({})),
        ("another case",                 get("/Leads"),                                         404, "report_not_found",      "-",     "",                         json!({})),
    ];
    cases
}

/// What a known holder asks wrongly of a report.
fn holders() -> Vec<Case> {
    let view = json!(["created_at", "country", "commission"]);
    let hidden = json!({ "columns": ["email"], "granted": view });
    #[rustfmt::skip]
    let cases = vec![
        // name                          request                                             status  code                     report   header                      extras
        ("PUT",                          Request::new("PUT", "/leads").of("acme"),              405, "method_not_allowed",    "leads", "allow: GET, HEAD",         json!({})),
        ("POST to a GET report",         Request::new("POST", "/leads").of("acme").body(""),    405, "method_not_allowed",    "leads", "allow: GET, HEAD",         json!({})),
        ("GET from a POST report",       Request::get("/posted").of("poster"),                  405, "method_not_allowed",    "posted", "allow: POST",             json!({})),
        ("no permission",                Request::get("/leads").of("poster"),                   403, "permission_missing",    "leads", "",                         json!({ "permission": "get_leads_report" })),
        ("another format",               leads("format=csv"),                                   406, "format_not_available",  "leads", "",                         json!({ "available": ["json"] })),
        ("another format by Accept",     get("/leads").header("Accept", "text/csv"),            406, "format_not_available",  "leads", "",                         json!({ "available": ["json"] })),
        ("another content type",         Request::post("/posted", "text/plain", "{}").of("poster"), 415, "content_type_invalid", "posted", "",                      json!({ "expected": null })),
        ("a large body",                 post(&" ".repeat(1025)),                               413, "body_too_large",        "posted", "",                        json!({})),
        ("a body of a GET",              get("/leads").body("x"),                               400, "body_invalid",          "leads", "",                         json!({})),
        ("not JSON",                     post("{\"day\":"),                                     400, "body_invalid",          "posted", "",                        json!({})),
        ("a key twice",                  post(r#"{"day":"2026-01-01","\u0064ay":"2026-01-02"}"#), 400, "body_invalid",        "posted", "",                        json!({})),
        ("not a date",                   leads("from=2026-02-30"),                              400, "parameter_invalid",     "leads", "",                         json!({ "parameter": "from" })),
        ("below the least",              leads("size=0"),                                       400, "parameter_invalid",     "leads", "",                         json!({ "parameter": "size" })),
        ("above the greatest",           leads("size=1001"),                                    400, "parameter_invalid",     "leads", "",                         json!({ "parameter": "size" })),
        ("a parameter twice",            leads("size=1&size=1"),                                400, "parameter_invalid",     "leads", "",                         json!({ "parameter": "size" })),
        ("too far apart",                period("from=2026-01-01&to=2026-02-02"),               400, "parameter_invalid",     "period", "",                        json!({ "parameter": null })),
        ("a period without an end",      period("from=2026-01-01"),                             400, "parameter_missing",     "period", "",                        json!({ "parameter": "to" })),
        ("no period",                    period(""),                                            400, "parameter_missing",     "period", "",                        json!({ "parameter": "from" })),
        ("an unknown parameter",         leads("page=2"),                                       400, "parameter_not_allowed", "leads", "",                         json!({ "parameter": "page" })),
        ("a forbidden parameter",        leads("aff=1001"),                                     400, "parameter_not_allowed", "leads", "",                         json!({ "parameter": "aff" })),
        ("a fixed parameter",            leads("_shape=arrays"),                                400, "parameter_not_allowed", "leads", "",                         json!({ "parameter": "_shape" })),
        ("the scope's name in capitals", leads("Affiliate_ID=1001"),                            400, "parameter_not_allowed", "leads", "",                         json!({ "parameter": null })),
        ("the scope's name in brackets", leads("affiliate_id[]=1001"),                          400, "parameter_not_allowed", "leads", "",                         json!({ "parameter": null })),
        ("an unknown member",            post(r#"{"day":"2026-01-01","extra":1}"#),             400, "parameter_not_allowed", "posted", "",                        json!({ "parameter": null })),
        ("a missing parameter",          post("{}"),                                            400, "parameter_missing",     "posted", "",                        json!({ "parameter": null })),
        ("an empty body",                post(""),                                              400, "parameter_missing",     "posted", "",                        json!({ "parameter": null })),
        ("another's rows",               leads("affiliate_id=1002"),                            403, "scope_not_granted",     "leads", "",                         json!({ "parameter": "affiliate_id" })),
        ("nobody's rows",                leads("affiliate_id=9999"),                            403, "scope_not_granted",     "leads", "",                         json!({ "parameter": "affiliate_id" })),
        ("another's rows in JSON",       post(r#"{"day":"2026-01-01","affiliate":"1002"}"#),    403, "scope_not_granted",     "posted", "",                        json!({ "parameter": null })),
        ("no id in the path",            Request::get("/by-path").of("jane"),                   400, "scope_required",        "by_path", "",                       json!({ "parameter": "affiliate_id" })),
        ("a hidden column",              leads("_col=country&_col=email"),                      403, "column_not_granted",    "leads", "",                         hidden.clone()),
        ("a hidden column only",         leads("_col=email"),                                   403, "column_not_granted",    "leads", "",                         hidden.clone()),
        ("no such column",               leads("_col=shoe_size"),                               403, "column_not_granted",    "leads", "",                         json!({ "columns": ["shoe_size"], "granted": view })),
        ("sorted by a hidden column",    leads("_sort=email"),                                  403, "column_not_granted",    "leads", "",                         hidden.clone()),
        ("filtered by a hidden column",  leads("mail=a%40example.test"),                        403, "column_not_granted",    "leads", "",                         json!({ "columns": ["mail"], "granted": view })),
    ];
    cases
}

fn many(request: Request, headers: usize) -> Request {
    (0..headers).fold(request, |request, at| request.header(&format!("X-Number-{at}"), "1"))
}

#[test]
fn every_refusal_says_what_it_is_and_is_recorded_once() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&config(&backend));
    for case in strangers().into_iter().chain(holders()) {
        check(&gate, case);
    }
    assert_eq!(backend.count(), 0, "a refused request never reaches the backend");
}

/// Sends one request and checks its answer, its access line and its count.
fn check(gate: &Gate, (name, request, status, code, report, header, extras): Case) {
    let series = format!("requests_total{{report=\"{report}\",outcome=\"{code}\"}}");
    let (before, lines) = (gate.metrics(), gate.lines());
    let answer = gate.call(&request);
    assert_eq!((answer.status, answer.code().as_str()), (status, code_or_empty(&answer, code)), "{name}");
    if !answer.body.is_empty() {
        problem(name, &answer, code, &extras);
    }
    if let Some((wanted, value)) = header.split_once(": ") {
        let sent = answer.header(wanted).unwrap_or_else(|| panic!("{name}: no {wanted}"));
        assert!(sent.starts_with(value), "{name}: {wanted}: {sent}");
    }
    let line = gate.line_with_code(lines, code);
    let recorded = (&line["status"], line["report"].as_str().unwrap_or("-"));
    assert_eq!(recorded, (&json!(status), report), "{name}: {line}");
    gate.wait_for_metric(&series, before.get(&series) + 1.0);
    let total = gate.metrics().sum("requests_total") - before.sum("requests_total");
    assert!((total - 1.0).abs() < 0.5, "{name}: counted {total} times");
}

/// What hyper itself refuses may come without a body, and then without a code.
fn code_or_empty<'a>(answer: &Answer, code: &'a str) -> &'a str {
    let by_hyper = ["request_malformed", "headers_too_large", "uri_too_long"].contains(&code);
    if by_hyper && answer.body.is_empty() { "" } else { code }
}

/// Checks the members of a problem (RFC 9457) and the headers that every answer has.
#[track_caller]
fn problem(name: &str, answer: &Answer, code: &str, extras: &Value) {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{name}");
    assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{name}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{name}");
    assert_eq!(body["request_id"], answer.request_id(), "{name}");
    assert_eq!(body["status"], answer.status, "{name}");
    assert_eq!(body["code"], code, "{name}");
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member} of {body}");
    }
    for (extra, expected) in extras.as_object().unwrap() {
        let any = expected.is_null() && !body[extra].is_null();
        assert!(any || body[extra] == *expected, "{name}: {extra} of {body}");
    }
}

#[test]
fn what_hyper_refuses_is_recorded_too() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    let series = "requests_total{report=\"-\",outcome=\"request_malformed\"}";
    let bearer = format!("Authorization: Bearer {}\r\n", token("acme"));
    let heads = [
        "nonsense\r\n\r\n".to_owned(),
        "GET /leads HTTP/1.1\r\nHost: gate.test\r\nno colon\r\n\r\n".to_owned(),
        format!("GET /leads HTTP/1.1\r\nHost: gate.test\r\n{bearer}Content-Length: x\r\n\r\n"),
        format!("CONNECT gate.test:80 HTTP/1.1\r\nHost: gate.test:80\r\n{bearer}\r\n"),
    ];
    for (at, head) in heads.iter().enumerate() {
        let lines = gate.lines();
        let mut client = gate.client();
        client.send(head.as_bytes());
        let answer = client.answer("GET").expect("an answer");
        assert_eq!(answer.status, 400, "{head}");
        assert_eq!(gate.line_with_code(lines, "request_malformed")["status"], 400);
        gate.wait_for_metric(series, f64::from(u32::try_from(at).unwrap()) + 1.0);
    }
    assert_eq!(backend.count(), 0);
}

#[test]
fn requests_with_two_readings_are_refused_and_nothing_behind_them_is_read() {
    let backend = RecordingBackend::json("[]");
    let gate = Gate::start(&config(&backend));
    let get = |change: fn(String) -> String| {
        change(String::from_utf8(Request::get("/leads").of("acme").bytes()).unwrap())
    };
    let post = |lines: &str, body: &str| {
        let request = Request::new("POST", "/posted").of("poster").header("Content-Type", "application/json");
        let head = String::from_utf8(request.bytes()).unwrap();
        format!("{}\r\n{lines}\r\n\r\n{body}", head.trim_end())
    };
    #[rustfmt::skip]
    let cases = [
        ("two kinds of length", post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        ("one length twice", post("Content-Length: 2\r\nContent-Length: 2", "{}")),
        ("bare line feeds", get(|head| head.replace("\r\n", "\n"))),
        ("one bare line feed", get(|head| head.replacen("\r\nHost", "\nHost", 1))),
        ("a folded line", get(|head| head.replacen("\r\nHost", "\r\n x\r\nHost", 1))),
        ("a fragment", get(|head| head.replacen("/leads", "/leads#x", 1))),
        ("white space before a colon", get(|head| head.replacen("Host:", "Host :", 1))),
        ("two spaces", get(|head| head.replacen("GET ", "GET  ", 1))),
        ("another version", get(|head| head.replacen("HTTP/1.1", "HTTP/1.2", 1))),
        ("no HTTP at all", "\u{16}\u{3}\u{1}".to_owned()),
        ("a chunk without a size", post("Transfer-Encoding: chunked", "\r\n0\r\n\r\n")),
        ("a chunk that ends in a bare line feed", post("Transfer-Encoding: chunked", "2\n{}\n0\n\n")),
        ("a chunk that is longer than it says", post("Transfer-Encoding: chunked", "2\r\n{} \r\n0\r\n\r\n")),
    ];
    for (name, request) in cases {
        let mut client = gate.client();
        let mut bytes = request.into_bytes();
        bytes.extend(Request::get("/leads").of("acme").bytes());
        client.send(&bytes);
        let answer = client.answer("POST").unwrap_or_else(|| panic!("{name}: an answer"));
        assert_eq!(answer.status, 400, "{name}");
        problem(name, &answer, "request_malformed", &json!({}));
        assert_eq!(gate.access_line(answer.request_id())["code"], "request_malformed", "{name}");
        assert!(client.answer("GET").is_none(), "{name}: the rest is no request");
    }
    let head =
        Request::new("HEAD", "/leads").of("acme").header("Content-Length", "1").header("Content-Length", "1");
    let mut client = gate.client();
    client.send(&head.bytes());
    let answer = client.answer("HEAD").expect("an answer");
    assert_eq!((answer.status, answer.body.len()), (400, 0), "what answers HEAD has no body");
    assert_eq!(gate.access_line(answer.request_id())["code"], "request_malformed");
    assert_eq!(backend.count(), 0);
}

#[test]
fn a_stalled_body_is_a_request_timeout() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(
        &Config::empty(&backend)
            .server("limits = { body_timeout = \"200ms\" }")
            .with(REPORTS)
            .with(&affiliate("poster", POSTER)),
    );
    let mut client = gate.client();
    let whole = Request::post("/posted", "application/json", r#"{"day":"2026-01-01"}"#).of("poster").bytes();
    client.send(&whole[..whole.len() - 5]);
    let answer = client.answer("POST").expect("an answer");
    assert_eq!(answer.status, 408);
    problem("a stalled body", &answer, "request_timeout", &json!({}));
    assert_eq!(gate.access_line(answer.request_id())["code"], "request_timeout");
    gate.wait_for_metric("requests_total{report=\"posted\",outcome=\"request_timeout\"}", 1.0);
    assert_eq!(backend.count(), 0);
}

#[test]
fn a_body_in_chunks_has_the_same_limit() {
    let backend = RecordingBackend::json("[]");
    let gate = Gate::start(&config(&backend));
    let head = Request::new("POST", "/posted")
        .of("poster")
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    for (padding, status) in [(1024 - 20, 200), (1025 - 20, 413)] {
        let mut bytes = head.bytes();
        let body = format!(r#"{{"day":"2026-01-01"}}{}"#, " ".repeat(padding));
        bytes.extend(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).bytes());
        let mut client = gate.client();
        client.send(&bytes);
        assert_eq!(client.answer("POST").expect("an answer").status, status, "{} bytes", body.len());
    }
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_token_stands_where_the_config_says() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(
        &Config::leads(&backend)
            .server("token_in = [\"bearer\", \"header:x-key\", \"query:api_token\"]")
            .with(&affiliate("acme2", "role = \"standard\"\nscope = [\"1002\"]")),
    );
    let acme = token("acme");
    #[rustfmt::skip]
    let cases = [
        ("bearer",             Request::get("/leads").bearer(&acme),                          200),
        ("bearer in capitals", Request::get("/leads").header("Authorization", &format!("BEARER {acme}")), 200),
        ("header",             Request::get("/leads").header("X-Key", &acme),                 200),
        ("query",              Request::get(&format!("/leads?api_token={acme}")),             200),
        ("header not listed",  Request::get("/leads").header("X-Api-Key", &acme),             401),
        ("query and header",   Request::get(&format!("/leads?api_token={acme}")).of("acme"),  401),
        ("query twice",        Request::get(&format!("/leads?api_token={acme}&api_token={acme}")), 401),
        ("another's token",    Request::get("/leads").of("acme2"),                            200),
    ];
    for (name, request, status) in cases {
        assert_eq!(gate.call(&request).status, status, "{name}");
    }
    assert_eq!(backend.last().query().matches("affiliate_id").count(), 1);
}

#[test]
fn a_made_token_is_accepted() {
    let mut byte = 0_u8;
    let made = reportgate::domain::token::Token::generate(|| {
        byte = byte.wrapping_add(41);
        byte
    });
    let secret = made.into_secret();
    let backend = RecordingBackend::json(ROW);
    let config = Config::empty(&backend).with(LEADS).with(
        &affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]")
            .replace(&stored(&token("acme")), &stored(&secret)),
    );
    let gate = Gate::start(&config);
    assert_eq!(gate.call(&Request::get("/leads").bearer(&secret)).status, 200);
    let head = &backend.last().head;
    assert!(!head.contains(&secret), "{head}");
    assert!(!gate.program.stdout.all().join("\n").contains(&secret));
}

#[test]
fn the_admin_listener_answers_known_hosts_only() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend).text().replace("[admin]\n", "[admin]\nhosts = [\"ops.test\"]\n");
    let gate = Gate::in_folder(crate::harness::new_folder(), &config, None);
    #[rustfmt::skip]
    let cases = [
        ("localhost", 200), ("localhost:9180", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("ops.test", 200), ("OPS.test:1", 200),
        ("evil.test", 421), ("ops.test.evil.test", 421), ("localhost.evil.test", 421), ("127.0.0.1.evil.test", 421),
    ];
    for path in ["/status", "/metrics", "/livez"] {
        for (host, status) in cases {
            let answer = gate.admin_call(&Request::get(path).hostless().header("Host", host));
            assert_eq!(answer.status, status, "{path} of {host}");
            assert!(status == 200 || answer.code() == "host_not_allowed", "{host}: {}", answer.text());
        }
    }
}
