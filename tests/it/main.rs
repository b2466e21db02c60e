//! The program as users, operators and strangers meet it, theme by theme.
//!
//! The program is started as it is, in front of a backend that remembers every byte.
//! What the contract promises is asserted from outside; above all, what the backend
//! did not see and what the client did not get. `tests/run` also runs the tests that
//! need other programs; they are ignored elsewhere.

#[cfg(test)]
mod harness;

#[cfg(test)]
mod answers;
#[cfg(test)]
mod backend_answers;
#[cfg(test)]
mod check;
#[cfg(test)]
mod datasette;
#[cfg(test)]
mod filter;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod rewrite;
#[cfg(test)]
mod stream;
