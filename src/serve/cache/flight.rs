//! An answer on its way to everyone who asks for it meanwhile.
//!
//! One request goes to the backend, on a task of its own; whoever asks for the same waits for what comes of it,
//! the one that asked first like the others. It goes on as long as anybody waits.

use super::store::Entry;
use crate::serve::back::BackendError;
use crate::serve::handle::Begun;
use crate::serve::sighting::Sighting;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How far an answer has come.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The backend is asked.
    Asking,
    /// It answers.
    Reading,
    /// All of it is there, and kept or not.
    Whole(Arc<Entry>, IsKept),
    /// There will be none.
    Failed(Arc<BackendError>),
    /// It is not one to share; what there is of it is for the one that asked first.
    Unfit,
    /// Whoever read it is gone.
    Abandoned,
}

/// Whether the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsKept {
    Yes,
    No,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Flight {
    state: watch::Sender<State>,
    /// What there is of an answer that is not shared.
    begun: Mutex<Option<Begun>>,
    /// What was seen of it, once that is over.
    sighting: Mutex<Option<Sighting>>,
    /// The one that asked first has left.
    is_orphan: AtomicBool,
}

impl Flight {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: watch::Sender::new(State::Asking),
            begun: Mutex::default(),
            sighting: Mutex::default(),
            is_orphan: AtomicBool::new(false),
        })
    }

    /// One more that waits for it.
    pub(super) fn join(self: &Arc<Self>, role: Role) -> Passenger {
        Passenger { state: self.state.subscribe(), flight: Arc::clone(self), role }
    }

    /// The backend answers.
    pub(super) fn reading(&self) {
        self.state.send_replace(State::Reading);
    }

    /// Says how it ended, and what was seen.
    pub(super) fn end(&self, state: State, begun: Option<Begun>, sighting: Sighting) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
        *self.sighting.lock().unwrap_or_else(PoisonError::into_inner) = Some(sighting);
        self.state.send_replace(state);
    }

    /// Whoever waits must look for themselves, unless it has ended.
    pub(super) fn abandon(&self) {
        self.state.send_if_modified(|state| {
            let is_over = !matches!(state, State::Asking | State::Reading);
            if !is_over {
                *state = State::Abandoned;
            }
            !is_over
        });
    }

    /// Waits until nobody waits; somebody may come a moment later.
    pub(super) async fn deserted(&self) {
        self.state.closed().await;
    }

    /// Whether nobody waits.
    pub(super) fn is_deserted(&self) -> bool {
        self.state.receiver_count() == 0
    }
}

/// Why somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Asked first.
    Leader,
    /// Asked for the same.
    Joined,
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Passenger {
    state: watch::Receiver<State>,
    flight: Arc<Flight>,
    role: Role,
}

impl Passenger {
    /// Waits for the end; at most `patience` for the backend to begin its answer.
    pub(super) async fn arrival(&mut self, patience: Duration) -> State {
        let mut out_of_patience = std::pin::pin!(tokio::time::sleep(patience));
        loop {
            let state = self.state.borrow_and_update().clone();
            let is_asking = match state {
                State::Asking => true,
                State::Reading => false,
                State::Whole(..) | State::Failed(_) | State::Unfit | State::Abandoned => return state,
            };
            tokio::select! {
                // The sender lives as long as the flight, which this one holds.
                changed = self.state.changed() => if changed.is_err() { return State::Abandoned },
                () = out_of_patience.as_mut(), if is_asking => {
                    return State::Failed(Arc::new(BackendError::Timeout));
                }
            }
        }
    }

    /// What there is of an answer that is not shared, for the one that asked first: others may run on another runtime
    /// than the connection that it comes by.
    pub(super) fn begun(&self) -> Option<Begun> {
        let is_own = self.role == Role::Leader;
        self.flight.begun.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| is_own)
    }

    /// What was seen of the answer, for exactly one of those that waited.
    pub(super) fn sighting(&self) -> Option<Sighting> {
        let is_own = self.role == Role::Leader || self.flight.is_orphan.load(Ordering::Relaxed);
        self.flight.sighting.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| is_own)
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        if self.role == Role::Leader {
            self.flight.is_orphan.store(true, Ordering::Relaxed);
        }
    }
}
