//! Items of a JSON array that the gate appends its own to: those that name an id, and others that the config lets in.

use super::parameter::Values;
use super::schema::{Members, Schema, Types};
use crate::domain::dialect::AllowedMember;
use crate::domain::template::{JsonTemplate, Part};
use serde_json::Value;

/// Items that a client may put in an array that the gate appends its own to.
#[derive(Debug, Clone)]
pub(super) struct Items<'p> {
    /// The members of an item that names an id; nothing when no client can write one.
    pub(super) own: Option<&'p [(Box<str>, JsonTemplate)]>,
    /// The ids; one of them or any.
    pub(super) ids: Box<Values<'p>>,
    /// What other items must hold; without members there are no others.
    pub(super) allow: &'p [AllowedMember],
    /// The names of all members that they may have.
    pub(super) names: Vec<&'p str>,
}

impl Items<'_> {
    /// What an item may be.
    pub(super) fn schema(&self) -> Schema {
        let own = self.own.map(|members| {
            let required = members.iter().map(|(name, _)| name.to_string()).collect();
            let member = |(name, template): &(Box<str>, JsonTemplate)| {
                let fixed = || Schema { one_of: fixed(template).into_iter().collect(), ..Schema::default() };
                (name.to_string(), if template.is_scope() { self.ids.schema() } else { fixed() })
            };
            Schema::closed(members.iter().map(member).collect(), required)
        });
        let allowed = (!self.allow.is_empty()).then(|| {
            let member = |name: &&str| {
                let listed = self.allow.iter().find(|allowed| *allowed.name == **name);
                let scalar = Types::AnyOf(&["string", "number", "boolean", "null"]);
                let schema = match listed {
                    Some(allowed) => Schema::one_of_texts(allowed.values.iter().map(|value| &**value)),
                    None => Schema { kind: Some(scalar), ..Schema::default() },
                };
                ((*name).to_owned(), schema)
            };
            let required = self.allow.iter().map(|allowed| allowed.name.to_string()).collect();
            Schema::closed(self.names.iter().map(member).collect::<Members<_>>(), required)
        });
        Schema { any_of: own.into_iter().chain(allowed).collect(), ..Schema::default() }
    }

    /// The items that name the ids to choose from.
    pub(super) fn own_items(&self) -> Vec<Value> {
        let ids: Vec<Value> = match &*self.ids {
            Values::Texts(texts) => texts.iter().map(|id| Value::from(&**id)).collect(),
            Values::Numbers(numbers) => numbers.iter().map(|id| Value::from(*id)).collect(),
            Values::Typed(_) | Values::AnyId(_) | Values::Text | Values::Anything | Values::Items(_) => {
                Vec::new()
            }
        };
        let item = |id: &Value, members: &[(Box<str>, JsonTemplate)]| {
            let member = |(name, template): &(Box<str>, JsonTemplate)| {
                let value = if template.is_scope() { Some(id.clone()) } else { fixed(template) };
                (name.to_string(), value.unwrap_or_default())
            };
            members.iter().map(member).collect::<Value>()
        };
        self.own.map_or_else(Vec::new, |members| ids.iter().map(|id| item(id, members)).collect())
    }
}

/// The value that a template without places writes; `None` for one that no client can match.
pub(super) fn fixed(template: &JsonTemplate) -> Option<Value> {
    match template {
        JsonTemplate::Literal(text) => serde_json::from_str(text).ok(),
        JsonTemplate::Text(text) => match text.parts() {
            [] => Some(Value::from("")),
            [Part::Text(text)] => Some(Value::from(&**text)),
            _ => None,
        },
        JsonTemplate::Array(_) | JsonTemplate::Object(_) => None,
    }
}
