//! What is counted so that too much of it is refused: the requests of holders, the tokens that addresses try.
//!
//! One state for all shards of a gate. It outlives every snapshot, so that a reload forgives nothing; the limits
//! themselves are the snapshot's. Time is that of a clock that only goes forward, never the wall's.

mod lockout;
mod rate;

pub(super) use rate::{RatesAtHand, Standing};

use crate::decide::{Denial, Holder};
use crate::domain::address::Peer;
use crate::domain::names::{PrincipalId, TokenId};
use crate::policy::Lockout;
use http::{HeaderName, HeaderValue};
use lockout::Lockouts;
use rate::Rates;
use std::time::{Duration, Instant};

/// How limits stand (draft-ietf-httpapi-ratelimit-headers).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What was sent and tried so far; one for all shards of a gate.
#[derive(Debug)]
pub struct Spent {
    began: Instant,
    principals: Rates<PrincipalId>,
    tokens: Rates<TokenId>,
    lockouts: Lockouts,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            principals: Rates::default(),
            tokens: Rates::default(),
            lockouts: Lockouts::default(),
        }
    }
}

impl Spent {
    /// Takes one request of a holder, as the snapshot of that generation allows it; gives how its rates stand then.
    pub(super) fn take(
        &self,
        holder: &Holder<'_>,
        generation: u64,
        at_hand: &mut RatesAtHand,
    ) -> (Standing, Option<Denial>) {
        at_hand.take(self, holder, generation, self.now())
    }

    /// The refusal that a stranger gets, and not one that tells a locked-out address whether it guessed right.
    pub(super) fn tried(&self, denial: Denial, client: Option<Peer>, lockout: Option<Lockout>) -> Denial {
        match (client, lockout) {
            (Some(Peer::Ip(client)), Some(lockout)) => {
                self.lockouts.tried(denial, client, &lockout, self.now())
            }
            (Some(Peer::Unix) | None, _) | (_, None) => denial,
        }
    }

    /// Nanoseconds since the gate began.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// In whole seconds, rounded up: whoever waits so long has waited long enough.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// What `Retry-After` says: at least one second.
fn retry_after(wait: Duration) -> (u64, HeaderValue) {
    let seconds = seconds(wait).max(1);
    (seconds, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Code;

    #[test]
    fn only_addresses_are_locked_out() {
        let spent = Spent::default();
        let duration = Duration::from_secs(60);
        let lockout = Some(Lockout { failures: 1, within: duration, duration });
        let ip = Some(Peer::Ip([192, 0, 2, 1].into()));
        let other = Some(Peer::Ip([192, 0, 2, 2].into()));
        #[rustfmt::skip]
        let cases = [
            (Some(Peer::Unix), lockout, [Code::TokenUnknown, Code::TokenUnknown]),
            (None,             lockout, [Code::TokenUnknown, Code::TokenUnknown]),
            (ip,               lockout, [Code::TokenUnknown, Code::LockedOut]),
            (other,            None,    [Code::TokenUnknown, Code::TokenUnknown]),
        ];
        for (client, lockout, expected) in cases {
            let tried = || spent.tried(Denial::new(Code::TokenUnknown, ""), client, lockout).code;
            assert_eq!([tried(), tried()], expected, "{client:?} {lockout:?}");
        }
    }
}
