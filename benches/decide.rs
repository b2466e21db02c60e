//! Decisions: one decision plus rewrite, with 10, 1,000 and 100,000 tokens.
//!
//! `permitted` goes the whole way to the backend's request; the others end where the token is
//! unknown, expired, or comes from a wrong address.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue, Method};
use reportgate::config;
use reportgate::decide::{BodyRule, Denial, Facts, Head, authorize, identify_holder};
use reportgate::domain::code::Code;
use reportgate::domain::time::Timestamp;
use reportgate::domain::token::PresentedToken;
use reportgate::policy::{Snapshot, policies};
use reportgate::rewrite::{BackendRequest, rewrite};
use std::fmt::Write as _;
use std::sync::Arc;

const TOKENS: [u32; 3] = [10, 1_000, 100_000];
const NOW: Timestamp = Timestamp::from_unix_seconds(1_772_323_200);

fn main() {
    divan::main();
}

#[divan::bench(args = TOKENS)]
fn permitted(bencher: Bencher<'_, '_>, tokens: u32) {
    let snapshot = snapshot(tokens);
    measure(bencher, &snapshot, tokens, "203.0.113.7", NOW, None);
}

#[divan::bench(args = TOKENS)]
fn unknown(bencher: Bencher<'_, '_>, tokens: u32) {
    let snapshot = snapshot(tokens);
    measure(bencher, &snapshot, tokens + 2, "203.0.113.7", NOW, Some(Code::TokenUnknown));
}

#[divan::bench(args = TOKENS)]
fn expired(bencher: Bencher<'_, '_>, tokens: u32) {
    let snapshot = snapshot(tokens);
    let later = Timestamp::from_unix_seconds(1_900_000_000);
    measure(bencher, &snapshot, tokens, "203.0.113.7", later, Some(Code::TokenExpired));
}

#[divan::bench(args = TOKENS)]
fn wrong_address(bencher: Bencher<'_, '_>, tokens: u32) {
    let snapshot = snapshot(tokens);
    measure(bencher, &snapshot, tokens, "198.51.100.1", NOW, Some(Code::IpNotAllowed));
}

/// Decides over and over, by the token in the middle of `0..tokens`.
fn measure(
    bencher: Bencher<'_, '_>,
    snapshot: &Snapshot,
    tokens: u32,
    peer: &str,
    now: Timestamp,
    refusal: Option<Code>,
) {
    let holder = if refusal == Some(Code::TokenUnknown) { tokens } else { tokens / 2 };
    let mut headers = HeaderMap::new();
    let bearer = HeaderValue::try_from(format!("Bearer {}", secret(holder))).unwrap();
    headers.insert("authorization", bearer);
    headers.insert("host", HeaderValue::from_static("reports.example.com"));
    headers.insert("user-agent", HeaderValue::from_static("curl/8.5.0"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    let head = Head {
        method: &Method::GET,
        path: "/api/v1/reports/leads",
        query: Some("from=2026-01-01&to=2026-01-31"),
        headers: &headers,
        peer: peer.parse::<std::net::IpAddr>().unwrap().into(),
        is_tls: false,
        request_id: "0123456789abcdef",
    };
    let outcome = decided(snapshot, &head, now);
    assert_eq!(outcome.err().map(|denial| denial.code), refusal);
    bencher.bench_local(|| decided(black_box(snapshot), black_box(&head), now));
}

fn decided(snapshot: &Snapshot, head: &Head<'_>, now: Timestamp) -> Result<BackendRequest, Denial> {
    let mut facts = Facts::default();
    let holder = identify_holder(&snapshot.policy, head, now, &mut facts)?;
    let permit = authorize(&snapshot.policy, head, holder, &mut facts)?;
    assert_eq!(permit.body_rule(), BodyRule::Forbidden);
    rewrite(&permit, head, b"", now, snapshot, None)
}

fn secret(holder: u32) -> String {
    format!("from-the-platform-{holder:08}")
}

/// A snapshot with so many principals, each with a token of its own.
fn snapshot(tokens: u32) -> Arc<Snapshot> {
    let mut text = CONFIG.to_owned();
    for number in 0..tokens {
        let hash = PresentedToken::parse(secret(number).as_bytes()).unwrap().digest().stored();
        write!(text, "{}", HOLDER.replace("NUMBER", &number.to_string()).replace("HASH", &hash)).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let policy = config::load(file.path(), NOW).unwrap().policy;
    Arc::clone(&policies(policy, "".into(), NOW).reader().current())
}

const CONFIG: &str = r#"
[backends.legacy]
url = "http://127.0.0.1:8001"
headers = { "x-api-key" = "platform" }

[reports.leads]
permission = "get_leads_report"
path = "/api/v1/reports/leads"
backend_path = "/affiliates/leads.json"
columns = { lead_id = {}, created_at = {}, country = {}, campaign = {}, clicks = {}, signups = {}, deposits = {} }

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id__exact" }]
set = { _shape = "objects" }
spans = [{ from = "from", to = "to", max = "366d" }]

[reports.leads.parameters]
from = { type = "date" }
to = { type = "date" }

[reports.leads.response]
rows = "/rows"

[roles.standard]
permissions = ["get_leads_report"]
columns.leads = ["lead_id", "created_at", "country", "campaign", "clicks"]
"#;

const HOLDER: &str = r#"
[affiliates.pNUMBER]
role = "standard"
scope = ["NUMBER"]
allowed_ips = ["203.0.113.7", "198.51.100.10-198.51.100.20", "192.0.2.0/24", "2001:db8::1-2001:db8::ff"]

[[affiliates.pNUMBER.tokens]]
id = "tNUMBER"
hash = "HASH"
expires = 2027-01-15T08:00:00Z
"#;
