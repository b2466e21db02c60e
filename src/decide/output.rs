//! In which format the client gets its answer: the parameter that names it, `Accept`, or the default.
//!
//! `Accept` as RFC 9110 section 12.5.1 reads it: the most specific range gives a type's weight, the
//! greatest weight wins, and among equals the report's order.

use super::Head;
use super::denial::Denial;
use super::query::values_of;
use crate::domain::code::Code;
use crate::domain::dialect::{CsvDialect, OutputFormat, ResponseFormat};
use crate::policy::Report;
use http::HeaderValue;
use http::header::{ACCEPT, VARY};

/// The format of the answer.
pub(super) fn output_format(report: &Report, head: &Head<'_>) -> Result<OutputFormat, Denial> {
    let not_available = || {
        let available: Vec<_> = report.output.iter().map(|format| format.as_str().to_owned()).collect();
        let detail = format!("this report comes as {}", available.join(", "));
        let accept = HeaderValue::from_static("accept");
        Denial::new(Code::FormatNotAvailable, detail).with("available", available).header(VARY, accept)
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
        let quality = quality(format, also_called(report, format), &ranges);
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
        Some(Self { kind, subtype, quality: weight(parts)? })
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

/// The weight that parameters give (RFC 9110 section 12.4.2), 1 without one; `None` when it is none.
pub(super) fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<f32> {
    let weight = parameters.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |text| text.parse().ok())?;
    (0.0..=1.0).contains(&weight).then_some(weight)
}

/// Other media types by which a format is asked for.
fn also_called(report: &Report, format: OutputFormat) -> &'static [(&'static str, &'static str)] {
    let by_tabs = matches!(report.response.format, ResponseFormat::Csv(CsvDialect { delimiter: b'\t' }));
    match format {
        OutputFormat::Ndjson => &[("application", "ndjson"), ("application", "jsonl")],
        OutputFormat::Xml => &[("text", "xml")],
        OutputFormat::Csv if by_tabs => &[("text", "tab-separated-values")],
        OutputFormat::Json | OutputFormat::Csv | OutputFormat::Opaque => &[],
    }
}

/// The weight the ranges give a format, whose other names count when they are written out; opaque answers,
/// whose type is the backend's, always fit.
fn quality(format: OutputFormat, others: &[(&str, &str)], ranges: &[Range<'_>]) -> f32 {
    let Some((kind, subtype)) = format.media_type().and_then(|media_type| media_type.split_once('/')) else {
        return 1.0;
    };
    let fitting = ranges.iter().filter_map(|range| {
        let by_other_name = || others.iter().any(|(kind, subtype)| range.holds(kind, subtype) == Some(2));
        let specific = range.holds(kind, subtype).or_else(|| by_other_name().then_some(2))?;
        Some((specific, range.quality))
    });
    // Of ranges that are equally specific, the first.
    let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;
    use crate::domain::dialect::ResponseDialect;
    use http::HeaderMap;

    fn chosen(output: &[OutputFormat], accept: &[&str], query: &str) -> &'static str {
        chosen_of(&mut fixture::report(), output, accept, query)
    }

    fn chosen_of(report: &mut Report, output: &[OutputFormat], accept: &[&str], query: &str) -> &'static str {
        report.output = output.into();
        report.request.output_parameter = Some("format".into());
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        let head = Head { headers: &headers, ..fixture::head("/", Some(query)) };
        output_format(report, &head).map_or_else(|denial| denial.code.as_str(), OutputFormat::as_str)
    }

    #[test]
    fn the_parameter_decides_before_accept() {
        use OutputFormat::{Csv, Json, Ndjson, Opaque, Xml};
        let both = [Json, Csv];
        let all = [Xml, Json, Ndjson, Csv];
        #[rustfmt::skip]
        let cases: [(&[OutputFormat], &[&str], &str, &str); 37] = [
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
            (&all, &[], "", "xml"),
            (&all, &["application/*"], "", "xml"),
            (&all, &["text/*"], "", "csv"),
            (&all, &["text/xml"], "", "xml"),
            (&all, &["Text/XML;q=0.2, text/csv;q=0.1"], "", "xml"),
            (&all, &["text/xml;q=0.1, text/csv;q=0.2"], "", "csv"),
            (&all, &["application/x-ndjson"], "", "ndjson"),
            (&all, &["application/ndjson"], "", "ndjson"),
            (&all, &["application/jsonl"], "", "ndjson"),
            (&all, &["application/jsonl;q=0, */*;q=0.1, application/xml;q=0"], "", "json"),
            (&all, &["application/json-seq"], "", "format_not_available"),
            (&all, &["text/tab-separated-values"], "", "format_not_available"),
            (&all, &[], "format=ndjson", "ndjson"),
            (&all, &[], "format=xml", "xml"),
            (&[Ndjson], &["application/json"], "", "format_not_available"),
            (&[Xml], &["text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"], "", "xml"),
        ];
        for (output, accept, query, expected) in cases {
            assert_eq!(chosen(output, accept, query), expected, "{output:?} {accept:?} {query}");
        }
    }

    #[test]
    fn csv_by_tabs_has_a_type_of_its_own() {
        let mut report = fixture::report();
        report.response = ResponseDialect::new(ResponseFormat::Csv(CsvDialect { delimiter: b'\t' }));
        let output = [OutputFormat::Json, OutputFormat::Csv];
        for accept in ["text/tab-separated-values", "text/csv", "text/*"] {
            assert_eq!(chosen_of(&mut report, &output, &[accept], ""), "csv", "{accept}");
        }
    }

    #[test]
    fn a_refusal_names_what_is_available() {
        let denial = output_format(&fixture::report(), &fixture::head("/", Some("format=csv"))).unwrap_err();
        assert_eq!(denial.extras, [("available", vec!["json".to_owned()].into())]);
        assert_eq!(denial.headers, [(VARY, HeaderValue::from_static("accept"))]);
    }
}
