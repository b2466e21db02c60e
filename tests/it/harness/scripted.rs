//! A listener whose every connection follows a script, byte by byte where need be, and remembers what came by it.

use super::backend::{Received, Reply};
use super::{PATIENCE, TOKEN};
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Something that a script waits for until a test says that it has come.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<(Mutex<bool>, Condvar)>);

impl Signal {
    pub(crate) fn set(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    #[track_caller]
    pub(crate) fn wait(&self) {
        let set = self.0.0.lock().unwrap();
        let (set, _) = self.0.1.wait_timeout_while(set, PATIENCE, |set| !*set).unwrap();
        assert!(*set, "no signal within {PATIENCE:?}");
    }
}

type Script = Arc<dyn Fn(&mut Wire) + Send + Sync>;

/// What the threads of a backend share.
struct Shared {
    script: Mutex<Script>,
    /// What came, by connection.
    bytes: Mutex<Vec<Vec<u8>>>,
    stopped: AtomicBool,
    takes_tokens: AtomicBool,
}

/// A backend on a free port, until it is dropped.
pub(crate) struct ScriptedBackend {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A listener on a free port.
pub(super) fn free_port() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")
}

impl ScriptedBackend {
    /// A backend whose connections go so. A connection is closed when its script returns.
    pub(crate) fn start(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::on(free_port(), script)
    }

    /// Likewise, where that listens.
    pub(super) fn on(listener: TcpListener, script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            bytes: Mutex::default(),
            stopped: AtomicBool::new(false),
            takes_tokens: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let _ = stream.set_nodelay(true);
                let connection = {
                    let mut bytes = accepting.bytes.lock().unwrap();
                    bytes.push(Vec::new());
                    bytes.len() - 1
                };
                let shared = Arc::clone(&accepting);
                let mut wire = Wire { stream, buffer: Vec::new(), connection, shared };
                let script = Arc::clone(&accepting.script.lock().unwrap());
                std::thread::spawn(move || script(&mut wire));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections from the next on go so.
    pub(crate) fn follow(&self, script: impl Fn(&mut Wire) + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// It stands behind something else than a gate, which lets tokens through.
    pub(crate) fn taking_tokens(self) -> Self {
        self.shared.takes_tokens.store(true, Ordering::Relaxed);
        self
    }

    /// Every byte that was read so far, by connection.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.shared.bytes.lock().unwrap().clone()
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.bytes.lock().unwrap().len()
    }
}

impl Drop for ScriptedBackend {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if !std::thread::panicking() && !self.shared.takes_tokens.load(Ordering::Relaxed) {
            for bytes in self.bytes() {
                let found = memchr::memmem::find(&bytes, TOKEN.as_bytes());
                assert!(found.is_none(), "a token reached the backend: {}", bytes.escape_ascii());
            }
        }
    }
}

/// The backend's end of one connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What was read and not yet taken.
    buffer: Vec<u8>,
    connection: usize,
    shared: Arc<Shared>,
}

impl Wire {
    /// Which connection this is, counted from 0.
    pub(crate) fn connection(&self) -> usize {
        self.connection
    }

    /// Waits for the first byte of what comes next, and leaves it there.
    pub(crate) fn first_byte(&mut self) -> Option<()> {
        if self.buffer.is_empty() { self.fill() } else { Some(()) }
    }

    /// Reads a request with a `Content-Length` or none; `None` at the end of the connection.
    pub(crate) fn request(&mut self) -> Option<Received> {
        let head = self.head()?;
        let lengths = head.lines().filter_map(|line| line.split_once(':'));
        let length = lengths
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .find_map(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        while self.buffer.len() < length {
            self.fill()?;
        }
        let body = self.buffer.drain(..length).collect();
        Some(Received { head, body, connection: self.connection })
    }

    /// Reads a head and leaves its body; `None` at the end of the connection.
    pub(crate) fn head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        Some(String::from_utf8(self.buffer.drain(..end).collect()).expect("a head in UTF-8"))
    }

    /// Reads on until these bytes are enough, or nothing has come for `quiet`; takes them all.
    pub(crate) fn take_until(&mut self, enough: impl Fn(&[u8]) -> bool, quiet: Duration) -> Vec<u8> {
        let _ = self.stream.set_read_timeout(Some(quiet));
        while !enough(&self.buffer) && self.read().is_ok_and(|read| read > 0) {}
        let _ = self.stream.set_read_timeout(None);
        std::mem::take(&mut self.buffer)
    }

    /// Where something is sent.
    pub(crate) fn reply(&mut self) -> Reply<'_> {
        Reply::new(self)
    }

    /// Waits until the other end closes; what it sends before is read, and dropped.
    pub(crate) fn until_closed(&mut self) {
        self.reply().stall();
    }

    /// Sends nothing more, but reads on.
    pub(crate) fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The connection will end as that of a crashed program does.
    pub(crate) fn reset(&self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Relaxed)
    }

    /// Reads for `time` at most; whether the connection is still open.
    pub(super) fn drop_input(&mut self, time: Duration) -> bool {
        let _ = self.stream.set_read_timeout(Some(time));
        let read = self.read();
        let _ = self.stream.set_read_timeout(None);
        self.buffer.clear();
        match read {
            Ok(read) => read > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn fill(&mut self) -> Option<()> {
        self.read().ok().filter(|read| *read > 0).map(|_| ())
    }

    fn read(&mut self) -> std::io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let read = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..read]);
        self.shared.bytes.lock().unwrap()[self.connection].extend_from_slice(&piece[..read]);
        Ok(read)
    }
}
