//! `Transfer-Encoding` spelt so that one program sees it and another does not, with and without a length beside it.

use super::corpus::{Corpus, Pieces, chunk, joined, shown};

/// Whole header lines, without the end of the last one.
const LINES: [&[u8]; 74] = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:  chunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding: chunked\t",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding \t: chunked",
    b"Transfer-Encoding\t:\tchunked",
    b"Transfer-Encoding : chunked",
    b" Transfer-Encoding: chunked",
    b"\tTransfer-Encoding: chunked",
    b"TrAnSFer-EnCODinG: cHuNkeD",
    b"TRANSFER-ENCODING: CHUNKED",
    b"transfer-encoding: chunked",
    b"Transfer Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer.Encoding: chunked",
    b"TransferEncoding: chunked",
    b"Transfer--Encoding: chunked",
    b"Transfer-Encodin: chunked",
    b"Transfer-Encoding-: chunked",
    b"X-Transfer-Encoding: chunked",
    b"Content-Encoding: chunked",
    b"TE: chunked",
    b"Transfer-Encoding:: chunked",
    b"Transfer-Encoding; chunked",
    b"Transfer-Encoding= chunked",
    b"Transfer-Encoding chunked",
    b"\"Transfer-Encoding\": chunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: <chunked>",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: chunk",
    b"Transfer-Encoding: chunked1",
    b"Transfer-Encoding: chunked-chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked chunked",
    b"Transfer-Encoding: chunked, cow",
    b"Transfer-Encoding: cow, chunked",
    b"Transfer-Encoding: cow chunked bar",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: ,",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: chunked;",
    b"Transfer-Encoding: chunked; a=\"b\"",
    b"Transfer-Encoding: (comment) chunked",
    b"Transfer-Encoding: %63hunked",
    b"Transfer-Encoding: =?iso-8859-1?B?Y2h1bmtlZA==?=",
    b"Transfer-Encoding: ch\x96nked",
    b"Transf\x82r-Encoding: chunked",
    b"Transfer\r-Encoding: chunked",
    b"Transfer-Encoding: chunked\r",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\r\n\tchunked",
    b"Transfer-Encoding:\n chunked",
    b"Transfer-Encoding\r\n : chunked",
    b"Transfer-Encoding: chun\r\n ked",
    b"Transfer-Encoding: x\r\n chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"X: X\nTransfer-Encoding: chunked",
    b"X: X\rTransfer-Encoding: chunked",
    b"X: X\r\n Transfer-Encoding: chunked",
];

/// Every spelling: those of the table, then each odd byte at each place of the line.
fn spellings() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = LINES.iter().map(|line| line.to_vec()).collect();
    for byte in (0..=0x20).chain(0x7f..=0xff).filter(|byte| *byte != b'\n') {
        all.push(joined(&[b"Transfer-Encoding:", &[byte], b"chunked"]));
        all.push(joined(&[b"Transfer-Encoding", &[byte], b": chunked"]));
        all.push(joined(&[&[byte], b"Transfer-Encoding: chunked"]));
        all.push(joined(&[b"Transfer-Encoding: chunked", &[byte]]));
    }
    for byte in [0, 1, b'\t', 0x0b, 0x0c, b'\r', b' ', b'-', b'_', 0x7f, 0x85, 0xa0, 0xff] {
        all.push(joined(&[b"Transfer", &[byte], b"Encoding: chunked"]));
        all.push(joined(&[b"Transfer-Encoding: chu", &[byte], b"nked"]));
        all.push(joined(&[b"Transfer-Encoding: chunked", &[byte], b"identity"]));
    }
    all
}

/// How the same body is bounded by both headers, or by one.
type Arrangement = fn(Pieces, &[u8]) -> Vec<u8>;

const ARRANGEMENTS: [(&str, Arrangement); 5] = [
    ("CL.TE", |pieces, line| {
        let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n", &pieces.hidden()]);
        let length = format!("Content-Length: {}\r\n", body.len());
        joined(&[&pieces.post(), length.as_bytes(), line, b"\r\n\r\n", &body])
    }),
    ("TE.CL", |pieces, line| {
        let (form, hidden) = (pieces.form(), pieces.hidden());
        let body = joined(&[&chunk(&joined(&[&form, &hidden])), b"0\r\n\r\n"]);
        // By its length the body ends where the hidden request begins.
        let length = memchr::memmem::find(&body, &hidden).unwrap();
        let length = format!("Content-Length: {length}\r\n");
        joined(&[&pieces.post(), line, b"\r\n", length.as_bytes(), b"\r\n", &body])
    }),
    ("TE.0", |pieces, line| joined(&[&pieces.post(), line, b"\r\n\r\n", &pieces.hidden()])),
    ("0.TE", |pieces, line| {
        let body = joined(&[&chunk(&pieces.form()), b"0\r\n\r\n"]);
        joined(&[&pieces.post(), line, b"\r\n\r\n", &body, &pieces.hidden()])
    }),
    ("CL:0.TE", |pieces, line| {
        let body = joined(&[&chunk(&joined(&[&pieces.form(), &pieces.hidden()])), b"0\r\n\r\n"]);
        joined(&[&pieces.post(), b"Content-Length: 0\r\n", line, b"\r\n\r\n", &body])
    }),
];

pub(super) fn add(corpus: &mut Corpus) {
    for line in spellings() {
        for (arrangement, make) in ARRANGEMENTS {
            // The many odd bytes need no more than one arrangement of each kind.
            if LINES.contains(&line.as_slice()) || ["CL.TE", "TE.CL", "TE.0"].contains(&arrangement) {
                corpus.push(arrangement, shown(&line), |pieces| make(pieces, &line));
            }
        }
    }
}
