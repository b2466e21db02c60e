//! Descriptors kept for `[admin]`: whoever takes all others must not keep the platform engineer from looking.

use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, PoisonError};

/// How many are kept.
const KEPT: usize = 8;

/// Sockets that nothing is sent through; each is given up for a connection, and taken again when that is over.
#[derive(Debug)]
pub(super) struct Spares(Mutex<Vec<UnixDatagram>>);

impl Spares {
    pub(super) fn new() -> Self {
        let spares = Self(Mutex::default());
        spares.refill();
        spares
    }

    /// Gives one up; false when there is none.
    pub(super) fn give_up(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().is_some()
    }

    /// Takes back as many as are to be had.
    pub(super) fn refill(&self) {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while spares.len() < KEPT {
            let Ok(spare) = UnixDatagram::unbound() else { return };
            spares.push(spare);
        }
    }
}
