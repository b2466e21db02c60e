//! A written request, checked step by step as the gate would check it, without sending anything.
//!
//! No rule stands here: `decide` and `rewrite` are asked, and each step is told from what they found on the way and
//! from the refusal, whose code belongs to one step.

use super::ask::{Asks, Seen, WrittenRequest, ask_seeing};
use super::shown::{ShownRequest, without_token};
use crate::decide::{Denial, Extra, Holder, Permit};
use crate::domain::address::Peer;
use crate::domain::code::Code;
use crate::domain::dialect::ScopeRule;
use crate::domain::time::{Expiry, Timestamp};
use crate::policy::{Lockout, Policy, Principal, RateSource, Report, Rights, ScopeGrant};
use crate::rewrite::BackendRequest;
use http::header::{CONTENT_TYPE, HOST};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What the gate would make of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Whether it would pass.
    pub decision: Decision,
    /// `ok`, or the code of the refusal.
    pub code: &'static str,
    /// The status of the refusal; 200 for a request that passes, if the backend answers so.
    pub status: u16,
    /// The steps in order, up to the one that refuses.
    pub steps: Vec<Step>,
    /// What the backend would get; `None` when it is refused.
    pub backend_request: Option<ShownRequest>,
}

/// Whether a request would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is sent to the backend.
    Allow,
    /// It is refused.
    Deny,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is checked.
    pub step: &'static str,
    /// Whether it passes; a step that is skipped does not refuse.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// Explains a written request. Rate and lockout are told, but what was sent before is not looked at, and nothing is counted; backend
/// credentials and the token are never told.
#[must_use]
pub fn explain(policy: &Policy, request: &WrittenRequest<'_>, now: Timestamp) -> Explanation {
    let mut seen = Seen::default();
    let outcome = ask_seeing(policy, request, now, &mut seen);
    let token = match request.asks {
        Asks::Token(token) => Some(token),
        Asks::Holder(_) | Asks::HolderAnywhere(_) => None,
    };
    let told = Told { policy, request, seen: &seen, outcome: outcome.as_ref() };
    let steps = told.steps().into_iter();
    let steps = steps.map(|step| Step { detail: without_token(step.detail, token), ..step }).collect();
    match &outcome {
        Ok(asked) => Explanation {
            decision: Decision::Allow,
            code: "ok",
            status: 200,
            steps,
            backend_request: seen.permit.map(|permit| ShownRequest::of(asked, permit.credential(), token)),
        },
        Err(denial) => Explanation {
            decision: Decision::Deny,
            code: denial.code.as_str(),
            status: denial.code.status(),
            steps,
            backend_request: None,
        },
    }
}

/// The checks of a request, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Framing,
    ClientAddress,
    Token,
    Disabled,
    Expired,
    Whitelist,
    Rate,
    Path,
    Report,
    Method,
    Permission,
    OutputFormat,
    ContentType,
    Body,
    Parameters,
    Scope,
    Columns,
    Rewrite,
}

impl Check {
    #[rustfmt::skip]
    const ALL: [Self; 18] = [
        Self::Framing, Self::ClientAddress, Self::Token, Self::Disabled, Self::Expired, Self::Whitelist, Self::Rate,
        Self::Path, Self::Report, Self::Method, Self::Permission, Self::OutputFormat, Self::ContentType, Self::Body,
        Self::Parameters, Self::Scope, Self::Columns, Self::Rewrite,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::ClientAddress => "client address",
            Self::Token => "token",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Whitelist => "whitelist",
            Self::Rate => "rate",
            Self::Path => "path",
            Self::Report => "report",
            Self::Method => "method",
            Self::Permission => "permission",
            Self::OutputFormat => "output format",
            Self::ContentType => "content type",
            Self::Body => "body",
            Self::Parameters => "parameters",
            Self::Scope => "scope",
            Self::Columns => "columns",
            Self::Rewrite => "rewrite",
        }
    }

    /// The check that refuses with this code.
    const fn refusing(code: Code) -> Self {
        match code {
            Code::RequestMalformed | Code::UriTooLong | Code::HeadersTooLarge | Code::RequestTimeout => {
                Self::Framing
            }
            Code::ForwardedInvalid => Self::ClientAddress,
            Code::TokenMissing | Code::TokenMalformed | Code::TokenUnknown | Code::LockedOut => Self::Token,
            Code::PrincipalDisabled => Self::Disabled,
            Code::TokenExpired => Self::Expired,
            Code::IpNotAllowed => Self::Whitelist,
            Code::RateLimited => Self::Rate,
            Code::PathInvalid => Self::Path,
            Code::ReportNotFound => Self::Report,
            Code::MethodNotAllowed => Self::Method,
            Code::PermissionMissing => Self::Permission,
            Code::FormatNotAvailable => Self::OutputFormat,
            Code::ContentTypeInvalid => Self::ContentType,
            Code::BodyInvalid | Code::BodyTooLarge => Self::Body,
            Code::ParameterInvalid | Code::ParameterNotAllowed | Code::ParameterMissing => Self::Parameters,
            Code::ScopeNotGranted | Code::ScopeRequired => Self::Scope,
            Code::ColumnNotGranted => Self::Columns,
            // No written request comes so far, but for a fault of the gate's own.
            Code::BackendRejected
            | Code::BackendRefused
            | Code::BackendFailed
            | Code::BackendUnreachable
            | Code::BackendResponseInvalid
            | Code::BackendTimeout
            | Code::Overloaded
            | Code::Draining
            | Code::HostNotAllowed
            | Code::Internal
            | Code::ClientGone => Self::Rewrite,
        }
    }
}

/// Everything that steps are told from.
struct Told<'a, 'p> {
    policy: &'p Policy,
    request: &'a WrittenRequest<'a>,
    seen: &'a Seen<'p>,
    outcome: Result<&'a BackendRequest, &'a Denial>,
}

impl Told<'_, '_> {
    fn steps(&self) -> Vec<Step> {
        let refusing = self.outcome.err().map(|denial| (Check::refusing(denial.code), denial));
        let mut steps = Vec::new();
        for check in Check::ALL {
            match refusing {
                Some((refusing, denial)) if check == refusing => {
                    steps.push(Step { step: check.name(), ok: false, detail: self.refusal(denial) });
                    break;
                }
                Some((_, denial)) if !self.passed(check, denial) => {}
                Some(_) | None => {
                    steps.push(Step { step: check.name(), ok: true, detail: self.detail(check) })
                }
            }
        }
        steps
    }

    /// Whether a check that stands before the refusing one was really made: some refuse earlier than others of
    /// their kind.
    fn passed(&self, check: Check, denial: &Denial) -> bool {
        match check {
            // That a request may have no body is found before its type is looked at.
            Check::ContentType => self.seen.permit.is_some() || denial.code != Code::BodyInvalid,
            // Nor is anything looked at for a holder without columns, or a filter by a hidden one.
            Check::Parameters | Check::Scope if denial.code == Code::ColumnNotGranted => {
                self.seen.permit.is_some_and(|permit| !may_be_filter(permit.report(), denial))
            }
            Check::Framing
            | Check::ClientAddress
            | Check::Token
            | Check::Disabled
            | Check::Expired
            | Check::Whitelist
            | Check::Rate
            | Check::Path
            | Check::Report
            | Check::Method
            | Check::Permission
            | Check::OutputFormat
            | Check::Body
            | Check::Parameters
            | Check::Scope
            | Check::Columns
            | Check::Rewrite => true,
        }
    }

    /// Why a check refuses, with everything that the client is told and what only the operator may know.
    fn refusal(&self, denial: &Denial) -> String {
        let mut detail = denial.told();
        let id = self.seen.facts.token.as_ref();
        if let Some(token) = id.and_then(|id| self.policy.tokens.iter().find(|token| token.id == *id))
            && denial.code == Code::TokenExpired
        {
            detail +=
                &format!("; token {} of {}, which {}", token.id, self.holder_id(), ended(token.expires));
        }
        if let Code::TokenMalformed | Code::TokenUnknown = denial.code {
            detail += &self.lockout();
        }
        detail
    }

    /// What becomes of an address that goes on so.
    fn lockout(&self) -> String {
        match (self.policy.settings.lockout, self.seen.facts.client) {
            (Some(lockout), Some(Peer::Ip(client))) => {
                let whose = if client.is_ipv6() { "the /64 of " } else { "" };
                let Lockout { failures, within, duration } = lockout;
                let [within, duration] = [within, duration].map(told_duration);
                format!("; {failures} such requests within {within} lock {whose}{client} out for {duration}")
            }
            (Some(_), Some(Peer::Unix) | None) | (None, _) => "; this locks nobody out".to_owned(),
        }
    }

    /// What a check that passes found.
    fn detail(&self, check: Check) -> String {
        match check {
            Check::Framing => self.framing(),
            Check::ClientAddress => self.client(),
            Check::Token => match self.request.asks {
                Asks::Token(_) => {
                    format!("{} of {}, which no lockout concerns", self.token_id(), self.holder_id())
                }
                Asks::Holder(id) | Asks::HolderAnywhere(id) => {
                    format!("skipped: {id} is taken to ask, without a token")
                }
            },
            Check::Disabled => format!("{} is not", self.holder_id()),
            Check::Expired => match self.seen.holder.and_then(|holder| holder.token()) {
                Some(token) => ended(token.expires),
                None => "skipped: there is no token".to_owned(),
            },
            Check::Whitelist => match self.request.asks {
                Asks::HolderAnywhere(_) => "skipped".to_owned(),
                Asks::Token(_) | Asks::Holder(_) => {
                    let client = self.seen.facts.client.unwrap_or(self.request.from.into());
                    format!("{client} is on that of {}", self.holder_id())
                }
            },
            Check::Rate => self.seen.holder.as_ref().map_or_else(String::new, rate),
            Check::Path => format!("{} has no other spelling", self.path()),
            Check::Report | Check::Method | Check::Permission => self.asked(check),
            Check::OutputFormat | Check::ContentType | Check::Body => self.form(check),
            Check::Parameters => "each is declared, sent once, and of its type".to_owned(),
            Check::Scope => {
                self.permit().map_or_else(String::new, |permit| scope(permit.principal(), permit.report()))
            }
            Check::Columns => self.columns(),
            Check::Rewrite => match self.outcome {
                Ok(asked) => format!("written anew for the backend {}", asked.backend().name),
                Err(_) => String::new(),
            },
        }
    }

    fn permit(&self) -> Option<&Permit<'_>> {
        self.seen.permit.as_ref()
    }

    fn token_id(&self) -> String {
        self.seen.facts.token.as_ref().map_or_else(|| "the token".to_owned(), |id| format!("token {id}"))
    }

    fn holder_id(&self) -> String {
        let found = self.seen.facts.principal.as_ref();
        found.map_or_else(|| "its holder".to_owned(), ToString::to_string)
    }

    fn path(&self) -> &str {
        self.seen.head.as_ref().map_or("", |head| head.uri.path())
    }

    fn framing(&self) -> String {
        let Some(head) = &self.seen.head else { return String::new() };
        let host = head.headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
        format!("{} {}, Host {}", head.method, head.uri.path(), host.unwrap_or_default())
    }

    fn client(&self) -> String {
        match self.seen.facts.client {
            Some(client) if client != self.request.from.into() => {
                format!("{client}, behind the trusted proxy {}", self.request.from)
            }
            Some(client) => client.to_string(),
            None => String::new(),
        }
    }

    /// The report that is asked for, how, and by which right.
    fn asked(&self, check: Check) -> String {
        let name = self.seen.facts.report.as_ref();
        let mut reports = self.policy.reports.iter().map(|(_, report)| report);
        let Some(report) = reports.find(|report| Some(&report.name) == name) else { return String::new() };
        if check == Check::Method {
            return format!("{} is among {}", self.request.method, report.methods.allow_header());
        }
        if check == Check::Permission {
            let permission = self.policy.permission(report.permission);
            let permission = permission.map_or_else(String::new, ToString::to_string);
            return format!("{} holds {permission}", self.holder_id());
        }
        match &report.title {
            Some(title) => format!("{} ({title})", report.name),
            None => report.name.to_string(),
        }
    }

    /// In which form the answer leaves, and the request comes.
    fn form(&self, check: Check) -> String {
        match (check, self.permit()) {
            (Check::OutputFormat, Some(permit)) => permit.output().as_str().to_owned(),
            (Check::OutputFormat, None) => "available".to_owned(),
            _ if self.request.body.is_empty() => "no body".to_owned(),
            (Check::ContentType, _) => {
                let head = self.seen.head.as_ref();
                let declared = head.and_then(|head| head.headers.get(CONTENT_TYPE));
                String::from_utf8_lossy(declared.map_or(b"", |value| value.as_bytes())).into_owned()
            }
            _ => format!("{} bytes", self.request.body.len()),
        }
    }

    fn columns(&self) -> String {
        let (Ok(asked), Some(permit)) = (self.outcome, self.permit()) else { return String::new() };
        let catalogue = &permit.report().catalogue;
        let names: Vec<_> =
            catalogue.columns_of(&asked.answer().grant.view).map(|column| column.name.to_string()).collect();
        format!("{} ({} of {})", list_of(&names), names.len(), catalogue.len())
    }
}

/// Whether the refusal may be one of a filter by a hidden column, which comes before everything else.
fn may_be_filter(report: &Report, denial: &Denial) -> bool {
    let filters = report.request.parameters.iter().filter(|parameter| parameter.column.is_some());
    let names: Vec<_> = filters.map(|parameter| parameter.client.to_string()).collect();
    denial.extras.iter().any(|(extra, value)| match value {
        Extra::List(refused) => *extra == "columns" && refused.iter().any(|name| names.contains(name)),
        Extra::Text(_) => false,
    })
}

/// The rates that the holder's requests count against, and who says so.
fn rate(holder: &Holder<'_>) -> String {
    let token = holder.token().and_then(|token| Some((token, token.rate_limit()?)));
    let principal = holder.principal();
    let Rights { rate_limit, rate_source, .. } = &*principal.rights;
    let source = match rate_source {
        RateSource::Defaults => "the default".to_owned(),
        RateSource::Role(role) => format!("of the role {role}"),
        RateSource::Own => "its own".to_owned(),
    };
    let all = rate_limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    let all = format!("{all} for {}, {source}", principal.id);
    match (token, rate_limit) {
        (Some((token, own)), _) => format!("{own} for token {}, and {all}; not counted here", token.id),
        (None, Some(_)) => format!("{all}; not counted here"),
        (None, None) => all,
    }
}

/// As configs write it.
fn told_duration(duration: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let millis = duration.as_millis();
    let unit = units.into_iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit))
}

fn scope(principal: &Principal, report: &Report) -> String {
    match (&report.request.scope, &principal.scope) {
        (ScopeRule::Public, _) => "the same rows for everyone".to_owned(),
        (ScopeRule::Credential, _) => format!("the rows that the credential of {} gives", principal.id),
        (ScopeRule::Slots(_), ScopeGrant::All) => format!("{} may see the rows of everyone", principal.id),
        (ScopeRule::Slots(_), ScopeGrant::Ids(ids)) => {
            format!("{} may see the rows of {}", principal.id, list_of(ids))
        }
    }
}

fn ended(expires: Expiry) -> String {
    match expires {
        Expiry::Never => "never expires".to_owned(),
        Expiry::At(at) => format!("expires {at}"),
    }
}

fn list_of<T: fmt::Display>(list: &[T]) -> String {
    if list.is_empty() {
        return "none".to_owned();
    }
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
