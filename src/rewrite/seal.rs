//! Seals cursors, so that clients can carry them and neither read, change nor swap them.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a key that HKDF-SHA256 (RFC 5869) derives from the configured
//! secret. The nonce is made of what is sealed, so that this room needs no randomness: the first 96 bits of
//! an HMAC-SHA256, under a second derived key, over associated data and plaintext. A nonce must never stand
//! for two messages; here two that differ share one only when the HMAC collides in 96 bits, which is as
//! likely as with random nonces (2^32 cursors: below 2^-32). The same message sealed twice gives the same text,
//! which tells its holder no more than that.

use crate::policy::SealKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use std::fmt;

/// Plaintexts are filled up to a multiple of so many bytes: their length would tell that of hidden values.
const BLOCK: usize = 64;

/// Seals and unseals texts under one secret.
pub(super) struct Sealer {
    key: LessSafeKey,
    nonces: hmac::Key,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl Sealer {
    /// Derives the keys from a secret; `None` never happens, as far as `ring` tells.
    pub(super) fn new(secret: &SealKey) -> Option<Self> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"reportgate cursors 1");
        let secret = salt.extract(secret.as_bytes());
        let key = UnboundKey::from(secret.expand(&[b"seal"], &CHACHA20_POLY1305).ok()?);
        let nonces = hmac::Key::from(secret.expand(&[b"nonce"], hmac::HMAC_SHA256).ok()?);
        Some(Self { key: LessSafeKey::new(key), nonces })
    }

    /// Seals a JSON text for what `bound` says; base64url without padding (RFC 4648 section 5). Empty when the text
    /// is too long to be sealed, some 256 GiB.
    pub(super) fn seal(&self, bound: &[u8], json: &str) -> String {
        let mut text = json.as_bytes().to_vec();
        // Space behind a JSON text means nothing.
        text.resize(text.len().next_multiple_of(BLOCK), b' ');
        let nonce = self.nonce(bound, &text);
        let mut sealed = nonce.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        if self.key.seal_in_place_append_tag(nonce, Aad::from(bound), &mut text).is_err() {
            return String::new();
        }
        sealed.append(&mut text);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The JSON text that was sealed for just that; `None` for anything else.
    pub(super) fn open(&self, bound: &[u8], sealed: &str) -> Option<String> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.key.open_in_place(nonce, Aad::from(bound), text).ok()?;
        Some(std::str::from_utf8(text).ok()?.trim_end_matches(' ').to_owned())
    }

    fn nonce(&self, bound: &[u8], text: &[u8]) -> [u8; NONCE_LEN] {
        let mut hmac = hmac::Context::with_key(&self.nonces);
        let mut length = Vec::new();
        push_bound(&mut length, bound);
        hmac.update(&length);
        hmac.update(text);
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().zip(hmac.sign().as_ref()).for_each(|(to, from)| *to = *from);
        nonce
    }
}

/// Appends a part of associated data behind its length, so that no two lists of parts are one text.
pub(super) fn push_bound(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&SealKey::new(&[byte; 32]).unwrap()).unwrap()
    }

    #[test]
    fn only_what_was_sealed_for_just_that_is_opened() {
        let own = sealer(1);
        let sealed = own.seal(b"acme", "\"2026-01-01,17\"");
        assert_eq!(own.open(b"acme", &sealed).as_deref(), Some("\"2026-01-01,17\""));
        assert_eq!(own.seal(b"acme", "\"2026-01-01,17\""), sealed);
        assert_eq!(own.open(b"acmf", &sealed), None);
        assert_eq!(own.open(b"", &sealed), None);
        assert_eq!(sealer(2).open(b"acme", &sealed), None);
        for broken in
            ["", "A", "AAAA", "17", "2026-01-01,17", sealed.get(1..).unwrap(), sealed.get(..100).unwrap()]
        {
            assert_eq!(own.open(b"acme", broken), None, "{broken}");
        }
        for padded in [format!("{sealed}="), format!("{sealed}\n"), format!("{sealed}AAAA")] {
            assert_eq!(own.open(b"acme", &padded), None, "{padded}");
        }
    }

    #[test]
    fn one_changed_character_is_noticed() {
        let own = sealer(1);
        let sealed = own.seal(b"acme", "17");
        for at in 0..sealed.len() {
            let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, other);
            assert_eq!(own.open(b"acme", &changed), None, "{at}");
        }
    }

    #[test]
    fn lengths_tell_no_lengths() {
        let own = sealer(1);
        let length = |json: usize| own.seal(b"", &"1".repeat(json)).len();
        assert_eq!(length(1), length(64));
        assert!(length(64) < length(65));
        assert_eq!(length(65), length(128));
    }

    #[test]
    fn nothing_can_be_moved_between_bound_and_text() {
        let own = sealer(1);
        assert_ne!(own.nonce(b"ab", b"c"), own.nonce(b"a", b"bc"));
        assert_ne!(own.nonce(b"", b"abc"), own.nonce(b"abc", b""));
    }

    proptest! {
        #[test]
        fn sealing_has_an_inverse(bound in prop::collection::vec(any::<u8>(), 0..40), json in "[ -~é]{0,200}") {
            let own = sealer(1);
            let opened = own.open(&bound, &own.seal(&bound, &json));
            prop_assert_eq!(opened.as_deref(), Some(json.trim_end_matches(' ')));
        }

        #[test]
        fn garbage_is_not_opened(sealed in "[A-Za-z0-9_-]{0,200}") {
            prop_assert_eq!(sealer(1).open(b"", &sealed), None);
        }
    }
}
