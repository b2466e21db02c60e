//! A client of HTTP/2 that sends whatever frames it is told to (RFC 9113 section 4).

use crate::harness::{Gate, PATIENCE};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Kinds of frames.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

// Flags.
pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

// Settings.
pub(super) const HEADER_TABLE_SIZE: u16 = 1;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;

// Error codes.
pub(super) const NO_ERROR: u32 = 0;
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    fn number(&self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().unwrap()))
    }

    /// Whether it ends the stream with that error.
    pub(super) fn is_reset(&self, stream: u32, code: u32) -> bool {
        self.kind == RESET && self.stream == stream && self.number(0) == Some(code)
    }

    /// Whether it announces the end of the connection with that error.
    pub(super) fn is_goaway(&self, code: u32) -> bool {
        self.kind == GOAWAY && self.number(4) == Some(code)
    }
}

/// The bytes of a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block without compression (RFC 7541 section 6.2.2).
pub(super) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        for text in [name, value] {
            let length = text.len();
            match length.checked_sub(127) {
                None => bytes.push(u8::try_from(length).unwrap()),
                Some(mut rest) => {
                    bytes.push(127);
                    while rest >= 128 {
                        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    bytes.push(u8::try_from(rest).unwrap());
                }
            }
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// The frame that begins a GET.
pub(super) fn get(stream: u32, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![(":method", "GET"), (":scheme", "http"), (":authority", "gate.test"), (":path", path)];
    all.extend(headers);
    frame(HEADERS, END_STREAM | END_HEADERS, stream, block(&all))
}

/// The status in the header block of an answer that h2 wrote: it stands first.
pub(super) fn status(block: &[u8]) -> Option<u16> {
    match block {
        // An update of the table's size.
        [first, rest @ ..] if first & 0xe0 == 0x20 => status(rest),
        [first @ 0x88..=0x8e, ..] => Some([200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)]),
        // A literal with the name of the first status in the static table; digits of Huffman's code.
        [0x48 | 0x08, length, rest @ ..] if length & 0x80 != 0 => {
            let bits =
                rest.iter().take(usize::from(length & 0x7f)).fold(0_u64, |all, b| all << 8 | u64::from(*b));
            let count = u32::from(length & 0x7f) * 8;
            let mut left = count;
            let mut digits = 0;
            for _ in 0..3 {
                let five = bits >> (left - 5) & 0x1f;
                if five <= 2 {
                    digits = digits * 10 + five;
                    left -= 5;
                } else {
                    digits = digits * 10 + (bits >> (left - 6) & 0x3f) - 0x19 + 3;
                    left -= 6;
                }
            }
            u16::try_from(digits).ok()
        }
        _ => None,
    }
}

/// One connection.
pub(super) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Connects and sends nothing.
    pub(super) fn silent(gate: &Gate) -> Self {
        let stream = TcpStream::connect_timeout(&gate.address(), PATIENCE).expect("the gate accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Connects, and sends the preface and these settings.
    pub(super) fn connect(gate: &Gate, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::silent(gate);
        // Without a table, every header block of the gate can be read by itself.
        let settings = [(HEADER_TABLE_SIZE, 0)].iter().chain(settings).flat_map(|(id, value)| {
            let mut bytes = id.to_be_bytes().to_vec();
            bytes.extend(value.to_be_bytes());
            bytes
        });
        raw.send(PREFACE);
        raw.send(&frame(SETTINGS, 0, 0, settings.collect::<Vec<_>>()));
        raw
    }

    /// Writes bytes; whether the gate still takes them.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(super) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Another handle of the same connection.
    pub(super) fn twin(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), buffer: Vec::new() }
    }

    /// The next frame; `None` when the connection ends.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.next_until(Instant::now() + PATIENCE).expect("the gate sends or closes")
    }

    /// The next frame, or the end, until then.
    pub(super) fn next_until(&mut self, deadline: Instant) -> Option<Option<Frame>> {
        let mut piece = [0; 64 * 1024];
        loop {
            if let Some(frame) = self.take() {
                return Some(Some(frame));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.stream.read(&mut piece) {
                Ok(0) => return Some(None),
                Ok(read) => self.buffer.extend_from_slice(&piece[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if left.is_zero() {
                        return None;
                    }
                }
                Err(_) => return Some(None),
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.buffer.get(..9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let payload = self.buffer.get(9..9 + length)?.to_vec();
        self.buffer.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// Reads until such a frame comes; `None` when the connection ends before.
    pub(super) fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads to the end of the connection; all frames.
    pub(super) fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// How a stream ends: the status of its answer and its body, or the code of a reset.
    pub(super) fn answer(&mut self, stream: u32) -> Result<(u16, String), u32> {
        let (mut seen, mut body) = (0, Vec::new());
        loop {
            let frame = self.next().expect("an answer before the end");
            if frame.stream != stream {
                assert!(!frame.is_goaway(PROTOCOL_ERROR), "{frame:?}");
                continue;
            }
            match frame.kind {
                HEADERS => seen = status(&frame.payload).unwrap_or_else(|| panic!("a status: {frame:?}")),
                DATA => body.extend(&frame.payload),
                RESET => return Err(frame.number(0).unwrap()),
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                return Ok((seen, String::from_utf8(body).expect("UTF-8")));
            }
        }
    }
}

#[test]
fn statuses_are_read() {
    let cases: [(&[u8], u16); 4] = [
        (&[0x88], 200),
        (&[0x48, 0x82, 0x68, 0x01], 401),
        (&[0x48, 0x82, 0x64, 0x02], 302),
        (&[0x20, 0x48, 0x83, 0x68, 0x0f, 0x7f], 408),
    ];
    for (bytes, expected) in cases {
        assert_eq!(status(bytes), Some(expected), "{bytes:x?}");
    }
}
