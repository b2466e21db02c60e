//! `[reports.NAME.request]`: how the backend's requests are written, and what clients may send.

use super::claims::Target;
use super::places::{self, Hidden};
use super::response::Answers;
use super::{Entry, Fields, Item, Reader, parameter, parameter_name};
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{
    BodyKind, ColumnPlace, ColumnSlot, Fixed, ListStyle, OnExtra, Place, RequestDialect, ScopePlace,
    ScopeRule, ScopeSlot, SortSlot,
};
use crate::domain::template::{JsonTemplate, Template};
use toml::de::DeValue;

pub(in crate::config) use super::claims::Claims;

/// What ids the scope places of a report can hold.
#[derive(Debug, Default)]
pub(in crate::config) struct IdRule {
    /// One id only: it stands in the path.
    pub(in crate::config) single: bool,
    /// Letters, digits and `._~-` only: it stands in a path or inside another text.
    pub(in crate::config) plain: bool,
    /// Integers only.
    pub(in crate::config) number: bool,
    /// What a header can hold, without commas.
    pub(in crate::config) header: bool,
    /// What must not stand in an id.
    pub(in crate::config) separators: Vec<Box<str>>,
    /// What asks for every row.
    pub(in crate::config) all: Vec<Box<str>>,
}

impl IdRule {
    /// Why an id cannot stand in the report's requests.
    pub(in crate::config) fn refusal(&self, id: &str) -> Option<&'static str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if self.all.iter().any(|all| **all == *id) {
            return Some("is what asks for every row");
        }
        if self.plain && (!id.bytes().all(plain) || id == "." || id == "..") {
            return Some("holds more than letters, digits and ._~-, and stands inside a path or text");
        }
        // Written back it must be the same: `-01` and `-0` would stand there as strings, or as other ids.
        if self.number && !id.parse::<i64>().is_ok_and(|number| number.to_string() == id) {
            return Some("is not a whole number");
        }
        if self.header && !id.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
            return Some("cannot stand in a header");
        }
        let separated = self.separators.iter().any(|separator| id.contains(&**separator));
        separated.then_some("holds what separates ids there")
    }
}

/// A dialect, with what `check` must compare with others.
pub(super) struct Request {
    pub(super) dialect: RequestDialect,
    pub(super) ids: IdRule,
    pub(super) claims: Claims,
}

/// Reads how requests are written.
pub(super) fn read(
    reader: &mut Reader<'_>,
    report: &Fields<'_>,
    catalogue: &Catalogue,
    backend_path: &Template,
    answers: &Answers,
) -> Request {
    let request = report.read("request", |item| reader.fields(item, &super::keys::REQUEST));
    let fields = request.as_ref();
    let get = |key: &str| fields.and_then(|fields| fields.get(key));
    let hidden = hidden(catalogue, answers);
    let columns = get("columns").map(|item| places::columns(reader, item, catalogue, &hidden));
    let columns = columns.unwrap_or_default();
    let ask = get("ask").map(|item| places::columns(reader, item, catalogue, &[]));
    let path_mark = report.get("backend_path").map_or(report.at, |item| reader.at(item));
    let (scope, scope_slots, mut ids) = places::scope(reader, fields, report, backend_path.has_scope());
    let sort = get("sort").map(|item| places::sort(reader, item)).unwrap_or_default();
    let allow = get("allow").and_then(|item| reader.entries(item, |reader, item| reader.parsed(item, place)));
    let allow = allow.unwrap_or_default();
    let parameters = parameter::read(reader, report, catalogue);
    let spans = parameter::spans(reader, fields, &parameters);
    let set = get("set").map(|item| fixed(reader, item)).unwrap_or_default();
    let forbid = get("forbid").and_then(|item| reader.texts(item)).unwrap_or_default();
    let mark = fields.map_or(report.at, |fields| fields.at);
    let output_parameter = output_parameter(reader, get("output_parameter"), mark);
    let words = [("reject", OnExtra::Reject), ("drop", OnExtra::Drop)];
    let mut on = |key| get(key).and_then(|item| reader.choice(item, &words)).unwrap_or(OnExtra::Reject);
    let (on_extra_columns, on_unknown_parameter) = (on("on_extra_columns"), on("on_unknown_parameter"));
    let column_quote = get("column_quote").and_then(|item| reader.parsed(item, column_quote));
    let column_quote = column_quote.unwrap_or_default();

    let default_ask = || {
        let place =
            ColumnPlace::Query { name: "columns".into(), style: ListStyle::Csv { separator: ",".into() } };
        let takes = catalogue.iter().map(|(at, _)| at).collect();
        vec![Marked { value: ColumnSlot { place, takes, hidden: Box::default() }, mark }]
    };
    let ask =
        ask.unwrap_or_else(|| if columns.is_empty() { default_ask() } else { without_hidden(&columns) });

    let mut claims = Claims::default();
    claims.columns(&columns, &ask, catalogue);
    claims.scope(&scope_slots);
    claim_parameters(&mut claims, &sort, &allow, &parameters, &set);
    if let Some(name) = &output_parameter {
        claims.client("output_parameter", Target::query(&name.value), name.mark);
    }
    for (cursor, mark) in answers.dialect.cursors().iter().zip(&answers.cursors) {
        claims.both("cursors", &Target::of(&cursor.parameter), *mark);
    }
    for name in &answers.pass_request {
        claims.both("pass_headers", &Target::header(&name.value), name.mark);
    }
    claims.check(reader, &forbid);

    let body = body(reader, fields, &claims);
    check_scope_texts(reader, &set, &scope, &mut ids);
    check_scope_column(reader, get("scope"), answers);
    let in_text =
        check_column_texts(reader, path_mark, backend_path, &set, catalogue, &hidden, &column_quote);
    let is_asked = !columns.is_empty() || in_text;
    let dialect = RequestDialect {
        body,
        columns: values(columns),
        ask: values(ask),
        scope,
        sort: values(sort),
        allow: values(allow),
        parameters: parameters.into_iter().map(|named| named.parameter.value).collect(),
        spans,
        set: values(set),
        forbid: values(forbid),
        output_parameter: output_parameter.map(|name| name.value),
        on_extra_columns,
        on_unknown_parameter,
        column_quote,
        hidden: hidden.into_iter().filter(|_| is_asked).map(|hidden| hidden.name).collect(),
    };
    Request { dialect, ids, claims }
}

/// What is asked for besides the granted columns, so that rows can be told apart.
fn hidden(catalogue: &Catalogue, answers: &Answers) -> Vec<Hidden> {
    let rules = &answers.dialect.rows;
    let scope = rules.scope_column.as_deref().zip(answers.scope_column).map(|(response, mark)| {
        let known = catalogue.iter().find(|(_, column)| *column.response == *response);
        let name = known.map_or(response, |(_, column)| &column.request).into();
        Hidden { name, column: known.map(|(at, _)| at), mark }
    });
    let total = rules.total_rows.as_ref().zip(answers.total_rows).and_then(|(total, mark)| {
        let name = catalogue.get(total.column)?.request.clone();
        Some(Hidden { name, column: Some(total.column), mark })
    });
    let mut hidden: Vec<_> = scope.into_iter().chain(total).collect();
    hidden.dedup_by(|second, first| second.name == first.name);
    hidden
}

/// The places of a client's own selection, which names nothing but granted columns.
fn without_hidden(columns: &[Marked<ColumnSlot>]) -> Vec<Marked<ColumnSlot>> {
    let plain = |slot: &Marked<ColumnSlot>| {
        let ColumnSlot { place, takes, .. } = slot.value.clone();
        Marked { value: ColumnSlot { place, takes, hidden: Box::default() }, mark: slot.mark }
    };
    columns.iter().map(plain).collect()
}

/// Refuses a scope column where rows belong to nobody.
fn check_scope_column(reader: &mut Reader<'_>, scope: Option<Item<'_>>, answers: &Answers) {
    let public = scope.is_some_and(|item| item.get_ref().as_str() == Some("public"));
    if let Some(at) = answers.scope_column.filter(|_| public) {
        reader.problems.error(at, "the report's `scope` is \"public\", so its rows are nobody's");
    }
}

fn output_parameter(reader: &mut Reader<'_>, item: Option<Item<'_>>, at: Mark) -> Option<Marked<Box<str>>> {
    match item {
        None => Some(Marked { value: "format".into(), mark: at }),
        Some(item) if item.get_ref().as_str() == Some("") => None,
        Some(item) => {
            let value = reader.parsed(item, parameter_name);
            value.map(|value| Marked { value, mark: reader.at(item) })
        }
    }
}

/// What stands in front of a column's name and behind it.
fn column_quote(text: &str) -> Result<Box<str>, &'static str> {
    let fits = |c: char| c.is_ascii_punctuation() && !"[](){}<>,;\\%&/?#".contains(c);
    if text.chars().all(fits) {
        return Ok(text.into());
    }
    Err("expected what can stand on both sides of a name, such as ' or `")
}

fn claim_parameters(
    claims: &mut Claims,
    sort: &[Marked<SortSlot>],
    allow: &[Marked<Place>],
    parameters: &[parameter::Named<'_>],
    set: &[Marked<Fixed>],
) {
    for slot in sort {
        claims.both("sort", &Target::of(&slot.value.place), slot.mark);
    }
    for allowed in allow {
        claims.both("allow", &Target::of(&allowed.value), allowed.mark);
    }
    for named in parameters {
        let Marked { value, mark } = &named.parameter;
        claims.client("parameters", Target::of(&value.client), *mark);
        claims.backend("parameters", Target::of(&value.backend), *mark);
    }
    for fixed in set {
        claims.backend("set", Target::of_fixed(&fixed.value), fixed.mark);
    }
}

fn values<T>(marked: Vec<Marked<T>>) -> Box<[T]> {
    marked.into_iter().map(|marked| marked.value).collect()
}

/// Reads `NAME`, `form:NAME` or `json:/POINTER`.
pub(super) fn place(text: &str) -> Result<Place, String> {
    if let Some(name) = text.strip_prefix("form:") {
        return Ok(Place::Form(parameter_name(name)?));
    }
    if let Some(pointer) = text.strip_prefix("json:") {
        return Ok(Place::Json(places::member(pointer)?));
    }
    Ok(Place::Query(parameter_name(text)?))
}

/// What body the backend gets: as said, or as the places imply.
fn body(reader: &mut Reader<'_>, fields: Option<&Fields<'_>>, claims: &Claims) -> BodyKind {
    let (form, json) = (claims.in_form(), claims.in_json());
    let item = fields.and_then(|fields| fields.get("body"));
    let words = [("none", BodyKind::None), ("form", BodyKind::Form), ("json", BodyKind::Json)];
    let said = item.and_then(|item| reader.choice(item, &words));
    if let (Some(form), Some(_)) = (form, json) {
        reader.problems.error(form, "places in a form and places in a JSON body do not go together");
    } else if let (Some(said), Some(found)) = (said, form.or(json)) {
        let fits = if form.is_some() { said == BodyKind::Form } else { said == BodyKind::Json };
        if !fits {
            reader.problems.error(found, "stands in another body than `body` says");
        }
    }
    let implied = match (form, json) {
        (Some(_), _) => BodyKind::Form,
        (None, Some(_)) => BodyKind::Json,
        (None, None) => BodyKind::None,
    };
    said.unwrap_or(implied)
}

fn fixed(reader: &mut Reader<'_>, item: Item<'_>) -> Vec<Marked<Fixed>> {
    let mut read = Vec::new();
    for entry in reader.table(item).unwrap_or_default() {
        let value = match place(entry.key) {
            Ok(Place::Query(name)) => plain_template(reader, entry.item).map(|text| Fixed::Query(name, text)),
            Ok(Place::Form(name)) => plain_template(reader, entry.item).map(|text| Fixed::Form(name, text)),
            Ok(Place::Json(at)) => json_template(reader, entry.item).map(|value| Fixed::Json(at, value)),
            Err(error) => {
                reader.problems.error(entry.mark, format!("{}: {error}", quoted(entry.key)));
                None
            }
        };
        read.extend(value.map(|value| Marked { value, mark: entry.mark }));
    }
    read
}

/// The text of a query parameter or form field.
fn plain_template(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Template> {
    match json_template(reader, item)? {
        JsonTemplate::Text(text) => Some(text),
        JsonTemplate::Literal(text) => Some(Template::parse(&text)),
        JsonTemplate::Array(_) | JsonTemplate::Object(_) => {
            reader.wrong_type(item, "a string");
            None
        }
    }
}

/// A JSON value as TOML writes it; dates become strings. Its depth is limited by the parser.
pub(super) fn json_template(reader: &mut Reader<'_>, item: Item<'_>) -> Option<JsonTemplate> {
    match item.get_ref() {
        DeValue::String(text) => Some(JsonTemplate::Text(Template::parse(text))),
        DeValue::Boolean(value) => Some(JsonTemplate::Literal(value.to_string().into())),
        DeValue::Datetime(value) => Some(JsonTemplate::Text(Template::parse(&value.to_string()))),
        DeValue::Integer(_) => Some(JsonTemplate::Literal(reader.integer(item)?.to_string().into())),
        DeValue::Float(number) => {
            let text = number.as_str().trim_start_matches('+');
            if serde_json::from_str::<serde_json::Number>(text).is_err() {
                reader.error(item, "JSON has no such number");
                return None;
            }
            Some(JsonTemplate::Literal(text.into()))
        }
        DeValue::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| json_template(reader, item)).collect();
            Some(JsonTemplate::Array(items?.into()))
        }
        DeValue::Table(table) => {
            let entries = reader.in_order(table);
            let member =
                |entry: Entry<'_>| Some((Box::<str>::from(entry.key), json_template(reader, entry.item)?));
            let members: Option<Vec<_>> = entries.into_iter().map(member).collect();
            Some(JsonTemplate::Object(members?.into()))
        }
    }
}

/// Whether any text in the value is such a template.
pub(super) fn any_template(value: &JsonTemplate, is: &dyn Fn(&Template) -> bool) -> bool {
    match value {
        JsonTemplate::Literal(_) => false,
        JsonTemplate::Text(text) => is(text),
        JsonTemplate::Array(items) => items.iter().any(|item| any_template(item, is)),
        JsonTemplate::Object(members) => members.iter().any(|(_, item)| any_template(item, is)),
    }
}

/// Whether any text of a fixed value is such a template.
fn holds(fixed: &Fixed, is: &dyn Fn(&Template) -> bool) -> bool {
    match fixed {
        Fixed::Query(_, text) | Fixed::Form(_, text) => is(text),
        Fixed::Json(_, value) => any_template(value, is),
    }
}

/// Notes that ids stand in a `{scope}` of a fixed value; refuses one where there are no ids.
fn check_scope_texts(reader: &mut Reader<'_>, set: &[Marked<Fixed>], scope: &ScopeRule, ids: &mut IdRule) {
    let Some(fixed) = set.iter().find(|fixed| holds(&fixed.value, &Template::has_scope)) else { return };
    ids.plain = true;
    if !matches!(scope, ScopeRule::Slots(_)) {
        reader.problems.error(fixed.mark, "holds {scope}, and the report's `scope` has no ids");
    }
}

/// Refuses column names that could break out of a `{columns}`; tells whether there is one.
fn check_column_texts(
    reader: &mut Reader<'_>,
    path_mark: Mark,
    backend_path: &Template,
    set: &[Marked<Fixed>],
    catalogue: &Catalogue,
    hidden: &[Hidden],
    quote: &str,
) -> bool {
    let in_set = set.iter().find(|fixed| holds(&fixed.value, &Template::has_columns)).map(|fixed| fixed.mark);
    let in_path = backend_path.has_columns().then_some(path_mark);
    let Some(at) = in_path.or(in_set) else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    // Between quotes more is harmless, but never what ends them.
    let inside_quotes = |c: char| !quote.contains(c) && !"\\,;'\"`".contains(c) && !c.is_control();
    let fits = |c: char| if quote.is_empty() || in_path.is_some() { plain(c) } else { inside_quotes(c) };
    for (_, column) in catalogue.iter().filter(|(_, column)| !column.request.chars().all(fits)) {
        let message = format!(
            "the request name {} of `{}` could break out of {{columns}}",
            quoted(&column.request),
            column.name
        );
        reader.problems.error(at, message);
    }
    for hidden in hidden.iter().filter(|hidden| hidden.column.is_none() && !hidden.name.chars().all(fits)) {
        let name = quoted(&hidden.name);
        reader
            .problems
            .error(hidden.mark, format!("{name} is asked for, and could break out of {{columns}}"));
    }
    if in_path.is_some() && !quote.chars().all(|c| plain(c) || c == '\'') {
        reader.problems.error(path_mark, "`column_quote` cannot stand in a path");
    }
    true
}

/// The place of a scope for clients and backend.
pub(super) fn scope_target(slot: &ScopeSlot) -> Target {
    match &slot.place {
        ScopePlace::Query { name, .. } => Target::query(name),
        ScopePlace::Form { name, .. } => Target::form(name),
        ScopePlace::Json { at, .. } | ScopePlace::Append { at, .. } => Target::json(at),
        ScopePlace::Header { name } => Target::header(name),
        ScopePlace::Path { parameter } => Target::query(parameter),
    }
}
