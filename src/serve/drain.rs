//! The end of serving, told to everybody: nothing accepted is lost.
//!
//! From the start of a drain every answer closes its connection. Idle connections are
//! kept a moment longer, since a request may be on its way on them; then they are closed.

use std::time::Duration;
use tokio::sync::watch;

/// How long a connection without a request is kept once a drain began.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// How far the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Serving.
    Serving,
    /// Not ready any more, but still accepting (`drain_delay`).
    Unready,
    /// Nothing new is accepted; what was accepted is served.
    Draining,
    /// The grace is over: requests begun now are refused.
    Refusing,
}

/// Moves the process from stage to stage. There is one.
#[derive(Debug)]
pub struct Drain(watch::Sender<Stage>);

/// Knows the stage.
#[derive(Debug, Clone)]
pub struct Draining(watch::Receiver<Stage>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Serving))
    }
}

impl Drain {
    /// Goes on to `stage`; never back.
    pub fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let later = *now < stage;
            *now = stage.max(*now);
            later
        });
    }

    /// A view of the stage.
    #[must_use]
    pub fn watch(&self) -> Draining {
        Draining(self.0.subscribe())
    }
}

impl Draining {
    /// The stage now.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until `stage` has begun, or nobody is left to begin it.
    pub async fn reached(&mut self, stage: Stage) {
        // Without a sender the process is at its end all the same.
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}
