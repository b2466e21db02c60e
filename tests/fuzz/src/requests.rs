//! What the targets of requests share: a policy of several dialects, and what holds for every request that is built.
//!
//! Holders may see `lead_id`, `created_at` and `country`, never `email` and `commission`: `one` in the rows of 1001,
//! `two` in those of 1002, too, `every` in all. What the backend gets is read again as the strictest and as the most careless of programs would.

#![allow(dead_code, reason = "no target uses all of it")]

mod choices;
mod read;

pub(crate) use choices::Choices;
#[allow(unused_imports, reason = "no target uses all of it")]
pub(crate) use read::loose;

use http::{HeaderName, HeaderValue, Method};
use reportgate::config::Drafts;
use reportgate::domain::names::PrincipalId;
use reportgate::domain::time::Timestamp;
use reportgate::load::{Asks, WrittenRequest, ask, load_drafts};
use reportgate::policy::Policy;
use reportgate::rewrite::BackendRequest;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

/// 2026-11-22T10:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_341_600);

/// Who asks.
pub(crate) const HOLDERS: [&str; 3] = ["one", "two", "every"];

/// The backend's names of what is granted.
const GRANTED: [&str; 3] = ["lead_id", "CreatedAt", "country"];

/// The holders' ids.
const IDS: [&str; 2] = ["1001", "1002"];

/// Stands in the platform's credential.
pub(crate) const CREDENTIAL: &str = "pl4tf0rm";

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:8080"]
token_in = ["bearer", "query:token"]
[backends.legacy]
url = "http://127.0.0.1:8001/base"
query = { api_key = "pl4tf0rm" }
"#;

/// What reports have in common. The table of their request is the last, so that more of its keys may follow.
const REPORT: &str = r#"
[reports.NAME]
permission = "get_NAME"
path = "/NAME"
methods = ["GET", "POST"]
KEYS
[reports.NAME.columns]
lead_id = {}
created_at = { request = "CreatedAt" }
country = { group = "measure" }
commission = { group = "measure" }
email = {}
[reports.NAME.parameters]
from = { type = "date", default = "-30d" }
size = { type = "integer", min = 1, max = 1000 }
land = { column = "country", backend = "country__exact" }
mail = { column = "email" }
PARAMETERS
[reports.NAME.response]
rows = "/rows"
[reports.NAME.request]
sort = [{ in = "query", name = "_sort", minus = true }]
allow = ["q"]
forbid = ["aff", "affiliateId"]
"#;

/// The `NAME` of a report, more keys of it and of its request, and what it writes where.
pub(crate) struct Dialect {
    pub(crate) name: &'static str,
    keys: &'static str,
    parameters: &'static str,
    request: &'static str,
    /// What the path at the backend is; `{}` stands for the id.
    path: &'static str,
    columns: &'static [List],
    scope: &'static [List],
    /// Other names that may stand in a query or form, or the paths of JSON.
    others: &'static [&'static str],
}

/// Where a list of names or ids stands in a request that is built.
pub(crate) enum List {
    /// In one pair of that name, between separators.
    Csv(Side, &'static str, &'static str),
    /// In pairs of that name.
    Repeat(Side, &'static str),
    /// In the names of pairs, behind a prefix.
    Flags(Side, &'static str),
    /// In a header, between commas.
    Header(&'static str),
    /// In the path.
    Path,
    /// Between commas, in a query parameter whose value has more.
    Within(&'static str),
    /// In JSON: values at that path.
    Json(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Query,
    Form,
}

/// What every query may hold besides.
const QUERY: [&str; 7] = ["_sort", "q", "from", "size", "country__exact", "api_key", "_shape"];

use List::{Csv, Flags, Header, Json, Path as InPath, Repeat, Within};
use Side::{Form, Query};
use read::{Pairs, fold};

#[rustfmt::skip]
pub(crate) const QUERIES: [Dialect; 8] = [
    Dialect { name: "repeat", keys: "", parameters: "", path: "/base/repeat", others: &[],
        request: r#"columns = { in = "query", name = "_col", style = "repeat" }
                    scope = [{ in = "query", name = "affiliate_id" }]
                    set = { _shape = "objects" }"#,
        columns: &[Repeat(Query, "_col")], scope: &[Csv(Query, "affiliate_id", ",")] },
    Dialect { name: "csv", keys: "", parameters: "", path: "/base/csv", others: &[],
        request: r#"columns = { in = "query", name = "fields", style = "csv", separator = "|" }
                    scope = [{ in = "query", name = "affiliate_id", style = "repeat" }, { in = "query", name = "owner" }]
                    on_extra_columns = "drop"
                    on_unknown_parameter = "drop""#,
        columns: &[Csv(Query, "fields", "|")], scope: &[Repeat(Query, "affiliate_id"), Csv(Query, "owner", ",")] },
    Dialect { name: "brackets", keys: "", parameters: "", path: "/base/brackets", others: &[],
        request: r#"columns = { in = "query", name = "fields", style = "brackets" }
                    scope = [{ in = "query", name = "ids", style = "brackets" }]
                    on_unknown_parameter = "drop""#,
        columns: &[Repeat(Query, "fields[]")], scope: &[Repeat(Query, "ids[]")] },
    Dialect { name: "flags", keys: "", parameters: "", path: "/base/flags", others: &[],
        request: r#"columns = { in = "query", style = "flags", prefix = "ck_", value = "1" }
                    scope = [{ in = "query", name = "affid", style = "csv", separator = "-" }]
                    on_unknown_parameter = "drop""#,
        columns: &[Flags(Query, "ck_")], scope: &[Csv(Query, "affid", "-")] },
    Dialect { name: "groups", keys: "", parameters: "", path: "/base/groups", others: &[],
        request: r#"columns = [{ in = "query", name = "facts", style = "csv", group = "measure" }, { in = "query", name = "dims", style = "csv" }]
                    ask = { in = "query", name = "want", style = "csv" }
                    scope = [{ in = "query", name = "affiliate_id" }]"#,
        columns: &[Csv(Query, "facts", ","), Csv(Query, "dims", ",")], scope: &[Csv(Query, "affiliate_id", ",")] },
    Dialect { name: "path", keys: r#"backend_path = "/partners/{scope}/leads.json""#, parameters: "",
        path: "/base/partners/{}/leads.json", others: &[],
        request: r#"columns = { in = "query", name = "_col", style = "repeat" }
                    scope = [{ in = "path", name = "affiliate_id" }]
                    on_unknown_parameter = "drop""#,
        columns: &[Repeat(Query, "_col")], scope: &[InPath] },
    Dialect { name: "header", keys: "", parameters: "", path: "/base/header", others: &[],
        request: r#"columns = { in = "header", name = "X-Fields" }
                    scope = [{ in = "header", name = "X-Aff" }]"#,
        columns: &[Header("x-fields")], scope: &[Header("x-aff")] },
    Dialect { name: "template", keys: "", parameters: "", path: "/base/template", others: &["sql"],
        request: r#"scope = [{ in = "query", name = "affiliate_id" }]
                    set = { sql = "select {columns} from leads" }
                    ask = { in = "query", name = "want", style = "csv" }"#,
        columns: &[Within("sql")], scope: &[Csv(Query, "affiliate_id", ",")] },
];

#[rustfmt::skip]
pub(crate) const FORMS: [Dialect; 4] = [
    Dialect { name: "form", keys: "", parameters: r#""form:day" = { type = "date", backend = "form:date" }"#,
        path: "/base/form", others: &["form_note", "date", "mode"],
        request: r#"body = "form"
                    columns = { in = "form", name = "cols", style = "repeat" }
                    scope = [{ in = "form", name = "aff_id", style = "brackets" }, { in = "query", name = "a" }]
                    set = { "form:mode" = "full" }
                    allow = ["q", "form:form_note"]"#,
        columns: &[Repeat(Form, "cols")], scope: &[Repeat(Form, "aff_id[]"), Csv(Query, "a", ",")] },
    Dialect { name: "formcsv", keys: "", parameters: "", path: "/base/formcsv", others: &[],
        request: r#"body = "form"
                    columns = { in = "form", name = "cols", style = "csv", separator = ";" }
                    scope = [{ in = "form", name = "aff_id", style = "csv", separator = "|" }]
                    on_extra_columns = "drop"
                    on_unknown_parameter = "drop""#,
        columns: &[Csv(Form, "cols", ";")], scope: &[Csv(Form, "aff_id", "|")] },
    Dialect { name: "formflags", keys: "", parameters: "", path: "/base/formflags", others: &[],
        request: r#"columns = { in = "form", style = "flags", prefix = "ck_", value = "on" }
                    scope = [{ in = "form", name = "affid" }]
                    on_unknown_parameter = "drop""#,
        columns: &[Flags(Form, "ck_")], scope: &[Csv(Form, "affid", ",")] },
    Dialect { name: "formbare", keys: "", parameters: "", path: "/base/formbare", others: &[],
        request: r#"columns = { in = "form", style = "flags", prefix = "", value = "true" }
                    ask = { in = "query", name = "want", style = "csv" }
                    scope = [{ in = "query", name = "affid" }]
                    allow = []"#,
        columns: &[Flags(Form, "")], scope: &[Csv(Query, "affid", ",")] },
];

#[rustfmt::skip]
pub(crate) const JSONS: [Dialect; 4] = [
    Dialect { name: "json", keys: "", parameters: r#""json:/range/from" = { type = "date" }
                    "json:/limit" = { type = "integer", min = 1, max = 10 }"#,
        path: "/base/json", others: &["/range/from", "/limit", "/options/totals", "/note"],
        request: r#"body = "json"
                    columns = { in = "json", at = "/select/columns", style = "array" }
                    scope = [{ in = "json", at = "/affiliates", style = "array" }]
                    set = { "json:/options/totals" = false }
                    allow = ["q", "json:/note"]"#,
        columns: &[Json("/select/columns/*")], scope: &[Json("/affiliates/*")] },
    Dialect { name: "objects", keys: "", parameters: "", path: "/base/objects", others: &["/filters/*/resource_type", "/order/by"],
        request: r#"body = "json"
                    columns = { in = "json", at = "/columns", style = "objects", key = "column" }
                    scope = [{ in = "json", at = "/filters", append = { resource_type = "affiliate", filter_id_value = "{scope}" }, append_allow = { resource_type = ["country"] } }]
                    set = { "json:/order/by" = "date" }
                    on_extra_columns = "drop"
                    on_unknown_parameter = "drop""#,
        columns: &[Json("/columns/*/column")], scope: &[Json("/filters/*/filter_id_value")] },
    Dialect { name: "jsoncsv", keys: "", parameters: "", path: "/base/jsoncsv", others: &[],
        request: r#"body = "json"
                    columns = { in = "json", at = "/columns", style = "csv" }
                    scope = [{ in = "json", at = "/aff_id", style = "csv", separator = "|" }]
                    on_unknown_parameter = "drop""#,
        columns: &[Json("/columns")], scope: &[Json("/aff_id")] },
    Dialect { name: "number", keys: "", parameters: "", path: "/base/number", others: &[],
        request: r#"body = "json"
                    columns = { in = "json", at = "/a~1b/0", style = "array" }
                    scope = [{ in = "json", at = "/aff_id", type = "number", style = "array" }, { in = "query", name = "affid" }]"#,
        columns: &[Json("/a~1b/0/*")], scope: &[Json("/aff_id/*"), Csv(Query, "affid", ",")] },
];

/// Who may do what, in every report.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let all = || QUERIES.iter().chain(&FORMS).chain(&JSONS);
    let reports: String = all()
        .map(|dialect| {
            let Dialect { name, keys, parameters, request, .. } = dialect;
            // A later `allow` stands for the usual one.
            let report = if request.contains("allow =") {
                REPORT.replace("allow = [\"q\"]\n", "")
            } else {
                REPORT.to_owned()
            };
            report.replace("NAME", name).replace("KEYS", keys).replace("PARAMETERS", parameters)
                + request
                + "\n"
        })
        .collect();
    let holder = |table: &str, scope: &str, is_granted: &dyn Fn(&Dialect) -> bool| {
        let granted: Vec<_> =
            all().filter(|dialect| is_granted(dialect)).map(|dialect| dialect.name).collect();
        let permissions: Vec<_> = granted.iter().map(|name| format!("\"get_{name}\"")).collect();
        let view = |name: &&str| format!("columns.{name} = [\"lead_id\", \"created_at\", \"country\"]\n");
        let (permissions, columns) = (permissions.join(", "), granted.iter().map(view).collect::<String>());
        format!(
            "[{table}]\nscope = {scope}\npermissions = [{permissions}]\nallowed_ips = [\"192.0.2.7\"]\n{columns}"
        )
    };
    // A path has room for one id.
    let two = holder("affiliates.two", r#"["1001", "1002"]"#, &|dialect| dialect.name != "path");
    let one = holder("affiliates.one", r#"["1001"]"#, &|_| true);
    let every = holder("employees.every", "\"all\"", &|_| true);
    policy(&format!("{CONFIG}{reports}{two}{one}{every}"))
});

/// A policy of a text that is a config.
pub(crate) fn policy(text: &str) -> Policy {
    let path = Path::new("/reportgate-fuzz.toml");
    let drafts: Drafts = std::iter::once((path.to_path_buf(), text.to_owned())).collect();
    match load_drafts(path, NOW, &drafts) {
        Ok(accepted) => accepted.policy,
        Err(rejected) => panic!("{}", rejected.report.render(false)),
    }
}

/// Puts a request to the policy and checks what would go to the backend, if anything.
pub(crate) fn check(
    dialect: &Dialect,
    holder: &str,
    method: &Method,
    target: &str,
    body: Option<(&str, &[u8])>,
) {
    let headers: Vec<(HeaderName, HeaderValue)> = body
        .iter()
        .map(|(kind, _)| (http::header::CONTENT_TYPE, HeaderValue::from_str(kind).expect("a media type")))
        .collect();
    let id = PrincipalId::parse(holder).expect("a holder");
    let written = WrittenRequest {
        asks: Asks::Holder(&id),
        from: [192, 0, 2, 7].into(),
        method,
        target,
        headers: &headers,
        body: body.map_or(&[], |(_, body)| body),
        request_id: "id",
    };
    let asked = || ask(&POLICY, &written, NOW);
    let Ok(built) = asked() else { return };
    // A raw target may name another report than was meant.
    let path = target.split('?').next().unwrap_or_default();
    let all = QUERIES.iter().chain(&FORMS).chain(&JSONS);
    let dialect = all.into_iter().find(|all| path.strip_prefix('/') == Some(all.name)).unwrap_or(dialect);
    Built::of(&built).check(dialect, holder);
    let again = asked().expect("allowed twice");
    assert_eq!((again.path_and_query(), again.body()), (built.path_and_query(), built.body()));
}

/// A request to the backend, read in several ways.
struct Built<'b> {
    request: &'b BackendRequest,
    path: &'b str,
    query: &'b str,
    form: &'b str,
    is_json: bool,
}

impl<'b> Built<'b> {
    fn of(request: &'b BackendRequest) -> Self {
        let (path, query) =
            request.path_and_query().split_once('?').unwrap_or((request.path_and_query(), ""));
        let kind = request.headers().get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_json = kind == Some(b"application/json");
        let body = std::str::from_utf8(request.body()).expect("UTF-8");
        assert!(body.is_empty() || kind.is_some(), "a body without a type");
        Self { request, path, query, form: if is_json { "" } else { body }, is_json }
    }

    fn check(&self, dialect: &Dialect, holder: &str) {
        let shown = || format!("{:?} {:?}", self.request.path_and_query(), self.request.body());
        // Columns: granted ones, each once, at least one.
        let columns: Vec<String> = dialect.columns.iter().flat_map(|list| self.listed(list)).collect();
        let distinct: BTreeSet<_> = columns.iter().collect();
        assert!(!columns.is_empty() && distinct.len() == columns.len(), "columns {columns:?}: {}", shown());
        assert!(columns.iter().all(|name| GRANTED.contains(&&**name)), "columns {columns:?}: {}", shown());
        // The scope: in every place the same of the holder's ids, each once, at least one.
        let mut places = dialect.scope.iter().map(|list| self.listed(list));
        let first = places.next().expect("a scope");
        // Who sees every row may choose, even one twice, and what is chosen is no more than ids.
        let once = first.iter().collect::<BTreeSet<_>>().len() == first.len();
        let plain = |id: &String| {
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:@-".contains(&b))
        };
        let is_own = |id: &String| match holder {
            "every" => plain(id),
            "one" => IDS[..1].contains(&&**id),
            _ => IDS.contains(&&**id),
        };
        assert!(
            first.iter().all(is_own) && (holder == "every" || once && !first.is_empty()),
            "scope {first:?}: {}",
            shown()
        );
        assert!(places.all(|other| other == first), "scope: {}", shown());
        assert_eq!(
            self.path,
            dialect.path.replace("{}", first.first().map_or("", |id| id)),
            "path: {}",
            shown()
        );
        self.check_names(dialect, &shown);
        self.check_headers(dialect);
    }

    /// Nothing stands beside what was declared, even for a careless reader, who takes none of it for another.
    fn check_names(&self, dialect: &Dialect, shown: &dyn Fn() -> String) {
        for (side, text) in [(Query, self.query), (Form, self.form)] {
            let (strict, careless) = (Pairs::strict(text), Pairs::careless(text));
            let folded: Vec<_> = strict.0.iter().map(|(name, value)| (fold(name), value.clone())).collect();
            assert_eq!(folded, careless.0, "two readings: {}", shown());
            for (name, _) in &strict.0 {
                let listed =
                    dialect.columns.iter().chain(dialect.scope).any(|list| list.is_named(side, name));
                let known = match side {
                    Query => QUERY.contains(&&**name) || dialect.others.contains(&&**name),
                    Form => dialect.others.contains(&&**name),
                };
                assert!(listed || known, "{name:?}: {}", shown());
            }
            // What is one value for a strict reader is not more for a careless one.
            let names: BTreeSet<_> = careless.0.iter().map(|(name, _)| name).collect();
            let distinct: BTreeSet<_> = strict.0.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), distinct.len(), "names that look alike: {}", shown());
        }
        let sorts = Pairs::strict(self.query).values("_sort");
        let sorted = |name: &String| GRANTED.contains(&name.trim_start_matches('-'));
        assert!(sorts.len() <= 1 && sorts.iter().all(sorted), "{sorts:?}: {}", shown());
        if self.is_json {
            let body = read::json(self.request.body());
            for path in body.iter().map(|(path, _)| path.as_str()) {
                let listed = dialect
                    .columns
                    .iter()
                    .chain(dialect.scope)
                    .any(|list| matches!(list, Json(at) if *at == path));
                assert!(
                    listed || dialect.others.iter().any(|own| read::is_at_or_below(path, own)),
                    "{path:?}: {}",
                    shown()
                );
            }
        }
    }

    fn check_headers(&self, dialect: &Dialect) {
        let headers = self.request.headers();
        for name in ["authorization", "cookie", "x-api-key", "transfer-encoding"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        for list in dialect.columns.iter().chain(dialect.scope) {
            if let Header(name) = list {
                assert!(headers.get_all(*name).iter().count() <= 1, "{name}");
            }
        }
    }

    /// What stands in a list.
    fn listed(&self, list: &List) -> Vec<String> {
        let pairs = |side: &Side| Pairs::strict(if *side == Query { self.query } else { self.form });
        let split =
            |text: &str, separator: &str| text.split(separator).map(str::to_owned).collect::<Vec<_>>();
        match list {
            Csv(side, name, separator) => match pairs(side).values(name).as_slice() {
                [] => Vec::new(),
                [one] => split(one, separator),
                _ => panic!("{name} stands twice: {}", self.request.path_and_query()),
            },
            Repeat(side, name) => pairs(side).values(name),
            Flags(side, prefix) => pairs(side)
                .0
                .iter()
                .filter_map(|(name, _)| name.strip_prefix(prefix))
                .map(str::to_owned)
                .collect(),
            Header(name) => match self.request.headers().get(*name) {
                Some(value) => split(value.to_str().expect("ASCII"), ","),
                None => Vec::new(),
            },
            InPath => self.path.split('/').nth(3).map(str::to_owned).into_iter().collect(),
            Within(name) => {
                let values = pairs(&Query).values(name);
                let [value] = values.as_slice() else { panic!("{name}: {values:?}") };
                let value = value.strip_prefix("select ").and_then(|rest| rest.strip_suffix(" from leads"));
                split(value.expect("the text around the columns"), ",")
            }
            Json(at) => self.in_json(at),
        }
    }

    fn in_json(&self, at: &str) -> Vec<String> {
        let own = |(path, value): (String, String)| (path == at).then_some(value);
        let mut found: Vec<_> = read::json(self.request.body()).into_iter().filter_map(own).collect();
        // Items that a client may send have an id of another kind.
        if at == "/filters/*/filter_id_value" {
            found = read::ids_of_affiliates(self.request.body());
        }
        // As one text.
        if let ([one], false) = (found.as_slice(), at.contains('*')) {
            found = one.split([',', '|']).map(str::to_owned).collect();
        }
        found
    }
}

impl List {
    /// Whether a pair of that name is part of the list.
    fn is_named(&self, side: Side, name: &str) -> bool {
        match self {
            Csv(own, listed, _) | Repeat(own, listed) => *own == side && *listed == name,
            Flags(own, prefix) => *own == side && name.starts_with(prefix),
            Within(listed) => side == Query && *listed == name,
            Header(_) | InPath | Json(_) => false,
        }
    }
}
