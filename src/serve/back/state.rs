//! What is known of backends, over all workers and across reloads.

use super::connect::Connections;
use super::host::Host;
use super::pool::{Pool, Sender};
use super::queue::Limits;
use super::turns::Turns;
use crate::domain::names::BackendName;
use crate::policy::{Backend, Endpoint, Policy};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How many requests may wait for each place.
const WAITING_PER_PLACE: usize = 4;

/// Every backend by its name. One per server, shared by its shards.
#[derive(Debug, Default)]
pub struct Backends {
    states: Mutex<HashMap<BackendName, Arc<State>>>,
    /// One of each shard.
    pools: Mutex<Vec<Weak<Pool>>>,
}

/// What is known of one backend.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) turns: Arc<Turns>,
    pub(super) connections: Arc<Connections>,
    /// Counts requests, so that ties among hosts go round.
    pub(super) next: AtomicUsize,
    /// Those of the config in force, and those that somebody still asks.
    hosts: Mutex<Vec<Arc<Host>>>,
}

/// What is known of a backend as a config has it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) state: Arc<State>,
    /// In the order of [`Backend::endpoints`].
    pub(super) hosts: Box<[Arc<Host>]>,
}

impl Backends {
    /// What is known of `backend` and its hosts.
    pub(super) fn target(&self, backend: &Backend) -> Target {
        let state = Arc::clone(locked(&self.states).entry(backend.name.clone()).or_default());
        let hosts = state.hosts_of(backend);
        Target { state, hosts }
    }

    /// Forgets backends that `policy` does not have and nobody asks.
    pub(super) fn keep(&self, policy: &Policy) {
        let named = |name: &BackendName| policy.backends.iter().any(|backend| backend.name == *name);
        locked(&self.states).retain(|name, state| Arc::strong_count(state) > 1 || named(name));
    }

    /// Whether a host of `backend` works, as far as is known.
    pub(crate) fn is_up(&self, backend: &Backend, endpoint: &Endpoint) -> bool {
        let states = locked(&self.states);
        let Some(state) = states.get(&backend.name) else { return true };
        let hosts = locked(&state.hosts);
        let host = hosts.iter().find(|host| host.is(backend, endpoint));
        host.is_none_or(|host| host.is_up())
    }

    /// Whose idle connections may be closed for others.
    pub(super) fn add_pool(&self, pool: &Arc<Pool>) {
        let mut pools = locked(&self.pools);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Closes an idle connection to the backend of `state`, whoever has it.
    pub(super) fn close_idle(&self, state: &State) {
        let hosts = locked(&state.hosts).clone();
        self.pools().iter().any(|pool| pool.close_idle(&hosts));
    }

    /// A connection to `host` that takes many requests, whoever has it.
    pub(super) fn squeeze_in(&self, host: &Arc<Host>) -> Option<Sender> {
        self.pools().iter().find_map(|pool| pool.squeeze_in(host))
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        locked(&self.pools).iter().filter_map(Weak::upgrade).collect()
    }
}

impl State {
    fn hosts_of(&self, backend: &Backend) -> Box<[Arc<Host>]> {
        let mut hosts = locked(&self.hosts);
        let mut host = |endpoint: &Endpoint| {
            let known = hosts.iter().find(|host| host.is(backend, endpoint)).map(Arc::clone);
            known.unwrap_or_else(|| {
                let host = Arc::new(Host::new(backend, endpoint));
                hosts.push(Arc::clone(&host));
                host
            })
        };
        let of_backend = backend.endpoints().map(&mut host).collect();
        hosts.retain(|host| Arc::strong_count(host) > 1);
        of_backend
    }
}

/// How many requests `backend` gets at one time, and how many of one principal: a quarter, and at least one.
pub(super) fn limits(backend: &Backend) -> Limits {
    // With a place comes a connection: none of those who have one waits for another's.
    let connections = if backend.http2 { usize::MAX } else { backend.max_connections };
    let places = backend.max_in_flight.min(connections);
    Limits { places, share: (places / 4).max(1), waiting: places.saturating_mul(WAITING_PER_PLACE) }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;

    #[test]
    fn limits_of_a_backend() {
        let mut backend = Backend::clone(&fixture::policy().backends[0]);
        #[rustfmt::skip]
        let cases = [
            // max_in_flight, max_connections, http2, places, share
            (256, 256, false, 256, 64), (256, 8, false, 8, 2), (256, 8, true, 256, 64), (4, 256, false, 4, 1),
            (3, 256, false, 3, 1), (1, 1, false, 1, 1),
        ];
        for (max_in_flight, max_connections, http2, places, share) in cases {
            backend = Backend { max_in_flight, max_connections, http2, ..backend };
            assert_eq!(limits(&backend), Limits { places, share, waiting: 4 * places });
        }
    }

    #[test]
    fn what_is_known_survives_a_reload() {
        let backends = Backends::default();
        let mut policy = fixture::policy();
        let backend = Backend::clone(&policy.backends[0]);
        let first = backends.target(&backend);
        let mut changed = Backend { max_in_flight: 1, ..backend.clone() };
        changed.others = [Endpoint { url: "http://other".into(), ..backend.endpoint.clone() }].into();
        let second = backends.target(&changed);
        assert!(Arc::ptr_eq(&first.state, &second.state) && Arc::ptr_eq(&first.hosts[0], &second.hosts[0]));
        assert_eq!(second.hosts.len(), 2);
        let third = backends.target(&Backend { http2: true, ..changed.clone() });
        assert!(!Arc::ptr_eq(&second.hosts[0], &third.hosts[0]), "its connections are others");
        for _ in 0..2 {
            second.hosts[1].note(|standing| standing.checked(false));
        }
        assert!(backends.is_up(&changed, &changed.endpoint) && !backends.is_up(&changed, &changed.others[0]));
        drop((second, third));
        let again = backends.target(&backend);
        assert_eq!(locked(&again.state.hosts).len(), 1, "nobody asks the others any more");
        policy.backends = Box::default();
        backends.keep(&policy);
        assert_eq!(locked(&backends.states).len(), 1, "it is asked");
        drop((first, again));
        backends.keep(&policy);
        assert_eq!(locked(&backends.states).len(), 0);
    }
}
