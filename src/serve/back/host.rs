//! The hosts of a backend: how busy each is, whether it works, and which gets the next request.

use super::standing::Standing;
use crate::domain::names::BackendName;
use crate::policy::{Backend, ClientTls, Endpoint};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One host of one backend, spoken to in one way.
#[derive(Debug)]
pub(super) struct Host {
    backend: BackendName,
    url: Box<str>,
    http2: bool,
    tls: Option<ClientTls>,
    in_flight: AtomicUsize,
    standing: Mutex<Standing>,
    /// Held while a connection is opened that many will use.
    opening: tokio::sync::Mutex<()>,
}

/// A host that is asked, counted until this is dropped.
#[derive(Debug)]
pub(super) struct Asked(Arc<Host>);

impl Host {
    /// One that nothing is known of.
    pub(super) fn new(backend: &Backend, endpoint: &Endpoint) -> Self {
        Self {
            backend: backend.name.clone(),
            url: endpoint.url.clone(),
            http2: backend.http2,
            tls: backend.tls.clone(),
            in_flight: AtomicUsize::new(0),
            standing: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// Whether it is this one. Connections opened in another way are of another host.
    pub(super) fn is(&self, backend: &Backend, endpoint: &Endpoint) -> bool {
        self.url == endpoint.url && self.http2 == backend.http2 && self.tls == backend.tls
    }

    /// Whether it works, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.standing().is_up()
    }

    /// Notes what was seen of it; the operator is told when that makes a difference.
    pub(super) fn note(&self, seen: impl FnOnce(&mut Standing)) {
        let (was_up, is_up) = {
            let mut standing = self.standing();
            let was_up = standing.is_up();
            seen(&mut standing);
            (was_up, standing.is_up())
        };
        let (backend, url) = (self.backend.as_str(), &*self.url);
        match (was_up, is_up) {
            (true, false) => tracing::warn!(backend, url, "the backend is down"),
            (false, true) => tracing::info!(backend, url, "the backend is up again"),
            (true, true) | (false, false) => {}
        }
    }

    /// Waits until nobody opens a connection that could be shared, and keeps others from it.
    pub(super) async fn opening(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.opening.lock().await
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests it has.
    fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request.
    fn ask(self: &Arc<Self>, now: Instant) -> Asked {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.standing().asked(now);
        Asked(Arc::clone(self))
    }
}

impl Asked {
    pub(super) fn host(&self) -> &Arc<Host> {
        &self.0
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks one of `hosts`: of those worth asking the one with the fewest requests, and where none is, of all of them.
/// Those in `tried` were asked already. Ties go round from `turn` on. Tells which it is.
pub(super) fn ask_one(
    hosts: &[Arc<Host>],
    tried: &[usize],
    turn: usize,
    now: Instant,
) -> Option<(usize, Asked)> {
    if let [only] = hosts {
        return tried.is_empty().then(|| (0, only.ask(now)));
    }
    let first = turn % hosts.len().max(1);
    let all = hosts.iter().enumerate();
    let in_turn = all.clone().skip(first).chain(all.take(first)).filter(|(at, _)| !tried.contains(at));
    // Each is looked at once: another worker's answer may change it any time.
    let known = in_turn.map(|(at, host)| {
        let avoided = !host.standing().is_worth_asking(now);
        ((avoided, host.in_flight()), at, host)
    });
    known.min_by_key(|(rank, ..)| *rank).map(|(_, at, host)| (at, host.ask(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;
    use std::time::Duration;

    fn hosts(number: usize) -> Vec<Arc<Host>> {
        let backend = Arc::clone(&fixture::policy().backends[0]);
        (0..number).map(|_| Arc::new(Host::new(&backend, &backend.endpoint))).collect()
    }

    #[track_caller]
    fn asked(hosts: &[Arc<Host>], tried: &[usize], turn: usize, now: Instant) -> Option<usize> {
        ask_one(hosts, tried, turn, now).map(|(at, _)| at)
    }

    #[test]
    fn the_least_busy_is_asked_and_ties_go_round() {
        let (hosts, now) = (hosts(3), Instant::now());
        let round: Vec<_> = (0..6).map(|turn| asked(&hosts, &[], turn, now).unwrap()).collect();
        assert_eq!(round, [0, 1, 2, 0, 1, 2]);
        let busy = [ask_one(&hosts, &[], 0, now), ask_one(&hosts, &[], 0, now)];
        assert_eq!(busy.iter().flatten().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(asked(&hosts, &[], 0, now), Some(2));
        assert_eq!(asked(&hosts, &[2], 0, now), Some(0));
        drop(busy);
        assert_eq!(asked(&hosts, &[0, 1, 2], 0, now), None);
        assert_eq!(asked(&hosts[..1], &[], 7, now), Some(0));
        assert_eq!(asked(&hosts[..1], &[0], 7, now), None);
        assert_eq!(asked(&[], &[], 7, now), None);
    }

    #[test]
    fn a_sick_host_is_asked_last_and_all_sick_ones_as_if_they_were_well() {
        let (hosts, now) = (hosts(2), Instant::now());
        (0..3).for_each(|_| hosts[0].note(|standing| standing.failed(now)));
        assert_eq!(asked(&hosts, &[], 0, now), Some(1));
        assert_eq!(asked(&hosts, &[1], 0, now), Some(0), "when nothing else is left");
        (0..2).for_each(|_| hosts[1].note(|standing| standing.checked(false)));
        assert_eq!([0, 1].map(|turn| asked(&hosts, &[], turn, now).unwrap()), [0, 1]);
        let later = now + Duration::from_secs(1);
        assert_eq!(asked(&hosts, &[], 1, later), Some(0), "its ejection is over");
        assert_eq!(asked(&hosts, &[], 1, later), Some(1), "that was the trial");
    }
}
