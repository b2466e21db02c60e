//! Reloads of real files, by hand and by the watch thread.

use super::watch::Pace;
use super::*;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// So far away that only events count.
const EVENTS_ONLY: Pace = Pace { poll: Duration::from_secs(3_600), ..Pace::USUAL };

/// So near that events do not count.
const POLL_ONLY: Pace = Pace {
    quiet: Duration::from_secs(3_600),
    at_most: Duration::from_secs(3_600),
    poll: Duration::from_millis(50),
};

/// Everything but principals.
const GATE: &str = r#"
[server]
listen = ["127.0.0.1:8080"]

[backends.legacy]
url = "http://127.0.0.1:8001"

[reports.leads]
permission = "get_leads_report"
path = "/leads"
columns = { lead_id = {} }
request = { scope = "public" }
"#;

/// An affiliate with tokens, one digest for each number.
fn affiliate(id: &str, tokens: impl IntoIterator<Item = u32>) -> String {
    let mut text = format!(
        "\n[affiliates.{id}]\nkind = \"affiliate\"\nscope = [\"1\"]\nallowed_ips = [\"192.0.2.1\"]\n\
         permissions = [\"get_leads_report\"]\ncolumns.leads = [\"lead_id\"]\n"
    );
    for n in tokens {
        // Digests are told apart by their first bits.
        let hash = format!("{:0<64}", format!("{n:02x}"));
        let token = format!("id = \"t{n}\"\nhash = \"sha256:{hash}\"\nexpires = \"never\"\n");
        write!(text, "\n[[affiliates.{id}.tokens]]\n{token}").unwrap();
    }
    text
}

fn config(tokens: impl IntoIterator<Item = u32>) -> String {
    format!("{GATE}{}", affiliate("acme", tokens))
}

struct Running {
    dir: TempDir,
    reloader: Arc<Reloader>,
}

impl Running {
    fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("gate.toml"), config).unwrap();
        Self::start_in(dir)
    }

    #[track_caller]
    fn start_in(dir: TempDir) -> Self {
        let started = Reloader::start(&dir.path().join("gate.toml"));
        let (reloader, _) = started.map_err(|rejected| rejected.report.render(false)).unwrap();
        Self { dir, reloader }
    }

    fn write(&self, config: &str) {
        fs::write(self.dir.path().join("gate.toml"), config).unwrap();
    }

    fn watch(&self, pace: Pace) -> Watch {
        Watch::start(Arc::clone(&self.reloader), pace).unwrap()
    }

    /// The ids of all tokens in force.
    fn tokens(&self) -> Vec<String> {
        let current = self.reloader.reader().current();
        current.policy.tokens.iter().map(|token| token.id.to_string()).collect()
    }

    #[track_caller]
    fn wait_for_tokens(&self, expected: &[&str]) {
        wait(&format!("tokens {expected:?}"), || self.tokens() == expected);
    }
}

#[track_caller]
fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn outcomes_follow_the_files() {
    use Outcome::{Failed, Held, Published, Unchanged, Unsettled};
    use Trigger::{Asked, Watched};
    let (twenty, nine, ten, broken) = (config(0..20), config(11..20), config(10..20), "[server");
    let cut = config(0..12);
    type Step<'c> = (&'c str, Trigger, Outcome, bool, u64);
    #[rustfmt::skip]
    let cases: [(&str, &[Step<'_>]); 7] = [
        // name                      file, trigger, outcome, ok, failed
        ("nothing changed", &[(&twenty, Watched, Unchanged, true, 0), (&twenty, Asked, Unchanged, true, 0)]),
        ("the limit is reached", &[(&ten, Watched, Published(2), true, 0), (&ten, Watched, Unchanged, true, 0)]),
        ("the limit is passed, then back", &[(&nine, Watched, Held, false, 1), (&nine, Watched, Held, false, 1),
            (&twenty, Watched, Unchanged, true, 1)]),
        ("held, then asked for", &[(&nine, Watched, Held, false, 1), (&nine, Asked, Published(2), true, 1)]),
        ("held, then changed", &[(&nine, Watched, Held, false, 1), (&ten, Watched, Published(2), true, 1)]),
        ("broken, then mended", &[(broken, Watched, Failed, false, 1), (broken, Watched, Failed, false, 1),
            (broken, Asked, Failed, false, 2), (&twenty, Watched, Unchanged, true, 2)]),
        ("cut at a table, then completed", &[(&cut, Watched, Unsettled, true, 0), (&cut, Asked, Unsettled, true, 0),
            (&twenty, Watched, Unchanged, true, 0)]),
    ];
    for (name, steps) in cases {
        let running = Running::start(&twenty);
        for (step, (file, trigger, outcome, ok, failed)) in steps.iter().enumerate() {
            running.write(file);
            assert_eq!(running.reloader.reload(*trigger), *outcome, "{name}, step {step}");
            let status = running.reloader.status();
            assert_eq!((status.ok, status.failed), (*ok, *failed), "{name}, step {step}");
            assert_eq!(status.held.is_some(), *outcome == Held, "{name}, step {step}");
            assert_eq!(!status.problems.is_empty(), *outcome == Failed, "{name}, step {step}");
        }
    }
}

#[test]
fn only_active_tokens_that_are_gone_count_as_removed() {
    let expired = |text: String| text.replace("\"never\"", "2020-01-01T00:00:00Z");
    let disabled = |text: String| text.replace("kind", "disabled = true\nkind");
    let active = |tokens: std::ops::Range<u32>| affiliate("a", tokens);
    let before = format!(
        "{GATE}{}{}{}",
        active(0..20),
        expired(affiliate("b", 20..40)),
        disabled(affiliate("c", 40..60))
    );
    #[rustfmt::skip]
    let cases = [
        ("expired and disabled ones do not count", active(10..20), Outcome::Published(2)),
        ("one more", active(11..20), Outcome::Held),
        ("under another holder", affiliate("d", 0..20), Outcome::Published(2)),
        ("disabled by name", disabled(active(0..20)), Outcome::Published(2)),
        ("expired by name", expired(active(0..20)), Outcome::Published(2)),
    ];
    for (name, after, expected) in cases {
        let running = Running::start(&before);
        running.write(&format!("{GATE}{after}"));
        assert_eq!(running.reloader.reload(Trigger::Watched), expected, "{name}");
    }
}

#[test]
fn what_needs_a_restart_is_named() {
    let (before, after) = ("listen = [\"127.0.0.1:8080\"]", "listen = [\"127.0.0.1:8081\"]\nworkers = 3");
    let original = format!("{}[admin]\nlisten = \"127.0.0.1:9180\"\n[log]\nformat = \"json\"\n", config([1]));
    let running = Running::start(&original);
    running.write(&original.replace(before, after).replace("9180", "9181").replace("json", "text"));
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Published(2));
    let needed = running.reloader.status().restart_needed;
    assert_eq!(needed, ["server.listen", "server.workers", "admin.listen", "log.format"]);
    running.write(&original);
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Published(3));
    assert!(running.reloader.status().restart_needed.is_empty(), "as at start again");
}

#[test]
fn a_look_that_sees_no_change_does_nothing() {
    let running = Running::start(&config([1]));
    assert_eq!(running.reloader.look(), None);
    let path = running.dir.path().join("gate.toml");
    fs::rename(&path, running.dir.path().join("old")).unwrap();
    running.write(&config([1]));
    // Nothing to put in force, but another file to watch.
    assert_eq!(running.reloader.look(), Some(Outcome::Unchanged));
    assert_eq!(running.reloader.look(), None);
    running.write("[server");
    assert_eq!(running.reloader.look(), Some(Outcome::Failed));
    assert_eq!(running.reloader.look(), None);
    // Twenty names that come out of a hash map.
    let roles: String = (0..20).map(|n| format!("[roles.r{n}]\n")).collect();
    let bad = format!("{}{roles}", config([1]).replace("kind", "role = \"xxxxxxxx\"\nkind"));
    for round in 0..5 {
        fs::remove_file(&path).unwrap();
        running.write(&bad);
        assert_eq!(running.reloader.look(), Some(Outcome::Failed), "round {round}");
        assert_eq!(running.reloader.status().failed, 2, "round {round}");
    }
}

#[test]
fn a_secret_that_got_shorter_is_believed_at_once() {
    let running = Running::start(&config([1]));
    let secret = running.dir.path().join("key");
    fs::write(&secret, "longer").unwrap();
    running.write(&config([1]).replace("url", "headers = { x-key = { file = \"key\" } }\nurl"));
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Published(2));
    fs::write(&secret, "long").unwrap();
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Published(3));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let running = Running::start(&config([1]));
    let pipe = running.dir.path().join("key");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    running.write(&config([1]).replace("url", "headers = { x-key = { file = \"key\" } }\nurl"));
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Failed);
    running.write(&format!("include = [\"key\"]\n{}", config([1])));
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Failed);
}

#[cfg(unix)]
#[test]
fn tokens_do_not_vanish_with_the_files_that_hold_them() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("real/..1")).unwrap();
    fs::write(at("real/..1/b.toml"), affiliate("b", [2])).unwrap();
    symlink("..1", at("real/..data")).unwrap();
    symlink("..data/b.toml", at("real/b.toml")).unwrap();
    symlink("real", at("d")).unwrap();
    fs::write(at("gate.toml"), format!("include = [\"d/*.toml\"]\n{}", config([1]))).unwrap();
    let running = Running::start_in(dir);
    let at = |name: &str| running.dir.path().join(name);
    for gone in ["real/..data", "real/..1", "real", "d"] {
        fs::rename(at(gone), at("gone")).unwrap();
        assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Failed, "{gone}");
        assert_eq!(running.tokens(), ["t1", "t2"], "{gone}");
        fs::rename(at("gone"), at(gone)).unwrap();
        assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Unchanged, "{gone}");
    }
    fs::remove_file(at("real/b.toml")).unwrap();
    assert_eq!(running.reloader.reload(Trigger::Watched), Outcome::Published(2));
    assert_eq!(running.tokens(), ["t1"], "a file that is taken away is");
}

#[test]
fn a_cut_file_is_believed_after_a_while() {
    let running = Running::start(&config(0..20));
    let _watch = running.watch(EVENTS_ONLY);
    running.write(&config(0..12));
    let written = Instant::now();
    wait("12 tokens", || running.tokens().len() == 12);
    assert!(written.elapsed() >= Duration::from_secs(2), "believed after {:?}", written.elapsed());
}

#[test]
fn an_asked_reload_of_a_cut_file_is_not_held_later() {
    let running = Running::start(&config(0..20));
    let _watch = running.watch(EVENTS_ONLY);
    running.write(&config(0..1));
    assert_eq!(running.reloader.reload(Trigger::Asked), Outcome::Unsettled);
    running.wait_for_tokens(&["t0"]);
}

#[test]
fn events_are_followed_whatever_writes() {
    let running = Running::start(&config([1]));
    let _watch = running.watch(EVENTS_ONLY);
    let path = running.dir.path().join("gate.toml");
    for round in 0..3 {
        running.write(&config([10 + round]));
        running.wait_for_tokens(&[&format!("t{}", 10 + round)]);
        let new = running.dir.path().join("gate.toml.new");
        fs::write(&new, config([20 + round])).unwrap();
        fs::rename(&new, &path).unwrap();
        running.wait_for_tokens(&[&format!("t{}", 20 + round)]);
        // As some editors save: the old file is moved away, a new one written.
        fs::rename(&path, running.dir.path().join("gate.toml~")).unwrap();
        fs::write(&path, config([30 + round])).unwrap();
        running.wait_for_tokens(&[&format!("t{}", 30 + round)]);
    }
    assert!(running.reloader.status().ok);
}

#[cfg(unix)]
#[test]
fn a_swapped_config_map_is_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let version = |name: &str, token| {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("gate.toml"), config([token])).unwrap();
    };
    version("..1", 1);
    symlink("..1", at("..data")).unwrap();
    symlink("..data/gate.toml", at("gate.toml")).unwrap();
    let running = Running::start_in(dir);
    let at = |name: &str| running.dir.path().join(name);
    let _watch = running.watch(EVENTS_ONLY);
    for n in 2..5 {
        let (old, new) = (format!("..{}", n - 1), format!("..{n}"));
        fs::create_dir(at(&new)).unwrap();
        fs::write(at(&new).join("gate.toml"), config([n])).unwrap();
        symlink(&new, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        fs::remove_dir_all(at(&old)).unwrap();
        running.wait_for_tokens(&[&format!("t{n}")]);
    }
}

#[cfg(unix)]
#[test]
fn a_file_behind_a_link_is_followed() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("real.toml");
    fs::write(&target, config([1])).unwrap();
    std::os::unix::fs::symlink(&target, dir.path().join("gate.toml")).unwrap();
    let running = Running::start_in(dir);
    let _watch = running.watch(EVENTS_ONLY);
    for n in 2..5 {
        fs::write(&target, config([n])).unwrap();
        running.wait_for_tokens(&[&format!("t{n}")]);
    }
}

/// A gate with the token `t1` and a folder of further files, which is empty.
fn including(folder: &str) -> (Running, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let included = dir.path().join(folder);
    fs::create_dir(&included).unwrap();
    fs::write(dir.path().join("gate.toml"), format!("include = [\"{folder}/*.toml\"]\n{}", config([1])))
        .unwrap();
    (Running::start_in(dir), included)
}

#[test]
fn included_files_come_and_go() {
    let (running, included) = including("affiliates.d");
    let _watch = running.watch(EVENTS_ONLY);
    fs::write(included.join("b.toml"), affiliate("b", [2])).unwrap();
    running.wait_for_tokens(&["t1", "t2"]);
    fs::write(included.join("b.toml"), affiliate("b", [3])).unwrap();
    running.wait_for_tokens(&["t1", "t3"]);
    fs::remove_file(included.join("b.toml")).unwrap();
    running.wait_for_tokens(&["t1"]);
}

#[test]
fn a_broken_included_file_is_watched_until_it_is_mended() {
    let (running, included) = including("affiliates.d");
    let _watch = running.watch(EVENTS_ONLY);
    fs::write(included.join("b.toml"), "[affiliates.b\n").unwrap();
    wait("a failure", || running.reloader.status().failed == 1);
    assert_eq!(running.tokens(), ["t1"], "the config in force stays");
    fs::write(included.join("b.toml"), affiliate("b", [2])).unwrap();
    running.wait_for_tokens(&["t1", "t2"]);
    assert!(running.reloader.status().ok);
}

#[test]
fn the_poll_sees_what_no_event_tells() {
    let (running, later) = including("later.d");
    let _watch = running.watch(POLL_ONLY);
    fs::write(later.join("b.toml"), affiliate("b", [2])).unwrap();
    running.wait_for_tokens(&["t1", "t2"]);
    fs::remove_dir_all(&later).unwrap();
    wait("a failure", || running.reloader.status().failed == 1);
    fs::create_dir(&later).unwrap();
    running.wait_for_tokens(&["t1"]);
}

#[test]
fn a_snapshot_somebody_reads_is_freed_by_the_watch_thread() {
    let running = Running::start(&config([1]));
    let _watch = running.watch(EVENTS_ONLY);
    let reading = running.reloader.reader().current();
    let freed = Arc::downgrade(&reading);
    running.write(&config([2]));
    running.wait_for_tokens(&["t2"]);
    drop(reading);
    wait("the old snapshot to be freed", || freed.strong_count() == 0);
}
