//! Settings of the process and its listeners.

use crate::domain::address::AddressRanges;
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
    pub listen: Box<[SocketAddr]>,
    /// Whose client header is believed.
    pub trusted_proxies: AddressRanges,
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
    /// The path that the holders' own endpoints stand under, without a slash at its end; `None`: there are none.
    pub self_service: Option<Box<str>>,
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
    /// From the first byte of a connection or request to the end of its head.
    pub header_timeout: Duration,
    /// From the head to the end of the request's body.
    pub body_timeout: Duration,
    /// Without progress towards the client.
    pub write_timeout: Duration,
    /// Between two requests of a connection.
    pub idle_timeout: Duration,
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
    pub listen: SocketAddr,
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
