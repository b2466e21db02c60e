//! The answers that are kept, by key; least used ones make room.

use super::key::Key;
use crate::policy::{CacheLimits, CacheRule};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use moka::Expiry;
use moka::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a backend that failed is not asked again for an answer that has a stand-in.
const REST: Duration = Duration::from_secs(5);

/// How long it is remembered that an answer is not one to keep, at most.
const UNFIT_FOR: Duration = Duration::from_secs(60);

/// What takes so little that it is not measured.
const LEAST_WEIGHT: u32 = 256;

/// A whole, filtered, successful answer, as it leaves.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: StatusCode,
    /// Without what each answer gets anew.
    pub(super) head: HeaderMap,
    pub(super) body: Bytes,
    /// What it takes, in bytes.
    pub(super) weight: usize,
    /// When all of it was there.
    pub(super) at: Instant,
    /// When the backend last failed to give a newer one.
    failed: Mutex<Option<Instant>>,
}

impl Entry {
    pub(super) fn new(status: StatusCode, head: HeaderMap, body: Bytes, weight: usize, at: Instant) -> Self {
        Self { status, head, body, weight, at, failed: Mutex::default() }
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }

    /// The backend failed to give a newer one.
    pub(super) fn failed(&self, now: Instant) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether the backend failed to give a newer one, and whether that was just now.
    pub(super) fn failure(&self, now: Instant) -> Option<Failure> {
        let at = (*self.failed.lock().unwrap_or_else(PoisonError::into_inner))?;
        let is_recent = now.saturating_duration_since(at) < REST;
        Some(if is_recent { Failure::JustNow } else { Failure::Before })
    }
}

/// When a backend failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// So recently that it is left alone.
    JustNow,
    /// Long enough ago to be asked again, by one.
    Before,
}

/// What is known of the answer to a request.
#[derive(Debug)]
pub(super) enum Kept {
    /// It may be given.
    Fresh(Arc<Entry>),
    /// It may stand in for a backend that fails.
    Stale(Arc<Entry>),
    /// It is larger, or comes more slowly, than what is kept.
    Unfit,
    /// Nothing.
    Nothing,
}

/// The answers that are kept under some limits.
#[derive(Debug)]
pub(super) struct Store {
    /// Of the config that first had these limits.
    pub(super) generation: u64,
    pub(super) limits: CacheLimits,
    slots: Cache<Key, Arc<Slot>>,
}

/// What is found by a key.
#[derive(Debug)]
struct Slot {
    /// `None`: nothing but that the answer is not one to keep. Emptied when it makes room: the store itself
    /// lets go of slots only by and by.
    entry: Mutex<Option<Arc<Entry>>>,
    is_unfit: bool,
    weight: u32,
    until: Instant,
}

impl Slot {
    fn entry(&self) -> Option<Arc<Entry>> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn empty(&self) {
        let entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Outside of the lock: it may be large.
        drop(entry);
    }
}

impl Store {
    pub(super) fn new(generation: u64, limits: CacheLimits) -> Self {
        let slots = Cache::builder()
            // The last quarter is for what still arrives.
            .max_capacity(limits.max_bytes - limits.max_bytes / 4)
            .weigher(|_, slot: &Arc<Slot>| slot.weight)
            .expire_after(UntilTheEnd)
            .eviction_listener(|_, slot: Arc<Slot>, _| slot.empty())
            .build();
        Self { generation, limits, slots }
    }

    /// What is known of an answer.
    pub(super) fn get(&self, key: &Key, rule: CacheRule, now: Instant) -> Kept {
        let Some(slot) = self.slots.get(key) else { return Kept::Nothing };
        if slot.is_unfit {
            return Kept::Unfit;
        }
        let Some(entry) = slot.entry() else { return Kept::Nothing };
        // As long as the config in force says, not that under which it was kept.
        match entry.age(now) {
            age if age < rule.ttl => Kept::Fresh(entry),
            age if age < rule.ttl.saturating_add(rule.stale_if_error) => Kept::Stale(entry),
            _ => Kept::Nothing,
        }
    }

    /// Keeps an answer.
    pub(super) fn put(&self, key: Key, entry: Arc<Entry>, rule: CacheRule) {
        let until = entry.at + rule.ttl.saturating_add(rule.stale_if_error);
        let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX);
        self.insert(key, Slot { entry: Mutex::new(Some(entry)), is_unfit: false, weight, until });
    }

    /// Remembers that an answer is not one to keep.
    pub(super) fn put_unfit(&self, key: Key, rule: CacheRule, now: Instant) {
        let until = now + rule.ttl.min(UNFIT_FOR);
        self.insert(key, Slot { entry: Mutex::default(), is_unfit: true, weight: LEAST_WEIGHT, until });
    }

    fn insert(&self, key: Key, slot: Slot) {
        self.slots.insert(key, Arc::new(slot));
        // At once, not when it suits the store: what is too much must go before more comes.
        self.slots.run_pending_tasks();
    }

    /// Takes over the answers of another store, as far as there is room. What was unfit there may be fit here.
    pub(super) fn take_over(&self, other: &Self) {
        for (key, slot) in other.slots.iter().filter(|_| self.limits.max_bytes > 0) {
            if let Some(entry) = slot.entry() {
                let Slot { weight, until, .. } = *slot;
                self.insert(*key, Slot { entry: Mutex::new(Some(entry)), is_unfit: false, weight, until });
            }
        }
    }

    /// How many answers there are.
    pub(super) fn count(&self) -> u64 {
        self.slots.run_pending_tasks();
        self.slots.entry_count()
    }
}

/// Slots go when nothing can be done with them any more.
struct UntilTheEnd;

impl Expiry<Key, Arc<Slot>> for UntilTheEnd {
    fn expire_after_create(&self, _: &Key, slot: &Arc<Slot>, now: Instant) -> Option<Duration> {
        Some(slot.until.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        slot: &Arc<Slot>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(slot.until.saturating_duration_since(now))
    }
}
