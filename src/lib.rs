//! A gate in front of a legacy reporting backend: API tokens in, granted columns out.
//!
//! Affiliates, introducing brokers and employees fetch their reports through it with a
//! token. For every request it checks the token, its expiry, the source address and the
//! permission, sets the holder's own columns and rows in the request, forwards it, and
//! lets only the granted columns come back. The binary is the sidecar; [`Gate`] is the
//! same engine inside another program.
//!
//! # The line a request walks
//!
//! | step | where | gives, or refuses with |
//! |---|---|---|
//! | accept | `serve::listen` | a connection, or nothing when a limit is reached |
//! | check the framing | [`decide::check_framing`] | 400, 414, 431 |
//! | identify the client, authenticate the token | [`decide::identify_holder`] | a [`decide::Holder`]; 400, 401, 403 `ip_not_allowed` |
//! | take of its rates | `serve::limit` | 429; strangers that try tokens get it, too |
//! | find the report, authorise | [`decide::authorize`] | a [`decide::Permit`]; 400 `path_invalid`, 404, 405, 403 `permission_missing`, 406, 415, 413 |
//! | rewrite columns and scope | [`rewrite::rewrite`] | a [`rewrite::BackendRequest`]; 400, 403 `column_not_granted`, `scope_not_granted` |
//! | forward | `serve::backend` | an answer; 502, 503, 504 |
//! | filter | [`filter::Filter`] | the granted columns; 502, or a broken transfer once bytes have gone |
//! | record | `serve::record` | metrics and one access line, exactly once |
//!
//! The types make the order compulsory: a `Holder` comes only from identifying, a `Permit`
//! only from authorising a holder, a `BackendRequest` only from rewriting under a permit, and
//! the backend takes nothing else. `decide` and `rewrite` are pure, so that a `[[test]]` of
//! the config, and a request that is explained, run through the very code that serves.
//!
//! # The house
//!
//! Imports point to lower floors only; rooms of one floor do not know each other. A test
//! holds this.
//!
//! | floor | room | owns | must not touch |
//! |---|---|---|---|
//! | 0 | [`domain`] | words, valid by construction | the rest of the crate, I/O, the clock |
//! | 1 | [`clock`] | the wall clock | |
//! | 1 | [`filter`] | what comes back: bytes in, bytes out | requests, sockets, `async` |
//! | 2 | [`policy`] | what is allowed, immutable and indexed; the swap of snapshots | files, sockets, text |
//! | 3 | [`config`] | from files to a policy, every problem in one report | sockets, requests |
//! | 3 | [`decide`] | may it pass? | `async`, clock, locks, files, metrics, logs, `config` |
//! | 4 | [`rewrite`] | what goes to the backend | likewise |
//! | 4 | [`self_service`] | what holders are told of their tokens and reports | likewise |
//! | 5 | [`load`] | the one load path: config, then its tests; written requests | sockets |
//! | 6 | [`serve`] | sockets, time, counting | rules |
//! | 6 | [`reload`] | watching, loading, publishing | requests |
//! | 6 | [`manage`] | changes by command: checked, atomic, audited | sockets, requests |
//! | 7 | [`admin`], [`Gate`] | the faces of the library | rules |
//! | 8, 9 | `cli`, `main` | the program | rules |
//!
//! # What always holds
//!
//! 1. A request sees one snapshot from start to end, and none older than the last swap.
//! 2. Nothing is forwarded without a permit, in no form but the one built for it.
//! 3. Scope and columns are set by the gate: what the client sent narrows or is refused.
//! 4. The path that is matched is the path that is called; one with two spellings is refused.
//! 5. A config with one problem changes nothing: the snapshot in force stays.
//! 6. Absence never widens access: an empty or missing list grants nothing.
//! 7. Every request is recorded exactly once, also when the client leaves.
//! 8. No token is logged, and no text from a request is a metric label.
//! 9. Every wait has a timeout, every collection a limit.
//! 10. Nothing a client or the backend sends can panic.

pub mod admin;
pub mod clock;
pub mod config;
pub mod decide;
pub mod domain;
pub mod filter;
mod gate;
pub mod load;
pub mod manage;
pub mod policy;
pub mod reload;
pub mod rewrite;
pub mod self_service;
pub mod serve;

pub use gate::Gate;
pub use serve::Body;
