//! One accepted config, and the single place where the one in force is swapped.
//!
//! What must agree lives in one value behind one swap. A request takes the snapshot
//! once and passes it down; grants live and die with it.

use super::backend::{Backend, BackendIndex};
use super::grant::{Grant, GrantKey, Grants};
use super::principal::{PermissionIndex, Principal, PrincipalIndex, TokenTable};
use super::report::{Report, ReportTable};
use super::settings::Settings;
use crate::domain::names::PermissionName;
use crate::domain::time::Timestamp;
use arc_swap::{ArcSwap, Guard};
use moka::sync::Cache;
use std::sync::Arc;

/// How much memory the compiled grants of a snapshot may take; the least used go first. Clients choose
/// columns and their order, so the number of grants is theirs.
const MAX_GRANT_BYTES: u64 = 32 << 20;

/// Everything that decides.
#[derive(Debug)]
pub struct Policy {
    /// Process and listeners.
    pub settings: Settings,
    /// Who answers.
    pub backends: Box<[Arc<Backend>]>,
    /// What can be asked for.
    pub reports: ReportTable,
    /// Names of permissions.
    pub permissions: Box<[PermissionName]>,
    /// Who may ask.
    pub principals: Box<[Principal]>,
    /// By which secret.
    pub tokens: TokenTable,
}

impl Policy {
    /// The principal at that place; `None` for an index of another policy.
    #[must_use]
    pub fn principal(&self, index: PrincipalIndex) -> Option<&Principal> {
        self.principals.get(usize::try_from(index.0).ok()?)
    }

    /// The backend at that place; `None` for an index of another policy.
    #[must_use]
    pub fn backend(&self, index: BackendIndex) -> Option<&Arc<Backend>> {
        self.backends.get(index.0)
    }

    /// The name of a permission.
    #[must_use]
    pub fn permission(&self, index: PermissionIndex) -> Option<&PermissionName> {
        self.permissions.get(index.0)
    }
}

/// One accepted config. Immutable but for its cache of compiled grants.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts accepted configs, from 1.
    pub generation: u64,
    /// What was accepted.
    pub policy: Policy,
    /// Hash of every file it was read from, in hexadecimal.
    pub config_hash: Box<str>,
    /// When it came in force.
    pub loaded_at: Timestamp,
    grants: Cache<GrantKey, Arc<Grant>>,
}

impl Snapshot {
    fn new(generation: u64, policy: Policy, config_hash: Box<str>, loaded_at: Timestamp) -> Self {
        let grants = Cache::builder().max_capacity(MAX_GRANT_BYTES);
        let grants = grants.weigher(|_, grant: &Arc<Grant>| grant.weight()).build();
        Self { generation, policy, config_hash, loaded_at, grants }
    }
}

impl Grants for Snapshot {
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant> {
        let view = key.view.clone();
        self.grants.get_with(key, || Arc::new(Grant::compile(report, &view)))
    }
}

/// Reads the snapshot in force.
#[derive(Debug, Clone)]
pub struct PolicyReader(Arc<ArcSwap<Snapshot>>);

impl PolicyReader {
    /// Take it once per request and pass it down: two calls may return two configs.
    ///
    /// The guard writes no count that other threads write, and keeps the snapshot alive.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }
}

/// Puts snapshots in force. There is one per gate.
#[derive(Debug)]
pub struct PolicyWriter(Arc<ArcSwap<Snapshot>>);

impl PolicyWriter {
    /// Puts `policy` in force and returns the snapshot it replaced.
    ///
    /// Requests under way finish on the snapshot they started with.
    pub fn publish(&mut self, policy: Policy, config_hash: Box<str>, now: Timestamp) -> Arc<Snapshot> {
        let generation = self.0.load().generation + 1;
        self.0.swap(Arc::new(Snapshot::new(generation, policy, config_hash, now)))
    }

    /// A reader of what this writer publishes.
    #[must_use]
    pub fn reader(&self) -> PolicyReader {
        PolicyReader(Arc::clone(&self.0))
    }
}

/// The writer of a gate, with a first policy in force as generation 1.
#[must_use]
pub fn policies(first: Policy, config_hash: Box<str>, now: Timestamp) -> PolicyWriter {
    PolicyWriter(Arc::new(ArcSwap::from_pointee(Snapshot::new(1, first, config_hash, now))))
}
