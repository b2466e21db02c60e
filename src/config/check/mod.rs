//! What the tables say about each other: names are looked up, contradictions found, the policy built.

mod principals;
mod reports;
mod roles;
mod tokens;

use super::problem::{Mark, Problems};
use super::tables::{self, Raw};
use crate::domain::names::PermissionName;
use crate::domain::time::Timestamp;
use crate::policy::{Backend, PermissionIndex, Policy, Report, ReportIndex};
use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::{Hash, Hasher as _};
use std::sync::Arc;

/// What was found wrong, and whether unknown names are known to be wrong.
struct Checker<'a> {
    problems: &'a mut Problems,
    /// A file cannot be read: what it defines is unknown.
    incomplete: bool,
}

impl Checker<'_> {
    /// How many problems were found so far.
    fn errors(&self) -> usize {
        self.problems.errors()
    }

    /// Reports a name that nothing has.
    fn unknown<'k>(&mut self, at: Mark, what: &str, name: &str, known: impl Iterator<Item = &'k str>) {
        if !self.incomplete {
            self.problems.unknown(at, what, name, known);
        }
    }

    /// Notes a name; reports one that was noted before.
    fn define<K: Eq + Hash + Display, V>(
        &mut self,
        defined: &mut HashMap<K, (V, Mark)>,
        what: &str,
        name: K,
        value: V,
        at: Mark,
    ) {
        match defined.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert((value, at));
            }
            Entry::Occupied(entry) => {
                let message = format!("{what} `{}` is defined twice", entry.key());
                self.problems.error_after(at, message, entry.get().1);
            }
        }
    }
}

/// Reports, as the other checks need them.
struct Reports {
    list: Vec<Report>,
    by_name: HashMap<Box<str>, (ReportIndex, Mark)>,
    ids: Vec<super::tables::IdRule>,
    permissions: Vec<PermissionName>,
    by_permission: HashMap<PermissionName, (PermissionIndex, Vec<ReportIndex>)>,
    /// Every report's permission could be read.
    all_permissions: bool,
    /// Reports whose catalogue could not be read.
    without_catalogue: HashSet<ReportIndex>,
}

impl Reports {
    fn get(&self, index: ReportIndex) -> Option<&Report> {
        self.list.get(index.0)
    }

    fn has_catalogue(&self, index: ReportIndex) -> bool {
        !self.without_catalogue.contains(&index)
    }
}

/// Builds the policy; it is good for use only when no problem was found.
pub(super) fn policy(mut raw: Raw, now: Timestamp, problems: &mut Problems) -> Policy {
    let mut checker = Checker { problems, incomplete: raw.incomplete };
    let mut backends: Vec<Arc<Backend>> = Vec::with_capacity(raw.backends.len());
    let mut backend_names = HashMap::new();
    for (at, backend) in raw.backends.iter().enumerate() {
        let name: Box<str> = backend.value.name.as_str().into();
        checker.define(&mut backend_names, "backend", name, at, backend.mark);
        backends.push(Arc::new(backend.value.clone()));
    }
    warn_of_short_grace(&mut checker, &raw);
    warn_of_certificates(&mut checker, &raw, now);
    reports::check_names(&mut checker, &raw, &backend_names);
    let reports = reports::build(&mut checker, std::mem::take(&mut raw.reports), &backend_names);
    let roles = roles::build(&mut checker, &raw.roles, &reports, raw.settings.rate_limit);
    let principals = std::mem::take(&mut raw.principals);
    let built = principals::build(
        &mut checker,
        principals,
        &reports,
        &roles,
        &backends,
        &backend_names,
        raw.settings.rate_limit,
    );
    let tokens = tokens::build(&mut checker, raw.tokens, &built, &reports, now);
    if !checker.incomplete {
        let file = Mark::new(0, &(0..0));
        if reports.list.is_empty() {
            checker.problems.warning(file, "there is no report, so nothing can be asked for");
        }
        if built.list.is_empty() {
            checker.problems.warning(file, "there is no affiliate or employee, so nobody can ask");
        }
    }
    Policy {
        settings: raw.settings.settings,
        backends: backends.into(),
        permissions: reports.permissions.into(),
        reports: crate::policy::ReportTable::new(reports.list),
        principals: built.list.into(),
        tokens,
    }
}

fn warn_of_short_grace(checker: &mut Checker<'_>, raw: &Raw) {
    let Some(longest) = raw.backends.iter().max_by_key(|backend| backend.value.timeout) else { return };
    let grace = raw.settings.settings.shutdown_grace;
    if grace < longest.value.timeout {
        let at = raw.settings.grace.unwrap_or(longest.mark);
        let message = format!(
            "`shutdown_grace` is shorter than the timeout of backend `{}`: a shutdown would cut its answers",
            longest.value.name
        );
        checker.problems.warning(at, message);
    }
}

/// Warns of certificates that clients will not believe because of the time.
fn warn_of_certificates(checker: &mut Checker<'_>, raw: &Raw, now: Timestamp) {
    for certificate in &raw.settings.certificates {
        if let Some(what) = tables::out_of_time(&certificate.value, now) {
            checker.problems.warning(certificate.mark, format!("the certificate {what}"));
        }
    }
}

/// Pairs of items that are the same, by place, the first of them first. Sorts by a hash: a million is quick.
fn twice<T>(items: &[T], hash: impl Fn(&T) -> u64, same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let mut order: Vec<(u64, u32)> = (0..u32::MAX).zip(items).map(|(at, item)| (hash(item), at)).collect();
    order.sort_unstable();
    let mut found = Vec::new();
    for group in order.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let item = |at: u32| usize::try_from(at).ok().and_then(|at| Some((at, items.get(at)?)));
        let Some(((_, first), rest)) = group.split_first() else { continue };
        let Some((first, a)) = item(*first) else { continue };
        let again = rest.iter().filter_map(|(_, at)| item(*at)).filter(|(_, b)| same(a, b));
        found.extend(again.map(|(second, _)| (first, second)));
    }
    found
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
