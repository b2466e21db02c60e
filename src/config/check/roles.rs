//! Roles: what they extend, and views by name to views by place.

use super::{Checker, Reports};
use crate::config::near;
use crate::config::problem::{Mark, Marked};
use crate::config::tables::{Rate, RawRole, RawView};
use crate::domain::column::{ColumnIndex, View};
use crate::domain::names::PermissionName;
use crate::domain::rate::RateLimit;
use crate::policy::{PermissionIndex, RateSource, ReportIndex, Rights, Views};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A role with what it inherits.
#[derive(Clone)]
pub(super) struct Role {
    pub(super) rights: Arc<Rights>,
    /// What it, or what it extends, says of the rate, and which of them does.
    rate: Option<(Rate, SmolStr)>,
    /// Nothing of it, or of what it extends, was reported: what it lacks, it was not meant to have.
    pub(super) sound: bool,
}

/// Roles by name.
pub(super) struct Roles(HashMap<Box<str>, (Role, Mark)>);

impl Roles {
    pub(super) fn find(&self, name: &str) -> Option<&Role> {
        self.0.get(name).map(|(role, _)| role)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// Resolves every role; `default_rate` is the rate where none of a chain says one.
pub(super) fn build(
    checker: &mut Checker<'_>,
    raw: &[RawRole],
    reports: &Reports,
    default_rate: Option<RateLimit>,
) -> Roles {
    let mut by_name: HashMap<Box<str>, (usize, Mark)> = HashMap::new();
    for (at, role) in raw.iter().enumerate() {
        let name = role.name.value.as_str().into();
        checker.define(&mut by_name, "role", name, at, role.name.mark);
    }
    let mut built: Vec<Option<Role>> = vec![None; raw.len()];
    for at in 0..raw.len() {
        // From the role up to one that is built, or extends nothing; then down again.
        let mut chain: Vec<(usize, &RawRole)> = Vec::new();
        let mut next = Some(at);
        let errors = checker.errors();
        while let Some((at, role)) = next.and_then(|at| Some((at, raw.get(at)?))) {
            if built.get(at).is_some_and(Option::is_some) {
                break;
            }
            if chain.iter().any(|(other, _)| *other == at) {
                let mark = role.extends.as_ref().map_or(role.name.mark, |name| name.mark);
                checker.problems.error(mark, format!("role `{}` extends itself", role.name.value));
                next = None;
                break;
            }
            chain.push((at, role));
            next = role.extends.as_ref().and_then(|parent| {
                let found = by_name.get(&*parent.value).map(|(at, _)| *at);
                if found.is_none() {
                    checker.unknown(parent.mark, "role", &parent.value, by_name.keys().map(|name| &**name));
                }
                found
            });
        }
        let mut sound = checker.errors() == errors;
        let mut parent = next.and_then(|at| built.get(at)?.clone());
        for (at, role) in chain.into_iter().rev() {
            let role = extend(checker, role, parent.as_ref(), reports, default_rate, sound);
            sound = role.sound;
            parent = Some(role.clone());
            if let Some(slot) = built.get_mut(at) {
                *slot = Some(role);
            }
        }
    }
    let role = |(name, (at, mark)): (Box<str>, (usize, Mark))| Some((name, (built.get(at)?.clone()?, mark)));
    Roles(by_name.into_iter().filter_map(role).collect())
}

fn extend(
    checker: &mut Checker<'_>,
    raw: &RawRole,
    parent: Option<&Role>,
    reports: &Reports,
    default_rate: Option<RateLimit>,
    chain_is_sound: bool,
) -> Role {
    let own = permissions(checker, &raw.permissions, reports);
    let errors = checker.errors();
    let inherited = parent.map(|parent| parent.rights.permissions.iter().copied()).into_iter().flatten();
    let all: BTreeSet<PermissionIndex> = own.iter().copied().chain(inherited).collect();
    let mut columns: BTreeMap<ReportIndex, Vec<ColumnIndex>> = BTreeMap::new();
    for (report, view) in parent.map(|parent| parent.rights.views.iter()).into_iter().flatten() {
        columns.insert(*report, view.iter().collect());
    }
    for (report, view) in views(checker, &raw.views, reports) {
        // Its own order counts; what is only inherited comes behind.
        let inherited = columns.remove(&report).unwrap_or_default();
        let added = inherited.into_iter().filter(|column| !view.contains(*column));
        columns.insert(report, view.iter().chain(added).collect());
    }
    let views: Vec<_> =
        columns.into_iter().filter_map(|(at, columns)| Some((at, View::new(&columns)?))).collect();
    let inherits_sound = chain_is_sound && parent.is_none_or(|parent| parent.sound);
    let sound = inherits_sound && raw.sound && checker.errors() == errors;
    let own_rate = raw.rate.map(|rate| (rate, SmolStr::new(raw.name.value.as_str())));
    let rate = own_rate.or_else(|| parent.and_then(|parent| parent.rate.clone()));
    let (rate_limit, rate_source) = match &rate {
        Some((rate, role)) => (rate.limit(), RateSource::Role(role.clone())),
        None => (default_rate, RateSource::Defaults),
    };
    let permissions = all.into_iter().collect();
    let rights = Rights { permissions, views: views.into(), rate_limit, rate_source };
    let role = Role { rights: Arc::new(rights), rate, sound };
    if role.sound {
        check_columns(checker, &raw.permissions, &role.rights.views, reports);
    }
    role
}

/// Looks up permissions; one that no report asks for is unknown.
pub(super) fn permissions(
    checker: &mut Checker<'_>,
    names: &[Marked<PermissionName>],
    reports: &Reports,
) -> Vec<PermissionIndex> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        match reports.by_permission.get(&name.value) {
            Some((index, _)) => found.push(*index),
            None => {
                let known = || reports.permissions.iter().map(PermissionName::as_str);
                // A report whose permission could not be read may be the one that asks for it.
                if reports.all_permissions || near::nearest(name.value.as_str(), known()).is_some() {
                    checker.unknown(name.mark, "permission", name.value.as_str(), known());
                }
            }
        }
    }
    found
}

/// Refuses a permission that comes without one column of a report that asks for it.
pub(super) fn check_columns(
    checker: &mut Checker<'_>,
    permissions: &[Marked<PermissionName>],
    views: &Views,
    reports: &Reports,
) {
    for name in permissions {
        let asking = reports.by_permission.get(&name.value).map(|(_, asking)| asking);
        for index in asking.into_iter().flatten() {
            let seen =
                views.binary_search_by_key(index, |(at, _)| *at).is_ok() || !reports.has_catalogue(*index);
            if let Some(report) = reports.get(*index).filter(|_| !seen && !checker.incomplete) {
                let message =
                    format!("`{}` is granted without any column of the report `{}`", name.value, report.name);
                checker.problems.error(name.mark, message);
            }
        }
    }
}

/// Looks up the columns of views.
pub(super) fn views(
    checker: &mut Checker<'_>,
    raw: &[RawView],
    reports: &Reports,
) -> Vec<(ReportIndex, View)> {
    let mut found = Vec::with_capacity(raw.len());
    for view in raw {
        let Some((index, _)) = reports.by_name.get(&view.report.value) else {
            let known = reports.by_name.keys().map(|name| &**name);
            checker.unknown(view.report.mark, "report", &view.report.value, known);
            continue;
        };
        let Some(report) = reports.get(*index) else { continue };
        let catalogue = &report.catalogue;
        let columns: Vec<ColumnIndex> = match &view.columns {
            None => catalogue.iter().map(|(at, _)| at).collect(),
            Some(names) => names
                .iter()
                .filter_map(|name| {
                    let column = catalogue.find(&name.value);
                    if column.is_none() && reports.has_catalogue(*index) {
                        let known = catalogue.iter().map(|(_, column)| column.name.as_str());
                        let what = format!("column of report `{}`:", report.name);
                        checker.problems.unknown(name.mark, &what, &name.value, known);
                    }
                    column
                })
                .collect(),
        };
        found.extend(View::new(&columns).map(|view| (*index, view)));
    }
    found
}
