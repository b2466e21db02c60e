//! What answers show about a report's config, told to the operator once: columns cut that nobody
//! asked for, and granted ones that never come.
//!
//! Names only, never a cell; and of names only what looks like one, since some backends put
//! data into keys. Each is told once per generation of the config. The shards share one
//! set, so that the log does not repeat itself per core; looking into it writes nothing.

use crate::domain::names::ReportName;
use crate::domain::token;
use crate::filter::Filter;
use arc_swap::ArcSwap;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The most names of one line.
const MAX_NAMES: usize = 16;

/// The most names that are told of one report and topic.
const MAX_TOLD: usize = 64;

/// The longest name that is shown, in bytes.
const MAX_LENGTH: usize = 64;

/// What was told already.
#[derive(Debug, Default)]
pub struct Findings {
    told: ArcSwap<Told>,
    /// Held while something new is told.
    telling: Mutex<()>,
}

/// What is told of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    /// They were cut.
    Removed,
    /// They are granted, and an answer with rows did not hold them.
    Missing,
}

#[derive(Debug, Clone, Default)]
struct Told {
    generation: u64,
    removed: HashMap<ReportName, HashSet<String>>,
    missing: HashMap<ReportName, HashSet<String>>,
}

impl Told {
    /// The names told of a report in that generation of the config; `None` when there may be no more.
    ///
    /// Nothing is told of a config that is not in force any more.
    fn so_far(&self, generation: u64, report: &ReportName, topic: Topic) -> Option<Option<&HashSet<String>>> {
        let reports = match topic {
            Topic::Removed => &self.removed,
            Topic::Missing => &self.missing,
        };
        let names = reports.get(report).filter(|_| generation == self.generation);
        let may_add = generation >= self.generation && names.is_none_or(|names| names.len() < MAX_TOLD);
        may_add.then_some(names)
    }

    /// Adds the first few of `names` that are new, and returns them.
    fn add(&mut self, generation: u64, report: &ReportName, topic: Topic, names: Vec<String>) -> Vec<String> {
        if generation > self.generation {
            *self = Self { generation, ..Self::default() };
        }
        let reports = match topic {
            Topic::Removed => &mut self.removed,
            Topic::Missing => &mut self.missing,
        };
        let told = reports.entry(report.clone()).or_default();
        let mut new = Vec::new();
        for name in names {
            if new.len() < MAX_NAMES && told.len() < MAX_TOLD && told.insert(name.clone()) {
                new.push(name);
            }
        }
        new
    }
}

impl Findings {
    /// Tells of the columns of an answer that the filter has seen, all of it or some.
    pub(super) fn tell_of(
        &self,
        generation: u64,
        report: Option<&ReportName>,
        filter: &Filter,
        is_whole: bool,
    ) {
        let Some(report) = report else { return };
        if filter.columns_removed() > 0 {
            self.tell(generation, report, Topic::Removed, || filter.removed_names());
        }
        if is_whole {
            let names = || filter.missing_columns().iter().map(|name| name.as_str().to_owned()).collect();
            self.tell(generation, report, Topic::Missing, names);
        }
    }

    /// Tells which of `names`, as the backend spells them, are new to `topic` in that generation of the config.
    fn tell(&self, generation: u64, report: &ReportName, topic: Topic, names: impl FnOnce() -> Vec<String>) {
        if let Some(line) = self.line(generation, report, topic, names) {
            tracing::warn!(report = report.as_str(), "{line}");
        }
    }

    /// What is to be told.
    fn line(
        &self,
        generation: u64,
        report: &ReportName,
        topic: Topic,
        names: impl FnOnce() -> Vec<String>,
    ) -> Option<String> {
        let told = self.told.load();
        let so_far = told.so_far(generation, report, topic)?;
        let mut names: Vec<_> = names().iter().map(|name| shown(name)).collect();
        names.retain(|name| so_far.is_none_or(|told| !told.contains(name)));
        if names.is_empty() {
            return None;
        }
        drop(told);
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Told::clone(&self.told.load());
        // Another shard may have been first.
        told.so_far(generation, report, topic)?;
        let new = told.add(generation, report, topic, names);
        let is_last = told.so_far(generation, report, topic).is_none();
        self.told.store(told.into());
        if new.is_empty() {
            return None;
        }
        let (what, advice) = match topic {
            Topic::Removed => ("the backend sends columns that nobody asked for; they are cut", ""),
            Topic::Missing => {
                ("granted columns are not in the backend's answers", "; check their `response`")
            }
        };
        let more = if is_last { "; no more names are told" } else { "" };
        Some(format!("{what}: {}{advice}{more}", new.join(", ")))
    }
}

/// A name as the log shows it: quoted, and only when it looks like the name of a column.
///
/// That is letters, digits, `_`, `.`, `-` and blanks with a letter or `_` among them, `@` at its start
/// alone (elsewhere it makes an e-mail address), and no token within.
fn shown(name: &str) -> String {
    let bare = name.strip_prefix('@').unwrap_or(name);
    let is_shown = name.len() <= MAX_LENGTH
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b' ' | b'-'))
        && bare.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
        && !token::is_within(name);
    if is_shown { format!("\"{name}\"") } else { format!("(a name of {} characters)", name.chars().count()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> ReportName {
        ReportName::parse(name).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn only_names_are_shown() {
        let (longest, too_long) = ("n".repeat(64), "n".repeat(65));
        let quoted = format!("\"{longest}\"");
        let token = "a-rg_Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1xy1s48Wb";
        #[rustfmt::skip]
        let cases = [
            ("email", "\"email\""), ("Sub ID.2-x_y", "\"Sub ID.2-x_y\""), ("@id", "\"@id\""), ("_", "\"_\""), ("7d", "\"7d\""),
            (longest.as_str(), quoted.as_str()), (too_long.as_str(), "(a name of 65 characters)"),
            ("", "(a name of 0 characters)"), ("1001", "(a name of 4 characters)"), ("2026-01-01", "(a name of 10 characters)"),
            ("555 1234", "(a name of 8 characters)"), ("@", "(a name of 1 characters)"), ("@@id", "(a name of 4 characters)"),
            ("jane@shop.example", "(a name of 17 characters)"), ("a\nb", "(a name of 3 characters)"), ("a\u{1b}[2J", "(a name of 5 characters)"),
            ("a\"b", "(a name of 3 characters)"), ("a,b", "(a name of 3 characters)"), ("größe", "(a name of 5 characters)"),
            ("http://inner", "(a name of 12 characters)"), ("\u{202e}evil", "(a name of 5 characters)"),
            (token, "(a name of 43 characters)"),
        ];
        for (name, expected) in cases {
            assert_eq!(shown(name), expected, "{name:?}");
        }
    }

    #[test]
    fn names_are_told_once_a_generation() {
        let findings = Findings::default();
        #[rustfmt::skip]
        let cases = [
            // generation report  topic           names            told
            (1, "leads",  Topic::Removed, "email|sql",      Some("cut: \"email\", \"sql\"")),
            (1, "leads",  Topic::Removed, "email|sql",      None),
            (1, "leads",  Topic::Removed, "sql|phone",      Some("cut: \"phone\"")),
            (1, "clicks", Topic::Removed, "sql",            Some("cut: \"sql\"")),
            (1, "leads",  Topic::Missing, "sql",            Some("answers: \"sql\"; check their `response`")),
            (1, "leads",  Topic::Removed, "a:b|c:d",        Some("cut: (a name of 3 characters)")),
            (1, "leads",  Topic::Removed, "e:f",            None),
            (2, "leads",  Topic::Removed, "sql",            Some("cut: \"sql\"")),
            (1, "leads",  Topic::Removed, "old",            None),
            (2, "leads",  Topic::Removed, "sql",            None),
        ];
        for (generation, name, topic, sent, expected) in cases {
            let line = findings.line(generation, &report(name), topic, || names(sent));
            let matches = match (&line, expected) {
                (Some(line), Some(end)) => line.ends_with(end),
                (line, expected) => line.is_none() && expected.is_none(),
            };
            assert!(matches, "{generation} {name} {topic:?} {sent}: {line:?}");
        }
        assert_eq!(findings.line(2, &report("leads"), Topic::Missing, Vec::new), None);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let findings = Findings::default();
        let many: Vec<_> = (0..1_000).map(|at| format!("n{at}")).collect();
        let line = || findings.line(1, &report("leads"), Topic::Removed, || many.clone());
        for round in 1..=MAX_TOLD / MAX_NAMES {
            let line = line().unwrap();
            assert_eq!(line.matches("\"n").count(), MAX_NAMES);
            assert_eq!(line.ends_with("; no more names are told"), round == MAX_TOLD / MAX_NAMES, "{round}");
        }
        assert_eq!(line(), None);
        let not_asked = findings.line(1, &report("leads"), Topic::Removed, || panic!("nothing can be new"));
        assert_eq!(not_asked, None);
        let told: usize = findings.told.load().removed.values().map(HashSet::len).sum();
        assert_eq!(told, MAX_TOLD);
    }
}
