//! Values and requests that would pass, for people who look for something to start from.

use super::body::Tree;
use super::granted::GrantedReport;
use super::parameter::Stands;
use crate::domain::dialect::{BodyKind, Parameter, ParameterDefault, ParameterType, RequestDialect, Span};
use crate::domain::encode;
use crate::domain::time::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

const DAY: i64 = 86_400;

/// How far apart two dates are, unless they may not be.
const USUAL_SPAN: i64 = 30 * DAY;

/// A value of the declared parameter at that place; dates of one span go together, and with what is filled in.
pub(super) fn value(dialect: &RequestDialect, at: usize, now: Timestamp) -> Option<String> {
    let own = dialect.parameters.get(at)?;
    Some(match &own.kind {
        ParameterType::String { max_length, one_of } => match one_of.first() {
            Some(first) => first.to_string(),
            None => "example".chars().take(*max_length).collect(),
        },
        ParameterType::Integer { min, max } => {
            min.unwrap_or(i64::MIN).max(1).min(max.unwrap_or(i64::MAX)).to_string()
        }
        ParameterType::Number => "1".to_owned(),
        ParameterType::Boolean => "true".to_owned(),
        ParameterType::Date => Timestamp::from_unix_seconds(seconds(dialect, at, now)).date().to_string(),
        ParameterType::DateTime => Timestamp::from_unix_seconds(seconds(dialect, at, now)).to_string(),
    })
}

/// The time that stands for the date at that place.
fn seconds(dialect: &RequestDialect, at: usize, now: Timestamp) -> i64 {
    let today = now.unix_seconds() - now.unix_seconds().rem_euclid(DAY);
    let parameter = |at: usize| dialect.parameters.get(at);
    let filled_in = |at: usize| parameter(at).and_then(|other| filled_in(other, today));
    if let Some(span) = dialect.spans.iter().find(|span| span.from == at) {
        return filled_in(span.to).unwrap_or(today) - distance(dialect, span);
    }
    let from =
        dialect.spans.iter().find(|span| span.to == at).and_then(|span| Some((span, filled_in(span.from)?)));
    from.map_or(today, |(span, from)| from + distance(dialect, span))
}

/// What is filled in when the parameter is not sent.
fn filled_in(parameter: &Parameter, today: i64) -> Option<i64> {
    match parameter.default.as_ref()? {
        ParameterDefault::Today { offset_days } => Some(today + i64::from(*offset_days) * DAY),
        ParameterDefault::Text(text) => {
            let midnight =
                |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp().as_second());
            let date = || text.parse::<Date>().ok().and_then(|date| midnight(date.into()));
            let time = || text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
            let local = || text.parse::<DateTime>().ok().and_then(midnight);
            time().or_else(local).or_else(date)
        }
    }
}

/// How far apart the two dates are: whole days, unless that is too much.
fn distance(dialect: &RequestDialect, span: &Span) -> i64 {
    let is_time =
        |at: usize| dialect.parameters.get(at).is_some_and(|own| own.kind == ParameterType::DateTime);
    let distance = span.max_seconds.min(USUAL_SPAN);
    if distance < DAY && is_time(span.from) && is_time(span.to) {
        distance
    } else {
        distance - distance % DAY
    }
}

/// Path and query of a request with everything that is required.
pub(super) fn target(granted: &GrantedReport<'_>) -> String {
    let mut target = format!("{}?", granted.report.path);
    for own in &granted.parameters {
        if let (Stands::Query(name), Some(value)) = (&own.stands, &own.example) {
            encode::push_pair(&mut target, name, value);
        }
    }
    if target.ends_with('?') {
        target.pop();
    }
    target
}

/// The body of such a request; `None` when it needs none.
pub(super) fn body(granted: &GrantedReport<'_>) -> Option<serde_json::Value> {
    let required = granted.parameters.iter().filter(|own| own.required && own.stands.is_in_body());
    let tree: Tree<_> = required.filter_map(|own| Some((own.stands.clone(), own.example_json()?))).collect();
    (granted.body != BodyKind::None && !tree.is_empty()).then(|| tree.into_json())
}
