//! What leaves of CSV answers, and what is refused.

use super::{CsvFilter, CsvPlan};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{
    CsvDialect, CsvHeader, OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, Scalar, TotalRows,
};
use crate::domain::names::ColumnName;
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, columns, cut, plan, rig, run};
use crate::filter::{FilterError, RowsOf, Terms, Violation};
use std::sync::Arc;

const INVALID: &str = "INVALID";

pub(super) fn csv_plan(delimiter: u8, view: &str) -> Rig {
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
        ("A,b\n1,2\n\nA,b\n3,4\n",          "b,a\n2,1\n4,3\n"),
        ("A,b\n1,2\n\n3,4\n", INVALID), ("A,h,b\n1,7,2\n\nx,y,z\n7,8,9\n", INVALID), ("A,b\n1,2\n\nA,b\n3,4\n\n5,6\n", INVALID),
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
        ("a,h", Ending::Closed, false), ("a,h\n1,2", Ending::Framed, true), ("a,h\n1234567890,2\n", Ending::Closed, true),
    ];
    for (text, ending, passes) in cases {
        for at in 0..text.len() {
            let (mut filter, mut out) = (plan.filter(), Vec::new());
            let (first, second) = text.as_bytes().split_at(at);
            filter.push(first, &mut out).unwrap();
            filter.push(second, &mut out).unwrap();
            assert_eq!(filter.finish(ending, &mut out).is_ok(), passes, "{text:?} {ending:?} cut at {at}");
        }
    }
}

/// `a` and `b` are granted; the scope column is `aff`, the total column `t`, which is in the catalogue only.
pub(super) fn judged(on_foreign_row: OnForeignRow) -> ResponseDialect {
    let mut dialect = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter: b',' }));
    dialect.rows.scope_column = Some("aff".into());
    dialect.rows.on_foreign_row = on_foreign_row;
    dialect
}

pub(super) const OUTPUTS: [OutputFormat; 3] = [OutputFormat::Csv, OutputFormat::Json, OutputFormat::Ndjson];

#[test]
fn rows_of_others_do_not_leave() {
    #[rustfmt::skip]
    let cases = [
        // rows after the header `a,aff,h`               rows that leave   foreign
        ("1,7,x\n2,8,x\n3,7,x",                          "1\n2\n3",       0),
        ("1,9,FOREIGN\n2,7,x\n3,8,x",                    "2\n3",          1),
        ("1,7,x\nFOREIGN,9,x\n3,8,x",                    "1\n3",          1),
        ("1,7,x\n2,8,x\nFOREIGN,9,x",                    "1\n2",          1),
        ("1,7,x\n2,8,x\nFOREIGN,9,x\nFOREIGN,10,x\n",    "1\n2\n",        2),
        ("1,\"7\",x\n\"2\",\"8\",x\n",                   "1\n\"2\"\n",    0),
        ("FOREIGN,,x\n", "", 1), ("FOREIGN,\"\",x\n", "", 1), ("FOREIGN, 7,x\n", "", 1), ("FOREIGN,7 ,x\n", "", 1),
        ("FOREIGN,\"7\"\"\",x\n", "", 1), ("FOREIGN,07,x\n", "", 1), ("FOREIGN,77,x\n", "", 1), ("FOREIGN,\"7,8\",x\n", "", 1),
        ("\n\n1,7,x\n", "1\n", 0), ("a,aff,h\n1,7,x\n", "1\n", 0),
    ];
    for (rows, expected, foreign) in cases {
        let text = format!("a,aff,h\n{rows}");
        for output in OUTPUTS {
            let dropping = rig(&judged(OnForeignRow::Drop), "a").rows_of(&["7", "8"]).output(output);
            let out = cut(&dropping, text.as_bytes()).unwrap();
            assert!(!out.contains("FOREIGN"), "{text} {output:?}");
            if output == OutputFormat::Csv {
                assert_eq!(out.trim_end(), format!("a\n{expected}").trim_end(), "{text}");
            }
            let refusing = rig(&judged(OnForeignRow::Refuse), "a").rows_of(&["7", "8"]).output(output);
            assert_eq!(cut(&refusing, text.as_bytes()).is_err(), foreign > 0, "{text} {output:?}");
            for (rig, counted) in [(&dropping, foreign), (&refusing, foreign.min(1))] {
                let (mut filter, mut out) = (rig.filter(), Vec::new());
                let pushed = filter.push(text.as_bytes(), &mut out);
                let end = filter.finish(Ending::Framed, &mut out);
                let is_refused = FilterError::Invalid(Violation::ForeignRow, "a row is not the holder's");
                assert_eq!(filter.foreign_rows(), counted, "{text} {output:?}");
                assert!(pushed.and(end).map_or_else(|failure| failure == is_refused, |()| true));
                assert_eq!(filter.columns_removed(), 1, "h, and not what the gate asked for");
                assert_eq!(filter.removed_names(), ["h"]);
            }
        }
        let everyone = rig(&judged(OnForeignRow::Refuse), "a");
        assert!(run(&everyone, [text.as_bytes()]).is_ok(), "{text}");
    }
    // the scope column leaves where it is granted
    let granted = rig(&judged(OnForeignRow::Drop), "id=aff a").rows_of(&["7"]);
    check(&granted, "a,aff\n1,7\n2,8\n", "id,a\n7,1\n");
}

/// The output and the filter after it.
fn run_plan(
    dialect: &ResponseDialect,
    (catalogue, view): (&Catalogue, &View),
    terms: Terms,
    text: &str,
) -> Result<(String, CsvFilter), FilterError> {
    let ResponseFormat::Csv(csv) = &dialect.format else { panic!("not CSV") };
    let plan = Arc::new(CsvPlan::new(csv, dialect, catalogue, view));
    let (mut filter, mut out) = (CsvFilter::new(plan, Arc::new(terms)), Vec::new());
    filter.push(text.as_bytes(), &mut out)?;
    filter.finish(Ending::Framed, &mut out)?;
    Ok((String::from_utf8(out).unwrap(), filter))
}

#[test]
fn totals_are_cut_before_it_is_asked_whose_they_are() {
    let catalogue = Catalogue::new(columns("a t=T b"));
    let view = View::new(&["b", "a"].map(|name| catalogue.find(name).unwrap())).unwrap();
    let mut dialect = judged(OnForeignRow::Refuse);
    dialect.rows.total_rows =
        Some(TotalRows { column: catalogue.find("t").unwrap(), equals: Scalar::Text("Total".into()) });
    #[rustfmt::skip]
    let cases = [
        ("a,T,aff,b\n1,x,7,2\n3,Total,,4\n",             Ok("b,a\n2,1\n")),
        ("a,T,aff,b\n3,\"Total\",9,4\n1,x,7,2\n",        Ok("b,a\n2,1\n")),
        ("a,T,aff,b\n1,x,7,2\n3,total,,4\n",             Err(Violation::ForeignRow)),
        ("a,T,aff,b\n1,x,7,2\nTotal,,,4\n",              Err(Violation::ForeignRow)),
        ("a,aff,b\n1,7,2\n",                             Err(Violation::Shape)),
        ("a,T,b\n1,x,2\n",                               Err(Violation::Shape)),
        ("a,T,T,aff,b\n1,x,x,7,2\n",                     Err(Violation::Repeated)),
        ("a,T,aff,\"aff\",b\n1,x,7,7,2\n",               Err(Violation::Repeated)),
        ("a,a,T,aff,b\n1,5,x,7,2\n",                     Ok("b,a\n2,1\n")),
    ];
    let terms = |rows_of| Terms { output: OutputFormat::Csv, rows_of, paging: None };
    for (text, expected) in cases {
        let own = terms(RowsOf::Ids(["7".into()].into()));
        let found = run_plan(&dialect, (&catalogue, &view), own, text);
        let found = found.map(|(out, filter)| {
            assert_eq!(filter.columns_removed(), 0, "{text}");
            out
        });
        let kind = |failure| match failure {
            FilterError::Invalid(kind, _) => kind,
            FilterError::Refused => panic!("{text}"),
        };
        assert_eq!(found.as_deref().map_err(|failure| kind(*failure)), expected, "{text}");
    }
    // Everyone's rows need no scope column, however often it is named.
    for (text, expected) in [
        ("a,T,b\n1,x,2\n3,Total,4\n", "b,a\n2,1\n"),
        ("a,T,aff,aff,b\n1,x,7,8,2\n3,Total,,,4\n", "b,a\n2,1\n"),
    ] {
        let (out, _) = run_plan(&dialect, (&catalogue, &view), terms(RowsOf::Everyone), text).unwrap();
        assert_eq!(out, expected);
    }
}

#[test]
fn a_header_that_comes_again_is_dropped_and_one_that_moved_is_refused() {
    let plan = csv_plan(b',', "b a=A");
    #[rustfmt::skip]
    let cases = [
        ("A,h,b\n1,2,3\nA,h,b\n4,5,6\n",                   "b,a\n3,1\n6,4\n"),
        ("A,h,b\nA,h,b\n1,2,3\nA,h,b",                     "b,a\n3,1\n"),
        ("A,h,b\n1,2,3\n\"A\",h,\"b\"\r\n4,5,6\n",        "b,a\n3,1\n6,4\n"),
        ("A,h,b\n1,2,3\n\u{FEFF}A,h,b\n4,5,6\n",          "b,a\n3,1\n6,4\n"),
        ("A,\"h \"\"1\"\"\",b\n1,2,3\nA,\"h \"\"1\"\"\",b\n", "b,a\n3,1\n"),
        ("A,,b,\n1,2,3,4\nA,,b,\n",                       "b,a\n3,1\n"),
        ("A,A,b,b\n1,2,3,4\nA,A,b,b\n",                   "b,a\n3,1\n"),
        // columns moved
        ("A,h,b\n1,2,3\nh,A,b\n4,5,6\n", INVALID), ("A,h,b\n1,2,3\nb,h,A\n", INVALID), ("A,h,b\nA,b,h\n", INVALID),
        ("A,h,b\n1,2,3\n\"h\",\"A\",\"b\"\n", INVALID), ("A,h,b\n1,2,3\n\u{FEFF}b,h,A\n", INVALID),
        ("A,A,b,b\n1,2,3,4\nb,b,A,A\n", INVALID), ("A,h,b\n1,2,3\nb,A,new\n", INVALID), ("A,h,b\n1,2,3\nnew,h,b\n", INVALID),
        ("A,h,b\n1,2,3\nA,h\n", INVALID), ("A,h,i,b\n\u{FEFF}h,A,i,new\n", INVALID),
        // what only looks a little like one
        ("A,h,b\n1,2,A\nb,2,3\nA,,\n,b,\n",               "b,a\nA,1\n3,b\n,A\n,\n"),
        ("A,h,b\nA,A,A\nb,b,2\n",                          "b,a\nA,A\n2,b\n"),
        ("A,h,b\n ,,\n,,\n",                               "b,a\n, \n,\n"),
        ("A,,,\n1,A,,\n",                                  "b,a\n,1\n"),
        ("A\nA\n1\n",                                      "b,a\n,A\n,1\n"),
        ("A,h,i,j,b\nA,h,1,2,3\n",                          "b,a\n3,A\n"),
        ("A,h,i,j,b\nA,h,b,2,3\n", INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
    // and before it is asked whose it is
    let own = rig(&judged(OnForeignRow::Refuse), "a").rows_of(&["7"]);
    check(&own, "a,aff\n1,7\na,aff\n2,7\n", "a\n1\n2\n");
    check(&own, "a,aff\n1,7\naff,a\n", INVALID);
}

#[test]
fn rows_leave_in_every_format() {
    #[rustfmt::skip]
    let cases = [
        ("A,h,b\r\n1,2,\"3\"\r\n", "b,gone,a\r\n\"3\",,1\r\n", r#"[{"b":"3","a":"1"}]"#, "{\"b\":\"3\",\"a\":\"1\"}\n"),
        ("A,b\n007,\n,\"\"\n", "b,gone,a\n,,007\n\"\",,\n", r#"[{"b":"","a":"007"},{"b":"","a":""}]"#,
            "{\"b\":\"\",\"a\":\"007\"}\n{\"b\":\"\",\"a\":\"\"}\n"),
        ("A\n\"x\"\"y\r\n\\ \u{e9}\"", "b,gone,a\n,,\"x\"\"y\r\n\\ \u{e9}\"", "[{\"a\":\"x\\\"y\\r\\n\\\\ \u{e9}\"}]",
            "{\"a\":\"x\\\"y\\r\\n\\\\ \u{e9}\"}\n"),
        ("A\nnull\n\n-0\n1E400\n", "b,gone,a\n,,null\n,,\n,,-0\n,,1E400\n", r#"[{"a":"null"},{"a":""},{"a":"-0"},{"a":"1E400"}]"#,
            "{\"a\":\"null\"}\n{\"a\":\"\"}\n{\"a\":\"-0\"}\n{\"a\":\"1E400\"}\n"),
        ("A,b\n", "b,gone,a\n", "[]", ""), ("A,b", "b,gone,a", "[]", ""), ("A,b\n\n", "b,gone,a\n", "[]", ""),
        ("", INVALID, INVALID, INVALID), ("h\n1\n", INVALID, INVALID, INVALID), ("A,b\n1\n", INVALID, INVALID, INVALID),
        ("A,b\n1,2\n\"3", INVALID, INVALID, INVALID),
    ];
    for (text, csv, json, ndjson) in cases {
        for (output, expected) in OUTPUTS.into_iter().zip([csv, json, ndjson]) {
            check(&csv_plan(b',', "b gone a=A").output(output), text, expected);
        }
    }
    let tabs = csv_plan(b'\t', "b").output(OutputFormat::Json);
    check(&tabs, "a\tb\n1\t\"2\t,\"\n", r#"[{"b":"2\t,"}]"#);
}

#[test]
fn headings_are_titles_and_formulas_harmless_where_that_is_wanted() {
    let mut with_titles = columns("a b c");
    with_titles[0].title = Some("The \"A\"; really".into());
    with_titles[1].title = Some("=B".into());
    let catalogue = Catalogue::new(with_titles);
    let all: Vec<_> = catalogue.iter().map(|(at, _)| at).collect();
    let view = View::new(&all).unwrap();
    #[rustfmt::skip]
    let cases = [
        // cell as it came       in a safe CSV
        ("=1+1",                 "'=1+1"),
        ("\"=1+1\"",             "\"'=1+1\""),
        ("\"=HYPERLINK(\"\"x\"\")\"", "\"'=HYPERLINK(\"\"x\"\")\""),
        ("\"\t=1\"",            "\"'\t=1\""), ("@x", "'@x"), ("\"@;x\"", "\"'@;x\""), ("+x", "'+x"), ("\"-x\"", "\"'-x\""),
        ("\"\n=1\"",            "\"'\n=1\""), ("\"-\"\"1\"", "\"'-\"\"1\""), ("\u{ff1d}1", "'\u{ff1d}1"),
        ("-5.20", "-5.20"), ("\"-5.20\"", "\"-5.20\""), ("+49", "+49"), ("a=1", "a=1"), ("\"\"", "\"\""), ("\"\"\"=1\"", "\"\"\"=1\""),
        (" =1", " =1"), ("", ""),
    ];
    let terms = Terms { output: OutputFormat::Csv, rows_of: RowsOf::Everyone, paging: None };
    for (csv_header, safe) in [CsvHeader::Name, CsvHeader::Title].into_iter().zip([false, true]) {
        let mut dialect = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter: b';' }));
        (dialect.output.csv_header, dialect.output.csv_safe) = (csv_header, safe);
        let headings = if safe { "\"The \"\"A\"\"; really\";'=B;c" } else { "a;b;c" };
        for (cell, neutral) in cases {
            let text = format!("a;b;c\n{cell};1;{cell}\n");
            let expected = if safe { neutral } else { cell };
            let (out, _) = run_plan(&dialect, (&catalogue, &view), terms.clone(), &text).unwrap();
            assert_eq!(out, format!("{headings}\n{expected};1;{expected}\n"));
        }
    }
}

#[test]
fn quotes_and_line_ends_mean_the_same_at_every_offset() {
    let plan = csv_plan(b',', "a");
    #[rustfmt::skip]
    let cases = [
        ("1\r2", false), ("1\r,", false), ("1\"2", false), ("\"1\"2", false), ("\"1\" ", false), ("\"1\"\r,", false), ("\"1\"\"", false), ("x\"1\"", false),
        ("\"1\"\"2\"", true), ("\"\"\"\"", true), ("\"\"", true), ("\"\r\"", true), ("\",\n\"", true), ("\"1\"", true), ("1", true),
    ];
    for (cell, passes) in cases {
        for offset in 0..140 {
            let pad = "x".repeat(offset);
            for line_end in ["\n", "\r\n"] {
                let text = format!("h,a{line_end}{pad},{cell}{line_end}{pad},2{line_end}");
                let found = run(&plan, [text.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap());
                let expected = passes.then(|| format!("a{line_end}{cell}{line_end}2{line_end}"));
                assert_eq!(found.ok(), expected, "{}", text.escape_debug());
            }
        }
    }
}

#[test]
fn what_was_cut_and_what_is_missing_is_named() {
    let plan = csv_plan(b',', "a b=B c");
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &[&str]); 5] = [
        ("a,B,c\n1,2,3\n",                     &[],                  &[]),
        ("b,x,a,\"x\",\"y \"\"z\"\"\"\n1,2,3,4,5\n", &["b", "x", "y \"z\""], &["b", "c"]),
        ("c,\n1,2\n",                          &[""],                &["a", "b"]),
        ("c,C\n",                              &["C"],               &[]),
        ("a,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n",
            &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"], &[]),
    ];
    for (text, removed, missing) in cases {
        let (mut filter, mut out) = (plan.filter(), Vec::new());
        filter.push(text.as_bytes(), &mut out).unwrap();
        filter.finish(Ending::Framed, &mut out).unwrap();
        assert_eq!(filter.removed_names(), removed, "{text}");
        let names: Vec<_> = filter.missing_columns().iter().map(ColumnName::to_string).collect();
        assert_eq!(names, missing, "{text}");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let plan = csv_plan(b',', "a");
    let long = format!("a,h\n{},2\n", "x".repeat(8 << 20));
    #[rustfmt::skip]
    let cases = [
        ("", Violation::Shape), ("h,i\n1,2\n", Violation::Shape), ("\na\n", Violation::Shape), ("a,h\n1\n", Violation::Shape),
        ("a,h\n1,2,3\n", Violation::Shape), ("a,h\n1,2\nh,a\n", Violation::Shape), ("<html>\n<p>login</p>\n</html>", Violation::Shape),
        ("a,h\n1\"2,3\n", Violation::Syntax), ("a,h\n\"1\"2,3\n", Violation::Syntax), ("a,h\n1\r,3\n", Violation::Syntax),
        ("a,h\n1,2\r", Violation::Syntax), ("a,h\n1,\"2", Violation::Truncated), (&long, Violation::TooLarge),
    ];
    for (text, expected) in cases {
        match run(&plan, [text.as_bytes()]) {
            Err(FilterError::Invalid(kind, _)) => {
                assert_eq!(kind, expected, "{text:.40}")
            }
            other => panic!("{other:?} for {text:?}"),
        }
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
