//! `rate_limit`: a rate, or "off".

use super::{Item, Reader};
use crate::config::secret::quoted;
use crate::domain::rate::RateLimit;

/// What the config says of somebody's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Rate {
    /// Any number of requests, said explicitly.
    Off,
    /// So many.
    At(RateLimit),
}

impl Rate {
    /// The rate; `None`: any number of requests.
    pub(in crate::config) fn limit(self) -> Option<RateLimit> {
        match self {
            Self::Off => None,
            Self::At(limit) => Some(limit),
        }
    }
}

/// Reads a rate or "off".
pub(super) fn rate(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Rate> {
    if reader.text(item)? == "off" {
        return Some(Rate::Off);
    }
    limit(reader, item, ", or \"off\"").map(Rate::At)
}

/// Reads the rate of a token, which is one more besides that of its holder.
pub(super) fn of_token(reader: &mut Reader<'_>, item: Item<'_>) -> Option<RateLimit> {
    if reader.text(item)? == "off" {
        reader.error(item, "a token cannot lift its holder's rate; leave it out for no rate of its own");
        return None;
    }
    limit(reader, item, "")
}

fn limit(reader: &mut Reader<'_>, item: Item<'_>, or: &str) -> Option<RateLimit> {
    let text = reader.text(item)?;
    match RateLimit::parse(text) {
        Ok(limit) => Some(limit),
        Err(expected) => {
            let at = reader.at(item);
            let hint = near(text).map(|near| format!("did you mean \"{near}\"?"));
            reader.problems.error_with(at, format!("{}: {expected}{or}", quoted(text)), hint);
            None
        }
    }
}

/// The rate that is likely meant by one with another word for its period, or with too many blanks.
fn near(text: &str) -> Option<RateLimit> {
    let (rate, burst) = text.split_once("burst").map_or((text, None), |(rate, burst)| (rate, Some(burst)));
    let (requests, period) = rate.split_once(['/', ' '])?;
    let period = period.trim().trim_start_matches("per ").to_ascii_lowercase();
    let period = match &*period {
        "s" | "sec" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "min",
        "h" | "hr" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let burst = burst.map(|burst| format!(" burst {}", burst.trim_matches([' ', '='])));
    RateLimit::parse(&format!("{}/{period}{}", requests.trim(), burst.unwrap_or_default())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_for_a_period_are_understood() {
        #[rustfmt::skip]
        let cases = [
            ("120/minute",          Some("120/min")),
            ("120 / Minutes",       None),
            ("120/ m",              Some("120/min")),
            ("5 per hour",          Some("5/h")),
            ("10/sec burst 20",     Some("10/s burst 20")),
            ("10/s  burst= 20",     Some("10/s burst 20")),
            ("10/s burst 0",        None),
            ("7/week",              None),
            ("0/m",                 None),
            ("of",                  None),
        ];
        for (text, expected) in cases {
            assert_eq!(near(text).map(|rate| rate.to_string()).as_deref(), expected, "{text}");
        }
    }
}
