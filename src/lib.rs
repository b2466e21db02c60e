//! A gate in front of a legacy reporting backend (draft map).

pub mod clock;
pub mod config;
pub mod decide;
pub mod domain;
pub mod filter;
pub mod load;
pub mod policy;
pub mod reload;
pub mod rewrite;
pub mod serve;
pub mod admin;
mod gate;
pub use gate::Gate;
pub use serve::Body;
