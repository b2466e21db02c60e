//! Addresses that try tokens: the times of their failures, until there are too many of them.
//!
//! A flood of other addresses does not switch counting off: what is kept is bounded, and who was seen longest
//! ago goes first. Whoever holds an IPv6 address mostly holds its whole /64, so that counts as one.

use super::{RATE_LIMIT, retry_after};
use crate::decide::Denial;
use crate::domain::code::Code;
use crate::policy::Lockout;
use http::HeaderValue;
use http::header::RETRY_AFTER;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all failures may take, in bytes: at least 100,000 addresses with one each.
const MAX_BYTES: u64 = 56 << 20;

/// What an address takes besides the times of its failures, in bytes; as measured, the cache's own included.
const ENTRY: u32 = 448;

/// The failures of every address.
#[derive(Debug)]
pub(super) struct Lockouts(Cache<IpAddr, Failures>);

/// What is known of an address.
#[derive(Debug, Clone)]
struct Failures {
    state: State,
    /// After so long without another one it may be forgotten.
    keep: Duration,
}

/// Times are nanoseconds of the gate's own clock.
#[derive(Debug, Clone)]
enum State {
    /// When it failed, the latest at the end; fewer times than lock it out.
    Counted(Arc<[u64]>),
    /// When it was locked out.
    Locked(u64),
}

struct Forgotten;

impl Expiry<IpAddr, Failures> for Forgotten {
    fn expire_after_create(&self, _: &IpAddr, failures: &Failures, _: Instant) -> Option<Duration> {
        Some(failures.keep)
    }

    fn expire_after_update(
        &self,
        _: &IpAddr,
        failures: &Failures,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(failures.keep)
    }
}

impl Default for Lockouts {
    fn default() -> Self {
        Self::within(MAX_BYTES)
    }
}

impl Lockouts {
    /// Keeps so many bytes at most.
    fn within(max_bytes: u64) -> Self {
        let weight = |_: &IpAddr, failures: &Failures| {
            let times = match &failures.state {
                State::Counted(times) => times.len(),
                State::Locked(_) => 0,
            };
            u32::try_from(size_of::<u64>() * times).unwrap_or(u32::MAX).saturating_add(ENTRY)
        };
        let cache = Cache::builder().max_capacity(max_bytes).weigher(weight);
        Self(cache.eviction_policy(EvictionPolicy::lru()).expire_after(Forgotten).build())
    }

    /// The refusal of a request whose token is no good, from `client`: that it is locked out, where it is. Otherwise
    /// a wrong token counts.
    pub(super) fn tried(&self, denial: Denial, client: IpAddr, lockout: &Lockout, now: u64) -> Denial {
        let wrong = matches!(denial.code, Code::TokenMalformed | Code::TokenUnknown);
        if !wrong && denial.code != Code::TokenMissing {
            return denial;
        }
        let network = network(client);
        if let Some(left) = self.0.get(&network).and_then(|failures| failures.left(lockout, now)) {
            return locked_out(left);
        }
        if wrong {
            self.count(network, lockout, now);
        }
        denial
    }

    fn count(&self, network: IpAddr, lockout: &Lockout, now: u64) {
        self.0.entry(network).and_compute_with(|entry| {
            let failures = entry.map(|entry| entry.into_value());
            if failures.as_ref().is_some_and(|failures| failures.left(lockout, now).is_some()) {
                return Op::Nop;
            }
            Op::Put(Failures::with_one_more(failures.as_ref(), lockout, now))
        });
    }
}

impl Failures {
    /// How long it is still locked out; `None`: it is not.
    fn left(&self, lockout: &Lockout, now: u64) -> Option<Duration> {
        let State::Locked(at) = self.state else { return None };
        lockout.duration.checked_sub(since(at, now)).filter(|left| !left.is_zero())
    }

    fn with_one_more(before: Option<&Self>, lockout: &Lockout, now: u64) -> Self {
        let before = before.and_then(|failures| match &failures.state {
            State::Counted(times) => Some(&**times),
            // It was, and begins anew.
            State::Locked(_) => None,
        });
        let recent = before.into_iter().flatten().copied().filter(|at| since(*at, now) < lockout.within);
        let times: Arc<[u64]> = recent.chain([now]).collect();
        if times.len() >= usize::try_from(lockout.failures).unwrap_or(usize::MAX) {
            return Self { state: State::Locked(now), keep: lockout.duration };
        }
        Self { state: State::Counted(times), keep: lockout.within }
    }
}

fn since(at: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(at))
}

/// What counts as one address.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

fn locked_out(left: Duration) -> Denial {
    let (seconds, again) = retry_after(left);
    let detail =
        format!("too many requests from this address came without a valid token; try again in {seconds}s");
    let standing = HeaderValue::try_from(format!("\"lockout\";r=0;t={seconds}"));
    let denial = Denial::new(Code::LockedOut, detail).header(RETRY_AFTER, again);
    match standing {
        Ok(standing) => denial.header(RATE_LIMIT, standing),
        Err(_) => denial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Code::{IpNotAllowed, LockedOut, TokenExpired, TokenMalformed, TokenMissing, TokenUnknown};

    const SECOND: u64 = 1_000_000_000;

    const THREE: Lockout =
        Lockout { failures: 3, within: Duration::from_secs(10), duration: Duration::from_secs(60) };

    /// What a refusal with `code` becomes.
    #[track_caller]
    fn tried(
        lockouts: &Lockouts,
        client: &str,
        code: Code,
        lockout: &Lockout,
        now: u64,
    ) -> (Code, Option<u64>) {
        let denial = lockouts.tried(Denial::new(code, ""), client.parse().unwrap(), lockout, now);
        let again = denial.headers.first().map(|(_, value)| value.to_str().unwrap().parse().unwrap());
        (denial.code, again)
    }

    #[test]
    fn too_many_failures_within_a_time_lock_out_for_a_time() {
        let from = 5 * SECOND;
        #[rustfmt::skip]
        let steps = [
            // at, code, is answered with, and when again (s)
            (0,                      TokenUnknown,   TokenUnknown,   None),
            (5 * SECOND,             TokenMalformed, TokenMalformed, None),
            // Ten seconds after the first, that no longer counts.
            (10 * SECOND,            TokenUnknown,   TokenUnknown,   None),
            (10 * SECOND,            TokenMissing,   TokenMissing,   None),
            (10 * SECOND,            TokenExpired,   TokenExpired,   None),
            (15 * SECOND - 1,        TokenMalformed, TokenMalformed, None),
            // From here on it is locked out, whatever it knows.
            (15 * SECOND - 1,        TokenUnknown,   LockedOut,      Some(60)),
            (16 * SECOND,            TokenMissing,   LockedOut,      Some(59)),
            (17 * SECOND,            TokenMalformed, LockedOut,      Some(58)),
            (17 * SECOND,            IpNotAllowed,   IpNotAllowed,   None),
            (75 * SECOND - 2,        TokenUnknown,   LockedOut,      Some(1)),
            // It is over, and begins anew.
            (75 * SECOND - 1,        TokenUnknown,   TokenUnknown,   None),
            (75 * SECOND,            TokenUnknown,   TokenUnknown,   None),
            (75 * SECOND,            TokenUnknown,   TokenUnknown,   None),
            (75 * SECOND,            TokenMissing,   LockedOut,      Some(60)),
        ];
        let lockouts = Lockouts::default();
        for (at, (now, code, expected, again)) in steps.into_iter().enumerate() {
            let found = tried(&lockouts, "192.0.2.1", code, &THREE, from + now);
            assert_eq!(found, (expected, again), "step {at}");
            assert_eq!(tried(&lockouts, "192.0.2.2", TokenMissing, &THREE, from + now).0, TokenMissing);
        }
    }

    #[test]
    fn a_new_limit_holds_from_the_next_request_on() {
        let lockouts = Lockouts::default();
        let mut lockout = THREE;
        let tried =
            |lockout: &Lockout, now| tried(&lockouts, "192.0.2.1", TokenUnknown, lockout, now * SECOND);
        assert_eq!(tried(&lockout, 0).0, TokenUnknown);
        assert_eq!(tried(&lockout, 0).0, TokenUnknown);
        lockout.failures = 2;
        assert_eq!(tried(&lockout, 0).0, TokenUnknown);
        assert_eq!(tried(&lockout, 0), (LockedOut, Some(60)));
        lockout.duration = Duration::from_secs(20);
        assert_eq!(tried(&lockout, 19), (LockedOut, Some(1)));
        assert_eq!(tried(&lockout, 20).0, TokenUnknown);
    }

    #[test]
    fn an_address_is_one_of_ipv4_or_64_bits_of_ipv6() {
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.1",       "192.0.2.1",             true),
            ("192.0.2.1",       "192.0.2.2",             false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1",       false),
            ("2001:db8:0:1::1", "2001:db8:0:0:ffff::1",  false),
            ("::1",             "0.0.0.1",               false),
        ];
        for (one, other, same) in cases {
            let lockouts = Lockouts::default();
            for _ in 0..3 {
                assert_eq!(tried(&lockouts, one, TokenUnknown, &THREE, 0).0, TokenUnknown);
            }
            let expected = if same { LockedOut } else { TokenMissing };
            assert_eq!(tried(&lockouts, other, TokenMissing, &THREE, 0).0, expected, "{one} {other}");
        }
    }

    fn flood(lockouts: &Lockouts, addresses: std::ops::Range<u32>) {
        for address in addresses {
            let client = IpAddr::V4(address.into());
            lockouts.tried(Denial::new(TokenUnknown, ""), client, &THREE, SECOND);
        }
    }

    #[test]
    fn a_flood_of_addresses_does_not_switch_counting_off() {
        let lockouts = Lockouts::default();
        let client = "2001:db8::1";
        assert_eq!(tried(&lockouts, client, TokenUnknown, &THREE, 0).0, TokenUnknown);
        flood(&lockouts, 0..100_000);
        assert_eq!(tried(&lockouts, client, TokenUnknown, &THREE, 1).0, TokenUnknown);
        // More than are kept: those that are seen again and again stay.
        for more in 1..15 {
            flood(&lockouts, more * 10_000..(more + 1) * 10_000);
            assert_eq!(tried(&lockouts, client, TokenMissing, &THREE, 1).0, TokenMissing);
        }
        assert_eq!(tried(&lockouts, client, TokenUnknown, &THREE, 2).0, TokenUnknown);
        assert_eq!(tried(&lockouts, client, TokenMissing, &THREE, 2).0, LockedOut);
        flood(&lockouts, 150_000..250_000);
        assert_eq!(tried(&lockouts, client, TokenMissing, &THREE, 2).0, LockedOut);
        lockouts.0.run_pending_tasks();
        assert!(lockouts.0.weighted_size() <= MAX_BYTES, "{}", lockouts.0.weighted_size());
        assert!(lockouts.0.entry_count() > 100_000, "{}", lockouts.0.entry_count());
    }

    #[test]
    fn newcomers_are_counted_however_often_others_were_seen() {
        let lockouts = Lockouts::within(100 * u64::from(ENTRY + 8));
        for _ in 0..2 {
            flood(&lockouts, 0..100);
            lockouts.0.run_pending_tasks();
        }
        for address in 1_000..1_003 {
            assert_eq!(tried(&lockouts, "2001:db8::1", TokenUnknown, &THREE, SECOND).0, TokenUnknown);
            lockouts.0.run_pending_tasks();
            flood(&lockouts, address..address + 1);
            lockouts.0.run_pending_tasks();
        }
        assert_eq!(tried(&lockouts, "2001:db8::1", TokenMissing, &THREE, SECOND).0, LockedOut);
        assert!(lockouts.0.entry_count() <= 100);
    }

    #[test]
    fn what_an_address_takes_is_counted() {
        let lockouts = Lockouts::default();
        let many = Lockout { failures: 1_000, ..THREE };
        for _ in 0..999 {
            tried(&lockouts, "192.0.2.1", TokenUnknown, &many, 0);
        }
        lockouts.0.run_pending_tasks();
        assert_eq!(lockouts.0.weighted_size(), u64::from(ENTRY) + 8 * 999);
        tried(&lockouts, "192.0.2.1", TokenUnknown, &many, 0);
        lockouts.0.run_pending_tasks();
        assert_eq!((lockouts.0.weighted_size(), lockouts.0.entry_count()), (u64::from(ENTRY), 1));
    }
}
