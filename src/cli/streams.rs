//! stdout and stderr of a program that serves: whatever becomes of them, no request notices.
//!
//! Other commands write both as they are, and wait for whoever reads.

use reportgate::serve::{LineLog, LineLogWriter};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often lost lines are looked for.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// How soon more lost lines of the same stream are told.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Where stderr goes once nobody waits for it.
static DETACHED: OnceLock<Arc<LineLog>> = OnceLock::new();

/// stderr, which nobody waits for once it is detached.
#[derive(Debug)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match DETACHED.get() {
            Some(log) => (&**log).write(bytes),
            None => io::stderr().lock().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on nobody waits for stderr; what is left is written when the writer is dropped.
///
/// Calling it again is a mistake: the first log stays the one that is written to.
pub(super) fn detach_stderr() -> io::Result<LineLogWriter> {
    let (log, writer) = open(io::stderr().as_fd())?;
    // The only one who sets it.
    let _ = DETACHED.set(log);
    Ok(writer)
}

/// What is lost of stderr, when it is detached.
pub(super) fn detached_stderr() -> Option<Arc<LineLog>> {
    DETACHED.get().cloned()
}

/// A log on stdout.
pub(super) fn log_on_stdout() -> io::Result<(Arc<LineLog>, LineLogWriter)> {
    open(io::stdout().as_fd())
}

fn open(stream: BorrowedFd<'_>) -> io::Result<(Arc<LineLog>, LineLogWriter)> {
    if is_absent(stream) {
        return LineLog::to(Absent);
    }
    // Not std's own handles: they keep half a line back, and call a closed stream a success.
    let file = File::from(stream.try_clone_to_owned()?);
    if is_one_stream().unwrap_or(false) { LineLog::to_shared(file) } else { LineLog::to(file) }
}

/// Whether stdout and stderr are the same (`2>&1`).
fn is_one_stream() -> io::Result<bool> {
    let identity = |stream: BorrowedFd<'_>| -> io::Result<(u64, u64)> {
        let metadata = File::from(stream.try_clone_to_owned()?).metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    };
    Ok(identity(io::stdout().as_fd())? == identity(io::stderr().as_fd())?)
}

/// Whether the program was started without this stream. Then the standard library has opened `/dev/null` for reading
/// and writing in its place, which a shell's `>/dev/null` is not.
fn is_absent(stream: BorrowedFd<'_>) -> bool {
    let at = |table: &str| format!("/proc/self/{table}/{}", stream.as_raw_fd());
    let is_null = fs::read_link(at("fd")).is_ok_and(|path| path.as_os_str() == "/dev/null");
    let flags = fs::read_to_string(at("fdinfo")).unwrap_or_default();
    let flags =
        flags.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    is_null && flags.is_some_and(|flags| flags & 0o3 == 0o2)
}

/// A stream that is not there: whatever is written to it is lost, and known to be.
struct Absent;

impl Write for Absent {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::NotConnected, "it is closed"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells on stderr, once in a while, how many lines of a stream were lost.
#[derive(Debug)]
pub(super) struct Losses {
    name: &'static str,
    log: Arc<LineLog>,
    told: u64,
    told_at: Option<Instant>,
}

impl Losses {
    /// Of the stream with that name.
    pub(super) fn new(name: &'static str, log: Arc<LineLog>) -> Self {
        Self { name, log, told: 0, told_at: None }
    }

    /// Looks until it is dropped.
    pub(super) async fn follow(mut self) {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            if self.told_at.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
                self.tell();
            }
        }
    }

    /// Tells what was lost since it was told last, if anything.
    pub(super) fn tell(&mut self) {
        let dropped = self.log.dropped();
        if dropped > self.told {
            let cause = self.log.failure().unwrap_or_default();
            tracing::warn!(
                lost = dropped - self.told,
                in_all = dropped,
                "lines on {} are lost: {cause}",
                self.name
            );
            (self.told, self.told_at) = (dropped, Some(Instant::now()));
        }
    }
}
