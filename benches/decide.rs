//! Decisions: one decision plus rewrite, with 10, 1,000 and 100,000 tokens.
//!
//! `permitted` goes the whole way to the backend's request; the others end where the token is
//! unknown, expired, or comes from a wrong address.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reportgate::decide::{BodyRule, Denial, Facts, Head, authorize, identify_holder};
use reportgate::domain::address::{AddressRange, AddressRanges};
use reportgate::domain::code::Code;
use reportgate::domain::column::{Catalogue, Column, ColumnIndex, View};
use reportgate::domain::dialect::*;
use reportgate::domain::names::*;
use reportgate::domain::pointer::Pointer;
use reportgate::domain::template::Template;
use reportgate::domain::time::{Expiry, Timestamp};
use reportgate::domain::token::PresentedToken;
use reportgate::policy::*;
use reportgate::rewrite::{BackendRequest, rewrite};
use std::sync::Arc;
use std::time::Duration;

const TOKENS: [u32; 3] = [10, 1_000, 100_000];
const COLUMNS: [&str; 8] =
    ["lead_id", "created_at", "country", "campaign", "clicks", "signups", "deposits", "commission"];
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
        peer: peer.parse().unwrap(),
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
    rewrite(&permit, head, b"", now, snapshot)
}

fn secret(holder: u32) -> String {
    format!("from-the-platform-{holder:08}")
}

/// A snapshot with so many principals, each with a token of its own.
fn snapshot(tokens: u32) -> Arc<Snapshot> {
    let catalogue = catalogue();
    let all: Vec<_> = catalogue.iter().map(|(index, _)| index).collect();
    let view = View::new(all.get(..5).unwrap()).unwrap();
    let rights = Rights { permissions: [PermissionIndex(0)].into(), views: [(ReportIndex(0), view)].into() };
    let rights = Arc::new(rights);
    let token = |number: u32| TokenRecord {
        id: TokenId::parse(&format!("t{number}")).unwrap(),
        digest: PresentedToken::parse(secret(number).as_bytes()).unwrap().digest(),
        principal: PrincipalIndex(number),
        expires: Expiry::At(Timestamp::from_unix_seconds(1_800_000_000)),
        limits: None,
    };
    let policy = Policy {
        settings: settings(),
        backends: [Arc::new(backend())].into(),
        reports: ReportTable::new(vec![report(catalogue, &all)]),
        permissions: [PermissionName::parse("get_leads_report").unwrap()].into(),
        principals: (0..tokens).map(|number| principal(number, &rights)).collect(),
        tokens: TokenTable::new((0..tokens).map(token).collect()),
    };
    Arc::clone(&policies(policy, "".into(), NOW).reader().current())
}

fn catalogue() -> Catalogue {
    let column = |name: &str| Column {
        name: ColumnName::parse(name).unwrap(),
        title: None,
        request: name.into(),
        response: name.into(),
        group: None,
    };
    Catalogue::new(COLUMNS.iter().map(|name| column(name)).collect())
}

fn principal(number: u32, rights: &Arc<Rights>) -> Principal {
    let ranges = ["203.0.113.7", "198.51.100.10-198.51.100.20", "192.0.2.0/24", "2001:db8::1-2001:db8::ff"];
    let ranges: Vec<_> = ranges.iter().map(|text| AddressRange::parse(text).unwrap()).collect();
    Principal {
        id: PrincipalId::parse(&format!("p{number}")).unwrap(),
        name: None,
        kind: PrincipalKind::Affiliate,
        disabled: false,
        scope: ScopeGrant::Ids(std::iter::once(number.to_string().as_str().into()).collect()),
        allowed_ips: AddressRanges::new(&ranges),
        rights: Arc::clone(rights),
        credentials: Box::default(),
    }
}

fn report(catalogue: Catalogue, all: &[ColumnIndex]) -> Report {
    let slots = || -> Box<[ColumnSlot]> {
        let place = ColumnPlace::Query { name: "_col".into(), style: ListStyle::Repeat };
        [ColumnSlot { place, takes: all.into() }].into()
    };
    let date = |name: &str| Parameter {
        client: Place::Query(name.into()),
        backend: Place::Query(name.into()),
        kind: ParameterType::Date,
        required: false,
        default: None,
        column: None,
    };
    let scope = ScopePlace::Query {
        name: "affiliate_id__exact".into(),
        style: ListStyle::Csv { separator: ",".into() },
    };
    Report {
        name: ReportName::parse("leads").unwrap(),
        title: None,
        permission: PermissionIndex(0),
        backend: BackendIndex(0),
        path: "/api/v1/reports/leads".into(),
        methods: Methods { get: true, head: true, post: false },
        backend_path: Template::parse("/affiliates/leads.json"),
        backend_method: Method::GET,
        catalogue,
        request: RequestDialect {
            body: BodyKind::None,
            columns: slots(),
            ask: slots(),
            scope: ScopeRule::Slots([ScopeSlot { place: scope, all: None }].into()),
            sort: Box::default(),
            allow: Box::default(),
            parameters: [date("from"), date("to")].into(),
            spans: [Span { from: 0, to: 1, max_seconds: 366 * 86_400 }].into(),
            set: [Fixed::Query("_shape".into(), Template::parse("objects"))].into(),
            forbid: Box::default(),
            output_parameter: Some("format".into()),
            on_extra_columns: OnExtra::Reject,
            on_unknown_parameter: OnExtra::Reject,
            column_quote: "".into(),
        },
        response: ResponseDialect::Json(JsonDialect {
            rows: Pointer::parse("/rows").unwrap(),
            row: RowForm::Object,
            also: Box::default(),
            keep: Box::default(),
            success: None,
        }),
        output: [OutputFormat::Json].into(),
        pass_request_headers: Box::default(),
        pass_response_headers: Box::default(),
    }
}

fn backend() -> Backend {
    let second = Duration::from_secs(1);
    let credential = Credential {
        headers: [(HeaderName::from_static("x-api-key"), HeaderValue::from_static("platform"))].into(),
        query: Box::default(),
    };
    Backend {
        name: BackendName::parse("legacy").unwrap(),
        url: "http://127.0.0.1:8001".into(),
        host: "127.0.0.1".into(),
        port: 8001,
        authority: HeaderValue::from_static("127.0.0.1:8001"),
        base_path: "".into(),
        credential,
        connect_timeout: second,
        timeout: second,
        body_timeout: second,
        idle_timeout: second,
    }
}

fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        listen: Box::default(),
        trusted_proxies: AddressRanges::default(),
        client_header: ClientHeader::List(HeaderName::from_static("x-forwarded-for")),
        token_in: [TokenPlace::Bearer, TokenPlace::Header(HeaderName::from_static("x-api-key"))].into(),
        workers: 1,
        drain_delay: second,
        shutdown_grace: second,
        limits: Limits {
            connections: 1_000,
            connections_per_address: 1_000,
            header_bytes: 16_384,
            headers: 64,
            body_bytes: 262_144,
            header_timeout: second,
            body_timeout: second,
            write_timeout: second,
            idle_timeout: second,
        },
        max_removed: MaxRemoved::Off,
        admin: None,
        log_format: LogFormat::Json,
    }
}
