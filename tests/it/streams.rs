//! stdout and stderr that are full, closed, or read by nobody: requests go on, and every line is whole or counted.

use crate::harness::{
    Client, Config, Gate, ROW, RecordingBackend, Request, eventually, mounting, new_folder, seen_by, small,
};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

const LOST: &str = "access_log_dropped_total";
const LOST_OF_STDERR: &str = "diagnostics_dropped_total";

/// The lines of an access log that are whole; every other is empty or the beginning of one.
#[track_caller]
fn whole_lines(text: &str) -> usize {
    let (whole, rest): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    for line in rest {
        let begins_one = line.starts_with("{\"ts\"") || "{\"ts\"".starts_with(line);
        assert!(
            begins_one && line.matches("{\"ts\"").count() < 2,
            "neither whole nor the beginning of a line: {line}"
        );
    }
    whole.len()
}

/// So many requests, each answered.
#[track_caller]
fn ask(client: &mut Client, times: usize) {
    for _ in 0..times {
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 200);
    }
}

/// A pipe with a name, which the test holds open without reading.
fn pipe(folder: &Path) -> File {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// All that comes out of a pipe up to the end of whoever writes to it.
fn read_to_end(pipe: File, folder: &Path) -> std::thread::JoinHandle<String> {
    // Without a writer of its own, and without waiting for the other one, which is there.
    let mut reader = OpenOptions::new().read(true).open(folder.join("pipe")).unwrap();
    drop(pipe);
    std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        String::from_utf8(all).unwrap()
    })
}

#[test]
fn lines_that_stdout_does_not_take_are_counted() {
    #[rustfmt::skip]
    let cases = [
        // stdout,         lost, said
        (">/dev/full",     40.0, "No space left on device"),
        (">&-",            40.0, "it is closed"),
        (">/dev/null",      0.0, ""),
    ];
    let backend = RecordingBackend::json(ROW);
    for (stdout, lost, said) in cases {
        let config = Config::leads(&backend);
        let mut gate = Gate::in_shell(new_folder(), &config, &format!("exec \"$0\" \"$@\" {stdout}"));
        ask(&mut gate.client(), 40);
        gate.wait_for_metric(LOST, lost);
        gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"ok\"}", 40.0);
        if lost > 0.0 {
            let line = |line: &str| line.contains("lines on stdout are lost").then(|| line.to_owned());
            let line = gate.program.stderr.wait_for("lost lines", 0, line);
            assert!(line.contains(said), "{line}");
        }
        gate.signal("TERM");
        gate.exit();
        let told = gate.program.stderr.to_end().iter().filter(|line| line.contains("are lost")).count();
        assert!(if lost > 0.0 { (1..=2).contains(&told) } else { told == 0 }, "{stdout}: told {told} times");
    }
}

#[test]
fn a_reader_that_goes_away_costs_nothing_but_lines() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let mut pipe = pipe(folder.path());
    let mut gate = Gate::in_shell(folder, &Config::leads(&backend), "exec \"$0\" \"$@\" >pipe");
    ask(&mut gate.client(), 10);
    let mut read = Vec::new();
    while read.iter().filter(|byte| **byte == b'\n').count() < 10 {
        let mut piece = [0; 4096];
        let length = pipe.read(&mut piece).unwrap();
        read.extend_from_slice(&piece[..length]);
    }
    drop(pipe);
    ask(&mut gate.client(), 20);
    gate.wait_for_metric(LOST, 20.0);
    assert_eq!(whole_lines(&String::from_utf8(read).unwrap()), 10);
    gate.signal("TERM");
    gate.exit();
}

/// So many strangers that what is said of them is more than a pipe and the buffers of the gate hold.
fn fill(gate: &Gate) -> usize {
    let times = 20_000;
    let request = Request::get(&format!("/{}", "nothing-here".repeat(30))).bytes();
    let mut client = gate.client();
    for _ in 0..times / 50 {
        client.send(&request.repeat(50));
        for _ in 0..50 {
            assert_eq!(client.answer("GET").unwrap().status, 401);
        }
    }
    times
}

#[test]
fn a_pipe_that_nobody_reads_holds_nothing_up() {
    let backend = RecordingBackend::json(ROW);
    let (folder, in_folder) = {
        let folder = new_folder();
        let path = folder.path().to_owned();
        (folder, path)
    };
    let unread = pipe(&in_folder);
    let mut gate = Gate::in_shell(folder, &Config::leads(&backend), "exec \"$0\" \"$@\" >pipe");
    let asked = fill(&gate);
    let lost = eventually("lines are lost", || Some(gate.metrics().get(LOST)).filter(|lost| *lost > 0.0));
    let line = |line: &str| line.contains("it is not read fast enough").then_some(());
    gate.program.stderr.wait_for("lost lines", 0, line);
    ask(&mut gate.client(), 5);
    // Somebody reads again: what waited is whole, and nothing is missing that was not counted.
    let reading = read_to_end(unread, &in_folder);
    eventually("the log goes on", || {
        let before = gate.metrics().get(LOST);
        ask(&mut gate.client(), 1);
        Some(()).filter(|()| (gate.metrics().get(LOST) - before).abs() < 0.5)
    });
    let asked = asked as f64 + gate.metrics().get("requests_total{report=\"leads\",outcome=\"ok\"}");
    let lost = lost.max(gate.metrics().get(LOST));
    gate.signal("TERM");
    gate.exit();
    let text = reading.join().unwrap();
    assert_eq!(whole_lines(&text), text.lines().count());
    assert_eq!(text.lines().count() as f64 + lost, asked);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_up_the_end() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let _unread = pipe(folder.path());
    // Both on one pipe: the gate listens, and nothing of it is seen.
    let mut gate = Gate::in_shell(folder, &Config::leads(&backend), "exec \"$0\" \"$@\" >pipe 2>&1");
    fill(&gate);
    gate.signal("TERM");
    gate.exit();
}

#[test]
fn both_streams_on_one_pipe_do_not_mix_within_lines() {
    let backend = RecordingBackend::start(|_, reply| reply.json("not JSON"));
    let folder = new_folder();
    let in_folder = folder.path().to_owned();
    let unread = pipe(folder.path());
    let mut gate = Gate::in_shell(folder, &Config::leads(&backend), "exec \"$0\" \"$@\" >pipe 2>&1");
    let mut client = gate.client();
    for _ in 0..1_500 {
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 502);
    }
    let reading = read_to_end(unread, &in_folder);
    gate.wait_for_metric("requests_total{report=\"leads\",outcome=\"backend_response_invalid\"}", 1_500.0);
    gate.signal("TERM");
    gate.exit();
    let text = reading.join().unwrap();
    let access = text.lines().filter(|line| line.starts_with("{\"ts\""));
    assert_eq!(access.filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count(), 1_500);
    let warnings = text.lines().filter(|line| line.contains("WARN") && line.contains("request_id="));
    assert_eq!(warnings.filter(|line| !line.contains("{\"ts\"")).count(), 1_500);
}

/// Asks until the log can take no more, makes room, and asks again: every line is whole, or cut off, counted, and ended.
#[track_caller]
fn fill_and_make_room(mut gate: Gate, log: &Path, make_room: impl FnOnce()) {
    let mut client = gate.client();
    ask(&mut client, 100);
    let lost = eventually("lines are lost", || Some(gate.metrics().get(LOST)).filter(|lost| *lost > 0.0));
    let read = || std::fs::read_to_string(log).unwrap();
    eventually("every line is there or counted", || {
        (whole_lines(&read()) as f64 + gate.metrics().get(LOST) == 100.0).then_some(())
    });
    assert!(!read().is_empty() && lost < 100.0, "{lost}");
    assert!(!read().ends_with('\n'), "a line is cut off: {}", read());
    let before = whole_lines(&read());
    let lost = gate.metrics().get(LOST);
    make_room();
    let kept = read().lines().count();
    ask(&mut client, 3);
    let whole = if kept == 0 { 3 } else { before + 3 };
    eventually("lines are whole again", || (whole_lines(&read()) == whole).then_some(()));
    assert_eq!(gate.metrics().get(LOST), lost);
    assert!(read().ends_with('\n'));
    gate.signal("TERM");
    gate.exit();
}

#[test]
fn a_file_at_its_size_limit_costs_nothing_but_lines() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let log = folder.path().join("log");
    // Units of 512 bytes (POSIX), or of 1,024 where `sh` is bash.
    let gate = Gate::in_shell(folder, &Config::leads(&backend), "ulimit -f 9; exec \"$0\" \"$@\" >>log");
    fill_and_make_room(gate, &log, || File::options().write(true).open(&log).unwrap().set_len(0).unwrap());
}

#[test]
fn a_full_disk_costs_nothing_but_lines() {
    let filled = "head -c 5000 /dev/zero >small/filler";
    let script = format!("{}; {filled}; exec \"$0\" \"$@\" >>small/log", small(16));
    let Some(script) = mounting(&script) else { return };
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::in_shell(new_folder(), &Config::leads(&backend), &script);
    let small = seen_by(&gate, "small");
    fill_and_make_room(gate, &small.join("log"), || std::fs::remove_file(small.join("filler")).unwrap());
}

#[test]
fn diagnostics_never_hold_a_request_up() {
    #[rustfmt::skip]
    let cases = [
        // stderr,                                           nothing is written at all
        ("exec \"$0\" \"$@\" 2>/dev/full",                    true),
        ("exec \"$0\" \"$@\" 2>&-",                           true),
        ("exec \"$0\" \"$@\" >&- 2>&-",                       true),
        ("ulimit -f 8; exec \"$0\" \"$@\" 2>>log",            false),
    ];
    // A line of each such answer.
    let backend = RecordingBackend::start(|_, reply| reply.json("not JSON"));
    for (script, all) in cases {
        let mut gate = Gate::in_shell(new_folder(), &Config::leads(&backend), script);
        let mut client = gate.client();
        for _ in 0..60 {
            assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 502, "{script}");
        }
        let lost = eventually("lines are lost", || {
            Some(gate.metrics().get(LOST_OF_STDERR)).filter(|lost| *lost >= if all { 60.0 } else { 1.0 })
        });
        assert!(all || lost < 60.0, "{script}: {lost}");
        assert_eq!(gate.admin("/livez").status, 200, "{script}");
        gate.signal("TERM");
        gate.exit();
    }
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up() {
    let backend = RecordingBackend::start(|_, reply| reply.json("not JSON"));
    let folder = new_folder();
    let path = folder.path().join("pipe");
    let _unread = pipe(folder.path());
    // A pipe that is full already.
    let mut full = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
    while std::io::Write::write(&mut full, &[b'x'; 4096]).is_ok() {}
    let mut gate = Gate::in_shell(folder, &Config::leads(&backend), "exec \"$0\" \"$@\" 2>pipe");
    let mut client = gate.client();
    for _ in 0..60 {
        assert_eq!(client.call(&Request::get("/leads").of("acme")).status, 502);
    }
    gate.signal("HUP");
    assert_eq!(gate.admin("/livez").status, 200);
    gate.signal("TERM");
    gate.exit();
}
