//! What the client sent, sorted by what it is; nothing in here is granted yet.
//!
//! Every name is either declared by the report's dialect or unknown. What two programs could
//! read differently is refused at once: repeats, two places, spellings that resemble a reserved one.

use super::document::Document;
use super::json::{self, Item, Value};
use super::near::Reserved;
use super::place::{At, Role, role};
use crate::decide::query::{Pair, pairs};
use crate::decide::{Denial, Head, Permit};
use crate::domain::code::Code;
use crate::domain::dialect::{
    BodyKind, ColumnPlace, ListStyle, OnExtra, ParameterType, RequestDialect, ScopePlace,
};
use http::HeaderName;
use std::borrow::Cow;

/// How many pairs a query or form may have.
const MAX_PAIRS: usize = 1_000;

/// A client's body, read.
#[derive(Debug)]
pub(super) enum Body<'a> {
    None,
    Form(Vec<Pair<'a>>),
    Json(Item<'a>),
}

impl<'a> Body<'a> {
    /// Reads a body of that kind; an empty one is an empty form or object.
    pub(super) fn read(kind: BodyKind, bytes: &'a [u8]) -> Result<Self, Denial> {
        let invalid = |reason| Denial::new(Code::BodyInvalid, reason);
        match kind {
            BodyKind::None if bytes.is_empty() => Ok(Self::None),
            BodyKind::None => Err(invalid("this request takes no body")),
            BodyKind::Form => {
                let text = std::str::from_utf8(bytes).map_err(|_| invalid("the body is not UTF-8"))?;
                let pairs = pairs(text).take(MAX_PAIRS + 1).collect::<Result<Vec<_>, _>>();
                let pairs = pairs.map_err(|bad| {
                    Denial::parameter(Code::BodyInvalid, At::Form(bad.name).name(), bad.reason)
                })?;
                if pairs.len() > MAX_PAIRS {
                    Err(invalid("there are too many fields"))
                } else {
                    Ok(Self::Form(pairs))
                }
            }
            BodyKind::Json => {
                let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
                let item = json::parse(bytes).map_err(invalid)?;
                if item.members().is_none() {
                    return Err(invalid("the body is not a JSON object"));
                }
                Ok(Self::Json(item))
            }
        }
    }
}

/// What a client sent.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    /// Names of columns, in order; `None` when no selection was sent.
    pub(super) columns: Option<Vec<Cow<'a, str>>>,
    /// Selections where none is read.
    pub(super) misplaced: Vec<Cow<'a, str>>,
    /// Ids, and the place in the dialect's scope slots where they stood.
    pub(super) scope: Option<(usize, Vec<Cow<'a, str>>)>,
    /// By their place in the dialect.
    pub(super) sorts: Vec<Option<Cow<'a, str>>>,
    /// Sealed, by their place in the dialect.
    pub(super) cursors: Vec<Option<Cow<'a, str>>>,
    /// By their place in the dialect; of the JSON type that was declared, where they stood in JSON.
    pub(super) parameters: Vec<Option<Cow<'a, str>>>,
    /// Query parameters that say in which form the rows are wanted, and whose: columns, scope, output. Only where
    /// answers hold links.
    pub(super) form_of_rows: Vec<Pair<'a>>,
    /// Query parameters that pass as they are.
    pub(super) query: Vec<Pair<'a>>,
    /// Form fields that pass as they are.
    pub(super) form: Vec<Pair<'a>>,
    /// JSON members that pass as they are.
    pub(super) members: Document<'a>,
    /// Items of appended arrays that pass as they are, by scope slot.
    pub(super) items: Vec<(usize, &'a str)>,
}

impl<'a> Sent<'a> {
    /// Sorts what the client sent.
    pub(super) fn read(permit: &Permit<'a>, head: &Head<'a>, body: &'a Body<'a>) -> Result<Self, Denial> {
        let dialect = &permit.report().request;
        let sent = Self {
            columns: None,
            misplaced: Vec::new(),
            scope: None,
            sorts: vec![None; dialect.sort.len()],
            cursors: vec![None; permit.report().response.cursors().len()],
            parameters: vec![None; dialect.parameters.len()],
            form_of_rows: Vec::new(),
            query: Vec::new(),
            form: Vec::new(),
            members: Document::default(),
            items: Vec::new(),
        };
        let mut reader = Reader { permit: *permit, dialect, reserved: None, seen: Vec::new(), sent };
        for (at, pair) in pairs(head.query.unwrap_or_default()).enumerate() {
            let pair = pair.map_err(|bad| invalid(At::Query(bad.name), bad.reason))?;
            if at == MAX_PAIRS {
                return Err(invalid(At::Query(&pair.name), "there are too many parameters"));
            }
            reader.pair(Side::Query, pair)?;
        }
        reader.headers(head)?;
        match body {
            Body::None => {}
            Body::Form(fields) => {
                for field in fields {
                    let (name, value) = (Cow::Borrowed(&*field.name), Cow::Borrowed(&*field.value));
                    reader.pair(Side::Form, Pair { name, value })?;
                }
            }
            Body::Json(item) => {
                let members = item.members().unwrap_or_default();
                for (name, _) in members {
                    reader.only_here(Side::Json, At::Json(&[name]), name)?;
                }
                reader.members(&mut Vec::new(), members)?;
            }
        }
        Ok(reader.sent)
    }
}

/// Which part of a request a name stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Query,
    Form,
    Json,
}

/// Refuses a parameter's value.
pub(super) fn invalid(at: At<'_>, detail: &'static str) -> Denial {
    Denial::parameter(Code::ParameterInvalid, at.name(), detail)
}

/// Sorts names one after the other.
pub(super) struct Reader<'a> {
    pub(super) permit: Permit<'a>,
    pub(super) dialect: &'a RequestDialect,
    reserved: Option<Reserved>,
    /// Declared names of query and form that were sent.
    seen: Vec<(Side, Cow<'a, str>)>,
    pub(super) sent: Sent<'a>,
}

impl<'a> Reader<'a> {
    fn pair(&mut self, side: Side, Pair { name, value }: Pair<'a>) -> Result<(), Denial> {
        let at = if side == Side::Query { At::Query(&name) } else { At::Form(&name) };
        let role = role(&self.permit, at, &value);
        self.only_here(side, at, &name)?;
        if role == Role::Unknown {
            return self.unknown(at);
        }
        let repeats = self.repeats(role, &name);
        let again = self.seen.iter().any(|(_, seen)| *seen == name);
        if again && !repeats {
            return Err(invalid(at, "is sent twice"));
        }
        if side == Side::Query && self.is_form_of_rows(role, &name) {
            self.sent.form_of_rows.push(Pair { name: name.clone(), value: value.clone() });
        }
        match role {
            Role::Ask(slot) => self.ask(slot, at, value)?,
            Role::Misplaced => self.sent.misplaced.push(value),
            Role::Scope(slot) => {
                let ids = match self.dialect.scope.slots().get(slot).map(|slot| &slot.place) {
                    Some(ScopePlace::Query { style, .. } | ScopePlace::Form { style, .. }) => {
                        split(style, value)
                    }
                    _ => vec![value],
                };
                self.scope(slot, at, ids)?;
            }
            Role::Sort(slot) => set(&mut self.sent.sorts, slot, value),
            Role::Cursor(slot) => set(&mut self.sent.cursors, slot, value),
            Role::Parameter(slot) => set(&mut self.sent.parameters, slot, value),
            Role::Allowed => {
                let passing = if side == Side::Query { &mut self.sent.query } else { &mut self.sent.form };
                passing.push(Pair { name: name.clone(), value });
            }
            Role::Own | Role::Around | Role::Unknown => {}
        }
        if !again {
            self.seen.push((side, name));
        }
        Ok(())
    }

    /// Whether the parameter says in which form the rows are wanted, or whose; where links are to say it again.
    fn is_form_of_rows(&self, role: Role, name: &str) -> bool {
        let is_output = role == Role::Own && self.dialect.output_parameter.as_deref() == Some(name);
        let is_wanted = is_output || matches!(role, Role::Ask(_) | Role::Scope(_));
        is_wanted && !self.permit.report().response.links().is_empty()
    }

    /// Whether the name may stand several times.
    fn repeats(&self, role: Role, name: &str) -> bool {
        let is_multiple = |style: &ListStyle| matches!(style, ListStyle::Repeat | ListStyle::Brackets);
        match role {
            Role::Ask(slot) => match self.dialect.ask.get(slot).map(|slot| &slot.place) {
                Some(ColumnPlace::Query { style, .. } | ColumnPlace::Form { style, .. }) => {
                    is_multiple(style)
                }
                _ => false,
            },
            Role::Scope(slot) => match self.dialect.scope.slots().get(slot).map(|slot| &slot.place) {
                Some(ScopePlace::Query { style, .. } | ScopePlace::Form { style, .. }) => is_multiple(style),
                _ => false,
            },
            Role::Allowed => name.ends_with("[]"),
            Role::Misplaced => true,
            Role::Own
            | Role::Sort(_)
            | Role::Cursor(_)
            | Role::Parameter(_)
            | Role::Around
            | Role::Unknown => false,
        }
    }

    /// Refuses a name of a body that stands in the query, too, where it means something.
    fn only_here(&self, side: Side, at: At<'_>, name: &str) -> Result<(), Denial> {
        let elsewhere = self.seen.iter().any(|(other, seen)| *other != side && *seen == name);
        if elsewhere { Err(invalid(at, "is sent in two places")) } else { Ok(()) }
    }

    /// Refuses or drops a name that is not declared.
    pub(super) fn unknown(&mut self, at: At<'_>) -> Result<(), Denial> {
        if self.dialect.on_unknown_parameter == OnExtra::Reject || self.reserved().holds(at) {
            return Err(not_allowed(at));
        }
        Ok(())
    }

    pub(super) fn reserved(&mut self) -> &Reserved {
        self.reserved.get_or_insert_with(|| Reserved::of(&self.permit))
    }

    fn ask(&mut self, slot: usize, at: At<'_>, value: Cow<'a, str>) -> Result<(), Denial> {
        let Some(place) = self.dialect.ask.get(slot).map(|slot| &slot.place) else { return Ok(()) };
        let names = match place {
            ColumnPlace::Query { style: ListStyle::Flags { value: on, .. }, .. }
            | ColumnPlace::Form { style: ListStyle::Flags { value: on, .. }, .. } => {
                if *value != **on {
                    return Err(invalid(at, "is not the value that asks for a column"));
                }
                at.flag(place, &value).map(|name| Cow::Owned(name.to_owned())).into_iter().collect()
            }
            ColumnPlace::Query { style, .. } | ColumnPlace::Form { style, .. } => split(style, value),
            ColumnPlace::Json { .. } | ColumnPlace::Header { .. } => Vec::new(),
        };
        self.selection(names);
        Ok(())
    }

    /// Adds to the client's own selection.
    pub(super) fn selection(&mut self, names: Vec<Cow<'a, str>>) {
        self.sent.columns.get_or_insert_default().extend(names);
    }

    /// Takes ids of a slot; those of another slot may not have been sent.
    pub(super) fn scope(&mut self, slot: usize, at: At<'_>, ids: Vec<Cow<'a, str>>) -> Result<(), Denial> {
        match &mut self.sent.scope {
            None => self.sent.scope = Some((slot, ids)),
            Some((before, all)) if *before == slot => all.extend(ids),
            Some(_) => return Err(invalid(at, "is sent in two places")),
        }
        Ok(())
    }

    /// Scope and columns where they stand in headers.
    fn headers(&mut self, head: &Head<'a>) -> Result<(), Denial> {
        for (slot, scope) in self.dialect.scope.slots().iter().enumerate() {
            if let ScopePlace::Header { name } = &scope.place
                && let Some(ids) = header_list(head, name)?
            {
                self.scope(slot, At::Query(name.as_str()), ids)?;
            }
        }
        for slot in &self.dialect.ask {
            if let ColumnPlace::Header { name } = &slot.place
                && let Some(names) = header_list(head, name)?
            {
                self.selection(names);
            }
        }
        for slot in &self.dialect.columns {
            let asked = self.dialect.ask.iter().any(|ask| ask.place == slot.place);
            if let ColumnPlace::Header { name } = &slot.place
                && !asked
                && let Some(names) = header_list(head, name)?
            {
                self.sent.misplaced.extend(names);
            }
        }
        Ok(())
    }
}

/// The comma-separated values of all lines of a header; `None` when it is not sent.
fn header_list<'a>(head: &Head<'a>, name: &HeaderName) -> Result<Option<Vec<Cow<'a, str>>>, Denial> {
    let mut list: Option<Vec<Cow<'a, str>>> = None;
    for line in head.headers.get_all(name) {
        let line = line.to_str().map_err(|_| invalid(At::Query(name.as_str()), "is not plain ASCII"))?;
        list.get_or_insert_default().extend(line.split(',').map(str::trim).map(Cow::Borrowed));
    }
    Ok(list)
}

/// Refuses a name.
pub(super) fn not_allowed(at: At<'_>) -> Denial {
    Denial::parameter(Code::ParameterNotAllowed, at.name(), "this report takes no such parameter")
}

/// Takes a value for the `slot`-th of `cells`.
pub(super) fn set<'a>(cells: &mut [Option<Cow<'a, str>>], slot: usize, value: Cow<'a, str>) {
    if let Some(cell) = cells.get_mut(slot) {
        *cell = Some(value);
    }
}

/// The values that one parameter holds; none in an empty one.
pub(super) fn split<'a>(style: &ListStyle, value: Cow<'a, str>) -> Vec<Cow<'a, str>> {
    match style {
        ListStyle::Csv { separator } => split_at(separator, value),
        ListStyle::Repeat | ListStyle::Brackets | ListStyle::Flags { .. } => vec![value],
    }
}

/// The values between separators; none in an empty text.
pub(super) fn split_at<'a>(separator: &str, value: Cow<'a, str>) -> Vec<Cow<'a, str>> {
    match value {
        _ if value.is_empty() => Vec::new(),
        Cow::Borrowed(text) => text.split(separator).map(Cow::Borrowed).collect(),
        Cow::Owned(text) => text.split(separator).map(|part| Cow::Owned(part.to_owned())).collect(),
    }
}

/// A JSON value of the declared type, as text.
pub(super) fn typed<'a>(kind: &ParameterType, item: &'a Item<'a>) -> Option<&'a str> {
    match (kind, &item.value) {
        (ParameterType::Integer { .. } | ParameterType::Number, Value::Number)
        | (ParameterType::Boolean, Value::Boolean) => Some(item.raw),
        (ParameterType::String { .. } | ParameterType::Date | ParameterType::DateTime, Value::Text(text)) => {
            Some(text)
        }
        _ => None,
    }
}
