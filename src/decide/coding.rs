//! What the client's answer is compressed with: `Accept-Encoding` and what the report offers.
//!
//! As RFC 9110 section 12.5.3 reads it: the greatest weight wins, and among equals the report's order. A client
//! that says nothing gets its answer as it is, and so does one that would rather have none than that.

use super::output::weight;
use crate::domain::dialect::ContentCoding;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// The coding of the answer; `None` is identity.
pub(super) fn content_coding(offer: &[ContentCoding], headers: &HeaderMap) -> Option<ContentCoding> {
    if offer.is_empty() {
        return None;
    }
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let said: Vec<_> = lines.flat_map(|line| line.split(',')).filter_map(Said::parse).collect();
    let weight_of = |name: &str| said.iter().find(|said| said.is(name)).map(|said| said.weight);
    let others = weight_of("*").unwrap_or(0.0);
    // As good as identity is good enough: the report offers it.
    let mut best = (None, weight_of("identity").unwrap_or(0.0));
    for coding in offer {
        let weight = weight_of(coding.as_str()).unwrap_or(others);
        let better = if best.0.is_none() { weight >= best.1 } else { weight > best.1 };
        if weight > 0.0 && better {
            best = (Some(*coding), weight);
        }
    }
    best.0
}

/// A coding that the client names, or `*`, and its weight.
struct Said<'a> {
    name: &'a str,
    weight: f32,
}

impl<'a> Said<'a> {
    /// Reads `gzip;q=0.5`; `None` for anything else.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        Some(Self { name, weight: weight(parts)? })
    }

    /// Whether that is the coding; `x-gzip` is an old name of gzip (RFC 9110 section 8.4.1.3).
    fn is(&self, name: &str) -> bool {
        let own = if self.name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { self.name };
        own.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_what_both_know() {
        use ContentCoding::{Brotli, Gzip, Zstd};
        let all = [Zstd, Gzip, Brotli];
        #[rustfmt::skip]
        let cases: [(&[ContentCoding], &[&str], &str); 30] = [
            (&[],     &["gzip"],                              "identity"),
            (&all,    &[],                                    "identity"),
            (&all,    &[""],                                  "identity"),
            (&all,    &["gzip"],                              "gzip"),
            (&all,    &["GZip"],                              "gzip"),
            (&all,    &["x-gzip"],                            "gzip"),
            (&all,    &["gzip, br"],                          "gzip"),
            (&all,    &["br, gzip"],                          "gzip"),
            (&all,    &["gzip, deflate, br, zstd"],           "zstd"),
            (&[Brotli, Gzip], &["gzip, deflate, br, zstd"],   "br"),
            (&all,    &["gzip", "zstd"],                      "zstd"),
            (&all,    &["gzip;q=1.0, br;q=0.9, zstd;q=0.9"],  "gzip"),
            (&all,    &["gzip ; Q=0.2, br;q=0.3"],            "br"),
            (&all,    &["*"],                                 "zstd"),
            (&all,    &["zstd;q=0, *"],                       "gzip"),
            (&all,    &["gzip;q=0.5, *;q=0.4"],               "gzip"),
            (&all,    &["gzip, *;q=0"],                       "gzip"),
            (&all,    &["*;q=0"],                             "identity"),
            (&all,    &["identity"],                          "identity"),
            (&all,    &["identity, gzip;q=0.5"],              "identity"),
            (&all,    &["identity;q=0.5, gzip;q=0.5"],        "gzip"),
            (&all,    &["identity;q=0.5, gzip"],              "gzip"),
            (&all,    &["identity;q=0"],                      "identity"),
            (&all,    &["deflate, identity;q=0"],             "identity"),
            (&[Gzip], &["br, identity;q=0"],                  "identity"),
            (&all,    &["gzip;q=0"],                          "identity"),
            (&all,    &["gzip;q=0.000, br;q=0.001"],          "br"),
            (&all,    &["gzip;q=2, br;q=NaN, zstd;q=x"],      "identity"),
            (&all,    &["gzip;level=9"],                      "gzip"),
            (&all,    &[",, ;q=1, gzip;;"],                   "gzip"),
        ];
        for (offer, lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, line.parse().unwrap());
            }
            let chosen = content_coding(offer, &headers);
            assert_eq!(chosen.map_or("identity", ContentCoding::as_str), expected, "{offer:?} {lines:?}");
        }
    }
}
