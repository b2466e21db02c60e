//! Spellings that another program could take for the same name.
//!
//! Backends differ in what they ignore: case, spaces around a name, brackets, PHP's dots, the underscores of
//! CGI's headers. `config` refuses reports whose names differ by no more; `rewrite` refuses requests that send such names.

use http::HeaderName;

/// A parameter's name without case, spaces around it, and brackets: `a[b][]` is `a/b`.
#[must_use]
pub fn fold(name: &str) -> String {
    let ignored = |c: char| c.is_whitespace() || c.is_control();
    let parts = name.split(['[', ']']).map(|part| part.trim_matches(ignored)).filter(|part| !part.is_empty());
    let mut out = String::with_capacity(name.len());
    for part in parts {
        if !out.is_empty() {
            out.push('/');
        }
        // Upper case first: `ſ` and `K` have plain letters as their other case.
        for c in part.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase) {
            out.push(if matches!(c, '.' | ' ') { '_' } else { c });
        }
    }
    out
}

/// A header's name as CGI and WSGI pass it on, where `x_key` and `x-key` are one (RFC 3875 section 4.1.18).
#[must_use]
pub fn fold_header(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_to_what_lax_programs_read() {
        #[rustfmt::skip]
        let cases = [
            ("affiliate_id", "affiliate_id"), ("Affiliate_ID", "affiliate_id"), (" affiliate_id\t", "affiliate_id"),
            ("affiliate_id[]", "affiliate_id"), ("[affiliate_id]", "affiliate_id"), ("affiliate_id[0]", "affiliate_id/0"),
            ("affiliate.id", "affiliate_id"), ("affiliate id", "affiliate_id"), ("ſcope", "scope"), ("\u{212a}ey", "key"),
            ("filter[Partner][]", "filter/partner"), ("", ""), ("[]", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(fold(name), expected, "{name}");
        }
    }
}
