//! Answers kept in memory, and shared by those who ask for the same at once.
//!
//! Stands between the rewrite and the backend: whoever gets here has passed every check of this very request, so
//! that a revoked token gets nothing, however fresh the answer. All shards of a gate share one cache, and its
//! entries outlive configs, since their keys hold whatever of a config an answer depends on. It decides nothing
//! about permissions, addresses or columns.

mod answer;
mod fetch;
mod flight;
mod key;
mod share;
mod store;
mod told;

pub(super) use answer::answer;

use crate::policy::{CacheLimits, CacheRule};
use crate::serve::handle::Begun;
use crate::serve::sighting::Sighting;
use arc_swap::ArcSwap;
use flight::{Flight, Passenger, Role, State};
use key::Key;
use share::Budget;
use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use store::{Entry, Failure, Kept, Store};

/// The kept answers of a gate.
#[derive(Debug)]
pub struct AnswerCache {
    budget: Arc<Budget>,
    store: ArcSwap<Store>,
    /// Held while another store takes the place of the one in use.
    replacing: Mutex<()>,
    /// The answers on their way, each waited for by at least one request.
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
}

impl Default for AnswerCache {
    /// Without room; the limits come with the first request.
    fn default() -> Self {
        let nothing = CacheLimits { max_bytes: 0, max_entry: 0 };
        Self {
            budget: Arc::default(),
            store: ArcSwap::from_pointee(Store::new(0, nothing)),
            replacing: Mutex::default(),
            flights: Mutex::default(),
        }
    }
}

/// What a request is to do.
#[derive(Debug)]
enum Found {
    /// Take this answer.
    Fresh(Arc<Entry>),
    /// Take this one, since the backend failed lately.
    Resting(Arc<Entry>),
    /// Ask the backend by itself: the answer is not one to share.
    Unfit,
    /// Wait for an answer that is on its way.
    Joined(Passenger),
    /// See that the backend is asked, and wait for its answer.
    Leads(Passenger, Landing),
}

impl AnswerCache {
    /// How many bytes kept answers take, those on their way in or out included, and how many there are.
    pub(crate) fn figures(&self) -> (u64, u64) {
        // First: it lets go of what is over.
        let count = self.store.load().count();
        (self.budget.taken(), count)
    }

    /// The store under the limits of a config.
    fn store(&self, generation: u64, limits: CacheLimits) -> Arc<Store> {
        let is_right = |store: &Store| store.limits == limits || generation < store.generation;
        let store = self.store.load_full();
        if is_right(&store) {
            return store;
        }
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.store.load_full();
        if is_right(&store) {
            return store;
        }
        self.budget.limit(limits.max_bytes);
        let new = Arc::new(Store::new(generation, limits));
        new.take_over(&store);
        self.store.store(Arc::clone(&new));
        new
    }

    /// What a request is to do.
    fn find(self: &Arc<Self>, store: &Arc<Store>, key: Key, rule: CacheRule) -> Found {
        let now = Instant::now();
        match store.get(&key, rule, now) {
            Kept::Fresh(entry) => return Found::Fresh(entry),
            Kept::Unfit => return Found::Unfit,
            Kept::Stale(_) | Kept::Nothing => {}
        }
        let mut flights = self.flights();
        // Again: a flight may have ended since.
        let failed = match store.get(&key, rule, now) {
            Kept::Fresh(entry) => return Found::Fresh(entry),
            Kept::Unfit => return Found::Unfit,
            Kept::Stale(entry) => entry.failure(now).map(|failure| (failure, entry)),
            Kept::Nothing => None,
        };
        match (flights.entry(key), failed) {
            (_, Some((Failure::JustNow, entry)))
            | (hash_map::Entry::Occupied(_), Some((Failure::Before, entry))) => Found::Resting(entry),
            (hash_map::Entry::Occupied(flight), None) => Found::Joined(flight.get().join(Role::Joined)),
            (hash_map::Entry::Vacant(place), _) => {
                let flight = Flight::new();
                let passenger = flight.join(Role::Leader);
                place.insert(Arc::clone(&flight));
                Found::Leads(passenger, Landing { cache: Arc::clone(self), key, flight })
            }
        }
    }

    /// An answer that may stand in for a backend that failed just now.
    fn stand_in(store: &Store, key: &Key, rule: CacheRule) -> Option<Arc<Entry>> {
        let now = Instant::now();
        match store.get(key, rule, now) {
            // A fresh one is of another flight, a moment ago.
            Kept::Stale(entry) | Kept::Fresh(entry) => Some(entry),
            Kept::Unfit | Kept::Nothing => None,
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the list when it is over, however it ends.
#[derive(Debug)]
struct Landing {
    cache: Arc<AnswerCache>,
    key: Key,
    flight: Arc<Flight>,
}

impl Landing {
    /// Waits until nobody waits, and takes it off the list.
    async fn deserted(&self) {
        loop {
            self.flight.deserted().await;
            let mut flights = self.cache.flights();
            if self.flight.is_deserted() {
                self.remove(&mut flights);
                return;
            }
        }
    }

    /// Tells everyone how it ended. What is kept is kept already, so that nobody asks in between.
    fn end(self, state: State, begun: Option<Begun>, sighting: Sighting) {
        self.flight.end(state, begun, sighting);
    }

    fn remove(&self, flights: &mut HashMap<Key, Arc<Flight>>) {
        // Another one may fly under the same key by now.
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.remove(&mut self.cache.flights());
        self.flight.abandon();
    }
}
