//! Principals, their tokens and what they are granted.

use super::backend::{BackendIndex, Credential};
use super::report::ReportIndex;
use crate::domain::address::AddressRanges;
use crate::domain::column::View;
use crate::domain::names::{PrincipalId, TokenId};
use crate::domain::time::{Expiry, Timestamp};
use crate::domain::token::TokenDigest;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
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
    Ids(Box<[Box<str>]>),
}

/// Granted views, at most one per report, sorted by report.
pub type Views = Arc<[(ReportIndex, View)]>;

/// A holder of tokens.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// A human name.
    pub name: Option<Box<str>>,
    /// What it is.
    pub kind: PrincipalKind,
    /// Refuse its tokens.
    pub disabled: bool,
    /// Whose rows it sees.
    pub scope: ScopeGrant,
    /// Where its requests may come from.
    pub allowed_ips: AddressRanges,
    /// Its own and its role's rights, sorted.
    pub permissions: Arc<[PermissionIndex]>,
    /// Its own or its role's columns.
    pub views: Views,
    /// For backends that know it by a credential of its own (already merged over the backend's).
    pub credentials: Box<[(BackendIndex, Credential)]>,
}

impl Principal {
    /// Whether it holds the permission.
    #[must_use]
    pub fn has(&self, permission: PermissionIndex) -> bool {
        self.permissions.binary_search(&permission).is_ok()
    }

    /// The columns it sees of a report.
    #[must_use]
    pub fn view(&self, report: ReportIndex) -> Option<&View> {
        view_of(&self.views, report)
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
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it stops working.
    pub expires: Expiry,
    /// When set, its requests must come from here too.
    pub allowed_ips: Option<Box<AddressRanges>>,
    /// When set, it sees these columns instead, a subset of its holder's.
    pub views: Option<Views>,
}

impl TokenRecord {
    /// The columns it sees of a report.
    #[must_use]
    pub fn view<'a>(&'a self, holder: &'a Principal, report: ReportIndex) -> Option<&'a View> {
        let own = self.views.as_ref().and_then(|views| view_of(views, report));
        own.or_else(|| holder.view(report))
    }
}

/// All tokens, found by digest in one probe.
#[derive(Debug, Default)]
pub struct TokenTable {
    records: Box<[TokenRecord]>,
    by_digest: HashMap<u128, u32, BuildHasherDefault<FirstBits>>,
}

impl TokenTable {
    /// A table of `records`, whose digests are distinct (of equal ones the last is found).
    ///
    /// The index is keyed by the first 128 bits of the digest, and the whole digest compared.
    #[must_use]
    pub fn new(records: Vec<TokenRecord>) -> Self {
        let index = |(at, record): (u32, &TokenRecord)| (first_bits(&record.digest), at);
        let by_digest = (0..u32::MAX).zip(&records).map(index).collect();
        Self { records: records.into(), by_digest }
    }

    /// The token of that digest.
    #[must_use]
    pub fn find(&self, digest: &TokenDigest) -> Option<&TokenRecord> {
        let at = self.by_digest.get(&first_bits(digest))?;
        let record = self.records.get(usize::try_from(*at).ok()?)?;
        (record.digest == *digest).then_some(record)
    }

    /// Every token, in the order of the config.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TokenRecord> {
        self.records.iter()
    }
}

fn first_bits(digest: &TokenDigest) -> u128 {
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    u128::from_le_bytes(first)
}

/// A hasher for keys that are already uniformly distributed: it takes their first 64 bits.
#[derive(Debug, Default)]
pub(super) struct FirstBits(u64);

impl Hasher for FirstBits {
    fn write(&mut self, bytes: &[u8]) {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.0 = u64::from_le_bytes(first);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
