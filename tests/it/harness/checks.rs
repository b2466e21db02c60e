//! What holds for every answer of the gate, whatever the test is about.

use super::SECRET;

/// Headers that the gate may send, in lower case.
const ALLOWED: [&str; 18] = [
    "allow",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "transfer-encoding",
    "www-authenticate",
    "x-content-type-options",
    "x-request-id",
    "vary",
];

/// Headers that every backend request may have, in lower case; a body adds its own, a report those it names.
pub(crate) const TO_THE_BACKEND: [&str; 10] = [
    "host",
    "accept",
    "accept-encoding",
    "accept-language",
    "user-agent",
    "traceparent",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
];

/// Fails on a header that nobody allowed.
#[track_caller]
pub(crate) fn headers(headers: &[(String, String)], extra: &[&str]) {
    for (name, value) in headers {
        let allowed = ALLOWED.contains(&name.as_str()) || extra.contains(&name.as_str());
        assert!(allowed, "the gate sent a header outside its list: {name}: {value}");
        let once = headers.iter().filter(|(other, _)| other == name).count() == 1;
        assert!(once, "the gate sent {name} twice");
    }
}

/// Fails when a secret or a hidden cell stands in something that left the gate.
#[track_caller]
pub(crate) fn no_secret(what: &str, bytes: &[u8]) {
    if memchr::memmem::find(bytes, SECRET.as_bytes()).is_some() {
        panic!("{what} holds a secret or a hidden cell: {}", String::from_utf8_lossy(bytes));
    }
}

/// Fails when an answer is not as every answer has to be.
#[track_caller]
pub(crate) fn check_answer(answer: &super::Answer) {
    headers(&answer.headers, &[]);
    no_secret("an answer", &answer.body);
    for (_, value) in &answer.headers {
        no_secret("the head of an answer", value.as_bytes());
    }
}
