//! TLS as the config says it: certificates and keys that were read and fit together.

use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::sync::Arc;

/// The cryptography of all TLS: ring's, or that of aws-lc with the feature `aws-lc-rs`.
#[must_use]
pub fn crypto_provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}

/// TLS of a listener. Two are the same when they were read from the same bytes.
#[derive(Clone)]
pub struct ServerTls {
    /// What handshakes are done with.
    pub config: Arc<rustls::ServerConfig>,
    /// Its certificate, and those that lead from it to an authority.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The hash of everything it was read from.
    pub fingerprint: [u8; 32],
}

/// TLS towards a backend. Two are the same when they were read from the same bytes.
#[derive(Clone)]
pub struct ClientTls {
    /// What handshakes are done with.
    pub config: Arc<rustls::ClientConfig>,
    /// The hash of everything it was read from.
    pub fingerprint: [u8; 32],
}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl fmt::Debug for ServerTls {
    /// Nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(..)")
    }
}

impl fmt::Debug for ClientTls {
    /// Nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls(..)")
    }
}
