//! HTTP/1 as it arrives: a request that is taken ends at the same byte, with the same body, for the most careless readers
//! too, however it comes in pieces.

#![no_main]

#[path = "../choices.rs"]
mod choices;
#[path = "../../../it/harness/readers.rs"]
#[allow(dead_code, reason = "the other reader asks for more than framing")]
mod readers;

use choices::Choices;
use libfuzzer_sys::fuzz_target;
use readers::{Message, Taste, leniently};
use reportgate::serve::wire;

#[rustfmt::skip]
const WORDS: [&str; 56] = [
    "GET /a HTTP/1.1\r\n", "POST /a HTTP/1.1\r\n", "HEAD / HTTP/1.0\r\n", "GET /a HTTP/1.1\n", "Host: a\r\n", "Content-Length: 3\r\n", "Content-Length: 0\r\n",
    "Content-Length:", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding:", "transfer-encoding", " chunked", "chunked", ", ", "identity", "\r\n", "\n", "\r", "\t", " ",
    "\0", ":", ";", "3", "0", "+", "0x", "3\r\nabc\r\n", "3;x\r\nabc\r\n", "3\nabc\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\n\n", "abc", "X: y\r\n", "X: y\r\n z\r\n",
    "X : y\r\n", "Connection: close\r\n", "Expect: 100-continue\r\n", "\x0b", "\x7f", "GET", "/", "http://a/", "#", "?", "HTTP/1.1", "HTTP/1.2", "HTTP/0.9", "fffffffffffffff",
    "10000000000000000", "GET /smuggled HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n\r\n", "aaaaaaaaaaaaaaaa", "\u{e4}",
];

/// Where the requests at the beginning of `bytes`, that come in pieces of so many bytes, end.
fn ends(bytes: &[u8], piece: usize) -> (Vec<usize>, bool) {
    let (mut ends, mut start, mut arrived, mut scanned) = (Vec::new(), 0, 0, 0);
    let mut body: Option<(wire::Body, usize)> = None;
    loop {
        let held = &bytes[start..arrived];
        match &mut body {
            None => match wire::head_end(held, scanned) {
                Some(end) => match wire::judge(&held[..end]) {
                    Ok(judged) => body = Some((judged, start + end)),
                    Err(_) => return (ends, true),
                },
                None => {
                    scanned = held.len().saturating_sub(2);
                    if !wire::may_begin(held) {
                        return (ends, true);
                    }
                    if arrived == bytes.len() {
                        return (ends, false);
                    }
                    arrived = (arrived + piece).min(bytes.len());
                }
            },
            Some((rest, taken)) => {
                let Ok(more) = rest.take(&bytes[*taken..arrived]) else { return (ends, true) };
                *taken += more;
                if rest.is_over() {
                    ends.push(*taken);
                    (start, scanned, body) = (*taken, 0, None);
                } else if arrived == bytes.len() {
                    return (ends, false);
                } else {
                    arrived = (arrived + piece).min(bytes.len());
                }
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let piece = 1 + choices.below(16);
    let bytes = if choices.one_in(4) { choices.rest().to_vec() } else { choices.words(&WORDS).into_bytes() };
    let (whole, is_refused) = ends(&bytes, bytes.len().max(1));
    let (in_pieces, is_refused_in_pieces) = ends(&bytes, piece);
    assert_eq!((&in_pieces, is_refused_in_pieces), (&whole, is_refused), "{}", bytes.escape_ascii());
    let mut start = 0;
    for end in whole {
        let request = &bytes[start..end];
        let read = Taste::ALL.map(|taste| leniently(request, taste).messages);
        let one = |messages: &[Message]| messages.len() == 1;
        assert!(one(&read[0]) && read[0] == read[1], "{}: {read:?}", request.escape_ascii());
        start = end;
    }
});
