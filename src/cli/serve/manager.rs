//! The service manager, told how the process fares: `sd_notify(3)`, without its library.
//!
//! The socket stays open, so that a process out of descriptors can still say that it is alive.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a manager may keep a message waiting.
const PATIENCE: Duration = Duration::from_millis(500);

/// The manager, if there is one that listens.
#[derive(Debug)]
pub(super) struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// The manager that the environment names.
    pub(super) fn of_process() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self(None) };
        Self::at(&name).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot use NOTIFY_SOCKET");
            Self(None)
        })
    }

    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some((socket, address))))
    }

    /// The process serves, or serves with another config.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The process reads its config anew, and will be ready again.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading"));
    }

    /// The process is on its way out.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// Another process is the service from now on.
    pub(super) fn succeeded_by(&self, id: u32) {
        self.tell(&format!("MAINPID={id}"));
    }

    /// The process is alive.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, message: &str) {
        let Some((socket, address)) = &self.0 else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::warn!(%error, "the service manager cannot be told: {}", message.replace('\n', " "));
        }
    }
}

/// How often the manager wants to hear that the process is alive (`sd_watchdog_enabled(3)`): twice as often as it insists on.
pub(super) fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var_os(name)?.to_str()?.parse::<u64>().ok();
    let insists_on = number("WATCHDOG_USEC").filter(|limit| *limit > 0)?;
    let other = std::env::var_os("WATCHDOG_PID").is_some_and(|id| id != *std::process::id().to_string());
    (!other).then(|| Duration::from_micros(insists_on) / 2)
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_are_reached_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("reportgate-test-{}", std::process::id());
        let abstract_name = abstract_address(name.as_bytes()).unwrap();
        let listening = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).unwrap()),
            (format!("@{name}").into(), UnixDatagram::bind_addr(&abstract_name).unwrap()),
        ];
        for (name, socket) in listening {
            Manager::at(&name).unwrap().succeeded_by(7);
            let mut message = [0; 64];
            let length = socket.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"MAINPID=7", "{name:?}");
        }
    }

    #[test]
    fn a_manager_that_is_gone_harms_nobody() {
        Manager::at(OsStr::new("/nowhere/notify")).unwrap().ready("serving");
        Manager(None).stopping();
    }
}
