//! A backend that remembers every byte it gets and answers as the test says.

use super::scripted::{ScriptedBackend, Wire, free_port};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
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
    wire: &'a mut Wire,
    open: bool,
}

impl<'a> Reply<'a> {
    pub(super) fn new(wire: &'a mut Wire) -> Self {
        Self { wire, open: true }
    }

    /// Bytes as they are. A gate that has gone is not the backend's fault.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.open = self.open && self.wire.stream().write_all(bytes.as_ref()).is_ok();
    }

    /// Bytes one by one, with a pause before each.
    pub(crate) fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) {
        for byte in bytes.as_ref() {
            std::thread::park_timeout(pause);
            self.send([*byte]);
        }
    }

    /// Whether the gate still takes what is sent.
    pub(crate) fn is_open(&self) -> bool {
        self.open && !self.wire.is_stopped()
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
        while self.is_open() {
            self.open = self.wire.drop_input(Duration::from_millis(20));
        }
    }

    /// Closes the connection as a finished program does.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Closes it as a crashed one does.
    pub(crate) fn reset(&mut self) {
        self.wire.reset();
        self.open = false;
    }
}

type Behaviour = Arc<dyn Fn(&Received, &mut Reply<'_>) + Send + Sync>;

/// What the backend's threads share.
struct Shared {
    behaviour: Mutex<Behaviour>,
    received: Mutex<Vec<Received>>,
}

/// A backend on a free port, until it is dropped.
pub(crate) struct RecordingBackend {
    inner: ScriptedBackend,
    shared: Arc<Shared>,
}

impl RecordingBackend {
    /// A backend that behaves so for every request.
    pub(crate) fn start(behaviour: impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static) -> Self {
        Self::on(free_port(), behaviour)
    }

    /// A backend where that listens.
    pub(crate) fn on(
        listener: TcpListener,
        behaviour: impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static,
    ) -> Self {
        let shared =
            Arc::new(Shared { behaviour: Mutex::new(Arc::new(behaviour)), received: Mutex::default() });
        let serving = Arc::clone(&shared);
        let inner = ScriptedBackend::on(listener, move |wire| serve(wire, &serving));
        Self { inner, shared }
    }

    /// A backend that gives this JSON to everyone.
    pub(crate) fn json(body: &'static str) -> Self {
        Self::start(move |_, reply| reply.json(body))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.inner.address()
    }

    /// From now on it behaves so.
    pub(crate) fn behave(&self, behaviour: impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.inner.connections()
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

    /// Every byte that was read so far, by connection.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.inner.bytes()
    }
}

/// Serves one connection until either side closes it.
fn serve(wire: &mut Wire, shared: &Shared) {
    while let Some(received) = wire.request() {
        let behaviour = Arc::clone(&shared.behaviour.lock().unwrap());
        shared.received.lock().unwrap().push(received.clone());
        let mut reply = wire.reply();
        behaviour(&received, &mut reply);
        if !reply.is_open() {
            return;
        }
    }
}
