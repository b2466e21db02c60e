//! Tokens: distinct ids and hashes, own columns within their holder's, expired ones.

use super::principals::{Built, refuse_beyond};
use super::roles;
use super::{Checker, Reports};
use crate::config::problem::Mark;
use crate::config::tables::RawTokens;
use crate::domain::time::Timestamp;
use crate::policy::{TokenRecord, TokenTable};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

/// Builds the table of tokens.
pub(super) fn build(
    checker: &mut Checker<'_>,
    mut raw: RawTokens,
    holders: &Built,
    reports: &Reports,
    now: Timestamp,
) -> TokenTable {
    let id_hash = |record: &TokenRecord| {
        let mut hasher = DefaultHasher::new();
        record.id.as_str().hash(&mut hasher);
        hasher.finish()
    };
    let digest_hash = |record: &TokenRecord| {
        record.digest.as_bytes().first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first))
    };
    for (first, second) in twice(&raw.records, id_hash, |a, b| a.id == b.id) {
        report(checker, "this token id is used twice", raw.id_mark(first), raw.id_mark(second));
    }
    for (first, second) in twice(&raw.records, digest_hash, |a, b| a.digest == b.digest) {
        report(checker, "this token hash is used twice", raw.hash_mark(first), raw.hash_mark(second));
    }
    for (at, own) in std::mem::take(&mut raw.views) {
        let Some(record) = raw.records.get_mut(at) else { continue };
        let mut views = roles::views(checker, &own, reports);
        views.sort_by_key(|(report, _)| *report);
        let holder = usize::try_from(record.principal.0).ok();
        let sound = |at: usize| holders.sound.get(at).copied().unwrap_or(false);
        let holder = holder.filter(|at| sound(*at)).and_then(|at| holders.principals.get(at));
        if let Some(holder) = holder {
            let beyond = format!("`{}` does not have", holder.id);
            refuse_beyond(checker, &own, &views, &holder.views, reports, &beyond);
        }
        record.views = Some(views.into());
    }
    for (at, record) in raw.records.iter().enumerate() {
        if record.expires.is_over(now)
            && let Some(mark) = raw.id_mark(at)
        {
            checker.problems.warning(mark, format!("token `{}` has expired", record.id));
        }
    }
    TokenTable::new(raw.records)
}

fn report(checker: &mut Checker<'_>, message: &str, first: Option<Mark>, second: Option<Mark>) {
    if let (Some(first), Some(second)) = (first, second) {
        checker.problems.error_after(second, message, first);
    }
}

/// Pairs of records that are the same, by place, the first of them first. Sorts by a hash: a million is quick.
fn twice(
    records: &[TokenRecord],
    hash: impl Fn(&TokenRecord) -> u64,
    same: impl Fn(&TokenRecord, &TokenRecord) -> bool,
) -> Vec<(usize, usize)> {
    let mut order: Vec<(u64, u32)> =
        (0..u32::MAX).zip(records).map(|(at, record)| (hash(record), at)).collect();
    order.sort_unstable();
    let mut found = Vec::new();
    for group in order.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let record = |at: u32| usize::try_from(at).ok().and_then(|at| Some((at, records.get(at)?)));
        let Some(((_, first), rest)) = group.split_first() else { continue };
        let Some((first, a)) = record(*first) else { continue };
        let again = rest.iter().filter_map(|(_, at)| record(*at)).filter(|(_, b)| same(a, b));
        found.extend(again.map(|(second, _)| (first, second)));
    }
    found
}
