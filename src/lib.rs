//! A gate in front of a legacy reporting backend (draft map).

pub mod config;
pub mod decide;
pub mod domain;
pub mod filter;
pub mod policy;
pub mod rewrite;
