//! Reads one answer for everybody who waits for it.
//!
//! It is held back until it is whole, so that it can be kept, shared, or stood in for; unless it is larger than what is
//! kept, comes too slowly, or finds no room: then the one that asked first gets it as it comes.

use super::Landing;
use super::flight::{Flight, IsKept, State};
use super::share::{Buffer, Why};
use super::store::Entry;
use crate::filter::Filter;
use crate::rewrite::{BackendRequest, Caching};
use crate::serve::back::BackendError;
use crate::serve::body::{Cut, Prefetched};
use crate::serve::handle::{Begun, forward};
use crate::serve::record::Record;
use crate::serve::respond;
use crate::serve::shard::Shard;
use crate::serve::sighting::{Observer, Sighting};
use http::header::VARY;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// What one header takes besides its text.
const HEADER_OVERHEAD: usize = 64;

/// An answer to be read.
pub(super) struct Fetch {
    shard: Arc<Shard>,
    request: Arc<BackendRequest>,
    caching: Caching,
    landing: Landing,
    sighting: Sighting,
}

/// What was read.
enum Gathered {
    /// All of it.
    Whole(Entry),
    /// Nothing that may be passed on.
    Failed(BackendError),
    /// Something that is passed on as it comes.
    Unfit(Begun, Why),
}

impl Fetch {
    /// The answer to `request`, asked for by the request of `record`.
    pub(super) fn new(
        shard: &Arc<Shard>,
        request: Arc<BackendRequest>,
        caching: Caching,
        landing: Landing,
        record: &Record,
    ) -> Self {
        Self { shard: Arc::clone(shard), request, caching, landing, sighting: record.sighting() }
    }

    /// Reads it, as long as anybody waits for it, and tells everyone who does.
    pub(super) async fn run(mut self) {
        let gathered = tokio::select! {
            biased;
            gathered = gather(&self.shard, &self.request, &self.caching, &self.landing, &mut self.sighting) => gathered,
            () = self.landing.deserted() => return,
        };
        let store = self.landing.cache.store.load_full();
        let (key, rule) = (self.landing.key, self.caching.rule);
        match gathered {
            Gathered::Whole(entry) => {
                let entry = Arc::new(entry);
                let kept = if entry.status == StatusCode::OK { IsKept::Yes } else { IsKept::No };
                if kept == IsKept::Yes {
                    store.put(key, Arc::clone(&entry), rule);
                }
                self.landing.end(State::Whole(entry, kept), None, self.sighting);
            }
            Gathered::Failed(error) => {
                self.landing.end(State::Failed(Arc::new(error)), None, self.sighting);
            }
            Gathered::Unfit(begun, why) => {
                if why == Why::Itself {
                    store.put_unfit(key, rule, Instant::now());
                }
                self.landing.end(State::Unfit, Some(begun), self.sighting);
            }
        }
    }
}

/// Reads the answer, until it is whole or known to be unfit.
async fn gather(
    shard: &Shard,
    request: &BackendRequest,
    caching: &Caching,
    landing: &Landing,
    sighting: &mut Sighting,
) -> Gathered {
    let mut watch = Watch { flight: &landing.flight, sighting };
    let begun = match forward(shard, request, &mut watch).await {
        Ok(begun) => begun,
        Err(error) => return Gathered::Failed(error),
    };
    if !is_told_by_key(&begun.from.headers, caching) {
        return Gathered::Unfit(begun, Why::Itself);
    }
    let head = respond::head(&begun.from, request.answer(), begun.sent);
    let size =
        |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + HEADER_OVERHEAD;
    let max_entry = landing.cache.store.load().limits.max_entry;
    let buffer = Buffer::new(&landing.cache.budget, head.iter().map(size).sum(), max_entry);
    let Some(mut buffer) = buffer else { return Gathered::Unfit(begun, Why::NoRoom) };
    let Begun { from, sent, body } = begun;
    let body = match read(&mut buffer, body, request.backend().timeout, sighting).await {
        Ok(None) => {
            let weight = buffer.weight();
            return Gathered::Whole(Entry::new(from.status, head, buffer.freeze(), weight, Instant::now()));
        }
        Ok(Some((Rest::As(body), why))) => return Gathered::Unfit(Begun { from, sent, body }, why),
        Ok(Some((Rest::Behind(cut), why))) => (Prefetched::Begun(buffer.freeze(), cut), why),
        Err(error) => return Gathered::Failed(error),
    };
    let (body, why) = body;
    Gathered::Unfit(Begun { from, sent, body }, why)
}

/// Tells those who wait that the backend answers.
struct Watch<'f> {
    flight: &'f Flight,
    sighting: &'f mut Sighting,
}

impl Observer for Watch<'_> {
    fn is_head(&self) -> bool {
        self.sighting.is_head()
    }

    fn answered(&mut self, after: Duration) {
        self.sighting.answered(after);
        self.flight.reading();
    }

    fn found(&mut self, filter: &Filter) {
        self.sighting.found(filter);
    }

    fn filtered(&mut self, filter: &Filter) {
        self.sighting.filtered(filter);
    }

    fn filtered_whole(&mut self, filter: &Filter) {
        self.sighting.filtered_whole(filter);
    }
}

/// What is not in a buffer.
enum Rest {
    /// Everything.
    As(Prefetched),
    /// What comes behind it.
    Behind(Box<Cut>),
}

/// Reads a body into `buffer` within `time`; what is left, and why, when that cannot be.
async fn read(
    buffer: &mut Buffer,
    body: Prefetched,
    time: Duration,
    sighting: &mut Sighting,
) -> Result<Option<(Rest, Why)>, BackendError> {
    let (Prefetched::Whole(first) | Prefetched::Begun(first, _)) = &body;
    if let Err(why) = buffer.push(first) {
        return Ok(Some((Rest::As(body), why)));
    }
    let Prefetched::Begun(_, mut cut) = body else { return Ok(None) };
    let until = tokio::time::Instant::now() + time;
    loop {
        match timeout_at(until, cut.next()).await {
            Ok(Ok(Some(piece))) => {
                sighting.found(cut.filter());
                if let Err(why) = buffer.push(&piece) {
                    cut.put_back(piece);
                    return Ok(Some((Rest::Behind(cut), why)));
                }
            }
            Ok(Ok(None)) => {
                sighting.filtered_whole(cut.filter());
                return Ok(None);
            }
            Ok(Err(error)) => {
                sighting.filtered(cut.filter());
                return Err(error);
            }
            Err(_) => return Ok(Some((Rest::Behind(cut), Why::Itself))),
        }
    }
}

/// Whether everything that the backend says its answer depends on is in the key.
fn is_told_by_key(head: &HeaderMap, caching: &Caching) -> bool {
    let names = head.get_all(VARY).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    names.map(<[u8]>::trim_ascii).all(|name| {
        let left_out =
            caching.of_one_request.iter().any(|own| own.as_str().as_bytes().eq_ignore_ascii_case(name));
        name != b"*" && !left_out
    })
}
