//! A client's request for a report, put together from names and values as its author would.
//!
//! Only a help for writing: whether it passes is for `decide` and `rewrite` to say, as of every other request.

use crate::domain::dialect::{BodyKind, Parameter, ParameterType, Place, ScopePlace};
use crate::domain::encode;
use crate::domain::pointer::Pointer;
use crate::policy::{Policy, Principal, Report, ScopeGrant};
use http::Method;
use jiff::ToSpan as _;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fmt;

/// A request as a client sends it, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRequest {
    /// GET or POST.
    pub method: Method,
    /// Path and query, encoded.
    pub target: String,
    /// The type of the body, when there is one.
    pub content_type: Option<&'static str>,
    /// The body; empty when there is none.
    pub body: String,
}

/// Why a request cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// These parameters have no value, each with its type.
    Missing(Vec<String>),
    /// The value of this parameter stands in a body, and the report takes none.
    NoBody(String),
    /// What cannot be the name of a parameter.
    Name(String),
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => write!(f, "a value is needed for {}", names.join(" and ")),
            Self::NoBody(name) => {
                write!(f, "`{name}` stands in a body, and the report is asked with GET only")
            }
            Self::Name(name) => write!(f, "`{name}` is not the name of a parameter"),
        }
    }
}

impl std::error::Error for Incomplete {}

/// The request for `report` with these parameters: of its methods the first that can carry them. A name is that of a
/// declared parameter, with or without `form:` or `json:`, or one of the query.
///
/// # Errors
/// When a parameter that has to be there is not, or one cannot be sent.
pub fn compose(report: &Report, values: &[(String, String)]) -> Result<ClientRequest, Incomplete> {
    let placed: Vec<_> = values
        .iter()
        .map(|(name, value)| Ok((place(report, name)?, value)))
        .collect::<Result<_, Incomplete>>()?;
    let is_given = |own: &Parameter| placed.iter().any(|(place, _)| *place == own.client);
    let missing: Vec<_> = needed(report).filter(|own| !is_given(own)).map(described).collect();
    if !missing.is_empty() {
        return Err(Incomplete::Missing(missing));
    }
    let in_body = placed.iter().find(|(place, _)| !matches!(place, Place::Query(_)));
    let method = match in_body {
        None if report.methods.get => Method::GET,
        Some((place, _)) if !report.methods.post => return Err(Incomplete::NoBody(place.to_string())),
        None | Some(_) => Method::POST,
    };
    let (mut query, mut form, mut members) = (String::new(), String::new(), Node::default());
    for (place, value) in &placed {
        match place {
            Place::Query(name) => encode::push_pair(&mut query, name, value),
            Place::Form(name) => encode::push_pair(&mut form, name, value),
            Place::Json(at) => members.set(at, json_text(report, place, value)),
        }
    }
    let mark = if query.is_empty() { "" } else { "?" };
    let kind = match in_body {
        Some((Place::Form(_), _)) => BodyKind::Form,
        Some((Place::Json(_), _)) => BodyKind::Json,
        Some((Place::Query(_), _)) | None => report.request.body,
    };
    let (content_type, body) = match kind {
        _ if method == Method::GET => (None, String::new()),
        BodyKind::Form if !form.is_empty() => (Some("application/x-www-form-urlencoded"), form),
        BodyKind::Json => (Some("application/json"), members.text()),
        BodyKind::Form | BodyKind::None => (None, String::new()),
    };
    Ok(ClientRequest { method, target: format!("{}{mark}{query}", report.path), content_type, body })
}

/// Examples for everything that a request of `principal` for `report` has to hold: of dates, those of the month before
/// `today`.
#[must_use]
pub fn examples(
    policy: &Policy,
    report: &Report,
    principal: &Principal,
    today: Date,
) -> Vec<(String, String)> {
    let dialect = &report.request;
    let needed: Vec<_> = needed(report).map(|own| &own.client).collect();
    let mut wanted: Vec<usize> = Vec::new();
    for (at, own) in dialect.parameters.iter().enumerate() {
        // Both ends of a span, or the other one, which is what it is by default, may be too far away.
        let span = dialect.spans.iter().find(|span| span.from == at || span.to == at);
        let ends = span.map_or(vec![at], |span| vec![span.from, span.to]);
        let ends = ends.into_iter().filter_map(|end| dialect.parameters.get(end));
        if ends.map(|end| &end.client).any(|client| needed.contains(&client)) || needed.contains(&&own.client)
        {
            wanted.push(at);
        }
    }
    let parameters = wanted.into_iter().filter_map(|at| {
        let own = dialect.parameters.get(at)?;
        Some((own.client.to_string(), example(report, at, own, today)))
    });
    parameters.chain(scope_example(policy, report, principal)).collect()
}

/// Parameters that a request has to hold.
fn needed(report: &Report) -> impl Iterator<Item = &Parameter> {
    let spans = &report.request.spans;
    let all = report.request.parameters.iter().enumerate();
    let is_end = move |at: usize| spans.iter().any(|span| span.from == at || span.to == at);
    all.filter(move |(at, own)| own.default.is_none() && (own.required || is_end(*at))).map(|(_, own)| own)
}

/// Where a name stands.
fn place(report: &Report, name: &str) -> Result<Place, Incomplete> {
    let declared = report.request.parameters.iter().map(|own| &own.client);
    let exact = declared.clone().find(|client| client.to_string() == name);
    let bare = |client: &&Place| match client {
        Place::Query(own) | Place::Form(own) => **own == *name,
        Place::Json(at) => at.to_string().trim_start_matches('/') == name,
    };
    if let Some(place) = exact.or_else(|| declared.clone().find(bare)) {
        return Ok(place.clone());
    }
    let unknown = || Incomplete::Name(name.to_owned());
    match name.split_once(':') {
        _ if name.is_empty() => Err(unknown()),
        Some(("form", field)) if !field.is_empty() => Ok(Place::Form(field.into())),
        Some(("json", at)) => match Pointer::parse(at) {
            Ok(at) if !at.is_root() => Ok(Place::Json(at)),
            Ok(_) | Err(_) => Err(unknown()),
        },
        Some(_) | None => Ok(Place::Query(name.into())),
    }
}

/// A parameter that has no value: its name and type.
fn described(own: &Parameter) -> String {
    let kind = match &own.kind {
        ParameterType::String { one_of, .. } if !one_of.is_empty() => format!("one of {}", one_of.join(", ")),
        ParameterType::String { .. } => "text".to_owned(),
        ParameterType::Integer { min: Some(min), max: Some(max) } => format!("integer, {min} to {max}"),
        ParameterType::Integer { .. } => "integer".to_owned(),
        ParameterType::Number => "number".to_owned(),
        ParameterType::Boolean => "true or false".to_owned(),
        ParameterType::Date => "date, YYYY-MM-DD".to_owned(),
        ParameterType::DateTime => "time, YYYY-MM-DDTHH:MM:SS".to_owned(),
    };
    format!("{} ({kind})", own.client)
}

/// A value as it stands in a JSON body: of its declared type, or as it is written when it is JSON.
fn json_text(report: &Report, place: &Place, value: &str) -> String {
    let declared = report.request.parameters.iter().find(|own| own.client == *place);
    let is_text = declared.is_some_and(|own| match own.kind {
        ParameterType::Integer { .. } | ParameterType::Number | ParameterType::Boolean => false,
        ParameterType::String { .. } | ParameterType::Date | ParameterType::DateTime => true,
    });
    if !is_text && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() {
        return value.trim_ascii().to_owned();
    }
    let mut out = String::new();
    encode::push_json_string(&mut out, value);
    out
}

/// A JSON object under construction.
#[derive(Default)]
struct Node {
    /// The text of a value; of an object, when there is none.
    value: Option<String>,
    members: BTreeMap<Box<str>, Self>,
}

impl Node {
    fn set(&mut self, at: &Pointer, text: String) {
        let node = at.tokens().fold(self, |node, name| node.members.entry(name.into()).or_default());
        node.value = Some(text);
    }

    fn text(&self) -> String {
        if let Some(value) = &self.value {
            return value.clone();
        }
        let members: Vec<_> = self.members.iter().map(|(name, node)| (name.clone(), node)).collect();
        let mut out = String::new();
        encode::push_json_object(&mut out, &members, |out, node| out.push_str(&node.text()));
        out
    }
}

fn example(report: &Report, at: usize, own: &Parameter, today: Date) -> String {
    match &own.kind {
        ParameterType::String { max_length, one_of } => match one_of.first() {
            Some(first) => first.to_string(),
            None => "example".chars().take(*max_length).collect(),
        },
        ParameterType::Integer { min, max } => {
            1.max(min.unwrap_or(i64::MIN)).min(max.unwrap_or(i64::MAX)).to_string()
        }
        ParameterType::Number => "1".to_owned(),
        ParameterType::Boolean => "true".to_owned(),
        ParameterType::Date => day(report, at, own, today).to_string(),
        ParameterType::DateTime => format!("{}T00:00:00", day(report, at, own, today)),
    }
}

/// The first or the last day of the month before `today`.
fn day(report: &Report, at: usize, own: &Parameter, today: Date) -> Date {
    let last = today.first_of_month().yesterday().unwrap_or(today);
    let first = last.first_of_month();
    let spans = &report.request.spans;
    if let Some(span) = spans.iter().find(|span| span.to == at) {
        let most = span.max_seconds / 86_400;
        return last.min(first.checked_add(most.days()).unwrap_or(last));
    }
    let name = own.client.to_string().to_ascii_lowercase();
    let is_end = ["to", "end", "until", "till"].iter().any(|word| name.ends_with(word));
    let is_start = spans.iter().any(|span| span.from == at);
    if is_end && !is_start { last } else { first }
}

/// The id that has to be chosen where the path holds one and the principal sees everyone's rows.
fn scope_example(policy: &Policy, report: &Report, principal: &Principal) -> Option<(String, String)> {
    let slots = report.request.scope.slots().iter();
    let slot = slots.filter(|slot| slot.all.is_none());
    let slot = slot.map(|slot| &slot.place).find(|place| matches!(place, ScopePlace::Path { .. }))?;
    let ids = |principal: &Principal| match &principal.scope {
        ScopeGrant::All => None,
        ScopeGrant::Ids(ids) => ids.first().map(ToString::to_string),
    };
    match &principal.scope {
        ScopeGrant::Ids(_) => None,
        ScopeGrant::All => {
            let id = policy.principals.iter().find_map(ids).unwrap_or_else(|| "1".to_owned());
            Some((slot.to_string(), id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    const GATE: &str = r#"
[server]
listen = ["127.0.0.1:8080"]
[backends.legacy]
url = "http://127.0.0.1:8001"

[reports.spans]
permission = "p"
path = "/spans"
columns = { a = {} }
request = { scope = [{ in = "query", name = "aff" }], spans = [{ from = "from", to = "to", max = "7d" }], allow = ["q"] }
parameters = { from = { type = "date" }, to = { type = "date", default = "today" }, kind = { type = "string", one_of = ["x y", "z"], required = true } }
response = { format = "json", rows = "" }

[reports.posted]
permission = "p"
path = "/posted"
methods = ["GET", "POST"]
backend_method = "POST"
columns = { a = {} }
request = { body = "json", scope = [{ in = "json", at = "/aff" }], allow = ["json:/x"] }
parameters = { "json:/range/end" = { type = "datetime", required = true }, "json:/n" = { type = "integer", min = 5, required = true } }
response = { format = "json", rows = "" }

[reports.fielded]
permission = "p"
path = "/fielded"
methods = ["POST"]
backend_method = "POST"
backend_path = "/by/{scope}"
columns = { a = {} }
request = { body = "form", scope = [{ in = "path", name = "aff" }] }
parameters = { "form:f" = { type = "string", max_length = 3, required = true }, b = { type = "boolean" } }
response = { format = "json", rows = "" }

[affiliates.acme]
kind = "affiliate"
scope = ["1001"]
permissions = ["p"]
allowed_ips = ["192.0.2.1"]
columns = { spans = ["a"], posted = ["a"], fielded = ["a"] }

[employees.jane]
scope = "all"
permissions = ["p"]
allowed_ips = ["192.0.2.1"]
columns = { spans = ["a"], posted = ["a"], fielded = ["a"] }
"#;

    fn policy() -> Policy {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.toml");
        std::fs::write(&path, GATE).unwrap();
        let loaded = crate::load::load(&path, Timestamp::from_unix_seconds(1_800_000_000));
        loaded.unwrap_or_else(|rejected| panic!("{}", rejected.report.render(false))).policy
    }

    fn report<'p>(policy: &'p Policy, name: &str) -> &'p Report {
        policy.reports.iter().find(|(_, report)| report.name.as_str() == name).unwrap().1
    }

    /// `METHOD TARGET TYPE BODY`, or what is wrong.
    fn composed(policy: &Policy, name: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        match compose(report(policy, name), &values) {
            Ok(ClientRequest { method, target, content_type, body }) => {
                format!("{method} {target} {} {body}", content_type.unwrap_or("-"))
            }
            Err(incomplete) => incomplete.to_string(),
        }
    }

    /// A report, names and values, and what comes of them.
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

    #[test]
    fn values_stand_where_the_report_reads_them() {
        let policy = policy();
        #[rustfmt::skip]
        let cases: [Case; 9] = [
            ("spans", &[("from", "2026-01-01"), ("kind", "x y"), ("q", "a&b")], "GET /spans?from=2026-01-01&kind=x%20y&q=a%26b - "),
            ("spans", &[], "a value is needed for from (date, YYYY-MM-DD) and kind (one of x y, z)"),
            ("posted", &[("range/end", "1"), ("json:/n", "7"), ("json:/x/y", "a\"b")],
                r#"POST /posted application/json {"n":7,"range":{"end":"1"},"x":{"y":"a\"b"}}"#),
            ("posted", &[("n", "7.10"), ("json:/range/end", "e"), ("json:/x", "[1]")],
                r#"POST /posted application/json {"n":7.10,"range":{"end":"e"},"x":[1]}"#),
            ("posted", &[("n", "7"), ("range/end", "e"), ("json:x", "1")], "`json:x` is not the name of a parameter"),
            ("fielded", &[("f", "ä b"), ("b", "true")], "POST /fielded?b=true application/x-www-form-urlencoded f=%C3%A4%20b"),
            ("fielded", &[], "a value is needed for form:f (text)"),
            ("spans", &[("from", "x"), ("kind", "z"), ("form:a", "1")], "`form:a` stands in a body, and the report is asked with GET only"),
            ("spans", &[("from", "x"), ("kind", "z"), ("", "1")], "`` is not the name of a parameter"),
        ];
        for (name, values, expected) in cases {
            assert_eq!(composed(&policy, name, values), expected, "{name} {values:?}");
        }
    }

    #[test]
    fn examples_fill_what_has_to_be_there() {
        let policy = policy();
        let today = jiff::civil::date(2026, 3, 31);
        #[rustfmt::skip]
        let cases = [
            ("acme", "spans", "from=2026-02-01 kind=x y to=2026-02-08"), ("acme", "posted", "json:/n=5 json:/range/end=2026-02-28T00:00:00"),
            ("acme", "fielded", "form:f=exa"), ("jane", "fielded", "aff=1001 form:f=exa"),
        ];
        for (who, name, expected) in cases {
            let principal = policy.principals.iter().find(|principal| principal.id.as_str() == who).unwrap();
            let found = examples(&policy, report(&policy, name), principal, today);
            let mut found: Vec<_> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
            found.sort();
            assert_eq!(found.join(" "), expected, "{who} {name}");
        }
    }
}
