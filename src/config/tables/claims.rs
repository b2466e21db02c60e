//! Which rule reads or writes which place of a request: no two may claim one, or one inside another.
//!
//! Names are compared without case and without brackets at their end, as backends that
//! are lenient would.

use super::Reader;
use super::request::scope_target;
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::column::Catalogue;
use crate::domain::dialect::{ColumnPlace, ColumnSlot, Fixed, ListStyle, Place, ScopePlace, ScopeSlot};
use crate::domain::pointer::Pointer;
use http::HeaderName;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A place, its name in the form that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Query(Box<str>),
    Form(Box<str>),
    Json(Pointer),
    Header(HeaderName),
}

impl Target {
    pub(super) fn query(name: &str) -> Self {
        Self::Query(plain(name))
    }

    pub(super) fn form(name: &str) -> Self {
        Self::Form(plain(name))
    }

    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Query(name) => Self::query(name),
            Place::Form(name) => Self::form(name),
            Place::Json(at) => Self::Json(at.clone()),
        }
    }

    pub(super) fn of_fixed(fixed: &Fixed) -> Self {
        match fixed {
            Fixed::Query(name, _) => Self::query(name),
            Fixed::Form(name, _) => Self::form(name),
            Fixed::Json(at, _) => Self::Json(at.clone()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(name) => write!(f, "the query parameter {}", quoted(name)),
            Self::Form(name) => write!(f, "the form field {}", quoted(name)),
            Self::Json(at) => write!(f, "the JSON member {}", quoted(&at.to_string())),
            Self::Header(name) => write!(f, "the header {}", quoted(name.as_str())),
        }
    }
}

/// A name as lenient backends compare it.
fn plain(name: &str) -> Box<str> {
    name.strip_suffix("[]").unwrap_or(name).to_lowercase().into()
}

struct Claim {
    rule: &'static str,
    target: Target,
    mark: Mark,
}

/// Query parameters and headers that a report uses, in the form that is compared.
pub(in crate::config) struct Names {
    client_query: HashMap<Box<str>, Mark>,
    backend_query: HashMap<Box<str>, Mark>,
    headers: HashMap<HeaderName, Mark>,
}

impl Names {
    /// Where clients of the report send a parameter of that name.
    pub(in crate::config) fn of_client(&self, name: &str) -> Option<Mark> {
        self.client_query.get(&plain(name)).copied()
    }

    /// Where the report writes a query parameter of that name.
    pub(in crate::config) fn of_backend(&self, name: &str) -> Option<Mark> {
        self.backend_query.get(&plain(name)).copied()
    }

    /// Where the report writes that header.
    pub(in crate::config) fn of_header(&self, name: &HeaderName) -> Option<Mark> {
        self.headers.get(name).copied()
    }
}

/// What the rules of a report claim, on the client's side and on the backend's.
#[derive(Default)]
pub(super) struct Claims {
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

    /// Reports places with two claims, and forbidden names that are claimed.
    pub(super) fn check(&self, reader: &mut Reader<'_>, forbidden: &[Marked<Box<str>>]) {
        let mut reported = HashSet::new();
        for (side, verb) in [(&self.backend, "write"), (&self.client, "read")] {
            for (first, second) in clashes(side) {
                // Clients may choose by the same name for every place of the scope.
                let one_choice = verb == "read" && first.rule == "scope" && second.rule == "scope";
                if !one_choice && reported.insert((first.mark, second.mark, first.rule, second.rule)) {
                    let message =
                        format!("`{}` and `{}` both {verb} {}", first.rule, second.rule, second.target);
                    reader.problems.error(second.mark, message);
                }
            }
        }
        for name in forbidden {
            let place = |claim: &&Claim| match &claim.target {
                Target::Query(claimed) | Target::Form(claimed) => *claimed == plain(&name.value),
                Target::Json(at) => at.tokens().any(|token| plain(token) == plain(&name.value)),
                Target::Header(_) => false,
            };
            if let Some(claim) = self.client.iter().find(place) {
                let message = format!("{} is forbidden and used by `{}`", quoted(&name.value), claim.rule);
                reader.problems.error(name.mark, message);
            }
        }
    }

    /// Where something stands in a form, on either side.
    pub(super) fn in_form(&self) -> Option<Mark> {
        self.find(|target| matches!(target, Target::Form(_)))
    }

    /// Where something stands in a JSON body, on either side.
    pub(super) fn in_json(&self) -> Option<Mark> {
        self.find(|target| matches!(target, Target::Json(_)))
    }

    fn find(&self, is: impl Fn(&Target) -> bool) -> Option<Mark> {
        self.backend.iter().chain(&self.client).find(|claim| is(&claim.target)).map(|claim| claim.mark)
    }

    /// The names that are compared with those of credentials and tokens.
    pub(super) fn into_names(self) -> Names {
        let query = |claims: &[Claim]| {
            let name = |claim: &Claim| match &claim.target {
                Target::Query(name) => Some((name.clone(), claim.mark)),
                Target::Form(_) | Target::Json(_) | Target::Header(_) => None,
            };
            claims.iter().filter_map(name).collect()
        };
        let header = |claim: &Claim| match &claim.target {
            Target::Header(name) => Some((name.clone(), claim.mark)),
            Target::Form(_) | Target::Json(_) | Target::Query(_) => None,
        };
        Names {
            client_query: query(&self.client),
            backend_query: query(&self.backend),
            headers: self.backend.iter().filter_map(header).collect(),
        }
    }
}

/// Pairs of claims to one place, or to one inside the other.
fn clashes(claims: &[Claim]) -> Vec<(&Claim, &Claim)> {
    let mut found = Vec::new();
    let mut by_target: HashMap<&Target, &Claim> = HashMap::new();
    let mut members: Vec<(&Pointer, &Claim)> = Vec::new();
    for claim in claims {
        if let Target::Json(at) = &claim.target {
            members.push((at, claim));
        } else if let Some(first) = by_target.insert(&claim.target, claim) {
            found.push((first, claim));
        }
    }
    // In this order a member comes directly before all that stand inside it.
    members.sort_by_key(|(at, _)| *at);
    let mut outer: Option<(&Pointer, &Claim)> = None;
    for (at, claim) in members {
        match outer {
            Some((around, first)) if around.contains(at) => found.push((first, claim)),
            _ => outer = Some((at, claim)),
        }
    }
    found
}

fn column_targets(slot: &ColumnSlot, all: &Catalogue) -> Vec<Target> {
    let (name, style, target): (_, _, fn(&str) -> Target) = match &slot.place {
        ColumnPlace::Query { name, style } => (name, style, Target::query),
        ColumnPlace::Form { name, style } => (name, style, Target::form),
        ColumnPlace::Json { at, .. } => return vec![Target::Json(at.clone())],
        ColumnPlace::Header { name } => return vec![Target::Header(name.clone())],
    };
    match style {
        ListStyle::Flags { prefix, .. } => {
            let columns = slot.takes.iter().filter_map(|at| all.get(*at));
            columns.map(|column| target(&format!("{prefix}{}", column.request))).collect()
        }
        ListStyle::Csv { .. } | ListStyle::Repeat | ListStyle::Brackets => vec![target(name)],
    }
}
