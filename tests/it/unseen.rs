//! A config whose files cannot be watched or read: what is in force stays, changes are found all the same, and it is said.

use crate::harness::{
    Config, Gate, ROW, RecordingBackend, affiliate, bound_by_rights, eventually, mounting, new_folder,
    replace, within,
};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

/// How soon a change is in force without file events.
const BY_POLL: Duration = Duration::from_secs(10);

const ACME: &str = "role = \"standard\"\nscope = [\"1001\"]";

/// A gate that gets no file events, because this limit of its user is 0 until somebody writes to `go`.
fn without(limit: &str) {
    let limit = format!("/proc/sys/user/{limit}");
    let raise = format!("(timeout 60 head -n 1 go && echo 100 >{limit}) >/dev/null 2>&1 &");
    let Some(script) = mounting(&format!("mkfifo go; echo 0 >{limit}; {raise} exec \"$0\" \"$@\"")) else {
        return;
    };
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend);
    let gate = Gate::in_shell(new_folder(), &config, &script);
    let unwatched = || gate.status()["unwatched"].as_array().unwrap().len();
    eventually("it is told", || (unwatched() > 0).then_some(()));
    gate.wait_for_metric("config_unwatched", 1.0);
    for (nth, id) in ["beta", "gamma"].into_iter().enumerate() {
        let changed = config.clone().with(&affiliate(id, ACME));
        replace(&gate.config(), &changed.text());
        let found = within(BY_POLL, || (gate.generation() == nth as u64 + 2).then_some(()));
        assert!(found.is_some(), "the poll finds {id}");
        assert_eq!(gate.get(id, "/leads").status, 200);
    }
    let said = gate.program.stderr.all().iter().filter(|line| line.contains("cannot be watched")).count();
    assert_eq!(said, 1, "said once");
    fs::write(gate.folder().join("go"), "\n").unwrap();
    eventually("it is watched again", || (unwatched() == 0).then_some(()));
    assert!(gate.metrics().get("config_unwatched") < 0.5);
    // Between two polls.
    gate.reload(&config.with(&affiliate("delta", ACME)));
    assert_eq!(gate.get("delta", "/leads").status, 200);
}

#[test]
fn changes_are_found_without_a_watcher() {
    without("max_inotify_instances");
}

#[test]
fn changes_are_found_without_watches() {
    without("max_inotify_watches");
}

#[test]
fn files_that_become_unreadable_change_nothing() {
    type Harm = fn(&Path);
    let rights: Harm = |file| fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap();
    let folder: Harm = |file| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    };
    let circle: Harm = |file| {
        fs::remove_file(file).unwrap();
        symlink(file, file).unwrap();
    };
    let gone: Harm = |file| fs::remove_file(file).unwrap();
    let binary: Harm = |file| fs::write(file, b"[affiliates.\xff]\n").unwrap();
    let folder_closed: Harm =
        |file| fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o000)).unwrap();
    #[rustfmt::skip]
    let cases = [
        // what becomes of it     file             harm           said, with its place
        ("the main file's rights", "reportgate.toml", rights,      "Permission denied"),
        ("a folder instead",       "reportgate.toml", folder,      "not a regular file"),
        ("a circle of links",      "reportgate.toml", circle,      "symbolic links"),
        ("no main file",           "reportgate.toml", gone,        "No such file"),
        ("an include's rights",    "more/beta.toml",  rights,      "Permission denied"),
        ("a folder for an include", "more/beta.toml", folder,      "not a regular file"),
        ("an include in a circle", "more/beta.toml",  circle,      "symbolic links"),
        ("an include of bytes",    "more/beta.toml",  binary,      "UTF-8"),
        ("the folder of includes", "more/beta.toml",  folder_closed, "Permission denied"),
    ];
    let Some(script) = bound_by_rights("exec \"$0\" \"$@\"") else { return };
    let backend = RecordingBackend::json(ROW);
    let text = format!("include = [\"more/*.toml\"]\n{}", Config::leads(&backend).text());
    let check = |(name, file, harm, said): (&str, &str, Harm, &str)| {
        let folder = new_folder();
        fs::create_dir(folder.path().join("more")).unwrap();
        fs::write(folder.path().join("more/beta.toml"), affiliate("beta", ACME)).unwrap();
        let gate = Gate::in_shell_with(folder, &text, &script);
        let harmed = gate.folder().join(file);
        let status = gate.refused(|| harm(&harmed));
        let problems = status["last_reload"]["problems"].as_array().expect("problems").clone();
        let place = if name == "the folder of includes" { "reportgate.toml:1:" } else { file };
        let tells = |problem: &serde_json::Value| {
            let problem = problem.as_str().unwrap_or_default();
            problem.contains(place) && problem.contains(said)
        };
        assert!(problems.iter().any(tells), "{name}: {problems:?}");
        for id in ["acme", "beta"] {
            assert_eq!(gate.get(id, "/leads").status, 200, "{name}: {id}");
        }
        // Mended, it is as before.
        fs::set_permissions(harmed.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        let _ = fs::remove_file(&harmed).or_else(|_| fs::remove_dir(&harmed));
        let whole = if file == "reportgate.toml" { text.clone() } else { affiliate("beta", ACME) };
        replace(&harmed, &whole);
        eventually("it is mended", || (gate.status()["last_reload"]["ok"] == json!(true)).then_some(()));
        assert_eq!(gate.generation(), 1, "{name}");
    };
    // Most of it is waiting.
    std::thread::scope(|scope| cases.into_iter().for_each(|case| drop(scope.spawn(move || check(case)))));
}
