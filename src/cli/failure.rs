//! Why a command failed, and how that is told: once, on stderr.

use reportgate::config::Rejected;
use std::error::Error;
use std::io::{self, IsTerminal as _};

/// Why a command ends with exit code 1.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The config was refused.
    Config(Box<Rejected>),
    /// The config would be refused after a change.
    Change(Box<Rejected>),
    /// Something went wrong while `what` was done.
    Because {
        /// What cannot be done, such as "cannot listen on 127.0.0.1:80".
        what: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A sentence that says it all.
    Plain(String),
    /// It was said already.
    Said,
}

impl Failure {
    /// A failure with a cause.
    pub(crate) fn because(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Because { what: what.into(), source: source.into() }
    }

    /// What to tell, with all causes; colour only on a terminal.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Config(rejected) => {
                let report = &rejected.report;
                let rendered = report.render(io::stderr().is_terminal());
                let problems = count(report.errors(), "problem");
                format!("{}\n\nthe config is refused: {problems}\n", rendered.trim_end())
            }
            Self::Change(rejected) => {
                let rendered = rejected.report.render(io::stderr().is_terminal());
                format!("{}\n\nthe change is refused, and nothing was changed\n", rendered.trim_end())
            }
            Self::Because { what, source } => {
                let mut message = format!("reportgate: {what}: {source}");
                let mut next = source.source();
                while let Some(cause) = next {
                    message.push_str(&format!(": {cause}"));
                    next = cause.source();
                }
                message + "\n"
            }
            Self::Plain(message) => format!("reportgate: {message}\n"),
            Self::Said => String::new(),
        }
    }
}

impl From<Box<Rejected>> for Failure {
    fn from(rejected: Box<Rejected>) -> Self {
        Self::Config(rejected)
    }
}

/// A number and its noun.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_tell_all_their_causes() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        #[rustfmt::skip]
        let cases = [
            (Failure::because("cannot ask", refused), "reportgate: cannot ask: connection refused\n"),
            (Failure::because("cannot ask", io::Error::other(io::Error::other("inner"))), "reportgate: cannot ask: inner\n"),
            (Failure::Plain("no".into()), "reportgate: no\n"),
            (Failure::Said, ""),
        ];
        for (failure, expected) in cases {
            assert_eq!(failure.message(), expected);
        }
    }

    #[test]
    fn nouns_agree() {
        for (number, expected) in [(0, "0 tests"), (1, "1 test"), (2, "2 tests")] {
            assert_eq!(count(number, "test"), expected);
        }
    }
}
