//! `columns`: what an affiliate or employee sees of a report, and in which order.

use super::edit::{self, Options};
use super::failure::{Failure, count};
use super::table::table;
use super::{Format, Output, print, show};
use clap::Subcommand;
use reportgate::manage::columns::{self, Column, Shown};
use reportgate::manage::roles::Columns;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show a report's columns: which are seen, in which order, and which are hidden or not granted
    Show {
        /// The affiliate or employee
        id: String,
        /// Only this report
        report: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Set the columns of a report, in the order in which they are to come
    #[command(
        after_help = "Columns beyond the role are refused. Tests of the config that name the old columns follow.\n\n\
        Example: reportgate columns set acme leads created_at,country,commission"
    )]
    Set {
        /// The affiliate or employee
        id: String,
        /// The report
        report: String,
        /// Names with commas between them, or all
        #[arg(value_name = "COLUMNS")]
        columns: String,
        #[command(flatten)]
        options: Options,
    },
    /// Go back to the columns of the role
    #[command(after_help = "Example: reportgate columns reset acme leads")]
    Reset {
        /// The affiliate or employee
        id: String,
        /// The report
        report: String,
        #[command(flatten)]
        options: Options,
    },
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { id, report, output } => show_all(path, &id, report.as_deref(), output),
        Command::Set { id, report, columns, options } => {
            let columns = parse(&columns);
            let change = edit::change(path, "columns set", &options, |draft| {
                columns::set(draft, &id, &report, &columns)
            })?;
            let text = format!("{id} sees of {report}: {}", text(&columns));
            edit::tell(&options, &change, &(text + &followed(change.value)));
            Ok(())
        }
        Command::Reset { id, report, options } => {
            let change =
                edit::change(path, "columns reset", &options, |draft| columns::reset(draft, &id, &report))?;
            let text = format!("{id} sees of {report} what its role grants{}", followed(change.value));
            edit::tell(&options, &change, &text);
            Ok(())
        }
    }
}

/// `a,b,c` or `all`.
pub(super) fn parse(text: &str) -> Columns {
    match text.trim() {
        "all" => Columns::All,
        names => Columns::These(names.split(',').map(|name| name.trim().to_owned()).collect()),
    }
}

/// As [`parse`] reads it.
pub(super) fn text(columns: &Columns) -> String {
    match columns {
        Columns::All => "all".to_owned(),
        Columns::These(names) => names.join(","),
    }
}

/// How many tests were changed.
pub(super) fn followed(tests: usize) -> String {
    match tests {
        0 => String::new(),
        tests => format!("; {} changed accordingly", count(tests, "test")),
    }
}

#[derive(Serialize)]
struct Printed {
    report: String,
    permitted: bool,
    customised: bool,
    columns: Vec<PrintedColumn>,
}

#[derive(Serialize)]
struct PrintedColumn {
    name: String,
    title: Option<String>,
    /// The role that grants it.
    role: Option<String>,
    /// `shown`, `hidden` or `not granted`.
    state: &'static str,
    position: Option<usize>,
}

fn show_all(path: &Path, id: &str, report: Option<&str>, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "columns show").read()?;
    let printed: Vec<_> = columns::show(&mut draft, id, report)?.into_iter().map(Printed::of).collect();
    if output.format == Format::Table {
        let tables: Vec<_> = printed.iter().map(Printed::table).collect();
        return print(&tables.join("\n"));
    }
    show(output.format, &printed, String::new)
}

impl Printed {
    fn of(shown: Shown) -> Self {
        let column = |column: Column| PrintedColumn {
            state: match (column.position, &column.role) {
                (Some(_), _) => "shown",
                (None, Some(_)) => "hidden",
                (None, None) => "not granted",
            },
            name: column.name,
            title: column.title,
            role: column.role,
            position: column.position,
        };
        Self {
            report: shown.report,
            permitted: shown.is_permitted,
            customised: shown.is_customised,
            columns: shown.columns.into_iter().map(column).collect(),
        }
    }

    fn table(&self) -> String {
        let customised = if self.customised { "customised" } else { "as the role has it" };
        let permitted = if self.permitted { "" } else { ", but without its permission" };
        let row = |column: &PrintedColumn| {
            vec![
                column.position.map_or_else(|| "-".to_owned(), |at| at.to_string()),
                column.name.clone(),
                column.state.to_owned(),
                column.role.clone().unwrap_or_else(|| "-".to_owned()),
                column.title.clone().unwrap_or_default(),
            ]
        };
        let rows: Vec<_> = self.columns.iter().map(row).collect();
        let table = table(&["POSITION", "COLUMN", "STATE", "ROLE", "TITLE"], &rows);
        format!("{}: {customised}{permitted}\n{table}", self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read() {
        let these = |names: &[&str]| Columns::These(names.iter().map(|name| (*name).to_owned()).collect());
        #[rustfmt::skip]
        let cases = [
            ("all", Columns::All), ("a", these(&["a"])), ("b,a", these(&["b", "a"])), ("b, a", these(&["b", "a"])),
            ("", these(&[""])), ("a,,b", these(&["a", "", "b"])),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
