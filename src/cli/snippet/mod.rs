//! `snippet`: a request for a report, ready to be pasted, for whoever is to fetch it.

mod excel;
mod languages;
mod quote;

use super::explain::{known, report_named};
use super::failure::Failure;
use super::preview::refused;
use super::table::visible;
use super::token::key;
use super::{note, print};
use clap::{Args, ValueEnum};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::uri::Authority;
use http::{HeaderName, HeaderValue};
use reportgate::clock;
use reportgate::domain::dialect::OutputFormat;
use reportgate::domain::encode;
use reportgate::domain::names::PrincipalId;
use reportgate::domain::token::PresentedToken;
use reportgate::load::{self, Asks, ClientRequest, WrittenRequest};
use reportgate::policy::{Policy, Report, TokenPlace};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Stands for a token that is filled in later.
const PLACEHOLDER: &str = "YOUR_TOKEN";

/// What is to be pasted, for whom.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: reportgate snippet --as acme leads --lang python --url https://reports.example"
)]
pub(super) struct Options {
    /// The affiliate or employee
    #[arg(long = "as", value_name = "ID", value_parser = PrincipalId::parse)]
    principal: PrincipalId,
    /// The report, by its name
    report: String,
    /// For which program
    #[arg(long, value_enum)]
    lang: Language,
    /// Where clients reach the gate; default: its first `listen` address
    #[arg(long, value_name = "BASE", value_parser = base)]
    url: Option<String>,
    /// Fill in the token on stdin, not YOUR_TOKEN
    #[arg(long)]
    token_stdin: bool,
}

/// What a request is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A shell with curl
    Curl,
    /// Python 3, its own library only
    Python,
    /// PHP 7 and later, without extensions
    Php,
    /// Node.js 18 and later
    Node,
    /// PowerShell
    Powershell,
    /// Power Query M, for Excel and Power BI
    Excel,
}

/// A request as it is written in any language.
#[derive(Debug)]
struct Call {
    method: String,
    url: String,
    /// Its content type is none of them.
    headers: Vec<(String, String)>,
    /// Its type and text.
    body: Option<(&'static str, String)>,
}

/// Writes a request to the gate with the config at `path`.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let now = clock::now();
    let policy = load::load(path, now)?.policy;
    let id = &options.principal;
    known(&policy, id)?;
    let report = report_named(&policy, &options.report)?;
    let principal = policy.principals.iter().find(|principal| principal.id == *id);
    let mut values =
        principal.map_or_else(Vec::new, |principal| load::examples(&policy, report, principal, now.date()));
    let examples: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let output = wanted_output(report, options.lang);
    let parameter = report.request.output_parameter.as_ref().filter(|_| is_asked(report, output));
    values.extend(parameter.map(|name| (name.to_string(), output.as_str().to_owned())));
    let composed = load::compose(report, &values);
    let request =
        composed.map_err(|incomplete| Failure::Plain(format!("report {}: {incomplete}", report.name)))?;
    let accept = if parameter.is_none() && is_asked(report, output) { output.media_type() } else { None };
    check(&policy, id, &request, accept)?;
    let token = if options.token_stdin { own_token(&policy, id)? } else { PLACEHOLDER.to_owned() };
    let listen = || policy.settings.listen.first().map_or_else(String::new, ToString::to_string);
    let base = options.url.clone().unwrap_or_else(|| format!("http://{}", listen()));
    let call = Call::new(&base, &request, accept, &token, policy.settings.token_in.first());
    print(&match options.lang {
        Language::Curl => languages::curl(&call),
        Language::Python => languages::python(&call),
        Language::Php => languages::php(&call),
        Language::Node => languages::node(&call),
        Language::Powershell => languages::powershell(&call),
        Language::Excel => {
            let view = policy.reports.iter().find(|(_, known)| known.name == report.name);
            let view = view.and_then(|(index, _)| principal?.view(index));
            excel::excel(&call, report, view, output)
        }
    })?;
    if !examples.is_empty() {
        note(&format!("to be changed: {}\n", visible(&examples.join(", "))));
    }
    if options.url.is_none() {
        note(&format!("it asks {base}, where the gate listens; --url tells where clients reach it\n"));
    }
    if options.token_stdin {
        note("it holds the token: send it the way you would send a password\n");
    }
    Ok(())
}

/// In which format the answer is easiest to read there.
fn wanted_output(report: &Report, language: Language) -> OutputFormat {
    match language {
        Language::Excel if report.output.contains(&OutputFormat::Csv) => OutputFormat::Csv,
        Language::Curl
        | Language::Python
        | Language::Php
        | Language::Node
        | Language::Powershell
        | Language::Excel => report.output.first().copied().unwrap_or(OutputFormat::Json),
    }
}

/// Whether a format has to be asked for.
fn is_asked(report: &Report, output: OutputFormat) -> bool {
    report.output.first() != Some(&output)
}

/// Makes sure that what is written is allowed.
fn check(
    policy: &Policy,
    id: &PrincipalId,
    request: &ClientRequest,
    accept: Option<&'static str>,
) -> Result<(), Failure> {
    let headers = [(CONTENT_TYPE, request.content_type), (ACCEPT, accept)].into_iter();
    let headers: Vec<(HeaderName, HeaderValue)> =
        headers.filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?)))).collect();
    let written = WrittenRequest {
        asks: Asks::HolderAnywhere(id),
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        method: &request.method,
        target: &request.target,
        headers: &headers,
        body: request.body.as_bytes(),
        request_id: "snippet",
    };
    let asked = load::ask(policy, &written, clock::now());
    asked.map(|_| ()).map_err(|denial| refused(id, &denial))
}

/// The token on stdin, which must be the principal's.
fn own_token(policy: &Policy, id: &PrincipalId) -> Result<String, Failure> {
    let token = key()?;
    let digest = PresentedToken::parse(token.as_bytes()).ok().map(PresentedToken::digest);
    let holder = digest.and_then(|digest| policy.principal(policy.tokens.find(&digest)?.principal));
    match holder {
        Some(holder) if holder.id == *id => Ok(token),
        Some(_) | None => Err(Failure::Plain(format!("the token on stdin is not one of {id}'s"))),
    }
}

impl Call {
    fn new(
        base: &str,
        request: &ClientRequest,
        accept: Option<&'static str>,
        token: &str,
        place: Option<&TokenPlace>,
    ) -> Self {
        let mut url = format!("{base}{}", request.target);
        let mut headers = Vec::new();
        match place {
            None | Some(TokenPlace::Bearer) => {
                headers.push((title(&AUTHORIZATION), format!("Bearer {token}")))
            }
            Some(TokenPlace::Header(name)) => headers.push((title(name), token.to_owned())),
            Some(TokenPlace::Query(name)) => {
                if !request.target.contains('?') {
                    url.push('?');
                }
                encode::push_pair(&mut url, name, token);
            }
        }
        headers.extend(accept.map(|accept| (title(&ACCEPT), accept.to_owned())));
        let body = request.content_type.map(|content_type| (content_type, request.body.clone()));
        Self { method: request.method.to_string(), url, headers, body }
    }

    /// Every header, the type of the body too.
    fn all_headers(&self) -> Vec<(String, String)> {
        let of_body = self.body.as_ref().map(|(of, _)| (title(&CONTENT_TYPE), (*of).to_owned()));
        self.headers.iter().cloned().chain(of_body).collect()
    }
}

/// A header's name as people write it: `X-Api-Key`.
fn title(name: &HeaderName) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}

/// `http://HOST` or `https://HOST/PREFIX`, without a slash at its end.
fn base(text: &str) -> Result<String, String> {
    let expected = || "expected http://HOST or https://HOST, with or without a path".to_owned();
    let rest =
        ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or_else(expected)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%@!$&'()*+,;=".contains(c);
    // A user and password are no part of where the gate is, and several languages refuse them there.
    let authority = rest.split('/').next().and_then(|host| host.parse::<Authority>().ok());
    let is_place = |at: &Authority| {
        let port = at.as_str().get(at.host().len()..).unwrap_or_default();
        !at.host().is_empty() && !at.as_str().contains('@') && (port.is_empty() || at.port_u16().is_some())
    };
    if !authority.as_ref().is_some_and(is_place) || !rest.chars().all(plain) {
        return Err(expected());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_plain_urls() {
        #[rustfmt::skip]
        let cases = [
            ("https://reports.example/", Some("https://reports.example")), ("http://[::1]:8080/gate//", Some("http://[::1]:8080/gate")),
            ("reports.example", None), ("http://", None), ("http:///x", None), ("http://a?b", None), ("http://a#b", None),
            ("http://a b", None), ("http://a\"", None), ("http://ä", None), ("http://u:p@a", None), ("http://u@a/b", None),
            ("http://:80", None), ("http://a:", None), ("http://a:x", None), ("http://a:65536", None), ("http://[", None),
            ("https://a:65535/b@c", Some("https://a:65535/b@c")),
        ];
        for (text, expected) in cases {
            assert_eq!(base(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tokens_stand_where_the_gate_reads_them() {
        let request = ClientRequest {
            method: http::Method::GET,
            target: "/leads".into(),
            content_type: None,
            body: String::new(),
        };
        let places = [
            (TokenPlace::Bearer, "http://g/leads", "Authorization: Bearer t+k"),
            (TokenPlace::Header(HeaderName::from_static("x-api-key")), "http://g/leads", "X-Api-Key: t+k"),
            (TokenPlace::Query("key".into()), "http://g/leads?key=t%2Bk", ""),
        ];
        for (place, url, header) in places {
            let call = Call::new("http://g", &request, None, "t+k", Some(&place));
            let headers: Vec<_> =
                call.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!((call.url.as_str(), headers.join("|").as_str()), (url, header));
        }
    }
}
