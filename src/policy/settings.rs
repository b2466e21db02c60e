//! Settings of the process and its listeners.

use super::tls::ServerTls;
use crate::domain::address::{AddressRanges, Peer};
use http::HeaderName;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything outside reports and principals.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where affiliates connect; takes effect at start.
    pub listen: Box<[ListenAddress]>,
    /// TLS towards clients; `None`: there is none.
    pub tls: Option<ServerTls>,
    /// Whose client header and PROXY header are believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether connections begin with a PROXY header; takes effect with the next connection.
    pub proxy_protocol: ProxyProtocol,
    /// The one header believed from trusted proxies.
    pub client_header: ClientHeader,
    /// Where a token may stand.
    pub token_in: Box<[TokenPlace]>,
    /// How many threads serve; 0: one per core. Takes effect at start.
    pub workers: usize,
    /// Not ready but still accepting, at the start of a drain.
    pub drain_delay: Duration,
    /// How long requests under way may take at a drain.
    pub shutdown_grace: Duration,
    /// Limits towards clients.
    pub limits: Limits,
    /// When addresses that try tokens are locked out; `None`: never.
    pub lockout: Option<Lockout>,
    /// The path that the holders' own endpoints stand under, without a slash at its end; `None`: there are none.
    pub self_service: Option<Box<str>>,
    /// What all cached answers together may take.
    pub cache: CacheLimits,
    /// When a watched reload is held.
    pub max_removed: MaxRemoved,
    /// The listener of the platform engineer; `None` when there is no `[admin]`.
    pub admin: Option<Admin>,
    /// How access lines are written; takes effect at start.
    pub log_format: LogFormat,
    /// What paging cursors are sealed with; `None`: a key of this process alone.
    pub seal_key: Option<SealKey>,
    /// The file that lists every change made by command, relative to the main config file.
    pub audit: PathBuf,
    /// How long commands let tokens live.
    pub token_life: TokenLife,
}

/// Where a listener stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A unix socket at that path.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The address of a TCP socket.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    /// As the config writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Proxies whose word about the client is believed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrustedProxies {
    /// By address.
    pub ranges: AddressRanges,
    /// Whoever connects by a unix socket.
    pub unix: bool,
}

impl TrustedProxies {
    /// Whether `peer` is one of them.
    #[must_use]
    pub fn contains(&self, peer: impl Into<Peer>) -> bool {
        match peer.into() {
            Peer::Unix => self.unix,
            peer @ Peer::Ip(_) => self.ranges.contains(peer),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.unix
    }
}

/// Whether connections begin with a PROXY header (version 1 or 2), which tells who connected to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None does.
    Off,
    /// Every one does, and comes from a trusted proxy; others are closed.
    Required,
}

/// When addresses that try tokens are locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// After so many failures
    pub failures: u32,
    /// within this time
    pub within: Duration,
    /// for so long.
    pub duration: Duration,
}

/// What cached answers may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// All of them together, in bytes.
    pub max_bytes: u64,
    /// One of them, in bytes; larger ones are neither cached nor joined. At most [`CacheLimits::max_entry_of`].
    pub max_entry: usize,
}

impl CacheLimits {
    /// The largest `max_entry` where all answers together may take `max_bytes`: a quarter.
    ///
    /// A quarter is for answers that still arrive, or that slow clients still read after others took their place.
    #[must_use]
    pub fn max_entry_of(max_bytes: u64) -> usize {
        usize::try_from(max_bytes / 4).unwrap_or(usize::MAX)
    }
}

/// The secret that paging cursors are sealed with, at least [`SealKey::MIN_BYTES`] long. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(Arc<[u8]>);

impl SealKey {
    /// The shortest key, in bytes.
    pub const MIN_BYTES: usize = 32;

    /// A key of these bytes; `None` when there are too few.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::MIN_BYTES).then(|| Self(bytes.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// How long commands let tokens live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLife {
    /// A new one that is not told otherwise.
    pub default: Duration,
    /// The longest; `None`: any, "never" included.
    pub max: Option<Duration>,
}

/// The header that names the client behind a trusted proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientHeader {
    /// A list of addresses, such as `X-Forwarded-For`.
    List(HeaderName),
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Where a token may stand in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
    Bearer,
    /// A header that holds nothing else.
    Header(HeaderName),
    /// A query parameter, by its decoded name.
    Query(Box<str>),
}

/// Limits towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address; trusted proxies are exempt.
    pub connections_per_address: usize,
    /// Bytes of a request's target and headers.
    pub header_bytes: usize,
    /// Number of headers of a request.
    pub headers: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// For a PROXY header, and for a TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a connection or request to the end of its head.
    pub header_timeout: Duration,
    /// From the head to the end of the request's body.
    pub body_timeout: Duration,
    /// Without progress towards the client.
    pub write_timeout: Duration,
    /// Between two requests of a connection.
    pub idle_timeout: Duration,
    /// Requests at one time on an HTTP/2 connection.
    pub h2_streams: u32,
}

/// How many active tokens a watched reload may remove.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxRemoved {
    /// Any number.
    Off,
    /// A share of them, 0 to 100; at least 10 in number are needed to hold a reload.
    Percent(f64),
}

/// The `[admin]` listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where it listens; takes effect at start.
    pub listen: ListenAddress,
    /// TLS; `None`: there is none.
    pub tls: Option<ServerTls>,
    /// Host names answered besides IP literals and `localhost`, in lower case.
    pub hosts: Box<[Box<str>]>,
    /// Who may connect; empty: everyone who reaches the loopback address.
    pub allowed_ips: AddressRanges,
}

/// How access lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// `key=value` pairs, for reading.
    Text,
}
