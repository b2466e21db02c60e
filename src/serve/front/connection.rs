//! What requests may know and say of the connection they came by.

use crate::domain::address::Peer;
use crate::domain::code::Code;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A client's connection, as its requests and their answers see it.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer,
    is_tls: bool,
    /// Requests whose answers are not yet handed over whole: with HTTP/1 one at a time, with HTTP/2 one per stream.
    answering: AtomicUsize,
    /// Requests whose answers are.
    answered: AtomicUsize,
    /// Close by a reset, so that an answer without framing is seen to be broken. Of HTTP/1 only.
    reset: AtomicBool,
    /// Why the request that is read now is refused before anything is decided. Of HTTP/1 only.
    refusal: OnceLock<(Code, &'static str)>,
    /// The client takes nothing more at the moment.
    is_blocked: AtomicBool,
}

impl Connection {
    pub(crate) fn new(peer: Peer, is_tls: bool) -> Arc<Self> {
        Arc::new(Self {
            peer,
            is_tls,
            answering: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            reset: AtomicBool::new(false),
            refusal: OnceLock::new(),
            is_blocked: AtomicBool::new(false),
        })
    }

    /// The other end, or what its PROXY header says.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether it is by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// A request begins; until it is over no read deadline of the connection counts.
    pub(crate) fn begin(&self) {
        self.answering.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub(crate) fn end(&self) {
        self.answering.fetch_sub(1, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request is not over.
    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) > 0
    }

    /// How many requests are over.
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Makes the connection end in a reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end in a reset.
    pub(super) fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Refuses the request that is read now; the first reason counts.
    pub(super) fn refuse(&self, code: Code, why: &'static str) {
        let _ = self.refusal.set((code, why));
    }

    /// Why the request is refused for its bytes, and with which code; it is the last one of the connection.
    pub(crate) fn refusal(&self) -> Option<(Code, &'static str)> {
        self.refusal.get().copied()
    }

    /// Notes whether the client takes what is sent.
    pub(super) fn block(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Whether something waits for the client to take it.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }
}
