//! Whether the workers and listeners are alive: asked now and then, for a service manager that insists on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// One runtime's sign of life. It costs nothing while nobody asks.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    asked: Notify,
    beaten: Notify,
    beats: AtomicU64,
}

impl Pulse {
    /// Answers whoever asks, as long as the runtime that this is run on goes on.
    pub(super) async fn beat(self: Arc<Self>) {
        loop {
            self.asked.notified().await;
            self.beats.fetch_add(1, Ordering::Relaxed);
            self.beaten.notify_one();
        }
    }

    /// Waits for an answer.
    async fn felt(&self) {
        let before = self.beats.load(Ordering::Relaxed);
        self.asked.notify_one();
        // A late answer to an earlier question may be waiting here.
        while self.beats.load(Ordering::Relaxed) == before {
            self.beaten.notified().await;
        }
    }
}

/// The signs of life of a server.
#[derive(Debug, Default)]
pub struct Pulses {
    workers: Vec<Arc<Pulse>>,
    /// Each of so many listeners holds it while it accepts.
    accepting: Weak<()>,
    listeners: usize,
}

impl Pulses {
    pub(in crate::serve) fn new(crew: &super::Crew, accepting: &Arc<()>, listeners: usize) -> Self {
        Self { workers: crew.pulses(), accepting: Arc::downgrade(accepting), listeners }
    }

    /// Whether every listener accepts, and every worker answers within that time.
    pub async fn felt_within(&self, time: Duration) -> bool {
        let all = async {
            for worker in &self.workers {
                worker.felt().await;
            }
        };
        self.accepting.strong_count() >= self.listeners && timeout(time, all).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn a_worker_that_hangs_and_a_listener_that_died_are_noticed() {
        let pulse = Arc::new(Pulse::default());
        let accepting = Arc::new(());
        let held = Arc::clone(&accepting);
        let workers = vec![Arc::clone(&pulse)];
        let pulses = Pulses { workers, accepting: Arc::downgrade(&accepting), listeners: 1 };
        drop(accepting);
        let (go_on, hanging) = mpsc::channel::<()>();
        let (hangs, told) = mpsc::channel();
        let (end, mut ends) = tokio::sync::mpsc::unbounded_channel::<bool>();
        let worker = std::thread::spawn(move || {
            let runtime = runtime();
            runtime.spawn(pulse.beat());
            runtime.block_on(async {
                while ends.recv().await == Some(true) {
                    hangs.send(()).unwrap();
                    hanging.recv().unwrap();
                }
            });
        });
        let long = Duration::from_secs(10);
        let felt = |time| runtime().block_on(pulses.felt_within(time));
        assert!(felt(long) && felt(long));
        end.send(true).unwrap();
        told.recv().unwrap();
        assert!(!felt(Duration::from_millis(50)) && !felt(Duration::from_millis(50)), "it hangs");
        go_on.send(()).unwrap();
        assert!(felt(long), "and goes on");
        end.send(true).unwrap();
        told.recv().unwrap();
        assert!(!felt(Duration::from_millis(50)), "what it answered late is no sign of life");
        go_on.send(()).unwrap();
        end.send(false).unwrap();
        worker.join().unwrap();
        assert!(!felt(Duration::from_millis(50)), "it is gone");
        drop(held);
        let pulses = Pulses { workers: Vec::new(), ..pulses };
        assert!(!runtime().block_on(pulses.felt_within(long)), "nobody accepts");
    }
}
