//! Names that operators give: principals, reports, permissions, roles, backends, columns, tokens' public ids.
//!
//! All share one alphabet, so that a name can stand in a log line, a metric label,
//! a path or a shell command without quoting. Names are compared byte for byte. A token
//! is no name: names are shown.

use super::token;
use smol_str::SmolStr;
use std::borrow::Borrow;
use std::fmt;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName;

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected 1 to 64 of A-Z a-z 0-9 _ . - (not starting with . or -), and not `_gate` or a token itself",
        )
    }
}

impl std::error::Error for InvalidName {}

/// Whether `text` is `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`, not the reserved `_gate`, and holds no token.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && text.len() <= 64
        && text != "_gate"
        && !token::is_within(text)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(SmolStr);

        impl $name {
            /// Reads a name: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`.
            ///
            /// # Errors
            /// When the text is empty, longer than 64 bytes, holds another character, is `_gate` or holds a token.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
            }

            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The id of an affiliate, IB or employee; all kinds share one id space.
    PrincipalId
);
name!(
    /// The name of a report.
    ReportName
);
name!(
    /// The name of a right that a report asks for.
    PermissionName
);
name!(
    /// The name of a role.
    RoleName
);
name!(
    /// The name of a backend.
    BackendName
);
name!(
    /// The name affiliates see for a column; the key of the catalogue.
    ColumnName
);
name!(
    /// The public handle of a token, safe in logs.
    TokenId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_no_name() {
        let token = token::Token::generate(|| 7).into_secret();
        let (typo, longer) = (token.replacen("rg_7", "rg_8", 1), format!("{token}x"));
        #[rustfmt::skip]
        let cases = [
            (token.clone(), false), (format!("a.{token}"), false), (format!("rg_rg_{token}"), false), (longer, false),
            (typo, true), ("rg_short".to_owned(), true),
        ];
        for (text, expected) in cases {
            assert_eq!(TokenId::parse(&text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn names_fit_their_alphabet() {
        let long = "a".repeat(64);
        let too_long = "a".repeat(65);
        #[rustfmt::skip]
        let cases = [
            ("acme", true), ("_x", true), ("9lives", true), ("Stat.clicks", true), ("a-b", true),
            (long.as_str(), true), (too_long.as_str(), false),
            ("", false), ("-a", false), (".a", false), ("a b", false), ("ä", false), ("_gate", false), ("_gates", true),
        ];
        for (text, expected) in cases {
            assert_eq!(PrincipalId::parse(text).is_ok(), expected, "{text}");
        }
    }
}
