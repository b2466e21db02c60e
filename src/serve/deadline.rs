//! A deadline that is moved often and reached seldom.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A point in time to wait for; its timer is only touched when it fires.
#[derive(Debug)]
pub(in crate::serve) struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// One that is over after `wait`.
    pub(in crate::serve) fn after(wait: Duration) -> Self {
        Self { at: Instant::now() + wait, timer: None }
    }

    /// Moves it to `wait` from now.
    pub(in crate::serve) fn restart(&mut self, wait: Duration) {
        self.at = Instant::now() + wait;
    }

    /// Moves it.
    pub(in crate::serve) fn move_to(&mut self, at: Instant) {
        self.at = at;
    }

    /// Ready once the deadline is over.
    pub(in crate::serve) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }
}
