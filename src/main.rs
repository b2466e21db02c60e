//! The process: arguments, runtime, exit code.

fn main() {}
