//! `[reports.NAME.response]`: how the backend's answers are read, and how they leave.
//!
//! Keys that have no meaning for a format are refused, so that nobody relies on one. `json` and `xml` read what
//! an answer of that format is, `rules` whose rows may leave and in which form, `headers` which headers pass.

mod headers;
mod json;
mod places;
mod rules;
mod xml;

use super::{Fields, Item, Reader, keys};
use crate::config::problem::{Mark, Marked};
use crate::domain::column::Catalogue;
use crate::domain::dialect::{
    CsvDialect, Documents, JsonDialect, OutputFormat, ResponseDialect, ResponseFormat,
};
use crate::domain::pointer::Pointer;
use http::HeaderName;

/// How answers are read, which headers pass, and the places of what must be held against the request.
pub(super) struct Answers {
    pub(super) dialect: ResponseDialect,
    /// What clients may ask for; at least one.
    pub(super) output: Box<[OutputFormat]>,
    /// Where the parameter of each cursor of the dialect stands.
    pub(super) cursors: Vec<Mark>,
    /// Where `links` stand, when there are some.
    pub(super) links: Option<Mark>,
    pub(super) scope_column: Option<Mark>,
    pub(super) total_rows: Option<Mark>,
    pub(super) pass_request: Vec<Marked<HeaderName>>,
    pub(super) pass_response: Box<[HeaderName]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Ndjson,
    Csv,
    Xml,
    Opaque,
}

/// Keys that are for some formats only, which, and why they are refused elsewhere.
type Limited = (&'static [&'static str], &'static [Format], &'static str);

#[rustfmt::skip]
const LIMITED: [Limited; 4] = [
    (&["rows", "also", "keep", "success"], &[Format::Json, Format::Ndjson, Format::Xml],
        "is for json, ndjson and xml answers only"),
    (&["rows_optional", "row", "header", "name_key", "value_key", "columns_arrays", "cursors", "links"], &[Format::Json, Format::Ndjson],
        "is for json and ndjson answers only"),
    (&["delimiter"], &[Format::Csv], "is for csv answers only"),
    (&["scope_column", "on_foreign_row", "total_rows"], &[Format::Json, Format::Ndjson, Format::Csv, Format::Xml],
        "is not for opaque answers, whose rows nobody reads"),
];

/// Reads how answers are read; a report that does not say gets JSON rows at the root.
pub(super) fn read(reader: &mut Reader<'_>, report: &Fields<'_>, catalogue: &Catalogue) -> Answers {
    let Some(fields) = report.read("response", |item| reader.fields(item, &keys::RESPONSE)) else {
        rules::check_names(reader, report, catalogue, true, None);
        let dialect = JsonDialect::new(Pointer::default());
        return Answers {
            dialect: ResponseDialect::new(ResponseFormat::Json(dialect)),
            output: [OutputFormat::Json].into(),
            cursors: Vec::new(),
            links: None,
            scope_column: None,
            total_rows: None,
            pass_request: Vec::new(),
            pass_response: [].into(),
        };
    };
    let (said, known) = reader.sound(|reader| fields.read("format", |item| format(reader, item)));
    let format = said.unwrap_or(Format::Json);
    // Of a format that could not be read nobody knows what belongs to it.
    for (keys, _, reason) in LIMITED.iter().filter(|(_, formats, _)| known && !formats.contains(&format)) {
        fields.refuse(reader, keys, reason);
    }
    let (form, marks) = response_format(reader, &fields, format);
    let rows = rules::rows(reader, &fields, catalogue);
    let steps_inside = matches!(format, Format::Json | Format::Ndjson | Format::Xml);
    let scope = fields.get("scope_column").map(|item| reader.at(item)).zip(rows.scope_column.as_deref());
    rules::check_names(reader, report, catalogue, steps_inside, scope);
    rules::check_scope_name(reader, catalogue, scope);
    if format == Format::Xml {
        xml::check_responses(reader, report, catalogue, scope);
    }
    let own = form.own_output();
    let (output, outputs_known) = reader.sound(|reader| rules::outputs(reader, &fields, own));
    if output.contains(&OutputFormat::Xml) {
        xml::check_names(reader, report, catalogue);
    }
    let rules = rules::output(reader, &fields, &form);
    if known && outputs_known {
        rules::refuse_unseen(reader, &fields, own, &output, rules.shape);
    }
    let (pass_request, pass_response) = headers::read(reader, &fields);
    let place = |key| fields.get(key).map(|item| reader.at(item));
    Answers {
        scope_column: place("scope_column").filter(|_| rows.scope_column.is_some()),
        total_rows: place("total_rows").filter(|_| rows.total_rows.is_some()),
        links: marks.links,
        cursors: marks.cursors,
        dialect: ResponseDialect {
            rows,
            output: rules,
            decoding: rules::decoding(reader, &fields),
            compress: rules::compress(reader, &fields),
            ..ResponseDialect::new(form)
        },
        output,
        pass_request,
        pass_response,
    }
}

fn format(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Format> {
    let words = [
        ("json", Format::Json),
        ("ndjson", Format::Ndjson),
        ("csv", Format::Csv),
        ("xml", Format::Xml),
        ("opaque", Format::Opaque),
    ];
    reader.choice(item, &words)
}

fn response_format(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    format: Format,
) -> (ResponseFormat, json::Marks) {
    let form = match format {
        Format::Json | Format::Ndjson => {
            let documents = if format == Format::Json { Documents::One } else { Documents::Many };
            let (dialect, marks) = json::read(reader, fields, documents);
            return (ResponseFormat::Json(dialect), marks);
        }
        Format::Csv => ResponseFormat::Csv(CsvDialect { delimiter: delimiter(reader, fields) }),
        Format::Xml => ResponseFormat::Xml(xml::read(reader, fields)),
        Format::Opaque => {
            if let Some(item) = fields.get("format") {
                let at = reader.at(item);
                reader
                    .problems
                    .warning(at, "opaque answers are relayed unfiltered: columns are not enforced");
            }
            ResponseFormat::Opaque
        }
    };
    (form, json::Marks::default())
}

fn delimiter(reader: &mut Reader<'_>, fields: &Fields<'_>) -> u8 {
    let words = [(",", b','), ("\t", b'\t'), ("|", b'|'), (";", b';')];
    fields.read("delimiter", |item| reader.choice(item, &words)).unwrap_or(b',')
}
