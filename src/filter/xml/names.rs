//! The attribute and element names seen so far in the rows, or in one kind of element inside of them, and what
//! is done with each.
//!
//! Rows repeat their names in the same order, so each name remembers which one followed
//! it, and a row like the one before is recognised by comparing bytes. Each name knows in which
//! row it was seen last: one that stands twice is refused.

use super::columns::Step;
use super::scan::{REPEATED, Scan, Stop, ends_name, name, slice};
use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use std::collections::{HashMap, HashSet};

/// How many names that are no columns are remembered, and how long they may be.
const MAX_STRANGERS: usize = 4096;
const MAX_STRANGER: usize = 128;

/// Up to here names are searched one by one.
const FEW: usize = 24;

/// The names of one level of the rows.
#[derive(Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// The entries by name, once there are more than a few.
    index: HashMap<Box<[u8]>, usize>,
    /// Names of the row at hand that are too many or too long to be remembered.
    strangers: HashSet<Box<[u8]>>,
    /// The number of the row at hand.
    row: u64,
    /// The name expected next.
    expected: usize,
    /// The name before that.
    previous: Option<usize>,
    removed: usize,
    namespaces: usize,
}

struct Entry {
    name: Box<[u8]>,
    step: Step,
    seen_in: u64,
    follower: usize,
}

impl Names {
    /// Begins a row.
    pub(super) fn begin(&mut self) {
        self.row += 1;
        self.expected = 0;
        self.previous = None;
        if !self.strangers.is_empty() {
            // A table that grew once would cost as much to clear for every row after.
            self.strangers = HashSet::new();
        }
    }

    /// Reads the name at `at`: what is done with what it names, and where it ends.
    /// `find` knows the granted names.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &[u8],
        at: usize,
        find: impl FnOnce(&[u8]) -> Option<Step>,
    ) -> Scan<(Step, usize)> {
        if let Some(entry) = self.entries.get_mut(self.expected)
            && text.get(at..).unwrap_or_default().starts_with(&entry.name)
            && text.get(at + entry.name.len()).is_some_and(|next| ends_name(*next))
            && entry.seen_in != self.row
        {
            entry.seen_in = self.row;
            self.previous = Some(self.expected);
            self.expected = entry.follower;
            return Ok((entry.step, at + entry.name.len()));
        }
        self.look_up(text, at, find)
    }

    fn look_up(
        &mut self,
        text: &[u8],
        at: usize,
        find: impl FnOnce(&[u8]) -> Option<Step>,
    ) -> Scan<(Step, usize)> {
        let end = name(text, at)?;
        let name = slice(text, at, end);
        let place = match self.find(name) {
            Some(place) => place,
            None => {
                let step = find(name).unwrap_or(Step::DROP);
                if (step == Step::DROP || step.is_namespace) && !self.has_room_for(name) {
                    self.meet_stranger(name)?;
                    return Ok((step, end));
                }
                self.learn(name, step)
            }
        };
        if let Some(previous) = self.previous.and_then(|previous| self.entries.get_mut(previous)) {
            previous.follower = place;
        }
        let Some(entry) = self.entries.get_mut(place) else { return Ok((Step::DROP, end)) };
        if entry.seen_in == self.row {
            return Err(REPEATED);
        }
        entry.seen_in = self.row;
        self.previous = Some(place);
        self.expected = entry.follower;
        Ok((entry.step, end))
    }

    /// How many names were learnt that are dropped.
    pub(super) fn removed(&self) -> usize {
        self.removed
    }

    /// The names that are dropped, in the order in which they came.
    pub(super) fn removed_names(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(|entry| entry.step == Step::DROP).map(|entry| &*entry.name)
    }

    /// Backends make up the names of namespaces, too.
    fn has_room_for(&self, name: &[u8]) -> bool {
        self.removed + self.namespaces < MAX_STRANGERS && name.len() <= MAX_STRANGER
    }

    fn meet_stranger(&mut self, name: &[u8]) -> Scan<()> {
        if self.strangers.len() >= MAX_CELLS {
            return Err(Stop::Failed(TOO_MANY));
        }
        if self.strangers.insert(name.into()) { Ok(()) } else { Err(REPEATED) }
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        if self.entries.len() <= FEW {
            self.entries.iter().position(|entry| *entry.name == *name)
        } else {
            self.index.get(name).copied()
        }
    }

    fn learn(&mut self, name: &[u8], step: Step) -> usize {
        let place = self.entries.len();
        self.entries.push(Entry { name: name.into(), step, seen_in: 0, follower: place + 1 });
        self.removed += usize::from(step == Step::DROP);
        self.namespaces += usize::from(step.is_namespace);
        if self.entries.len() > FEW {
            let unindexed = self.index.len();
            for (place, entry) in self.entries.iter().enumerate().skip(unindexed) {
                self.index.insert(entry.name.clone(), place);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_names_are_remembered_than_may_be() {
        let namespace = Step { is_namespace: true, ..Step::DROP };
        for (prefix, step, removed) in [("xmlns:n", namespace, 0), ("n", Step::DROP, MAX_STRANGERS)] {
            let mut names = Names::default();
            names.begin();
            let mut read = |text: &str| names.read(text.as_bytes(), 0, |_| Some(step));
            for n in 0..3 * MAX_STRANGERS {
                assert_eq!(read(&format!("{prefix}{n}=")), Ok((step, prefix.len() + n.to_string().len())));
            }
            assert_eq!(read(&format!("{prefix}7=")), Err(REPEATED), "one of the first");
            assert_eq!(read(&format!("{prefix}9999=")), Err(REPEATED), "one that was not remembered");
            names.begin();
            let long = format!("{prefix}{}=", "x".repeat(MAX_STRANGER));
            assert!(names.read(long.as_bytes(), 0, |_| Some(step)).is_ok());
            assert_eq!((names.entries.len(), names.removed()), (MAX_STRANGERS, removed), "{prefix}");
        }
    }
}
