//! The demo's tokens, and its config: a template with the addresses and hashes filled in.

use super::backend;
use reportgate::clock;
use reportgate::domain::time::Timestamp;
use reportgate::domain::token::Token;
use std::net::SocketAddr;

const TEMPLATE: &str = include_str!("reportgate.toml");
const DAY: i64 = 24 * 60 * 60;

/// The secrets of the demo. Only their hashes are written to the config.
pub(super) struct Tokens {
    /// Of the affiliate that the demo is about.
    pub(super) acme: Secret,
    /// Of the same one, past its expiry.
    pub(super) expired: Secret,
    /// Of an affiliate that may not come from this machine.
    pub(super) globex: Secret,
    /// Of an employee.
    pub(super) jane: Secret,
}

/// A token and what is stored of it.
pub(super) struct Secret {
    /// To be shown.
    pub(super) text: String,
    stored: String,
}

impl Tokens {
    /// Makes new ones.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self {
            acme: Secret::generate()?,
            expired: Secret::generate()?,
            globex: Secret::generate()?,
            jane: Secret::generate()?,
        })
    }
}

impl Secret {
    fn generate() -> Result<Self, getrandom::Error> {
        let mut failed = Ok(());
        let token = Token::generate(|| {
            let mut byte = [0];
            if let Err(error) = getrandom::fill(&mut byte) {
                failed = Err(error);
            }
            u8::from_ne_bytes(byte)
        });
        failed?;
        let stored = token.digest().stored();
        Ok(Self { text: token.into_secret(), stored })
    }
}

/// The config of the demo.
pub(super) fn text(server: SocketAddr, admin: SocketAddr, backend: SocketAddr, tokens: &Tokens) -> String {
    let now = clock::now().unix_seconds();
    let day = |days: i64| Timestamp::from_unix_seconds(now + days * DAY).to_string();
    let fillings = [
        ("@SERVER@", server.to_string()),
        ("@ADMIN@", admin.to_string()),
        ("@BACKEND@", backend.to_string()),
        ("@KEY@", backend::KEY.to_owned()),
        ("@ACME@", tokens.acme.stored.clone()),
        ("@EXPIRED@", tokens.expired.stored.clone()),
        ("@GLOBEX@", tokens.globex.stored.clone()),
        ("@JANE@", tokens.jane.stored.clone()),
        ("@CREATED@", day(-90)),
        ("@EXPIRES@", day(90)),
        ("@OVER@", day(-1)),
    ];
    let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
    fillings.iter().fold(TEMPLATE.to_owned(), fill)
}

#[cfg(test)]
mod tests {
    use super::super::Folder;
    use super::*;
    use reportgate::load;
    use std::fs;

    fn sample() -> (Tokens, String) {
        let tokens = Tokens::generate().unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text = text(at(8080), at(9180), at(8001), &tokens);
        (tokens, text)
    }

    #[test]
    fn every_place_is_filled_and_no_secret_is_written() {
        let (tokens, text) = sample();
        assert!(!text.contains('@'), "{text}");
        for secret in [&tokens.acme, &tokens.expired, &tokens.globex, &tokens.jane] {
            assert!(!text.contains(&secret.text));
            assert_eq!(text.matches(&secret.stored).count(), 1);
        }
    }

    #[test]
    fn the_config_is_accepted_and_its_tests_pass() {
        let folder = Folder::create().unwrap();
        let path = folder.path().join("reportgate.toml");
        fs::write(&path, sample().1).unwrap();
        let accepted = load::load(&path, clock::now()).unwrap();
        let warnings: Vec<_> = accepted.warnings.lines().collect();
        // The expired token is meant.
        assert!(matches!(&*warnings, [only] if only.contains("acme-old")), "{warnings:?}");
        assert_eq!((accepted.tests, accepted.tests_failing), (3, 0));
    }
}
