//! `ip`: the whitelist of an affiliate or employee.

use super::edit::{self, Options};
use super::failure::Failure;
use super::table::table;
use super::{Output, note, show};
use clap::Subcommand;
use reportgate::manage::Mode;
use reportgate::manage::addresses::{self, Added, Removed};
use serde::Serialize;
use std::path::Path;

/// How many others are named.
const MOST_NAMED: usize = 10;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the addresses and ranges that requests may come from
    List {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Allow addresses or ranges
    #[command(after_help = "Examples:\n  reportgate ip add acme 203.0.113.7 192.0.2.0/24\n  \
        reportgate ip add acme 198.51.100.10-198.51.100.20\n  \
        reportgate ip add acme 0.0.0.0-255.255.255.255      # open to every IPv4 address")]
    Add {
        /// The affiliate or employee
        id: String,
        /// One address, a CIDR, or FROM-TO; IPv4 or IPv6
        #[arg(required = true, value_name = "RANGE")]
        ranges: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// No longer allow addresses or ranges that are listed
    #[command(after_help = "Any equal spelling will do: 192.0.2.0-192.0.2.255 removes 192.0.2.0/24.\n\n\
        Example: reportgate ip remove acme 203.0.113.7")]
    Remove {
        /// The affiliate or employee
        id: String,
        /// As listed, or spelt otherwise
        #[arg(required = true, value_name = "RANGE")]
        ranges: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { id, output } => list(path, &id, output),
        Command::Add { id, ranges, options } => {
            let change = edit::change(path, "ip add", &options, |draft| addresses::add(draft, &id, &ranges))?;
            for added in &change.value {
                tell_added(&id, added, options.mode());
            }
            Ok(())
        }
        Command::Remove { id, ranges, options } => {
            let change =
                edit::change(path, "ip remove", &options, |draft| addresses::remove(draft, &id, &ranges))?;
            for removed in &change.value {
                edit::tell(&options, &change, &removed_text(&id, removed));
            }
            if change.value.iter().any(|removed| removed.is_last) {
                note(&format!("no range is left: nobody can use the tokens of {id}\n"));
            }
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Listed {
    range: String,
    from: String,
    to: String,
}

fn list(path: &Path, id: &str, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "ip list").read()?;
    let listed = addresses::list(&mut draft, id)?.into_iter().map(|range| {
        let (from, to) = range.ends();
        Listed { range: range.text, from: from.to_string(), to: to.to_string() }
    });
    let listed: Vec<_> = listed.collect();
    show(output.format, &listed, || {
        let row = |range: &Listed| vec![range.range.clone(), range.from.clone(), range.to.clone()];
        table(&["RANGE", "FROM", "TO"], &listed.iter().map(row).collect::<Vec<_>>())
    })
}

fn tell_added(id: &str, added: &Added, mode: Mode) {
    let Added { text, already, within, shared_with, is_open } = added;
    let shown = if mode == Mode::Show { "not written: " } else { "" };
    match already {
        Some(same) if same == text => note(&format!("{text} is there already\n")),
        Some(same) => note(&format!("{text} is there already, as {same}\n")),
        None => note(&format!("{shown}{id} may come from {text}\n")),
    }
    if let Some(wider) = within {
        note(&format!("{text} lies within {wider}, which was there already\n"));
    }
    if already.is_none() && !*is_open && !shared_with.is_empty() {
        note(&format!("addresses of {text} are allowed to {}, too\n", named(shared_with)));
    }
}

fn removed_text(id: &str, removed: &Removed) -> String {
    let Removed { text, still_in, .. } = removed;
    let still = match still_in.as_slice() {
        [] => String::new(),
        others => format!("; addresses of it are still allowed by {}", others.join(", ")),
    };
    format!("{id} may no longer come from {text}{still}")
}

/// Some names, and how many more there are.
pub(super) fn named(names: &[String]) -> String {
    match names.split_at_checked(MOST_NAMED) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more", first.join(", "), rest.len()),
        Some(_) | None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        let names = |count: usize| (0..count).map(|nth| format!("a{nth}")).collect::<Vec<_>>();
        assert_eq!(named(&names(2)), "a0, a1");
        assert!(named(&names(10)).ends_with("a9"));
        assert!(named(&names(12)).ends_with("a9 and 2 more"));
    }
}
