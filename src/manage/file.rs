//! A config file with its text, which can be edited without touching anything else in it.

use super::{ManageError, folder_of, keys};
use similar::{ChangeTag, TextDiff};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item};

const BOM: &str = "\u{FEFF}";

/// A config file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// As the config names it.
    pub(super) path: PathBuf,
    /// Its one name, links followed.
    pub(super) real: PathBuf,
    /// Byte for byte.
    pub(super) text: String,
    /// It does not exist yet.
    pub(super) is_new: bool,
    document: Option<DocumentMut>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ManageError> {
        let real = std::fs::canonicalize(path).map_err(ManageError::io("cannot find", path))?;
        let text = std::fs::read_to_string(&real).map_err(ManageError::io("cannot read", path))?;
        Ok(Self { path: path.to_path_buf(), real, text, is_new: false, document: None })
    }

    /// The same file with another text.
    pub(super) fn with_text(&self, text: &str) -> Self {
        Self {
            path: self.path.clone(),
            real: self.real.clone(),
            text: text.to_owned(),
            is_new: false,
            document: None,
        }
    }

    /// A file that is to be made.
    pub(super) fn new(path: &Path) -> Result<Self, ManageError> {
        let name = path
            .file_name()
            .ok_or_else(|| ManageError::Refused(format!("{} is not the name of a file", path.display())))?;
        let folder = folder_of(path);
        let real =
            std::fs::canonicalize(folder).map_err(ManageError::io("cannot find the folder", folder))?;
        let real = real.join(name);
        Ok(Self { path: path.to_path_buf(), real, text: String::new(), is_new: true, document: None })
    }

    /// Appends a table at the end.
    pub(super) fn append(&mut self, table: &str) -> Result<(), ManageError> {
        let mut text = self.document()?.to_string();
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(table);
        let document = text.parse().map_err(|_| {
            let header = table.lines().next().unwrap_or_default();
            ManageError::Refused(format!(
                "{} cannot be appended to {}, where its group is written inline or in dotted keys",
                header,
                self.path.display()
            ))
        })?;
        self.document = Some(document);
        Ok(())
    }

    /// Its tables, to be read or edited.
    pub(super) fn document(&mut self) -> Result<&mut DocumentMut, ManageError> {
        let parsed = match self.document.take() {
            Some(document) => document,
            None => {
                let text = self.as_read(&self.text).replace("\r\n", "\n");
                // It has loaded, so it is TOML; should the two readers disagree, nothing is touched.
                text.parse().map_err(|_| {
                    ManageError::Refused(format!(
                        "{} cannot be edited: it is not plain TOML",
                        self.path.display()
                    ))
                })?
            }
        };
        Ok(self.document.insert(parsed))
    }

    /// Appends a table behind the last one of its group, or at the end where there is none.
    pub(super) fn append_to_group(
        &mut self,
        group: &str,
        name: &str,
        table: &str,
    ) -> Result<(), ManageError> {
        let document = self.document()?;
        let last = document.get(group).and_then(Item::as_table).and_then(keys::last_place);
        let lines = last.map(|last| keys::take_lines_behind(document, last)).unwrap_or_default();
        let tables = document.get_mut(group).and_then(Item::as_table_mut);
        let new = table.parse::<DocumentMut>().ok();
        let new = new.and_then(|mut new| new.get_mut(group)?.as_table_mut()?.remove(name)?.into_table().ok());
        match (tables, new) {
            (Some(tables), Some(mut new)) if !tables.is_dotted() => {
                new.set_position(None);
                new.decor_mut().set_prefix(format!("{lines}\n"));
                tables.insert(name, Item::Table(new));
                Ok(())
            }
            (_, _) => self.append(table),
        }
    }

    /// Its text after the edits; `None` when that is the same.
    pub(super) fn edited(&self) -> Option<String> {
        let mut after = self.document.as_ref()?.to_string();
        let before = self.as_read(&self.text).replace("\r\n", "\n");
        // The editor ends every line.
        let ended = after.strip_suffix('\n').is_some_and(|after| {
            !before.ends_with('\n') && after.lines().next_back() == before.lines().next_back()
        });
        if ended {
            after.pop();
        }
        if after == before {
            return None;
        }
        if self.text.contains("\r\n") {
            after = with_line_ends(&self.as_read(&self.text), &after);
        }
        if self.text.starts_with(BOM) {
            after.insert_str(0, BOM);
        }
        Some(after)
    }

    /// A text of this file as the config reads it, without a byte order mark.
    pub(super) fn as_read(&self, text: &str) -> String {
        text.strip_prefix(BOM).unwrap_or(text).to_owned()
    }
}

/// A text with the line ends of the one it was made from; new lines end as that one's first does.
fn with_line_ends(before: &str, after: &str) -> String {
    let plain = before.replace("\r\n", "\n");
    let mut ends = before.split_inclusive('\n').map(|line| line.ends_with("\r\n"));
    let first = ends.clone().next().unwrap_or(true);
    let mut out = String::with_capacity(after.len());
    let mut push = |line: &str, is_long: bool| match line.strip_suffix('\n') {
        Some(line) if is_long => {
            out.push_str(line);
            out.push_str("\r\n");
        }
        Some(_) | None => out.push_str(line),
    };
    for change in TextDiff::from_lines(plain.as_str(), after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => push(change.value(), ends.next().unwrap_or(first)),
            ChangeTag::Delete => drop(ends.next()),
            ChangeTag::Insert => push(change.value(), first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        #[rustfmt::skip]
        let cases = [
            ("a\r\nb\r\n", "a\nx\nb\n", "a\r\nx\r\nb\r\n"),
            ("a\r\nb\nc\n", "a\nb\nx\n", "a\r\nb\nx\r\n"),
            ("a\r\nb", "a\nb\nx", "a\r\nb\r\nx"),
            ("a\nb\r\n", "b\n", "b\r\n"),
        ];
        for (before, after, expected) in cases {
            assert_eq!(with_line_ends(before, after), expected, "{before:?}");
        }
    }
}
