//! The commands that change the config, run as an operator and as many scripts at once would.

use crate::harness::{
    Config, Gate, Received, RecordingBackend, Reply, Request, affiliate, eventually, new_folder, run,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A commented config without anybody; `{BACKEND}` is filled in.
const MAIN: &str = r#"# The gate of example.com; ask ops before you change the backend.
include = ["people.d/*.toml"]

[server]
listen = ["127.0.0.1:0"]   # behind the load balancer
workers = 1

[admin]
listen = "127.0.0.1:0"

[backends.legacy]
url = "http://{BACKEND}"

# ---- Reports ----

[reports.leads]
permission = "get_leads_report" # the platform calls it so
path = "/leads"

[reports.leads.columns]
created_at = { title = "Created" }
country = {}
commission = {}
email = {}

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id" }]

[reports.leads.response]
format = "json"
rows = "/rows"

# ---- Roles ----

[roles.standard]
# Everything but the mail.
columns.leads = ["created_at", "country", "commission"]
rate_limit = "60/min"

# ---- Tests ----

[[test]] # nobody guesses
as = "nobody"
from = "203.0.113.7"
request = "GET /leads"
expect = "token_unknown"
"#;

const ROWS: &str =
    r#"{"rows": [{"created_at": "2026-01-01", "country": "DE", "commission": 1.50, "email": "s3cr3t"}]}"#;

fn rows(_: &Received, reply: &mut Reply<'_>) {
    reply.json(ROWS);
}

/// A config on disk, and the commands on it.
struct Bed {
    folder: TempDir,
    /// Everything that was said, but for what stands on stdout.
    said: std::cell::RefCell<String>,
}

impl Bed {
    fn new(main: &str) -> Self {
        let folder = new_folder();
        fs::create_dir(folder.path().join("people.d")).unwrap();
        fs::write(folder.path().join("reportgate.toml"), main).unwrap();
        Self { folder, said: Default::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, command: &[&str]) -> Output {
        let config = self.path("reportgate.toml");
        let mut arguments = vec!["-c", config.to_str().unwrap()];
        arguments.extend(command);
        let output = run(&arguments);
        self.said.borrow_mut().push_str(&String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs a command that is to succeed; what it prints on stdout.
    #[track_caller]
    fn ok(&self, command: &[&str]) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that is to be refused, and changes nothing.
    #[track_caller]
    fn refused(&self, command: &[&str], expected: &str) {
        let before = self.files();
        let output = self.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains(expected), "{command:?}: {said}");
        assert!(output.stdout.is_empty(), "{command:?}");
        assert_eq!(self.files(), before, "{command:?}");
    }

    /// Every file with its bytes, but for the lock.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folders = [self.folder.path().to_path_buf(), self.path("people.d")];
        let files = folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap())
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "lock"))
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    fn done(&self) -> usize {
        self.read("audit.jsonl").lines().filter(|line| line.contains("\"stage\":\"done\"")).count()
    }
}

/// Gives an affiliate and an employee access, into files that are named by `file`.
fn seed_workflow(backend: &RecordingBackend, file: &dyn Fn(&str) -> Vec<String>) -> (Bed, [String; 2]) {
    let bed = Bed::new(&MAIN.replace("{BACKEND}", &backend.address().to_string()));
    let add = |id: &str, kind: &str, scope: &str| {
        let name = format!("{id} & Co");
        let mut command = vec![
            "principal",
            "add",
            id,
            "--kind",
            kind,
            "--name",
            &name,
            "--role",
            "standard",
            "--scope",
            scope,
        ];
        let file = file(id);
        command.extend(file.iter().map(String::as_str));
        bed.ok(&command)
    };
    add("acme", "affiliate", "1001");
    add("jane", "employee", "all");
    for id in ["acme", "jane"] {
        bed.ok(&["permission", "grant", id, "get_leads_report"]);
        bed.ok(&["ip", "add", id, "203.0.113.0/24", "127.0.0.1"]);
    }
    bed.ok(&["columns", "set", "acme", "leads", "country,created_at"]);
    let shown = bed.ok(&["token", "new", "acme", "--note", "BI feed", "--dry-run"]);
    assert!(shown.contains("+[[affiliates.acme.tokens]]") && !shown.contains("rg_"), "{shown}");
    let tokens = ["acme", "jane"].map(|id| {
        let printed = bed.ok(&["token", "new", id, "--note", "BI feed"]);
        let token = printed.strip_suffix('\n').unwrap().to_owned();
        assert!(token.starts_with("rg_") && token.len() == 41, "{printed:?}");
        token
    });
    for id in ["acme", "jane"] {
        let listed: serde_json::Value =
            serde_json::from_str(&bed.ok(&["token", "list", id, "--format", "json"])).unwrap();
        let (token, expires) = (listed[0]["id"].as_str().unwrap(), listed[0]["expires"].as_str().unwrap());
        bed.ok(&["token", "extend", token, "--by", "30d"]);
        assert!(!bed.ok(&["token", "list", id]).contains(expires));
    }
    (bed, tokens)
}

/// What the config says of a principal after the workflow, but for its token's id, hash and times.
fn expected(group: &str, id: &str, keys: &str) -> Vec<String> {
    let text = format!(
        "[{group}.{id}]\nname = \"{id} & Co\"\n{keys}permissions = [\"get_leads_report\"]\nallowed_ips = [\"203.0.113.0/24\", \"127.0.0.1\"]\n"
    );
    text.lines().map(str::to_owned).collect()
}

fn acme() -> Vec<String> {
    let mut lines =
        expected("affiliates", "acme", "kind = \"affiliate\"\nrole = \"standard\"\nscope = [\"1001\"]\n");
    lines.push("columns.leads = [\"country\", \"created_at\"]".to_owned());
    lines
}

fn jane() -> Vec<String> {
    expected("employees", "jane", "role = \"standard\"\nscope = \"all\"\n")
}

/// Asserts that a text is `head`, then a blank line and these lines and a token for each principal.
#[track_caller]
fn check_file(text: &str, head: &str, principals: &[(&str, Vec<String>)]) {
    let rest = text.strip_prefix(head).unwrap_or_else(|| panic!("what was there is otherwise:\n{text}"));
    let lines: Vec<&str> = rest.lines().filter(|line| !line.is_empty()).collect();
    let mut lines = lines.into_iter();
    for (header, expected) in principals {
        let own: Vec<_> = lines.by_ref().take(expected.len()).collect();
        assert_eq!(own, *expected, "{text}");
        let token: Vec<_> = lines.by_ref().take(6).collect();
        assert_eq!(token[0], *header, "{text}");
        let keys: Vec<_> = token[1..].iter().map(|line| line.split(" = ").next().unwrap()).collect();
        assert_eq!(keys, ["id", "hash", "created", "expires", "note"], "{text}");
    }
    assert_eq!(lines.next(), None, "{text}");
}

/// Serves the config and fetches the report with the tokens that were issued.
fn serve_and_fetch(bed: Bed, backend: &RecordingBackend, tokens: &[String; 2]) {
    bed.ok(&["check", "--strict"]);
    for (_, bytes) in bed.files() {
        let text = String::from_utf8(bytes).unwrap();
        assert!(tokens.iter().all(|token| !text.contains(token.as_str())), "a token is in a file: {text}");
    }
    let said = bed.said.take();
    assert!(tokens.iter().all(|token| !said.contains(token.as_str())), "a token was said: {said}");
    let gate = Gate::in_folder(bed.folder, "", None);
    let fetch = |token: &str, target: &str| {
        gate.call(&Request::get(target).header("Authorization", &format!("Bearer {token}")))
    };
    let acme = fetch(&tokens[0], "/leads");
    assert_eq!(
        (acme.status, acme.text().as_str()),
        (200, r#"{"rows":[{"country":"DE","created_at":"2026-01-01"}]}"#)
    );
    assert_eq!(backend.last().query(), "_col=country&_col=created_at&affiliate_id=1001");
    let jane = fetch(&tokens[1], "/leads");
    assert_eq!(jane.text(), r#"{"rows":[{"created_at":"2026-01-01","country":"DE","commission":1.50}]}"#);
    assert_eq!(backend.last().query(), "_col=created_at&_col=country&_col=commission");
    let count = backend.count();
    assert_eq!(fetch(&tokens[0], "/leads?_col=email").status, 403);
    assert_eq!(backend.count(), count);
    assert!(!gate.program.stdout.all().join("\n").contains("rg_"));
}

#[test]
fn the_seed_workflow_gives_access_in_the_main_file() {
    let backend = RecordingBackend::start(rows);
    let (bed, tokens) = seed_workflow(&backend, &|_| Vec::new());
    let head = MAIN.replace("{BACKEND}", &backend.address().to_string());
    check_file(
        &bed.read("reportgate.toml"),
        &head,
        &[("[[affiliates.acme.tokens]]", acme()), ("[[employees.jane.tokens]]", jane())],
    );
    // Two principals, two permissions, two whitelists, a view, two tokens, two extensions.
    assert_eq!(bed.done(), 11);
    serve_and_fetch(bed, &backend, &tokens);
}

#[test]
fn the_seed_workflow_gives_access_over_includes() {
    let backend = RecordingBackend::start(rows);
    let file = |id: &str| vec!["--file".to_owned(), format!("people.d/{id}.toml")];
    let (bed, tokens) = seed_workflow(&backend, &file);
    assert_eq!(bed.read("reportgate.toml"), MAIN.replace("{BACKEND}", &backend.address().to_string()));
    check_file(&bed.read("people.d/acme.toml"), "", &[("[[affiliates.acme.tokens]]", acme())]);
    check_file(&bed.read("people.d/jane.toml"), "", &[("[[employees.jane.tokens]]", jane())]);
    assert_eq!(bed.done(), 11);
    serve_and_fetch(bed, &backend, &tokens);
}

/// A config with one affiliate, for what needs no backend.
fn with_acme() -> Bed {
    let bed = Bed::new(&MAIN.replace("{BACKEND}", "127.0.0.1:1"));
    bed.ok(&["principal", "add", "acme", "--kind", "ib", "--role", "standard", "--scope", "1001"]);
    bed
}

#[test]
fn what_would_not_load_changes_nothing() {
    let bed = with_acme();
    let test = "\n[[test]]\nas = \"acme\"\nfrom = \"203.0.113.7\"\nrequest = \"GET /leads\"\nexpect = \"ip_not_allowed\"\n";
    fs::write(bed.path("reportgate.toml"), bed.read("reportgate.toml") + test).unwrap();
    bed.refused(&["ip", "add", "acme", "192.0.2.9-192.0.2.1"], "before its start 192.0.2.9");
    bed.refused(&["columns", "set", "acme", "leads", "contry"], "`contry`");
    bed.refused(&["columns", "set", "acme", "leads", "email"], "does not grant the column `email`");
    // The request is allowed once the address is: the test expects that it never is.
    bed.ok(&["permission", "grant", "acme", "get_leads_report"]);
    bed.refused(
        &["ip", "add", "acme", "203.0.113.7"],
        "the test expects `ip_not_allowed`, but the request is allowed",
    );
    bed.refused(
        &["principal", "add", "beta", "--kind", "ib", "--file", "beta.toml"],
        "no `include` names it",
    );
    assert_eq!(run(&["ip", "add", "acme"]).status.code(), Some(2));
    assert_eq!(run(&["principal", "set", "acme"]).status.code(), Some(2));
}

#[test]
fn no_token_file_stays_without_its_token() {
    let bed = with_acme();
    let file = bed.path("acme.token");
    let file = file.to_str().unwrap();
    bed.refused(&["token", "new", "acne", "--token-file", file], "did you mean \"acme\"?");
    bed.ok(&["token", "new", "acme", "--dry-run", "--token-file", file]);
    assert!(!bed.path("acme.token").exists());
    assert_eq!(bed.ok(&["token", "new", "acme", "--token-file", file]), "");
    assert!(bed.read("acme.token").starts_with("rg_"));
    bed.refused(&["token", "new", "acme", "--token-file", file], "cannot create");
}

#[test]
fn changes_are_shown_without_being_made() {
    let bed = with_acme();
    let before = bed.files();
    let diff = bed.ok(&["ip", "add", "acme", "192.0.2.1", "--dry-run"]);
    assert!(diff.contains("\n+allowed_ips = [\"192.0.2.1\"]\n"), "{diff}");
    let edited = bed.ok(&["columns", "set", "acme", "leads", "country", "--stdout"]);
    assert_eq!(edited, bed.read("reportgate.toml") + "columns.leads = [\"country\"]\n");
    for command in
        [&["principal", "remove", "acme"][..], &["role", "add", "gold"], &["principal", "disable", "acme"]]
    {
        assert!(!bed.ok(&[command, &["--dry-run"]].concat()).is_empty());
    }
    assert_eq!(bed.files(), before);
    assert!(!bed.path("audit.jsonl").exists() || bed.done() == 1);
}

#[test]
fn tokens_given_by_mistake_are_not_said() {
    let bed = with_acme();
    let token = bed.ok(&["token", "new", "acme"]);
    let token = token.trim_end();
    #[rustfmt::skip]
    let cases: [&[&str]; 10] = [
        &["token", "revoke", token], &["token", "rotate", token], &["token", "list", token], &["role", "show", token],
        &["ip", "add", "acme", token], &["columns", "set", "acme", "leads", token], &["preview", "--as", "acme", token],
        &["explain", "--as", token, "--ip", "192.0.2.1", "/leads"], &["explain", "--as", "acme", "--ip", "192.0.2.1", "-H", token, "/"],
        &[token],
    ];
    for command in cases {
        let output = bed.run(command);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty() && !told.is_empty(), "{command:?}");
        assert!(!told.contains(token), "{told}");
    }
    let output = bed.run(&["token", "revoke", token]);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .ends_with("; a token is named by its id, which `token list` has\n")
    );
}

/// It is printed once: whoever pipes it to a program that is gone must hear of it.
#[test]
fn a_token_that_nobody_reads_is_told() {
    let bed = with_acme();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(env!("CARGO_BIN_EXE_reportgate"));
    program.arg("-c").arg(bed.path("reportgate.toml")).args(["token", "new", "acme"]);
    let output =
        program.env_remove("REPORTGATE_CONFIG").stdin(Stdio::null()).stdout(writer).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let listed: serde_json::Value =
        serde_json::from_str(&bed.ok(&["token", "list", "acme", "--format", "json"])).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("nobody has seen token {id}, revoke it")) && !told.contains("rg_"),
        "{told}"
    );
}

#[test]
fn a_rotation_tells_both_ends() {
    let bed = with_acme();
    bed.ok(&["token", "new", "acme"]);
    let listed = |bed: &Bed| -> serde_json::Value {
        serde_json::from_str(&bed.ok(&["token", "list", "acme", "--format", "json"])).unwrap()
    };
    let old = listed(&bed)[0]["id"].as_str().unwrap().to_owned();
    bed.said.take();
    bed.ok(&["token", "rotate", &old, "--overlap", "3d"]);
    let (all, text) = (listed(&bed), |value: &serde_json::Value| value.as_str().unwrap().to_owned());
    let new = all.as_array().unwrap().iter().find(|token| token["id"] != *old).unwrap();
    let first = all.as_array().unwrap().iter().find(|token| token["id"] == *old).unwrap();
    assert_eq!(
        bed.said.take(),
        format!(
            "token {} expires {}, in place of {old}, which expires {}\n",
            text(&new["id"]),
            text(&new["expires"]),
            text(&first["expires"])
        )
    );
}

#[test]
fn everything_that_prints_data_prints_json() {
    let bed = with_acme();
    bed.ok(&["ip", "add", "acme", "192.0.2.0/24"]);
    bed.ok(&["permission", "grant", "acme", "get_leads_report"]);
    #[rustfmt::skip]
    let cases: [(&[&str], &str, &str); 11] = [
        (&["principal", "list"],                "/0/kind",              "\"ib\""),
        (&["principal", "show", "acme"],        "/scope/0",             "\"1001\""),
        (&["principal", "show", "acme"],        "/rate_limit",          "\"60/min\""),
        (&["ip", "list", "acme"],               "/0/to",                "\"192.0.2.255\""),
        (&["permission", "list", "acme"],       "/0/reports/0",         "\"leads\""),
        (&["columns", "show", "acme"],          "/0/columns/3/state",   "\"not granted\""),
        (&["role", "list"],                     "/0/principals",        "1"),
        (&["role", "show", "standard"],         "/columns/0/report",    "\"leads\""),
        (&["role", "list"],                     "/0/rate_limit",        "\"60/min\""),
        (&["role", "show", "standard"],         "/rate_limit",          "\"60/min\""),
        (&["token", "list"],                    "",                     "[]"),
    ];
    for (command, pointer, expected) in cases {
        let json: serde_json::Value =
            serde_json::from_str(&bed.ok(&[command, &["--format", "json"]].concat())).unwrap();
        assert_eq!(
            json.pointer(pointer).map(ToString::to_string).as_deref(),
            Some(expected),
            "{command:?}: {json}"
        );
        let table = bed.ok(command);
        assert!(!table.is_empty() && !table.contains('\u{1b}'), "no colour without a terminal: {table}");
    }
}

#[test]
fn shells_and_man_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&["completions", shell]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("permission"), "{shell}");
    }
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(page.contains("reportgate columns set") && page.contains(".TH reportgate"), "{page}");
}

#[test]
fn the_running_gate_tells_when_a_token_was_used_last() {
    let backend = RecordingBackend::json(ROWS);
    let gate = Gate::start(
        &Config::leads(&backend).with(&affiliate("idle", "role = \"standard\"\nscope = [\"1\"]")),
    );
    let (config, admin) = (gate.config(), gate.admin_address().to_string());
    let list = |admin: &str| -> serde_json::Value {
        let arguments =
            ["-c", config.to_str().unwrap(), "token", "list", "--format", "json", "--admin", admin];
        serde_json::from_slice(&run(&arguments).stdout).unwrap()
    };
    assert!(list(&admin)[0]["last_used"].is_null());
    // Whatever becomes of the request.
    assert_eq!(gate.get("acme", "/nothing").status, 404);
    let listed =
        eventually("the use is known", || Some(list(&admin)).filter(|list| list[0]["last_used"].is_string()));
    assert_eq!((listed[0]["id"].as_str(), listed[1]["last_used"].is_null()), (Some("acme-1"), true));
    assert!(listed[0]["last_used"].as_str().unwrap() > "2026-01-01T00:00:00Z", "{listed}");
    assert!(list("127.0.0.1:1")[0]["last_used"].is_null(), "no gate there");
}

#[test]
fn a_held_reload_is_confirmed() {
    let backend = RecordingBackend::start(rows);
    let bed = Bed::new(&MAIN.replace("{BACKEND}", &backend.address().to_string()));
    let gate = Gate::in_folder(bed.folder, "", None);
    let (config, admin) = (gate.config(), gate.admin_address().to_string());
    let output = run(&["-c", config.to_str().unwrap(), "confirm", "--admin", &admin]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.starts_with("unchanged"), "{said}");
    fs::write(&config, "nonsense").unwrap();
    let output = run(&["confirm", "--admin", &admin]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("answered 409"), "{said}");
}

/// The same file is held when somebody else wrote it.
#[test]
fn what_commands_take_away_is_never_held() {
    let bed = with_acme();
    let config = bed.path("reportgate.toml");
    let tokens = |id: &str| -> String {
        let token = |nth| {
            format!(
                "\n[[affiliates.{id}.tokens]]\nid = \"t{nth}\"\nhash = \"sha256:{nth:064x}\"\nexpires = \"never\"\n"
            )
        };
        (0..20).map(token).collect()
    };
    let few = bed.read("reportgate.toml");
    let many = few.clone() + &tokens("acme");
    fs::write(&config, &many).unwrap();
    let gate = Gate::in_folder(bed.folder, "", None);
    let status = || gate.status();
    let is_in_force = |tokens: u64| status()["tokens"]["active"].as_u64() == Some(tokens);
    assert!(is_in_force(20), "{}", status());
    let command = |command: &[&str]| {
        let output = run(&[&["-c", config.to_str().unwrap()], command].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // The file is a strict prefix of what it was, which an editor may have left half written.
    command(&["token", "revoke", "t19"]);
    eventually("19 tokens in force", || is_in_force(19).then_some(()));
    command(&["principal", "remove", "acme"]);
    eventually("0 tokens in force", || is_in_force(0).then_some(()));
    command(&["principal", "add", "acme", "--kind", "ib", "--role", "standard", "--scope", "1001"]);
    fs::write(&config, fs::read_to_string(&config).unwrap() + &tokens("acme")).unwrap();
    eventually("20 tokens in force", || is_in_force(20).then_some(()));
    fs::write(&config, few.replace("# The gate", "# A gate")).unwrap();
    eventually("a held reload", || status()["held"].is_string().then_some(()));
    assert!(is_in_force(20), "{}", status());
}

fn spawn(config: &Path, command: &[&str]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_reportgate"));
    program.arg("-c").arg(config).args(command).env_remove("REPORTGATE_CONFIG");
    program
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

#[test]
fn two_hundred_changes_at_once_are_all_made() {
    const CHANGES: usize = 200;
    let bed = with_acme();
    let (before, config) = (bed.done(), bed.path("reportgate.toml"));
    let mut running: Vec<Child> = Vec::new();
    for nth in 0..CHANGES {
        let address = format!("10.1.{nth}.1");
        running.push(if nth % 2 == 0 {
            spawn(&config, &["token", "new", "acme"])
        } else {
            spawn(&config, &["ip", "add", "acme", &address])
        });
    }
    running.into_iter().for_each(finish);
    bed.ok(&["check"]);
    let list = |command: &[&str]| -> Vec<serde_json::Value> {
        serde_json::from_str(&bed.ok(&[command, &["--format", "json"]].concat())).unwrap()
    };
    assert_eq!(list(&["token", "list", "acme"]).len(), CHANGES / 2);
    assert_eq!(list(&["ip", "list", "acme"]).len(), CHANGES / 2);
    assert_eq!(bed.done() - before, CHANGES);
    let left: Vec<_> =
        bed.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "new")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[track_caller]
fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The old file or the new one, whole; and nobody waits for the lock of one who is gone.
#[test]
fn a_killed_change_is_made_or_not() {
    let bed = with_acme();
    let config = bed.path("reportgate.toml");
    let (mut made, mut before) = (0, bed.read("reportgate.toml"));
    for nth in 0..40_u64 {
        let address = format!("10.1.{nth}.1");
        let mut child = spawn(&config, &["ip", "add", "acme", &address]);
        // Moments from before it has read anything to after it is done.
        std::thread::park_timeout(std::time::Duration::from_micros(nth * 1_500));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = bed.read("reportgate.toml");
        if after != before {
            assert!(after.contains(&address), "{after}");
            made += 1;
        }
        bed.ok(&["check"]);
        before = after;
    }
    bed.ok(&["ip", "add", "acme", "192.0.2.1"]);
    let listed = bed.ok(&["ip", "list", "acme", "--format", "json"]);
    assert_eq!(listed.matches("\"range\"").count(), made + 1, "{listed}");
}
