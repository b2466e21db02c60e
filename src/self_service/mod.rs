//! What a token may do, told to whoever holds it: itself, its reports, their OpenAPI document.
//!
//! Floor 4. Pure: (policy, holder, head, now) to a JSON document. It shows what `decide` and `rewrite`
//! would let pass, and nothing else: no column that is not granted, no name that only the
//! backend knows, nobody else's ids. No query parameter is read.

mod answers;
mod body;
mod entry;
mod example;
mod granted;
mod items;
mod openapi;
mod parameter;
mod schema;
#[cfg(test)]
mod tests;

use crate::decide::{Denial, Head, Holder};
use crate::domain::code::Code;
use crate::domain::column::Column;
use crate::domain::names::ReportName;
use crate::domain::time::{Expiry, Timestamp};
use crate::policy::Policy;
use entry::Entry;
use granted::{GrantedReport, granted, title};
use http::header::ALLOW;
use http::{HeaderValue, Method};
use serde::Serialize;
use serde_json::Value;

/// One of the holders' own endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Who the token is.
    WhoAmI,
    /// What it may call.
    Reports,
    /// One of these.
    Report(ReportName),
    /// The same for programs.
    OpenApi,
}

/// The endpoint at exactly that path; `None` when there is none, or they are switched off.
#[must_use]
pub fn endpoint(policy: &Policy, path: &str) -> Option<Endpoint> {
    let own = policy.settings.self_service.as_deref()?;
    match path.strip_prefix(own)? {
        "/whoami" => Some(Endpoint::WhoAmI),
        "/reports" => Some(Endpoint::Reports),
        "/openapi.json" => Some(Endpoint::OpenApi),
        rest => ReportName::parse(rest.strip_prefix("/reports/")?).ok().map(Endpoint::Report),
    }
}

/// The JSON text of an endpoint, for a holder.
///
/// # Errors
/// `report_not_found` for a report that the holder may not call, `method_not_allowed` for everything but GET and HEAD.
pub fn answer(
    policy: &Policy,
    head: &Head<'_>,
    holder: Holder<'_>,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<String, Denial> {
    if let Endpoint::Report(name) = endpoint {
        let found = policy.reports.iter().find(|(_, report)| report.name == *name);
        let own = found.and_then(|(index, report)| GrantedReport::of(index, report, holder, now));
        let own = own
            .ok_or_else(|| Denial::new(Code::ReportNotFound, "this token may call no report of this name"))?;
        check_method(head)?;
        return text(&Described::of(&own));
    }
    check_method(head)?;
    let reports = granted(policy, holder, now);
    match endpoint {
        Endpoint::WhoAmI => text(&WhoAmI::of(policy, holder, &reports)),
        Endpoint::OpenApi => {
            text(&openapi::document(&reports, holder.principal().id.as_str(), &policy.settings, head))
        }
        Endpoint::Reports | Endpoint::Report(_) => {
            text(&reports.iter().map(Described::of).collect::<Vec<_>>())
        }
    }
}

fn check_method(head: &Head<'_>) -> Result<(), Denial> {
    if matches!(*head.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let denial = Denial::new(Code::MethodNotAllowed, "this path answers GET, HEAD");
    Err(denial.header(ALLOW, HeaderValue::from_static("GET, HEAD")))
}

fn text(document: &impl Serialize) -> Result<String, Denial> {
    serde_json::to_string(document).map_err(|_| Denial::new(Code::Internal, "the document cannot be written"))
}

/// Who a token is.
#[derive(Debug, Serialize)]
struct WhoAmI<'p> {
    principal: &'p str,
    kind: &'static str,
    name: Option<&'p str>,
    token: Option<&'p str>,
    /// RFC 3339, or `never`.
    expires: Option<String>,
    seen_ip: String,
    permissions: Vec<&'p str>,
    reports: Vec<&'p str>,
}

impl<'p> WhoAmI<'p> {
    fn of(policy: &'p Policy, holder: Holder<'p>, reports: &[GrantedReport<'p>]) -> Self {
        let principal = holder.principal();
        let permissions = principal.rights.permissions.iter().filter_map(|index| policy.permission(*index));
        Self {
            principal: principal.id.as_str(),
            kind: principal.kind.as_str(),
            name: principal.name.as_deref(),
            token: holder.token().map(|token| token.id.as_str()),
            expires: holder.token().map(|token| match token.expires {
                Expiry::Never => "never".to_owned(),
                Expiry::At(at) => at.to_string(),
            }),
            seen_ip: holder.client().to_string(),
            permissions: permissions.map(|name| name.as_str()).collect(),
            reports: reports.iter().map(|granted| granted.report.name.as_str()).collect(),
        }
    }
}

/// A report as the holder may call it.
#[derive(Debug, Serialize)]
struct Described<'p> {
    name: &'p str,
    title: &'p str,
    path: &'p str,
    methods: Vec<&'static str>,
    columns: Vec<DescribedColumn<'p>>,
    parameters: Vec<Entry<'p>>,
    formats: Vec<&'static str>,
    /// Path and query of a request that would pass; of a POST where there is no GET.
    example: String,
    /// Its body, where it needs one: JSON, or the fields of a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    example_body: Option<Value>,
}

#[derive(Debug, Serialize)]
struct DescribedColumn<'p> {
    name: &'p str,
    title: &'p str,
}

impl<'p> Described<'p> {
    fn of(granted: &'p GrantedReport<'_>) -> Self {
        let methods = granted.methods;
        let methods = [(methods.get, "GET"), (methods.head, "HEAD"), (methods.post, "POST")];
        let column =
            |column: &&'p Column| DescribedColumn { name: column.name.as_str(), title: title(column) };
        Self {
            name: granted.report.name.as_str(),
            title: granted.title(),
            path: &granted.report.path,
            methods: methods.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect(),
            columns: granted.columns.iter().map(column).collect(),
            parameters: granted.parameters.iter().map(Entry::from).collect(),
            formats: granted.report.output.iter().map(|format| format.as_str()).collect(),
            example: example::target(granted),
            example_body: example::body(granted),
        }
    }
}
