//! `confirm`: says that the config files are meant as they are, so that a held reload passes.

use super::ask::{self, Target};
use super::{Failure, print};
use http::StatusCode;
use std::path::Path;

/// Asks the gate that runs with the config at `path`.
pub(super) fn run(path: &Path, target: &Target) -> Result<(), Failure> {
    let admin = target.place(path)?;
    let (status, body) = ask::confirm(&admin, "/confirm")?;
    let said = String::from_utf8_lossy(&body);
    match status {
        StatusCode::OK => print(&said),
        status => Err(Failure::Plain(format!("{admin}/confirm answered {status}: {}", said.trim_end()))),
    }
}
