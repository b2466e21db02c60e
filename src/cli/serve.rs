//! `serve`: a stand-in until the command is written.

use super::Failure;
use std::net::SocketAddr;
use std::path::Path;

/// Where the gate listens.
#[derive(Debug)]
pub(super) struct Addresses {
    /// For holders of tokens.
    pub(super) server: Vec<SocketAddr>,
    /// `[admin]`.
    pub(super) admin: Option<SocketAddr>,
}

/// Serves until a signal comes; calls `ready` once it listens.
pub(super) fn run(config: &Path, ready: impl FnOnce(&Addresses)) -> Result<(), Failure> {
    let _ = (config, ready, Addresses { server: Vec::new(), admin: None });
    Err(Failure::Plain("not written".to_owned()))
}
