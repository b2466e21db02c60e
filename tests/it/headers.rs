//! Headers both ways, credentials, forwarded addresses, HEAD.

use crate::harness::{
    Config, Gate, LEADS, ROW, RecordingBackend, Request, TO_THE_BACKEND, affiliate, new_folder,
};
use std::collections::BTreeSet;

/// The names of the headers the backend got last.
fn names(backend: &RecordingBackend) -> BTreeSet<String> {
    backend.last().headers().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn only_listed_headers_reach_the_backend() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend)
        .text()
        .replace("rows = \"/rows\"\n", "rows = \"/rows\"\npass_headers = { request = [\"x-tenant\"] }\n");
    let gate = Gate::in_folder(new_folder(), &config, None);
    let request = Request::get("/leads")
        .of("acme")
        .header("Accept", "application/json")
        .header("Accept-Language", "de")
        .header("User-Agent", "feed/1")
        .header("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("X-Tenant", "one")
        .header("X-Request-Id", "mine")
        .header("X-Forwarded-For", "10.0.0.1")
        .header("X-Forwarded-Host", "evil.test")
        .header("X-Forwarded-Proto", "ftp")
        .header("X-Forwarded-Prefix", "/evil")
        .header("Forwarded", "for=10.0.0.1")
        .header("X-Real-IP", "10.0.0.1")
        .header("Cookie", "session=1")
        .header("Connection", "keep-alive, X-Listed")
        .header("X-Listed", "1")
        .header("Keep-Alive", "timeout=9")
        .header("TE", "trailers")
        .header("Upgrade", "h2c")
        .header("Proxy-Authorization", "Basic x")
        .header("Range", "bytes=0-1")
        .header("If-None-Match", "\"a\"")
        .header("Accept-Encoding", "gzip")
        .header("X-Custom", "1");
    assert_eq!(gate.call(&request).status, 200);
    let seen = backend.last();
    let expected: BTreeSet<_> = TO_THE_BACKEND.into_iter().chain(["x-tenant"]).map(str::to_owned).collect();
    assert_eq!(names(&backend), expected);
    #[rustfmt::skip]
    let values = [
        ("host", backend.address().to_string()), ("accept-encoding", "identity".to_owned()), ("accept-language", "de".to_owned()),
        ("user-agent", "feed/1".to_owned()), ("x-tenant", "one".to_owned()), ("x-forwarded-for", "127.0.0.1".to_owned()),
        ("x-forwarded-proto", "http".to_owned()), ("x-forwarded-host", "gate.test".to_owned()),
    ];
    for (name, value) in values {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

#[test]
fn only_listed_headers_reach_the_client() {
    let backend = RecordingBackend::start(|_, reply| {
        let headers = "Content-Type: text/html\r\nContent-Language: de\r\nServer: s3cr3t\r\nSet-Cookie: s3cr3t\r\n\
             X-Powered-By: s3cr3t\r\nLocation: http://s3cr3t/\r\nETag: \"s3cr3t\"\r\nLast-Modified: s3cr3t\r\n\
             Digest: s3cr3t\r\nAccept-Ranges: bytes\r\nLink: <http://s3cr3t/>\r\nX-Total: 12\r\nVia: s3cr3t\r\n\
             Cache-Control: public\r\nX-Request-Id: s3cr3t\r\nContent-Disposition: s3cr3t\r\n\
             Access-Control-Allow-Origin: *\r\nAge: 3\r\nWarning: s3cr3t\r\n";
        reply.respond("200 OK", headers, ROW);
    });
    let config = Config::leads(&backend)
        .text()
        .replace("rows = \"/rows\"\n", "rows = \"/rows\"\npass_headers = { response = [\"x-total\"] }\n");
    let mut gate = Gate::in_folder(new_folder(), &config, None);
    gate.extra_headers = &["x-total"];
    let answer = gate.get("acme", "/leads");
    #[rustfmt::skip]
    let expected = [
        ("content-type", Some("application/json")), ("content-language", Some("de")), ("x-total", Some("12")),
        ("cache-control", Some("private, no-store")), ("x-content-type-options", Some("nosniff")),
        ("content-disposition", None), ("vary", None),
    ];
    assert_eq!(answer.status, 200);
    for (name, value) in expected {
        let sent = answer.header(name);
        // A charset may be added: the body is UTF-8.
        let matches = sent.map(|sent| sent.split(';').next().unwrap_or(sent).trim()) == value;
        assert!(matches, "{name}: {sent:?}");
    }
}

#[test]
fn opaque_answers_keep_some_headers_and_every_byte() {
    let backend = RecordingBackend::start(|_, reply| {
        let headers = "Content-Type: application/pdf\r\nETag: \"v1\"\r\nLast-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\n\
             Content-Disposition: attachment\r\nServer: s3cr3t\r\n";
        reply.respond("200 OK", headers, b"%PDF\x00\xff\r\n");
    });
    let config =
        Config::leads(&backend).text().replace("format = \"json\"\nrows = \"/rows\"", "format = \"opaque\"");
    let mut gate = Gate::in_folder(new_folder(), &config, None);
    gate.extra_headers = &["etag", "last-modified"];
    let answer = gate.get("acme", "/leads");
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"%PDF\x00\xff\r\n".as_slice()));
    assert_eq!(answer.header("content-type"), Some("application/pdf"));
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    assert_eq!(answer.header("content-disposition"), Some("attachment"));
}

#[test]
fn head_is_asked_with_head() {
    let backend = RecordingBackend::start(|received, reply| {
        let length = if received.method() == "HEAD" { "" } else { ROW };
        reply.send(format!(
            "HTTP/1.1 200 OK\r\nETag: \"s3cr3t\"\r\nContent-Length: {}\r\n\r\n{length}",
            ROW.len()
        ));
    });
    let gate = Gate::start(&Config::leads(&backend));
    let mut client = gate.client();
    for _ in 0..2 {
        let answer = client.call(&Request::new("HEAD", "/leads").of("acme"));
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(backend.last().method(), "HEAD");
        let line = gate.access_line(answer.request_id());
        assert_eq!((&line["method"], &line["status"]), (&"HEAD".into(), &200.into()));
    }
    assert_eq!(
        client.call(&Request::get("/leads").of("acme")).status,
        200,
        "the connection is still in step"
    );
}

#[test]
fn credentials_reach_the_backend_and_nobody_else() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    std::fs::write(folder.path().join("key"), "s3cr3t-from-file\n").unwrap();
    let keys = r#"headers = { "X-Key" = "s3cr3t-of-platform", "X-Mode" = "gate" }
                  query = { api_key = { file = "key" } }"#;
    let own = "\n[affiliates.duo.credentials.legacy]\nheaders = { \"x-key\" = \"s3cr3t-of-duo\" }\n\n[[affiliates.duo.tokens]]";
    let duo = affiliate("duo", "role = \"standard\"\nscope = [\"1002\"]")
        .replace("\n[[affiliates.duo.tokens]]", own);
    let config = Config::empty(&backend)
        .backend(keys)
        .with(LEADS)
        .with(&affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]"))
        .with(&duo);
    let gate = Gate::in_folder(folder, &config.text(), None);
    for (who, key) in
        [("acme", "s3cr3t-of-platform"), ("duo", "s3cr3t-of-duo"), ("acme", "s3cr3t-of-platform")]
    {
        let request = Request::get("/leads").of(who).header("X-Mode", "client");
        assert_eq!(gate.call(&request).status, 200);
        let seen = backend.last();
        assert_eq!(seen.header("x-key").as_deref(), Some(key));
        assert_eq!(seen.head.matches("x-key:").count() + seen.head.matches("X-Key:").count(), 1);
        assert!(seen.query().contains("api_key=s3cr3t-from-file"), "{}", seen.query());
    }
    let before = backend.count();
    for query in ["api_key=mine", "API_KEY=mine", "api_key[]=mine"] {
        assert_eq!(gate.get("acme", &format!("/leads?{query}")).status, 400, "{query}");
    }
    assert_eq!(backend.count(), before);
    assert!(!gate.admin("/status").text().contains("s3cr3t"));
    assert!(!gate.metrics().text.contains("s3cr3t"));
}

/// The client behind trusted proxies is the right-most address that is none of them.
#[test]
fn the_client_address_is_believed_from_trusted_proxies_only() {
    let role = "role = \"standard\"\nscope = [\"1001\"]";
    let at_home = affiliate("acme", role).replace("127.0.0.1", "203.0.113.7");
    #[rustfmt::skip]
    let cases = [
        // server keys                                                            header                                              status
        ("trusted_proxies = [\"127.0.0.1\"]",                                     ("X-Forwarded-For", "203.0.113.7"),                 200),
        ("trusted_proxies = [\"127.0.0.1\"]",                                     ("X-Forwarded-For", "198.51.100.1, 203.0.113.7:1234"), 200),
        ("trusted_proxies = [\"127.0.0.1\"]",                                     ("X-Forwarded-For", "203.0.113.7, 198.51.100.1"),   403),
        ("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]",                     ("X-Forwarded-For", "203.0.113.7, 10.1.2.3"),       200),
        ("trusted_proxies = [\"127.0.0.1\"]",                                     ("Forwarded", "for=203.0.113.7"),                   403),
        ("trusted_proxies = [\"10.0.0.0/8\"]",                                    ("X-Forwarded-For", "203.0.113.7"),                 403),
        ("",                                                                      ("X-Forwarded-For", "203.0.113.7"),                 403),
        ("trusted_proxies = [\"127.0.0.1\"]\nclient_header = \"forwarded\"",      ("Forwarded", "for=203.0.113.7;proto=https"),       200),
        ("trusted_proxies = [\"127.0.0.1\"]\nclient_header = \"forwarded\"",      ("Forwarded", "for=\"[::ffff:203.0.113.7]:80\""),   200),
        ("trusted_proxies = [\"127.0.0.1\"]\nclient_header = \"forwarded\"",      ("Forwarded", "for=_hidden"),                       400),
        ("trusted_proxies = [\"127.0.0.1\"]\nclient_header = \"forwarded\"",      ("X-Forwarded-For", "203.0.113.7"),                 403),
        ("trusted_proxies = [\"127.0.0.1\"]\nclient_header = \"cf-ip\"",          ("CF-IP", "203.0.113.7"),                           200),
    ];
    let backend = RecordingBackend::json(ROW);
    let config = |server: &str| Config::empty(&backend).server(server).with(LEADS).with(&at_home);
    let gate = Gate::start(&config(""));
    let mut in_force = "";
    for (server, (name, value), status) in cases {
        if server != in_force {
            gate.reload(&config(server));
            in_force = server;
        }
        let answer = gate.call(&Request::get("/leads").of("acme").header(name, value));
        assert_eq!(answer.status, status, "{server} {name}: {value}: {}", answer.text());
        if status == 200 {
            let line = gate.access_line(answer.request_id());
            assert_eq!(
                (&line["client"], &line["peer"]),
                (&"203.0.113.7".into(), &"127.0.0.1".into()),
                "{line}"
            );
            let forwarded = backend.last().header("x-forwarded-for").unwrap_or_default();
            assert!(forwarded.starts_with("203.0.113.7"), "{name}: {value}: {forwarded}");
        }
    }
}
