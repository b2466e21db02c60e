//! Listening sockets: one per address, whose streams are handed to the workers.
//!
//! The kernel's own spreading (`SO_REUSEPORT`) is not used: it puts heavy clients on one
//! core, loses the queue of a listener that closes, and lets a second process share the
//! port unnoticed. Limits are checked here, before a worker sees the connection.

use super::socket::Accepted;
use super::worker::Crew;
use crate::domain::address::Peer;
use crate::policy::{Backend, ListenAddress, Policy, PolicyReader, Settings};
use crate::serve::drain::{Draining, Stage};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many connections may wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;

/// How long accepting rests when the process has run out of descriptors or memory.
const REST: Duration = Duration::from_millis(100);

/// How often that is said.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// A socket that listens, on no runtime yet.
#[derive(Debug)]
pub enum Listener {
    /// By TCP.
    Tcp(TcpListener),
    /// By a unix socket.
    Unix(UnixListener),
}

impl Listener {
    /// A listener that somebody else has bound.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn adopted(self) -> io::Result<Self> {
        let listens = match &self {
            Self::Tcp(listener) => SockRef::from(listener).is_listener()?,
            Self::Unix(listener) => SockRef::from(listener).is_listener()?,
        };
        if !listens {
            return Err(io::Error::other("the socket does not listen"));
        }
        match &self {
            Self::Tcp(listener) => listener.set_nonblocking(true)?,
            Self::Unix(listener) => listener.set_nonblocking(true)?,
        }
        Ok(self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell, or it is a unix socket without a path.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                let path =
                    address.as_pathname().ok_or_else(|| io::Error::other("a unix socket without a path"))?;
                Ok(ListenAddress::Unix(path.to_owned()))
            }
        }
    }

    /// The same socket once more.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }

    /// The address of a TCP socket, as it turned out.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        match listener {
            Listener::Tcp(listener) => listener.into(),
            Listener::Unix(listener) => listener.into(),
        }
    }
}

/// Binds `address`, exclusively.
///
/// # Errors
/// When the address is taken, by another gate for instance, or cannot be had.
pub fn bind(address: &ListenAddress) -> io::Result<Listener> {
    match address {
        ListenAddress::Tcp(address) => bind_tcp(*address).map(Listener::Tcp),
        ListenAddress::Unix(path) => bind_unix(path).map(Listener::Unix),
    }
}

/// Binds a unix socket that its owner and group may connect to. One that a gate left behind is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        // Whoever listens there answers.
        match UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        }
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
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
    /// No more than fit in there may be open, whatever the config says; `None`: it alone counts.
    files: Option<OpenFiles>,
    /// The limit of the config of which was said last that it does not fit.
    unfit: AtomicUsize,
    refused: [AtomicU64; Refused::ALL.len()],
}

/// How many descriptors a process may have, and what it needs them for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// As many, altogether.
    pub limit: usize,
    /// Those that are neither a client's nor a backend's connection.
    pub own: usize,
}

impl OpenFiles {
    /// How many clients fit. Backends get what they may have, but no more than clients: a client without a backend's
    /// connection waits, and one without its own cannot even be refused.
    fn fitting(self, policy: &Policy) -> usize {
        let files = self.limit.saturating_sub(self.own);
        (files - of_backends(policy).min(files.div_ceil(2))).max(1)
    }

    /// The limit at which so many clients would fit.
    fn needed(self, clients: usize, policy: &Policy) -> usize {
        self.own.saturating_add(clients).saturating_add(of_backends(policy).min(clients))
    }
}

/// How many connections backends may have, health checks among them.
fn of_backends(policy: &Policy) -> usize {
    let of = |backend: &Arc<Backend>| backend.max_connections + backend.endpoints().count();
    policy.backends.iter().map(of).fold(0, usize::saturating_add)
}

/// Why a connection was closed before its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its address has as many as it may.
    ConnectionsPerAddress,
    /// It should begin with a PROXY header, and is not from a trusted proxy.
    ProxyNotTrusted,
    /// It does not begin with a PROXY header.
    ProxyHeaderInvalid,
    /// Its PROXY header did not come in time.
    ProxyHeaderLate,
    /// Its TLS handshake failed, or was not over in time; not that the client just left.
    TlsHandshakeFailed,
}

impl Refused {
    /// Every reason, in the order they are declared in.
    pub(crate) const ALL: [Self; 5] = [
        Self::ConnectionsPerAddress,
        Self::ProxyNotTrusted,
        Self::ProxyHeaderInvalid,
        Self::ProxyHeaderLate,
        Self::TlsHandshakeFailed,
    ];

    /// The `reason` label of `connections_refused_total`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::ProxyNotTrusted => "proxy_not_trusted",
            Self::ProxyHeaderInvalid => "proxy_header_invalid",
            Self::ProxyHeaderLate => "proxy_header_late",
            Self::TlsHandshakeFailed => "tls_handshake_failed",
        }
    }
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
    /// Connections of which no more may be open than `files` has room for, whatever the config says.
    #[must_use]
    pub fn within(files: OpenFiles) -> Self {
        Self { files: Some(files), ..Self::default() }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().all
    }

    /// How many were closed before their first request, by reason.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (Refused, u64)> {
        Refused::ALL.into_iter().zip(self.refused.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    fn count(&self, why: Refused) {
        let reasons = Refused::ALL.iter().zip(&self.refused);
        for (_, count) in reasons.filter(|(reason, _)| **reason == why) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until there is room for one more.
    async fn room(&self, policies: &PolicyReader) {
        loop {
            let closed = self.closed.notified();
            if self.open() < self.most(&policies.current().policy) {
                return;
            }
            closed.await;
        }
    }

    /// How many may be open. When that is less than the config says, the log does, too, once.
    fn most(&self, policy: &Policy) -> usize {
        let wanted = policy.settings.limits.connections;
        let Some(files) = self.files else { return wanted };
        let fitting = files.fitting(policy);
        let unfit = if fitting < wanted { wanted } else { 0 };
        if self.unfit.swap(unfit, Ordering::Relaxed) != unfit && unfit > 0 {
            tracing::warn!(
                "[server.limits] connections = {wanted} do not fit into {} open files: {fitting} are served at a time, \
                 others wait (with `ulimit -n {}`, or LimitNOFILE= of systemd, they would fit)",
                files.limit,
                files.needed(wanted, policy),
            );
        }
        fitting.min(wanted)
    }

    /// A place for a connection from `address`; `None` when it has `limit` of them. `None` as an address is not counted.
    fn enter(self: &Arc<Self>, address: Option<IpAddr>, limit: usize) -> Option<Place> {
        let mut open = self.lock();
        if !open.add(address, limit) {
            drop(open);
            self.count(Refused::ConnectionsPerAddress);
            return None;
        }
        open.all += 1;
        Some(Place { connections: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Counts one more for `address`; false when that has `limit` of them.
    fn add(&mut self, address: Option<IpAddr>, limit: usize) -> bool {
        let Some(address) = address else { return true };
        let count = self.by_address.entry(address).or_default();
        let fits = *count < limit;
        *count += usize::from(fits);
        fits
    }

    fn remove(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// Counts the connection for another address than it came from; false when that has `limit` of them already.
    pub(super) fn counts_for(&mut self, address: Option<IpAddr>, limit: usize) -> bool {
        let mut open = self.connections.lock();
        open.remove(self.address.take());
        if open.add(address, limit) {
            self.address = address;
            return true;
        }
        drop(open);
        self.connections.count(Refused::ConnectionsPerAddress);
        false
    }

    /// The connection is closed before its first request.
    pub(super) fn refused(&self, why: Refused) {
        self.connections.count(why);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.all -= 1;
        open.remove(self.address);
        drop(open);
        self.connections.closed.notify_waiters();
    }
}

/// A listener on a runtime.
#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    /// Brings a listener onto the runtime that this is called on.
    pub(crate) fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Self::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Listener::Unix(listener) => Self::Unix(tokio::net::UnixListener::from_std(listener)?),
        })
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream.into_std()?), peer.ip().into()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), Peer::Unix))
            }
        }
    }

    /// What the kernel has accepted already.
    fn rest(self) -> io::Result<Vec<(Accepted, Peer)>> {
        let mut rest = Vec::new();
        match self {
            Self::Tcp(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, peer)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    rest.push((Accepted::Tcp(stream), peer.ip().into()));
                }
            }
            Self::Unix(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    rest.push((Accepted::Unix(stream), Peer::Unix));
                }
            }
        }
        Ok(rest)
    }
}

/// Accepts on one listener until a drain, and hands the streams to `crew`.
pub(in crate::serve) async fn accept(
    listener: Accepting,
    crew: Arc<Crew>,
    connections: Arc<Connections>,
    policies: PolicyReader,
    mut draining: Draining,
) {
    let mut trouble = Trouble::default();
    loop {
        let next = async {
            connections.room(&policies).await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = draining.reached(Stage::Draining) => break,
        };
        match accepted {
            Ok((stream, peer)) => hand_over(stream, peer, &crew, &connections, &policies),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => trouble.rest(&error).await,
        }
    }
    // What the kernel has accepted already is not refused.
    for (stream, peer) in listener.rest().unwrap_or_default() {
        hand_over(stream, peer, &crew, &connections, &policies);
    }
}

fn hand_over(
    stream: Accepted,
    peer: Peer,
    crew: &Crew,
    connections: &Arc<Connections>,
    policies: &PolicyReader,
) {
    let snapshot = policies.current();
    let (counted, limit) = counted(&snapshot.policy.settings, peer);
    match connections.enter(counted, limit) {
        Some(place) => crew.hand_over(stream, peer, place),
        None => tracing::debug!(%peer, "connection closed: connections_per_address"),
    }
}

/// The address that a connection of `peer` counts for, unless it is a trusted proxy, and how many of them it may have.
pub(super) fn counted(settings: &Settings, peer: Peer) -> (Option<IpAddr>, usize) {
    let counted = peer.ip().filter(|peer| !settings.trusted_proxies.contains(*peer));
    (counted, settings.limits.connections_per_address)
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
    use crate::decide::fixture;

    #[test]
    fn a_second_listener_on_one_address_is_refused() {
        let first = bind(&ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let again = bind(&ListenAddress::Tcp(first.tcp().unwrap()));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn clients_and_backends_share_the_descriptors() {
        let mut policy = fixture::policy();
        let mut backend = Backend::clone(&policy.backends[0]);
        #[rustfmt::skip]
        let cases = [
            // limit, own, a backend's connections with its health check; clients that fit
            (1_000,   50, 257, 693),
            (   50,   50, 257,   1),
            (   49,   50, 257,   1),
            (   64,   50, 257,   7),
            (   63,   50, 257,   6),
            (  563,   50, 257, 256),
            (  564,   50, 257, 257),
            (  565,   50, 257, 258),
            (  565,   50,   2, 513),
        ];
        for (limit, own, connections, clients) in cases {
            backend.max_connections = connections - 1;
            policy.backends = [Arc::new(backend.clone())].into();
            assert_eq!(OpenFiles { limit, own }.fitting(&policy), clients, "{limit} {own} {connections}");
            // One less, and they would not fit.
            let needed = OpenFiles { limit, own }.needed(clients, &policy);
            assert!(needed <= limit.max(own + 2), "{needed}");
            assert_eq!(OpenFiles { limit: needed, own }.fitting(&policy), clients);
            assert!(clients == 1 || OpenFiles { limit: needed - 1, own }.fitting(&policy) < clients);
        }
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

    #[test]
    fn a_place_may_count_for_whoever_a_proxy_speaks_for() {
        let connections = Arc::new(Connections::default());
        let proxy = Some(IpAddr::from([192, 0, 2, 1]));
        let client = Some(IpAddr::from([192, 0, 2, 2]));
        let mut first = connections.enter(proxy, 1).unwrap();
        assert!(first.counts_for(client, 1));
        let mut second = connections.enter(proxy, 1).expect("the proxy's own place is free again");
        assert!(!second.counts_for(client, 1), "the second of one");
        drop(second);
        assert!(connections.enter(client, 1).is_none(), "still counted");
        drop(first);
        assert!(connections.enter(client, 1).is_some());
        assert_eq!(connections.open(), 0);
        let refused: Vec<_> = connections.refused().map(|(_, count)| count).collect();
        assert_eq!(refused, [2, 0, 0, 0, 0]);
    }
}
