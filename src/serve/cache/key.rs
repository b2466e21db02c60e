//! What an answer is found by: a hash of everything that it depends on.
//!
//! The report's definition, the backend, the whole request to it with the credential, the columns in their
//! order, the scope, the format and the coding. Each part stands behind its length, so that no two lists of
//! parts are one text. Left out are the headers that belong to one request ([`Caching::of_one_request`]): with them no
//! two requests would be the same.

use crate::filter::RowsOf;
use crate::rewrite::{BackendRequest, Caching};
use sha2::{Digest as _, Sha256};

/// The hash that answers are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of the answer to `request`.
    pub(super) fn of(request: &BackendRequest, caching: &Caching) -> Self {
        let answer = request.answer();
        let backend = request.backend();
        let mut headers: Vec<_> = request
            .headers()
            .iter()
            .filter(|(name, _)| !caching.of_one_request.contains(name))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        // In which order headers stand counts only among those of one name, and there it is kept.
        headers.sort_by_key(|(name, _)| *name);
        let rows_of: Option<Vec<_>> = match &answer.terms.rows_of {
            RowsOf::Everyone => None,
            RowsOf::Ids(ids) => Some(ids.iter().map(|id| id.as_bytes()).collect()),
        };
        let mut columns = Vec::with_capacity(128);
        for column in answer.grant.view.iter() {
            columns.extend_from_slice(&column.number().to_be_bytes());
        }
        let parts = Parts {
            report: &caching.report,
            pages: caching.pages.as_ref().map(<[u8; 32]>::as_slice),
            backend: backend.name.as_str().as_bytes(),
            endpoints: backend.endpoints().map(|endpoint| endpoint.url.as_bytes()).collect(),
            tls: backend.tls.as_ref().map(|tls| tls.fingerprint.as_slice()),
            method: request.method().as_str().as_bytes(),
            target: request.path_and_query().as_bytes(),
            headers,
            body: request.body(),
            columns: &columns,
            rows_of,
            output: answer.terms.output.as_str().as_bytes(),
            coding: answer.coding.map(|coding| coding.as_str().as_bytes()),
        };
        Self(parts.hash())
    }
}

#[cfg(test)]
impl Key {
    /// A key of the tests' own.
    pub(super) fn numbered(number: u8) -> Self {
        Self([number; 32])
    }
}

/// Everything that an answer depends on.
#[derive(Debug, Clone, PartialEq)]
struct Parts<'r> {
    /// The hash of the report's definition.
    report: &'r [u8],
    /// The hash of what cursors and links are written by.
    pages: Option<&'r [u8]>,
    backend: &'r [u8],
    endpoints: Vec<&'r [u8]>,
    /// What its certificate is checked by.
    tls: Option<&'r [u8]>,
    method: &'r [u8],
    target: &'r [u8],
    /// Ordered by name.
    headers: Vec<(&'r [u8], &'r [u8])>,
    body: &'r [u8],
    columns: &'r [u8],
    /// `None`: everyone's.
    rows_of: Option<Vec<&'r [u8]>>,
    output: &'r [u8],
    coding: Option<&'r [u8]>,
}

impl Parts<'_> {
    fn hash(&self) -> [u8; 32] {
        let Self { report, pages, backend, endpoints, tls, method, target, .. } = self;
        let Self { headers, body, columns, rows_of, output, coding, .. } = self;
        let mut hash = Hash(Sha256::new());
        hash.part(report);
        hash.list(pages.iter().copied());
        hash.part(backend);
        hash.list(endpoints.iter().copied());
        hash.list(tls.iter().copied());
        hash.part(method);
        hash.part(target);
        hash.list(headers.iter().flat_map(|(name, value)| [*name, *value]));
        hash.part(body);
        hash.part(columns);
        hash.length(usize::from(rows_of.is_some()));
        hash.list(rows_of.iter().flatten().copied());
        hash.part(output);
        hash.list(coding.iter().copied());
        hash.0.finalize().into()
    }
}

/// Takes parts, each behind its length.
struct Hash(Sha256);

impl Hash {
    fn length(&mut self, length: usize) {
        self.0.update((length as u64).to_be_bytes());
    }

    fn part(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.update(bytes);
    }

    /// A list, or what may be missing, behind the number of its parts.
    fn list<'b>(&mut self, parts: impl Iterator<Item = &'b [u8]> + Clone) {
        self.length(parts.clone().count());
        for part in parts {
            self.part(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Texts = Vec<Vec<u8>>;

    /// Owned parts, each field a list of texts; which lists may have how many is looked after by [`parts`].
    fn fields() -> impl Strategy<Value = Vec<Texts>> {
        // Few bytes and short texts, so that neighbours often look alike.
        let text = prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'a', b',']), 0..4);
        prop::collection::vec(prop::collection::vec(text, 0..4), FIELDS..=FIELDS)
    }

    const FIELDS: usize = 13;

    fn parts(fields: &[Texts]) -> Parts<'_> {
        let one = |at: usize| fields[at].first().map(Vec::as_slice).unwrap_or_default();
        let maybe = |at: usize| fields[at].first().map(Vec::as_slice);
        let list = |at: usize| fields[at].iter().map(Vec::as_slice).collect::<Vec<_>>();
        Parts {
            report: one(0),
            pages: maybe(1),
            backend: one(2),
            endpoints: list(3),
            tls: maybe(4),
            method: one(5),
            target: one(6),
            headers: list(7).chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
            body: one(8),
            columns: one(9),
            rows_of: maybe(10).map(|_| list(10).split_off(1)),
            output: one(11),
            coding: maybe(12),
        }
    }

    proptest! {
        #[test]
        fn a_change_of_one_field_changes_the_key(own in fields(), other in fields(), at in 0..FIELDS) {
            let mut changed = own.clone();
            changed[at] = other[at].clone();
            let (own, changed) = (parts(&own), parts(&changed));
            prop_assert_eq!(own == changed, own.hash() == changed.hash());
        }

        #[test]
        fn nothing_moves_from_one_field_to_its_neighbour(own in fields(), at in 0..FIELDS - 1) {
            let mut moved = own.clone();
            moved.swap(at, at + 1);
            let (own, moved) = (parts(&own), parts(&moved));
            prop_assert_eq!(own == moved, own.hash() == moved.hash());
        }
    }
}
