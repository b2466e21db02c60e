//! The holders' own endpoints: what a token is told it may do, it may; and it is told nothing else.
//!
//! The reports here have every place where things can stand. Whatever must not leave, to whomever, has the secret
//! in its name: the backend's paths, its names of columns and parameters, columns that are granted to nobody. What the
//! backend calls columns in its answers, which the operator may read in the log, has `wire` in it.

mod calls;
mod sample;
mod tools;

use crate::harness::{Gate, RecordingBackend, Request, replace};
use sample::{answer, config, gate};
use serde_json::{Value, json};

const ENDPOINTS: [&str; 4] =
    ["/_gate/whoami", "/_gate/reports", "/_gate/reports/leads", "/_gate/openapi.json"];

const HOLDERS: [&str; 4] = ["acme", "feed", "duo", "jane"];

#[track_caller]
fn told(gate: &Gate, who: &str, target: &str) -> Value {
    let answer = gate.get(who, target);
    assert_eq!(answer.status, 200, "{who} {target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    answer.json()
}

#[test]
fn a_token_is_told_what_it_is() {
    let (_backend, gate) = gate();
    let whoami = |who| told(&gate, who, "/_gate/whoami");
    assert_eq!(
        whoami("acme"),
        json!({
            "principal": "acme", "kind": "affiliate", "name": "Acme Media", "token": "acme-1", "expires": "never",
            "seen_ip": "127.0.0.1", "permissions": ["get_leads", "get_stats"],
            "reports": ["leads", "stats", "perf", "daily", "heads"],
        })
    );
    let feed = whoami("feed");
    assert_eq!((&feed["token"], &feed["expires"]), (&json!("acme-feed"), &json!("2126-01-31T00:00:00Z")));
    let duo = whoami("duo");
    assert_eq!((&duo["name"], &duo["reports"]), (&Value::Null, &json!(["leads"])));
    let jane = whoami("jane");
    assert_eq!(jane["kind"], "employee");
    assert_eq!(jane["reports"], json!(["leads", "stats", "perf", "daily", "heads", "needs_mail", "staff"]));
}

#[test]
fn reports_are_described_as_their_holder_sees_them() {
    let (_backend, gate) = gate();
    let leads = told(&gate, "acme", "/_gate/reports/leads");
    let members: Vec<_> = leads.as_object().unwrap().keys().collect();
    assert_eq!(members, ["columns", "example", "formats", "methods", "name", "parameters", "path", "title"]);
    assert_eq!(
        leads["columns"],
        json!([
            { "name": "country", "title": "country" }, { "name": "commission", "title": "commission" },
            { "name": "lead_id", "title": "Lead ID" },
        ])
    );
    assert_eq!(
        (&leads["title"], &leads["path"], &leads["methods"], &leads["formats"]),
        (&json!("Leads"), &json!("/api/leads"), &json!(["GET", "HEAD"]), &json!(["json", "csv", "ndjson"]))
    );
    let parameter = |name: &str| {
        let found = leads["parameters"].as_array().unwrap().iter().find(|own| own["name"] == name);
        let mut found = found.unwrap_or(&Value::Null).clone();
        if let Some(members) = found.as_object_mut() {
            members.remove("description");
        }
        found
    };
    let query = |kind: &str, required: bool, more: Value| {
        let mut all = json!({ "in": "query", "type": kind, "required": required });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    #[rustfmt::skip]
    let cases = [
        ("from",  query("date", true, json!({}))),
        ("to",    query("date", false, json!({ "default": "today", "not_before": "from", "max_span": "366d" }))),
        ("land",  query("string", false, json!({ "max_length": 20, "column": "country" }))),
        ("mail",  Value::Null),
        ("never", Value::Null),
        ("_size", query("integer", false, json!({ "min": 1, "max": 1000, "default": 100 }))),
        ("kind",  query("string", false, json!({ "max_length": 256, "one_of": ["new", "old"] }))),
        ("_col",  query("string", false, json!({ "style": "repeat", "one_of": ["country", "commission", "lead_id"] }))),
        ("_sort", query("string", false, json!({ "one_of": ["country", "commission", "lead_id", "-country", "-commission", "-lead_id"] }))),
        ("aff",   query("string", false, json!({ "style": "csv", "separator": ",", "one_of": ["1001"] }))),
        ("format", query("string", false, json!({ "one_of": ["json", "csv", "ndjson"], "default": "json" }))),
        ("_next", query("string", false, json!({}))),
        ("q",     query("string", false, json!({}))),
    ];
    for (name, mut expected) in cases {
        if let Some(members) = expected.as_object_mut() {
            members.insert("name".to_owned(), json!(name));
        }
        assert_eq!(parameter(name), expected, "{name}");
    }
    assert_eq!(leads["parameters"].as_array().unwrap().len(), 11, "{leads}");
    let all = told(&gate, "acme", "/_gate/reports");
    assert_eq!(all[0], leads, "the list holds the same");
    assert_eq!(all.as_array().unwrap().len(), 5);
    let columns = |who| told(&gate, who, "/_gate/reports/leads")["columns"].clone();
    assert_eq!(columns("feed"), json!([{ "name": "country", "title": "country" }]), "the token's own");
    assert_eq!(columns("jane")[0]["name"], "email");
}

#[test]
fn nothing_else_is_told() {
    let (backend, gate) = gate();
    let port = backend.address().port().to_string();
    #[rustfmt::skip]
    let strange = [
        ("acme", &["legacy", "email", "mail", "payout", "staff", "jane", "Jane", "duo", "2001", "feed", "created_at"][..]),
        ("feed", &["legacy", "email", "payout", "staff", "jane", "duo", "2001", "acme-1", "commission", "lead_id", "created_at"]),
        ("duo", &["legacy", "email", "payout", "staff", "jane", "acme", "1001", "stats", "perf", "daily", "commission"]),
        ("jane", &["legacy", "commission", "lead_id", "acme", "duo", "1001", "2001", "standard"]),
    ];
    for (who, words) in strange {
        for target in ENDPOINTS {
            // That no answer holds what is called a secret is looked at by the client.
            let text = gate.get(who, target).text();
            assert!(!text.contains("wire"), "{who} {target}: {text}");
            for word in words.iter().copied().chain([port.as_str(), "127.0.0.1:"]) {
                let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-.:".contains(c));
                assert!(!words.clone().any(|found| found == word), "{who} {target}: {word}: {text}");
            }
        }
    }
    assert_eq!(backend.count(), 0, "the backend is not asked");
}

#[test]
fn what_is_no_endpoint_and_who_is_no_holder() {
    let (_backend, gate) = gate();
    let ask = |method: &str, target: &str| gate.call(&Request::new(method, target).of("acme"));
    #[rustfmt::skip]
    let cases = [
        ("GET",    "/_gate/whoami?x=1",         200, ""),
        ("HEAD",   "/_gate/whoami",             200, ""),
        ("HEAD",   "/_gate/openapi.json",       200, ""),
        ("POST",   "/_gate/whoami",             405, "method_not_allowed"),
        ("DELETE", "/_gate/reports/leads",      405, "method_not_allowed"),
        ("PUT",    "/_gate/reports/staff",      404, "report_not_found"),
        ("GET",    "/_gate/reports/staff",      404, "report_not_found"),
        ("GET",    "/_gate/reports/nothing",    404, "report_not_found"),
        ("GET",    "/_gate/reports/needs_mail", 404, "report_not_found"),
        ("GET",    "/_gate/reports/",           404, "report_not_found"),
        ("GET",    "/_gate/reports/leads/",     404, "report_not_found"),
        ("GET",    "/_gate",                    404, "report_not_found"),
        ("GET",    "/_gate/",                   404, "report_not_found"),
        ("GET",    "/_gate/who",                404, "report_not_found"),
        ("GET",    "/_gatewhoami",              404, "report_not_found"),
        ("GET",    "/_gate/%77hoami",           400, "path_invalid"),
        ("GET",    "/_gate//whoami",            400, "path_invalid"),
        ("GET",    "/_gate/reports/../whoami",  400, "path_invalid"),
    ];
    for (method, target, status, code) in cases {
        let answer = ask(method, target);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        if method != "HEAD" {
            assert_eq!(answer.code(), code, "{method} {target}");
        } else {
            assert!(answer.body.is_empty());
        }
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    let strangers = gate.get("acme", "/_gate/reports/staff").json();
    let nothing = gate.get("acme", "/_gate/reports/nothing").json();
    assert_eq!(
        strangers["detail"], nothing["detail"],
        "what is not granted and what is not there look the same"
    );
    let body = Request::get("/_gate/whoami").of("acme").body("x");
    assert_eq!(gate.call(&body).code(), "body_invalid");
    let body = Request::post("/_gate/whoami", "application/json", "{}").of("acme");
    assert_eq!(gate.call(&body).code(), "method_not_allowed", "the method comes first");
    for target in ENDPOINTS.into_iter().chain(["/_gate", "/_gate/nothing"]) {
        let answer = gate.call(&Request::get(target));
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_missing"), "{target}");
        let elsewhere = Request::get(target).of("acme").header("X-Forwarded-For", "192.0.2.1");
        let answer = gate.call(&elsewhere);
        assert_eq!((answer.status, answer.code().as_str()), (403, "ip_not_allowed"), "{target}");
    }
}

#[test]
fn they_are_counted_and_logged_under_their_own_name() {
    let (_backend, gate) = gate();
    let mut seen = Vec::new();
    for target in ["/_gate/whoami", "/_gate/reports/leads", "/_gate/reports/nothing", "/_gate/nothing"] {
        let answer = gate.get("acme", target);
        let line = gate.access_line(answer.request_id());
        let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
        seen.push([text("report"), text("path"), text("code"), text("principal"), text("token")]);
    }
    #[rustfmt::skip]
    let expected = [
        ["_gate", "/_gate/whoami", "ok", "acme", "acme-1"],
        ["_gate", "/_gate/reports/leads", "ok", "acme", "acme-1"],
        ["_gate", "/_gate/reports/nothing", "report_not_found", "acme", "acme-1"],
        ["-", "/_gate/nothing", "report_not_found", "acme", "acme-1"],
    ];
    assert_eq!(seen, expected.map(|line| line.map(str::to_owned)));
    gate.wait_for_metric("requests_total{report=\"_gate\",outcome=\"ok\"}", 2.0);
    gate.wait_for_metric("requests_total{report=\"_gate\",outcome=\"report_not_found\"}", 1.0);
    gate.wait_for_metric("requests_total{report=\"-\",outcome=\"report_not_found\"}", 1.0);
    gate.wait_for_metric("request_duration_seconds_count{report=\"_gate\"}", 3.0);
}

#[test]
fn a_reload_changes_what_is_told_and_where() {
    let backend = RecordingBackend::start(answer);
    let before = config(&backend);
    let gate = Gate::start(&before);
    let columns = |who| told(&gate, who, "/_gate/reports/leads")["columns"].as_array().unwrap().len();
    assert_eq!((columns("acme"), columns("feed")), (3, 1));
    let narrower = replaced(
        &before,
        "columns.leads = [\"country\", \"commission\", \"lead_id\"]",
        "columns.leads = [\"country\", \"commission\"]",
    );
    gate.reloaded(|| replace(&gate.config(), &narrower));
    assert_eq!((columns("acme"), columns("feed")), (2, 1));
    let document = gate.get("acme", "/_gate/openapi.json").text();
    assert!(!document.contains("lead_id") && document.contains("commission"), "{document}");

    let without =
        narrower.replace("permissions = [\"get_leads\", \"get_stats\"]", "permissions = [\"get_stats\"]");
    let without =
        without.replace("columns.leads = [\"created_at\", \"country\", \"commission\", \"lead_id\"]\n", "");
    let without = without
        .replace("columns.leads = [\"country\", \"commission\"]\n", "")
        .replace("columns.leads = [\"country\"]\ncolumns.heads", "columns.heads");
    gate.reloaded(|| replace(&gate.config(), &without));
    assert_eq!(gate.get("acme", "/_gate/reports/leads").code(), "report_not_found");
    assert_eq!(told(&gate, "acme", "/_gate/whoami")["permissions"], json!(["get_stats"]));

    let moved = narrower.replace("[server]\n", "[server]\nself_service = \"/me/v1\"\n");
    gate.reloaded(|| replace(&gate.config(), &moved));
    assert_eq!(told(&gate, "acme", "/me/v1/whoami")["principal"], "acme");
    assert_eq!(gate.get("acme", "/_gate/whoami").code(), "report_not_found");
    let off = narrower.replace("[server]\n", "[server]\nself_service = \"\"\n");
    gate.reloaded(|| replace(&gate.config(), &off));
    for target in ["/_gate/whoami", "/me/v1/whoami", "/whoami"] {
        assert_eq!(gate.get("acme", target).code(), "report_not_found", "{target}");
    }
}

#[track_caller]
fn replaced(config: &crate::harness::Config, from: &str, to: &str) -> String {
    let text = config.text();
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}
