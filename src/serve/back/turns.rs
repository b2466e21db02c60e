//! Waiting for a turn: the thin layer around [`Queue`].
//!
//! A place is a value that gives itself back. It travels through the very channel that wakes whoever waits, so that
//! one who has left meanwhile gives it back, too: no place is lost.

use super::queue::{Limits, Queue, Ticket};
use crate::domain::names::PrincipalId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The places of a backend, over all workers.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Queue<Waiter>>);

/// A request that waits; dropped, it is refused.
#[derive(Debug)]
struct Waiter {
    who: PrincipalId,
    limits: Limits,
    wake: oneshot::Sender<Place>,
}

/// The right to one request at the backend, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    turns: Arc<Turns>,
    who: PrincipalId,
    limits: Limits,
}

impl Turns {
    /// A place for a request of `who`, at once or within `patience`; `None` when there is none.
    pub(super) async fn take(
        self: &Arc<Self>,
        who: &PrincipalId,
        limits: Limits,
        patience: Duration,
    ) -> Option<Place> {
        if self.lock().enter(who, limits) {
            return Some(Place { turns: Arc::clone(self), who: who.clone(), limits });
        }
        let (wake, woken) = oneshot::channel();
        let queued = self.lock().wait(who, limits, Waiter { who: who.clone(), limits, wake });
        self.hand_over(queued.admitted);
        drop(queued.refused);
        let _waiting = Waiting { turns: self, who, ticket: queued.ticket? };
        tokio::time::timeout(patience, woken).await.ok()?.ok()
    }

    /// Wakes those whose turn has come. The queue is not locked: places of those who are gone come back here.
    fn hand_over(self: &Arc<Self>, admitted: Vec<Waiter>) {
        for Waiter { who, limits, wake } in admitted {
            // Nobody there: the place is dropped, and goes to the next.
            let _ = wake.send(Place { turns: Arc::clone(self), who, limits });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Waiter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let admitted = self.turns.lock().leave(&self.who, self.limits);
        self.turns.hand_over(admitted);
    }
}

/// Somebody in the queue, until it is dropped.
struct Waiting<'a> {
    turns: &'a Turns,
    who: &'a PrincipalId,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waiter = self.turns.lock().give_up(self.who, self.ticket);
        drop(waiter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Limits = Limits { places: 1, share: 1, waiting: 4 };
    const LONG: Duration = Duration::from_secs(60);

    fn id(text: &str) -> PrincipalId {
        PrincipalId::parse(text).unwrap()
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn whoever_has_left_keeps_no_place() {
        run(async {
            let turns = Arc::new(Turns::default());
            let (a, b, c) = (id("a"), id("b"), id("c"));
            let first = turns.take(&a, ONE, LONG).await.unwrap();
            let mut second = Box::pin(turns.take(&b, ONE, LONG));
            let mut third = Box::pin(turns.take(&c, ONE, LONG));
            assert!(futures_pending(&mut second).await && futures_pending(&mut third).await);
            // It is woken and leaves before it looks.
            drop(first);
            drop(second);
            assert!(third.await.is_some(), "the place of one who has left goes to the next");
            assert!(turns.take(&a, ONE, LONG).await.is_some(), "and comes back");
        });
    }

    #[test]
    fn whoever_waits_in_vain_leaves_the_queue() {
        run(async {
            let turns = Arc::new(Turns::default());
            let held = turns.take(&id("a"), ONE, LONG).await;
            assert!(turns.take(&id("b"), ONE, Duration::from_millis(1)).await.is_none());
            drop(held);
            assert!(turns.take(&id("a"), ONE, LONG).await.is_some());
        });
    }

    async fn futures_pending<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}
