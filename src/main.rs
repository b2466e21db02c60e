//! The process: allocator, diagnostics on stderr, arguments, exit code.
//!
//! What is global to a process (allocator, subscriber, signals) is touched in this binary only,
//! never in the library, so that other programs can embed the gate.

mod cli;

use std::io;
use std::process::ExitCode;
use tracing::Level;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(Level::INFO).with_target(false).init();
    cli::run(std::env::args_os())
}
