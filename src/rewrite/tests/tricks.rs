//! What two programs could read differently is refused, whatever is done about unknown parameters.

use super::*;
use crate::domain::dialect::*;
use fixture::{at, scope_slot};

#[test]
fn queries_with_two_readings_are_refused() {
    for on_unknown_parameter in [OnExtra::Reject, OnExtra::Drop] {
        let dialect = RequestDialect { on_unknown_parameter, ..fixture::dialect() };
        #[rustfmt::skip]
        let queries = [
            "x=%00", "%00=1", "x=%ff", "x=%", "x=%4", "x=%zz", "x=1;y=2", "x;y=1", "%78=1", "=1", "x=\u{e9}", "x=a b",
            "affiliate_id=1001&affiliate_id=1001", "format=json&format=json", "format=json&f%6Frmat=json",
            "AFFILIATE_ID=1001", "affiliate_id[]=1001", "_col[]=code", "_COL=code", "_col%20=code",
        ];
        for query in queries {
            let result = rewritten(&policy(dialect.clone()), "acme", query, None);
            assert_eq!(result.unwrap_err().code.status(), 400, "{query}");
        }
    }
}

#[test]
fn bodies_with_two_readings_are_refused() {
    let scope = ScopePlace::Json { at: at("/aff"), style: None, id_type: IdType::String };
    let mut dialect = fixture::dialect();
    dialect.body = BodyKind::Json;
    dialect.scope = ScopeRule::Slots([scope_slot(scope)].into());
    dialect.on_unknown_parameter = OnExtra::Drop;
    dialect.allow = [Place::Json(at("/open"))].into();
    #[rustfmt::skip]
    let bodies: [(&[u8], &str); 14] = [
        (br#"{"aff":"1001","aff":"1001"}"#, "body_invalid"),
        (br#"{"aff":"1001","\u0061ff":"7"}"#, "body_invalid"),
        (br#"{"open":{"a":1,"a":2}}"#, "body_invalid"),
        (br#"{"open":"\ud800"}"#, "body_invalid"),
        (br#"{"open":"\u0000"}"#, "body_invalid"),
        (b"{\"open\":\"\xff\"}", "body_invalid"),
        (b"[]", "body_invalid"),
        (b"null", "body_invalid"),
        (b"{} {}", "body_invalid"),
        (br#"{"AFF":"7"}"#, "parameter_not_allowed json:/AFF"),
        (br#"{"aff[]":["7"]}"#, "parameter_not_allowed json:/aff[]"),
        (br#"{" aff":"7"}"#, "parameter_not_allowed json:/ aff"),
        (br#"{"_col":["email"]}"#, "parameter_not_allowed json:/_col"),
        (b" \n", "_col=lead_id&_col=country&_col=TrackingCode&_col=commission {\"aff\":\"1001\"}"),
    ];
    for (body, expected) in bodies {
        let found = told(rewritten(&policy(dialect.clone()), "acme", "", Some(body)));
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(body));
    }
    for query in ["aff=1001", "AFF[0]=7", " aff=7"] {
        let query = query.replace(' ', "%20");
        let found = told(rewritten(&policy(dialect.clone()), "acme", &query, Some(b"{}")));
        assert!(found.starts_with("parameter_not_allowed"), "{query}: {found}");
    }
    // An allowed root does not let another spelling of the scope through.
    dialect.allow = [Place::Json(at(""))].into();
    check_body(&dialect, "acme", r#"{"x":1,"Aff":"7"}"#, "parameter_not_allowed json:/Aff");
    check_body(&dialect, "acme", r#"{"aff":"7"}"#, "scope_not_granted json:/aff");
}

#[test]
fn one_name_stands_in_one_place() {
    let string = || ParameterType::String { max_length: 9, one_of: Box::default() };
    let mut dialect = RequestDialect { body: BodyKind::Form, ..fixture::dialect() };
    dialect.on_unknown_parameter = OnExtra::Drop;
    dialect.columns = Box::default();
    dialect.parameters =
        [fixture::parameter(Place::Query("from".into()), Place::Query("from".into()), string())].into();
    let both =
        |query, body: &str| told(rewritten(&policy(dialect.clone()), "acme", query, Some(body.as_bytes())));
    assert_eq!(both("from=1", "x=1"), "from=1&affiliate_id=1001");
    assert_eq!(both("", "from=1"), "affiliate_id=1001");
    assert_eq!(both("from=1", "from=1"), "parameter_invalid form:from");
    assert_eq!(both("affiliate_id=1001", "affiliate_id=1001"), "parameter_invalid form:affiliate_id");
    assert_eq!(both("", "affiliate_id=7"), "parameter_not_allowed form:affiliate_id");
    assert_eq!(both("", "Affiliate.ID[]=7"), "parameter_not_allowed form:Affiliate.ID[]");
    assert_eq!(both("", "x=%zz"), "body_invalid form:x");
    assert_eq!(both("", "x=1\r\n"), "body_invalid form:x");
}

#[test]
fn credential_parameters_are_the_gate_s() {
    let mut policy = policy(RequestDialect { on_unknown_parameter: OnExtra::Drop, ..fixture::dialect() });
    let mut backend = (*policy.backends[0]).clone();
    backend.credential.query = [("api_key".into(), "s&cret".into())].into();
    policy.backends = [Arc::new(backend)].into();
    assert!(told(rewritten(&policy, "acme", "", None)).ends_with("&affiliate_id=1001&api_key=s%26cret"));
    for name in ["api_key", "API_KEY", "api_key[]", "api.key"] {
        let result = rewritten(&policy, "acme", &format!("{name}=x"), None);
        assert_eq!(told(result), format!("parameter_not_allowed {name}"));
    }
    let own = crate::policy::Credential { query: [("k".into(), "own".into())].into(), ..Default::default() };
    policy.principals[0].credentials = [(crate::policy::BackendIndex(0), own)].into();
    assert!(told(rewritten(&policy, "acme", "", None)).ends_with("&affiliate_id=1001&k=own"));
}

#[test]
fn the_number_of_parameters_is_limited() {
    let mut dialect = RequestDialect { on_unknown_parameter: OnExtra::Drop, ..fixture::dialect() };
    dialect.columns = Box::default();
    let query = |n| vec!["x=1"; n].join("&");
    check(&dialect, "acme", &query(1_000), "affiliate_id=1001");
    check(&dialect, "acme", &query(1_001), "parameter_invalid x");
}
