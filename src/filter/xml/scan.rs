//! XML 1.0 text (fifth edition), strictly: where a tag, a text or an aside ends, or why it is none.
//!
//! Works on contiguous, valid UTF-8 and never copies. Running off the end is
//! [`Stop::Incomplete`], not an error: more may come. There is no document type, so the five
//! entities of section 4.6 are all there are. Prefixes are plain parts of names.

use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use crate::filter::{FilterError, Violation};
use memchr::memmem;
use std::collections::HashSet;
use std::ops::Range;

/// Why reading went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text so far ends inside of a unit.
    Incomplete,
    /// The answer cannot be passed on.
    Failed(FilterError),
}

/// The result of reading one thing.
pub(super) type Scan<T> = Result<T, Stop>;

/// How deep elements may nest.
pub(super) const MAX_DEPTH: usize = 64;

/// Up to here attributes are compared one by one.
const FEW: usize = 8;

const COMMENT: &[u8] = b"<!--";
const DATA: &[u8] = b"<![CDATA[";
const DATA_END: &[u8] = b"]]>";

/// What is not XML.
pub(super) const fn invalid(what: &'static str) -> Stop {
    Stop::Failed(FilterError::Invalid(Violation::Syntax, what))
}

/// What is larger than it may be.
pub(super) const fn too_large(what: &'static str) -> Stop {
    Stop::Failed(FilterError::Invalid(Violation::TooLarge, what))
}

/// A name that stands twice.
pub(super) const REPEATED: Stop =
    Stop::Failed(FilterError::Invalid(Violation::Repeated, "an element or attribute stands twice"));

/// An element inside of 64 others.
pub(super) const TOO_DEEP: Stop = too_large("nested more than 64 levels deep");

/// The byte at `at`.
#[inline]
pub(super) fn byte(text: &[u8], at: usize) -> Scan<u8> {
    text.get(at).copied().ok_or(Stop::Incomplete)
}

/// The text between two places.
#[inline]
pub(super) fn slice(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to).unwrap_or_default()
}

/// The text of a range.
#[inline]
pub(super) fn part<'t>(text: &'t [u8], range: &Range<usize>) -> &'t [u8] {
    text.get(range.clone()).unwrap_or_default()
}

/// The end of the white space at `at` (section 2.3).
#[inline]
pub(super) fn blank(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Checks that there is nothing but characters of section 2.2, in markup or out of it.
///
/// # Errors
/// For a control character, U+FFFE or U+FFFF.
pub(super) fn characters(text: &[u8]) -> Result<(), FilterError> {
    let is_control = |byte: u8| (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
    let has_control = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | is_control(*byte));
    let (chunks, rest) = text.as_chunks::<64>();
    if has_control(rest) || chunks.iter().any(|chunk| has_control(chunk)) {
        return Err(FilterError::Invalid(Violation::Syntax, "a control character"));
    }
    for at in memmem::find_iter(text, b"\xEF\xBF") {
        if let Some(0xBE | 0xBF) = text.get(at + 2) {
            return Err(FilterError::Invalid(Violation::Syntax, "a character that XML does not have"));
        }
    }
    Ok(())
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Text up to the next `<`.
    Text,
    /// A CDATA section.
    Data,
    /// A comment or processing instruction.
    Aside,
    /// `<` in front of an element's name.
    Open,
    /// `</`.
    Close,
}

/// What stands at `at`, and where it ends; of a tag only what is in front of its name.
#[inline]
pub(super) fn token(text: &[u8], at: usize) -> Scan<(Token, usize)> {
    if byte(text, at)? != b'<' {
        return Ok((Token::Text, self::text(text, at)?));
    }
    match byte(text, at + 1)? {
        b'/' => Ok((Token::Close, at + 2)),
        b'!' => declaration(text, at),
        b'?' => Ok((Token::Aside, instruction(text, at + 2)?)),
        _ => Ok((Token::Open, at + 1)),
    }
}

/// The `<` behind the text at `at` (section 2.4).
#[inline]
pub(super) fn text(text: &[u8], mut at: usize) -> Scan<usize> {
    loop {
        at += plain(text.get(at..).unwrap_or_default(), [b'<', b'&', b']']);
        match byte(text, at)? {
            b'<' => return Ok(at),
            b'&' => at = reference(text, at)?.1,
            _ if text.get(at..).unwrap_or_default().starts_with(DATA_END) => {
                return Err(invalid("]]> in text"));
            }
            _ => at += 1,
        }
    }
}

/// The comment or CDATA section at `at`, there being `<!`, and where it ends (sections 2.5, 2.7).
fn declaration(text: &[u8], at: usize) -> Scan<(Token, usize)> {
    if begins(text, at, COMMENT)? {
        let inside = at + COMMENT.len();
        let length = memmem::find(text.get(inside..).unwrap_or_default(), b"--").ok_or(Stop::Incomplete)?;
        let end = inside + length + 2;
        return match byte(text, end)? {
            b'>' => Ok((Token::Aside, end + 1)),
            _ => Err(invalid("-- inside of a comment")),
        };
    }
    if begins(text, at, DATA)? {
        let inside = at + DATA.len();
        let length =
            memmem::find(text.get(inside..).unwrap_or_default(), DATA_END).ok_or(Stop::Incomplete)?;
        return Ok((Token::Data, inside + length + DATA_END.len()));
    }
    Err(invalid("a document type, or another declaration"))
}

/// What a CDATA section holds.
pub(super) fn inside_of_data(section: &[u8]) -> &[u8] {
    section.strip_prefix(DATA).and_then(|rest| rest.strip_suffix(DATA_END)).unwrap_or_default()
}

/// Whether `expected` stands at `at`.
pub(super) fn begins(text: &[u8], at: usize, expected: &[u8]) -> Scan<bool> {
    let found = text.get(at..).unwrap_or_default();
    if found.len() < expected.len() && expected.starts_with(found) {
        return Err(Stop::Incomplete);
    }
    Ok(found.starts_with(expected))
}

/// The end of the processing instruction whose target is at `at` (section 2.6).
fn instruction(text: &[u8], at: usize) -> Scan<usize> {
    let end = name(text, at)?;
    if slice(text, at, end).eq_ignore_ascii_case(b"xml") {
        return Err(invalid("an XML declaration that is not the first thing"));
    }
    if blank(text, end) == end && !begins(text, end, b"?>")? {
        return Err(invalid("an instruction without white space behind its target"));
    }
    let length = memmem::find(text.get(end..).unwrap_or_default(), b"?>").ok_or(Stop::Incomplete)?;
    Ok(end + length + 2)
}

/// The end of the XML declaration at `at`, or `at` where there is none (section 2.8).
pub(super) fn xml_declaration(text: &[u8], at: usize) -> Scan<usize> {
    const OPENING: &[u8] = b"<?xml";
    if !begins(text, at, OPENING)? || !byte(text, at + OPENING.len())?.is_ascii_whitespace() {
        return Ok(at);
    }
    let mut end = at + OPENING.len();
    // Each may be left out but the first; none may come twice or early.
    let mut expected = &[&b"version"[..], b"encoding", b"standalone"][..];
    loop {
        let from = blank(text, end);
        if begins(text, from, b"?>")? {
            let has_version = expected.len() < 3;
            return if has_version { Ok(from + 2) } else { Err(BAD_DECLARATION) };
        }
        if from == end {
            return Err(BAD_DECLARATION);
        }
        let name_end = name(text, from)?;
        let found = slice(text, from, name_end);
        let Some(nth) = expected.iter().position(|name| *name == found) else { return Err(BAD_DECLARATION) };
        if expected.len() == 3 && nth > 0 {
            return Err(BAD_DECLARATION);
        }
        expected = expected.get(nth + 1..).unwrap_or_default();
        let value = value(text, name_end)?;
        end = value.end;
        match (found, slice(text, value.start + 1, value.end - 1)) {
            (b"version", b"1.0") | (b"standalone", b"yes" | b"no") => {}
            (b"encoding", name)
                if name.eq_ignore_ascii_case(b"UTF-8") || name.eq_ignore_ascii_case(b"US-ASCII") => {}
            (b"encoding", _) => {
                return Err(Stop::Failed(FilterError::Invalid(
                    Violation::Charset,
                    "declared not to be UTF-8",
                )));
            }
            _ => return Err(BAD_DECLARATION),
        }
    }
}

const BAD_DECLARATION: Stop = invalid("not an XML 1.0 declaration");

/// The character that the reference at `at` stands for, and where it ends (sections 4.1, 4.6).
pub(super) fn reference(text: &[u8], at: usize) -> Scan<(char, usize)> {
    const ENTITIES: [(&[u8], char); 5] =
        [(b"amp;", '&'), (b"lt;", '<'), (b"gt;", '>'), (b"quot;", '"'), (b"apos;", '\'')];
    if byte(text, at + 1)? == b'#' {
        return number(text, at + 2);
    }
    let mut may_come = false;
    for (name, character) in ENTITIES {
        match begins(text, at + 1, name) {
            Ok(true) => return Ok((character, at + 1 + name.len())),
            Ok(false) => {}
            Err(_) => may_come = true,
        }
    }
    Err(if may_come { Stop::Incomplete } else { invalid("an entity other than the five") })
}

/// The character of the reference whose number is at `at`.
fn number(text: &[u8], at: usize) -> Scan<(char, usize)> {
    let (radix, from) = if byte(text, at)? == b'x' { (16, at + 1) } else { (10, at) };
    let mut end = from;
    let mut code = 0_u32;
    while let Some(digit) = char::from(byte(text, end)?).to_digit(radix) {
        code = code.saturating_mul(radix).saturating_add(digit);
        end += 1;
    }
    let is_whole = end > from && byte(text, end)? == b';';
    match char::from_u32(code) {
        Some('\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..) if is_whole => {}
        _ => return Err(invalid("a reference to no character of XML")),
    }
    Ok((char::from_u32(code).unwrap_or_default(), end + 1))
}

/// The end of the name at `at` (section 2.3); a byte has to follow it.
#[inline]
pub(super) fn name(text: &[u8], at: usize) -> Scan<usize> {
    let mut end = at;
    loop {
        let first = byte(text, end)?;
        if first.is_ascii_alphabetic() || matches!(first, b'_' | b':') {
            end += 1;
        } else if first.is_ascii_digit() || matches!(first, b'-' | b'.') {
            if end == at {
                return Err(NOT_A_NAME);
            }
            end += 1;
        } else if first.is_ascii() {
            return if end > at { Ok(end) } else { Err(NOT_A_NAME) };
        } else {
            let character = character(text, end)?;
            if !(is_name_start(character) || end > at && is_name_more(character)) {
                return Err(NOT_A_NAME);
            }
            end += character.len_utf8();
        }
    }
}

const NOT_A_NAME: Stop = invalid("not a name where one belongs");

/// Whether a byte cannot be part of a name, nor of a character that could be.
#[inline]
pub(super) fn ends_name(byte: u8) -> bool {
    matches!(byte, b'>' | b'=' | b'/' | b' ' | b'\n' | b'\r' | b'\t')
}

/// The character at `at`, which is not ASCII.
fn character(text: &[u8], at: usize) -> Scan<char> {
    let length = match byte(text, at)? {
        0xF0.. => 4,
        0xE0.. => 3,
        _ => 2,
    };
    let bytes = text.get(at..at + length).ok_or(Stop::Incomplete)?;
    std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()).ok_or(NOT_A_NAME)
}

/// `NameStartChar` beyond ASCII.
fn is_name_start(c: char) -> bool {
    matches!(c,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// What `NameChar` adds beyond ASCII.
fn is_name_more(c: char) -> bool {
    matches!(c, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// An attribute: its name, and its value with the quotes around it.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Whether an attribute declares a namespace.
#[inline]
pub(super) fn is_namespace(name: &[u8]) -> bool {
    name.strip_prefix(b"xmlns").is_some_and(|rest| matches!(rest.first(), None | Some(b':')))
}

/// What follows in a tag.
pub(super) enum InTag {
    /// An attribute, whose name is at this place.
    Attribute(usize),
    /// The tag ends here; whether it is that of an empty element.
    End(usize, bool),
}

/// What follows at `at` in a tag, behind its name or an attribute (section 3.1).
#[inline]
pub(super) fn in_tag(text: &[u8], at: usize) -> Scan<InTag> {
    let next = blank(text, at);
    match byte(text, next)? {
        b'>' => Ok(InTag::End(next + 1, false)),
        b'/' if byte(text, next + 1)? == b'>' => Ok(InTag::End(next + 2, true)),
        _ if next == at => Err(invalid("no white space between name and attributes")),
        _ => Ok(InTag::Attribute(next)),
    }
}

/// The value, in its quotes, of the attribute whose name ends at `at`.
#[inline]
pub(super) fn value(text: &[u8], at: usize) -> Scan<Range<usize>> {
    let equals = blank(text, at);
    if byte(text, equals)? != b'=' {
        return Err(invalid("an attribute without a value"));
    }
    let from = blank(text, equals + 1);
    let quote = byte(text, from)?;
    if !matches!(quote, b'"' | b'\'') {
        return Err(invalid("an attribute's value without quotes"));
    }
    let mut at = from + 1;
    loop {
        at += plain(text.get(at..).unwrap_or_default(), [quote, b'<', b'&']);
        match byte(text, at)? {
            b'<' => return Err(invalid("< in an attribute")),
            b'&' => at = reference(text, at)?.1,
            _ => return Ok(from..at + 1),
        }
    }
}

/// Reads the attributes behind a tag's name: where the tag ends, and whether the element is empty.
pub(super) fn attributes(text: &[u8], mut at: usize, found: &mut Vec<Attribute>) -> Scan<(usize, bool)> {
    found.clear();
    loop {
        match in_tag(text, at)? {
            InTag::End(end, is_empty) => {
                return if are_distinct(text, found) { Ok((end, is_empty)) } else { Err(REPEATED) };
            }
            InTag::Attribute(from) => {
                if found.len() >= MAX_CELLS {
                    return Err(Stop::Failed(TOO_MANY));
                }
                let name = from..name(text, from)?;
                let value = value(text, name.end)?;
                at = value.end;
                found.push(Attribute { name, value });
            }
        }
    }
}

fn are_distinct(text: &[u8], attributes: &[Attribute]) -> bool {
    if attributes.len() <= FEW {
        let name = |attribute: &Attribute| slice(text, attribute.name.start, attribute.name.end);
        return attributes.iter().enumerate().all(|(nth, attribute)| {
            attributes.iter().skip(nth + 1).all(|other| name(other) != name(attribute))
        });
    }
    let mut names = HashSet::with_capacity(attributes.len());
    attributes.iter().all(|attribute| names.insert(part(text, &attribute.name)))
}

/// The end of the closing tag of `expected`, whose name is at `at`.
#[inline]
pub(super) fn closing(text: &[u8], at: usize, expected: &[u8]) -> Scan<usize> {
    if !begins(text, at, expected)? {
        return Err(invalid("a closing tag of another element"));
    }
    let end = blank(text, at + expected.len());
    match byte(text, end)? {
        b'>' => Ok(end + 1),
        _ => Err(invalid("a closing tag of another element")),
    }
}

/// How many bytes come before the first of these.
///
/// Eight at a time: a byte's top bit in a word of [`stops`] says that it is one of them.
#[inline]
fn plain(text: &[u8], ends: [u8; 3]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let found = stops(u64::from_le_bytes(*word), ends);
        if found != 0 {
            return length + found.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + rest.iter().position(|byte| ends.contains(byte)).unwrap_or(rest.len())
}

/// The top bit of each byte that is one of `ends`; bits above the lowest one may be wrong.
#[inline]
const fn stops(word: u64, ends: [u8; 3]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES * 0x80;
    let [a, b, c] = ends;
    let (a, b, c) = (word ^ (ONES * a as u64), word ^ (ONES * b as u64), word ^ (ONES * c as u64));
    let zero_in_a = a.wrapping_sub(ONES) & !a;
    let zero_in_b = b.wrapping_sub(ONES) & !b;
    let zero_in_c = c.wrapping_sub(ONES) & !c;
    (zero_in_a | zero_in_b | zero_in_c) & TOPS
}
