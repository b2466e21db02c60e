//! Parameters: required, defaults, renames, moves, spans, `allow` and `set`.

use super::*;
use crate::domain::dialect::*;
use crate::domain::template::{JsonTemplate, Template};
use fixture::at;

fn with(parameters: Vec<Parameter>) -> RequestDialect {
    let parameters = parameters.into();
    RequestDialect { parameters, scope: ScopeRule::Public, columns: Box::default(), ..fixture::dialect() }
}

fn query(name: &str, kind: ParameterType) -> Parameter {
    fixture::parameter(Place::Query(name.into()), Place::Query(name.into()), kind)
}

#[test]
fn parameters_are_required_or_filled_in() {
    let text = |text: &str| Some(ParameterDefault::Text(text.into()));
    let today = |offset_days| Some(ParameterDefault::Today { offset_days });
    let dialect = with(vec![
        Parameter { required: true, ..query("a", ParameterType::Date) },
        Parameter { default: today(0), ..query("b", ParameterType::Date) },
        Parameter { default: today(-30), ..query("c", ParameterType::Date) },
        Parameter {
            default: text("100"),
            ..query("d", ParameterType::Integer { min: Some(1), max: Some(1000) })
        },
        query("e", ParameterType::Boolean),
    ]);
    #[rustfmt::skip]
    let cases = [
        ("", "parameter_missing a"),
        ("a=2026-01-02", "a=2026-01-02&b=2026-03-01&c=2026-01-30&d=100"),
        ("e=true&a=2026-01-02&d=1&b=2026-01-01&c=2026-01-01", "a=2026-01-02&b=2026-01-01&c=2026-01-01&d=1&e=true"),
        ("a=2026-01-02&d=1001", "parameter_invalid d"),
        ("a=", "parameter_invalid a"),
        ("a=2026-01-02&a=2026-01-02", "parameter_invalid a"),
        ("A=2026-01-02", "parameter_not_allowed A"),
        ("a=2026-01-02&x=1", "parameter_not_allowed x"),
    ];
    for (query, expected) in cases {
        check(&dialect, "acme", query, expected);
    }
}

#[test]
fn parameters_are_renamed_and_moved() {
    let integer = ParameterType::Integer { min: None, max: None };
    let mut dialect = with(vec![
        fixture::parameter(Place::Query("to".into()), Place::Query("date_to".into()), ParameterType::Date),
        fixture::parameter(Place::Query("n".into()), Place::Json(at("/page/size")), integer.clone()),
        fixture::parameter(Place::Query("s".into()), Place::Json(at("/page/day")), ParameterType::Date),
        fixture::parameter(Place::Json(at("/b")), Place::Json(at("/b")), ParameterType::Boolean),
        fixture::parameter(Place::Json(at("/range/i")), Place::Query("i".into()), integer),
        fixture::parameter(Place::Json(at("/x")), Place::Json(at("/x")), ParameterType::Number),
    ]);
    dialect.body = BodyKind::Json;
    check(&dialect, "acme", "to=2026-01-01", "date_to=2026-01-01 {}");
    check(&dialect, "acme", "date_to=2026-01-01", "parameter_not_allowed date_to");
    check(&dialect, "acme", "n=007", "parameter_invalid n");
    check(&dialect, "acme", "n=7&s=2026-01-01", r#"{"page":{"size":7,"day":"2026-01-01"}}"#);
    check_body(&dialect, "acme", r#"{"b":true,"range":{"i":-5}}"#, r#"i=-5 {"b":true}"#);
    check_body(&dialect, "acme", r#"{"x":1.50e+3}"#, r#"{"x":1.50e+3}"#);
    check_body(&dialect, "acme", r#"{"x":"1"}"#, "parameter_invalid json:/x");
    check_body(&dialect, "acme", r#"{"b":"true"}"#, "parameter_invalid json:/b");
    check_body(&dialect, "acme", r#"{"b":null}"#, "parameter_invalid json:/b");
    check_body(&dialect, "acme", r#"{"range":{"j":1}}"#, "parameter_not_allowed json:/range/j");
    check_body(&dialect, "acme", r#"{"a/b~c":1}"#, "parameter_not_allowed json:/a~1b~0c");
}

#[test]
fn spans_need_both_ends_near_each_other() {
    let mut dialect = with(vec![
        query("from", ParameterType::Date),
        Parameter {
            default: Some(ParameterDefault::Today { offset_days: 0 }),
            ..query("to", ParameterType::Date)
        },
    ]);
    dialect.spans = [Span { from: 0, to: 1, max_seconds: 31 * 86_400 }].into();
    #[rustfmt::skip]
    let cases = [
        ("from=2026-01-01&to=2026-02-01", "from=2026-01-01&to=2026-02-01"),
        ("from=2026-01-01&to=2026-02-02", "parameter_invalid to"),
        ("from=2026-01-01&to=2026-01-01", "from=2026-01-01&to=2026-01-01"),
        ("from=2026-01-02&to=2026-01-01", "parameter_invalid to"),
        ("from=2026-02-01", "from=2026-02-01&to=2026-03-01"),
        ("from=2026-01-01", "parameter_invalid to"),
        ("to=2026-01-01", "parameter_missing from"),
        ("", "parameter_missing from"),
    ];
    for (query, expected) in cases {
        check(&dialect, "acme", query, expected);
    }
}

#[test]
fn allowed_parameters_pass_and_fixed_ones_are_set() {
    let mut dialect = with(Vec::new());
    dialect.body = BodyKind::Json;
    dialect.allow = [
        Place::Query("q".into()),
        Place::Query("tag[]".into()),
        Place::Json(at("/settings")),
        Place::Json(at("/page/size")),
    ]
    .into();
    dialect.set = [
        Fixed::Query("_shape".into(), Template::parse("objects")),
        Fixed::Json(at("/v"), JsonTemplate::Literal("2".into())),
    ]
    .into();
    dialect.forbid = ["affiliateId".into()].into();
    check(&dialect, "acme", "q=a%20b%26c+d", r#"_shape=objects&q=a%20b%26c%20d {"v":2}"#);
    check(&dialect, "acme", "tag[]=1&tag%5B%5D=2", r#"_shape=objects&tag[]=1&tag[]=2 {"v":2}"#);
    check(&dialect, "acme", "q=1&q=2", "parameter_invalid q");
    check(&dialect, "acme", "_shape=arrays", "parameter_not_allowed _shape");
    let kept = r#"{"z":1.0e5, "a":[12345678901234567890123,"\u00e9\/"],"n":{"y":{},"x":null}}"#;
    check_body(
        &dialect,
        "acme",
        &format!(r#"{{"page":{{"size":10}},"settings": {kept} }}"#),
        &format!(r#"_shape=objects {{"page":{{"size":10}},"settings":{kept},"v":2}}"#),
    );
    check_body(&dialect, "acme", r#"{"v":3}"#, "parameter_not_allowed json:/v");
    check_body(&dialect, "acme", r#"{"page":{"from":1}}"#, "parameter_not_allowed json:/page/from");
    check_body(&dialect, "acme", r#"{"page":1}"#, "parameter_invalid json:/page");
    let deep = r#"{"settings":{"a":[{"b":{"AffiliateID":1}}]}}"#;
    check_body(&dialect, "acme", deep, "parameter_not_allowed json:/settings/a/b/AffiliateID");
}

#[test]
fn unknown_parameters_can_be_dropped() {
    let mut dialect = with(Vec::new());
    dialect.on_unknown_parameter = OnExtra::Drop;
    dialect.forbid = ["affiliateId".into()].into();
    dialect.body = BodyKind::Json;
    check(&dialect, "acme", "x=1&x=2&_col=code", "{}");
    check_body(&dialect, "acme", r#"{"x":{"y":1},"z":2}"#, "{}");
    let deep = r#"{"x":{"y":[{"affiliateid":1}]}}"#;
    check_body(&dialect, "acme", deep, "parameter_not_allowed json:/x/y/affiliateid");
}
