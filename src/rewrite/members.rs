//! The client's JSON body, member by member.

use super::json::{Item, Member, Value};
use super::near::fold_path;
use super::place::{At, Role, role};
use super::sent::{Reader, invalid, not_allowed, set, split_at, typed};
use crate::decide::Denial;
use crate::domain::code::Code;
use crate::domain::dialect::{AllowedMember, ColumnPlace, JsonListStyle, Place, ScopePlace};
use crate::domain::pointer::Pointer;
use crate::domain::spelling::fold;
use crate::domain::template::{JsonTemplate, Part, Template};
use std::borrow::Cow;

impl<'a> Reader<'a> {
    /// Sorts the members of an object that stands at `path`.
    pub(super) fn members(
        &mut self,
        path: &mut Vec<&'a str>,
        members: &'a [Member<'a>],
    ) -> Result<(), Denial> {
        for (name, item) in members {
            path.push(name);
            self.member(path, item)?;
            path.pop();
        }
        Ok(())
    }

    fn member(&mut self, path: &mut Vec<&'a str>, item: &'a Item<'a>) -> Result<(), Denial> {
        let at = At::Json(path);
        match role(&self.permit, at, "") {
            Role::Ask(slot) => {
                let style = self.dialect.ask.get(slot).and_then(|slot| json_style(&slot.place));
                let names = style.and_then(|style| listed(style, item, Item::text));
                self.selection(names.ok_or_else(|| invalid(at, "is not a list of columns as declared"))?);
            }
            Role::Misplaced => self.sent.misplaced.push(Cow::Borrowed(item.raw)),
            Role::Scope(slot) => self.json_scope(slot, at, item)?,
            Role::Sort(slot) => {
                let column = item.text().ok_or_else(|| invalid(at, "is not the name of a column"))?;
                set(&mut self.sent.sorts, slot, Cow::Borrowed(column));
            }
            Role::Cursor(slot) => {
                let sealed = item.text().ok_or_else(|| invalid(at, "is not a string"))?;
                set(&mut self.sent.cursors, slot, Cow::Borrowed(sealed));
            }
            Role::Parameter(slot) => {
                let kind = self.dialect.parameters.get(slot).map(|parameter| &parameter.kind);
                let value = kind.and_then(|kind| typed(kind, item));
                let value = value.ok_or_else(|| invalid(at, "is not of the declared JSON type"))?;
                set(&mut self.sent.parameters, slot, Cow::Borrowed(value));
            }
            Role::Allowed => {
                let exact = self.dialect.allow.iter().any(|place| is_exactly(place, path));
                if !exact && self.reserved().holds(At::Json(path)) {
                    return Err(not_allowed(At::Json(path)));
                }
                self.check_below(path, item)?;
                self.sent.members.put(path, Cow::Borrowed(item.raw));
            }
            Role::Around => {
                let members = item.members().ok_or_else(|| invalid(at, "is not an object"))?;
                self.members(path, members)?;
            }
            Role::Own | Role::Unknown => {
                self.unknown(at)?;
                self.check_below(path, item)?;
            }
        }
        Ok(())
    }

    /// Refuses reserved and forbidden names at every depth of a value that is not looked into further.
    fn check_below(&mut self, path: &mut Vec<&'a str>, item: &'a Item<'a>) -> Result<(), Denial> {
        let mut folded = fold_path(path);
        self.check_within(path, &mut folded, item)
    }

    /// `folded` is the path, folded once: a body may have many members deep inside of long names.
    fn check_within(
        &mut self,
        path: &mut Vec<&'a str>,
        folded: &mut String,
        item: &'a Item<'a>,
    ) -> Result<(), Denial> {
        for item in item.items().unwrap_or_default() {
            self.check_within(path, folded, item)?;
        }
        let around = folded.len();
        for (name, item) in item.members().unwrap_or_default() {
            let name_folded = fold(name);
            folded.push('/');
            folded.push_str(&name_folded);
            path.push(name);
            if self.reserved().holds_folded(folded, &name_folded) {
                return Err(not_allowed(At::Json(path)));
            }
            self.check_within(path, folded, item)?;
            path.pop();
            folded.truncate(around);
        }
        Ok(())
    }

    fn json_scope(&mut self, slot: usize, at: At<'_>, item: &'a Item<'a>) -> Result<(), Denial> {
        let unreadable = || invalid(at, "is not a list of ids as declared");
        match self.dialect.scope.slots().get(slot).map(|slot| &slot.place) {
            Some(ScopePlace::Json { style, .. }) => {
                let ids = match (style, item.id_text()) {
                    (None, Some(id)) => Some(vec![Cow::Borrowed(id)]),
                    (None, None) => listed(&JsonListStyle::Array, item, Item::id_text),
                    (Some(style), _) => listed(style, item, Item::id_text),
                };
                self.scope(slot, at, ids.ok_or_else(unreadable)?)
            }
            Some(ScopePlace::Append { item: own, allow, .. }) => {
                for item in item.items().ok_or_else(unreadable)? {
                    match own_id(own, item) {
                        Some(id) => self.scope(slot, at, vec![Cow::Borrowed(id)])?,
                        None => self.appended(slot, at, own, allow, item)?,
                    }
                }
                Ok(())
            }
            _ => Err(unreadable()),
        }
    }

    /// Takes a client's item of an appended array, when `append_allow` says so.
    fn appended(
        &mut self,
        slot: usize,
        at: At<'_>,
        own: &[(Box<str>, JsonTemplate)],
        allow: &[AllowedMember],
        item: &'a Item<'a>,
    ) -> Result<(), Denial> {
        let passes =
            item.members().is_some_and(|members| !allow.is_empty() && is_allowed(own, allow, members));
        if !passes {
            let detail = "holds an item that may not be sent";
            return Err(Denial::parameter(Code::ParameterNotAllowed, at.name(), detail));
        }
        for (name, _) in item.members().unwrap_or_default() {
            if self.is_forbidden(name) {
                return Err(not_allowed(at));
            }
        }
        self.sent.items.push((slot, item.raw));
        Ok(())
    }

    fn is_forbidden(&self, name: &str) -> bool {
        let name = fold(name);
        self.dialect.forbid.iter().any(|forbidden| fold(forbidden) == name)
    }
}

fn is_exactly(place: &Place, path: &[&str]) -> bool {
    let is = |pointer: &Pointer| pointer.tokens().eq(path.iter().copied());
    matches!(place, Place::Json(pointer) if is(pointer))
}

fn json_style(place: &ColumnPlace) -> Option<&JsonListStyle> {
    if let ColumnPlace::Json { style, .. } = place { Some(style) } else { None }
}

/// The values of a list; `text` reads one.
fn listed<'a>(
    style: &JsonListStyle,
    item: &'a Item<'a>,
    text: impl Fn(&'a Item<'a>) -> Option<&'a str>,
) -> Option<Vec<Cow<'a, str>>> {
    let value = |item| text(item).map(Cow::Borrowed);
    match style {
        JsonListStyle::Array => item.items()?.iter().map(value).collect(),
        JsonListStyle::Objects { key } => {
            let member = |item: &'a Item<'a>| match item.members()? {
                [(name, item)] if *name == **key => value(item),
                _ => None,
            };
            item.items()?.iter().map(member).collect()
        }
        JsonListStyle::Csv { separator } => Some(split_at(separator, value(item)?)),
    }
}

/// The id in an item that is just what the gate itself would append.
fn own_id<'a>(own: &[(Box<str>, JsonTemplate)], item: &'a Item<'a>) -> Option<&'a str> {
    let members = item.members().filter(|members| members.len() == own.len())?;
    let mut id = None;
    for (name, template) in own {
        let (_, sent) = members.iter().find(|(sent, _)| *sent == **name)?;
        if template.is_scope() {
            id = Some(sent.id_text()?);
        } else if !is_fixed(template, sent) {
            return None;
        }
    }
    id
}

/// Whether a client's value is the one a template without places writes.
fn is_fixed(template: &JsonTemplate, sent: &Item<'_>) -> bool {
    match template {
        JsonTemplate::Literal(text) => *sent.raw == **text,
        JsonTemplate::Text(text) => sent.text().is_some_and(|sent| is_text(text, sent)),
        JsonTemplate::Array(_) | JsonTemplate::Object(_) => false,
    }
}

fn is_text(template: &Template, sent: &str) -> bool {
    match template.parts() {
        [] => sent.is_empty(),
        [Part::Text(text)] => **text == *sent,
        _ => false,
    }
}

/// Whether every listed member holds one of its texts, the others are scalars, and each is one that the gate's
/// own items have, too.
fn is_allowed(own: &[(Box<str>, JsonTemplate)], allow: &[AllowedMember], members: &[Member<'_>]) -> bool {
    let listed = |allowed: &AllowedMember| {
        let sent = members.iter().find(|(name, _)| *name == *allowed.name).and_then(|(_, item)| item.text());
        sent.is_some_and(|sent| allowed.values.iter().any(|value| **value == *sent))
    };
    let known = || allow.iter().map(|allowed| &*allowed.name).chain(own.iter().map(|(name, _)| &**name));
    let plain = |(name, item): &Member<'_>| {
        let scalar = !matches!(item.value, Value::Array(_) | Value::Object(_));
        scalar && known().any(|own| own == name)
    };
    allow.iter().all(listed) && members.iter().all(plain)
}
