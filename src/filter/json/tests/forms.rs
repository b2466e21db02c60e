//! Every form of a row, in every output.

use super::{INVALID, at, check, objects};
use crate::domain::dialect::{
    CsvHeader, Documents, JsonDialect, OnForeignRow, OutputFormat, ResponseDialect, ResponseFormat, RowForm,
    Scalar, Shape, TotalRows,
};
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, cut, rig, rig_of, run};
use crate::filter::{FilterError, Violation};
use OutputFormat::{Csv, Json, Ndjson};
use Shape::{Bare, Objects, Same};

pub(in crate::filter::json) fn pairs() -> RowForm {
    RowForm::Pairs { name_key: "name".into(), value_key: "value".into() }
}

pub(in crate::filter::json) fn dialect(json: JsonDialect) -> ResponseDialect {
    ResponseDialect::new(ResponseFormat::Json(json))
}

/// Rows at `/rows`, two members beside them.
fn enveloped(row: RowForm) -> JsonDialect {
    let mut json = objects("/rows");
    json.row = row;
    json.keep = [at("/n")].into();
    json.also = [at("/sum")].into();
    json
}

fn shaped(json: JsonDialect, shape: Shape, output: OutputFormat, view: &str) -> Rig {
    let mut dialect = dialect(json);
    dialect.output.shape = shape;
    rig(&dialect, view).output(output)
}

const VIEW: &str = "b a=A s.x=S.x";

/// One answer in every row form, and how its rows leave.
fn forms() -> [(RowForm, &'static str, [&'static str; 5]); 5] {
    #[rustfmt::skip]
    let forms = [
        (RowForm::Object,
         r#"{"n":[1,2],"rows":[{"A":1E400,"h":7,"b":"x\"\u00e9","S":{"y":7,"x":[ 1, "," ]}},{},{"A":null,"b":-0}],"sum":{"h":7,"A":3}}"#,
         [r#"{"n":[1,2],"rows":[{"b":"x\"\u00e9","a":1E400,"s":{"x":[ 1, "," ]}},{},{"b":-0,"a":null}],"sum":{"a":3}}"#,
          r#"{"n":[1,2],"rows":[{"b":"x\"\u00e9","a":1E400,"s":{"x":[ 1, "," ]}},{},{"b":-0,"a":null}],"sum":{"a":3}}"#,
          r#"[{"b":"x\"\u00e9","a":1E400,"s":{"x":[ 1, "," ]}},{},{"b":-0,"a":null}]"#,
          "{\"b\":\"x\\\"\\u00e9\",\"a\":1E400,\"s\":{\"x\":[1,\",\"]}}\n{}\n{\"b\":-0,\"a\":null}\n",
          "b,a,s.x\r\n\"x\"\"é\",1E400,\"[ 1, \"\",\"\" ]\"\r\n,,\r\n-0,,\r\n"]),
        (RowForm::ArrayAfterHeader,
         r#"{"n":[1,2],"rows":[["A","h","b"],[1E400,7,"\ud800"],[{ "k": 0 },7,-0]],"sum":{"h":7,"A":3}}"#,
         [r#"{"n":[1,2],"rows":[["b","a"],["\ud800",1E400],[-0,{ "k": 0 }]],"sum":{"a":3}}"#,
          r#"{"n":[1,2],"rows":[{"b":"\ud800","a":1E400},{"b":-0,"a":{ "k": 0 }}],"sum":{"a":3}}"#,
          r#"[{"b":"\ud800","a":1E400},{"b":-0,"a":{ "k": 0 }}]"#,
          "{\"b\":\"\\ud800\",\"a\":1E400}\n{\"b\":-0,\"a\":{\"k\":0}}\n",
          "b,a,s.x\r\n\u{fffd},1E400,\r\n-0,\"{ \"\"k\"\": 0 }\",\r\n"]),
        (RowForm::Array { header: at("/columns") },
         r#"{"n":[1,2],"columns":["S.x","A","h","b"],"rows":[[1,2,7,3],["",true,7,null]],"sum":null}"#,
         [r#"{"n":[1,2],"columns":["b","a","s.x"],"rows":[[3,2,1],[null,true,""]],"sum":null}"#,
          r#"{"n":[1,2],"columns":["b","a","s.x"],"rows":[{"b":3,"a":2,"s.x":1},{"b":null,"a":true,"s.x":""}],"sum":null}"#,
          r#"[{"b":3,"a":2,"s.x":1},{"b":null,"a":true,"s.x":""}]"#,
          "{\"b\":3,\"a\":2,\"s.x\":1}\n{\"b\":null,\"a\":true,\"s.x\":\"\"}\n",
          "b,a,s.x\r\n3,2,1\r\n,true,\r\n"]),
        // the header behind the rows
        (RowForm::Array { header: at("/columns") },
         r#"{"n":[1,2],"rows":[[1,2,7,3],["",true,7,null]],"sum":[],"columns":["S.x","A","h","b"]}"#,
         [r#"{"n":[1,2],"rows":[[3,2,1],[null,true,""]],"sum":[],"columns":["b","a","s.x"]}"#,
          r#"{"n":[1,2],"rows":[{"b":3,"a":2,"s.x":1},{"b":null,"a":true,"s.x":""}],"sum":[],"columns":["b","a","s.x"]}"#,
          r#"[{"b":3,"a":2,"s.x":1},{"b":null,"a":true,"s.x":""}]"#,
          "{\"b\":3,\"a\":2,\"s.x\":1}\n{\"b\":null,\"a\":true,\"s.x\":\"\"}\n",
          "b,a,s.x\r\n3,2,1\r\n,true,\r\n"]),
        (pairs(),
         r#"{"n":[1,2],"rows":[[{"name":"A","value":1E400},{"value":7,"name":"h"},{"x":7,"value":[ 2 ],"name":"\u0062"}],[],[ { "name" : "S.x" , "value" : null } ]],"sum":{"h":7,"A":3}}"#,
         [r#"{"n":[1,2],"rows":[[{"name":"b","value":[ 2 ]},{"name":"a","value":1E400}],[],[{"name":"s.x","value":null}]],"sum":{"a":3}}"#,
          r#"{"n":[1,2],"rows":[{"b":[ 2 ],"a":1E400},{},{"s.x":null}],"sum":{"a":3}}"#,
          r#"[{"b":[ 2 ],"a":1E400},{},{"s.x":null}]"#,
          "{\"b\":[2],\"a\":1E400}\n{}\n{\"s.x\":null}\n",
          "b,a,s.x\r\n[ 2 ],1E400,\r\n,,\r\n,,\r\n"]),
    ];
    forms
}

#[test]
fn every_form_leaves_in_every_output() {
    for (row, text, expected) in forms() {
        let outputs = [(Same, Json), (Objects, Json), (Bare, Json), (Same, Ndjson), (Same, Csv)];
        for ((shape, output), expected) in outputs.into_iter().zip(expected) {
            check(&shaped(enveloped(row.clone()), shape, output, VIEW), text, expected);
        }
        // Only the form of a JSON document is shaped.
        for (output, nth) in [(Ndjson, 3), (Csv, 4)] {
            for shape in [Objects, Bare] {
                check(&shaped(enveloped(row.clone()), shape, output, VIEW), text, expected[nth]);
            }
        }
    }
}

#[test]
fn no_rows_leave_as_none() {
    let forms = [RowForm::Object, pairs(), RowForm::ArrayAfterHeader, RowForm::Array { header: at("/c") }];
    for row in forms {
        let text = r#"{"rows":[],"x":1}"#;
        let outputs = [
            (Same, Json, r#"{"rows":[]}"#),
            (Bare, Json, "[]"),
            (Bare, Ndjson, ""),
            (Same, Csv, "b,a,s.x\r\n"),
        ];
        for (shape, output, expected) in outputs {
            check(&shaped(enveloped(row.clone()), shape, output, VIEW), text, expected);
        }
        let mut titled = dialect(enveloped(row));
        titled.output.csv_header = CsvHeader::Title;
        check(&rig(&titled, VIEW).output(Csv), text, "b,a,s.x\r\n");
    }
}

#[test]
fn an_envelope_that_does_not_leave_is_judged_all_the_same() {
    for (shape, output) in [(Bare, Json), (Same, Ndjson), (Same, Csv)] {
        let plan = shaped(enveloped(RowForm::Object), shape, output, "a");
        #[rustfmt::skip]
        let refused = [
            r#"{"rows":[{"a":1}],"rows":[]}"#, r#"{"rows":[{"a":1}],"n":01}"#, r#"{"rows":[{"a":1}],"sum":{"h":1,"h":2}}"#, r#"{"rows":[{"a":1}]"#,
            r#"{"rows":[{"a":1}],"sum":3}"#, r#"{"rows":[{"a":1}],"x":[}"#, r#"{"rows":[{"a":1}]} x"#, r#"{"n":1}"#, r#"{"rows":{}}"#, "", "[]",
        ];
        for text in refused {
            check(&plan, text, INVALID);
        }
    }
}

#[test]
fn pairs_name_every_column_once() {
    let mut json = objects("");
    json.row = RowForm::Pairs { name_key: "k\"".into(), value_key: "v".into() };
    let plan = shaped(json, Same, Json, "b a=A S.x");
    #[rustfmt::skip]
    let cases = [
        (r#"[[{"k\"":"A","v":1}]]"#,                         r#"[[{"k\"":"a","v":1}]]"#),
        (r#"[[{"\u006b\u0022":"\u0041","\u0076":{"v":1}}]]"#, r#"[[{"k\"":"a","v":{"v":1}}]]"#),
        (r#"[[{"k\"":"S.x","v":1},{"k\"":"S","v":{"x":7}}]]"#, r#"[[{"k\"":"S.x","v":1}]]"#),
        (r#"[[{"k\"":"h","v":7}],[]]"#,                      "[[],[]]"),
        (r#"[[{"k\"":"A","v":1},{"k\"":"b","v":2}],[{"k\"":"b","v":3},{"k\"":"A","v":4}]]"#,
         r#"[[{"k\"":"b","v":2},{"k\"":"a","v":1}],[{"k\"":"b","v":3},{"k\"":"a","v":4}]]"#),
        (r#"[[{"k\"":"A","v":1},{"k\"":"A","v":1}]]"#,       INVALID),
        (r#"[[{"k\"":"A","v":1},{"k\"":"\u0041","v":1}]]"#,  INVALID),
        (r#"[[{"k\"":"h","v":1},{"k\"":"h","v":1}]]"#,       INVALID),
        (r#"[[{"k\"":"A","k\"":"b","v":1}]]"#,               INVALID),
        (r#"[[{"k\"":"A","v":1,"\u0076":2}]]"#,              INVALID),
        (r#"[[{"k\"":"A","v":1,"x":7,"x":7}]]"#,             INVALID),
        (r#"[[{"k\"":"A"}]]"#,                               INVALID),
        (r#"[[{"v":1}]]"#,                                   INVALID),
        (r#"[[{"K":"A","v":1}]]"#,                           INVALID),
        ("[[{}]]", INVALID), ("[[1]]", INVALID), ("[[[]]]", INVALID), ("[[null]]", INVALID), (r#"[{"k\"":"A","v":1}]"#, INVALID),
        (r#"[[{"k\"":1,"v":1}]]"#, INVALID), (r#"[[{"k\"":null,"v":1}]]"#, INVALID), (r#"[[{"k\"":["A"],"v":1}]]"#, INVALID),
        (r#"[[{"k\"":"\ud800","v":1}]]"#, INVALID), (r#"[[{"k\"":"A","v":01}]]"#, INVALID), (r#"[[{"k\"":"A","v":1},]]"#, INVALID),
        (r#"[[{"k\"":"A","v":1,}]]"#, INVALID), (r#"[[{"k\"":"A" "v":1}]]"#, INVALID), (r#"[[{"k\"":"A","v":1}{"k\"":"b","v":1}]]"#, INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
}

/// Rows of one form, each with an owner, a country and a granted number.
fn owned(row: &RowForm, owners: &[(&str, &str)]) -> String {
    let object = |(nth, (owner, country)): (usize, &(&str, &str))| match row {
        RowForm::Object => format!(r#"{{"o":{{"id":{owner},"x":7}},"Country":{country},"A":{nth}}}"#),
        RowForm::Array { .. } | RowForm::ArrayAfterHeader => format!("[{owner},{nth},{country},7]"),
        RowForm::Pairs { .. } => format!(
            r#"[{{"name":"o.id","value":{owner}}},{{"name":"A","value":{nth}}},{{"name":"Country","value":{country}}}]"#
        ),
    };
    let rows: Vec<_> = owners.iter().enumerate().map(object).collect();
    let header = r#"["o.id","A","Country","h"]"#;
    match row {
        RowForm::ArrayAfterHeader => {
            format!(r#"{{"rows":[{}]}}"#, [vec![header.to_owned()], rows].concat().join(","))
        }
        RowForm::Array { header: place } if *place == at("/first") => {
            format!(r#"{{"first":{header},"rows":[{}]}}"#, rows.join(","))
        }
        RowForm::Array { .. } => format!(r#"{{"rows":[{}],"last":{header}}}"#, rows.join(",")),
        RowForm::Object | RowForm::Pairs { .. } => format!(r#"{{"rows":[{}]}}"#, rows.join(",")),
    }
}

fn row_forms() -> [RowForm; 5] {
    [
        RowForm::Object,
        RowForm::ArrayAfterHeader,
        RowForm::Array { header: at("/first") },
        RowForm::Array { header: at("/last") },
        pairs(),
    ]
}

fn ruled(row: &RowForm, on_foreign_row: OnForeignRow, total: bool) -> ResponseDialect {
    let mut json = objects("/rows");
    json.row = row.clone();
    let mut dialect = dialect(json);
    dialect.rows.scope_column = Some("o.id".into());
    dialect.rows.on_foreign_row = on_foreign_row;
    if total {
        let country = crate::domain::column::Catalogue::new(crate::filter::testing::columns("a=A c=Country"))
            .find("c")
            .unwrap();
        dialect.rows.total_rows = Some(TotalRows { column: country, equals: Scalar::Text("Total".into()) });
    }
    dialect
}

const OUTPUTS: [(Shape, OutputFormat); 5] =
    [(Same, Json), (Objects, Json), (Bare, Json), (Same, Ndjson), (Same, Csv)];

#[test]
fn no_foreign_row_leaves() {
    let (own, text, foreign, de) = ("1001", r#""100\u0031""#, "1002", "\"DE\"");
    let answers: [(&[&str], &[usize]); 8] = [
        (&[own, text, own], &[0, 1, 2]),
        (&[foreign, own, text], &[1, 2]),
        (&[own, foreign, text], &[0, 2]),
        (&[own, text, foreign], &[0, 1]),
        (&[foreign, foreign, own, foreign], &[2]),
        (&[foreign], &[]),
        (&["null", "[1001]", "1001.0", "\"\"", "{\"id\":1001}", "true"], &[]),
        (&[], &[]),
    ];
    for row in row_forms() {
        for (shape, output) in OUTPUTS {
            for (owners, leaving) in answers {
                let rows: Vec<_> = owners.iter().map(|owner| (*owner, de)).collect();
                let text = owned(&row, &rows);
                let plan = |on_foreign_row| {
                    let mut dialect = ruled(&row, on_foreign_row, false);
                    dialect.output.shape = shape;
                    rig(&dialect, "a=A").output(output).rows_of(&["1001"])
                };
                let foreign = owners.len() - leaving.len();
                let kept = cut(&plan(OnForeignRow::Drop), text.as_bytes()).unwrap();
                let numbers: Vec<usize> = kept
                    .split(|c: char| !c.is_ascii_digit())
                    .filter_map(|digits| digits.parse().ok())
                    .collect();
                assert_eq!(numbers, leaving, "{row:?} {output:?} {text}");
                if output == Json {
                    assert!(serde_json::from_str::<serde_json::Value>(&kept).is_ok(), "{kept}");
                }
                let refused = cut(&plan(OnForeignRow::Refuse), text.as_bytes());
                assert_eq!(refused.is_err(), foreign > 0, "{row:?} {text}");
                for (on_foreign_row, count) in
                    [(OnForeignRow::Drop, foreign), (OnForeignRow::Refuse, foreign.min(1))]
                {
                    let mut filter = plan(on_foreign_row).filter();
                    let mut out = Vec::new();
                    let pieces = text.as_bytes().chunks(5);
                    let pushed = pieces.into_iter().try_for_each(|piece| filter.push(piece, &mut out));
                    let ended = pushed.and_then(|()| filter.finish(Ending::Framed, &mut out));
                    let kind = ended
                        .err()
                        .map(|failure| matches!(failure, FilterError::Invalid(Violation::ForeignRow, _)));
                    assert_eq!(kind, (on_foreign_row == OnForeignRow::Refuse && foreign > 0).then_some(true));
                    assert_eq!(filter.foreign_rows(), count as u64, "{row:?} {text}");
                    assert!(!String::from_utf8(out).unwrap().contains("100"));
                    assert!(
                        !filter.removed_names().iter().any(|name| name.contains("o.id")),
                        "it was asked for"
                    );
                }
            }
        }
    }
}

#[test]
fn totals_are_cut_before_it_is_asked_whose_they_are() {
    for row in row_forms() {
        let rows =
            [("null", "\"Total\""), ("1001", "\"DE\""), ("1002", "\"T\\u006ftal\""), ("1001", "\"total\"")];
        let text = owned(&row, &rows);
        let plan = rig(&ruled(&row, OnForeignRow::Refuse, true), "a=A c=Country").rows_of(&["1001"]);
        let kept = cut(&plan, text.as_bytes()).unwrap();
        assert!(!kept.contains("tal\",") && !kept.contains("Total"), "{kept}");
        assert!(kept.contains("DE") && kept.contains("total"), "{kept}");
        // Of everyone's rows totals are cut as well.
        let everyone = rig_of(&ruled(&row, OnForeignRow::Refuse, true), "a=A c=Country", 1).output(Csv);
        let text = owned(&row, &[("1", "\"Total\""), ("2", "\"DE\"")]);
        check(&everyone, text, "a\r\n1\r\n");
    }
}

#[test]
fn a_granted_scope_column_leaves() {
    let row = RowForm::Object;
    let text = owned(&row, &[("1001", "null")]);
    let plan = rig(&ruled(&row, OnForeignRow::Refuse, false), "owner=o.id a=A").rows_of(&["1001"]);
    check(&plan, &text, r#"{"rows":[{"owner":1001,"a":0}]}"#);
    let (_, removed) = run(&plan, [text.as_bytes()]).unwrap();
    assert_eq!(removed, 2, "Country and o.x");
    // Other people's rows are everyone's where nobody asked.
    let plan = rig(&ruled(&row, OnForeignRow::Refuse, false), "a=A");
    check(&plan, &text, r#"{"rows":[{"a":0}]}"#);
}

#[test]
fn a_header_holds_what_rows_are_judged_by() {
    let first = |names: &str, cells: &str| format!(r#"{{"first":[{names}],"rows":[[{cells}]]}}"#);
    let late = |names: &str, cells: &str| format!(r#"{{"rows":[[{cells}]],"last":[{names}]}}"#);
    let in_rows = |names: &str, cells: &str| format!(r#"{{"rows":[[{names}],[{cells}]]}}"#);
    #[rustfmt::skip]
    let cases = [
        // names                          cells     judged  everyone
        (r#""o.id","A","Country""#,       "1001,1,null", true, true),
        (r#""A","Country""#,              "1,null", false, true),
        (r#""o.id","A""#,                 "1001,1", false, false),
        (r#""o.id","A","Country","o.id""#, "1001,1,null,1001", false, true),
        (r#""o.id","A","Country","\u0043ountry""#, "1001,1,null,null", false, false),
        (r#""o.id","A","Country","A""#,   "1001,1,null,7", true, true),
        (r#""o","id","A","Country""#,     "1001,1001,1,null", false, true),
    ];
    for row in row_forms() {
        let text: &dyn Fn(&str, &str) -> String = match &row {
            RowForm::ArrayAfterHeader => &in_rows,
            RowForm::Array { header } if *header == at("/first") => &first,
            RowForm::Array { .. } => &late,
            RowForm::Object | RowForm::Pairs { .. } => continue,
        };
        for on_foreign_row in [OnForeignRow::Refuse, OnForeignRow::Drop] {
            for (names, cells, judged, everyone) in cases {
                let text = text(names, cells);
                let plan = rig_of(&ruled(&row, on_foreign_row, true), "a=A c=Country", 1);
                assert_eq!(cut(&plan, text.as_bytes()).is_ok(), everyone, "{text}");
                assert_eq!(cut(&plan.rows_of(&["1001"]), text.as_bytes()).is_ok(), judged, "{text}");
            }
        }
    }
    // A backend that has no rows may have no names either.
    let empty = ruled(&RowForm::Array { header: at("/first") }, OnForeignRow::Refuse, true);
    let empty = rig_of(&empty, "a=A c=Country", 1).rows_of(&["1001"]);
    check(&empty, r#"{"first":[],"rows":[]}"#, r#"{"first":[],"rows":[]}"#);
    check(&empty, r#"{"first":[],"rows":[[]]}"#, INVALID);
}

#[test]
fn what_was_cut_and_what_was_missed_is_told() {
    let told = |rig: &Rig, text: &str| {
        let mut filter = rig.filter();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(9) {
            filter.push(piece, &mut out).unwrap();
        }
        filter.finish(Ending::Framed, &mut out).unwrap();
        let missing: Vec<_> = filter.missing_columns().iter().map(|name| name.as_str().to_owned()).collect();
        let removed = filter.removed_names();
        assert!(removed.len() == 16 || filter.columns_removed() == removed.len() as u64);
        (removed.join(" "), missing.join(" "))
    };
    let form = |row: RowForm| shaped(enveloped(row), Same, Json, "b a=A S.x");
    let expect = |removed: &str, missing: &str| (removed.to_owned(), missing.to_owned());
    #[rustfmt::skip]
    let cases = [
        (RowForm::Object, r#"{"rows":[{"A":1,"\u0068":2,"S":{"y":1}},{"h":1,"i":2}],"sum":{"b":1}}"#, expect("h i S.y", "b S.x")),
        (RowForm::Object, r#"{"rows":[{"A":1},{"b":1},{"S":{"x":null}}]}"#, expect("", "")),
        (RowForm::Object, r#"{"rows":[]}"#, expect("", "")),
        (RowForm::ArrayAfterHeader, r#"{"rows":[["A","h"]]}"#, expect("h", "")),
        (RowForm::ArrayAfterHeader, r#"{"rows":[["A","h"],[1,2]],"sum":{"h":1}}"#, expect("h", "b S.x")),
        (RowForm::Array { header: at("/c") }, r#"{"rows":[[1,2]],"c":["h","S.x"]}"#, expect("h", "b a")),
        (pairs(), r#"{"rows":[[{"name":"A","value":1,"x":2},{"name":"h","value":1}]],"sum":{"h":1,"i":1}}"#, expect("h i", "b S.x")),
    ];
    for (row, text, expected) in cases {
        assert_eq!(told(&form(row), text), expected, "{text}");
    }
    let many: Vec<_> = (0..40).map(|n| format!("\"h{n}\":1")).collect();
    let (removed, _) = told(&form(RowForm::Object), &format!(r#"{{"rows":[{{{}}}]}}"#, many.join(",")));
    assert!(removed.starts_with("h0 h1 ") && removed.ends_with(" h15"), "{removed}");
    let everything = ruled(&RowForm::Object, OnForeignRow::Drop, true);
    let text = owned(&RowForm::Object, &[("1001", "\"Total\""), ("1002", "null")]);
    assert_eq!(
        told(&rig_of(&everything, "a=A c=Country", 1).rows_of(&["1001"]), &text),
        expect("o.x", ""),
        "o.id and Country were asked for"
    );
}

#[test]
fn a_header_row_that_comes_again_is_dropped_or_refused() {
    #[rustfmt::skip]
    let cases = [
        (&[r#"["A","h","b"]"#, "[1,7,2]", r#"["A","h","b"]"#, "[3,7,4]"][..], r#"[{"a":1,"b":2},{"a":3,"b":4}]"#),
        (&[r#"["A","h","b"]"#, r#"[ "\u0041" , "h","b"]"#],           "[]"),
        (&[r#"["A","h","A"]"#, r#"["A","h","A"]"#],                   "[]"),
        // hidden cells would stand in granted places
        (&[r#"["A","h","b"]"#, "[1,7,2]", r#"["h","A","b"]"#, "[7,3,4]"], INVALID),
        (&[r#"["A","h","b"]"#, r#"["h","A","z"]"#],                   INVALID),
        (&[r#"["A","h"]"#, r#"["h","A"]"#],                           INVALID),
        // cells that say a name
        (&[r#"["A","h","b"]"#, r#"["x","A","y"]"#],                   r#"[{"a":"x","b":"y"}]"#),
        (&[r#"["A","h","b"]"#, r#"["h",7,"A"]"#],                     r#"[{"a":"h","b":"A"}]"#),
        (&[r#"["A"]"#, r#"["A"]"#],                                   r#"[{"a":"A"}]"#),
    ];
    for (rows, expected) in cases {
        let mut json = objects("");
        json.row = RowForm::ArrayAfterHeader;
        check(&shaped(json.clone(), Bare, Json, "a=A b"), format!("[{}]", rows.join(",")), expected);
        json.documents = Documents::Many;
        json.rows = None;
        check(&shaped(json.clone(), Bare, Json, "a=A b"), rows.join("\n"), expected);
        let lines = cut(&shaped(json, Same, Ndjson, "a=A"), rows.join("\n").as_bytes());
        assert!(!lines.is_ok_and(|lines| lines.contains('7')), "{rows:?}");
    }
    // It is not asked whose row it is.
    let text = r#"{"rows":[["A","o.id"],[1,1001],["A","o.id"],[2,1001]]}"#;
    let mut ruled = ruled(&RowForm::ArrayAfterHeader, OnForeignRow::Refuse, false);
    ruled.output.shape = Bare;
    check(&rig(&ruled, "a=A").rows_of(&["1001"]), text, r#"[{"a":1},{"a":2}]"#);
}

#[test]
fn documents_that_are_rows_leave_in_every_output() {
    let many = |row: RowForm| {
        let mut json = objects("");
        json.documents = Documents::Many;
        json.rows = None;
        json.row = row;
        json
    };
    #[rustfmt::skip]
    let forms = [
        (RowForm::Object, "{\"A\":1,\"h\":7}\n{\"b\":[ 1,\n\"\\n \" ]} {}{\"A\":-0}",
         ["{\"a\":1}\n{\"b\":[1,\"\\n \"]}\n{}\n{\"a\":-0}\n", "{\"a\":1}\n{\"b\":[1,\"\\n \"]}\n{}\n{\"a\":-0}\n",
          "[{\"a\":1},{\"b\":[ 1,\n\"\\n \" ]},{},{\"a\":-0}]", "b,a\r\n,1\r\n\"[ 1,\n\"\"\\n \"\" ]\",\r\n,\r\n,-0\r\n"]),
        (RowForm::ArrayAfterHeader, "[\"A\",\"h\",\"b\"]\r\n[1,7,[ 2 ]]\r\n[3,7,4]",
         ["[\"b\",\"a\"]\n[[2],1]\n[4,3]\n", "{\"b\":[2],\"a\":1}\n{\"b\":4,\"a\":3}\n", "[{\"b\":[ 2 ],\"a\":1},{\"b\":4,\"a\":3}]", "b,a\r\n[ 2 ],1\r\n4,3\r\n"]),
        (pairs(), "[{\"name\":\"h\",\"value\":7},{\"name\":\"A\",\"value\":{ }}]\n[]\n",
         ["[{\"name\":\"a\",\"value\":{}}]\n[]\n", "{\"a\":{}}\n{}\n", "[{\"a\":{ }},{}]", "b,a\r\n,{ }\r\n,\r\n"]),
    ];
    for (row, text, [same, object, json, csv]) in forms {
        check(&shaped(many(row.clone()), Same, Ndjson, "b a=A"), text, same);
        for shape in [Objects, Bare] {
            check(&shaped(many(row.clone()), shape, Ndjson, "b a=A"), text, object);
        }
        for shape in [Same, Objects, Bare] {
            check(&shaped(many(row.clone()), shape, Json, "b a=A"), text, json);
            check(&shaped(many(row.clone()), shape, Csv, "b a=A"), text, csv);
        }
        let mut with_rule = dialect(many(row.clone()));
        with_rule.rows.scope_column = Some("A".into());
        with_rule.rows.on_foreign_row = OnForeignRow::Drop;
        let header = if row == RowForm::ArrayAfterHeader { "[\"b\"]\n" } else { "" };
        check(&rig(&with_rule, "b").rows_of(&["none"]), text, header);
    }
}
