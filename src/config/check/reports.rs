//! Reports among each other, and against backends, credentials and tokens.

use super::{Checker, Reports};
use crate::config::problem::Mark;
use crate::config::tables::{Raw, RawReport};
use crate::domain::spelling::fold;
use crate::policy::{BackendIndex, ClientHeader, PermissionIndex, ReportIndex, TokenPlace};
use http::header::AUTHORIZATION;
use std::collections::{HashMap, HashSet};

type Names<V> = HashMap<Box<str>, (V, Mark)>;

/// Looks up permissions and backends.
pub(super) fn build(checker: &mut Checker<'_>, raw: Vec<RawReport>, backends: &Names<usize>) -> Reports {
    let mut reports = Reports {
        list: Vec::with_capacity(raw.len()),
        by_name: HashMap::new(),
        ids: Vec::with_capacity(raw.len()),
        permissions: Vec::new(),
        by_permission: HashMap::new(),
        all_permissions: raw.iter().all(|report| report.permission.is_some()),
        without_catalogue: HashSet::new(),
    };
    let mut paths: Names<()> = HashMap::new();
    for (at, mut raw) in raw.into_iter().enumerate() {
        let index = ReportIndex(at);
        let name: Box<str> = raw.report.name.as_str().into();
        checker.define(&mut reports.by_name, "report", name, index, raw.mark);
        if !raw.report.path.is_empty() {
            checker.define(&mut paths, "path", raw.report.path.clone(), (), raw.path);
        }
        if !raw.has_catalogue {
            reports.without_catalogue.insert(index);
        }
        raw.report.backend = BackendIndex(backend(checker, &raw, backends).unwrap_or_default());
        if let Some(permission) = raw.permission {
            let next = PermissionIndex(reports.permissions.len());
            let known = reports.by_permission.entry(permission.value);
            let known = known.or_insert_with_key(|name| {
                reports.permissions.push(name.clone());
                (next, Vec::new())
            });
            known.1.push(index);
            raw.report.permission = known.0;
        }
        reports.list.push(raw.report);
        reports.ids.push(raw.ids);
    }
    reports
}

fn backend(checker: &mut Checker<'_>, raw: &RawReport, backends: &Names<usize>) -> Option<usize> {
    let Some(name) = &raw.backend else {
        let mut all = backends.values();
        return match (all.next(), all.next()) {
            (Some((only, _)), None) => Some(*only),
            (None, _) => {
                if !checker.incomplete {
                    checker.problems.error(raw.mark, "there is no backend to answer this report");
                }
                None
            }
            (Some(_), Some(_)) => {
                checker.problems.error(raw.mark, "`backend` is missing: there is more than one");
                None
            }
        };
    };
    let found = backends.get(&name.value).map(|(at, _)| *at);
    if found.is_none() {
        checker.unknown(name.mark, "backend", &name.value, backends.keys().map(|name| &**name));
    }
    found
}

/// Refuses parameters and headers that could be taken for those of a credential, or that the gate itself reads.
pub(super) fn check_names(checker: &mut Checker<'_>, raw: &Raw, backends: &Names<usize>) {
    let mut queries: HashMap<(usize, &str), Mark> = HashMap::new();
    let mut headers = HashSet::new();
    let shared = raw.backends.iter().enumerate();
    let shared = shared.map(|(at, backend)| (at, &backend.value.credential, backend.mark));
    let own = raw.principals.rest.iter().filter_map(|principal| principal.own.as_ref());
    let own = own.flat_map(|own| &own.credentials);
    let own =
        own.filter_map(|own| Some((backends.get(&own.backend.value)?.0, &own.credential, own.backend.mark)));
    for (at, credential, mark) in shared.chain(own) {
        for (name, _) in &credential.query {
            queries.entry((at, name)).or_insert(mark);
        }
        headers.extend(credential.headers.iter().map(|(name, _)| (at, name)));
    }
    for report in &raw.reports {
        let only = || (backends.len() == 1).then_some(0);
        let named = report.backend.as_ref().and_then(|name| backends.get(&name.value)).map(|(at, _)| *at);
        let backend = if report.backend.is_some() { named } else { only() };
        for (_, name) in queries.keys().filter(|(at, _)| Some(*at) == backend) {
            if let Some(mark) = report.claims.of_credential(name) {
                let message = format!("the credential of the backend sets the query parameter `{name}` too");
                checker.problems.error(mark, message);
            }
        }
        for (_, name) in headers.iter().filter(|(at, _)| Some(*at) == backend) {
            if let Some(mark) = report.claims.of_header(name) {
                let message = format!("the credential of the backend sets the header `{name}` too");
                checker.problems.error(mark, message);
            }
        }
    }
    check_own_places(checker, raw, &queries);
    check_own_paths(checker, raw);
}

/// Refuses reports at the holders' own endpoints.
fn check_own_paths(checker: &mut Checker<'_>, raw: &Raw) {
    let Some(own) = &raw.settings.settings.self_service else { return };
    let is_own = |report: &&RawReport| {
        report.report.path.strip_prefix(&**own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for report in raw.reports.iter().filter(is_own) {
        let message = format!("paths under {own} are the gate's own (`self_service`)");
        checker.problems.error(report.path, message);
    }
}

/// Refuses that tokens, or the client's address, stand where a report or a credential writes.
fn check_own_places(checker: &mut Checker<'_>, raw: &Raw, queries: &HashMap<(usize, &str), Mark>) {
    let settings = &raw.settings.settings;
    let token = |name: &str| format!("`{name}` holds the client's token (`token_in`)");
    for place in &settings.token_in {
        let header = match place {
            TokenPlace::Bearer => &AUTHORIZATION,
            TokenPlace::Header(name) => name,
            TokenPlace::Query(name) => {
                let own = fold(name);
                let same = queries.iter().filter(|((_, credential), _)| fold(credential) == own);
                let claimed = raw.reports.iter().filter_map(|report| report.claims.of_client(name));
                for mark in claimed.chain(same.map(|(_, mark)| *mark)) {
                    checker.problems.error(mark, token(name));
                }
                continue;
            }
        };
        for mark in raw.reports.iter().filter_map(|report| report.claims.of_header(header)) {
            checker.problems.error(mark, token(header.as_str()));
        }
    }
    if let ClientHeader::List(name) = &settings.client_header {
        for mark in raw.reports.iter().filter_map(|report| report.claims.of_header(name)) {
            checker.problems.error(mark, format!("`{name}` names the client (`client_header`)"));
        }
    }
}
