//! What nginx and HAProxy make of the same corpus: what a good proxy can be asked for.
//!
//! They are no gates: they pass on whatever they can read. Counted is how often the backend
//! behind them can read it two ways. `tests/run` finds or unpacks them and names them in
//! `REPORTGATE_TEST_NGINX` and `REPORTGATE_TEST_HAPROXY`.

use super::asked;
use super::corpus::{Corpus, Payload};
use crate::harness::{
    PATIENCE, Reading, ScriptedBackend, Stop, Taste, eventually, leniently, new_folder, strictly,
};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running proxy, until it is dropped; it listens on a socket in its folder.
struct Proxy {
    child: Child,
    folder: TempDir,
}

impl Proxy {
    /// Starts the program that `variable` names, with a config that `write` gives for a folder and the address of a backend.
    fn start(
        variable: &str,
        arguments: &[&str],
        write: impl Fn(&Path, SocketAddr) -> String,
        backend: SocketAddr,
    ) -> Self {
        let program = std::env::var_os(variable).expect("run by tests/run");
        let folder = new_folder();
        let config = folder.path().join("proxy.conf");
        std::fs::write(&config, write(folder.path(), backend)).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::inherit()).spawn().expect("the proxy starts");
        let proxy = Self { child, folder };
        eventually("the proxy listens", || UnixStream::connect(proxy.socket()).ok());
        proxy
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("listen")
    }

    /// Sends a payload and waits until the connection is closed.
    fn send(&self, payload: &Payload) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A proxy that has refused already may have closed.
        let _ = stream.write_all(&payload.bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nginx(folder: &Path, backend: SocketAddr) -> String {
    let folder = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.iter().map(|kind| format!("{kind}_temp_path {folder}/{kind};\n")).collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log crit;\n\
         events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{paths}server {{\nlisten unix:{folder}/listen;\n\
         client_header_timeout 1s;\nclient_body_timeout 1s;\nkeepalive_timeout 1s;\n\
         location / {{\nproxy_pass http://{backend};\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
         proxy_ignore_client_abort on;\n}}\n}}\n}}\n"
    )
}

fn haproxy(folder: &Path, backend: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "defaults\nmode http\ntimeout connect 1s\ntimeout client 1s\ntimeout server 1s\ntimeout http-request 1s\n\
         timeout http-keep-alive 1s\nfrontend f\nbind unix@{folder}/listen\ndefault_backend b\n\
         backend b\nhttp-reuse never\nserver s {backend}\n"
    )
}

/// What came of the corpus at the backend.
#[derive(Debug, Default)]
struct Counts {
    /// Requests.
    forwarded: usize,
    /// Payloads of which something can be read two ways.
    two_ways: Vec<String>,
    /// Hidden requests that were passed on though a mistake stands before them.
    behind_mistakes: usize,
}

fn run(variable: &str, arguments: &[&str], write: impl Fn(&Path, SocketAddr) -> String) -> Counts {
    let quiet = Duration::from_millis(50);
    let backend = ScriptedBackend::start(move |wire| {
        let whole = |bytes: &[u8]| !bytes.is_empty() && strictly(bytes).stop == Stop::End;
        if !wire.take_until(whole, quiet).is_empty() {
            wire.reply().send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        }
    })
    .taking_tokens();
    let proxy = Proxy::start(variable, arguments, write, backend.address());
    let corpus = Corpus::all();
    let mut counts = Counts::default();
    for payload in &corpus.payloads {
        let before = backend.connections();
        proxy.send(payload);
        let connections = backend.bytes().split_off(before);
        counts.forwarded += connections.iter().filter(|bytes| !bytes.is_empty()).count();
        let name = format!("{}: {}", payload.family, payload.name);
        if let Some(bytes) = connections.iter().find(|bytes| is_read_two_ways(bytes)) {
            counts.two_ways.push(format!("{name}: {}", bytes.escape_ascii()));
        }
        let is_hidden =
            |reading: Reading| reading.messages.iter().filter_map(asked).any(|asked| asked.starts_with('m'));
        let found = |bytes: &Vec<u8>| Taste::ALL.iter().any(|taste| is_hidden(leniently(bytes, *taste)));
        if !is_hidden(strictly(&payload.bytes)) && connections.iter().any(found) {
            counts.behind_mistakes += 1;
        }
    }
    counts
}

/// Whether two readers see other requests, or other ends of them. One that refuses, or waits, has seen less, not others.
fn is_read_two_ways(bytes: &[u8]) -> bool {
    let seen = |reading: Reading| {
        let messages = reading.messages.into_iter();
        messages.map(|message| (message.method, message.target, message.body)).collect::<Vec<_>>()
    };
    let mut readings = vec![seen(strictly(bytes))];
    readings.extend(Taste::ALL.map(|taste| seen(leniently(bytes, taste))));
    let alike = |one: &[_], other: &[_]| one.iter().zip(other).all(|(one, other)| one == other);
    readings.iter().any(|one| readings.iter().any(|other| !alike(one, other)))
}

/// Prints the counts and checks that the proxy did something, and got no worse than Debian 12's.
fn report(name: &str, counts: &Counts, at_most: usize) {
    let Counts { forwarded, two_ways, behind_mistakes } = counts;
    let (ambiguous, behind) = (two_ways.len(), behind_mistakes);
    println!(
        "{name}: {forwarded} requests forwarded, {ambiguous} payloads read two ways, {behind} hidden requests passed on"
    );
    assert!(*forwarded >= 1_000, "{forwarded} forwarded");
    assert!(ambiguous <= at_most, "{ambiguous} read two ways: {two_ways:#?}");
}

#[test]
#[ignore = "needs nginx; run by tests/run"]
fn nginx_as_a_reference() {
    let counts = run("REPORTGATE_TEST_NGINX", &["-e", "stderr", "-c"], nginx);
    report("nginx", &counts, 0);
}

#[test]
#[ignore = "needs HAProxy; run by tests/run"]
fn haproxy_as_a_reference() {
    let counts = run("REPORTGATE_TEST_HAPROXY", &["-db", "-q", "-f"], haproxy);
    report("HAProxy", &counts, 3);
}
