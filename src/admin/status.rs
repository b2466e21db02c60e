//! `/status`: what is in force, and what became of the last reload. `/tokens`: when each was presented last.

use super::Page;
use super::metrics::{Sources, TokenStates};
use crate::clock;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Serialize)]
struct Status<'s> {
    version: &'static str,
    generation: u64,
    config_hash: &'s str,
    loaded_at: String,
    principals: usize,
    tokens: TokenStates,
    reports: usize,
    last_reload: LastReload,
    held: Option<String>,
    restart_needed: Vec<&'static str>,
    unwatched: Vec<String>,
}

#[derive(Serialize)]
struct LastReload {
    ok: bool,
    at: String,
    problems: Vec<String>,
}

/// The page.
pub(super) fn json(sources: &Sources) -> Page {
    let snapshot = sources.policies.current();
    let reload = sources.reloader.status();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        generation: snapshot.generation,
        config_hash: &snapshot.config_hash,
        loaded_at: snapshot.loaded_at.to_string(),
        principals: snapshot.policy.principals.len(),
        tokens: TokenStates::count(&snapshot.policy, clock::now()),
        reports: snapshot.policy.reports.iter().len(),
        last_reload: LastReload { ok: reload.ok, at: reload.at.to_string(), problems: reload.problems },
        held: reload.held,
        restart_needed: reload.restart_needed,
        unwatched: reload.unwatched,
    };
    // Plain data always serialises.
    ("application/json", serde_json::to_string_pretty(&status).unwrap_or_default() + "\n")
}

/// When each token was presented last, to this process, whatever became of the request; by token id.
pub(super) fn last_used(sources: &Sources) -> Page {
    let mut uses = HashMap::new();
    for shard in &sources.shards {
        shard.add_uses(&mut uses);
    }
    let uses: BTreeMap<_, _> = uses.iter().map(|(token, at)| (token.as_str(), at.to_string())).collect();
    let page = serde_json::json!({ "last_used": uses });
    ("application/json", format!("{page:#}\n"))
}
