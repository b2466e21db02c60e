//! One row, one rule.

mod documents;
pub(super) mod forms;

use crate::domain::dialect::{JsonDialect, ResponseDialect, ResponseFormat, RowForm, Scalar, Shape, Success};
use crate::domain::pointer::Pointer;
use crate::filter::FilterError;
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, cut, plan, rig, run};

const INVALID: &str = "INVALID";
const REFUSED: &str = "REFUSED";

fn at(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn objects(rows: &str) -> JsonDialect {
    JsonDialect::new(at(rows))
}

fn json_plan(dialect: JsonDialect, view: &str) -> Rig {
    plan(ResponseFormat::Json(dialect), view)
}

#[track_caller]
fn check(plan: &Rig, text: impl AsRef<[u8]>, expected: &str) {
    let text = text.as_ref();
    let found = match cut(plan, text) {
        Ok(out) => out,
        Err(FilterError::Invalid(..)) => INVALID.to_owned(),
        Err(FilterError::Refused) => REFUSED.to_owned(),
    };
    assert_eq!(found, expected, "{}", text.escape_ascii());
}

#[test]
fn a_bare_array_of_objects_is_cut() {
    let plan = json_plan(objects(""), "b a=A");
    #[rustfmt::skip]
    let cases = [
        // the view's order and names, spaces inside of cells only
        (r#"[{"A":1,"b":2}]"#,                               r#"[{"b":2,"a":1}]"#),
        (" [ {\t\"A\" : 1 , \"x\" : [ 9 ] , \"b\":[ 1, 2 ] } , {} ] \n", r#"[{"b":[ 1, 2 ],"a":1},{}]"#),
        ("[]",                                               "[]"),
        ("\u{FEFF}[]",                                       "[]"),
        // text untouched
        (r#"[{"A":12345678901234567890123,"b":-0.10E+2}]"#,  r#"[{"b":-0.10E+2,"a":12345678901234567890123}]"#),
        (r#"[{"A":"\u00e9\/\ud83d","b":"é\""}]"#,            r#"[{"b":"é\"","a":"\u00e9\/\ud83d"}]"#),
        // a name is compared by what it means
        (r#"[{"\u0041":1,"hidden":7}]"#,                     r#"[{"a":1}]"#),
        (r#"[{"A":1},{"\u0041":2},{"A":3}]"#,                r#"[{"a":1},{"a":2},{"a":3}]"#),
        (r#"[{"A":1,"\u0041":2}]"#,                          INVALID),
        (r#"[{"A":1,"A":1}]"#,                               INVALID),
        (r#"[{"x":1,"x":1}]"#,                               INVALID),
        (r#"[{"x":1,"A":1},{"x":1,"A":1,"\u0078":1}]"#,      INVALID),
        (r#"[{"\ud83d":1}]"#,                                INVALID),
        (r#"[{"A":"x","a":"hidden"}]"#,                      r#"[{"a":"x"}]"#),
        // members that come and go, and change places
        (r#"[{"A":1,"b":2},{"b":3},{"b":5,"A":4},{"x":0,"A":6},{"A":1,"b":2}]"#,
                         r#"[{"b":2,"a":1},{"b":3},{"b":5,"a":4},{"a":6},{"b":2,"a":1}]"#),
        // other shapes
        ("", INVALID), (" ", INVALID), ("{}", INVALID), ("null", INVALID), ("1", INVALID), ("\"x\"", INVALID),
        ("[1]", INVALID), ("[null]", INVALID), (r#"[[{"A":1}]]"#, INVALID), (r#"[{"A":1},2]"#, INVALID),
        (r#"<html>login</html>"#, INVALID),
        ("[] []", INVALID), ("[]x", INVALID), ("[],", INVALID), ("\u{FEFF}\u{FEFF}[]", INVALID), (" \u{FEFF}[]", INVALID),
        // not JSON
        ("[,]", INVALID), ("[{},]", INVALID), ("[{}{}]", INVALID), (r#"[{"A":1,}]"#, INVALID), (r#"[{"A"}]"#, INVALID),
        (r#"[{"A":}]"#, INVALID), (r#"[{A:1}]"#, INVALID), (r#"[{'A':1}]"#, INVALID), (r#"[{"A" 1}]"#, INVALID),
        (r#"[{"A":1 "b":2}]"#, INVALID), (r#"[{"A":1]}"#, INVALID), ("[{}}", INVALID), ("[//\n]", INVALID),
        (r#"[{"A":[1,2}]"#, INVALID), (r#"[{"A":{"b":1]}]"#, INVALID), (r#"[{"x":{"b":1,}}]"#, INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
}

#[test]
fn scalars_are_strict() {
    let plan = json_plan(objects(""), "a");
    #[rustfmt::skip]
    let passes = [
        "0", "-0", "10", "1.0", "1e5", "1E-05", "0.0e+0", "true", "false", "null", "\"\"", "\"\\u12aF\\b\\f\\n\\r\\t\\/\\\\\"",
        "\"\u{7f}\u{2028}\u{10FFFF}\"", "\"12345678\"", "\"1234567\\\"\"", "[]", "{}", "[[],{}]", "{\"x\":[]}", "[ ]", "{ }",
    ];
    #[rustfmt::skip]
    let refused = [
        "", "01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "tru", "True", "nul", "truee",
        "\"\t\"", "\"1234567\u{1}\"", "\"1234567\n12345678\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "'a'", "\u{a0}1", "1_000", "[1 2]", "{\"x\"}",
    ];
    for cell in passes {
        check(&plan, format!("[{{\"x\":{cell},\"a\":{cell}}}]"), &format!("[{{\"a\":{cell}}}]"));
    }
    for cell in refused {
        check(&plan, format!("[{{\"a\":{cell}}}]"), INVALID);
        check(&plan, format!("[{{\"x\":{cell}}}]"), INVALID);
    }
    for bytes in [&b"\xFF"[..], b"\xC3", b"\xED\xA0\x80", b"\xC0\x80", b"\xF5\x80\x80\x80"] {
        check(&plan, [b"[{\"x\":\"", bytes, b"\"}]"].concat(), INVALID);
        check(&plan, [b"[", bytes, b"]"].concat(), INVALID);
    }
}

#[test]
fn nested_columns_leave_as_deep_as_they_stand() {
    let row = r#"[{"id":1,"Stat":{"clicks":2,"payout":3,"in":{"x":4,"y":5}},"Offer":{"name":"n"}}]"#;
    #[rustfmt::skip]
    let cases = [
        ("Stat.clicks id",                 row, r#"[{"Stat":{"clicks":2},"id":1}]"#),
        ("Stat.clicks Offer.name Stat.in.y", row, r#"[{"Stat":{"clicks":2,"in":{"y":5}},"Offer":{"name":"n"}}]"#),
        ("clicks=Stat.clicks id",          row, r#"[{"clicks":2,"id":1}]"#),
        ("s.c=Stat.clicks",                row, r#"[{"s":{"c":2}}]"#),
        ("a.b.c=Stat.clicks",              row, r#"[{"a.b.c":2}]"#),
        ("x.id=id",                        row, r#"[{"x.id":1}]"#),
        // a group would meet a column of its name
        ("Stat=id Stat.clicks",            row, r#"[{"Stat":1,"Stat.clicks":2}]"#),
        ("Stat.clicks Stat.clicks.x=Stat.in.x", row, r#"[{"Stat":{"clicks":2},"Stat.clicks.x":4}]"#),
        // an object as a cell, and a cell inside of it
        ("Offer Offer.name",               row, r#"[{"Offer":{"name":"n"},"Offer.name":"n"}]"#),
        // one cell under two names
        ("one=id two=id",                  row, r#"[{"one":1,"two":1}]"#),
        // what is not there is left out, its group too
        ("id Stat.none",                   row, r#"[{"id":1}]"#),
        ("Stat.in.z id",                   row, r#"[{"id":1}]"#),
        ("Stat.clicks",  r#"[{"Stat":null},{"Stat":[{"clicks":1}]},{"Stat":{}},{"Stat.clicks":1}]"#, "[{},{},{},{}]"),
        ("Stat.clicks",  r#"[{"Stat":{"x":1,"x":2}}]"#, INVALID),
        ("Stat.clicks",  r#"[{"Stat":{"x":1}},{"Stat":{"x":1},"Stat":{}}]"#, INVALID),
    ];
    for (view, text, expected) in cases {
        check(&json_plan(objects(""), view), text, expected);
    }
}

#[test]
fn the_envelope_is_rebuilt() {
    let mut dialect = objects("/data/rows");
    dialect.also = [at("/totals"), at("/data/sum")].into();
    dialect.keep = [at("/meta/page"), at("/trun~1cated")].into();
    let plan = json_plan(dialect, "b a=A");
    #[rustfmt::skip]
    let cases = [
        (r#"{"data":{"rows":[{"A":1,"h":2}]}}"#,             r#"{"data":{"rows":[{"a":1}]}}"#),
        (r#"{"sql":"select h","data":{"n":1,"rows":[{"A":1}],"x":{"rows":[{"h":1}]}},"next":"u?h=1"}"#,
                                                             r#"{"data":{"rows":[{"a":1}]}}"#),
        (r#"{"totals":{"h":9,"A":8},"data":{"rows":[],"sum":{"b":1}}}"#,
                                                             r#"{"totals":{"a":8},"data":{"rows":[],"sum":{"b":1}}}"#),
        (r#"{"data":{"rows":[],"sum":{"h":{"b":1}}},"totals":null}"#, r#"{"data":{"rows":[],"sum":{}},"totals":null}"#),
        (r#"{"totals":[],"data":{"rows":[]}}"#,              r#"{"totals":[],"data":{"rows":[]}}"#),
        // kept byte for byte
        (r#"{"meta":{"a":1,"page": { "x" : [ 1 , -0.0e1 ] , "y":"\u0041" } ,"z":2},"data":{"rows":[]},"trun/cated": false }"#,
         r#"{"meta":{"page":{ "x" : [ 1 , -0.0e1 ] , "y":"\u0041" }},"data":{"rows":[]},"trun/cated":false}"#),
        (r#"{"meta":null,"data":{"rows":[]}}"#,              r#"{"data":{"rows":[]}}"#),
        (r#"{"meta":[{"page":1}],"data":{"rows":[]}}"#,      r#"{"meta":[],"data":{"rows":[]}}"#),
        (r#"{"da\u0074a":{"rows":[{"A":1}]}}"#,              r#"{"data":{"rows":[{"a":1}]}}"#),
        // one name, twice
        (r#"{"data":{"rows":[],"rows":[]}}"#,                INVALID),
        (r#"{"data":{"rows":[]},"da\u0074a":{}}"#,           INVALID),
        (r#"{"x":1,"data":{"rows":[]},"x":2}"#,              INVALID),
        (r#"{"data":{"rows":[],"sum":{"h":1,"h":2}}}"#,      INVALID),
        (r#"{"x":{"y":1,"y":2},"data":{"rows":[]}}"#,        r#"{"data":{"rows":[]}}"#),
        // no rows
        ("{}", INVALID), ("[]", INVALID), (r#"{"data":{}}"#, INVALID), (r#"{"data":[]}"#, INVALID), (r#"{"data":{"rows":null}}"#, INVALID),
        (r#"{"data":{"rows":{}}}"#, INVALID), (r#"{"data":{"rows":1}}"#, INVALID), (r#"{"rows":[]}"#, INVALID),
        (r#"{"data":{"rows":[]},"totals":1}"#, INVALID), (r#"{"data":{"rows":[]},"totals":[{"h":1}]}"#, INVALID),
        // not JSON, in parts that are dropped
        (r#"{"data":{"rows":[]},"x":{"y":01}}"#, INVALID), (r#"{"data":{"rows":[]},"x":[1,]}"#, INVALID), (r#"{"data":{"rows":[]},}"#, INVALID),
        (r#"{"data":{"rows":[]},"x":[1}}"#, INVALID), (r#"{"data":{"rows":[]},"x"}"#, INVALID), (r#"{"data":{"rows":[]},"x":{"y" 1}}"#, INVALID),
        (r#"{"data":{"rows":[]},"x":{"y":1]}"#, INVALID), (r#"{"data":{"rows":[]}}}"#, INVALID), (r#"{"data":{"rows":[}]}"#, INVALID),
    ];
    for (text, expected) in cases {
        check(&plan, text, expected);
    }
    let plan = json_plan(objects("/results/1/values"), "a");
    check(
        &plan,
        r#"{"results":[{"values":[{"a":0}]},{"values":[{"a":1,"h":2}]},3]}"#,
        r#"{"results":[{"values":[{"a":1}]}]}"#,
    );
}

#[test]
fn keep_gives_way_to_what_is_filtered() {
    let mut dialect = objects("/data/rows");
    dialect.also = [at("/totals")].into();
    dialect.keep =
        [at(""), at("/data"), at("/data/rows"), at("/data/rows/0"), at("/totals/h"), at("/totals")].into();
    let text = r#"{"data":{"rows":[{"a":1,"h":2}],"n":1},"totals":{"h":3,"a":4}}"#;
    check(&json_plan(dialect, "a"), text, r#"{"data":{"rows":[{"a":1}]},"totals":{"a":4}}"#);
}

#[test]
fn array_rows_go_by_their_header() {
    let mut dialect = objects("/rows");
    dialect.row = RowForm::Array { header: at("/columns") };
    dialect.keep = [at("/n")].into();
    let sibling = json_plan(dialect, "b a=A gone");
    let mut dialect = objects("");
    dialect.row = RowForm::ArrayAfterHeader;
    let first = json_plan(dialect, "b a=A gone");
    #[rustfmt::skip]
    let cases = [
        (&sibling, r#"{"columns":["A","h","b"],"rows":[[1,2,3],["x", "y" , {"z":[ ]}]]}"#,
                   r#"{"columns":["b","a"],"rows":[[3,1],[{"z":[ ]},"x"]]}"#),
        (&sibling, r#"{"n":0,"rows":[[1,2,3],[4,5,6]],"x":7,"n2":0,"columns":["A","h","b"],"n1":8}"#,
                   r#"{"n":0,"rows":[[3,1],[6,4]],"columns":["b","a"]}"#),
        (&sibling, r#"{"rows":[[ 1 ]],"n":5,"columns":["\u0041"]}"#, r#"{"rows":[[1]],"n":5,"columns":["a"]}"#),
        (&sibling, r#"{"rows":[],"n":5,"columns":["A"]}"#,   r#"{"rows":[],"n":5,"columns":["a"]}"#),
        (&sibling, r#"{"rows":[]}"#,                         r#"{"rows":[]}"#),
        (&sibling, r#"{"rows":[],"columns":[]}"#,            r#"{"rows":[],"columns":[]}"#),
        (&sibling, r#"{"columns":["A","A"],"rows":[[1,2]]}"#, r#"{"columns":["a"],"rows":[[1]]}"#),
        (&sibling, r#"{"rows":[[1]]}"#,                      INVALID),
        (&sibling, r#"{"rows":[1],"columns":["A"]}"#,        INVALID),
        (&sibling, r#"{"rows":[{"A":1}],"columns":["A"]}"#,  INVALID),
        (&sibling, r#"{"columns":["A"],"rows":[[1,2]]}"#,    INVALID),
        (&sibling, r#"{"columns":["A"],"rows":[[]]}"#,       INVALID),
        (&sibling, r#"{"rows":[[1],[1,2]],"columns":["A"]}"#, INVALID),
        (&sibling, r#"{"columns":["h"],"rows":[[1]]}"#,      INVALID),
        (&sibling, r#"{"columns":["A",1],"rows":[]}"#,       INVALID),
        (&sibling, r#"{"columns":["A",null],"rows":[]}"#,    INVALID),
        (&sibling, r#"{"columns":{"A":1},"rows":[]}"#,       INVALID),
        (&sibling, r#"{"columns":"A","rows":[]}"#,           INVALID),
        (&sibling, r#"{"columns":["A"],"rows":[[1]],"columns":["h"]}"#, INVALID),
        (&first,   r#"[["A","h","b"],[1,2,3],[4,5,6]]"#,     r#"[["b","a"],[3,1],[6,4]]"#),
        (&first,   r#"[["A"]]"#,                             r#"[["a"]]"#),
        (&first,   "[]",                                     "[]"),
        (&first,   r#"[["h"],[1]]"#,                         INVALID),
        (&first,   r#"[[1,2],[3,4]]"#,                       INVALID),
        (&first,   r#"[["A","b"],[1]]"#,                     INVALID),
        (&first,   r#"[["A"],{"A":1}]"#,                     INVALID),
    ];
    for (plan, text, expected) in cases {
        check(plan, text, expected);
    }
}

#[test]
fn success_is_known_before_anything_leaves() {
    let with = |equals: &[Scalar], absent_ok| {
        let mut dialect = objects("/rows");
        dialect.keep = [at("/ok")].into();
        dialect.success = Some(Success { at: at("/ok"), equals: equals.into(), absent_ok });
        json_plan(dialect, "a")
    };
    let yes = with(&[Scalar::Boolean(true)], false);
    let one = with(&[Scalar::Number(1.0), Scalar::Text("fine".into())], true);
    #[rustfmt::skip]
    let cases = [
        (&yes, r#"{"ok":true,"rows":[{"a":1}]}"#,            r#"{"ok":true,"rows":[{"a":1}]}"#),
        (&yes, r#"{"rows":[{"a":1}],"ok":true}"#,            r#"{"rows":[{"a":1}],"ok":true}"#),
        (&yes, r#"{"rows":[{"a":1}],"ok":false}"#,           REFUSED),
        (&yes, r#"{"ok":false,"error":"no"}"#,               REFUSED),
        (&yes, r#"{"rows":null,"ok":false}"#,                REFUSED),
        (&yes, r#"{"rows":{"x":1},"ok":false}"#,             REFUSED),
        (&yes, r#"{"rows":null,"ok":true}"#,                 INVALID),
        (&yes, r#"{"ok":true}"#,                             INVALID),
        (&yes, r#"{"ok":"true","rows":[]}"#,                 REFUSED),
        (&yes, r#"{"ok":1,"rows":[]}"#,                      REFUSED),
        (&yes, r#"{"ok":null,"rows":[]}"#,                   REFUSED),
        (&yes, r#"{"ok":[true],"rows":[]}"#,                 REFUSED),
        (&yes, r#"{"rows":[]}"#,                             REFUSED),
        (&yes, r#"{"rows":[{"ok":true}]}"#,                  REFUSED),
        (&yes, r#"{"ok":true,"ok":false,"rows":[]}"#,        INVALID),
        (&yes, r#"{"rows":[{"a":1}],"#,                      INVALID),
        (&one, r#"{"ok":1.0e0,"rows":[]}"#,                  r#"{"ok":1.0e0,"rows":[]}"#),
        (&one, r#"{"ok":"f\u0069ne","rows":[]}"#,            r#"{"ok":"f\u0069ne","rows":[]}"#),
        (&one, r#"{"ok":"1","rows":[]}"#,                    REFUSED),
        (&one, r#"{"ok":-1,"rows":[]}"#,                     REFUSED),
        (&one, r#"{"rows":[]}"#,                             r#"{"rows":[]}"#),
        (&one, r#"{"error":"no"}"#,                          INVALID),
    ];
    for (plan, text, expected) in cases {
        check(plan, text, expected);
    }

    let mut filter = yes.filter();
    let mut out = Vec::new();
    filter.push(br#"{"rows":[{"a":1}],"#, &mut out).unwrap();
    assert_eq!(out, b"", "held back");
    filter.push(br#""ok":true"#, &mut out).unwrap();
    filter.push(b",", &mut out).unwrap();
    assert_eq!(out, br#"{"rows":[{"a":1}],"ok":true"#);

    let mut dialect = objects("");
    dialect.success =
        Some(Success { at: at("/meta/ok"), equals: [Scalar::Boolean(true)].into(), absent_ok: true });
    let bare = json_plan(dialect, "a");
    check(&bare, r#"[{"a":1}]"#, r#"[{"a":1}]"#);
    check(&bare, r#"{"meta":{"ok":false}}"#, REFUSED);
    check(&bare, r#"{"meta":{"ok":true}}"#, INVALID);
}

#[test]
fn depth_and_size_are_limited() {
    let plan = json_plan(objects("/rows"), "a");
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    // The root, the rows and the row are three levels.
    for (levels, passes) in [(61, true), (62, false), (100_000, false)] {
        let cell = nested(levels);
        let text = format!("{{\"rows\":[{{\"a\":{cell}}}]}}");
        let found = run(&plan, [text.as_bytes()]).map(|(out, _)| out).ok();
        assert_eq!(found, passes.then_some(text.into_bytes()), "{levels}");
    }
    for (levels, passes) in [(63, true), (64, false), (100_000, false)] {
        let text = format!("{{\"rows\":[],\"x\":{}}}", nested(levels));
        assert_eq!(run(&plan, [text.as_bytes()]).is_ok(), passes, "{levels}");
    }
    let overhead = r#"{"a":""}"#.len();
    for (length, passes) in [((8 << 20) - overhead, true), ((8 << 20) - overhead + 1, false)] {
        let text = format!("{{\"rows\":[{{\"a\":\"{}\"}}]}}", "x".repeat(length));
        for size in [text.len(), 1 << 16] {
            let found = run(&plan, text.as_bytes().chunks(size)).map(|(out, _)| out.len());
            assert_eq!(found.is_ok(), passes, "{length} in pieces of {size}: {found:?}");
        }
    }
    // What is dropped may be long: it is not kept.
    let item = r#"{"h":"0123456789"},"#.repeat(1000);
    let mut filter = plan.filter();
    let mut out = Vec::new();
    filter.push(br#"{"x":["#, &mut out).unwrap();
    for _ in 0..500 {
        filter.push(item.as_bytes(), &mut out).unwrap();
    }
    filter.push(br#"0],"rows":[{"a":1}]}"#, &mut out).unwrap();
    filter.finish(Ending::Framed, &mut out).unwrap();
    assert_eq!(out, br#"{"rows":[{"a":1}]}"#);
}

#[test]
fn what_is_held_back_is_limited() {
    let mut dialect = objects("/rows");
    dialect.success =
        Some(Success { at: at("/ok"), equals: [Scalar::Boolean(true)].into(), absent_ok: true });
    let late_success = json_plan(dialect.clone(), "a");
    dialect.success = None;
    dialect.row = RowForm::Array { header: at("/columns") };
    let late_header = json_plan(dialect, "a");
    let body = |row: &str, rows: usize, end: &str| {
        format!("{{\"rows\":[{}],{end}}}", vec![row; rows].join(",")).into_bytes()
    };
    let cell = "x".repeat(1 << 20);
    let object = format!("{{\"a\":\"{cell}\"}}");
    let array = format!("[\"{cell}\"]");
    for (rows, passes) in [(7, true), (8, false)] {
        let cases = [
            (&late_success, body(&object, rows, "\"ok\":true")),
            (&late_header, body(&array, rows, "\"columns\":[\"a\"]")),
        ];
        for (plan, text) in cases {
            for size in [text.len(), 100_000] {
                let found = run(plan, text.chunks(size)).map(|(out, _)| out.len());
                assert_eq!(found.is_ok(), passes, "{rows} in pieces of {size}: {found:?}");
            }
        }
    }
}

#[test]
fn what_was_held_back_does_not_leave_as_many_times_as_much() {
    let name = "n".repeat(64);
    let mut json = objects("/rows");
    json.row = RowForm::Array { header: at("/columns") };
    let mut dialect = ResponseDialect::new(ResponseFormat::Json(json));
    dialect.output.shape = Shape::Objects;
    let plan = rig(&dialect, &name);
    // Each row leaves as 70 bytes and a comma.
    for (rows, passes) in [((64 << 20) / 72, true), ((64 << 20) / 70, false)] {
        let text = format!("{{\"rows\":[[1]{}],\"columns\":[\"{name}\"]}}", ",[1]".repeat(rows));
        assert_eq!(run(&plan, text.as_bytes().chunks(64 << 10)).is_ok(), passes, "{rows}");
    }
}

#[test]
fn cut_columns_are_counted_once() {
    let mut dialect = objects("/rows");
    dialect.also = [at("/totals")].into();
    let text = r#"{"totals":{"h1":1,"a":2},"rows":[{"a":1,"h1":2,"S":{"x":1,"y":2}},{"h2":3,"\u00681":4}]}"#;
    let count = |dialect: JsonDialect, text: &str| {
        run(&json_plan(dialect, "a S.x"), text.as_bytes().chunks(7)).map(|(_, removed)| removed)
    };
    assert_eq!(count(dialect.clone(), text), Ok(3), "h1, h2, S.y");
    dialect.row = RowForm::Array { header: at("/columns") };
    let text = r#"{"totals":{"h1":1,"h2":1},"columns":["h1","a","h3","h1"],"rows":[[1,2,3,4],[1,2,3,4]]}"#;
    assert_eq!(count(dialect, text), Ok(3), "h1, h2, h3");

    let many = |names: usize| (0..names).map(|n| format!("{{\"h{n}\":1}}")).collect::<Vec<_>>().join(",");
    assert_eq!(count(objects(""), &format!("[{}]", many(4096))), Ok(4096));
    assert_eq!(count(objects(""), &format!("[{}]", many(5000))), Ok(4096));
    // Names that are not remembered may not stand twice either, and granted ones still pass.
    let row = (0..5000).map(|n| format!("\"h{n}\":1")).collect::<Vec<_>>().join(",");
    let plan = json_plan(objects(""), "a");
    let passes = |text: String| run(&plan, [text.as_bytes()]).map(|(out, _)| out);
    assert_eq!(passes(format!("[{{{row},\"a\":1}},{{{row}}}]")), Ok(b"[{\"a\":1},{}]".to_vec()));
    assert!(passes(format!("[{{{row},\"a\":1,\"h4999\":1}}]")).is_err());
    for length in [128, 129] {
        let (plain, escaped) = ("h".repeat(length), "\\u0068".repeat(length));
        for twice in [[&plain, &escaped], [&escaped, &plain], [&plain, &plain]] {
            let [one, two] = twice;
            assert!(passes(format!("[{{\"{one}\":1}},{{\"{two}\":1}}]")).is_ok());
            assert!(passes(format!("[{{\"{one}\":1,\"{two}\":1}}]")).is_err(), "{length}");
        }
    }
}

#[test]
fn a_failure_lasts_and_takes_back_its_piece() {
    let plan = json_plan(objects(""), "a");
    let mut filter = plan.filter();
    let mut out = b"before".to_vec();
    let failure = filter.push(br#"[{"a":1},x"#, &mut out).unwrap_err();
    assert_eq!(filter.push(br#"{"a":1}]"#, &mut out), Err(failure));
    assert_eq!(filter.finish(Ending::Framed, &mut out), Err(failure));
    assert_eq!(out, b"before");
}

#[test]
fn rows_are_limited_to_65536_cells() {
    let mut dialect = objects("");
    let object = json_plan(dialect.clone(), "a");
    dialect.row = RowForm::ArrayAfterHeader;
    let array = json_plan(dialect, "a");
    let passes = |plan, text: String| run(plan, [text.as_bytes()]).is_ok();
    let names = |count: usize| (0..count).map(|n| format!(",\"h{n}\"")).collect::<String>();
    let members = |count: usize| (0..count).map(|n| format!(",\"h{n}\":1")).collect::<String>();
    assert!(passes(&array, format!("[[\"a\"{}]]", names((1 << 16) - 1))));
    assert!(!passes(&array, format!("[[\"a\"{}]]", names(1 << 16))));
    // Those that are remembered by name come on top.
    assert!(passes(&object, format!("[{{\"a\":1{}}}]", members((1 << 16) + 4096))));
    assert!(!passes(&object, format!("[{{\"a\":1{}}}]", members((1 << 16) + 4097))));
}
