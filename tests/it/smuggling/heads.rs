//! Request lines, versions, Hosts and connection options that programs disagree on, and plain pipelines.

use super::corpus::{Corpus, Pieces, VICTIM, chunk, joined, shown};
use crate::harness::token;

/// Request lines.
const STARTS: [&[u8]; 70] = [
    b"GET  /leads?q HTTP/1.1",
    b"GET /leads?q  HTTP/1.1",
    b"GET\t/leads?q HTTP/1.1",
    b"GET /leads?q\tHTTP/1.1",
    b"GET\x0b/leads?q HTTP/1.1",
    b"GET /leads?q\x0cHTTP/1.1",
    b"GET /leads?q HTTP/1.1 ",
    b"GET /leads?q HTTP/1.1\t",
    b"GET /leads?q HTTP/1.1\r",
    b"GET /leads?q HTTP/1.1 HTTP/1.1",
    b"GET /leads?q x HTTP/1.1",
    b"GET /leads?q HTTP/1.0 HTTP/1.1",
    b" GET /leads?q HTTP/1.1",
    b"\tGET /leads?q HTTP/1.1",
    b"G\xc9T /leads?q HTTP/1.1",
    b"GET\x00 /leads?q HTTP/1.1",
    b"GET: /leads?q HTTP/1.1",
    b"\"GET\" /leads?q HTTP/1.1",
    b"get /leads?q HTTP/1.1",
    b"GET /leads?q",
    b"GET /leads?q ",
    b"GET /leads?q\r",
    b"GET",
    b"/leads?q HTTP/1.1",
    b"GET HTTP/1.1",
    b"GET  HTTP/1.1",
    b"GET /leads?q HTTP/0.9",
    b"GET /leads?q HTTP/1.0",
    b"GET /leads?q HTTP/1.2",
    b"GET /leads?q HTTP/1.9",
    b"GET /leads?q HTTP/1.10",
    b"GET /leads?q HTTP/01.1",
    b"GET /leads?q HTTP/1.01",
    b"GET /leads?q HTTP/11",
    b"GET /leads?q HTTP/1",
    b"GET /leads?q HTTP/",
    b"GET /leads?q HTTP",
    b"GET /leads?q HTTP/2.0",
    b"GET /leads?q HTTP/2",
    b"GET /leads?q HTTP/3.0",
    b"GET /leads?q http/1.1",
    b"GET /leads?q Http/1.1",
    b"GET /leads?q HTTPS/1.1",
    b"GET /leads?q HTTP /1.1",
    b"GET /leads?q HTTP/ 1.1",
    b"GET /leads?q HTTP/1. 1",
    b"GET /leads?q HTTP/+1.1",
    b"GET /leads?q HTTP/1.1.1",
    b"GET /leads?q HTTP/1,1",
    b"GET /leads?q ICY/1.1",
    b"GET /leads?q#fragment HTTP/1.1",
    b"GET /leads#q HTTP/1.1",
    b"GET /leads?q\\x HTTP/1.1",
    b"GET \\leads?q HTTP/1.1",
    b"GET leads?q HTTP/1.1",
    b"GET //leads?q HTTP/1.1",
    b"GET /./leads?q HTTP/1.1",
    b"GET /x/../leads?q HTTP/1.1",
    b"GET /leads%0d%0aX:%20Y HTTP/1.1",
    b"GET /leads?q%20HTTP/1.1%0d%0aX:%20Y HTTP/1.1",
    b"GET /leads?q\xff HTTP/1.1",
    b"GET /leads?q\x00 HTTP/1.1",
    b"GET /leads?q\x7f HTTP/1.1",
    b"GET /leads?q\x1f HTTP/1.1",
    b"GET http://other.test/leads?q HTTP/1.1",
    b"GET http://gate.test/leads?q HTTP/1.1",
    b"GET http://gate.test@other.test/leads?q HTTP/1.1",
    b"GET ftp://gate.test/leads?q HTTP/1.1",
    b"GET gate.test:80 HTTP/1.1",
    b"GET * HTTP/1.1",
];

/// Host lines, the one that is right among them.
const HOSTS: [&[u8]; 44] = [
    b"",
    b"Host:\r\n",
    b"Host: \r\n",
    b"Host: gate.test\r\nHost: gate.test\r\n",
    b"Host: gate.test\r\nHost: other.test\r\n",
    b"Host: other.test\r\nHost: gate.test\r\n",
    b"Host: gate.test\r\nhost: other.test\r\n",
    b"Host: gate.test\r\nHost : other.test\r\n",
    b"Host: gate.test\r\n Host: other.test\r\n",
    b"Host: gate.test\r\n other.test\r\n",
    b"Host:\r\n gate.test\r\n",
    b" Host: gate.test\r\n",
    b"Host : gate.test\r\n",
    b"Host\t: gate.test\r\n",
    b"Host:gate.test\r\n",
    b"Host:\tgate.test\t\r\n",
    b"Host: gate.test,other.test\r\n",
    b"Host: gate.test, other.test\r\n",
    b"Host: gate.test other.test\r\n",
    b"Host: gate.test@other.test\r\n",
    b"Host: u:p@gate.test\r\n",
    b"Host: gate.test:80\r\n",
    b"Host: gate.test:\r\n",
    b"Host: gate.test:+80\r\n",
    b"Host: gate.test:80:80\r\n",
    b"Host: gate.test:65536\r\n",
    b"Host: gate.test:80@other.test\r\n",
    b"Host: gate.test:x\r\n",
    b"Host: gate.test/x\r\n",
    b"Host: gate.test?x\r\n",
    b"Host: gate.test#x\r\n",
    b"Host: gate.test\\x\r\n",
    b"Host: http://gate.test\r\n",
    b"Host: \"gate.test\"\r\n",
    b"Host: gate.test;x\r\n",
    b"Host: gate%2etest\r\n",
    b"Host: [::1\r\n",
    b"Host: [::1]x\r\n",
    b"Host: gate.test\x00\r\n",
    b"Host: gate.test\xff\r\n",
    b"Host: gate.test\n",
    b"Host: gate.test\r",
    b"H\x00st: gate.test\r\n",
    b"X: X\nHost: gate.test\r\n",
];

/// Header lines that say what becomes of the connection.
const OPTIONS: [&str; 24] = [
    "Connection: close",
    "Connection: keep-alive",
    "Connection: close, keep-alive",
    "Connection: keep-alive, close",
    "Connection: Content-Length",
    "Connection: Transfer-Encoding",
    "Connection: Host",
    "Connection: Authorization",
    "Connection: Content-Type",
    "Connection: X, Content-Length, close",
    "Connection:\r\nConnection: close",
    "Proxy-Connection: keep-alive",
    "Keep-Alive: timeout=5, max=1",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "Connection: Upgrade\r\nUpgrade: h2c",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    "Upgrade: h2c",
    "Upgrade: HTTP/2.0",
    "TE: trailers",
    "Trailer: Content-Length",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Expect: 100-continue\r\nExpect: x",
    "X-HTTP-Method-Override: DELETE",
];

pub(super) fn add(corpus: &mut Corpus) {
    for start in STARTS {
        corpus.push("request line", shown(start), |pieces| {
            let rest = format!("\r\nHost: gate.test\r\n{}\r\n", pieces.rest());
            joined(&[start, rest.as_bytes(), &pieces.hidden()])
        });
        corpus.push("request line with a body", shown(start), |pieces| {
            let hidden = pieces.hidden();
            let rest =
                format!("\r\nHost: gate.test\r\n{}Content-Length: {}\r\n\r\n", pieces.rest(), hidden.len());
            joined(&[start, rest.as_bytes(), &hidden])
        });
        corpus.push("request line with chunks", shown(start), |pieces| {
            let rest = format!("\r\nHost: gate.test\r\n{}Transfer-Encoding: chunked\r\n\r\n", pieces.rest());
            joined(&[start, rest.as_bytes(), &chunk(&pieces.hidden()), b"0\r\n\r\n"])
        });
    }
    for host in HOSTS {
        for target in ["/leads", "http://gate.test/leads", "http://other.test/leads"] {
            corpus.push("Host", format!("{target} {}", shown(host)), |pieces| {
                let start = format!("GET {target} HTTP/1.1\r\n");
                joined(&[start.as_bytes(), host, pieces.rest().as_bytes(), b"\r\n", &pieces.hidden()])
            });
        }
    }
    for option in OPTIONS {
        options(corpus, option);
    }
    pipelines(corpus);
}

/// A connection option on a request with a body of each kind, in both versions.
fn options(corpus: &mut Corpus, option: &str) {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let name = |body: &str| format!("{version} {} {body}", option.escape_debug());
        let head = |pieces: Pieces, target: &str, method: &str| {
            joined(&[&pieces.start(method, target, version), option.as_bytes(), b"\r\n"])
        };
        corpus.push("connection option", name("no body"), |pieces| {
            joined(&[&head(pieces, "/leads", "GET"), b"\r\n", &pieces.hidden()])
        });
        corpus.push("connection option", name("length"), |pieces| {
            let body = joined(&[&pieces.form(), &pieces.hidden()]);
            let length = format!("Content-Length: {}\r\n\r\n", body.len());
            joined(&[&head(pieces, "/form", "POST"), length.as_bytes(), &body])
        });
        corpus.push("connection option", name("length, then another"), |pieces| {
            let form = pieces.form();
            let length = format!("Content-Length: {}\r\n\r\n", form.len());
            joined(&[&head(pieces, "/form", "POST"), length.as_bytes(), &form, &pieces.hidden()])
        });
        corpus.push("connection option", name("chunks"), |pieces| {
            let body = joined(&[&chunk(&joined(&[&pieces.form(), &pieces.hidden()])), b"0\r\n\r\n"]);
            joined(&[&head(pieces, "/form", "POST"), b"Transfer-Encoding: chunked\r\n\r\n", &body])
        });
        corpus.push("connection option", name("chunks, then another"), |pieces| {
            let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n", &pieces.hidden()]);
            joined(&[&head(pieces, "/form", "POST"), b"Transfer-Encoding: chunked\r\n\r\n", &body])
        });
        corpus.push("connection option", name("both"), |pieces| {
            let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n", &pieces.hidden()]);
            let framing = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n", body.len());
            joined(&[&head(pieces, "/form", "POST"), framing.as_bytes(), &body])
        });
    }
}

/// Several whole requests, and requests that break off; what begins other protocols.
fn pipelines(corpus: &mut Corpus) {
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    corpus.push("pipeline", "two", |pieces| joined(&[&pieces.get(), b"\r\n", &pieces.hidden()]));
    corpus.push("pipeline", "the preface of HTTP/2 between", |pieces| {
        joined(&[&pieces.get(), b"\r\n", preface, &pieces.hidden()])
    });
    corpus.push("pipeline", "TLS first", |pieces| {
        joined(&[b"\x16\x03\x01\x00\xa5\x01\x00\x00", &pieces.get(), b"\r\n", &pieces.hidden()])
    });
    corpus.push("pipeline", "PROXY first", |pieces| {
        let proxy = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n";
        joined(&[proxy, &pieces.get(), b"\r\n", &pieces.hidden()])
    });
    corpus.push("pipeline", "a refused one first", |pieces| {
        let hidden = pieces.hidden();
        joined(&[b"GET /nothing HTTP/1.1\r\nHost: gate.test\r\n\r\n", &pieces.get(), b"\r\n", &hidden])
    });
    for cut in [1, 2, 4, 20, 60] {
        corpus.push("pipeline", format!("the second without its last {cut} bytes"), |pieces| {
            let hidden = pieces.hidden();
            joined(&[&pieces.get(), b"\r\n", &hidden[..hidden.len() - cut]])
        });
        corpus.push("pipeline", format!("a body longer than what comes by {cut} bytes"), |pieces| {
            let body = joined(&[&pieces.form(), &pieces.hidden()]);
            let length = format!("Content-Length: {}\r\n\r\n", body.len() + cut);
            joined(&[&pieces.post(), length.as_bytes(), &body])
        });
        corpus.push("pipeline", format!("a body shorter than what comes by {cut} bytes"), |pieces| {
            let body = joined(&[&pieces.form(), &pieces.hidden()]);
            let length = format!("Content-Length: {}\r\n\r\n", body.len() - cut);
            joined(&[&pieces.post(), length.as_bytes(), &body])
        });
    }
    corpus.push("pipeline", "somebody else's token in a body", |pieces| {
        let form = pieces.form();
        let body = joined(&[&form, format!("Authorization: Bearer {}", token(VICTIM)).as_bytes()]);
        let length = format!("Content-Length: {}\r\n\r\n", form.len());
        joined(&[&pieces.post(), length.as_bytes(), &body, &pieces.hidden()])
    });
}
