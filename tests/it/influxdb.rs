//! A reporting server with another row form: InfluxDB 1, whose rows are arrays deep inside, and CSV.
//!
//! It adds `time` to whatever was asked for, and knows columns and rows only from a query
//! text. `tests/run` unpacks Debian's and names it in `REPORTGATE_TEST_INFLUXD`.

use crate::harness::{Answer, Config, End, Gate, Lines, affiliate, new_folder};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running InfluxDB with the leads of 50 affiliates, until it is dropped.
struct InfluxDb {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// How many leads there are; a second lies between two of them.
const LEADS: u64 = 5_000;

impl InfluxDb {
    fn start() -> Self {
        let program = std::env::var_os("REPORTGATE_TEST_INFLUXD").expect("run by tests/run");
        let folder = new_folder();
        let config = folder.path().join("influxdb.conf");
        let root = folder.path().display();
        let text = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = \"{root}/meta\"\n\
             [data]\ndir = \"{root}/data\"\nwal-dir = \"{root}/wal\"\nquery-log-enabled = false\n\
             [http]\nbind-address = \"127.0.0.1:0\"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-config").arg(&config).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("InfluxDB");
        let lines = Lines::follow(child.stderr.take().unwrap());
        let address = lines.wait_for("InfluxDB's address", 0, |line| {
            let (_, rest) = line.split_once("Listening on HTTP\"")?;
            let (_, rest) = rest.split_once("addr=")?;
            rest.split(' ').next()?.parse().ok()
        });
        let server = Self { child, address, _folder: folder };
        server.post("/query?q=CREATE%20DATABASE%20legacy", "");
        server.post("/write?db=legacy&precision=s", &(1..=LEADS).map(line).collect::<String>());
        server
    }

    fn post(&self, target: &str, body: &str) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{target}: {answer}");
    }
}

impl Drop for InfluxDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A lead as InfluxDB takes it.
fn line(lead: u64) -> String {
    let [commission, country, note] = cells(lead);
    let note = if note == "null" { String::new() } else { format!(",note={note}") };
    format!(
        "leads,affiliate_id={} lead_id={lead}i,email=\"s3cr3t{lead}@example.test\",country={country},\
         commission={commission}{note} {}\n",
        affiliate_of(lead),
        1_767_225_600 + lead
    )
}

fn affiliate_of(lead: u64) -> u64 {
    1000 + lead % 50
}

/// Commission, country and note of a lead, as JSON.
fn cells(lead: u64) -> [String; 3] {
    let country = [r#""DE""#, r#""FR""#, r#""ES""#][usize::try_from(lead % 3).unwrap()];
    let note = if lead.is_multiple_of(7) { r#""says \"hello, world\"""# } else { "null" };
    [format!("{lead}.25"), country.to_owned(), note.to_owned()]
}

/// Where the rows stand, in every JSON answer.
const ARRAYS: &str = "rows = \"/results/0/series/0/values\"\nrow = \"array\"\n\
                      header = \"/results/0/series/0/columns\"";

/// Own rows only by the query, all rows, and in a form that tells whose each is.
const OWN: &str = "WHERE affiliate_id = '{scope}'";
const SCOPED: &str = "scope_column = \"affiliate_id\"";

/// Several JSON documents, of seven rows each.
const CHUNKED: &str = ", chunked = \"true\", chunk_size = \"7\"";

/// Name, rows asked for, further fixed parameters, response.
fn reports() -> [(&'static str, &'static str, &'static str, String); 8] {
    let arrays = format!("{ARRAYS}\n{SCOPED}");
    [
        ("arrays", OWN, "", format!("format = \"json\"\n{ARRAYS}")),
        ("csv", OWN, "", "format = \"csv\"".to_owned()),
        ("bare", OWN, "", format!("format = \"json\"\nshape = \"bare\"\n{arrays}")),
        ("sheet", OWN, "", format!("format = \"json\"\noutput = [\"csv\", \"json\", \"ndjson\"]\n{arrays}")),
        ("chunks", OWN, CHUNKED, format!("format = \"ndjson\"\n{arrays}")),
        ("lines", OWN, CHUNKED, format!("format = \"ndjson\"\nshape = \"bare\"\n{arrays}")),
        ("picked", "", "", format!("format = \"csv\"\non_foreign_row = \"drop\"\n{SCOPED}")),
        (
            "picked_lines",
            "",
            CHUNKED,
            format!("format = \"ndjson\"\nshape = \"bare\"\non_foreign_row = \"drop\"\n{arrays}"),
        ),
    ]
}

/// Reports whose query forgets the scope, and which refuse the answer.
fn forgetful() -> [(&'static str, &'static str, &'static str, String); 3] {
    [
        ("all_arrays", "", "", format!("format = \"json\"\n{ARRAYS}\n{SCOPED}")),
        ("all_csv", "", "", format!("format = \"csv\"\n{SCOPED}")),
        ("all_chunks", "", CHUNKED, format!("format = \"ndjson\"\n{ARRAYS}\n{SCOPED}")),
    ]
}

/// The ids stand in the query text; `affiliate`, where a client may narrow them, is nothing to InfluxDB.
/// `acme` is affiliate 1001, `beta` 1002, and `nobody` has no lead.
fn gate(server: &InfluxDb) -> Gate {
    let mut config = Config::at(server.address);
    let mut grants = String::from("permissions = [\"get_leads\"]\n");
    for (name, rows, set, response) in reports().into_iter().chain(forgetful()) {
        config = config.with(&format!(
            r#"
            [reports.{name}]
            permission = "get_leads"
            path = "/{name}"
            backend_path = "/query"
            [reports.{name}.columns]
            time = {{}}
            lead_id = {{}}
            affiliate_id = {{}}
            email = {{}}
            country = {{}}
            commission = {{}}
            note = {{}}
            [reports.{name}.request]
            set = {{ q = "SELECT {{columns}} FROM leads {rows}", db = "legacy"{set} }}
            scope = [{{ in = "query", name = "affiliate" }}]
            forbid = ["affiliate_id"]
            [reports.{name}.response]
            {response}
            "#
        ));
        grants.push_str(&format!("columns.{name} = [\"commission\", \"country\", \"note\"]\n"));
    }
    for (id, scope) in [("acme", "1001"), ("beta", "1002"), ("nobody", "7")] {
        config = config.with(&affiliate(id, &format!("{grants}scope = [\"{scope}\"]")));
    }
    Gate::start(&config)
}

fn leads_of(affiliate: u64) -> impl Iterator<Item = u64> {
    (1..=LEADS).filter(move |lead| affiliate_of(*lead) == affiliate)
}

/// What the gate gives for an affiliate; JSON without white space.
fn expected(report: &str, affiliate: u64) -> String {
    let rows: Vec<_> = leads_of(affiliate).map(cells).collect();
    let series = |rows: &[[String; 3]]| {
        let rows: Vec<_> = rows.iter().map(|row| format!("[{}]", row.join(","))).collect();
        let rows = rows.join(",");
        format!(
            r#"{{"results":[{{"series":[{{"columns":["commission","country","note"],"values":[{rows}]}}]}}]}}"#
        )
    };
    let object = |[a, b, c]: &[String; 3]| format!(r#"{{"commission":{a},"country":{b},"note":{c}}}"#);
    let objects: Vec<_> = rows.iter().map(object).collect();
    match report {
        "arrays" => squeezed(&series(&rows)),
        "bare" => squeezed(&format!("[{}]", objects.join(","))),
        "chunks" => squeezed(&rows.chunks(7).map(series).collect::<String>()),
        "lines" | "picked_lines" => squeezed(&objects.concat()),
        _ => {
            let plain = |cell: &String| match cell.as_str() {
                "null" => String::new(),
                text if text.contains(',') => text.replace("\\\"", "\"\""),
                text => text.replace('"', ""),
            };
            // InfluxDB ends its lines with a bare LF, the gate those that it makes as RFC 4180 has it.
            let end = if report == "sheet" { "\r\n" } else { "\n" };
            let line = |row: &[String; 3]| format!("{}{end}", row.each_ref().map(plain).join(","));
            format!("commission,country,note{end}{}", rows.iter().map(line).collect::<String>())
        }
    }
}

fn squeezed(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// The body, in the way [`expected`] writes it.
fn found(report: &str, answer: &Answer) -> String {
    if ["csv", "sheet", "picked"].contains(&report) { answer.text() } else { answer.squeezed() }
}

#[test]
#[ignore = "needs InfluxDB; run by tests/run"]
fn granted_columns_and_own_rows_only() {
    let server = InfluxDb::start();
    let gate = gate(&server);
    for (report, ..) in reports() {
        for (who, affiliate) in [("acme", 1001), ("beta", 1002)] {
            let answer = gate.get(who, &format!("/{report}"));
            assert!(answer.is_success(), "{report} of {who}: {} {}", answer.status, answer.text());
            assert_eq!(found(report, &answer), expected(report, affiliate), "{report} of {who}");
            assert_eq!(leads_of(affiliate).count(), 100);
        }
    }
    // InfluxDB adds `time` to JSON, and to CSV also `name` and `tags`; nobody was to see whose rows they are.
    let answer = gate.get("acme", "/arrays");
    assert_eq!(gate.access_line(answer.request_id())["columns_removed"], 1);
    let answer = gate.get("acme", "/csv");
    assert_eq!(gate.access_line(answer.request_id())["columns_removed"], 3);
}

#[test]
#[ignore = "needs InfluxDB; run by tests/run"]
fn an_answer_without_the_configured_rows_is_no_success() {
    let server = InfluxDb::start();
    let gate = gate(&server);
    // Where there is no row, InfluxDB leaves the series out, and the header line of the CSV.
    for (report, ..) in reports().into_iter().filter(|(_, rows, ..)| *rows == OWN) {
        let answer = gate.get("nobody", &format!("/{report}"));
        assert_eq!((answer.status, answer.code().as_str()), (502, "backend_response_invalid"), "{report}");
    }
}

#[test]
#[ignore = "needs InfluxDB; run by tests/run"]
fn answers_with_rows_of_others_are_refused() {
    let server = InfluxDb::start();
    let gate = gate(&server);
    for (report, ..) in forgetful() {
        let answer = gate.get("acme", &format!("/{report}"));
        assert!(!answer.is_success(), "{report}: {}", answer.text());
        assert!(answer.end == End::Broken || answer.code() == "backend_response_invalid", "{report}");
        // The first lead is acme's own, the second is not.
        assert!(!answer.text().contains("2.25"), "{report}: {}", answer.text());
        gate.wait_for_metric(&format!("foreign_rows_total{{report=\"{report}\"}}"), 1.0);
    }
    // Where they are dropped, they are counted too.
    assert!(gate.get("acme", "/picked").is_success());
    gate.wait_for_metric("foreign_rows_total{report=\"picked\"}", 4_900.0);
}

#[test]
#[ignore = "needs InfluxDB; run by tests/run"]
fn clients_choose_among_the_outputs() {
    let server = InfluxDb::start();
    let gate = gate(&server);
    for (query, as_report) in
        [("", "sheet"), ("?format=csv", "sheet"), ("?format=json", "arrays"), ("?format=ndjson", "lines")]
    {
        let answer = gate.get("acme", &format!("/sheet{query}"));
        assert!(answer.is_success(), "{query}: {}", answer.text());
        assert_eq!(found(as_report, &answer), expected(as_report, 1001), "{query}");
    }
    assert_eq!(gate.get("acme", "/sheet?format=xml").code(), "format_not_available");
}

#[test]
#[ignore = "needs InfluxDB; run by tests/run"]
fn no_client_writes_into_the_query() {
    #[rustfmt::skip]
    let queries = [
        "q=SELECT+*+FROM+leads", "q=SELECT+email+FROM+leads;SELECT+*+FROM+leads", "Q=x", "q[]=x", "%71=x",
        "db=_internal", "chunked=true", "epoch=s", "pretty=true", "params=%7B%7D", "p=x", "u=x",
        "affiliate=1002", "affiliate=1001%27%20OR%201", "affiliate_id=1001", "scope=1002", "columns=email", "columns=*", "columns=commission%2Cemail", "columns=time",
    ];
    let server = InfluxDb::start();
    let gate = gate(&server);
    for query in queries {
        for (report, ..) in reports().into_iter().chain(forgetful()) {
            let answer = gate.get("acme", &format!("/{report}?{query}"));
            assert!(
                [400, 403].contains(&answer.status),
                "{report}?{query}: {} {}",
                answer.status,
                answer.text()
            );
            assert_eq!(answer.end, End::Complete);
        }
    }
    assert_eq!(found("arrays", &gate.get("acme", "/arrays")), expected("arrays", 1001));
}
