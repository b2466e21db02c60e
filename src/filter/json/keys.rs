//! The member names seen so far in the objects of one level, and what is done with them.
//!
//! Rows repeat their names in the same order, so each name remembers which one followed
//! it, and a row like the one before is recognised by comparing bytes. Anything else is
//! unescaped and looked up. Each name knows in which object it was seen last: a name
//! that stands twice in one object is refused, however it is spelt.

use super::columns::Step;
use super::scan::{REPEATED, Scan, Stop, invalid, name, slice};
use crate::filter::escape::unescaped;
use crate::filter::intake::{MAX_CELLS, TOO_MANY};
use std::collections::{HashMap, HashSet};

/// How many names that are dropped are remembered, and how long they may be, unescaped.
const MAX_STRANGERS: usize = 4096;
const MAX_STRANGER: usize = 128;

/// Up to here names are searched one by one.
const FEW: usize = 24;

/// The names of one level of the rows.
#[derive(Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    /// The entries by name, once there are more than a few.
    index: HashMap<Box<[u8]>, usize>,
    /// Names of the object at hand that are too many or too long to be remembered.
    strangers: HashSet<Box<[u8]>>,
    /// The number of the object at hand.
    object: u64,
    /// The name expected next.
    expected: usize,
    /// The name before that.
    previous: Option<usize>,
    removed: usize,
}

struct Entry {
    /// As it was spelt first, in quotes.
    spelling: Box<[u8]>,
    /// What it means, where that differs.
    unescaped: Option<Box<[u8]>>,
    step: Step,
    seen_in: u64,
    follower: usize,
}

impl Entry {
    fn name(&self) -> &[u8] {
        let inside = || slice(&self.spelling, 1, self.spelling.len().saturating_sub(1));
        self.unescaped.as_deref().unwrap_or_else(inside)
    }
}

impl Keys {
    /// Begins an object.
    pub(super) fn begin(&mut self) {
        self.object += 1;
        self.expected = 0;
        self.previous = None;
        if !self.strangers.is_empty() {
            // A table that grew once would cost as much to clear for every object after.
            self.strangers = HashSet::new();
        }
    }

    /// Reads the member name at `at`: what is done with the member, and where the name ends.
    /// `find` knows the granted names.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &[u8],
        at: usize,
        find: impl FnOnce(&[u8]) -> Option<Step>,
    ) -> Scan<(Step, usize)> {
        if let Some(entry) = self.entries.get_mut(self.expected)
            && text.get(at..).unwrap_or_default().starts_with(&entry.spelling)
            && entry.seen_in != self.object
        {
            entry.seen_in = self.object;
            self.previous = Some(self.expected);
            self.expected = entry.follower;
            return Ok((entry.step, at + entry.spelling.len()));
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
        let spelling = slice(text, at, end);
        let meaning = unescaped(slice(text, at + 1, end - 1));
        let Some(meaning) = meaning else {
            return Err(invalid("half of a surrogate pair in a member's name"));
        };
        let place = match self.find(&meaning) {
            Some(place) => place,
            None => match find(&meaning) {
                None if !self.has_room_for(&meaning) => {
                    self.meet_stranger(&meaning)?;
                    return Ok((Step::DROP, end));
                }
                step => self.learn(spelling, &meaning, step.unwrap_or(Step::DROP)),
            },
        };
        if let Some(previous) = self.previous.and_then(|previous| self.entries.get_mut(previous)) {
            previous.follower = place;
        }
        let Some(entry) = self.entries.get_mut(place) else { return Ok((Step::DROP, end)) };
        if entry.seen_in == self.object {
            return Err(REPEATED);
        }
        entry.seen_in = self.object;
        self.previous = Some(place);
        self.expected = entry.follower;
        Ok((entry.step, end))
    }

    /// How many names were learnt whose members are dropped.
    pub(super) fn removed(&self) -> usize {
        self.removed
    }

    /// The names whose members are dropped, as they mean.
    pub(super) fn removed_names(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(|entry| entry.step == Step::DROP).map(Entry::name)
    }

    /// How many names were learnt.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names learnt behind the first `known` whose members are dropped, as they were spelt and as they mean.
    pub(super) fn removed_behind(&self, known: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let removed = self.entries.iter().skip(known).filter(|entry| entry.step == Step::DROP);
        removed.map(|entry| (&*entry.spelling, entry.name()))
    }

    /// Notes a name that stands in a header or in pairs, and is dropped there.
    pub(super) fn note(&mut self, spelling: &[u8], meaning: &[u8], step: Option<Step>) {
        if self.has_room_for(meaning) && self.find(meaning).is_none() {
            self.learn(spelling, meaning, step.unwrap_or(Step::DROP));
        }
    }

    fn meet_stranger(&mut self, name: &[u8]) -> Scan<()> {
        if self.strangers.len() >= MAX_CELLS {
            return Err(Stop::Failed(TOO_MANY));
        }
        if self.strangers.insert(name.into()) { Ok(()) } else { Err(REPEATED) }
    }

    /// Goes by what a name means: another spelling has to meet the same answer.
    fn has_room_for(&self, meaning: &[u8]) -> bool {
        self.removed < MAX_STRANGERS && meaning.len() <= MAX_STRANGER
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        if self.entries.len() <= FEW {
            self.entries.iter().position(|entry| entry.name() == name)
        } else {
            self.index.get(name).copied()
        }
    }

    fn learn(&mut self, spelling: &[u8], meaning: &[u8], step: Step) -> usize {
        let place = self.entries.len();
        let unescaped = (meaning.len() + 2 != spelling.len()).then(|| meaning.into());
        self.entries.push(Entry {
            spelling: spelling.into(),
            unescaped,
            step,
            seen_in: 0,
            follower: place + 1,
        });
        self.removed += usize::from(step == Step::DROP);
        if self.entries.len() > FEW {
            let unindexed = self.index.len();
            for (place, entry) in self.entries.iter().enumerate().skip(unindexed) {
                self.index.insert(entry.name().into(), place);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_strangers_costs_the_objects_after_it_nothing() {
        let mut keys = Keys::default();
        let read = |keys: &mut Keys, name: usize| {
            let text = format!("\"{}{name}\"", "x".repeat(MAX_STRANGER));
            assert!(keys.read(text.as_bytes(), 0, |_| None).is_ok());
        };
        keys.begin();
        (0..10_000).for_each(|name| read(&mut keys, name));
        assert!(keys.strangers.capacity() >= 10_000);
        for _ in 0..2 {
            keys.begin();
            read(&mut keys, 1);
            assert!(keys.strangers.capacity() < 10, "{}", keys.strangers.capacity());
        }
    }
}
