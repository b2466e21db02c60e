//! XML answers: paths of elements, and names that can stand in XML (XML 1.0 section 2.3).

use super::super::{Fields, Reader};
use super::places::Places;
use crate::config::problem::Mark;
use crate::config::secret::quoted;
use crate::domain::column::Catalogue;
use crate::domain::dialect::XmlDialect;
use crate::domain::pointer::Pointer;

pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> XmlDialect {
    let mut places = Places::default();
    let rows = fields.required(reader, "rows").and_then(|item| {
        let rows = reader.parsed(item, rows)?;
        places.add("rows", rows.clone(), reader.at(item));
        Some(rows)
    });
    let also = places.list(reader, fields, "also", element);
    let keep = places.kept(reader, fields, element);
    let success = places.success(reader, fields, element_or_attribute);
    places.check(reader);
    XmlDialect { rows: rows.unwrap_or_default(), also, keep, success }
}

fn rows(text: &str) -> Result<Pointer, String> {
    let at = element(text)?;
    if at.tokens().len() < 2 {
        return Err("expected the root and the element that is a row, such as /ResultSet/row".to_owned());
    }
    Ok(at)
}

/// A path of elements, from the root on.
fn element(text: &str) -> Result<Pointer, String> {
    path(text, |_| false)
}

/// Likewise; its last part may be `@name`.
fn element_or_attribute(text: &str) -> Result<Pointer, String> {
    path(text, |last| last.strip_prefix('@').is_some_and(is_name))
}

fn path(text: &str, may_be_last: impl Fn(&str) -> bool) -> Result<Pointer, String> {
    const EXPECTED: &str = "expected a path of elements such as /ResultSet/row";
    let at = Pointer::parse(text).map_err(|_| EXPECTED.to_owned())?;
    let last = at.tokens().len().checked_sub(1).ok_or_else(|| EXPECTED.to_owned())?;
    let fits = |(nth, part): (usize, &str)| is_name(part) || nth == last && nth > 0 && may_be_last(part);
    let misfit = at.tokens().enumerate().find(|part| !fits(*part)).map(|(_, part)| part.to_owned());
    match misfit {
        None => Ok(at),
        Some(part) if part.starts_with('@') => {
            Err("an attribute can stand only as the last part of `success`".to_owned())
        }
        Some(part) => Err(format!("{} is no name of an XML element", quoted(&part))),
    }
}

/// Refuses columns whose names in answers no element or attribute can have, as they would never be found.
pub(super) fn check_responses(
    reader: &mut Reader<'_>,
    report: &Fields<'_>,
    catalogue: &Catalogue,
    scope: Option<(Mark, &str)>,
) {
    let columns = report.get("columns").and_then(|item| item.get_ref().as_table());
    let key = |name: &str| columns.and_then(|columns| columns.get_key_value(name));
    for (_, column) in catalogue.iter() {
        if let Some(misfit) = misfit(&column.response) {
            let at = key(column.name.as_str()).map_or(report.at, |(key, _)| reader.mark(&key.span()));
            reader.problems.error(at, format!("the `response` of column `{}`: {misfit}", column.name));
        }
    }
    if let Some((at, misfit)) = scope.and_then(|(at, name)| Some((at, misfit(name)?))) {
        reader.problems.error(at, misfit);
    }
}

/// Why a name in answers, with dots between elements inside each other, is none.
fn misfit(response: &str) -> Option<String> {
    let part = response.split('.').find(|part| !is_name(part))?;
    let attribute = part.strip_prefix('@').is_some_and(is_name);
    let hint = if attribute { "; an attribute is named without the @" } else { "" };
    Some(format!("{} is no name of an XML element or attribute{hint}", quoted(part)))
}

/// Refuses columns that cannot be elements: dots of their names stand for elements inside each other.
pub(super) fn check_names(reader: &mut Reader<'_>, report: &Fields<'_>, catalogue: &Catalogue) {
    let columns = report.get("columns").and_then(|item| item.get_ref().as_table());
    let mut names: Vec<Vec<&str>> =
        catalogue.iter().map(|(_, column)| column.name.as_str().split('.').collect()).collect();
    names.sort();
    let mut report_at = |name: &[&str], message: String| {
        let key = columns.and_then(|columns| columns.get_key_value(name.join(".").as_str()));
        let at = key.map_or(report.at, |(key, _)| reader.mark(&key.span()));
        reader.problems.error(at, message);
    };
    for name in names.iter().filter(|name| !name.iter().all(|part| is_name(part))) {
        let reason =
            "cannot leave as xml: the name of an element begins with a letter or _, behind each dot, too";
        report_at(name, format!("column `{}` {reason}", name.join(".")));
    }
    for pair in names.windows(2) {
        let [outer, inner] = pair else { continue };
        if inner.starts_with(outer) {
            let (outer, name) = (outer.join("."), inner.join("."));
            report_at(inner, format!("column `{name}` cannot leave as xml: it would stand inside `{outer}`"));
        }
    }
}

/// Whether an element or attribute may be called so (XML 1.0 section 2.3, `Name`).
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(begins_name) && chars.all(continues_name)
}

fn begins_name(c: char) -> bool {
    matches!(c,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(c: char) -> bool {
    begins_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_xml() {
        #[rustfmt::skip]
        let cases = [
            ("row", true), ("_row", true), ("ns:row", true), ("Zeile-1.a", true), ("größe", true), ("行", true),
            ("", false), ("1row", false), ("-row", false), (".row", false), ("a b", false), ("@a", false), ("a/b", false), ("a\u{D7}", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_name(name), expected, "{name}");
        }
        for (path, expected) in [("/a/b", true), ("/a/@b", false), ("/a", true), ("", false), ("/", false)] {
            assert_eq!(element(path).is_ok(), expected, "{path}");
        }
        for (path, expected) in [("/a/@b", true), ("/@b", false), ("/@a/b", false), ("/a/@", false)] {
            assert_eq!(element_or_attribute(path).is_ok(), expected, "{path}");
        }
    }
}
