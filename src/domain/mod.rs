//! The words of the program, valid by construction.
//!
//! Floor 0. A value of a type in this room is known to be well formed: names fit
//! their alphabet, ranges end after they start, a view has no column twice.
//! Nothing here knows files, sockets, HTTP messages, the clock or the rest of the
//! crate.

pub mod address;
pub mod code;
pub mod column;
pub mod dialect;
pub mod encode;
pub mod names;
pub mod pointer;
pub mod rate;
pub mod spelling;
pub mod template;
pub mod time;
pub mod token;
