//! A client's JSON body, read strictly, with the text of every value kept.
//!
//! RFC 8259, less what two programs could read differently: a name that stands twice in one
//! object, lone surrogates, NUL, needlessly escaped names, deep nesting. Numbers are never converted.

use std::borrow::Cow;
use std::collections::HashSet;

/// How deep arrays and objects may nest.
const MAX_DEPTH: usize = 32;

/// A value and its text as sent.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) raw: &'a str,
    pub(super) value: Value<'a>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number; its digits are the item's text.
    Number,
    /// `true` or `false`.
    Boolean,
    Null,
    Array(Vec<Item<'a>>),
    Object(Vec<Member<'a>>),
}

/// A name, unescaped, and what it holds.
pub(super) type Member<'a> = (Cow<'a, str>, Item<'a>);

impl<'a> Item<'a> {
    /// A string's text or a number's digits.
    pub(super) fn id_text(&'a self) -> Option<&'a str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Number => Some(self.raw),
            Value::Boolean | Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A string's text.
    pub(super) fn text(&'a self) -> Option<&'a str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// An object's members.
    pub(super) fn members(&'a self) -> Option<&'a [Member<'a>]> {
        if let Value::Object(members) = &self.value { Some(members) } else { None }
    }

    /// An array's items.
    pub(super) fn items(&'a self) -> Option<&'a [Self]> {
        if let Value::Array(items) = &self.value { Some(items) } else { None }
    }
}

/// Reads a whole body.
pub(super) fn parse(body: &[u8]) -> Result<Item<'_>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let mut reader = Reader { text, at: 0 };
    let item = reader.item(0)?;
    reader.skip_space();
    if reader.peek().is_some() { Err("something follows the JSON value") } else { Ok(item) }
}

/// Whether the text is a JSON number (RFC 8259 section 6).
pub(super) fn is_number(text: &str) -> bool {
    let mut reader = Reader { text, at: 0 };
    reader.number().is_ok() && reader.peek().is_none()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// A value with the space before it. `depth` arrays and objects stand around it.
    fn item(&mut self, depth: usize) -> Result<Item<'a>, &'static str> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => return Err("the body nests too deeply"),
            Some(b'{') => Value::Object(self.object(depth + 1)?),
            Some(b'[') => Value::Array(self.array(depth + 1)?),
            Some(b'"') => Value::Text(self.string(Escapes::Any)?),
            Some(b't') => self.word("true", Value::Boolean)?,
            Some(b'f') => self.word("false", Value::Boolean)?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => {
                self.number()?;
                Value::Number
            }
            None => return Err("the JSON value ends early"),
        };
        Ok(Item { raw: self.since(start), value })
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, &'static str> {
        self.at += word.len();
        let found = self.since(self.at - word.len()) == word;
        if found { Ok(value) } else { Err("a JSON value is misspelt") }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Item<'a>>, &'static str> {
        let mut items = Vec::new();
        self.take(b'[');
        self.skip_space();
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            items.push(self.item(depth)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(items);
            }
            if !self.take(b',') {
                return Err("a JSON array lacks a comma or its end");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member<'a>>, &'static str> {
        let mut members: Vec<Member<'a>> = Vec::new();
        self.take(b'{');
        self.skip_space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err("a JSON object lacks a name");
            }
            let name = self.string(Escapes::Needed)?;
            self.skip_space();
            if !self.take(b':') {
                return Err("a JSON object lacks a colon");
            }
            members.push((name, self.item(depth)?));
            self.skip_space();
            if self.take(b'}') {
                let distinct: HashSet<&str> = members.iter().map(|(name, _)| &**name).collect();
                let repeats = distinct.len() < members.len();
                return if repeats { Err("a name stands twice in one JSON object") } else { Ok(members) };
            }
            if !self.take(b',') {
                return Err("a JSON object lacks a comma or its end");
            }
        }
    }

    /// `-`, an integer without leading zeros, a fraction, an exponent.
    fn number(&mut self) -> Result<(), &'static str> {
        const BROKEN: &str = "a JSON value is neither string, number, boolean, null, array nor object";
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(BROKEN);
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(BROKEN);
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(BROKEN);
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self, escapes: Escapes) -> Result<Cow<'a, str>, &'static str> {
        self.take(b'"');
        let mut unescaped: Option<String> = None;
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= b' ' && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            let plain = self.since(start);
            if self.take(b'"') {
                return Ok(match unescaped {
                    None => Cow::Borrowed(plain),
                    Some(before) => Cow::Owned(before + plain),
                });
            }
            if !self.take(b'\\') {
                return Err("a JSON string lacks its end or holds a control character");
            }
            let out = unescaped.get_or_insert_default();
            out.push_str(plain);
            out.push(self.escape(escapes)?);
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, escapes: Escapes) -> Result<char, &'static str> {
        let kind = self.peek();
        self.at += 1;
        let c = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => self.unicode_escape()?,
            _ => return Err("a JSON escape is broken"),
        };
        let needless = kind == Some(b'u') && c.is_ascii() && !c.is_ascii_control();
        match c {
            '\0' => Err("a NUL is sent"),
            _ if needless && escapes == Escapes::Needed => Err("a JSON name is escaped where it need not be"),
            _ => Ok(c),
        }
    }

    /// Four digits, or two times four that are one character (RFC 8259 section 7).
    fn unicode_escape(&mut self) -> Result<char, &'static str> {
        let first = self.hex4()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.take(b'\\') && self.take(b'u') {
            units.push(self.hex4()?);
        }
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(c)), None) => Ok(c),
            _ => Err("a JSON escape is half a character"),
        }
    }

    fn hex4(&mut self) -> Result<u16, &'static str> {
        let start = self.at;
        self.at += 4;
        let digits = self.since(start);
        let all_hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let value = all_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten();
        value.ok_or("a JSON escape is broken")
    }
}

/// Which escapes a string may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Any,
    /// Names: no `\u` for a character that could stand there itself.
    Needed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_two_readings_is_refused() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let (deepest, too_deep) = (deep(32), deep(33));
        #[rustfmt::skip]
        let cases: [(&[u8], bool); 43] = [
            (b"{}", true), (b" { \"a\" : [ 1 , 2 ] } \n", true), (b"null", true), (br#""\u00e9\ud83d\ude00\n\/""#, true),
            (b"-0.5e+10", true), (b"12345678901234567890123", true), (br#"{"a":1,"A":2}"#, true), (br#"{"\u00e9":1}"#, true),
            (br#"{"a\"b":1}"#, true), (deepest.as_bytes(), true), (too_deep.as_bytes(), false),
            (b"", false), (b" ", false), (b"{", false), (b"{}{}", false), (b"{}x", false), (b"\xef\xbb\xbf{}", false),
            (br#"{"a":1,}"#, false), (br#"{"a" 1}"#, false), (br#"{a:1}"#, false), (b"[1,]", false), (b"[1 2]", false), (b"[", false),
            (b"01", false), (b"+1", false), (b"1.", false), (b".5", false), (b"1e", false), (b"-", false), (b"NaN", false),
            (b"tru", false), (b"nul", false), (b"truee", false),
            (br#"{"a":1,"a":2}"#, false), (br#"{"x":[{"a":1,"b":2,"a":3}]}"#, false), (br#"{"\u0061":1}"#, false),
            (br#""\ud800""#, false), (br#""\udc00\ud800""#, false), (br#""\u+123""#, false), (br#""\u0000""#, false),
            (br#""\x""#, false), (b"\"a\nb\"", false), (b"\"\xff\"", false),
        ];
        for (body, expected) in cases {
            assert_eq!(parse(body).is_ok(), expected, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn texts_are_kept() {
        let item = parse(br#"{ "a": {"n": 1.50e0, "s": "\u0041"} }"#).unwrap();
        let inner = &item.members().unwrap()[0].1;
        assert_eq!(inner.raw, r#"{"n": 1.50e0, "s": "\u0041"}"#);
        assert_eq!(inner.members().unwrap()[1].1.text(), Some("A"));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_read_is_json(body in prop::collection::vec(prop::sample::select(
            b"{}[]:,\"\\u0aedtrufalsn19.-+ \xc3\xa9\x00".to_vec()), 0..24)
        ) {
            if parse(&body).is_ok() {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok());
            }
        }
    }
}
