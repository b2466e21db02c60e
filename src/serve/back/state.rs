//! What is known of backends, over all workers and across reloads.

use super::queue::Limits;
use super::turns::Turns;
use crate::domain::names::BackendName;
use crate::policy::Backend;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many requests may wait for each place.
const WAITING_PER_PLACE: usize = 4;

/// Every backend by its name. One per server, shared by its shards.
#[derive(Debug, Default)]
pub struct Backends(Mutex<HashMap<BackendName, Arc<State>>>);

/// What is known of one backend.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) turns: Arc<Turns>,
}

impl Backends {
    /// What is known of a backend of that name.
    pub(super) fn state(&self, name: &BackendName) -> Arc<State> {
        Arc::clone(self.lock().entry(name.clone()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BackendName, Arc<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many requests `backend` gets at one time, and how many of one principal: a quarter, and at least one.
pub(super) fn limits(backend: &Backend) -> Limits {
    let places = backend.max_in_flight;
    Limits { places, share: (places / 4).max(1), waiting: places.saturating_mul(WAITING_PER_PLACE) }
}
