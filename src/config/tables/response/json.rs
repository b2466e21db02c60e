//! JSON answers: one document or many, what a row is, and the members beside the rows.

use super::super::request::place;
use super::super::{Fields, Reader, keys, places as request_places};
use super::places::Places;
use crate::config::problem::{Mark, Marked};
use crate::domain::dialect::{Cursor, Documents, JsonDialect, RowForm};
use crate::domain::pointer::Pointer;

/// Places that must be held against the request.
#[derive(Default)]
pub(super) struct Marks {
    /// Where the parameter of each cursor stands.
    pub(super) cursors: Vec<Mark>,
    /// Where `links` stand, when there are some.
    pub(super) links: Option<Mark>,
}

/// What stands beside rows, which documents that are rows do not have.
const BESIDE_ROWS: [&str; 7] =
    ["rows_optional", "also", "keep", "columns_arrays", "cursors", "links", "success"];

pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    documents: Documents,
) -> (JsonDialect, Marks) {
    let mut places = Places::default();
    let rows_item = fields.get("rows");
    let has_rows = documents == Documents::One || rows_item.is_some();
    if !has_rows {
        fields.refuse(reader, &BESIDE_ROWS, "needs `rows`: without it every document is a row");
    }
    let rows = has_rows.then(|| {
        let rows = rows_item.and_then(|item| reader.parsed(item, Pointer::parse)).unwrap_or_default();
        places.add("rows", rows.clone(), rows_item.map_or(fields.at, |item| reader.at(item)));
        rows
    });
    let row = row(reader, fields, &mut places, has_rows);
    if !has_rows {
        let dialect = JsonDialect { documents, rows, row, ..JsonDialect::new(Pointer::default()) };
        return (dialect, Marks::default());
    }
    let also = places.list(reader, fields, "also", Pointer::parse);
    let keep = places.kept(reader, fields, Pointer::parse);
    let columns_arrays = places.list(reader, fields, "columns_arrays", Pointer::parse);
    let cursors = cursors(reader, fields, &mut places);
    let links = places.list(reader, fields, "links", Pointer::parse);
    let success = places.success(reader, fields, Pointer::parse);
    let rows_optional = fields.read("rows_optional", |item| reader.boolean(item)).unwrap_or(false);
    if let Some(item) =
        fields.get("rows_optional").filter(|_| rows_optional && fields.get("success").is_none())
    {
        reader.error(item, "needs `success`: without it a failure looks like an answer without rows");
    }
    places.check(reader);
    let marks = Marks {
        cursors: cursors.iter().map(|cursor| cursor.mark).collect(),
        links: fields.get("links").filter(|_| !links.is_empty()).map(|item| reader.at(item)),
    };
    let cursors = cursors.into_iter().map(|cursor| cursor.value).collect();
    let dialect = JsonDialect {
        documents,
        rows,
        rows_optional,
        row,
        also,
        keep,
        columns_arrays,
        cursors,
        links,
        success,
    };
    (dialect, marks)
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Object,
    Array,
    Pairs,
}

/// What a row is, and where the names of its cells stand.
fn row(reader: &mut Reader<'_>, fields: &Fields<'_>, places: &mut Places, has_rows: bool) -> RowForm {
    let words = [("object", Form::Object), ("array", Form::Array), ("pairs", Form::Pairs)];
    let (said, known) = reader.sound(|reader| fields.read("row", |item| reader.choice(item, &words)));
    let form = said.unwrap_or(Form::Object);
    if known && form != Form::Array {
        fields.refuse(reader, &["header"], "is for row = \"array\" only");
    }
    if known && form != Form::Pairs {
        fields.refuse(reader, &["name_key", "value_key"], "is for row = \"pairs\" only");
    }
    let read = match form {
        Form::Object => None,
        Form::Array => array(reader, fields, places, has_rows),
        Form::Pairs => pairs(reader, fields),
    };
    // Without a problem, what is left are objects.
    read.unwrap_or(RowForm::Object)
}

fn array(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    places: &mut Places,
    has_rows: bool,
) -> Option<RowForm> {
    let item = fields.required(reader, "header")?;
    if reader.text(item)? == "first" {
        return Some(RowForm::ArrayAfterHeader);
    }
    let pointer = |text: &str| match Pointer::parse(text) {
        Ok(at) if !at.is_root() => Ok(at),
        Ok(_) | Err(_) => Err("expected \"first\" or a JSON Pointer such as /columns"),
    };
    let header = reader.parsed(item, pointer)?;
    if !has_rows {
        let message =
            "names can stand in the \"first\" document only, as there are no `rows`: every document is a row";
        reader.error(item, message);
        return None;
    }
    places.add("header", header.clone(), reader.at(item));
    Some(RowForm::Array { header })
}

fn pairs(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<RowForm> {
    let mut member = |key| fields.required(reader, key).and_then(|item| reader.filled(item));
    let (name_key, value_key) = (member("name_key"), member("value_key"));
    let (name_key, value_key) = (name_key?, value_key?);
    if let Some(item) = fields.get("value_key").filter(|_| name_key == value_key) {
        reader.error(item, "a member cannot hold both the name and the value");
    }
    Some(RowForm::Pairs { name_key: name_key.into(), value_key: value_key.into() })
}

fn cursors(reader: &mut Reader<'_>, fields: &Fields<'_>, places: &mut Places) -> Vec<Marked<Cursor>> {
    let mut read = Vec::new();
    for item in fields.read("cursors", |item| reader.list(item)).unwrap_or_default() {
        let Some(fields) = reader.fields(item, &keys::CURSOR) else { continue };
        let at_item = fields.required(reader, "response");
        let at = at_item.and_then(|item| reader.parsed(item, request_places::member));
        let parameter_item = fields.required(reader, "parameter");
        let parameter = parameter_item.and_then(|item| reader.parsed(item, place));
        if let (Some(at), Some(item)) = (&at, at_item) {
            places.add("cursors", at.clone(), reader.at(item));
        }
        if let (Some(at), Some(parameter), Some(item)) = (at, parameter, parameter_item) {
            read.push(Marked { value: Cursor { at, parameter }, mark: reader.at(item) });
        }
    }
    read
}
