//! Whose rows: the holder's own ids, those of them that the client chose, or all.
//!
//! The gate sets the scope in every declared place. What a client sends narrows or is refused.

use super::json::is_number;
use super::sent::Sent;
use crate::decide::{Denial, Permit};
use crate::domain::code::Code;
use crate::domain::dialect::{IdType, ListStyle, ScopePlace, ScopeSlot};
use crate::domain::encode;
use crate::filter::RowsOf;
use crate::policy::{Grant, Report, ScopeGrant};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::collections::HashSet;

/// How many ids a holder of every row may choose at once.
const MAX_CHOSEN: usize = 100;

/// Whose rows the backend is asked for.
#[derive(Debug)]
pub(super) enum Scope<'a> {
    /// Everyone's.
    All,
    /// Those of these ids; at least one where the report has a place for them.
    Ids(Vec<&'a str>),
}

impl<'a> Scope<'a> {
    /// The holder's scope, narrowed to what the client chose.
    pub(super) fn resolve(permit: &Permit<'a>, sent: &'a Sent<'a>) -> Result<Self, Denial> {
        let slots = permit.report().request.scope.slots();
        let chosen = sent.scope.as_ref().and_then(|(slot, ids)| Some((slots.get(*slot)?, ids)));
        let scope = match (&permit.principal().scope, chosen) {
            (ScopeGrant::All, None) => Self::All,
            (ScopeGrant::All, Some((slot, ids))) => Self::chosen(slots, slot, ids)?,
            (ScopeGrant::Ids(own), None) => Self::Ids(own.iter().map(|id| &**id).collect()),
            (ScopeGrant::Ids(own), Some((slot, ids))) => {
                Self::narrowed(own, ids).ok_or_else(|| not_granted(slot))?
            }
        };
        let Some(first) = slots.first() else { return Ok(scope) };
        if matches!(&scope, Self::Ids(ids) if ids.is_empty()) {
            return Err(not_granted(first));
        }
        for slot in slots {
            if matches!(slot.place, ScopePlace::Path { .. }) && scope.texts(slot).len() != 1 {
                return Err(required(slot));
            }
        }
        Ok(scope)
    }

    /// The holder's ids that are among `asked`, when all of `asked` are the holder's.
    fn narrowed(own: &'a [SmolStr], asked: &[Cow<'_, str>]) -> Option<Self> {
        let asked: HashSet<&str> = asked.iter().map(|id| &**id).collect();
        let narrowed: Vec<&str> = own.iter().map(|id| &**id).filter(|id| asked.contains(id)).collect();
        let all_own = !asked.is_empty() && narrowed.len() == asked.len();
        all_own.then_some(Self::Ids(narrowed))
    }

    /// What a holder of every row chose freely.
    fn chosen(slots: &[ScopeSlot], slot: &ScopeSlot, asked: &'a [Cow<'a, str>]) -> Result<Self, Denial> {
        if let ([one], Some(all)) = (asked, &slot.all)
            && **all == **one
        {
            return Ok(Self::All);
        }
        let as_numbers = slots.iter().any(|slot| id_type(&slot.place) == IdType::Number);
        let readable = asked.iter().all(|id| is_plain_id(id) && (!as_numbers || is_integer(id)));
        if asked.is_empty() || asked.len() > MAX_CHOSEN || !readable {
            let detail = "is not an id, or a list of them";
            return Err(Denial::parameter(Code::ParameterInvalid, slot.place.to_string(), detail));
        }
        Ok(Self::Ids(asked.iter().map(|id| &**id).collect()))
    }

    /// Whose rows may leave, for answers that tell whose they are.
    pub(super) fn rows_of(&self, report: &Report) -> RowsOf {
        match self {
            Self::Ids(ids) if report.response.rows.scope_column.is_some() => {
                RowsOf::Ids(ids.iter().map(SmolStr::new).collect())
            }
            Self::Ids(_) | Self::All => RowsOf::Everyone,
        }
    }

    /// What stands at a slot; nothing where it is left out.
    fn texts(&'a self, slot: &'a ScopeSlot) -> Cow<'a, [&'a str]> {
        match (self, &slot.all) {
            (Self::Ids(ids), _) => Cow::Borrowed(ids),
            (Self::All, Some(all)) => Cow::Owned(vec![&**all]),
            (Self::All, None) => Cow::Borrowed(&[]),
        }
    }

    /// What stands for `{scope}`.
    pub(super) fn joined(&self, slots: &[ScopeSlot]) -> Result<String, Denial> {
        match self {
            Self::Ids(ids) => Ok(ids.join(",")),
            Self::All => match slots.iter().find_map(|slot| slot.all.as_ref()) {
                Some(all) => Ok(all.to_string()),
                None => Err(slots
                    .first()
                    .map_or_else(|| Denial::new(Code::ScopeRequired, "this report needs an id"), required)),
            },
        }
    }

    /// Appends the pairs of a slot in a query or form.
    pub(super) fn push_pairs(&self, slot: &ScopeSlot, name: &str, style: &ListStyle, out: &mut String) {
        let texts = self.texts(slot);
        if !texts.is_empty() {
            encode::push_pairs(out, name, style, &texts);
        }
    }

    /// The JSON text of a slot; `None` where it is left out. `items` are the client's, before the gate's own.
    pub(super) fn json(&self, slot: &ScopeSlot, items: &[&str], grant: &Grant) -> Option<String> {
        let texts = self.texts(slot);
        let mut out = String::new();
        match &slot.place {
            ScopePlace::Json { style, id_type, .. } => {
                let push = |out: &mut String, id: &str| push_id(out, *id_type, id);
                match (style, &*texts) {
                    (_, []) => return None,
                    (None, [one]) => push(&mut out, one),
                    (None, many) => encode::push_json_array(&mut out, many, |out, id| push(out, id)),
                    (Some(style), many) => encode::push_json_list(&mut out, style, many, push),
                }
            }
            ScopePlace::Append { item, id_type, .. } => {
                let own = texts.iter().map(|id| {
                    let mut out = String::new();
                    encode::push_json_object(&mut out, item, |out, template| match template.is_scope() {
                        true => push_id(out, *id_type, id),
                        false => grant.fill_json(template, id, out),
                    });
                    Cow::Owned(out)
                });
                let all: Vec<_> = items.iter().map(|raw| Cow::Borrowed(*raw)).chain(own).collect();
                if all.is_empty() {
                    return None;
                }
                encode::push_json_array(&mut out, &all, |out, text| out.push_str(text));
            }
            ScopePlace::Query { .. }
            | ScopePlace::Form { .. }
            | ScopePlace::Header { .. }
            | ScopePlace::Path { .. } => return None,
        }
        Some(out)
    }

    /// The value of a slot's header; `None` where it is left out.
    pub(super) fn header(&self, slot: &ScopeSlot) -> Option<String> {
        let texts = self.texts(slot);
        (!texts.is_empty()).then(|| texts.join(","))
    }
}

fn push_id(out: &mut String, id_type: IdType, id: &str) {
    match id_type {
        IdType::Number if is_number(id) => out.push_str(id),
        IdType::Number | IdType::String => encode::push_json_string(out, id),
    }
}

fn id_type(place: &ScopePlace) -> IdType {
    match place {
        ScopePlace::Json { id_type, .. } | ScopePlace::Append { id_type, .. } => *id_type,
        ScopePlace::Query { .. }
        | ScopePlace::Form { .. }
        | ScopePlace::Header { .. }
        | ScopePlace::Path { .. } => IdType::String,
    }
}

/// What cannot break out of a path, a list or a quoted string.
fn is_plain_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'@' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(plain) && id.bytes().any(|b| b != b'.')
}

/// Whether every program reads it as the same number of 64 bits, and writes it so again.
fn is_integer(id: &str) -> bool {
    id.parse::<i64>().is_ok_and(|number| number.to_string() == id)
}

fn not_granted(slot: &ScopeSlot) -> Denial {
    Denial::parameter(
        Code::ScopeNotGranted,
        slot.place.to_string(),
        "only the holder's own ids may be asked for",
    )
}

fn required(slot: &ScopeSlot) -> Denial {
    Denial::parameter(Code::ScopeRequired, slot.place.to_string(), "this report needs one id")
}
