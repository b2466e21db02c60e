//! Changes of a commented config: what they touch, and what they leave as it was.

use super::tokens::{self, Life, NewEnd};
use super::{Change, Draft, Installation, ManageError, Mode};
use crate::domain::time::Timestamp;
use std::fs;
use std::path::PathBuf;
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reportgate.toml");
        fs::create_dir(folder.path().join("affiliates.d")).unwrap();
        fs::write(&path, MAIN).unwrap();
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
fn tokens_live_and_end() {
    let bed = Bed::new();
    let (issued, _) =
        bed.change(|draft| tokens::issue(draft, "acme", Life::Default, Some("BI \"feed\""), random()));
    let (hash, id) = (issued.token.digest().stored(), issued.id);
    let added = format!(
        "# see the contract\n\n[[affiliates.acme.tokens]]\nid = \"{id}\"\nhash = \"{hash}\"\n\
         created = 2026-11-22T10:00:00Z\nexpires = 2027-02-20T10:00:00Z\nnote = 'BI \"feed\"'\n"
    );
    assert_eq!(bed.read("reportgate.toml"), MAIN.replace("# see the contract\n", &added));
    let secret = issued.token.into_secret();
    assert!(!bed.read("reportgate.toml").contains(&secret) && !bed.read("audit.jsonl").contains(&secret));

    let (_, lines) = bed.change(|draft| tokens::extend(draft, "first", NewEnd::By(90 * DAY)));
    assert_eq!(
        lines,
        "-expires = 2026-12-01T00:00:00Z # see the contract\n+expires = 2027-03-01T00:00:00Z # see the contract\n"
    );

    let life = Life::Until(Timestamp::from_unix_seconds(1_800_000_000));
    let (rotated, lines) = bed.change(|draft| tokens::rotate(draft, &id, 7 * DAY, life, random()));
    assert!(
        lines.starts_with("-expires = 2027-02-20T10:00:00Z\n+expires = 2026-11-29T10:00:00Z\n"),
        "{lines}"
    );
    assert!(lines.contains("+note = 'BI \"feed\"'\n") && rotated.id != id, "{lines}");

    let (_, lines) = bed.change(|draft| tokens::revoke(draft, &rotated.id));
    assert!(lines.contains("-[[affiliates.acme.tokens]]\n") && lines.lines().count() == 7, "{lines}");
    let (_, _) = bed.change(|draft| tokens::revoke(draft, &id));
    assert_eq!(
        bed.read("reportgate.toml"),
        MAIN.replace("2026-12-01T00:00:00Z # see", "2027-03-01T00:00:00Z # see")
    );
}

#[test]
fn included_files_keep_their_line_ends() {
    let bed = Bed::new();
    let key = "an-old-key-of-the-platform";
    let ((id, _), _) =
        bed.change(|draft| tokens::import(draft, "beta", key, false, Life::For(DAY), None, random()));
    assert_eq!(bed.read("reportgate.toml"), MAIN);
    let text = bed.read("affiliates.d/beta.toml");
    assert!(text.starts_with(INCLUDED), "{text}");
    let added = text.strip_prefix(INCLUDED).unwrap();
    assert!(added.starts_with(&format!("\r\n[[affiliates.beta.tokens]]\r\nid = \"{id}\"\r\n")), "{added}");
    assert!(!added.replace("\r\n", "").contains('\n') && !added.contains(key));
}

#[test]
fn what_cannot_be_is_refused() {
    let bed = Bed::new();
    let long = "x".repeat(513);
    #[rustfmt::skip]
    let cases: [(&str, Edit<'_>); 9] = [
        ("there is no affiliate or employee \"acmee\"; did you mean \"acme\"?", &|d| tokens::issue(d, "acmee", Life::Default, None, random()).map(drop)),
        ("max_token_ttl", &|d| tokens::issue(d, "acme", Life::Never, None, random()).map(drop)),
        ("max_token_ttl", &|d| tokens::issue(d, "acme", Life::For(401 * DAY), None, random()).map(drop)),
        ("would never work", &|d| tokens::issue(d, "acme", Life::Until(NOW), None, random()).map(drop)),
        ("there is no token \"fist\"; did you mean \"first\"?", &|d| tokens::revoke(d, "fist")),
        ("max_token_ttl", &|d| tokens::extend(d, "first", NewEnd::By(400 * DAY)).map(drop)),
        ("fewer than 20", &|d| tokens::import(d, "acme", "short", false, Life::Default, None, random()).map(drop)),
        ("visible ASCII", &|d| tokens::import(d, "acme", &long, false, Life::Default, None, random()).map(drop)),
        ("is token \"first\" already", &|d| tokens::import(d, "acme", "test", true, Life::Default, None, random()).map(drop)),
    ];
    for (expected, edit) in cases {
        let error = bed.refused(|draft| edit(draft)).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!bed.path("audit.jsonl").exists());
}

#[test]
fn the_audit_says_who_and_what_before_and_after() {
    let bed = Bed::new();
    bed.change(|draft| tokens::extend(draft, "first", NewEnd::To(Life::For(DAY))));
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
    let shown = bed.installation.change(Mode::Show, |draft| tokens::revoke(draft, "first")).unwrap();
    assert!(shown.diff().contains("-id = \"first\"\n"), "{}", shown.diff());
    assert_eq!(bed.read("reportgate.toml"), MAIN);
    let files: Vec<_> =
        fs::read_dir(bed.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[test]
fn no_audit_means_no_change() {
    let bed = Bed::new();
    fs::create_dir(bed.path("audit.jsonl")).unwrap();
    let error = bed.refused(|draft| tokens::revoke(draft, "first")).to_string();
    assert!(error.starts_with("cannot write the audit"), "{error}");
}

#[test]
fn changes_of_somebody_else_are_noticed() {
    let bed = Bed::new();
    let edited = format!("{MAIN}# a note\n");
    let change = bed.installation.change(Mode::Write, |draft| {
        fs::write(bed.path("reportgate.toml"), &edited).unwrap();
        tokens::revoke(draft, "first")
    });
    assert!(matches!(change, Err(ManageError::Changed(_))), "{change:?}");
    assert_eq!(bed.read("reportgate.toml"), edited);
}
