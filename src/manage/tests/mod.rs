//! Changes of a commented config: what they touch, and what they leave as it was.

mod addresses;
mod columns;
mod forms;
mod layouts;
mod permissions;
mod principals;
mod roles;
mod tokens;

use super::roles::Columns;
use super::tokens::{Life, NewEnd};
use super::{Change, Draft, Installation, ManageError, Mode};
use super::{
    addresses as ips, columns as views, permissions as rights, principals as holders, tokens as keys,
};
use crate::domain::time::Timestamp;
use crate::policy::PrincipalKind;
use holders::{Keys, New, Scope};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

/// 2026-11-22T10:00:00Z.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_341_600);

pub(super) const MAIN: &str = r#"# The gate of example.com
include = ["affiliates.d/*.toml"]

[defaults]
max_token_ttl = "400d" # by policy

[backends.legacy]
url = "http://127.0.0.1:8001"

[reports.leads]
permission = "get_leads_report"
path = "/leads"

[reports.leads.columns]
lead_id = {}
country = {}
commission = {}

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id" }]

[roles.standard]
permissions = ["get_leads_report"]
columns.leads = ["lead_id", "country"] # not the money

[affiliates.acme] # our first
name = "Acme"
kind = "ib"
role = "standard"
scope = ["1001"]
allowed_ips = ["203.0.113.7"]   # their office

[[affiliates.acme.tokens]]
id = "first"
hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
created = 2026-01-01T00:00:00Z
expires = 2026-12-01T00:00:00Z # see the contract

# Ours
[employees.jane]
role = "standard"
scope = "all"
allowed_ips = ["10.8.0.0/16"]
"#;

pub(super) const INCLUDED: &str = "\u{feff}# Beta\r\n[affiliates.beta]\r\nkind = \"affiliate\"\r\nrole = \"standard\"\r\n\
    scope = [\"1002\"]\r\nallowed_ips = [\r\n  \"198.51.100.1\", # office\r\n]\r\n";

/// An edit that gives nothing.
pub(super) type Edit<'a> = &'a dyn Fn(&mut Draft) -> Result<(), ManageError>;

/// A config on disk.
pub(super) struct Bed {
    folder: TempDir,
    pub(super) installation: Installation,
}

impl Bed {
    pub(super) fn new() -> Self {
        Self::with(MAIN)
    }

    /// A config with that main file.
    pub(super) fn with(main: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reportgate.toml");
        fs::create_dir(folder.path().join("affiliates.d")).unwrap();
        fs::write(&path, main).unwrap();
        fs::write(folder.path().join("affiliates.d/beta.toml"), INCLUDED).unwrap();
        let installation = Installation { path, actor: "ken".into(), command: "test".into(), now: NOW };
        Self { folder, installation }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a change and gives the lines that it took out and put in.
    #[track_caller]
    pub(super) fn change<T>(&self, edit: impl FnOnce(&mut Draft) -> Result<T, ManageError>) -> (T, String) {
        let change = self.installation.change(Mode::Write, edit).unwrap_or_else(|error| panic!("{error}"));
        let lines = changed_lines(&change);
        (change.value, lines)
    }

    /// Tries a change that has to fail, and leaves everything as it was.
    #[track_caller]
    pub(super) fn refused<T>(&self, edit: impl FnOnce(&mut Draft) -> Result<T, ManageError>) -> ManageError {
        let before = (self.read("reportgate.toml"), self.read("affiliates.d/beta.toml"));
        let error = self.installation.change(Mode::Write, edit).err().expect("the change is refused");
        assert_eq!((self.read("reportgate.toml"), self.read("affiliates.d/beta.toml")), before);
        error
    }
}

/// Makes a change by the words of its command.
pub(super) fn act(draft: &mut Draft, command: &str) -> Result<(), ManageError> {
    let words: Vec<&str> = command.split(' ').collect();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let columns = |text: &str| match text {
        "all" => Columns::All,
        names => Columns::These(names.split(',').map(str::to_owned).collect()),
    };
    match words.as_slice() {
        ["ip", "add", id, ranges @ ..] => ips::add(draft, id, &owned(ranges)).map(drop),
        ["ip", "remove", id, ranges @ ..] => ips::remove(draft, id, &owned(ranges)).map(drop),
        ["permission", "grant", id, names @ ..] => rights::grant(draft, id, &owned(names)).map(drop),
        ["permission", "revoke", id, names @ ..] => rights::revoke(draft, id, &owned(names)).map(drop),
        ["columns", "set", id, report, names] => views::set(draft, id, report, &columns(names)).map(drop),
        ["columns", "reset", id, report] => views::reset(draft, id, report).map(drop),
        ["principal", "disable", id] => holders::disable(draft, id, true),
        ["principal", "enable", id] => holders::disable(draft, id, false),
        ["principal", "remove", id] => holders::remove(draft, id).map(drop),
        ["principal", "set", id, rest @ ..] => holders::set(draft, id, &holder_keys(rest)),
        ["principal", "add", id, kind, file, rest @ ..] => {
            let kind = match *kind {
                "employee" => PrincipalKind::Employee,
                "ib" => PrincipalKind::Ib,
                _ => PrincipalKind::Affiliate,
            };
            let file = (*file != "-").then(|| Path::new(*file));
            holders::add(draft, &New { id, kind, keys: holder_keys(rest), file })
        }
        ["role", "add", role] => super::roles::add(draft, role, None),
        ["role", "add", role, parent] => super::roles::add(draft, role, Some(parent)),
        ["role", "grant", role, names @ ..] => super::roles::grant(draft, role, &owned(names)).map(drop),
        ["role", "revoke", role, names @ ..] => super::roles::revoke(draft, role, &owned(names)).map(drop),
        ["role", "columns", role, report, names] => {
            super::roles::set_columns(draft, role, report, &columns(names)).map(drop)
        }
        ["token", "new", id] => {
            let mut own = id.bytes().cycle();
            let mut random = random();
            let random = || random().wrapping_add(own.next().unwrap());
            keys::issue(draft, id, Life::Default, None, random).map(drop)
        }
        ["token", "revoke", token] => keys::revoke(draft, token),
        _ => panic!("no such command: {command}"),
    }
}

/// `KEY=VALUE` words.
fn holder_keys<'a>(words: &[&'a str]) -> Keys<'a> {
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let scope = value("scope").map(|scope| match scope {
        "all" => Scope::All,
        ids => Scope::Ids(ids.split(',').map(str::to_owned).collect()),
    });
    Keys { name: value("name"), role: value("role"), scope }
}

/// What a command changes in the main file: lines out and in.
#[track_caller]
pub(super) fn check(main: &str, command: &str, expected: &str) {
    let bed = Bed::with(main);
    let ((), lines) = bed.change(|draft| act(draft, command));
    assert_eq!(lines, expected, "{command}\n{main}");
    // One change, one entry, before it and after it.
    let stages = if expected.is_empty() { 0 } else { 2 };
    let audit = fs::read_to_string(bed.path("audit.jsonl")).unwrap_or_default();
    assert_eq!(audit.lines().count(), stages, "{command}: {audit}");
}

/// A command that is refused, and why.
#[track_caller]
pub(super) fn check_refused(main: &str, command: &str, expected: &str) {
    let bed = Bed::with(main);
    let error = bed.refused(|draft| act(draft, command));
    let said = match std::error::Error::source(&error) {
        Some(rejected) => rejected.to_string() + &error.to_string(),
        None => error.to_string(),
    };
    assert!(said.contains(expected), "{command}: {said}");
    assert!(!bed.path("audit.jsonl").exists(), "{command}");
}

/// The `-` and `+` lines of a change.
pub(super) fn changed_lines<T>(change: &Change<T>) -> String {
    let diff = change.diff();
    let is_change =
        |line: &&str| line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++");
    diff.lines().filter(is_change).map(|line| format!("{line}\n")).collect()
}

/// The same bytes at every call.
pub(super) fn random() -> impl FnMut() -> u8 {
    let mut next = 0_u8;
    move || {
        next = next.wrapping_mul(5).wrapping_add(17);
        next
    }
}

#[test]
fn the_audit_says_who_and_what_before_and_after() {
    let bed = Bed::new();
    bed.change(|draft| keys::extend(draft, "first", NewEnd::To(Life::For(DAY))));
    let lines: Vec<serde_json::Value> =
        bed.read("audit.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |stage: &str| {
        serde_json::json!({
            "ts": "2026-11-22T10:00:00Z", "stage": stage, "actor": "ken", "command": "test", "principal": "acme", "token": "first",
            "before": { "expires": "2026-12-01T00:00:00Z" }, "after": { "expires": "2026-11-23T10:00:00Z" },
        })
    };
    assert_eq!(lines, [line("intent"), line("done")]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(bed.path("audit.jsonl")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_only_shown_changes_nothing() {
    let bed = Bed::new();
    let shown = bed.installation.change(Mode::Show, |draft| keys::revoke(draft, "first")).unwrap();
    let diff = shown.diff();
    assert!(
        diff.contains("-id = \"first\"\n") && diff.contains("-hash = ") && !diff.contains("9f86d081"),
        "{diff}"
    );
    assert_eq!(bed.read("reportgate.toml"), MAIN);
    let files: Vec<_> =
        fs::read_dir(bed.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[test]
fn no_audit_means_no_change() {
    let bed = Bed::new();
    fs::create_dir(bed.path("audit.jsonl")).unwrap();
    let error = bed.refused(|draft| keys::revoke(draft, "first")).to_string();
    assert!(error.starts_with("cannot write the audit"), "{error}");
}

#[test]
fn changes_of_somebody_else_are_noticed() {
    let bed = Bed::new();
    let edited = format!("{MAIN}# a note\n");
    let change = bed.installation.change(Mode::Write, |draft| {
        fs::write(bed.path("reportgate.toml"), &edited).unwrap();
        keys::revoke(draft, "first")
    });
    assert!(matches!(change, Err(ManageError::Changed(_))), "{change:?}");
    assert_eq!(bed.read("reportgate.toml"), edited);
}

/// The files that a change of two replaces: the second one is changed by somebody else meanwhile.
#[test]
fn a_change_of_two_files_is_made_whole_or_not_at_all() {
    let bed = Bed::new();
    let beta = format!("{INCLUDED}# a note\n");
    let change = bed.installation.change(Mode::Write, |draft| {
        fs::write(bed.path("affiliates.d/beta.toml"), &beta).unwrap();
        keys::revoke(draft, "first")?;
        holders::disable(draft, "beta", true)
    });
    assert!(matches!(change, Err(ManageError::Changed(_))), "{change:?}");
    assert_eq!((bed.read("reportgate.toml").as_str(), bed.read("affiliates.d/beta.toml")), (MAIN, beta));
    let audit = bed.read("audit.jsonl");
    assert!(audit.lines().all(|line| !line.contains("\"done\"")) && audit.contains("\"failed\""), "{audit}");
}

/// What a killed change left lies where this one writes, or something leads elsewhere from there.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let bed = Bed::new();
    let temporary = bed.path(&format!(".reportgate.toml.{}.new", std::process::id()));
    fs::write(bed.path("other"), "other").unwrap();
    std::os::unix::fs::symlink(bed.path("other"), &temporary).unwrap();
    bed.change(|draft| keys::revoke(draft, "first"));
    assert_eq!(bed.read("other"), "other");
    assert!(!bed.read("reportgate.toml").contains("first\"") && !temporary.exists());
}

#[test]
fn a_torn_line_of_the_audit_spoils_no_other() {
    let bed = Bed::new();
    fs::write(bed.path("audit.jsonl"), "{\"ts\": \"2026-11").unwrap();
    bed.change(|draft| keys::revoke(draft, "first"));
    let audit = bed.read("audit.jsonl");
    let whole = audit.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    assert_eq!((audit.lines().count(), whole.count()), (3, 2), "{audit}");
}
