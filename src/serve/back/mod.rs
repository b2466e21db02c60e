//! Towards backends: connections, and requests sent by them.

mod client;
mod pool;

pub(crate) use client::{Answered, BackendError, Client, Lease};
