//! Whose turn it is: a limited number of places, shared fairly among principals.
//!
//! Pure: no waiting, no clock, no locks; what stands for a waiting request is the caller's. Nobody has more than a
//! share of the places. A place that becomes free goes to whoever waits with the fewest, first come among equals.
//! As long as a place is free, nobody waits who may have it.

use crate::domain::names::PrincipalId;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// How many places there are. Each call says so anew: a reload may have changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Places.
    pub(super) places: usize,
    /// How many of them one principal may have.
    pub(super) share: usize,
    /// How many may wait.
    pub(super) waiting: usize,
}

/// A request's place among those that wait; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Queued<W> {
    /// The ticket; `None` when too many wait already.
    pub(super) ticket: Option<Ticket>,
    /// Who has a place now; the one that has just come may be among them.
    pub(super) admitted: Vec<W>,
    /// Who had to leave the queue for the one that has just come, or that one itself.
    pub(super) refused: Option<W>,
}

/// Places, and who waits for one.
#[derive(Debug)]
pub(super) struct Queue<W> {
    in_flight: usize,
    waiting: usize,
    next: u64,
    /// Everybody who has a place or waits.
    principals: HashMap<PrincipalId, Principal<W>>,
    /// Those who wait: how many places they have, and the ticket that has waited longest.
    order: BTreeSet<(usize, Ticket, PrincipalId)>,
}

#[derive(Debug)]
struct Principal<W> {
    in_flight: usize,
    waiting: VecDeque<(Ticket, W)>,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { in_flight: 0, waiting: 0, next: 0, principals: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<W> Principal<W> {
    /// Where it stands in the order, when it waits.
    fn rank(&self) -> Option<(usize, Ticket)> {
        self.waiting.front().map(|(ticket, _)| (self.in_flight, *ticket))
    }
}

impl<W> Queue<W> {
    /// Takes a place if `who` may have one at once.
    pub(super) fn enter(&mut self, who: &PrincipalId, limits: Limits) -> bool {
        let has = self.principals.get(who).map_or(0, |principal| principal.in_flight);
        let may = self.in_flight < limits.places && has < limits.share && self.first(limits).is_none();
        if may {
            self.in_flight += 1;
            self.change(who, |principal| principal.in_flight += 1);
        }
        may
    }

    /// Waits for a place. Where too many wait, the youngest request of whoever waits most often makes room, unless
    /// that is `who`.
    pub(super) fn wait(&mut self, who: &PrincipalId, limits: Limits, waiter: W) -> Queued<W> {
        let mut refused = None;
        if self.waiting >= limits.waiting {
            let own = self.principals.get(who).map_or(0, |principal| principal.waiting.len());
            let waiting = self.principals.iter().map(|(other, principal)| (principal.waiting.len(), other));
            let most = waiting.max().filter(|(most, _)| *most > own + 1).map(|(_, other)| other.clone());
            let Some(most) = most else {
                return Queued { ticket: None, admitted: Vec::new(), refused: Some(waiter) };
            };
            refused = self.change(&most, |principal| principal.waiting.pop_back()).map(|(_, waiter)| waiter);
            self.waiting -= 1;
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting += 1;
        self.change(who, |principal| principal.waiting.push_back((ticket, waiter)));
        Queued { ticket: Some(ticket), admitted: self.admit(limits), refused }
    }

    /// Gives a place of `who` back; tells who has one now.
    pub(super) fn leave(&mut self, who: &PrincipalId, limits: Limits) -> Vec<W> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.change(who, |principal| principal.in_flight = principal.in_flight.saturating_sub(1));
        self.admit(limits)
    }

    /// Does not wait any more; `None` when it had its turn, or was refused.
    pub(super) fn give_up(&mut self, who: &PrincipalId, ticket: Ticket) -> Option<W> {
        let at = self.principals.get(who)?.waiting.binary_search_by_key(&ticket, |(own, _)| *own).ok()?;
        let (_, waiter) = self.change(who, |principal| principal.waiting.remove(at))?;
        self.waiting -= 1;
        Some(waiter)
    }

    /// Gives places away as long as there are any.
    fn admit(&mut self, limits: Limits) -> Vec<W> {
        let mut admitted = Vec::new();
        while self.in_flight < limits.places
            && let Some(who) = self.first(limits)
        {
            let Some((_, waiter)) = self.change(&who, |principal| {
                principal.in_flight += 1;
                principal.waiting.pop_front()
            }) else {
                break;
            };
            self.in_flight += 1;
            self.waiting -= 1;
            admitted.push(waiter);
        }
        admitted
    }

    /// Who is next: of those who wait and may have a place, the one with the fewest.
    fn first(&self, limits: Limits) -> Option<PrincipalId> {
        self.order.first().filter(|(has, ..)| *has < limits.share).map(|(.., who)| who.clone())
    }

    /// Changes what is known of `who`, and the order with it.
    fn change<R>(&mut self, who: &PrincipalId, change: impl FnOnce(&mut Principal<W>) -> R) -> R {
        let anew = || Principal { in_flight: 0, waiting: VecDeque::new() };
        let principal = match self.principals.get_mut(who) {
            Some(principal) => principal,
            None => self.principals.entry(who.clone()).or_insert_with(anew),
        };
        let before = principal.rank();
        let result = change(principal);
        let after = principal.rank();
        let is_gone = principal.in_flight == 0 && after.is_none();
        if before != after {
            if let Some((has, ticket)) = before {
                self.order.remove(&(has, ticket, who.clone()));
            }
            if let Some((has, ticket)) = after {
                self.order.insert((has, ticket, who.clone()));
            }
        }
        if is_gone {
            self.principals.remove(who);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> PrincipalId {
        PrincipalId::parse(&format!("p{number}")).unwrap()
    }

    const FOUR: Limits = Limits { places: 4, share: 2, waiting: 3 };

    #[test]
    fn nobody_has_more_than_a_share() {
        let mut queue = Queue::default();
        assert!(queue.enter(&id(1), FOUR));
        assert!(queue.enter(&id(1), FOUR));
        assert!(!queue.enter(&id(1), FOUR), "a third one");
        assert_eq!(queue.wait(&id(1), FOUR, "1c").admitted, [""; 0]);
        assert!(queue.enter(&id(2), FOUR), "whoever waits for a share keeps nobody else");
        assert!(queue.enter(&id(3), FOUR));
        assert!(!queue.enter(&id(4), FOUR), "no place is left");
        assert_eq!(queue.leave(&id(2), FOUR), [""; 0], "p1 has its share all the same");
        assert_eq!(queue.leave(&id(1), FOUR), ["1c"]);
    }

    #[test]
    fn the_place_goes_to_whoever_has_the_fewest() {
        let mut queue = Queue::default();
        for who in [1, 1, 2, 3] {
            assert!(queue.enter(&id(who), FOUR));
        }
        for (who, waiter) in [(2, "2b"), (4, "4a"), (5, "5a")] {
            assert_eq!(queue.wait(&id(who), FOUR, waiter).admitted, [""; 0]);
        }
        assert_eq!(queue.leave(&id(1), FOUR), ["4a"], "none, and it came before p5");
        assert_eq!(queue.leave(&id(4), FOUR), ["5a"]);
        assert_eq!(queue.leave(&id(3), FOUR), ["2b"], "one");
    }

    #[test]
    fn a_flood_makes_room_for_others() {
        let mut queue = Queue::default();
        for who in [1, 1, 2, 2] {
            assert!(queue.enter(&id(who), FOUR));
        }
        let tickets: Vec<_> =
            ["1c", "1d", "1e"].map(|waiter| queue.wait(&id(1), FOUR, waiter).ticket.unwrap()).into();
        assert_eq!(queue.wait(&id(1), FOUR, "1f").refused, Some("1f"), "its own flood");
        assert_eq!(queue.wait(&id(3), FOUR, "3a").refused, Some("1e"), "its youngest");
        assert_eq!(queue.wait(&id(3), FOUR, "3b").refused, Some("3b"), "two and one: nothing would be won");
        assert_eq!(queue.give_up(&id(1), tickets[2]), None);
        assert_eq!(queue.give_up(&id(1), tickets[0]), Some("1c"));
        assert_eq!(queue.leave(&id(1), FOUR), ["3a"]);
        assert_eq!(queue.leave(&id(2), FOUR), ["1d"]);
    }

    #[test]
    fn other_limits_count_from_the_next_call_on() {
        let mut queue = Queue::default();
        let one = Limits { places: 1, share: 1, waiting: 4 };
        assert!(queue.enter(&id(1), one));
        queue.wait(&id(2), one, "2");
        queue.wait(&id(3), one, "3");
        assert!(!queue.enter(&id(4), FOUR), "others have waited before");
        assert_eq!(queue.wait(&id(4), FOUR, "4").admitted, ["2", "3", "4"]);
        for who in [1, 2] {
            assert_eq!(queue.leave(&id(who), one), [""; 0]);
        }
        assert!(!queue.enter(&id(1), one));
        assert_eq!(queue.leave(&id(3), one), [""; 0]);
        assert_eq!(queue.leave(&id(4), one), [""; 0]);
        assert!(queue.enter(&id(1), one));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Come(u8),
        Leave(usize),
        GiveUp(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..5u8).prop_map(Step::Come),
            3 => any::<usize>().prop_map(Step::Leave),
            1 => any::<usize>().prop_map(Step::GiveUp),
        ];
        prop::collection::vec(step, 1..120)
    }

    /// The same rules, written down as slowly as can be.
    #[derive(Default)]
    struct Model {
        in_flight: Vec<(u8, u32)>,
        waiting: Vec<(u8, u32)>,
    }

    impl Model {
        fn has(&self, who: u8) -> usize {
            self.in_flight.iter().filter(|(own, _)| *own == who).count()
        }

        fn waits(&self, who: u8) -> usize {
            self.waiting.iter().filter(|(own, _)| *own == who).count()
        }

        fn admit(&mut self, limits: Limits) -> Vec<(u8, u32)> {
            let mut admitted = Vec::new();
            while self.in_flight.len() < limits.places {
                let may = (0..self.waiting.len()).filter(|at| self.has(self.waiting[*at].0) < limits.share);
                let Some(at) = may.min_by_key(|at| (self.has(self.waiting[*at].0), *at)) else { break };
                let next = self.waiting.remove(at);
                self.in_flight.push(next);
                admitted.push(next);
            }
            admitted
        }
    }

    proptest! {
        /// Same turns as the model's; nobody waits who may have a place; no place is lost or given twice.
        #[test]
        fn turns_are_fair_and_none_is_lost(
            steps in steps(),
            places in 1..7usize,
            share in 1..4usize,
            waiting in 0..9usize,
        ) {
            let limits = Limits { places, share, waiting };
            let (mut queue, mut model) = (Queue::default(), Model::default());
            let mut tickets = HashMap::new();
            for (number, step) in (0u32..).zip(steps) {
                match step {
                    Step::Come(who) => {
                        let may = model.in_flight.len() < places && model.has(who) < share;
                        prop_assert_eq!(queue.enter(&id(who), limits), may);
                        if may {
                            model.in_flight.push((who, number));
                            continue;
                        }
                        let full = model.waiting.len() >= waiting;
                        let queued = queue.wait(&id(who), limits, (who, number));
                        if let Some(refused) = queued.refused {
                            prop_assert!(full);
                            let most = (0..5).map(|who| model.waits(who)).max().unwrap();
                            if refused == (who, number) {
                                prop_assert!(most <= model.waits(who) + 1);
                            } else {
                                prop_assert!(most > model.waits(who) + 1);
                                prop_assert_eq!(model.waits(refused.0), most);
                                let at = model.waiting.iter().rposition(|(own, _)| *own == refused.0);
                                prop_assert_eq!(model.waiting.remove(at.unwrap()), refused);
                            }
                        } else {
                            prop_assert!(!full);
                        }
                        prop_assert_eq!(queued.ticket.is_none(), queued.refused == Some((who, number)));
                        if let Some(ticket) = queued.ticket {
                            model.waiting.push((who, number));
                            tickets.insert(number, ticket);
                        }
                        prop_assert_eq!(queued.admitted, model.admit(limits));
                    }
                    Step::Leave(at) if !model.in_flight.is_empty() => {
                        let (who, _) = model.in_flight.remove(at % model.in_flight.len());
                        prop_assert_eq!(queue.leave(&id(who), limits), model.admit(limits));
                    }
                    Step::GiveUp(at) if !model.waiting.is_empty() => {
                        let (who, number) = model.waiting.remove(at % model.waiting.len());
                        prop_assert_eq!(queue.give_up(&id(who), tickets[&number]), Some((who, number)));
                        prop_assert_eq!(queue.give_up(&id(who), tickets[&number]), None);
                    }
                    Step::Leave(_) | Step::GiveUp(_) => {}
                }
                prop_assert!(model.in_flight.len() <= places && (0..5).all(|who| model.has(who) <= share));
                prop_assert_eq!((queue.in_flight, queue.waiting), (model.in_flight.len(), model.waiting.len()));
                let known = (0..5).filter(|who| model.has(*who) + model.waits(*who) > 0).count();
                prop_assert_eq!(queue.principals.len(), known, "nothing is kept of who has left");
            }
        }
    }
}
