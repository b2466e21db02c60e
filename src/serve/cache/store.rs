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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::cache::share::{Budget, Buffer};

    const TTL: Duration = Duration::from_secs(30);
    const STALE: Duration = Duration::from_secs(600);
    const RULE: CacheRule = CacheRule { ttl: TTL, stale_if_error: STALE };

    fn store(max_bytes: u64) -> Store {
        Store::new(1, CacheLimits { max_bytes, max_entry: CacheLimits::max_entry_of(max_bytes) })
    }

    fn entry(budget: &Arc<Budget>, at: Instant) -> Arc<Entry> {
        let mut buffer = Buffer::new(budget, 0, 1 << 20).unwrap();
        buffer.push(&[0; 9 << 10]).unwrap();
        let weight = buffer.weight();
        Arc::new(Entry::new(StatusCode::OK, HeaderMap::new(), buffer.freeze(), weight, at))
    }

    fn roomy() -> Arc<Budget> {
        let budget = Arc::<Budget>::default();
        budget.limit(u64::MAX);
        budget
    }

    #[test]
    fn answers_grow_old() {
        let (store, now) = (store(1 << 20), Instant::now());
        store.put(Key::numbered(1), entry(&roomy(), now), RULE);
        let moment = Duration::from_nanos(1);
        let none = CacheRule { stale_if_error: Duration::ZERO, ..RULE };
        #[rustfmt::skip]
        let cases = [
            (RULE, Duration::ZERO,       "fresh"), (RULE, TTL - moment,         "fresh"),
            (RULE, TTL,                  "stale"), (RULE, TTL + STALE - moment, "stale"),
            (RULE, TTL + STALE,          "nothing"),
            (none, TTL - moment,         "fresh"), (none, TTL,                  "nothing"),
        ];
        for (rule, age, expected) in cases {
            let found = match store.get(&Key::numbered(1), rule, now + age) {
                Kept::Fresh(_) => "fresh",
                Kept::Stale(_) => "stale",
                Kept::Unfit => "unfit",
                Kept::Nothing => "nothing",
            };
            assert_eq!(found, expected, "{rule:?} {age:?}");
        }
    }

    #[test]
    fn a_backend_that_failed_is_left_alone_for_a_while() {
        let now = Instant::now();
        let entry = entry(&roomy(), now);
        assert_eq!(entry.failure(now), None);
        entry.failed(now);
        assert_eq!(entry.failure(now + REST - Duration::from_nanos(1)), Some(Failure::JustNow));
        assert_eq!(entry.failure(now + REST), Some(Failure::Before));
    }

    #[test]
    fn what_makes_room_is_gone_at_once() {
        let (store, budget, now) = (store(64 << 10), roomy(), Instant::now());
        let mut slots = Vec::new();
        for number in 0..50 {
            store.put(Key::numbered(number), entry(&budget, now), RULE);
            slots.extend(store.slots.get(&Key::numbered(number)));
            assert!(budget.taken() <= 48 << 10, "{}", budget.taken());
        }
        let left = slots.iter().filter(|slot| slot.entry().is_some()).count();
        assert_eq!((left, budget.taken()), (4, 4 * (10 << 10)), "held slots hold nothing");
        store.put(Key::numbered(0), entry(&budget, now), RULE);
        store.put(Key::numbered(0), entry(&budget, now), RULE);
        assert!(budget.taken() <= 48 << 10, "{}", budget.taken());
    }

    #[test]
    fn another_store_takes_over_what_it_has_room_for() {
        let (large, budget, now) = (store(1 << 20), roomy(), Instant::now());
        for number in 0..10 {
            large.put(Key::numbered(number), entry(&budget, now), RULE);
        }
        large.put_unfit(Key::numbered(99), RULE, now);
        assert_eq!(large.count(), 11);
        for (max_bytes, expected) in [(2 << 20, 10), (64 << 10, 4), (0, 0)] {
            let other = store(max_bytes);
            other.take_over(&large);
            assert_eq!(other.count(), expected, "{max_bytes}");
        }
        drop(large);
        assert_eq!(budget.taken(), 0);
    }
}
