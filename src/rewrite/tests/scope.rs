//! Scope: every place and style, narrowing, holders of every row.

use super::*;
use crate::domain::dialect::*;
use crate::filter::RowsOf;
use fixture::{at, csv, scope_slot, text};

fn in_slots(body: BodyKind, slots: &[ScopeSlot]) -> RequestDialect {
    let scope = ScopeRule::Slots(slots.into());
    RequestDialect { body, scope, columns: Box::default(), ..fixture::dialect() }
}

fn query(style: ListStyle) -> ScopePlace {
    ScopePlace::Query { name: "aff".into(), style }
}

#[test]
fn own_ids_are_set_and_narrowed() {
    let (comma, repeat, brackets) = (query(csv()), query(ListStyle::Repeat), query(ListStyle::Brackets));
    #[rustfmt::skip]
    let cases = [
        (&comma, "acme", "", "aff=1001"),
        (&comma, "ib", "", "aff=1001,1002"),
        (&comma, "ib", "aff=1002", "aff=1002"),
        (&comma, "ib", "aff=1002,1001", "aff=1001,1002"),
        (&comma, "ib", "aff=1002,1002", "aff=1002"),
        (&comma, "ib", "aff=1003", "scope_not_granted aff"),
        (&comma, "ib", "aff=1002,1003", "scope_not_granted aff"),
        (&comma, "ib", "aff=", "scope_not_granted aff"),
        (&comma, "ib", "aff=01001", "scope_not_granted aff"),
        (&comma, "ib", "aff=1001%20", "scope_not_granted aff"),
        (&comma, "ib", "aff=1001&aff=1002", "parameter_invalid aff"),
        (&repeat, "ib", "", "aff=1001&aff=1002"),
        (&repeat, "ib", "aff=1002&aff=1001", "aff=1001&aff=1002"),
        (&repeat, "ib", "aff=1002&aff=1003", "scope_not_granted aff"),
        (&repeat, "ib", "aff=1001,1002", "scope_not_granted aff"),
        (&brackets, "ib", "", "aff[]=1001&aff[]=1002"),
        (&brackets, "ib", "aff%5B%5D=1002", "aff[]=1002"),
        (&brackets, "ib", "aff[]=1003", "scope_not_granted aff[]"),
        (&brackets, "ib", "aff=1002", "parameter_not_allowed aff"),
        (&comma, "jane", "", ""),
        (&comma, "jane", "aff=77,abc", "aff=77,abc"),
        (&comma, "jane", "aff=", "parameter_invalid aff"),
        (&comma, "jane", "aff=a%26b", "parameter_invalid aff"),
        (&comma, "jane", "aff=..", "parameter_invalid aff"),
    ];
    for (place, id, query, expected) in cases {
        check(&in_slots(BodyKind::None, &[scope_slot(place.clone())]), id, query, expected);
    }
}

#[test]
fn other_spellings_are_refused_even_where_unknown_parameters_are_dropped() {
    let mut dialect = in_slots(BodyKind::None, &[scope_slot(query(csv()))]);
    dialect.on_unknown_parameter = OnExtra::Drop;
    dialect.forbid = ["partnerId".into()].into();
    for name in [
        "AFF",
        "aff[]",
        "aff%5B0%5D",
        "+aff",
        "aff%09",
        "Aff",
        "[aff]",
        "partnerId",
        "PARTNERID",
        "partnerid[0]",
    ] {
        let result = rewritten(&policy(dialect.clone()), "acme", &format!("{name}=1001"), None);
        assert_eq!(result.unwrap_err().code.as_str(), "parameter_not_allowed", "{name}");
    }
    check(&dialect, "acme", "other=1&affx=2", "aff=1001");
    check(&dialect, "acme", "a%66f=1001", "parameter_invalid a%66f");
}

#[test]
fn every_place_gets_the_scope() {
    let slots = [
        scope_slot(query(csv())),
        scope_slot(ScopePlace::Json { at: at("/filter/ids"), style: None, id_type: IdType::Number }),
        scope_slot(ScopePlace::Json {
            at: at("/who"),
            style: Some(JsonListStyle::Array),
            id_type: IdType::String,
        }),
    ];
    let dialect = in_slots(BodyKind::Json, &slots);
    check(&dialect, "acme", "", r#"aff=1001 {"filter":{"ids":1001},"who":["1001"]}"#);
    check(&dialect, "ib", "", r#"aff=1001,1002 {"filter":{"ids":[1001,1002]},"who":["1001","1002"]}"#);
    check(&dialect, "ib", "aff=1002", r#"aff=1002 {"filter":{"ids":1002},"who":["1002"]}"#);
    #[rustfmt::skip]
    let cases = [
        (r#"{"filter":{"ids":1002}}"#, r#"aff=1002 {"filter":{"ids":1002},"who":["1002"]}"#),
        (r#"{"filter":{"ids":"1002"}}"#, r#"aff=1002 {"filter":{"ids":1002},"who":["1002"]}"#),
        (r#"{"filter":{"ids":[1002,1001]}}"#, r#"aff=1001,1002 {"filter":{"ids":[1001,1002]},"who":["1001","1002"]}"#),
        (r#"{"filter":{"ids":[1002,9]}}"#, "scope_not_granted json:/filter/ids"),
        (r#"{"filter":{"ids":1002.0}}"#, "scope_not_granted json:/filter/ids"),
        (r#"{"filter":{"ids":null}}"#, "parameter_invalid json:/filter/ids"),
        (r#"{"filter":{"ids":{"a":1}}}"#, "parameter_invalid json:/filter/ids"),
        (r#"{"filter":{"ids":[[1002]]}}"#, "parameter_invalid json:/filter/ids"),
        (r#"{"filter":{"ids":1002},"who":["1002"]}"#, "parameter_invalid json:/who"),
        (r#"{"who":"1002"}"#, "parameter_invalid json:/who"),
        (r#"{"filter":{"IDS":1002}}"#, "parameter_not_allowed json:/filter/IDS"),
        (r#"{"aff":"1002"}"#, "parameter_not_allowed json:/aff"),
    ];
    for (body, expected) in cases {
        check_body(&dialect, "ib", body, expected);
    }
    let both = rewritten(&policy(dialect), "ib", "aff=1002", Some(br#"{"who":["1002"]}"#));
    assert_eq!(told(both), "parameter_invalid json:/who");
}

#[test]
fn scope_stands_in_forms() {
    let form = ScopePlace::Form { name: "aff".into(), style: ListStyle::Repeat };
    let dialect = in_slots(BodyKind::Form, &[scope_slot(form), scope_slot(query(csv()))]);
    check_body(&dialect, "ib", "", "aff=1001,1002 aff=1001&aff=1002");
    check_body(&dialect, "ib", "aff=1002", "aff=1002 aff=1002");
    check_body(&dialect, "ib", "aff=7", "scope_not_granted form:aff");
    let both = rewritten(&policy(dialect), "ib", "aff=1002", Some(b"aff=1002"));
    assert_eq!(told(both), "parameter_invalid form:aff");
}

#[test]
fn items_are_appended_to_arrays() {
    let append = |allow: Box<[AllowedMember]>| {
        let item = [("type".into(), text("affiliate")), ("id".into(), text("{scope}"))].into();
        scope_slot(ScopePlace::Append { at: at("/filters"), item, id_type: IdType::String, allow })
    };
    let countries = AllowedMember { name: "type".into(), values: ["country".into()].into() };
    let open = in_slots(BodyKind::Json, &[append([countries].into())]);
    let closed = in_slots(BodyKind::Json, &[append(Box::default())]);
    #[rustfmt::skip]
    let cases = [
        (&closed, "ib", r#"{}"#, r#"{"filters":[{"type":"affiliate","id":"1001"},{"type":"affiliate","id":"1002"}]}"#),
        (&closed, "ib", r#"{"filters":[]}"#, r#"{"filters":[{"type":"affiliate","id":"1001"},{"type":"affiliate","id":"1002"}]}"#),
        (&closed, "ib", r#"{"filters":[{"id":1002,"type":"affiliate"}]}"#, r#"{"filters":[{"type":"affiliate","id":"1002"}]}"#),
        (&closed, "ib", r#"{"filters":[{"type":"affiliate","id":"7"}]}"#, "scope_not_granted json:/filters"),
        (&closed, "ib", r#"{"filters":[{"type":"country","id":"DE"}]}"#, "parameter_not_allowed json:/filters"),
        (&closed, "ib", r#"{"filters":{"type":"affiliate","id":"1001"}}"#, "parameter_invalid json:/filters"),
        (&closed, "jane", r#"{}"#, "{}"),
        (&closed, "jane", r#"{"filters":[{"type":"affiliate","id":"7"}]}"#, r#"{"filters":[{"type":"affiliate","id":"7"}]}"#),
        (&open, "acme", r#"{"filters":[{"type":"country", "id":"DE"}]}"#, r#"{"filters":[{"type":"country", "id":"DE"},{"type":"affiliate","id":"1001"}]}"#),
        (&open, "acme", r#"{"filters":[{"type":"country","id":["DE"]}]}"#, "parameter_not_allowed json:/filters"),
        (&open, "acme", r#"{"filters":[{"type":"country","Type":"affiliate","id":"7"}]}"#, "parameter_not_allowed json:/filters"),
        (&open, "acme", r#"{"filters":[{"type":"affiliate","id":"7","x":1}]}"#, "parameter_not_allowed json:/filters"),
        (&open, "acme", r#"{"filters":[{"type":"country","id":"DE","op":"or"}]}"#, "parameter_not_allowed json:/filters"),
        (&open, "acme", r#"{"filters":[{"id":"DE"}]}"#, "parameter_not_allowed json:/filters"),
        (&open, "acme", r#"{"filters":[1]}"#, "parameter_not_allowed json:/filters"),
        (&open, "jane", r#"{"filters":[{"type":"country","id":1.0}]}"#, r#"{"filters":[{"type":"country","id":1.0}]}"#),
    ];
    for (dialect, id, body, expected) in cases {
        check_body(dialect, id, body, expected);
    }
}

#[test]
fn holders_of_every_row_get_the_all_value_where_there_is_one() {
    let slot = ScopeSlot { place: query(csv()), all: Some("*".into()) };
    let dialect = in_slots(BodyKind::None, &[slot]);
    check(&dialect, "jane", "", "aff=%2A");
    check(&dialect, "jane", "aff=*", "aff=%2A");
    check(&dialect, "jane", "aff=5", "aff=5");
    check(&dialect, "acme", "aff=*", "scope_not_granted aff");
}

#[test]
fn a_path_holds_one_id() {
    let mut report = fixture::report();
    report.backend_path = crate::domain::template::Template::parse("/a/{scope}/leads");
    report.request = in_slots(BodyKind::None, &[scope_slot(ScopePlace::Path { parameter: "aff".into() })]);
    let policy = fixture::policy_of(report);
    let path = |id, query| match rewritten(&policy, id, query, None) {
        Ok(request) => request.path_and_query().to_owned(),
        Err(denial) => told(Err(denial)),
    };
    assert_eq!(path("acme", ""), "/base/a/1001/leads");
    assert_eq!(path("acme", "aff=1001"), "/base/a/1001/leads");
    assert_eq!(path("acme", "aff=1002"), "scope_not_granted aff");
    assert_eq!(path("jane", ""), "scope_required aff");
    assert_eq!(path("jane", "aff=a:b"), "/base/a/a%3Ab/leads");
    assert_eq!(path("jane", "aff=../x"), "parameter_invalid aff");
    assert_eq!(path("ib", ""), "scope_required aff");
    assert_eq!(path("ib", "aff=1002"), "/base/a/1002/leads");
}

#[test]
fn holders_of_no_id_get_no_row() {
    let mut policy = policy(fixture::dialect());
    policy.principals[0].scope = fixture::ids(&[]);
    assert_eq!(told(rewritten(&policy, "acme", "", None)), "scope_not_granted affiliate_id");
}

#[test]
fn numbers_are_chosen_as_numbers() {
    let place = ScopePlace::Json { at: at("/id"), style: None, id_type: IdType::Number };
    let dialect = in_slots(BodyKind::Json, &[scope_slot(place)]);
    check_body(&dialect, "jane", r#"{"id":5}"#, r#"{"id":5}"#);
    check_body(&dialect, "jane", r#"{"id":"5"}"#, r#"{"id":5}"#);
    check_body(&dialect, "jane", r#"{"id":9223372036854775807}"#, r#"{"id":9223372036854775807}"#);
    for id in ["5e1", "\"x\"", "-0", "\"05\"", "\"+5\"", "9223372036854775808"] {
        check_body(&dialect, "jane", &format!(r#"{{"id":{id}}}"#), "parameter_invalid json:/id");
    }
}

#[test]
fn a_fixed_text_with_scope_needs_one() {
    let mut dialect = in_slots(BodyKind::None, &[scope_slot(query(csv()))]);
    let template = crate::domain::template::Template::parse("id={scope}");
    dialect.set = [Fixed::Query("w".into(), template)].into();
    check(&dialect, "acme", "", "w=id%3D1001&aff=1001");
    check(&dialect, "jane", "", "scope_required aff");
    check(&dialect, "jane", "aff=5", "w=id%3D5&aff=5");
}

/// Whose rows may leave, or the refusal.
fn rows_of(report: &Report, id: &str, query: &str, body: Option<&[u8]>) -> String {
    match rewritten(&fixture::policy_of(report.clone()), id, query, body) {
        Ok(request) => match &request.answer().terms.rows_of {
            RowsOf::Everyone => "everyone".to_owned(),
            RowsOf::Ids(ids) => ids.join(","),
        },
        Err(denial) => told(Err(denial)),
    }
}

#[test]
fn rows_are_those_that_were_asked_for() {
    let slot = |place, all: Option<&str>| [ScopeSlot { place, all: all.map(Into::into) }];
    let query_slot = || slot(query(csv()), Some("*"));
    let json = ScopePlace::Json { at: at("/ids"), style: None, id_type: IdType::Number };
    let path = ScopePlace::Path { parameter: "aff".into() };
    let with = |body, slots: &[ScopeSlot]| {
        let mut report = Report { request: in_slots(body, slots), ..fixture::report() };
        report.response.rows.scope_column = Some("aff".into());
        report
    };
    let (in_query, in_json) = (with(BodyKind::None, &query_slot()), with(BodyKind::Json, &slot(json, None)));
    let mut in_path = with(BodyKind::None, &slot(path, None));
    in_path.backend_path = crate::domain::template::Template::parse("/of/{scope}");
    let (mut credential, mut public) = (in_query.clone(), in_query.clone());
    credential.request.scope = ScopeRule::Credential;
    public.request.scope = ScopeRule::Public;
    let mut unchecked = in_query.clone();
    unchecked.response.rows.scope_column = None;
    #[rustfmt::skip]
    let cases: [(&Report, &str, &str, Option<&str>, &str); 20] = [
        (&in_query, "acme", "", None, "1001"),
        (&in_query, "ib", "", None, "1001,1002"),
        (&in_query, "ib", "aff=1002", None, "1002"),
        (&in_query, "ib", "aff=1002,1002", None, "1002"),
        (&in_query, "ib", "aff=*", None, "scope_not_granted aff"),
        (&in_query, "jane", "", None, "everyone"),
        (&in_query, "jane", "aff=*", None, "everyone"),
        (&in_query, "jane", "aff=77,1001", None, "77,1001"),
        (&in_query, "jane", "aff=*,77", None, "parameter_invalid aff"),
        (&in_json, "ib", "", Some("{}"), "1001,1002"),
        (&in_json, "ib", "", Some(r#"{"ids":1002}"#), "1002"),
        (&in_json, "ib", "", Some(r#"{"ids":["1002",1001]}"#), "1001,1002"),
        (&in_json, "jane", "", Some("{}"), "everyone"),
        (&in_json, "jane", "", Some(r#"{"ids":[77,"78"]}"#), "77,78"),
        (&in_json, "jane", "", Some(r#"{"ids":7.5}"#), "parameter_invalid json:/ids"),
        (&in_path, "ib", "aff=1002", None, "1002"),
        (&in_path, "jane", "aff=77", None, "77"),
        (&credential, "ib", "", None, "1001,1002"),
        (&credential, "jane", "", None, "everyone"),
        (&unchecked, "ib", "aff=1002", None, "everyone"),
    ];
    for (report, id, query, body, expected) in cases {
        assert_eq!(rows_of(report, id, query, body.map(str::as_bytes)), expected, "{id} {query} {body:?}");
    }
    assert_eq!(
        rows_of(&public, "acme", "", None),
        "1001",
        "a scope column is checked whatever the backend is told"
    );
}

#[test]
fn a_holder_without_ids_gets_no_rows() {
    let mut report = Report { request: in_slots(BodyKind::None, &[]), ..fixture::report() };
    report.request.scope = ScopeRule::Credential;
    report.response.rows.scope_column = Some("aff".into());
    let mut policy = fixture::policy_of(report);
    let mut principals = policy.principals.into_vec();
    principals[0].scope = fixture::ids(&[]);
    policy.principals = principals.into();
    let request = rewritten(&policy, "acme", "", None).unwrap();
    assert_eq!(request.answer().terms.rows_of, RowsOf::Ids([].into()));
}
