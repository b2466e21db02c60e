//! Towards backends: whose turn it is, which host is asked, connections, and requests sent by them.

mod client;
mod connect;
mod error;
mod exchange;
mod health;
mod host;
mod pool;
mod queue;
mod standing;
mod state;
mod turns;

pub use health::look_after;
pub use state::Backends;

pub(crate) use client::{Answered, Client, Lease};
pub(crate) use error::BackendError;
