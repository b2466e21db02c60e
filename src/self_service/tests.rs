//! What is listed, with what schema and example, against what `decide` and `rewrite` let pass.

use super::granted::GrantedReport;
use super::parameter::{Parameter, duration};
use super::*;
use crate::decide::fixture::{self, at, column_slot, csv, parameter, scope_slot, text};
use crate::decide::{BodyRule, Facts, assume_holder, authorize};
use crate::domain::dialect::{Parameter as Declared, *};
use crate::domain::names::PrincipalId;
use crate::domain::template::Template;
use crate::policy::{Grant, GrantKey, Grants, Methods, Policy, Report, SealKey, TokenPlace};
use crate::rewrite::rewrite;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// 2026-11-22T10:15:00Z
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_342_500);

fn holder<'p>(policy: &'p Policy, id: &str) -> Holder<'p> {
    let id = PrincipalId::parse(id).unwrap();
    assume_holder(policy, &id, &fixture::head("/", None), &mut Facts::default()).unwrap()
}

pub(super) fn of<'p>(policy: &'p Policy, id: &str) -> Option<GrantedReport<'p>> {
    granted(policy, holder(policy, id), NOW).into_iter().next()
}

pub(super) fn changed(change: impl FnOnce(&mut Report)) -> Policy {
    let mut report = fixture::report();
    change(&mut report);
    fixture::policy_of(report)
}

fn find<'g, 'p>(granted: &'g GrantedReport<'p>, name: &str) -> &'g Parameter<'p> {
    granted.parameters.iter().find(|own| own.stands.name() == name).unwrap_or_else(|| panic!("{name}"))
}

pub(super) fn json_text(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn date() -> ParameterType {
    ParameterType::Date
}

fn query(name: &str) -> Place {
    Place::Query(name.into())
}

/// A required parameter of the query.
fn required(name: &str, kind: ParameterType) -> Declared {
    Declared { required: true, ..parameter(query(name), query(name), kind) }
}

/// Makes another report of the fixture's.
type Change = Box<dyn FnOnce(&mut Report)>;

/// A rule, the places of a scope, fixed values, the client's parameter, and whether it must be sent.
type ScopeCase = (&'static str, Vec<ScopeSlot>, Vec<Fixed>, &'static str, bool);

#[test]
fn endpoints_stand_at_their_exact_paths() {
    let mut policy = fixture::policy();
    let named = |name: &str| Some(Endpoint::Report(ReportName::parse(name).unwrap()));
    #[rustfmt::skip]
    let cases = [
        (Some("/_gate"), "/_gate/whoami", Some(Endpoint::WhoAmI)),
        (Some("/_gate"), "/_gate/reports", Some(Endpoint::Reports)),
        (Some("/_gate"), "/_gate/openapi.json", Some(Endpoint::OpenApi)),
        (Some("/_gate"), "/_gate/reports/leads", named("leads")),
        (Some("/_gate"), "/_gate/reports/a.b-c", named("a.b-c")),
        (Some("/_gate"), "/_gate/reports/", None),
        (Some("/_gate"), "/_gate/reports/a/b", None),
        (Some("/_gate"), "/_gate/reports/a%62", None),
        (Some("/_gate"), "/_gate", None),
        (Some("/_gate"), "/_gate/", None),
        (Some("/_gate"), "/_gate/whoami/", None),
        (Some("/_gate"), "/_gate//whoami", None),
        (Some("/_gate"), "/_GATE/whoami", None),
        (Some("/_gate"), "/whoami", None),
        (Some("/a/b"), "/a/b/whoami", Some(Endpoint::WhoAmI)),
        (Some("/a/b"), "/_gate/whoami", None),
        (None, "/_gate/whoami", None),
        (None, "/whoami", None),
    ];
    for (own, path, expected) in cases {
        policy.settings.self_service = own.map(Into::into);
        assert_eq!(endpoint(&policy, path), expected, "{own:?} {path}");
    }
}

#[test]
fn a_report_that_nobody_could_call_is_not_listed() {
    let hidden = || Some(fixture::catalogue().find("email").unwrap());
    let shown = || Some(fixture::catalogue().find("country").unwrap());
    let filter =
        |column, required| Declared { column, required, ..parameter(query("f"), query("f"), date()) };
    let methods = |get, post| Methods { get, head: get, post };
    let in_body = || Declared { required: true, ..parameter(Place::Form("f".into()), query("f"), date()) };
    #[rustfmt::skip]
    let cases: [(&str, &str, Change, Option<&str>); 9] = [
        ("as it is",                       "acme",  Box::new(|_| {}), Some("GET, HEAD, POST")),
        ("no permission",                  "guest", Box::new(|_| {}), None),
        ("a hidden filter",                "acme",  Box::new(move |r| r.request.parameters = [filter(hidden(), false)].into()), Some("GET, HEAD, POST")),
        ("a required hidden filter",       "acme",  Box::new(move |r| r.request.parameters = [filter(hidden(), true)].into()), None),
        ("a required granted filter",      "acme",  Box::new(move |r| r.request.parameters = [filter(shown(), true)].into()), Some("GET, HEAD, POST")),
        ("required in the body",           "acme",  Box::new(move |r| r.request.parameters = [in_body()].into()), Some("POST")),
        ("required in a body there is not", "acme", Box::new(move |r| { r.request.parameters = [in_body()].into(); r.methods = methods(true, false); }), None),
        ("GET only",                       "acme",  Box::new(move |r| r.methods = methods(true, false)), Some("GET, HEAD")),
        ("POST only",                      "acme",  Box::new(move |r| r.methods = methods(false, true)), Some("POST")),
    ];
    for (rule, id, change, expected) in cases {
        let policy = changed(change);
        let found = of(&policy, id).map(|granted| granted.methods.allow_header());
        assert_eq!(found.as_deref(), expected, "{rule}");
    }
    let mut policy = fixture::policy();
    policy.principals[0].scope = fixture::ids(&[]);
    assert!(of(&policy, "acme").is_none(), "without ids it sees no rows");
    let mut policy = changed(|report| report.request.scope = ScopeRule::Public);
    policy.principals[0].scope = fixture::ids(&[]);
    assert!(of(&policy, "acme").is_some(), "these are the same for everyone");
}

#[test]
fn a_scope_is_chosen_from_the_holder_s_own() {
    let json_at = |style, id_type| ScopePlace::Json { at: at("/who/ids"), style, id_type };
    let item = [("kind".into(), text("affiliate")), ("id".into(), text("{scope}"))];
    let append = |allow| ScopePlace::Append {
        at: at("/filters"),
        item: item.clone().into(),
        id_type: IdType::Number,
        allow,
    };
    let allow = [AllowedMember { name: "kind".into(), values: ["country".into()].into() }];
    let csv_json = JsonListStyle::Csv { separator: ";".into() };
    #[rustfmt::skip]
    let cases = [
        (ScopePlace::Query { name: "a".into(), style: csv() }, "a", json!({ "type": "array", "items": { "type": "string", "enum": ["1001", "1002"] }, "minItems": 1 })),
        (ScopePlace::Query { name: "a".into(), style: ListStyle::Brackets }, "a[]", json!({ "type": "array", "items": { "type": "string", "enum": ["1001", "1002"] }, "minItems": 1 })),
        (ScopePlace::Header { name: http::HeaderName::from_static("x-aff") }, "x-aff", json!({ "type": "array", "items": { "type": "string", "enum": ["1001", "1002"] }, "minItems": 1 })),
        (ScopePlace::Path { parameter: "who".into() }, "who", json!({ "type": "string", "enum": ["1001", "1002"] })),
        (json_at(Some(JsonListStyle::Array), IdType::Number), "/who/ids", json!({ "type": "array", "items": { "type": "integer", "enum": [1001, 1002] }, "minItems": 1 })),
        (json_at(Some(csv_json), IdType::String), "/who/ids", json!({ "type": "string" })),
        (append(allow.into()), "/filters", json!({ "type": "array", "items": { "anyOf": [
            { "type": "object", "properties": { "kind": { "enum": ["affiliate"] }, "id": { "type": "integer", "enum": [1001, 1002] } }, "required": ["kind", "id"], "additionalProperties": false },
            { "type": "object", "properties": { "kind": { "type": "string", "enum": ["country"] }, "id": { "type": ["string", "number", "boolean", "null"] } }, "required": ["kind"], "additionalProperties": false },
        ] } })),
    ];
    for (place, name, expected) in cases {
        let policy = changed(|report| {
            report.request.scope = ScopeRule::Slots([scope_slot(place.clone())].into());
            report.request.body = BodyKind::Json;
        });
        let own = of(&policy, "ib").unwrap();
        assert_eq!(json_text(&find(&own, name).schema()), expected, "{place:?}");
        assert!(!find(&own, name).required);
    }
    let append = append(Box::default());
    let policy = changed(|report| report.request.scope = ScopeRule::Slots([scope_slot(append)].into()));
    let own = of(&policy, "ib").unwrap();
    let entry = json_text(&Entry::from(find(&own, "/filters")));
    assert_eq!(
        entry["one_of"],
        json!([{ "kind": "affiliate", "id": 1001 }, { "kind": "affiliate", "id": 1002 }])
    );
}

#[test]
fn who_sees_every_row_must_choose_where_the_backend_needs_an_id() {
    let path = || ScopePlace::Path { parameter: "who".into() };
    let place = || ScopePlace::Query { name: "aff".into(), style: csv() };
    let fixed = || Fixed::Query("s".into(), Template::parse("x={scope}"));
    let all = |place| ScopeSlot { place, all: Some("*".into()) };
    #[rustfmt::skip]
    let cases: [ScopeCase; 5] = [
        ("a parameter",                 vec![scope_slot(place())],                      vec![],        "aff", false),
        ("a path",                      vec![scope_slot(path())],                       vec![],        "who", true),
        ("a path behind a parameter",   vec![scope_slot(place()), scope_slot(path())],  vec![],        "who", true),
        ("a text",                      vec![scope_slot(place())],                      vec![fixed()], "aff", true),
        ("a text that can say all",     vec![all(place())],                             vec![fixed()], "aff", false),
    ];
    for (rule, slots, set, name, expected) in cases {
        let policy = changed(|report| {
            report.request.scope = ScopeRule::Slots(slots.into());
            report.request.set = set.into();
        });
        let (jane, acme) = (of(&policy, "jane").unwrap(), of(&policy, "acme").unwrap());
        assert_eq!(find(&jane, name).required, expected, "{rule}");
        assert!(!find(&acme, name).required, "{rule}: it has one id");
        assert_passes(&policy, "jane", &jane);
        assert_passes(&policy, "acme", &acme);
    }
}

#[test]
fn columns_and_sorts_are_granted_ones_where_they_are_read() {
    let names = ["lead_id", "country", "code", "commission"];
    let several =
        |items: Value| json!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true });
    let one_of = || json!({ "type": "string", "enum": names });
    let bar = |separator: &str| ListStyle::Csv { separator: separator.into() };
    let in_query = |style| ColumnPlace::Query { name: "k".into(), style };
    let in_json = |style| ColumnPlace::Json { at: at("/k"), style };
    #[rustfmt::skip]
    let cases = [
        (in_query(csv()), "k", several(one_of()), Some(("form", false))),
        (in_query(bar("|")), "k", several(one_of()), Some(("pipeDelimited", false))),
        (in_query(bar(" ")), "k", several(one_of()), Some(("spaceDelimited", false))),
        (in_query(bar(";")), "k", json!({ "type": "string" }), None),
        (in_query(ListStyle::Repeat), "k", several(one_of()), Some(("form", true))),
        (in_query(ListStyle::Brackets), "k[]", several(one_of()), Some(("form", true))),
        (ColumnPlace::Form { name: "k".into(), style: csv() }, "k", several(one_of()), Some(("form", false))),
        (ColumnPlace::Header { name: http::HeaderName::from_static("x-k") }, "x-k", several(one_of()), Some(("simple", false))),
        (in_json(JsonListStyle::Array), "/k", several(one_of()), None),
        (in_json(JsonListStyle::Objects { key: "c".into() }), "/k", several(json!({ "type": "object", "properties": { "c": one_of() }, "required": ["c"], "additionalProperties": false })), None),
        (in_json(JsonListStyle::Csv { separator: ",".into() }), "/k", json!({ "type": "string" }), None),
    ];
    for (place, name, schema, serialization) in cases {
        let policy = changed(|report| report.request.ask = [column_slot(place.clone())].into());
        let own = of(&policy, "acme").unwrap();
        let found = find(&own, name);
        assert_eq!(json_text(&found.schema()), schema, "{place:?}");
        assert_eq!(found.serialization(), serialization, "{place:?}");
        assert_eq!(json_text(&Entry::from(found))["one_of"], json!(names), "{place:?}");
    }
    let flags = ListStyle::Flags { prefix: "ck_".into(), value: "on".into() };
    let policy = changed(|report| {
        report.request.ask = [column_slot(in_query(flags))].into();
        report.request.sort =
            [SortSlot { place: query("s"), minus: false }, SortSlot { place: query("m"), minus: true }]
                .into();
    });
    let own = of(&policy, "acme").unwrap();
    let all: Vec<_> = own.parameters.iter().map(|own| own.stands.name().into_owned()).collect();
    assert_eq!(
        all,
        ["ck_lead_id", "ck_country", "ck_code", "ck_commission", "s", "m", "affiliate_id", "format"]
    );
    assert_eq!(json_text(&find(&own, "ck_code").schema()), json!({ "type": "string", "enum": ["on"] }));
    assert_eq!(json_text(&find(&own, "s").schema()), one_of());
    assert_eq!(json_text(&find(&own, "m").schema())["enum"][7], "-commission");
}

#[test]
fn types_are_schemas() {
    let string = |max_length, one_of: &[&str]| ParameterType::String {
        max_length,
        one_of: one_of.iter().map(|one| (*one).into()).collect(),
    };
    #[rustfmt::skip]
    let cases = [
        (string(9, &[]), "", json!({ "type": "string", "maxLength": 9 })),
        (string(9, &["a", "b"]), "b", json!({ "type": "string", "enum": ["a", "b"], "maxLength": 9, "default": "b" })),
        (ParameterType::Integer { min: Some(-1), max: None }, "7", json!({ "type": "integer", "format": "int64", "minimum": -1, "default": 7 })),
        (ParameterType::Number, "1.50", json!({ "type": "number", "default": 1.5 })),
        (ParameterType::Boolean, "true", json!({ "type": "boolean", "default": true })),
        (date(), "2026-01-31", json!({ "type": "string", "format": "date", "default": "2026-01-31" })),
        (ParameterType::DateTime, "", json!({ "type": "string", "format": "date-time" })),
    ];
    for (kind, default, expected) in cases {
        let mut own = parameter(query("p"), query("p"), kind);
        own.default = (!default.is_empty()).then(|| ParameterDefault::Text(default.into()));
        let policy = changed(|report| report.request.parameters = [own].into());
        let granted = of(&policy, "acme").unwrap();
        assert_eq!(json_text(&find(&granted, "p").schema()), expected);
    }
    for (offset_days, entry, sentence) in [
        (0, "today", "default: today (UTC)"),
        (-30, "-30d", "default: 30 days ago (UTC)"),
        (7, "7d", "default: in 7 days (UTC)"),
    ] {
        let mut own = parameter(query("p"), query("p"), date());
        own.default = Some(ParameterDefault::Today { offset_days });
        let policy = changed(|report| report.request.parameters = [own].into());
        let granted = of(&policy, "acme").unwrap();
        assert_eq!(json_text(&find(&granted, "p").schema()), json!({ "type": "string", "format": "date" }));
        assert_eq!(json_text(&Entry::from(find(&granted, "p")))["default"], entry);
        assert_eq!(find(&granted, "p").sentences().unwrap(), sentence);
    }
    let durations = [(86_400 * 366, "366d"), (5_400, "90m"), (7_200, "2h"), (61, "61s"), (86_400, "1d")];
    for (seconds, expected) in durations {
        assert_eq!(duration(seconds), expected);
    }
}

#[test]
fn examples_fit_their_types_and_spans() {
    let days = |days: i64| days * 86_400;
    let filled = |name: &str, kind, default| Declared {
        default: Some(default),
        ..parameter(query(name), query(name), kind)
    };
    let today = |offset_days| ParameterDefault::Today { offset_days };
    let fixed = |text: &str| ParameterDefault::Text(text.into());
    let time = || ParameterType::DateTime;
    let integer = |min, max| ParameterType::Integer { min, max };
    let short = ParameterType::String { max_length: 3, one_of: Box::default() };
    let listed = ParameterType::String { max_length: 3, one_of: ["b".into(), "a".into()].into() };
    #[rustfmt::skip]
    let cases = [
        // parameters, longest span between the first two in seconds, query
        (vec![required("a", short), required("b", listed)], None, "a=exa&b=b"),
        (vec![required("a", integer(None, None)), required("b", integer(Some(5), None)), required("c", integer(None, Some(-5)))], None, "a=1&b=5&c=-5"),
        (vec![required("a", ParameterType::Number), required("b", ParameterType::Boolean)], None, "a=1&b=true"),
        (vec![required("a", date()), required("b", time())], None, "a=2026-11-22&b=2026-11-22T00%3A00%3A00Z"),
        (vec![required("a", date()), required("b", date())], Some(days(366)), "a=2026-10-23&b=2026-11-22"),
        (vec![required("a", date()), required("b", date())], Some(days(7)), "a=2026-11-15&b=2026-11-22"),
        (vec![required("a", date()), required("b", date())], Some(3_600), "a=2026-11-22&b=2026-11-22"),
        (vec![required("a", time()), required("b", time())], Some(3_600), "a=2026-11-21T23%3A00%3A00Z&b=2026-11-22T00%3A00%3A00Z"),
        (vec![required("a", date()), required("b", time())], Some(days(1) + 1), "a=2026-11-21&b=2026-11-22T00%3A00%3A00Z"),
        (vec![required("a", date()), filled("b", date(), today(0))], Some(days(7)), "a=2026-11-15"),
        (vec![required("a", date()), filled("b", date(), today(-10))], Some(days(7)), "a=2026-11-05"),
        (vec![required("a", date()), filled("b", date(), fixed("2020-03-01"))], Some(days(1)), "a=2020-02-29"),
        (vec![filled("a", date(), fixed("2020-02-28")), required("b", date())], Some(days(2)), "b=2020-03-01"),
        (vec![filled("a", time(), fixed("2026-01-31T10:00:00")), required("b", time())], Some(60), "b=2026-01-31T10%3A01%3A00Z"),
        (vec![filled("a", time(), fixed("2026-01-31T10:00:00+02:00")), required("b", time())], Some(60), "b=2026-01-31T08%3A01%3A00Z"),
        (vec![parameter(query("a"), query("a"), date()), parameter(query("b"), query("b"), date())], Some(days(7)), "a=2026-11-15&b=2026-11-22"),
        (vec![parameter(query("a"), query("a"), date())], None, ""),
    ];
    for (parameters, span, expected) in cases {
        let policy = changed(|report| {
            report.request.parameters = parameters.into();
            report.request.spans =
                span.map(|max_seconds| Span { from: 0, to: 1, max_seconds }).into_iter().collect();
        });
        let own = of(&policy, "acme").unwrap();
        let target = example::target(&own);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        assert_eq!((path, query), ("/reports/leads", expected));
        assert_passes(&policy, "acme", &own);
    }
}

/// Runs the example of a report through the checks and the rewrite.
#[track_caller]
fn assert_passes(policy: &Policy, id: &str, granted: &GrantedReport<'_>) {
    struct Compiled;
    impl Grants for Compiled {
        fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant> {
            Arc::new(Grant::compile(report, &key.view))
        }
    }
    let target = example::target(granted);
    let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
    let body = example::body(granted).map(|body| match granted.body {
        BodyKind::Json => body.to_string(),
        BodyKind::Form | BodyKind::None => {
            let mut form = String::new();
            for (name, value) in body.as_object().unwrap() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                crate::domain::encode::push_pair(&mut form, name, &value);
            }
            form
        }
    });
    let mut headers = HeaderMap::new();
    if let Some(body) = &body {
        let is_json = granted.body == BodyKind::Json;
        let content_type = if is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let method = if granted.methods.get { Method::GET } else { Method::POST };
    let head = Head { method: &method, headers: &headers, ..fixture::head(path, query) };
    let holder = holder(policy, id);
    let permit = authorize(policy, &head, holder, &mut Facts::default());
    let permit = permit.unwrap_or_else(|denial| panic!("{id} {target}: {denial:?}"));
    assert!(body.is_none() || permit.body_rule() != BodyRule::Forbidden);
    let body = body.unwrap_or_default();
    let key = SealKey::new(&[7; 32]);
    let passed = rewrite(&permit, &head, body.as_bytes(), NOW, &Compiled, key.as_ref());
    assert!(passed.is_ok(), "{id} {method} {target} {body}: {passed:?}");
}

#[test]
fn every_example_of_the_example_config_passes() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let mut policy = crate::config::load(&file, NOW).unwrap().policy;
    for principal in &mut policy.principals {
        principal.allowed_ips = fixture::ranges(&["192.0.2.0/24"]);
    }
    let mut seen = BTreeSet::new();
    for principal in policy.principals.iter().filter(|principal| !principal.disabled) {
        let id = principal.id.as_str();
        for own in granted(&policy, holder(&policy, id), NOW) {
            assert_passes(&policy, id, &own);
            seen.insert(own.report.name.clone());
        }
    }
    assert_eq!(seen.len(), policy.reports.iter().len(), "each is called by somebody: {seen:?}");
}

fn document(policy: &Policy, lines: &[(http::HeaderName, &'static str)]) -> Value {
    let headers: HeaderMap =
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
    let head = Head { headers: &headers, ..fixture::head("/_gate/openapi.json", None) };
    let text = answer(policy, &head, holder(policy, "acme"), &Endpoint::OpenApi, NOW).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_document_names_where_tokens_stand_and_where_it_came_from() {
    let mut policy = fixture::policy();
    let header = http::HeaderName::from_static;
    policy.settings.token_in = [
        TokenPlace::Header(header("x-api-key")),
        TokenPlace::Query("x-api-key".into()),
        TokenPlace::Query("the key[]".into()),
        TokenPlace::Bearer,
    ]
    .into();
    let found = document(&policy, &[(HOST, "gate.test:81")]);
    assert_eq!(
        found["components"]["securitySchemes"],
        json!({
            "x-api-key": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            "x-api-key.1": { "type": "apiKey", "in": "query", "name": "x-api-key" },
            "the_key__": { "type": "apiKey", "in": "query", "name": "the key[]" },
            "bearer": { "type": "http", "scheme": "bearer" },
        })
    );
    assert_eq!(
        found["security"],
        json!([{ "x-api-key": [] }, { "x-api-key.1": [] }, { "the_key__": [] }, { "bearer": [] }])
    );
    assert_eq!(found["servers"], json!([{ "url": "http://gate.test:81" }]));
    let tls = [(HOST, "gate.test"), (header("x-forwarded-proto"), "https")];
    assert_eq!(document(&policy, &tls)["servers"][0]["url"], "http://gate.test", "anybody can say so");
    policy.settings.trusted_proxies.ranges = fixture::ranges(&["192.0.2.7", "192.0.2.0"]);
    assert_eq!(document(&policy, &tls)["servers"][0]["url"], "https://gate.test");
    assert_eq!(document(&policy, &[])["servers"], json!([]));
}

#[test]
fn errors_are_told_by_status_and_code() {
    let found = document(&fixture::policy(), &[]);
    let codes = |status: &str| {
        let response = &found["components"]["responses"][status];
        let schema = &response["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Problem");
        schema["properties"]["code"]["enum"].clone()
    };
    assert_eq!(
        codes("403"),
        json!(["ip_not_allowed", "permission_missing", "scope_not_granted", "column_not_granted"])
    );
    assert_eq!(codes("404"), json!(["report_not_found", "backend_rejected"]));
    assert_eq!(codes("422"), json!(["backend_rejected"]));
    assert_eq!(codes("504"), json!(["backend_timeout"]));
    let responses = found["paths"]["/reports/leads"]["get"]["responses"].as_object().unwrap();
    let named = found["components"]["responses"].as_object().unwrap();
    assert!(named.keys().all(|status| responses.contains_key(status)) && responses.contains_key("200"));
    assert!(!named.contains_key("499") && !named.contains_key("421"));
}
