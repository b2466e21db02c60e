//! `healthcheck`: exit 0 when the running gate is alive; for containers, whose images hold no curl.
//!
//! It asks `/livez`, not `/readyz`: a container that fails its check is restarted, and one that
//! drains, or waits for its first good config, must not be.

use super::ask::{self, Target};
use super::{Failure, print};
use http::StatusCode;
use std::path::Path;

/// Asks the gate that runs with the config at `path`.
pub(super) fn run(path: &Path, target: &Target) -> Result<(), Failure> {
    let admin = target.place(path)?;
    match ask::get(&admin, "/livez")? {
        (StatusCode::OK, _) => print("alive\n"),
        (status, _) => Err(Failure::Plain(format!("{admin}/livez answered {status}"))),
    }
}
