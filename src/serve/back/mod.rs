//! Towards backends: whose turn it is, connections, and requests sent by them.

mod client;
mod error;
mod pool;
mod queue;
mod state;
mod turns;

pub use state::Backends;

pub(crate) use client::{Answered, Client, Lease};
pub(crate) use error::BackendError;
