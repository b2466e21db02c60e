//! What leaves of CSV answers, and what is refused.

use crate::domain::dialect::{CsvDialect, ResponseFormat};
use crate::filter::FilterError;
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, cut, pieces, plan, run};
use proptest::prelude::*;

const INVALID: &str = "INVALID";

fn csv_plan(delimiter: u8, view: &str) -> Rig {
    plan(ResponseFormat::Csv(CsvDialect { delimiter }), view)
}

#[track_caller]
fn check(plan: &Rig, text: impl AsRef<[u8]>, expected: &str) {
    let text = text.as_ref();
    let found = match cut(plan, text) {
        Ok(out) => out,
        Err(FilterError::Invalid(..) | FilterError::Refused) => INVALID.to_owned(),
    };
    assert_eq!(found, expected, "{}", text.escape_ascii());
}

#[test]
fn records_are_cut() {
    let plan = csv_plan(b',', "b a=A");
    #[rustfmt::skip]
    let cases = [
        ("A,h,b\r\n1,2,3\r\n4,5,6\r\n",     "b,a\r\n3,1\r\n6,4\r\n"),
        ("A,h,b\n1,2,3\r\n4,5,6",            "b,a\n3,1\r\n6,4"),
        ("\u{FEFF}A,b\n1,2\n",                "b,a\n2,1\n"),
        ("A,b",                               "b,a"),
        ("A,b\n",                             "b,a\n"),
        // cells leave as they were
        ("A,h,b\n 007 ,x, é\n",               "b,a\n é, 007 \n"),
        ("\"A\",h,b\n\"1,\"\"\r\n,2\",\"x\ny\",\"\"\n", "b,a\n\"\",\"1,\"\"\r\n,2\"\n"),
        ("A,h,b\n\"1\",2,\"3\"",               "b,a\n\"3\",\"1\""),
        ("A,b\n,\n",                          "b,a\n,\n"),
        // names are exact; the first of two counts; what is not sent is empty
        ("A,A,b,b\n1,2,3,4\n",               "b,a\n3,1\n"),
        ("A,h\n1,2\n",                        "b,a\n,1\n"),
        ("A, b\n1,2\n",                       "b,a\n,1\n"),
        ("a,b\n1,2\n",                        "b,a\n2,\n"),
        // blank lines
        ("A,b\n\n1,2\n\r\n\n",               "b,a\n2,1\n"),
        ("A\n1\n\n2\n",                      "b,a\n,1\n,\n,2\n"),
        // another shape
        ("", INVALID), ("\n", INVALID), ("\r\nA,b\n", INVALID), (",\n", INVALID), ("h,x\n1,2\n", INVALID), ("<html>login</html>", INVALID),
        ("A,b\n1\n", INVALID), ("A,b\n1,2,3\n", INVALID), ("A,b\n1,2\n3", INVALID), ("A,b\n1,2\n3,4,\n", INVALID),
        ("A;b\n1;2\n", INVALID),
        // not CSV
        ("A,b\n1\"2,3\n", INVALID), ("A,b\n\"1\"2,3\n", INVALID), ("A,b\n\"1\" ,3\n", INVALID), ("A,b\n \"1\",3\n", INVALID),
        ("A,b\n\"1,3\n", INVALID), ("A,b\n\"1\"\",3\n", INVALID), ("A,b\n1,\"", INVALID),
        ("A,b\n1\r2,3\n", INVALID), ("A,b\r1,2\r", INVALID), ("A,b\n1,2\r", INVALID), ("A,b\n1,2\r\r\n", INVALID), ("A,b\n\"1\"\r,2\n", INVALID),
        ("\u{FEFF}\u{FEFF}A\n1\n", INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
    check(&plan, b"A,h,b\n1,\xFF,2\n", INVALID);
    check(&plan, b"A,h,b\n1,2,\xC3", INVALID);
    check(&csv_plan(b'\t', "b a"), "a\th\tb\n1,\t2\t\"3\t\"\n", "b\ta\n\"3\t\"\t1,\n");
    check(&csv_plan(b';', "b"), "\"b\"\"\";b\n1;2\n", "b\n2\n");
    // a cell alone on its line
    check(&csv_plan(b',', "a"), "a,h\n1,2\n,3\n", "a\n1\n\"\"\n");
    check(&csv_plan(b',', "a"), "a\n1\n\n2", "a\n1\n\"\"\n2");
}

#[test]
fn without_a_length_the_last_line_has_to_end() {
    let plan = csv_plan(b',', "a");
    #[rustfmt::skip]
    let cases = [
        ("a,h\n1,2\n", Ending::Closed, true), ("a,h\n1,2", Ending::Closed, false), ("a,h\n\"1", Ending::Closed, false),
        ("a,h", Ending::Closed, false), ("a,h\n1,2", Ending::Framed, true),
    ];
    for (text, ending, passes) in cases {
        let (mut filter, mut out) = (plan.filter(), Vec::new());
        filter.push(text.as_bytes(), &mut out).unwrap();
        assert_eq!(filter.finish(ending, &mut out).is_ok(), passes, "{text:?} {ending:?}");
    }
}

#[test]
fn cut_columns_are_counted_once() {
    let text = b"a,h,i,h,a,\"h\"\n1,2,3,4,5,6\n";
    assert_eq!(run(&csv_plan(b',', "a none"), [&text[..]]).unwrap().1, 2, "h and i");
}

#[test]
fn records_are_limited() {
    let plan = csv_plan(b',', "a");
    for quote in ["", "\""] {
        let overhead = ",h\n".len() + 2 * quote.len();
        for (length, passes) in [((8 << 20) - overhead, true), ((8 << 20) - overhead + 1, false)] {
            let text = format!("a,h\n{quote}{}{quote},h\n1,2\n", "x".repeat(length));
            for size in [text.len(), 1 << 16] {
                let found = run(&plan, text.as_bytes().chunks(size)).map(|(out, _)| out.len());
                assert_eq!(found.is_ok(), passes, "{length} in pieces of {size}: {found:?}");
            }
        }
    }
}

#[test]
fn records_are_limited_to_65536_cells() {
    let plan = csv_plan(b',', "a");
    for first in ["a", "\"a\""] {
        for (more, passes) in [((1 << 16) - 1, true), (1 << 16, false)] {
            let text = format!("{first}{}\n", ",h".repeat(more));
            assert_eq!(run(&plan, [text.as_bytes()]).is_ok(), passes, "{first} and {more} more");
        }
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9é .;]{0,8}", "\"([a-z,;\n\r€]|\"\"){0,8}\""]
}

const NAMES: [&str; 5] = ["a", "b", "c", "h", "i"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn records_are_projected(
        names in Just(NAMES.to_vec()).prop_shuffle(),
        rows in prop::collection::vec(prop::collection::vec(cell(), NAMES.len()), 0..6),
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let plan = csv_plan(b',', "c second=b gone a");
        let hide = |name: &str, cell: &String| match (name, cell.strip_prefix('"')) {
            ("a" | "b" | "c", _) => cell.clone(),
            (_, Some(quoted)) => format!("\"HIDDEN{quoted}"),
            (_, None) => format!("HIDDEN{cell}"),
        };
        let place = |name| names.iter().position(|known| *known == name).unwrap();
        let places = [place("c"), place("b"), place("a")];
        let mut text = names.join(",");
        let mut expected = "c,second,gone,a".to_owned();
        for row in rows {
            let row: Vec<_> = names.iter().zip(&row).map(|(name, cell)| hide(name, cell)).collect();
            let [c, b, a] = places.map(|place| row[place].as_str());
            text += &format!("{line_end}{}", row.join(","));
            expected += &format!("{line_end}{c},{b},,{a}");
        }
        for pieces in [vec![text.as_bytes()], pieces(text.as_bytes(), &cuts), text.as_bytes().chunks(1).collect()] {
            let out = String::from_utf8(run(&plan, pieces).unwrap().0).unwrap();
            prop_assert_eq!(&out, &expected);
            prop_assert!(!out.contains("HIDDEN"));
        }
    }

    #[test]
    fn nothing_panics(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "a,h(\r?\n|[ah,\"\r\n]){0,30}".prop_map(String::into_bytes)],
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let plan = csv_plan(b',', "a");
        let whole = run(&plan, [&bytes[..]]);
        let cut = run(&plan, pieces(&bytes, &cuts));
        prop_assert_eq!(cut.is_ok(), whole.is_ok());
        if whole.is_ok() {
            prop_assert_eq!(cut, whole);
        }
    }
}
