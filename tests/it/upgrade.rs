//! An upgrade: the program is started anew, and no connection notices.

use crate::harness::*;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A process that succeeded another; killed when dropped, since nobody else waits for it.
pub(crate) struct Successor(pub(crate) String);

impl Successor {
    /// The one that a gate, or its successors, started after that line of the log.
    #[track_caller]
    fn of(gate: &Gate, after: usize) -> Self {
        let id = gate.program.stderr.wait_for("a successor", after, |line| {
            let (_, rest) = line.split_once("upgrade: process ")?;
            Some(rest.split(' ').next()?.to_owned())
        });
        Self(id)
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.0]).status().unwrap().success());
    }

    fn is_there(&self) -> bool {
        // One that nobody waits for stays as a zombie where no init takes it in.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.0]).output();
        eventually("the successor ends", || (!self.is_there()).then_some(()));
    }
}

/// What clients met with.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) over: AtomicBool,
    pub(crate) answered: AtomicUsize,
    pub(crate) refused: AtomicUsize,
    /// Requests that were sent and got no answer.
    pub(crate) lost: Mutex<Vec<String>>,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// One request after the other on one connection, a new one whenever that is closed as told.
    pub(crate) fn keep_alive(&self, address: SocketAddr, client: &str) {
        let mut connection = None;
        for round in 0.. {
            if !self.goes_on() {
                return;
            }
            let open = connection.take().or_else(|| self.connect(address));
            let Some(mut open) = open else { continue };
            let id = format!("{client}x{round}");
            let Some(closes) = self.call(&mut open, &id) else { continue };
            connection = (!closes).then_some(open);
        }
    }

    /// Each request on a connection of its own.
    pub(crate) fn come_and_go(&self, address: SocketAddr, client: &str) {
        for round in 0.. {
            if !self.goes_on() {
                return;
            }
            let Some(mut open) = self.connect(address) else { continue };
            self.call(&mut open, &format!("{client}x{round}"));
        }
    }

    fn connect(&self, address: SocketAddr) -> Option<Client> {
        match TcpStream::connect(address) {
            Ok(stream) => Some(Client::over(stream)),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether the connection is closed after the answer.
    fn call(&self, client: &mut Client, id: &str) -> Option<bool> {
        let request = Request::get(&format!("/leads?q={id}")).of("acme");
        match client.try_call(&request).filter(Answer::is_success) {
            Some(answer) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                Some(answer.header("connection") == Some("close"))
            }
            None => {
                self.lost.lock().unwrap().push(id.to_owned());
                None
            }
        }
    }

    /// Waits for so many more answers.
    #[track_caller]
    pub(crate) fn more(&self, number: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + number;
        eventually("clients are served", || (self.answered.load(Ordering::Relaxed) >= wanted).then_some(()));
    }
}

#[test]
fn an_upgrade_under_load_refuses_and_loses_nothing() {
    let backend = RecordingBackend::json(ROW);
    let server = "workers = 2\nlisten = [\"127.0.0.1:0\", \"unix:gate.sock\"]";
    let mut gate = Gate::start(&Config::leads(&backend).server(server));
    let (address, socket) = (gate.address(), gate.folder().join("gate.sock"));
    let inode = std::fs::metadata(&socket).unwrap().ino();
    let tally = Tally::default();
    let second = std::thread::scope(|scope| {
        for client in 0..64 {
            let tally = &tally;
            scope.spawn(move || tally.keep_alive(address, &format!("k{client}")));
        }
        for client in 0..4 {
            let tally = &tally;
            scope.spawn(move || tally.come_and_go(address, &format!("n{client}")));
        }
        tally.more(500);
        gate.signal("USR2");
        let first = Successor::of(&gate, 0);
        gate.exit();
        tally.more(500);
        // A successor has successors.
        let after = gate.program.stderr.all().len();
        first.signal("USR2");
        let second = Successor::of(&gate, after);
        eventually("the first one ends", || (!first.is_there()).then_some(()));
        tally.more(500);
        tally.over.store(true, Ordering::Relaxed);
        second
    });
    let (refused, lost) = (tally.refused.load(Ordering::Relaxed), tally.lost.into_inner().unwrap());
    assert_eq!((refused, lost), (0, Vec::new()), "refused connections, and requests without an answer");
    assert_eq!(gate.admin("/readyz").status, 200, "the admin listener went over, too");
    assert_eq!(gate.get("acme", "/leads").status, 200);
    UnixStream::connect(&socket).unwrap();
    assert_eq!(std::fs::metadata(&socket).unwrap().ino(), inode, "the same socket");
    second.signal("TERM");
    eventually("it ends as every gate does", || (!second.is_there()).then_some(()));
    assert!(TcpStream::connect(address).is_err());
    // As many lines as answers: what was lost, or done and not answered, would be missing or too many.
    let answered = tally.answered.load(Ordering::Relaxed) + 1;
    eventually("every line is there", || (gate.lines() == answered).then_some(()));
    assert_eq!(backend.count(), answered, "done by the backend");
    for line in gate.program.stdout.all() {
        assert!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok(),
            "two processes write whole lines: {line}"
        );
    }
}

#[test]
fn an_upgrade_that_fails_changes_nothing() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let good = Config::leads(&backend).text();
    std::fs::write(&path, &good).unwrap();
    // The program as it is installed: a link that can be put elsewhere.
    let program = folder.path().join("reportgate");
    let serving = Program::serving(&path);
    symlink(serving.get_program(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(serving.get_args());
    let mut gate = Gate::of(Program::spawn(command), folder);
    let mut client = gate.client();
    let mut serves_on = |after: usize, why: &str| {
        gate.program.stderr.wait_for(why, after, |line| line.contains(why).then_some(()));
        gate.program.stderr.wait_for("the end", after, |line| line.contains("serving on").then_some(()));
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200, "{why}: the same connection");
        assert_eq!(gate.admin("/readyz").status, 200, "{why}");
    };

    let after = gate.program.stderr.all().len();
    replace(&path, &good.replace("role =", "rolle ="));
    gate.signal("USR2");
    serves_on(after, "the successor ended before it served");
    replace(&path, &good);

    let after = gate.program.stderr.all().len();
    std::fs::remove_file(&program).unwrap();
    gate.signal("USR2");
    serves_on(after, "cannot start a successor");

    symlink("/bin/false", &program).unwrap();
    let after = gate.program.stderr.all().len();
    gate.signal("USR2");
    serves_on(after, "the successor ended before it served (exit status: 1)");

    // Another address takes effect, and what is not listened on any more is let go.
    std::fs::remove_file(&program).unwrap();
    symlink(Program::serving(&path).get_program(), &program).unwrap();
    replace(&path, &good.replacen("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.2:0\"]", 1));
    let (after, old) = (gate.program.stderr.all().len(), gate.address());
    gate.signal("USR2");
    let successor = Successor::of(&gate, after);
    assert!(client.closes_within(Duration::from_secs(10)), "idle connections are closed");
    gate.exit();
    let new: SocketAddr = gate.program.stderr.wait_for("the new address", after, |line| {
        line.split_once("listening on http://")?.1.trim().parse().ok()
    });
    assert!(TcpStream::connect(old).is_err());
    assert_eq!(Client::connect(new, &[]).call(&Request::get("/leads").of("acme")).status, 200);
    drop(successor);
}

#[test]
fn a_stop_during_an_upgrade_stops_both() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, Config::leads(&backend).text()).unwrap();
    let program = folder.path().join("reportgate");
    let serving = Program::serving(&path);
    symlink(serving.get_program(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(serving.get_args());
    let mut gate = Gate::of(Program::spawn(command), folder);
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "#!/bin/sh\necho \"$$ waits\" >&2\nexec sleep 600\n").unwrap();
    Command::new("chmod").arg("+x").arg(&program).status().unwrap();
    gate.signal("USR2");
    let id = gate
        .program
        .stderr
        .wait_for("a successor that never serves", 0, |line| line.strip_suffix(" waits").map(str::to_owned));
    let successor = Successor(id);
    gate.signal("TERM");
    gate.exit();
    eventually("the successor ends, too", || (!successor.is_there()).then_some(()));
}
