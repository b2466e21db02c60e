//! The small reader: takes TOML values one by one, each with its place, and reports what does not fit.
//!
//! A value of a wrong type, an unknown key or a bad text is a problem, and reading goes
//! on, so that one run finds them all. Which keys a table has stands in `keys`.

use super::keys::{self, TableSpec};
use super::near;
use super::problem::{Mark, Marked, Problems};
use super::secret::quoted;
use super::source::Sources;
use super::units;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
pub(super) type Item<'d> = &'d Spanned<DeValue<'d>>;

/// Reads the values of one file.
pub(super) struct Reader<'a> {
    /// Which file.
    pub(super) file: u32,
    /// Its text.
    pub(super) source: &'a str,
    /// Where relative paths of it start.
    pub(super) folder: PathBuf,
    /// What was found wrong.
    pub(super) problems: &'a mut Problems,
    /// The files read so far; secrets are read through it.
    pub(super) sources: &'a mut Sources,
}

impl Reader<'_> {
    /// Reads something, and tells whether that found no problem.
    pub(super) fn sound<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let errors = self.problems.errors();
        let read = read(self);
        (read, self.problems.errors() == errors)
    }

    /// The place of a span of this file.
    pub(super) fn mark(&self, span: &Range<usize>) -> Mark {
        Mark::new(self.file, span)
    }

    /// The place of a value.
    pub(super) fn at(&self, item: Item<'_>) -> Mark {
        self.mark(&item.span())
    }

    /// Reports a problem of a value.
    pub(super) fn error(&mut self, item: Item<'_>, message: impl Into<String>) {
        let at = self.at(item);
        self.problems.error(at, message);
    }

    /// Reports a value of a wrong type.
    pub(super) fn wrong_type(&mut self, item: Item<'_>, expected: &str) {
        let found = item.get_ref().type_str();
        self.error(item, format!("expected {expected}, found {} {found}", article(found)));
    }

    /// A string.
    pub(super) fn text<'d>(&mut self, item: Item<'d>) -> Option<&'d str> {
        let DeValue::String(text) = item.get_ref() else {
            self.wrong_type(item, "a string");
            return None;
        };
        Some(text)
    }

    /// A string that is not empty.
    pub(super) fn filled<'d>(&mut self, item: Item<'d>) -> Option<&'d str> {
        let text = self.text(item)?;
        if text.is_empty() {
            self.error(item, "is empty");
            return None;
        }
        Some(text)
    }

    /// A string in the form that `parse` reads.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        item: Item<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(item)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(item, format!("{}: {error}", quoted(text)));
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, item: Item<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(item)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> =
                words.iter().map(|(word, _)| format!("\"{}\"", word.escape_debug())).collect();
            let known =
                if known.len() > 2 { format!("one of {}", known.join(", ")) } else { known.join(" or ") };
            let near = near::nearest(text, words.iter().map(|(word, _)| *word));
            let hint = near.map(|near| format!("did you mean \"{}\"?", near.escape_debug()));
            let at = self.at(item);
            let message = format!("expected {known}, found {}", quoted(text));
            self.problems.error_with(at, message, hint);
        }
        found
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, item: Item<'_>) -> Option<bool> {
        let DeValue::Boolean(value) = item.get_ref() else {
            self.wrong_type(item, "true or false");
            return None;
        };
        Some(*value)
    }

    /// A whole number.
    pub(super) fn integer(&mut self, item: Item<'_>) -> Option<i64> {
        let DeValue::Integer(number) = item.get_ref() else {
            self.wrong_type(item, "a whole number");
            return None;
        };
        let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if read.is_none() {
            self.error(item, "this number is too large");
        }
        read
    }

    /// A whole number of a range.
    pub(super) fn count(&mut self, item: Item<'_>, range: RangeInclusive<usize>) -> Option<usize> {
        let number = self.integer(item)?;
        let count = usize::try_from(number).ok().filter(|count| range.contains(count));
        if count.is_none() {
            let (from, to) = range.into_inner();
            self.error(item, format!("expected {from} to {to}, found {number}"));
        }
        count
    }

    /// A duration of at least `least`.
    pub(super) fn duration(&mut self, item: Item<'_>, least: Duration) -> Option<Duration> {
        let DeValue::String(_) = item.get_ref() else {
            self.wrong_type(item, "a duration in quotes such as \"30s\"");
            return None;
        };
        let value = self.parsed(item, units::duration)?;
        if value < least {
            self.error(item, format!("must be at least {}ms", least.as_millis()));
            return None;
        }
        Some(value)
    }

    /// A size of a range.
    pub(super) fn size(&mut self, item: Item<'_>, range: RangeInclusive<usize>) -> Option<usize> {
        let DeValue::String(_) = item.get_ref() else {
            self.wrong_type(item, "a size in quotes such as \"64KiB\"");
            return None;
        };
        let value = self.parsed(item, units::size)?;
        if !range.contains(&value) {
            let (from, to) = range.into_inner();
            self.error(item, format!("expected {from}B to {to}B"));
            return None;
        }
        Some(value)
    }

    /// The items of a list.
    pub(super) fn list<'d>(&mut self, item: Item<'d>) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let DeValue::Array(items) = item.get_ref() else {
            self.wrong_type(item, "a list");
            return None;
        };
        Some(items)
    }

    /// The entries of a list, each read by `read`; one that stands twice is a problem.
    pub(super) fn entries<'d, T: Eq + Hash + Clone>(
        &mut self,
        item: Item<'d>,
        mut read: impl FnMut(&mut Self, Item<'d>) -> Option<T>,
    ) -> Option<Vec<Marked<T>>> {
        let items = self.list(item)?;
        // Most lists are too short for a set to be quicker.
        let few = items.len() <= 16;
        let mut seen = HashSet::new();
        let mut entries: Vec<Marked<T>> = Vec::with_capacity(items.len());
        for item in items {
            let Some(value) = read(self, item) else { continue };
            let again = if few {
                entries.iter().any(|entry| entry.value == value)
            } else {
                !seen.insert(value.clone())
            };
            if again {
                self.error(item, "stands twice in this list");
                continue;
            }
            entries.push(Marked { value, mark: self.at(item) });
        }
        Some(entries)
    }

    /// A list of strings, none of them empty, each once.
    pub(super) fn texts(&mut self, item: Item<'_>) -> Option<Vec<Marked<Box<str>>>> {
        self.entries(item, |reader, item| reader.filled(item).map(Into::into))
    }

    /// A table's keys and values in the order of the file.
    pub(super) fn table<'d>(&mut self, item: Item<'d>) -> Option<Vec<Entry<'d>>> {
        let DeValue::Table(table) = item.get_ref() else {
            self.wrong_type(item, "a table");
            return None;
        };
        Some(self.in_order(table))
    }

    /// A table's keys and values in the order of the file.
    pub(super) fn in_order<'d>(&self, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let entry = |(key, item): (&'d Spanned<std::borrow::Cow<'d, str>>, Item<'d>)| Entry {
            key: key.get_ref(),
            mark: self.mark(&key.span()),
            item,
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.mark);
        entries
    }

    /// A table with known keys.
    pub(super) fn fields<'d>(&mut self, item: Item<'d>, spec: &'static TableSpec) -> Option<Fields<'d>> {
        let DeValue::Table(table) = item.get_ref() else {
            self.wrong_type(item, "a table");
            return None;
        };
        Some(self.fields_of(table, self.at(item), spec))
    }

    /// A table with known keys; unknown ones are reported.
    pub(super) fn fields_of<'d>(
        &mut self,
        table: &'d DeTable<'d>,
        at: Mark,
        spec: &'static TableSpec,
    ) -> Fields<'d> {
        let mut unknown = Vec::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let mark = self.mark(&key.span());
            match spec.key(name) {
                Some(_) => {}
                // No key of a column holds a table.
                None if spec.name == keys::COLUMN.name && value.get_ref().is_table() => {
                    let hint = Some("a column whose name holds a dot stands in quotes".to_owned());
                    self.problems.error_with(mark, format!("unknown key {}", quoted(name)), hint);
                    unknown.push(name);
                }
                None => {
                    self.problems.unknown(mark, "key", name, spec.keys.iter().map(|key| key.name));
                    unknown.push(name);
                }
            }
        }
        Fields { table, spec, at, unknown }
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'i']) { "an" } else { "a" }
}

/// A key with its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'d> {
    /// The key.
    pub(super) key: &'d str,
    /// Where the key stands.
    pub(super) mark: Mark,
    /// The value.
    pub(super) item: Item<'d>,
}

/// A table whose keys were checked.
pub(super) struct Fields<'d> {
    table: &'d DeTable<'d>,
    spec: &'static TableSpec,
    /// Keys that it should not have.
    unknown: Vec<&'d str>,
    /// Where the table begins.
    pub(super) at: Mark,
}

impl<'d> Fields<'d> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<Item<'d>> {
        debug_assert!(self.spec.key(key).is_some(), "`{key}` is not in the key table of {}", self.spec.name);
        self.table.get(key)
    }

    /// Whether the table has such a key in this version.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.spec.key(key).is_some()
    }

    /// Whether a key that it should not have was likely meant to be this one.
    pub(super) fn misspells(&self, key: &str) -> bool {
        let nearest = |name: &&str| near::nearest(name, self.spec.keys.iter().map(|key| key.name));
        self.unknown.iter().any(|name| nearest(name) == Some(key))
    }

    /// Whether it has keys that it should not have.
    pub(super) fn has_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// The value of a key, which must be there.
    pub(super) fn required(&self, reader: &mut Reader<'_>, key: &str) -> Option<Item<'d>> {
        let item = self.get(key);
        if item.is_none() && !self.misspells(key) {
            reader.problems.error(self.at, format!("`{key}` is missing"));
        }
        item
    }

    /// The value of a key, read by `read` when it is there.
    pub(super) fn read<T>(&self, key: &str, read: impl FnOnce(Item<'d>) -> Option<T>) -> Option<T> {
        self.get(key).and_then(read)
    }

    /// Reports each of `keys` that is there, with the reason why it may not be.
    pub(super) fn refuse(&self, reader: &mut Reader<'_>, keys: &[&str], reason: &str) {
        for key in keys {
            if let Some(item) = self.get(key) {
                reader.error(item, format!("`{key}` {reason}"));
            }
        }
    }
}
