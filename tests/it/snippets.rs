//! `snippet`: what is printed to be pasted fetches the report, in every language that can be run here.

use crate::harness::{
    Config, Gate, RecordingBackend, SECRET, TOKEN, affiliate, new_folder, run, run_with, stored, token,
};
use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Paths, values and bodies that mean something in other languages.
const REPORTS: &str = r#"
[reports.leads]
permission = "get"
path = "/o'leads/$(x)"
columns = { a = {}, b = {} }
request = { scope = [{ in = "query", name = "aff" }], spans = [{ from = "from", to = "to", max = "31d" }] }
parameters = { from = { type = "date", required = true }, to = { type = "date", default = "today" }, k = { type = "string", one_of = ["it's \"$HOME\" `x` \\ #{y} é😀%&"], required = true } }
response = { format = "json", rows = "/rows" }

[reports.orders]
permission = "get"
path = "/orders"
methods = ["POST"]
backend_method = "POST"
columns = { a = {} }
request = { body = "json", scope = [{ in = "json", at = "/aff" }] }
parameters = { "json:/k" = { type = "string", one_of = ["it's \"$HOME\" `x` \\ #{y} é😀\n@"], required = true }, "json:/n" = { type = "integer", min = 3, required = true } }
response = { format = "json", rows = "" }

[reports.clicks]
permission = "get"
path = "/clicks"
methods = ["POST"]
backend_method = "POST"
columns = { a = {} }
request = { body = "form", scope = [{ in = "form", name = "aff" }] }
parameters = { "form:k" = { type = "string", one_of = ["@it's"], required = true } }
response = { format = "json", rows = "" }

[reports.plain]
permission = "get"
path = "/plain"
methods = ["POST"]
backend_method = "POST"
columns = { a = {} }
request = { scope = [{ in = "query", name = "aff" }] }
response = { format = "json", rows = "" }
"#;

const ACME: &str = "scope = [\"1001\"]\npermissions = [\"get\"]\ncolumns = { leads = [\"a\"], orders = [\"a\"], clicks = [\"a\"], plain = [\"a\"] }";

const ROWS: &str = r#"[{"a": "it's \"é😀\" \\ 1.50", "b": "s3cr3t"}]"#;

/// A token of visible characters that other languages would take for something else.
fn nasty() -> String {
    format!("{TOKEN}'\"$HOME`x`\\#{{y}}%41&{SECRET}")
}

fn gate(backend: &RecordingBackend, token_in: &str) -> Gate {
    let hash = stored(&nasty());
    let second = format!(
        "\n[[affiliates.acme.tokens]]\nid = \"acme-2\"\nhash = \"{hash}\"\ncreated = 2026-01-01T00:00:00Z\nexpires = \"never\"\n"
    );
    let config = Config::empty(backend).server(&format!("token_in = [\"{token_in}\"]")).with(REPORTS);
    Gate::start(
        &config.with(&affiliate("acme", ACME)).with(&second).with(&affiliate("other", "scope = [\"2\"]")),
    )
}

/// Prints a snippet with a token.
#[track_caller]
fn snippet(gate: &Gate, report: &str, language: &str, token: &str) -> String {
    let (config, url) = (gate.config(), format!("http://{}", gate.address()));
    let arguments = ["snippet", "-c", config.to_str().unwrap(), "--as", "acme", report, "--lang", language];
    let output =
        run_with(&[&arguments[..], &["--url", &url, "--token-stdin"]].concat(), &format!("{token}\n"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.ends_with("it holds the token: send it the way you would send a password\n"), "{told}");
    assert!(!told.contains(TOKEN), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program on what it reads from stdin.
fn execute(program: &OsStr, arguments: &[&str], text: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs every report's snippet and compares what it prints with the report, and what it sent with what was meant.
fn fetches(language: &str, program: &OsStr, arguments: &[&str]) {
    let backend = RecordingBackend::start(|seen, reply| {
        let rows = if seen.method() == "GET" { format!("{{\"rows\":{ROWS}}}") } else { ROWS.to_owned() };
        reply.json(rows);
    });
    for token_in in ["bearer", "header:x-api-key", "query:key"] {
        let gate = gate(&backend, token_in);
        for report in ["leads", "orders", "clicks", "plain"] {
            let text = snippet(&gate, report, language, &nasty());
            let output = execute(program, arguments, &text);
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{report} {token_in}: {err}\n{text}");
            let squeezed: String = out.split_ascii_whitespace().collect();
            let rows = r#"[{"a":"it's\"é😀\"\\1.50"}]"#;
            let expected = if report == "leads" { format!("{{\"rows\":{rows}}}") } else { rows.to_owned() };
            assert_eq!(squeezed, expected, "{report} {token_in}\n{text}");
            let seen = backend.last();
            if report == "orders" {
                let body: serde_json::Value = serde_json::from_str(&seen.text()).unwrap();
                assert_eq!(body["k"], "it's \"$HOME\" `x` \\ #{y} é😀\n@");
            }
            if report == "clicks" {
                assert_eq!(seen.text(), "k=%40it%27s&aff=1001");
            }
            if report == "leads" {
                assert!(
                    seen.query().contains(
                        "k=it%27s%20%22%24HOME%22%20%60x%60%20%5C%20%23%7By%7D%20%C3%A9%F0%9F%98%80%25%26"
                    ),
                    "{}",
                    seen.query()
                );
            }
        }
    }
    // Nobody holds the placeholder: the gate's own words are told, and the program fails.
    let gate = gate(&backend, "bearer");
    let (config, url) = (gate.config(), format!("http://{}", gate.address()));
    let printed = run(&[
        "snippet",
        "-c",
        config.to_str().unwrap(),
        "--as",
        "acme",
        "leads",
        "--lang",
        language,
        "--url",
        &url,
    ]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.contains("YOUR_TOKEN"), "{text}");
    let output = execute(program, arguments, &text);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("token_unknown"), "{said}\n{text}");
}

#[test]
fn curl_fetches_the_report() {
    fetches("curl", "sh".as_ref(), &["-s"]);
}

#[test]
fn python_fetches_the_report() {
    fetches("python", "python3".as_ref(), &["-"]);
}

#[test]
fn node_fetches_the_report() {
    fetches("node", "node".as_ref(), &["-"]);
}

/// A redirection may lead anywhere.
#[test]
fn the_token_does_not_follow_a_redirection() {
    let elsewhere = RecordingBackend::json(ROWS);
    let to = elsewhere.address();
    let gate_like = RecordingBackend::start(move |_, reply| {
        reply.send(format!("HTTP/1.1 302 Found\r\nLocation: http://{to}/leads\r\nContent-Length: 0\r\n\r\n"));
    });
    for token_in in ["bearer", "header:x-api-key"] {
        let gate = gate(&elsewhere, token_in);
        let config = gate.config();
        for (language, program, arguments) in
            [("curl", "sh", &["-s"][..]), ("python", "python3", &["-"]), ("node", "node", &["-"])]
        {
            let printed = run(&[
                "snippet",
                "-c",
                config.to_str().unwrap(),
                "--as",
                "acme",
                "leads",
                "--lang",
                language,
                "--url",
                &format!("http://{}", gate_like.address()),
            ]);
            execute(program.as_ref(), arguments, &String::from_utf8(printed.stdout).unwrap());
            let seen = elsewhere.received();
            assert!(
                seen.iter().all(|seen| !format!("{:?}", seen.headers()).contains("YOUR_TOKEN")),
                "{language}"
            );
        }
    }
    assert_eq!(gate_like.count(), 6);
}

#[test]
#[ignore = "needs php; tests/run installs it"]
fn php_fetches_the_report() {
    let php = std::env::var_os("REPORTGATE_TEST_PHP").expect("run by tests/run");
    fetches("php", &php, &["-n"]);
}

#[test]
fn other_languages_are_written() {
    let backend = RecordingBackend::json(ROWS);
    let gate = gate(&backend, "bearer");
    let excel = snippet(&gate, "orders", "excel", &token("acme"));
    for part in [
        "Web.Contents(\"http://127.0.0.1:",
        "#\"Content-Type\" = \"application/json\"",
        "Content = Text.ToBinary(\"{\"\"k\"\":\"\"it's",
        "#(#){y}",
        "Table.FromRecords(Json.Document(Source), {\"a\"}, MissingField.UseNull)",
    ] {
        assert!(excel.contains(part), "{part} in {excel}");
    }
    let powershell = snippet(&gate, "clicks", "powershell", &nasty());
    assert!(powershell.contains("'Bearer t0ken''\"$HOME`x`\\#{y}%41&s3cr3t'"), "{powershell}");
    assert!(powershell.contains("UTF8.GetBytes('k=%40it%27s')"), "{powershell}");
}

#[test]
fn nothing_is_printed_that_would_not_work() {
    let backend = RecordingBackend::json(ROWS);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let config = Config::empty(&backend).with(REPORTS).with(&affiliate("acme", ACME));
    std::fs::write(&path, config.with(&affiliate("other", "scope = [\"2\"]")).text()).unwrap();
    let path = path.to_str().unwrap();
    #[rustfmt::skip]
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--as", "other", "leads", "--lang", "curl"], 1, "other would be refused: 403 permission_missing"),
        (&["--as", "acme", "nothing", "--lang", "curl"], 1, "there is no report `nothing`"),
        (&["--as", "acme", "leads", "--lang", "curl", "--token-stdin"], 1, "the token on stdin is not one of acme's"),
        (&["--as", "acme", "leads", "--lang", "cobol"], 2, "curl"),
        (&["--as", "acme", "leads", "--lang", "curl", "--url", "gate.test"], 2, "http://HOST"),
    ];
    for (arguments, code, expected) in cases {
        let output = run_with(&[&["snippet", "-c", path], arguments].concat(), &token("other"));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{arguments:?} {told}");
        assert!(told.contains(expected) && !told.contains(TOKEN), "{arguments:?} {told}");
    }
    let output = run(&["snippet", "-c", path, "--as", "acme", "leads", "--lang", "curl"]);
    let (text, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(text.contains("--globoff 'http://127.0.0.1:0/o'\\''leads/$(x)?from="), "{text}");
    assert!(text.contains("'Authorization: Bearer YOUR_TOKEN'"), "{text}");
    assert!(told.starts_with("to be changed: from="), "{told}");
    assert_eq!(backend.count(), 0);
}
