//! Tokens: distinct ids and hashes, own columns within their holder's, expired ones.

use super::principals::{Built, refuse_beyond};
use super::roles;
use super::{Checker, Reports, hash_of, twice};
use crate::config::problem::Mark;
use crate::config::tables::RawTokens;
use crate::domain::time::Timestamp;
use crate::policy::{TokenRecord, TokenTable};

/// Builds the table of tokens.
pub(super) fn build(
    checker: &mut Checker<'_>,
    mut raw: RawTokens,
    holders: &Built,
    reports: &Reports,
    now: Timestamp,
) -> TokenTable {
    let digest_hash = |record: &TokenRecord| {
        record.digest.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    };
    for (first, second) in twice(&raw.records, |record| hash_of(record.id.as_str()), |a, b| a.id == b.id) {
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
        let holder = holder.filter(|at| sound(*at)).and_then(|at| holders.list.get(at));
        if let Some(holder) = holder {
            let beyond = format!("`{}` does not have", holder.id);
            refuse_beyond(checker, &own, &views, &holder.rights.views, reports, &beyond);
        }
        record.limits.get_or_insert_default().views = Some(views.into());
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
