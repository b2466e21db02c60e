//! A refusal: a code from the closed set, a sentence for its reader, and the facts the contract promises.

use crate::domain::code::Code;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};
use std::borrow::Cow;

/// Why a request does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The code.
    pub code: Code,
    /// A sentence for the person who wrote the request; holds no secret and no hidden column.
    pub detail: Cow<'static, str>,
    /// Members of the answer besides the common ones, in order.
    pub extras: Vec<(&'static str, Extra)>,
    /// Headers of the answer besides the common ones.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The value of an extra member of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra {
    /// A JSON string.
    Text(String),
    /// A JSON array of strings.
    List(Vec<String>),
}

impl Denial {
    /// A refusal without extras.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), extras: Vec::new(), headers: Vec::new() }
    }

    /// A refusal of the token or its holder, with the challenge of RFC 6750 section 3.
    #[must_use]
    pub fn unauthorized(code: Code, detail: &'static str) -> Self {
        let mut challenge = String::from("Bearer realm=\"reportgate\"");
        if code != Code::TokenMissing {
            challenge += &format!(", error=\"invalid_token\", error_description=\"{detail}\"");
        }
        let denial = Self::new(code, detail);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => denial.header(WWW_AUTHENTICATE, challenge),
            Err(_) => denial,
        }
    }

    /// A refusal of one parameter.
    #[must_use]
    pub fn parameter(code: Code, parameter: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, detail).with("parameter", parameter.into())
    }

    /// Its sentence and its members, for people: on one line, if the client's own text is.
    #[must_use]
    pub fn told(&self) -> String {
        let mut told = self.detail.to_string();
        for (name, value) in &self.extras {
            told += &match value {
                Extra::Text(text) => format!("; {name}: {text}"),
                Extra::List(list) if list.is_empty() => format!("; {name}: none"),
                Extra::List(list) => format!("; {name}: {}", list.join(", ")),
            };
        }
        told
    }

    /// With an extra member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Extra>) -> Self {
        self.extras.push((name, value.into()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<String> for Extra {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Extra {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<String>> for Extra {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}
