//! Asking the `[admin]` listener of the running gate.
//!
//! Its address is read from the config file without loading the config: the running gate may
//! be well while the file is broken or its secrets cannot be read from here, and a million tokens
//! need not be loaded to ask for a health check. Only when no address can be found that way is the config
//! loaded, to say why.

use super::{Failure, pinned};
use bytes::Bytes;
use clap::Args;
use http::request::Builder;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use reportgate::policy::{Admin, ListenAddress};
use reportgate::{clock, load};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::error::Error;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use toml::de::DeTable;

/// From connecting to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Longer answers are not read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Which gate is asked.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// Ask this address, not the `[admin].listen` of the config
    #[arg(long, value_name = "IP:PORT|unix:PATH", value_parser = address)]
    admin: Option<ListenAddress>,
}

fn address(text: &str) -> Result<ListenAddress, &'static str> {
    match text.strip_prefix("unix:") {
        Some("") => Err("expected a path behind unix:"),
        Some(path) => Ok(ListenAddress::Unix(path.into())),
        None => text.parse().map(ListenAddress::Tcp).map_err(|_| "expected IP:PORT or unix:PATH"),
    }
}

/// A listener that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Place {
    address: ListenAddress,
    /// The certificate that it shows; `None`: it speaks no TLS.
    certificate: Option<CertificateDer<'static>>,
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self { address: ListenAddress::Tcp(address), certificate: None }
    }
}

impl Place {
    fn new(address: ListenAddress, certificate: Option<CertificateDer<'static>>) -> Self {
        Self { address: reachable(address), certificate }
    }

    /// Where a config's `[admin]` listens.
    fn of(admin: &Admin) -> Self {
        let certificate = admin.tls.as_ref().and_then(|tls| tls.chain.first().cloned());
        Self::new(admin.listen.clone(), certificate)
    }
}

impl fmt::Display for Place {
    /// As the begin of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        match &self.address {
            ListenAddress::Tcp(address) => write!(f, "{scheme}://{address}"),
            unix @ ListenAddress::Unix(_) => write!(f, "{scheme}://{unix}:"),
        }
    }
}

impl Target {
    /// Where to ask: as given, or where a config's `[admin]` listens.
    pub(super) fn or(&self, admin: Option<&Admin>) -> Option<Place> {
        self.given(admin.map(Place::of))
    }

    /// Where to ask: as given, or as the config at `path` says.
    pub(super) fn place(&self, path: &Path) -> Result<Place, Failure> {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Some(place) = self.given(configured(&text, path.parent().unwrap_or(Path::new("")))) {
            return Ok(place);
        }
        let admin = load::load(path, clock::now())?.policy.settings.admin;
        let none = || Failure::Plain(format!("{} has no [admin] to ask; see --admin", path.display()));
        admin.as_ref().map(Place::of).ok_or_else(none)
    }

    /// The place of the config, at the address that was given, if any.
    fn given(&self, configured: Option<Place>) -> Option<Place> {
        match self.admin.clone() {
            None => configured,
            Some(address) => Some(Place::new(address, configured.and_then(|place| place.certificate))),
        }
    }
}

/// The `[admin]` of a config's text in `folder`, which may have mistakes anywhere else.
fn configured(text: &str, folder: &Path) -> Option<Place> {
    let (document, _errors) = DeTable::parse_recoverable(text.trim_start_matches('\u{feff}'));
    let admin = document.get_ref().get("admin")?.get_ref();
    let address = match address(admin.get("listen")?.get_ref().as_str()?).ok()? {
        ListenAddress::Unix(socket) => ListenAddress::Unix(folder.join(socket)),
        tcp @ ListenAddress::Tcp(_) => tcp,
    };
    let certificate = match admin.get("tls") {
        None => None,
        Some(tls) => {
            let file = folder.join(tls.get_ref().get("cert")?.get_ref().as_str()?);
            Some(CertificateDer::from_pem_file(file).ok()?)
        }
    };
    Some(Place::new(address, certificate))
}

/// An address to connect to: one that listens on every interface is asked on loopback.
fn reachable(mut address: ListenAddress) -> ListenAddress {
    if let ListenAddress::Tcp(address) = &mut address
        && address.ip().is_unspecified()
    {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Status and body of `GET path`.
pub(super) fn get(admin: &Place, path: &str) -> Result<(StatusCode, Bytes), Failure> {
    ask(admin, path, Request::get(path))
}

/// Status and body of `POST path` without a body, with the header that no page of another site can send.
pub(super) fn confirm(admin: &Place, path: &str) -> Result<(StatusCode, Bytes), Failure> {
    ask(admin, path, Request::post(path).header("x-reportgate", "confirm"))
}

fn ask(admin: &Place, path: &str, request: Builder) -> Result<(StatusCode, Bytes), Failure> {
    let failed = |error| Failure::because(format!("cannot ask {admin}{path}"), error);
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.into()))?;
    let answer = runtime.block_on(async { timeout(DEADLINE, connected(admin, request)).await });
    answer.unwrap_or_else(|_| Err("no answer within 5 s".into())).map_err(failed)
}

type Answered = Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>>;

async fn connected(admin: &Place, request: Builder) -> Answered {
    match &admin.address {
        ListenAddress::Tcp(address) => {
            let request = request.header(header::HOST, address.to_string());
            secured(admin, TcpStream::connect(address).await?, request).await
        }
        ListenAddress::Unix(path) => {
            let request = request.header(header::HOST, "localhost");
            secured(admin, UnixStream::connect(path).await?, request).await
        }
    }
}

/// By TLS where the place speaks it.
async fn secured<S>(admin: &Place, stream: S, request: Builder) -> Answered
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request.body(Empty::<Bytes>::new())?;
    let Some(certificate) = &admin.certificate else { return exchange(stream, request).await };
    let tls = TlsConnector::from(Arc::new(pinned::client(certificate.clone())?));
    // The certificate is known; what it names does not matter.
    let name = match &admin.address {
        ListenAddress::Tcp(address) => address.ip().into(),
        ListenAddress::Unix(_) => ServerName::try_from("localhost")?,
    };
    exchange(tls.connect(name, stream).await?, request).await
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Answered
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status, Limited::new(body, MAX_BYTES).collect().await?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = connection => { ended?; exchange.await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn the_address_is_read_from_the_config() {
        #[rustfmt::skip]
        let cases = [
            ("[admin]\nlisten = \"127.0.0.1:9180\"", Some("127.0.0.1:9180")),
            ("\u{feff}[admin]\r\nlisten = \"127.0.0.1:9180\"\r\n", Some("127.0.0.1:9180")),
            ("nonsense = true\n[admin]\nlisten = \"[::1]:9180\"\nhosts = []", Some("[::1]:9180")),
            ("[admin]\nlisten = \"9180\"", None),
            ("[admin]\nlisten = \"127.0.0.1:9180\"\ntls = { cert = \"/none.pem\" }", None),
            ("[admin]\nlisten = \"unix:admin.sock\"", Some("unix:/etc/gate/admin.sock")),
            ("[admin]\nlisten = \"unix:/run/admin.sock\"", Some("unix:/run/admin.sock")),
            ("[admin]\nlisten = \"unix:\"", None),
            ("[admin]", None),
            ("[server]", None),
            ("[admin", None),
            ("[admin]\nlisten = \"127.0.0.1:9180\"\n[adnim]\n[log]\n[log]\noops", Some("127.0.0.1:9180")),
        ];
        for (text, expected) in cases {
            let found = configured(text, Path::new("/etc/gate")).map(|place| place.address.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn unspecified_addresses_are_asked_on_loopback() {
        #[rustfmt::skip]
        let cases = [
            ("0.0.0.0:9180", "127.0.0.1:9180"), ("[::]:9180", "[::1]:9180"),
            ("127.0.0.1:9180", "127.0.0.1:9180"), ("192.0.2.1:9180", "192.0.2.1:9180"),
        ];
        for (listen, expected) in cases {
            assert_eq!(reachable(address(listen).unwrap()).to_string(), expected);
        }
    }

    /// Answers one request with `answer`, whatever it asks, and returns what it asked.
    fn answering(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (address, asked)
    }

    #[test]
    fn answers_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Some((200, "ok"))),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Some((200, "ok"))),
            ("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\nno", Some((503, "no"))),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", None),
            ("SSH-2.0\r\n\r\n", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            let (address, asked) = answering(answer);
            let found = get(&address.into(), "/livez").ok();
            let found =
                found.map(|(status, body)| (status.as_u16(), String::from_utf8(body.to_vec()).unwrap()));
            assert_eq!(found, expected.map(|(status, body)| (status, body.to_owned())), "{answer:?}");
            let asked = asked.join().unwrap();
            assert!(asked.starts_with(&format!("GET /livez HTTP/1.1\r\nhost: {address}\r\n")), "{asked}");
        }
    }
}
