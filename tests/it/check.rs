//! `check` and the other commands that end by themselves.

use crate::harness::{Config, Gate, ROW, RecordingBackend, SECRET, new_folder, run};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

/// Ten mistakes of ten kinds; each line with one says so at its end, and which of its words is wrong.
const MISTAKEN: &str = r##"
[server]
listen = ["127.0.0.1:0"]
drain_delai = "1s"                                      #! drain_delai
shutdown_grace = "soon"                                 #! "soon"

[backends.legacy]
url = "http://127.0.0.1:1"
headers = { "x-key" = "s3cr3t" }

[reports.leads]
permission = "get_leads"
backend = "legacyy"                                     #! "legacyy"
path = "/leads"
columns = { country = {}, email = {} }
request.scope = [{ in = "query", name = "aff" }]
response = { format = "json", rows = "rows" }           #! "rows"

[reports.clicks]
permission = "get_clicks"
path = "/leads"                                         #! "/leads"
columns = { country = {} }
request.scope = [{ in = "query", name = "aff" }]
response = { format = "json", rows = "" }

[affiliates.acme]
kind = "affiliat"                                       #! "affiliat"
scope = ["1001"]
permissions = ["get_leads"]
columns.leads = ["country", "contry"]                   #! "contry"
allowed_ips = ["192.0.2.9-192.0.2.1"]                   #! "192.0.2.9-192.0.2.1"

[[affiliates.acme.tokens]]
id = "a1"
hash = "sha256:s3cr3t"                                  #! "sha256:
expires = "never"

[affiliates.duo]
kind = "affiliate"
role = "gold"                                           #! "gold"
scope = ["1002"]
allowed_ips = ["192.0.2.1"]
"##;

/// Both outputs together.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("config.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Line and columns (first and one past the last) of every mistake.
fn mistakes() -> BTreeMap<usize, (usize, usize)> {
    let lines = MISTAKEN.lines().enumerate();
    let marked = lines.filter_map(|(at, line)| {
        let (line, wrong) = line.split_once("#! ")?;
        let column = line.find(wrong).unwrap() + 1;
        Some((at + 1, (column, column + wrong.len())))
    });
    marked.collect()
}

/// Every `config.toml:LINE:COLUMN` in a text.
fn places(text: &str) -> Vec<(usize, usize)> {
    let found = text.split("config.toml:").skip(1).filter_map(|rest| {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    found.collect()
}

#[test]
fn ten_mistakes_are_ten_problems_each_at_its_place() {
    let folder = new_folder();
    let path = write(folder.path(), MISTAKEN);
    let expected = mistakes();
    assert_eq!(expected.len(), 10);

    let output = run(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    for (line, (from, to)) in &expected {
        let hit = places(&text).into_iter().any(|(l, column)| l == *line && (*from..*to).contains(&column));
        assert!(hit, "nothing at {line}:{from} in\n{text}");
    }
    assert!(text.contains("drain_delay"), "no near spelling in\n{text}");
    assert!(!text.contains(SECRET), "{text}");

    let output = run(&["check", "--format", "json", "-c", &path]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let problems = json["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 10, "{json:#}");
    assert_eq!(json["ok"], false);
    assert!(!json.to_string().contains(SECRET));
}

#[test]
fn exit_codes_are_kept() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let good = Config::leads(&backend).text();
    let warned = good.replace("\"127.0.0.1\"]\nrole", "\"127.0.0.1\", \"0.0.0.0-255.255.255.255\"]\nrole");
    assert_ne!(good, warned);
    #[rustfmt::skip]
    let cases: [(&str, &str, &[&str], i32); 7] = [
        ("good",                &good,   &["check"],               0),
        ("good, strictly",      &good,   &["check", "--strict"],   0),
        ("a warning",           &warned, &["check"],               0),
        ("a warning, strictly", &warned, &["check", "--strict"],   1),
        ("not TOML",            "[",     &["check"],               1),
        ("no such option",      &good,   &["check", "--stricter"], 2),
        ("no such command",     &good,   &["chekc"],               2),
    ];
    for (name, text, arguments, code) in cases {
        // A grace as long as the backend may take, so that nothing is warned about.
        let text = text.replacen("[server]\n", "[server]\nshutdown_grace = \"120s\"\n", 1);
        let path = write(folder.path(), &text);
        let output = run(&[arguments, &["-c", &path]].concat());
        assert_eq!(output.status.code(), Some(code), "{name}: {}", said(&output));
    }
    assert_eq!(run(&["check", "-c", "/nonexistent/config.toml"]).status.code(), Some(1));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}

#[test]
fn cases_of_the_config_are_run() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let base = "\n[[test]]\nas = \"acme\"\nfrom = \"127.0.0.1\"\nrequest = \"GET /leads?q=x\"\n";
    #[rustfmt::skip]
    let cases = [
        ("expect = \"allow\"\nbackend_query = { affiliate_id = \"1001\", _col = [\"created_at\", \"country\", \"commission\"] }", 0),
        ("expect = \"allow\"\nbackend_query = { affiliate_id = \"1002\" }",   1),
        ("expect = \"allow\"\nbackend_query = { _col = [\"country\"] }",      1),
        ("expect = \"allow\"\nbackend_path = \"/leads\"",                     1),
        ("expect = \"scope_not_granted\"",                                    1),
    ];
    for (case, code) in cases {
        let path = write(folder.path(), &Config::leads(&backend).with(base).with(case).text());
        let output = run(&["check", "-c", &path]);
        assert_eq!(output.status.code(), Some(code), "{case}: {}", said(&output));
    }
    // Revoking must never be blocked: a refusal where `allow` is expected is a warning.
    let refused = base.replace("?q=x", "?page=1");
    let path =
        write(folder.path(), &Config::leads(&backend).with(&refused).with("expect = \"allow\"").text());
    assert_eq!(run(&["check", "-c", &path]).status.code(), Some(0));
    assert_eq!(run(&["check", "--strict", "-c", &path]).status.code(), Some(1));
}

#[test]
fn the_example_is_a_good_config() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let output = run(&["check", "-c", example.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn the_schema_is_json() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for table in ["server", "backends", "reports", "roles", "affiliates", "employees"] {
        assert!(!schema["properties"][table].is_null(), "{table}");
    }
}

#[test]
fn a_running_gate_is_asked() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend));
    // The config says port 0, so the commands are given one that names the port.
    let folder = new_folder();
    let text = Config::leads(&backend).text();
    let named = text.replace(
        "[admin]\nlisten = \"127.0.0.1:0\"",
        &format!("[admin]\nlisten = \"{}\"", gate.admin_address()),
    );
    let path = write(folder.path(), &named);
    let output = run(&["healthcheck", "-c", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let output = run(&["status", "--format", "json", "-c", &path]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &status["generation"]), (Some(0), &serde_json::json!(1)));
    drop(gate);
    for command in ["healthcheck", "status"] {
        assert_eq!(run(&[command, "-c", &path]).status.code(), Some(1), "{command}");
    }
}
