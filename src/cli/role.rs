//! `role`: permissions and columns that many affiliates and employees share.

use super::edit::{self, Options};
use super::failure::{Failure, count};
use super::permission::{tell_granted, tell_revoked};
use super::table::table;
use super::{Format, Output, note, print, show};
use super::{columns, ip};
use clap::Subcommand;
use reportgate::manage::roles;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List roles, what they extend, and how many have them
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show what a role grants, and who has it
    Show {
        /// The role
        role: String,
        #[command(flatten)]
        output: Output,
    },
    /// Add a role
    #[command(after_help = "Example: reportgate role add gold --extends standard")]
    Add {
        /// Its name
        role: String,
        /// The role that it adds to
        #[arg(long, value_name = "ROLE")]
        extends: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Grant permissions to all who have the role
    #[command(after_help = "Example: reportgate role grant gold get_clicks_report")]
    Grant {
        /// The role
        role: String,
        /// Names, as the reports ask for them
        #[arg(required = true, value_name = "PERMISSION")]
        names: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Take permissions from all who have the role
    #[command(after_help = "Example: reportgate role revoke gold get_clicks_report")]
    Revoke {
        /// The role
        role: String,
        /// Names
        #[arg(required = true, value_name = "PERMISSION")]
        names: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Set the columns of a report that the role may see
    #[command(after_help = "Tests of the config that name the old columns follow.\n\n\
        Examples:\n  reportgate role columns standard leads lead_id,created_at,country\n  reportgate role columns gold leads all")]
    Columns {
        /// The role
        role: String,
        /// The report
        report: String,
        /// Names with commas between them, or all
        #[arg(value_name = "COLUMNS")]
        columns: String,
        #[command(flatten)]
        options: Options,
    },
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { output } => list(path, output),
        Command::Show { role, output } => show_one(path, &role, output),
        Command::Add { role, extends, options } => {
            let change = edit::change(path, "role add", &options, |draft| {
                roles::add(draft, &role, extends.as_deref())
            })?;
            edit::tell(&options, &change, &format!("role {role} is added"));
            Ok(())
        }
        Command::Grant { role, names, options } => {
            let change =
                edit::change(path, "role grant", &options, |draft| roles::grant(draft, &role, &names))?;
            tell_granted(&format!("role {role}"), &change, options.mode());
            tell_holders(path, &role)
        }
        Command::Revoke { role, names, options } => {
            let change =
                edit::change(path, "role revoke", &options, |draft| roles::revoke(draft, &role, &names))?;
            tell_revoked(&format!("role {role}"), &options, &change);
            tell_holders(path, &role)
        }
        Command::Columns { role, report, columns, options } => {
            let columns = columns::parse(&columns);
            let change = edit::change(path, "role columns", &options, |draft| {
                roles::set_columns(draft, &role, &report, &columns)
            })?;
            let text = format!("role {role} may see of {report}: {}", columns::text(&columns));
            edit::tell(&options, &change, &(text + &columns::followed(change.value)));
            tell_holders(path, &role)
        }
    }
}

/// Tells who is concerned.
fn tell_holders(path: &Path, role: &str) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "role").read()?;
    let holders = roles::holders(&mut draft, role)?;
    let heirs = roles::list(&mut draft)?.into_iter().filter(|other| other.extends.as_deref() == Some(role));
    let heirs: Vec<_> = heirs.map(|heir| heir.name).collect();
    if !holders.is_empty() {
        note(&format!("{} this role: {}\n", have(holders.len()), ip::named(&holders)));
    }
    if !heirs.is_empty() {
        note(&format!("it is extended by {}\n", ip::named(&heirs)));
    }
    Ok(())
}

fn have(number: usize) -> String {
    let verb = if number == 1 { "has" } else { "have" };
    format!("{} {verb}", count(number, "principal"))
}

#[derive(Serialize)]
struct Listed {
    role: String,
    extends: Option<String>,
    permissions: Vec<String>,
    reports: Vec<String>,
    rate_limit: Option<String>,
    principals: usize,
}

fn list(path: &Path, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "role list").read()?;
    let holders = roles::numbers(&mut draft)?;
    let listed = roles::list(&mut draft)?.into_iter().map(|role| Listed {
        principals: holders.get(&role.name).copied().unwrap_or_default(),
        role: role.name,
        extends: role.extends,
        permissions: role.permissions,
        rate_limit: role.rate_limit,
        reports: role.columns.into_iter().map(|(report, _)| report).collect(),
    });
    let listed: Vec<_> = listed.collect();
    show(output.format, &listed, || {
        let row = |role: &Listed| {
            vec![
                role.role.clone(),
                role.extends.clone().unwrap_or_else(|| "-".to_owned()),
                role.principals.to_string(),
                or_dash(&role.permissions),
                or_dash(&role.reports),
            ]
        };
        let rows: Vec<_> = listed.iter().map(row).collect();
        table(&["ROLE", "EXTENDS", "PRINCIPALS", "OWN PERMISSIONS", "OWN COLUMNS OF"], &rows)
    })
}

fn or_dash(items: &[String]) -> String {
    if items.is_empty() { "-".to_owned() } else { items.join(", ") }
}

#[derive(Serialize)]
struct Shown {
    role: String,
    extends: Option<String>,
    permissions: Vec<Granted>,
    columns: Vec<ReportColumns>,
    /// Its own, or inherited; `None`: the default.
    rate_limit: Option<String>,
    principals: Vec<String>,
}

#[derive(Serialize)]
struct Granted {
    name: String,
    role: String,
}

#[derive(Serialize)]
struct ReportColumns {
    report: String,
    columns: Vec<Granted>,
}

fn show_one(path: &Path, role: &str, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "role show").read()?;
    let rights = roles::rights(&mut draft, role)?;
    let found = roles::list(&mut draft)?.into_iter().find(|other| other.name == role);
    let granted =
        |all: Vec<(String, String)>| all.into_iter().map(|(name, role)| Granted { name, role }).collect();
    let of_report = |(report, columns)| ReportColumns { report, columns: granted(columns) };
    let shown = Shown {
        role: role.to_owned(),
        extends: found.and_then(|role| role.extends),
        permissions: granted(rights.permissions),
        columns: rights.columns.into_iter().map(of_report).collect(),
        rate_limit: rights.rate_limit,
        principals: roles::holders(&mut draft, role)?,
    };
    if output.format == Format::Table {
        return print(&shown.table());
    }
    show(output.format, &shown, String::new)
}

impl Shown {
    fn table(&self) -> String {
        let granted = |all: &[Granted]| {
            let one = |one: &Granted| {
                let from = if one.role == self.role { String::new() } else { format!(" (by {})", one.role) };
                format!("{}{from}", one.name)
            };
            or_dash(&all.iter().map(one).collect::<Vec<_>>())
        };
        let mut lines = vec![
            ("role", self.role.clone()),
            ("extends", self.extends.clone().unwrap_or_else(|| "-".to_owned())),
            ("permissions", granted(&self.permissions)),
        ];
        for report in &self.columns {
            lines.push(("columns", format!("{}: {}", report.report, granted(&report.columns))));
        }
        lines.push(("rate_limit", self.rate_limit.clone().unwrap_or_else(|| "-".to_owned())));
        let principals = match self.principals.as_slice() {
            [] => "-".to_owned(),
            all => ip::named(all),
        };
        lines.push(("principals", principals));
        lines.iter().map(|(key, value)| format!("{key:11}  {value}\n")).collect()
    }
}
