//! Whose rows may leave, in which formats and forms, and how far an answer is decoded.

use super::super::report::find_column;
use super::super::{Fields, Reader, keys};
use super::places::scalar;
use crate::config::problem::Mark;
use crate::config::secret::quoted;
use crate::domain::column::{Catalogue, Column};
use crate::domain::dialect::{
    ContentCoding, CsvHeader, DecodingLimits, OnForeignRow, OutputFormat, OutputRules, ResponseFormat,
    RowRules, Shape, TotalRows,
};

/// Reads whose rows may leave.
pub(super) fn rows(reader: &mut Reader<'_>, fields: &Fields<'_>, catalogue: &Catalogue) -> RowRules {
    let scope_column = fields.read("scope_column", |item| reader.filled(item)).map(Box::<str>::from);
    let words = [("refuse", OnForeignRow::Refuse), ("drop", OnForeignRow::Drop)];
    let said = fields.read("on_foreign_row", |item| reader.choice(item, &words));
    if fields.get("scope_column").is_none() && !fields.misspells("scope_column") {
        fields.refuse(reader, &["on_foreign_row"], "needs `scope_column`, which tells whose a row is");
    }
    if said == Some(OnForeignRow::Drop) {
        let reason = "does not go with on_foreign_row = \"drop\": it could sum up the rows that are dropped";
        fields.refuse(reader, &["also", "keep"], reason);
    }
    let total_rows = fields.read("total_rows", |item| {
        let fields = reader.fields(item, &keys::TOTAL_ROWS)?;
        let column = fields.required(reader, "column").and_then(|item| find_column(reader, item, catalogue));
        let equals = fields.required(reader, "equals").and_then(|item| scalar(reader, item));
        Some(TotalRows { column: column?, equals: equals? })
    });
    RowRules { scope_column, on_foreign_row: said.unwrap_or_default(), total_rows }
}

/// Warns of a scope column that is named as a column is elsewhere, but not in answers.
pub(super) fn check_scope_name(reader: &mut Reader<'_>, catalogue: &Catalogue, scope: Option<(Mark, &str)>) {
    let Some((at, scope)) = scope else { return };
    if catalogue.iter().any(|(_, column)| *column.response == *scope) {
        return;
    }
    let called = |column: &Column| column.name.as_str() == scope || *column.request == *scope;
    if let Some((_, column)) = catalogue.iter().find(|(_, column)| called(column)) {
        let (name, response) = (&column.name, quoted(&column.response));
        let message =
            format!("is looked for in answers, which call the column `{name}` {response} (its `response`)");
        reader.problems.warning(at, message);
    }
}

/// Reads what clients may ask for; what the backend sends, unless the report says otherwise.
pub(super) fn outputs(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    own: OutputFormat,
) -> Box<[OutputFormat]> {
    let Some(item) = fields.get("output") else { return [own].into() };
    // The gate can make these of every answer that it reads.
    let mut formats = vec![OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Csv];
    if own == OutputFormat::Opaque {
        formats.clear();
    }
    if !formats.contains(&own) {
        formats.push(own);
    }
    let words: Vec<_> = formats.iter().map(|format| (format.as_str(), format.as_str())).collect();
    let read = reader.entries(item, |reader, item| match item.get_ref().as_str() {
        Some("json" | "ndjson" | "csv" | "xml") if own == OutputFormat::Opaque => {
            reader.error(item, "opaque answers cannot leave in another format");
            None
        }
        Some(word @ ("xml" | "opaque")) if word != own.as_str() => {
            reader.error(item, format!("only answers that come as {word} can leave as {word}"));
            None
        }
        Some(_) | None => reader.choice(item, &words),
    });
    if item.get_ref().as_array().is_some_and(|items| items.is_empty()) {
        reader.error(item, "names no format");
    }
    let of = |word: &str| formats.iter().copied().find(|format| format.as_str() == word);
    let named: Box<[_]> = read.unwrap_or_default().iter().filter_map(|word| of(word.value)).collect();
    if named.is_empty() { [own].into() } else { named }
}

/// Reads in which form rows leave.
pub(super) fn output(reader: &mut Reader<'_>, fields: &Fields<'_>, format: &ResponseFormat) -> OutputRules {
    let words = [("same", Shape::Same), ("objects", Shape::Objects), ("bare", Shape::Bare)];
    let shape = fields.read("shape", |item| reader.choice(item, &words)).unwrap_or_default();
    let is_json = matches!(format, ResponseFormat::Json(_));
    if let Some(item) = fields.get("shape").filter(|_| !is_json && shape != Shape::Same) {
        reader.error(item, "anything other than \"same\" is for json and ndjson answers only");
    }
    let words = [("name", CsvHeader::Name), ("title", CsvHeader::Title)];
    let csv_header = fields.read("csv_header", |item| reader.choice(item, &words)).unwrap_or_default();
    let csv_safe = fields.read("csv_safe", |item| reader.boolean(item)).unwrap_or(false);
    OutputRules { shape, csv_header, csv_safe }
}

/// Refuses what could never leave in the report's formats and shape.
pub(super) fn refuse_unseen(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    own: OutputFormat,
    output: &[OutputFormat],
    shape: Shape,
) {
    if !output.contains(&OutputFormat::Csv) {
        fields.refuse(reader, &["csv_safe", "csv_header"], "is about csv, which is not in `output`");
    }
    // What other formats do not have is refused already.
    let beside_rows: &[&str] = match own {
        OutputFormat::Json | OutputFormat::Ndjson => &["also", "keep", "columns_arrays", "cursors", "links"],
        OutputFormat::Xml => &["also", "keep"],
        OutputFormat::Csv | OutputFormat::Opaque => return,
    };
    if shape == Shape::Bare && own != OutputFormat::Xml {
        fields.refuse(reader, beside_rows, "could never leave: with shape = \"bare\" there are only rows");
    } else if !output.contains(&own) {
        let own = own.as_str();
        let reason = format!("could never leave: it leaves as {own} only, which is not in `output`");
        fields.refuse(reader, beside_rows, &reason);
    }
}

/// Reads how far a compressed answer is decoded.
pub(super) fn decoding(reader: &mut Reader<'_>, fields: &Fields<'_>) -> DecodingLimits {
    let default = DecodingLimits::default();
    let tebibyte = usize::try_from(1_u64 << 40).unwrap_or(usize::MAX);
    let bytes = fields.read("max_decoded_bytes", |item| reader.size(item, 1..=tebibyte));
    let ratio = fields.read("max_ratio", |item| reader.count(item, 1..=1_000_000));
    DecodingLimits {
        max_bytes: bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(default.max_bytes),
        max_ratio: ratio.and_then(|ratio| ratio.try_into().ok()).unwrap_or(default.max_ratio),
    }
}

/// Reads what answers may be compressed with towards clients.
pub(super) fn compress(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Box<[ContentCoding]> {
    const CODINGS: [ContentCoding; 3] = [ContentCoding::Gzip, ContentCoding::Brotli, ContentCoding::Zstd];
    let words = CODINGS.map(|coding| (coding.as_str(), coding.as_str()));
    let read =
        fields.read("compress", |item| reader.entries(item, |reader, item| reader.choice(item, &words)));
    let named = read.unwrap_or_default().into_iter();
    named.filter_map(|word| CODINGS.into_iter().find(|coding| coding.as_str() == word.value)).collect()
}

/// Refuses columns whose names in answers are the same, or, where dots step inside, one inside the other; the scope
/// column may be one of them, but no part of one.
pub(super) fn check_names(
    reader: &mut Reader<'_>,
    report: &Fields<'_>,
    catalogue: &Catalogue,
    dots_step_inside: bool,
    scope: Option<(Mark, &str)>,
) {
    let parts = |name: &str| -> Vec<Box<str>> {
        if dots_step_inside { name.split('.').map(Into::into).collect() } else { [name.into()].into() }
    };
    let mut names: Vec<_> =
        catalogue.iter().map(|(_, column)| (parts(&column.response), column.name.as_str())).collect();
    names.sort();
    let columns = report.get("columns").and_then(|item| item.get_ref().as_table());
    for pair in names.windows(2) {
        let [(outer, a), (inner, b)] = pair else { continue };
        if inner.starts_with(outer) {
            let key = columns.and_then(|columns| columns.get_key_value(*b));
            let at = key.map_or(report.at, |(key, _)| reader.mark(&key.span()));
            let message =
                format!("columns `{a}` and `{b}` have the same `response`, or one inside the other's");
            reader.problems.error(at, message);
        }
    }
    let Some((at, scope)) = scope else { return };
    let own = parts(scope);
    let clashes = |name: &Vec<Box<str>>| *name != own && (name.starts_with(&own) || own.starts_with(name));
    if let Some((_, column)) = names.iter().find(|(name, _)| clashes(name)) {
        let message = format!("this and the `response` of column `{column}` stand one inside the other");
        reader.problems.error(at, message);
    }
}
