//! The answer to one request: kept, on its way, or asked for.

use super::fetch::Fetch;
use super::flight::{IsKept, Passenger, State};
use super::key::Key;
use super::store::{Entry, Store};
use super::told::Told;
use super::{AnswerCache, Found};
use crate::domain::code::Code;
use crate::policy::CacheLimits;
use crate::rewrite::{BackendRequest, Caching};
use crate::serve::back::BackendError;
use crate::serve::body::Body;
use crate::serve::handle::{Begun, forward};
use crate::serve::record::Record;
use crate::serve::respond;
use crate::serve::shard::Shard;
use http::{Response, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a request looks anew when whoever read its answer is gone, before it asks by itself.
const LOOKS: usize = 3;

/// Answers a request whose report has a cache.
pub(in crate::serve) async fn answer(
    shard: &Arc<Shard>,
    request: BackendRequest,
    caching: Caching,
    limits: CacheLimits,
    version: Version,
    record: Box<Record>,
) -> Response<Body> {
    let asked = Asked { shard, request: Arc::new(request), caching, version };
    if record.is_head() {
        return asked.pass(Told::Head, record).await;
    }
    let store = shard.cache.store(record.generation(), limits);
    if limits.max_bytes == 0 {
        return asked.pass(Told::Bypass, record).await;
    }
    let key = Key::of(&asked.request, &asked.caching);
    asked.look(&store, key, record).await
}

/// A request that was let pass.
struct Asked<'s> {
    shard: &'s Arc<Shard>,
    request: Arc<BackendRequest>,
    caching: Caching,
    version: Version,
}

impl Asked<'_> {
    async fn look(&self, store: &Arc<Store>, key: Key, mut record: Box<Record>) -> Response<Body> {
        for look in 1..=LOOKS {
            let (mut passenger, told) = match self.shard.cache.find(store, key, self.caching.rule) {
                Found::Fresh(entry) => return self.give(&entry, Told::Hit, record),
                Found::Resting(entry) => return self.give(&entry, Told::Resting, record),
                Found::Unfit => return self.pass(Told::Bypass, record).await,
                Found::Joined(passenger) => (passenger, Told::Joined),
                Found::Leads(passenger, landing) => {
                    let request = Arc::clone(&self.request);
                    let fetch = Fetch::new(self.shard, request, self.caching.clone(), landing, &record);
                    tokio::spawn(fetch.run());
                    (passenger, Told::Miss)
                }
            };
            let state = passenger.arrival(self.patience(told)).await;
            record.see(passenger.sighting());
            match state {
                State::Whole(entry, IsKept::Yes) if told == Told::Miss => {
                    return self.give(&entry, Told::Stored, record);
                }
                State::Whole(entry, _) => return self.give(&entry, told, record),
                // Nobody else's requests use up the places that this one may have: it looks anew.
                State::Failed(error)
                    if told == Told::Joined
                        && is_of_one_holder(&error)
                        && (look < LOOKS || self.stand_in(&error, store, &key).is_none()) => {}
                State::Failed(error) => return self.fail(&error, store, &key, told, record),
                State::Unfit => return self.go_on(&passenger, record).await,
                State::Abandoned | State::Asking | State::Reading => {}
            }
        }
        self.pass(Told::Miss, record).await
    }

    /// How long the backend may take to begin its answer. Whoever sees to it that it is asked, waits as the backend's own
    /// timeouts say.
    fn patience(&self, told: Told) -> Duration {
        if told == Told::Miss {
            return Duration::MAX;
        }
        let backend = self.request.backend();
        backend.queue_timeout.saturating_add(backend.connect_timeout).saturating_add(backend.timeout)
    }

    /// Gives a whole answer.
    fn give(&self, entry: &Entry, told: Told, mut record: Box<Record>) -> Response<Body> {
        record.cached(told.result());
        let body = entry.body.clone();
        let mut response =
            respond::kept(entry.status, entry.head.clone(), record, |record| Body::whole(body, record));
        told.of_entry(entry, &self.caching, &mut response);
        response
    }

    /// Gives what was kept in place of the failure, or tells that.
    fn fail(
        &self,
        error: &BackendError,
        store: &Store,
        key: &Key,
        told: Told,
        mut record: Box<Record>,
    ) -> Response<Body> {
        let Some(entry) = self.stand_in(error, store, key) else {
            record.cached(told.result());
            return respond::backend_failure(error, &self.request, record);
        };
        // Of all that wait for one answer, one says why there is none.
        if told == Told::Miss {
            record.backend_failed(error, Some(&self.request));
        }
        self.give(&entry, Told::StandIn(error.status()), record)
    }

    /// What was kept and may be given in place of the failure.
    fn stand_in(&self, error: &BackendError, store: &Store, key: &Key) -> Option<Arc<Entry>> {
        let entry =
            AnswerCache::stand_in(store, key, self.caching.rule).filter(|_| is_passing(error.code()))?;
        let now = Instant::now();
        // Where this holder's own requests are too many, that is no reason to leave the backend alone.
        if !is_of_one_holder(error) && entry.age(now) >= self.caching.rule.ttl {
            entry.failed(now);
        }
        Some(entry)
    }

    /// Passes on what there is already of an answer that is not shared, or asks for one.
    async fn go_on(&self, passenger: &Passenger, mut record: Box<Record>) -> Response<Body> {
        let Some(begun) = passenger.begun() else { return self.pass(Told::Miss, record).await };
        record.cached(Told::Miss.result());
        self.stream(begun, Told::Miss, record)
    }

    /// Asks the backend, for this request alone.
    async fn pass(&self, told: Told, mut record: Box<Record>) -> Response<Body> {
        record.cached(told.result());
        match forward(self.shard, &self.request, &mut *record).await {
            Ok(begun) => self.stream(begun, told, record),
            Err(error) => respond::backend_failure(&error, &self.request, record),
        }
    }

    fn stream(&self, begun: Begun, told: Told, record: Box<Record>) -> Response<Body> {
        let mut response = begun.respond(&self.request, self.version, record);
        told.of_passed(&mut response);
        response
    }
}

/// Whether a failure is for want of a place in the gate's own queue: whose requests are many has none, others may.
fn is_of_one_holder(error: &BackendError) -> bool {
    matches!(error, BackendError::Overloaded)
}

/// Whether a failure is the backend's own and may be over soon: what it gave before is still as good.
fn is_passing(code: Code) -> bool {
    matches!(code, Code::BackendFailed | Code::BackendTimeout | Code::BackendUnreachable | Code::Overloaded)
}
