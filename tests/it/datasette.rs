//! A legacy backend that nobody here wrote: Datasette over an SQLite file.
//!
//! `tests/run` installs it and names it in `REPORTGATE_TEST_DATASETTE`.

use crate::harness::{Answer, Config, Gate, Lines, affiliate, new_folder, principal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running Datasette, until it is dropped.
struct Datasette {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Datasette {
    fn start() -> Self {
        let program = PathBuf::from(std::env::var_os("REPORTGATE_TEST_DATASETTE").expect("run by tests/run"));
        let folder = new_folder();
        let database = folder.path().join("legacy.db");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/leads.py");
        let made = Command::new("python3").arg(script).arg(&database).status().expect("python3");
        assert!(made.success());
        let mut command = Command::new(program);
        command.args(["serve", "--host", "127.0.0.1", "--port", "0"]).arg(&database);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("Datasette");
        let lines = Lines::follow(child.stderr.take().unwrap());
        let address = lines.wait_for("Datasette's address", 0, |line| {
            let (_, rest) = line.split_once("running on http://")?;
            rest.split(' ').next()?.parse().ok()
        });
        Self { child, address, _folder: folder }
    }
}

impl Drop for Datasette {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The forms in which Datasette answers: report, backend path, fixed parameters, response.
const FORMS: [(&str, &str, &str, &str); 4] = [
    ("objects", "/legacy/leads.json", "_shape = \"objects\"", "format = \"json\"\nrows = \"/rows\""),
    (
        "arrays",
        "/legacy/leads.json",
        "_shape = \"arrays\"",
        "format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"",
    ),
    ("bare", "/legacy/leads.json", "_shape = \"array\"", "format = \"json\"\nrows = \"\""),
    ("csv", "/legacy/leads.csv", "", "format = \"csv\""),
];

fn gate(datasette: &Datasette) -> Gate {
    let mut config = Config::at(datasette.address);
    let mut grants = String::from("permissions = [\"get_leads\"]\n");
    for (name, path, set, response) in FORMS {
        config = config.with(&format!(
            r#"
            [reports.{name}]
            permission = "get_leads"
            path = "/{name}"
            backend_path = "{path}"
            [reports.{name}.columns]
            lead_id = {{}}
            affiliate_id = {{}}
            email = {{}}
            country = {{}}
            commission = {{}}
            created_at = {{}}
            note = {{}}
            [reports.{name}.request]
            columns = {{ in = "query", name = "_col", style = "repeat" }}
            scope = [{{ in = "query", name = "affiliate_id__exact" }}]
            sort = [{{ in = "query", name = "_sort" }}, {{ in = "query", name = "_sort_desc" }}]
            forbid = ["affiliate_id"]
            set = {{ {set} }}
            [reports.{name}.parameters]
            _size = {{ type = "integer", min = 1, max = 1000, default = "1000" }}
            country = {{ type = "string", column = "country", backend = "country__exact" }}
            email = {{ type = "string", column = "email", backend = "email__contains" }}
            [reports.{name}.response]
            {response}
            "#
        ));
        grants
            .push_str(&format!("columns.{name} = [\"commission\", \"country\", \"note\", \"created_at\"]\n"));
    }
    let everyone = format!("{grants}scope = \"all\"\nallowed_ips = [\"127.0.0.1\"]");
    Gate::start(&config.with(&affiliate("acme", &format!("{grants}scope = [\"1001\"]"))).with(&principal(
        "employees",
        "jane",
        &everyone,
    )))
}

/// The leads of affiliate 1001, as `tests/servers/leads.py` makes them.
fn own_leads() -> impl DoubleEndedIterator<Item = usize> {
    (1..=5200).filter(|lead| 1000 + lead % 50 == 1001)
}

/// A lead as JSON cells: commission, country, note, created_at.
fn cells(lead: usize) -> [String; 4] {
    let note = if lead.is_multiple_of(7) { r#""says \"hello, world\"""# } else { "null" };
    [
        format!("{lead}.25"),
        format!("\"{}\"", ["DE", "FR", "ES"][lead % 3]),
        note.to_owned(),
        format!("\"2026-{:02}-{:02}\"", 1 + lead % 12, 1 + lead % 28),
    ]
}

/// What the gate gives for these leads in that form; JSON without white space.
fn expected(form: &str, leads: impl Iterator<Item = usize>) -> String {
    let names = ["commission", "country", "note", "created_at"];
    let object = |lead| {
        let members = names.iter().zip(cells(lead)).map(|(name, cell)| format!("\"{name}\":{cell}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let line = |lead| {
        let plain = cells(lead).map(|cell| match cell.as_str() {
            "null" => String::new(),
            note if note.contains('\\') => note.replace("\\\"", "\"\""),
            plain => plain.replace('"', ""),
        });
        format!("{}\r\n", plain.join(","))
    };
    let list = |rows: Vec<String>| squeezed(&rows.join(","));
    match form {
        "objects" => format!("{{\"rows\":[{}]}}", list(leads.map(object).collect())),
        "bare" => format!("[{}]", list(leads.map(object).collect())),
        "arrays" => {
            let rows = leads.map(|lead| format!("[{}]", cells(lead).join(",")));
            format!(
                "{{\"rows\":[{}],\"columns\":[{}]}}",
                list(rows.collect()),
                names.map(|n| format!("\"{n}\"")).join(",")
            )
        }
        _ => format!("{}\r\n{}", names.join(","), leads.map(line).collect::<String>()),
    }
}

fn squeezed(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// The body, in the way [`expected`] writes it.
fn found(form: &str, answer: &Answer) -> String {
    if form == "csv" { answer.text() } else { answer.squeezed() }
}

#[test]
#[ignore = "needs Datasette; run by tests/run"]
fn own_columns_in_the_views_order_and_own_rows_only() {
    let datasette = Datasette::start();
    let gate = gate(&datasette);
    for (form, ..) in FORMS {
        let answer = gate.get("acme", &format!("/{form}"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        assert_eq!(found(form, &answer), expected(form, own_leads()), "{form}");
        let line = gate.access_line(answer.request_id());
        // Datasette adds the primary key unasked; nothing else came back beyond the view.
        assert_eq!(line["columns_removed"], 1, "{form}: {line}");

        let german = gate.get("acme", &format!("/{form}?country=DE&affiliate_id__exact=1001"));
        assert_eq!(found(form, &german), expected(form, own_leads().filter(|lead| lead % 3 == 0)), "{form}");

        let latest = gate.get("acme", &format!("/{form}?_sort_desc=commission&_size=10"));
        assert_eq!(found(form, &latest), expected(form, own_leads().rev().take(10)), "{form}");

        let all = gate.get("jane", &format!("/{form}"));
        assert_eq!(found(form, &all), expected(form, 1..=1000), "{form}");
    }
}

#[test]
#[ignore = "needs Datasette; run by tests/run"]
fn a_narrower_selection_comes_in_the_clients_order() {
    let datasette = Datasette::start();
    let gate = gate(&datasette);
    let answer = gate.get("acme", "/bare?_col=country&_col=commission&_size=1");
    assert_eq!(answer.squeezed(), r#"[{"country":"FR","commission":1.25}]"#);
    let answer = gate.get("acme", "/csv?_col=country&_col=commission&_size=1");
    assert_eq!(answer.text(), "country,commission\r\nFR,1.25\r\n");
}

#[test]
#[ignore = "needs Datasette; run by tests/run"]
fn nothing_a_client_asks_for_widens() {
    #[rustfmt::skip]
    let cases = [
        // asked on top                                  status code
        ("_col=email",                                    403, "column_not_granted"),
        ("_col=country&_col=email",                       403, "column_not_granted"),
        ("_col=lead_id",                                  403, "column_not_granted"),
        ("_col=affiliate_id",                             403, "column_not_granted"),
        ("_col=nonsense",                                 403, "column_not_granted"),
        ("_sort=email",                                   403, "column_not_granted"),
        ("_sort_desc=lead_id",                            403, "column_not_granted"),
        ("email=s3cr3t",                                  403, "column_not_granted"),
        ("affiliate_id__exact=1002",                      403, "scope_not_granted"),
        ("affiliate_id__exact=1001%2C1002",               403, "scope_not_granted"),
        ("affiliate_id__exact=",                          0,   ""),
        ("affiliate_id__exact=01001",                     403, "scope_not_granted"),
        ("affiliate_id__exact=1001&affiliate_id__exact=1002", 0, ""),
        ("affiliate_id=1002",                             400, "parameter_not_allowed"),
        ("affiliate_id__in=1001%2C1002",                  400, "parameter_not_allowed"),
        ("affiliate_id__not=1001",                        400, "parameter_not_allowed"),
        ("affiliate_id__gt=0",                            400, "parameter_not_allowed"),
        ("Affiliate_Id__Exact=1002",                      400, "parameter_not_allowed"),
        ("affiliate_id__exact[]=1002",                    400, "parameter_not_allowed"),
        ("%61ffiliate_id__exact=1002",                    0,   ""),
        ("affiliate_id__exact%00=1002",                   0,   ""),
        ("x=1;affiliate_id__exact=1002",                  0,   ""),
        ("_where=1%3D1",                                  400, "parameter_not_allowed"),
        ("_filter_column=affiliate_id&_filter_op=not&_filter_value=1001", 400, "parameter_not_allowed"),
        ("_next=51",                                      400, "parameter_not_allowed"),
        ("_facet=email",                                  400, "parameter_not_allowed"),
        ("_nocol=country",                                400, "parameter_not_allowed"),
        ("_shape=array",                                  400, "parameter_not_allowed"),
        ("_search=x",                                     400, "parameter_not_allowed"),
        ("sql=select+1",                                  400, "parameter_not_allowed"),
        ("_trace=1",                                      400, "parameter_not_allowed"),
        ("_labels=on",                                    400, "parameter_not_allowed"),
    ];
    let datasette = Datasette::start();
    let gate = gate(&datasette);
    for (query, status, code) in cases {
        for (form, ..) in FORMS {
            let answer = gate.get("acme", &format!("/{form}?{query}"));
            if code.is_empty() {
                assert!([400, 403].contains(&answer.status), "{form}?{query}: {}", answer.status);
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (status, code), "{form}?{query}");
            }
        }
    }
    // The connection to Datasette still gives what it should.
    assert_eq!(found("bare", &gate.get("acme", "/bare")), expected("bare", own_leads()));
}
