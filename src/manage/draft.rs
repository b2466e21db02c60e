//! The config as a change sees it: what it says, and the files that say it.

use super::ManageError;
use super::audit::Entry;
use super::file::ConfigFile;
use super::keys;
use crate::config::{Drafts, Report, nearest};
use crate::domain::time::Timestamp;
use crate::load::Accepted;
use crate::policy::{self, Policy, Principal, PrincipalKind, ReportIndex};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::path::Path;
use toml_edit::{DocumentMut, Item, TableLike};

/// What a change is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    /// An affiliate or employee, by its id.
    Principal(&'a str),
    /// A role.
    Role(&'a str),
}

/// A config that is being changed, or only read.
#[derive(Debug)]
pub struct Draft {
    accepted: Accepted,
    files: Vec<ConfigFile>,
    entries: Vec<Entry>,
    now: Timestamp,
}

impl Draft {
    pub(super) fn new(accepted: Accepted, now: Timestamp) -> Result<Self, ManageError> {
        let files = accepted.sources.config_files().map(ConfigFile::read).collect::<Result<_, _>>()?;
        Ok(Self { accepted, files, entries: Vec::new(), now })
    }

    /// What the config says, before any edit.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.accepted.policy
    }

    /// What is legal in it but likely not meant, before any edit.
    pub(super) fn warnings(&self) -> &Report {
        &self.accepted.warnings
    }

    /// The version of the files, before any edit.
    pub(super) fn contents(&self) -> Option<String> {
        self.accepted.sources.contents()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes what is changed, for the audit.
    pub(super) fn note(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The files that are otherwise, with their new texts.
    pub(super) fn changed(&self) -> Vec<(&ConfigFile, String)> {
        self.files.iter().filter_map(|file| Some((file, file.edited()?))).collect()
    }

    /// The texts that the changed files would have.
    pub(super) fn drafts(&self) -> Drafts {
        self.changed().iter().map(|(file, after)| (file.real.clone(), file.as_read(after))).collect()
    }

    /// The path of the main file.
    pub(super) fn main_path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
    }

    /// Every document, in the order in which the config reads them.
    pub(super) fn documents(&mut self) -> impl Iterator<Item = Result<&mut DocumentMut, ManageError>> {
        self.files.iter_mut().map(ConfigFile::document)
    }

    /// The config file of that path, which may be a new one.
    pub(super) fn file(&mut self, path: &Path) -> Result<&mut ConfigFile, ManageError> {
        let found = std::fs::canonicalize(path).ok();
        let place = self.files.iter().position(|file| found.as_ref() == Some(&file.real));
        let place = match place {
            Some(place) => place,
            None if found.is_some() => {
                let why = "is not a file of this config: no `include` names it";
                return Err(ManageError::Refused(format!("{} {why}", path.display())));
            }
            None => {
                self.files.push(ConfigFile::new(path)?);
                self.files.len() - 1
            }
        };
        self.files.get_mut(place).ok_or_else(|| ManageError::Refused("there is no config file".into()))
    }

    /// The file whose table `group` holds something, or else the main one.
    pub(super) fn file_with(&mut self, group: &str) -> Result<&mut ConfigFile, ManageError> {
        let mut place = 0;
        for (nth, file) in self.files.iter_mut().enumerate() {
            if file.text.contains(group) && file.document()?.contains_key(group) {
                place = nth;
                break;
            }
        }
        self.files.get_mut(place).ok_or_else(|| ManageError::Refused("there is no config file".into()))
    }

    /// The affiliate or employee of that id, as the config has it.
    pub(super) fn principal(&self, id: &str) -> Result<&Principal, ManageError> {
        let all = &self.policy().principals;
        let found = all.iter().find(|principal| principal.id.as_str() == id);
        found.ok_or_else(|| {
            let near = nearest(id, all.iter().map(|principal| principal.id.as_str()));
            ManageError::NotFound {
                what: "affiliate or employee",
                name: id.to_owned(),
                near: near.map(str::to_owned),
            }
        })
    }

    /// The report of that name.
    pub(super) fn report(&self, name: &str) -> Result<(ReportIndex, &policy::Report), ManageError> {
        let all = &self.policy().reports;
        let found = all.iter().find(|(_, report)| report.name.as_str() == name);
        found.ok_or_else(|| {
            let near = nearest(name, all.iter().map(|(_, report)| report.name.as_str()));
            ManageError::NotFound { what: "report", name: name.to_owned(), near: near.map(str::to_owned) }
        })
    }

    /// Its table, in whatever file that stands.
    pub(super) fn item(&mut self, of: Of<'_>) -> Result<&mut Item, ManageError> {
        let (group, name) = match of {
            Of::Principal(id) => (group_of(self.principal(id)?.kind), id),
            Of::Role(name) => ("roles", name),
        };
        let not_plain = || ManageError::Refused(format!("[{group}.{name}] is not a plain table"));
        let Some(place) = self.place_of(group, name)? else {
            return Err(match of {
                // It is in the policy, so it is in a file.
                Of::Principal(_) => not_plain(),
                Of::Role(_) => {
                    let names = self.names_in(group)?;
                    let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
                    ManageError::NotFound { what: "role", name: name.to_owned(), near }
                }
            });
        };
        let document = self.files.get_mut(place).ok_or_else(not_plain)?.document()?;
        document.get_mut(group).and_then(|tables| keys::inner(tables, name)).ok_or_else(not_plain)
    }

    /// Changes keys of a principal or role, and notes what they were and are.
    ///
    /// A key inside a table is written `OUTER.INNER`.
    pub(super) fn edit<T>(
        &mut self,
        of: Of<'_>,
        keys: &[&str],
        edit: impl FnOnce(&mut Item) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let item = self.item(of)?;
        let mut before = said(item, keys);
        let value = edit(item)?;
        let mut after = said(item, keys);
        if before != after {
            for key in keys.iter().filter(|key| before.get(**key) == after.get(**key)).collect::<Vec<_>>() {
                before.remove(*key);
                after.remove(*key);
            }
            self.note(Entry::of(of, before.into(), after.into()));
        }
        Ok(value)
    }

    /// The names of the tables in a group, over all files.
    fn names_in(&mut self, group: &str) -> Result<Vec<String>, ManageError> {
        let mut names = Vec::new();
        for document in self.documents() {
            let tables = document?.get(group).and_then(Item::as_table_like);
            names.extend(tables.into_iter().flat_map(TableLike::iter).map(|(name, _)| name.to_owned()));
        }
        Ok(names)
    }

    /// Which file holds the table `[group.name]`.
    fn place_of(&mut self, group: &str, name: &str) -> Result<Option<usize>, ManageError> {
        for (place, file) in self.files.iter_mut().enumerate() {
            if file.text.contains(name)
                && file
                    .document()?
                    .get(group)
                    .and_then(|tables| tables.get(name))
                    .is_some_and(Item::is_table_like)
            {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The document that holds a principal or role.
    pub(super) fn document_of(&mut self, of: Of<'_>) -> Result<&mut DocumentMut, ManageError> {
        let (group, name) = match of {
            Of::Principal(id) => (group_of(self.principal(id)?.kind), id),
            Of::Role(name) => ("roles", name),
        };
        let place = self.place_of(group, name)?;
        let file = place.and_then(|place| self.files.get_mut(place));
        file.ok_or_else(|| ManageError::Refused(format!("[{group}.{name}] is not a plain table")))?.document()
    }

    /// What files say of tokens that a policy does not keep: by their ids, when they were made and what for.
    pub(super) fn tokens_said(&mut self) -> Result<HashMap<String, TokenSaid>, ManageError> {
        let mut said = HashMap::new();
        for file in &mut self.files {
            let document = file.document()?;
            for group in ["affiliates", "employees"] {
                let principals = document.get(group).and_then(Item::as_table_like);
                for (_, principal) in principals.into_iter().flat_map(TableLike::iter) {
                    let tokens = principal.get("tokens").and_then(Item::as_array_of_tables);
                    for token in tokens.into_iter().flatten() {
                        let Some(id) = token.get("id").and_then(Item::as_str) else { continue };
                        let created =
                            token.get("created").and_then(Item::as_datetime).map(ToString::to_string);
                        let note = token.get("note").and_then(Item::as_str).map(str::to_owned);
                        said.insert(id.to_owned(), (created, note));
                    }
                }
            }
        }
        Ok(said)
    }
}

/// When a token was made and what for.
type TokenSaid = (Option<String>, Option<String>);

/// Keys with their values, as the audit shows them; those that are not there are left out.
fn said(item: &Item, keys: &[&str]) -> Map<String, Json> {
    let value = |key: &&str| {
        let (outer, inner) = key.split_once('.').map_or((*key, None), |(outer, inner)| (outer, Some(inner)));
        let value = item.get(outer)?;
        let value = inner.map_or(Some(value), |inner| value.get(inner))?;
        Some(((*key).to_owned(), keys::json(Some(value))))
    };
    keys.iter().filter_map(value).collect()
}

/// The table that principals of that kind stand in.
pub(super) const fn group_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Affiliate | PrincipalKind::Ib => "affiliates",
        PrincipalKind::Employee => "employees",
    }
}
