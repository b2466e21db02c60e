//! What a name that a client sends is, by the report's dialect.

use crate::decide::Permit;
use crate::domain::dialect::{ColumnPlace, ListStyle, Place, RequestDialect, ScopePlace};
use crate::domain::pointer::Pointer;
use crate::policy::{Report, TokenPlace};

/// Where a client put something; names are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At<'n> {
    Query(&'n str),
    Form(&'n str),
    /// A member of the JSON body, by the names of the members to step into.
    Json(&'n [&'n str]),
}

/// What stands there. Numbers are places in the dialect's own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The gate reads it itself: the token, the output format.
    Own,
    /// A selection of columns, where one is read.
    Ask(usize),
    /// A selection of columns where none is read.
    Misplaced,
    Scope(usize),
    Sort(usize),
    /// A sealed cursor, by the first that comes back there.
    Cursor(usize),
    Parameter(usize),
    Allowed,
    /// An object around one of these.
    Around,
    Unknown,
}

impl<'n> At<'n> {
    /// As the config writes it: `NAME`, `form:NAME`, `json:/POINTER`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Query(name) => name.to_owned(),
            Self::Form(name) => format!("form:{name}"),
            Self::Json(path) => {
                let tokens =
                    path.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1")));
                format!("json:{}", tokens.collect::<String>())
            }
        }
    }

    fn is(self, place: &Place) -> bool {
        match (self, place) {
            (At::Query(name), Place::Query(own)) | (At::Form(name), Place::Form(own)) => *name == **own,
            (At::Json(path), Place::Json(own)) => own.tokens().eq(path.iter().copied()),
            _ => false,
        }
    }

    fn is_column(self, place: &ColumnPlace) -> bool {
        match (self, place) {
            (At::Query(name), ColumnPlace::Query { name: own, style })
            | (At::Form(name), ColumnPlace::Form { name: own, style }) => is_listed(name, own, style),
            (At::Json(path), ColumnPlace::Json { at, .. }) => at.tokens().eq(path.iter().copied()),
            _ => false,
        }
    }

    fn is_scope(self, place: &ScopePlace) -> bool {
        match (self, place) {
            (At::Query(name), ScopePlace::Query { name: own, style })
            | (At::Form(name), ScopePlace::Form { name: own, style }) => is_listed(name, own, style),
            (At::Query(name), ScopePlace::Path { parameter }) => *name == **parameter,
            (At::Json(path), ScopePlace::Json { at, .. } | ScopePlace::Append { at, .. }) => {
                at.tokens().eq(path.iter().copied())
            }
            _ => false,
        }
    }

    /// The column that a flag names. Without a prefix, only the flag's own value tells it from a parameter.
    pub(super) fn flag(self, place: &ColumnPlace, value: &str) -> Option<&'n str> {
        let ((At::Query(name), ColumnPlace::Query { style, .. })
        | (At::Form(name), ColumnPlace::Form { style, .. })) = (self, place)
        else {
            return None;
        };
        let ListStyle::Flags { prefix, value: on } = style else { return None };
        let column = name.strip_prefix(&**prefix)?;
        (!prefix.is_empty() || value == &**on).then_some(column)
    }

    fn is_above(self, pointer: &Pointer) -> bool {
        let At::Json(path) = self else { return false };
        path.len() < pointer.tokens().len() && pointer.tokens().zip(path).all(|(token, name)| token == *name)
    }

    fn is_allowed(self, place: &Place) -> bool {
        match (self, place) {
            (At::Json(path), Place::Json(own)) => {
                own.tokens().len() <= path.len() && own.tokens().zip(path).all(|(token, name)| token == *name)
            }
            _ => self.is(place),
        }
    }
}

fn is_listed(name: &str, own: &str, style: &ListStyle) -> bool {
    match style {
        ListStyle::Csv { .. } | ListStyle::Repeat => name == own,
        ListStyle::Brackets => name.strip_suffix("[]") == Some(own),
        ListStyle::Flags { .. } => false,
    }
}

/// What stands at a place; `value` matters only for flags.
pub(super) fn role(permit: &Permit<'_>, at: At<'_>, value: &str) -> Role {
    let Report { request: dialect, response, .. } = permit.report();
    if let At::Query(name) = at {
        if permit.credential().query.iter().any(|(own, _)| **own == *name) {
            return Role::Unknown;
        }
        let is_token = |place: &TokenPlace| matches!(place, TokenPlace::Query(own) if **own == *name);
        if dialect.output_parameter.as_deref() == Some(name) || permit.token_in().iter().any(is_token) {
            return Role::Own;
        }
    }
    let cursors = response.cursors();
    let cursor = cursors.iter().position(|cursor| at.is(&cursor.parameter)).map(Role::Cursor);
    cursor.or_else(|| declared(dialect, at, value)).unwrap_or_else(|| {
        let pointers = || dialect.allow.iter().filter_map(pointer);
        let cursors = cursors.iter().filter_map(|cursor| pointer(&cursor.parameter));
        if declared_pointers(dialect).chain(cursors).any(|pointer| at.is_above(pointer)) {
            Role::Around
        } else if dialect.allow.iter().any(|place| at.is_allowed(place)) {
            Role::Allowed
        } else if pointers().any(|pointer| at.is_above(pointer)) {
            Role::Around
        } else {
            Role::Unknown
        }
    })
}

/// What is declared for exactly this place.
fn declared(dialect: &RequestDialect, at: At<'_>, value: &str) -> Option<Role> {
    let scope = || dialect.scope.slots().iter().position(|slot| at.is_scope(&slot.place)).map(Role::Scope);
    let ask = || dialect.ask.iter().position(|slot| at.is_column(&slot.place)).map(Role::Ask);
    let sort = || dialect.sort.iter().position(|slot| at.is(&slot.place)).map(Role::Sort);
    let parameter = || dialect.parameters.iter().position(|own| at.is(&own.client)).map(Role::Parameter);
    let allowed = || dialect.allow.iter().any(|place| at.is(place)).then_some(Role::Allowed);
    let flag = || dialect.ask.iter().position(|slot| at.flag(&slot.place, value).is_some()).map(Role::Ask);
    let is_slot = |place: &ColumnPlace| at.is_column(place) || at.flag(place, value).is_some();
    let misplaced = || dialect.columns.iter().any(|slot| is_slot(&slot.place)).then_some(Role::Misplaced);
    scope().or_else(ask).or_else(sort).or_else(parameter).or_else(allowed).or_else(flag).or_else(misplaced)
}

/// Every pointer that clients may write at, but those of `allow`.
fn declared_pointers(dialect: &RequestDialect) -> impl Iterator<Item = &Pointer> {
    let columns = dialect.ask.iter().chain(&dialect.columns).filter_map(|slot| match &slot.place {
        ColumnPlace::Json { at, .. } => Some(at),
        ColumnPlace::Query { .. } | ColumnPlace::Form { .. } | ColumnPlace::Header { .. } => None,
    });
    let scope = dialect.scope.slots().iter().filter_map(|slot| match &slot.place {
        ScopePlace::Json { at, .. } | ScopePlace::Append { at, .. } => Some(at),
        ScopePlace::Query { .. }
        | ScopePlace::Form { .. }
        | ScopePlace::Header { .. }
        | ScopePlace::Path { .. } => None,
    });
    let sort = dialect.sort.iter().filter_map(|slot| pointer(&slot.place));
    columns.chain(scope).chain(sort).chain(dialect.parameters.iter().filter_map(|own| pointer(&own.client)))
}

fn pointer(place: &Place) -> Option<&Pointer> {
    if let Place::Json(pointer) = place { Some(pointer) } else { None }
}
