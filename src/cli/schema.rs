//! `schema`: the JSON Schema of the config, so that editors complete and check it.

use super::{Failure, print};

/// Prints the schema.
pub(super) fn run() -> Result<(), Failure> {
    print(&(reportgate::config::schema().trim_end().to_owned() + "\n"))
}
