//! From text to TOML: of many files one is parsed while another is read for what it says.

use super::problem::{Mark, Problems};
use std::collections::HashSet;
use std::sync::mpsc::sync_channel;
use std::thread;
use toml::de::DeTable;

/// How many of a file's syntax errors are looked at.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A document, or what could be read of it.
pub(super) struct Parsed<'t> {
    pub(super) document: DeTable<'t>,
    errors: Vec<toml::de::Error>,
}

impl<'t> Parsed<'t> {
    /// Parses one text.
    pub(super) fn of(text: &'t str) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        Self { document: document.into_inner(), errors }
    }

    /// Reports what is no TOML. Tells whether the rest can be read for what it says: so it is when
    /// the only problems are keys that stand twice.
    pub(super) fn report(&self, file: u32, problems: &mut Problems) -> bool {
        let mut said = HashSet::new();
        for error in self.errors.iter().take(MAX_SYNTAX_ERRORS) {
            let span = error.span().unwrap_or_default();
            let message = match error.message() {
                "duplicate key" => {
                    problems.syntax(Mark::new(file, &span), "this key is defined twice in this file");
                    continue;
                }
                other => other.replace('\n', "; "),
            };
            // One slip, such as a bracket that is never closed, makes the same error on line after line.
            if said.insert(message.clone()) {
                problems.syntax(Mark::new(file, &span), message);
            }
        }
        self.errors.iter().all(|error| error.message() == "duplicate key")
    }
}

/// Parses texts, on a thread of its own when they are several, and hands over each in their order.
pub(super) fn each<'t, T: Sync>(
    texts: &'t [T],
    text_of: fn(&T) -> &str,
    mut take: impl FnMut(&'t T, Parsed<'t>),
) {
    thread::scope(|scope| {
        // One waits, so that few documents are in memory at one time.
        let (parsed, next) = sync_channel(1);
        let parse = move || {
            // Fails only when nobody waits any more.
            texts.iter().all(|text| parsed.send(Parsed::of(text_of(text))).is_ok())
        };
        if texts.len() > 1 {
            // Without the thread, nobody sends.
            let _ = thread::Builder::new().name("parse".to_owned()).spawn_scoped(scope, parse);
        } else {
            drop(parse);
        }
        for text in texts {
            take(text, next.recv().unwrap_or_else(|_| Parsed::of(text_of(text))));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_handed_over_in_their_order() {
        for count in [0, 1, 2, 7, 100] {
            let texts: Vec<String> = (0..count).map(|n| format!("n{n} = 1")).collect();
            let mut seen = Vec::new();
            each(&texts, String::as_str, |text, parsed| {
                assert!(parsed.document.contains_key(text.trim_end_matches(" = 1")), "{text}");
                seen.push(text.clone());
            });
            assert_eq!(seen, texts);
        }
    }
}
