//! Permissions: a principal's own, and those that come with its role.

use super::draft::Of;
use super::roles::{self, Rights};
use super::{Draft, ManageError, keys, list};
use crate::config::nearest;
use toml_edit::Item;

/// A permission that a principal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The principal has it itself.
    pub own: bool,
    /// The role that grants it.
    pub role: Option<String>,
    /// The reports that ask for it, each with whether the principal sees a column of it.
    pub reports: Vec<(String, bool)>,
}

/// What came of a permission that was to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Its name.
    pub name: String,
    /// Why nothing was granted: it is there already.
    pub already: Option<Source>,
    /// The reports that it opens.
    pub reports: Vec<String>,
}

/// Where a permission comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is in the list itself.
    Own,
    /// This role grants it.
    Role(String),
}

/// What came of a permission that was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its name.
    pub name: String,
    /// The role that grants it still.
    pub still_by: Option<String>,
}

/// What a principal's role grants; nothing without a role.
pub(super) fn role_rights(draft: &mut Draft, principal: &str) -> Result<Rights, ManageError> {
    let role = draft.item(Of::Principal(principal))?.get("role").and_then(Item::as_str).map(str::to_owned);
    match role {
        Some(role) => roles::rights(draft, &role),
        None => Ok(Rights::default()),
    }
}

/// The permissions of a principal: its own first, then those of its role.
///
/// # Errors
/// When there is no such principal.
pub fn list(draft: &mut Draft, principal: &str) -> Result<Vec<Listed>, ManageError> {
    let rights = role_rights(draft, principal)?;
    let own = keys::listed(draft.item(Of::Principal(principal))?.get("permissions"));
    let by_role = |name: &str| rights.permissions.iter().find(|(other, _)| other == name);
    let inherited = rights.permissions.iter().map(|(name, _)| name).filter(|name| !own.contains(name));
    let holder = draft.principal(principal)?;
    let listed = |name: &String| Listed {
        name: name.clone(),
        own: own.contains(name),
        role: by_role(name).map(|(_, role)| role.clone()),
        reports: opened(draft, name)
            .map(|(index, report)| (report.name.to_string(), holder.view(index).is_some()))
            .collect(),
    };
    Ok(own.iter().chain(inherited).map(listed).collect())
}

/// Grants permissions to a principal.
///
/// # Errors
/// When there is no such principal or permission.
pub fn grant(draft: &mut Draft, principal: &str, names: &[String]) -> Result<Vec<Granted>, ManageError> {
    let rights = role_rights(draft, principal)?;
    grant_to(draft, Of::Principal(principal), names, &rights)
}

/// Takes permissions from a principal.
///
/// # Errors
/// When there is no such principal, or it does not have one of them itself.
pub fn revoke(draft: &mut Draft, principal: &str, names: &[String]) -> Result<Vec<Revoked>, ManageError> {
    let rights = role_rights(draft, principal)?;
    revoke_from(draft, Of::Principal(principal), names, &rights)
}

/// Grants what is there neither itself nor by a role.
pub(super) fn grant_to(
    draft: &mut Draft,
    of: Of<'_>,
    names: &[String],
    rights: &Rights,
) -> Result<Vec<Granted>, ManageError> {
    for name in names {
        known(draft, name)?;
    }
    let opens: Vec<Vec<String>> = names
        .iter()
        .map(|name| opened(draft, name).map(|(_, report)| report.name.to_string()).collect())
        .collect();
    draft.edit(of, &["permissions"], |item| {
        let mut all = Vec::with_capacity(names.len());
        for (name, reports) in names.iter().zip(opens) {
            let own = keys::listed(item.get("permissions"));
            let by_role = rights.permissions.iter().find(|(other, _)| other == name);
            let already = match by_role {
                _ if own.contains(name) => Some(Source::Own),
                Some((_, role)) => Some(Source::Role(role.clone())),
                None => None,
            };
            if already.is_none() {
                match keys::array(item, "permissions") {
                    Some(array) => list::push(array, name.as_str()),
                    None => keys::put(item, "permissions", keys::texts(std::slice::from_ref(name)))?,
                }
            }
            all.push(Granted { name: name.clone(), already, reports });
        }
        Ok(all)
    })
}

/// Takes away what is there itself.
pub(super) fn revoke_from(
    draft: &mut Draft,
    of: Of<'_>,
    names: &[String],
    rights: &Rights,
) -> Result<Vec<Revoked>, ManageError> {
    let (Of::Principal(who) | Of::Role(who)) = of;
    draft.edit(of, &["permissions"], |item| {
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            let by_role = rights.permissions.iter().find(|(other, role)| other == name && role != who);
            let array = keys::array(item, "permissions");
            let removed = array.map_or(0, |array| list::remove(array, |value| value.as_str() == Some(name)));
            match (removed, by_role) {
                (0, Some((_, role))) => {
                    return Err(ManageError::Refused(format!(
                        "`{name}` of \"{who}\" comes from role \"{role}\" and can be revoked there only, from all who have that role"
                    )));
                }
                (0, None) => {
                    return Err(ManageError::Refused(format!("\"{who}\" does not have the permission `{name}`")));
                }
                (_, by_role) => {
                    all.push(Revoked { name: name.clone(), still_by: by_role.map(|(_, role)| role.clone()) });
                }
            }
        }
        Ok(all)
    })
}

/// Refuses a permission that no report asks for.
fn known(draft: &Draft, name: &str) -> Result<(), ManageError> {
    let all = &draft.policy().permissions;
    if all.iter().any(|permission| permission.as_str() == name) {
        return Ok(());
    }
    let near = nearest(name, all.iter().map(|permission| permission.as_str())).map(str::to_owned);
    Err(ManageError::NotFound { what: "permission", name: name.to_owned(), near })
}

/// The reports that ask for a permission.
pub(super) fn opened<'d>(
    draft: &'d Draft,
    name: &str,
) -> impl Iterator<Item = (crate::policy::ReportIndex, &'d crate::policy::Report)> {
    let policy = draft.policy();
    let index = policy.permissions.iter().position(|permission| permission.as_str() == name);
    policy.reports.iter().filter(move |(_, report)| Some(report.permission.0) == index)
}
