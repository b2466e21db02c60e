//! The `[admin]` listener: metrics, health, status, and the word that a held reload may pass.
//!
//! Floor 7. For the platform engineer; it has no rules and shows no secrets. A Host that is
//! a name nobody configured is refused, since a page in a browser can make one resolve to
//! this machine (DNS rebinding).

mod metrics;
mod spares;
mod status;

pub use metrics::Sources as MetricSources;

use crate::decide::Denial;
use crate::domain::address::Peer;
use crate::domain::code::Code;
use crate::policy::Admin as Settings;
use crate::reload::{Outcome, Trigger};
use crate::serve::{Accepted, Accepting, Listener, Socket, Stage, problem_json};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use spares::Spares;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How many connections are served at a time; the others wait in the kernel.
const MAX_CONNECTIONS: usize = 64;

/// How long a head may take, and a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long accepting rests after an error.
const REST: Duration = Duration::from_millis(100);

/// What a page of another site cannot send without asking first (a form posts no such header).
const CONFIRM_HEADER: (&str, &str) = ("x-reportgate", "confirm");

/// The listener's view of the gate.
#[derive(Debug)]
pub struct Admin {
    sources: MetricSources,
}

impl Admin {
    /// A listener that shows what `sources` know.
    #[must_use]
    pub fn new(sources: MetricSources) -> Arc<Self> {
        Arc::new(Self { sources })
    }

    /// Serves on the runtime that this is called on, until what it gives is dropped.
    ///
    /// # Errors
    /// When the runtime cannot take the listener.
    pub fn serve(
        self: Arc<Self>,
        listener: Listener,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        Ok(self.accept(Accepting::new(listener)?))
    }

    async fn accept(self: Arc<Self>, listener: Accepting) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let spares = Arc::new(Spares::new());
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, peer)) = listener.accept().await else {
                // Descriptors are short, most likely.
                if !spares.give_up() {
                    tokio::time::sleep(REST).await;
                    spares.refill();
                }
                continue;
            };
            let (admin, spares) = (Arc::clone(&self), Arc::clone(&spares));
            tokio::spawn(async move {
                if let Err(error) = admin.connected(stream, peer).await {
                    tracing::debug!(%error, "admin connection ended");
                }
                // At once, before anybody else takes what the connection had.
                spares.refill();
                drop(place);
            });
        }
    }

    /// Serves one connection, by TLS where that is configured.
    async fn connected(
        self: &Arc<Self>,
        stream: Accepted,
        peer: Peer,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let stream = Socket::new(stream)?;
        let tls = {
            let snapshot = self.sources.policies.current();
            snapshot.policy.settings.admin.as_ref().and_then(|admin| admin.tls.clone())
        };
        let Some(tls) = tls else { return self.exchange(stream, peer).await };
        let handshake = TlsAcceptor::from(tls.config).accept(stream);
        self.exchange(timeout(HANDSHAKE_TIMEOUT, handshake).await??, peer).await
    }

    async fn exchange<S>(self: &Arc<Self>, stream: S, peer: Peer) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(|request| self.answer(request, peer));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        Ok(http.serve_connection(TokioIo::new(stream), service).await?)
    }

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path();
        if let Err(denial) = self.admit(request.headers(), path, peer) {
            return Ok(refusal(&denial));
        }
        let reads = *request.method() == Method::GET || *request.method() == Method::HEAD;
        Ok(match path {
            "/livez" | "/readyz" | "/metrics" | "/status" | "/tokens" if !reads => not_allowed("GET, HEAD"),
            "/livez" => text(StatusCode::OK, "text/plain", "ok\n"),
            "/readyz" if self.sources.draining.stage() > Stage::Serving => {
                text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n")
            }
            "/readyz" => text(StatusCode::OK, "text/plain", "ok\n"),
            "/metrics" => self.aside(metrics::exposition).await,
            "/status" => self.aside(status::json).await,
            "/tokens" => self.aside(status::last_used).await,
            "/confirm" if *request.method() != Method::POST => not_allowed("POST"),
            "/confirm" => self.confirm(request.headers()).await,
            _ => text(StatusCode::NOT_FOUND, "text/plain", "not found\n"),
        })
    }

    /// Host and source address.
    fn admit(&self, headers: &HeaderMap, path: &str, peer: Peer) -> Result<(), Denial> {
        let snapshot = self.sources.policies.current();
        let Some(settings) = &snapshot.policy.settings.admin else { return Ok(()) };
        let mut hosts = headers.get_all(HOST).iter();
        let host_allowed = match (hosts.next(), hosts.next()) {
            // A browser always says which.
            (None, _) => true,
            (Some(host), None) => host.to_str().is_ok_and(|host| is_host_allowed(host, settings)),
            (Some(_), Some(_)) => false,
        };
        if !host_allowed {
            return Err(Denial::new(
                Code::HostNotAllowed,
                "name this host in [admin] hosts, or use its address",
            ));
        }
        let probe = matches!(path, "/livez" | "/readyz");
        if probe || settings.allowed_ips.is_empty() || settings.allowed_ips.contains(peer) {
            return Ok(());
        }
        Err(Denial::new(Code::IpNotAllowed, "this address is not in [admin] allowed_ips")
            .with("seen_ip", peer.to_string()))
    }

    /// Makes a page on a thread where it keeps no connection waiting: a million tokens take a while to count.
    async fn aside(self: &Arc<Self>, page: fn(&MetricSources) -> Page) -> Response<Full<Bytes>> {
        let admin = Arc::clone(self);
        match tokio::task::spawn_blocking(move || page(&admin.sources)).await {
            Ok((media_type, body)) => text(StatusCode::OK, media_type, body),
            Err(error) => {
                tracing::error!(%error, "an admin page failed");
                refusal(&Denial::new(Code::Internal, "see the log"))
            }
        }
    }

    /// Lets a held reload pass.
    async fn confirm(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let (name, value) = CONFIRM_HEADER;
        if headers.get(name).is_none_or(|sent| sent != value) {
            let missing = format!("expected the header {name}: {value}\n");
            return text(StatusCode::FORBIDDEN, "text/plain", missing);
        }
        let reloader = Arc::clone(&self.sources.reloader);
        let outcome = tokio::task::spawn_blocking(move || reloader.reload(Trigger::Asked)).await;
        let said = match outcome {
            Ok(Outcome::Published(generation)) => format!("published generation {generation}\n"),
            Ok(Outcome::Unchanged) => "unchanged: the files are those in force\n".to_owned(),
            Ok(Outcome::Unsettled) => "not yet: the files are being written\n".to_owned(),
            Ok(Outcome::Failed | Outcome::Held) | Err(_) => {
                let body = "failed: see /status for the problems\n";
                return text(StatusCode::CONFLICT, "text/plain", body);
            }
        };
        text(StatusCode::OK, "text/plain", said)
    }
}

/// Media type and body of a page.
type Page = (&'static str, String);

/// Whether a Host header is an IP literal, `localhost` or configured; the port does not matter.
fn is_host_allowed(host: &str, settings: &Settings) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let name = name.to_ascii_lowercase();
    address.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || settings.hosts.iter().any(|allowed| **allowed == *name)
}

fn text(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn refusal(denial: &Denial) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(denial.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    text(status, "application/problem+json", problem_json(denial, status, "-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::AddressRanges;
    use crate::policy::ListenAddress;

    #[test]
    fn names_must_be_configured_and_addresses_need_not() {
        let settings = Settings {
            listen: ListenAddress::Tcp(([127, 0, 0, 1], 0).into()),
            tls: None,
            hosts: ["gate.internal".into()].into(),
            allowed_ips: AddressRanges::default(),
        };
        #[rustfmt::skip]
        let cases = [
            ("127.0.0.1:9180", true), ("127.0.0.1", true), ("[::1]:9180", true), ("[::1]", true), ("10.1.2.3", true),
            ("localhost:9180", true), ("LOCALHOST", true), ("gate.internal", true), ("Gate.Internal:9180", true),
            ("evil.example", false), ("gate.internal.evil.example", false), ("127.0.0.1.evil.example", false),
            ("", false), ("localhost:x", false),
        ];
        for (host, expected) in cases {
            assert_eq!(is_host_allowed(host, &settings), expected, "{host}");
        }
    }
}
