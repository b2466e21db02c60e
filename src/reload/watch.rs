//! The watch thread: file events on folders, a pause until they are quiet, a slow poll as backstop.
//!
//! Folders are watched, not files, and names are ignored: a file replaced by a rename is
//! another file, and a ConfigMap swap names only `..data`.

use super::{Outcome, Reloader, Trigger};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events that may wait; more say nothing new.
const MOST_WAITING: usize = 16;

/// How soon snapshots out of force are looked after again while somebody reads them.
const FREE_AFTER: Duration = Duration::from_millis(500);

/// How long the same must have been watched for its loss to be said again: where descriptors are short that comes and goes.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// How fast changes are followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Without an event, before the files are read.
    pub(super) quiet: Duration,
    /// From the first event at most, however busy a folder is.
    pub(super) at_most: Duration,
    /// Between two looks without any event.
    pub(super) poll: Duration,
}

impl Pace {
    /// Well within the 250 ms by event and 10 s by poll that are promised.
    pub(super) const USUAL: Self = Self {
        quiet: Duration::from_millis(50),
        at_most: Duration::from_millis(150),
        poll: Duration::from_secs(5),
    };
}

/// The thread that watches the files; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    signals: SyncSender<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Signal {
    Changed,
    Stop,
}

impl Watch {
    pub(super) fn start(reloader: Arc<Reloader>, pace: Pace) -> io::Result<Self> {
        let (signals, received) = sync_channel(MOST_WAITING);
        let watched = Folders::new(signals.clone());
        let thread = std::thread::Builder::new().name("reload".to_owned());
        let thread = thread.spawn(move || follow(&reloader, watched, &received, pace))?;
        Ok(Self { signals, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Fails only when the thread has already ended.
        let _ = self.signals.send(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread: looks at once (the files may have changed since they were read), then on events and by poll.
fn follow(reloader: &Reloader, mut watched: Folders, signals: &Receiver<Signal>, pace: Pace) {
    watched.renew(reloader);
    let mut due = Due::at(Instant::now());
    loop {
        let now = Instant::now();
        if now >= due.time(pace) {
            let looked = reloader.look();
            let now = Instant::now();
            due = Due::at(reloader.retry_at().unwrap_or(now + pace.poll).min(now + pace.poll));
            if looked.is_some() || !watched.unwatched.is_empty() {
                watched.renew(reloader);
                if reloader.is_stale() {
                    due.event(now); // Between the read and the renewed watch.
                }
            }
            continue;
        }
        let wait = due.time(pace) - now;
        let wait = if reloader.free_retired() { wait } else { wait.min(FREE_AFTER) };
        match signals.recv_timeout(wait) {
            Ok(Signal::Changed) => due.event(Instant::now()),
            Ok(Signal::Stop) => return,
            // Never disconnected: `watched` holds a sender.
            Err(_) => {}
        }
    }
}

/// When to look at the files next.
#[derive(Debug)]
struct Due {
    without_events: Instant,
    /// The first and the last event since the last look.
    events: Option<(Instant, Instant)>,
}

impl Due {
    fn at(without_events: Instant) -> Self {
        Self { without_events, events: None }
    }

    fn event(&mut self, now: Instant) {
        let first = self.events.map_or(now, |(first, _)| first);
        self.events = Some((first, now));
    }

    /// When it is quiet, but in time.
    fn time(&self, pace: Pace) -> Instant {
        let settled = self.events.map(|(first, last)| (last + pace.quiet).min(first + pace.at_most));
        settled.map_or(self.without_events, |at| at.min(self.without_events))
    }
}

/// The folders that are watched.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    /// What cannot be watched, and why; the poll looks at it.
    unwatched: Vec<String>,
    /// What was said of that last, and when it last was so.
    said: Option<(Vec<String>, Instant)>,
    signals: SyncSender<Signal>,
}

impl Folders {
    fn new(signals: SyncSender<Signal>) -> Self {
        Self { watcher: None, unwatched: Vec::new(), said: None, signals }
    }

    /// Watches the folders of the files last read, with a new watcher: paths may lead elsewhere by now.
    ///
    /// Events that the old one has not yet told are lost, so the files must be looked at once more.
    fn renew(&mut self, reloader: &Reloader) {
        let mut unwatched = Vec::new();
        let signals = self.signals.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| may_change(event.kind)) {
                // When the queue is full, the thread has reason enough to look.
                let _ = signals.try_send(Signal::Changed);
            }
        });
        self.watcher = match watcher {
            Ok(mut watcher) => {
                for folder in reloader.folders() {
                    if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                        unwatched.push(format!("{}: {error}", folder.display()));
                    }
                }
                Some(watcher)
            }
            Err(error) => {
                unwatched.push(format!("no file events at all: {error}"));
                None
            }
        };
        if !unwatched.is_empty() {
            let said =
                self.said.take().filter(|(what, when)| *what == unwatched && when.elapsed() < SAY_AGAIN);
            if said.is_none() {
                unwatched
                    .iter()
                    .for_each(|why| tracing::warn!("polled, because it cannot be watched: {why}"));
            }
            self.said = Some((unwatched.clone(), Instant::now()));
        }
        reloader.status_lock().unwatched.clone_from(&unwatched);
        self.unwatched = unwatched;
    }
}

/// Whether an event can mean another content. Reading is an event too, ours included.
fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

impl Reloader {
    /// Reloads if the files look changed or a retry is due.
    pub(super) fn look(&self) -> Option<Outcome> {
        let retry = self.retry_at().is_some_and(|at| Instant::now() >= at);
        (retry || self.is_stale()).then(|| self.reload(Trigger::Watched))
    }

    /// Whether the files look otherwise than at the last try.
    fn is_stale(&self) -> bool {
        let mut work = self.work_lock();
        let now = work.tried.again();
        let stale = !now.looks_like(&work.tried);
        if !stale {
            work.tried = Arc::new(now); // Read once more while they were fresh.
        }
        stale
    }

    fn retry_at(&self) -> Option<Instant> {
        self.work_lock().settling.retry_at()
    }

    /// The folders of the files last read.
    fn folders(&self) -> Vec<PathBuf> {
        self.work_lock().tried.folders()
    }

    /// Frees snapshots that nobody reads any more; tells whether none is left.
    fn free_retired(&self) -> bool {
        let mut work = self.work_lock();
        work.free_retired();
        work.retired.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, ModifyKind};

    #[test]
    fn files_are_read_when_it_is_quiet_but_in_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let pace = Pace {
            quiet: Duration::from_millis(50),
            at_most: Duration::from_millis(150),
            poll: Duration::from_secs(5),
        };
        #[rustfmt::skip]
        let cases: [(&str, &[u64], u64); 6] = [
            ("no event", &[], 5_000),
            ("one event", &[10], 60),
            ("events push it back", &[10, 40, 80], 130),
            ("not further than this", &[10, 50, 90, 130], 160),
            ("still not", &[10, 50, 90, 130, 155], 160),
            ("the poll comes first", &[4_990], 5_000),
        ];
        for (name, events, expected) in cases {
            let mut due = Due::at(at(5_000));
            events.iter().for_each(|ms| due.event(at(*ms)));
            assert_eq!(due.time(pace), at(expected), "{name}");
        }
    }

    #[test]
    fn reading_a_file_is_no_change() {
        #[rustfmt::skip]
        let cases = [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), true),
            (EventKind::Create(CreateKind::File), true), (EventKind::Modify(ModifyKind::Any), true),
            (EventKind::Other, true),
        ];
        for (kind, expected) in cases {
            assert_eq!(may_change(kind), expected, "{kind:?}");
        }
    }
}
