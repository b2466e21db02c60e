//! The process: allocator, diagnostics on stderr, arguments, exit code.
//!
//! What is global to a process (allocator, subscriber, signals) is touched in this binary only,
//! never in the library, so that other programs can embed the gate.

mod cli;

use std::io;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(|| cli::Stderr)
        .with_max_level(Level::INFO)
        .with_target(false)
        .init();
    if let Err(error) = survive_size_limits() {
        tracing::warn!(%error, "a file that reaches its size limit will end this program");
    }
    cli::run(std::env::args_os())
}

/// A write beyond the size that files may have (`RLIMIT_FSIZE`) is to fail like any other: its signal, unless it is
/// caught, ends the process. One to a pipe that nobody holds already does.
fn survive_size_limits() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    // Caught from now on, even when nobody listens.
    signal(SignalKind::from_raw(libc::SIGXFSZ)).map(drop)
}
