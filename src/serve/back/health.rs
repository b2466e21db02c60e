//! Asks backends again and again whether they work, as the config in force says.
//!
//! One task looks after the rest; there is one per backend with a `health`, for as long as a config has it. A check
//! is a request of the gate's own, with the platform's credential, on a connection that is used for nothing else and
//! counts for none of the limits.

use super::connect;
use super::exchange::{ask_once, build};
use super::host::Host;
use super::state::Backends;
use crate::domain::encode;
use crate::domain::names::BackendName;
use crate::policy::{Backend, Endpoint, HealthCheck, Policy, PolicyReader};
use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::Full;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How soon a new config is followed.
const FOLLOW: Duration = Duration::from_millis(250);

/// The first check comes within this time, so that not all gates check at once after a change.
const FIRST_WITHIN: Duration = Duration::from_millis(200);

/// A task that checks a backend, until this is dropped.
struct Checking {
    backend: Arc<Backend>,
    task: AbortHandle,
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Checks the backends of the config in force until nobody needs `backends` any more.
pub async fn look_after(policies: PolicyReader, backends: Weak<Backends>) {
    let mut generation = 0;
    let mut checked: HashMap<BackendName, Checking> = HashMap::new();
    while let Some(backends) = backends.upgrade() {
        {
            let snapshot = policies.current();
            if snapshot.generation != generation {
                generation = snapshot.generation;
                follow(&snapshot.policy, &backends, &mut checked);
            }
        }
        drop(backends);
        tokio::time::sleep(FOLLOW).await;
    }
}

/// Starts and stops tasks; those whose backend stays the same go on.
fn follow(policy: &Policy, backends: &Backends, checked: &mut HashMap<BackendName, Checking>) {
    let is_the_same =
        |checking: &Checking| policy.backends.iter().any(|backend| **backend == *checking.backend);
    checked.retain(|_, checking| is_the_same(checking));
    for backend in &policy.backends {
        let target = backends.target(backend);
        let Some(health) = &backend.health else {
            target.hosts.iter().for_each(|host| host.note(|standing| standing.unchecked()));
            continue;
        };
        checked.entry(backend.name.clone()).or_insert_with(|| {
            let task = check(Arc::clone(backend), health.clone(), target.hosts);
            Checking { backend: Arc::clone(backend), task: tokio::spawn(task).abort_handle() }
        });
    }
    backends.keep(policy);
}

/// Checks the hosts of a backend for ever.
async fn check(backend: Arc<Backend>, health: HealthCheck, hosts: Box<[Arc<Host>]>) {
    let patience = health.every.min(backend.timeout);
    tokio::time::sleep(FIRST_WITHIN.min(health.every).mul_f64(random())).await;
    loop {
        let next = Instant::now() + health.every.mul_f64(0.9 + 0.2 * random());
        let mut checks = JoinSet::new();
        for (host, endpoint) in hosts.iter().zip(backend.endpoints()) {
            let (backend, host, endpoint) = (Arc::clone(&backend), Arc::clone(host), endpoint.clone());
            let path = health.path.clone();
            checks.spawn(async move {
                let works = tokio::time::timeout(patience, works(&backend, &endpoint, &path)).await;
                host.note(|standing| standing.checked(works.unwrap_or(false)));
            });
        }
        while checks.join_next().await.is_some() {}
        tokio::time::sleep_until(next).await;
    }
}

/// Whether a host answers with a success, or leads elsewhere.
async fn works(backend: &Backend, endpoint: &Endpoint, path: &str) -> bool {
    let Some(message) = message(backend, endpoint, path) else { return false };
    let answer = match connect::open(backend, endpoint, None).await {
        Ok(opened) => ask_once(opened, message).await,
        Err(error) => {
            tracing::debug!(url = &*endpoint.url, %error, "health check");
            return false;
        }
    };
    match answer {
        Ok(answer) => answer.status().is_success() || answer.status().is_redirection(),
        Err(error) => {
            tracing::debug!(url = &*endpoint.url, %error, "health check");
            false
        }
    }
}

fn message(backend: &Backend, endpoint: &Endpoint, path: &str) -> Option<http::Request<Full<Bytes>>> {
    let mut target = format!("{}{path}", backend.base_path);
    for (name, value) in &backend.credential.query {
        if !target.contains('?') {
            target.push('?');
        }
        encode::push_pair(&mut target, name, value);
    }
    let mut headers = HeaderMap::new();
    headers.insert(HOST, endpoint.authority.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static("reportgate"));
    for (name, value) in &backend.credential.headers {
        headers.insert(name, value.clone());
    }
    build(backend, endpoint, &Method::GET, &target, headers, Full::default()).ok()
}

/// From 0 to 1; without randomness all is on time.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
