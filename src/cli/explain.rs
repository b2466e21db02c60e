//! `explain`: a written request, check by check, without sending anything.

use super::failure::Failure;
use super::table::{table, visible};
use super::token::key;
use super::{Format, show};
use clap::{ArgGroup, Args};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method};
use reportgate::clock;
use reportgate::config::blotted;
use reportgate::domain::names::PrincipalId;
use reportgate::load::{self, Asks, Decision, Explanation, WrittenRequest};
use reportgate::policy::{Policy, Report};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// What is explained.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
#[command(group(ArgGroup::new("who").required(true).args(["principal", "token_stdin"])))]
#[command(
    after_help = "Example: reportgate explain --as acme --ip 203.0.113.7 '/api/v1/reports/leads?fields=email'\n\n\
    Nothing is sent. Rates and lockouts are told, not counted, and paging cursors can only be opened under a configured seal_key."
)]
pub(super) struct Options {
    /// As if this affiliate or employee asked; its token is not looked at
    #[arg(long = "as", value_name = "ID", value_parser = PrincipalId::parse)]
    principal: Option<PrincipalId>,
    /// As if the holder of the token on stdin asked
    #[arg(long)]
    token_stdin: bool,
    /// Where the connection comes from
    #[arg(long, value_name = "ADDR")]
    ip: IpAddr,
    /// Default: GET, or POST with data
    #[arg(value_name = "METHOD")]
    method: Option<Method>,
    /// http://HOST/PATH?QUERY or /PATH?QUERY, as the client writes it
    #[arg(value_name = "URL", value_parser = url)]
    url: Url,
    /// A header of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body, or @FILE without its line ends; a form, as with curl, unless a Content-Type is given
    #[arg(short, long, value_name = "DATA", value_parser = data)]
    data: Option<Data>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    host: Option<HeaderValue>,
    target: String,
}

/// The body of a request.
#[derive(Debug, Clone)]
struct Data(Box<[u8]>);

/// Explains a request to the gate with the config at `path`.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let now = clock::now();
    let policy = load::load(path, now)?.policy;
    let token = if options.token_stdin { key()? } else { String::new() };
    let asks = match &options.principal {
        Some(id) => {
            known(&policy, id)?;
            Asks::Holder(id)
        }
        None => Asks::Token(&token),
    };
    let default_method = if options.data.is_some() { Method::POST } else { Method::GET };
    let request = WrittenRequest {
        asks,
        from: options.ip,
        method: options.method.as_ref().unwrap_or(&default_method),
        target: &options.url.target,
        headers: &headers(options),
        body: options.data.as_ref().map_or(&[], |data| &data.0),
        request_id: "explain",
    };
    let explanation = load::explain(&policy, &request, now);
    show(options.format, &explanation, || as_table(&explanation))?;
    match explanation.decision {
        Decision::Allow => Ok(()),
        Decision::Deny => Err(Failure::Said),
    }
}

/// Refuses ids that nobody has.
pub(super) fn known(policy: &Policy, id: &PrincipalId) -> Result<(), Failure> {
    let found = policy.principals.iter().any(|principal| principal.id == *id);
    let nobody = || Failure::Plain(format!("there is no affiliate or employee `{id}`"));
    found.then_some(()).ok_or_else(nobody)
}

/// The report of that name.
pub(super) fn report_named<'p>(policy: &'p Policy, name: &str) -> Result<&'p Report, Failure> {
    let mut reports = policy.reports.iter().map(|(_, report)| report);
    let known =
        || policy.reports.iter().map(|(_, report)| report.name.as_str()).collect::<Vec<_>>().join(", ");
    let unknown = || Failure::Plain(blotted(format!("there is no report `{name}`; there are: {}", known())));
    reports.find(|report| report.name.as_str() == name).ok_or_else(unknown)
}

/// The headers as given, and what a client adds by itself.
fn headers(options: &Options) -> Vec<(HeaderName, HeaderValue)> {
    let is_given = |name: HeaderName| options.headers.iter().any(|(given, _)| *given == name);
    let mut headers = options.headers.clone();
    if let Some(host) = options.url.host.clone().filter(|_| !is_given(HOST)) {
        headers.push((HOST, host));
    }
    if options.data.is_some() && !is_given(CONTENT_TYPE) {
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")));
    }
    headers
}

fn as_table(explanation: &Explanation) -> String {
    let row = |step: &load::Step| {
        let verdict = if step.ok { "ok" } else { "REFUSED" };
        vec![step.step.to_owned(), verdict.to_owned(), step.detail.clone()]
    };
    let rows: Vec<_> = explanation.steps.iter().map(row).collect();
    let mut out = table(&["STEP", "", "FOUND"], &rows);
    let Some(asked) = &explanation.backend_request else {
        out += &format!("\nrefused: {} {}\n", explanation.status, explanation.code);
        return out;
    };
    out += &format!("\nallowed; the backend gets:\n\n{} {}\n", asked.method, visible(&asked.url));
    for (name, value) in &asked.headers {
        out += &format!("{name}: {}\n", visible(value));
    }
    if !asked.body.is_empty() {
        out += &format!("\n{}\n", visible(&asked.body));
    }
    out
}

/// `http://HOST/PATH?QUERY` or `/PATH?QUERY`; what stands behind `#` is never sent.
fn url(text: &str) -> Result<Url, String> {
    let expected = || "expected http://HOST/PATH or /PATH".to_owned();
    let sent = text.split('#').next().unwrap_or_default();
    if sent.starts_with('/') {
        return Ok(Url { host: None, target: sent.to_owned() });
    }
    let (scheme, rest) = sent.split_once("://").ok_or_else(expected)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(expected());
    }
    let (host, target) =
        rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).ok_or_else(expected)?;
    if host.is_empty() || host.contains('@') {
        return Err(expected());
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    let host = HeaderValue::try_from(host).map_err(|_| expected())?;
    Ok(Url { host: Some(host), target: format!("{slash}{target}") })
}

/// `NAME: VALUE`.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let expected = || "expected NAME: VALUE".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(expected)?;
    let name = HeaderName::try_from(name).map_err(|_| expected())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|_| expected())?;
    Ok((name, value))
}

/// The text itself, or what stands in the file behind `@`, without its line ends: curl leaves them out.
fn data(text: &str) -> Result<Data, String> {
    let Some(file) = text.strip_prefix('@') else { return Ok(Data(text.as_bytes().into())) };
    let mut bytes = fs::read(file).map_err(|error| error.to_string())?;
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | b'\0'));
    Ok(Data(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_clients_send_them() {
        let at = |host: Option<&'static str>, target: &str| {
            Some(Url { host: host.map(HeaderValue::from_static), target: target.to_owned() })
        };
        #[rustfmt::skip]
        let cases = [
            ("/leads?a=1#x", at(None, "/leads?a=1")), ("https://gate.test/leads", at(Some("gate.test"), "/leads")),
            ("HTTP://gate.test:8080?a=1", at(Some("gate.test:8080"), "/?a=1")), ("http://[::1]:80", at(Some("[::1]:80"), "/")),
            ("leads", None), ("ftp://gate.test/", None), ("http:///leads", None), ("http://u:p@gate.test/", None), ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(url(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn bodies_are_read_as_curl_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("body");
        std::fs::write(&path, "a=1&\r\nb=2\0\n").unwrap();
        let read = |text: &str| data(text).ok().map(|data| data.0.into_vec());
        assert_eq!(read(&format!("@{}", path.display())).as_deref(), Some(b"a=1&b=2".as_slice()));
        assert_eq!(read("a=1\n").as_deref(), Some(b"a=1\n".as_slice()));
        assert_eq!(read(&format!("@{}", dir.path().join("none").display())), None);
    }

    #[test]
    fn headers_are_read() {
        #[rustfmt::skip]
        let cases = [
            ("Accept: text/csv", Some(("accept", "text/csv"))), ("a:b:c", Some(("a", "b:c"))), ("a:", Some(("a", ""))),
            ("a", None), ("a b: c", None), ("a: b\nc", None),
        ];
        for (text, expected) in cases {
            let found = header(text).ok();
            let found = found.as_ref().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
