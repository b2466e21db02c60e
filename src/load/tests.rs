//! The verdict of a case, and whole configs with cases.

use super::*;
use std::fs;

const GATE: &str = r#"
[server]
listen = ["127.0.0.1:8080"]

[backends.legacy]
url = "http://127.0.0.1:8001"
headers = { "x-api-key" = "s3cret-header" }
query = { k = "s3cret-query" }

[reports.leads]
permission = "get_leads_report"
path = "/leads"
backend_path = "/affiliates/leads.json"
columns = { a = {}, b = {}, c = {} }

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "aff" }, { in = "header", name = "x-aff" }]

[affiliates.acme]
kind = "affiliate"
scope = ["1001"]
permissions = ["get_leads_report"]
allowed_ips = ["192.0.2.1"]
columns.leads = ["a", "b"]

[[test]]
as = "acme"
"#;

/// What came of a config with this case: how many fail or `refused`, and the report.
fn load_with(case: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gate.toml");
    fs::write(&path, format!("{GATE}{case}")).unwrap();
    match load(&path, Timestamp::from_unix_seconds(1_800_000_000)) {
        Ok(accepted) => (
            format!("{} failing", accepted.tests_failing),
            accepted.warnings.lines().collect::<Vec<_>>().join("\n"),
        ),
        Err(rejected) => ("refused".to_owned(), rejected.report.lines().collect::<Vec<_>>().join("\n")),
    }
}

#[test]
fn cases_are_run_through_the_rules() {
    #[rustfmt::skip]
    let cases = [
        ("as stated", "from = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'\nbackend_path = '/affiliates/leads.json'\n\
          backend_query = { aff = '1001', _col = ['a', 'b'] }\nbackend_header = { x-aff = '1001' }", "0 failing", ""),
        ("refused as stated", "from = '192.0.2.1'\nrequest = 'GET /leads?_col=c'\nexpect = 'column_not_granted'", "0 failing", ""),
        ("from elsewhere", "from = '192.0.2.2'\nrequest = 'GET /leads'\nexpect = 'allow'", "1 failing", "found `ip_not_allowed`"),
        ("of somebody who was removed", "from = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'\n\
          [[test]]\nas = 'gone'\nfrom = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'", "1 failing", "there is no such holder"),
        ("refused for another reason", "from = '192.0.2.2'\nrequest = 'GET /leads?_col=c'\nexpect = 'column_not_granted'",
            "1 failing", "found `ip_not_allowed`"),
        ("a body where none is taken", "from = '192.0.2.1'\nrequest = 'GET /leads'\nbody = 'x'\nexpect = 'body_invalid'", "0 failing", ""),
        ("allowed instead", "from = '192.0.2.1'\nrequest = 'GET /leads?_col=b'\nexpect = 'column_not_granted'", "refused", "is allowed"),
        ("other columns", "from = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'\nbackend_query = { _col = 'a' }",
            "refused", "backend_query `_col`: expected \"a\", found \"a\", \"b\""),
        ("another path", "from = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'\nbackend_path = '/leads'",
            "refused", "backend_path: expected \"/leads\", found \"/affiliates/leads.json\""),
        ("credentials", "from = '192.0.2.1'\nrequest = 'GET /leads'\nexpect = 'allow'\nbackend_query = { k = 'guess' }\n\
          backend_header = { x-api-key = 'guess' }", "refused", "backend_query `k`: is not the expected value"),
    ];
    for (name, case, outcome, found) in cases {
        let (was, report) = load_with(case);
        assert_eq!(was, outcome, "{name}: {report}");
        assert!(report.contains(found), "{name}: {report}");
        assert!(found.is_empty() || report.contains("gate.toml:"), "{name}: {report}");
        assert!(!report.contains("s3cret") && !report.contains("guess"), "{name}: {report}");
    }
}

type Found = Result<&'static [&'static str], Denial>;

#[test]
fn only_wider_access_and_other_requests_refuse_a_config() {
    const DIFFERS: &str = "backend_path: expected \"/a\", found \"/b\"";
    let denied = |code| Err(Denial::new(code, "why"));
    let stricter = |text: &str| Verdict::Stricter(text.to_owned());
    let wrong = |text: &str| Verdict::Wrong(vec![text.to_owned()]);
    #[rustfmt::skip]
    let cases: [(&str, Option<Code>, Found, Verdict); 6] = [
        ("allowed as stated", None, Ok(&[]), Verdict::Passed),
        ("allowed, otherwise than stated", None, Ok(&[DIFFERS]), wrong(DIFFERS)),
        ("refused instead", None, denied(Code::IpNotAllowed),
            stricter("the test expects `allow`, found `ip_not_allowed`: why")),
        ("refused as expected", Some(Code::IpNotAllowed), denied(Code::IpNotAllowed), Verdict::Passed),
        ("refused for another reason", Some(Code::ColumnNotGranted), denied(Code::PrincipalDisabled),
            stricter("the test expects `column_not_granted`, found `principal_disabled`: why")),
        ("allowed instead", Some(Code::ColumnNotGranted), Ok(&[DIFFERS]),
            wrong("the test expects `column_not_granted`, but the request is allowed")),
    ];
    for (name, expected, found, verdict) in cases {
        let differences = |found: &[&str]| found.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(judge(expected, found, differences), verdict, "{name}");
    }
}
