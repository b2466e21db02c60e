//! Many documents, arrays parallel to the columns, cursors and links.

use super::forms::{dialect, pairs};
use super::{INVALID, REFUSED, at, check, objects};
use crate::domain::dialect::{
    Cursor, Documents, JsonDialect, OutputFormat, Place, RowForm, Scalar, Shape, Success,
};
use crate::filter::headers::Ending;
use crate::filter::testing::{Rig, cut, rig, run};
use crate::filter::{FilterError, Paging, Violation};
use OutputFormat::{Csv, Json, Ndjson};
use Shape::{Bare, Objects, Same};

fn many(mut json: JsonDialect) -> JsonDialect {
    json.documents = Documents::Many;
    json
}

fn shaped(json: JsonDialect, shape: Shape, output: OutputFormat, view: &str) -> Rig {
    let mut dialect = dialect(json);
    dialect.output.shape = shape;
    rig(&dialect, view).output(output)
}

fn succeeding(mut json: JsonDialect, absent_ok: bool) -> JsonDialect {
    json.success = Some(Success { at: at("/m/ok"), equals: [Scalar::Boolean(true)].into(), absent_ok });
    json
}

#[test]
fn each_of_many_documents_is_an_answer() {
    let mut chunked = objects("/r/0/values");
    chunked.row = RowForm::Array { header: at("/r/0/columns") };
    chunked.keep = [at("/k")].into();
    let chunked = many(chunked);
    let text = concat!(
        r#"{"r":[{"columns":["A","h","b"],"values":[[1,7,2],[3,7,[ 4 ]]]}]}"#,
        "\r\n",
        r#"{"k":{ "x" : "\n", "#,
        "\n",
        r#""y":1},"r":[{"values":[[5,6]],"columns":["b","A"]}],"h":7}{"r":[{"columns":[],"values":[]}]}"#,
    );
    #[rustfmt::skip]
    let cases = [
        (Same, Ndjson, "{\"r\":[{\"columns\":[\"b\",\"a\"],\"values\":[[2,1],[[4],3]]}]}\n\
            {\"k\":{\"x\":\"\\n\",\"y\":1},\"r\":[{\"values\":[[5,6]],\"columns\":[\"b\",\"a\"]}]}\n{\"r\":[{\"columns\":[],\"values\":[]}]}\n"),
        (Objects, Ndjson, "{\"r\":[{\"columns\":[\"b\",\"a\"],\"values\":[{\"b\":2,\"a\":1},{\"b\":[4],\"a\":3}]}]}\n\
            {\"k\":{\"x\":\"\\n\",\"y\":1},\"r\":[{\"values\":[{\"b\":5,\"a\":6}],\"columns\":[\"b\",\"a\"]}]}\n{\"r\":[{\"columns\":[],\"values\":[]}]}\n"),
        (Bare, Ndjson, "{\"b\":2,\"a\":1}\n{\"b\":[4],\"a\":3}\n{\"b\":5,\"a\":6}\n"),
        (Same, Json, "[{\"b\":2,\"a\":1},{\"b\":[ 4 ],\"a\":3},{\"b\":5,\"a\":6}]"),
        (Bare, Csv, "b,a\r\n2,1\r\n[ 4 ],3\r\n5,6\r\n"),
    ];
    for (shape, output, expected) in cases {
        let plan = shaped(chunked.clone(), shape, output, "b a=A");
        check(&plan, text, expected);
        // Headers do not last from one document to the next.
        check(&plan, format!("{text}{}", r#"{"r":[{"values":[[1]]}]}"#), INVALID);
        check(&plan, format!("{text}{}", r#"{"r":[]}"#), INVALID);
        check(&plan, format!("{text},"), INVALID);
        check(&plan, "", INVALID);
        check(&plan, " \n", INVALID);
        check(&plan, r#"{"r":[{"columns":["A"],"values":[[1]]}]} {"#, INVALID);
    }
    let mut first = many(objects("/rows"));
    first.row = RowForm::ArrayAfterHeader;
    let text = r#"{"rows":[["A","h"],[1,7]]}{"rows":[["h","A"],[7,2]]}{"rows":[]}"#;
    check(&shaped(first, Bare, Json, "a=A"), text, r#"[{"a":1},{"a":2}]"#);
}

#[test]
fn each_of_many_documents_tells_its_success() {
    for (shape, output, expected) in [
        (Same, Ndjson, "{\"rows\":[{\"a\":1}]}\n{\"rows\":[{\"a\":2}]}\n"),
        (Same, Json, r#"[{"a":1},{"a":2}]"#),
    ] {
        let plan = shaped(succeeding(many(objects("/rows")), false), shape, output, "a");
        let good = r#"{"rows":[{"a":1}],"m":{"ok":true}}{"m":{"ok":true},"rows":[{"a":2}]}"#;
        check(&plan, good, expected);
        check(&plan, format!("{good}{}", r#"{"m":{"ok":false},"rows":[]}"#), REFUSED);
        check(&plan, format!("{good}{}", r#"{"m":{},"rows":[]}"#), REFUSED);
        // The first may leave while the second is held back.
        let mut filter = plan.filter();
        let mut out = Vec::new();
        filter.push(br#"{"rows":[{"a":1}],"m":{"ok":true}} {"rows":[{"a":2}"#, &mut out).unwrap();
        assert!(
            expected.as_bytes().starts_with(&out) && out.ends_with(b"1}") != (output == Ndjson),
            "{out:?}"
        );
        filter.push(br#","#, &mut out).unwrap();
        assert!(!out.contains(&b'2'));
        filter.push(br#"{}],"m":{"ok":true}}"#, &mut out).unwrap();
        assert!(out.contains(&b'2'));
    }
    let mut rows = succeeding(many(objects("")), true);
    rows.rows = None;
    for (absent_ok, absent) in [(true, "{\"a\":1}\n"), (false, REFUSED)] {
        if let Some(success) = &mut rows.success {
            success.absent_ok = absent_ok;
        }
        let plan = shaped(rows.clone(), Same, Ndjson, "a");
        let ok = r#"{"a":2,"x":{"ok":false},"m":{"x":[1],"\u006fk":true}}"#;
        check(&plan, ok, "{\"a\":2}\n");
        check(&plan, r#"{"a":1}"#, absent);
        check(&plan, r#"{"a":1,"m":{}}"#, absent);
        check(&plan, r#"{"a":1,"m":[]}"#, absent);
        // Readers disagree about which of two counts.
        check(&plan, r#"{"a":1,"m":{"ok":true,"ok":true}}"#, INVALID);
        check(&plan, r#"{"a":1,"m":{"ok":true,"x":[],"\u006fk":false}}"#, INVALID);
        for value in ["false", "null", "\"true\"", "{}", "[true]"] {
            check(&plan, format!(r#"{ok}{{"a":1,"m":{{"ok":{value}}}}}"#), REFUSED);
        }
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    use Violation::{ForeignRow, Repeated, Shape as Misshapen, Syntax, TooLarge, Truncated};
    let with = |row: RowForm, documents: Documents| {
        let mut json = objects("/rows");
        json.row = row;
        json.documents = documents;
        json.columns_arrays = [at("/names"), at("/types")].into();
        let mut dialect = dialect(json);
        dialect.rows.scope_column = Some("o".into());
        rig(&dialect, "a").rows_of(&["1"])
    };
    let (one, many) = (Documents::One, Documents::Many);
    let deep = format!(r#"{{"rows":[{}]}}"#, "[".repeat(70));
    #[rustfmt::skip]
    let cases = [
        (RowForm::Object, one, r#"{"rows":[{"o":2}]}"#, ForeignRow), (RowForm::Object, one, r#"{"rows":[{"o":1,"o":1}]}"#, Repeated),
        (RowForm::Object, one, r#"{"rows":[{"o":1,}]}"#, Syntax), (RowForm::Object, one, r#"{"rows":[{"o":1"#, Truncated),
        (RowForm::Object, one, r#"{"rows":[]}{}"#, Syntax), (RowForm::Object, one, "", Truncated), (RowForm::Object, one, "<html>", Syntax),
        (RowForm::Object, one, r#"{"rows":[1]}"#, Misshapen), (RowForm::Object, one, r#"{"types":[1],"rows":[]}"#, Misshapen),
        (RowForm::Object, many, " \n ", Truncated), (RowForm::Object, many, "{}", Misshapen), (RowForm::Object, many, r#"{"rows":[]}{"#, Truncated),
        (RowForm::ArrayAfterHeader, one, r#"{"rows":[["a"]]}"#, Misshapen), (RowForm::ArrayAfterHeader, one, r#"{"rows":[["a","o","o"]]}"#, Repeated),
        (RowForm::ArrayAfterHeader, one, r#"{"rows":[["a","o"],[1]]}"#, Misshapen), (RowForm::ArrayAfterHeader, one, &deep, TooLarge),
        (RowForm::Array { header: at("/c") }, one, r#"{"rows":[[1,2]]}"#, Misshapen),
        (RowForm::Array { header: at("/c") }, one, r#"{"rows":[[1,2]],"c":["a","o"]}"#, ForeignRow),
        (pairs(), one, r#"{"rows":[[{"name":"o","value":1},{"name":"o","value":1}]]}"#, Repeated),
        (pairs(), one, r#"{"rows":[[{"name":"o","value":1,"name":"a"}]]}"#, Repeated),
        (pairs(), one, r#"{"rows":[[{"name":"o"}]]}"#, Misshapen), (pairs(), one, r#"{"rows":[[{"name":"a","value":1}]]}"#, ForeignRow),
    ];
    for (row, documents, text, expected) in cases {
        match run(&with(row, documents), [text.as_bytes()]) {
            Err(FilterError::Invalid(found, _)) => assert_eq!(found, expected, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// Documents that may leave do not count against what is held back.
#[test]
fn many_large_documents_pass() {
    let plan = shaped(succeeding(many(objects("/rows")), false), Same, Ndjson, "a");
    let cell = "x".repeat(3 << 20);
    let document = format!(r#"{{"rows":[{{"a":"{cell}"}},{{"a":"{cell}"}}],"m":{{"ok":true}}}}"#);
    let text = document.repeat(3);
    for size in [text.len(), 1 << 20] {
        let (out, _) = run(&plan, text.as_bytes().chunks(size)).unwrap();
        assert_eq!(out.len(), 3 * (6 << 20) + 3 * "{\"rows\":[{\"a\":\"\"},{\"a\":\"\"}]}\n".len());
    }
}

#[test]
fn without_a_length_the_last_document_has_to_end_its_line() {
    let mut rows = many(objects(""));
    rows.rows = None;
    let finish = |plan: &Rig, text: &str, ending| {
        let mut filter = plan.filter();
        let mut out = Vec::new();
        text.as_bytes().chunks(3).try_for_each(|piece| filter.push(piece, &mut out)).unwrap();
        filter.finish(ending, &mut out).is_ok()
    };
    #[rustfmt::skip]
    let cases = [
        ("{}\n", true), ("{}\r\n", true), ("{}\n{} \n \n ", true), ("{}", false), ("{}\n{}", false), ("{} ", false), ("{}\r", false),
    ];
    for (text, closed) in cases {
        for output in [Ndjson, Json, Csv] {
            let plan = shaped(rows.clone(), Same, output, "a");
            assert!(finish(&plan, text, Ending::Framed), "{text:?}");
            assert_eq!(finish(&plan, text, Ending::Closed), closed, "{text:?}");
        }
    }
    assert!(
        finish(&shaped(objects(""), Same, Json, "a"), "[]", Ending::Closed),
        "one document says where it ends"
    );
}

#[test]
fn arrays_parallel_to_the_columns_are_cut_alike() {
    let with = |row: RowForm| {
        let mut json = objects("/rows");
        json.row = row;
        json.columns_arrays = [at("/names"), at("/types")].into();
        json
    };
    let plan = |row: RowForm| shaped(with(row), Same, Json, "b a=A");
    let (sibling, first) = (RowForm::Array { header: at("/c") }, RowForm::ArrayAfterHeader);
    #[rustfmt::skip]
    let cases = [
        (&sibling, r#"{"c":["A","h","b"],"names":[ 1, 7, {"x": 2 }],"rows":[[1,7,3]],"types":["i","h","t"]}"#,
                   r#"{"c":["b","a"],"names":[{"x": 2 },1],"rows":[[3,1]],"types":["t","i"]}"#),
        (&sibling, r#"{"types":["i","h","t"],"names":["A","h","b"],"rows":[[1,7,3],[4,7,6]],"c":["A","h","b"]}"#,
                   r#"{"types":["t","i"],"names":["b","A"],"rows":[[3,1],[6,4]],"c":["b","a"]}"#),
        (&sibling, r#"{"rows":[[1,7,3],[4,7,6]],"types":["i","h","t"],"c":["A","h","b"],"names":[1,7,2]}"#,
                   r#"{"rows":[[3,1],[6,4]],"types":["t","i"],"c":["b","a"],"names":[2,1]}"#),
        (&sibling, r#"{"types":["h"],"rows":[]}"#,           r#"{"types":[],"rows":[]}"#),
        (&sibling, r#"{"types":["h"],"rows":[],"c":[]}"#,    INVALID),
        (&sibling, r#"{"types":[],"rows":[],"c":[]}"#,       r#"{"types":[],"rows":[],"c":[]}"#),
        (&sibling, r#"{"types":["h"],"rows":[[1]]}"#,        INVALID),
        (&sibling, r#"{"c":["A","h"],"rows":[],"types":["i"]}"#, INVALID),
        (&sibling, r#"{"c":["A","h"],"rows":[],"types":["i","h","t"]}"#, INVALID),
        (&sibling, r#"{"types":["i"],"c":["A","h"],"rows":[]}"#, INVALID),
        (&sibling, r#"{"types":null,"c":["A","h"],"rows":[]}"#, INVALID),
        (&sibling, r#"{"types":{"A":1},"c":["A"],"rows":[]}"#, INVALID),
        (&first,   r#"{"types":["i","h","t"],"rows":[["A","h","b"],[1,7,3]],"names":[1,7,2]}"#,
                   r#"{"types":["t","i"],"rows":[["b","a"],[3,1]],"names":[2,1]}"#),
        (&first,   r#"{"types":["h"],"rows":[]}"#,           r#"{"types":[],"rows":[]}"#),
        (&first,   r#"{"types":["i"],"rows":[["A","h"]]}"#,  INVALID),
        // with other rows the first array names the columns
        (&RowForm::Object, r#"{"names":["A","h","b"],"types":["i","h","t"],"rows":[{"b":1}]}"#,
                   r#"{"names":["b","a"],"types":["t","i"],"rows":[{"b":1}]}"#),
        (&RowForm::Object, r#"{"types":["i","h","t"],"rows":[{"b":1}],"n\u0061mes":["A","h","\u0062"]}"#,
                   r#"{"types":["t","i"],"rows":[{"b":1}],"names":["b","a"]}"#),
        (&RowForm::Object, r#"{"rows":[{"b":1}]}"#,          r#"{"rows":[{"b":1}]}"#),
        (&RowForm::Object, r#"{"types":["i"],"rows":[{"b":1}]}"#, INVALID),
        (&RowForm::Object, r#"{"names":["A",1],"rows":[]}"#, INVALID),
        (&RowForm::Object, r#"{"names":["A"],"rows":[],"types":["i","h"]}"#, INVALID),
    ];
    for (row, text, expected) in cases {
        check(&plan(row.clone()), text, expected);
        for output in [Ndjson, Csv] {
            let kept = cut(&shaped(with(row.clone()), Bare, output, "b a=A"), text.as_bytes());
            assert_eq!(kept.is_err(), expected == INVALID, "{text}");
            assert!(!kept.is_ok_and(|kept| kept.contains(['7', 'h', 't', 'i'])), "{text}");
        }
    }
    let text = r#"{"types":[1,7],"rows":[[{"name":"b","value":1}]],"names":["b","h"]}"#;
    check(&plan(pairs()), text, r#"{"types":[1],"rows":[[{"name":"b","value":1}]],"names":["b"]}"#);
    // Rows are judged by their own names, not by an array beside them.
    let mut scoped = dialect(with(RowForm::Object));
    scoped.rows.scope_column = Some("o".into());
    let scoped = rig(&scoped, "b a=A").rows_of(&["1"]);
    check(&scoped, r#"{"names":["b"],"rows":[{"b":2,"o":1}]}"#, r#"{"names":["b"],"rows":[{"b":2}]}"#);
}

#[test]
fn arrays_before_their_header_are_held_back_to_a_limit() {
    let mut json = objects("/rows");
    json.columns_arrays = [at("/names"), at("/types")].into();
    let plan = shaped(json, Same, Json, "a");
    let row = format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20));
    for (rows, passes) in [(7, true), (8, false)] {
        let rows = vec![row.as_str(); rows].join(",");
        let text = format!(r#"{{"types":[1],"rows":[{rows}],"names":["a"]}}"#);
        for size in [text.len(), 100_000] {
            let found = run(&plan, text.as_bytes().chunks(size));
            assert_eq!(found.is_ok(), passes);
        }
    }
}

#[derive(Debug)]
struct Seals;

impl Paging for Seals {
    fn seal(&self, cursor: usize, json: &str) -> String {
        format!("{cursor}\"{}", json.len())
    }

    fn link(&self, backend: &str) -> Option<String> {
        backend.strip_prefix("https://backend/").map(|rest| format!("/own?\"{rest}"))
    }
}

#[test]
fn cursors_are_sealed_and_links_are_the_gates_own() {
    let cursor = |text: &str| Cursor { at: at(text), parameter: Place::Query("p".into()) };
    let mut json = objects("/rows");
    json.cursors = [cursor("/next"), cursor("/meta/after"), cursor("/rows/0/x"), cursor("/c/x")].into();
    json.links = [at("/meta/url"), at("/rows"), at("/"), at("/next/x")].into();
    json.keep = [at("/meta/n"), at("/c"), at("/next")].into();
    let plan = |shape, output| shaped(json.clone(), shape, output, "a").paging(Seals);
    let same = plan(Same, Json);
    #[rustfmt::skip]
    let cases = [
        (r#"{"rows":[{"a":1}],"next":"hidden"}"#,            r#"{"rows":[{"a":1}],"next":"0\"8"}"#),
        (r#"{"next":null,"rows":[]}"#,                       r#"{"next":null,"rows":[]}"#),
        (r#"{"next":false,"rows":[]}"#,                      r#"{"next":false,"rows":[]}"#),
        (r#"{"next":true,"rows":[]}"#,                       r#"{"next":true,"rows":[]}"#),
        (r#"{"next":"","rows":[]}"#,                         r#"{"next":"","rows":[]}"#),
        (r#"{"next":" ","rows":[]}"#,                        r#"{"next":"0\"3","rows":[]}"#),
        (r#"{"next":12345678901234567890,"rows":[]}"#,       r#"{"next":"0\"20","rows":[]}"#),
        (r#"{"next":[ 7 ],"rows":[]}"#,                      r#"{"next":"0\"5","rows":[]}"#),
        (r#"{"meta":{"n":1,"after":{"h":7}},"rows":[]}"#,    r#"{"meta":{"n":1,"after":"1\"7"},"rows":[]}"#),
        (r#"{"meta":{"url":"https:\/\/backend\/x"},"rows":[]}"#, r#"{"meta":{"url":"/own?\"x"},"rows":[]}"#),
        (r#"{"meta":{"url":"https://elsewhere/?h=7"},"rows":[]}"#, r#"{"meta":{"url":null},"rows":[]}"#),
        (r#"{"meta":{"url":"https://backend/\ud800"},"rows":[]}"#, r#"{"meta":{"url":null},"rows":[]}"#),
        (r#"{"meta":{"url":null},"rows":[]}"#,               r#"{"meta":{"url":null},"rows":[]}"#),
        (r#"{"meta":{"url":7},"rows":[]}"#,                  r#"{"meta":{"url":null},"rows":[]}"#),
        (r#"{"meta":{"url":["https://backend/x"]},"rows":[]}"#, r#"{"meta":{"url":null},"rows":[]}"#),
        (r#"{"":"https://backend/","rows":[]}"#,             r#"{"":"/own?\"","rows":[]}"#),
        // what clashes with rows is no cursor; what is kept gives way to one
        (r#"{"rows":[{"a":1,"x":7}],"c":{"x":1,"y":7}}"#,    r#"{"rows":[{"a":1}],"c":{"x":"3\"1"}}"#),
        (r#"{"next":1,"next":2,"rows":[]}"#,                 INVALID),
        (r#"{"next":[,],"rows":[]}"#,                        INVALID),
        (r#"{"meta":{"url":"\x"},"rows":[]}"#,               INVALID),
    ];
    for (text, expected) in cases {
        check(&same, text, expected);
        for output in [Csv, Ndjson] {
            let kept = cut(&plan(Same, output), text.as_bytes());
            assert_eq!(kept.is_err(), expected == INVALID, "{text}");
            assert!(!kept.is_ok_and(|kept| kept.contains('"') && kept.contains("own")), "{text}");
        }
        // Without terms for them both are dropped.
        let dropped = cut(&shaped(json.clone(), Same, Json, "a"), text.as_bytes());
        assert!(
            !dropped
                .is_ok_and(|kept| kept.contains("next") || kept.contains("url") || kept.contains("after"))
        );
    }
    check(&plan(Bare, Json), r#"{"next":7,"rows":[{"a":1}]}"#, r#"[{"a":1}]"#);
    for (length, passes) in [((64 << 10) - 2, true), ((64 << 10) - 1, false)] {
        let text = format!(r#"{{"next":"{}","rows":[]}}"#, "x".repeat(length));
        assert_eq!(run(&same, [text.as_bytes()]).is_ok(), passes);
    }
}

#[test]
fn rows_may_be_optional_where_success_is_told() {
    let mut json = succeeding(objects("/rows"), false);
    json.rows_optional = true;
    let mut arrays = json.clone();
    arrays.row = RowForm::Array { header: at("/columns") };
    #[rustfmt::skip]
    let cases = [
        (r#"{"m":{"ok":true},"rows":null}"#, r#"{"rows":[]}"#, "[]", "a\r\n"),
        (r#"{"rows":null,"m":{"ok":true}}"#, r#"{"rows":[]}"#, "[]", "a\r\n"),
        (r#"{"m":{"ok":true}}"#,             "{}",             "[]", "a\r\n"),
        (r#"{"m":{"ok":false},"rows":null}"#, REFUSED, REFUSED, REFUSED),
        (r#"{"rows":null,"m":{"ok":false}}"#, REFUSED, REFUSED, REFUSED),
        (r#"{"rows":null}"#,                 REFUSED, REFUSED, REFUSED),
        ("{}",                               REFUSED, REFUSED, REFUSED),
        (r#"{"m":{"ok":true},"rows":{}}"#,   INVALID, INVALID, INVALID),
        (r#"{"m":{"ok":true},"rows":nul}"#,  INVALID, INVALID, INVALID),
        ("null",                             REFUSED, REFUSED, REFUSED),
    ];
    for json in [json, arrays] {
        for (text, same, bare, csv) in cases {
            check(&shaped(json.clone(), Same, Json, "a"), text, same);
            check(&shaped(json.clone(), Bare, Json, "a"), text, bare);
            check(&shaped(json.clone(), Same, Csv, "a"), text, csv);
        }
    }
    check(
        &shaped(succeeding(objects("/rows"), false), Same, Json, "a"),
        r#"{"m":{"ok":true},"rows":null}"#,
        INVALID,
    );
}
