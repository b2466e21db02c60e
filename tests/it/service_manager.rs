//! What a service manager is told (`sd_notify(3)`): ready, reloading, stopping, succeeded, alive.

use crate::harness::*;
use crate::upgrade::Successor;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A service manager.
struct Manager(UnixDatagram);

impl Manager {
    /// Starts a gate under it, with these variables, and waits until it is ready.
    fn start(config: &str, variables: &[(&str, &str)]) -> (Self, Gate) {
        let folder = new_folder();
        let manager = Self::at(&folder);
        let path = folder.path().join("reportgate.toml");
        std::fs::write(&path, config).unwrap();
        let mut command = Program::serving(&path);
        command.env("NOTIFY_SOCKET", folder.path().join("notify")).envs(variables.iter().copied());
        let gate = Gate::of(Program::spawn(command), folder);
        assert_eq!(manager.next(), "READY=1\nSTATUS=serving");
        (manager, gate)
    }

    fn at(folder: &TempDir) -> Self {
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut message = [0; 512];
        let length = self.0.recv(&mut message).expect("a message");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// How many signs of life come within the time.
    fn signs_of_life(&self, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut signs = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return signs;
            }
            self.0.set_read_timeout(Some(left)).unwrap();
            let mut message = [0; 512];
            let Ok(length) = self.0.recv(&mut message) else { return signs };
            assert_eq!(&message[..length], b"WATCHDOG=1");
            signs += 1;
        }
    }
}

/// The microseconds since the system started.
fn uptime() -> u128 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    Duration::from_secs_f64(seconds).as_micros()
}

#[test]
fn it_is_told_what_becomes_of_the_process() {
    let backend = RecordingBackend::json(ROW);
    let config = Config::leads(&backend);
    let (manager, mut gate) = Manager::start(&config.text(), &[]);
    for (text, status) in [
        (config.clone().server("drain_delay = \"1ms\"").text(), "serving"),
        (
            config.text().replace("role =", "rolle ="),
            "serving; the config could not be reloaded, see the log",
        ),
        (config.text(), "serving"),
    ] {
        let before = uptime();
        replace(&gate.config(), &text);
        gate.signal("HUP");
        let told = manager.next();
        let told: Vec<_> = told.lines().collect();
        let [reloading, microseconds, _] = told[..] else { panic!("{told:?}") };
        assert_eq!(reloading, "RELOADING=1");
        let at: u128 = microseconds.strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        // /proc/uptime is cut to hundredths.
        assert!((before..=uptime() + 20_000).contains(&at), "{before} {at}");
        assert_eq!(manager.next(), format!("READY=1\nSTATUS={status}"));
    }
    gate.signal("TERM");
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=draining");
    gate.exit();
}

#[test]
fn it_is_told_who_succeeds() {
    let backend = RecordingBackend::json(ROW);
    let variables = [("WATCHDOG_USEC", "60000000")];
    let (manager, mut gate) = Manager::start(&Config::leads(&backend).text(), &variables);
    assert_eq!(manager.next(), "WATCHDOG=1");
    gate.signal("USR2");
    let told = manager.next();
    let successor = Successor(told.strip_prefix("MAINPID=").expect(&told).to_owned());
    assert!(std::fs::read_link(format!("/proc/{}/exe", successor.0)).unwrap().ends_with("reportgate"));
    // Only after that the new one speaks, and the old one says nothing of its end.
    assert_eq!(manager.next(), "READY=1\nSTATUS=serving");
    assert_eq!(manager.next(), "WATCHDOG=1", "the successor is watched, too");
    gate.exit();
    assert_eq!(gate.get("acme", "/leads").status, 200);
    successor.signal("TERM");
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=draining");
}

#[test]
fn it_is_told_that_the_process_is_alive_while_it_is() {
    let backend = RecordingBackend::json(ROW);
    let (manager, gate) = Manager::start(&Config::leads(&backend).text(), &[("WATCHDOG_USEC", "400000")]);
    let signs = manager.signs_of_life(Duration::from_millis(1_050));
    assert!((4..=7).contains(&signs), "every 200 ms: {signs}");
    gate.signal("STOP");
    manager.signs_of_life(Duration::from_millis(50));
    assert_eq!(manager.signs_of_life(Duration::from_millis(500)), 0);
    gate.signal("CONT");
    assert!(manager.signs_of_life(Duration::from_millis(700)) > 0);
    drop(gate);
    // Somebody else is watched.
    let variables = [("WATCHDOG_USEC", "400000"), ("WATCHDOG_PID", "1")];
    let (manager, _gate) = Manager::start(&Config::leads(&backend).text(), &variables);
    assert_eq!(manager.signs_of_life(Duration::from_millis(500)), 0);
}
