//! Open connections to backends that wait for their next request, or take more than one at a time.
//!
//! One pool per shard: workers share nothing but the right to close each other's idle connections where a backend's
//! are used up. A connection older than its backend's `idle_timeout` is not used again: the backend may be closing it
//! this very moment.

use super::connect::{Connections, Http1, Http2};
use super::host::Host;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How often connections past their time are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Connections by their host.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    hosts: Vec<OfHost>,
    sweeping: bool,
}

#[derive(Debug)]
struct OfHost {
    host: Arc<Host>,
    /// Idle ones that take one request at a time, youngest last.
    idle: Vec<Idle>,
    /// Those that take many, idle or not.
    shared: Vec<Shared>,
}

#[derive(Debug)]
struct Idle {
    sender: Http1,
    until: Instant,
}

/// A connection that takes many requests at a time.
#[derive(Debug, Clone)]
struct Shared {
    sender: Http2,
    streams: Arc<Streams>,
    idle_timeout: Duration,
}

/// The requests on a connection.
#[derive(Debug)]
struct Streams {
    open: AtomicUsize,
    most: Arc<AtomicUsize>,
    last: Mutex<Instant>,
}

/// A connection, for one request.
#[derive(Debug)]
pub(super) enum Sender {
    /// Nobody else has it.
    One(Http1),
    /// Others have it, too.
    Many(Http2, Stream),
}

/// One of the requests on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Stream(Arc<Streams>);

impl Drop for Stream {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    /// Whether it takes another request now.
    fn has_room(&self) -> bool {
        self.streams.open.load(Ordering::Relaxed) < self.streams.most.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.streams.open.load(Ordering::Acquire) == 0
    }

    fn is_kept(&self, now: Instant) -> bool {
        let last = *self.streams.last.lock().unwrap_or_else(PoisonError::into_inner);
        !self.sender.is_closed() && (!self.is_idle() || last + self.idle_timeout > now)
    }

    fn stream(&self) -> Sender {
        self.streams.open.fetch_add(1, Ordering::Relaxed);
        Sender::Many(self.sender.clone(), Stream(Arc::clone(&self.streams)))
    }
}

impl Pool {
    /// A connection to `host` that is open: the one used last, or one with room for another request.
    pub(super) fn take(&self, host: &Arc<Host>) -> Option<Sender> {
        let mut kept = self.lock();
        let of_host = kept.of(host)?;
        let now = Instant::now();
        if let Some(shared) = of_host.shared.iter().find(|shared| shared.is_kept(now) && shared.has_room()) {
            return Some(shared.stream());
        }
        while let Some(entry) = of_host.idle.pop() {
            if entry.until <= now {
                // The others have waited longer still.
                of_host.idle.clear();
            } else if !entry.sender.is_closed() {
                return Some(Sender::One(entry.sender));
            }
        }
        None
    }

    /// A connection to `host` that takes many requests, even if that is more than it should have.
    pub(super) fn squeeze_in(&self, host: &Arc<Host>) -> Option<Sender> {
        let mut kept = self.lock();
        let open = kept.of(host)?.shared.iter().filter(|shared| !shared.sender.is_closed());
        let least = open.min_by_key(|shared| shared.streams.open.load(Ordering::Relaxed));
        least.map(Shared::stream)
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(
        self: &Arc<Self>,
        host: &Arc<Host>,
        sender: Http1,
        idle_timeout: Duration,
        connections: &Connections,
    ) {
        let mut kept = self.lock();
        // Asked under the lock that whoever wants one takes afterwards.
        if !sender.is_closed() && !connections.is_wanted() {
            let until = Instant::now() + idle_timeout;
            kept.of_new(host).idle.push(Idle { sender, until });
            self.sweep_from_now_on(&mut kept);
        }
    }

    /// Keeps a connection that takes as many requests as `most` says, and gives it for the first.
    pub(super) fn share(
        self: &Arc<Self>,
        host: &Arc<Host>,
        sender: Http2,
        most: Arc<AtomicUsize>,
        idle_timeout: Duration,
    ) -> Sender {
        let streams = Streams { open: AtomicUsize::new(0), most, last: Mutex::new(Instant::now()) };
        let shared = Shared { sender, streams: Arc::new(streams), idle_timeout };
        let stream = shared.stream();
        let mut kept = self.lock();
        kept.of_new(host).shared.push(shared);
        self.sweep_from_now_on(&mut kept);
        stream
    }

    /// Gives `sender` to no further request.
    pub(super) fn forget(&self, host: &Arc<Host>, sender: &Sender) {
        let Sender::Many(_, Stream(streams)) = sender else { return };
        if let Some(of_host) = self.lock().of(host) {
            of_host.shared.retain(|shared| !Arc::ptr_eq(&shared.streams, streams));
        }
    }

    /// Closes the connection to one of `hosts` that has been idle for longest; tells whether there was one.
    pub(super) fn close_idle(&self, hosts: &[Arc<Host>]) -> bool {
        let mut kept = self.lock();
        let is_one = |of_host: &&mut OfHost| hosts.iter().any(|host| Arc::ptr_eq(host, &of_host.host));
        let mut of_hosts: Vec<_> = kept.hosts.iter_mut().filter(is_one).collect();
        let oldest = of_hosts.iter_mut().filter(|of_host| !of_host.idle.is_empty());
        if let Some(of_host) = oldest.min_by_key(|of_host| of_host.idle.first().map(|idle| idle.until)) {
            of_host.idle.remove(0);
            return true;
        }
        for of_host in of_hosts {
            if let Some(at) = of_host.shared.iter().position(Shared::is_idle) {
                of_host.shared.remove(at);
                return true;
            }
        }
        false
    }

    /// Closes what is past its time; tells whether anything is left.
    fn expire(&self, now: Instant) -> bool {
        let mut kept = self.lock();
        kept.hosts.retain_mut(|of_host| {
            of_host.idle.retain(|idle| idle.until > now && !idle.sender.is_closed());
            of_host.shared.retain(|shared| shared.is_kept(now));
            !of_host.idle.is_empty() || !of_host.shared.is_empty()
        });
        kept.sweeping = !kept.hosts.is_empty();
        kept.sweeping
    }

    fn sweep_from_now_on(self: &Arc<Self>, kept: &mut Kept) {
        if !std::mem::replace(&mut kept.sweeping, true) {
            tokio::spawn(sweep(Sweeping(Arc::downgrade(self))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn of(&mut self, host: &Arc<Host>) -> Option<&mut OfHost> {
        self.hosts.iter_mut().find(|of_host| Arc::ptr_eq(&of_host.host, host))
    }

    fn of_new(&mut self, host: &Arc<Host>) -> &mut OfHost {
        let known = self.hosts.iter().position(|of_host| Arc::ptr_eq(&of_host.host, host));
        let of_host = match known {
            Some(at) => self.hosts.swap_remove(at),
            None => OfHost { host: Arc::clone(host), idle: Vec::new(), shared: Vec::new() },
        };
        self.hosts.push_mut(of_host)
    }
}

/// Whoever expires a pool's connections; another takes over when the runtime it hangs on is no more.
struct Sweeping(Weak<Pool>);

impl Drop for Sweeping {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.lock().sweeping = false;
        }
    }
}

/// Expires entries until the pool is empty or gone.
async fn sweep(mut sweeping: Sweeping) {
    loop {
        tokio::time::sleep(SWEEP).await;
        if !sweeping.0.upgrade().is_some_and(|pool| pool.expire(Instant::now())) {
            // Somebody else may have begun by now.
            sweeping.0 = Weak::new();
            return;
        }
    }
}
