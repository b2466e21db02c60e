//! A backend: where it is, how it is spoken to, and how long it may take.

use super::tls::ClientTls;
use crate::domain::names::BackendName;
use http::{HeaderName, HeaderValue};
use std::fmt;
use std::time::Duration;

/// The place of a backend in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackendIndex(pub usize);

/// One host of a backend.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The URL as written, without credentials; for messages and metrics.
    pub url: Box<str>,
    /// Host name or IP literal to connect to.
    pub host: Box<str>,
    /// TCP port.
    pub port: u16,
    /// The `Host` header: host, and the port when it is not the scheme's own.
    pub authority: HeaderValue,
}

/// A path of a backend that is asked again and again, to learn whether it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Behind the backend's base path; with its query.
    pub path: Box<str>,
    /// How often.
    pub every: Duration,
}

/// The legacy platform: one host, or several that give the same answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// Its name.
    pub name: BackendName,
    /// Its host, or the first of them.
    pub endpoint: Endpoint,
    /// Its other hosts.
    pub others: Box<[Endpoint]>,
    /// TLS, when it is reached by https.
    pub tls: Option<ClientTls>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// In front of every report's `backend_path`; without a slash at its end.
    pub base_path: Box<str>,
    /// The platform's own credential.
    pub credential: Credential,
    /// To an open connection.
    pub connect_timeout: Duration,
    /// From there to the head of the answer.
    pub timeout: Duration,
    /// Between two pieces of the answer's body.
    pub body_timeout: Duration,
    /// How long an unused connection is kept; below the backend's own limit.
    pub idle_timeout: Duration,
    /// Requests at one time, over all its hosts.
    pub max_in_flight: usize,
    /// How long a request waits for its turn.
    pub queue_timeout: Duration,
    /// Connections at one time, over all workers; unused ones are among them.
    pub max_connections: usize,
    /// How its hosts are looked after; `None`: by their answers alone.
    pub health: Option<HealthCheck>,
}

impl Backend {
    /// Every host, the first one first.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> + Clone {
        std::iter::once(&self.endpoint).chain(&self.others)
    }
}

/// Headers and query parameters that identify the gate to a backend. Never printed.
#[derive(Clone, Default, PartialEq)]
pub struct Credential {
    /// Set on every request.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    /// Set in every query: decoded names and values.
    pub query: Box<[(Box<str>, Box<str>)]>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let query: Vec<_> = self.query.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Credential").field("headers", &headers).field("query", &query).finish()
    }
}
