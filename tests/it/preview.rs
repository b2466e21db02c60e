//! `preview`: the table that a holder would get, and what it would not.

use crate::harness::{Config, LEADS, ROW, RecordingBackend, SECRET, TOKEN, affiliate, new_folder, run};
use reportgate::domain::dialect::OutputFormat;
use reportgate::domain::names::PrincipalId;
use reportgate::load::{self, Asks, WrittenRequest};
use reportgate::serve;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;
use tempfile::TempDir;

/// A report that is asked with POST, and has a parameter that must be there.
const POSTED: &str = r#"
[reports.posted]
permission = "get_posted"
path = "/posted"
methods = ["POST"]
backend_method = "POST"
columns = { name = {}, amount = {}, note = {} }
request = { body = "json", columns = { in = "json", at = "/fields", style = "array" }, scope = [{ in = "json", at = "/aff" }] }
parameters = { "json:/from" = { type = "date", required = true }, kind = { type = "string", one_of = ["a", "b"], required = true } }
response = { format = "csv", delimiter = ";", scope_column = "aff" }

[reports.file]
permission = "get_file"
path = "/file"
columns = { any = {} }
request = { scope = [{ in = "query", name = "aff" }] }
response = { format = "opaque" }
"#;

const ACME: &str = "scope = [\"1001\"]\npermissions = [\"get_leads_report\", \"get_posted\", \"get_file\"]\n\
                    columns.leads = [\"created_at\", \"country\", \"commission\"]\ncolumns.posted = [\"amount\", \"name\"]\n\
                    columns.file = \"all\"";

fn config(backend: &RecordingBackend) -> TempDir {
    let folder = new_folder();
    let config = Config::empty(backend)
        .backend(&format!("headers = {{ \"x-legacy\" = \"{SECRET}\" }}"))
        .with(LEADS)
        .with(POSTED)
        .with(&affiliate("acme", ACME))
        .with(&affiliate("poor", "scope = [\"1002\"]"));
    std::fs::write(folder.path().join("reportgate.toml"), config.text()).unwrap();
    folder
}

fn preview(folder: &TempDir, arguments: &[&str]) -> Output {
    let config = folder.path().join("reportgate.toml");
    let output = run(&[&["preview", "-c", config.to_str().unwrap()], arguments].concat());
    let said = format!("{}{}", out(&output), err(&output));
    assert!(!said.contains(SECRET) && !said.contains(TOKEN), "{said}");
    output
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn rows_are_shown_as_their_holder_gets_them() {
    let backend = RecordingBackend::json(ROW);
    let folder = config(&backend);
    #[rustfmt::skip]
    let cases: [(&[&str], &str); 4] = [
        (&["--as", "acme", "leads"], "created_at  country  commission\n2026-01-01  DE       1.50\n"),
        (&["--as", "acme", "leads", "--format", "json"],
            "[\n  {\"created_at\":\"2026-01-01\",\"country\":\"DE\",\"commission\":1.50}\n]\n"),
        (&["--as", "acme", "leads", "--format", "csv", "size=5"], "created_at,country,commission\r\n2026-01-01,DE,1.50\r\n"),
        (&["--as", "acme", "leads", "_col=country", "--limit", "0", "--ip", "127.0.0.1"], "country\n"),
    ];
    for (arguments, expected) in cases {
        let output = preview(&folder, arguments);
        assert_eq!(out(&output), expected, "{arguments:?} {}", err(&output));
        assert!(output.status.success());
    }
    assert_eq!(backend.count(), 4);
    assert!(backend.received()[2].query().contains("size=5"));
    assert_eq!(backend.last().header("x-legacy").as_deref(), Some(SECRET), "as the gate would ask");
    let told = err(&preview(&folder, &["--as", "acme", "leads"]));
    assert_eq!(
        told,
        "1 row\nhidden from acme: lead_id, email\nsent by the backend and cut: lead_id, email\n\
         the whitelist was not looked at; see --ip\n"
    );
}

#[test]
fn parameters_that_are_missing_are_told_with_their_types() {
    let backend = RecordingBackend::start(|_, reply| {
        reply.ok("text/csv", "name;note;aff;amount\n\"a\nb\";s3cr3t;1001;1.0\nx;s3cr3t;1001;\n");
    });
    let folder = config(&backend);
    let missing = preview(&folder, &["--as", "acme", "posted", "kind=a"]);
    assert_eq!(missing.status.code(), Some(1));
    let expected = "reportgate: report posted: a value is needed for json:/from (date, YYYY-MM-DD)\n";
    assert_eq!((out(&missing).as_str(), err(&missing).as_str()), ("", expected));
    assert_eq!(backend.count(), 0);

    let posted = ["--as", "acme", "posted", "kind=a", "from=2026-01-01"];
    let table = preview(&folder, &posted);
    assert_eq!(out(&table), "amount  name\n1.0     a\\nb\n        x\n", "{}", err(&table));
    let seen = backend.last();
    let expected = r#"{"fields":["amount","name","aff"],"from":"2026-01-01","aff":"1001"}"#;
    let sorted = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!((seen.method(), sorted(&seen.text())), ("POST", sorted(expected)));
    assert_eq!(seen.query(), "kind=a");
    let one = preview(&folder, &[&posted[..], &["--limit", "1", "--format", "csv"]].concat());
    assert_eq!(out(&one).lines().count(), 3, "a heading and a record of two lines: {}", out(&one));
    assert!(err(&one).starts_with("1 of 2 rows\nhidden from acme: note\n"), "{}", err(&one));
}

#[test]
fn what_a_client_would_not_get_is_not_shown() {
    let backend = RecordingBackend::json(r#"{"rows": [{"country": "s3cr3t"}, 1]}"#);
    let folder = config(&backend);
    #[rustfmt::skip]
    let cases: [(&[&str], &str); 8] = [
        (&["--as", "acme", "leads"], "a client would get 502 backend_response_invalid"),
        (&["--as", "acme", "leads", "--ip", "192.0.2.1"], "acme would be refused: 403 ip_not_allowed"),
        (&["--as", "acme", "leads", "_col=email"], "acme would be refused: 403 column_not_granted"),
        (&["--as", "poor", "leads"], "poor would be refused: 403 permission_missing"),
        (&["--as", "acme", "nothing"], "there is no report `nothing`; there are: leads, posted, file"),
        (&["--as", "nobody", "leads"], "there is no affiliate or employee `nobody`"),
        (&["--as", "acme", "file"], "report file is relayed as the backend sends it"),
        (&["--as", "acme", "leads", "form:x=1"], "`form:x` stands in a body"),
    ];
    for (arguments, expected) in cases {
        let output = preview(&folder, arguments);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err(&output).contains(expected), "{arguments:?} {}", err(&output));
    }
    drop(backend);
    let gone = preview(&folder, &["--as", "acme", "leads"]);
    assert!(err(&gone).contains("a client would get 502 backend_"), "{}", err(&gone));
}

#[test]
fn a_long_answer_is_not_read_to_its_end() {
    let backend = RecordingBackend::start(|_, reply| {
        reply.chunked("application/json");
        reply.chunk("{\"rows\": [{\"country\": \"DE\"}");
        while reply.is_open() {
            reply.chunk(", {\"country\": \"DE\", \"email\": \"s3cr3t\"}".repeat(1_000));
        }
    });
    let folder = config(&backend);
    let now = reportgate::clock::now();
    let policy = load::load(&folder.path().join("reportgate.toml"), now).unwrap().policy;
    let acme = PrincipalId::parse("acme").unwrap();
    let request = WrittenRequest {
        asks: Asks::HolderAnywhere(&acme),
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        method: &http::Method::GET,
        target: "/leads?_col=country",
        headers: &[],
        body: &[],
        request_id: "preview",
    };
    let asked = load::ask(&policy, &request, now).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fetched = runtime.block_on(serve::fetch(&asked, OutputFormat::Ndjson, 1 << 20)).unwrap();
    assert!(!fetched.is_whole && fetched.body.len() > 1 << 20 && fetched.body.len() < 2 << 20);
    assert_eq!(fetched.removed, ["email"]);
}
