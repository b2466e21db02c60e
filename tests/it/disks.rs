//! Commands on disks that are full, read-only or closed to them: nothing is changed, nothing lies about, and it is said.

use crate::harness::{
    Config, ROW, RecordingBackend, bound_by_rights, mounting, new_folder, run_in_shell, small,
};
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// A config whose audit stands at `audit`.
fn with_audit(audit: &str) -> TempDir {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let config = Config::leads(&backend).with(&format!("[log]\naudit = \"{audit}\"\n"));
    fs::write(folder.path().join("reportgate.toml"), config.text()).unwrap();
    folder
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names and bytes of all files, but for the lock.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "lock"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Revokes the token of `acme` by this script, which has to fail with these words and leave everything as it was.
#[track_caller]
fn refused(name: &str, folder: &Path, script: &str, expected: &[&str]) {
    let before = files(folder);
    let output = run_in_shell(folder, script, &["-c", "reportgate.toml", "token", "revoke", "acme-1"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{name}: {said}");
    assert!(expected.iter().all(|expected| said.contains(expected)), "{name}: {said}");
    assert_eq!(files(folder), before, "{name}");
}

#[test]
fn no_change_is_made_that_cannot_be_audited() {
    const RUN: &str = "\"$0\" \"$@\"";
    let full = format!("{}; head -c 8192 /dev/zero >small/full; {RUN}", small(8));
    let read_only = format!("{}; mount -o remount,ro small; {RUN}", small(8));
    // Here a line fits in part only.
    let nearly = format!(
        "{}; head -c 8100 /dev/zero >small/audit; {RUN}; code=$?; wc -c small/audit >&2; exit $code",
        small(8)
    );
    let rights = format!("mkdir closed; chmod 500 closed; {RUN}");
    #[rustfmt::skip]
    let cases = [
        // name                    audit            script              said
        ("a full device",         "/dev/full",      Some(RUN.into()),    vec!["cannot write the audit", "No space left on device"]),
        ("a folder in its place", "folder",         Some(format!("mkdir folder; {RUN}")), vec!["cannot write the audit", "Is a directory"]),
        ("no folder",             "none/audit",     Some(RUN.into()),    vec!["cannot write the audit", "No such file"]),
        ("a full disk",           "small/audit",    mounting(&full),     vec!["cannot write the audit", "No space left on device"]),
        ("a disk nearly full",    "small/audit",    mounting(&nearly),   vec!["cannot write the audit", "No space left on device", "8100 small/audit"]),
        ("a read-only disk",      "small/audit",    mounting(&read_only), vec!["cannot write the audit", "`[log].audit`", "Read-only"]),
        ("a folder of others",    "closed/audit",   bound_by_rights(&rights), vec!["cannot write the audit", "Permission denied"]),
    ];
    for (name, audit, script, expected) in cases {
        let folder = with_audit(audit);
        if let Some(script) = script {
            refused(name, folder.path(), &script, &expected);
        }
    }
}

/// A file may grow to `512 * blocks` bytes; the audit holds so many already that `room` are left.
fn with_room(room: usize, blocks: usize) -> (TempDir, String) {
    let folder = with_audit("audit.jsonl");
    // `ulimit` counts in 512 bytes (POSIX), or in 1,024 where `sh` is bash.
    let unit = run_in_shell(folder.path(), "ulimit -f 1; head -c 2000 /dev/zero >unit; wc -c <unit", &[]);
    fs::remove_file(folder.path().join("unit")).unwrap();
    let unit: usize = String::from_utf8(unit.stdout).unwrap().trim().parse().unwrap();
    let line = format!("{{\"note\":\"{}\"}}\n", "x".repeat(unit * blocks - room - 12));
    fs::write(folder.path().join("audit.jsonl"), line).unwrap();
    (folder, format!("ulimit -f {blocks}; exec \"$0\" \"$@\""))
}

#[test]
fn an_audit_that_is_full_before_the_change_prevents_it() {
    let (folder, script) = with_room(80, 40);
    refused("room for half a line", folder.path(), &script, &["cannot write the audit", "File too large"]);
}

/// There is room for all but the note by which a running gate knows the change.
#[test]
fn a_change_that_cannot_be_noted_is_not_made() {
    let folder = with_audit("audit.jsonl");
    let note = format!("{} {}\n", "0".repeat(64), "1".repeat(64)).repeat(64);
    fs::write(folder.path().join(".reportgate.toml.changes"), &note).unwrap();
    let before = files(folder.path());
    // Four or eight kilobytes, as `sh` counts; the config has less.
    let script = "ulimit -f 8; exec \"$0\" \"$@\"";
    let output = run_in_shell(folder.path(), script, &["-c", "reportgate.toml", "token", "revoke", "acme-1"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains(".changes: File too large"), "{said}");
    let mut after = files(folder.path());
    let audit = after.iter().position(|(name, _)| name == "audit.jsonl").expect("an audit");
    let audit = String::from_utf8(after.remove(audit).1).unwrap();
    assert_eq!(after, before);
    let stages =
        audit.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["stage"].clone());
    assert_eq!(stages.collect::<Vec<_>>(), ["intent", "failed"]);
}

/// The disk fills between the two lines: the change is made, that is said, and its first line tells of it.
#[test]
fn an_audit_that_is_full_after_the_change_is_told() {
    let arguments = ["-c", "reportgate.toml", "token", "revoke", "acme-1"];
    let elsewhere = with_audit("audit.jsonl");
    assert!(run_in_shell(elsewhere.path(), "exec \"$0\" \"$@\"", &arguments).status.success());
    let both = fs::read_to_string(elsewhere.path().join("audit.jsonl")).unwrap();
    assert_eq!(both.lines().count(), 2);
    let (folder, script) = with_room(both.len() * 3 / 4, 40);
    let output = run_in_shell(folder.path(), &script, &arguments);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warning: the change is made, but cannot write the audit"), "{said}");
    let config = fs::read_to_string(folder.path().join("reportgate.toml")).unwrap();
    assert!(!config.contains("acme-1"));
    let audit = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stages: Vec<_> = lines.iter().map(|line| line["stage"].as_str()).collect();
    assert_eq!(stages, [None, Some("intent")], "no half line: {audit}");
}

#[test]
fn a_config_that_cannot_be_written_stays_as_it_is() {
    // The folder of the config is the small disk; what lies there afterwards is told, and whether the config is the same.
    let told = "code=$?; echo left: >&2; ls -A small >&2; cmp reportgate.toml small/reportgate.toml || exit 9; exit $code";
    let run = "\"$0\" -c small/reportgate.toml token revoke acme-1";
    let with_folder = |prepared: &str| {
        mounting(&format!("{}; cp reportgate.toml small; {prepared}; {run}; {told}", small(20)))
    };
    let full = with_folder(
        "touch small/.reportgate.toml.lock audit; head -c 30000 /dev/zero >small/full 2>/dev/null",
    );
    let read_only = with_folder("touch audit; mount -o remount,ro small");
    let closed = bound_by_rights(&format!(
        "mkdir small; cp reportgate.toml small; touch audit; chmod 500 small; {run}; {told}"
    ));
    let long = "ulimit -f 1; mkdir small; ln -s ../reportgate.toml small/; \"$0\" -c small/reportgate.toml token revoke acme-1; code=$?; echo left: >&2; ls -A >&2; exit $code";
    #[rustfmt::skip]
    let cases = [
        // name              script               said                                                    lies there
        ("a full disk",       full,                 vec!["cannot write beside", "No space left on device"], ".reportgate.toml.lock\nfull\nreportgate.toml\n"),
        ("a read-only disk",  read_only,            vec!["read-only file system", "--stdout"],              "reportgate.toml\n"),
        ("a folder of others", closed,              vec!["cannot open the lock file", "Permission denied"], "reportgate.toml\n"),
        ("a limit of size",   Some(long.to_owned()), vec!["cannot write beside", "File too large"],          ".reportgate.toml.lock\nreportgate.toml\nsmall\n"),
    ];
    for (name, script, expected, left) in cases {
        let Some(script) = script else { continue };
        let folder = with_audit("../audit");
        let before = fs::read(folder.path().join("reportgate.toml")).unwrap();
        let output = run_in_shell(folder.path(), &script, &[]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(expected.iter().all(|expected| said.contains(expected)), "{name}: {said}");
        assert!(said.ends_with(&format!("left:\n{left}")), "{name}: {said}");
        assert_eq!(fs::read(folder.path().join("reportgate.toml")).unwrap(), before, "{name}");
    }
}
