//! What comes back: granted columns only, in the view's order, whatever the backend sends in whatever pieces.

use crate::harness::{Config, End, Gate, RecordingBackend, Request, affiliate};

/// A gate with one report whose view is second, first; `response` are the keys of its response.
fn gate(backend: &RecordingBackend, response: &str) -> Gate {
    let report = format!(
        "[reports.r]\npermission = \"get_r\"\npath = \"/r\"\n\
         [reports.r.columns]\nfirst = {{}}\nsecond = {{ response = \"SECOND\" }}\n\
         deep = {{ response = \"stat.clicks\" }}\nhidden = {{}}\n\
         [reports.r.request]\nscope = [{{ in = \"query\", name = \"aff\" }}]\n\
         [reports.r.response]\n{response}\n"
    );
    let grants = "permissions = [\"get_r\"]\nscope = [\"1001\"]\n";
    Gate::start(
        &Config::empty(backend)
            .with(&report)
            .with(&affiliate("acme", &format!("{grants}columns.r = [\"second\", \"first\"]")))
            .with(&affiliate("nest", &format!("{grants}columns.r = [\"deep\", \"first\"]"))),
    )
}

/// Sends every text whole, byte by byte and in odd pieces: the answer is the same each time.
#[track_caller]
fn check(response: &str, who: &str, cases: &[(&str, &'static str, &str)]) {
    let backend = RecordingBackend::json("");
    let gate = gate(&backend, response);
    for (name, body, expected) in cases {
        for piece in [usize::MAX, 1, 7] {
            let body = body.as_bytes();
            backend.behave(move |_, reply| {
                reply.chunked("text/html");
                body.chunks(piece.min(body.len())).for_each(|piece| reply.chunk(piece));
                reply.chunk("");
            });
            let answer = gate.get(who, "/r");
            assert!(answer.is_success(), "{name}, pieces of {piece}: {}", answer.text());
            assert_eq!(answer.text(), *expected, "{name}, pieces of {piece}");
        }
    }
}

#[test]
fn object_rows() {
    #[rustfmt::skip]
    check("format = \"json\"\nrows = \"/data/rows\"\nalso = [\"/totals\"]\nkeep = [\"/page\"]", "acme", &[
        ("order of the view",    r#"{"data":{"rows":[{"first":1,"hidden":"s3cr3t","SECOND":2}]}}"#,               r#"{"data":{"rows":[{"second":2,"first":1}]}}"#),
        ("no rows",              r#"{"data":{"rows":[]}}"#,                                                      r#"{"data":{"rows":[]}}"#),
        ("empty rows",           r#"{"data":{"rows":[{},{"hidden":"s3cr3t"}]}}"#,                                r#"{"data":{"rows":[{},{}]}}"#),
        ("numbers as they are",  r#"{"data":{"rows":[{"first":12345678901234567890123,"SECOND":-0.10E+2}]}}"#,   r#"{"data":{"rows":[{"second":-0.10E+2,"first":12345678901234567890123}]}}"#),
        ("texts as they are",    r#"{"data":{"rows":[{"first":"\u00e9\/\"é😀","SECOND":null}]}}"#,                r#"{"data":{"rows":[{"second":null,"first":"\u00e9\/\"é😀"}]}}"#),
        ("nested cells",         r#"{"data":{"rows":[{"first":{"a":[1,{"b":"}"}]},"SECOND":[]}]}}"#,             r#"{"data":{"rows":[{"second":[],"first":{"a":[1,{"b":"}"}]}}]}}"#),
        ("escaped names",        r#"{"data":{"rows":[{"f\u0069rst":1,"h\u0069dden":"s3cr3t"}]}}"#,               r#"{"data":{"rows":[{"first":1}]}}"#),
        ("catalogue name only",  r#"{"data":{"rows":[{"second":"s3cr3t","SECOND":2}]}}"#,                        r#"{"data":{"rows":[{"second":2}]}}"#),
        ("members beside",       r#"{"sql":"s3cr3t","data":{"next":"s3cr3t","rows":[{"first":1}],"x":{"rows":[{"first":"s3cr3t"}]}},"page":{"of":3},"y":["s3cr3t"]}"#, r#"{"data":{"rows":[{"first":1}]},"page":{"of":3}}"#),
        ("totals",               r#"{"totals":{"hidden":"s3cr3t","first":9,"SECOND":8},"data":{"rows":[]}}"#,    r#"{"totals":{"second":8,"first":9},"data":{"rows":[]}}"#),
        ("white space",          "\u{feff}\r\n{ \"data\" : {\t\"rows\" : [ { \"first\" : 1 , \"SECOND\":2 } , {} ] } }\n", r#"{"data":{"rows":[{"second":2,"first":1},{}]}}"#),
        ("rows deeper down",     r#"{"rows":[{"first":"s3cr3t"}],"data":{"rows":[{"first":1,"rows":[{"hidden":0}]}]}}"#, r#"{"data":{"rows":[{"first":1}]}}"#),
    ]);
}

#[test]
fn nested_object_rows() {
    #[rustfmt::skip]
    check("format = \"json\"\nrows = \"\"", "nest", &[
        ("a dot steps in",       r#"[{"stat":{"clicks":5,"cost":"s3cr3t"},"first":1,"SECOND":"s3cr3t"}]"#,       r#"[{"deep":5,"first":1}]"#),
        ("absent",               r#"[{"stat":{"cost":"s3cr3t"}},{"first":1}]"#,                                  r#"[{},{"first":1}]"#),
        ("another shape",        r#"[{"stat":"s3cr3t","first":1},{"stat":[{"clicks":"s3cr3t"}]}]"#,              r#"[{"first":1},{}]"#),
    ]);
}

#[test]
fn array_rows() {
    #[rustfmt::skip]
    check("format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"", "acme", &[
        ("header before",        r#"{"columns":["hidden","first","SECOND"],"rows":[["s3cr3t",1,2],["s3cr3t",3,4]]}"#, r#"{"columns":["second","first"],"rows":[[2,1],[4,3]]}"#),
        ("header after",         r#"{"rows":[["s3cr3t",1,2],["s3cr3t",3,4]],"columns":["hidden","first","SECOND"]}"#, r#"{"rows":[[2,1],[4,3]],"columns":["second","first"]}"#),
        ("a name twice",         r#"{"columns":["first","SECOND","first"],"rows":[[1,2,"s3cr3t"]]}"#,            r#"{"columns":["second","first"],"rows":[[2,1]]}"#),
        ("a column not there",   r#"{"columns":["first","hidden"],"rows":[[1,"s3cr3t"]]}"#,                      r#"{"columns":["first"],"rows":[[1]]}"#),
    ]);
}

#[test]
fn rows_after_a_first_row_of_names() {
    #[rustfmt::skip]
    check("format = \"json\"\nrows = \"\"\nrow = \"array\"\nheader = \"first\"", "acme", &[
        ("names and rows",       r#"[["hidden","first","SECOND"],["s3cr3t",1,2],["s3cr3t","x",null]]"#,          r#"[["second","first"],[2,1],[null,"x"]]"#),
        ("names only",           r#"[["hidden","first","SECOND"]]"#,                                             r#"[["second","first"]]"#),
    ]);
}

#[test]
fn csv_rows() {
    #[rustfmt::skip]
    check("format = \"csv\"", "acme", &[
        ("order of the view",    "hidden,first,SECOND\r\ns3cr3t,1,2\r\n",                          "second,first\r\n2,1\r\n"),
        ("quoted cells",         "first,hidden,SECOND\r\n\"a,\"\"b\"\"\",\"s3cr3t\",\"c\r\nd\"\r\n", "second,first\r\n\"c\r\nd\",\"a,\"\"b\"\"\"\r\n"),
        ("quoted names",         "\"first\",\"hid\"\"den\",\"SECOND\"\r\n1,s3cr3t,2\r\n",          "second,first\r\n2,1\r\n"),
        ("a byte order mark",    "\u{feff}first,SECOND\r\n1,2\r\n",                                "second,first\r\n2,1\r\n"),
        ("no last line end",     "first,SECOND\r\n1,2",                                            "second,first\r\n2,1"),
        ("bare line feeds",      "first,SECOND\n1,2\n",                                            "second,first\n2,1\n"),
        ("a name twice",         "first,SECOND,first\r\n1,2,s3cr3t\r\n",                           "second,first\r\n2,1\r\n"),
        ("names only",           "hidden,first,SECOND\r\n",                                        "second,first\r\n"),
    ]);
}

#[test]
fn csv_with_another_delimiter() {
    #[rustfmt::skip]
    check("format = \"csv\"\ndelimiter = \"|\"", "acme", &[
        ("bars",                 "hidden|first|SECOND\r\ns3cr3t|1,0|2\r\n",                        "second|first\r\n2|1,0\r\n"),
    ]);
}

#[test]
fn csv_that_is_not_what_it_should_be() {
    let backend = RecordingBackend::json("");
    let gate = gate(&backend, "format = \"csv\"");
    #[rustfmt::skip]
    let cases = [
        ("nothing",              ""),
        ("a page",               "<!doctype html>\r\n<p>s3cr3t, please log in</p>\r\n"),
        ("a cell too many",      "first,SECOND\r\n1,2,s3cr3t\r\n"),
        ("a cell too few",       "first,hidden,SECOND\r\n1,s3cr3t\r\n"),
        ("an open quote",        "first,SECOND\r\n1,\"s3cr3t\r\n"),
        ("text after a quote",   "first,SECOND\r\n\"1\"s3cr3t,2\r\n"),
    ];
    for (name, body) in cases {
        backend.behave(move |_, reply| reply.ok("text/csv", body));
        let answer = gate.get("acme", "/r");
        assert!(!answer.is_success(), "{name}: {}", answer.text());
        assert!(
            answer.end == End::Broken || answer.code() == "backend_response_invalid",
            "{name}: {}",
            answer.text()
        );
    }
}

#[test]
fn array_rows_that_do_not_fit_their_header() {
    let backend = RecordingBackend::json("");
    let gate = gate(&backend, "format = \"json\"\nrows = \"/rows\"\nrow = \"array\"\nheader = \"/columns\"");
    #[rustfmt::skip]
    let cases = [
        r#"{"rows":[["s3cr3t"]]}"#, r#"{"columns":["first"],"rows":[[1,"s3cr3t"]]}"#, r#"{"columns":["first","SECOND"],"rows":[["s3cr3t"]]}"#,
        r#"{"columns":["first"],"rows":[{"first":"s3cr3t"}]}"#, r#"{"columns":{"first":0},"rows":[["s3cr3t"]]}"#,
        r#"{"columns":["hidden"],"columns":["first"],"rows":[["s3cr3t"]]}"#, r#"{"columns":[1],"rows":[["s3cr3t"]]}"#,
    ];
    for body in cases {
        backend.behave(move |_, reply| reply.json(body));
        let answer = gate.get("acme", "/r");
        assert!(!answer.is_success(), "{body}: {}", answer.text());
        assert!(
            answer.end == End::Broken || answer.code() == "backend_response_invalid",
            "{body}: {}",
            answer.text()
        );
    }
}

#[test]
fn old_clients_get_a_whole_answer_too() {
    let backend = RecordingBackend::json(r#"[{"first":1,"SECOND":2,"hidden":"s3cr3t"}]"#);
    let gate = gate(&backend, "format = \"json\"\nrows = \"\"");
    for request in
        [Request::get("/r").http10(), Request::get("/r").http10().header("Connection", "keep-alive")]
    {
        let answer = gate.call(&request.of("acme"));
        assert_eq!((answer.text().as_str(), answer.end), (r#"[{"second":2,"first":1}]"#, End::Complete));
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}

#[test]
fn cut_columns_are_counted() {
    let backend = RecordingBackend::json(
        r#"[{"first":1,"SECOND":2,"hidden":"s3cr3t","other":"s3cr3t"},{"hidden":"s3cr3t"}]"#,
    );
    let gate = gate(&backend, "format = \"json\"\nrows = \"\"");
    for round in [1.0, 2.0] {
        let answer = gate.get("acme", "/r");
        let line = gate.access_line(answer.request_id());
        assert_eq!(
            (&line["columns_removed"], &line["bytes"]),
            (&2.into(), &answer.body.len().into()),
            "{line}"
        );
        gate.wait_for_metric("columns_removed_total{report=\"r\"}", 2.0 * round);
    }
}
