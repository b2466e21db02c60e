//! A backend's dialect: where columns, scope, parameters and rows stand in its requests and answers.
//!
//! Plain data, filled in by `config`, which refuses what contradicts itself; read by
//! `rewrite` (requests) and `filter` (answers).

mod request;
mod response;

pub use request::*;
pub use response::*;
