//! Every input format and row form, in every output: the same rows come out, and nobody else's.
//!
//! One table of inputs. Each writes rows as that kind of backend does, once with everything in it and once with
//! what is granted only; the second is what has to leave when the answer keeps its own format.

use crate::harness::{Answer, Config, End, Gate, RecordingBackend, Request, affiliate};
use std::fmt::Write as _;

/// A cell: as JSON text, and what it says.
type Cell = (&'static str, &'static str);

/// What a column is called, and its cell.
type Named<'a> = (&'a str, Cell);

const HIDDEN: Cell = ("\"s3cr3t\"", "s3cr3t");
const OWN: Cell = ("\"1001\"", "1001");
const FOREIGN: Cell = ("\"1002\"", "1002");

/// First and second cell of the holder's rows.
#[rustfmt::skip]
const CELLS: [[Cell; 2]; 6] = [
    [("1", "1"),                                                   ("-0", "-0")],
    [("12345678901234567890123.10", "12345678901234567890123.10"), ("1E400", "1E400")],
    [(r#""a,\"b\"\nc;d|e""#, "a,\"b\"\nc;d|e"),                    (r#""\u00e9\ud83d\ude00\t<&>""#, "\u{e9}\u{1f600}\t<&>")],
    [("null", ""),                                                 ("true", "true")],
    [(r#""""#, ""),                                                (r#""first""#, "first")],
    [(r#"{"k":["]",{"x":"}"}]}"#, r#"{"k":["]",{"x":"}"}]}"#),     ("0.10", "0.10")],
];

/// A row of the backend: whose it is, and its cells.
#[derive(Clone, Copy)]
struct Row {
    affiliate: Cell,
    cells: [Cell; 2],
}

impl Row {
    /// With everything the backend has, under its own names.
    fn whole(&self) -> Vec<Named<'static>> {
        let [first, second] = self.cells;
        vec![
            ("hidden", HIDDEN),
            ("first", first),
            ("aff", self.affiliate),
            ("SECOND", second),
            ("other", HIDDEN),
        ]
    }

    /// With what is granted, in the view's order, under the catalogue's names.
    fn granted(&self) -> Vec<Named<'static>> {
        vec![("second", self.cells[1]), ("first", self.cells[0])]
    }
}

/// A kind of backend.
struct Input {
    name: &'static str,
    /// Keys of `[reports.r.response]`.
    keys: &'static str,
    /// The name of its own format.
    own: &'static str,
    /// Whether it has types, or all cells are text.
    is_typed: bool,
    /// Writes an answer; the names of the columns are those of the first list, which has no cells otherwise.
    write: fn(&[&str], &[Vec<Named<'_>>], Extras) -> String,
}

/// Whether an answer holds what nobody asked for beside its rows.
#[derive(Clone, Copy, PartialEq)]
enum Extras {
    With,
    Without,
}

fn object(row: &[Named<'_>]) -> String {
    let members: Vec<_> = row.iter().map(|(name, (json, _))| format!("\"{name}\":{json}")).collect();
    format!("{{{}}}", members.join(","))
}

fn array(row: &[Named<'_>]) -> String {
    let cells: Vec<_> = row.iter().map(|(_, (json, _))| *json).collect();
    format!("[{}]", cells.join(","))
}

fn pairs(row: &[Named<'_>]) -> String {
    let extra = if row.len() > 2 { ",\"sql\":\"s3cr3t\"" } else { "" };
    let pairs: Vec<_> =
        row.iter().map(|(name, (json, _))| format!("{{\"n\":\"{name}\",\"v\":{json}{extra}}}")).collect();
    format!("[{}]", pairs.join(","))
}

fn names(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(","))
}

fn list(rows: &[Vec<Named<'_>>], row: fn(&[Named<'_>]) -> String) -> String {
    let rows: Vec<_> = rows.iter().map(|cells| row(cells)).collect();
    format!("[{}]", rows.join(","))
}

/// An envelope of these members and, with extras, of some more around them.
fn envelope(members: &[String], extras: Extras) -> String {
    match extras {
        Extras::Without => format!("{{{}}}", members.join(",")),
        Extras::With => {
            format!("{{\"sql\":\"s3cr3t\",{},\"debug\":[{{\"x\":\"s3cr3t\"}}]}}", members.join(","))
        }
    }
}

fn json_objects(_: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    envelope(&[format!("\"rows\":{}", list(rows, object))], extras)
}

fn json_header_before(columns: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    let members = [format!("\"columns\":{}", names(columns)), format!("\"rows\":{}", list(rows, array))];
    envelope(&members, extras)
}

fn json_header_after(columns: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    let members = [format!("\"rows\":{}", list(rows, array)), format!("\"columns\":{}", names(columns))];
    envelope(&members, extras)
}

fn json_parallel(columns: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    let types: Vec<_> = columns.iter().map(|name| if name.len() == 5 { "5" } else { "6" }).collect();
    let members = [
        format!("\"types\":[{}]", types.join(",")),
        format!("\"names\":{}", names(columns)),
        format!("\"rows\":{}", list(rows, object)),
    ];
    envelope(&members, extras)
}

fn json_header_first(columns: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    let mut all = vec![names(columns)];
    all.extend(rows.iter().map(|row| array(row)));
    format!("[{}]", all.join(","))
}

fn json_pairs(_: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    list(rows, pairs)
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn ndjson_objects(_: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    lines(rows.iter().map(|row| object(row)))
}

fn ndjson_arrays(columns: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    lines(std::iter::once(names(columns)).chain(rows.iter().map(|row| array(row))))
}

fn ndjson_pairs(_: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    lines(rows.iter().map(|row| pairs(row)))
}

fn ndjson_envelopes(columns: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    lines([rows, &[]].into_iter().map(|rows| json_header_before(columns, rows, extras)))
}

fn csv(columns: &[&str], rows: &[Vec<Named<'_>>], delimiter: char, line_end: &str) -> String {
    let mut text = columns.join(&delimiter.to_string()) + line_end;
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .map(|(_, (_, text))| {
                let special = |c: char| c == delimiter || matches!(c, '"' | '\n' | '\r');
                if text.contains(special) {
                    format!("\"{}\"", text.replace('"', "\"\""))
                } else {
                    (*text).to_owned()
                }
            })
            .collect();
        text += &(cells.join(&delimiter.to_string()) + line_end);
    }
    text
}

fn csv_comma(columns: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    csv(columns, rows, ',', "\n")
}

fn csv_semicolon(columns: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    // A byte order mark, and the header once more in the middle.
    let text = csv(columns, rows, ';', "\r\n");
    if extras == Extras::Without { text } else { format!("\u{feff}{text}{}", csv(columns, &[], ';', "\r\n")) }
}

fn csv_tab(columns: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    csv(columns, rows, '\t', "\n")
}

fn csv_pipe(columns: &[&str], rows: &[Vec<Named<'_>>], _: Extras) -> String {
    csv(columns, rows, '|', "\r\n")
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace('\n', "&#10;").replace('\t', "&#9;")
}

fn xml(rows: &[Vec<Named<'_>>], extras: Extras, row: fn(&[Named<'_>]) -> String) -> String {
    let rows: String = rows.iter().map(|cells| row(cells)).collect();
    match extras {
        Extras::Without => format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Set>{rows}</Set>"),
        Extras::With => format!(
            "<?xml version='1.0'?>\n<!-- s3cr3t --><Set sql=\"s3cr3t\">\n<debug><row>s3cr3t</row></debug>{rows}<x/></Set>\n"
        ),
    }
}

fn xml_children(_: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    xml(rows, extras, |row| {
        let mut text = "<row>".to_owned();
        for (name, (_, cell)) in row {
            let _ = write!(text, "<{name}>{}</{name}>", escaped(cell));
        }
        text + "</row>"
    })
}

fn xml_attributes(_: &[&str], rows: &[Vec<Named<'_>>], extras: Extras) -> String {
    xml(rows, extras, |row| {
        let mut text = "<row".to_owned();
        for (name, (_, cell)) in row {
            let _ = write!(text, " {name}=\"{}\"", escaped(cell));
        }
        text + "></row>"
    })
}

#[rustfmt::skip]
const INPUTS: [Input; 18] = [
    Input { name: "json objects",           own: "json",   is_typed: true,  write: json_objects,       keys: "format = \"json\"\nrows = \"/rows\"" },
    Input { name: "json parallel arrays",   own: "json",   is_typed: true,  write: json_parallel,      keys: "format = \"json\"\nrows = \"/rows\"\ncolumns_arrays = [\"/names\", \"/types\"]" },
    Input { name: "json arrays",            own: "json",   is_typed: true,  write: json_header_before, keys: "format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"" },
    Input { name: "json arrays, late",      own: "json",   is_typed: true,  write: json_header_after,  keys: "format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"" },
    Input { name: "json arrays, first",     own: "json",   is_typed: true,  write: json_header_first,  keys: "format = \"json\"\nrows = \"\"\nrow = \"array\"\nheader = \"first\"" },
    Input { name: "json pairs",             own: "json",   is_typed: true,  write: json_pairs,         keys: "format = \"json\"\nrows = \"\"\nrow = \"pairs\"\nname_key = \"n\"\nvalue_key = \"v\"" },
    Input { name: "ndjson objects",         own: "ndjson", is_typed: true,  write: ndjson_objects,     keys: "format = \"ndjson\"" },
    Input { name: "ndjson arrays",          own: "ndjson", is_typed: true,  write: ndjson_arrays,      keys: "format = \"ndjson\"\nrow = \"array\"\nheader = \"first\"" },
    Input { name: "ndjson pairs",           own: "ndjson", is_typed: true,  write: ndjson_pairs,       keys: "format = \"ndjson\"\nrow = \"pairs\"\nname_key = \"n\"\nvalue_key = \"v\"" },
    Input { name: "ndjson envelopes",       own: "ndjson", is_typed: true,  write: ndjson_envelopes,   keys: "format = \"ndjson\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"" },
    Input { name: "csv",                    own: "csv",    is_typed: false, write: csv_comma,          keys: "format = \"csv\"" },
    Input { name: "csv, semicolons",        own: "csv",    is_typed: false, write: csv_semicolon,      keys: "format = \"csv\"\ndelimiter = \";\"" },
    Input { name: "csv, tabs",              own: "csv",    is_typed: false, write: csv_tab,            keys: "format = \"csv\"\ndelimiter = \"\\t\"" },
    Input { name: "csv, bars",              own: "csv",    is_typed: false, write: csv_pipe,           keys: "format = \"csv\"\ndelimiter = \"|\"" },
    Input { name: "xml children",           own: "xml",    is_typed: false, write: xml_children,       keys: "format = \"xml\"\nrows = \"/Set/row\"" },
    Input { name: "xml attributes",         own: "xml",    is_typed: false, write: xml_attributes,     keys: "format = \"xml\"\nrows = \"/Set/row\"" },
    Input { name: "json arrays as objects", own: "json",   is_typed: true,  write: json_header_before, keys: "format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"\nshape = \"objects\"" },
    Input { name: "json objects, bare",     own: "json",   is_typed: true,  write: json_objects,       keys: "format = \"json\"\nrows = \"/rows\"\nshape = \"bare\"" },
];

impl Input {
    /// The answer of the backend.
    fn body(&self, rows: &[Row]) -> String {
        let columns: Vec<_> = WHOLE.to_vec();
        (self.write)(&columns, &rows.iter().map(Row::whole).collect::<Vec<_>>(), Extras::With)
    }

    /// What has to leave in that format.
    fn expected(&self, rows: &[Row], output: &str) -> String {
        let rows: Vec<_> = rows.iter().map(|row| self.typed(row)).collect();
        match (output, self.name) {
            ("json", "json arrays as objects") => {
                let members =
                    [format!("\"columns\":{}", names(&GRANTED)), format!("\"rows\":{}", list(&rows, object))];
                envelope(&members, Extras::Without)
            }
            ("json", "json objects, bare") => list(&rows, object),
            (output, _) if output == self.own => (self.write)(&GRANTED, &rows, Extras::Without),
            ("json", _) => list(&rows, object),
            ("ndjson", _) => lines(rows.iter().map(|row| object(row))),
            ("csv", _) => csv(&GRANTED, &rows, ',', "\r\n"),
            _ => panic!("{output}"),
        }
    }

    /// The granted cells of a row; text is a JSON string where it comes of a format without types.
    fn typed(&self, row: &Row) -> Vec<Named<'static>> {
        let mut cells = row.granted();
        if !self.is_typed {
            for (_, (json, text)) in &mut cells {
                *json = serde_json::to_string(text).unwrap().leak();
            }
        }
        cells
    }

    fn outputs(&self) -> Vec<&'static str> {
        let mut outputs = vec![self.own];
        outputs.extend(["json", "ndjson", "csv"].into_iter().filter(|output| *output != self.own));
        outputs
    }

    /// A gate in front of such a backend, whose holder may have every output.
    fn gate(&self, backend: &RecordingBackend, keys: &str) -> Gate {
        let report = format!(
            "[reports.r]\npermission = \"get_r\"\npath = \"/r\"\n\
             [reports.r.columns]\nfirst = {{}}\nsecond = {{ response = \"SECOND\" }}\nhidden = {{}}\n\
             [reports.r.request]\nscope = [{{ in = \"query\", name = \"aff\" }}]\n\
             [reports.r.response]\n{}\noutput = {:?}\nscope_column = \"aff\"\n{keys}\n",
            self.keys,
            self.outputs(),
        );
        let holder = "permissions = [\"get_r\"]\nscope = [\"1001\"]\ncolumns.r = [\"second\", \"first\"]";
        Gate::start(&Config::empty(backend).with(&report).with(&affiliate("acme", holder)))
    }
}

const WHOLE: [&str; 5] = ["hidden", "first", "aff", "SECOND", "other"];
const GRANTED: [&str; 2] = ["second", "first"];

fn own_rows() -> Vec<Row> {
    CELLS.iter().map(|cells| Row { affiliate: OWN, cells: *cells }).collect()
}

/// Sends `body` in pieces whose lengths come from `seed`.
fn in_pieces(backend: &RecordingBackend, body: String, seed: u32) {
    backend.behave(move |_, reply| {
        reply.chunked("text/html");
        let mut rest = body.as_bytes();
        let mut seed = seed;
        while !rest.is_empty() {
            // Marsaglia's xorshift.
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let (piece, behind) = rest.split_at((seed as usize % 23 + 1).min(rest.len()));
            reply.chunk(piece);
            rest = behind;
        }
        reply.chunk("");
    });
}

fn get(gate: &Gate, output: &str) -> Answer {
    gate.call(&Request::get(&format!("/r?format={output}")).of("acme"))
}

#[test]
fn every_form_leaves_in_every_format() {
    for input in &INPUTS {
        let backend = RecordingBackend::json("");
        let gate = input.gate(&backend, "");
        for output in input.outputs() {
            for rows in [own_rows(), Vec::new()] {
                if rows.is_empty() && matches!(input.name, "ndjson objects" | "ndjson pairs") {
                    continue; // An answer without a single document is refused.
                }
                let body = input.body(&rows);
                let expected = input.expected(&rows, output);
                for seed in [1, 77, 4242] {
                    in_pieces(&backend, body.clone(), seed);
                    let answer = get(&gate, output);
                    let what = format!("{} as {output}, {} rows", input.name, rows.len());
                    assert!(answer.is_success(), "{what}: {}", answer.text());
                    assert_eq!(answer.text(), expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn nobody_elses_rows_leave() {
    for input in &INPUTS {
        let backend = RecordingBackend::json("");
        let refusing = input.gate(&backend, "");
        let dropping = input.gate(&backend, "on_foreign_row = \"drop\"");
        let foreign =
            Row { affiliate: FOREIGN, cells: [("\"f0reign\"", "f0reign"), ("\"f0reign\"", "f0reign")] };
        // Few rows, all of which are held back, and many, of which some have left.
        for repeat in [1, 600] {
            let own: Vec<_> = std::iter::repeat_n(own_rows(), repeat).flatten().collect();
            for at in [0, own.len() / 2, own.len()] {
                let mut rows = own.clone();
                rows.insert(at, foreign);
                let body: &'static str = input.body(&rows).leak();
                backend.behave(move |_, reply| reply.ok("text/html", body));
                for output in input.outputs() {
                    let what = format!("{} as {output}, row {at} of {}", input.name, rows.len());
                    let counted = || refusing.metrics().get("foreign_rows_total{report=\"r\"}");
                    let before = counted();
                    let answer = get(&refusing, output);
                    assert!(
                        answer.end == End::Broken || answer.code() == "backend_response_invalid",
                        "{what}"
                    );
                    assert!(!answer.text().contains("f0reign"), "{what}");
                    refusing.wait_for_metric("foreign_rows_total{report=\"r\"}", before + 1.0);

                    let answer = get(&dropping, output);
                    assert!(answer.is_success(), "{what}: {}", answer.text());
                    assert!(answer.text() == input.expected(&own, output), "{what}");
                }
            }
        }
        let series = "response_violations_total{report=\"r\",kind=\"foreign_row\"}";
        assert!(refusing.metrics().get(series) > 0.0, "{}", input.name);
        assert!(dropping.metrics().get("foreign_rows_total{report=\"r\"}") > 0.0, "{}", input.name);
    }
}
