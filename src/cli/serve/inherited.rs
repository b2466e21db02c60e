//! Sockets that whoever started the process listens on already: a service manager, or the gate that this one succeeds.
//!
//! The form is that of `sd_listen_fds(3)`: `LISTEN_FDS` of them from descriptor 3 on, for the process `LISTEN_PID`, with
//! names in `LISTEN_FDNAMES`. They stand in for sockets of the same address that would be bound otherwise.

use super::Failure;
use listenfd::ListenFd;
use reportgate::policy::{ListenAddress, Settings};
use reportgate::serve::Listener;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// The name of sockets that are for `[server]` only.
pub(super) const SERVER: &str = "server";

/// The name of the socket that is for `[admin]` only.
pub(super) const ADMIN: &str = "admin";

/// The name of the socket by which a predecessor is told that this process serves.
pub(super) const PREDECESSOR: &str = "predecessor";

/// What it is told.
pub(super) const READY: &[u8] = b"READY=1";

/// How long the predecessor may take to tell the service manager who succeeds it.
const FAREWELL: Duration = Duration::from_secs(5);

/// What was handed over.
#[derive(Debug, Default)]
pub(in crate::cli) struct Inherited {
    sockets: Vec<Given>,
    predecessor: Option<UnixDatagram>,
}

#[derive(Debug)]
struct Given {
    name: String,
    address: ListenAddress,
    listener: Listener,
}

impl Inherited {
    /// Takes what the environment tells of, and takes that out of it: to be called once, while there are no other threads.
    pub(in crate::cli) fn take() -> Result<Self, Failure> {
        // listenfd reads the other variables, and leaves this one.
        let names = std::env::var_os("LISTEN_FDNAMES").unwrap_or_default().to_string_lossy().into_owned();
        let mut names = names.split(':');
        let mut descriptors = ListenFd::from_env();
        let mut inherited = Self::default();
        for nth in 0..descriptors.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let cannot =
                |error| Failure::because(format!("cannot use descriptor {} ({name})", 3 + nth), error);
            if name == PREDECESSOR {
                inherited.predecessor = descriptors.take_unix_datagram(nth).map_err(cannot)?;
                continue;
            }
            let listener = listener(&mut descriptors, nth).map_err(cannot)?;
            let address = listener.address().map_err(cannot)?;
            inherited.sockets.push(Given { name, address, listener });
        }
        Ok(inherited)
    }

    /// The socket to be used for that listener instead of a new one.
    pub(super) fn find(&mut self, name: &str, address: &ListenAddress) -> Option<Listener> {
        let may = |given: &Given| given.name == name || ![SERVER, ADMIN].contains(&given.name.as_str());
        let same = |given: &Given| may(given) && is_same(&given.address, address);
        // Any port will do.
        let fits = |given: &Given| may(given) && is_some_port(&given.address, address);
        let nth = self.sockets.iter().position(same).or_else(|| self.sockets.iter().position(fits))?;
        Some(self.sockets.remove(nth).listener)
    }

    /// Closes what was not used. A predecessor may have listened elsewhere; a service manager knows where we should.
    pub(super) fn let_go(&mut self, settings: &Settings) -> Result<(), Failure> {
        let Some(given) = self.sockets.first().filter(|_| self.predecessor.is_none()) else {
            self.sockets.clear();
            return Ok(());
        };
        let all = |addresses: &[ListenAddress]| {
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let admin = settings
            .admin
            .as_ref()
            .map_or_else(String::new, |admin| format!(", [admin] on {}", admin.listen));
        Err(Failure::Plain(format!(
            "a socket on {} was handed over (LISTEN_FDS, named \"{}\"), and nothing of the config listens there: \
             [server] listens on {}{admin}",
            given.address,
            given.name,
            all(&settings.listen),
        )))
    }

    /// Tells the predecessor, if any, that this process serves, and waits until it has told that to others.
    pub(super) async fn succeeded(self) {
        let Some(predecessor) = self.predecessor else { return };
        let told = async {
            predecessor.set_nonblocking(true)?;
            let predecessor = tokio::net::UnixDatagram::from_std(predecessor)?;
            predecessor.send(READY).await?;
            predecessor.recv(&mut [0; 16]).await
        };
        match timeout(FAREWELL, told).await {
            Ok(Ok(_)) => {}
            // It serves all the same.
            failed => tracing::warn!(?failed, "the predecessor did not answer"),
        }
    }
}

/// The listener at that descriptor.
fn listener(descriptors: &mut ListenFd, nth: usize) -> io::Result<Listener> {
    let tcp = descriptors.take_tcp_listener(nth);
    let listener = match tcp {
        Ok(Some(listener)) => Listener::Tcp(listener),
        Ok(None) => return Err(io::ErrorKind::NotFound.into()),
        Err(_) => match descriptors.take_unix_listener(nth) {
            Ok(Some(listener)) => Listener::Unix(listener),
            Ok(None) | Err(_) => return Err(io::Error::other("neither a TCP nor a unix stream socket")),
        },
    };
    listener.adopted()
}

fn is_same(given: &ListenAddress, wanted: &ListenAddress) -> bool {
    match (given, wanted) {
        (ListenAddress::Unix(given), ListenAddress::Unix(wanted)) => real(given) == real(wanted),
        (given, wanted) => given == wanted,
    }
}

fn is_some_port(given: &ListenAddress, wanted: &ListenAddress) -> bool {
    let (ListenAddress::Tcp(given), ListenAddress::Tcp(wanted)) = (given, wanted) else { return false };
    wanted.port() == 0 && given.ip() == wanted.ip()
}

/// The path of a socket, however it was written.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn given(name: &str, address: &str) -> Given {
        let listener = Listener::Tcp(TcpListener::bind("127.0.0.1:0").unwrap());
        Given { name: name.to_owned(), address: ListenAddress::Tcp(address.parse().unwrap()), listener }
    }

    #[test]
    fn sockets_are_found_by_name_and_address() {
        #[rustfmt::skip]
        let cases = [
            // handed over                              wanted for, at                 found
            (("reportgate.socket", "192.0.2.1:80"),     (SERVER, "192.0.2.1:80"),      true),
            (("reportgate.socket", "192.0.2.1:80"),     (ADMIN,  "192.0.2.1:80"),      true),
            (("", "[2001:db8::1]:80"),                  (SERVER, "[2001:db8::1]:80"),  true),
            (("server", "192.0.2.1:80"),                (SERVER, "192.0.2.1:80"),      true),
            (("server", "192.0.2.1:80"),                (ADMIN,  "192.0.2.1:80"),      false),
            (("admin", "192.0.2.1:80"),                 (SERVER, "192.0.2.1:80"),      false),
            (("server", "192.0.2.1:80"),                (SERVER, "192.0.2.1:81"),      false),
            (("server", "192.0.2.1:80"),                (SERVER, "192.0.2.2:80"),      false),
            (("server", "192.0.2.1:80"),                (SERVER, "192.0.2.1:0"),       true),
            (("server", "192.0.2.1:80"),                (SERVER, "192.0.2.2:0"),       false),
            (("server", "0.0.0.0:80"),                  (SERVER, "192.0.2.1:80"),      false),
        ];
        for ((name, at), (wanted, address), found) in cases {
            let mut inherited = Inherited { sockets: vec![given(name, at)], predecessor: None };
            let address = ListenAddress::Tcp(address.parse().unwrap());
            assert_eq!(
                inherited.find(wanted, &address).is_some(),
                found,
                "{name} {at} for {wanted} {address}"
            );
            assert_eq!(inherited.sockets.is_empty(), found, "used once");
        }
    }

    #[test]
    fn the_same_address_goes_before_any_port() {
        let sockets = vec![given("server", "192.0.2.1:81"), given("server", "192.0.2.1:80")];
        let mut inherited = Inherited { sockets, predecessor: None };
        inherited.find(SERVER, &ListenAddress::Tcp("192.0.2.1:80".parse().unwrap())).unwrap();
        assert_eq!(inherited.sockets[0].address.to_string(), "192.0.2.1:81");
    }
}
