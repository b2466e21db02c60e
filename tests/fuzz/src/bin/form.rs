//! Form bodies: what is built has one scope, the holder's, and granted columns, however it is read again.

#![no_main]

#[path = "../requests.rs"]
mod requests;

use http::Method;
use libfuzzer_sys::fuzz_target;
use requests::{Choices, FORMS, HOLDERS, check};

/// Names of fields, as reports know them and as others may take them for those.
#[rustfmt::skip]
const NAMES: [&str; 34] = [
    "cols", "%63ols", "COLS", "cols[]", "cols.", "cols%00", "ck_lead_id", "ck_email", "CK_lead_id", "ck%5femail", "lead_id", "email",
    "aff_id", "aff%5Fid", "Aff_ID", "aff.id", "aff_id[]", "aff_id%5B%5D", "+aff_id", "affid", "AFFID", "a", "aff", "affiliateId", "q",
    "form_note", "day", "date", "mode", "_sort", "size", "token", "", "ä",
];

/// Values of them.
#[rustfmt::skip]
const VALUES: [&str; 32] = [
    "on", "true", "1001", "1002", "1003", "1001|1002", "1001|1003", "1001,1003", "10%301", "1001%00", "1001%20", "lead_id", "created_at",
    "CreatedAt", "country", "commission", "email", "lead_id;country", "lead_id%3Bemail", "lead_id,email", "e%6Dail", "2026-01-01",
    "full", "1%26aff_id%3D1003", "1;affid=1003", "x", "", "%", "%c3%a4", "%ff", "%0d%0a", "+",
];

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let dialect = &FORMS[choices.below(FORMS.len())];
    let holder = choices.pick(&HOLDERS);
    let query = choices.pick(&["", "", "?q=1", "?a=1001", "?want=lead_id", "?cols=lead_id", "?aff_id=1001"]);
    let target = format!("/{}{query}", dialect.name);
    let kind = choices
        .pick(&["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"]);
    let body = match choices.below(2) {
        0 => choices.rest().to_vec(),
        _ => choices.pairs(&NAMES, &VALUES).into_bytes(),
    };
    check(dialect, holder, &Method::POST, &target, Some((kind, &body)));
});
