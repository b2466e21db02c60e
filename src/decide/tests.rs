//! The order of the checks, and every refusal up to the rewrite with its extras.

use super::fixture::{self, EXPIRES};
use super::*;
use crate::domain::code::Code;
use crate::domain::dialect::{ParameterType, Place};
use http::{HeaderName, HeaderValue};

const ACME: &str = "authorization: Bearer token-of-acme-000000";

/// Decides a request written as `METHOD target`, with header lines, from an address, at a time before expiry or at it.
fn decided(
    policy: &Policy,
    request: &str,
    lines: &[&str],
    peer: &str,
    now: Timestamp,
) -> (Result<(), Denial>, Facts) {
    let (method, target) = request.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    let method = Method::try_from(method).unwrap();
    let peer = peer.parse::<std::net::IpAddr>().unwrap().into();
    let head =
        Head { method: &method, path, query, headers: &headers, peer, is_tls: false, request_id: "id-1" };
    let mut facts = Facts::default();
    let outcome = identify_holder(policy, &head, now, &mut facts)
        .and_then(|holder| authorize(policy, &head, holder, &mut facts));
    (outcome.map(|_| ()), facts)
}

fn before() -> Timestamp {
    Timestamp::from_unix_seconds(EXPIRES.unix_seconds() - 1)
}

fn ending(policy: &Policy, request: &str, lines: &[&str], peer: &str, now: Timestamp) -> &'static str {
    decided(policy, request, lines, peer, now).0.map_or_else(|denial| denial.code.as_str(), |()| "ok")
}

#[test]
fn checks_come_in_their_order() {
    let policy = fixture::policy();
    let (near, far) = ("192.0.2.7", "198.51.100.1");
    let off = "authorization: Bearer token-of-off-000000";
    let guest = "authorization: Bearer token-of-guest-000000";
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str, Timestamp, &str); 22] = [
        ("GET /reports/leads", &[ACME], near, before(), "ok"),
        ("HEAD /reports/leads", &[ACME], near, before(), "ok"),
        ("GET /reports/leads", &[ACME], near, EXPIRES, "token_expired"),
        ("GET /reports/leads", &[ACME], far, EXPIRES, "token_expired"),
        ("GET /reports/leads", &[ACME], far, before(), "ip_not_allowed"),
        ("GET /reports/leads", &[ACME], "192.0.1.255", before(), "ip_not_allowed"),
        ("GET /reports/leads", &[ACME], "192.0.2.0", before(), "ok"),
        ("GET /reports/leads", &[ACME], "::ffff:192.0.2.255", before(), "ok"),
        ("GET /reports/leads", &[ACME], "192.0.3.0", before(), "ip_not_allowed"),
        ("GET /reports/leads", &[off], far, EXPIRES, "principal_disabled"),
        ("GET //x", &["authorization: Bearer token-of-nobody-0000"], far, EXPIRES, "token_unknown"),
        ("GET //x", &[], far, EXPIRES, "token_missing"),
        ("GET //x", &[ACME], near, before(), "path_invalid"),
        ("PUT /x", &[ACME], near, before(), "report_not_found"),
        ("PUT /reports/leads", &[guest, "accept: text/html"], near, before(), "method_not_allowed"),
        ("GET /reports/leads", &[guest, "accept: text/html"], near, before(), "permission_missing"),
        ("GET /reports/leads", &[ACME, "accept: text/html", "content-length: 1"], near, before(), "format_not_available"),
        ("GET /reports/leads", &[ACME, "content-length: 0"], near, before(), "ok"),
        ("GET /reports/leads", &[ACME, "content-length: 1"], near, before(), "body_invalid"),
        ("GET /reports/leads", &[ACME, "transfer-encoding: chunked"], near, before(), "body_invalid"),
        ("POST /reports/leads", &[ACME], near, before(), "ok"),
        ("POST /reports/leads", &[ACME, "content-length: 1"], near, before(), "body_invalid"),
    ];
    for (request, lines, peer, now, expected) in cases {
        assert_eq!(ending(&policy, request, lines, peer, now), expected, "{request} {lines:?} {peer} {now}");
    }
}

#[test]
fn one_token_stands_in_one_of_its_places() {
    let mut policy = fixture::policy();
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str, &str); 20] = [
        ("bearer", &[ACME], "", "ok"),
        ("the scheme has no case", &["authorization: bEaReR  token-of-acme-000000"], "", "ok"),
        ("its own header", &["x-api-key: token-of-acme-000000"], "", "ok"),
        ("another header", &["x-token: token-of-acme-000000"], "", "token_missing"),
        ("another scheme", &["authorization: Basic dG9rZW4="], "", "token_missing"),
        ("no scheme", &["authorization: token-of-acme-000000"], "", "token_missing"),
        ("another scheme beside one", &["authorization: Basic dG9rZW4=", "x-api-key: token-of-acme-000000"], "", "ok"),
        ("nothing behind the scheme", &["authorization: Bearer"], "", "token_malformed"),
        ("two words", &["authorization: Bearer token-of-acme-000000 x"], "", "token_malformed"),
        ("an empty header", &["x-api-key: "], "", "token_malformed"),
        ("one twice", &[ACME, ACME], "", "token_malformed"),
        ("one in two places", &[ACME, "x-api-key: token-of-acme-000000"], "", "token_malformed"),
        ("two tokens", &["x-api-key: token-of-acme-000000", "x-api-key: token-of-ib-000000"], "", "token_malformed"),
        ("the query", &[], "?key=token-of-acme-000000", "ok"),
        ("the query, encoded", &[], "?key=token%2Dof-acme-000000", "ok"),
        ("its name, encoded", &[], "?k%65y=token-of-acme-000000", "ok"),
        ("its name in capitals", &[], "?KEY=token-of-acme-000000", "token_missing"),
        ("query and header", &[ACME], "?key=token-of-acme-000000", "token_malformed"),
        ("twice in the query", &[], "?key=token-of-acme-000000&k%65y=token-of-acme-000000", "token_malformed"),
        ("a typo in one of ours", &["x-api-key: rg_00000000000000000000000000000000000000"], "", "token_malformed"),
    ];
    let mut places = policy.settings.token_in.to_vec();
    places.push(TokenPlace::Query("key".into()));
    policy.settings.token_in = places.into();
    for (rule, lines, query, expected) in cases {
        let request = format!("GET /reports/leads{query}");
        assert_eq!(ending(&policy, &request, lines, "192.0.2.7", before()), expected, "{rule}");
    }
}

#[test]
fn a_token_s_own_whitelist_narrows_its_holder_s() {
    let mut policy = fixture::policy();
    let narrowed = policy.tokens.iter().cloned().map(|mut token| {
        let own = Some(fixture::ranges(&["192.0.2.7", "198.51.100.1"]));
        token.limits = Some(Box::new(crate::policy::TokenLimits { allowed_ips: own, ..Default::default() }));
        token
    });
    policy.tokens = crate::policy::TokenTable::new(narrowed.collect());
    for (peer, expected) in
        [("192.0.2.7", "ok"), ("192.0.2.8", "ip_not_allowed"), ("198.51.100.1", "ip_not_allowed")]
    {
        assert_eq!(ending(&policy, "GET /reports/leads", &[ACME], peer, before()), expected, "{peer}");
    }
}

#[test]
fn bodies_are_of_the_declared_kind_and_size() {
    let json = "content-type: application/json";
    let form = "content-type: application/x-www-form-urlencoded";
    #[rustfmt::skip]
    let cases: [(BodyKind, &[&str], &str); 16] = [
        (BodyKind::Json, &[json, "content-length: 2"], "ok"),
        (BodyKind::Json, &["content-type: Application/JSON; charset=\"UTF-8\"", "content-length: 2"], "ok"),
        (BodyKind::Json, &["content-type: application/json; charset=latin1", "content-length: 2"], "content_type_invalid"),
        (BodyKind::Json, &[json, json, "content-length: 2"], "content_type_invalid"),
        (BodyKind::Json, &[form, "content-length: 2"], "content_type_invalid"),
        (BodyKind::Json, &["content-length: 2"], "content_type_invalid"),
        (BodyKind::Json, &["transfer-encoding: chunked"], "content_type_invalid"),
        (BodyKind::Json, &[json, "transfer-encoding: chunked"], "ok"),
        (BodyKind::Json, &[json, "content-encoding: gzip", "content-length: 2"], "content_type_invalid"),
        (BodyKind::Json, &["content-length: 0"], "ok"),
        (BodyKind::Json, &[form], "ok"),
        (BodyKind::Json, &[json, "content-length: 262144"], "ok"),
        (BodyKind::Json, &[json, "content-length: 262145"], "body_too_large"),
        (BodyKind::Form, &[form, "content-length: 2"], "ok"),
        (BodyKind::Form, &[json, "content-length: 2"], "content_type_invalid"),
        (BodyKind::None, &[json, "content-length: 2"], "body_invalid"),
    ];
    for (kind, lines, expected) in cases {
        let mut report = fixture::report();
        report.request.body = kind;
        let policy = fixture::policy_of(report);
        let lines: Vec<_> = lines.iter().copied().chain([ACME]).collect();
        let found = ending(&policy, "POST /reports/leads", &lines, "192.0.2.7", before());
        assert_eq!(found, expected, "{kind:?} {lines:?}");
    }
}

#[test]
fn a_declared_body_parameter_makes_a_body_even_where_the_backend_gets_none() {
    let mut report = fixture::report();
    let kind = ParameterType::String { max_length: 9, one_of: Box::default() };
    report.request.parameters =
        [fixture::parameter(Place::Form("q".into()), Place::Query("q".into()), kind)].into();
    let policy = fixture::policy_of(report);
    let head = fixture::head("/reports/leads", None);
    let post = Head { method: &Method::POST, ..head };
    assert_eq!(fixture::permit(&policy, "acme", &post).body_rule(), BodyRule::UpTo(262_144));
    assert_eq!(fixture::permit(&policy, "acme", &head).body_rule(), BodyRule::Forbidden);
}

#[test]
fn refusals_say_what_their_reader_needs() {
    let policy = fixture::policy();
    let refusal = |request: &str, lines: &[&str], peer: &str| {
        decided(&policy, request, lines, peer, before()).0.expect_err("is refused")
    };
    let guest = "authorization: Bearer token-of-guest-000000";
    let text = |text: &str| Extra::Text(text.to_owned());

    let denial = refusal("GET /reports/leads", &[ACME], "::ffff:198.51.100.1");
    assert_eq!(denial.extras, [("seen_ip", text("198.51.100.1"))]);
    let denial = refusal("GET /reports/leads", &[guest], "192.0.2.7");
    assert_eq!(denial.extras, [("permission", text("get_leads_report"))]);
    let denial = refusal("GET /reports/leads", &[ACME, "accept: text/csv"], "192.0.2.7");
    assert_eq!(denial.extras, [("available", Extra::List(vec!["json".to_owned()]))]);
    let denial = refusal("DELETE /reports/leads", &[ACME], "192.0.2.7");
    assert_eq!(denial.headers, [(http::header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"))]);

    let challenge = |denial: &Denial| denial.headers[0].1.to_str().unwrap().to_owned();
    let denial = refusal("GET /", &[], "192.0.2.7");
    assert_eq!(denial.headers[0].0, http::header::WWW_AUTHENTICATE);
    assert_eq!(challenge(&denial), "Bearer realm=\"reportgate\"");
    let denial = refusal("GET /", &["x-api-key: nobody-has-this-one"], "192.0.2.7");
    assert_eq!(denial.code, Code::TokenUnknown);
    assert!(
        challenge(&denial)
            .starts_with("Bearer realm=\"reportgate\", error=\"invalid_token\", error_description=\"")
    );
}

#[test]
fn facts_are_filled_as_far_as_the_request_got() {
    let policy = fixture::policy();
    let known = |lines: &[&str], request: &str, peer: &str| {
        let facts = decided(&policy, request, lines, peer, before()).1;
        (facts.client.is_some(), facts.principal.is_some(), facts.token.is_some(), facts.report.is_some())
    };
    assert_eq!(known(&[], "GET /reports/leads", "192.0.2.7"), (true, false, false, false));
    assert_eq!(known(&[ACME], "GET /reports/leads", "198.51.100.1"), (true, true, true, false));
    assert_eq!(known(&[ACME], "GET /nothing", "192.0.2.7"), (true, true, true, false));
    assert_eq!(known(&[ACME], "PUT /reports/leads", "192.0.2.7"), (true, true, true, true));
}

#[test]
fn holders_can_be_assumed_without_a_token() {
    let policy = fixture::policy();
    #[rustfmt::skip]
    let cases = [
        ("acme", "192.0.2.7", "ok"), ("acme", "198.51.100.1", "ip_not_allowed"),
        ("off", "192.0.2.7", "principal_disabled"), ("nobody", "192.0.2.7", "token_unknown"),
    ];
    for (id, peer, expected) in cases {
        let head = Head {
            peer: peer.parse::<std::net::IpAddr>().unwrap().into(),
            ..fixture::head("/reports/leads", None)
        };
        let id = PrincipalId::parse(id).unwrap();
        let found = assume_holder(&policy, &id, &head, &mut Facts::default());
        assert_eq!(found.map_or_else(|denial| denial.code.as_str(), |_| "ok"), expected, "{id} {peer}");
    }
}
