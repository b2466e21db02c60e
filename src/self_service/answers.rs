//! What answers look like, as far as a schema can say it: the granted columns in every format that can be asked for.

use super::granted::{GrantedReport, title};
use super::schema::{Members, Schema};
use crate::domain::column::Column;
use crate::domain::dialect::{
    CsvDialect, CsvHeader, Documents, JsonDialect, OutputFormat, ResponseFormat, RowForm, Shape,
};
use crate::domain::pointer::Pointer;
use std::collections::HashSet;

/// The body of a success in that format: its media type and what it holds. `row` is where the document describes a row.
pub(super) fn content(
    granted: &GrantedReport<'_>,
    output: OutputFormat,
    row: &str,
) -> (&'static str, Schema) {
    let response = &granted.report.response;
    let by_tabs = matches!(response.format, ResponseFormat::Csv(CsvDialect { delimiter: b'\t' }));
    let media_type = match output {
        OutputFormat::Csv if by_tabs => "text/tab-separated-values",
        OutputFormat::Csv
        | OutputFormat::Json
        | OutputFormat::Ndjson
        | OutputFormat::Xml
        | OutputFormat::Opaque => output.media_type().unwrap_or("*/*"),
    };
    let text = |description: String| Schema { description: Some(description), ..Schema::of("string") };
    let schema = match output {
        OutputFormat::Json => json(granted, row),
        OutputFormat::Ndjson => text("a JSON value a line".to_owned()),
        OutputFormat::Csv => {
            let called = granted.columns.iter().map(|column| match response.output.csv_header {
                CsvHeader::Name => column.name.as_str(),
                CsvHeader::Title => title(column),
            });
            text(format!("a header line, then a line a row: {}", called.collect::<Vec<_>>().join(", ")))
        }
        OutputFormat::Xml => text("an element a row".to_owned()),
        OutputFormat::Opaque => Schema::default(),
    };
    (media_type, schema)
}

/// An object that holds the granted columns that a row has.
pub(super) fn row(granted: &GrantedReport<'_>) -> Schema {
    let described = |column: &&Column| {
        let schema = Schema { title: Some(title(column).to_owned()), ..Schema::default() };
        (column.name.as_str().to_owned(), schema)
    };
    let mut members: Vec<_> = granted.columns.iter().map(described).collect();
    // A column whose name has dots may stand as deep as they say.
    let mut seen: HashSet<&str> = granted.columns.iter().map(|column| column.name.as_str()).collect();
    let outer = granted.columns.iter().filter_map(|column| Some(column.name.as_str().split_once('.')?.0));
    members
        .extend(outer.filter(|outer| seen.insert(outer)).map(|outer| (outer.to_owned(), Schema::default())));
    Schema::closed(Members(members), Vec::new())
}

fn json(granted: &GrantedReport<'_>, row: &str) -> Schema {
    let rows = || Schema::array(Schema::reference(row.to_owned()));
    let response = &granted.report.response;
    let ResponseFormat::Json(JsonDialect { documents: Documents::One, rows: Some(at), row: form, .. }) =
        &response.format
    else {
        return rows();
    };
    match (response.output.shape, form) {
        (Shape::Bare, _) => rows(),
        (Shape::Same, RowForm::Object)
        | (Shape::Objects, RowForm::Object | RowForm::Array { .. } | RowForm::Pairs { .. }) => {
            enveloped(at, rows())
        }
        (Shape::Objects, RowForm::ArrayAfterHeader) => enveloped(at, Schema::array(Schema::default())),
        (Shape::Same, RowForm::Array { .. } | RowForm::ArrayAfterHeader) => {
            enveloped(at, Schema::array(Schema::array(Schema::default())))
        }
        (Shape::Same, RowForm::Pairs { name_key, value_key }) => {
            let names = granted.columns.iter().map(|column| column.name.as_str());
            let members = [
                (name_key.to_string(), Schema::one_of_texts(names)),
                (value_key.to_string(), Schema::default()),
            ];
            let pair = Schema::closed(members.into_iter().collect(), vec![name_key.to_string()]);
            enveloped(at, Schema::array(Schema::array(pair)))
        }
    }
}

/// What stands at a pointer inside of objects.
fn enveloped(at: &Pointer, rows: Schema) -> Schema {
    // An array around the rows has no members to name.
    if at.tokens().any(|token| token.bytes().all(|b| b.is_ascii_digit())) {
        return Schema::default();
    }
    let tokens: Vec<_> = at.tokens().collect();
    tokens.into_iter().rev().fold(rows, |inner, name| {
        Schema::object([(name, inner)].into_iter().collect(), vec![name.to_owned()])
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, json_text, of};
    use super::*;
    use crate::decide::fixture::{self, at};
    use crate::domain::column::Catalogue;
    use crate::domain::dialect::ResponseDialect;
    use crate::domain::names::ColumnName;
    use serde_json::{Value, json};

    #[test]
    fn answers_are_described_as_they_leave() {
        use OutputFormat::{Csv, Json, Ndjson, Opaque, Xml};
        let rows = json!({ "type": "array", "items": { "$ref": "#row" } });
        let in_object =
            |inner: Value| json!({ "type": "object", "properties": { "rows": inner }, "required": ["rows"] });
        let json_of =
            |row: RowForm| ResponseFormat::Json(JsonDialect { row, ..JsonDialect::new(at("/rows")) });
        let root = || ResponseFormat::Json(JsonDialect::new(at("")));
        let many = || {
            ResponseFormat::Json(JsonDialect {
                documents: Documents::Many,
                rows: None,
                ..JsonDialect::new(at(""))
            })
        };
        let text = |text: &str| json!({ "type": "string", "description": text });
        let array = || RowForm::Array { header: at("/names") };
        let pairs = || RowForm::Pairs { name_key: "n".into(), value_key: "v".into() };
        let line = "a header line, then a line a row: lead_id, country, code, commission";
        let untyped = json!({ "type": "array", "items": { "type": "array", "items": {} } });
        let tabs = ResponseFormat::Csv(CsvDialect { delimiter: b'\t' });
        let pair = json!({ "type": "object", "properties": { "n": { "type": "string", "enum": ["lead_id", "country", "code", "commission"] }, "v": {} }, "required": ["n"], "additionalProperties": false });
        #[rustfmt::skip]
    let cases = [
        (json_of(RowForm::Object), Shape::Same, Json, "application/json", in_object(rows.clone())),
        (json_of(RowForm::Object), Shape::Objects, Json, "application/json", in_object(rows.clone())),
        (json_of(RowForm::Object), Shape::Bare, Json, "application/json", rows.clone()),
        (root(), Shape::Same, Json, "application/json", rows.clone()),
        (json_of(array()), Shape::Same, Json, "application/json", in_object(untyped.clone())),
        (json_of(array()), Shape::Objects, Json, "application/json", in_object(rows.clone())),
        (json_of(RowForm::ArrayAfterHeader), Shape::Same, Json, "application/json", in_object(untyped)),
        (json_of(pairs()), Shape::Same, Json, "application/json", in_object(json!({ "type": "array", "items": { "type": "array", "items": pair } }))),
        (ResponseFormat::Json(JsonDialect::new(at("/results/0/rows"))), Shape::Same, Json, "application/json", json!({})),
        (many(), Shape::Same, Ndjson, "application/x-ndjson", text("a JSON value a line")),
        (many(), Shape::Same, Json, "application/json", rows.clone()),
        (json_of(RowForm::Object), Shape::Same, Csv, "text/csv", text(line)),
        (tabs.clone(), Shape::Same, Csv, "text/tab-separated-values", text(line)),
        (tabs, Shape::Same, Json, "application/json", rows),
        (json_of(RowForm::Object), Shape::Same, Xml, "application/xml", text("an element a row")),
        (ResponseFormat::Opaque, Shape::Same, Opaque, "*/*", json!({})),
    ];
        for (format, shape, output, media_type, expected) in cases {
            let policy = changed(|report| {
                report.response = ResponseDialect::new(format.clone());
                report.response.output.shape = shape;
            });
            let own = of(&policy, "acme").unwrap();
            let (found, schema) = content(&own, output, "#row");
            assert_eq!(
                (found, json_text(&schema)),
                (media_type, expected),
                "{format:?} {shape:?} {output:?}"
            );
        }
    }

    #[test]
    fn a_column_with_dots_may_stand_deep() {
        let mut report = fixture::report();
        let column = |name: &str| Column {
            name: ColumnName::parse(name).unwrap(),
            title: None,
            request: name.into(),
            response: name.into(),
            group: None,
        };
        report.catalogue = Catalogue::new(vec![column("Stat.a"), column("Stat.b"), column("c"), column("d")]);
        let policy = fixture::policy_of(report);
        let own = of(&policy, "acme").unwrap();
        let row = json_text(&row(&own));
        let members: Vec<_> = row["properties"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["Stat", "Stat.a", "Stat.b", "c", "d"]);
    }
}
