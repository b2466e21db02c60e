//! `serve`: puts the rooms together, and takes them down on a signal.
//!
//! The main thread's runtime accepts, answers `[admin]` and waits for signals; requests are
//! served by the workers, reloads done by the watch.

use super::streams::{Losses, detached_stderr, log_on_stdout};
use super::{Failure, note};
use reportgate::admin::{Admin, MetricSources};
use reportgate::policy::{ListenAddress, PolicyReader, ServerTls, Settings};
use reportgate::reload::{Reloader, Trigger};
use reportgate::serve::{
    Connections, Drain, LineLog, Listener, Server, Shard, Shared, Stage, bind, look_after, random_seal_key,
};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long requests begun after the grace are still refused before the process ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where the gate listens.
#[derive(Debug)]
pub(super) struct Addresses {
    /// For holders of tokens.
    pub(super) server: Vec<SocketAddr>,
    /// `[admin]`.
    pub(super) admin: Option<SocketAddr>,
}

/// Serves until a signal comes; calls `ready` once it listens.
pub(super) fn run(config: &Path, ready: impl FnOnce(&Addresses)) -> Result<(), Failure> {
    let (reloader, warnings) = Reloader::start(config)?;
    if warnings.warnings() > 0 {
        note(&warnings.render(false));
    }
    let policies = reloader.reader();
    let settings = policies.current().policy.settings.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start the runtime", error))?;
    let (access_log, access_log_writer) = log_on_stdout()
        .map_err(|error| Failure::because("cannot start the thread of the access log", error))?;
    let mut losses = Losses::new("stdout", Arc::clone(&access_log));
    let served = runtime.block_on(serve(&settings, reloader, &policies, access_log, ready));
    // Whatever hangs on this runtime has had its time.
    runtime.shutdown_background();
    drop(access_log_writer);
    losses.tell();
    served
}

async fn serve(
    settings: &Settings,
    reloader: Arc<Reloader>,
    policies: &PolicyReader,
    access_log: Arc<LineLog>,
    ready: impl FnOnce(&Addresses),
) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::because("cannot wait for signals", error))?;
    let listeners = settings.listen.iter().map(listen).collect::<Result<Vec<_>, _>>()?;
    let admin_listener = settings.admin.as_ref().map(|admin| listen(&admin.listen)).transpose()?;
    let addresses = Addresses {
        server: listeners.iter().filter_map(Listener::tcp).collect(),
        admin: admin_listener.as_ref().and_then(Listener::tcp),
    };

    let drain = Drain::default();
    let shared = Shared {
        policies: policies.clone(),
        backends: Arc::default(),
        access_log: Some(Arc::clone(&access_log)),
        findings: Arc::default(),
        cache: Arc::default(),
        draining: drain.watch(),
        seal_key: random_seal_key(),
        spent: Arc::default(),
    };
    let shards: Vec<_> = (0..workers(settings)).map(|_| Arc::new(Shard::new(shared.clone()))).collect();
    tokio::spawn(look_after(policies.clone(), Arc::downgrade(&shared.backends)));
    let connections = Arc::new(Connections::default());
    let cannot_start = |error| Failure::because("cannot start the workers", error);
    let server = Server::start(listeners, &shards, policies, &connections, &drain).map_err(cannot_start)?;
    let admin = Admin::new(MetricSources {
        policies: policies.clone(),
        reloader: Arc::clone(&reloader),
        shards,
        connections,
        access_log: Some(Arc::clone(&access_log)),
        diagnostics: detached_stderr(),
        draining: drain.watch(),
    });
    if let Some(listener) = admin_listener {
        let cannot_listen = |error| Failure::because("cannot listen for [admin]", error);
        tokio::spawn(admin.serve(listener).map_err(cannot_listen)?);
    }
    let _watch =
        reloader.watch().map_err(|error| Failure::because("cannot start to watch the config", error))?;
    let streams = [("stdout", Some(access_log)), ("stderr", detached_stderr())];
    for (name, log) in streams {
        log.map(|log| tokio::spawn(Losses::new(name, log).follow()));
    }
    announce(&addresses, settings);
    ready(&addresses);

    signals.stop(&reloader).await;
    tokio::select! {
        () = wind_down(&drain, server, policies) => {}
        () = signals.stop(&reloader) => note("second signal: ending at once\n"),
    }
    Ok(())
}

/// The stages of a drain, up to the last words.
async fn wind_down(drain: &Drain, server: Server, policies: &PolicyReader) {
    let (delay, grace) = {
        let snapshot = policies.current();
        (snapshot.policy.settings.drain_delay, snapshot.policy.settings.shutdown_grace)
    };
    note("draining\n");
    drain.advance(Stage::Unready);
    tokio::time::sleep(delay).await;
    drain.advance(Stage::Draining);
    let mut over = std::pin::pin!(server.over());
    if tokio::time::timeout(grace, over.as_mut()).await.is_ok() {
        note("drained\n");
        return;
    }
    drain.advance(Stage::Refusing);
    // The workers break off what is left by themselves.
    let _ = tokio::time::timeout(LAST_WORDS, over).await;
    note("shutdown_grace is over: requests under way were broken off\n");
}

fn listen(address: &ListenAddress) -> Result<Listener, Failure> {
    bind(address).map_err(|error| {
        let taken = error.kind() == io::ErrorKind::AddrInUse;
        let hint = if taken { " (does another reportgate run already?)" } else { "" };
        Failure::because(format!("cannot listen on {address}{hint}"), error)
    })
}

/// How many workers there are.
fn workers(settings: &Settings) -> usize {
    match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    }
}

fn announce(addresses: &Addresses, settings: &Settings) {
    for address in &addresses.server {
        note(&format!("listening on {}://{address}\n", scheme(settings.tls.as_ref())));
    }
    for address in settings.listen.iter().filter(|address| address.tcp().is_none()) {
        note(&format!("listening on {address}\n"));
    }
    let tls = settings.admin.as_ref().and_then(|admin| admin.tls.as_ref());
    match (addresses.admin, &settings.admin) {
        (Some(address), _) => note(&format!("admin on {}://{address}\n", scheme(tls))),
        (None, Some(admin)) => note(&format!("admin on {}\n", admin.listen)),
        (None, None) => {}
    }
}

fn scheme(tls: Option<&ServerTls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// The signals the process listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT; a SIGHUP meanwhile reloads the config.
    async fn stop(&mut self, reloader: &Arc<Reloader>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    let reloader = Arc::clone(reloader);
                    // Its outcome is logged where it happens.
                    tokio::task::spawn_blocking(move || reloader.reload(Trigger::Asked));
                }
            }
        }
    }
}
