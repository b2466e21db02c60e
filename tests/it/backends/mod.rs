//! Towards backends: whose turn it is, which host is asked, what is tried again, and on which connections.

mod connections;
mod hosts;
mod http2;
mod turns;

use crate::harness::{
    Client, Config, Gate, LEADS, ROW, Received, RecordingBackend, Reply, Request, affiliate, eventually,
};
use std::sync::{Arc, Condvar, Mutex};

/// A report that the backend wants by POST; whoever may call `leads` as `poster` may call it.
const POSTED: &str = r#"
[reports.posted]
permission = "get_posted_report"
path = "/posted"
backend_method = "POST"

[reports.posted.columns]
country = {}

[reports.posted.request]
columns = { in = "form", name = "columns", style = "csv" }
scope = [{ in = "form", name = "affiliate" }]

[reports.posted.response]
format = "json"
rows = "/rows"

[roles.poster]
extends = "standard"
permissions = ["get_posted_report"]
columns.posted = "all"
"#;

/// Answers that are held back until the test lets them go.
#[derive(Clone, Default)]
struct Valve(Arc<(Mutex<bool>, Condvar)>);

impl Valve {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        drop(opened.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

/// Opens a valve at the end of a test, whatever that is.
struct Opened<'a>(&'a Valve);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A backend that answers `q=slow` only once the valve is open.
fn slow(valve: &Valve) -> impl Fn(&Received, &mut Reply<'_>) + Send + Sync + 'static {
    let valve = valve.clone();
    move |request, reply| {
        if request.query().contains("q=slow") {
            valve.pass();
        }
        reply.json(ROW);
    }
}

/// A config with these affiliates, who may all call the report.
fn config(backend: &RecordingBackend, principals: &[&str]) -> Config {
    principals.iter().fold(Config::empty(backend).with(LEADS).with(POSTED), |config, id| {
        config.with(&affiliate(id, "role = \"poster\"\nscope = [\"1001\"]"))
    })
}

/// Sends a slow request and reads no answer yet.
fn ask_slowly(gate: &Gate, principal: &str) -> Client {
    let mut client = gate.client();
    client.send(&Request::get("/leads?q=slow").of(principal).bytes());
    client
}

/// Waits until so many requests are under way.
#[track_caller]
fn wait_for_in_flight(gate: &Gate, requests: usize) {
    let expected = requests as f64;
    eventually(&format!("{requests} requests are under way"), || {
        let now = gate.metrics().get("requests_in_flight");
        ((now - expected).abs() < 0.5).then_some(())
    });
}

#[track_caller]
fn status(client: &mut Client) -> u16 {
    client.answer("GET").expect("an answer").status
}
