//! Decisions.

fn main() {}
