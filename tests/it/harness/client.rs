//! An HTTP/1.1 client that sends whatever bytes it is told to, and tells a broken answer from a whole one.

use super::{PATIENCE, checks};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A request as it will be written.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let headers = vec![("Host".to_owned(), "gate.test".to_owned())];
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1",
            headers,
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of that content type.
    pub(crate) fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).header("Content-Type", content_type).body(body)
    }

    /// Presents the token of that principal.
    pub(crate) fn of(self, principal: &str) -> Self {
        self.bearer(&super::token(principal))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the `Host` that every request has.
    pub(crate) fn hostless(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "Host");
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As announced.
    Complete,
    /// Before its announced end, or by a reset: the client sees that something is missing.
    Broken,
}

/// An answer of the gate.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body without white space, to be compared with what was expected.
    pub(crate) fn squeezed(&self) -> String {
        self.text().split_ascii_whitespace().collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The `code` of a refusal; empty when there is none.
    pub(crate) fn code(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        json.and_then(|json| Some(json.get("code")?.as_str()?.to_owned())).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").expect("every answer has an X-Request-Id")
    }

    /// Whole, and a success.
    pub(crate) fn is_success(&self) -> bool {
        self.end == End::Complete && (200..300).contains(&self.status)
    }
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    extra_headers: &'static [&'static str],
    /// Whether `100 Continue` may come before an answer.
    may_continue: bool,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, extra_headers: &'static [&'static str]) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the gate accepts");
        Self { extra_headers, ..Self::over(stream) }
    }

    /// A client on a connection that is there already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), extra_headers: &[], may_continue: false }
    }

    /// Takes `100 Continue` before an answer.
    pub(crate) fn expecting_continue(mut self) -> Self {
        self.may_continue = true;
        self
    }

    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A gate that has refused and closed already is seen when its answer is read.
        let _ = self.stream.write_all(bytes);
    }

    /// Writes bytes one by one, with a pause before each, until the gate closes; how many there were.
    pub(crate) fn drip(&mut self, bytes: impl IntoIterator<Item = u8>, pause: Duration) -> usize {
        bytes
            .into_iter()
            .take_while(|byte| !self.closes_within(pause) && self.stream.write_all(&[*byte]).is_ok())
            .count()
    }

    /// Ends the connection as a crashed program does.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Says that nothing more will be sent.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub(crate) fn call(&mut self, request: &Request) -> Answer {
        self.send(&request.bytes());
        self.answer(&request.method).expect("an answer")
    }

    /// As [`Self::call`]; `None` when the connection ended without a byte of an answer.
    #[track_caller]
    pub(crate) fn try_call(&mut self, request: &Request) -> Option<Answer> {
        self.send(&request.bytes());
        self.answer(&request.method)
    }

    /// Reads the next answer; `None` when the connection ends before its first byte.
    #[track_caller]
    pub(crate) fn answer(&mut self, method: &str) -> Option<Answer> {
        let mut body = Vec::new();
        let mut answer = self.stream_answer(method, |piece| body.extend_from_slice(piece))?;
        checks::no_secret("an answer", &body);
        answer.body = body;
        Some(answer)
    }

    /// Reads the next answer and hands its body on piece by piece.
    #[track_caller]
    pub(crate) fn stream_answer(&mut self, method: &str, mut take: impl FnMut(&[u8])) -> Option<Answer> {
        let (status, headers) = self.head()?;
        let mut answer = Answer { status, headers, body: Vec::new(), end: End::Complete };
        checks::headers(&answer.headers, self.extra_headers);
        let length = answer.header("content-length").map(|text| text.parse::<u64>().expect("a length"));
        let chunked = answer.header("transfer-encoding").is_some_and(|coding| coding == "chunked");
        assert!(!(chunked && length.is_some()), "both framings at once: {:?}", answer.headers);
        let bodiless = method == "HEAD" || status == 204 || status == 304;
        answer.end = match length {
            _ if bodiless => End::Complete,
            _ if chunked => self.chunks(&mut take),
            Some(length) => self.exactly(length, &mut take),
            None => self.until_closed(&mut take),
        };
        Some(answer)
    }

    fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill().is_err() {
                assert!(self.buffer.is_empty(), "a head cut short: {:?}", self.buffer);
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        checks::no_secret("the head of an answer", &head);
        let text = String::from_utf8(head).expect("a head in ASCII");
        let mut lines = text.lines();
        let status: u16 =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        if status == 100 && self.may_continue {
            return self.head();
        }
        assert!(status >= 200, "no interim answers: {text}");
        let headers = lines.filter_map(|line| line.split_once(':'));
        Some((
            status,
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
        ))
    }

    fn chunks(&mut self, take: &mut impl FnMut(&[u8])) -> End {
        loop {
            let Some(line) = self.line() else { return End::Broken };
            let Ok(size) = u64::from_str_radix(&line, 16) else { panic!("a chunk size: {line:?}") };
            if self.exactly(size, take) == End::Broken {
                return End::Broken;
            }
            match self.line().as_deref() {
                None => return End::Broken,
                Some("") if size == 0 => return End::Complete,
                Some("") => {}
                Some(other) => panic!("no trailers, and a line end after a chunk: {other:?}"),
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.fill().ok()?;
        }
    }

    fn exactly(&mut self, length: u64, take: &mut impl FnMut(&[u8])) -> End {
        let mut left = usize::try_from(length).unwrap();
        while left > 0 {
            if self.buffer.is_empty() && self.fill().is_err() {
                return End::Broken;
            }
            let now = left.min(self.buffer.len());
            take(&self.buffer[..now]);
            self.buffer.drain(..now);
            left -= now;
        }
        End::Complete
    }

    fn until_closed(&mut self, take: &mut impl FnMut(&[u8])) -> End {
        loop {
            take(&self.buffer);
            self.buffer.clear();
            match self.fill() {
                Ok(()) => {}
                Err(ErrorKind::UnexpectedEof) => return End::Complete,
                Err(_) => return End::Broken,
            }
        }
    }

    fn fill(&mut self) -> Result<(), ErrorKind> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(ErrorKind::UnexpectedEof),
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the gate neither answered nor closed within {PATIENCE:?}")
            }
            Err(error) => Err(error.kind()),
        }
    }

    /// Whether the gate closes within the time; what it sends before that is kept to be read as answers.
    pub(crate) fn closes_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut piece = [0; 64 * 1024];
        let closes = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.stream.read(&mut piece) {
                Ok(0) => break true,
                Ok(read) => self.buffer.extend_from_slice(&piece[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break false;
                }
                Err(_) => break true,
            }
        };
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        closes
    }

    /// Reads until these bytes have come, and takes everything up to them.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, bytes) {
                break at + bytes.len();
            }
            if let Err(error) = self.fill() {
                panic!("{error} before {:?}: {:?}", bytes.escape_ascii(), self.buffer.escape_ascii());
            }
        };
        self.buffer.drain(..end);
    }
}
