//! What JSON strings mean (RFC 8259 section 7).

use std::borrow::Cow;

/// What the inside of a valid string means; `None` when half of a surrogate pair stands alone.
pub(super) fn unescaped(inside: &[u8]) -> Option<Cow<'_, [u8]>> {
    read(inside, None)
}

/// What the inside of a valid string means, half of a surrogate pair being U+FFFD.
pub(super) fn unescaped_lossy(inside: &[u8]) -> Cow<'_, [u8]> {
    read(inside, Some(char::REPLACEMENT_CHARACTER)).unwrap_or_default()
}

/// The text of a JSON value that is a string.
pub(super) fn inside_of_string(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

fn read(inside: &[u8], instead_of_half: Option<char>) -> Option<Cow<'_, [u8]>> {
    let Some(first) = memchr::memchr(b'\\', inside) else { return Some(Cow::Borrowed(inside)) };
    let (plain, mut rest) = inside.split_at_checked(first)?;
    let mut out = plain.to_vec();
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'\\' {
            out.push(*byte);
            rest = after;
            continue;
        }
        let (kind, after) = after.split_first()?;
        rest = after;
        out.push(match kind {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (unit, after) = code_unit(rest)?;
                let (character, after) = match character(unit, after) {
                    Some(found) => found,
                    None => (instead_of_half?, after),
                };
                rest = after;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => *other,
        });
    }
    Some(Cow::Owned(out))
}

/// The character of a code unit and, where it is the first half of a pair, of the escape behind it.
fn character(unit: u16, behind: &[u8]) -> Option<(char, &[u8])> {
    if !(0xD800..0xE000).contains(&unit) {
        return Some((char::from_u32(u32::from(unit))?, behind));
    }
    let (low, behind) = code_unit(behind.strip_prefix(b"\\u")?)?;
    let character = char::decode_utf16([unit, low]).next()?.ok()?;
    Some((character, behind))
}

/// The four hexadecimal digits in front, and what follows.
fn code_unit(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("plain \u{e9}", Some("plain \u{e9}"), "plain \u{e9}"),
            (r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t"), "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\uD83D\ude00!", Some("A\u{e9}\u{1f600}!"), "A\u{e9}\u{1f600}!"),
            (r"a\ud83dz", None, "a\u{fffd}z"), (r"\ude00", None, "\u{fffd}"),
            (r"\ud83d\u0041", None, "\u{fffd}A"), (r"\ud83d\ud83d\ude00", None, "\u{fffd}\u{1f600}"),
        ];
        for (inside, strict, lossy) in cases {
            assert_eq!(unescaped(inside.as_bytes()).as_deref(), strict.map(str::as_bytes), "{inside}");
            assert_eq!(&*unescaped_lossy(inside.as_bytes()), lossy.as_bytes(), "{inside}");
        }
    }
}
