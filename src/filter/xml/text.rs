//! What text and attribute values of XML say (XML 1.0 sections 2.4, 2.7, 2.11 and 3.3.3).
//!
//! Everything here was read by [`scan`] before, and is well-formed.

use super::scan::{self, Token, inside_of_data, slice};
use memchr::{memchr, memchr3};
use std::borrow::Cow;

/// What the inside of an element without elements says: references resolved, CDATA taken, comments and
/// instructions left out, ends of lines one LF.
pub(super) fn meaning(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr3(b'&', b'<', b'\r', raw) else { return Cow::Borrowed(raw) };
    let mut out = slice(raw, 0, first).to_vec();
    let mut at = first;
    while let Some(byte) = raw.get(at) {
        at = match byte {
            b'&' => push_reference(raw, at, &mut out),
            b'<' => match scan::token(raw, at) {
                Ok((Token::Data, end)) => {
                    push_lines(inside_of_data(slice(raw, at, end)), &mut out);
                    end
                }
                Ok((_, end)) => end,
                Err(_) => break,
            },
            _ => {
                let rest = raw.get(at..).unwrap_or_default();
                let text =
                    rest.get(..memchr3(b'&', b'<', b'<', rest).unwrap_or(rest.len())).unwrap_or_default();
                push_lines(text, &mut out);
                at + text.len()
            }
        };
    }
    Cow::Owned(out)
}

/// What an attribute's value, given in its quotes, says: references resolved, white space blanks.
pub(super) fn attribute_meaning(quoted: &[u8]) -> Cow<'_, [u8]> {
    let raw = slice(quoted, 1, quoted.len().saturating_sub(1));
    let is_special = |byte: &u8| matches!(byte, b'&' | b'\r' | b'\n' | b'\t');
    let Some(first) = raw.iter().position(is_special) else { return Cow::Borrowed(raw) };
    let mut out = slice(raw, 0, first).to_vec();
    let mut at = first;
    while let Some(byte) = raw.get(at) {
        at = match (byte, raw.get(at + 1)) {
            (b'&', _) => push_reference(raw, at, &mut out),
            (b'\r', Some(b'\n')) => at + 1,
            (b'\r' | b'\n' | b'\t', _) => {
                out.push(b' ');
                at + 1
            }
            (other, _) => {
                out.push(*other);
                at + 1
            }
        };
    }
    Cow::Owned(out)
}

/// Appends the inside of an element without its comments and instructions.
pub(super) fn push_without_asides(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(length) = memchr(b'<', raw.get(at..).unwrap_or_default()) {
        let from = at + length;
        out.extend_from_slice(slice(raw, at, from));
        let end = match scan::token(raw, from) {
            Ok((Token::Aside, end)) => {
                if out.ends_with(b"]") {
                    // What stood apart must not become ]]>.
                    out.extend_from_slice(b"<!---->");
                }
                end
            }
            Ok((_, end)) => {
                out.extend_from_slice(slice(raw, from, end));
                end
            }
            Err(_) => return,
        };
        at = end;
    }
    out.extend_from_slice(raw.get(at..).unwrap_or_default());
}

/// Appends the character of the reference at `at`: where it ends.
fn push_reference(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    match scan::reference(raw, at) {
        Ok((character, end)) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            end
        }
        Err(_) => raw.len(),
    }
}

/// Appends text whose lines end in LF, CR LF or CR.
fn push_lines(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(length) = memchr(b'\r', rest) {
        out.extend_from_slice(slice(rest, 0, length));
        out.push(b'\n');
        rest = rest.get(length + 1..).unwrap_or_default();
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_what_parsers_read() {
        #[rustfmt::skip]
        let cases = [
            ("plain \u{e9} > ]]", "plain \u{e9} > ]]"), ("&lt;a&gt;&amp;amp;&quot;&apos;", "<a>&amp;\"'"),
            ("&#65;&#x1F600;&#xd;\r\n\r&#10;", "A\u{1f600}\r\n\n\n"), ("a<![CDATA[<b>&amp;\r\n]]]]><![CDATA[>]]>c", "a<b>&amp;\n]]>c"),
            ("1<!-- 2 -->3<?x 4?>5", "135"), ("<![CDATA[]]>", ""), ("\t x ", "\t x "),
        ];
        for (raw, expected) in cases {
            assert_eq!(String::from_utf8_lossy(&meaning(raw.as_bytes())), expected, "{raw:?}");
        }
        #[rustfmt::skip]
        let cases = [
            ("\"a'b\"", "a'b"), ("'a\"&lt;&#9;\t'", "a\"<\t "), ("'1\r\n2\n3\r4'", "1 2 3 4"), ("''", ""),
        ];
        for (quoted, expected) in cases {
            assert_eq!(
                String::from_utf8_lossy(&attribute_meaning(quoted.as_bytes())),
                expected,
                "{quoted:?}"
            );
        }
    }

    #[test]
    fn asides_are_left_out() {
        #[rustfmt::skip]
        let cases = [
            ("a<!-- <b> -->c", "ac"), ("<x y='1'><?p ?>z<![CDATA[<!-- -->]]></x>", "<x y='1'>z<![CDATA[<!-- -->]]></x>"),
            ("]<!--1-->]<!--2-->>", "]<!---->]<!---->>"),
        ];
        for (raw, expected) in cases {
            let mut out = Vec::new();
            push_without_asides(raw.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{raw:?}");
        }
    }
}
