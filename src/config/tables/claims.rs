//! Which rule reads or writes which place of a request: no two may claim one, or one inside another.
//!
//! Names are compared as lenient programs read them ([`fold`]). What a client may send is held against scope,
//! columns and credentials in every part of the request: many programs mix query and body.

use super::Reader;
use super::request::scope_target;
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{ColumnPlace, ColumnSlot, Fixed, ListStyle, Place, ScopePlace, ScopeSlot};
use crate::domain::pointer::Pointer;
use crate::domain::spelling::{fold, fold_header};
use http::HeaderName;
use std::collections::HashSet;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Query,
    Form,
    Json,
    Header,
}

/// A place in one part of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    part: Part,
    /// As the config writes it.
    name: Box<str>,
    /// The names to step into, in the form that is compared: `a[b]` and `/a/b` are `a`, `b`.
    path: Box<[Box<str>]>,
}

impl Target {
    pub(super) fn query(name: &str) -> Self {
        Self { part: Part::Query, name: name.into(), path: path(name) }
    }

    pub(super) fn form(name: &str) -> Self {
        Self { part: Part::Form, name: name.into(), path: path(name) }
    }

    pub(super) fn json(at: &Pointer) -> Self {
        Self { part: Part::Json, name: at.to_string().into(), path: at.tokens().flat_map(path).collect() }
    }

    pub(super) fn header(name: &HeaderName) -> Self {
        Self { part: Part::Header, name: name.as_str().into(), path: [fold_header(name).into()].into() }
    }

    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Query(name) => Self::query(name),
            Place::Form(name) => Self::form(name),
            Place::Json(at) => Self::json(at),
        }
    }

    pub(super) fn of_fixed(fixed: &Fixed) -> Self {
        match fixed {
            Fixed::Query(name, _) => Self::query(name),
            Fixed::Form(name, _) => Self::form(name),
            Fixed::Json(at, _) => Self::json(at),
        }
    }

    /// Whether the places are one, or one inside the other.
    fn clashes(&self, other: &Self) -> bool {
        self.part == other.part && self.overlaps(other)
    }

    /// Whether a program that mixes query and body could take one for the other: of a member inside a JSON
    /// body also by its own name alone.
    fn resembles(&self, other: &Self) -> bool {
        let mixes = self.part != other.part && self.part != Part::Header && other.part != Part::Header;
        let is_last = |json: &Self, other: &Self| {
            json.part == Part::Json && json.path.last().is_some_and(|last| *other.path == [last.clone()])
        };
        mixes && (self.overlaps(other) || is_last(self, other) || is_last(other, self))
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.path.starts_with(&other.path) || other.path.starts_with(&self.path)
    }
}

fn path(name: &str) -> Box<[Box<str>]> {
    fold(name).split('/').map(Into::into).collect()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Query => "query parameter",
            Part::Form => "form field",
            Part::Json => "JSON member",
            Part::Header => "header",
        };
        write!(f, "the {part} {}", quoted(&self.name))
    }
}

struct Claim {
    rule: &'static str,
    target: Target,
    mark: Mark,
}

/// What the rules of a report claim, on the client's side and on the backend's.
#[derive(Default)]
pub(in crate::config) struct Claims {
    client: Vec<Claim>,
    backend: Vec<Claim>,
}

impl Claims {
    pub(super) fn client(&mut self, rule: &'static str, target: Target, mark: Mark) {
        self.client.push(Claim { rule, target, mark });
    }

    pub(super) fn backend(&mut self, rule: &'static str, target: Target, mark: Mark) {
        self.backend.push(Claim { rule, target, mark });
    }

    pub(super) fn both(&mut self, rule: &'static str, target: &Target, mark: Mark) {
        self.client(rule, target.clone(), mark);
        self.backend(rule, target.clone(), mark);
    }

    pub(super) fn columns(
        &mut self,
        columns: &[Marked<ColumnSlot>],
        ask: &[Marked<ColumnSlot>],
        all: &Catalogue,
    ) {
        for slot in columns {
            for target in column_targets(&slot.value, all) {
                self.backend("columns", target, slot.mark);
            }
        }
        for slot in ask {
            for target in column_targets(&slot.value, all) {
                self.client("ask", target, slot.mark);
            }
        }
    }

    pub(super) fn scope(&mut self, slots: &[Marked<ScopeSlot>]) {
        for slot in slots {
            let target = scope_target(&slot.value);
            if !matches!(slot.value.place, ScopePlace::Path { .. }) {
                self.backend("scope", target.clone(), slot.mark);
            }
            self.client("scope", target, slot.mark);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Claim> {
        self.backend.iter().chain(&self.client)
    }

    /// Reports places with two claims, names that could be taken for scope or columns, and forbidden names
    /// that are claimed.
    pub(super) fn check(&self, reader: &mut Reader<'_>, forbidden: &[Marked<Box<str>>]) {
        let mut reported = HashSet::new();
        for (side, verb) in [(&self.backend, "write"), (&self.client, "read")] {
            for (first, second) in clashes(side) {
                // Clients may choose by the same name for every place of the scope.
                let one_choice = verb == "read" && first.rule == "scope" && second.rule == "scope";
                // The next and the previous page come back in the same parameter.
                let one_page =
                    first.rule == "cursors" && second.rule == "cursors" && first.target == second.target;
                if !one_choice
                    && !one_page
                    && reported.insert((first.mark, second.mark, first.rule, second.rule))
                {
                    let message =
                        format!("`{}` and `{}` both {verb} {}", first.rule, second.rule, second.target);
                    reader.problems.error(second.mark, message);
                }
            }
        }
        for (own, sent) in self.mistakable() {
            if reported.insert((own.mark, sent.mark, own.rule, sent.rule)) {
                let message = format!(
                    "`{}` takes {}, which a backend could take for {} of `{}`",
                    sent.rule, sent.target, own.target, own.rule
                );
                reader.problems.error(sent.mark, message);
            }
        }
        for name in forbidden {
            let forbidden = path(&name.value);
            let is_forbidden = |claim: &&Claim| match claim.target.part {
                Part::Query | Part::Form => claim.target.path.starts_with(&forbidden),
                Part::Json => claim.target.path.windows(forbidden.len()).any(|part| *part == *forbidden),
                Part::Header => false,
            };
            if let Some(claim) = self.client.iter().find(is_forbidden) {
                let message = format!("{} is forbidden and used by `{}`", quoted(&name.value), claim.rule);
                reader.problems.error(name.mark, message);
            }
        }
    }

    /// Scope or columns, and what clients may send in another part of the request that resembles them.
    fn mistakable(&self) -> impl Iterator<Item = (&Claim, &Claim)> {
        let guarded = |claim: &&Claim, sent: &Claim| match claim.rule {
            "scope" => true,
            // A client's own selection is the same list.
            "columns" => sent.rule != "ask",
            _ => false,
        };
        let sent = self.all().filter(|claim| !matches!(claim.rule, "scope" | "columns" | "set"));
        sent.flat_map(move |sent| {
            let own = self.all().filter(move |own| guarded(own, sent) && own.target.resembles(&sent.target));
            own.map(move |own| (own, sent))
        })
    }

    /// Where something stands in a form, on either side.
    pub(super) fn in_form(&self) -> Option<Mark> {
        self.find(|claim| claim.target.part == Part::Form)
    }

    /// Where something stands in a JSON body, on either side.
    pub(super) fn in_json(&self) -> Option<Mark> {
        self.find(|claim| claim.target.part == Part::Json)
    }

    /// Where clients of the report send what could be taken for that query parameter.
    pub(in crate::config) fn of_client(&self, name: &str) -> Option<Mark> {
        let own = Target::query(name);
        let taken = |claim: &&Claim| claim.target.clashes(&own) || claim.target.resembles(&own);
        self.client.iter().find(taken).map(|claim| claim.mark)
    }

    /// Where the report writes, or clients send, what could be taken for a credential's query parameter.
    pub(in crate::config) fn of_credential(&self, name: &str) -> Option<Mark> {
        let own = Target::query(name);
        self.find(|claim| claim.target.clashes(&own) || claim.rule != "set" && claim.target.resembles(&own))
    }

    /// Where the report writes, or passes on, that header.
    pub(in crate::config) fn of_header(&self, name: &HeaderName) -> Option<Mark> {
        let own = Target::header(name);
        self.find(|claim| claim.target.clashes(&own))
    }

    fn find(&self, is: impl Fn(&Claim) -> bool) -> Option<Mark> {
        self.all().find(|claim| is(claim)).map(|claim| claim.mark)
    }
}

/// Pairs of claims to one place, or to one inside the other.
fn clashes(claims: &[Claim]) -> Vec<(&Claim, &Claim)> {
    // In this order a place comes directly before all that stand inside it.
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by_key(|claim| (claim.target.part, &claim.target.path));
    let mut found = Vec::new();
    let mut outer: Option<&Claim> = None;
    for claim in claims {
        match outer {
            Some(first) if first.target.clashes(&claim.target) => found.push((first, claim)),
            _ => outer = Some(claim),
        }
    }
    found
}

fn column_targets(slot: &ColumnSlot, all: &Catalogue) -> Vec<Target> {
    let (name, style, target): (_, _, fn(&str) -> Target) = match &slot.place {
        ColumnPlace::Query { name, style } => (name, style, Target::query),
        ColumnPlace::Form { name, style } => (name, style, Target::form),
        ColumnPlace::Json { at, .. } => return vec![Target::json(at)],
        ColumnPlace::Header { name } => return vec![Target::header(name)],
    };
    match style {
        ListStyle::Flags { prefix, .. } => {
            let taken: Vec<_> =
                slot.takes.iter().filter_map(|at| all.get(*at)).map(|column| &*column.request).collect();
            let hidden = slot.hidden.iter().map(|name| &**name).filter(|name| !taken.contains(name));
            taken.iter().copied().chain(hidden).map(|name| target(&format!("{prefix}{name}"))).collect()
        }
        ListStyle::Csv { .. } | ListStyle::Repeat | ListStyle::Brackets => vec![target(name)],
    }
}
