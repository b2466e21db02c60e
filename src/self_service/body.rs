//! A request's body as a tree: form fields side by side, JSON members inside of each other.

use super::parameter::{Parameter, Stands};
use super::schema::{Members, Schema};
use serde_json::Value;

/// A tree of named things; the config lets none stand inside of another.
#[derive(Debug)]
pub(super) struct Tree<T> {
    /// What stands right here; then there are no members.
    own: Option<T>,
    /// In the order in which they came.
    members: Vec<(String, Self)>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { own: None, members: Vec::new() }
    }
}

impl<'p, T> FromIterator<(Stands<'p>, T)> for Tree<T> {
    /// Leaves out what does not stand in a body.
    fn from_iter<I: IntoIterator<Item = (Stands<'p>, T)>>(all: I) -> Self {
        let mut root = Self::default();
        for (stands, value) in all {
            match stands {
                Stands::Form(name) => root.member(&name).own = Some(value),
                Stands::Json(at) => at.tokens().fold(&mut root, Self::member).own = Some(value),
                Stands::Query(_) | Stands::Header(_) => {}
            }
        }
        root
    }
}

impl<T> Tree<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member of that name; a new one is put at the end.
    fn member(&mut self, name: &str) -> &mut Self {
        let at = self.members.iter().position(|(own, _)| own == name).unwrap_or_else(|| {
            self.members.push((name.to_owned(), Self::default()));
            self.members.len() - 1
        });
        // The place was found, or made, right here.
        #[expect(clippy::indexing_slicing, reason = "the index is that of a member")]
        &mut self.members[at].1
    }
}

impl Tree<Value> {
    pub(super) fn into_json(self) -> Value {
        match self.own {
            Some(own) => own,
            None => self.members.into_iter().map(|(name, tree)| (name, tree.into_json())).collect(),
        }
    }
}

impl Tree<&Parameter<'_>> {
    /// What the body may hold.
    pub(super) fn schema(&self) -> Schema {
        if let Some(parameter) = self.own {
            return Schema { description: parameter.sentences(), ..parameter.schema() };
        }
        let members: Members<_> =
            self.members.iter().map(|(name, tree)| (name.clone(), tree.schema())).collect();
        let required =
            self.members.iter().filter(|(_, tree)| tree.is_required()).map(|(name, _)| name.clone());
        Schema::closed(members, required.collect())
    }

    /// Whether something in it must be sent.
    pub(super) fn is_required(&self) -> bool {
        self.own.is_some_and(|parameter| parameter.required)
            || self.members.iter().any(|(_, tree)| tree.is_required())
    }
}
