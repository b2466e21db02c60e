//! Clients on the same machine, by a unix socket: they have no address of their own.

use crate::harness::*;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

const LISTEN: &str = "listen = [\"127.0.0.1:0\", \"unix:gate.sock\"]";

/// What comes of a request by the unix socket: the answer as it is.
fn asked(gate: &Gate, request: &Request) -> String {
    let mut stream = UnixStream::connect(gate.folder().join("gate.sock")).unwrap();
    stream.write_all(&request.bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn whoever_comes_by_a_socket_is_on_no_whitelist() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server(LISTEN));
    let answer = asked(&gate, &Request::get("/leads").of("acme").header("X-Forwarded-For", "127.0.0.1"));
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(
        answer.contains("\"code\":\"ip_not_allowed\"") && answer.contains("\"seen_ip\":\"unix\""),
        "{answer}"
    );
    let line = gate.line_with_code(0, "ip_not_allowed");
    assert_eq!((line["peer"].as_str(), line["client"].as_str()), (Some("unix"), Some("unix")));
    assert_eq!(backend.count(), 0);
    assert_eq!(gate.get("acme", "/leads").status, 200, "by TCP, at the same time");
}

#[test]
fn a_trusted_socket_speaks_for_its_clients() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&Config::leads(&backend).server(LISTEN).server("trusted_proxies = [\"unix\"]"));
    let request = || Request::get("/leads").of("acme");
    for (header, status) in
        [("127.0.0.1", "200"), ("203.0.113.9", "403"), ("x", "400"), ("127.0.0.1, 10.0.0.1", "403")]
    {
        let answer = asked(&gate, &request().header("X-Forwarded-For", header));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{header}: {answer}");
    }
    let answer = asked(&gate, &request());
    assert!(answer.contains("\"seen_ip\":\"unix\""), "nobody is named: {answer}");
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend).server(LISTEN);
    let folder = new_folder();
    let path = folder.path().join("gate.sock");
    // Its listener is gone, as after kill -9.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let gate = Gate::in_folder(folder, &config.text(), None);
    assert!(asked(&gate, &Request::get("/leads").of("acme")).starts_with("HTTP/1.1 403"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for owner and group");
    let second = run(&["serve", "-c", gate.config().to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    let second = String::from_utf8_lossy(&second.stderr);
    assert!(
        second.contains("cannot listen on unix:") && second.contains("does another reportgate run already?"),
        "{second}"
    );
    assert!(
        asked(&gate, &Request::get("/leads").of("acme")).starts_with("HTTP/1.1 403"),
        "the first goes on"
    );
}

#[test]
fn the_admin_listener_may_be_a_socket() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let path = folder.path().join("reportgate.toml");
    let text = Config::leads(&backend).text();
    let unix = text.replace("[admin]\nlisten = \"127.0.0.1:0\"", "[admin]\nlisten = \"unix:admin.sock\"");
    std::fs::write(&path, unix).unwrap();
    let program = Program::start(&path, None);
    let socket = folder.path().join("admin.sock");
    let socket = format!("unix:{}", socket.display());
    program
        .stderr
        .wait_for("the admin socket", 0, |line| line.contains(&format!("admin on {socket}")).then_some(()));
    let config = path.to_str().unwrap();
    let elsewhere = folder.path().join("none.toml");
    let elsewhere = elsewhere.to_str().unwrap();
    #[rustfmt::skip]
    let cases: [(&[&str], &str); 5] = [
        (&["healthcheck", "-c", config],                              "alive"),
        (&["healthcheck", "-c", elsewhere, "--admin", &socket],       "alive"),
        (&["status", "-c", elsewhere, "--admin", &socket],            "generation"),
        (&["confirm", "-c", config],                                  "unchanged"),
        (&["token", "list", "-c", config],                            "acme-1"),
    ];
    for (arguments, said) in cases {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains(said), "{arguments:?}: {text}{notes}");
    }
    drop(program);
    let output = run(&["healthcheck", "-c", config]);
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains(&format!("cannot ask http://{socket}:/livez")), "{notes}");
    assert_eq!(output.status.code(), Some(1));
}
