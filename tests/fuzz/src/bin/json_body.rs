//! JSON bodies: what is built is one document for every reader, with one scope, the holder's, and granted columns.

#![no_main]

#[path = "../requests.rs"]
mod requests;

use http::Method;
use libfuzzer_sys::fuzz_target;
use requests::{Choices, HOLDERS, JSONS, check};

/// What a body is put together from, besides bytes as they are.
const WORDS: [&str; 64] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\u0063",
    " ",
    "\n",
    "null",
    "true",
    "1",
    "-1",
    "1e3",
    "1001.0",
    "\"1001\"",
    "1001",
    "1002",
    "1003",
    "\"1003\"",
    "\"1001,1002\"",
    "\"1001|1003\"",
    "{}",
    "[]",
    "\"select\":",
    "\"columns\":",
    "\"Columns\":",
    "\"\\u0063olumns\":",
    "\"column\":",
    "\"affiliates\":",
    "\"affiliates[]\":",
    "\"filters\":",
    "\"resource_type\":",
    "\"affiliate\"",
    "\"country\"",
    "\"filter_id_value\":",
    "\"aff_id\":",
    "\"AFF_ID\":",
    "\"aff.id\":",
    "\"a/b\":",
    "\"0\":",
    "\"aff\":",
    "\"lead_id\"",
    "\"created_at\"",
    "\"CreatedAt\"",
    "\"commission\"",
    "\"email\"",
    "\"lead_id,email\"",
    "\"range\":",
    "\"from\":",
    "\"2026-01-01\"",
    "\"limit\":",
    "5",
    "\"options\":",
    "\"totals\":",
    "\"note\":",
    "\"order\":",
    "\"by\":",
    "\"x\":",
    "ä",
    "\\ud800",
];

/// A body of each report that passes.
const BODIES: [&str; 4] = [
    r#"{"select":{"columns":["lead_id","country"]},"affiliates":["1001"],"range":{"from":"2026-01-01"},"limit":5,"note":{"x":1}}"#,
    r#"{"columns":[{"column":"lead_id"}],"filters":[{"resource_type":"country","filter_id_value":"DE"},{"resource_type":"affiliate","filter_id_value":"1001"}]}"#,
    r#"{"columns":"lead_id,country","aff_id":"1001"}"#,
    r#"{"a/b":{"0":["lead_id"]},"aff_id":[1001]}"#,
];

/// What is put between two of their parts, or in place of one.
#[rustfmt::skip]
const PARTS: [&str; 40] = [
    "1001", "1002", "1003", "\"1001\"", "\"1003\"", "\"1001|1003\"", "[]", "[1003]", "{}", "null", "true", "1e3", "1001.0", "-0", "\"\"",
    "\"email\"", "\"commission\"", "\"created_at\"", "\"lead_id,email\"", "\"\\u0065mail\"", "\"x\\u0000\"", "\"\\ud800\"",
    ",\"email\"", ",\"1003\"", ",1003", ",{\"column\":\"email\"}", ",{\"resource_type\":\"affiliate\",\"filter_id_value\":\"1003\"}",
    ",{\"resource_type\":\"country\",\"filter_id_value\":{\"x\":1}}", ",\"note\":2", ",\"x\":2", ",\"\\u0078\":2", ",\"limit\":6",
    ",\"aff_id\":\"1003\"", ",\"AFF_ID\":\"1003\"", ",\"aff.id\":\"1003\"", ",\"columns\":\"email\"", ",\"column\":\"email\"",
    ",\"affiliates\":[\"1003\"]", ",\"filters\":[]", ",\"aff\":1",
];

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let nth = choices.below(JSONS.len());
    let (dialect, body) = (&JSONS[nth], BODIES[nth]);
    let holder = choices.pick(&HOLDERS);
    let query = choices.pick(&["", "", "?q=1", "?affid=1001", "?columns=lead_id", "?aff_id=1"]);
    let target = format!("/{}{query}", dialect.name);
    let kind = choices.pick(&["application/json", "application/json; charset=utf-8"]);
    let body = match choices.below(4) {
        0 => choices.rest().to_vec(),
        1 => choices.words(&WORDS).into_bytes(),
        _ => edited(body, choices).into_bytes(),
    };
    check(dialect, holder, &Method::POST, &target, Some((kind, &body)));
});

/// The body with some of its parts replaced, or others put between them.
fn edited(body: &str, choices: &mut Choices<'_>) -> String {
    let mut body = body.to_owned();
    for _ in 0..=choices.below(3) {
        let parts = body.match_indices([',', ':', '{', '}', '[', ']']).map(|(at, part)| (at, part));
        let parts: Vec<_> = parts.collect();
        let nth = choices.below(parts.len().clamp(1, 256));
        let Some((at, part)) = parts.get(nth).copied() else { break };
        let end = parts.get(nth + 1).map_or(body.len(), |(end, _)| *end);
        // Up to the next of these signs, or nothing.
        let (from, to) = if choices.one_in(2) { (at + part.len(), end) } else { (at, at) };
        body.replace_range(from..to, choices.pick(&PARTS));
    }
    body
}
