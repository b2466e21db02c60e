//! The access log: lines from every shard, written by one thread that no request waits for.
//!
//! A full buffer drops whole lines and counts them; so does a writer that fails.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many bytes may wait for the writer.
const BUFFER: usize = 4 << 20;

/// How long the writer waits for more lines before it writes few.
const GATHER: Duration = Duration::from_millis(10);

/// Where shards put their lines.
#[derive(Debug, Default)]
pub struct AccessLog {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    closed: bool,
}

/// The thread that writes; dropping it writes what is left and ends it.
#[derive(Debug)]
pub struct AccessLogWriter {
    log: Arc<AccessLog>,
    thread: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// A log whose lines go to `out`, one write for many of them.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to(out: impl Write + Send + 'static) -> std::io::Result<(Arc<Self>, AccessLogWriter)> {
        let log = Arc::new(Self::default());
        let writing = Arc::clone(&log);
        let thread =
            std::thread::Builder::new().name("access-log".into()).spawn(move || writing.write(out))?;
        Ok((Arc::clone(&log), AccessLogWriter { log, thread: Some(thread) }))
    }

    /// Adds one line, which ends in a line feed. Never waits for the writer.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.closed || waiting.lines.len() + line.len() > BUFFER {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        waiting.count += 1;
        drop(waiting);
        if first {
            self.wake.notify_one();
        }
    }

    /// How many lines were lost so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let (count, closed) = self.take(&mut lines);
            if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
                self.dropped.fetch_add(count, Ordering::Relaxed);
            }
            lines.clear();
            if closed {
                return;
            }
        }
    }

    /// Waits for lines and takes them all; tells how many, and whether the log was closed.
    fn take(&self, lines: &mut Vec<u8>) -> (u64, bool) {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() && !waiting.closed {
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.closed {
            let gathered = self.wake.wait_timeout_while(waiting, GATHER, |waiting| !waiting.closed);
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(lines, &mut waiting.lines);
        (std::mem::take(&mut waiting.count), waiting.closed)
    }
}

impl Drop for AccessLogWriter {
    fn drop(&mut self) {
        self.log.lock().closed = true;
        self.log.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A writer that died has nothing left to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Hands over every write; each waits until the test takes the one before.
    struct Slow(mpsc::SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_or_counted() {
        let (sender, written) = mpsc::sync_channel(0);
        let (log, writer) = AccessLog::to(Slow(sender)).unwrap();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let sent = 3 * BUFFER / line.len();
        for _ in 0..sent {
            log.push(&line);
        }
        assert!(log.dropped() > 0, "a writer that stands still makes no request wait");
        let reader = std::thread::spawn(move || written.iter().map(|piece| piece.len()).sum::<usize>());
        drop(writer);
        let bytes = reader.join().unwrap();
        assert_eq!(bytes / line.len() + usize::try_from(log.dropped()).unwrap(), sent);
        assert_eq!(bytes % line.len(), 0, "lines are whole");
    }

    #[test]
    fn a_writer_that_fails_loses_counted_lines() {
        let (sender, written) = mpsc::sync_channel(0);
        drop(written);
        let (log, writer) = AccessLog::to(Slow(sender)).unwrap();
        log.push(b"one\n");
        drop(writer);
        log.push(b"two\n");
        assert_eq!(log.dropped(), 2);
    }
}
