//! `permission`: which reports an affiliate or employee may call.

use super::edit::{self, Options};
use super::failure::Failure;
use super::table::table;
use super::{Output, note, show};
use clap::Subcommand;
use reportgate::manage::permissions::{self, Granted, Revoked, Source};
use reportgate::manage::{Change, Mode};
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List permissions, where they come from, and the reports that they open
    List {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Grant permissions, besides those of the role
    #[command(
        after_help = "A permission is refused without one column of its report: set the columns first, or give a role that has some.\n\n\
        Example: reportgate permission grant acme get_leads_report"
    )]
    Grant {
        /// The affiliate or employee
        id: String,
        /// Names, as the reports ask for them
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Take permissions away; those of the role are changed there
    #[command(after_help = "Example: reportgate permission revoke acme get_leads_report")]
    Revoke {
        /// The affiliate or employee
        id: String,
        /// Names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { id, output } => list(path, &id, output),
        Command::Grant { id, names, options } => {
            let change = edit::change(path, "permission grant", &options, |draft| {
                permissions::grant(draft, &id, &names)
            })?;
            tell_granted(&id, &change, options.mode());
            Ok(())
        }
        Command::Revoke { id, names, options } => {
            let change = edit::change(path, "permission revoke", &options, |draft| {
                permissions::revoke(draft, &id, &names)
            })?;
            tell_revoked(&id, &options, &change);
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Listed {
    permission: String,
    own: bool,
    role: Option<String>,
    reports: Vec<String>,
    #[serde(skip)]
    without_columns: Vec<String>,
}

fn list(path: &Path, id: &str, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "permission list").read()?;
    let listed = permissions::list(&mut draft, id)?.into_iter().map(|listed| {
        let blind = listed.reports.iter().filter(|(_, has_columns)| !has_columns);
        Listed {
            without_columns: blind.map(|(report, _)| report.clone()).collect(),
            permission: listed.name,
            own: listed.own,
            role: listed.role,
            reports: listed.reports.into_iter().map(|(report, _)| report).collect(),
        }
    });
    let listed: Vec<_> = listed.collect();
    show(output.format, &listed, || {
        let row = |listed: &Listed| {
            let by_role = listed.role.iter().map(|role| format!("role {role}"));
            let from: Vec<_> = listed.own.then(|| "own".to_owned()).into_iter().chain(by_role).collect();
            let report = |report: &String| {
                let is_blind = listed.without_columns.contains(report);
                format!("{report}{}", if is_blind { " (no columns)" } else { "" })
            };
            let reports: Vec<_> = listed.reports.iter().map(report).collect();
            vec![listed.permission.clone(), from.join(", "), reports.join(", ")]
        };
        table(&["PERMISSION", "FROM", "REPORTS"], &listed.iter().map(row).collect::<Vec<_>>())
    })
}

/// Tells what was granted to a principal or role.
pub(super) fn tell_granted(who: &str, change: &Change<Vec<Granted>>, mode: Mode) {
    let shown = if mode == Mode::Show { "not written: " } else { "" };
    for Granted { name, already, reports } in &change.value {
        note(&match already {
            Some(Source::Own) => format!("{who} has {name} already\n"),
            Some(Source::Role(role)) => format!("{who} has {name} already, by role {role}\n"),
            None => format!("{shown}{who} has {name}, which opens {}\n", reports.join(", ")),
        });
    }
}

/// Tells what was taken from a principal or role.
pub(super) fn tell_revoked(who: &str, options: &Options, change: &Change<Vec<Revoked>>) {
    for Revoked { name, still_by } in &change.value {
        let text = match still_by {
            None => format!("{who} no longer has {name}"),
            Some(role) => format!("{name} is taken from {who}, but role {role} grants it still"),
        };
        edit::tell(options, change, &text);
    }
}
