//! `Gate`: the engine inside another program, on whatever runtime that has.

use crate::config::Rejected;
use crate::reload::{Outcome, Reloader, Trigger, Watch};
use crate::serve::{Body, Connection, Drain, LineLog, Shard, Shared, handle, look_after, random_seal_key};
use bytes::Bytes;
use http::{Request, Response};
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A gate without sockets: requests in, answers out.
///
/// `Send + Sync`; several may live in one process, each with a config of its own. Nothing
/// global is touched. Connections to backends are kept, and their health is checked,
/// on the runtime that `call` runs on.
///
/// ```no_run
/// # async fn example(request: http::Request<http_body_util::Empty<bytes::Bytes>>) -> Result<(), Box<dyn std::error::Error>> {
/// let gate = reportgate::Gate::new("reportgate.toml".as_ref())?;
/// let _watch = gate.watch()?; // follows the files until it is dropped
/// let response = gate.call(request, [192, 0, 2, 1].into()).await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Gate {
    shard: Arc<Shard>,
    reloader: Arc<Reloader>,
    /// Whether some runtime checks the backends.
    looked_after: Arc<AtomicBool>,
}

/// Tells when the runtime that checks the backends is no more.
struct LookedAfter(Arc<AtomicBool>);

impl Drop for LookedAfter {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Gate {
    /// A gate with the config file at `config`, read once.
    ///
    /// # Errors
    /// Every problem of the config in one report.
    pub fn new(config: &Path) -> Result<Self, Box<Rejected>> {
        Self::with_access_log(config, None)
    }

    /// Likewise, with an access log.
    ///
    /// # Errors
    /// Every problem of the config in one report.
    pub fn with_access_log(config: &Path, access_log: Option<Arc<LineLog>>) -> Result<Self, Box<Rejected>> {
        let (reloader, _warnings) = Reloader::start(config)?;
        // It never drains: the program around it does.
        let draining = Drain::default().watch();
        let shard = Shard::new(Shared {
            policies: reloader.reader(),
            backends: Arc::default(),
            access_log,
            findings: Arc::default(),
            cache: Arc::default(),
            draining,
            seal_key: random_seal_key(),
            spent: Arc::default(),
        });
        Ok(Self { shard: Arc::new(shard), reloader, looked_after: Arc::default() })
    }

    /// Answers one request that `peer` sent; every refusal is an answer, too.
    ///
    /// The body of an answer may fail: the server around must then break the transfer off.
    pub async fn call<B>(&self, request: Request<B>, peer: IpAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.look_after_backends();
        handle(&self.shard, &Connection::new(peer.into(), false), request).await
    }

    /// Checks the backends on the runtime that this is called on, unless another does already.
    fn look_after_backends(&self) {
        if self.looked_after.load(Ordering::Relaxed) || self.looked_after.swap(true, Ordering::Relaxed) {
            return;
        }
        let looked_after = LookedAfter(Arc::clone(&self.looked_after));
        let checks = look_after(self.reloader.reader(), Arc::downgrade(self.shard.backends()));
        tokio::spawn(async move {
            let _looked_after = looked_after;
            checks.await;
        });
    }

    /// Reads the files again, as if somebody asked for it.
    pub fn reload(&self) -> Outcome {
        self.reloader.reload(Trigger::Asked)
    }

    /// Follows the files until the watch is dropped.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(&self) -> io::Result<Watch> {
        self.reloader.watch()
    }
}
