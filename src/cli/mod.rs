//! The command line: arguments, dispatch, exit codes.
//!
//! Floor 8. One file per command. Data goes to stdout and notes to stderr; the exit code is
//! 0, 1 for a failure and 2 for wrong usage. Rules are called from here, never written here.

mod ask;
mod check;
mod demo;
mod edit;
mod failure;
mod healthcheck;
mod schema;
mod serve;
mod status;
mod table;
mod token;

use clap::{Parser, Subcommand, ValueEnum};
use failure::Failure;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
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
    /// Tokens: issue, list, extend, rotate, revoke, import
    #[command(subcommand)]
    Token(token::Command),
    /// What the running gate says about itself
    Status(status::Options),
    /// Exit 0 when the running gate is alive
    Healthcheck(ask::Target),
    /// Print the JSON Schema of the config, for editors
    Schema,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// For programs
    Json,
}

/// Runs the command that `arguments` name; the first is the program itself.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments { config, command } = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(usage) => {
            // Help goes to stdout with code 0, a mistake to stderr with code 2. There is nobody to
            // tell when that fails.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let ended = match command {
        Command::Serve => serve::run(&config, |_| ()),
        Command::Check(options) => check::run(&config, &options),
        Command::Demo => demo::run(),
        Command::Token(command) => token::run(&config, command),
        Command::Status(options) => status::run(&config, &options),
        Command::Healthcheck(target) => healthcheck::run(&config, &target),
        Command::Schema => schema::run(),
    };
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

/// Writes a note to stderr; there is nobody to tell when that fails.
fn note(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
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
