//! API tokens: made once, shown once, stored only as a digest.
//!
//! `rg_` + 32 base62 characters + the CRC-32 (IEEE) of those 35 characters as six
//! base62 digits. Tokens of other shapes, brought over from the platform, are 20 to
//! 512 visible ASCII characters. No type here prints a secret.

use sha2::{Digest as _, Sha256};
use std::fmt;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "rg_";
const LENGTH: usize = 41;

/// A token just made; its text is taken out once, to be shown.
pub struct Token(String);

impl Token {
    /// Makes a token from `random`, a source of uniformly distributed bytes.
    pub fn generate(mut random: impl FnMut() -> u8) -> Self {
        let mut text = String::from(PREFIX);
        while text.len() < PREFIX.len() + 32 {
            // Bytes from 248 up are thrown away: 248 is the largest multiple of 62 below 256.
            if let Some(digit) = Some(random()).filter(|b| *b < 248).and_then(base62) {
                text.push(digit);
            }
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(text)
    }

    /// The secret itself, to be shown to its holder.
    #[must_use]
    pub fn into_secret(self) -> String {
        self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(<{} bytes>)", self.0.len())
    }
}

fn base62(value: u8) -> Option<char> {
    ALPHABET.get(usize::from(value % 62)).map(|b| char::from(*b))
}

/// The CRC-32 of `text` as six base62 digits, zero-padded.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let value = u8::try_from(rest % 62).unwrap_or(0);
        *digit = ALPHABET.get(usize::from(value)).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

/// Whether a token that the gate made stands somewhere in `text`.
pub(crate) fn is_within(text: &str) -> bool {
    let sound = |token: &str| {
        let parts = token.split_at_checked(LENGTH - 6);
        parts.is_some_and(|(body, sum)| checksum(body) == sum)
    };
    text.match_indices(PREFIX).any(|(at, _)| text.get(at..at + LENGTH).is_some_and(sound))
}

/// A token as a request presents it, not yet known to be any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PresentedToken<'r>(&'r [u8]);

/// Why presented bytes cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedToken;

impl<'r> PresentedToken<'r> {
    /// Takes the bytes of a request, exactly as presented.
    ///
    /// # Errors
    /// When they are empty, longer than 512, not visible ASCII, or have the form of the
    /// gate's own tokens with a wrong checksum (a typo).
    pub fn parse(bytes: &'r [u8]) -> Result<Self, MalformedToken> {
        let visible = bytes.iter().all(u8::is_ascii_graphic);
        if bytes.is_empty() || bytes.len() > 512 || !visible {
            return Err(MalformedToken);
        }
        if bytes.len() == LENGTH && bytes.starts_with(PREFIX.as_bytes()) {
            let text = std::str::from_utf8(bytes).map_err(|_| MalformedToken)?;
            if !is_within(text) {
                return Err(MalformedToken);
            }
        }
        Ok(Self(bytes))
    }

    /// What would be stored of it.
    #[must_use]
    pub fn digest(self) -> TokenDigest {
        TokenDigest::of(self.0)
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedToken(<{} bytes>)", self.0.len())
    }
}

/// The SHA-256 (FIPS 180-4) of a token's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads the stored form, `sha256:` and 64 lowercase or uppercase hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        let mut digest = [0; 32];
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            let mut value = 0;
            for digit in pair {
                value = value * 16 + u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            }
            *byte = value;
        }
        Some(Self(digest))
    }

    /// The bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The stored form, `sha256:HEX`.
    #[must_use]
    pub fn stored(&self) -> String {
        use fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in self.0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(<32 bytes>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut() -> u8 {
        let mut next = 0_u8;
        move || {
            next = next.wrapping_add(37);
            next
        }
    }

    #[test]
    fn a_made_token_is_accepted_and_its_typos_are_not() {
        let token = Token::generate(counting());
        let digest = token.digest();
        let text = token.into_secret();
        assert_eq!(text.len(), LENGTH);
        assert_eq!(PresentedToken::parse(text.as_bytes()).unwrap().digest(), digest);
        for at in 3..LENGTH {
            let mut typo = text.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert!(PresentedToken::parse(&typo).is_err(), "typo at {at}");
        }
    }

    #[test]
    fn presented_bytes_are_checked_for_form() {
        let long = "x".repeat(512);
        let too_long = "x".repeat(513);
        #[rustfmt::skip]
        let cases: [(&[u8], bool); 6] = [
            (b"from-the-platform-0001", true), (long.as_bytes(), true), (too_long.as_bytes(), false),
            (b"", false), (b"with space", false), (b"with\x80byte", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(PresentedToken::parse(bytes).is_ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn digests_are_read_and_written() {
        // SHA-256("abc"), FIPS 180-4 appendix.
        let stored = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = TokenDigest::parse(stored).unwrap();
        assert_eq!(digest, TokenDigest::of(b"abc"));
        assert_eq!(digest.stored(), stored);
        for bad in
            ["", "sha256:", "sha256:00", "md5:00", stored.get(..70).unwrap(), &stored.replace('b', "g")]
        {
            assert!(TokenDigest::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let token = Token::generate(counting());
        assert_eq!(format!("{token:?}"), "Token(<41 bytes>)");
        assert_eq!(format!("{:?}", PresentedToken(b"abc")), "PresentedToken(<3 bytes>)");
        assert_eq!(format!("{:?}", token.digest()), "TokenDigest(<32 bytes>)");
    }
}
