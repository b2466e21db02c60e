//! Open connections to backends that wait for their next request, youngest first.
//!
//! One pool per shard, so that workers share nothing. An entry older than its backend's
//! `idle_timeout` is not used again: the backend may be closing it this very moment.

use crate::policy::Backend;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// The sending half of a connection to a backend.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// How often connections past their time are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Idle connections by the URL of their backend.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    by_url: HashMap<Box<str>, Vec<Entry>>,
    sweeping: bool,
}

#[derive(Debug)]
struct Entry {
    sender: Sender,
    until: Instant,
}

impl Pool {
    /// The connection to `backend` that was used last and is still open.
    pub(super) fn take(&self, backend: &Backend) -> Option<Sender> {
        let mut idle = self.lock();
        let entries = idle.by_url.get_mut(&backend.endpoint.url)?;
        let now = Instant::now();
        while let Some(entry) = entries.pop() {
            if entry.until <= now {
                // The others have waited longer still.
                entries.clear();
            } else if !entry.sender.is_closed() {
                return Some(entry.sender);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(self: &Arc<Self>, backend: &Backend, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let entry = Entry { sender, until: Instant::now() + backend.idle_timeout };
        let mut idle = self.lock();
        match idle.by_url.get_mut(&backend.endpoint.url) {
            Some(entries) => entries.push(entry),
            None => {
                idle.by_url.insert(backend.endpoint.url.clone(), vec![entry]);
            }
        }
        if !std::mem::replace(&mut idle.sweeping, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes what is past its time; tells whether anything is left.
    fn expire(&self, now: Instant) -> bool {
        let mut idle = self.lock();
        idle.by_url.retain(|_, entries| {
            entries.retain(|entry| entry.until > now && !entry.sender.is_closed());
            !entries.is_empty()
        });
        idle.sweeping = !idle.by_url.is_empty();
        idle.sweeping
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Expires entries until the pool is empty or gone.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        if !pool.upgrade().is_some_and(|pool| pool.expire(Instant::now())) {
            return;
        }
    }
}
