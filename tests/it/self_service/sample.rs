//! Reports that have every place where things can stand, who may see what of them, and a backend that answers.

use crate::harness::{Config, Gate, Received, RecordingBackend, Reply, affiliate, principal, stored, token};

const REPORTS: &str = r#"
[reports.leads]
title = "Leads"
permission = "get_leads"
path = "/api/leads"
backend_path = "/s3cr3t/leads.json"
[reports.leads.columns]
lead_id = { title = "Lead ID", request = "s3cr3t_id", response = "wire_id" }
created_at = { title = "Created" }
country = {}
commission = { response = "wire.amount" }
email = {}
"s3cr3t_column" = {}
[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "aff" }]
sort = [{ in = "query", name = "_sort", minus = true }]
allow = ["q"]
set = { s3cr3t_shape = "{columns}" }
forbid = ["affiliate_s3cr3t"]
spans = [{ from = "from", to = "to", max = "366d" }]
[reports.leads.parameters]
from = { type = "date", required = true, backend = "s3cr3t_from" }
to = { type = "date", default = "today" }
land = { column = "country", max_length = 20, backend = "s3cr3t_land" }
mail = { column = "email" }
never = { column = "s3cr3t_column" }
_size = { type = "integer", min = 1, max = 1000, default = "100" }
kind = { one_of = ["new", "old"] }
[reports.leads.response]
format = "json"
rows = "/rows"
scope_column = "s3cr3t_aff"
cursors = [{ response = "/next", parameter = "_next" }]
output = ["json", "csv", "ndjson"]

[reports.stats]
permission = "get_stats"
path = "/api/stats"
backend_path = "/s3cr3t/stats"
methods = ["GET", "POST"]
[reports.stats.columns]
day = { request = "s3cr3t_day", group = "dimension" }
country = { group = "dimension" }
clicks = { group = "measure" }
payout = { group = "measure" }
s3cr3t_column = { group = "measure" }
[reports.stats.request]
columns = [{ in = "form", name = "facts", style = "brackets", group = "measure" }, { in = "form", name = "dims", style = "csv", separator = "|", group = "dimension" }]
scope = [{ in = "form", name = "aff", style = "repeat" }]
allow = ["form:tags[]", "form:note"]
spans = [{ from = "form:since", to = "until", max = "6h" }]
[reports.stats.parameters]
"form:since" = { type = "datetime", default = "2026-01-31T10:00:00" }
until = { type = "datetime", required = true }
"form:rate" = { type = "number" }
"form:fresh" = { type = "boolean", default = "false" }
[reports.stats.response]
format = "csv"
delimiter = ";"

[reports.perf]
title = "Performance"
permission = "get_stats"
path = "/api/perf"
backend_path = "/s3cr3t/perf"
methods = ["POST"]
[reports.perf.columns]
day = {}
clicks = { request = "s3cr3t_clicks", response = "wire_clicks" }
"s3cr3t_column" = {}
[reports.perf.request]
columns = { in = "json", at = "/query/fields", style = "objects", key = "field" }
scope = [{ in = "json", at = "/query/filters", append = { kind = "affiliate", id = "{scope}" }, append_allow = { kind = ["country", "device"] } }]
sort = [{ in = "json", at = "/query/order" }]
allow = ["json:/meta"]
set = { "json:/s3cr3t" = ["{columns}"] }
[reports.perf.parameters]
"json:/range/from" = { type = "date", required = true, backend = "json:/s3cr3t_from" }
"json:/range/to" = { type = "date" }
"json:/limit" = { type = "integer", required = true, max = 50 }
"json:/tag" = { type = "string" }
[reports.perf.response]
format = "json"
rows = "/data/rows"
row = "array"
header = "/data/names"

[reports.daily]
permission = "get_stats"
path = "/api/daily"
backend_path = "/s3cr3t/{scope}/daily"
[reports.daily.columns]
day = {}
clicks = {}
"s3cr3t_column" = {}
[reports.daily.request]
columns = { in = "query", style = "flags", prefix = "ck_", value = "on" }
[reports.daily.response]
format = "xml"
rows = "/Set/row"
output = ["xml", "json"]

[reports.heads]
permission = "get_stats"
path = "/api/heads"
[reports.heads.columns]
day = {}
clicks = {}
[reports.heads.request]
columns = { in = "header", name = "x-fields" }
scope = [{ in = "header", name = "x-aff" }]
output_parameter = ""
[reports.heads.response]
format = "ndjson"

[reports.needs_mail]
permission = "get_stats"
path = "/api/mails"
[reports.needs_mail.columns]
day = {}
email = {}
[reports.needs_mail.request]
scope = "public"
[reports.needs_mail.parameters]
mail = { column = "email", required = true }

[reports.staff]
permission = "get_staff"
path = "/api/staff"
[reports.staff.columns]
name = {}
[reports.staff.request]
scope = "public"

[roles.standard]
permissions = ["get_leads", "get_stats"]
columns.leads = ["created_at", "country", "commission", "lead_id"]
columns.stats = ["day", "country", "clicks"]
columns.perf = ["clicks", "day"]
columns.daily = ["day"]
columns.heads = ["clicks"]
columns.needs_mail = ["day"]
"#;

const ACME: &str = r#"
name = "Acme Media"
role = "standard"
scope = ["1001"]
columns.leads = ["country", "commission", "lead_id"]
"#;

const JANE: &str = r#"
name = "Jane"
allowed_ips = ["127.0.0.1"]
permissions = ["get_leads", "get_stats", "get_staff"]
scope = "all"
columns.leads = ["email", "created_at"]
columns.stats = ["payout"]
columns.perf = ["day"]
columns.daily = ["day", "clicks"]
columns.heads = ["day"]
columns.needs_mail = ["day", "email"]
columns.staff = ["name"]
"#;

/// A second token of `acme`, with columns of its own.
fn feed() -> String {
    let hash = stored(&token("feed"));
    format!(
        "\n[[affiliates.acme.tokens]]\nid = \"acme-feed\"\nhash = \"{hash}\"\n\
         columns.leads = [\"country\"]\ncolumns.heads = [\"clicks\"]\nexpires = 2126-01-31T00:00:00Z\n"
    )
}

/// A gate in front of `backend`: `acme` with two tokens, `duo`, and `jane` who sees every row.
pub(super) fn config(backend: &RecordingBackend) -> Config {
    let duo = "role = \"standard\"\nscope = [\"2001\", \"2002\"]";
    // One id stands in the path of `daily`.
    let duo = &affiliate(
        "duo",
        &duo.replace("role = \"standard\"", "permissions = [\"get_leads\"]\ncolumns.leads = [\"country\"]"),
    );
    Config::empty(backend)
        .server("client_header = \"x-forwarded-for\"\ntrusted_proxies = [\"127.0.0.1\"]")
        .with(REPORTS)
        .with(&affiliate("acme", ACME))
        .with(&feed())
        .with(duo)
        .with(&principal("employees", "jane", JANE))
}

/// Answers every report in its own form, hidden cells included.
pub(super) fn answer(request: &Received, reply: &mut Reply<'_>) {
    let path = request.path().to_owned();
    let is = |part: &str| path.contains(part);
    if is("leads") {
        let (_, whose) = request.query().split_once("aff=").unwrap_or_default();
        let whose = whose.split(['&', '%']).next().unwrap_or_default();
        reply.json(format!(
            r#"{{"next": "s3cr3t", "rows": [{{"wire_id": 7, "email": "e", "country": "DE", "created_at": "2026-01-01",
            "wire": {{"amount": 1.50}}, "s3cr3t_aff": "{whose}"}}]}}"#
        ));
    } else if is("stats") {
        reply.ok("text/csv", "day;clicks;payout;country\n1;2;3;DE\n");
    } else if is("perf") {
        reply.json(r#"{"data": {"names": ["day", "wire_clicks", "x"], "rows": [["1", 2, "s3cr3t"]]}}"#);
    } else if is("daily") {
        let row = "<row><day>1</day><clicks>2</clicks><x>s3cr3t</x></row>";
        reply.ok("text/xml", format!("<Set>{row}</Set>"));
    } else if is("heads") {
        reply.json("{\"day\": 1, \"clicks\": 2, \"x\": \"s3cr3t\"}\n");
    } else {
        reply.json(r#"[{"day": 1, "email": "e", "name": "n", "x": "s3cr3t"}]"#);
    }
}

pub(super) fn gate() -> (RecordingBackend, Gate) {
    let backend = RecordingBackend::start(answer);
    let mut gate = Gate::start(&config(&backend));
    gate.extra_headers = &["content-disposition"];
    (backend, gate)
}
