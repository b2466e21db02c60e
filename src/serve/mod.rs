//! Sockets, time and counting: accepts connections, runs requests through the rooms that have the rules.
//!
//! Floor 6. An `if` about permission, address or column here is a bug. A [`Shard`] is one
//! independent share of the work; [`Server`] runs one per core, each on a thread with a
//! runtime of its own, and an embedded gate has one that any runtime may use.

mod back;
mod body;
mod cache;
mod deadline;
mod drain;
mod fetch;
mod findings;
mod front;
mod handle;
mod limit;
mod line;
mod line_log;
mod record;
mod respond;
mod shard;
mod sighting;
mod tally;

pub use back::{Backends, look_after};
pub use body::{Aborted, Body};
pub use cache::AnswerCache;
pub use drain::{Drain, Draining, Stage};
pub use fetch::{Fetched, Unanswered, fetch};
pub use findings::Findings;
pub use front::{
    Connections, InvalidHeader, Listener, OpenFiles, ProxyHeader, Pulses, ReadHeader, bind, read_header, wire,
};
pub use limit::Spent;
pub use line_log::{LineLog, LineLogWriter};
pub use shard::{Shard, Shared, random_seal_key};

pub(crate) use front::{Accepted, Accepting, Connection, Socket};
pub(crate) use handle::handle;
pub(crate) use respond::problem_json;
pub(crate) use tally::{
    ByOutcome, CacheResult, Counts, DECISION_BOUNDS, Histogram, REQUEST_BOUNDS, SELF_SERVICE,
};

use crate::policy::PolicyReader;
use front::Crew;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::task::JoinSet;

/// The listeners and workers of a gate.
#[derive(Debug)]
pub struct Server {
    accepting: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
    pulses: Pulses,
}

impl Server {
    /// Starts a worker thread per shard and accepts on `listeners`, on the runtime this is called on.
    ///
    /// # Errors
    /// When a thread or runtime cannot be started.
    pub fn start(
        listeners: Vec<Listener>,
        shards: &[Arc<Shard>],
        policies: &PolicyReader,
        connections: &Arc<Connections>,
        drain: &Drain,
    ) -> io::Result<Self> {
        let (crew, threads) = Crew::start(shards, drain)?;
        let crew = Arc::new(crew);
        let mut accepting = JoinSet::new();
        let alive = Arc::new(());
        let pulses = Pulses::new(&crew, &alive, listeners.len());
        for listener in listeners {
            let accept = front::accept(
                front::Accepting::new(listener)?,
                Arc::clone(&crew),
                Arc::clone(connections),
                policies.clone(),
                drain.watch(),
            );
            let alive = Arc::clone(&alive);
            accepting.spawn(async move {
                accept.await;
                drop(alive);
            });
        }
        Ok(Self { accepting, threads, pulses })
    }

    /// Whether it is alive, for whoever watches over it while it serves; to be taken once.
    pub fn pulses(&mut self) -> Pulses {
        std::mem::take(&mut self.pulses)
    }

    /// Waits until nothing is accepted any more and every worker has ended; the drain must have begun.
    pub async fn over(mut self) {
        while self.accepting.join_next().await.is_some() {}
        let threads = self.threads;
        let join = move || threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        match tokio::task::spawn_blocking(join).await {
            Ok(0) => {}
            died => tracing::error!(?died, "worker threads died"),
        }
    }
}
