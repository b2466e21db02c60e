//! Listening sockets: one per address, whose streams are handed to the workers.
//!
//! The kernel's own spreading (`SO_REUSEPORT`) is not used: it puts heavy clients on one
//! core, loses the queue of a listener that closes, and lets a second process share the
//! port unnoticed. Limits are checked here, before a worker sees the connection.

use super::worker::Crew;
use crate::policy::PolicyReader;
use crate::serve::drain::{Draining, Stage};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many connections may wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;

/// How long accepting rests when the process has run out of descriptors or memory.
const REST: Duration = Duration::from_millis(100);

/// How often that is said.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// Binds `address`, exclusively.
///
/// # Errors
/// When the address is taken, by another gate for instance, or cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of its predecessor to fade away.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How many connections are open, altogether and by address.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Open>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place among the open connections; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    /// Counted by address, unless a trusted proxy.
    address: Option<IpAddr>,
}

impl Connections {
    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().all
    }

    /// Waits until fewer than `limit` are open.
    async fn below(&self, limit: impl Fn() -> usize) {
        loop {
            let closed = self.closed.notified();
            if self.open() < limit() {
                return;
            }
            closed.await;
        }
    }

    /// A place for a connection from `address`; `None` when it has `limit` of them. `None` as an address is not counted.
    fn enter(self: &Arc<Self>, address: Option<IpAddr>, limit: usize) -> Option<Place> {
        let mut open = self.lock();
        if let Some(address) = address {
            let count = open.by_address.entry(address).or_default();
            if *count >= limit {
                return None;
            }
            *count += 1;
        }
        open.all += 1;
        Some(Place { connections: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
        drop(open);
        self.connections.closed.notify_waiters();
    }
}

/// Accepts on one listener until a drain, and hands the streams to `crew`.
pub(in crate::serve) async fn accept(
    listener: TcpListener,
    crew: Arc<Crew>,
    connections: Arc<Connections>,
    policies: PolicyReader,
    mut draining: Draining,
) {
    let mut trouble = Trouble::default();
    loop {
        let next = async {
            connections.below(|| policies.current().policy.settings.limits.connections).await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = draining.reached(Stage::Draining) => break,
        };
        match accepted {
            Ok((stream, peer)) => match stream.into_std() {
                Ok(stream) => hand_over(stream, peer, &crew, &connections, &policies),
                Err(error) => trouble.rest(&error).await,
            },
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => trouble.rest(&error).await,
        }
    }
    // What the kernel has accepted already is not refused.
    let listener = listener.into_std();
    while let Ok(listener) = &listener
        && let Ok((stream, peer)) = listener.accept()
        && stream.set_nonblocking(true).is_ok()
    {
        hand_over(stream, peer, &crew, &connections, &policies);
    }
}

fn hand_over(
    stream: TcpStream,
    peer: SocketAddr,
    crew: &Crew,
    connections: &Arc<Connections>,
    policies: &PolicyReader,
) {
    let peer = peer.ip().to_canonical();
    let snapshot = policies.current();
    let settings = &snapshot.policy.settings;
    let counted = (!settings.trusted_proxies.contains(peer)).then_some(peer);
    match connections.enter(counted, settings.limits.connections_per_address) {
        Some(place) => crew.hand_over(stream, peer, place),
        None => tracing::debug!(%peer, "connection closed: connections_per_address"),
    }
}

/// Whether an error of `accept` is about a connection that is gone already (accept(2)).
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}

/// Accepting fails: descriptors or memory are short.
#[derive(Debug, Default)]
struct Trouble {
    said: Option<Instant>,
}

impl Trouble {
    /// Says so, at most every [`SAY_AGAIN`], and rests.
    async fn rest(&mut self, error: &io::Error) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            self.said = Some(Instant::now());
            tracing::error!(%error, "cannot accept connections");
        }
        tokio::time::sleep(REST).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_listener_on_one_address_is_refused() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let again = bind(first.local_addr().unwrap());
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let connections = Arc::new(Connections::default());
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        let other = Some(IpAddr::from([192, 0, 2, 2]));
        let first = connections.enter(one, 2).unwrap();
        let _second = connections.enter(one, 2).unwrap();
        assert!(connections.enter(one, 2).is_none(), "the third of two");
        let _other = connections.enter(other, 2).unwrap();
        let _trusted = connections.enter(None, 0).unwrap();
        assert_eq!(connections.open(), 4);
        drop(first);
        assert!(connections.enter(one, 2).is_some());
    }
}
