//! Columns: what a principal sees of a report, customised or as its role has it.

use super::draft::Of;
use super::permissions::role_rights;
use super::roles::Columns;
use super::{Draft, ManageError, follow, keys, list};
use crate::policy::ReportIndex;
use toml_edit::{Item, Value};

/// A report as a principal sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub report: String,
    /// The principal has the permission that it asks for.
    pub is_permitted: bool,
    /// The principal has columns of its own for it.
    pub is_customised: bool,
    /// The whole catalogue: first what is seen, in order, then what is hidden, then what is not granted.
    pub columns: Vec<Column>,
}

/// A column as a principal sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// The role that grants it.
    pub role: Option<String>,
    /// Where it stands in the view, from 1; `None`: it is not seen.
    pub position: Option<usize>,
}

/// A report, or every report that a principal has columns or the permission of.
///
/// # Errors
/// When there is no such principal or report.
pub fn show(draft: &mut Draft, principal: &str, report: Option<&str>) -> Result<Vec<Shown>, ManageError> {
    let rights = role_rights(draft, principal)?;
    let own = draft.item(Of::Principal(principal))?.get("columns");
    let own: Vec<String> = own
        .and_then(Item::as_table_like)
        .map(|table| table.iter().map(|(report, _)| report.to_owned()).collect())
        .unwrap_or_default();
    let holder = draft.principal(principal)?;
    let wanted: Vec<_> = match report {
        Some(report) => vec![draft.report(report)?],
        None => {
            let all = draft.policy().reports.iter();
            all.filter(|(at, report)| holder.view(*at).is_some() || holder.has(report.permission)).collect()
        }
    };
    let shown = |(at, report): (ReportIndex, &crate::policy::Report)| {
        let granted = rights.columns.iter().find(|(name, _)| name == report.name.as_str());
        let granted: &[(String, String)] = granted.map(|(_, columns)| &**columns).unwrap_or_default();
        let view = holder.view(at);
        let mut columns: Vec<_> = report
            .catalogue
            .iter()
            .map(|(index, column)| {
                let place = granted.iter().position(|(name, _)| name == column.name.as_str());
                let role = place.and_then(|place| granted.get(place)).map(|(_, role)| role.clone());
                let position = view.and_then(|view| view.iter().position(|seen| seen == index));
                let title = column.title.as_deref().map(str::to_owned);
                let column =
                    Column { name: column.name.to_string(), title, role, position: position.map(|p| p + 1) };
                (position.unwrap_or(usize::MAX), place.unwrap_or(usize::MAX), column)
            })
            .collect();
        columns.sort_by_key(|(position, place, _)| (*position, *place));
        Shown {
            report: report.name.to_string(),
            is_permitted: holder.has(report.permission),
            is_customised: own.iter().any(|name| name == report.name.as_str()),
            columns: columns.into_iter().map(|(_, _, column)| column).collect(),
        }
    };
    Ok(wanted.into_iter().map(shown).collect())
}

/// Gives a principal a view of its own of a report; how many tests follow. Whether its role grants the columns is
/// found when the config is checked.
///
/// # Errors
/// When there is no such principal or report.
pub fn set(
    draft: &mut Draft,
    principal: &str,
    report: &str,
    columns: &Columns,
) -> Result<usize, ManageError> {
    draft.report(report)?;
    put(draft, Of::Principal(principal), report, columns)?;
    follow::follow(draft, Some(principal))
}

/// Gives a principal the columns of its role again; how many tests follow.
///
/// # Errors
/// When there is no such principal or report.
pub fn reset(draft: &mut Draft, principal: &str, report: &str) -> Result<usize, ManageError> {
    draft.report(report)?;
    let key = format!("columns.{report}");
    draft.edit(Of::Principal(principal), &[key.as_str()], |item| {
        keys::remove_within(item, "columns", report);
        Ok(())
    })?;
    follow::follow(draft, Some(principal))
}

/// Writes `columns.REPORT`.
pub(super) fn put(draft: &mut Draft, of: Of<'_>, report: &str, columns: &Columns) -> Result<(), ManageError> {
    let key = format!("columns.{report}");
    draft.edit(of, &[key.as_str()], |item| {
        let there = keys::inner(item, "columns").and_then(|all| keys::array(all, report));
        match (columns, there) {
            (Columns::These(names), Some(array)) => {
                list::set(array, names);
                Ok(())
            }
            (Columns::These(names), None) => keys::put_within(item, "columns", report, keys::texts(names)),
            (Columns::All, _) => keys::put_within(item, "columns", report, Value::from("all")),
        }
    })
}
