//! Disks that are full, read-only or closed to the program, by namespaces of its own: nothing else on the machine sees them.

use super::Gate;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

/// A shell script that may mount what it likes; `None` where this machine forbids it.
pub(crate) fn mounting(script: &str) -> Option<String> {
    in_namespaces("-Urm", script)
}

/// A shell script that the rights of files bind, whoever runs the tests; `None` where this machine forbids it.
pub(crate) fn bound_by_rights(script: &str) -> Option<String> {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root { in_namespaces("-U", script) } else { Some(script.to_owned()) }
}

/// The script, as one that [`Gate::in_shell`] and [`super::run_in_shell`] take; it must not hold a single quote.
fn in_namespaces(kinds: &str, script: &str) -> Option<String> {
    let tried = Command::new("unshare").args([kinds, "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: unshare {kinds} is forbidden here");
        return None;
    }
    assert!(!script.contains('\''), "{script}");
    Some(format!("exec unshare {kinds} sh -c '{script}' \"$0\" \"$@\""))
}

/// Commands of the shell that mount a file system of so many kilobytes at `small`.
pub(crate) fn small(kilobytes: u32) -> String {
    format!("mkdir -p small && mount -t tmpfs -o size={kilobytes}k none small")
}

/// A file in the gate's folder, as the gate sees it.
pub(crate) fn seen_by(gate: &Gate, name: &str) -> PathBuf {
    let folder = gate.folder().canonicalize().unwrap();
    PathBuf::from(format!("/proc/{}/root{}/{name}", gate.program.id(), folder.display()))
}
