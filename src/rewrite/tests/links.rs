//! Links to other pages: what becomes of them, and that the client's next request is the one they mean.

use super::*;
use crate::domain::dialect::*;
use crate::policy::{Credential, TokenPlace};
use fixture::{at, columns};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

/// The client's names differ from the backend's where they may: `from` is `date_from`, `size` is `_size`.
fn report() -> Report {
    let query = |name: &str| Place::Query(name.into());
    let parameter =
        |client: &str, backend: &str, kind| fixture::parameter(query(client), query(backend), kind);
    let mut report = fixture::report();
    report.request.parameters = [
        parameter("from", "date_from", ParameterType::Date),
        Parameter {
            default: Some(ParameterDefault::Text("100".into())),
            ..parameter("size", "_size", ParameterType::Integer { min: Some(1), max: Some(1000) })
        },
        Parameter {
            column: Some(columns(&["email"])[0]),
            ..parameter(
                "mail",
                "email__exact",
                ParameterType::String { max_length: 99, one_of: Box::default() },
            )
        },
        Parameter {
            column: Some(columns(&["country"])[0]),
            ..parameter(
                "country",
                "country__exact",
                ParameterType::String { max_length: 2, one_of: Box::default() },
            )
        },
        Parameter { client: query("zone"), ..parameter("zone", "", ParameterType::Boolean) },
    ]
    .into();
    report.request.parameters[4].backend = Place::Form("tz".into());
    report.request.body = BodyKind::Form;
    report.request.sort =
        [SortSlot { place: query("_sort"), minus: false }, SortSlot { place: query("order"), minus: true }]
            .into();
    report.request.allow = [query("q"), query("tag[]")].into();
    report.request.set =
        [Fixed::Query("_shape".into(), crate::domain::template::Template::parse("objects"))].into();
    report.request.forbid = ["affiliateId".into()].into();
    let json = JsonDialect {
        links: [at("/next_url")].into(),
        cursors: [Cursor { at: at("/next"), parameter: query("_next") }].into(),
        ..JsonDialect::new(at("/rows"))
    };
    report.response = ResponseDialect::new(ResponseFormat::Json(json));
    report.output = [OutputFormat::Json, OutputFormat::Csv].into();
    report
}

/// Tokens may stand in the query as `token`; the platform's own credential there is `api_key`.
fn policy() -> Policy {
    policy_of(report())
}

fn policy_of(report: Report) -> Policy {
    let mut policy = fixture::policy_of(report);
    policy.settings.token_in = [TokenPlace::Bearer, TokenPlace::Query("token".into())].into();
    let mut backend = (*policy.backends[0]).clone();
    backend.credential =
        Credential { query: [("api_key".into(), "HUSH".into())].into(), ..Credential::default() };
    policy.backends = [Arc::new(backend)].into();
    policy
}

fn link(policy: &Policy, id: &str, query: &str, link: &str) -> Option<String> {
    let request = rewritten(policy, id, query, None).unwrap();
    request.answer().terms.paging.as_ref().unwrap().link(link)
}

/// With what is sealed blotted out.
fn blotted(link: Option<String>) -> String {
    let link = link.unwrap_or_else(|| "none".to_owned());
    let pieces = link.split('&').map(|piece| match piece.split_once("_next=") {
        Some((before, sealed)) if sealed.len() > 80 => format!("{before}_next=*"),
        _ => piece.to_owned(),
    });
    pieces.collect::<Vec<_>>().join("&")
}

#[test]
fn links_lead_to_the_gate_with_what_clients_may_send() {
    let policy = policy();
    #[rustfmt::skip]
    let cases = [
        // the request              the backend's link                                                      the gate's
        ("",                        "http://legacy:8001/base/legacy/leads.json?_size=100&_next=17%2Ca",    "/reports/leads?size=100&_next=*"),
        ("",                        "https://u:p@elsewhere.example/base/legacy/leads.json?_next=17#x",     "/reports/leads?_next=*"),
        ("",                        "/base/legacy/leads.json?date_from=2026-01-31&_next=17",               "/reports/leads?from=2026-01-31&_next=*"),
        ("",                        "?_next=17",                                                           "/reports/leads?_next=*"),
        ("",                        "leads.json?tag[]=2&q=a+b%26c&tag%5B%5D=1",                            "/reports/leads?tag%5B%5D=2&q=a%20b%26c&tag%5B%5D=1"),
        ("",                        "?_sort=TrackingCode&order=-country",                                  "/reports/leads?_sort=code&order=-country"),
        ("",                        "?order=email&q=a",                                                    "/reports/leads?q=a"),
        ("",                        "?_sort=-country&q=a",                                                 "/reports/leads?q=a"),
        ("",                        "?country__exact=DE&email__exact=a%40b.example",                       "/reports/leads?country=DE"),
        ("",                        "?q=a&api_key=HUSH&token=x&affiliate_id=1001&_col=email&_shape=objects&affiliateId=9&format=csv&x=y", "/reports/leads?q=a"),
        // What the request itself said about form and rows stays.
        ("_col=code&_col=country&format=csv&affiliate_id=1001", "?q=a&_col=email&affiliate_id=9",          "/reports/leads?q=a&_col=code&_col=country&format=csv&affiliate_id=1001"),
        ("token=token-of-ib-000000", "?q=a",                                                               "/reports/leads?q=a"),
        ("zone=true",               "?q=a&tz=false",                                                       "/reports/leads?zone=true&q=a"),
        ("q=a&size=5",              "?_size=6",                                                            "/reports/leads?size=6"),
        ("q=a",                     "/base/legacy/leads.json",                                             "/reports/leads"),
        // No other page.
        ("",                        "?",                                                                   "none"),
        ("",                        "?_size=100",                                                          "none"),
        ("q=a&size=5",              "?q=a&_size=5",                                                        "none"),
        ("",                        "?page_token=17&x=y&_size=100",                                        "none"),
        ("tag[]=1&tag[]=2",         "?tag[]=2&tag[]=1",                                                    "none"),
        ("_sort=code",              "?_sort=TrackingCode",                                                 "none"),
        // Nothing that would work.
        ("",                        "?_size=0",                                                            "none"),
        ("",                        "?date_from=yesterday&_next=17",                                       "none"),
        ("",                        "?country__exact=DEU",                                                 "none"),
        ("",                        "?q=a&q=b",                                                            "none"),
        ("",                        "?_next=17&_next=18",                                                  "none"),
        ("",                        "?_sort=country&_sort=email&q=a",                                      "none"),
        ("",                        "?q=%00",                                                              "none"),
        ("",                        "?q=%ff",                                                              "none"),
        ("",                        "?q=%4",                                                               "none"),
        ("",                        "?q=a;b",                                                              "none"),
        ("",                        "?q=é",                                                                "none"),
        ("",                        "?_ne%78t=17&q=a",                                                     "none"),
        ("",                        "/legacy/leads.json?q=a",                                              "none"),
        ("",                        "http://legacy/base/legacy/admin.json?q=a",                            "none"),
        ("",                        "javascript:alert(1)?q=a",                                             "none"),
        ("",                        "",                                                                    "none"),
        ("",                        "null",                                                                "none"),
    ];
    for (query, backend, expected) in cases {
        assert_eq!(blotted(link(&policy, "ib", query, backend)), expected, "?{query}: {backend}");
    }
}

#[test]
fn endless_links_are_dropped() {
    let policy = policy();
    assert!(link(&policy, "ib", "", &format!("?q={}", "a".repeat(7_000))).is_some());
    assert_eq!(link(&policy, "ib", "", &format!("?q={}", "a".repeat(8_000))), None);
    assert_eq!(link(&policy, "ib", "", &format!("?q=a&{}", "x&".repeat(1_000))), None);
    assert_eq!(link(&policy, "ib", "", &format!("?_next={}", "a".repeat(8_000))), None);
    // What stays behind counts, too.
    assert!(link(&policy, "ib", "", &format!("?q=a&x={}", "a".repeat((64 << 10) - 7))).is_some());
    assert_eq!(link(&policy, "ib", "", &format!("?q=a&x={}", "a".repeat((64 << 10) - 6))), None);
}

#[test]
fn what_a_cursor_holds_is_not_printed_for_debugging() {
    let policy = policy();
    let first = rewritten(&policy, "ib", "", None).unwrap();
    let sealed = first.answer().terms.paging.as_ref().unwrap().seal(0, "\"HUSH\"");
    let next = rewritten(&policy, "ib", &format!("_next={sealed}"), None).unwrap();
    assert!(next.path_and_query().contains("_next=HUSH"), "{}", next.path_and_query());
    let shown = format!("{next:?} {:?}", next.answer());
    assert!(!shown.contains("HUSH"), "{shown}");
}

#[test]
fn what_a_report_asks_for_must_be_in_the_link() {
    let mut report = report();
    report.request.parameters[0].required = true;
    report.request.parameters[3].kind = ParameterType::Date;
    report.request.spans = [Span { from: 0, to: 3, max_seconds: 86_400 }].into();
    let policy = policy_of(report);
    let query = "from=2026-01-01&country=2026-01-02";
    #[rustfmt::skip]
    let cases = [
        ("?_next=17", "none"), ("?date_from=2026-01-01&_next=17", "none"),
        ("?date_from=2026-01-01&country__exact=2026-01-03&_next=17", "none"),
        ("?date_from=2026-01-01&country__exact=2026-01-02&_next=17", "/reports/leads?from=2026-01-01&country=2026-01-02&_next=*"),
    ];
    for (backend, expected) in cases {
        assert_eq!(blotted(link(&policy, "ib", query, backend)), expected, "{backend}");
    }
}

#[test]
fn scope_and_columns_in_the_path_are_the_requests_own() {
    let mut report = report();
    report.backend_path = crate::domain::template::Template::parse("/of/{scope}/{columns}");
    let scope = ScopePlace::Path { parameter: "who".into() };
    report.request.scope = ScopeRule::Slots([fixture::scope_slot(scope)].into());
    let policy = policy_of(report);
    let query = "who=1002&_col=code&_col=country";
    let own = "/reports/leads?q=a&who=1002&_col=code&_col=country";
    #[rustfmt::skip]
    let cases = [
        ("/base/of/1002/TrackingCode,country?q=a", own), ("/base/of/1002/TrackingCode%2Ccountry?q=a", own),
        ("/base/of/1001/TrackingCode,country?q=a", "none"), ("/base/of/1002/TrackingCode,email?q=a", "none"),
    ];
    for (backend, expected) in cases {
        assert_eq!(blotted(link(&policy, "ib", query, backend)), expected, "{backend}");
    }
}

#[test]
fn names_that_mean_something_else_are_never_in_a_link() {
    let mut report = report();
    let allow = ["token", "format", "api_key", "q"].map(|name| Place::Query(name.into()));
    report.request.allow = allow.into();
    assert_eq!(
        link(&policy_of(report), "ib", "", "?token=a&format=csv&api_key=HUSH&q=a").as_deref(),
        Some("/reports/leads?q=a")
    );
}

/// Pairs, decoded, in order of their names.
fn pairs(target: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    let pieces = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    let mut pairs: Vec<_> = pieces.map(|(name, value)| (decode(name), decode(value))).collect();
    pairs.sort();
    pairs
}

fn backend_link() -> impl Strategy<Value = String> {
    let names = vec![
        "date_from",
        "_size",
        "email__exact",
        "country__exact",
        "tz",
        "_sort",
        "order",
        "q",
        "tag[]",
        "tag%5B%5D",
        "_next",
        "_shape",
        "affiliate_id",
        "_col",
        "api_key",
        "token",
        "format",
        "zone",
        "from",
        "size",
        "mail",
        "country",
        "affiliateId",
        "hidden",
    ];
    let values = vec![
        "2026-01-31",
        "5",
        "DE",
        "TrackingCode",
        "-country",
        "country",
        "email",
        "-email",
        "HUSH",
        "a%26_col%3Demail",
        "17%2Cb",
        "",
        "%C3%A9",
        "a+b",
        "csv",
        "true",
        "%22",
        "\\u0041",
        "1e400",
    ];
    let pair = (
        prop::sample::select(names),
        prop_oneof![prop::sample::select(values).prop_map(str::to_owned), "[ -~]{0,6}"],
    );
    let pair = pair.prop_map(|(name, value)| format!("{name}={value}"));
    let front = vec![
        "",
        "leads.json",
        "/base/legacy/leads.json",
        "http://HUSH:HUSH@HUSH/base/legacy/leads.json",
        "//HUSH/base/legacy/leads.json",
        "/HUSH",
    ];
    let back = vec!["", "", "#HUSH"];
    (prop::sample::select(front), prop::collection::vec(pair, 0..5), prop::sample::select(back))
        .prop_map(|(front, pairs, back)| format!("{front}?{}{back}", pairs.join("&")))
}

fn client_query() -> impl Strategy<Value = String> {
    let parts = vec![
        "_col=code",
        "_col=country",
        "affiliate_id=1002",
        "format=json",
        "q=a",
        "size=5",
        "zone=true",
        "order=-code",
        "tag[]=1",
        "token=token-of-ib-000000",
    ];
    prop::sample::subsequence(parts, 0..6).prop_map(|parts| parts.join("&"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_next_request_is_the_one_the_link_means(query in client_query(), backend in backend_link()) {
        let policy = policy();
        let first = rewritten(&policy, "ib", &query, None).unwrap();
        let Some(own) = first.answer().terms.paging.as_ref().unwrap().link(&backend) else { return Ok(()) };
        prop_assert!(own.is_ascii() && (own == "/reports/leads" || own.starts_with("/reports/leads?")), "{own}");
        for hidden in ["HUSH", "email__exact", "mail", "api_key", "token", "affiliateId", "hidden", "_shape"] {
            // Values that a client may send itself may say anything.
            let said = pairs(&own).iter().any(|(name, value)| ["q", "tag[]"].contains(&&**name) && value.contains(hidden));
            prop_assert!(said || !own.contains(hidden), "{hidden}: {own}");
        }
        let next = rewritten(&policy, "ib", own.split_once('?').map_or("", |(_, query)| query), None);
        prop_assert!(next.is_ok(), "{own}: {next:?}");
        let next = next.unwrap();
        let (linked, sent) = (pairs(backend.split('#').next().unwrap()), pairs(next.path_and_query()));
        // What the client may say is asked as the link says; the rest as the gate says it.
        for name in ["date_from", "_size", "country__exact", "q", "tag[]", "_next", "_sort", "order"] {
            let of = |pairs: &[(String, String)]| -> Vec<String> {
                let granted = |value: &str| !["_sort", "order"].contains(&name) || {
                    let value = value.strip_prefix('-').filter(|_| name == "order").unwrap_or(value);
                    ["TrackingCode", "country"].contains(&value)
                };
                pairs.iter().filter(|(own, value)| own == name && granted(value)).map(|(_, value)| value.clone()).collect()
            };
            let expected = match (name, of(&linked)) {
                ("_size", none) if none.is_empty() => vec!["100".to_owned()],
                (_, values) => values,
            };
            prop_assert_eq!(of(&sent), expected, "{} {}", name, backend);
        }
        for name in ["_col", "affiliate_id", "_shape", "api_key"] {
            let of = |target: &str| pairs(target).into_iter().filter(|(own, _)| own == name).collect::<Vec<_>>();
            prop_assert_eq!(of(next.path_and_query()), of(first.path_and_query()), "{}", name);
        }
        prop_assert_eq!(next.body(), first.body());
        prop_assert_ne!(next.path_and_query(), first.path_and_query());
        prop_assert_eq!(next.answer().terms.output, first.answer().terms.output);
    }

    #[test]
    fn no_link_panics(link in "\\PC{0,60}", tail in "[?&=#%;/:a-f0-9_\\\\]{0,40}") {
        let policy = policy();
        let request = rewritten(&policy, "ib", "", None).unwrap();
        let paging = request.answer().terms.paging.as_ref().unwrap();
        for text in [format!("{link}{tail}"), format!("?{tail}"), format!("{tail}{link}")] {
            if let Some(own) = paging.link(&text) {
                prop_assert!(own.starts_with("/reports/leads"));
            }
        }
    }
}
