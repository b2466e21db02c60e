//! Links to other pages: the backend's own, read as a request of the client's and written anew.
//!
//! Of a link nothing is used but the query parameters that a client may send itself, under the client's
//! names; host, user, credentials, scope, hidden columns and whatever is unknown stay behind. A link that
//! cannot be read, leads elsewhere, or would be refused is dropped.

use super::build::Contents;
use super::paging::{Seals, owned};
use super::parameters;
use crate::decide::query::{Pair, pairs};
use crate::domain::column::View;
use crate::domain::dialect::Place;
use crate::domain::encode;
use crate::domain::time::Timestamp;
use crate::policy::{Report, TokenPlace};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// How long a link may become, in bytes: about what proxies and clients let pass.
const MAX_LINK: usize = 8_000;

/// How long a backend's link may be, in bytes; much of it stays behind.
const MAX_BACKEND_LINK: usize = 64 << 10;

/// How many pairs a link may have.
const MAX_PAIRS: usize = 1_000;

type Values = Vec<Option<Cow<'static, str>>>;

/// Rewrites the links in the answer to one request.
pub(super) struct Links {
    report: Arc<Report>,
    /// The columns that the holder may sort and filter by.
    granted: View,
    /// Where the backend was asked, base path included.
    backend_path: Box<str>,
    /// Names that mean something else: those of the token, the output format, the platform's credential.
    taken: Box<[Box<str>]>,
    /// What the request itself asks for.
    current: Page,
    /// The parameters that it sent.
    sent: Values,
    /// Its column selection, scope and output format.
    form_of_rows: Box<[(Box<str>, Box<str>)]>,
    now: Timestamp,
}

/// What tells one page from another, under the backend's names and by their place in the dialect.
#[derive(Default)]
struct Page {
    /// Sent or by default.
    parameters: Values,
    sorts: Values,
    cursors: Values,
    /// Pairs that pass as they are.
    allowed: Vec<(String, String)>,
}

impl Page {
    /// Whether both are one page; in which order pairs pass makes no other.
    fn is(&self, other: &Self) -> bool {
        let sorted = |page: &Self| {
            let mut allowed = page.allowed.clone();
            allowed.sort();
            allowed
        };
        self.parameters == other.parameters
            && self.sorts == other.sorts
            && self.cursors == other.cursors
            && sorted(self) == sorted(other)
    }
}

/// What a parameter of a link is.
#[derive(Clone, Copy)]
enum Meaning {
    Cursor(usize),
    Parameter(usize),
    Sort(usize),
    Allowed,
}

/// A link, read.
struct Asked {
    /// The parameters that a client would send, by their place in the dialect.
    parameters: Values,
    /// The sorts under the client's names, by their place in the dialect.
    sorted_by: Values,
    page: Page,
}

impl fmt::Debug for Links {
    /// Neither what the client sent nor what its cursor holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({})", self.report.name)
    }
}

impl Links {
    /// Nothing for reports without links. `path_and_query` is what the backend is asked.
    pub(super) fn new(contents: &Contents<'_>, path_and_query: &str, now: Timestamp) -> Option<Self> {
        let permit = contents.permit;
        if permit.report().response.links().is_empty() {
            return None;
        }
        let token = permit.token_in().iter().filter_map(|place| match place {
            TokenPlace::Query(name) => Some(name),
            TokenPlace::Bearer | TokenPlace::Header(_) => None,
        });
        let credential = permit.credential().query.iter().map(|(name, _)| name);
        let output = permit.report().request.output_parameter.as_ref();
        let text = |pair: &Pair<'_>| (pair.name.to_string(), pair.value.to_string());
        let cursors: Vec<_> = contents.cursors.iter().map(|cursor| cursor.clone().map(Cow::Owned)).collect();
        let allowed = contents.sent.query.iter().map(text).collect();
        let form_of_rows = contents.sent.form_of_rows.iter();
        Some(Self {
            report: Arc::clone(permit.shared_report()),
            granted: permit.view().clone(),
            backend_path: path_and_query.split('?').next().unwrap_or_default().into(),
            taken: token.chain(credential).chain(output).cloned().collect(),
            current: Page {
                parameters: owned(&contents.parameters),
                sorts: owned(&contents.sorts),
                cursors,
                allowed,
            },
            sent: owned(&contents.sent.parameters),
            form_of_rows: form_of_rows
                .map(|pair| (pair.name.as_ref().into(), pair.value.as_ref().into()))
                .collect(),
            now,
        })
    }

    /// Everything of the request that links are written by, but for the day. Holds what the client sent.
    pub(super) fn told(&self) -> String {
        let Page { parameters, sorts, cursors, allowed } = &self.current;
        let current = (parameters, sorts, cursors, allowed);
        let told = (&self.granted, &self.backend_path, &self.taken, current, &self.sent, &self.form_of_rows);
        format!("{told:?}")
    }

    /// The gate's own link; `None` when there is none that would work and lead to another page.
    pub(super) fn link(&self, backend: &str, seals: Option<&Seals>) -> Option<String> {
        if backend.len() > MAX_BACKEND_LINK {
            return None;
        }
        let Asked { parameters, sorted_by, mut page } = self.read(own_query(backend, &self.backend_path)?)?;
        let dialect = &self.report.request;
        page.parameters = owned(&parameters::resolve(dialect, &parameters, self.now).ok()?);
        if page.is(&self.current) {
            return None;
        }
        let mut out = format!("{}?", self.report.path);
        for (own, value) in dialect.parameters.iter().zip(&parameters) {
            push(&mut out, &own.client, value.as_deref());
        }
        for (slot, column) in dialect.sort.iter().zip(&sorted_by) {
            push(&mut out, &slot.place, column.as_deref());
        }
        for (cursor, value) in self.report.response.cursors().iter().zip(&page.cursors) {
            if let (Place::Query(_), Some(value)) = (&cursor.parameter, value) {
                let mut json = String::new();
                encode::push_json_string(&mut json, value);
                push(&mut out, &cursor.parameter, Some(&seals?.seal(&cursor.parameter, &page.sorts, &json)));
            }
        }
        for (name, value) in &page.allowed {
            encode::push_pair(&mut out, name, value);
        }
        for (name, value) in &self.form_of_rows {
            encode::push_pair(&mut out, name, value);
        }
        if out.ends_with('?') {
            out.pop();
        }
        (out.len() <= MAX_LINK).then_some(out)
    }

    /// What a link's query asks for; `None` when it is not of one meaning.
    fn read(&self, query: &str) -> Option<Asked> {
        let mut asked = self.nothing();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for (at, pair) in pairs(query).enumerate() {
            let Pair { name, value } = pair.ok()?;
            if at == MAX_PAIRS {
                return None;
            }
            let Some(meaning) = self.meaning(&name) else { continue };
            let repeats = matches!(meaning, Meaning::Allowed) && name.ends_with("[]");
            if !repeats && seen.contains(&name) {
                return None;
            }
            match meaning {
                Meaning::Cursor(slot) => set(&mut asked.page.cursors, slot, value.into_owned()),
                Meaning::Parameter(slot) => set(&mut asked.parameters, slot, value.into_owned()),
                Meaning::Sort(slot) => {
                    if let Some(column) = self.sorted_by(slot, &value) {
                        set(&mut asked.sorted_by, slot, column);
                        set(&mut asked.page.sorts, slot, value.into_owned());
                    }
                }
                Meaning::Allowed => asked.page.allowed.push((name.to_string(), value.into_owned())),
            }
            if !repeats {
                seen.push(name);
            }
        }
        Some(asked)
    }

    /// What the client sends besides the link's query, its body above all, is sent again.
    fn nothing(&self) -> Asked {
        let keep = |values: &Values, stays: &dyn Fn(usize) -> bool| -> Values {
            values.iter().enumerate().map(|(at, value)| value.clone().filter(|_| stays(at))).collect()
        };
        let Report { request, response, .. } = &*self.report;
        let in_query = |place: Option<&Place>| matches!(place, Some(Place::Query(_)));
        let sort_stays = |at: usize| !in_query(request.sort.get(at).map(|slot| &slot.place));
        let cursor_stays = |at: usize| !in_query(response.cursors().get(at).map(|cursor| &cursor.parameter));
        // One that the client sends in its query and the backend gets elsewhere is in no link of the backend's.
        let parameter_stays = |at: usize| {
            let own = request.parameters.get(at);
            !(in_query(own.map(|own| &own.client)) && in_query(own.map(|own| &own.backend)))
        };
        Asked {
            parameters: keep(&self.sent, &parameter_stays),
            sorted_by: vec![None; request.sort.len()],
            page: Page {
                sorts: keep(&self.current.sorts, &sort_stays),
                cursors: keep(&self.current.cursors, &cursor_stays),
                ..Page::default()
            },
        }
    }

    /// What a parameter of the backend's is to this holder; nothing where a client may not send it.
    fn meaning(&self, name: &str) -> Option<Meaning> {
        let Report { request, response, .. } = &*self.report;
        let is = |place: &Place| matches!(place, Place::Query(own) if **own == *name);
        let cursor = || response.cursors().iter().position(|cursor| is(&cursor.parameter));
        let parameter = || {
            request.parameters.iter().position(|own| {
                let granted = own.column.is_none_or(|column| self.granted.contains(column));
                is(&own.backend) && matches!(own.client, Place::Query(_)) && granted
            })
        };
        let sort = || request.sort.iter().position(|slot| is(&slot.place));
        let allowed = || request.allow.iter().any(is).then_some(Meaning::Allowed);
        let meaning = cursor().map(Meaning::Cursor);
        let meaning = meaning.or_else(|| parameter().map(Meaning::Parameter));
        let meaning = meaning.or_else(|| sort().map(Meaning::Sort)).or_else(allowed)?;
        let client = match meaning {
            Meaning::Parameter(slot) => match &request.parameters.get(slot)?.client {
                Place::Query(client) => client,
                Place::Form(_) | Place::Json(_) => return None,
            },
            Meaning::Cursor(_) | Meaning::Sort(_) | Meaning::Allowed => name,
        };
        let free = |name: &str| !self.taken.iter().any(|taken| **taken == *name);
        (free(name) && free(client)).then_some(meaning)
    }

    /// The client's name of what the backend sorts by; nothing unless it is granted.
    fn sorted_by(&self, slot: usize, value: &str) -> Option<String> {
        let minus = self.report.request.sort.get(slot)?.minus;
        let (sign, name) = match value.strip_prefix('-').filter(|_| minus) {
            Some(name) => ("-", name),
            None => ("", value),
        };
        let column =
            self.report.catalogue.columns_of(&self.granted).find(|column| *column.request == *name)?;
        Some(format!("{sign}{}", column.name))
    }
}

fn set(values: &mut Values, slot: usize, value: String) {
    if let Some(cell) = values.get_mut(slot) {
        *cell = Some(Cow::Owned(value));
    }
}

/// Appends what stands in the query.
fn push(out: &mut String, place: &Place, value: Option<&str>) {
    if let (Place::Query(name), Some(value)) = (place, value) {
        encode::push_pair(out, name, value);
    }
}

/// The query of a link that leads to `own`, a path; whichever host it names (RFC 3986 section 4.2).
fn own_query<'l>(link: &'l str, own: &str) -> Option<&'l str> {
    let link = link.split('#').next().filter(|link| !link.is_empty())?;
    let (reference, query) = link.split_once('?').unwrap_or((link, ""));
    let path = match without_scheme(reference) {
        Some(rest) => Cow::Borrowed(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")),
        None if reference.is_empty() => Cow::Borrowed(own),
        None if reference.starts_with('/') => Cow::Borrowed(reference),
        // Beside the page's own last segment. A scheme is not a name there.
        None => {
            let (folder, _) = own.rsplit_once('/')?;
            Cow::Owned(format!("{folder}/{reference}"))
        }
    };
    percent_decode_str(&path).eq(percent_decode_str(own)).then_some(query)
}

/// What stands behind `http://`, `https://` or `//`.
fn without_scheme(reference: &str) -> Option<&str> {
    ["http:", "https:", ""].iter().find_map(|scheme| {
        let (found, rest) = reference.split_at_checked(scheme.len())?;
        if found.eq_ignore_ascii_case(scheme) { rest.strip_prefix("//") } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_the_own_path_have_a_query() {
        #[rustfmt::skip]
        let cases = [
            ("http://legacy:8001/base/leads.json?page=2", Some("page=2")),
            ("HTTPS://user:pass@elsewhere/base/leads.json?page=2#top", Some("page=2")),
            ("//legacy/base/leads.json?a?b", Some("a?b")), ("/base/leads.json?", Some("")), ("/base/leads.json", Some("")),
            ("?page=2", Some("page=2")), ("leads.json?page=2", Some("page=2")), ("/base/%6ceads%2Ejson?x", Some("x")),
            ("", None), ("#top", None), ("http://legacy?page=2", None), ("http://?page=2", None), ("/?page=2", None),
            ("/base/leads.json/?page=2", None), ("/base/leads?page=2", None), ("/leads.json?page=2", None), ("base/leads.json?page=2", None),
            ("../base/leads.json?page=2", None), ("/base//leads.json?page=2", None), ("ftp://legacy/base/leads.json?page=2", None),
            ("javascript:/base/leads.json?page=2", None), ("http:/base/leads.json?page=2", None), ("http:leads.json?page=2", None),
            ("/Base/leads.json?page=2", None), (" /base/leads.json?page=2", None), ("/base/leads.json#?page=2", Some("")),
            ("\\\\legacy/base/leads.json?page=2", None), ("é", None),
        ];
        for (link, expected) in cases {
            assert_eq!(own_query(link, "/base/leads.json"), expected, "{link}");
        }
        assert_eq!(own_query("http://legacy?page=2", "/"), Some("page=2"));
        assert_eq!(own_query("/x/1001,1002?page=2", "/x/1001%2C1002"), Some("page=2"));
    }
}
