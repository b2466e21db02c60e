//! Whitelists: the addresses and ranges that a principal's requests may come from.
//!
//! What is written stays as it is written: equal ranges are found by any spelling, but none is merged
//! into another.

use super::draft::Of;
use super::{Draft, ManageError, keys, list};
use crate::domain::address::{AddressRange, AddressRanges};
use std::net::IpAddr;
use toml_edit::{Array, Item, Value};

/// A range of a whitelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the config writes it.
    pub text: String,
    /// Which addresses it holds.
    pub range: AddressRange,
}

impl Listed {
    /// Its first and last address.
    #[must_use]
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        match self.range {
            AddressRange::V4 { from, to } => (from.into(), to.into()),
            AddressRange::V6 { from, to } => (from.into(), to.into()),
        }
    }
}

/// What came of a range that was to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// As it was given.
    pub text: String,
    /// The same range was there already, as the config writes it; nothing was added.
    pub already: Option<String>,
    /// A wider range that was there already.
    pub within: Option<String>,
    /// Other principals that allow addresses of it.
    pub shared_with: Vec<String>,
    /// It is open to everyone of its family.
    pub is_open: bool,
}

/// What came of a range that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// As the config wrote it.
    pub text: String,
    /// Other ranges of the principal that still allow addresses of it.
    pub still_in: Vec<String>,
    /// No range is left.
    pub is_last: bool,
}

/// The whitelist of a principal, in the order of the config.
///
/// # Errors
/// When there is no such principal.
pub fn list(draft: &mut Draft, principal: &str) -> Result<Vec<Listed>, ManageError> {
    Ok(listed(draft.item(Of::Principal(principal))?))
}

/// Adds ranges in any notation. One that cannot be read is refused when the config is checked, at its place.
///
/// # Errors
/// When there is no such principal.
pub fn add(draft: &mut Draft, principal: &str, ranges: &[String]) -> Result<Vec<Added>, ManageError> {
    let shared: Vec<Vec<String>> = ranges
        .iter()
        .map(|text| {
            range_of(&value_of(text)).map(|range| sharing(draft, principal, &range)).unwrap_or_default()
        })
        .collect();
    draft.edit(Of::Principal(principal), &["allowed_ips"], |item| {
        let mut all = Vec::with_capacity(ranges.len());
        for (text, shared_with) in ranges.iter().zip(shared) {
            let new = value_of(text);
            let range = range_of(&new);
            let there = listed(item);
            let already = range.and_then(|range| there.iter().find(|other| other.range == range));
            let already = already.map(|other| other.text.clone());
            let within = range.and_then(|range| there.iter().find(|other| covers(&other.range, &range)));
            let within = within.filter(|_| already.is_none()).map(|other| other.text.clone());
            if already.is_none() {
                push(item, new)?;
            }
            let is_open = range.is_some_and(|range| range.is_whole_family());
            all.push(Added { text: text.clone(), already, within, shared_with, is_open });
        }
        Ok(all)
    })
}

/// Takes ranges out, by any spelling.
///
/// # Errors
/// When there is no such principal, or one of the ranges is not there.
pub fn remove(draft: &mut Draft, principal: &str, ranges: &[String]) -> Result<Vec<Removed>, ManageError> {
    draft.edit(Of::Principal(principal), &["allowed_ips"], |item| {
        let mut gone = Vec::with_capacity(ranges.len());
        for text in ranges {
            let range = range_of(&value_of(text));
            let there = listed(item);
            let found = there.iter().find(|other| Some(other.range) == range || other.text == *text);
            let found = found.ok_or_else(|| missing(principal, text, range, &there))?;
            if let Some(array) = keys::array(item, "allowed_ips") {
                list::remove(array, |value| range_of(value) == Some(found.range));
            }
            gone.push(found.clone());
        }
        let left = listed(item);
        let removed = |gone: Listed| {
            let still = left.iter().filter(|other| meet(&other.range, &gone.range));
            let still_in = still.map(|other| other.text.clone()).collect();
            Removed { text: gone.text, still_in, is_last: left.is_empty() }
        };
        Ok(gone.into_iter().map(removed).collect())
    })
}

fn listed(item: &Item) -> Vec<Listed> {
    let ranges = item.get("allowed_ips").and_then(Item::as_array).into_iter().flatten();
    ranges.filter_map(|value| Some(Listed { text: text_of(value), range: range_of(value)? })).collect()
}

/// A range as the config writes it.
fn text_of(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let mut plain = value.clone();
            plain.decor_mut().clear();
            plain.to_string()
        }
    }
}

/// What stands in the config for a range that is given: `{ from = "…", to = "…" }` as such, anything else as text.
fn value_of(text: &str) -> Value {
    let table = || text.parse::<Value>().ok().filter(Value::is_inline_table);
    let table = if text.trim_start().starts_with('{') { table() } else { None };
    let mut value = table.unwrap_or_else(|| text.into());
    value.decor_mut().clear();
    value
}

fn range_of(value: &Value) -> Option<AddressRange> {
    if let Some(text) = value.as_str() {
        return AddressRange::parse(text).ok();
    }
    let table = value.as_inline_table()?;
    AddressRange::between(table.get("from")?.as_str()?, table.get("to")?.as_str()?).ok()
}

fn push(item: &mut Item, new: Value) -> Result<(), ManageError> {
    match keys::array(item, "allowed_ips") {
        Some(array) => {
            list::push(array, new);
            Ok(())
        }
        None => keys::put(item, "allowed_ips", Value::Array(Array::from_iter([new]))),
    }
}

fn missing(principal: &str, text: &str, range: Option<AddressRange>, there: &[Listed]) -> ManageError {
    let near = range.and_then(|range| there.iter().find(|other| meet(&other.range, &range)));
    let near = match near {
        Some(near) => format!("; addresses of it are in {}", near.text),
        None => String::new(),
    };
    ManageError::Refused(format!("\"{principal}\" has no range {text}{near}"))
}

/// Other principals that allow an address of the range.
fn sharing(draft: &Draft, principal: &str, range: &AddressRange) -> Vec<String> {
    let others = draft.policy().principals.iter().filter(|other| other.id.as_str() != principal);
    others.filter(|other| other.allowed_ips.overlaps(range)).map(|other| other.id.to_string()).collect()
}

fn meet(a: &AddressRange, b: &AddressRange) -> bool {
    AddressRanges::new(&[*a]).overlaps(b)
}

/// Whether every address of `inner` is in `outer`.
fn covers(outer: &AddressRange, inner: &AddressRange) -> bool {
    match (outer, inner) {
        (AddressRange::V4 { from, to }, AddressRange::V4 { from: first, to: last }) => {
            from <= first && last <= to
        }
        (AddressRange::V6 { from, to }, AddressRange::V6 { from: first, to: last }) => {
            from <= first && last <= to
        }
        (AddressRange::V4 { .. }, AddressRange::V6 { .. })
        | (AddressRange::V6 { .. }, AddressRange::V4 { .. }) => false,
    }
}
