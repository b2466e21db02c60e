//! The program as users, operators and strangers meet it, theme by theme.
//!
//! The program is started as it is, in front of a backend that remembers every byte.
//! What the contract promises is asserted from outside; above all, what the backend
//! did not see and what the client did not get. `tests/run` also runs the tests that
//! need other programs; they are ignored elsewhere.

#![cfg(test)]

mod activation;
mod answers;
mod backend_answers;
mod backends;
mod cache;
mod check;
mod codes;
mod codings;
mod commands;
mod compression;
mod conditional;
mod corpora;
mod datasette;
mod demo;
mod differential;
mod disks;
mod embed;
mod explain;
mod filter;
mod findings;
mod formats;
mod harness;
mod headers;
mod http2;
mod influxdb;
mod leaks;
mod lifecycle;
mod limits;
mod metrics;
mod paging;
mod preview;
mod proxy_protocol;
mod reload;
mod rewrite;
mod self_service;
mod self_test;
mod service_manager;
mod sick_backends;
mod slow_clients;
mod smuggling;
mod snippets;
mod stream;
mod streams;
mod tls;
mod unix_sockets;
mod unseen;
mod upgrade;
mod violations;
