//! Whatever a backend sends, in whatever pieces: only granted cells leave.

use crate::domain::dialect::{OutputFormat, ResponseFormat, XmlDialect};
use crate::domain::pointer::Pointer;
use crate::filter::testing::{Rig, pieces, plan, run};
use proptest::prelude::*;
use roxmltree::{Document, Node};

/// The backend's columns; the view grants some of them under other names.
const NAMES: [&str; 6] = ["a", "b", "c", "h", "k", "p:l"];
const VIEW: &str = "c second=b S.x a";

const HIDDEN: &str = "hidden-cell";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A column of a row: an attribute in its quotes, or what stands inside of an element.
#[derive(Debug, Clone)]
enum Column {
    Attribute(String),
    Element(String),
}

#[derive(Debug, Clone)]
struct Row {
    columns: Vec<(&'static str, Column)>,
    /// What is granted and what is not inside of `S`.
    nested: Option<(Option<Column>, Column)>,
}

/// Text with references, and with what only looks like markup.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "([a-zé€🦀 /\"'=>\\]\t\n\r]|&(amp|lt|gt|quot|apos|#9|#x1F600);){0,12}",
        "<!\\[CDATA\\[([a-z<>&;!\\- ]|<h>|</row>){0,8}\\]\\]>",
        Just(String::new()),
    ]
    .prop_filter("]]> is no text", |text| text.starts_with("<!") || !text.contains("]]>"))
}

fn quoted() -> impl Strategy<Value = String> {
    prop_oneof!["\"([a-zé€ />'\\]\t\n\r]|&(amp|lt|quot|#10);){0,8}\"", "'([a-z />\"]|&(apos|gt|#x41);){0,8}'"]
}

fn inside() -> impl Strategy<Value = String> {
    text().prop_recursive(3, 8, 3, |inner| {
        (inner.clone(), inner, quoted())
            .prop_map(|(x, y, z)| format!("{x}<row b={z} ><h>{y}</h></row><p:e\n/>"))
    })
}

fn column() -> impl Strategy<Value = Column> {
    prop_oneof![
        quoted().prop_map(Column::Attribute),
        inside().prop_map(Column::Element),
        inside().prop_map(Column::Element)
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let names = prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_shuffle();
    let columns = prop::collection::vec(column(), NAMES.len());
    let nested = prop::option::of((prop::option::of(column()), column()));
    (names, columns, nested).prop_map(|(names, columns, nested)| {
        let hide = |column: Column| match column {
            Column::Attribute(quoted) => {
                let (quote, rest) = quoted.split_at(1);
                Column::Attribute(format!("{quote}{HIDDEN}{rest}"))
            }
            Column::Element(inside) => {
                Column::Element(format!("{HIDDEN}{inside}<!--{HIDDEN}--><a>{HIDDEN}</a>"))
            }
        };
        let is_granted = |name: &str| matches!(name, "a" | "b" | "c");
        let columns = names
            .into_iter()
            .zip(columns)
            .map(|(name, column)| if is_granted(name) { (name, column) } else { (name, hide(column)) })
            .collect();
        Row { columns, nested: nested.map(|(x, y)| (x, hide(y))) }
    })
}

/// An element as a backend writes it, with `blank` where it may be.
fn element(name: &str, columns: &[(&str, Column)], more: &str, blank: &str) -> String {
    let (mut attributes, mut elements) = (String::new(), String::new());
    for (name, column) in columns {
        match column {
            Column::Attribute(quoted) => attributes += &format!("{blank} {name}{blank}={blank}{quoted}"),
            Column::Element(inside) if inside.is_empty() => elements += &format!("{blank}<{name}{blank}/>"),
            Column::Element(inside) => {
                elements += &format!(
                    "<!-- <b>{HIDDEN}</b> --><{name}{blank}>{inside}</{name}{blank}><?p {HIDDEN}?>{blank}"
                );
            }
        }
    }
    format!("<{name}{attributes}{blank}>{blank}{elements}{more}</{name}{blank}>")
}

impl Row {
    fn text(&self, blank: &str) -> String {
        let nested = self.nested.as_ref().map_or(String::new(), |(x, y)| {
            let x = x.iter().map(|x| ("x", x.clone()));
            element("S", &x.chain([("y", y.clone())]).collect::<Vec<_>>(), HIDDEN, blank)
        });
        element("row", &self.columns, &nested, blank)
    }

    /// As it should leave.
    fn projection(&self) -> String {
        let column = |name| self.columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column);
        let nested = self.nested.as_ref().and_then(|(x, _)| x.as_ref());
        let (mut attributes, mut elements) = (String::new(), String::new());
        for (name, column) in [("c", column("c")), ("second", column("b")), ("", nested), ("a", column("a"))]
        {
            match (name, column) {
                (_, None) => {}
                ("", Some(Column::Attribute(quoted))) => elements += &format!("<S x={quoted}></S>"),
                ("", Some(Column::Element(inside))) => elements += &format!("<S><x>{inside}</x></S>"),
                (name, Some(Column::Attribute(quoted))) => attributes += &format!(" {name}={quoted}"),
                (name, Some(Column::Element(inside))) => elements += &format!("<{name}>{inside}</{name}>"),
            }
        }
        format!("<row{attributes}>{elements}</row>")
    }
}

/// A document: the text of a backend, and what should leave of it.
fn document(rows: &[Row], totals: &Row, kept: &str, blank: &str) -> (String, String) {
    let text = |rows: &[Row]| rows.iter().map(|row| row.text(blank)).collect::<Vec<_>>().join(blank);
    let totals_text = totals.text(blank).replacen("<row", "<totals", 1);
    let totals_text = format!("{}</totals>", totals_text.rsplit_once("</row").unwrap().0);
    let all = format!(
        "<?xml version='1.0'?>{blank}<r{blank} xmlns:p='u'{blank} n='{HIDDEN}'>{HIDDEN}<page n='1' >{kept}</page>{blank}{totals_text}\
        <x><row><b>{HIDDEN}</b></row></x><s{blank}>{}</s><b>{HIDDEN}</b></r>{blank}<!--{HIDDEN}--><?p?>",
        text(rows)
    );
    let projection: String = rows.iter().map(Row::projection).collect();
    let totals = totals.projection().replacen("<row", "<totals", 1);
    let totals = format!("{}</totals>", totals.strip_suffix("</row>").unwrap());
    let expected = format!("{HEAD}<r xmlns:p='u'><page n='1' >{kept}</page>{totals}<s>{projection}</s></r>");
    (all, expected)
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ \n\r\t]{1,3}"]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..1001_usize, 0..8)
}

fn xml_plan() -> Rig {
    let at = |text: &str| Pointer::parse(text).unwrap();
    let dialect = XmlDialect {
        rows: at("/r/s/row"),
        also: [at("/r/totals")].into(),
        keep: [at("/r/page")].into(),
        success: None,
    };
    plan(ResponseFormat::Xml(dialect), VIEW)
}

/// What another reader finds in a column of a row: text, unless it holds elements.
fn cell(row: Node<'_, '_>, name: &str) -> Option<String> {
    if let Some(value) = row.attribute(name) {
        return Some(value.to_owned());
    }
    let element = row.children().find(|child| child.tag_name().name() == name)?;
    if element.children().any(|child| child.is_element()) {
        return None;
    }
    Some(element.children().filter_map(|child| child.text()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rows_are_projected(
        rows in prop::collection::vec(row(), 0..6), totals in row(), kept in inside(), blank in blank(), cuts in cuts(),
    ) {
        let plan = xml_plan();
        let (text, expected) = document(&rows, &totals, &kept, &blank);
        prop_assert!(Document::parse(&text).is_ok(), "{text}");
        let (out, _) = run(&plan, [text.as_bytes()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        prop_assert_eq!(&out, &expected);
        prop_assert!(!out.contains(HIDDEN));
        prop_assert!(Document::parse(&out).is_ok(), "{out}");
        prop_assert_eq!(run(&plan, pieces(text.as_bytes(), &cuts)).unwrap().0, out.as_bytes());
    }

    #[test]
    fn other_formats_say_the_same(rows in prop::collection::vec(row(), 1..6), blank in blank(), cuts in cuts()) {
        let (text, _) = document(&rows, &Row { columns: Vec::new(), nested: None }, "", &blank);
        let read = Document::parse(&text).unwrap();
        let sent = read.root_element().children().find(|child| child.has_tag_name("s")).unwrap();
        let sent: Vec<_> = sent.children().filter(Node::is_element).collect();
        for output in [OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv] {
            let plan = xml_plan().output(output);
            let out = run(&plan, [text.as_bytes()]).unwrap().0;
            let out = String::from_utf8(out).unwrap();
            prop_assert!(!out.contains(HIDDEN));
            prop_assert_eq!(run(&plan, pieces(text.as_bytes(), &cuts)).unwrap().0, out.as_bytes());
            let found: Vec<serde_json::Value> = match output {
                OutputFormat::Json => serde_json::from_str(&out).unwrap(),
                OutputFormat::Ndjson => out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
                OutputFormat::Csv | OutputFormat::Xml | OutputFormat::Opaque => continue,
            };
            prop_assert_eq!(found.len(), sent.len());
            for (found, sent) in found.iter().zip(&sent) {
                let nested = sent.children().find(|child| child.has_tag_name("S"));
                for (name, cell) in [("c", cell(*sent, "c")), ("second", cell(*sent, "b")), ("a", cell(*sent, "a")),
                    ("S.x", nested.and_then(|nested| cell(nested, "x")))] {
                    if let Some(cell) = cell {
                        // The other reader leaves a CR in front of a reference.
                        let cell = cell.replace('\r', "\n");
                        prop_assert_eq!(found[name].as_str(), Some(&*cell), "{} in {}", name, text);
                    }
                }
            }
        }
    }

    #[test]
    fn no_prefix_passes_for_a_document(rows in prop::collection::vec(row(), 0..3), cut in 0..1000_usize) {
        let plan = xml_plan();
        let texts: String = rows.iter().map(|row| row.text("")).collect();
        let text = format!("<r xmlns:p='u'><s>{texts}</s><page>1</page></r>");
        prop_assert!(run(&plan, [text.as_bytes()]).is_ok());
        let prefix = &text.as_bytes()[..cut * text.len() / 1000];
        prop_assert!(run(&plan, [prefix]).is_err());
    }

    /// One byte of a document replaced, left out or put in.
    #[test]
    fn a_broken_document_does_not_pass(
        rows in prop::collection::vec(row(), 1..3), totals in row(), kept in inside(), place in 0..1000_usize,
        byte in "[<>/&;#\"'=!?\\[\\]\\-0-9 abhprsx\n\t\u{1}é]", how in 0..3_usize,
    ) {
        // Prefixes are no matter of ours.
        let text = document(&rows, &totals, &kept, " ").0.replace(" xmlns:p='u'", "").replace("p:", "p-");
        let mut text = text.into_bytes();
        let at = place * text.len() / 1000;
        match how {
            0 => drop(text.splice(at..at, byte.bytes())),
            1 => drop(text.splice(at..at + 1, byte.bytes())),
            _ => drop(text.remove(at)),
        }
        if let Ok((out, _)) = run(&xml_plan(), [&text[..]]) {
            for text in [text, out] {
                let text = String::from_utf8(text).unwrap();
                prop_assert_eq!(Document::parse(&text).map(|_| ()), Ok(()), "{}", text);
            }
        }
    }

    #[test]
    fn nothing_panics(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[<>/&;#\"'=!?\\[\\]\\-: abrs\n]{0,60}".prop_map(String::into_bytes),
            "<r>(<s>|</s>|<row>|</row>|<row/>|<b>|</b>|<a b='|'>|&#x|;|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?p |\\?>|[ab]){0,30}</r>".prop_map(String::into_bytes),
        ],
        cuts in cuts(),
    ) {
        for output in [OutputFormat::Xml, OutputFormat::Json] {
            let plan = xml_plan().output(output);
            let whole = run(&plan, [&bytes[..]]);
            let cut = run(&plan, pieces(&bytes, &cuts));
            prop_assert_eq!(cut.is_ok(), whole.is_ok());
        }
    }
}
