//! Reports among each other, and against backends, credentials and tokens.

use super::{Checker, Reports};
use crate::config::problem::Mark;
use crate::config::tables::{Raw, RawReport};
use crate::policy::{BackendIndex, PermissionIndex, ReportIndex, TokenPlace};
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

/// Refuses parameters and headers that a credential sets too, or that hold the client's token.
pub(super) fn check_names(checker: &mut Checker<'_>, raw: &Raw, backends: &Names<usize>) {
    let mut queries: HashSet<(usize, &str)> = HashSet::new();
    let mut headers = HashSet::new();
    let shared = raw.backends.iter().enumerate().map(|(at, backend)| (at, &backend.value.credential));
    let own = raw.principals.iter().flat_map(|principal| &principal.credentials);
    let own = own.filter_map(|own| Some((backends.get(&own.backend.value)?.0, &own.credential)));
    for (at, credential) in shared.chain(own) {
        queries.extend(credential.query.iter().map(|(name, _)| (at, &**name)));
        headers.extend(credential.headers.iter().map(|(name, _)| (at, name)));
    }
    for report in &raw.reports {
        let only = || (backends.len() == 1).then_some(0);
        let named = report.backend.as_ref().and_then(|name| backends.get(&name.value)).map(|(at, _)| *at);
        let backend = if report.backend.is_some() { named } else { only() };
        for (_, name) in queries.iter().filter(|(at, _)| Some(*at) == backend) {
            if let Some(mark) = report.names.of_backend(name) {
                let message = format!("the credential of the backend sets the query parameter `{name}` too");
                checker.problems.error(mark, message);
            }
        }
        for (_, name) in headers.iter().filter(|(at, _)| Some(*at) == backend) {
            let passed = report.report.pass_request_headers.contains(name).then_some(report.mark);
            if let Some(mark) = report.names.of_header(name).or(passed) {
                checker
                    .problems
                    .error(mark, format!("the credential of the backend sets the header `{name}` too"));
            }
        }
        for place in &raw.settings.settings.token_in {
            let (mark, name) = match place {
                TokenPlace::Bearer => continue,
                TokenPlace::Query(name) => (report.names.of_client(name), &**name),
                TokenPlace::Header(name) => {
                    let passed = report.report.pass_request_headers.contains(name);
                    (passed.then_some(report.mark), name.as_str())
                }
            };
            if let Some(mark) = mark {
                checker.problems.error(mark, format!("`{name}` holds the client's token (`token_in`)"));
            }
        }
    }
}
