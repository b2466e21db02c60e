//! One access line being written, in either format.

use crate::clock;
use crate::domain::address::Peer;
use crate::domain::encode;
use crate::policy::LogFormat;
use std::cell::RefCell;
use std::time::Duration;

/// Room for a line of usual length, in bytes.
const USUAL: usize = 512;

/// A line, so far. Written once per request: nothing in here is formatted twice, or by way of a `String` of its own.
#[derive(Debug)]
pub(super) struct Line {
    format: LogFormat,
    text: String,
}

impl Line {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format, text: String::with_capacity(USUAL) }
    }

    fn key(&mut self, key: &str) {
        match self.format {
            LogFormat::Json => {
                self.text.push_str(if self.text.is_empty() { "{\"" } else { ",\"" });
                self.text.push_str(key);
                self.text.push_str("\":");
            }
            LogFormat::Text => {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(key);
                self.text.push('=');
            }
        }
    }

    /// A text, escaped as the format wants it.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        let bare = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if self.format == LogFormat::Text && !value.is_empty() && value.bytes().all(bare) {
            self.plain(key, |text| text.push_str(value));
        } else {
            self.key(key);
            encode::push_json_string(&mut self.text, value);
        }
    }

    /// A text, if any.
    pub(super) fn optional(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.nothing(key),
        }
    }

    /// No value.
    pub(super) fn nothing(&mut self, key: &str) {
        self.key(key);
        self.text.push_str(match self.format {
            LogFormat::Json => "null",
            LogFormat::Text => "-",
        });
    }

    /// Text that needs no escapes.
    fn plain(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        self.key(key);
        let quote = if self.format == LogFormat::Json { "\"" } else { "" };
        self.text.push_str(quote);
        write(&mut self.text);
        self.text.push_str(quote);
    }

    /// Now, in RFC 3339 with milliseconds.
    pub(super) fn now(&mut self, key: &str) {
        self.plain(key, push_now);
    }

    /// An address, if any.
    pub(super) fn address(&mut self, key: &str, address: Option<Peer>) {
        match address {
            Some(address) => self.plain(key, |text| address.push_to(text)),
            None => self.nothing(key),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, key: &str, value: impl itoa::Integer) {
        self.key(key);
        push_number(&mut self.text, value);
    }

    /// A duration in milliseconds with three decimals, if any.
    pub(super) fn millis(&mut self, key: &str, duration: Option<Duration>) {
        match duration {
            Some(duration) => {
                let micros = (duration.as_nanos() + 500) / 1_000;
                self.number(key, micros / 1_000);
                push_decimals(&mut self.text, micros % 1_000);
            }
            None => self.nothing(key),
        }
    }

    /// The line, ended.
    pub(super) fn end(mut self) -> String {
        self.text.push_str(if self.format == LogFormat::Json { "}\n" } else { "\n" });
        self.text
    }
}

fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Thousandths.
fn push_decimals(text: &mut String, thousandths: u128) {
    text.push_str(match thousandths {
        0..10 => ".00",
        10..100 => ".0",
        _ => ".",
    });
    push_number(text, thousandths);
}

fn push_now(text: &mut String) {
    thread_local! {
        /// A second and its name, without what follows the decimal point.
        static LATEST: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let now = clock::since_epoch();
    LATEST.with_borrow_mut(|(second, name)| {
        if *second != now.as_secs() {
            *second = now.as_secs();
            let at = i64::try_from(*second).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
            *name = at.map_or_else(|| second.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        }
        text.push_str(name);
    });
    push_decimals(text, now.subsec_millis().into());
    text.push('Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn lines_have_two_forms() {
        let line = |format| {
            let mut line = Line::new(format);
            line.text("path", "/a\"b\n");
            line.text("method", "GET");
            line.optional("token", None);
            line.millis("duration_ms", Some(Duration::from_micros(1_500)));
            line.end()
        };
        assert_eq!(
            line(LogFormat::Json),
            "{\"path\":\"/a\\\"b\\n\",\"method\":\"GET\",\"token\":null,\"duration_ms\":1.500}\n"
        );
        assert_eq!(line(LogFormat::Text), "path=\"/a\\\"b\\n\" method=GET token=- duration_ms=1.500\n");
    }

    #[test]
    fn durations_have_three_decimals() {
        let cases = [
            (0, "0.000"),
            (499, "0.000"),
            (500, "0.001"),
            (9_499, "0.009"),
            (9_500, "0.010"),
            (99_600, "0.100"),
            (1_234_567, "1.235"),
            (61_000_999_500, "61001.000"),
        ];
        for (nanos, expected) in cases {
            let mut line = Line::new(LogFormat::Text);
            line.millis("ms", Some(Duration::from_nanos(nanos)));
            assert_eq!(line.end(), format!("ms={expected}\n"), "{nanos}");
        }
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.0.0.0", "10.200.3.255", "::1", "2001:db8::a"] {
            let peer = Peer::from(text.parse::<IpAddr>().unwrap());
            let mut line = Line::new(LogFormat::Json);
            line.address("peer", Some(peer));
            line.address("client", None);
            assert_eq!(line.end(), format!("{{\"peer\":\"{peer}\",\"client\":null}}\n"));
        }
    }

    #[test]
    fn now_is_a_time() {
        let mut text = String::new();
        push_now(&mut text);
        let at: jiff::Timestamp = text.parse().unwrap();
        let away = at.as_millisecond().abs_diff(i64::try_from(clock::since_epoch().as_millis()).unwrap());
        assert!(text.len() == "2026-01-01T00:00:00.000Z".len() && away < 5_000, "{text}");
    }
}
