//! `principal`: affiliates, IBs and employees.

use super::edit::{self, Options};
use super::failure::Failure;
use super::table::table;
use super::{Format, Output, note, print, show};
use clap::{Args, Subcommand, ValueEnum};
use reportgate::manage::principals::{self, Keys, New, Scope, TokenCount};
use reportgate::manage::{Mode, addresses, columns, permissions};
use reportgate::policy::PrincipalKind;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List affiliates, IBs and employees with their roles and tokens
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show one: scope, addresses, permissions, columns and tokens
    Show {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Add one, at the end of the config or of an included file
    #[command(after_help = "Examples:\n  \
        reportgate principal add acme --kind affiliate --name \"Acme Media\" --role standard --scope 1001\n  \
        reportgate principal add jane --kind employee --role standard --scope all --file employees.d/jane.toml\n\n\
        Then: permission grant, ip add, columns set, token new.")]
    Add {
        /// Its id: letters, digits and _ . -
        id: String,
        /// What it is
        #[arg(long, value_enum)]
        kind: Kind,
        #[command(flatten)]
        keys: NewKeys,
        /// The included file that it goes to, relative to the folder of the config; made when it is not there
        #[arg(long, value_name = "INCLUDED")]
        file: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
    /// Change the name, role or scope
    #[command(after_help = "Example: reportgate principal set acme --role gold --scope 1001,1002")]
    Set {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        keys: ChangedKeys,
        #[command(flatten)]
        options: Options,
    },
    /// Refuse all its tokens, until it is enabled again
    Disable {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        options: Options,
    },
    /// Accept its tokens again
    Enable {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        options: Options,
    },
    /// Remove it with its tokens and credentials; its tests stay, and warn
    Remove {
        /// The affiliate or employee
        id: String,
        #[command(flatten)]
        options: Options,
    },
}

/// What a principal is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// An affiliate
    Affiliate,
    /// An introducing broker
    Ib,
    /// An employee, who may see every affiliate's rows
    Employee,
}

#[derive(Debug, Args)]
pub(super) struct NewKeys {
    /// A human name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The role, which grants permissions and columns
    #[arg(long)]
    role: Option<String>,
    /// Whose rows: the platform's ids with commas between them, or, for employees, all
    #[arg(long, value_name = "IDS", value_parser = scope)]
    scope: Option<Scope>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct ChangedKeys {
    /// A human name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The role, which grants permissions and columns
    #[arg(long)]
    role: Option<String>,
    /// Whose rows: the platform's ids with commas between them, or, for employees, all
    #[arg(long, value_name = "IDS", value_parser = scope)]
    scope: Option<Scope>,
}

/// Runs a command on the config at `path`.
pub(super) fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { output } => list(path, output),
        Command::Show { id, output } => show_one(path, &id, output),
        Command::Add { id, kind, keys, file, options } => {
            let kind = match kind {
                Kind::Affiliate => PrincipalKind::Affiliate,
                Kind::Ib => PrincipalKind::Ib,
                Kind::Employee => PrincipalKind::Employee,
            };
            let NewKeys { name, role, scope } = &keys;
            let keys = Keys { name: name.as_deref(), role: role.as_deref(), scope: scope.clone() };
            let new = New { id: &id, kind, keys, file: file.as_deref() };
            let change = edit::change(path, "principal add", &options, |draft| principals::add(draft, &new))?;
            let file = change.files.first().map(|file| file.path.display().to_string()).unwrap_or_default();
            edit::tell(&options, &change, &format!("{id} is added to {file}"));
            Ok(())
        }
        Command::Set { id, keys, options } => {
            let ChangedKeys { name, role, scope } = &keys;
            let keys = Keys { name: name.as_deref(), role: role.as_deref(), scope: scope.clone() };
            let change =
                edit::change(path, "principal set", &options, |draft| principals::set(draft, &id, &keys))?;
            edit::tell(&options, &change, &format!("{id} is changed"));
            Ok(())
        }
        Command::Disable { id, options } => {
            let change = edit::change(path, "principal disable", &options, |draft| {
                principals::disable(draft, &id, true)
            })?;
            edit::tell(&options, &change, &format!("{id} is disabled: its tokens are refused"));
            Ok(())
        }
        Command::Enable { id, options } => {
            let change = edit::change(path, "principal enable", &options, |draft| {
                principals::disable(draft, &id, false)
            })?;
            edit::tell(&options, &change, &format!("{id} is enabled"));
            Ok(())
        }
        Command::Remove { id, options } => remove(path, &id, &options),
    }
}

fn remove(path: &Path, id: &str, options: &Options) -> Result<(), Failure> {
    let change = edit::change(path, "principal remove", options, |draft| principals::remove(draft, id))?;
    let tokens = match change.value.as_slice() {
        [] => String::new(),
        tokens => format!(", with the tokens {}", tokens.join(", ")),
    };
    edit::tell(options, &change, &format!("{id} is removed{tokens}"));
    if options.mode() == Mode::Write && change.files.iter().any(|file| file.after.trim().is_empty()) {
        note("its file is empty now, and may be deleted\n");
    }
    Ok(())
}

/// `a,b` or `all`.
#[expect(clippy::unnecessary_wraps, reason = "what clap calls; ids are judged when the config is checked")]
fn scope(text: &str) -> Result<Scope, String> {
    Ok(match text {
        "all" => Scope::All,
        ids => Scope::Ids(ids.split(',').map(|id| id.trim().to_owned()).collect()),
    })
}

#[derive(Serialize)]
struct Tokens {
    active: usize,
    disabled: usize,
    expired: usize,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    kind: &'static str,
    name: Option<String>,
    role: Option<String>,
    state: &'static str,
    tokens: Tokens,
}

impl Listed {
    fn of(listed: principals::Listed) -> Self {
        let TokenCount { active, disabled, expired } = listed.tokens;
        Self {
            id: listed.id,
            kind: listed.kind.as_str(),
            name: listed.name,
            role: listed.role,
            state: if listed.is_disabled { "disabled" } else { "enabled" },
            tokens: Tokens { active, disabled, expired },
        }
    }
}

impl Tokens {
    /// `2 active, 1 expired`.
    fn text(&self) -> String {
        let counted = [(self.active, "active"), (self.disabled, "disabled"), (self.expired, "expired")];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        let counted: Vec<_> = counted.map(|(count, state)| format!("{count} {state}")).collect();
        if counted.is_empty() { "-".to_owned() } else { counted.join(", ") }
    }
}

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

fn list(path: &Path, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "principal list").read()?;
    let listed: Vec<_> = principals::list(&mut draft)?.into_iter().map(Listed::of).collect();
    show(output.format, &listed, || {
        let row = |one: &Listed| {
            vec![
                one.id.clone(),
                one.kind.to_owned(),
                or_dash(one.role.as_ref()),
                one.state.to_owned(),
                one.tokens.text(),
                one.name.clone().unwrap_or_default(),
            ]
        };
        table(&["ID", "KIND", "ROLE", "STATE", "TOKENS", "NAME"], &listed.iter().map(row).collect::<Vec<_>>())
    })
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    listed: Listed,
    /// Platform ids, or `"all"`.
    scope: serde_json::Value,
    allowed_ips: Vec<String>,
    permissions: Vec<String>,
    /// The rate that counts, or `off`.
    rate_limit: String,
    reports: Vec<Report>,
    credentials: Vec<String>,
}

#[derive(Serialize)]
struct Report {
    report: String,
    permitted: bool,
    customised: bool,
    columns: Vec<String>,
}

fn show_one(path: &Path, id: &str, output: Output) -> Result<(), Failure> {
    let mut draft = edit::installation(path, "principal show").read()?;
    let shown = principals::show(&mut draft, id)?;
    let report = |shown: columns::Shown| Report {
        report: shown.report,
        permitted: shown.is_permitted,
        customised: shown.is_customised,
        columns: shown.columns.into_iter().filter(|c| c.position.is_some()).map(|c| c.name).collect(),
    };
    let all = Shown {
        listed: Listed::of(shown.listed),
        scope: match shown.scope {
            Scope::All => "all".into(),
            Scope::Ids(ids) => ids.into(),
        },
        allowed_ips: addresses::list(&mut draft, id)?.into_iter().map(|range| range.text).collect(),
        permissions: permissions::list(&mut draft, id)?.into_iter().map(|listed| listed.name).collect(),
        rate_limit: shown.rate_limit.unwrap_or_else(|| "off".to_owned()),
        reports: columns::show(&mut draft, id, None)?.into_iter().map(report).collect(),
        credentials: shown.credentials,
    };
    if output.format == Format::Table {
        return print(&all.table());
    }
    show(output.format, &all, String::new)
}

impl Shown {
    fn table(&self) -> String {
        let list = |items: &[String]| if items.is_empty() { "-".to_owned() } else { items.join(", ") };
        let scope = match self.scope.as_array() {
            Some(ids) => {
                list(&ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect::<Vec<_>>())
            }
            None => self.scope.as_str().unwrap_or("-").to_owned(),
        };
        let mut lines = vec![
            ("id", self.listed.id.clone()),
            ("name", or_dash(self.listed.name.as_ref())),
            ("kind", self.listed.kind.to_owned()),
            ("role", or_dash(self.listed.role.as_ref())),
            ("state", self.listed.state.to_owned()),
            ("scope", scope),
            ("allowed_ips", list(&self.allowed_ips)),
            ("permissions", list(&self.permissions)),
            ("rate_limit", self.rate_limit.clone()),
        ];
        for report in &self.reports {
            let customised = if report.customised { " (customised)" } else { "" };
            let permitted = if report.permitted { "" } else { " (without its permission)" };
            lines.push((
                "report",
                format!("{}: {}{customised}{permitted}", report.report, list(&report.columns)),
            ));
        }
        if !self.credentials.is_empty() {
            lines.push(("credentials", list(&self.credentials)));
        }
        lines.push(("tokens", self.listed.tokens.text()));
        lines.iter().map(|(key, value)| format!("{key:11}  {value}\n")).collect()
    }
}
