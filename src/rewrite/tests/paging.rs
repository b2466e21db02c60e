//! Cursors: what clients get in place of the backend's own, and what they may do with it.

use super::*;
use crate::domain::dialect::*;
use crate::domain::names::ReportName;
use fixture::{at, csv};

/// Cursors at `/next` and `/prev`, one parameter for both; where columns are selected as `k`, rows sorted as `sort`.
fn paged(parameter: &Place) -> Report {
    let json = JsonDialect {
        cursors: ["/next", "/prev"]
            .map(|member| Cursor { at: at(member), parameter: parameter.clone() })
            .into(),
        ..JsonDialect::new(at("/rows"))
    };
    let columns = || [fixture::column_slot(ColumnPlace::Query { name: "k".into(), style: csv() })].into();
    let request = RequestDialect {
        body: match parameter {
            Place::Query(_) => BodyKind::None,
            Place::Form(_) => BodyKind::Form,
            Place::Json(_) => BodyKind::Json,
        },
        columns: columns(),
        ask: columns(),
        sort: [SortSlot { place: Place::Query("sort".into()), minus: true }].into(),
        allow: [Place::Query("q".into())].into(),
        ..fixture::dialect()
    };
    Report { request, response: ResponseDialect::new(ResponseFormat::Json(json)), ..fixture::report() }
}

fn in_query() -> Report {
    paged(&Place::Query("_next".into()))
}

/// What the holder gets in place of a cursor.
fn sealed(report: &Report, id: &str, query: &str, json: &str) -> String {
    let request = rewritten(&fixture::policy_of(report.clone()), id, query, None).unwrap();
    request.answer().terms.paging.as_ref().unwrap().seal(0, json)
}

#[track_caller]
fn check_report(report: &Report, id: &str, query: &str, body: Option<&str>, expected: &str) {
    let result = rewritten(&fixture::policy_of(report.clone()), id, query, body.map(str::as_bytes));
    assert_eq!(told(result), expected, "{id} ?{query} {body:?}");
}

#[test]
fn a_cursor_comes_back_as_the_backend_wrote_it() {
    #[rustfmt::skip]
    let cases = [
        // JSON text             in a query or form       in JSON
        (r#""2026-01-01 17""#,   "2026-01-01%2017",       r#""2026-01-01 17""#),
        (r#""a\u00e9\n\"&\/""#,  "a%C3%A9%0A%22%26%2F",   r#""a\u00e9\n\"&\/""#),
        ("17",                   "17",                    "17"),
        ("-1.50E+400",           "-1.50E%2B400",          "-1.50E+400"),
        (r#"["a", 1]"#,          "%5B%22a%22,%201%5D",    r#"["a", 1]"#),
        (r#"{"id":9}"#,          "%7B%22id%22%3A9%7D",    r#"{"id":9}"#),
        ("null",                 "null",                  "null"),
        (r#""""#,                "",                      r#""""#),
    ];
    let places = [Place::Query("_next".into()), Place::Form("after".into()), Place::Json(at("/page/after"))];
    let view = "k=lead_id,country,TrackingCode,commission&affiliate_id=1001";
    for (json, in_pairs, in_json) in cases {
        for place in &places {
            let report = paged(place);
            let sealed = sealed(&report, "acme", "", json);
            assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{sealed}");
            match place {
                Place::Query(_) => {
                    let expected = format!("_next={in_pairs}&{view}");
                    check_report(&report, "acme", &format!("_next={sealed}"), None, &expected);
                }
                Place::Form(_) => {
                    let expected = format!("{view} after={in_pairs}");
                    check_report(&report, "acme", "", Some(&format!("after={sealed}")), &expected);
                }
                Place::Json(_) => {
                    let body = format!(r#"{{"page":{{"after":"{sealed}"}}}}"#);
                    let expected = format!(r#"{view} {{"page":{{"after":{in_json}}}}}"#);
                    check_report(&report, "acme", "", Some(&body), &expected);
                }
            }
        }
    }
}

#[test]
fn what_no_query_can_hold_is_refused() {
    for json in [r#""\u0000""#, r#""\ud800""#] {
        let (query, body) = (in_query(), paged(&Place::Json(at("/after"))));
        let sealed_for_query = sealed(&query, "acme", "", json);
        check_report(&query, "acme", &format!("_next={sealed_for_query}"), None, "parameter_invalid _next");
        let sent = format!(r#"{{"after":"{}"}}"#, sealed(&body, "acme", "", json));
        let result = rewritten(&fixture::policy_of(body), "acme", "", Some(sent.as_bytes())).unwrap();
        assert_eq!(std::str::from_utf8(result.body()).unwrap(), format!(r#"{{"after":{json}}}"#));
    }
}

#[test]
fn a_cursor_is_for_its_holder_report_columns_and_order() {
    let report = in_query();
    let renamed = Report { name: ReportName::parse("deals").unwrap(), ..report.clone() };
    let moved = paged(&Place::Query("after".into()));
    let given = |query: &str| sealed(&report, "acme", query, "\"17\"");
    #[rustfmt::skip]
    let cases = [
        ("its own",                 "",             given(""),                                      true),
        ("of these columns",        "k=code&",      given("k=code"),                                true),
        ("of this order",           "sort=-code&",  given("sort=-code"),                            true),
        ("of another narrowing",    "",             given("affiliate_id=1001"),                     true),
        ("of another filter",       "q=a&",         given("q=b"),                                   true),
        ("another holder's",        "",             sealed(&report, "ib", "", "\"17\""),            false),
        ("an employee's",           "",             sealed(&report, "jane", "", "\"17\""),          false),
        ("of another report",       "",             sealed(&renamed, "acme", "", "\"17\""),         false),
        ("of another parameter",    "",             sealed(&moved, "acme", "", "\"17\""),           false),
        ("of fewer columns",        "",             given("k=code"),                                false),
        ("of more columns",         "k=code&",      given(""),                                      false),
        ("of swapped columns",      "k=code,country&", given("k=country,code"),                     false),
        ("of no order",             "sort=code&",   given(""),                                      false),
        ("of another order",        "sort=code&",   given("sort=-code"),                            false),
        ("the backend's own",       "",             "17".to_owned(),                                false),
        ("nothing",                 "",             String::new(),                                  false),
        ("cut short",               "",             given("").split_off(20),                     false),
        ("twice in one",            "",             given("").repeat(2),                            false),
        ("encoded otherwise",       "",             format!("{}%3D", given("")),                    false),
    ];
    let mut refusals = Vec::new();
    for (name, query, cursor, passes) in cases {
        let result =
            rewritten(&fixture::policy_of(report.clone()), "acme", &format!("{query}_next={cursor}"), None);
        match result {
            Ok(request) => {
                assert!(passes, "{name}");
                assert!(
                    request.path_and_query().contains("&_next=17&")
                        || request.path_and_query().contains("?_next=17&"),
                    "{name}"
                );
            }
            Err(denial) => {
                assert!(!passes, "{name}: {denial:?}");
                refusals.push(format!("{denial:?}"));
            }
        }
    }
    // No refusal tells what is wrong with a cursor.
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    assert!(refusals[0].contains("_next"), "{}", refusals[0]);
}

#[test]
fn a_cursor_stands_once_and_under_its_own_name() {
    let mut report = in_query();
    report.request.body = BodyKind::Form;
    report.request.on_unknown_parameter = OnExtra::Drop;
    let own = sealed(&report, "acme", "", "17");
    #[rustfmt::skip]
    let cases = [
        (format!("_next={own}&_next={own}"), "", "parameter_invalid _next"),
        (format!("_next={own}"), "_next=17", "parameter_invalid form:_next"),
        (String::new(), "_next=17", "parameter_not_allowed form:_next"),
        ("_next[]=17".to_owned(), "", "parameter_not_allowed _next[]"),
        ("_NEXT=17".to_owned(), "", "parameter_not_allowed _NEXT"),
        ("+_next=17".to_owned(), "", "parameter_not_allowed  _next"),
        ("_next=17".to_owned(), "", "parameter_invalid _next"),
        ("next=17".to_owned(), "", "k=lead_id,country,TrackingCode,commission&affiliate_id=1001"),
        (String::new(), "", "k=lead_id,country,TrackingCode,commission&affiliate_id=1001"),
    ];
    for (query, body, expected) in cases {
        check_report(&report, "acme", &query, Some(body), expected);
    }
    // Even where a rule would let the name pass as it is.
    report.request.allow = [Place::Query("_next".into())].into();
    check_report(&report, "acme", "_next=17", None, "parameter_invalid _next");
    let json = paged(&Place::Json(at("/page/after")));
    #[rustfmt::skip]
    let cases = [
        (r#"{"page":{"after":17}}"#, "parameter_invalid json:/page/after"), (r#"{"page":{"after":null}}"#, "parameter_invalid json:/page/after"),
        (r#"{"page":{"after":"17"}}"#, "parameter_invalid json:/page/after"), (r#"{"page":17}"#, "parameter_invalid json:/page"),
        (r#"{"page":{"After":"17"}}"#, "parameter_not_allowed json:/page/After"), (r#"{"page":{"after":["17"]}}"#, "parameter_invalid json:/page/after"),
    ];
    for (body, expected) in cases {
        check_report(&json, "acme", "", Some(body), expected);
    }
}

#[test]
fn scope_and_columns_are_refused_first() {
    let report = in_query();
    check_report(&report, "acme", "_next=17&k=email", None, "column_not_granted email");
    check_report(&report, "acme", "_next=17&affiliate_id=9", None, "scope_not_granted affiliate_id");
}

#[test]
fn the_configured_key_comes_first_and_none_is_no_answer() {
    let head = fixture::head("/reports/leads", None);
    let key = |byte: u8| SealKey::new(&[byte; 32]).unwrap();
    let seal = |configured: Option<u8>, spare: Option<u8>| {
        let mut policy = fixture::policy_of(in_query());
        policy.settings.seal_key = configured.map(key);
        let spare = spare.map(key);
        let permit = fixture::permit(&policy, "acme", &head);
        let request = rewrite(&permit, &head, b"", NOW, &Uncached, spare.as_ref())?;
        Ok::<_, Denial>(request.answer().terms.paging.as_ref().unwrap().seal(0, "17"))
    };
    assert_eq!(seal(Some(1), Some(2)).unwrap(), seal(Some(1), None).unwrap());
    assert_eq!(seal(None, Some(1)).unwrap(), seal(Some(1), None).unwrap());
    assert_ne!(seal(None, Some(2)).unwrap(), seal(Some(1), None).unwrap());
    assert_eq!(seal(None, None).unwrap_err().code.as_str(), "internal");
    assert!(!format!("{:?}", seal_key()).contains("secret"));
}

#[test]
fn reports_without_cursors_and_links_cost_nothing_and_need_no_key() {
    let (policy, head) = (fixture::policy(), fixture::head("/reports/leads", None));
    let request =
        rewrite(&fixture::permit(&policy, "acme", &head), &head, b"", NOW, &Uncached, None).unwrap();
    assert!(request.answer().terms.paging.is_none());
    let request = rewritten(&fixture::policy_of(in_query()), "acme", "", None).unwrap();
    let paging = request.answer().terms.paging.clone().unwrap();
    assert_eq!(paging.seal(2, "17"), "", "there is no such cursor");
    assert_eq!(paging.link("?q=a"), None, "there are no links");
    assert!(!format!("{paging:?}").contains("secret"));
}
