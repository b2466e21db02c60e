//! What the backend sees of each request, dialect by dialect: own columns and own scope, exactly once.

use crate::harness::{
    Config, Gate, Received, RecordingBackend, Request, TO_THE_BACKEND, affiliate, pairs, principal, sorted,
};
use serde_json::{Value, json};

/// A report: its name, keys, keys of its `request`, and further tables.
type Dialect = (&'static str, &'static str, &'static str, &'static str);

/// Who asks for what, and the backend's method, path and query (decoded, ordered by name).
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

const SCOPE: &str = r#"scope = [{ in = "query", name = "aff" }]"#;

/// A gate with these reports; `acme` (one id), `duo` (two ids) and `jane` (all) see second and first, in that order.
fn gate(backend: &RecordingBackend, dialects: &[Dialect]) -> Gate {
    let mut config = Config::empty(backend);
    let mut grants = String::new();
    for (name, keys, request, tables) in dialects {
        let scope = if request.contains("scope =") { "" } else { SCOPE };
        config = config.with(&format!(
            "\n[reports.{name}]\npermission = \"get_{name}\"\npath = \"/{name}\"\n{keys}\n\
             [reports.{name}.columns]\nfirst = {{ group = \"dimension\" }}\n\
             second = {{ request = \"Second\", response = \"SECOND\", group = \"measure\" }}\n\
             hidden = {{ group = \"measure\" }}\n\
             [reports.{name}.request]\n{scope}\n{request}\n{tables}\n\
             [reports.{name}.response]\nformat = \"json\"\nrows = \"\"\n"
        ));
        grants.push_str(&format!("columns.{name} = [\"second\", \"first\"]\n"));
    }
    let permissions: Vec<_> = dialects.iter().map(|(name, ..)| format!("\"get_{name}\"")).collect();
    let grants = format!("permissions = [{}]\n{grants}", permissions.join(", "));
    let everyone = format!("{grants}scope = \"all\"\nallowed_ips = [\"127.0.0.1\"]");
    let in_path = dialects.iter().any(|(_, keys, ..)| keys.contains("{scope}"));
    let mut config = config
        .with(&affiliate("acme", &format!("{grants}scope = [\"1001\"]")))
        .with(&principal("employees", "jane", &everyone));
    if !in_path {
        config = config.with(&affiliate("duo", &format!("{grants}scope = [\"1001\", \"1002\"]")));
    }
    Gate::start(&config)
}

/// Sends each request and compares what the backend got.
fn check(dialects: &[Dialect], cases: &[Case<'_>]) {
    let backend = RecordingBackend::json("[]");
    let gate = gate(&backend, dialects);
    for (who, target, method_and_path, query) in cases {
        let seen = allowed(&gate, &backend, &Request::get(target).of(who));
        let found = (format!("{} {}", seen.method(), seen.path()), sorted(pairs(seen.query())));
        assert_eq!(found, ((*method_and_path).to_owned(), sorted(pairs(query))), "{who} {target}");
        assert!(seen.body.is_empty(), "{who} {target}");
    }
}

/// Sends a request that is to be allowed and gives what the backend got of it.
#[track_caller]
fn allowed(gate: &Gate, backend: &RecordingBackend, request: &Request) -> Received {
    let before = backend.count();
    let answer = gate.call(request);
    assert_eq!(answer.status, 200, "{} {}", String::from_utf8_lossy(&request.bytes()), answer.text());
    assert_eq!(backend.count(), before + 1, "asked exactly once");
    let seen = backend.last();
    only_allowed_headers(&seen, &["x-fields", "x-aff"]);
    seen
}

/// Fails when the backend got a header that it may not get.
#[track_caller]
fn only_allowed_headers(seen: &Received, extra: &[&str]) {
    let of_a_body = ["content-type", "content-length"];
    let allowed = [&TO_THE_BACKEND[..], &of_a_body, extra].concat();
    let headers = seen.headers();
    for (name, _) in &headers {
        assert!(allowed.contains(&name.as_str()), "{name} in {}", seen.head);
        assert_eq!(headers.iter().filter(|(other, _)| other == name).count(), 1, "{name} in {}", seen.head);
    }
}

#[test]
fn columns_and_scope_in_the_query() {
    #[rustfmt::skip]
    let dialects: [Dialect; 9] = [
        ("csv",      "", r#"columns = { in = "query", name = "fields", style = "csv" }"#, ""),
        ("bars",     "", r#"columns = { in = "query", name = "fields", style = "csv", separator = "|" }"#, ""),
        ("repeat",   "", r#"columns = { in = "query", name = "fields", style = "repeat" }
                            scope = [{ in = "query", name = "aff", style = "repeat" }]"#, ""),
        ("brackets", "", r#"columns = { in = "query", name = "fields", style = "brackets" }
                            scope = [{ in = "query", name = "aff", style = "brackets" }]"#, ""),
        ("flags",    "", r#"columns = { in = "query", style = "flags", prefix = "ck_", value = "1" }"#, ""),
        ("none",     "", "", ""),
        ("groups",   "", r#"columns = [{ in = "query", name = "dims", style = "csv", group = "dimension" },
                                       { in = "query", name = "facts", style = "csv", group = "measure" }]"#, ""),
        ("ask",      "", r#"columns = { in = "query", style = "flags", prefix = "", value = "true" }
                            ask = { in = "query", name = "want", style = "csv" }"#, ""),
        ("stars",    "", r#"scope = [{ in = "query", name = "aff", all = "*" }, { in = "query", name = "aff2" }]"#, ""),
    ];
    #[rustfmt::skip]
    let cases = [
        ("acme", "/csv",                         "GET /csv",      "fields=Second,first&aff=1001"),
        ("acme", "/csv?fields=first",            "GET /csv",      "fields=first&aff=1001"),
        ("acme", "/csv?fields=first,second",     "GET /csv",      "fields=first,Second&aff=1001"),
        ("acme", "/csv?fields=first%2Csecond",   "GET /csv",      "fields=first,Second&aff=1001"),
        ("acme", "/csv?aff=1001",                "GET /csv",      "fields=Second,first&aff=1001"),
        ("duo",  "/csv",                         "GET /csv",      "fields=Second,first&aff=1001,1002"),
        ("duo",  "/csv?aff=1002",                "GET /csv",      "fields=Second,first&aff=1002"),
        ("duo",  "/csv?aff=1002,1001",           "GET /csv",      "fields=Second,first&aff=1001,1002"),
        ("jane", "/csv",                         "GET /csv",      "fields=Second,first"),
        ("jane", "/csv?aff=77",                  "GET /csv",      "fields=Second,first&aff=77"),
        ("acme", "/bars",                        "GET /bars",     "fields=Second|first&aff=1001"),
        ("acme", "/bars?fields=first%7Csecond",  "GET /bars",     "fields=first|Second&aff=1001"),
        ("acme", "/repeat",                      "GET /repeat",   "fields=Second&fields=first&aff=1001"),
        ("duo",  "/repeat?fields=first",         "GET /repeat",   "fields=first&aff=1001&aff=1002"),
        ("acme", "/brackets",                    "GET /brackets", "fields[]=Second&fields[]=first&aff[]=1001"),
        ("duo",  "/brackets?fields[]=first",     "GET /brackets", "fields[]=first&aff[]=1001&aff[]=1002"),
        ("duo",  "/brackets?fields%5B%5D=first&aff%5B%5D=1002", "GET /brackets", "fields[]=first&aff[]=1002"),
        ("acme", "/flags",                       "GET /flags",    "ck_Second=1&ck_first=1&aff=1001"),
        ("acme", "/flags?ck_first=1",            "GET /flags",    "ck_first=1&aff=1001"),
        ("acme", "/none",                        "GET /none",     "aff=1001"),
        ("acme", "/none?columns=first",          "GET /none",     "aff=1001"),
        ("acme", "/groups",                      "GET /groups",   "dims=first&facts=Second&aff=1001"),
        ("acme", "/ask",                         "GET /ask",      "Second=true&first=true&aff=1001"),
        ("acme", "/ask?want=first",              "GET /ask",      "first=true&aff=1001"),
        ("acme", "/stars",                       "GET /stars",    "aff=1001&aff2=1001"),
        ("jane", "/stars",                       "GET /stars",    "aff=*"),
    ];
    check(&dialects, &cases);
}

#[test]
fn parameters_sorting_and_fixed_values() {
    #[rustfmt::skip]
    let dialects: [Dialect; 6] = [
        ("typed", "", r#"allow = ["q"]"#, r#"
            [reports.typed.parameters]
            from = { type = "date", backend = "date_from" }
            size = { type = "integer", default = "100" }
            paid = { type = "boolean" }
            kind = { type = "string", one_of = ["cpa", "rev share"] }
            land = { type = "string", column = "first" }"#),
        ("sorted",  "", r#"sort = [{ in = "query", name = "by", minus = true }]"#, ""),
        ("fixed",   "", r#"set = { _shape = "objects", select = "{columns}", who = "id:{scope}" }
                           column_quote = "`""#, ""),
        ("dropped", "", r#"columns = { in = "query", name = "fields", style = "csv" }
                           on_extra_columns = "drop"
                           on_unknown_parameter = "drop""#, ""),
        ("moved",   "backend_path = \"/legacy/report.php\"", "", ""),
        ("today",   "", "", r#"
            [reports.today.parameters]
            until = { type = "date", default = "2026-01-31" }"#),
    ];
    #[rustfmt::skip]
    let cases = [
        ("acme", "/typed",                            "GET /typed",   "size=100&aff=1001"),
        ("acme", "/typed?size=5",                     "GET /typed",   "size=5&aff=1001"),
        ("acme", "/typed?from=2026-02-28&paid=true",  "GET /typed",   "date_from=2026-02-28&paid=true&size=100&aff=1001"),
        ("acme", "/typed?kind=rev%20share",           "GET /typed",   "kind=rev share&size=100&aff=1001"),
        ("acme", "/typed?kind=rev+share",             "GET /typed",   "kind=rev share&size=100&aff=1001"),
        ("acme", "/typed?q=a%26aff%3D7%23%20b",       "GET /typed",   "q=a%26aff%3D7%23 b&size=100&aff=1001"),
        ("acme", "/typed?q=",                         "GET /typed",   "q=&size=100&aff=1001"),
        ("acme", "/typed?land=DE",                    "GET /typed",   "land=DE&size=100&aff=1001"),
        ("acme", "/sorted?by=first",                  "GET /sorted",  "by=first&aff=1001"),
        ("acme", "/sorted?by=-second",                "GET /sorted",  "by=-Second&aff=1001"),
        ("acme", "/fixed",                            "GET /fixed",   "_shape=objects&select=`Second`,`first`&who=id:1001&aff=1001"),
        ("duo",  "/fixed?aff=1002",                   "GET /fixed",   "_shape=objects&select=`Second`,`first`&who=id:1002&aff=1002"),
        ("acme", "/dropped?fields=hidden,first&x=1",  "GET /dropped", "fields=first&aff=1001"),
        ("acme", "/dropped?fields=nonsense,second",   "GET /dropped", "fields=Second&aff=1001"),
        ("acme", "/moved",                            "GET /legacy/report.php", "aff=1001"),
        ("acme", "/today",                            "GET /today",   "until=2026-01-31&aff=1001"),
    ];
    check(&dialects, &cases);
}

#[test]
fn dropping_never_means_all() {
    let backend = RecordingBackend::json("[]");
    let request = r#"columns = { in = "query", name = "fields", style = "csv" }
                     on_extra_columns = "drop""#;
    let gate = gate(&backend, &[("dropped", "", request, "")]);
    for target in ["/dropped?fields=hidden", "/dropped?fields=hidden,nonsense", "/dropped?fields="] {
        let answer = gate.get("acme", target);
        assert_eq!((answer.status, answer.code().as_str()), (403, "column_not_granted"), "{target}");
    }
    assert_eq!(backend.count(), 0);
}

#[test]
fn what_two_programs_could_read_differently_is_refused() {
    let backend = RecordingBackend::json("[]");
    let request = r#"columns = { in = "query", name = "fields", style = "csv" }
                     on_unknown_parameter = "drop"
                     on_extra_columns = "drop"
                     allow = ["q"]"#;
    let gate = gate(&backend, &[("r", "", request, "")]);
    #[rustfmt::skip]
    let queries = [
        "aff=1001&aff=1002", "aff=1001&aff=1001", "AFF=1002", "aff[]=1002", "%61ff=1002", "aff%20=1002", "+aff=1002", "aff%00=1002",
        "fields=first&fields=hidden", "fields[]=hidden", "Fields=hidden", "field%73=hidden", "%20fields=hidden",
        "q=1;aff=1002", "q=%00", "q=%zz", "q=%", "q=%ff", "q=1&q=2", "aff=1001%00",
    ];
    for query in queries {
        let answer = gate.get("acme", &format!("/r?{query}"));
        assert!([400, 403].contains(&answer.status), "{query}: {} {}", answer.status, answer.text());
    }
    assert_eq!(backend.count(), 0);
}

#[test]
fn columns_and_scope_in_a_form() {
    let backend = RecordingBackend::json("[]");
    #[rustfmt::skip]
    let gate = gate(&backend, &[
        ("form",  "methods = [\"GET\", \"POST\"]\nbackend_method = \"POST\"",
                  r#"body = "form"
                     columns = { in = "form", name = "cols", style = "repeat" }
                     scope = [{ in = "form", name = "aff", style = "brackets" }, { in = "query", name = "a" }]
                     allow = ["form:q"]
                     set = { "form:kind" = "leads" }"#,
                  "[reports.form.parameters]\nday = { type = \"date\", backend = \"form:date\" }"),
        ("flags", "backend_method = \"POST\"",
                  r#"columns = { in = "form", style = "flags", prefix = "ck_", value = "on" }
                     scope = [{ in = "form", name = "aff" }]"#, ""),
    ]);
    let form = "application/x-www-form-urlencoded";
    let post = |who: &str, target: &str, body: &str| Request::post(target, form, body).of(who);
    let get = |who: &str, target: &str| Request::get(target).of(who);
    #[rustfmt::skip]
    let cases = [
        // request                                                      query          form
        (get("acme", "/form"),                                          "a=1001",      "cols=Second&cols=first&aff[]=1001&kind=leads"),
        (get("duo", "/form?day=2026-01-31"),                            "a=1001,1002", "cols=Second&cols=first&aff[]=1001&aff[]=1002&kind=leads&date=2026-01-31"),
        (get("jane", "/form"),                                          "",            "cols=Second&cols=first&kind=leads"),
        (post("acme", "/form", ""),                                     "a=1001",      "cols=Second&cols=first&aff[]=1001&kind=leads"),
        (post("acme", "/form", "cols=first&q=x%26y"),                   "a=1001",      "cols=first&aff[]=1001&kind=leads&q=x%26y"),
        (post("duo", "/form", "aff%5B%5D=1002&cols=first&cols=second"), "a=1002",      "cols=first&cols=Second&aff[]=1002&kind=leads"),
        (get("acme", "/flags"),                                         "",            "ck_Second=on&ck_first=on&aff=1001"),
    ];
    for (request, query, fields) in cases {
        let name = String::from_utf8(request.bytes()).unwrap();
        let seen = allowed(&gate, &backend, &request);
        assert_eq!(seen.method(), "POST", "{name}");
        assert_eq!(seen.header("content-type").as_deref(), Some(form), "{name}");
        assert_eq!(sorted(pairs(seen.query())), sorted(pairs(query)), "{name}");
        assert_eq!(sorted(pairs(&seen.text())), sorted(pairs(fields)), "{name}");
    }
    for body in ["aff[]=1002", "aff=1001", "cols[]=hidden", "cols=hidden", "q=1&q=2", "q=%zz"] {
        let status = gate.call(&post("acme", "/form", body)).status;
        assert!([400, 403].contains(&status), "{body}: {status}");
    }
}

/// The JSON dialects and their tables.
#[rustfmt::skip]
const JSON: [Dialect; 4] = [
    ("array",   "methods = [\"GET\", \"POST\"]\nbackend_method = \"POST\"",
                r#"body = "json"
                   columns = { in = "json", at = "/select/columns", style = "array" }
                   scope = [{ in = "json", at = "/affiliates" }]
                   allow = ["json:/raw"]
                   set = { "json:/options" = { deep = [1, true], text = "of {scope}" } }"#,
                "[reports.array.parameters]\nday = { type = \"date\", backend = \"json:/range/from\" }"),
    ("objects", "methods = [\"POST\"]\nbackend_method = \"POST\"",
                r#"body = "json"
                   columns = { in = "json", at = "/columns", style = "objects", key = "column" }
                   scope = [{ in = "json", at = "/filters", append = { resource_type = "affiliate", filter_id_value = "{scope}" }, append_allow = { resource_type = ["country"] } }]"#, ""),
    ("csv",     "methods = [\"POST\"]\nbackend_method = \"POST\"",
                r#"body = "json"
                   columns = { in = "json", at = "/columns", style = "csv" }
                   scope = [{ in = "json", at = "/aff", style = "csv" }]"#, ""),
    ("number",  "methods = [\"POST\"]\nbackend_method = \"POST\"",
                r#"body = "json"
                   scope = [{ in = "json", at = "/aff", type = "number" }]"#, ""),
];

#[test]
fn columns_and_scope_in_json() {
    let backend = RecordingBackend::json("[]");
    let gate = gate(&backend, &JSON);
    let options = json!({ "deep": [1, true], "text": "of 1001" });
    let both = json!({ "deep": [1, true], "text": "of 1001,1002" });
    let filter = |id: &str| json!({ "resource_type": "affiliate", "filter_id_value": id });
    let view = json!(["Second", "first"]);
    let columns = json!([{ "column": "Second" }, { "column": "first" }]);
    let country = json!({ "resource_type": "country", "filter_id_value": "DE" });
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, &str, Value)> = vec![
        // who    target     the client's body                          the backend's
        ("acme", "/array",   "",                                        json!({ "select": { "columns": view }, "affiliates": "1001", "options": options })),
        ("acme", "/array",   "{}",                                      json!({ "select": { "columns": view }, "affiliates": "1001", "options": options })),
        ("acme", "/array",   r#"{"select":{"columns":["first"]}}"#,     json!({ "select": { "columns": ["first"] }, "affiliates": "1001", "options": options })),
        ("acme", "/array",   r#"{"affiliates":"1001"}"#,                json!({ "select": { "columns": view }, "affiliates": "1001", "options": options })),
        ("duo",  "/array",   "{}",                                      json!({ "select": { "columns": view }, "affiliates": ["1001", "1002"], "options": both })),
        ("acme", "/objects", "{}",                                      json!({ "columns": columns, "filters": [filter("1001")] })),
        ("duo",  "/objects", r#"{"columns":[{"column":"second"}]}"#,    json!({ "columns": [{ "column": "Second" }], "filters": [filter("1001"), filter("1002")] })),
        ("acme", "/objects", r#"{"filters":[{"resource_type":"country","filter_id_value":"DE"}]}"#, json!({ "columns": columns, "filters": [country, filter("1001")] })),
        ("acme", "/csv",     "{}",                                      json!({ "columns": "Second,first", "aff": "1001" })),
        ("duo",  "/csv",     r#"{"columns":"first,second"}"#,           json!({ "columns": "first,Second", "aff": "1001,1002" })),
        ("acme", "/number",  "{}",                                      json!({ "aff": 1001 })),
        ("duo",  "/number",  "",                                        json!({ "aff": [1001, 1002] })),
        ("jane", "/number",  "",                                        json!({})),
    ];
    for (who, target, body, expected) in cases {
        let request = Request::post(target, "application/json", body).of(who);
        let seen = allowed(&gate, &backend, &request);
        let found: Value = serde_json::from_slice(&seen.body).unwrap();
        assert!(same(&found, &expected), "{who} {target} {body}: {found}, not {expected}");
        assert_eq!(seen.header("content-type").as_deref(), Some("application/json"));
    }
    let seen = allowed(&gate, &backend, &Request::get("/array?day=2026-01-31").of("acme"));
    let found: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((seen.method(), &found["range"]), ("POST", &json!({ "from": "2026-01-31" })));
}

/// Equal, whatever the order of appended items.
fn same(a: &Value, b: &Value) -> bool {
    let ordered = |value: &Value| {
        let mut value = value.clone();
        if let Some(items) = value.get_mut("filters").and_then(Value::as_array_mut) {
            items.sort_by_key(Value::to_string);
        }
        value
    };
    ordered(a) == ordered(b)
}

#[test]
fn untouched_json_stays_byte_for_byte() {
    let backend = RecordingBackend::json("[]");
    let gate = gate(&backend, &JSON);
    let raw =
        r#"{"z":12345678901234567890123,"a":[0.1000000000000000055511151231257827,1E+2,-0],"m":"\u00e9\/"}"#;
    let request = Request::post("/array", "application/json", format!("{{\"raw\":{raw}}}")).of("acme");
    let seen = allowed(&gate, &backend, &request);
    assert!(seen.text().contains(raw), "{}", seen.text());
}

#[test]
fn json_that_widens_is_refused() {
    let backend = RecordingBackend::json("[]");
    let gate = gate(&backend, &JSON);
    #[rustfmt::skip]
    let cases = [
        ("/array",   r#"{"affiliates":"1002"}"#), ("/array", r#"{"affiliates":["1001","1002"]}"#), ("/array", r#"{"affiliates":null}"#),
        ("/array",   r#"{"affiliates":{"$ne":1}}"#), ("/array", r#"{"Affiliates":"1002"}"#), ("/array", r#"{"\u0061ffiliates":"1002"}"#),
        ("/array",   r#"{"affiliates":"1001","affiliates":"1002"}"#), ("/array", r#"{"select":{"columns":["hidden"]}}"#),
        ("/array",   r#"{"select":{"columns":"hidden"}}"#), ("/array", r#"{"select":{"columns":[]}}"#), ("/array", r#"{"select":["hidden"]}"#),
        ("/array",   r#"{"options":{}}"#), ("/array", r#"{"range":{"to":1}}"#), ("/array", "[]"), ("/array", "null"), ("/array", "{} {}"),
        ("/objects", r#"{"filters":[{"resource_type":"affiliate","filter_id_value":"1002"}]}"#),
        ("/objects", r#"{"filters":[{"resource_type":"country","resource_type":"affiliate","filter_id_value":"1002"}]}"#),
        ("/objects", r#"{"filters":[{"resource_type":"country","filter_id_value":["1002"]}]}"#), ("/objects", r#"{"filters":{}}"#),
        ("/objects", r#"{"columns":[{"column":"first","x":1}]}"#), ("/objects", r#"{"columns":["first"]}"#),
        ("/csv",     r#"{"columns":"first,hidden"}"#), ("/csv", r#"{"columns":["first"]}"#), ("/csv", r#"{"aff":"1001,1002"}"#),
        ("/number",  r#"{"aff":1002}"#), ("/number", r#"{"aff":1001.5}"#), ("/number", r#"{"aff":[1001,1002]}"#),
    ];
    for (target, body) in cases {
        let answer = gate.call(&Request::post(target, "application/json", body).of("acme"));
        assert!([400, 403].contains(&answer.status), "{target} {body}: {} {}", answer.status, answer.text());
    }
    assert_eq!(backend.count(), 0);
}

#[test]
fn columns_and_scope_in_headers() {
    let backend = RecordingBackend::json("[]");
    let request = r#"columns = { in = "header", name = "X-Fields" }
                     scope = [{ in = "header", name = "X-Aff" }]"#;
    let gate = gate(&backend, &[("headers", "", request, "")]);
    #[rustfmt::skip]
    let cases = [
        (Request::get("/headers").of("acme"),                            Some("1001"),      "Second,first"),
        (Request::get("/headers").of("duo"),                             Some("1001,1002"), "Second,first"),
        (Request::get("/headers").of("jane"),                            None,              "Second,first"),
        (Request::get("/headers").of("acme").header("X-Fields", "first"), Some("1001"),     "first"),
        (Request::get("/headers").of("duo").header("X-Aff", "1002"),     Some("1002"),      "Second,first"),
    ];
    for (request, scope, columns) in cases {
        let seen = allowed(&gate, &backend, &request);
        let plain = |value: Option<String>| value.map(|text| text.replace(", ", ","));
        assert_eq!(plain(seen.header("x-aff")).as_deref(), scope, "{}", seen.head);
        assert_eq!(plain(seen.header("x-fields")).as_deref(), Some(columns), "{}", seen.head);
        assert_eq!(seen.query(), "");
    }
    let before = backend.count();
    for request in [
        Request::get("/headers").of("acme").header("X-Aff", "1002"),
        Request::get("/headers").of("acme").header("X-Fields", "first,hidden"),
        Request::get("/headers").of("acme").header("X-Aff", "1001").header("X-Aff", "1002"),
    ] {
        assert!([400, 403].contains(&gate.call(&request).status));
    }
    assert_eq!(backend.count(), before);
}

#[test]
fn columns_and_scope_in_the_path() {
    let keys = "backend_path = \"/of/{scope}/{columns}.json\"";
    let dialects: [Dialect; 1] = [("path", keys, r#"scope = [{ in = "path", name = "aff" }]"#, "")];
    #[rustfmt::skip]
    let cases = [
        ("acme", "/path",               "GET /of/1001/Second,first.json", ""),
        ("acme", "/path?aff=1001",      "GET /of/1001/Second,first.json", ""),
        ("acme", "/path?columns=first", "GET /of/1001/first.json",        ""),
        ("jane", "/path?aff=77",        "GET /of/77/Second,first.json",   ""),
    ];
    check(&dialects, &cases);
    let backend = RecordingBackend::json("[]");
    let gate = gate(&backend, &dialects);
    for (who, id) in [("acme", "1002"), ("jane", "..%2F1"), ("jane", ".."), ("jane", "a%3Fb"), ("jane", "")] {
        let answer = gate.get(who, &format!("/path?aff={id}"));
        assert!([400, 403].contains(&answer.status), "{who} {id}: {}", answer.status);
    }
    assert_eq!(backend.count(), 0);
}
