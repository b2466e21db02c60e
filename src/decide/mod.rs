//! May it pass? Every check of the program up to the rewrite, in reading order.
//!
//! Floor 3. Pure: no I/O, no clock, no locks, no `async`. Two halves, so that `serve`
//! can admit by rate between them: [`identify_holder`] says who asks, [`authorize`]
//! what for. `facts` is filled in as far as the request got, so that a refusal is
//! recorded as fully as a success.

mod authenticate;
mod authorize;
mod coding;
mod denial;
mod find_report;
#[cfg(test)]
pub(crate) mod fixture;
mod framing;
mod identify;
mod output;
pub(crate) mod query;
#[cfg(test)]
mod tests;

pub use authorize::{authorize, client_body};
pub use denial::{Denial, Extra};
pub use framing::{check_framing, settle_host};

use crate::domain::address::Peer;
use crate::domain::column::View;
use crate::domain::dialect::{BodyKind, ContentCoding, OutputFormat};
use crate::domain::names::{PrincipalId, ReportName, TokenId};
use crate::domain::time::Timestamp;
use crate::policy::{
    Backend, Credential, Policy, Principal, Report, ReportIndex, SealKey, TokenPlace, TokenRecord,
};
use http::{HeaderMap, Method};
use identify::ClientAddr;
use std::fmt;
use std::sync::Arc;

/// The head of a request, as far as decisions need it.
#[derive(Clone, Copy)]
pub struct Head<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path, as sent.
    pub path: &'r str,
    /// The query behind `?`, as sent.
    pub query: Option<&'r str>,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// The other end of the connection, or what its PROXY header says.
    pub peer: Peer,
    /// Whether it came by TLS.
    pub is_tls: bool,
    /// The gate's own id of this request.
    pub request_id: &'r str,
}

impl fmt::Debug for Head<'_> {
    /// Neither query nor headers: a token may stand there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} {} from {})", self.method, self.path, self.peer)
    }
}

/// What is known about a request so far; for records only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who it really is, behind trusted proxies.
    pub client: Option<Peer>,
    /// Whose token it presents.
    pub principal: Option<PrincipalId>,
    /// Which token.
    pub token: Option<TokenId>,
    /// What it asks for.
    pub report: Option<ReportName>,
}

/// Who asks; only from [`identify_holder`], [`assume_holder`] and [`assume_holder_anywhere`].
#[derive(Debug, Clone, Copy)]
pub struct Holder<'p> {
    principal: &'p Principal,
    token: Option<&'p TokenRecord>,
    client: ClientAddr,
}

impl<'p> Holder<'p> {
    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &'p Principal {
        self.principal
    }

    /// Where the request really comes from.
    #[must_use]
    pub fn client(&self) -> Peer {
        self.client.peer()
    }

    /// The columns of a report that may be seen: the token's own, or else its holder's.
    #[must_use]
    pub fn view(&self, report: ReportIndex) -> Option<&'p View> {
        match self.token {
            Some(token) => token.view(self.principal, report),
            None => self.principal.view(report),
        }
    }

    /// The token it presented; `None` when it was assumed.
    #[must_use]
    pub fn token(&self) -> Option<&'p TokenRecord> {
        self.token
    }
}

/// A request that may pass; only from [`authorize`].
#[derive(Debug, Clone, Copy)]
pub struct Permit<'p> {
    report: &'p Arc<Report>,
    index: ReportIndex,
    principal: &'p Principal,
    view: &'p View,
    backend: &'p Arc<Backend>,
    token_in: &'p [TokenPlace],
    seal_key: Option<&'p SealKey>,
    client: ClientAddr,
    output: OutputFormat,
    coding: Option<ContentCoding>,
    body: BodyKind,
    max_body: usize,
}

/// What body a permitted request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// None at all: a body is `body_invalid`, and is not read.
    Forbidden,
    /// At most so many bytes; the content type was checked.
    UpTo(usize),
}

impl<'p> Permit<'p> {
    /// What body the request may have.
    #[must_use]
    pub fn body_rule(&self) -> BodyRule {
        match self.body {
            BodyKind::None => BodyRule::Forbidden,
            BodyKind::Form | BodyKind::Json => BodyRule::UpTo(self.max_body),
        }
    }

    /// How the request's body is to be read.
    #[must_use]
    pub fn body_kind(&self) -> BodyKind {
        self.body
    }

    /// What is asked for.
    #[must_use]
    pub fn report(&self) -> &'p Report {
        self.report
    }

    /// Likewise, for what outlives the snapshot.
    #[must_use]
    pub fn shared_report(&self) -> &'p Arc<Report> {
        self.report
    }

    /// The place of the report in its policy.
    #[must_use]
    pub fn report_index(&self) -> ReportIndex {
        self.index
    }

    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &'p Principal {
        self.principal
    }

    /// The columns that may be seen.
    #[must_use]
    pub fn view(&self) -> &'p View {
        self.view
    }

    /// Who answers.
    #[must_use]
    pub fn backend(&self) -> &'p Arc<Backend> {
        self.backend
    }

    /// What the backend knows the gate, or the holder, by.
    #[must_use]
    pub fn credential(&self) -> &'p Credential {
        self.principal.credential(self.report.backend).unwrap_or(&self.backend.credential)
    }

    /// Where tokens stand, none of which may reach the backend.
    #[must_use]
    pub fn token_in(&self) -> &'p [TokenPlace] {
        self.token_in
    }

    /// What paging cursors are sealed under, as far as the config says.
    #[must_use]
    pub fn seal_key(&self) -> Option<&'p SealKey> {
        self.seal_key
    }

    /// Where the request really comes from.
    #[must_use]
    pub fn client(&self) -> Peer {
        self.client.peer()
    }

    /// What the client gets.
    #[must_use]
    pub fn output(&self) -> OutputFormat {
        self.output
    }

    /// What the client's answer may be compressed with; `None` leaves it as it is.
    #[must_use]
    pub fn coding(&self) -> Option<ContentCoding> {
        self.coding
    }
}

/// Who asks: client address, token, expiry, whitelist.
///
/// # Errors
/// `forwarded_invalid`, `token_*`, `principal_disabled`, `ip_not_allowed`.
pub fn identify_holder<'p>(
    policy: &'p Policy,
    head: &Head<'_>,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<Holder<'p>, Denial> {
    let client = identify::identify(head, &policy.settings)?;
    facts.client = Some(client.peer());
    authenticate::authenticate(policy, head, client, now, facts)
}

/// The holder named `id`, from an address, without a token: for tests of the config, which skip expiry.
///
/// # Errors
/// `token_unknown` when there is no such principal, `principal_disabled`, `ip_not_allowed`, `forwarded_invalid`.
pub fn assume_holder<'p>(
    policy: &'p Policy,
    id: &PrincipalId,
    head: &Head<'_>,
    facts: &mut Facts,
) -> Result<Holder<'p>, Denial> {
    let holder = assume_holder_anywhere(policy, id, head, facts)?;
    authenticate::check_address(holder.principal, holder.client)?;
    Ok(holder)
}

/// The holder named `id`, without a token and from wherever: for an operator who looks at what it would get.
///
/// # Errors
/// As [`assume_holder`], but never `ip_not_allowed`.
pub fn assume_holder_anywhere<'p>(
    policy: &'p Policy,
    id: &PrincipalId,
    head: &Head<'_>,
    facts: &mut Facts,
) -> Result<Holder<'p>, Denial> {
    let client = identify::identify(head, &policy.settings)?;
    facts.client = Some(client.peer());
    authenticate::assume(policy, id, client, facts)
}
