//! What the targets of the filter share: the view, and what holds for every answer.
//!
//! An input is a few choices (form, output, kind of body, where it is cut) and then either
//! a body as it is or the choices by which a body is built, whose hidden cells and names all
//! hold [`HIDDEN`].

#![allow(dead_code, reason = "no target uses all of it")]

mod choices;
#[path = "../../it/harness/cutter.rs"]
mod cutter;

pub(crate) use choices::Choices;
pub(crate) use cutter::Cutter;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use reportgate::domain::dialect::OutputFormat;
use serde::de::IgnoredAny;

/// Stands in every hidden cell and name; must not leave.
pub(crate) const HIDDEN: &str = "h1dd3n";

/// The columns of the view: names and the backend's.
pub(crate) const VIEW: [(&str, &str); 3] = [("a", "a"), ("b", "B"), ("c", "s.c")];

/// Bodies up to this length also come byte by byte.
const BYTE_BY_BYTE: usize = 2048;

/// Cuts a body whole and in pieces, and checks what left; the output of a success.
pub(crate) fn check(
    cutter: &Cutter,
    output: OutputFormat,
    body: &[u8],
    cut: usize,
    built: bool,
) -> Option<Vec<u8>> {
    let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut out = Vec::new();
        let ended = cutter.cut_into(pieces, &mut out);
        if built {
            // Also what left before a failure.
            assert!(
                !contains(&out, HIDDEN.as_bytes()),
                "hidden: {}\nof: {}",
                out.escape_ascii(),
                body.escape_ascii()
            );
        }
        ended.is_ok().then_some(out)
    };
    let whole = run(&mut std::iter::once(body));
    let (head, tail) = body.split_at(body.len() * cut / 256);
    assert_eq!(run(&mut [head, tail].into_iter()), whole, "cut at {}: {}", head.len(), body.escape_ascii());
    if body.len() <= BYTE_BY_BYTE {
        assert_eq!(run(&mut body.chunks(1)), whole, "byte by byte: {}", body.escape_ascii());
    }
    let out = whole?;
    let sound = match output {
        OutputFormat::Json => is_json(&out),
        OutputFormat::Ndjson => out.split_inclusive(|byte| *byte == b'\n').all(is_json),
        OutputFormat::Csv => is_csv(&out, b','),
        OutputFormat::Xml => is_xml(&out),
        OutputFormat::Opaque => true,
    };
    assert!(sound, "unsound: {}\nof: {}", out.escape_ascii(), body.escape_ascii());
    Some(out)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Whether it is one JSON text (RFC 8259), with any number and any escape.
pub(crate) fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Whether it is JSON texts one behind the other.
pub(crate) fn are_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|document| document.is_ok())
    })
}

/// Whether it is CSV whose every record is as long as the view.
pub(crate) fn is_csv(text: &[u8], delimiter: u8) -> bool {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text);
    reader.records().all(|record| record.is_ok_and(|record| record.len() == VIEW.len()))
}

/// Whether it is one XML element whose tags match, with sound attributes and references.
pub(crate) fn is_xml(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut depth, mut roots) = (0_usize, 0_usize);
    let attributes = |tag: &BytesStart<'_>| {
        tag.attributes().all(|attribute| attribute.is_ok_and(|attribute| attribute.unescape_value().is_ok()))
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                roots += usize::from(depth == 0);
                depth += 1;
                if !attributes(&tag) {
                    return false;
                }
            }
            Ok(Event::Empty(tag)) => {
                roots += usize::from(depth == 0);
                if !attributes(&tag) {
                    return false;
                }
            }
            Ok(Event::End(_)) => depth -= 1,
            Ok(Event::Text(text)) if depth == 0 && !text.iter().all(u8::is_ascii_whitespace) => return false,
            Ok(Event::Eof) => return depth == 0 && roots == 1,
            Ok(Event::DocType(_)) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// The body without a byte order mark.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}
