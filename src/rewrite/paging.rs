//! Cursors and links to other pages: sealed and rewritten on their way out, opened on their way in.
//!
//! A backend's cursor holds values of its own, hidden columns among them. So clients get it sealed, for
//! their own use only: one that was given to another holder, for another report, selection of columns,
//! parameter or order of rows is refused like any other text. Not bound are scope and filters: they are set
//! anew in every request, so that a cursor of others can but skip rows or show them twice.

use super::build::Contents;
use super::json::{self, Value};
use super::links::Links;
use super::seal::{Sealer, push_bound};
use super::sent::Sent;
use crate::decide::{Denial, Permit};
use crate::domain::code::Code;
use crate::domain::column::View;
use crate::domain::dialect::{Cursor, Place};
use crate::domain::time::Timestamp;
use crate::filter::Paging;
use crate::policy::{Report, SealKey};
use std::borrow::Cow;
use std::sync::Arc;

/// Seals and opens the cursors of one holder, report and selection of columns.
#[derive(Debug)]
pub(super) struct Seals {
    sealer: Sealer,
    report: Arc<Report>,
    /// Holder, report and columns, each behind its length.
    bound: Vec<u8>,
}

impl Seals {
    /// Nothing for reports without cursors. `spare` is the key where the config names none.
    pub(super) fn new(
        permit: &Permit<'_>,
        view: &View,
        spare: Option<&SealKey>,
    ) -> Result<Option<Self>, Denial> {
        let report = permit.report();
        if report.response.cursors().is_empty() {
            return Ok(None);
        }
        let sealer = permit.seal_key().or(spare).and_then(Sealer::new);
        let sealer =
            sealer.ok_or_else(|| Denial::new(Code::Internal, "there is no key for paging cursors"))?;
        let mut bound = Vec::with_capacity(256);
        push_bound(&mut bound, permit.principal().id.as_str().as_bytes());
        push_bound(&mut bound, report.name.as_str().as_bytes());
        let mut columns = Vec::with_capacity(128);
        for column in report.catalogue.columns_of(view) {
            push_bound(&mut columns, column.name.as_str().as_bytes());
        }
        push_bound(&mut bound, &columns);
        Ok(Some(Self { sealer, report: Arc::clone(permit.shared_report()), bound }))
    }

    /// The client's cursors, opened, by their place in the dialect, as their places want them.
    ///
    /// # Errors
    /// `parameter_invalid` for whatever the gate did not seal for just this use.
    pub(super) fn open(
        &self,
        sent: &Sent<'_>,
        sorts: &[Option<Cow<'_, str>>],
    ) -> Result<Vec<Option<String>>, Denial> {
        let cursors = self.report.response.cursors().iter().zip(&sent.cursors);
        let opened = cursors.map(|(Cursor { parameter, .. }, sealed)| {
            let Some(sealed) = sealed else { return Ok(None) };
            let json = self.sealer.open(&self.bound(parameter, sorts), sealed);
            let text = json.and_then(|json| match parameter {
                Place::Query(_) | Place::Form(_) => plain(json),
                Place::Json(_) => Some(json),
            });
            let detail = "is not a cursor of this report, with these columns and this order";
            text.map(Some)
                .ok_or_else(|| Denial::parameter(Code::ParameterInvalid, parameter.to_string(), detail))
        });
        opened.collect()
    }

    /// Seals the JSON text of a cursor that comes back at `parameter`, in a request with these sorts.
    pub(super) fn seal(&self, parameter: &Place, sorts: &[Option<Cow<'_, str>>], json: &str) -> String {
        self.sealer.seal(&self.bound(parameter, sorts), json)
    }

    /// All that a cursor is bound to. The order of rows is: under another, the backend would compare what the
    /// cursor holds with another column, and the rows that come tell what that was.
    fn bound(&self, parameter: &Place, sorts: &[Option<Cow<'_, str>>]) -> Vec<u8> {
        let mut bound = self.bound.clone();
        push_bound(&mut bound, parameter.to_string().as_bytes());
        for sort in sorts {
            push_bound(&mut bound, sort.as_deref().unwrap_or_default().as_bytes());
        }
        bound
    }
}

/// A cursor as a query or form holds it: what a string says, the text of anything else. `None` for strings that no
/// query can hold.
fn plain(json: String) -> Option<String> {
    if !json.starts_with('"') {
        return Some(json);
    }
    match json::parse(json.as_bytes()).ok()?.value {
        Value::Text(text) => Some(text.into_owned()),
        Value::Number | Value::Boolean | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What becomes of the cursors and links of one answer.
#[derive(Debug)]
pub(super) struct Pages {
    seals: Option<Seals>,
    /// The sorts of the request, under the backend's names.
    sorts: Vec<Option<Cow<'static, str>>>,
    links: Option<Links>,
}

impl Pages {
    /// What a filter is told; nothing for reports without cursors and links. `path_and_query` is what the backend is asked.
    pub(super) fn of_answer(
        contents: &Contents<'_>,
        seals: Option<Seals>,
        path_and_query: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let links = Links::new(contents, path_and_query, now);
        if seals.is_none() && links.is_none() {
            return None;
        }
        Some(Self { seals, sorts: owned(&contents.sorts), links })
    }

    /// Everything of the request that they are written by, but for the holder and the key of seals. Holds what the
    /// client sent: it is for hashing.
    pub(super) fn told(&self) -> String {
        format!("{:?}", (&self.sorts, self.links.as_ref().map(Links::told)))
    }
}

/// Values that outlive the request.
pub(super) fn owned(values: &[Option<Cow<'_, str>>]) -> Vec<Option<Cow<'static, str>>> {
    values.iter().map(|value| value.as_deref().map(|text| Cow::Owned(text.to_owned()))).collect()
}

impl Paging for Pages {
    fn seal(&self, cursor: usize, json: &str) -> String {
        let Some(seals) = &self.seals else { return String::new() };
        let cursor = seals.report.response.cursors().get(cursor);
        cursor.map(|cursor| seals.seal(&cursor.parameter, &self.sorts, json)).unwrap_or_default()
    }

    fn link(&self, backend: &str) -> Option<String> {
        self.links.as_ref()?.link(backend, self.seals.as_ref())
    }
}
