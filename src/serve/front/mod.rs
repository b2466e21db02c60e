//! Towards clients: sockets, connections, and the workers that serve them.

mod connection;
mod listen;
mod wire;
mod worker;

pub use listen::{Connections, bind};

pub(crate) use connection::Connection;
pub(in crate::serve) use listen::accept;
pub(in crate::serve) use worker::Crew;
