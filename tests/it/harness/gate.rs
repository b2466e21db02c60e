//! The program itself: started, read, reloaded and stopped as an operator would.

use super::lines::Lines;
use super::metrics::Metrics;
use super::{Answer, Client, Config, PATIENCE, Request, checks, eventually, within};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_reportgate");

/// Runs a command of the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env_remove("REPORTGATE_CONFIG")
        .output()
        .expect("the program starts")
}

/// Likewise, with this on stdin.
pub(crate) fn run_with(arguments: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("REPORTGATE_CONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // A program that has ended does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a command to its end as a shell does that runs `script` in `folder`, in which `"$0" "$@"` is the command.
pub(crate) fn run_in_shell(folder: &Path, script: &str, arguments: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", script, PROGRAM]).args(arguments).env_remove("REPORTGATE_CONFIG");
    shell.output().expect("a shell")
}

/// A running `reportgate serve`, of which nothing else is known yet.
pub(crate) struct Program {
    child: Child,
    pub(crate) stdout: Arc<Lines>,
    pub(crate) stderr: Arc<Lines>,
}

impl Program {
    /// Starts it with a config file; `open_files` limits its descriptors.
    pub(crate) fn start(config: &Path, open_files: Option<u32>) -> Self {
        match open_files {
            None => Self::spawn(Self::serving(config)),
            Some(limit) => Self::in_shell(config, &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")),
        }
    }

    /// Starts it as a shell does that runs `script`, in which `exec "$0" "$@"` is the program; its folder is that of the config.
    pub(crate) fn in_shell(config: &Path, script: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.current_dir(config.parent().unwrap()).args(["-c", script, PROGRAM, "serve", "-c"]).arg(config);
        Self::spawn(shell)
    }

    /// The command that starts it.
    pub(crate) fn serving(config: &Path) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg("-c").arg(config);
        command
    }

    /// Starts another command that goes on until it is told to end.
    pub(crate) fn command(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts what a command says.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.env_remove("REPORTGATE_CONFIG").stdin(Stdio::null());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stdout = Lines::follow(child.stdout.take().unwrap());
        let stderr = Lines::follow(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> ExitStatus {
        eventually("the program ends", || self.child.try_wait().unwrap())
    }

    /// Sends a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}");
    }

    /// Where it listens, in the order in which it began to.
    fn listening(&self) -> Vec<SocketAddr> {
        const LISTEN: &str = "0A";
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.id())).unwrap_or_default();
        let sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let sockets: Vec<_> = sockets.filter(|fields| fields[3] == LISTEN).collect();
        let address = |descriptor: u32| {
            let target = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", self.id())).ok()?;
            let socket =
                sockets.iter().find(|fields| target.as_os_str() == &*format!("socket:[{}]", fields[9]))?;
            let (_, port) = socket[1].split_once(':')?;
            Some(SocketAddr::from(([127, 0, 0, 1], u16::from_str_radix(port, 16).ok()?)))
        };
        let mut found = Vec::new();
        for address in (0..64).filter_map(address) {
            // It is kept for a successor, too.
            if !found.contains(&address) {
                found.push(address);
            }
        }
        found
    }

    /// A figure of `/proc/PID/status` in bytes, such as `VmRSS` or `VmHWM`.
    pub(crate) fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        let kilobytes = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.expect("a figure in kB") * 1024
    }

    /// Ticks of processor time, of a hundredth of a second each, used so far.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let outputs = [("the log", self.stderr.to_end()), ("the access log", self.stdout.to_end())];
        for (name, lines) in outputs {
            if std::thread::panicking() {
                eprintln!("--- {name} of the gate:\n{}", lines.join("\n"));
            } else {
                checks::no_secret(name, lines.join("\n").as_bytes());
            }
        }
    }
}

/// A gate that serves.
pub(crate) struct Gate {
    pub(crate) program: Program,
    folder: TempDir,
    addresses: Vec<SocketAddr>,
    admin: SocketAddr,
    /// Headers that answers may have in this test besides those they always may.
    pub(crate) extra_headers: &'static [&'static str],
}

impl Gate {
    /// Starts a gate with this config and waits until it listens.
    pub(crate) fn start(config: &Config) -> Self {
        Self::in_folder(new_folder(), &config.text(), None)
    }

    /// Starts it with a config in a folder that may hold other files already; `open_files` limits its descriptors.
    pub(crate) fn in_folder(folder: TempDir, config: &str, open_files: Option<u32>) -> Self {
        let path = folder.path().join("reportgate.toml");
        if !path.exists() {
            std::fs::write(&path, config).unwrap();
        }
        Self::of(Program::start(&path, open_files), folder)
    }

    /// A gate that was started with the config of a folder; returns when it is ready.
    pub(crate) fn of(program: Program, folder: TempDir) -> Self {
        let admin = program.stderr.wait_for("the admin address", 0, |line| url(line, "admin on "));
        let first = program.stderr.wait_for("an address", 0, |line| url(line, "listening on "));
        let lines = program.stderr.all();
        let mut addresses: Vec<_> = lines.iter().filter_map(|line| url(line, "listening on ")).collect();
        if addresses.is_empty() {
            addresses.push(first);
        }
        let gate = Self { program, folder, addresses, admin, extra_headers: &[] };
        eventually("the gate is ready", || (gate.admin("/readyz").status == 200).then_some(()));
        gate
    }

    /// Starts it as [`Program::in_shell`] does, wherever its outputs go; it listens on one address and for `[admin]`.
    pub(crate) fn in_shell(folder: TempDir, config: &Config, script: &str) -> Self {
        Self::in_shell_with(folder, &config.text(), script)
    }

    /// Likewise, with the text of a config.
    pub(crate) fn in_shell_with(folder: TempDir, config: &str, script: &str) -> Self {
        let path = folder.path().join("reportgate.toml");
        std::fs::write(&path, config).unwrap();
        let mut program = Program::in_shell(&path, script);
        let (address, admin) = eventually("the gate listens", || {
            assert_eq!(program.child.try_wait().unwrap(), None, "it ended");
            Some(program.listening()).filter(|found| found.len() == 2).map(|found| (found[0], found[1]))
        });
        let gate = Self { program, folder, addresses: vec![address], admin, extra_headers: &[] };
        eventually("the gate is ready", || (gate.admin("/readyz").status == 200).then_some(()));
        gate
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The config file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("reportgate.toml")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address(), self.extra_headers)
    }

    /// Sends one request on a new connection.
    #[track_caller]
    pub(crate) fn call(&self, request: &Request) -> Answer {
        self.client().call(request)
    }

    /// GETs `target` as that principal.
    #[track_caller]
    pub(crate) fn get(&self, principal: &str, target: &str) -> Answer {
        self.call(&Request::get(target).of(principal))
    }

    /// GETs from the admin listener.
    #[track_caller]
    pub(crate) fn admin(&self, path: &str) -> Answer {
        self.admin_call(&Request::get(path).hostless().header("Host", "localhost"))
    }

    /// Sends a request to the admin listener.
    #[track_caller]
    pub(crate) fn admin_call(&self, request: &Request) -> Answer {
        Client::connect(self.admin, &[]).call(request)
    }

    #[track_caller]
    pub(crate) fn status(&self) -> serde_json::Value {
        self.admin("/status").json()
    }

    #[track_caller]
    pub(crate) fn generation(&self) -> u64 {
        self.status()["generation"].as_u64().expect("a generation")
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        let answer = self.admin("/metrics");
        assert_eq!(answer.status, 200);
        Metrics::parse(answer.text())
    }

    /// Waits until a series has reached a value; workers may be a moment behind.
    #[track_caller]
    pub(crate) fn wait_for_metric(&self, series: &str, value: f64) {
        let reached = within(PATIENCE, || (self.metrics().get(series) >= value).then_some(()));
        assert!(reached.is_some(), "{series} is {}, not {value}", self.metrics().get(series));
        assert!((self.metrics().get(series) - value).abs() < 0.5, "{series} is beyond {value}");
    }

    /// Writes the config file anew and returns once it is in force.
    #[track_caller]
    pub(crate) fn reload(&self, config: &Config) -> u64 {
        self.reloaded(|| replace(&self.config(), &config.text()))
    }

    /// Changes files, then waits until a newer generation is in force.
    #[track_caller]
    pub(crate) fn reloaded(&self, change: impl FnOnce()) -> u64 {
        let before = self.generation();
        change();
        eventually("a new generation is in force", || {
            Some(self.generation()).filter(|generation| *generation > before)
        })
    }

    /// Changes files, then waits until a reload has failed or is held; the generation stays.
    #[track_caller]
    pub(crate) fn refused(&self, change: impl FnOnce()) -> serde_json::Value {
        let before = self.generation();
        change();
        let status = eventually("a reload is refused", || {
            Some(self.status()).filter(|status| status["last_reload"]["ok"] == serde_json::json!(false))
        });
        assert_eq!(self.generation(), before);
        status
    }

    /// The access line of a request; it may come a moment after the answer.
    #[track_caller]
    pub(crate) fn access_line(&self, request_id: &str) -> serde_json::Value {
        let what = format!("request_id {request_id}");
        let line =
            self.program.stdout.wait_for(&what, 0, |line| line.contains(request_id).then(|| line.to_owned()));
        serde_json::from_str(&line).expect("access lines are JSON")
    }

    /// The first access line from `after` on with that code.
    #[track_caller]
    pub(crate) fn line_with_code(&self, after: usize, code: &str) -> serde_json::Value {
        self.program.stdout.wait_for(code, after, |line| {
            serde_json::from_str(line).ok().filter(|line: &serde_json::Value| line["code"] == code)
        })
    }

    /// How many access lines there are so far.
    pub(crate) fn lines(&self) -> usize {
        self.program.stdout.all().len()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    /// Waits for the end of the program, which is to be a success.
    #[track_caller]
    pub(crate) fn exit(&mut self) {
        let status = self.program.exit();
        assert!(status.success(), "{status}");
    }
}

/// A folder for a config.
pub(crate) fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("reportgate-").tempdir().unwrap()
}

/// Replaces a file in one step.
pub(crate) fn replace(path: &Path, text: &str) {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.persist(path).unwrap();
}

/// The address in the URL behind `prefix` in a line.
fn url(line: &str, prefix: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(prefix)?;
    let rest = rest.strip_prefix("http://").or_else(|| rest.strip_prefix("https://"))?;
    rest.split(|c: char| c.is_whitespace() || c == '"' || c == ',').next()?.trim_end_matches('/').parse().ok()
}
