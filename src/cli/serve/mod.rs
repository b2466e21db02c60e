//! `serve`: puts the rooms together, and takes them down on a signal.
//!
//! The main thread's runtime accepts, answers `[admin]` and waits for signals; requests are
//! served by the workers, reloads done by the watch.

mod descriptors;
mod inherited;
mod manager;
mod upgrade;

pub(super) use inherited::Inherited;

use super::streams::{Losses, detached_stderr, log_on_stdout};
use super::{Failure, note};
use inherited::{ADMIN, SERVER};
use manager::Manager;
use reportgate::admin::{Admin, MetricSources};
use reportgate::policy::{ListenAddress, PolicyReader, ServerTls, Settings};
use reportgate::reload::{Outcome, Reloader, Trigger};
use reportgate::serve::{
    Connections, Drain, Draining, LineLog, Listener, Pulses, Server, Shard, Shared, Stage, bind, look_after,
    random_seal_key,
};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;
use upgrade::Successor;

/// How long requests begun after the grace are still refused before the process ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the service manager shows of a process that is well.
const SERVING: &str = "serving";

/// Where the gate listens.
#[derive(Debug)]
pub(super) struct Addresses {
    /// For holders of tokens.
    pub(super) server: Vec<SocketAddr>,
    /// `[admin]`.
    pub(super) admin: Option<SocketAddr>,
}

/// Serves until a signal comes; calls `ready` once it listens.
pub(super) fn run(
    config: &Path,
    inherited: Inherited,
    ready: impl FnOnce(&Addresses),
) -> Result<(), Failure> {
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
    let served = runtime.block_on(serve(&settings, inherited, reloader, &policies, access_log, ready));
    // Whatever hangs on this runtime has had its time.
    runtime.shutdown_background();
    drop(access_log_writer);
    losses.tell();
    served
}

async fn serve(
    settings: &Settings,
    mut inherited: Inherited,
    reloader: Arc<Reloader>,
    policies: &PolicyReader,
    access_log: Arc<LineLog>,
    ready: impl FnOnce(&Addresses),
) -> Result<(), Failure> {
    let manager = Arc::new(Manager::of_process());
    let signals = Signals::new(&reloader, &manager);
    let mut signals = signals.map_err(|error| Failure::because("cannot wait for signals", error))?;
    let (listeners, admin_listener) = listen(settings, &mut inherited)?;
    let addresses = Addresses {
        server: listeners.iter().filter_map(Listener::tcp).collect(),
        admin: admin_listener.as_ref().and_then(Listener::tcp),
    };
    let kept = kept(&listeners, admin_listener.as_ref())
        .map_err(|error| Failure::because("cannot keep the listening sockets", error))?;

    let drain = Drain::default();
    let shared = shared(policies, &access_log, &drain);
    let workers = workers(settings);
    let shards: Vec<_> = (0..workers).map(|_| Arc::new(Shard::new(shared.clone()))).collect();
    tokio::spawn(look_after(policies.clone(), Arc::downgrade(&shared.backends)));
    let files = descriptors::open_files(settings, workers);
    let connections = Arc::new(files.map_or_else(Connections::default, Connections::within));
    let cannot_start = |error| Failure::because("cannot start the workers", error);
    let mut server =
        Server::start(listeners, &shards, policies, &connections, &drain).map_err(cannot_start)?;
    let admin = Admin::new(MetricSources {
        policies: policies.clone(),
        reloader: Arc::clone(&reloader),
        shards,
        connections,
        access_log: Some(Arc::clone(&access_log)),
        diagnostics: detached_stderr(),
        draining: drain.watch(),
    });
    let cannot_listen = |error| Failure::because("cannot listen for [admin]", error);
    let admin = admin_listener.map(|listener| admin.serve(listener)).transpose().map_err(cannot_listen)?;
    let admin = admin.map(tokio::spawn);
    let _watch =
        reloader.watch().map_err(|error| Failure::because("cannot start to watch the config", error))?;
    let streams = [("stdout", Some(access_log)), ("stderr", detached_stderr())];
    for (name, log) in streams {
        log.map(|log| tokio::spawn(Losses::new(name, log).follow()));
    }
    announce(&addresses, settings);
    ready(&addresses);
    inherited.succeeded().await;
    manager.ready(SERVING);
    tokio::spawn(watch_over(server.pulses(), drain.watch(), Arc::clone(&manager)));

    let successor = signals.end_or_upgrade(&kept).await;
    // Nobody else may keep them open.
    drop(kept);
    let delay = match successor {
        None => {
            manager.stopping();
            policies.current().policy.settings.drain_delay
        }
        Some(successor) => {
            note(&format!("upgrade: process {} serves from now on\n", successor.id));
            // It answers on [admin], too, and whoever asks it is told that it is ready.
            if let Some(admin) = admin {
                admin.abort();
            }
            manager.succeeded_by(successor.id);
            successor.take_over().await;
            Duration::ZERO
        }
    };
    tokio::select! {
        () = wind_down(&drain, delay, server, policies) => {}
        () = signals.stop() => note("second signal: ending at once\n"),
    }
    Ok(())
}

/// What the workers share.
fn shared(policies: &PolicyReader, access_log: &Arc<LineLog>, drain: &Drain) -> Shared {
    Shared {
        policies: policies.clone(),
        backends: Arc::default(),
        access_log: Some(Arc::clone(access_log)),
        findings: Arc::default(),
        cache: Arc::default(),
        draining: drain.watch(),
        seal_key: random_seal_key(),
        spent: Arc::default(),
    }
}

/// Tells the manager that the process is alive, as long as it is, if that wants to know.
async fn watch_over(pulses: Pulses, draining: Draining, manager: Arc<Manager>) {
    let Some(every) = manager::watchdog() else { return };
    let mut next = tokio::time::interval(every);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        // Workers end as their connections do.
        if draining.stage() > Stage::Serving || pulses.felt_within(every / 2).await {
            manager.alive();
        } else {
            tracing::error!(
                "a worker or listener does not answer: the service manager is not told that all is well"
            );
        }
    }
}

/// The listening sockets, to be handed over to a successor.
fn kept(listeners: &[Listener], admin: Option<&Listener>) -> io::Result<Vec<(&'static str, Listener)>> {
    let server = listeners.iter().map(|listener| (SERVER, listener));
    let named = server.chain(admin.map(|listener| (ADMIN, listener)));
    named.map(|(name, listener)| Ok((name, listener.try_clone()?))).collect()
}

/// The stages of a drain, up to the last words.
async fn wind_down(drain: &Drain, delay: Duration, server: Server, policies: &PolicyReader) {
    let grace = policies.current().policy.settings.shutdown_grace;
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

/// The sockets of `[server]` and `[admin]`: those that were handed over, and new ones for the others.
fn listen(
    settings: &Settings,
    inherited: &mut Inherited,
) -> Result<(Vec<Listener>, Option<Listener>), Failure> {
    let mut found = |name, address| (inherited.find(name, address), address);
    let server: Vec<_> = settings.listen.iter().map(|address| found(SERVER, address)).collect();
    let admin = settings.admin.as_ref().map(|admin| found(ADMIN, &admin.listen));
    // One that was meant for another address would be the better reason why this one is taken.
    inherited.let_go(settings)?;
    let or_new = |(found, address): (Option<Listener>, &ListenAddress)| match found {
        Some(listener) => Ok(listener),
        None => bind(address).map_err(|error| {
            let taken = error.kind() == io::ErrorKind::AddrInUse;
            let hint = if taken { " (does another reportgate run already?)" } else { "" };
            Failure::because(format!("cannot listen on {address}{hint}"), error)
        }),
    };
    let server = server.into_iter().map(or_new).collect::<Result<_, _>>()?;
    Ok((server, admin.map(or_new).transpose()?))
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

/// Reloads the config whenever it is asked for, and tells the manager. What comes of it is logged where it happens.
async fn reload(mut asked: UnboundedReceiver<()>, reloader: Arc<Reloader>, manager: Arc<Manager>) {
    while let Some(()) = asked.recv().await {
        manager.reloading();
        let reloader = Arc::clone(&reloader);
        let outcome = tokio::task::spawn_blocking(move || reloader.reload(Trigger::Asked)).await;
        manager.ready(match outcome {
            Ok(Outcome::Published(_) | Outcome::Unchanged) => SERVING,
            Ok(Outcome::Failed | Outcome::Held | Outcome::Unsettled) | Err(_) => {
                "serving; the config could not be reloaded, see the log"
            }
        });
    }
}

/// What the process is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// To end.
    Stop,
    /// To start a successor.
    Upgrade,
}

/// The signals the process listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    upgrade: Signal,
    /// What a SIGHUP asks for, one after the other.
    reloads: UnboundedSender<()>,
}

impl Signals {
    fn new(reloader: &Arc<Reloader>, manager: &Arc<Manager>) -> io::Result<Self> {
        let (reloads, asked) = unbounded_channel();
        tokio::spawn(reload(asked, Arc::clone(reloader), Arc::clone(manager)));
        Ok(Self {
            reloads,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            upgrade: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits until the process is to end: for SIGTERM or SIGINT, or, after a SIGUSR2, until a successor serves.
    async fn end_or_upgrade(&mut self, sockets: &[(&'static str, Listener)]) -> Option<Successor> {
        while let Told::Upgrade = self.next().await {
            note("upgrade: starting a successor\n");
            let started = tokio::select! {
                started = Successor::start(sockets) => started,
                () = self.stop() => return None,
            };
            match started {
                Ok(successor) => return Some(successor),
                Err(failure) => note(&format!("{}upgrade: none; serving on\n", failure.message())),
            }
        }
        None
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }

    /// Waits for what is to be done; a SIGHUP meanwhile reloads the config.
    async fn next(&mut self) -> Told {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Told::Stop,
                _ = self.interrupt.recv() => return Told::Stop,
                _ = self.upgrade.recv() => return Told::Upgrade,
                // The task that does it lives as long as this runtime.
                _ = self.hang_up.recv() => drop(self.reloads.send(())),
            }
        }
    }
}
