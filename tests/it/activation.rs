//! Listening sockets that a service manager hands over.

use crate::harness::*;
use crate::upgrade::Tally;
use command_fds::{CommandFdExt as _, FdMapping};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

/// The command that starts the program with these descriptors, as `sd_listen_fds(3)` has it.
fn activated(config: &Path, names: &str, descriptors: Vec<OwnedFd>) -> Command {
    let serving = Program::serving(config);
    let mut command = Command::new("sh");
    // Only the process itself knows its id.
    command.arg("-c").arg("LISTEN_PID=${PID:-$$} exec \"$0\" \"$@\"");
    command.arg(serving.get_program()).args(serving.get_args());
    command.env("LISTEN_FDS", descriptors.len().to_string()).env("LISTEN_FDNAMES", names);
    let mappings = (3..).zip(descriptors).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd });
    command.fd_mappings(mappings.collect()).unwrap();
    command
}

fn any_port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A config that listens there.
fn listening(backend: &RecordingBackend, server: &[String], admin: SocketAddr) -> String {
    let listen = format!("listen = {server:?}");
    let text = Config::leads(backend).server(&listen).text();
    text.replace("[admin]\nlisten = \"127.0.0.1:0\"", &format!("[admin]\nlisten = \"{admin}\""))
}

#[test]
fn sockets_that_are_handed_over_are_used() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let ((server, at), (admin, admin_at)) = (any_port(), any_port());
    let unix = folder.path().join("gate.sock");
    let unix_listener = UnixListener::bind(&unix).unwrap();
    let listen = [at.to_string(), "unix:gate.sock".to_owned(), "127.0.0.2:0".to_owned()];
    std::fs::write(&path, listening(&backend, &listen, admin_at)).unwrap();
    // It is served as soon as there is a gate.
    let mut early = Client::connect(at, &[]);
    early.send(&Request::get("/leads").of("acme").bytes());
    let descriptors = vec![admin.into(), unix_listener.into(), server.into()];
    let gate = Gate::of(
        Program::spawn(activated(&path, "gate.socket:gate.socket:gate.socket", descriptors)),
        folder,
    );
    assert_eq!((gate.address(), gate.admin_address()), (at, admin_at));
    assert_eq!(early.answer("GET").expect("an answer").status, 200);
    assert_eq!(gate.get("acme", "/leads").status, 200);
    std::os::unix::net::UnixStream::connect(unix).unwrap();
    let lines = gate.program.stderr.all();
    assert!(lines.iter().any(|line| line.contains("127.0.0.2:")), "the others are bound: {lines:?}");
}

#[test]
fn a_restart_leaves_no_gap() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let ((server, at), (admin, admin_at)) = (any_port(), any_port());
    std::fs::write(&path, listening(&backend, &[at.to_string()], admin_at)).unwrap();
    // Whoever manages it keeps the sockets open.
    let descriptor = |listener: &TcpListener| OwnedFd::from(listener.try_clone().unwrap());
    let start =
        || Program::spawn(activated(&path, "server:admin", vec![descriptor(&server), descriptor(&admin)]));
    let mut gate = Gate::of(start(), folder);
    let tally = Tally::default();
    let last = std::thread::scope(|scope| {
        for client in 0..8 {
            let tally = &tally;
            scope.spawn(move || match client % 2 {
                0 => tally.keep_alive(at, &format!("k{client}")),
                _ => tally.come_and_go(at, &format!("n{client}")),
            });
        }
        let mut last = None;
        for _ in 0..3 {
            tally.more(100);
            last.as_ref().unwrap_or(&gate.program).signal("TERM");
            last.as_mut().unwrap_or(&mut gate.program).exit();
            last = Some(start());
        }
        tally.more(100);
        tally.over.store(true, Ordering::Relaxed);
        last
    });
    let (refused, lost) = (tally.refused.load(Ordering::Relaxed), tally.lost.into_inner().unwrap());
    assert_eq!((refused, lost), (0, Vec::new()), "refused connections, and requests without an answer");
    assert_eq!(backend.count(), tally.answered.load(Ordering::Relaxed), "done by the backend");
    drop(last);
}

#[test]
fn a_socket_that_nothing_is_configured_for_is_refused() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let ((server, at), (admin, admin_at), (other, other_at)) = (any_port(), any_port(), any_port());
    std::fs::write(&path, listening(&backend, &[at.to_string()], admin_at)).unwrap();
    let connected = std::net::TcpStream::connect(other_at).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let both = format!(
        "a socket on {other_at} was handed over (LISTEN_FDS, named \"a b\"), and nothing of the config \
        listens there: [server] listens on {at}, [admin] on {admin_at}"
    );
    let swapped = format!("a socket on {admin_at} was handed over (LISTEN_FDS, named \"server\")");
    let descriptor = |listener: &TcpListener| OwnedFd::from(listener.try_clone().unwrap());
    #[rustfmt::skip]
    let cases = [
        ("a b",     vec![descriptor(&other)],    both.as_str()),
        ("x:a b",   vec![descriptor(&server), descriptor(&other)], &both),
        ("server",  vec![descriptor(&admin)],    &swapped),
        ("udp",     vec![datagrams.into()],      "cannot use descriptor 3 (udp): neither a TCP nor a unix stream socket"),
        ("http",    vec![connected.into()],      "cannot use descriptor 3 (http): the socket does not listen"),
        ("file",    vec![std::fs::File::open(&path).unwrap().into()], "cannot use descriptor 3 (file)"),
    ];
    drop((server, admin));
    for (names, descriptors, expected) in cases {
        let mut program = Program::spawn(activated(&path, names, descriptors));
        assert_eq!(program.exit().code(), Some(1), "{names}");
        let told = program.stderr.to_end().join("\n");
        assert!(told.contains(expected), "{names}: {told}");
    }
    // Sockets of another process are none of ours.
    let mut command = activated(&path, "a b", vec![other.into()]);
    command.env("PID", "1");
    let gate = Gate::of(Program::spawn(command), folder);
    assert_eq!(gate.get("acme", "/leads").status, 200);
}
