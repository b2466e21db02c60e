//! Kept answers: given again, shared among those who ask at once, never to anybody whose answer would differ.

mod joined;
mod stale;

use crate::harness::{
    Answer, Config, End, Gate, LEADS, ROW, RecordingBackend, Request, affiliate, eventually,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What is left of [`ROW`] for acme.
const OWN_ROW: &str = r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#;

/// The report with a cache.
fn cached(keys: &str) -> String {
    format!("{LEADS}\n[reports.leads.cache]\n{keys}\n")
}

fn acme() -> String {
    affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]")
}

/// A gate whose report has a cache of a minute.
fn gate(backend: &RecordingBackend) -> Gate {
    start(&Config::empty(backend).with(&cached("ttl = \"1m\"")).with(&acme()))
}

fn start(config: &Config) -> Gate {
    let mut gate = Gate::start(config);
    gate.extra_headers = &["cache-status"];
    gate
}

fn told(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or("-")
}

/// How many requests had that result.
fn counted(gate: &Gate, result: &str) -> f64 {
    gate.metrics().get(&format!("cache_requests_total{{report=\"leads\",result=\"{result}\"}}"))
}

/// Something that a backend waits for.
#[derive(Clone, Default)]
struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    fn ring(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let rung = self.0.0.lock().unwrap();
        let patience = Duration::from_secs(20);
        let (_rung, waited) = self.0.1.wait_timeout_while(rung, patience, |rung| !*rung).unwrap();
        assert!(!waited.timed_out(), "nobody rang");
    }
}

/// Lets the backend answer once the bell rings.
fn held(backend: &RecordingBackend) -> Bell {
    let bell = Bell::default();
    let waiting = bell.clone();
    backend.behave(move |_, reply| {
        waiting.wait();
        reply.json(ROW);
    });
    bell
}

/// Rows for `bytes` bytes of answer and a little.
fn large(bytes: usize) -> String {
    let row = r#"{"created_at":"2026-01-01","country":"DE","commission":1.50},"#;
    let rows = row.repeat(bytes / row.len() + 1);
    format!("{{\"rows\":[{}]}}", rows.trim_end_matches(','))
}

#[test]
fn a_kept_answer_costs_no_backend_request() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let first = gate.get("acme", "/leads");
    assert_eq!((first.status, first.text().as_str()), (200, OWN_ROW));
    assert_eq!(told(&first), "reportgate; fwd=miss; stored");
    let again = gate.get("acme", "/leads");
    assert_eq!((again.status, &again.body, again.end), (200, &first.body, End::Complete));
    assert!(told(&again).starts_with("reportgate; hit; ttl="), "{}", told(&again));
    assert_eq!(backend.count(), 1);
    for answer in [&first, &again] {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let control = answer.header("cache-control").unwrap();
        let left: u64 = control.strip_prefix("private, max-age=").expect(control).parse().unwrap();
        assert!((30..=60).contains(&left), "{control}");
        assert_eq!(answer.header("vary"), Some("authorization, x-api-key, accept-language"));
    }
    assert_ne!(first.request_id(), again.request_id());
    let line = gate.access_line(again.request_id());
    assert_eq!((&line["backend_ms"], &line["columns_removed"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!((&line["code"], &line["bytes"]), (&"ok".into(), &OWN_ROW.len().into()));
    let line = gate.access_line(first.request_id());
    assert!(line["backend_ms"].as_f64().is_some() && line["columns_removed"] == 2, "{line}");
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 2.0);
    assert_eq!((counted(&gate, "miss"), counted(&gate, "hit")), (1.0, 1.0));
    assert_eq!(gate.metrics().get("backend_duration_seconds_count{report=\"leads\"}"), 1.0);
    assert_eq!(gate.metrics().get("cache_entries"), 1.0);
}

#[test]
fn a_report_without_a_cache_is_as_it_was() {
    let backend = RecordingBackend::json(ROW);
    // No header of a cache may be there.
    let gate = Gate::start(&Config::leads(&backend));
    for _ in 0..2 {
        let answer = gate.get("acme", "/leads");
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.header("vary"), None);
    }
    assert_eq!(backend.count(), 2);
    assert_eq!(gate.metrics().sum("cache_requests_total"), 0.0);
}

/// Each of these is asked twice, and the backend sees each once: none is the answer to another.
#[test]
fn nothing_is_shared_that_could_differ() {
    let backend = RecordingBackend::json(ROW);
    let report = cached("ttl = \"1m\"")
        .replace("path = \"/leads\"", "path = \"/leads\"\nmethods = [\"GET\", \"POST\"]")
        .replace("rows = \"/rows\"", "rows = \"/rows\"\noutput = [\"json\", \"csv\"]\ncompress = [\"gzip\"]\npass_headers = { request = [\"x-lang\"] }");
    let others = [
        acme(),
        affiliate("scope", "role = \"standard\"\nscope = [\"2002\"]"),
        affiliate("scopes", "role = \"standard\"\nscope = [\"1001\", \"2002\"]"),
        affiliate("view", "role = \"gold\"\nscope = [\"1001\"]\ncolumns.leads = [\"country\"]"),
        affiliate(
            "order",
            "role = \"gold\"\nscope = [\"1001\"]\ncolumns.leads = [\"commission\", \"country\", \"created_at\"]",
        ),
        affiliate(
            "own",
            "role = \"standard\"\nscope = [\"1001\"]\ncredentials.legacy.headers = { x-key = \"other\" }",
        ),
    ];
    let gate = start(&Config::empty(&backend).with(&report).with(&others.concat()));
    let get = |target: &str| Request::get(target).of("acme");
    let requests = [
        get("/leads"),
        Request::get("/leads").of("scope"),
        Request::get("/leads").of("scopes"),
        Request::get("/leads").of("view"),
        Request::get("/leads").of("order"),
        Request::get("/leads").of("own"),
        get("/leads?_col=created_at"),
        get("/leads?_col=country&_col=commission"),
        get("/leads?_col=commission&_col=country"),
        get("/leads?q=1"),
        get("/leads?q=2"),
        get("/leads?size=1"),
        get("/leads?_sort=country"),
        get("/leads?format=csv"),
        get("/leads").header("Accept-Encoding", "gzip"),
        get("/leads").header("Accept-Language", "de"),
        get("/leads").header("X-Lang", "1"),
        get("/leads").header("X-Lang", "2"),
        get("/leads?q=1").header("Host", "other.test").hostless().header("Host", "other.test"),
    ];
    let mut bodies = Vec::new();
    for request in &requests {
        bodies.push(gate.call(request).body);
    }
    assert_eq!(backend.count(), requests.len());
    for (request, body) in requests.iter().zip(&bodies) {
        let again = gate.call(request);
        assert!(told(&again).contains("; hit; "), "{}", String::from_utf8_lossy(&request.bytes()));
        assert_eq!(&again.body, body);
    }
    assert_eq!(backend.count(), requests.len());
    // What differs in none of these gets what is there.
    let same = get("/leads").header("User-Agent", "other").header("traceparent", "00-1-2-01");
    assert!(told(&gate.call(&same)).contains("; hit; "));
    assert_eq!(backend.count(), requests.len());
}

/// Where the backend selects neither columns nor rows, it is asked the same by all.
#[test]
fn what_only_the_gate_cuts_is_not_shared_either() {
    let rows = r#"{"rows":[{"country":"DE","created_at":"2026-01-01","whose":"1001"},
        {"country":"FR","created_at":"2026-01-02","whose":"2002"}]}"#;
    let backend = RecordingBackend::json(rows);
    let report = cached("ttl = \"1m\"")
        .replace("columns = { in = \"query\", name = \"_col\", style = \"repeat\" }\n", "")
        .replace("scope = [{ in = \"query\", name = \"affiliate_id\" }]", "scope = \"credential\"")
        .replace("rows = \"/rows\"", "rows = \"/rows\"\nscope_column = \"whose\"\non_foreign_row = \"drop\"");
    let holder = |id: &str, scope: &str, columns: &str| {
        let own = "credentials.legacy.headers = { x-key = \"the same\" }";
        let view = format!("columns.leads = {columns}");
        affiliate(id, &format!("role = \"standard\"\nscope = [\"{scope}\"]\n{view}\n{own}"))
    };
    let holders = [
        holder("a", "1001", "[\"country\", \"created_at\"]"),
        holder("b", "1001", "[\"created_at\", \"country\"]"),
        holder("c", "1001", "[\"country\"]"),
        holder("d", "2002", "[\"country\"]"),
    ];
    let gate = start(&Config::empty(&backend).with(&report).with(&holders.concat()));
    #[rustfmt::skip]
    let expected = [
        ("a", r#"{"rows":[{"country":"DE","created_at":"2026-01-01"}]}"#), ("b", r#"{"rows":[{"created_at":"2026-01-01","country":"DE"}]}"#),
        ("c", r#"{"rows":[{"country":"DE"}]}"#), ("d", r#"{"rows":[{"country":"FR"}]}"#),
    ];
    for _ in 0..2 {
        for (holder, body) in expected {
            assert_eq!(gate.get(holder, "/leads").text(), body, "{holder}");
        }
    }
    assert_eq!(gate.get("b", "/leads?columns=country").text(), expected[2].1);
    assert_eq!(backend.count(), 4);
    let targets: Vec<_> = backend.received().iter().map(|seen| seen.target().to_owned()).collect();
    assert!(targets.iter().all(|target| *target == targets[0]), "{targets:?}");
    assert_eq!(gate.metrics().get("foreign_rows_total{report=\"leads\"}"), 4.0);
}

#[test]
fn holders_of_the_same_rows_and_columns_share() {
    let backend = RecordingBackend::json(ROW);
    let twin = affiliate("twin", "role = \"standard\"\nscope = [\"1001\"]");
    let gate = start(&Config::empty(&backend).with(&cached("ttl = \"1m\"")).with(&acme()).with(&twin));
    assert_eq!(gate.get("acme", "/leads").body, gate.get("twin", "/leads").body);
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_body_is_part_of_what_is_asked() {
    let backend = RecordingBackend::json(ROW);
    let report = cached("ttl = \"1m\"")
        .replace("path = \"/leads\"", "path = \"/leads\"\nmethods = [\"POST\"]")
        .replace("allow = [\"q\"]", "body = \"json\"\nallow = [\"json:/filter\"]");
    let gate = start(&Config::empty(&backend).with(&report).with(&acme()));
    let post = |body: &str| gate.call(&Request::post("/leads", "application/json", body).of("acme"));
    for _ in 0..2 {
        assert_eq!(post("{\"filter\":1}").text(), OWN_ROW);
        assert_eq!(post("{\"filter\":2}").text(), OWN_ROW);
    }
    assert_eq!(backend.count(), 2);
}

#[test]
fn every_check_runs_before_a_kept_answer() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    assert_eq!(gate.get("acme", "/leads").status, 200);
    let config = |acme: &str| Config::empty(&backend).with(&cached("ttl = \"1m\"")).with(acme);
    #[rustfmt::skip]
    let cases = [
        (acme().replace("\"never\"", "2026-01-02T00:00:00Z"),            401, "token_expired"),
        (acme().replace("kind =", "disabled = true\nkind ="),            401, "principal_disabled"),
        (acme().replace("127.0.0.1", "192.0.2.1"),                       403, "ip_not_allowed"),
        (acme().replace("role = \"standard\"\n", ""),                    403, "permission_missing"),
        (affiliate("other", "role = \"standard\"\nscope = [\"1001\"]"),  401, "token_unknown"),
    ];
    for (acme, status, code) in cases {
        gate.reload(&config(&acme));
        let answer = gate.get("acme", "/leads");
        assert_eq!((answer.status, answer.code().as_str(), told(&answer)), (status, code, "-"));
    }
    gate.reload(&config(&acme()));
    assert!(told(&gate.get("acme", "/leads")).contains("; hit; "), "it was there all the time");
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_report_that_was_changed_has_no_kept_answers() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    let config = |report: &str, more: &str| Config::empty(&backend).with(report).with(&acme()).with(more);
    gate.get("acme", "/leads");
    let own = cached("ttl = \"1m\"");
    // Another holder comes: the answer stays.
    gate.reload(&config(&own, &affiliate("beta", "role = \"gold\"\nscope = [\"7\"]")));
    assert!(told(&gate.get("acme", "/leads")).contains("; hit; "));
    #[rustfmt::skip]
    let changes = [
        ("email = {}", "email = {}\nclicks = {}"),
        ("country = {}\n", "country = { response = \"created_at\" }\ncreated_at_2 = {}\n"),
        ("rows = \"/rows\"", "rows = \"/rows\"\nshape = \"bare\""),
        ("_shape = \"objects\"", "_shape = \"other\""),
        ("rows = \"/rows\"", "rows = \"/rows\"\npass_headers = { response = [\"x-total\"] }"),
    ];
    for (seen, (from, to)) in (2..).zip(changes) {
        assert!(own.contains(from), "{from}");
        let changed = own.replacen(from, to, 1).replace(
            "created_at = {}\n",
            if to.contains("created_at_2") {
                "created_at = { response = \"country\" }\n"
            } else {
                "created_at = {}\n"
            },
        );
        gate.reload(&config(&changed, ""));
        assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored", "{to}");
        assert_eq!(backend.count(), seen, "{to}");
    }
    gate.reload(&config(&own, ""));
    assert!(told(&gate.get("acme", "/leads")).contains("; hit; "), "the same report again");
    gate.reload(&config(&cached("ttl = \"1s\""), ""));
    eventually("an answer is older than the new ttl", || {
        (told(&gate.get("acme", "/leads")) == "reportgate; fwd=miss; stored").then_some(())
    });
}

/// What broke off is an error with a status, since nothing of it has left.
#[test]
fn a_cut_body_is_never_kept() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    backend.behave(|_, reply| {
        let body = large(200 << 10);
        reply.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        reply.send(&body.as_bytes()[..150 << 10]);
        reply.close();
    });
    for seen in 1..3 {
        let answer = gate.get("acme", "/leads");
        assert_eq!((answer.status, answer.code().as_str()), (502, "backend_response_invalid"));
        assert_eq!(backend.count(), seen);
    }
    gate.wait_for_metric("response_violations_total{report=\"leads\",kind=\"truncated\"}", 2.0);
}

#[test]
fn memory_is_bounded_and_a_change_of_its_bound_takes_effect() {
    let backend = RecordingBackend::start(|_, reply| reply.json(large(100 << 10)));
    let config =
        |limits: &str| Config::empty(&backend).with(limits).with(&cached("ttl = \"1h\"")).with(&acme());
    let gate = start(&config("[cache]\nmax_bytes = \"1MiB\"\nmax_entry = \"200KiB\"\n"));
    let mut client = gate.client();
    let figures = || {
        let metrics = gate.metrics();
        (metrics.get("cache_bytes"), metrics.get("cache_entries"))
    };
    let (mebibyte, kibibyte) = (f64::from(1 << 20), 1024.0);
    for number in 0..100 {
        let answer = client.call(&Request::get(&format!("/leads?q={number}")).of("acme"));
        assert_eq!(answer.status, 200);
        let (bytes, entries) = figures();
        assert!(bytes <= mebibyte && entries <= 8.0, "{bytes} bytes, {entries} answers");
    }
    let (bytes, entries) = figures();
    assert!(bytes > 500.0 * kibibyte && entries >= 5.0, "{bytes} bytes, {entries} answers");
    gate.reload(&config("[cache]\nmax_bytes = \"400KiB\"\nmax_entry = \"100KiB\"\n"));
    client.call(&Request::get("/leads?q=1000").of("acme"));
    let (bytes, _) = figures();
    assert!(bytes <= 400.0 * kibibyte, "{bytes} bytes");
    gate.reload(&config("[cache]\nmax_bytes = \"0B\"\n"));
    for _ in 0..2 {
        let answer = client.call(&Request::get("/leads?q=1000").of("acme"));
        assert_eq!((answer.status, told(&answer)), (200, "reportgate; fwd=bypass"));
    }
    assert_eq!(figures(), (0.0, 0.0));
    gate.reload(&config(""));
    for expected in ["reportgate; fwd=miss; stored", "reportgate; hit"] {
        assert!(told(&client.call(&Request::get("/leads?q=1000").of("acme"))).starts_with(expected));
    }
}

#[test]
fn head_asks_the_backend_and_takes_nothing() {
    let backend = RecordingBackend::start(|received, reply| {
        if received.method() == "HEAD" {
            reply.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ROW.len()));
        } else {
            reply.json(ROW);
        }
    });
    let gate = gate(&backend);
    let head = || gate.call(&Request::new("HEAD", "/leads").of("acme"));
    for seen in [1, 2] {
        let answer = head();
        assert_eq!((answer.status, told(&answer), backend.count()), (200, "reportgate; fwd=method", seen));
    }
    assert_eq!(told(&gate.get("acme", "/leads")), "reportgate; fwd=miss; stored");
    assert_eq!((told(&head()), backend.last().method()), ("reportgate; fwd=method", "HEAD"));
}

#[test]
fn what_depends_on_more_than_the_key_is_not_kept() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    #[rustfmt::skip]
    let cases = [
        ("*", false), ("User-Agent", false), ("accept, x-forwarded-for", false), ("Accept-Encoding, Accept-Language, Cookie", true), ("", true),
    ];
    for (number, (vary, is_kept)) in cases.into_iter().enumerate() {
        backend.behave(move |_, reply| reply.respond("200 OK", &format!("Vary: {vary}\r\n"), ROW));
        let target = format!("/leads?q={number}");
        for _ in 0..2 {
            assert_eq!(gate.get("acme", &target).text(), OWN_ROW);
        }
        assert_eq!(told(&gate.get("acme", &target)).contains("; hit; "), is_kept, "{vary}");
    }
}

#[test]
fn compressed_and_opaque_answers_are_kept_as_they_leave() {
    let body: &str = Box::leak(large(300 << 10).into_boxed_str());
    let backend = RecordingBackend::start(move |_, reply| {
        reply.respond("200 OK", "Content-Type: application/pdf\r\nETag: \"v1\"\r\nServer: x\r\n", body);
    });
    let opaque = cached("ttl = \"1m\"")
        .replace("format = \"json\"\nrows = \"/rows\"", "format = \"opaque\"\ncompress = [\"gzip\"]");
    let mut gate = start(&Config::empty(&backend).with(&opaque).with(&acme()));
    gate.extra_headers = &["cache-status", "etag"];
    for coding in ["identity", "gzip"] {
        let request = Request::get("/leads").of("acme").header("Accept-Encoding", coding);
        let answers = [gate.call(&request), gate.call(&request)];
        assert!(told(&answers[1]).contains("; hit; "), "{}", told(&answers[1]));
        assert_eq!(answers[0].body, answers[1].body);
        for answer in &answers {
            assert_eq!(answer.header("content-type"), Some("application/pdf"));
            assert_eq!(answer.header("etag").is_some(), coding == "identity");
            assert_eq!(answer.header("content-encoding").is_some(), coding == "gzip");
            assert_eq!(
                answer.header("vary"),
                Some("accept-encoding, authorization, x-api-key, accept-language")
            );
            assert_eq!(answer.body.len() < body.len(), coding == "gzip");
        }
    }
    assert_eq!(backend.count(), 2);
}

/// The platform's paging cursors are sealed for their holder: a kept page never reaches another.
#[test]
fn sealed_cursors_are_kept_for_their_holder() {
    let backend = RecordingBackend::json(r#"{"rows": [{"country": "DE"}], "next": "s3cr3t"}"#);
    let report = cached("ttl = \"1m\"").replace(
        "rows = \"/rows\"",
        "rows = \"/rows\"\ncursors = [{ response = \"/next\", parameter = \"_next\" }]",
    );
    let twin = affiliate("twin", "role = \"standard\"\nscope = [\"1001\"]");
    let gate = start(&Config::empty(&backend).with(&report).with(&acme()).with(&twin));
    let (own, other) = (gate.get("acme", "/leads"), gate.get("twin", "/leads"));
    assert_ne!(own.body, other.body);
    assert_eq!(gate.get("acme", "/leads").body, own.body);
    assert_eq!(backend.count(), 2);
    let next = own.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(gate.get("acme", &format!("/leads?_next={next}")).status, 200);
}

#[test]
fn a_preview_shows_what_is_there_now() {
    let backend = RecordingBackend::json(ROW);
    let gate = gate(&backend);
    gate.get("acme", "/leads");
    let config = gate.config();
    let arguments = ["preview", "--as", "acme", "leads", "-c", config.to_str().unwrap()];
    for seen in [2, 3] {
        assert!(crate::harness::run(&arguments).status.success());
        assert_eq!(backend.count(), seen);
    }
}
