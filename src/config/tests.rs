//! Whole configs, from files to policy.

use super::*;
use crate::domain::names::PrincipalId;
use crate::policy::{ReportIndex, ScopeGrant};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_790_000_000);
const HASH_1: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const SIMPLE: &str = r#"
[server]
listen = ["127.0.0.1:0"]

[backends.legacy]
url = "http://127.0.0.1:8001"

[reports.leads]
permission = "get_leads_report"
path = "/api/v1/reports/leads"
backend_path = "/affiliates/leads.json"

[reports.leads.columns]
lead_id = { title = "Lead ID" }
created_at = {}
country = {}
code = { request = "TrackingCode", response = "Tracking_Code" }

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id__exact" }]

[reports.leads.response]
rows = "/rows"

[roles.standard]
permissions = ["get_leads_report"]
columns.leads = ["lead_id", "created_at", "country"]

[roles.gold]
extends = "standard"
columns.leads = "all"

[affiliates.acme]
name = "Acme Media"
kind = "ib"
role = "standard"
scope = ["1001"]
allowed_ips = ["203.0.113.7"]
columns.leads = ["country", "created_at"]

[[affiliates.acme.tokens]]
id = "k7f3q9"
hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
created = 2026-01-22T10:15:00Z
expires = 2027-02-20T10:15:00+01:00

[employees.jane]
role = "gold"
scope = "all"
allowed_ips = ["10.8.0.0/16"]
"#;

/// Loads one file of that text.
fn load_text(text: &str) -> Result<Loaded, Box<Rejected>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, NOW)
}

/// The problems of a text, each as `line:column: message`.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let report = match load_text(text) {
        Ok(loaded) => loaded.warnings,
        Err(rejected) => rejected.report,
    };
    report.lines().map(|line| line.split_once(".toml:").unwrap().1.to_owned()).collect()
}

#[test]
fn a_simple_config_is_read() {
    let loaded = load_text(SIMPLE).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(loaded.warnings.lines().collect::<Vec<_>>(), [] as [String; 0]);
    let policy = loaded.policy;
    let (index, report) = policy.reports.find("/api/v1/reports/leads").unwrap();
    assert_eq!(index, ReportIndex(0));
    assert_eq!(report.catalogue.len(), 4);
    let principal = |id: &str| {
        let id = PrincipalId::parse(id).unwrap();
        policy.principals.iter().find(|principal| principal.id == id).unwrap()
    };
    let view = |id: &str| {
        let (_, view) = principal(id).views.iter().find(|(at, _)| *at == index).unwrap();
        report.catalogue.columns_of(view).map(|c| c.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(view("acme"), ["country", "created_at"]);
    assert_eq!(view("jane"), ["lead_id", "created_at", "country", "code"]);
    assert_eq!(principal("acme").scope, ScopeGrant::Ids(["1001".into()].into()));
    assert_eq!(principal("jane").scope, ScopeGrant::All);
    assert!(principal("jane").has(report.permission));
    let token = policy.tokens.find(&crate::domain::token::TokenDigest::parse(HASH_1).unwrap()).unwrap();
    assert_eq!(token.expires, crate::domain::time::Expiry::At(Timestamp::from_unix_seconds(1_803_114_900)));
}
