//! Rates of holders, and of tokens that have one of their own: a state each, found by id.
//!
//! The state is an atomic that all shards share; each shard keeps those it needs at hand, so that no lock
//! that others hold stands in a request's way. A state whose requests have all come back says nothing and is
//! forgotten, whether or not its holder is still there.

use super::{RATE_LIMIT, Spent, retry_after, seconds};
use crate::decide::{Denial, Holder};
use crate::domain::code::Code;
use crate::domain::names::{PrincipalId, TokenId};
use crate::domain::rate::RateLimit;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many states a shard keeps at hand of principals, and of tokens; beyond that it starts anew.
const MAX_AT_HAND: usize = 10_000;

/// So many states are kept before full ones are looked for.
const MIN_KEPT: usize = 1_024;

/// What was taken of one rate. Alone on its cache line, which other cores may be writing.
#[derive(Debug, Default)]
#[repr(align(64))]
struct State {
    /// The number that [`RateLimit::take`] moves on.
    taken: AtomicU64,
    /// Held while a token's own rate and that of its holder are taken together.
    together: Mutex<()>,
}

impl State {
    /// Takes one request.
    fn take(&self, limit: RateLimit, now: u64) -> Result<(), Duration> {
        let mut state = self.taken.load(Ordering::Relaxed);
        loop {
            let next = limit.take(state, now)?;
            match self.taken.compare_exchange_weak(state, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(moved) => state = moved,
            }
        }
    }

    fn left(&self, limit: RateLimit, now: u64) -> Left {
        let state = self.taken.load(Ordering::Relaxed);
        let quota = limit.quota(state, now);
        let wait = if quota.remaining > 0 { None } else { limit.take(state, now).err() };
        Left { limit, remaining: quota.remaining, wait: wait.unwrap_or(quota.reset) }
    }
}

/// The states of everybody, by id.
#[derive(Debug)]
pub(super) struct Rates<K>(Mutex<States<K>>);

#[derive(Debug)]
struct States<K> {
    by_id: HashMap<K, Kept>,
    /// At so many states, full ones are forgotten.
    full_at: usize,
}

/// A state, and the limit it counts by.
#[derive(Debug)]
struct Kept {
    limit: RateLimit,
    /// Of the snapshot that says so.
    generation: u64,
    state: Arc<State>,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self(Mutex::new(States { by_id: HashMap::new(), full_at: MIN_KEPT }))
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// The state of that id, whose rate is `limit` by the snapshot of that generation.
    fn state(&self, id: K, limit: RateLimit, generation: u64, now: u64) -> Arc<State> {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = states.by_id.get_mut(&id) {
            // A request that began before a reload changes nothing back.
            if kept.generation < generation {
                if kept.limit != limit {
                    let carried = |state| Some(limit.carry(kept.limit, state, now));
                    let _ = kept.state.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, carried);
                }
                (kept.limit, kept.generation) = (limit, generation);
            }
            return Arc::clone(&kept.state);
        }
        if states.by_id.len() >= states.full_at {
            states.forget(now);
        }
        let state = Arc::<State>::default();
        states.by_id.insert(id, Kept { limit, generation, state: Arc::clone(&state) });
        state
    }
}

impl<K> States<K> {
    /// Forgets what is full and at no shard's hand; looks for such again when there are twice as many.
    fn forget(&mut self, now: u64) {
        self.by_id.retain(|_, kept| {
            Arc::strong_count(&kept.state) > 1 || kept.state.taken.load(Ordering::Relaxed) > now
        });
        self.full_at = (2 * self.by_id.len()).max(MIN_KEPT);
    }
}

/// The states that a shard needed of late.
#[derive(Debug, Default)]
pub(in crate::serve) struct RatesAtHand {
    generation: u64,
    principals: HashMap<PrincipalId, Arc<State>>,
    tokens: HashMap<TokenId, Arc<State>>,
}

impl RatesAtHand {
    /// Takes one request of a holder; of what refuses it, and of the other, nothing.
    pub(super) fn take(
        &mut self,
        spent: &Spent,
        holder: &Holder<'_>,
        generation: u64,
        now: u64,
    ) -> (Standing, Option<Denial>) {
        if self.generation < generation {
            // Limits may have changed: those who share the states settle that.
            *self = Self { generation, ..Self::default() };
        }
        let principal = holder.principal();
        let all = principal.rights.rate_limit.map(|limit| {
            let state = || spent.principals.state(principal.id.clone(), limit, generation, now);
            (kept(&mut self.principals, principal.id.clone(), state), limit)
        });
        let token = holder.token().and_then(|token| Some((token, token.rate_limit()?)));
        let own = token.map(|(token, limit)| {
            let state = || spent.tokens.state(token.id.clone(), limit, generation, now);
            (kept(&mut self.tokens, token.id.clone(), state), limit)
        });
        let taken = take(own, all, now);
        let left = |rate: Option<(&State, RateLimit)>| rate.map(|(state, limit)| state.left(limit, now));
        (Standing { principal: left(all), token: left(own) }, taken.err().map(|refused| refused.denial()))
    }
}

/// The state at hand, or the one that `shared` gives.
fn kept<K: Eq + Hash>(
    at_hand: &mut HashMap<K, Arc<State>>,
    id: K,
    shared: impl FnOnce() -> Arc<State>,
) -> &State {
    if at_hand.len() >= MAX_AT_HAND && !at_hand.contains_key(&id) {
        at_hand.clear();
    }
    at_hand.entry(id).or_insert_with(shared)
}

/// Takes one request of each rate that there is, or of none.
fn take(own: Option<(&State, RateLimit)>, all: Option<(&State, RateLimit)>, now: u64) -> Result<(), Refused> {
    let take_all = || match all {
        Some((state, limit)) => {
            state.take(limit, now).map_err(|wait| Refused { limit, whose: "its holder", wait })
        }
        None => Ok(()),
    };
    let Some((state, limit)) = own else { return take_all() };
    // Whoever takes of both takes of the token's own state alone.
    let _together = state.together.lock().unwrap_or_else(PoisonError::into_inner);
    match limit.take(state.taken.load(Ordering::Relaxed), now) {
        Ok(next) => {
            take_all()?;
            state.taken.store(next, Ordering::Relaxed);
            Ok(())
        }
        Err(wait) => {
            // Where both refuse, waiting for one of them is not enough.
            let of_all =
                all.and_then(|(state, limit)| limit.take(state.taken.load(Ordering::Relaxed), now).err());
            Err(Refused { limit, whose: "this token", wait: wait.max(of_all.unwrap_or_default()) })
        }
    }
}

/// Which rate refuses.
#[derive(Debug)]
struct Refused {
    limit: RateLimit,
    whose: &'static str,
    wait: Duration,
}

impl Refused {
    fn denial(self) -> Denial {
        let (seconds, again) = retry_after(self.wait);
        let Self { limit, whose, .. } = self;
        let detail = format!("{limit} is the rate of {whose}; send the request again in {seconds}s");
        Denial::new(Code::RateLimited, detail).header(RETRY_AFTER, again)
    }
}

/// What is left of the rates of a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Standing {
    principal: Option<Left>,
    token: Option<Left>,
}

/// What is left of one rate.
#[derive(Debug, Clone, Copy)]
struct Left {
    limit: RateLimit,
    remaining: u32,
    /// Until all of it is back; when nothing is left, until one request is.
    wait: Duration,
}

impl Standing {
    /// The headers that tell it (draft-ietf-httpapi-ratelimit-headers): none where there is no rate.
    pub(in crate::serve) fn write(&self, head: &mut HeaderMap) {
        let rates = [("default", self.principal), ("token", self.token)];
        let (mut policy, mut now) = (String::new(), String::new());
        for (name, left) in rates.into_iter().filter_map(|(name, left)| Some((name, left?))) {
            let window = left.limit.period().duration().as_secs();
            push_item(&mut policy, name, ("q", left.limit.requests().into()), ("w", window));
            push_item(&mut now, name, ("r", left.remaining.into()), ("t", seconds(left.wait)));
        }
        for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)] {
            if !text.is_empty()
                && let Ok(value) = HeaderValue::try_from(text)
            {
                head.insert(name, value);
            }
        }
    }
}

/// Appends an item and its parameters (RFC 9651 section 3).
fn push_item(text: &mut String, name: &str, first: (&str, u64), second: (&str, u64)) {
    text.push_str(if text.is_empty() { "\"" } else { ", \"" });
    text.push_str(name);
    text.push('"');
    for (key, number) in [first, second] {
        text.push(';');
        text.push_str(key);
        text.push('=');
        text.push_str(itoa::Buffer::new().format(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(text: &str) -> RateLimit {
        RateLimit::parse(text).unwrap()
    }

    fn id(text: &str) -> PrincipalId {
        PrincipalId::parse(text).unwrap()
    }

    #[test]
    fn what_one_rate_refuses_takes_nothing_from_the_other() {
        #[rustfmt::skip]
        let cases = [
            // the token's,   its holder's,  requests, passed, wait (s), left of the token's, of its holder's
            ("2/min",         "3/min",       2, 2, 0,   0, 1),
            ("2/min",         "3/min",       5, 2, 30,  0, 1),
            ("3/min",         "2/min",       5, 2, 30,  1, 0),
            ("2/min",         "2/min",       5, 2, 30,  0, 0),
            // Where both refuse, the longer wait counts.
            ("2/h",           "2/min",       5, 2, 1_800, 0, 0),
            ("2/min",         "2/h",         5, 2, 1_800, 0, 0),
        ];
        for (own, all, requests, passed, wait, left_own, left_all) in cases {
            let name = format!("{own} of {all}");
            let (token, principal) = (State::default(), State::default());
            let (own, all) = ((&token, rate(own)), (&principal, rate(all)));
            let taken: Vec<_> = (0..requests).map(|_| take(Some(own), Some(all), SECOND)).collect();
            assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), passed, "{name}");
            let waits: Vec<_> =
                taken.into_iter().filter_map(Result::err).map(|refused| refused.wait.as_secs()).collect();
            assert_eq!(waits, vec![wait; requests - passed], "{name}");
            let left = |(state, limit): (&State, RateLimit)| state.left(limit, SECOND).remaining;
            assert_eq!((left(own), left(all)), (left_own, left_all), "{name}");
        }
    }

    #[test]
    fn shards_take_of_one_rate_together() {
        let principal = State::default();
        let all = (&principal, rate("1000/d"));
        let passed: usize = std::thread::scope(|scope| {
            let shard = || {
                let token = State::default();
                let take = || take(Some((&token, rate("900/d"))), Some(all), 7).is_ok();
                let passed = (0..2_000).filter(|_| take()).count();
                // Whatever was refused took nothing of the token's own.
                assert_eq!(token.left(rate("900/d"), 7).remaining as usize, 900 - passed);
                passed
            };
            let shards: Vec<_> = (0..4).map(|_| scope.spawn(shard)).collect();
            shards.into_iter().map(|shard| shard.join().unwrap()).sum()
        });
        assert_eq!(passed, 1_000);
    }

    #[test]
    fn a_new_limit_takes_over_what_was_taken() {
        let rates = Rates::default();
        let left = |limit: &str, generation| {
            let state = rates.state(id("acme"), rate(limit), generation, SECOND);
            state.left(rate(limit), SECOND).remaining
        };
        assert_eq!(left("10/min", 1), 10);
        let state = rates.state(id("acme"), rate("10/min"), 1, SECOND);
        for _ in 0..10 {
            state.take(rate("10/min"), SECOND).unwrap();
        }
        assert_eq!(left("10/min", 2), 0, "the same limit after a reload");
        assert_eq!(left("30/min", 3), 20);
        assert_eq!(left("30/min", 3), 20, "settled once");
        // A request of an older snapshot reads by its own limit, and leaves the state as it is.
        let _ = left("10/min", 2);
        assert_eq!(left("30/min", 3), 20);
        assert_eq!(left("5/min", 4), 0);
    }

    #[test]
    fn states_that_say_nothing_are_forgotten() {
        let rates = Rates::default();
        let state = |number: usize, now| rates.state(id(&format!("p{number}")), rate("1/min"), 1, now);
        let count = || rates.0.lock().unwrap().by_id.len();
        let held = state(0, 0);
        state(1, 0).take(rate("1/min"), 0).unwrap();
        for number in 2..MIN_KEPT {
            state(number, 0).take(rate("1/min"), 0).unwrap();
        }
        assert_eq!(count(), MIN_KEPT);
        state(MIN_KEPT, 59 * SECOND);
        assert_eq!(count(), MIN_KEPT + 1, "none of their requests is back");
        for number in MIN_KEPT + 1..2 * MIN_KEPT {
            state(number, 59 * SECOND);
        }
        assert_eq!(count(), 2 * MIN_KEPT);
        state(2 * MIN_KEPT, 60 * SECOND);
        assert_eq!(count(), 2, "the one at hand, and the new one");
        assert!(Arc::ptr_eq(&held, &state(0, 60 * SECOND)));
    }

    #[test]
    fn a_shard_keeps_a_limited_number_at_hand() {
        let mut at_hand = HashMap::new();
        for number in 0..=MAX_AT_HAND {
            kept(&mut at_hand, number, Arc::default);
            kept(&mut at_hand, number, || panic!("it is at hand"));
        }
        assert_eq!(at_hand.len(), 1);
    }

    #[test]
    fn standings_are_structured_fields() {
        let left = |limit: &str, taken: usize, now| {
            let (limit, state) = (rate(limit), State::default());
            (0..taken).for_each(|_| state.take(limit, 0).unwrap());
            Some(state.left(limit, now))
        };
        #[rustfmt::skip]
        let cases = [
            (None, None, None),
            (left("300/min", 1, 0), None, Some(["\"default\";q=300;w=60", "\"default\";r=299;t=1"])),
            (left("300/min", 60, 0), None, Some(["\"default\";q=300;w=60", "\"default\";r=240;t=12"])),
            (left("300/min", 0, 0), None, Some(["\"default\";q=300;w=60", "\"default\";r=300;t=0"])),
            // Nothing is left: how long until one is.
            (left("60/min", 60, 0), None, Some(["\"default\";q=60;w=60", "\"default\";r=0;t=1"])),
            (left("2/d", 2, 0), None, Some(["\"default\";q=2;w=86400", "\"default\";r=0;t=43200"])),
            (left("2/d", 2, 1), None, Some(["\"default\";q=2;w=86400", "\"default\";r=0;t=43200"])),
            (None, left("5/h burst 2", 1, SECOND), Some(["\"token\";q=5;w=3600", "\"token\";r=1;t=719"])),
            (left("9/s", 9, SECOND), left("2/s", 1, 0), Some(["\"default\";q=9;w=1, \"token\";q=2;w=1", "\"default\";r=8;t=1, \"token\";r=1;t=1"])),
        ];
        for (principal, token, expected) in cases {
            let mut head = HeaderMap::new();
            Standing { principal, token }.write(&mut head);
            let found =
                [RATE_LIMIT_POLICY, RATE_LIMIT].map(|name| head.get(name).map(|text| text.to_str().unwrap()));
            assert_eq!(found, expected.map_or([None, None], |texts| texts.map(Some)));
        }
    }

    #[test]
    fn whoever_waits_as_told_has_waited_long_enough() {
        for (nanos, expected) in [(1, 1), (SECOND - 1, 1), (SECOND, 1), (SECOND + 1, 2), (60 * SECOND, 60)] {
            let (seconds, header) = retry_after(Duration::from_nanos(nanos));
            assert_eq!((seconds, header.to_str().unwrap()), (expected, &*expected.to_string()));
        }
    }
}
