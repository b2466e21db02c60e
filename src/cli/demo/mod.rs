//! `demo`: everything in one program, to be tried without a platform or a config at hand.
//!
//! A sample platform in a thread, a config in a temporary folder, the real gate in front, and
//! requests to copy, each with what to expect. The folder is removed at the end.

mod backend;
mod config;
mod data;
mod guide;

use super::{Failure, note, print, serve};
use config::Tokens;
use guide::Guide;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Serves until a signal comes.
pub(super) fn run() -> Result<(), Failure> {
    let tokens = Tokens::generate().map_err(|error| Failure::because("cannot make tokens", error))?;
    let (server, admin) = ports().map_err(|error| Failure::because("cannot find free ports", error))?;
    let backend = backend::start()?;
    let folder = Folder::create()?;
    let path = folder.path().join("reportgate.toml");
    let text = config::text(server, admin, backend, &tokens);
    fs::write(&path, text)
        .map_err(|error| Failure::because(format!("cannot write {}", path.display()), error))?;
    serve::run(&path, serve::Inherited::default(), |listening| {
        let gate = listening.server.first().copied().unwrap_or(server);
        let admin = listening.admin.unwrap_or(admin);
        let guide = Guide { gate, admin, backend, tokens: &tokens, config: &path };
        note(&guide.introduction());
        // Whoever closed stdout can still read the notes.
        let _ = print(&guide.requests());
        note(&guide.changes());
        let _ = print(guide::READY);
    })
}

/// Where the gate and its admin listener go: the usual ports when they are free, else any.
fn ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let free = |port| {
        let usual = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        usual.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
    };
    // Both are held until both are known, so that they differ.
    let (server, admin) = (free(8080)?, free(9180)?);
    Ok((server.local_addr()?, admin.local_addr()?))
}

/// A folder that only this user can read, removed with all it holds on drop.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Failure> {
        let random = getrandom::u64().map_err(|error| Failure::because("cannot name a folder", error))?;
        let path = std::env::temp_dir().join(format!("reportgate-demo-{random:016x}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Failure::because(format!("cannot make {}", path.display()), error)),
        }
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            note(&format!("reportgate: cannot remove {}: {error}\n", self.0.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_folder_is_private_and_goes_with_the_demo() {
        let folder = Folder::create().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("reportgate.toml"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn ports_differ() {
        let (server, admin) = ports().unwrap();
        assert_ne!(server.port(), admin.port());
        assert!(server.ip().is_loopback() && admin.ip().is_loopback());
    }
}
