//! The command line: arguments, dispatch, exit codes.
//!
//! Floor 8. One file per command. Data goes to stdout and notes to stderr; the exit code is
//! 0, 1 for a failure and 2 for wrong usage. Rules are called from here, never written here.

mod ask;
mod check;
mod columns;
mod confirm;
mod demo;
mod edit;
mod explain;
mod failure;
mod healthcheck;
mod help;
mod ip;
mod permission;
mod pinned;
mod preview;
mod principal;
mod role;
mod schema;
mod serve;
mod snippet;
mod status;
mod streams;
mod table;
mod token;

use clap::{Args, Parser, Subcommand, ValueEnum};
use failure::Failure;
pub(crate) use streams::Stderr;

use reportgate::config::blotted;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A gate in front of a legacy reporting backend: API tokens in, granted columns out
#[derive(Debug, Parser)]
#[command(name = "reportgate", version, arg_required_else_help = true)]
struct Arguments {
    /// The config file
    #[arg(short, long, global = true, value_name = "FILE", env = "REPORTGATE_CONFIG")]
    #[arg(default_value = "reportgate.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C, then finish what was accepted
    Serve,
    /// Read the config, say everything that is wrong with it, and run its tests
    Check(check::Options),
    /// Try it: a sample backend, a sample config, and requests to copy
    Demo,
    /// Affiliates, IBs and employees: list, show, add, set, disable, enable, remove
    #[command(subcommand)]
    Principal(principal::Command),
    /// Permissions of an affiliate or employee: list, grant, revoke
    #[command(subcommand)]
    Permission(permission::Command),
    /// Whitelisted addresses of an affiliate or employee: list, add, remove
    #[command(subcommand)]
    Ip(ip::Command),
    /// Columns that an affiliate or employee sees: show, set, reset
    #[command(subcommand)]
    Columns(columns::Command),
    /// Why a request would pass, or not: every check, and what the backend would get. Exit 1 when it is refused
    Explain(explain::Options),
    /// What an affiliate or employee gets of a report, and which columns are hidden from it or cut
    Preview(preview::Options),
    /// A ready request for a report: curl, Python, PHP, Node, PowerShell, Excel
    Snippet(snippet::Options),
    /// Tokens: issue, list, extend, rotate, revoke, import
    #[command(subcommand)]
    Token(token::Command),
    /// Roles, which many share: list, show, add, grant, revoke, columns
    #[command(subcommand)]
    Role(role::Command),
    /// What the running gate says about itself
    Status(status::Options),
    /// Exit 0 when the running gate is alive
    Healthcheck(ask::Target),
    /// Let a held reload pass: what the files say now is meant
    Confirm(ask::Target),
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// Print what completes these commands in a shell
    #[command(after_help = "Example: reportgate completions bash > /etc/bash_completion.d/reportgate")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example: reportgate man > /usr/local/share/man/man1/reportgate.1")]
    Man,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// For programs
    Json,
}

/// How a command prints its data.
#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs the command that `arguments` name; the first is the program itself.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments { config, command } = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(usage) => {
            // Help goes to stdout with code 0, a mistake to stderr with code 2. There is nobody to
            // tell when that fails.
            match usage.render().to_string() {
                // What was given by mistake may be a token.
                told if usage.use_stderr() && blotted(told.clone()) != told => note(&blotted(told)),
                _ => drop(usage.print()),
            }
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let ended = match command {
        Command::Serve => return serve_detached(&config),
        Command::Check(options) => check::run(&config, &options),
        Command::Demo => demo::run(),
        Command::Principal(command) => principal::run(&config, command),
        Command::Permission(command) => permission::run(&config, command),
        Command::Ip(command) => ip::run(&config, command),
        Command::Columns(command) => columns::run(&config, command),
        Command::Explain(options) => explain::run(&config, &options),
        Command::Preview(options) => preview::run(&config, &options),
        Command::Snippet(options) => snippet::run(&config, &options),
        Command::Token(command) => token::run(&config, command),
        Command::Role(command) => role::run(&config, command),
        Command::Status(options) => status::run(&config, &options),
        Command::Healthcheck(target) => healthcheck::run(&config, &target),
        Command::Confirm(target) => confirm::run(&config, &target),
        Command::Schema => schema::run(),
        Command::Completions { shell } => help::completions(shell),
        Command::Man => help::manual(),
    };
    exit_code(ended)
}

/// Serves, and waits for nobody who reads stderr.
fn serve_detached(config: &Path) -> ExitCode {
    // While there are no other threads.
    let inherited = serve::Inherited::take();
    match streams::detach_stderr() {
        // What is left on stderr is written at the end, the failure included.
        Ok(_writer) => exit_code(inherited.and_then(|inherited| serve::run(config, inherited, |_| ()))),
        Err(error) => exit_code(Err(Failure::because("cannot start a thread for stderr", error))),
    }
}

fn exit_code(ended: Result<(), Failure>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            note(&failure.message());
            ExitCode::FAILURE
        }
    }
}

/// Writes data to stdout. A reader that has seen enough (`| head`) is no failure.
fn print(data: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(data.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::because("cannot write to stdout", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints data as it was asked for.
fn show(format: Format, data: &impl Serialize, table: impl FnOnce() -> String) -> Result<(), Failure> {
    match format {
        Format::Table => print(&table()),
        Format::Json => {
            let json = serde_json::to_string_pretty(data);
            print(&(json.map_err(|error| Failure::because("cannot print the data", error))? + "\n"))
        }
    }
}

/// Writes a note to stderr; there is nobody to tell when that fails.
fn note(text: &str) {
    let _ = Stderr.write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn arguments_are_read() {
        #[rustfmt::skip]
        let cases: [(&[&str], Result<&str, i32>); 12] = [
            (&["serve"], Ok("reportgate.toml")),
            (&["-c", "a.toml", "serve"], Ok("a.toml")),
            (&["serve", "--config", "a.toml"], Ok("a.toml")),
            (&["check", "--strict", "--format", "json", "-c", "a.toml"], Ok("a.toml")),
            (&["status", "--admin", "127.0.0.1:9180"], Ok("reportgate.toml")),
            (&["healthcheck", "--admin", "[::1]:9180"], Ok("reportgate.toml")),
            (&["--version"], Err(0)),
            (&["--help"], Err(0)),
            (&[], Err(2)),
            (&["serv"], Err(2)),
            (&["status", "--format", "yaml"], Err(2)),
            (&["healthcheck", "--admin", "localhost"], Err(2)),
        ];
        for (arguments, expected) in cases {
            let all = std::iter::once("reportgate").chain(arguments.iter().copied());
            let found = Arguments::try_parse_from(all);
            let found = found.map(|parsed| parsed.config).map_err(|usage| usage.exit_code());
            assert_eq!(found, expected.map(PathBuf::from), "{arguments:?}");
        }
    }
}
