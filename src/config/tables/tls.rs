//! TLS: certificates and keys in PEM files, of listeners and towards backends.
//!
//! The files are watched like every other: a pair that does not fit refuses the config, so that the one in force stays.
//! No message shows what stands in them.

use super::{Fields, Item, Reader, keys};
use crate::config::secret::quoted;
use crate::domain::time::Timestamp;
use crate::policy::{ClientTls, ServerTls, crypto_provider};
use rustls::client::WantsClientCert;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The protocols of the listener for holders, best first (RFC 7301).
pub(super) const SERVED: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Reads `{ cert, key, client_ca }` of a listener that speaks these protocols.
pub(super) fn listener(reader: &mut Reader<'_>, item: Item<'_>, protocols: &[&[u8]]) -> Option<ServerTls> {
    let fields = reader.fields(item, &keys::LISTENER_TLS)?;
    let mut read = Sha256::new();
    let pair = pair(reader, &fields, &mut read);
    // One that cannot be read is no permission to come without.
    let clients = match fields.get("client_ca") {
        Some(item) => Some(authorities(reader, item, &mut read)?),
        None => None,
    };
    let (chain, key) = pair?;
    let provider = crypto_provider();
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let verified = config.map_err(|error| error.to_string()).and_then(|config| match clients {
        None => Ok(config.with_no_client_auth()),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier = verifier.map_err(|error| error.to_string())?;
            Ok(config.with_client_cert_verifier(verifier))
        }
    });
    let config = verified
        .and_then(|config| config.with_single_cert(chain.clone(), key).map_err(|error| unfit(&error)));
    match config {
        Ok(mut config) => {
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            // Without randomness nobody resumes.
            if let Ok(ticketer) = ticketer() {
                config.ticketer = ticketer;
            }
            let fingerprint = read.finalize().into();
            Some(ServerTls { config: Arc::new(config), chain: chain.into(), fingerprint })
        }
        Err(error) => {
            reader.error(item, error);
            None
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
fn ticketer() -> Result<Arc<dyn rustls::server::ProducesTickets>, rustls::Error> {
    rustls::crypto::aws_lc_rs::Ticketer::new()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn ticketer() -> Result<Arc<dyn rustls::server::ProducesTickets>, rustls::Error> {
    rustls::crypto::ring::Ticketer::new()
}

/// Reads `ca` and `client_certificate` of a backend that is reached by https.
pub(super) fn backend(reader: &mut Reader<'_>, fields: &Fields<'_>, http2: bool) -> Option<ClientTls> {
    let mut read = Sha256::new();
    read.update([u8::from(http2)]);
    let roots = match fields.get("ca") {
        Some(item) => authorities(reader, item, &mut read),
        None => Some(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
    };
    let own = match fields.get("client_certificate") {
        Some(item) => {
            let fields = reader.fields(item, &keys::CERTIFICATE)?;
            Some((item, pair(reader, &fields, &mut read)?))
        }
        None => None,
    };
    let config = ClientConfig::builder_with_provider(crypto_provider()).with_safe_default_protocol_versions();
    let config = config.ok()?.with_root_certificates(roots?);
    let mut config = with_own(reader, config, own)?;
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Some(ClientTls { config: Arc::new(config), fingerprint: read.finalize().into() })
}

fn with_own(
    reader: &mut Reader<'_>,
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    own: Option<(Item<'_>, (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>))>,
) -> Option<ClientConfig> {
    let Some((item, (chain, key))) = own else { return Some(config.with_no_client_auth()) };
    let config = config.with_client_auth_cert(chain, key);
    config.map_err(|error| reader.error(item, unfit(&error))).ok()
}

/// Reads `cert` and `key`.
fn pair(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    read: &mut Sha256,
) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = fields.required(reader, "cert").and_then(|item| certificates(reader, item, read));
    let key = fields.required(reader, "key").and_then(|item| key(reader, item, read));
    Some((chain?, key?))
}

fn certificates(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    read: &mut Sha256,
) -> Option<Vec<CertificateDer<'static>>> {
    let (name, text) = file(reader, item, read)?;
    match CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) => {
            reader.error(item, format!("there is no certificate in {name}; expected PEM"));
            None
        }
        Err(_) => {
            reader.error(item, format!("a certificate in {name} is not as PEM writes it"));
            None
        }
    }
}

fn key(reader: &mut Reader<'_>, item: Item<'_>, read: &mut Sha256) -> Option<PrivateKeyDer<'static>> {
    let (name, text) = file(reader, item, read)?;
    let mut keys = PrivateKeyDer::pem_slice_iter(text.as_bytes());
    let error = match (keys.next(), keys.next()) {
        (Some(Ok(key)), None) => return Some(key),
        (Some(Ok(_)), Some(_)) => format!("there is more than one private key in {name}"),
        (Some(Err(_)), _) => format!("the private key in {name} is not as PEM writes it"),
        (None, _) => format!("there is no private key in {name}; expected PEM, without a passphrase"),
    };
    reader.error(item, error);
    None
}

/// Certificates that others are trusted by; at least one.
fn authorities(reader: &mut Reader<'_>, item: Item<'_>, read: &mut Sha256) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(reader, item, read)? {
        if roots.add(certificate).is_err() {
            reader.error(item, "a certificate in this file cannot be read");
            return None;
        }
    }
    Some(roots)
}

/// The name and the text of a file.
fn file(reader: &mut Reader<'_>, item: Item<'_>, read: &mut Sha256) -> Option<(String, String)> {
    let path = Path::new(reader.filled(item)?);
    let path = reader.folder.join(path);
    let name = quoted(&path.display().to_string());
    match reader.sources.read_secret(&path) {
        Ok(text) => {
            read.update((text.len() as u64).to_le_bytes());
            read.update(&text);
            Some((name, text))
        }
        Err(error) => {
            reader.error(item, format!("the file {name} cannot be read: {error}"));
            None
        }
    }
}

/// Why a certificate and a key are no pair.
fn unfit(error: &rustls::Error) -> String {
    if matches!(error, rustls::Error::InconsistentKeys(_)) {
        return "the key does not belong to the certificate".to_owned();
    }
    format!("certificate and key cannot be used: {error}")
}

/// Whether a certificate is expired, or not valid yet; `None` when it is neither, or cannot tell.
pub(in crate::config) fn out_of_time(tls: &ServerTls, now: Timestamp) -> Option<&'static str> {
    let (own, others) = tls.chain.split_first()?;
    let anchor = webpki::anchor_from_trusted_cert(others.last().unwrap_or(own)).ok()?;
    let seconds = u64::try_from(now.unix_seconds()).ok()?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let usage = webpki::KeyUsage::server_auth();
    let algorithms = crypto_provider().signature_verification_algorithms.all;
    let certificate = webpki::EndEntityCert::try_from(own).ok()?;
    // Time is looked at before the chain, which is of no interest here.
    let error = certificate.verify_for_usage(algorithms, &[anchor], others, now, usage, None, None).err()?;
    if matches!(error, webpki::Error::CertExpired { .. }) {
        return Some("has expired");
    }
    matches!(error, webpki::Error::CertNotValidYet { .. }).then_some("is not valid yet")
}
