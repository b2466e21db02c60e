//! Principals: their role, their own columns within it, the ids and credentials that their reports need.

use super::roles::{self, Roles};
use super::{Checker, Reports};
use crate::config::problem::{Mark, Marked};
use crate::config::tables::{RawPrincipal, RawView, merged_credential};
use crate::domain::column::ColumnIndex;
use crate::domain::column::View;
use crate::domain::dialect::ScopeRule;
use crate::policy::{Backend, BackendIndex, Credential, PermissionIndex, Principal, ReportIndex, Views};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Principals in the order of the files.
pub(super) struct Built {
    pub(super) principals: Vec<Principal>,
    /// Whether nothing of each, or of its role, was reported.
    pub(super) sound: Vec<bool>,
    pub(super) by_id: HashMap<Box<str>, ((), Mark)>,
}

/// Builds every principal.
pub(super) fn build(
    checker: &mut Checker<'_>,
    raw: Vec<RawPrincipal>,
    reports: &Reports,
    roles: &Roles,
    backends: &[Arc<Backend>],
    backend_names: &HashMap<Box<str>, (usize, Mark)>,
) -> Built {
    let mut built = Built {
        principals: Vec::with_capacity(raw.len()),
        sound: Vec::new(),
        by_id: HashMap::with_capacity(raw.len()),
    };
    let nothing: (Arc<[PermissionIndex]>, Views) = ([].into(), [].into());
    for raw in raw {
        let id: Box<str> = raw.id.value.as_str().into();
        checker.define(&mut built.by_id, "principal", id, (), raw.id.mark);
        let role = raw.role.as_ref().and_then(|name| {
            let role = roles.find(&name.value);
            if role.is_none() {
                checker.unknown(name.mark, "role", &name.value, roles.names());
            }
            role
        });
        let (role_permissions, role_views) = role
            .map_or_else(|| nothing.clone(), |role| (Arc::clone(&role.permissions), Arc::clone(&role.views)));
        let errors = checker.errors();
        let own_views = roles::views(checker, &raw.views, reports);
        // What it lacks is worth a word only when nothing of it, or of its role, was misread.
        let role_sound = raw.role.is_none() == role.is_none() && role.is_none_or(|role| role.sound);
        let sound = raw.sound && role_sound && checker.errors() == errors;
        let own = roles::permissions(checker, &raw.permissions, reports);
        if let (Some(name), true) = (&raw.role, role_sound) {
            let beyond = format!("role `{}` does not grant", name.value);
            refuse_beyond(checker, &raw.views, &own_views, &role_views, reports, &beyond);
        }
        let views = overlaid(&role_views, own_views);
        let permissions = with_own(&role_permissions, own);
        if sound {
            roles::check_columns(checker, &raw.permissions, &views, reports);
        }
        let credentials = credentials(checker, &raw, backends, backend_names);
        let principal = Principal {
            scope: raw.scope(),
            id: raw.id.value.clone(),
            name: raw.name.clone(),
            kind: raw.kind,
            disabled: raw.disabled,
            allowed_ips: raw.allowed_ips.clone(),
            permissions,
            views,
            credentials,
        };
        check_reports(checker, &raw, &principal, reports, sound);
        built.principals.push(principal);
        built.sound.push(sound);
    }
    built
}

fn with_own(role: &Arc<[PermissionIndex]>, own: Vec<PermissionIndex>) -> Arc<[PermissionIndex]> {
    if own.iter().all(|index| role.binary_search(index).is_ok()) {
        return Arc::clone(role);
    }
    let mut all: Vec<_> = role.iter().copied().chain(own).collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The role's views, with its own in their place.
pub(super) fn overlaid(role: &Views, own: Vec<(ReportIndex, View)>) -> Views {
    if own.is_empty() {
        return Arc::clone(role);
    }
    let all: BTreeMap<ReportIndex, View> = role.iter().cloned().chain(own).collect();
    all.into_iter().collect()
}

/// Refuses columns that `granted` does not have.
pub(super) fn refuse_beyond(
    checker: &mut Checker<'_>,
    raw: &[RawView],
    own: &[(ReportIndex, View)],
    granted: &Views,
    reports: &Reports,
    beyond: &str,
) {
    for (index, view) in own {
        let Some(report) = reports.get(*index) else { continue };
        let granted = granted.binary_search_by_key(index, |(at, _)| *at).ok().and_then(|at| granted.get(at));
        let granted: HashSet<ColumnIndex> =
            granted.map(|(_, view)| view.iter().collect()).unwrap_or_default();
        let raw = raw.iter().find(|raw| *raw.report.value == *report.name.as_str());
        let Some(raw) = raw else { continue };
        if granted.is_empty() {
            checker
                .problems
                .error(raw.report.mark, format!("{beyond} a column of the report `{}`", report.name));
            continue;
        }
        for column in view.iter().filter(|column| !granted.contains(column)) {
            let Some(column) = report.catalogue.get(column) else { continue };
            let named = raw.columns.iter().flatten().find(|named| *named.value == *column.name.as_str());
            let at = named.map_or(raw.mark, |named: &Marked<Box<str>>| named.mark);
            checker.problems.error(at, format!("{beyond} the column `{}` of `{}`", column.name, report.name));
        }
    }
}

fn credentials(
    checker: &mut Checker<'_>,
    raw: &RawPrincipal,
    backends: &[Arc<Backend>],
    names: &HashMap<Box<str>, (usize, Mark)>,
) -> Box<[(BackendIndex, Credential)]> {
    let mut found = Vec::with_capacity(raw.credentials.len());
    for own in &raw.credentials {
        let name = &own.backend;
        let Some((at, _)) = names.get(&name.value) else {
            checker.unknown(name.mark, "backend", &name.value, names.keys().map(|name| &**name));
            continue;
        };
        let Some(backend) = backends.get(*at) else { continue };
        found.push((BackendIndex(*at), merged_credential(&own.credential, &backend.credential)));
    }
    found.into()
}

/// Whether the reports that a principal may call can be limited to its rows.
fn check_reports(
    checker: &mut Checker<'_>,
    raw: &RawPrincipal,
    principal: &Principal,
    reports: &Reports,
    sound: bool,
) {
    let mut lacks_scope = false;
    for (index, _) in principal.views.iter() {
        let Some((report, ids)) = reports.get(*index).zip(reports.ids.get(index.0)) else { continue };
        if !principal.has(report.permission) {
            continue;
        }
        match &report.request.scope {
            ScopeRule::Public => {}
            ScopeRule::Credential => {
                if principal.credential(report.backend).is_none() && sound {
                    let message = format!(
                        "`{}` may call the report `{}`, whose scope is \"credential\", and has no `credentials` for its backend",
                        raw.id.value, report.name
                    );
                    checker.problems.error(raw.id.mark, message);
                }
            }
            ScopeRule::Slots(_) => {
                lacks_scope |= raw.without_scope;
                for id in &raw.ids {
                    if let Some(reason) = ids.refusal(&id.value) {
                        checker
                            .problems
                            .error(id.mark, format!("this id {reason} (report `{}`)", report.name));
                    }
                }
                if let Some(second) = raw.ids.get(1).filter(|_| ids.single) {
                    let message = format!(
                        "report `{}` takes one id, in its path; several cannot stand there",
                        report.name
                    );
                    checker.problems.error(second.mark, message);
                }
            }
        }
    }
    if !raw.has_tokens || raw.disabled {
        return;
    }
    if lacks_scope {
        let message = format!("`{}` has no `scope`, so it sees no rows", raw.id.value);
        checker.problems.warning(raw.id.mark, message);
    }
    if raw.without_ips {
        let message = format!("`{}` has no `allowed_ips`, so nobody can use its tokens", raw.id.value);
        checker.problems.warning(raw.id.mark, message);
    }
    for view in raw.views.iter().filter(|_| sound && reports.all_permissions) {
        let report = reports.by_name.get(&view.report.value).and_then(|(at, _)| reports.get(*at));
        if let Some(report) = report.filter(|report| !principal.has(report.permission)) {
            let message = format!(
                "`{}` has columns of the report `{}`, but not its permission",
                raw.id.value, report.name
            );
            checker.problems.warning(view.report.mark, message);
        }
    }
}
