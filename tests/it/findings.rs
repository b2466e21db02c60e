//! What the log tells of a backend's answers: names of columns once, foreign rows each time, no cell and no id ever.

use crate::harness::{Config, End, Gate, LEADS, RecordingBackend, affiliate};

/// A report in that format whose rows tell whose they are; more keys of its response behind it.
fn config(backend: &RecordingBackend, response: &str) -> Config {
    let report = LEADS.replace("format = \"json\"\nrows = \"/rows\"", response);
    let acme = affiliate("acme", "role = \"standard\"\nscope = [\"1001\", \"1002\"]");
    Config::empty(backend).with(&report).with(&acme)
}

/// The lines of the log that hold `words`.
fn told(gate: &Gate, words: &str) -> Vec<String> {
    let mut lines = gate.program.stderr.all();
    lines.retain(|line| line.contains(words));
    lines
}

const UNASKED: &str = "columns that nobody asked for";
const MISSING: &str = "granted columns are not in";
const FOREIGN: &str = "rows that are not the holder's";

/// Waits until the log holds all that it is going to hold of the requests so far: it is written in order, so that the
/// failure of a later one comes behind.
#[track_caller]
fn log_is_written(gate: &Gate, backend: &RecordingBackend) {
    backend.behave(|_, reply| reply.respond("500 Oh", "", ""));
    let later = gate.get("acme", "/leads");
    let id = later.request_id();
    gate.program.stderr.wait_for("the line of a later request", 0, |line| line.contains(id).then_some(()));
    gate.access_line(id);
}

/// Asks for a report that answers so and returns what the log tells of it, once it was recorded.
#[track_caller]
fn lines_of(gate: &Gate, backend: &RecordingBackend, body: &'static str, words: &str) -> Vec<String> {
    let before = told(gate, words).len();
    backend.behave(move |_, reply| reply.json(body));
    let answer = gate.get("acme", "/leads");
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    log_is_written(gate, backend);
    told(gate, words).split_off(before)
}

#[test]
fn names_of_cut_columns_are_told_once() {
    #[rustfmt::skip]
    let formats = [
        ("format = \"json\"\nrows = \"/rows\"", [
            r#"{"rows":[{"country":"DE","email":"s3cr3t","Sub ID":"s3cr3t"}]}"#,
            r#"{"rows":[{"country":"DE","Sub ID":"s3cr3t","email":"s3cr3t","phone":"s3cr3t"}]}"#,
            r#"{"rows":[{"country":"DE","s3cr3t@shop.example":1,"s3cr3t\u000d\u000aline":1,"s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t":1}]}"#,
        ]),
        ("format = \"csv\"", [
            "country,email,Sub ID\r\nDE,s3cr3t,s3cr3t\r\n",
            "country,Sub ID,email,phone\r\nDE,s3cr3t,s3cr3t,s3cr3t\r\n",
            "country,s3cr3t@shop.example,\"s3cr3t\r\nline\",s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t\r\nDE,1,1,1\r\n",
        ]),
    ];
    for (response, [first, second, third]) in formats {
        let backend = RecordingBackend::json("");
        let config = config(&backend, response);
        let gate = Gate::start(&config);
        let lines = |body| lines_of(&gate, &backend, body, UNASKED);
        let line = lines(first);
        assert!(
            line.len() == 1 && line[0].contains("\"email\"") && line[0].contains("\"Sub ID\""),
            "{line:?}"
        );
        assert!(line[0].contains("report=\"leads\""), "{line:?}");
        assert_eq!(lines(first), [""; 0], "told already");
        let line = lines(second);
        assert!(line.len() == 1 && line[0].contains("\"phone\"") && !line[0].contains("email"), "{line:?}");
        let line = lines(third);
        let hidden = ["(a name of 19 characters)", "(a name of 12 characters)", "(a name of 69 characters)"];
        assert!(line.len() == 1 && hidden.iter().all(|name| line[0].contains(name)), "{line:?}");
        gate.reload(&config.clone().with("\n[roles.new]\npermissions = []\n"));
        assert_eq!(lines(first).len(), 1, "told anew of a new config");
    }
}

#[test]
fn names_of_missing_columns_are_told_once() {
    #[rustfmt::skip]
    let formats = [
        ("format = \"json\"\nrows = \"/rows\"", [
            r#"{"rows":[]}"#, r#"{"rows":[{"created_at":null,"country":"DE"},{"commission":1}]}"#, r#"{"rows":[{"created_at":1,"country":"DE"}]}"#,
        ]),
        ("format = \"csv\"", [
            "created_at,country,commission\r\n", "commission,country,created_at\r\n,,\r\n", "created_at,country\r\n1,DE\r\n",
        ]),
    ];
    for (response, [no_rows, all, one_less]) in formats {
        let backend = RecordingBackend::json("");
        let gate = Gate::start(&config(&backend, response));
        let lines = |body| lines_of(&gate, &backend, body, MISSING);
        assert_eq!(lines(no_rows), [""; 0], "no row tells nothing");
        assert_eq!(lines(all), [""; 0]);
        let line = lines(one_less);
        assert!(
            line.len() == 1 && line[0].contains("\"commission\"") && !line[0].contains("country"),
            "{line:?}"
        );
        assert_eq!(lines(one_less), [""; 0], "told already");
    }
}

/// Rows of a scope column in a format.
fn rows(format: &str, ids: &[&str]) -> String {
    if format == "csv" {
        let rows: String = ids.iter().map(|id| format!("{id},C{id},1\r\n")).collect();
        return format!("affiliate_id,country,commission\r\n{rows}");
    }
    if format == "xml" {
        let row = |id: &&str| {
            format!("<row affiliate_id=\"{id}\"><country>C{id}</country><commission>1</commission></row>")
        };
        let rows: String = ids.iter().map(row).collect();
        return format!("<ResultSet>{rows}</ResultSet>");
    }
    let rows: Vec<_> =
        ids.iter().map(|id| format!(r#"{{"affiliate_id":{id},"country":"C{id}","commission":1}}"#)).collect();
    format!(r#"{{"rows":[{}]}}"#, rows.join(","))
}

#[test]
fn foreign_rows_are_counted_and_told() {
    // More rows than are held back stand between the first and the last.
    let filler = ["1001"; 6_000];
    let at = |place: usize| {
        let mut ids = filler.to_vec();
        ids[place] = "6660666";
        ids
    };
    let formats = [
        ("json", "format = \"json\"\nrows = \"/rows\""),
        ("csv", "format = \"csv\""),
        ("xml", "format = \"xml\"\nrows = \"/ResultSet/row\""),
    ];
    for (format, response) in formats {
        for on_foreign_row in ["refuse", "drop"] {
            let backend = RecordingBackend::json("");
            let keys =
                format!("{response}\nscope_column = \"affiliate_id\"\non_foreign_row = \"{on_foreign_row}\"");
            let gate = Gate::start(&config(&backend, &keys));
            let mut counted = 0.0;
            #[rustfmt::skip]
            let cases = [
                (vec!["1001", "1002"], 0), (vec!["6660666"], 1), (vec!["1001", "6660666", "1002"], 1), (vec!["1001", "6660666", "6660666"], 2),
                (at(0), 1), (at(3_000), 1), (at(5_999), 1),
            ];
            for (ids, foreign) in cases {
                let body = rows(format, &ids);
                backend.behave(move |_, reply| reply.ok("text/plain", &body));
                let (lines, before) = (gate.lines(), told(&gate, FOREIGN).len());
                let answer = gate.get("acme", "/leads");
                assert!(!answer.text().contains("6660666"), "somebody else's row");
                let line =
                    crate::harness::eventually("its line", || gate.program.stdout.all().get(lines).cloned());
                let is_refused = on_foreign_row == "refuse" && foreign > 0;
                assert_eq!(answer.is_success(), !is_refused, "{format} {on_foreign_row} {foreign}");
                let code = if is_refused { "backend_response_invalid" } else { "ok" };
                assert!(line.contains(&format!("\"code\":\"{code}\"")), "{line}");
                assert!(!is_refused || answer.end == End::Broken || answer.status == 502);
                // The first one is what an answer is refused for.
                let foreign = if is_refused { 1 } else { foreign };
                counted += f64::from(foreign);
                gate.wait_for_metric("foreign_rows_total{report=\"leads\"}", counted);
                log_is_written(&gate, &backend);
                let told = told(&gate, FOREIGN).split_off(before);
                assert_eq!(told.len(), usize::from(foreign > 0), "{told:?}");
                for line in &told {
                    let request_id = format!("request_id=\"{}\"", answer.request_id());
                    for words in
                        [&*request_id, "report=\"leads\"", "principal=\"acme\"", &format!("rows={foreign}")]
                    {
                        assert!(line.contains(words), "{words} in {line}");
                    }
                }
            }
            assert!(!gate.program.stderr.all().join("\n").contains("6660666"), "an id in the log");
            let violations =
                gate.metrics().get("response_violations_total{report=\"leads\",kind=\"foreign_row\"}");
            assert!((violations - if on_foreign_row == "refuse" { counted } else { 0.0 }).abs() < 0.5);
        }
    }
}
