//! Line ends that only some programs take for one, folded lines, and lines that are no header.

use super::corpus::{Corpus, Pieces, chunk, joined, shown};
use crate::harness::token;

/// What may be taken for the end of a line.
const ENDS: [&[u8]; 14] = [
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\n\r",
    b"\r\n ",
    b"\r\n\t",
    b"\r \n",
    b"\x0b",
    b"\x0c",
    b"\x00",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\\r\\n",
    b"%0d%0a",
];

/// Lines in the middle of a head that are no header, or none that everybody sees.
const ODD: [&[u8]; 46] = [
    b"X",
    b":",
    b": X",
    b" : X",
    b"X X: Y",
    b"X\t: Y",
    b"X : Y",
    b"X\x00: Y",
    b"X: \x00",
    b"X: \x01",
    b"X: \x7f",
    b"X: \x08Y",
    b"X: Y\rZ",
    b"X: Y\r",
    b"\x00X: Y",
    b"\xffX: Y",
    b"\xef\xbb\xbfX: Y",
    b"(X): Y",
    b"X,Y: Z",
    b"X;Y: Z",
    b"X=Y: Z",
    b"X@Y: Z",
    b"X[0]: Y",
    b"{X}: Y",
    b"X/Y: Z",
    b"X\\Y: Z",
    b"\"X\": Y",
    b"<X>: Y",
    b" X: Y",
    b"\tX: Y",
    b"X: Y\r\n Z",
    b"X: Y\r\n\tZ",
    b"X: Y\r\n ",
    b"X: Y\r\n \r\n Z",
    b"X:\r\n Y",
    b"X\r\n: Y",
    b"GET /leads HTTP/1.1",
    b"HTTP/1.1 200 OK",
    b"X: Y\n",
    b"X: Y\n\n",
    b"X: Y\r\r",
    b"X: Y\n\r",
    b"\n",
    b"\r",
    b" ",
    b"\t",
];

/// What may stand before a request.
const LEADING: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"\n\n",
    b"\r\r\n",
    b" ",
    b"\t",
    b" \r\n",
    b"\x00",
    b"\x0b",
    b"\xef\xbb\xbf",
    b"0\r\n\r\n",
    b"X\r\n",
    b"\r\n \r\n",
];

pub(super) fn add(corpus: &mut Corpus) {
    for end in ENDS {
        ends(corpus, end);
    }
    for odd in ODD {
        corpus.push("an odd line, a length behind it", shown(odd), |pieces| {
            let length = format!("\r\nContent-Length: {}\r\n\r\n", pieces.hidden().len());
            joined(&[&pieces.get(), odd, length.as_bytes(), &pieces.hidden()])
        });
        corpus.push("an odd line, chunks behind it", shown(odd), |pieces| {
            let body = joined(&[&chunk(&joined(&[&pieces.form(), &pieces.hidden()])), b"0\r\n\r\n"]);
            joined(&[&pieces.post(), odd, b"\r\nTransfer-Encoding: chunked\r\n\r\n", &body])
        });
        corpus.push("an odd line, chunks before it", shown(odd), |pieces| {
            let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n"]);
            joined(&[
                &pieces.post(),
                b"Transfer-Encoding: chunked\r\n",
                odd,
                b"\r\n\r\n",
                &body,
                &pieces.hidden(),
            ])
        });
        corpus.push("an odd first line", shown(odd), |pieces| {
            framed(pieces, &joined(&[b"POST /form HTTP/1.1\r\n", odd, b"\r\nHost: gate.test\r\n"]))
        });
    }
    for leading in LEADING {
        corpus.push("before a request", shown(leading), |pieces| {
            joined(&[leading, &pieces.get(), b"\r\n", &pieces.hidden()])
        });
        corpus.push("between requests", shown(leading), |pieces| {
            joined(&[&pieces.get(), b"\r\n", leading, &pieces.hidden()])
        });
        corpus.push("behind a body", shown(leading), |pieces| {
            let form = pieces.form();
            let length = format!("Content-Length: {}\r\n\r\n", form.len());
            joined(&[&pieces.post(), length.as_bytes(), &form, leading, &pieces.hidden()])
        });
    }
}

/// The rest of a head and a form behind `start`.
fn framed(pieces: Pieces, start: &[u8]) -> Vec<u8> {
    let body = joined(&[&pieces.form(), &pieces.hidden()]);
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    joined(&[start, pieces.rest().as_bytes(), length.as_bytes(), &body])
}

/// One line end of a head replaced, at each place.
fn ends(corpus: &mut Corpus, end: &[u8]) {
    corpus.push("end of the request line", shown(end), |pieces| {
        framed(pieces, &joined(&[b"POST /form HTTP/1.1", end, b"Host: gate.test\r\n"]))
    });
    corpus.push("end of the Host line", shown(end), |pieces| {
        framed(pieces, &joined(&[b"POST /form HTTP/1.1\r\nHost: gate.test", end]))
    });
    corpus.push("end before a coding", shown(end), |pieces| {
        let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n", &pieces.hidden()]);
        let length = format!("Content-Length: {}\r\nX: Y", body.len());
        joined(&[&pieces.post(), length.as_bytes(), end, b"Transfer-Encoding: chunked\r\n\r\n", &body])
    });
    corpus.push("end before a length", shown(end), |pieces| {
        let body = joined(&[&pieces.form(), &pieces.hidden()]);
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        joined(&[&pieces.post(), b"X: Y", end, length.as_bytes(), &body])
    });
    corpus.push("end of a coding", shown(end), |pieces| {
        let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n"]);
        joined(&[
            &pieces.post(),
            b"Transfer-Encoding: chunked",
            end,
            b"X: Y\r\n\r\n",
            &body,
            &pieces.hidden(),
        ])
    });
    corpus.push("end of a length", shown(end), |pieces| {
        let (form, hidden) = (pieces.form(), pieces.hidden());
        let length = format!("Content-Length: {}", form.len() + hidden.len());
        joined(&[&pieces.post(), length.as_bytes(), end, b"X: Y\r\n\r\n", &form, &hidden])
    });
    corpus.push("end before a second Host", shown(end), |pieces| {
        joined(&[&pieces.get(), b"X: Y", end, b"Host: other.test\r\n\r\n", &pieces.hidden()])
    });
    corpus.push("end before a second token", shown(end), |pieces| {
        let other = format!("Authorization: Bearer {}\r\n\r\n", token(super::corpus::VICTIM));
        joined(&[&pieces.get(), b"X: Y", end, other.as_bytes(), &pieces.hidden()])
    });
    for (name, first) in [("second", true), ("first", false)] {
        corpus.push("end of a head", format!("{name} {}", shown(end)), |pieces| {
            let ends: [&[u8]; 2] = if first { [b"\r\n", end] } else { [end, b"\r\n"] };
            joined(&[&pieces.get(), b"X: Y", ends[0], ends[1], &pieces.hidden()])
        });
    }
    corpus.push("end of a head", format!("both {}", shown(end)), |pieces| {
        joined(&[&pieces.get(), b"X: Y", end, end, &pieces.hidden()])
    });
    corpus.push("every end", shown(end), |pieces| {
        let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n"]);
        let head = joined(&[&pieces.post(), b"Transfer-Encoding: chunked\r\n\r\n"]);
        let lines: Vec<_> = String::from_utf8(head).unwrap().split("\r\n").map(str::to_owned).collect();
        let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
        joined(&[&lines.join(end), &body, &pieces.hidden()])
    });
}
