//! One independent share of the serving: what a worker, or an embedded gate, owns alone.
//!
//! Shards have in common what [`Shared`] holds and nothing else, so that no request on one core writes a cache line of
//! another, but for a holder whose requests come to both, or a report whose answers are kept.

use super::back::{Backends, Client};
use super::cache::AnswerCache;
use super::drain::Draining;
use super::findings::Findings;
use super::limit::{RatesAtHand, Spent, Standing};
use super::line_log::LineLog;
use super::tally::{Counts, Tally};
use crate::decide::{Denial, Holder};
use crate::domain::names::TokenId;
use crate::domain::time::Timestamp;
use crate::policy::{Grant, GrantKey, Grants, PolicyReader, Report, SealKey, Snapshot};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How much memory the grants may take that a shard keeps at hand, in bytes; beyond that it starts anew.
const MAX_BYTES_AT_HAND: u32 = 4 << 20;

/// What the shards of one server share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What is in force.
    pub policies: PolicyReader,
    /// What is known of backends, whose limits count for all shards.
    pub backends: Arc<Backends>,
    /// Where access lines go.
    pub access_log: Option<Arc<LineLog>>,
    /// What was told to the operator.
    pub findings: Arc<Findings>,
    /// The kept answers.
    pub cache: Arc<AnswerCache>,
    /// The end of serving.
    pub draining: Draining,
    /// What paging cursors are sealed under where the config names nothing: the next page may be asked of any shard.
    pub seal_key: Option<SealKey>,
    /// What was taken of rates, and who tries tokens.
    pub spent: Arc<Spent>,
}

/// A share of the serving.
#[derive(Debug)]
pub struct Shard {
    pub(super) policies: PolicyReader,
    pub(super) client: Client,
    pub(super) tally: Tally,
    pub(super) access_log: Option<Arc<LineLog>>,
    pub(super) findings: Arc<Findings>,
    pub(super) cache: Arc<AnswerCache>,
    pub(super) draining: Draining,
    /// What paging cursors are sealed under where the config names nothing.
    pub(super) seal_key: Option<SealKey>,
    pub(super) spent: Arc<Spent>,
    rates: Mutex<RatesAtHand>,
    grants: Mutex<GrantsAtHand>,
    request_ids: AtomicU64,
}

#[derive(Debug, Default)]
struct GrantsAtHand {
    generation: u64,
    weight: u32,
    by_key: HashMap<GrantKey, Arc<Grant>>,
}

impl Shard {
    /// A shard of the server that `shared` belongs to.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        // Without randomness ids are still distinct within the shard.
        let first_id = getrandom::u64().unwrap_or_default();
        Self {
            policies: shared.policies,
            client: Client::new(shared.backends),
            tally: Tally::default(),
            access_log: shared.access_log,
            findings: shared.findings,
            cache: shared.cache,
            draining: shared.draining,
            seal_key: shared.seal_key,
            spent: shared.spent,
            rates: Mutex::default(),
            grants: Mutex::default(),
            request_ids: AtomicU64::new(first_id),
        }
    }

    /// What is known of backends.
    pub(crate) fn backends(&self) -> &Arc<Backends> {
        self.client.backends()
    }

    /// The kept answers, which it shares.
    pub(crate) fn cache(&self) -> &AnswerCache {
        &self.cache
    }

    /// What it counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Enters when each token was presented last, unless `all` knows of a later time.
    pub(crate) fn add_uses(&self, all: &mut HashMap<TokenId, Timestamp>) {
        self.tally.add_uses(all);
    }

    /// An id that no other request of this shard has.
    pub(super) fn request_id(&self) -> String {
        format!("{:016x}", mixed(self.request_ids.fetch_add(1, Ordering::Relaxed)))
    }

    /// Takes one request of the rates of a holder, and of what refuses it nothing; gives how they stand then.
    pub(super) fn take(&self, holder: &Holder<'_>, snapshot: &Snapshot) -> (Standing, Option<Denial>) {
        let mut at_hand = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        self.spent.take(holder, snapshot.generation, &mut at_hand)
    }

    /// The compiled grants of `snapshot`, those of this shard first.
    pub(super) fn grants<'s>(&'s self, snapshot: &'s Snapshot) -> ShardGrants<'s> {
        ShardGrants { at_hand: &self.grants, snapshot }
    }
}

/// A random key for the cursors of one run; `None` when the system gives no randomness, and then reports with
/// cursors need a configured one.
#[must_use]
pub fn random_seal_key() -> Option<SealKey> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => SealKey::new(&bytes),
        Err(error) => {
            tracing::error!(%error, "no randomness: paging cursors need a configured seal_key");
            None
        }
    }
}

/// The finalizer of SplitMix64: a bijection, so that distinct numbers give distinct ids.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Grants of one snapshot: a small table of the shard's in front of the snapshot's own.
pub(super) struct ShardGrants<'s> {
    at_hand: &'s Mutex<GrantsAtHand>,
    snapshot: &'s Snapshot,
}

impl Grants for ShardGrants<'_> {
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if at_hand.generation < self.snapshot.generation {
            *at_hand = GrantsAtHand { generation: self.snapshot.generation, ..GrantsAtHand::default() };
        }
        if at_hand.generation > self.snapshot.generation {
            // A request that began before a reload: its grants die with its snapshot.
            return self.snapshot.grant(key, report);
        }
        if let Some(grant) = at_hand.by_key.get(&key) {
            return Arc::clone(grant);
        }
        let grant = self.snapshot.grant(key.clone(), report);
        at_hand.weight = at_hand.weight.saturating_add(grant.weight());
        if at_hand.weight > MAX_BYTES_AT_HAND {
            at_hand.by_key.clear();
            at_hand.weight = grant.weight();
        }
        at_hand.by_key.insert(key, Arc::clone(&grant));
        grant
    }
}
