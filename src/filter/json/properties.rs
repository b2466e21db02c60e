//! Whatever a backend sends, in whatever pieces: only granted cells leave.

use super::tests::forms::{dialect, pairs};
use crate::domain::dialect::{
    Cursor, Documents, JsonDialect, OnForeignRow, OutputFormat, Place, ResponseFormat, RowForm, Scalar,
    Shape, Success,
};
use crate::domain::pointer::Pointer;
use crate::filter::testing::{Rig, pieces, plan, rig, run};
use proptest::prelude::*;

/// The backend's columns; the view grants some of them under other names.
const NAMES: [&str; 6] = ["a", "b", "c", "h", "k", "l"];
const VIEW: &str = "c second=b S.x a";

/// A row: its cells in some order, each a text that holds the marker when it is hidden.
#[derive(Debug, Clone)]
struct Row {
    cells: Vec<(&'static str, String)>,
    /// A nested object: the granted cell and a hidden one.
    nested: Option<(Option<String>, String)>,
    /// How member names are written: plainly, or with an escape.
    escaped: bool,
}

const HIDDEN: &str = "hidden-cell";

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,5})?([eE][-+]?[0-9]{1,2})?",
        "\"([a-zé€🦀 /{}\\[\\]:,]|\\\\[nrtbf\"/\\\\]|\\\\u00[0-9a-f]{2}){0,12}\"",
        Just("true".to_owned()),
        Just("null".to_owned()),
    ]
}

fn cell() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[ {}]", items.join(" ,\t"))),
            (inner.clone(), inner).prop_map(|(x, y)| format!("{{\"x\" : {x},\n\"y\":{y} }}")),
        ]
    })
}

fn row() -> impl Strategy<Value = Row> {
    let names = prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_shuffle();
    let cells = prop::collection::vec(cell(), NAMES.len());
    let nested = prop::option::of((prop::option::of(cell()), cell()));
    (names, cells, nested, prop::bool::weighted(0.1)).prop_map(|(names, cells, nested, escaped)| {
        let hide = |cell: &str| format!("[\"{HIDDEN}\",{cell}]");
        let is_granted = |name: &str| matches!(name, "a" | "b" | "c");
        let cells = names
            .into_iter()
            .zip(cells)
            .map(|(name, cell)| if is_granted(name) { (name, cell) } else { (name, hide(&cell)) })
            .collect();
        Row { cells, nested: nested.map(|(x, y)| (x, hide(&y))), escaped }
    })
}

impl Row {
    /// As the backend writes it, with `blank` between things.
    fn text(&self, blank: &str) -> String {
        let spelt = |name: &str| match (self.escaped, name) {
            (true, "h") => "\"\\u0068\"".to_owned(),
            (true, "b") => "\"\\u0062\"".to_owned(),
            _ => format!("\"{name}\""),
        };
        let mut members: Vec<_> = self
            .cells
            .iter()
            .map(|(name, cell)| format!("{blank}{}{blank}:{cell}{blank}", spelt(name)))
            .collect();
        if let Some((x, y)) = &self.nested {
            let x = x.as_ref().map_or(String::new(), |x| format!(",\"x\":{x}{blank}"));
            members.insert(members.len() / 2, format!("\"S\":{blank}{{\"y\":{y}{x}}}"));
        }
        format!("{{{}}}", members.join(","))
    }

    /// As it should leave.
    fn projection(&self) -> String {
        let cell = |name| self.cells.iter().find(|(known, _)| *known == name).map(|(_, cell)| cell);
        let nested = self.nested.as_ref().and_then(|(x, _)| x.as_ref());
        let members = [
            cell("c").map(|cell| format!("\"c\":{cell}")),
            cell("b").map(|cell| format!("\"second\":{cell}")),
            nested.map(|cell| format!("\"S\":{{\"x\":{cell}}}")),
            cell("a").map(|cell| format!("\"a\":{cell}")),
        ];
        format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ \n\r\t]{1,3}"]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..1001_usize, 0..8)
}

fn json_plan(row: RowForm) -> Rig {
    let at = |text: &str| Pointer::parse(text).unwrap();
    let dialect = JsonDialect {
        row,
        also: [at("/totals")].into(),
        keep: [at("/data/page")].into(),
        ..JsonDialect::new(at("/data/rows"))
    };
    plan(ResponseFormat::Json(dialect), VIEW)
}

/// The projection done by another program: serde_json, on values.
fn projected(document: &serde_json::Value) -> serde_json::Value {
    let row = |row: &serde_json::Value| {
        let mut out = serde_json::Map::new();
        for (name, response) in [("c", "/c"), ("second", "/b"), ("a", "/a")] {
            if let Some(cell) = row.pointer(response) {
                out.insert(name.into(), cell.clone());
            }
        }
        if let Some(cell) = row.pointer("/S/x") {
            out.insert("S".into(), serde_json::json!({ "x": cell }));
        }
        serde_json::Value::Object(out)
    };
    let rows: Vec<_> = document["data"]["rows"].as_array().unwrap().iter().map(row).collect();
    serde_json::json!({
        "data": { "page": document["data"]["page"], "rows": rows },
        "totals": row(&document["totals"]),
    })
}

/// Whose a row is, and its cells: two granted ones that it may lack where its form lets it.
type Owned = (bool, Option<String>, String);

fn at(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn row_form() -> impl Strategy<Value = RowForm> {
    prop_oneof![
        Just(RowForm::Object),
        Just(RowForm::ArrayAfterHeader),
        Just(RowForm::Array { header: at("/c") }),
        Just(pairs()),
    ]
}

fn row_text(form: &RowForm, (is_own, a, b): &Owned) -> String {
    let owner = if *is_own { "1" } else { "\"hidden-cell\"" };
    let a_or_null = a.as_deref().unwrap_or("null");
    match form {
        RowForm::Object => {
            let a = a.as_ref().map_or(String::new(), |a| format!("\"A\":{a},"));
            format!("{{\"h\":\"{HIDDEN}\",{a}\"o\":{owner},\"b\":{b}}}")
        }
        RowForm::Array { .. } | RowForm::ArrayAfterHeader => {
            format!("[{b}, {owner},\"{HIDDEN}\",{a_or_null}]")
        }
        RowForm::Pairs { .. } => {
            let pair = |name: &str, value: &str| format!("{{\"name\":\"{name}\",\"value\":{value}}}");
            let a = a.as_ref().map_or(String::new(), |a| format!("{},", pair("A", a)));
            format!("[{a}{},{}]", pair("o", owner), pair("b", b))
        }
    }
}

/// Documents whose rows leave as `expected`, alone and as objects.
fn answer(form: &RowForm, rows: &[Owned], header_first: bool, documents: Documents) -> (String, Vec<String>) {
    let header = "[\"b\",\"o\",\"h\",\"A\"]";
    let document = |rows: &[Owned]| {
        let texts: Vec<_> = rows.iter().map(|row| row_text(form, row)).collect();
        let texts = texts.join(" , ");
        match form {
            RowForm::ArrayAfterHeader if texts.is_empty() => format!("{{\"rows\":[{header}]}}"),
            RowForm::ArrayAfterHeader => format!("{{\"rows\":[{header},{texts}]}}"),
            RowForm::Array { .. } if header_first => format!("{{\"c\":{header},\"rows\":[{texts}]}}"),
            RowForm::Array { .. } => format!("{{\"rows\":[{texts}],\"x\":\"{HIDDEN}\",\"c\":{header}}}"),
            RowForm::Object | RowForm::Pairs { .. } => format!("{{\"rows\":[{texts}]}}"),
        }
    };
    let text = match documents {
        Documents::One => document(rows),
        Documents::Many => {
            let (one, other) = rows.split_at(rows.len() / 2);
            format!("{}\n{}\n", document(one), document(other))
        }
    };
    let is_array = matches!(form, RowForm::Array { .. } | RowForm::ArrayAfterHeader);
    let projection = |(_, a, b): &Owned| match a {
        None if !is_array => format!("{{\"b\":{b}}}"),
        a => format!("{{\"a\":{},\"b\":{b}}}", a.as_deref().unwrap_or("null")),
    };
    (text, rows.iter().filter(|row| row.0).map(projection).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn objects_are_projected(
        rows in prop::collection::vec(row(), 0..6), totals in row(), page in cell(), other in cell(), blank in blank(), cuts in cuts(),
    ) {
        let plan = json_plan(RowForm::Object);
        let texts: Vec<_> = rows.iter().map(|row| row.text(&blank)).collect();
        let text = format!(
            "{blank}{{\"x\":[\"{HIDDEN}\",{other}],\"data\":{blank}{{\"page\":{page},\"rows\":[{blank}{}],\"y\":\"{HIDDEN}\"}}{blank},\"totals\":{}}}{blank}",
            texts.join(&format!("{blank},{blank}")), totals.text(&blank),
        );
        let (out, _) = run(&plan, [text.as_bytes()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        let cut: Vec<_> = rows.iter().map(Row::projection).collect();
        prop_assert_eq!(&out, &format!("{{\"data\":{{\"page\":{page},\"rows\":[{}]}},\"totals\":{}}}", cut.join(","), totals.projection()));
        prop_assert!(!out.contains(HIDDEN));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text);
        if let Ok(document) = read(&text) {
            prop_assert_eq!(read(&out).unwrap(), projected(&document));
        }
        prop_assert_eq!(run(&plan, pieces(text.as_bytes(), &cuts)).unwrap().0, out.as_bytes());
    }

    #[test]
    fn no_prefix_passes_for_a_document(rows in prop::collection::vec(row(), 0..3), cut in 0..1000_usize) {
        let plan = json_plan(RowForm::Object);
        let texts: Vec<_> = rows.iter().map(|row| row.text("")).collect();
        let text = format!("{{\"data\":{{\"rows\":[{}],\"page\":1}}}}", texts.join(","));
        prop_assert!(run(&plan, [text.as_bytes()]).is_ok());
        let prefix = &text.as_bytes()[..cut * text.len() / 1000];
        prop_assert!(run(&plan, [prefix]).is_err());
    }

    #[test]
    fn arrays_are_projected(
        names in Just(NAMES.to_vec()).prop_shuffle(), rows in prop::collection::vec(prop::collection::vec(cell(), NAMES.len()), 0..5),
        header_first in any::<bool>(), cuts in cuts(),
    ) {
        let plan = json_plan(RowForm::Array { header: Pointer::parse("/columns").unwrap() });
        let hide = |name: &str, cell: &String| match name {
            "a" | "b" | "c" => cell.clone(),
            _ => format!("[\"{HIDDEN}\",{cell}]"),
        };
        let rows: Vec<Vec<_>> =
            rows.iter().map(|row| names.iter().zip(row).map(|(name, cell)| hide(name, cell)).collect()).collect();
        let all: Vec<_> = rows.iter().map(|row| format!("[{}]", row.join(", "))).collect();
        let place = |name| names.iter().position(|known| *known == name).unwrap();
        let places = [place("c"), place("b"), place("a")];
        let cut: Vec<_> = rows.iter().map(|row| format!("[{}]", places.map(|place| row[place].as_str()).join(","))).collect();
        let document = |header: &str, rows: &[String]| {
            let (header, data) = (format!("\"columns\":[{header}]"), format!("\"data\":{{\"rows\":[{}]}}", rows.join(",")));
            if header_first { format!("{{{header},{data}}}") } else { format!("{{{data},{header}}}") }
        };
        let text = document(&names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(","), &all);
        let expected = document("\"c\",\"second\",\"a\"", &cut);
        for pieces in [vec![text.as_bytes()], pieces(text.as_bytes(), &cuts)] {
            let out = String::from_utf8(run(&plan, pieces).unwrap().0).unwrap();
            prop_assert_eq!(&out, &expected);
            prop_assert!(!out.contains(HIDDEN));
        }
    }

    #[test]
    fn own_rows_leave_alone_in_every_output(
        form in row_form(), rows in prop::collection::vec((prop::bool::weighted(0.7), prop::option::of(cell()), cell()), 0..6),
        header_first in any::<bool>(), many in any::<bool>(), cuts in cuts(),
    ) {
        let documents = if many { Documents::Many } else { Documents::One };
        let (text, expected) = answer(&form, &rows, header_first, documents);
        let is_foreign = rows.iter().any(|row| !row.0);
        for shape in [Shape::Same, Shape::Objects, Shape::Bare] {
            for output in [OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv] {
                let json = JsonDialect { row: form.clone(), documents, ..JsonDialect::new(at("/rows")) };
                let mut dialect = dialect(json);
                dialect.output.shape = shape;
                dialect.rows.scope_column = Some("o".into());
                prop_assert_eq!(run(&rig(&dialect, "a=A b").output(output).rows_of(&["1"]), [text.as_bytes()]).is_err(), is_foreign);
                dialect.rows.on_foreign_row = OnForeignRow::Drop;
                let plan = rig(&dialect, "a=A b").output(output).rows_of(&["1"]);
                let (out, _) = run(&plan, [text.as_bytes()]).unwrap();
                prop_assert_eq!(&run(&plan, pieces(text.as_bytes(), &cuts)).unwrap().0, &out);
                let out = String::from_utf8(out).unwrap();
                prop_assert!(!out.contains(HIDDEN));
                let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                match (output, shape, documents) {
                    (OutputFormat::Json, Shape::Bare, _) | (OutputFormat::Json, _, Documents::Many) => {
                        prop_assert_eq!(out, format!("[{}]", expected.join(",")));
                    }
                    (OutputFormat::Ndjson, Shape::Bare, _) | (OutputFormat::Ndjson, _, Documents::One) => {
                        prop_assert_eq!(out.lines().map(read).collect::<Vec<_>>(), expected.iter().map(|row| read(row)).collect::<Vec<_>>());
                    }
                    (OutputFormat::Ndjson, _, Documents::Many) => prop_assert_eq!(out.lines().count(), 2),
                    (OutputFormat::Csv, _, _) => prop_assert!(out.starts_with("a,b\r\n")),
                    _ => prop_assert_eq!(out.chars().next(), Some('{')),
                }
            }
        }
    }

    /// No prefix of a document passes, in whatever form and output.
    #[test]
    fn no_prefix_passes_in_any_output(
        form in row_form(), rows in prop::collection::vec((Just(true), prop::option::of(cell()), cell()), 0..3),
        header_first in any::<bool>(), cut in 0..1000_usize,
    ) {
        let (text, _) = answer(&form, &rows, header_first, Documents::One);
        for output in [OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv] {
            let json = JsonDialect { row: form.clone(), ..JsonDialect::new(at("/rows")) };
            let plan = rig(&dialect(json), "a=A b").output(output);
            prop_assert!(run(&plan, [text.as_bytes()]).is_ok());
            prop_assert!(run(&plan, [&text.as_bytes()[..cut * text.len() / 1000]]).is_err());
        }
    }

    /// One byte of a document replaced, left out or put in.
    #[test]
    fn a_broken_document_does_not_pass(
        rows in prop::collection::vec(row(), 1..3), place in 0..1000_usize, byte in "[\\[\\]{}\",:0-9.eE+\\-\\\\u abh\n\t\u{1}é]", how in 0..3_usize,
    ) {
        let texts: Vec<_> = rows.iter().map(|row| row.text(" ")).collect();
        let mut text = format!("{{\"n\":[1,{{\"x\":true}}],\"data\":{{\"rows\":[{}],\"page\":{{\"x\":[2]}}}}}}", texts.join(",")).into_bytes();
        let at = place * text.len() / 1000;
        match how {
            0 => drop(text.splice(at..at, byte.bytes())),
            1 => drop(text.splice(at..at + 1, byte.bytes())),
            _ => drop(text.remove(at)),
        }
        let whole = run(&json_plan(RowForm::Object), [&text[..]]);
        if let Ok((out, _)) = whole {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok());
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
        }
    }

    #[test]
    fn nothing_panics(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[\\[\\]{}\":,0-9.eE+\\-\\\\u abcrowstd\n]{0,60}".prop_map(String::into_bytes),
        ],
        cuts in cuts(),
    ) {
        let same = |plan: &Rig| {
            let whole = run(plan, [&bytes[..]]);
            let cut = run(plan, pieces(&bytes, &cuts));
            prop_assert_eq!(cut.is_ok(), whole.is_ok());
            Ok(())
        };
        for row in [RowForm::Object, RowForm::ArrayAfterHeader, RowForm::Array { header: at("/totals") }, pairs()] {
            same(&json_plan(row.clone()))?;
            for (rows, output) in [(None, OutputFormat::Ndjson), (Some(at("")), OutputFormat::Json), (Some(at("/a")), OutputFormat::Csv)] {
                let json = JsonDialect {
                    documents: Documents::Many,
                    rows,
                    row: row.clone(),
                    columns_arrays: [at("/c"), at("/b")].into(),
                    cursors: [Cursor { at: at("/r"), parameter: Place::Query("r".into()) }].into(),
                    links: [at("/s")].into(),
                    success: Some(Success { at: at("/t"), equals: [Scalar::Number(1.0)].into(), absent_ok: true }),
                    ..JsonDialect::new(at(""))
                };
                let mut dialect = dialect(json);
                dialect.rows.scope_column = Some("b".into());
                dialect.rows.on_foreign_row = OnForeignRow::Drop;
                same(&rig(&dialect, "a c=c.a").output(output).rows_of(&["1"]))?;
            }
        }
    }
}
