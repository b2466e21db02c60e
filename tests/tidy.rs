//! The house keeps its floors: imports point down, pure rooms stay pure, nothing is left half done.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

/// Every room and its floor; a room knows only rooms of lower floors.
const FLOORS: [(&str, u8); 16] = [
    ("domain", 0),
    // It gives the time as a word of `domain`; no pure room may ask it.
    ("clock", 1),
    ("filter", 1),
    ("policy", 2),
    ("config", 3),
    ("decide", 3),
    ("rewrite", 4),
    ("self_service", 4),
    ("load", 5),
    ("serve", 6),
    ("reload", 6),
    ("manage", 6),
    ("admin", 7),
    ("gate", 7),
    // The program, which puts the faces to work.
    ("cli", 8),
    ("main", 9),
];

/// Rooms that only compute: the same answer for the same question, always.
const PURE: [&str; 6] = ["domain", "filter", "policy", "decide", "rewrite", "self_service"];

/// What none of them touches.
const IMPURE: [&str; 18] = [
    "async ",
    ".await",
    "tokio",
    "hyper",
    "Instant",
    "SystemTime",
    "crate::clock",
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "Mutex",
    "RwLock",
    "tracing",
    "prometheus",
    "arc_swap",
    "moka",
];

/// The one file of the pure rooms that holds what is in force and what was compiled.
const SNAPSHOT: &str = "snapshot.rs";

struct Source {
    path: PathBuf,
    /// The room it belongs to; empty for `lib.rs`.
    room: String,
    text: String,
}

impl Source {
    /// Its code without comments and unit tests.
    fn code(&self) -> String {
        let code = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let inside = path.strip_prefix(&root).unwrap();
                let room = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
                let room = if room == "lib" { String::new() } else { room };
                found.push(Source { path, room, text });
            }
        }
    }
    found
}

/// The sources of the program itself, without the files that hold unit tests only.
fn program() -> Vec<Source> {
    let all = sources("src");
    let tests: Vec<PathBuf> = all.iter().flat_map(test_files).collect();
    all.into_iter().filter(|source| !tests.contains(&source.path)).collect()
}

/// The files that a file declares under `#[cfg(test)]`.
fn test_files(source: &Source) -> Vec<PathBuf> {
    let declared = source.text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| {
        let line = rest.lines().next()?.strip_suffix(';')?;
        Some(source.path.with_file_name(format!("{}.rs", line.rsplit_once("mod ")?.1)))
    });
    declared.collect()
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == room).map(|(_, floor)| *floor)
}

/// The rooms that code names, as `crate::room` or, in the program, `reportgate::room`.
fn named(code: &str) -> Vec<String> {
    let roots = ["crate::", "reportgate::"];
    let parts = roots.iter().flat_map(|root| code.split(root).skip(1));
    parts.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn imports_point_to_lower_floors_only() {
    let mut seen = 0;
    for source in program().iter().filter(|source| !source.room.is_empty()) {
        let Source { path, room, .. } = source;
        let Some(own) = floor(room) else { panic!("{}: a room without a floor: {room}", path.display()) };
        assert!(!source.code().contains("crate::{"), "{}: one `use` per room", path.display());
        for other in named(&source.code()) {
            let Some(below) = floor(&other).filter(|_| other != *room) else { continue };
            assert!(below < own, "{}: floor {own} uses {other} of floor {below}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "the rooms do use each other: {seen}");
}

#[test]
fn pure_rooms_stay_pure() {
    for source in program().iter().filter(|source| PURE.contains(&source.room.as_str())) {
        let code = source.code();
        for word in IMPURE {
            let kept = ["arc_swap", "moka"].contains(&word) && source.path.ends_with(SNAPSHOT);
            assert!(kept || !code.contains(word), "{}: {word}", source.path.display());
        }
    }
}

#[test]
fn nothing_is_left_half_done() {
    let words =
        [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("X", "XX"), concat!("unimplemented", "!(")];
    for source in ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder)) {
        for word in words {
            assert!(!source.text.contains(word), "{}: {word}", source.path.display());
        }
        assert!(source.text.starts_with("//!"), "{}: opens without saying what it is", source.path.display());
    }
}
