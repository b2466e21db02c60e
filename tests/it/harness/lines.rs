//! What a program writes, line by line, as it comes.

use super::PATIENCE;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// The lines of one output so far.
#[derive(Default)]
pub(crate) struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Collects the lines of `output` until it ends.
    pub(crate) fn follow(output: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let into = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                into.state.lock().unwrap().lines.push(text);
                into.changed.notify_all();
                line.clear();
            }
            into.state.lock().unwrap().ended = true;
            into.changed.notify_all();
        });
        lines
    }

    /// The first line from `after` on for which there is a value.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, after: usize, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(value) = state.lines.iter().skip(after).find_map(|line| pick(line)) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                let lines = state.lines.join("\n");
                // A panic must not poison what is read once more when the program is dropped.
                drop(state);
                panic!("no line with {what}; lines:\n{lines}");
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Every line so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.state.lock().unwrap().lines.clone()
    }

    /// Waits for the end of the output; then every line.
    pub(crate) fn to_end(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let (state, _) = self.changed.wait_timeout_while(state, PATIENCE, |state| !state.ended).unwrap();
        state.lines.clone()
    }
}
