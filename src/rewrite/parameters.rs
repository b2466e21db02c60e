//! Declared parameters: their types, defaults and spans, before the slow backend sees them.

use super::json::is_number;
use crate::decide::Denial;
use crate::domain::code::Code;
use crate::domain::dialect::{Parameter, ParameterDefault, ParameterType, RequestDialect, Span};
use crate::domain::time::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// The value of each declared parameter, sent or by default, by its place in the dialect.
pub(super) fn resolve<'a>(
    dialect: &'a RequestDialect,
    sent: &'a [Option<Cow<'a, str>>],
    now: Timestamp,
) -> Result<Vec<Option<Cow<'a, str>>>, Denial> {
    let pairs = dialect.parameters.iter().zip(sent);
    let values: Vec<_> =
        pairs.map(|(own, sent)| value(own, sent.as_deref(), now)).collect::<Result<_, _>>()?;
    for span in &dialect.spans {
        check_span(&dialect.parameters, span, &values)?;
    }
    Ok(values)
}

fn value<'a>(
    own: &'a Parameter,
    sent: Option<&'a str>,
    now: Timestamp,
) -> Result<Option<Cow<'a, str>>, Denial> {
    match (sent, &own.default) {
        (Some(text), _) => match check(&own.kind, text) {
            Ok(()) => Ok(Some(Cow::Borrowed(text))),
            Err(detail) => Err(invalid(own, detail)),
        },
        (None, Some(ParameterDefault::Text(text))) => Ok(Some(Cow::Borrowed(text))),
        (None, Some(ParameterDefault::Today { offset_days })) => {
            Ok(Some(Cow::Owned(now.date().saturating_add(i64::from(*offset_days).days()).to_string())))
        }
        (None, None) if own.required => Err(missing(own)),
        (None, None) => Ok(None),
    }
}

fn invalid(own: &Parameter, detail: String) -> Denial {
    Denial::parameter(Code::ParameterInvalid, own.client.to_string(), detail)
}

fn missing(own: &Parameter) -> Denial {
    Denial::parameter(Code::ParameterMissing, own.client.to_string(), "this parameter is required")
}

/// Whether a text is of a type; if not, what was expected.
fn check(kind: &ParameterType, text: &str) -> Result<(), String> {
    let (fits, expected) = match kind {
        ParameterType::String { max_length, one_of } => {
            let listed = one_of.is_empty() || one_of.iter().any(|one| **one == *text);
            if !listed {
                return Err(format!("expected one of {}", one_of.join(", ")));
            }
            (text.chars().count() <= *max_length, format!("expected at most {max_length} characters"))
        }
        ParameterType::Integer { min, max } => (is_integer(text, *min, *max), integer_range(*min, *max)),
        ParameterType::Number => (is_number(text), "expected a number".to_owned()),
        ParameterType::Boolean => (matches!(text, "true" | "false"), "expected true or false".to_owned()),
        ParameterType::Date => (date(text).is_some(), "expected a date, YYYY-MM-DD".to_owned()),
        ParameterType::DateTime => {
            let expected = "expected a time, YYYY-MM-DDTHH:MM:SS, with or without an offset";
            (date_time(text).is_some(), expected.to_owned())
        }
    };
    if fits { Ok(()) } else { Err(expected) }
}

fn is_integer(text: &str, min: Option<i64>, max: Option<i64>) -> bool {
    let plain = is_number(text) && text != "-0";
    let value: Option<i64> = if plain { text.parse().ok() } else { None };
    value.is_some_and(|value| min.is_none_or(|min| min <= value) && max.is_none_or(|max| value <= max))
}

fn integer_range(min: Option<i64>, max: Option<i64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("expected an integer from {min} to {max}"),
        (Some(min), None) => format!("expected an integer, at least {min}"),
        (None, Some(max)) => format!("expected an integer, at most {max}"),
        (None, None) => "expected an integer".to_owned(),
    }
}

/// Both ends must be there, in order, and near enough.
fn check_span(parameters: &[Parameter], span: &Span, values: &[Option<Cow<'_, str>>]) -> Result<(), Denial> {
    let (Some(from), Some(to)) = (parameters.get(span.from), parameters.get(span.to)) else {
        return Err(Denial::new(Code::Internal, "the config contradicts itself"));
    };
    let seconds = |at: usize, own: &Parameter| {
        let text = values.get(at).and_then(Option::as_deref).ok_or_else(|| missing(own))?;
        let seconds = date_time(text).or_else(|| start_of(date(text)?));
        seconds.ok_or_else(|| invalid(own, "expected a date".to_owned()))
    };
    let (start, end) = (seconds(span.from, from)?, seconds(span.to, to)?);
    let distance = end.saturating_sub(start);
    if distance < 0 {
        return Err(invalid(to, format!("ends before {} begins", from.client)));
    }
    if distance > span.max_seconds {
        let days = span.max_seconds / 86_400;
        return Err(invalid(to, format!("is more than {days} days after {}", from.client)));
    }
    Ok(())
}

/// RFC 3339 `full-date`.
fn date(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    Date::new(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?).ok()
}

/// RFC 3339 `date-time`, or without an offset, which then is UTC; in seconds since 1970.
fn date_time(text: &str) -> Option<i64> {
    let (day, rest) = text.split_once('T')?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (hour, rest_of_clock) = clock.split_once(':')?;
    let (minute, second) = rest_of_clock.split_once(':')?;
    let time = Time::new(digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?, 0).ok()?;
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (1..=9).contains(&(fraction.len() - offset.len())).then_some(offset)?
        }
    };
    let start = start_of(date(day)?)?;
    let since_midnight =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(start + since_midnight - offset_seconds(offset)?)
}

fn start_of(date: Date) -> Option<i64> {
    date.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp().as_second())
}

/// Nothing, `Z`, or `+HH:MM`.
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(0),
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits::<i64>(hours, 2)?, digits::<i64>(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A number of exactly so many digits.
fn digits<N: std::str::FromStr>(text: &str, length: usize) -> Option<N> {
    let plain = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_type() {
        let string = ParameterType::String { max_length: 3, one_of: Box::default() };
        let one_of = ParameterType::String { max_length: 9, one_of: ["a".into(), "b".into()].into() };
        let integer = ParameterType::Integer { min: Some(-1), max: Some(10) };
        let any = ParameterType::Integer { min: None, max: None };
        use ParameterType::{Boolean, Date, DateTime, Number};
        #[rustfmt::skip]
        let cases = [
            (&string, "äöü", true), (&string, "abcd", false), (&string, "", true),
            (&one_of, "a", true), (&one_of, "A", false), (&one_of, "", false),
            (&integer, "-1", true), (&integer, "-2", false), (&integer, "10", true), (&integer, "11", false),
            (&integer, "+1", false), (&integer, "01", false), (&integer, "1.0", false), (&integer, "1e1", false), (&integer, "", false), (&integer, "-0", false),
            (&any, "9223372036854775807", true), (&any, "9223372036854775808", false),
            (&Number, "-1.50e3", true), (&Number, ".5", false), (&Number, "0x1", false), (&Number, "1 ", false), (&Number, "NaN", false),
            (&Boolean, "true", true), (&Boolean, "false", true), (&Boolean, "True", false), (&Boolean, "1", false),
            (&Date, "2024-02-29", true), (&Date, "2026-02-29", false), (&Date, "2026-1-01", false), (&Date, "20260101", false),
            (&Date, "2026-01-01T00:00:00", false), (&Date, "2026-01-01 ", false), (&Date, "+2026-01-01", false), (&Date, "2026-01-00", false),
            (&DateTime, "2026-01-01T23:59:59", true), (&DateTime, "2026-01-01T24:00:00", false), (&DateTime, "2026-01-01T23:59:60", false),
            (&DateTime, "2026-01-01T00:00:00.123456789Z", true), (&DateTime, "2026-01-01T00:00:00.1234567890Z", false),
            (&DateTime, "2026-01-01T00:00:00.Z", false), (&DateTime, "2026-01-01T00:00:00+02:00", true), (&DateTime, "2026-01-01T00:00:00 02:00", false),
            (&DateTime, "2026-01-01T00:00:00+24:00", false), (&DateTime, "2026-01-01 00:00:00", false), (&DateTime, "2026-01-01", false),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(check(kind, text).is_ok(), expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn times_are_seconds_of_utc() {
        assert_eq!(date_time("1970-01-02T00:00:01Z"), Some(86_401));
        assert_eq!(date_time("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(date_time("1969-12-31T23:30:00-00:30"), Some(0));
        assert_eq!(start_of(date("1970-01-02").unwrap()), Some(86_400));
    }
}
