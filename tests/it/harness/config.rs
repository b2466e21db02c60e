//! The config of the tests: the same everywhere but for what a test changes.

use super::{RecordingBackend, SECRET, TOKEN};
use reportgate::domain::token::PresentedToken;
use std::net::SocketAddr;

/// A report in the dialect of most tests. `acme` sees three of its five columns.
pub(crate) const LEADS: &str = r#"
[reports.leads]
permission = "get_leads_report"
path = "/leads"
backend_path = "/legacy/leads.json"

[reports.leads.columns]
lead_id = {}
created_at = {}
country = {}
commission = {}
email = {}

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id" }]
sort = [{ in = "query", name = "_sort" }]
allow = ["q"]
set = { _shape = "objects" }
forbid = ["aff"]

[reports.leads.parameters]
from = { type = "date" }
to = { type = "date" }
size = { type = "integer", min = 1, max = 1000 }
land = { type = "string", column = "country", backend = "country__exact" }
mail = { type = "string", column = "email" }

[reports.leads.response]
format = "json"
rows = "/rows"

[roles.standard]
permissions = ["get_leads_report"]
columns.leads = ["created_at", "country", "commission"]

[roles.gold]
extends = "standard"
columns.leads = "all"
"#;

/// A report that is asked for by a form, of `poster` alone.
pub(crate) const POSTED: &str = r#"
[reports.posted]
permission = "get_posted_report"
path = "/posted"
methods = ["POST"]
backend_method = "POST"
columns = { country = {} }
[reports.posted.request]
body = "form"
scope = [{ in = "form", name = "affiliate_id" }]
allow = ["form:q"]
[reports.posted.response]
format = "json"
rows = "/rows"
"#;

/// What a backend answers in that dialect, and then some: one row, hidden cells, members nobody asked for.
pub(crate) const ROW: &str = r#"{"sql": "s3cr3t", "rows": [{"lead_id": "s3cr3t", "commission": 1.50, "country": "DE",
"email": "s3cr3t", "created_at": "2026-01-01"}], "total": "s3cr3t"}"#;

/// The token of a principal of the tests; it has the form of the platform's own.
pub(crate) fn token(principal: &str) -> String {
    format!("{TOKEN}-{SECRET}-of-{principal}")
}

/// What the config holds of a token.
pub(crate) fn stored(token: &str) -> String {
    PresentedToken::parse(token.as_bytes()).expect("the form of a token").digest().stored()
}

/// An affiliate on the loopback address, with one token.
pub(crate) fn affiliate(id: &str, keys: &str) -> String {
    principal("affiliates", id, &format!("kind = \"affiliate\"\nallowed_ips = [\"127.0.0.1\"]\n{keys}"))
}

/// The affiliate who may have it.
pub(crate) fn poster() -> String {
    affiliate(
        "poster",
        "permissions = [\"get_posted_report\"]\nscope = [\"1001\"]\ncolumns.posted = [\"country\"]",
    )
}

/// An entry of `[affiliates]` or `[employees]` with these keys and one token.
pub(crate) fn principal(table: &str, id: &str, keys: &str) -> String {
    let hash = stored(&token(id));
    format!(
        "\n[{table}.{id}]\n{keys}\n\n[[{table}.{id}.tokens]]\nid = \"{id}-1\"\nhash = \"{hash}\"\n\
         created = 2026-01-01T00:00:00Z\nexpires = \"never\"\n"
    )
}

/// A whole config, part by part.
#[derive(Clone)]
pub(crate) struct Config {
    backend: SocketAddr,
    server: String,
    backend_keys: String,
    rest: String,
}

impl Config {
    /// A gate in front of `backend`, without reports and principals.
    pub(crate) fn empty(backend: &RecordingBackend) -> Self {
        Self::at(backend.address())
    }

    /// A gate in front of whatever is at `backend`.
    pub(crate) fn at(backend: SocketAddr) -> Self {
        Self { backend, server: String::new(), backend_keys: String::new(), rest: String::new() }
    }

    /// A gate in front of `backend` with the report [`LEADS`] and `acme`, an affiliate that may call it.
    pub(crate) fn leads(backend: &RecordingBackend) -> Self {
        Self::empty(backend).with(LEADS).with(&affiliate("acme", "role = \"standard\"\nscope = [\"1001\"]"))
    }

    /// More keys of `[server]`.
    pub(crate) fn server(mut self, keys: &str) -> Self {
        self.server.push_str(keys);
        self.server.push('\n');
        self
    }

    /// More keys of the backend.
    pub(crate) fn backend(mut self, keys: &str) -> Self {
        self.backend_keys.push_str(keys);
        self.backend_keys.push('\n');
        self
    }

    /// More tables at the end.
    pub(crate) fn with(mut self, tables: &str) -> Self {
        self.rest.push_str(tables);
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { backend, server, backend_keys, rest } = self;
        let listen = if server.contains("listen =") { "" } else { "listen = [\"127.0.0.1:0\"]" };
        let workers = if server.contains("workers =") { "" } else { "workers = 1" };
        let url = format!("url = \"http://{backend}\"");
        let url = if backend_keys.contains("urls =") { "" } else { &url };
        // Tests send more than anybody may by default; those of rates say their own.
        let rate = if rest.contains("[defaults]") { "" } else { "[defaults]\nrate_limit = \"1000000/s\"\n" };
        format!(
            "[server]\n{listen}\n{workers}\n{server}\n[admin]\nlisten = \"127.0.0.1:0\"\n\n{rate}\
             [backends.legacy]\n{url}\n{backend_keys}\n{rest}"
        )
    }
}
