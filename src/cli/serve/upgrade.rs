//! An upgrade: the program, which may have been replaced, is started anew and given the listening sockets.
//!
//! They never close, so that no connection is refused meanwhile. The successor says when it serves; until then this
//! process goes on as if nothing had happened, and it does so for good when the successor fails.

use super::Failure;
use super::inherited::{PREDECESSOR, READY};
use command_fds::{CommandFdExt as _, FdMapping};
use reportgate::serve::Listener;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net;
use std::process::{Child, Command};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout};

/// How long a successor may take to serve: to load a large config, above all.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// The first descriptor that is handed over (`sd_listen_fds(3)`).
const FIRST: i32 = 3;

/// The process that serves from now on.
#[derive(Debug)]
pub(super) struct Successor {
    pub(super) id: u32,
    channel: UnixDatagram,
}

impl Successor {
    /// Starts the program with the arguments of this one and those sockets, by name, and waits until it serves.
    pub(super) async fn start(sockets: &[(&'static str, Listener)]) -> Result<Self, Failure> {
        let mut arguments = std::env::args_os();
        let program = arguments.next().ok_or(Failure::Plain("the program has no name".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments);
        let started = Starting::new(command, sockets);
        let (child, channel) =
            started.map_err(|error| Failure::because("cannot start a successor", error))?;
        child.serves(channel, DEADLINE).await
    }

    /// Lets it speak for the service from now on.
    pub(super) async fn take_over(&self) {
        // One that has ended since is missed by others.
        let _ = self.channel.send(b"MAINPID").await;
    }
}

/// A successor that does not serve yet. It is told to end when this is dropped.
#[derive(Debug)]
struct Starting(Option<Child>);

impl Starting {
    fn new(mut command: Command, sockets: &[(&'static str, Listener)]) -> io::Result<(Self, UnixDatagram)> {
        let (channel, theirs) = net::UnixDatagram::pair()?;
        channel.set_nonblocking(true)?;
        let mut names = Vec::new();
        let mut handed_over: Vec<OwnedFd> = Vec::new();
        for (name, listener) in sockets {
            names.push(*name);
            handed_over.push(listener.try_clone()?.into());
        }
        names.push(PREDECESSOR);
        handed_over.push(theirs.into());
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        // They name a process, which is not known before it is there; the successor is meant in any case.
        command.env_remove("LISTEN_PID").env_remove("WATCHDOG_PID").env_remove("LISTEN_FDS_FIRST_FD");
        let mappings = (FIRST..).zip(handed_over);
        let mappings = mappings.map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).map_err(io::Error::other)?;
        Ok((Self(Some(command.spawn()?)), UnixDatagram::from_std(channel)?))
    }

    /// Waits until it says that it serves.
    async fn serves(mut self, channel: UnixDatagram, deadline: Duration) -> Result<Successor, Failure> {
        let cannot = |error| Failure::because("cannot wait for the successor", error);
        let last = Instant::now() + deadline;
        while Instant::now() < last {
            let mut said = [0; 16];
            let heard = timeout(LOOK, channel.recv(&mut said)).await;
            let Some(child) = self.0.as_mut() else { break };
            if matches!(heard, Ok(Ok(length)) if said.get(..length) == Some(READY)) {
                let id = child.id();
                self.0 = None;
                return Ok(Successor { id, channel });
            }
            if let Some(status) = child.try_wait().map_err(cannot)? {
                return Err(Failure::Plain(format!("the successor ended before it served ({status})")));
            }
            if let Ok(Err(_)) = heard {
                tokio::time::sleep(LOOK).await;
            }
        }
        if let Some(mut child) = self.0.take() {
            child.kill().and_then(|()| child.wait()).map_err(cannot)?;
        }
        Err(Failure::Plain(format!("the successor did not serve within {deadline:?}")))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let id = self.0.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()));
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::TERM);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reportgate::policy::ListenAddress;
    use reportgate::serve::bind;

    /// What comes of a shell script as a successor that is given one socket.
    async fn started(script: &str) -> Result<Successor, String> {
        let listener = bind(&ListenAddress::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        let (child, channel) = Starting::new(command, &[("server", listener)]).unwrap();
        child.serves(channel, Duration::from_millis(500)).await.map_err(|failure| failure.message())
    }

    #[tokio::test]
    async fn only_a_successor_that_serves_is_one() {
        let told = started("exit 7").await.unwrap_err();
        assert!(told.contains("ended before it served (exit status: 7)"), "{told}");
        let told = started("exec sleep 60").await.unwrap_err();
        assert!(told.contains("did not serve within 500ms"), "{told}");
        let checked =
            "test \"$LISTEN_FDS $LISTEN_FDNAMES ${LISTEN_PID-none}\" = '2 server:predecessor none' &&
            test -S /proc/self/fd/3 && test -S /proc/self/fd/4 && test ! -e /proc/self/fd/5 || exit 8
            printf READY=1 >&4";
        started(checked).await.unwrap();
    }
}
