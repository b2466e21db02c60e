//! The handshake of TLS with a client, within its deadline.

use super::socket::Socket;
use crate::policy::ServerTls;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the handshake made of a socket.
///
/// # Errors
/// When it fails, or is not over within `patience`.
pub(super) async fn accept(
    socket: Socket,
    tls: &ServerTls,
    patience: Duration,
) -> io::Result<TlsStream<Socket>> {
    let handshake = TlsAcceptor::from(Arc::clone(&tls.config)).accept(socket);
    tokio::time::timeout(patience, handshake).await?
}
