//! HTTP/1 as it arrives: where each request ends, and whether two programs could end it at different bytes.
//!
//! hyper repairs what RFC 9112 forbids (bare line feeds, `Content-Length` beside `Transfer-Encoding`, equal
//! lengths, a fragment in the target) before anything else of the gate can see it. Here the bytes
//! themselves are read, strictly, and hyper gets whole heads that have one reading only.

use memchr::{memchr, memchr_iter, memchr2};

/// How many bytes of a chunk's extension, or of all trailers, are read.
const MAX_ASIDE: usize = 4 << 10;

/// How many hexadecimal digits the size of a chunk has at most.
const MAX_SIZE_DIGITS: u8 = 15;

/// Why a request has more than one reading, as its sender is told.
pub type Malformed = &'static str;

/// The end of the head that `bytes` begin with: the place behind its empty line, if it is there.
///
/// `from` is a place before which there is none; empty lines in front of the head belong to it (RFC 9112 section 2.2).
#[must_use]
pub fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let from = from.max(start);
    let rest = bytes.get(from..)?;
    memchr_iter(b'\n', rest).map(|at| from + at + 1).find_map(|next| match bytes.get(next..)? {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// Whether a head may begin with these bytes: a method, or an empty line before it.
#[must_use]
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes.iter().find(|b| !matches!(b, b'\r' | b'\n')).is_none_or(|b| is_token(*b))
}

/// The body of the request whose head this is, up to and with its empty line.
///
/// # Errors
/// When another program could read the head, or where its body ends, differently.
pub fn judge(head: &[u8]) -> Result<Body, Malformed> {
    let mut lines = Lines(head);
    let mut line = lines.next_line()?;
    while line.is_empty() {
        line = lines.next_line()?;
    }
    let is_http_10 = request_line(line)?;
    let (mut length, mut is_chunked) = (None, false);
    loop {
        let line = lines.next_line()?;
        if line.is_empty() {
            break;
        }
        let colon = memchr(b':', line).ok_or("a header line has no colon")?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err("a header's name is not a token, or is not followed by its colon at once");
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() {
                return Err("there is more than one Content-Length");
            }
            length = Some(decimal(value).ok_or("Content-Length is not a plain number")?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if is_chunked {
                return Err("there is more than one Transfer-Encoding");
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err("the only transfer coding that is read is chunked");
            }
            is_chunked = true;
        }
    }
    match (length, is_chunked) {
        (Some(_), true) => Err("Content-Length and Transfer-Encoding exclude each other"),
        (None, true) if is_http_10 => Err("HTTP/1.0 has no Transfer-Encoding"),
        (None, true) => Ok(Body(State::Size { size: 0, digits: 0 })),
        (None | Some(0), false) => Ok(Body(State::Over)),
        (Some(length), false) => Ok(Body(State::Length(length))),
    }
}

/// `METHOD SP TARGET SP HTTP/1.x` (RFC 9112 section 3); whether it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Malformed> {
    const EXPECTED: Malformed =
        "the request line is not a method, a target and HTTP/1.1, with one space between them";
    let mut words = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(EXPECTED);
    };
    if method.is_empty() || !method.iter().all(|b| is_token(*b)) {
        return Err(EXPECTED);
    }
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(EXPECTED);
    }
    if target.contains(&b'#') {
        return Err("the target has a fragment");
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(EXPECTED),
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// The characters of tokens (RFC 9110 section 5.6.2), a bit for each of ASCII.
const TOKEN: u128 = {
    let mut set = 0;
    let mut b = 0_u8;
    while b < 128 {
        let others = matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        if b.is_ascii_alphanumeric() || others {
            set |= 1 << b;
        }
        b += 1;
    }
    set
};

fn is_token(b: u8) -> bool {
    b.is_ascii() && TOKEN >> b & 1 == 1
}

/// The lines of a head, each of which ends with CR LF and has neither elsewhere.
struct Lines<'h>(&'h [u8]);

impl<'h> Lines<'h> {
    fn next_line(&mut self) -> Result<&'h [u8], Malformed> {
        let feed = memchr(b'\n', self.0).ok_or("a line does not end")?;
        let (line, rest) = self.0.split_at_checked(feed + 1).unwrap_or_default();
        self.0 = rest;
        let line = line.strip_suffix(b"\r\n").ok_or("a line ends without CR LF")?;
        if memchr2(b'\r', 0, line).is_some() {
            return Err("a line holds a CR or NUL");
        }
        if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            return Err("a line begins with white space");
        }
        Ok(line)
    }
}

/// What is still to come of a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(State);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// So many bytes.
    Length(u64),
    /// The digits of a chunk's size.
    Size { size: u64, digits: u8 },
    /// An extension behind a size, so long by now (RFC 9112 section 7.1.1).
    Extension { size: u64, length: usize },
    /// The line feed behind a size.
    SizeFeed { size: u64 },
    /// So many bytes of a chunk.
    Data(u64),
    /// CR behind the data.
    DataReturn,
    /// LF behind it.
    DataFeed,
    /// Trailers, all together so long by now; whether this line is empty so far.
    Trailers { length: usize, is_empty: bool },
    /// The line feed that ends a trailer line, or all of them.
    TrailerFeed { length: usize, is_empty: bool },
    /// Nothing.
    Over,
}

impl Body {
    /// Whether all of it was taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0 == State::Over
    }

    /// Takes what belongs to the body from the beginning of `bytes`; gives its length.
    ///
    /// # Errors
    /// When another program could read the chunks differently.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match &mut self.0 {
                State::Over => break,
                State::Length(left) | State::Data(left) => {
                    let length = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(*left);
                    *left -= length;
                    if *left == 0 {
                        self.0 =
                            if matches!(self.0, State::Data(_)) { State::DataReturn } else { State::Over };
                    }
                    usize::try_from(length).unwrap_or(rest.len())
                }
                State::Size { .. }
                | State::Extension { .. }
                | State::SizeFeed { .. }
                | State::DataReturn
                | State::DataFeed
                | State::Trailers { .. }
                | State::TrailerFeed { .. } => {
                    let Some(byte) = rest.first() else { break };
                    self.0 = self.0.after(*byte)?;
                    1
                }
            };
        }
        Ok(at)
    }
}

impl State {
    /// What comes after this byte, outside of data.
    fn after(&self, byte: u8) -> Result<Self, Malformed> {
        const SIZE: Malformed = "a chunk does not begin with its size in hexadecimal digits";
        const TRAILER: Malformed = "a trailer line is not as it should be";
        Ok(match (self, byte) {
            (Self::Size { size, digits }, b'\r') if *digits > 0 => Self::SizeFeed { size: *size },
            (Self::Size { size, digits }, b';') if *digits > 0 => Self::Extension { size: *size, length: 0 },
            (Self::Size { size, digits }, _) if *digits < MAX_SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or(SIZE)?;
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { .. }, _) => return Err(SIZE),
            (Self::Extension { size, .. }, b'\r') => Self::SizeFeed { size: *size },
            (Self::Extension { size, length }, b'\t' | b' '..=b'~') if *length < MAX_ASIDE => {
                Self::Extension { size: *size, length: length + 1 }
            }
            (Self::Extension { .. }, _) => return Err("a chunk's extension is not as it should be"),
            (Self::SizeFeed { size: 0 }, b'\n') => Self::Trailers { length: 0, is_empty: true },
            (Self::SizeFeed { size }, b'\n') => Self::Data(*size),
            (Self::SizeFeed { .. }, _) => return Err("a chunk's size ends without CR LF"),
            (Self::DataReturn, b'\r') => Self::DataFeed,
            (Self::DataFeed, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::DataReturn | Self::DataFeed, _) => return Err("a chunk is not followed by CR LF"),
            (Self::Trailers { length, is_empty }, b'\r') => {
                Self::TrailerFeed { length: *length, is_empty: *is_empty }
            }
            (Self::Trailers { is_empty: true, .. }, byte) if !is_token(byte) => return Err(TRAILER),
            (Self::Trailers { length, .. }, b'\t' | b' '..=b'~' | 0x80..) if *length < MAX_ASIDE => {
                Self::Trailers { length: length + 1, is_empty: false }
            }
            (Self::TrailerFeed { is_empty: true, .. }, b'\n') => Self::Over,
            (Self::TrailerFeed { length, .. }, b'\n') => Self::Trailers { length: *length, is_empty: true },
            (Self::Trailers { .. } | Self::TrailerFeed { .. }, _) => return Err(TRAILER),
            (Self::Length(_) | Self::Data(_) | Self::Over, _) => self.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where the request at the beginning of `text` ends, or what is wrong with it.
    fn end(text: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(end) = head_end(text, 0) else { return Ok(None) };
        let mut body = judge(&text[..end])?;
        let taken = body.take(&text[end..])?;
        Ok(body.is_over().then_some(end + taken))
    }

    #[test]
    fn requests_end_where_every_program_ends_them() {
        #[rustfmt::skip]
        let cases: [(&str, Option<&str>); 17] = [
            ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n|GET", Some("")),
            ("\r\n\r\nGET /a HTTP/1.1\r\n\r\n|GET", Some("")),
            ("GET /a HTTP/1.0\r\n\r\n|", Some("")),
            ("GET /a HTTP/1.1\r\nHost: a\r\n", None),
            ("GET /a HTTP/1.1\r\nHost: a\r\n\r", None),
            ("\r\n\r\n", None),
            ("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc|def", Some("")),
            ("POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n|def", Some("")),
            ("POST /a HTTP/1.1\r\nContent-Length:\t3 \r\n\r\nabc|", Some("")),
            ("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", None),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n|x", Some("")),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000a;x=\"y\"\r\n0123456789\r\n00\r\n\r\n|", Some("")),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\nc:\r\n\r\n|x", Some("")),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", None),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n", None),
            ("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", None),
            ("POST /a HTTP/1.1\r\nX-Transfer-Encoding: gzip\r\nX: a\u{e4}b\r\n\r\n|x", Some("")),
        ];
        for (text, expected) in cases {
            let ends = text.find('|');
            assert_eq!(ends.is_some(), expected.is_some());
            assert_eq!(end(text.replace('|', "").as_bytes()), Ok(ends), "{text:?}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let chunked = |body: &str| format!("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let with = |line: &str| format!("POST /a HTTP/1.1\r\n{line}\r\n\r\n");
        #[rustfmt::skip]
        let cases = [
            "GET /a HTTP/1.1\nHost: a\n\n".to_owned(), "GET /a HTTP/1.1\r\nHost: a\n\r\n".to_owned(), "GET /a HTTP/1.1\r\nHost: a\r\n\n".to_owned(),
            "GET  /a HTTP/1.1\r\n\r\n".to_owned(), "GET /a  HTTP/1.1\r\n\r\n".to_owned(), "GET /a HTTP/1.1 \r\n\r\n".to_owned(), " GET /a HTTP/1.1\r\n\r\n".to_owned(),
            "GET\t/a HTTP/1.1\r\n\r\n".to_owned(), "GET /a\r\n\r\n".to_owned(), "GET /a HTTP/0.9\r\n\r\n".to_owned(), "GET /a HTTP/2.0\r\n\r\n".to_owned(),
            "GET /a http/1.1\r\n\r\n".to_owned(), "GET /a#b HTTP/1.1\r\n\r\n".to_owned(), "GET /\u{e4} HTTP/1.1\r\n\r\n".to_owned(), "G(T /a HTTP/1.1\r\n\r\n".to_owned(),
            "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            with("X : a"), with(": a"), with("X"), with("X: a\r\n b"), with("X: a\r\n\tb"), with("X: a\rb"), with("X: a\0b"), with("\u{e4}: a"), with(" X: a"),
            with("Content-Length: 3\r\nContent-Length: 3"), with("Content-Length: 3, 3"), with("Content-Length: +3"), with("Content-Length: 0x3"), with("Content-Length: "),
            with("Content-Length: 3 4"), with("Content-Length: -1"), with("Content-Length: 99999999999999999999"), with("Content-Length: 3\r\nTransfer-Encoding: chunked"),
            with("Transfer-Encoding: chunked\r\nContent-Length: 0"), with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), with("Transfer-Encoding: gzip, chunked"),
            with("Transfer-Encoding: identity"), with("Transfer-Encoding: "), with("Transfer-Encoding: \x0bchunked"), with("Transfer-Encoding: \"chunked\""), with("Transfer-Encoding : chunked"),
            chunked("\r\n"), chunked("x\r\n"), chunked("+3\r\nabc\r\n"), chunked(" 3\r\nabc\r\n"), chunked("3 \r\nabc\r\n"), chunked("0x3\r\nabc\r\n"), chunked("3\nabc\r\n"), chunked("3\rabc"),
            chunked("3;a\nabc"), chunked("3;\0\r\nabc"), chunked("3\r\nabcd\r\n"), chunked("3\r\nabc\n0\r\n\r\n"), chunked("1000000000000000\r\n"), chunked("0\r\n a\r\n\r\n"), chunked("0\r\na\n\r\n"), chunked("0\r\n\n"),
        ];
        for text in cases {
            assert!(end(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_have_their_ends() {
        let chunked = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let extended = |length: usize| format!("{chunked}0;{}\r\n\r\n", "a".repeat(length));
        assert!(end(extended(MAX_ASIDE).as_bytes()).unwrap().is_some());
        assert!(end(extended(MAX_ASIDE + 1).as_bytes()).is_err());
        let trailed = |length: usize| format!("{chunked}0\r\n{}\r\n\r\n", "a".repeat(length));
        assert!(end(trailed(MAX_ASIDE).as_bytes()).unwrap().is_some());
        assert!(end(trailed(MAX_ASIDE + 1).as_bytes()).is_err());
        assert_eq!(end(format!("{chunked}fffffffffffffff\r\n").as_bytes()), Ok(None), "fifteen digits");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            body in prop_oneof!["([0-9a-f]{0,2}(;x)?\r\n[ab]{0,4}\r?\n?){0,4}0\r\n\r\nGET", "[ -~\r\n]{0,60}"],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let bytes = body.as_bytes();
            let chunks = || Body(State::Size { size: 0, digits: 0 });
            let mut whole = chunks();
            let at_once = whole.take(bytes);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut body, mut taken) = (chunks(), Ok(0));
            for pair in cuts.windows(2) {
                taken = taken.and_then(|before| body.take(&bytes[pair[0]..pair[1]]).map(|more| before + more));
            }
            prop_assert_eq!(taken, at_once);
        }

        #[test]
        fn heads_end_at_the_same_byte_however_they_arrive(text in "[a:\r\n]{0,30}") {
            let bytes = text.as_bytes();
            let whole = head_end(bytes, 0);
            let mut from = 0;
            let mut found = None;
            for length in 0..=bytes.len() {
                found = found.or_else(|| head_end(&bytes[..length], from));
                from = length.saturating_sub(2);
            }
            prop_assert_eq!(found, whole);
        }
    }

    #[test]
    fn tokens_have_their_characters() {
        for b in 0..=u8::MAX {
            let expected = b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            assert_eq!(is_token(b), expected, "{b}");
        }
    }
}
