//! In which format the client gets its answer: the parameter that names it, `Accept`, or the default.
//!
//! `Accept` as RFC 9110 section 12.5.1 reads it: the most specific range gives a type's weight, the
//! greatest weight wins, and among equals the report's order.

use super::Head;
use super::denial::Denial;
use super::query::values_of;
use crate::domain::code::Code;
use crate::domain::dialect::OutputFormat;
use crate::policy::Report;
use http::header::ACCEPT;

/// The format of the answer.
pub(super) fn output_format(report: &Report, head: &Head<'_>) -> Result<OutputFormat, Denial> {
    let not_available = || {
        let available: Vec<_> = report.output.iter().map(|format| format.as_str().to_owned()).collect();
        let detail = format!("this report comes as {}", available.join(", "));
        Denial::new(Code::FormatNotAvailable, detail).with("available", available)
    };
    let parameter = report.request.output_parameter.as_deref();
    // A second value is refused with the other parameters, by the rewrite.
    let named = parameter.and_then(|name| values_of(head.query, name).next());
    let chosen = match named {
        Some(name) => report.output.iter().copied().find(|format| format.as_str().as_bytes() == &*name),
        None => accepted(report, head),
    };
    chosen.ok_or_else(not_available)
}

/// The best of the report's formats; the first when nothing readable is said.
fn accepted(report: &Report, head: &Head<'_>) -> Option<OutputFormat> {
    let lines = head.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(|line| line.split(',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return report.output.first().copied();
    }
    let mut best: Option<(OutputFormat, f32)> = None;
    for format in report.output.iter().copied() {
        let quality = quality(format, &ranges);
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((format, quality));
        }
    }
    best.map(|(format, _)| format)
}

/// A media range and its weight.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    /// Reads `type/subtype;q=0.5`, and the bare `*` of old Java clients; `None` for anything else.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = match parts.next()? {
            "*" => ("*", "*"),
            essence => essence.split_once('/')?,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = weight.map_or(Some(1.0), |text| text.parse().ok())?;
        (0.0..=1.0).contains(&quality).then_some(Self { kind, subtype, quality })
    }

    /// How specific the range is when it holds the media type.
    fn holds(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, own_sub) if own.eq_ignore_ascii_case(kind) && own_sub.eq_ignore_ascii_case(subtype) => {
                Some(2)
            }
            _ => None,
        }
    }
}

/// The weight the ranges give a format; opaque answers, whose type is the backend's, always fit.
fn quality(format: OutputFormat, ranges: &[Range<'_>]) -> f32 {
    let Some((kind, subtype)) = format.media_type().and_then(|media_type| media_type.split_once('/')) else {
        return 1.0;
    };
    let fitting = ranges.iter().filter_map(|range| Some((range.holds(kind, subtype)?, range.quality)));
    // Of ranges that are equally specific, the first.
    let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;
    use http::HeaderMap;

    fn chosen(output: &[OutputFormat], accept: &[&str], query: &str) -> &'static str {
        let mut report = fixture::report();
        report.output = output.into();
        report.request.output_parameter = Some("format".into());
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        let head = Head { headers: &headers, ..fixture::head("/", Some(query)) };
        output_format(&report, &head).map_or_else(|denial| denial.code.as_str(), OutputFormat::as_str)
    }

    #[test]
    fn the_parameter_decides_before_accept() {
        use OutputFormat::{Csv, Json, Opaque};
        let both = [Json, Csv];
        #[rustfmt::skip]
        let cases: [(&[OutputFormat], &[&str], &str, &str); 21] = [
            (&both, &[], "", "json"),
            (&both, &["*/*"], "", "json"),
            (&both, &["text/csv"], "", "csv"),
            (&both, &["TEXT/CSV; charset=utf-8"], "", "csv"),
            (&both, &["text/*"], "", "csv"),
            (&both, &["application/json;q=0.5, text/csv"], "", "csv"),
            (&both, &["application/json;q=0.5", "text/csv"], "", "csv"),
            (&both, &["*/*, application/json;q=0"], "", "csv"),
            (&both, &["text/csv;q=0, */*"], "", "json"),
            (&both, &["text/html, image/gif, *; q=.2, */*; q=.2"], "", "json"),
            (&both, &["text/html"], "", "format_not_available"),
            (&both, &["application/json;q=0"], "", "format_not_available"),
            (&both, &["nonsense"], "", "json"),
            (&both, &["text/csv;q=2"], "", "json"),
            (&both, &["application/json"], "format=csv", "csv"),
            (&both, &["text/html"], "format=csv", "csv"),
            (&both, &[], "format=xml", "format_not_available"),
            (&both, &[], "format=CSV", "format_not_available"),
            (&both, &[], "format=", "format_not_available"),
            (&[Json], &["text/csv"], "", "format_not_available"),
            (&[Opaque], &["application/pdf"], "", "opaque"),
        ];
        for (output, accept, query, expected) in cases {
            assert_eq!(chosen(output, accept, query), expected, "{output:?} {accept:?} {query}");
        }
    }
}
