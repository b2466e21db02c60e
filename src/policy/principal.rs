//! Principals, their tokens and what they are granted.

use super::backend::{BackendIndex, Credential};
use super::report::ReportIndex;
use crate::domain::address::AddressRanges;
use crate::domain::column::View;
use crate::domain::names::{PrincipalId, TokenId};
use crate::domain::rate::RateLimit;
use crate::domain::time::Expiry;
use crate::domain::token::TokenDigest;
use hashbrown::HashTable;
use smol_str::SmolStr;
use std::ops::Deref;
use std::sync::Arc;

/// The place of a permission in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PermissionIndex(pub usize);

/// The place of a principal in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrincipalIndex(pub u32);

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// An affiliate.
    Affiliate,
    /// An introducing broker.
    Ib,
    /// An employee.
    Employee,
}

impl PrincipalKind {
    /// As config and answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affiliate => "affiliate",
            Self::Ib => "ib",
            Self::Employee => "employee",
        }
    }
}

/// Whose rows a principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeGrant {
    /// Every row (employees only).
    All,
    /// The rows of these platform ids; none of them means no rows.
    Ids(Ids),
}

/// Ids of the platform; mostly there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids(OneOrMore);

#[derive(Debug, Clone, PartialEq, Eq)]
enum OneOrMore {
    One(SmolStr),
    More(Box<[SmolStr]>),
}

impl FromIterator<SmolStr> for Ids {
    fn from_iter<I: IntoIterator<Item = SmolStr>>(ids: I) -> Self {
        let mut ids = ids.into_iter();
        match (ids.next(), ids.next()) {
            (Some(one), None) => Self(OneOrMore::One(one)),
            (first, second) => Self(OneOrMore::More(first.into_iter().chain(second).chain(ids).collect())),
        }
    }
}

impl Deref for Ids {
    type Target = [SmolStr];

    fn deref(&self) -> &[SmolStr] {
        match &self.0 {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(ids) => ids,
        }
    }
}

/// Granted views, at most one per report, sorted by report.
pub type Views = Arc<[(ReportIndex, View)]>;

/// What a principal may call, and what it sees of it; one for all principals that share them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Permissions, sorted.
    pub permissions: Box<[PermissionIndex]>,
    /// Columns.
    pub views: Views,
    /// How many requests it may send; `None`: any number.
    pub rate_limit: Option<RateLimit>,
    /// Who says so.
    pub rate_source: RateSource,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            permissions: Box::default(),
            views: [].into(),
            rate_limit: None,
            rate_source: RateSource::Defaults,
        }
    }
}

/// Who says how many requests a principal may send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateSource {
    /// Nobody: it is the rate of all that say nothing else.
    Defaults,
    /// A role, its own or one that this extends.
    Role(SmolStr),
    /// It itself.
    Own,
}

/// A holder of tokens.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// A human name.
    pub name: Option<SmolStr>,
    /// What it is.
    pub kind: PrincipalKind,
    /// Refuse its tokens.
    pub disabled: bool,
    /// Whose rows it sees.
    pub scope: ScopeGrant,
    /// Where its requests may come from.
    pub allowed_ips: AddressRanges,
    /// Its own and its role's.
    pub rights: Arc<Rights>,
    /// For backends that know it by a credential of its own (already merged over the backend's).
    pub credentials: Box<[(BackendIndex, Credential)]>,
}

impl Principal {
    /// Whether it holds the permission.
    #[must_use]
    pub fn has(&self, permission: PermissionIndex) -> bool {
        self.rights.permissions.binary_search(&permission).is_ok()
    }

    /// The columns it sees of a report.
    #[must_use]
    pub fn view(&self, report: ReportIndex) -> Option<&View> {
        view_of(&self.rights.views, report)
    }

    /// Its own credential at a backend.
    #[must_use]
    pub fn credential(&self, backend: BackendIndex) -> Option<&Credential> {
        self.credentials.iter().find(|(index, _)| *index == backend).map(|(_, own)| own)
    }
}

/// The view of a report among `views`.
pub(super) fn view_of(views: &Views, report: ReportIndex) -> Option<&View> {
    let at = views.binary_search_by_key(&report, |(index, _)| *index).ok()?;
    views.get(at).map(|(_, view)| view)
}

/// A token as stored.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// Its public handle.
    pub id: TokenId,
    /// What is stored of the secret.
    pub digest: TokenDigest,
    /// Who holds it.
    pub principal: PrincipalIndex,
    /// When it stops working.
    pub expires: Expiry,
    /// What it may less than its holder.
    pub limits: Option<Box<TokenLimits>>,
}

/// A token's own limits, within those of its holder.
#[derive(Debug, Clone, Default)]
pub struct TokenLimits {
    /// When set, its requests must come from here too.
    pub allowed_ips: Option<AddressRanges>,
    /// When set, it sees these columns instead, a subset of its holder's.
    pub views: Option<Views>,
    /// When set, it may send so many requests, among those of its holder.
    pub rate_limit: Option<RateLimit>,
}

impl TokenRecord {
    /// The columns it sees of a report.
    #[must_use]
    pub fn view<'a>(&'a self, holder: &'a Principal, report: ReportIndex) -> Option<&'a View> {
        let own = self.limits.as_ref().and_then(|limits| view_of(limits.views.as_ref()?, report));
        own.or_else(|| holder.view(report))
    }

    /// Its own rate, besides that of its holder.
    #[must_use]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.limits.as_ref().and_then(|limits| limits.rate_limit)
    }
}

/// All tokens, found by digest in one probe.
#[derive(Debug, Default)]
pub struct TokenTable {
    records: Box<[TokenRecord]>,
    by_digest: HashTable<u32>,
}

impl TokenTable {
    /// A table of `records`, whose digests are distinct.
    #[must_use]
    pub fn new(records: Vec<TokenRecord>) -> Self {
        let mut by_digest = HashTable::with_capacity(records.len());
        for (at, record) in (0..u32::MAX).zip(&records) {
            let hash = |at: &u32| record_at(&records, *at).map_or(0, |record| first_bits(&record.digest));
            by_digest.insert_unique(first_bits(&record.digest), at, hash);
        }
        Self { records: records.into(), by_digest }
    }

    /// The token of that digest.
    #[must_use]
    pub fn find(&self, digest: &TokenDigest) -> Option<&TokenRecord> {
        let is = |at: &u32| record_at(&self.records, *at).is_some_and(|record| record.digest == *digest);
        record_at(&self.records, *self.by_digest.find(first_bits(digest), is)?)
    }

    /// Every token, in the order of the config.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TokenRecord> {
        self.records.iter()
    }
}

fn record_at(records: &[TokenRecord], at: u32) -> Option<&TokenRecord> {
    records.get(usize::try_from(at).ok()?)
}

/// Digests are uniformly distributed: their first bits are a hash already.
fn first_bits(digest: &TokenDigest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be a million of each.
    #[test]
    fn holders_and_tokens_are_small() {
        assert_eq!((size_of::<Principal>(), size_of::<TokenRecord>()), (128, 88));
    }
}
