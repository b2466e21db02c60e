//! Hot reload: every way a file changes, what is refused, what is held, and requests meanwhile.

use crate::harness::{
    Config, Gate, LEADS, ROW, RecordingBackend, Request, affiliate, eventually, new_folder, replace, within,
};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const KEYS: &str = "role = \"standard\"\nscope = [\"1001\"]";

fn with_affiliates(backend: &RecordingBackend, ids: &[&str]) -> Config {
    ids.iter().fold(Config::empty(backend).with(LEADS), |config, id| config.with(&affiliate(id, KEYS)))
}

#[track_caller]
fn statuses(gate: &Gate, expected: &[(&str, u16)]) {
    for (who, status) in expected {
        assert_eq!(gate.get(who, "/leads").status, *status, "{who}");
    }
}

#[test]
fn a_file_may_change_in_any_way() {
    let backend = RecordingBackend::json(ROW);
    let (one, two) = (with_affiliates(&backend, &["acme"]), with_affiliates(&backend, &["acme", "duo1"]));
    let gate = Gate::start(&one);
    assert_eq!(gate.generation(), 1);
    let file = gate.config();
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);

    gate.reloaded(|| fs::write(&file, two.text()).unwrap());
    statuses(&gate, &[("acme", 200), ("duo1", 200)]);

    gate.reloaded(|| replace(&file, &one.text()));
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);

    // An editor's save dance: the old file is moved away, a new one appears.
    gate.reloaded(|| {
        fs::rename(&file, file.with_extension("toml~")).unwrap();
        fs::write(&file, two.text()).unwrap();
    });
    statuses(&gate, &[("acme", 200), ("duo1", 200)]);
    assert_eq!(gate.status()["last_reload"]["ok"], json!(true));
    gate.wait_for_metric("config_generation", 4.0);
    gate.wait_for_metric("config_last_reload_successful", 1.0);
}

/// As the kubelet does it: `..data` is a link to a folder, swapped in one step.
#[test]
fn a_config_map_is_swapped() {
    let backend = RecordingBackend::json(ROW);
    let mount = new_folder();
    let version = |name: &str, ids: &[&str]| {
        let folder = mount.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("reportgate.toml"), with_affiliates(&backend, ids).text()).unwrap();
    };
    version("..v1", &["acme"]);
    symlink("..v1", mount.path().join("..data")).unwrap();
    symlink("..data/reportgate.toml", mount.path().join("reportgate.toml")).unwrap();
    let gate = Gate::in_folder(mount, "", None);
    let mount = gate.folder().to_owned();
    for (name, ids, status) in [("..v2", &["acme", "duo1"][..], 200), ("..v3", &["acme"][..], 401)] {
        let folder = mount.join(name);
        gate.reloaded(|| {
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("reportgate.toml"), with_affiliates(&backend, ids).text()).unwrap();
            symlink(name, mount.join("..data_tmp")).unwrap();
            fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
        });
        statuses(&gate, &[("acme", 200), ("duo1", status)]);
    }
}

#[test]
fn included_files_come_and_go() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    fs::create_dir(folder.path().join("affiliates.d")).unwrap();
    let config =
        format!("include = [\"affiliates.d/*.toml\"]\n{}", with_affiliates(&backend, &["acme"]).text());
    let gate = Gate::in_folder(folder, &config, None);
    let file = gate.folder().join("affiliates.d/duo1.toml");
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);
    gate.reloaded(|| fs::write(&file, affiliate("duo1", KEYS)).unwrap());
    statuses(&gate, &[("acme", 200), ("duo1", 200)]);
    gate.reloaded(|| replace(&file, &affiliate("duo1", &format!("disabled = true\n{KEYS}"))));
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);
    gate.reloaded(|| fs::remove_file(&file).unwrap());
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);
}

#[test]
fn a_secret_file_is_watched_too() {
    let backend = RecordingBackend::json(ROW);
    let folder = new_folder();
    let key = folder.path().join("key");
    fs::write(&key, "s3cr3t-old\n").unwrap();
    let config = with_affiliates(&backend, &["acme"]).backend("headers = { x-key = { file = \"key\" } }");
    let gate = Gate::in_folder(folder, &config.text(), None);
    statuses(&gate, &[("acme", 200)]);
    assert_eq!(backend.last().header("x-key").as_deref(), Some("s3cr3t-old"));
    gate.reloaded(|| replace(&key, "s3cr3t-new\n"));
    statuses(&gate, &[("acme", 200)]);
    assert_eq!(backend.last().header("x-key").as_deref(), Some("s3cr3t-new"));
}

#[test]
fn a_broken_file_changes_nothing_and_is_mended() {
    let backend = RecordingBackend::json(ROW);
    let good = with_affiliates(&backend, &["acme"]);
    let gate = Gate::start(&good);
    let broken = good.text().replace("role = \"standard\"", "role = \"standart\"");
    let status = gate.refused(|| replace(&gate.config(), &broken));
    let problems = status["last_reload"]["problems"].as_array().expect("problems").clone();
    let line = broken.lines().position(|line| line.contains("standart")).unwrap() + 1;
    let place = format!("reportgate.toml:{line}:");
    assert!(problems.iter().any(|p| p.as_str().unwrap().contains(&place)), "{place} in {problems:?}");
    statuses(&gate, &[("acme", 200)]);
    gate.wait_for_metric("config_last_reload_successful", 0.0);
    gate.program.stderr.wait_for("the place in the log", 0, |line| line.contains(&place).then_some(()));

    gate.reload(&with_affiliates(&backend, &["acme", "duo1"]));
    let status = gate.status();
    assert_eq!(status["last_reload"]["ok"], json!(true), "{status}");
    statuses(&gate, &[("acme", 200), ("duo1", 200)]);
}

/// A file that is being written is a prefix of itself; cut at a table boundary it is valid TOML.
#[test]
fn half_a_file_is_not_believed_at_once() {
    let backend = RecordingBackend::json(ROW);
    let whole = with_affiliates(&backend, &["acme", "duo1"]).text();
    let half = with_affiliates(&backend, &["acme"]).text();
    assert!(whole.starts_with(&half) && whole.len() > half.len());
    let gate = Gate::in_folder(new_folder(), &whole, None);
    let before = gate.generation();
    fs::write(gate.config(), &half).unwrap();
    let early = within(Duration::from_millis(1_200), || (gate.generation() > before).then_some(()));
    assert!(early.is_none(), "believed too early");
    statuses(&gate, &[("acme", 200), ("duo1", 200)]);
    eventually("it has stayed so", || (gate.generation() > before).then_some(()));
    statuses(&gate, &[("acme", 200), ("duo1", 401)]);
}

#[test]
fn removing_most_tokens_is_held_until_somebody_asks() {
    let backend = RecordingBackend::json(ROW);
    let ids: Vec<String> = (0..30).map(|at| format!("many{at}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let all = with_affiliates(&backend, &ids);
    let few = with_affiliates(&backend, &ids[20..]);
    let gate = Gate::start(&all);

    // By SIGHUP.
    let status = gate.refused(|| replace(&gate.config(), &few.text()));
    assert_ne!(status["held"], json!(null), "{status}");
    assert_ne!(status["held"], json!(false), "{status}");
    gate.wait_for_metric("config_reload_held", 1.0);
    statuses(&gate, &[("many0", 200), ("many29", 200)]);
    gate.reloaded(|| gate.signal("HUP"));
    statuses(&gate, &[("many0", 401), ("many29", 200)]);
    gate.wait_for_metric("config_reload_held", 0.0);

    // By `confirm`, which a page of another site cannot send.
    gate.reload(&all);
    gate.refused(|| replace(&gate.config(), &few.text()));
    let confirm = Request::new("POST", "/confirm").hostless().header("Host", "localhost");
    assert!(gate.admin_call(&confirm.clone().body("")).status >= 400);
    statuses(&gate, &[("many0", 200)]);
    gate.reloaded(|| {
        let answer = gate.admin_call(&confirm.header("X-Reportgate", "confirm").body(""));
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    });
    statuses(&gate, &[("many0", 401), ("many29", 200)]);

    // A good change in between is judged anew.
    gate.reload(&all);
    gate.refused(|| replace(&gate.config(), &few.text()));
    gate.reload(&with_affiliates(&backend, &ids[1..]));
    statuses(&gate, &[("many0", 401), ("many1", 200)]);
}

#[test]
fn removing_some_tokens_is_not_held() {
    let backend = RecordingBackend::json(ROW);
    let ids: Vec<String> = (0..12).map(|at| format!("many{at}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = Gate::start(&with_affiliates(&backend, &ids));
    // Nine of twelve are more than half, but fewer than ten.
    gate.reload(&with_affiliates(&backend, &ids[9..]));
    statuses(&gate, &[("many0", 401), ("many9", 200)]);

    let off = with_affiliates(&backend, &ids).with("\n[reload]\nmax_removed = \"off\"\n");
    gate.reload(&off);
    gate.reload(&with_affiliates(&backend, &ids[11..]).with("\n[reload]\nmax_removed = \"off\"\n"));
    statuses(&gate, &[("many0", 401), ("many11", 200)]);
}

#[test]
fn a_revoked_token_is_refused_on_an_open_connection() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&with_affiliates(&backend, &["acme", "duo1"]));
    let mut client = gate.client();
    let request = Request::get("/leads").of("acme");
    for _ in 0..3 {
        assert_eq!(client.call(&request).status, 200);
    }
    gate.reload(&with_affiliates(&backend, &["duo1"]));
    let answer = client.call(&request);
    assert_eq!((answer.status, answer.code().as_str()), (401, "token_unknown"));
    assert_eq!(client.call(&Request::get("/leads").of("duo1")).status, 200, "the connection itself goes on");
    assert_eq!(backend.count(), 4);
}

#[test]
fn every_change_of_rights_holds_for_the_next_request() {
    let backend = RecordingBackend::json(ROW);
    let gate = Gate::start(&with_affiliates(&backend, &["acme"]));
    let mut client = gate.client();
    let request = Request::get("/leads").of("acme");
    let acme = affiliate("acme", KEYS);
    let change = |from: &str, to: &str| Config::empty(&backend).with(LEADS).with(&acme.replace(from, to));
    #[rustfmt::skip]
    let cases = [
        // change                                                                       status what to find
        (change("\"127.0.0.1\"", "\"203.0.113.7\""),                                    403, "ip_not_allowed"),
        (change("expires = \"never\"", "expires = 2026-01-02T00:00:00Z"),               401, "token_expired"),
        (change("scope =", "disabled = true\nscope ="),                                 401, "principal_disabled"),
        (change("scope =", "columns.leads = [\"country\"]\nscope ="),                   200, r#"{"rows":[{"country":"DE"}]}"#),
        (change("scope =", "columns.leads = [\"commission\", \"country\"]\nscope ="),   200, r#"{"rows":[{"commission":1.50,"country":"DE"}]}"#),
        (change("", ""),                                                                200, r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#),
    ];
    for (config, status, text) in cases {
        gate.reload(&config);
        let answer = client.call(&request);
        assert_eq!(answer.status, status, "{text}");
        assert!(answer.squeezed().contains(text), "{text} in {}", answer.text());
    }
}

/// Two configs differ in view and scope; every answer must be wholly of one of them.
#[test]
fn answers_under_load_are_wholly_old_or_wholly_new() {
    let backend = RecordingBackend::start(|received, reply| {
        let scope = received.query().split('&').find(|pair| pair.starts_with("affiliate_id="));
        let mut body = r#"{"rows":["#.to_owned();
        for at in 0..50 {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(body, "{comma}{{\"country\":\"{}\",\"commission\":1}}", scope.unwrap_or_default());
        }
        reply.json(body + "]}");
    });
    let config = |view: &str, scope: &str| {
        let keys = format!("role = \"standard\"\ncolumns.leads = [{view}]\nscope = [\"{scope}\"]");
        Config::empty(&backend).with(LEADS).with(&affiliate("acme", &keys))
    };
    let old = config("\"country\"", "1001");
    let new = config("\"commission\", \"country\"", "2002");
    let wholly = |row: &str| format!("{{\"rows\":[{}]}}", vec![row; 50].join(","));
    let allowed = [
        wholly(r#"{"country":"affiliate_id=1001"}"#),
        wholly(r#"{"commission":1,"country":"affiliate_id=2002"}"#),
    ];
    let gate = Gate::start(&old);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let loads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = gate.client();
                    let mut seen = [0_usize; 2];
                    while !done.load(Ordering::Relaxed) {
                        let answer = client.call(&Request::get("/leads").of("acme"));
                        let text = answer.squeezed();
                        let which = allowed.iter().position(|whole| *whole == text);
                        seen[which.unwrap_or_else(|| panic!("{} {text}", answer.status))] += 1;
                    }
                    seen
                })
            })
            .collect();
        // Even when a flip fails, the load must end.
        let flips = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for flip in 0..100 {
                gate.reload(if flip % 2 == 0 { &new } else { &old });
            }
        }));
        done.store(true, Ordering::Relaxed);
        flips.unwrap();
        loads.into_iter().map(|load| load.join().unwrap()).fold([0, 0], |a, b| [a[0] + b[0], a[1] + b[1]])
    });
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn what_needs_a_restart_is_said() {
    let backend = RecordingBackend::json(ROW);
    let config = with_affiliates(&backend, &["acme"]);
    let gate = Gate::start(&config);
    assert_eq!(gate.status()["restart_needed"], json!([]));
    gate.reload(&config.clone().server("workers = 2"));
    let needed = gate.status()["restart_needed"].clone();
    assert!(needed.to_string().contains("workers"), "{needed}");
    statuses(&gate, &[("acme", 200)]);
    gate.reload(&config.server("drain_delay = \"1s\""));
    assert_eq!(gate.status()["restart_needed"], json!([]));
}

#[test]
fn a_touched_file_is_not_a_change() {
    let backend = RecordingBackend::json(ROW);
    let config = with_affiliates(&backend, &["acme"]);
    let gate = Gate::start(&config);
    let before = gate.status();
    touch(&gate.config(), &config.text());
    gate.signal("HUP");
    let changed = within(Duration::from_millis(700), || (gate.generation() > 1).then_some(()));
    assert!(changed.is_none());
    assert_eq!(gate.status()["config_hash"], before["config_hash"]);
}

fn touch(path: &Path, text: &str) {
    replace(path, text);
    fs::write(path, text).unwrap();
}
