//! `include`: patterns to files.
//!
//! `*` and `?` stand in the last part of a pattern. They match no name that begins with a
//! dot: editors and Kubernetes put their own things there.

use super::draft::Drafts;
use super::source::folder_of;
use std::io;
use std::path::{Path, PathBuf};

/// The files that a pattern names, sorted. One without `*` and `?` names itself, whether it exists or not.
///
/// Nothing that fits is left out, be it a folder or a link that leads nowhere: principals may have stood there, and
/// reading it will tell what is wrong. Drafts of files that are to be made count as files.
pub(super) fn files(pattern: &Path, drafts: &Drafts) -> io::Result<Vec<PathBuf>> {
    let wild = |text: &str| text.contains(['*', '?']);
    let name = pattern.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| io::Error::other("expected a file name or a pattern"))?;
    let folder = folder_of(pattern);
    if wild(&folder.to_string_lossy()) {
        return Err(io::Error::other("`*` and `?` may stand in the file name only"));
    }
    if !wild(name) {
        return Ok(vec![pattern.to_path_buf()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        let text = file.to_string_lossy();
        if !text.starts_with('.') && matches(name, &text) {
            found.push(pattern.with_file_name(&file));
        }
    }
    for draft in drafts.names_in(folder) {
        let file = pattern.with_file_name(draft);
        if !draft.starts_with('.') && matches(name, draft) && !found.contains(&file) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern of `*` (any characters) and `?` (one). Linear but for the last `*` tried again.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (p, n) = (after, taken + 1);
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        #[rustfmt::skip]
        let cases = [
            ("*.toml", "a.toml", true), ("*.toml", "a.toml.bak", false), ("a?.toml", "ab.toml", true), ("a?.toml", "a.toml", false),
            ("*", "", true), ("a*b*c", "axxbyyc", true), ("a*b*c", "axxbyy", false), ("**", "x", true), ("*ab", "aab", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_are_sorted_and_hidden_ones_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", ".c.toml", "d.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = |pattern: &str| files(&folder.path().join(pattern), &Drafts::default());
        let at = |name: &str| folder.path().join(name);
        assert_eq!(found("*.toml").unwrap(), [at("a.toml"), at("b.toml")]);
        assert_eq!(found("*.none").unwrap(), [] as [PathBuf; 0]);
        assert!(found("none/*.toml").unwrap_err().to_string().contains("No such file"));
        assert_eq!(found("none.toml").unwrap(), [at("none.toml")]);
        assert!(found("*/a.toml").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_read_is_not_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/f"), "").unwrap();
        let links = [("file", "real/f"), ("folder", "real"), ("device", "/dev/null"), ("nowhere", "gone/f")];
        for (name, target) in links {
            std::os::unix::fs::symlink(target, at(&format!("{name}.toml"))).unwrap();
        }
        let all = ["device.toml", "file.toml", "folder.toml", "nowhere.toml"].map(at);
        assert_eq!(files(&at("*.toml"), &Drafts::default()).unwrap(), all);
    }
}
