//! What tells one answer from another, where the backend's request alone does not.

use super::*;
use crate::domain::dialect::*;
use crate::policy::{CacheRule, TokenPlace};
use fixture::{at, column_slot};
use http::HeaderName;
use std::time::Duration;

fn cached(report: Report) -> Policy {
    let rule = CacheRule { ttl: Duration::from_secs(30), stale_if_error: Duration::ZERO };
    fixture::policy_of(Report { cache: Some(rule), ..report })
}

fn caching(policy: &Policy, id: &str, query: &str, spare: &SealKey) -> Caching {
    let head = fixture::head("/reports/leads", Some(query));
    let permit = fixture::permit(policy, id, &head);
    rewrite(&permit, &head, b"", NOW, &Uncached, Some(spare)).unwrap().answer.caching.unwrap()
}

#[test]
fn a_report_without_a_cache_has_none() {
    let request = rewritten(&fixture::policy(), "acme", "", None).unwrap();
    assert!(request.answer().caching.is_none());
}

#[test]
fn cursors_and_links_are_for_one_holder_and_request() {
    let plain = cached(fixture::report());
    assert_eq!(caching(&plain, "acme", "", &seal_key()).pages, None);
    let mut report = fixture::report();
    report.request.allow = [Place::Query("q".into())].into();
    let json = JsonDialect {
        links: [at("/next_url")].into(),
        cursors: [Cursor { at: at("/next"), parameter: Place::Query("_next".into()) }].into(),
        ..JsonDialect::new(at("/rows"))
    };
    report.response = ResponseDialect::new(ResponseFormat::Json(json));
    let policy = cached(report.clone());
    let mut renamed = cached(report);
    renamed.principals[0].id = PrincipalId::parse("globex").unwrap();
    let pages = |query| caching(&policy, "acme", query, &seal_key()).pages.unwrap();
    let (at, whole) = policy.reports.find("/reports/leads").unwrap();
    let all = whole.catalogue.columns_of(policy.principals[0].view(at).unwrap());
    let all: Vec<_> = all.map(|column| column.name.as_str()).collect();
    // The backend is asked the same, and the links that leave are not the same.
    let selected = format!("_col={}", all.join("&_col="));
    let same = |query| told(rewritten(&policy, "acme", query, None));
    assert_eq!(same(""), same(&selected));
    let other_key = SealKey::new(&[7; 32]).unwrap();
    let found = [
        pages(""),
        pages(&selected),
        pages("q=1"),
        caching(&renamed, "globex", "", &seal_key()).pages.unwrap(),
        caching(&policy, "acme", "", &other_key).pages.unwrap(),
    ];
    for (at, one) in found.iter().enumerate() {
        assert!(!found[at + 1..].contains(one), "{at}");
    }
    assert_eq!(pages("q=1"), pages("q=1"));
}

#[test]
fn headers_of_one_request_do_not_count_unless_somebody_means_them_to() {
    let of_one_request = |policy: &Policy| {
        let names = caching(policy, "acme", "", &seal_key()).of_one_request;
        names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        of_one_request(&cached(fixture::report())),
        "x-request-id x-forwarded-for traceparent user-agent"
    );
    let mut report = fixture::report();
    report.pass_request_headers = [http::header::USER_AGENT].into();
    let name = HeaderName::from_static("traceparent");
    report.request.ask = [column_slot(ColumnPlace::Header { name })].into();
    assert_eq!(of_one_request(&cached(report)), "x-request-id x-forwarded-for");
    let mut policy = cached(fixture::report());
    let mut backend = (*policy.backends[0]).clone();
    backend.credential.headers = [(http::header::USER_AGENT, "gate".parse().unwrap())].into();
    policy.backends = [Arc::new(backend)].into();
    assert_eq!(of_one_request(&policy), "x-request-id x-forwarded-for traceparent");
}

#[test]
fn caches_of_clients_are_told_what_counts() {
    let mut report = fixture::report();
    report.pass_request_headers = ["x-lang", "accept-language"].map(HeaderName::from_static).into();
    let name = HeaderName::from_static("x-columns");
    report.request.ask = [column_slot(ColumnPlace::Header { name })].into();
    let mut policy = cached(report);
    policy.settings.token_in = [
        TokenPlace::Bearer,
        TokenPlace::Header(HeaderName::from_static("x-api-key")),
        TokenPlace::Query("token".into()),
    ]
    .into();
    let varies = caching(&policy, "acme", "", &seal_key()).varies.unwrap();
    assert_eq!(varies, "authorization, x-api-key, accept-language, x-lang, x-columns");
}
