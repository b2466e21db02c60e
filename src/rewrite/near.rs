//! Spellings that another program could take for a scope, column, cursor or credential parameter.
//!
//! Case, spaces, brackets and PHP's dots: `Affiliate_ID`, `affiliate_id[]`, ` affiliate_id`, `affiliate.id`.
//! These, and the report's `forbid`, are refused even where unknown parameters are dropped.

use super::place::At;
use crate::decide::Permit;
use crate::domain::dialect::{ColumnPlace, Place, ScopePlace};
use crate::domain::pointer::Pointer;
use crate::domain::spelling::fold;

/// The folded names that nothing else may resemble.
#[derive(Debug)]
pub(super) struct Reserved {
    /// Of scope, columns, cursors and credentials; pointers joined by `/`.
    places: Vec<String>,
    /// Of `forbid`.
    forbidden: Vec<String>,
}

impl Reserved {
    pub(super) fn of(permit: &Permit<'_>) -> Self {
        let dialect = &permit.report().request;
        let columns = dialect.columns.iter().chain(&dialect.ask).filter_map(|slot| match &slot.place {
            ColumnPlace::Query { name, .. } | ColumnPlace::Form { name, .. } => Some(fold(name)),
            ColumnPlace::Json { at, .. } => Some(fold_pointer(at)),
            ColumnPlace::Header { .. } => None,
        });
        let scope = dialect.scope.slots().iter().filter_map(|slot| match &slot.place {
            ScopePlace::Query { name, .. } | ScopePlace::Form { name, .. } => Some(fold(name)),
            ScopePlace::Path { parameter } => Some(fold(parameter)),
            ScopePlace::Json { at, .. } | ScopePlace::Append { at, .. } => Some(fold_pointer(at)),
            ScopePlace::Header { .. } => None,
        });
        let credential = permit.credential().query.iter().map(|(name, _)| fold(name));
        let cursors = permit.report().response.cursors().iter().map(|cursor| match &cursor.parameter {
            Place::Query(name) | Place::Form(name) => fold(name),
            Place::Json(at) => fold_pointer(at),
        });
        // Flags have no name of their own.
        let places = columns.chain(scope).chain(cursors).chain(credential).filter(|name| !name.is_empty());
        Self { places: places.collect(), forbidden: dialect.forbid.iter().map(|name| fold(name)).collect() }
    }

    /// Whether the place could be taken for a reserved one, or has a forbidden name.
    pub(super) fn holds(&self, at: At<'_>) -> bool {
        match at {
            At::Query(name) | At::Form(name) => {
                let folded = fold(name);
                self.holds_folded(&folded, &folded)
            }
            At::Json(path) => {
                let name = path.last().map(|name| fold(name)).unwrap_or_default();
                self.holds_folded(&fold_path(path), &name)
            }
        }
    }

    /// Likewise, for a place and its name that are folded already.
    pub(super) fn holds_folded(&self, whole: &str, name: &str) -> bool {
        self.places.iter().any(|own| is_at_or_below(whole, own))
            || self.forbidden.iter().any(|own| is_at_or_below(name, own))
    }
}

fn is_at_or_below(name: &str, own: &str) -> bool {
    name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn fold_pointer(pointer: &Pointer) -> String {
    pointer.tokens().map(fold).collect::<Vec<_>>().join("/")
}

/// The names of the members to step into, folded and joined by `/`.
pub(super) fn fold_path(path: &[&str]) -> String {
    path.iter().map(|name| fold(name)).collect::<Vec<_>>().join("/")
}
