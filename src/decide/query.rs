//! Names and values of a query or form, read strictly: what two programs could read differently is refused.
//!
//! `application/x-www-form-urlencoded` as WHATWG URL section 5.1 reads it, less broken escapes, NUL,
//! `;`, bytes outside ASCII, invalid UTF-8, and names with needlessly encoded letters.

use memchr::memchr;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A decoded name and its decoded value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    /// Never empty.
    pub(crate) name: Cow<'a, str>,
    /// Empty, too, when there was no `=`.
    pub(crate) value: Cow<'a, str>,
}

/// A pair that cannot be read, or not in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadPair<'a> {
    /// The name as sent.
    pub(crate) name: &'a str,
    /// What is wrong.
    pub(crate) reason: &'static str,
}

/// The pairs of a query or form, in order; empty pieces between `&` are stepped over.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = Result<Pair<'_>, BadPair<'_>>> {
    pieces(text).filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = name_and_value(piece);
        let pair = decode(name, Part::Name)
            .and_then(|decoded| Ok(Pair { name: decoded, value: decode(value, Part::Value)? }));
        pair.map_err(|reason| BadPair { name, reason })
    })
}

/// The values of every pair whose decoded name is `wanted`, however it is encoded.
pub(super) fn values_of<'a>(query: Option<&'a str>, wanted: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let named = pieces(query.unwrap_or_default()).map(name_and_value);
    named.filter(move |(name, _)| is_named(name, wanted)).map(|(_, value)| lenient(value))
}

/// What stands between `&`.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let end = memchr(b'&', whole.as_bytes());
        let (piece, behind) =
            end.map_or((whole, None), |end| (whole.get(..end).unwrap_or_default(), whole.get(end + 1..)));
        rest = behind;
        Some(piece)
    })
}

fn name_and_value(piece: &str) -> (&str, &str) {
    let end = memchr(b'=', piece.as_bytes());
    end.and_then(|end| Some((piece.get(..end)?, piece.get(end + 1..)?))).unwrap_or((piece, ""))
}

fn is_named(name: &str, wanted: &str) -> bool {
    let is_encoded = || name.bytes().any(|b| matches!(b, b'%' | b'+'));
    name == wanted || is_encoded() && *lenient(name) == *wanted.as_bytes()
}

fn lenient(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        Cow::Owned(percent_decode_str(&text.replace('+', " ")).collect())
    } else {
        percent_decode_str(text).into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Value,
}

fn decode(text: &str, part: Part) -> Result<Cow<'_, str>, &'static str> {
    if text.is_empty() && part == Part::Name {
        return Err("a parameter has no name");
    }
    let mut is_encoded = false;
    for b in text.bytes() {
        match b {
            b';' => return Err("`;` does not separate parameters"),
            b'%' | b'+' => is_encoded = true,
            b if b.is_ascii_graphic() => {}
            _ => return Err("a character is not encoded"),
        }
    }
    if !is_encoded {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let value = bytes.next().zip(bytes.next()).and_then(|(high, low)| hex(high, low));
                let value = value.ok_or("a percent escape is broken")?;
                if value == 0 {
                    return Err("a NUL is sent");
                }
                if part == Part::Name && is_unreserved(value) {
                    return Err("a name is encoded where it need not be");
                }
                out.push(value);
            }
            plain => out.push(plain),
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| "a percent escape is not UTF-8")
}

/// The byte that two hexadecimal digits write.
pub(super) fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// Whether the byte never needs encoding (RFC 3986 section 2.3).
pub(super) fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_readings_is_refused() {
        #[rustfmt::skip]
        let cases = [
            ("", ""),
            ("a=1&b=2", "<a|1><b|2>"),
            ("&a=1&&b", "<a|1><b|>"),
            ("a=1=2", "<a|1=2>"),
            ("k%5B%5D=a%20b+c%C3%A9", "<k[]|a b cé>"),
            ("k[]=%61", "<k[]|a>"),
            ("c%6Flumns=a", "a name is encoded where it need not be"),
            ("a%5=1", "a percent escape is broken"),
            ("a=%zz", "a percent escape is broken"),
            ("a=%", "a percent escape is broken"),
            ("a=%00", "a NUL is sent"),
            ("a=%ff", "a percent escape is not UTF-8"),
            ("a=1;b=2", "`;` does not separate parameters"),
            ("a=é", "a character is not encoded"),
            ("a=1\n", "a character is not encoded"),
            ("=1", "a parameter has no name"),
        ];
        for (text, expected) in cases {
            let found: Result<Vec<_>, _> = pairs(text).collect();
            let found = match found {
                Ok(pairs) => pairs.iter().map(|pair| format!("<{}|{}>", pair.name, pair.value)).collect(),
                Err(bad) => bad.reason.to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn values_are_found_by_their_decoded_name() {
        let values: Vec<_> = values_of(Some("k=1&%6B=2&K=3&a+b=4&k"), "k").collect();
        assert_eq!(values, [&b"1"[..], b"2", b""]);
        assert_eq!(values_of(Some("a+b=c+d"), "a b").next().unwrap(), &b"c d"[..]);
        assert_eq!(values_of(None, "k").count(), 0);
    }
}
