//! Principals: their role, their own columns within it, the ids and credentials that their reports need.

use super::roles::{self, Roles};
use super::{Checker, Reports, hash_of, twice};
use crate::config::problem::{Mark, Marked};
use crate::config::tables::{IdRule, Own, Rate, RawPrincipal, RawPrincipals, RawView, merged_credential};
use crate::domain::column::{ColumnIndex, View};
use crate::domain::dialect::ScopeRule;
use crate::domain::rate::RateLimit;
use crate::policy::{
    Backend, BackendIndex, Credential, PermissionIndex, Principal, RateSource, Report, ReportIndex, Rights,
    ScopeGrant, Views,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Principals in the order of the files.
pub(super) struct Built {
    pub(super) list: Vec<Principal>,
    /// Whether nothing of each, or of its role, was reported.
    pub(super) sound: Vec<bool>,
}

/// Builds every principal.
pub(super) fn build(
    checker: &mut Checker<'_>,
    raw: RawPrincipals,
    reports: &Reports,
    roles: &Roles,
    backends: &[Arc<Backend>],
    backend_names: &HashMap<Box<str>, (usize, Mark)>,
    default_rate: Option<RateLimit>,
) -> Built {
    let RawPrincipals { mut list, rest, .. } = raw;
    refuse_twice(checker, &list, &rest);
    let mut sound = Vec::with_capacity(list.len());
    // Those with the same of their own share it.
    let mut shared: HashSet<Arc<Rights>> = HashSet::new();
    let no_rights = Arc::new(Rights { rate_limit: default_rate, ..Rights::default() });
    let no_own = Own::default();
    for (principal, raw) in list.iter_mut().zip(rest) {
        let own = raw.own.as_deref().unwrap_or(&no_own);
        let role = raw.role.as_ref().and_then(|name| {
            let role = roles.find(&name.value);
            if role.is_none() {
                checker.unknown(name.mark, "role", &name.value, roles.names());
            }
            role
        });
        let role_rights = role.map_or(&no_rights, |role| &role.rights);
        let errors = checker.errors();
        let own_views = roles::views(checker, &own.views, reports);
        // What it lacks is worth a word only when nothing of it, or of its role, was misread.
        let role_sound = raw.role.is_none() == role.is_none() && role.is_none_or(|role| role.sound);
        let is_sound = raw.sound && role_sound && checker.errors() == errors;
        let own_permissions = roles::permissions(checker, &own.permissions, reports);
        if let Some(name) = raw.role.as_ref().filter(|_| role_sound && !own_views.is_empty()) {
            let beyond = format!("role `{}` does not grant", name.value);
            refuse_beyond(checker, &own.views, &own_views, &role_rights.views, reports, &beyond);
        }
        principal.rights = rights(&mut shared, role_rights, own.rate, own_permissions, own_views);
        if is_sound {
            roles::check_columns(checker, &own.permissions, &principal.rights.views, reports);
        }
        principal.credentials = credentials(checker, own, backends, backend_names);
        check_reports(checker, &raw, principal, reports, is_sound);
        if raw.has_tokens && !principal.disabled {
            warn_of_no_use(checker, &raw, principal, reports, is_sound);
        }
        sound.push(is_sound);
    }
    Built { list, sound }
}

fn refuse_twice(checker: &mut Checker<'_>, list: &[Principal], rest: &[RawPrincipal]) {
    for (first, second) in twice(list, |principal| hash_of(principal.id.as_str()), |a, b| a.id == b.id) {
        if let (Some(principal), Some(first), Some(second)) =
            (list.get(first), rest.get(first), rest.get(second))
        {
            let message = format!("principal `{}` is defined twice", principal.id);
            checker.problems.error_after(second.mark, message, first.mark);
        }
    }
}

/// The role's rights with its own: permissions are added, views and rate stand in the place of the role's.
fn rights(
    shared: &mut HashSet<Arc<Rights>>,
    role: &Arc<Rights>,
    rate: Option<Rate>,
    permissions: Vec<PermissionIndex>,
    views: Vec<(ReportIndex, View)>,
) -> Arc<Rights> {
    let (rate_limit, rate_source) = match rate {
        Some(own) => (own.limit(), RateSource::Own),
        None => (role.rate_limit, role.rate_source.clone()),
    };
    if views.is_empty()
        && rate.is_none()
        && permissions.iter().all(|index| role.permissions.binary_search(index).is_ok())
    {
        return Arc::clone(role);
    }
    let permissions: BTreeSet<_> = role.permissions.iter().copied().chain(permissions).collect();
    let views: BTreeMap<ReportIndex, View> = role.views.iter().cloned().chain(views).collect();
    let rights = Rights {
        permissions: permissions.into_iter().collect(),
        views: views.into_iter().collect(),
        rate_limit,
        rate_source,
    };
    if let Some(same) = shared.get(&rights) {
        return Arc::clone(same);
    }
    let rights = Arc::new(rights);
    shared.insert(Arc::clone(&rights));
    rights
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
    raw: &Own,
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
    for (report, ids) in callable(principal, reports) {
        match &report.request.scope {
            ScopeRule::Public => {}
            ScopeRule::Credential => {
                if principal.credential(report.backend).is_none() && sound {
                    let message = format!(
                        "`{}` may call the report `{}`, whose scope is \"credential\", and has no `credentials` for its backend",
                        principal.id, report.name
                    );
                    checker.problems.error(raw.mark, message);
                }
                let checked = report.response.rows.scope_column.is_some();
                let sees_nothing =
                    matches!(&principal.scope, ScopeGrant::Ids(ids) if ids.iter().next().is_none());
                if checked && sees_nothing && sound {
                    let message = format!(
                        "`{}` may call the report `{}`, whose `scope_column` tells whose a row is, and has no `scope`",
                        principal.id, report.name
                    );
                    checker.problems.error(raw.mark, message);
                }
            }
            ScopeRule::Slots(_) => {
                let ScopeGrant::Ids(own) = &principal.scope else { continue };
                for (id, mark) in own.iter().zip(&raw.id_marks) {
                    if let Some(reason) = ids.refusal(id) {
                        checker.problems.error(*mark, format!("this id {reason} (report `{}`)", report.name));
                    }
                }
                if let Some(second) = raw.id_marks.get(1).filter(|_| ids.single) {
                    let message = format!(
                        "report `{}` takes one id, in its path; several cannot stand there",
                        report.name
                    );
                    checker.problems.error(*second, message);
                }
            }
        }
    }
}

/// The reports that a principal may call, and what ids they take.
fn callable<'r>(
    principal: &Principal,
    reports: &'r Reports,
) -> impl Iterator<Item = (&'r Report, &'r IdRule)> {
    let seen = principal.rights.views.iter();
    let seen = seen.filter_map(|(index, _)| reports.get(*index).zip(reports.ids.get(index.0)));
    seen.filter(|(report, _)| principal.has(report.permission))
}

/// Warns of what makes the tokens of a principal useless.
fn warn_of_no_use(
    checker: &mut Checker<'_>,
    raw: &RawPrincipal,
    principal: &Principal,
    reports: &Reports,
    sound: bool,
) {
    let by_ids = |(report, _): (&Report, _)| matches!(report.request.scope, ScopeRule::Slots(_));
    if raw.without_scope && callable(principal, reports).any(by_ids) {
        let message = format!("`{}` has no `scope`, so it sees no rows", principal.id);
        checker.problems.warning(raw.mark, message);
    }
    if raw.without_ips {
        let message = format!("`{}` has no `allowed_ips`, so nobody can use its tokens", principal.id);
        checker.problems.warning(raw.mark, message);
    }
    let views = raw.own.iter().flat_map(|own| &own.views);
    for view in views.filter(|_| sound && reports.all_permissions) {
        let report = reports.by_name.get(&view.report.value).and_then(|(at, _)| reports.get(*at));
        if let Some(report) = report.filter(|report| !principal.has(report.permission)) {
            let message = format!(
                "`{}` has columns of the report `{}`, but not its permission",
                principal.id, report.name
            );
            checker.problems.warning(view.report.mark, message);
        }
    }
}
