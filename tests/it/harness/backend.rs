//! A backend that remembers every byte it gets and answers as the test says.

use super::TOKEN;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as the backend got it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Request line and headers, byte for byte.
    pub(crate) head: String,
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
}

impl Received {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    /// Every header, names in lower case, in order.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body in UTF-8")
    }
}

/// Where an answer is written.
pub(crate) struct Reply<'a> {
    stream: &'a mut TcpStream,
    stopped: &'a AtomicBool,
    open: bool,
}

impl Reply<'_> {
    /// Bytes as they are. A gate that has gone is not the backend's fault.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.open = self.open && self.stream.write_all(bytes.as_ref()).is_ok();
    }

    /// Whether the gate still takes what is sent.
    pub(crate) fn is_open(&self) -> bool {
        self.open && !self.stopped.load(Ordering::Relaxed)
    }

    /// A whole answer with a length.
    pub(crate) fn respond(&mut self, status: &str, headers: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        self.send(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()));
        self.send(body);
    }

    /// A whole success.
    pub(crate) fn ok(&mut self, content_type: &str, body: impl AsRef<[u8]>) {
        self.respond("200 OK", &format!("Content-Type: {content_type}\r\n"), body);
    }

    pub(crate) fn json(&mut self, body: impl AsRef<[u8]>) {
        self.ok("application/json", body);
    }

    /// The head of an answer in chunks.
    pub(crate) fn chunked(&mut self, content_type: &str) {
        self.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
    }

    /// A chunk; an empty one is the last.
    pub(crate) fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.send(framed);
    }

    /// Sends nothing more until the gate closes the connection or the test ends.
    pub(crate) fn stall(&mut self) {
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(20)));
        let mut byte = [0];
        while self.is_open() {
            match self.stream.read(&mut byte) {
                Ok(0) => self.open = false,
                Ok(_) => {}
                Err(error) => self.open = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }

    /// Closes the connection as a finished program does.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Closes it as a crashed one does.
    pub(crate) fn reset(&mut self) {
        let _ = socket2::SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        self.open = false;
    }
}

type Behaviour = Arc<dyn Fn(&Received, &mut Reply<'_>) + Send + Sync>;

/// What the backend's threads share.
struct Shared {
    behaviour: Mutex<Behaviour>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// A backend on a free port, until it is dropped.
pub(crate) struct RecordingBackend {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl RecordingBackend {
    /// A backend that behaves so for every request.
    pub(crate) fn start(behaviour: impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Arc::new(behaviour)),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let address = listener.local_addr().unwrap();
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&accepting);
                std::thread::spawn(move || serve(stream, &serving));
            }
        });
        Self { address, shared }
    }

    /// A backend that gives this JSON to everyone.
    pub(crate) fn json(body: &'static str) -> Self {
        Self::start(move |_, reply| reply.json(body))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it behaves so.
    pub(crate) fn behave(&self, behaviour: impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// How many requests there were so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.received.lock().unwrap().len()
    }

    /// The latest request.
    #[track_caller]
    pub(crate) fn last(&self) -> Received {
        self.shared.received.lock().unwrap().last().expect("the backend got a request").clone()
    }
}

impl Drop for RecordingBackend {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if !std::thread::panicking() {
            for request in self.received() {
                let mut bytes = request.head.into_bytes();
                bytes.extend(request.body);
                let found = memchr::memmem::find(&bytes, TOKEN.as_bytes());
                assert!(found.is_none(), "a token reached the backend: {}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// Serves one connection until either side closes it.
fn serve(mut stream: TcpStream, shared: &Shared) {
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer) {
        let received = Received { head, body, connection };
        let behaviour = Arc::clone(&shared.behaviour.lock().unwrap());
        shared.received.lock().unwrap().push(received.clone());
        let mut reply = Reply { stream: &mut stream, stopped: &shared.stopped, open: true };
        behaviour(&received, &mut reply);
        if !reply.is_open() {
            return;
        }
    }
}

/// Reads a request with a `Content-Length` or none; `None` at the end of the connection.
fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = loop {
        if let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        fill(stream, buffer)?;
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).expect("a head in UTF-8");
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length = length
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    while buffer.len() < length {
        fill(stream, buffer)?;
    }
    Some((head, buffer.drain(..length).collect()))
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&piece[..read]);
    Some(())
}
