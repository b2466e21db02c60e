//! The config as a change sees it: what it says, and the files that say it.

use super::ManageError;
use super::audit::Entry;
use super::file::ConfigFile;
use crate::config::nearest;
use crate::domain::time::Timestamp;
use crate::load::Accepted;
use crate::policy::{Policy, Principal, PrincipalKind};
use std::collections::HashMap;
use toml_edit::{DocumentMut, Item, TableLike};

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

    /// The main file.
    pub(super) fn main(&mut self) -> Result<&mut DocumentMut, ManageError> {
        let main = self.files.first_mut();
        main.ok_or_else(|| ManageError::Refused("there is no config file".into()))?.document()
    }

    /// The documents of the files whose text holds `word`, in the order in which they are read.
    pub(super) fn documents_with(
        &mut self,
        word: &str,
    ) -> impl Iterator<Item = Result<&mut DocumentMut, ManageError>> {
        self.files.iter_mut().filter(move |file| file.text.contains(word)).map(ConfigFile::document)
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

    /// Its table, in whatever file that stands.
    pub(super) fn principal_table(&mut self, id: &str) -> Result<&mut dyn TableLike, ManageError> {
        let group = group_of(self.principal(id)?.kind);
        // It is in the policy, so it is in a file.
        self.table(group, id)?
            .ok_or_else(|| ManageError::Refused(format!("[{group}.{id}] is not a plain table")))
    }

    /// What files say of tokens that a policy does not keep: by their ids, when they were made and what for.
    pub(super) fn tokens_said(
        &mut self,
    ) -> Result<HashMap<String, (Option<String>, Option<String>)>, ManageError> {
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

    /// The table `[group.name]`, in whatever file it stands.
    pub(super) fn table(
        &mut self,
        group: &str,
        name: &str,
    ) -> Result<Option<&mut dyn TableLike>, ManageError> {
        for document in self.documents_with(name) {
            let group = document?.get_mut(group).and_then(Item::as_table_like_mut);
            if let Some(table) = group.and_then(|group| group.get_mut(name)).and_then(Item::as_table_like_mut)
            {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }
}

/// The table that principals of that kind stand in.
pub(super) const fn group_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Affiliate | PrincipalKind::Ib => "affiliates",
        PrincipalKind::Employee => "employees",
    }
}
