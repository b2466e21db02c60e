//! Headers: what the backend gets, and the token it never gets.

use super::*;
use crate::decide::{Facts, authorize, identify_holder};
use crate::domain::dialect::*;
use crate::policy::TokenPlace;
use fixture::{column_slot, scope_slot};
use http::{HeaderName, HeaderValue};

type Lines<'a> = &'a [(&'static str, &'a str)];

fn headers(lines: Lines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn sent(policy: &Policy, id: &str, method: &Method, lines: Lines<'_>) -> Result<BackendRequest, Denial> {
    let headers = headers(lines);
    let head = Head { method, headers: &headers, ..fixture::head("/reports/leads", None) };
    rewrite(&fixture::permit(policy, id, &head), &head, b"", NOW, &Uncached, None)
}

#[test]
fn only_listed_headers_pass() {
    let mut report = fixture::report();
    report.pass_request_headers = ["x-lang", "host", "authorization", "x-api-key", "x-forwarded-for"]
        .map(HeaderName::from_static)
        .into();
    let mut policy = fixture::policy_of(report);
    let mut backend = (*policy.backends[0]).clone();
    backend.credential.headers =
        [(HeaderName::from_static("x-platform-key"), HeaderValue::from_static("secret"))].into();
    policy.backends = [Arc::new(backend)].into();
    let lines = [
        ("host", "gate.example"),
        ("user-agent", "curl/8"),
        ("accept-language", "de"),
        ("traceparent", "00-a-b-01"),
        ("accept", "application/json;q=0.9"),
        ("accept-encoding", "br"),
        ("x-lang", "1"),
        ("x-lang", "2"),
        ("authorization", "Basic YTpi"),
        ("x-api-key", "token-of-acme-000000"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "6.6.6.6"),
        ("range", "bytes=0-1"),
        ("if-none-match", "x"),
        ("connection", "close"),
        ("x-platform-key", "mine"),
        ("x-request-id", "mine"),
    ];
    let request = sent(&policy, "acme", &Method::GET, &lines).unwrap();
    let mut found: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    found.sort();
    #[rustfmt::skip]
    let expected = [
        "accept-encoding: identity", "accept-language: de", "accept: application/json", "host: legacy:8001",
        "traceparent: 00-a-b-01", "user-agent: curl/8", "x-forwarded-for: 192.0.2.7", "x-forwarded-host: gate.example",
        "x-forwarded-proto: http", "x-lang: 1", "x-lang: 2", "x-platform-key: secret", "x-request-id: id-1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn methods_follow_the_backend() {
    let mut report = fixture::report();
    let method = |report: &Report, method| {
        sent(&fixture::policy_of(report.clone()), "acme", method, &[]).unwrap().method().clone()
    };
    assert_eq!(method(&report, &Method::GET), Method::GET);
    assert_eq!(method(&report, &Method::HEAD), Method::HEAD);
    report.backend_method = Method::POST;
    report.request.body = BodyKind::Form;
    assert_eq!(method(&report, &Method::GET), Method::POST);
    let request = sent(&fixture::policy_of(report), "acme", &Method::GET, &[]).unwrap();
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
}

#[test]
fn columns_and_scope_stand_in_headers() {
    let mut dialect = fixture::dialect();
    let columns = || [column_slot(ColumnPlace::Header { name: HeaderName::from_static("x-columns") })].into();
    dialect.columns = columns();
    dialect.ask = columns();
    let scope = ScopePlace::Header { name: HeaderName::from_static("affiliateid") };
    dialect.scope = ScopeRule::Slots([scope_slot(scope)].into());
    let policy = policy(dialect);
    #[rustfmt::skip]
    let cases: [(&str, Lines<'_>, &str); 7] = [
        ("ib", &[], "lead_id,country,TrackingCode,commission 1001,1002"),
        ("ib", &[("affiliateid", "1002"), ("x-columns", "code, lead_id")], "TrackingCode,lead_id 1002"),
        ("ib", &[("affiliateid", "1001"), ("affiliateid", "7")], "scope_not_granted affiliateid"),
        ("ib", &[("affiliateid", "")], "scope_not_granted affiliateid"),
        ("ib", &[("x-columns", "email")], "column_not_granted email"),
        ("jane", &[("affiliateid", "7")], "lead_id,country,TrackingCode,commission 7"),
        ("jane", &[], "lead_id,country,TrackingCode,commission "),
    ];
    for (id, lines, expected) in cases {
        let found = match sent(&policy, id, &Method::GET, lines) {
            Ok(request) => {
                let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
                format!("{} {}", header("x-columns"), header("affiliateid"))
            }
            Err(denial) => told(Err(denial)),
        };
        assert_eq!(found, expected, "{id} {lines:?}");
    }
}

#[test]
fn the_token_never_reaches_the_backend() {
    let token = fixture::secret("acme");
    let mut report = fixture::report();
    report.pass_request_headers =
        ["authorization", "x-api-key", "user-agent"].map(HeaderName::from_static).into();
    report.request.on_unknown_parameter = OnExtra::Drop;
    let mut policy = fixture::policy_of(report);
    let places = [
        TokenPlace::Bearer,
        TokenPlace::Header(HeaderName::from_static("x-api-key")),
        TokenPlace::Header(HeaderName::from_static("user-agent")),
        TokenPlace::Query("key".into()),
    ];
    policy.settings.token_in = places.into();
    let bearer = format!("Bearer {token}");
    let query = format!("key={token}");
    let cases: [(Lines<'_>, Option<&str>); 4] = [
        (&[("authorization", &bearer)], None),
        (&[("x-api-key", &token)], None),
        (&[("user-agent", &token)], None),
        (&[], Some(&query)),
    ];
    for (lines, query) in cases {
        let headers = headers(lines);
        let head = Head { headers: &headers, ..fixture::head("/reports/leads", query) };
        let mut facts = Facts::default();
        let holder = identify_holder(&policy, &head, NOW, &mut facts).unwrap();
        let permit = authorize(&policy, &head, holder, &mut facts).unwrap();
        let request = rewrite(&permit, &head, b"", NOW, &Uncached, None).unwrap();
        assert!(!format!("{request:?}").contains(&token), "{lines:?} {query:?}");
    }
}

#[test]
fn the_backend_is_asked_for_its_own_format() {
    let json =
        |documents| ResponseFormat::Json(JsonDialect { documents, ..JsonDialect::new(fixture::at("")) });
    #[rustfmt::skip]
    let cases = [
        (json(Documents::One), "application/json"), (json(Documents::Many), "application/x-ndjson, application/json;q=0.9"),
        (ResponseFormat::Csv(CsvDialect { delimiter: b',' }), "text/csv"), (ResponseFormat::Opaque, "*/*"),
    ];
    for (format, expected) in cases {
        let mut report = fixture::report();
        report.response = ResponseDialect::new(format);
        // Whatever the client is to get.
        report.output = [OutputFormat::Csv, OutputFormat::Json].into();
        let request = sent(&fixture::policy_of(report), "acme", &Method::GET, &[]).unwrap();
        assert_eq!(request.headers()["accept"], expected);
    }
}
