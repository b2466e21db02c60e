//! How much memory kept answers take, wherever they are: in the store, still arriving, or read by a slow client
//! long after others took their place.
//!
//! Whoever holds such bytes holds a [`Share`], which is given back when the last of them lets go. There is never more than
//! the limit: what finds no room is not kept.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an answer takes besides its head and body: key, counts, links of lists.
const OVERHEAD: usize = 1024;

/// The least that a body grows by.
const LEAST_GROWTH: usize = 4 << 10;

/// What all shares together may take.
#[derive(Debug, Default)]
pub(super) struct Budget {
    taken: AtomicU64,
    limit: AtomicU64,
}

impl Budget {
    /// Sets the limit. What is taken beyond a lower one stays until it is given back.
    pub(super) fn limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// How much is taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= limit);
        self.taken.try_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// A part of a budget.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    /// Makes it `bytes` large; whether there was room for that. Without, it stays as it is.
    fn resize(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes > self.bytes && !self.budget.take(bytes - self.bytes) {
            return false;
        }
        self.budget.taken.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::Relaxed);
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why an answer is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// As it is; and the next one will hardly be otherwise.
    Itself,
    /// There is no room now.
    NoRoom,
}

/// A body that arrives.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// What the head takes, and what is taken besides.
    besides: usize,
    most: usize,
    share: Share,
}

impl Buffer {
    /// A body of at most `most` bytes under a head of `head` bytes; `None` when there is no room.
    pub(super) fn new(budget: &Arc<Budget>, head: usize, most: usize) -> Option<Self> {
        let besides = OVERHEAD + head;
        let mut share = Share { budget: Arc::clone(budget), bytes: 0 };
        share.resize(besides).then(|| Self { bytes: Vec::new(), besides, most, share })
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// When it does not fit; then nothing changes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Why> {
        let needed = self.bytes.len() + piece.len();
        if needed > self.most {
            return Err(Why::Itself);
        }
        if needed > self.bytes.capacity() {
            let roomy = needed.max(2 * self.bytes.len()).max(LEAST_GROWTH).min(self.most);
            let fits = [roomy, needed].into_iter().find(|size| self.share.resize(self.besides + size));
            let size = fits.ok_or(Why::NoRoom)?;
            self.bytes.reserve_exact(size - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// What it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.besides + self.bytes.len()
    }

    /// The bytes so far; their share is given back when the last of them is dropped.
    pub(super) fn freeze(mut self) -> Bytes {
        self.bytes.shrink_to_fit();
        self.share.resize(self.besides + self.bytes.capacity());
        Bytes::from_owner(Frozen { bytes: self.bytes, _share: self.share })
    }
}

struct Frozen {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: u64) -> Arc<Budget> {
        let budget = Budget::default();
        budget.limit(limit);
        Arc::new(budget)
    }

    #[test]
    fn bytes_count_until_the_last_of_them_is_dropped() {
        let budget = budget(100_000);
        let mut buffer = Buffer::new(&budget, 100, 50_000).unwrap();
        buffer.push(&[1; 10_000]).and_then(|()| buffer.push(&[2; 30_000])).unwrap();
        let bytes = buffer.freeze();
        assert_eq!((bytes.len(), budget.taken()), (40_000, 41_124));
        let piece = bytes.slice(39_999..);
        drop(bytes);
        assert_eq!(budget.taken(), 41_124);
        drop(piece);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn there_is_never_more_than_the_limit() {
        let all = budget(100_000);
        let mut one = Buffer::new(&all, 0, 98_976).unwrap();
        assert_eq!(one.push(&[0; 98_976]), Ok(()), "to the last byte");
        assert_eq!(all.taken(), 100_000);
        assert!(Buffer::new(&all, 0, 10).is_none());
        drop(one);
        let mut one = Buffer::new(&all, 0, 98_976).unwrap();
        assert_eq!(one.push(&[0; 98_977]), Err(Why::Itself), "one byte more than an entry may have");
        let mut two = Buffer::new(&all, 0, 98_976).unwrap();
        assert_eq!(one.push(&[0; 60_000]), Ok(()));
        assert_eq!(two.push(&[0; 37_953]), Err(Why::NoRoom));
        assert_eq!(two.push(&[0; 37_952]), Ok(()));
        assert_eq!(all.taken(), 100_000);
        all.limit(10);
        drop(one);
        assert_eq!(two.push(&[0; 1]), Err(Why::NoRoom));
        drop(two);
        assert_eq!(all.taken(), 0);
    }

    #[test]
    fn buffers_do_not_grow_byte_by_byte() {
        let budget = budget(10 << 20);
        let mut buffer = Buffer::new(&budget, 0, 1 << 20).unwrap();
        let mut growths = 0;
        for _ in 0..1 << 20 {
            let before = buffer.bytes.capacity();
            assert_eq!(buffer.push(b"x"), Ok(()));
            growths += usize::from(buffer.bytes.capacity() > before);
        }
        assert!(growths < 20, "{growths}");
        assert_eq!(buffer.push(b"x"), Err(Why::Itself));
        assert_eq!(buffer.freeze().len(), 1 << 20);
    }
}
