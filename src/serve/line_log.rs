//! Lines that nobody waits for: the access log, and what a program says of itself.
//!
//! Every thread adds lines, one thread writes them, and however the stream behind it fares (full, closed, not
//! read by anybody) nobody else notices. What cannot be written is lost line by line, and each is counted: a line
//! is whole in the stream, or it is counted, at every moment. One that a full disk cut off is ended before the next.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes may wait for the writer.
const BUFFER: usize = 4 << 20;

/// How long the writer waits for more lines before it writes few.
const GATHER: Duration = Duration::from_millis(10);

/// How long the end waits for a stream that takes nothing.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What pipes take whole, whoever else writes to them (Linux `PIPE_BUF`).
const PIPE_PIECE: usize = 4096;

/// So many bytes are added at once, so that a long text is not lost as a whole.
const WRITE_PIECE: usize = 64 << 10;

/// Where lines are put.
#[derive(Debug, Default)]
pub struct LineLog {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    over: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    closed: Option<Instant>,
    /// The thread has written its last line.
    over: bool,
    /// Why lines were lost, last.
    failure: Option<Cow<'static, str>>,
}

/// The thread that writes; dropping it writes what is left, as far as the stream takes it within 2 s, and ends it.
#[derive(Debug)]
pub struct LineLogWriter(Arc<LineLog>);

impl LineLog {
    /// A log whose lines go to `out`, one write for many of them.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<(Arc<Self>, LineLogWriter)> {
        Self::start(out, usize::MAX)
    }

    /// A log whose lines go to a stream that others write to, too: in pieces that even a full pipe does not mix with theirs.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to_shared(out: impl Write + Send + 'static) -> io::Result<(Arc<Self>, LineLogWriter)> {
        Self::start(out, PIPE_PIECE)
    }

    fn start(out: impl Write + Send + 'static, piece: usize) -> io::Result<(Arc<Self>, LineLogWriter)> {
        let log = Arc::new(Self::default());
        let writing = Arc::clone(&log);
        let stream = Stream { out, piece, in_line: false, owes_end: false };
        std::thread::Builder::new().name("line-log".into()).spawn(move || writing.write(stream))?;
        Ok((Arc::clone(&log), LineLogWriter(log)))
    }

    /// Adds one line or several, each ending in a line feed. Never waits for the stream.
    pub fn push(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        if waiting.closed.is_some() || waiting.lines.len() + lines.len() > BUFFER {
            waiting.failure = Some(Cow::Borrowed("it is not read fast enough"));
            drop(waiting);
            self.dropped.fetch_add(count(lines), Ordering::Relaxed);
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(lines);
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

    /// Why lines were lost, the last time that some were.
    #[must_use]
    pub fn failure(&self) -> Option<Cow<'static, str>> {
        self.lock().failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn write(&self, mut stream: Stream<impl Write>) {
        let mut lines = Vec::new();
        loop {
            let closed = self.take(&mut lines);
            let mut left = lines.as_slice();
            while let Err(error) = stream.put(&mut left) {
                if error.kind() == ErrorKind::WouldBlock && self.wait_for_room() {
                    continue;
                }
                self.lock().failure = Some(error.to_string().into());
                self.dropped.fetch_add(stream.give_up(left), Ordering::Relaxed);
                break;
            }
            lines.clear();
            if closed {
                self.lock().over = true;
                self.over.notify_all();
                return;
            }
        }
    }

    /// Waits for lines and takes them all; tells whether the log was closed.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() && waiting.closed.is_none() {
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.closed.is_none() {
            let gathered = self.wake.wait_timeout_while(waiting, GATHER, |waiting| waiting.closed.is_none());
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(lines, &mut waiting.lines);
        waiting.closed.is_some()
    }

    /// Waits a moment for a stream that does not block its writers; false when the end has waited long enough.
    fn wait_for_room(&self) -> bool {
        let waited = self.wake.wait_timeout(self.lock(), GATHER).unwrap_or_else(PoisonError::into_inner);
        waited.0.closed.is_none_or(|closed| closed.elapsed() < LAST_WAIT)
    }
}

impl Write for &LineLog {
    /// Adds the first of these lines, as [`LineLog::push`] does.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let first = piece(lines, WRITE_PIECE);
        self.push(first);
        Ok(first.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineLogWriter {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = Some(Instant::now());
        self.0.wake.notify_one();
        let ended = self.0.over.wait_timeout_while(waiting, LAST_WAIT, |waiting| !waiting.over);
        let left = std::mem::take(&mut ended.unwrap_or_else(PoisonError::into_inner).0.lines);
        self.0.dropped.fetch_add(count(&left), Ordering::Relaxed);
    }
}

/// A stream that may fail in the middle of a line, and recover.
struct Stream<W> {
    out: W,
    /// So many bytes are written at once, or one line that is longer.
    piece: usize,
    /// What was written last ends in the middle of a line.
    in_line: bool,
    /// That line was given up, and is to be ended before the next.
    owes_end: bool,
}

impl<W: Write> Stream<W> {
    /// Writes `left` from its front; what the stream has not taken when it fails stays in it.
    fn put(&mut self, left: &mut &[u8]) -> io::Result<()> {
        while self.owes_end {
            self.owes_end = self.write_some(b"\n")? == 0;
        }
        while !left.is_empty() {
            let (written, rest) =
                left.split_at_checked(self.write_some(piece(left, self.piece))?).unwrap_or((left, &[]));
            self.in_line = written.last().map_or(self.in_line, |last| *last != b'\n');
            *left = rest;
        }
        self.out.flush()
    }

    /// Gives `left` up; how many lines of it are not in the stream.
    fn give_up(&mut self, left: &[u8]) -> u64 {
        // All of that line is there; its end will be.
        let lost = if self.in_line { left.strip_prefix(b"\n").unwrap_or(left) } else { left };
        self.owes_end |= std::mem::take(&mut self.in_line);
        count(lost)
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.out.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }
}

/// The first lines that are no longer than `most` bytes together, or one line.
fn piece(lines: &[u8], most: usize) -> &[u8] {
    let end = match lines.get(..most).map(|first| memchr::memrchr(b'\n', first)) {
        None => None,
        Some(Some(at)) => Some(at),
        Some(None) => memchr::memchr(b'\n', lines),
    };
    end.and_then(|at| lines.get(..=at)).unwrap_or(lines)
}

/// How many lines end there.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', lines).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::mpsc;

    /// Hands over every write; each waits until the test takes the one before.
    struct Slow(mpsc::SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_or_counted() {
        let (sender, written) = mpsc::sync_channel(0);
        let (log, writer) = LineLog::to(Slow(sender)).unwrap();
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
        let (log, writer) = LineLog::to(Slow(sender)).unwrap();
        log.push(b"one\n");
        drop(writer);
        log.push(b"two\nthree\n");
        assert_eq!(log.dropped(), 3);
        assert!(log.failure().is_some());
    }

    /// Nobody takes the first write; the end waits for it, but not for ever.
    #[test]
    fn a_stream_that_takes_nothing_does_not_hold_up_the_end() {
        let (sender, written) = mpsc::sync_channel(0);
        let (log, writer) = LineLog::to(Slow(sender)).unwrap();
        log.push(b"in hand\n");
        while !log.lock().lines.is_empty() {
            std::thread::yield_now();
        }
        log.push(b"one\ntwo\n");
        let start = Instant::now();
        drop(writer);
        assert!(start.elapsed() >= LAST_WAIT && start.elapsed() < 2 * LAST_WAIT, "{:?}", start.elapsed());
        assert_eq!(log.dropped(), 2);
        drop(written);
    }

    #[test]
    fn pieces_end_with_lines() {
        #[rustfmt::skip]
        let cases = [
            ("a\nbc\nd\n", 8, "a\nbc\nd\n"), ("a\nbc\nd\n", 7, "a\nbc\nd\n"), ("a\nbc\nd\n", 6, "a\nbc\n"), ("a\nbc\nd\n", 4, "a\n"),
            ("a\nbc\nd\n", 1, "a\n"), ("abc\nd\n", 2, "abc\n"), ("abc", 2, "abc"), ("abc", 4, "abc"),
        ];
        for (lines, most, expected) in cases {
            assert_eq!(piece(lines.as_bytes(), most), expected.as_bytes(), "{lines:?}, {most}");
        }
    }

    /// What becomes of one write.
    #[derive(Debug, Clone, Copy)]
    enum Write1 {
        Takes(usize),
        Fails(ErrorKind),
    }

    /// A stream that does as the test says, then takes everything.
    struct Scripted {
        script: std::vec::IntoIter<Write1>,
        taken: Vec<u8>,
    }

    impl Write for &mut Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = match self.script.next() {
                Some(Write1::Fails(kind)) => return Err(kind.into()),
                Some(Write1::Takes(most)) => bytes.len().min(most),
                None => bytes.len(),
            };
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn script() -> impl Strategy<Value = Vec<Write1>> {
        use ErrorKind::{Interrupted, StorageFull, WouldBlock};
        let fails = proptest::sample::select(vec![StorageFull, StorageFull, WouldBlock, Interrupted]);
        proptest::collection::vec(
            prop_oneof![(0_usize..40).prop_map(Write1::Takes), fails.prop_map(Write1::Fails)],
            0..60,
        )
    }

    proptest! {
        /// However a stream fails: every line is whole in it, once and in order, or counted, and no two are joined.
        #[test]
        fn lines_are_whole_or_counted(
            script in script(),
            batches in proptest::collection::vec(1_usize..5, 1..12),
            piece in prop_oneof![Just(usize::MAX), Just(16)],
        ) {
            let mut out = Scripted { script: script.into_iter(), taken: Vec::new() };
            let mut stream = Stream { out: &mut out, piece, in_line: false, owes_end: false };
            let (mut sent, mut lost) = (0, 0);
            for batch in batches {
                let lines: String = (0..batch).map(|nth| format!("<line {}>\n", sent + nth)).collect();
                sent += batch;
                let mut left = lines.as_bytes();
                while let Err(error) = stream.put(&mut left) {
                    if error.kind() != ErrorKind::WouldBlock {
                        lost += stream.give_up(left);
                        break;
                    }
                }
            }
            let taken = String::from_utf8(out.taken).unwrap();
            let whole: Vec<usize> = taken.lines().filter_map(|line| line.strip_prefix("<line ")?.strip_suffix('>')?.parse().ok()).collect();
            prop_assert_eq!(whole.len() as u64 + lost, sent as u64, "{}", taken);
            prop_assert!(whole.is_sorted_by(|a, b| a < b), "{}", taken);
            prop_assert!(taken.lines().all(|line| line.matches('<').count() < 2), "{}", taken);
        }
    }
}
