//! Roles: permissions and columns that many principals share.

use super::audit::Entry;
use super::draft::Of;
use super::permissions::{Granted, Revoked};
use super::{Draft, ManageError, columns, follow, keys, permissions};
use crate::domain::names::RoleName;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use toml_edit::{Item, Key, TableLike};

/// A role as the config writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it adds to.
    pub extends: Option<String>,
    /// Its own permissions.
    pub permissions: Vec<String>,
    /// Its own columns, by report.
    pub columns: Vec<(String, Columns)>,
    /// Its own rate.
    pub rate_limit: Option<String>,
}

/// Columns of a report as the config writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// The whole catalogue.
    All,
    /// These, in this order.
    These(Vec<String>),
}

/// What a role grants with all that it extends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Permissions, each with the role that grants it.
    pub permissions: Vec<(String, String)>,
    /// Columns by report, in order, each with the role that grants it.
    pub columns: Vec<(String, Vec<(String, String)>)>,
    /// The rate, as the nearest role says it; `None`: the default.
    pub rate_limit: Option<String>,
}

impl Role {
    fn of(name: &str, table: &dyn TableLike) -> Self {
        Self {
            name: name.to_owned(),
            extends: keys::text(table, "extends"),
            permissions: keys::listed(table.get("permissions")),
            columns: columns_of(table),
            rate_limit: keys::text(table, "rate_limit"),
        }
    }
}

/// The columns that a principal or role names, by report.
pub(super) fn columns_of(table: &dyn TableLike) -> Vec<(String, Columns)> {
    let reports = table.get("columns").and_then(Item::as_table_like);
    let columns = |item: &Item| match item.as_str() {
        Some(_) => Columns::All,
        None => Columns::These(keys::listed(Some(item))),
    };
    let reports = reports.into_iter().flat_map(TableLike::iter);
    reports.map(|(report, item)| (report.to_owned(), columns(item))).collect()
}

/// Every role, in the order of the files.
///
/// # Errors
/// When a file cannot be edited.
pub fn list(draft: &mut Draft) -> Result<Vec<Role>, ManageError> {
    let mut all = Vec::new();
    for document in draft.documents() {
        let roles = document?.get("roles").and_then(Item::as_table_like);
        for (name, role) in roles.into_iter().flat_map(TableLike::iter) {
            all.extend(role.as_table_like().map(|table| Role::of(name, table)));
        }
    }
    Ok(all)
}

/// What a role grants, inherited rights included.
///
/// # Errors
/// When there is no such role.
pub fn rights(draft: &mut Draft, role: &str) -> Result<Rights, ManageError> {
    draft.item(Of::Role(role))?;
    let all = list(draft)?;
    let mut rights = Rights::default();
    let mut next = Some(role.to_owned());
    // A config that has loaded has no circle of roles; no more steps than roles in any case.
    for _ in 0..all.len() {
        let Some(role) = next.and_then(|name| all.iter().find(|role| role.name == name)) else { break };
        for permission in &role.permissions {
            if !rights.permissions.iter().any(|(other, _)| other == permission) {
                rights.permissions.push((permission.clone(), role.name.clone()));
            }
        }
        for (report, columns) in &role.columns {
            let named = named(draft, report, columns);
            let place = rights.columns.iter().position(|(other, _)| other == report);
            if place.is_none() {
                rights.columns.push((report.clone(), Vec::new()));
            }
            let place = place.unwrap_or(rights.columns.len().saturating_sub(1));
            let Some((_, granted)) = rights.columns.get_mut(place) else { continue };
            for column in named {
                if !granted.iter().any(|(other, _)| *other == column) {
                    granted.push((column, role.name.clone()));
                }
            }
        }
        if rights.rate_limit.is_none() {
            rights.rate_limit.clone_from(&role.rate_limit);
        }
        next = role.extends.clone();
    }
    Ok(rights)
}

/// The names of columns, "all" spelt out.
pub(super) fn named(draft: &Draft, report: &str, columns: &Columns) -> Vec<String> {
    match columns {
        Columns::These(names) => names.clone(),
        Columns::All => {
            let found = draft.report(report).ok();
            let all = found.into_iter().flat_map(|(_, report)| report.catalogue.iter());
            all.map(|(_, column)| column.name.to_string()).collect()
        }
    }
}

/// The principals that have exactly this role, by their ids.
///
/// # Errors
/// When there is no such role.
pub fn holders(draft: &mut Draft, role: &str) -> Result<Vec<String>, ManageError> {
    draft.item(Of::Role(role))?;
    let all = super::principals::roles_of(draft)?;
    let mut holders: Vec<_> = all.into_iter().filter(|(_, of)| of == role).map(|(id, _)| id).collect();
    holders.sort();
    Ok(holders)
}

/// How many principals have each role.
///
/// # Errors
/// When a file cannot be read for editing.
pub fn numbers(draft: &mut Draft) -> Result<HashMap<String, usize>, ManageError> {
    let mut numbers = HashMap::new();
    for role in super::principals::roles_of(draft)?.into_values() {
        *numbers.entry(role).or_default() += 1;
    }
    Ok(numbers)
}

/// Adds a role without rights of its own.
///
/// # Errors
/// When there is one of that name, or it cannot be a name.
pub fn add(draft: &mut Draft, name: &str, extends: Option<&str>) -> Result<(), ManageError> {
    RoleName::parse(name).map_err(|error| ManageError::Refused(format!("\"{name}\": {error}")))?;
    if draft.item(Of::Role(name)).is_ok() {
        return Err(ManageError::Refused(format!("there is a role \"{name}\" already")));
    }
    if let Some(parent) = extends {
        draft.item(Of::Role(parent))?;
    }
    let mut text = format!("[roles.{}]\n", Key::new(name).display_repr());
    if let Some(parent) = extends {
        text += &format!("extends = {}\n", toml_edit::Value::from(parent));
    }
    let file = draft.file_with("roles")?;
    file.append_to_group("roles", name, &text)?;
    draft.note(Entry::of(Of::Role(name), Json::Null, json!({ "extends": extends })));
    Ok(())
}

/// Grants permissions to a role.
///
/// # Errors
/// When there is no such role.
pub fn grant(draft: &mut Draft, role: &str, names: &[String]) -> Result<Vec<Granted>, ManageError> {
    let rights = rights(draft, role)?;
    permissions::grant_to(draft, Of::Role(role), names, &rights)
}

/// Takes permissions from a role.
///
/// # Errors
/// When there is no such role, or it does not have one of them itself.
pub fn revoke(draft: &mut Draft, role: &str, names: &[String]) -> Result<Vec<Revoked>, ManageError> {
    let rights = rights(draft, role)?;
    permissions::revoke_from(draft, Of::Role(role), names, &rights)
}

/// Sets the columns that a role grants of a report, and gives how many tests follow.
///
/// # Errors
/// When there is no such role or report.
pub fn set_columns(
    draft: &mut Draft,
    role: &str,
    report: &str,
    columns: &Columns,
) -> Result<usize, ManageError> {
    draft.report(report)?;
    columns::put(draft, Of::Role(role), report, columns)?;
    follow::follow(draft, None)
}
