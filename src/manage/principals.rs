//! Affiliates, IBs and employees: listed, added, changed, disabled and removed.

use super::audit::Entry;
use super::draft::{Of, group_of};
use super::roles::{Columns, columns_of};
use super::{Draft, ManageError, keys, list};
use crate::domain::names::PrincipalId;
use crate::policy::{PrincipalIndex, PrincipalKind, ScopeGrant};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::path::Path;
use toml_edit::{Item, Key, TableLike, Value};

/// How many tokens there are in each state; each token is in one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Working.
    pub active: usize,
    /// Of a holder that is disabled.
    pub disabled: usize,
    /// Over.
    pub expired: usize,
}

/// A principal in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name.
    pub name: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Its tokens are refused.
    pub is_disabled: bool,
    /// Its tokens.
    pub tokens: TokenCount,
}

/// What else the config says of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// In short.
    pub listed: Listed,
    /// Whose rows it sees.
    pub scope: Scope,
    /// The backends that it has credentials of its own for.
    pub credentials: Vec<String>,
    /// Its customised views, by report.
    pub columns: Vec<(String, Columns)>,
    /// The rate that counts: its own, its role's, or the default; `None`: any number of requests.
    pub rate_limit: Option<String>,
}

/// Whose rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every affiliate's; employees only.
    All,
    /// Those of these platform ids.
    Ids(Vec<String>),
}

/// What a new principal is to be.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is.
    pub kind: PrincipalKind,
    /// What else.
    pub keys: Keys<'a>,
    /// The file, relative to the folder of the main one; `None`: the main one.
    pub file: Option<&'a Path>,
}

/// Keys of a principal that are set together.
#[derive(Debug, Clone, Default)]
pub struct Keys<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Its role.
    pub role: Option<&'a str>,
    /// Whose rows it sees.
    pub scope: Option<Scope>,
}

/// The roles of all principals that have one, by their ids.
pub(super) fn roles_of(draft: &mut Draft) -> Result<HashMap<String, String>, ManageError> {
    let mut roles = HashMap::new();
    for document in draft.documents() {
        let document = document?;
        for group in ["affiliates", "employees"] {
            let principals = document.get(group).and_then(Item::as_table_like);
            for (id, principal) in principals.into_iter().flat_map(TableLike::iter) {
                let role = principal.as_table_like().and_then(|table| keys::text(table, "role"));
                roles.extend(role.map(|role| (id.to_owned(), role)));
            }
        }
    }
    Ok(roles)
}

/// Every principal, in the order of the config.
///
/// # Errors
/// When a file cannot be read for editing.
pub fn list(draft: &mut Draft) -> Result<Vec<Listed>, ManageError> {
    let mut roles = roles_of(draft)?;
    let now = draft.now();
    let policy = draft.policy();
    let mut tokens: HashMap<u32, TokenCount> = HashMap::new();
    for token in policy.tokens.iter() {
        let PrincipalIndex(at) = token.principal;
        let count = tokens.entry(at).or_default();
        let is_disabled = policy.principal(token.principal).is_some_and(|holder| holder.disabled);
        match (token.expires.is_over(now), is_disabled) {
            (true, _) => count.expired += 1,
            (false, true) => count.disabled += 1,
            (false, false) => count.active += 1,
        }
    }
    let listed = (0..u32::MAX).zip(&policy.principals).map(|(at, principal)| Listed {
        id: principal.id.to_string(),
        kind: principal.kind,
        name: principal.name.as_ref().map(ToString::to_string),
        role: roles.remove(principal.id.as_str()),
        is_disabled: principal.disabled,
        tokens: tokens.remove(&at).unwrap_or_default(),
    });
    Ok(listed.collect())
}

/// One principal.
///
/// # Errors
/// When there is no such principal.
pub fn show(draft: &mut Draft, id: &str) -> Result<Shown, ManageError> {
    let item = draft.item(Of::Principal(id))?;
    let columns = item.as_table_like().map(columns_of).unwrap_or_default();
    let credentials = item.get("credentials").and_then(Item::as_table_like);
    let credentials = credentials.into_iter().flat_map(TableLike::iter).map(|(name, _)| name.to_owned());
    let credentials = credentials.collect();
    let principal = draft.principal(id)?;
    let rate_limit = principal.rights.rate_limit.map(|rate| rate.to_string());
    let scope = match &principal.scope {
        ScopeGrant::All => Scope::All,
        ScopeGrant::Ids(ids) => Scope::Ids(ids.iter().map(ToString::to_string).collect()),
    };
    let mut all = list(draft)?.into_iter();
    let listed = all.find(|listed| listed.id == id);
    let listed = listed.ok_or_else(|| ManageError::Refused(format!("\"{id}\" is not listed")))?;
    Ok(Shown { listed, scope, credentials, columns, rate_limit })
}

/// Adds a principal without tokens, at the end of a file.
///
/// # Errors
/// When there is one of that id, it cannot be an id, or the file is none of the config's.
pub fn add(draft: &mut Draft, new: &New<'_>) -> Result<(), ManageError> {
    let New { id, kind, keys: values, file } = new;
    PrincipalId::parse(id).map_err(|error| ManageError::Refused(format!("\"{id}\": {error}")))?;
    if draft.principal(id).is_ok() {
        return Err(ManageError::Refused(format!("there is an affiliate or employee \"{id}\" already")));
    }
    let group = group_of(*kind);
    let mut pairs: Vec<(&str, Value)> = Vec::new();
    pairs.extend(values.name.map(|name| ("name", name.into())));
    match kind {
        PrincipalKind::Affiliate | PrincipalKind::Ib => pairs.push(("kind", kind.as_str().into())),
        PrincipalKind::Employee => {}
    }
    pairs.extend(values.role.map(|role| ("role", role.into())));
    pairs.extend(values.scope.as_ref().map(|scope| ("scope", scope.written())));
    let mut text = format!("[{group}.{}]\n", Key::new(*id).display_repr());
    for (key, value) in &pairs {
        text += &format!("{key} = {value}\n");
    }
    let main = draft.main_path().to_path_buf();
    let beside = |file: &Path| main.parent().unwrap_or(Path::new("")).join(file);
    let path = file.map_or_else(|| main.clone(), beside);
    draft.file(&path)?.append(&text)?;
    let mut after: Map<String, Json> = pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), keys::json(Some(&Item::Value(value)))))
        .collect();
    after.insert("kind".to_owned(), kind.as_str().into());
    draft.note(Entry::of(Of::Principal(id), Json::Null, after.into()));
    Ok(())
}

/// Changes what a principal is called, its role, and whose rows it sees.
///
/// # Errors
/// When there is no such principal.
pub fn set(draft: &mut Draft, id: &str, values: &Keys<'_>) -> Result<(), ManageError> {
    draft.edit(Of::Principal(id), &["name", "role", "scope"], |item| {
        if let Some(name) = values.name {
            keys::put(item, "name", name.into())?;
        }
        if let Some(role) = values.role {
            keys::put(item, "role", role.into())?;
        }
        match (&values.scope, keys::array(item, "scope")) {
            (Some(Scope::Ids(ids)), Some(array)) => list::set(array, ids),
            (Some(scope), _) => keys::put(item, "scope", scope.written())?,
            (None, _) => {}
        }
        Ok(())
    })
}

/// Refuses a principal's tokens, or no longer.
///
/// # Errors
/// When there is no such principal.
pub fn disable(draft: &mut Draft, id: &str, disabled: bool) -> Result<(), ManageError> {
    draft.edit(Of::Principal(id), &["disabled"], |item| {
        let is_said = item.get("disabled").is_some();
        if is_said || disabled { keys::put(item, "disabled", disabled.into()) } else { Ok(()) }
    })
}

/// Removes a principal with its tokens; gives their ids.
///
/// # Errors
/// When there is no such principal.
pub fn remove(draft: &mut Draft, id: &str) -> Result<Vec<String>, ManageError> {
    let group = group_of(draft.principal(id)?.kind);
    let item = draft.item(Of::Principal(id))?;
    let tokens = item.get("tokens").and_then(Item::as_array_of_tables).into_iter().flatten();
    let tokens: Vec<String> =
        tokens.filter_map(|token| token.get("id").and_then(Item::as_str).map(str::to_owned)).collect();
    let mut before = keys::json(Some(item));
    if let Some(before) = before.as_object_mut() {
        // They hold hashes and the platform's own keys.
        before.remove("credentials");
        before.insert("tokens".to_owned(), json!(tokens));
    }
    let document = draft.document_of(Of::Principal(id))?;
    keys::remove_table(document, group, id);
    draft.note(Entry::of(Of::Principal(id), before, Json::Null));
    Ok(tokens)
}

impl Scope {
    fn written(&self) -> Value {
        match self {
            Self::All => "all".into(),
            Self::Ids(ids) => keys::texts(ids),
        }
    }
}
