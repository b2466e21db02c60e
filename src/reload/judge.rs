//! The decisions of a reload, without files, threads or clocks.

use super::Trigger;
use crate::domain::time::Timestamp;
use crate::policy::{MaxRemoved, Policy, Settings, TokenRecord};
use std::fmt;
use std::time::{Duration, Instant};

/// How long a file must have been a strict prefix of its version in force to be believed.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// When files that changed at every read are read again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Fewer removed tokens than this never hold a reload.
const LEAST_HELD: usize = 10;

/// How the files looked while they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// They held still.
    Whole,
    /// One is a strict prefix of its version in force: perhaps half written.
    CutShort,
    /// They changed at every read.
    Changing,
}

/// Decides when a version of the files is believed.
#[derive(Debug, Default)]
pub(super) struct Settling(Option<Waiting>);

#[derive(Debug)]
struct Waiting {
    hash: Box<str>,
    since: Instant,
    until: Instant,
    asked: bool,
}

impl Settling {
    /// The trigger of a version that is believed at `now`; `None`: not yet.
    ///
    /// Who asked for a version that was not believed has asked for what comes of it.
    pub(super) fn believe(
        &mut self,
        hash: &str,
        reading: Reading,
        trigger: Trigger,
        now: Instant,
    ) -> Option<Trigger> {
        let waiting = self.0.take();
        let asked = trigger == Trigger::Asked || waiting.as_ref().is_some_and(|w| w.asked);
        let since = waiting.filter(|w| *w.hash == *hash).map_or(now, |w| w.since);
        let until = match reading {
            Reading::Whole => now,
            Reading::CutShort => since + SETTLED_AFTER,
            Reading::Changing => now + RETRY_AFTER,
        };
        if until > now {
            self.0 = Some(Waiting { hash: hash.into(), since, until, asked });
            return None;
        }
        Some(if asked { Trigger::Asked } else { Trigger::Watched })
    }

    /// When a version that is not yet believed is to be read again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.0.as_ref().map(|waiting| waiting.until)
    }
}

/// What a reload would take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loss {
    /// Active tokens of the old config that the new one does not have.
    removed: usize,
    /// Active tokens of the old config: neither expired nor of a disabled principal.
    active: usize,
}

impl Loss {
    /// What `new` does not have of `old`. A token that `new` names, if only to disable it, is not lost.
    pub(super) fn between(old: &Policy, new: &Policy, now: Timestamp) -> Self {
        let works = |token: &&TokenRecord| {
            let disabled = old.principal(token.principal).is_none_or(|holder| holder.disabled);
            !disabled && !token.expires.is_over(now)
        };
        let mut loss = Self { removed: 0, active: 0 };
        for token in old.tokens.iter().filter(works) {
            loss.active += 1;
            loss.removed += usize::from(new.tokens.find(&token.digest).is_none());
        }
        loss
    }

    /// Whether that is more than a watched reload may take away.
    pub(super) fn exceeds(&self, limit: MaxRemoved) -> bool {
        match limit {
            MaxRemoved::Off => false,
            MaxRemoved::Percent(percent) => {
                self.removed >= LEAST_HELD && self.removed as f64 * 100.0 > self.active as f64 * percent
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it would remove {} of {} active tokens, more than `reload.max_removed` allows; \
             SIGHUP or a POST to /confirm on [admin] puts it in force",
            self.removed, self.active
        )
    }
}

/// The settings that take effect only at start and are no longer those of the start.
pub(super) fn restart_needed(started_with: &Settings, now: &Settings) -> Vec<&'static str> {
    let admin = |settings: &Settings| settings.admin.as_ref().map(|admin| admin.listen.clone());
    let settings = [
        ("server.listen", started_with.listen != now.listen),
        ("server.workers", started_with.workers != now.workers),
        ("admin.listen", admin(started_with) != admin(now)),
        ("log.format", started_with.log_format != now.log_format),
    ];
    settings.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reading::{Changing, CutShort, Whole};
    use Trigger::{Asked, Watched};

    #[test]
    fn versions_are_believed_when_they_have_settled() {
        type Try = (u64, &'static str, Reading, Trigger, Option<Trigger>);
        #[rustfmt::skip]
        let cases: [(&str, &[Try]); 8] = [
            ("whole files, at once", &[(0, "a", Whole, Watched, Some(Watched)), (1, "b", Whole, Asked, Some(Asked))]),
            ("cut short, after two seconds", &[(0, "a", CutShort, Watched, None), (1_999, "a", CutShort, Watched, None),
                (2_000, "a", CutShort, Watched, Some(Watched))]),
            ("cut elsewhere, two seconds more", &[(0, "a", CutShort, Watched, None), (1_500, "b", CutShort, Watched, None),
                (3_499, "b", CutShort, Watched, None), (3_500, "b", CutShort, Watched, Some(Watched))]),
            ("written to its end", &[(0, "a", CutShort, Watched, None), (100, "b", Whole, Watched, Some(Watched))]),
            ("changing, never", &[(0, "a", Changing, Watched, None), (9_000, "a", Changing, Asked, None)]),
            ("asked for while cut", &[(0, "a", CutShort, Asked, None), (2_000, "a", CutShort, Watched, Some(Asked))]),
            ("asked for while changing", &[(0, "a", Changing, Asked, None), (250, "b", Whole, Watched, Some(Asked))]),
            ("asked for once", &[(0, "a", CutShort, Asked, None), (1, "b", Whole, Watched, Some(Asked)),
                (2, "c", Whole, Watched, Some(Watched))]),
        ];
        let start = Instant::now();
        for (name, tries) in cases {
            let mut settling = Settling::default();
            for (at, hash, reading, trigger, expected) in tries {
                let now = start + Duration::from_millis(*at);
                let believed = settling.believe(hash, *reading, *trigger, now);
                assert_eq!(believed, *expected, "{name}, at {at}");
                assert_eq!(
                    settling.retry_at().is_some_and(|at| at > now),
                    expected.is_none(),
                    "{name}, at {at}"
                );
            }
        }
    }

    #[test]
    fn a_reload_is_held_above_the_share_and_the_least_number() {
        let percent = MaxRemoved::Percent;
        #[rustfmt::skip]
        let cases = [
            // removed, active, limit, held
            (10, 20, percent(50.0), false), (11, 20, percent(50.0), true),
            (9, 9, percent(50.0), false), (10, 10, percent(50.0), true),
            (9, 1_000, percent(0.0), false), (10, 1_000, percent(0.0), true), (0, 0, percent(0.0), false),
            (10, 10, percent(100.0), false), (10, 10, MaxRemoved::Off, false),
            (333, 1_000, percent(33.3), false), (334, 1_000, percent(33.3), true),
        ];
        for (removed, active, limit, expected) in cases {
            assert_eq!(Loss { removed, active }.exceeds(limit), expected, "{removed} of {active}, {limit:?}");
        }
    }
}
