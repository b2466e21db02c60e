//! Places of an answer that are treated in different ways, and the member that tells success.

use super::super::{Fields, Item, Reader, keys};
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::dialect::{Scalar, Success};
use crate::domain::pointer::Pointer;
use std::collections::HashSet;
use std::fmt::Display;
use toml::de::DeValue;

/// The places that an answer has, by the keys that name them: none may be another or stand inside it.
#[derive(Default)]
pub(super) struct Places(Vec<(&'static str, Marked<Pointer>)>);

impl Places {
    pub(super) fn add(&mut self, key: &'static str, at: Pointer, mark: Mark) {
        self.0.push((key, Marked { value: at, mark }));
    }

    /// Reads the list of places of a key.
    pub(super) fn list<E: Display>(
        &mut self,
        reader: &mut Reader<'_>,
        fields: &Fields<'_>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<Pointer, E>,
    ) -> Box<[Pointer]> {
        let read = fields.read(key, |item| reader.entries(item, |reader, item| reader.parsed(item, &parse)));
        let read = read.unwrap_or_default();
        for place in &read {
            self.add(key, place.value.clone(), place.mark);
        }
        read.into_iter().map(|place| place.value).collect()
    }

    /// Reads the list of places that pass as they are; `check` names each.
    pub(super) fn kept<E: Display>(
        &mut self,
        reader: &mut Reader<'_>,
        fields: &Fields<'_>,
        parse: impl Fn(&str) -> Result<Pointer, E>,
    ) -> Box<[Pointer]> {
        let first = self.0.len();
        let keep = self.list(reader, fields, "keep", parse);
        for (_, kept) in self.0.iter().skip(first) {
            let message = format!("{} passes unfiltered", quoted(&kept.value.to_string()));
            reader.problems.warning(kept.mark, message);
        }
        keep
    }

    /// Reads how a success is told.
    pub(super) fn success<E: Display>(
        &mut self,
        reader: &mut Reader<'_>,
        fields: &Fields<'_>,
        parse: impl Fn(&str) -> Result<Pointer, E>,
    ) -> Option<Success> {
        let fields = fields.read("success", |item| reader.fields(item, &keys::SUCCESS))?;
        let at_item = fields.required(reader, "at");
        let at = at_item.and_then(|item| reader.parsed(item, parse));
        let equals = fields.required(reader, "equals").and_then(|item| {
            let items = reader.list(item)?;
            if items.is_empty() {
                reader.error(item, "names no value, so every answer would be a failure");
            }
            Some(items.iter().filter_map(|item| scalar(reader, item)).collect::<Vec<_>>())
        });
        let absent_ok = fields.read("absent_ok", |item| reader.boolean(item)).unwrap_or(false);
        let success = Success { at: at?, equals: equals?.into(), absent_ok };
        let mark = at_item.map_or(fields.at, |item| reader.at(item));
        self.add("success", success.at.clone(), mark);
        Some(success)
    }

    /// Reports places of which one is the other or stands inside it; only `success` may be looked at and kept.
    pub(super) fn check(&self, reader: &mut Reader<'_>) {
        let mut clashing = HashSet::new();
        for (at, (name, place)) in self.0.iter().enumerate() {
            for (other_name, other) in self.0.iter().take(at) {
                let kept_success = *name == "success" && *other_name == "keep" && place.value == other.value;
                let clash = place.value.contains(&other.value) || other.value.contains(&place.value);
                if clash && !kept_success && clashing.insert(at) {
                    let message =
                        format!("`{name}` and `{other_name}` stand at one place, or one inside the other");
                    reader.problems.error(place.mark, message);
                }
            }
        }
    }
}

/// Reads a scalar to compare with.
pub(super) fn scalar(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Scalar> {
    let number = |text: &str| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Scalar::Number);
    let read = match item.get_ref() {
        DeValue::String(text) => Some(Scalar::Text(text.as_ref().into())),
        DeValue::Boolean(value) => Some(Scalar::Boolean(*value)),
        DeValue::Integer(n) => {
            i64::from_str_radix(n.as_str(), n.radix()).ok().and_then(|n| number(&n.to_string()))
        }
        DeValue::Float(n) => number(n.as_str()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    if read.is_none() {
        reader.error(item, "expected a string, a number, true or false");
    }
    read
}
