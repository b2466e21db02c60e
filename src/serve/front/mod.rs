//! Towards clients: sockets, connections, and the workers that serve them.

mod connection;
mod exchange;
mod frames;
mod http1;
mod http2;
mod listen;
mod proxy_protocol;
mod pulse;
mod requests;
mod socket;
mod stream;
mod tls;
pub mod wire;
mod worker;

pub use listen::{Connections, Listener, OpenFiles, bind};
pub use proxy_protocol::{InvalidHeader, ProxyHeader, ReadHeader, read_header};
pub use pulse::Pulses;

pub(crate) use connection::Connection;
pub(crate) use listen::Accepting;
pub(in crate::serve) use listen::accept;
pub(crate) use socket::{Accepted, Socket};
pub(in crate::serve) use worker::Crew;
