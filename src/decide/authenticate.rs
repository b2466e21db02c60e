//! Whose token a request presents: exactly one token, its holder, its expiry, its whitelists.
//!
//! Nothing is said before a token is known: a stranger gets a 401 whatever path it asks for.

use super::denial::Denial;
use super::identify::ClientAddr;
use super::query::values_of;
use super::{Facts, Head, Holder};
use crate::domain::code::Code;
use crate::domain::names::PrincipalId;
use crate::domain::time::Timestamp;
use crate::domain::token::{PresentedToken, TokenDigest};
use crate::policy::{Policy, Principal, TokenPlace};
use http::header::AUTHORIZATION;
use std::borrow::Cow;

/// The holder of the presented token.
pub(super) fn authenticate<'p>(
    policy: &'p Policy,
    head: &Head<'_>,
    client: ClientAddr,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<Holder<'p>, Denial> {
    let digest = presented_token(head, &policy.settings.token_in)?;
    let unknown = || Denial::unauthorized(Code::TokenUnknown, "nobody holds this token");
    let token = policy.tokens.find(&digest).ok_or_else(unknown)?;
    let principal = policy.principal(token.principal).ok_or_else(unknown)?;
    facts.principal = Some(principal.id.clone());
    facts.token = Some(token.id.clone());
    check_enabled(principal)?;
    if token.expires.is_over(now) {
        return Err(Denial::unauthorized(Code::TokenExpired, "this token has expired"));
    }
    let own = token.limits.as_ref().and_then(|limits| limits.allowed_ips.as_ref());
    if own.is_some_and(|own| !own.contains(client.peer())) {
        return Err(not_allowed(client));
    }
    check_address(principal, client)?;
    Ok(Holder { principal, token: Some(token), client })
}

/// The holder of that id, without a token, whatever its whitelist.
pub(super) fn assume<'p>(
    policy: &'p Policy,
    id: &PrincipalId,
    client: ClientAddr,
    facts: &mut Facts,
) -> Result<Holder<'p>, Denial> {
    let found = policy.principals.iter().find(|principal| principal.id == *id);
    let principal =
        found.ok_or_else(|| Denial::unauthorized(Code::TokenUnknown, "there is no such holder"))?;
    facts.principal = Some(principal.id.clone());
    check_enabled(principal)?;
    Ok(Holder { principal, token: None, client })
}

fn check_enabled(principal: &Principal) -> Result<(), Denial> {
    if principal.disabled {
        return Err(Denial::unauthorized(Code::PrincipalDisabled, "the holder of this token is disabled"));
    }
    Ok(())
}

/// Whether it may ask from there.
pub(super) fn check_address(principal: &Principal, client: ClientAddr) -> Result<(), Denial> {
    if principal.allowed_ips.contains(client.peer()) { Ok(()) } else { Err(not_allowed(client)) }
}

fn not_allowed(client: ClientAddr) -> Denial {
    let detail = "requests with this token may not come from this address";
    Denial::new(Code::IpNotAllowed, detail).with("seen_ip", client.peer().to_string())
}

/// The one token in all places where one may stand.
fn presented_token(head: &Head<'_>, places: &[TokenPlace]) -> Result<TokenDigest, Denial> {
    let malformed = |detail| Denial::unauthorized(Code::TokenMalformed, detail);
    let mut presented = places.iter().flat_map(|place| presented_at(head, place));
    let Some(token) = presented.next() else {
        return Err(Denial::unauthorized(Code::TokenMissing, "send the API token with the request"));
    };
    if presented.next().is_some() {
        return Err(malformed("more than one token was sent"));
    }
    let token = PresentedToken::parse(&token);
    token.map(PresentedToken::digest).map_err(|_| malformed("this cannot be a token; was it copied whole?"))
}

/// Everything that stands at one place.
fn presented_at<'r>(head: &Head<'r>, place: &TokenPlace) -> Box<dyn Iterator<Item = Cow<'r, [u8]>> + 'r> {
    let headers = head.headers;
    match place {
        TokenPlace::Bearer => {
            let lines = headers.get_all(AUTHORIZATION).iter();
            Box::new(lines.filter_map(|line| bearer(line.as_bytes())).map(Cow::Borrowed))
        }
        TokenPlace::Header(name) => {
            Box::new(headers.get_all(name).iter().map(|line| Cow::Borrowed(line.as_bytes())))
        }
        TokenPlace::Query(name) => {
            let values: Vec<_> = values_of(head.query, name).collect();
            Box::new(values.into_iter())
        }
    }
}

/// What stands behind the `Bearer` scheme (RFC 6750 section 2.1); `None` for another scheme.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let scheme_ends = credentials.iter().position(|b| *b == b' ').unwrap_or(credentials.len());
    let (scheme, token) = credentials.split_at_checked(scheme_ends)?;
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}
