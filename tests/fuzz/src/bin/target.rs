//! Path and query: what is built has one scope, the holder's, and granted columns, however it is read again.

#![no_main]

#[path = "../requests.rs"]
mod requests;

use http::Method;
use libfuzzer_sys::fuzz_target;
use requests::{Choices, HOLDERS, QUERIES, check};

/// Names of parameters, as reports know them and as others may take them for those.
#[rustfmt::skip]
const NAMES: [&str; 44] = [
    "_col", "%5fcol", "_COL", "_col%00", "_col[]", "fields", "fields[]", "fields%5B%5D", "fields[0]", "Fields", "facts", "dims", "want",
    "ck_lead_id", "ck_email", "ck%5flead_id", "CK_lead_id", "ids", "ids[]", "ids%5b%5d", "affiliate_id", "affiliate%5Fid", "Affiliate_ID",
    "affiliate.id", "affiliate_id[]", "+affiliate_id", "affid", "owner", "aff", "affiliateId", "_sort", "q", "from", "size", "land", "mail",
    "sql", "api_key", "token", "format", "country__exact", "_shape", "", "ä",
];

/// Values of them.
#[rustfmt::skip]
const VALUES: [&str; 40] = [
    "1001", "1002", "1003", "1001,1002", "1001,1003", "1001-1002", "10%301", "01001", "1001%00", "1001%20", "lead_id", "created_at",
    "CreatedAt", "country", "commission", "email", "lead_id,country", "lead_id%2Cemail", "lead_id|email", "e%6Dail", "-country", "-email",
    "1", "1000", "1001%26affiliate_id%3D1003", "1;affiliate_id=1003", "2026-01-01", "today", "DE", "json", "csv", "x", "", "%", "%c3%a4",
    "%ff", "..%2f..", "a/b", "%0d%0aX-Aff:%201003", "+",
];

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let dialect = &QUERIES[choices.below(QUERIES.len())];
    let holder = choices.pick(&HOLDERS);
    let method = if choices.one_in(8) { Method::POST } else { Method::GET };
    let target = match choices.below(4) {
        // All of it as it is, or the query only, or pairs.
        0 => String::from_utf8_lossy(choices.rest()).into_owned(),
        1 => format!("/{}?{}", dialect.name, String::from_utf8_lossy(choices.rest())),
        _ => format!("/{}?{}", dialect.name, choices.pairs(&NAMES, &VALUES)),
    };
    check(dialect, holder, &method, &target, None);
});
