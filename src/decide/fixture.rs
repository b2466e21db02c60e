//! A small policy for the tests of this room and of `rewrite`.
//!
//! One report, `/reports/leads`; `acme` (one id), `ib` (two ids), `jane` (every row), `guest` (without the
//! permission) and `off` (disabled), each from 192.0.2.0/24 with the token `token-of-NAME-000000`.

use super::{Facts, Head, Permit, assume_holder, authorize};
use crate::domain::address::{AddressRange, AddressRanges};
use crate::domain::column::{Catalogue, Column, ColumnIndex, View};
use crate::domain::dialect::*;
use crate::domain::names::{BackendName, ColumnName, PermissionName, PrincipalId, ReportName, TokenId};
use crate::domain::pointer::Pointer;
use crate::domain::template::{JsonTemplate, Template};
use crate::domain::time::{Expiry, Timestamp};
use crate::domain::token::{PresentedToken, TokenDigest};
use crate::policy::*;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static NO_HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
static GET: Method = Method::GET;

/// When tokens of the fixture expire.
pub(crate) const EXPIRES: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

pub(crate) fn head<'r>(path: &'r str, query: Option<&'r str>) -> Head<'r> {
    Head {
        method: &GET,
        path,
        query,
        headers: &NO_HEADERS,
        peer: IpAddr::from([192, 0, 2, 7]).into(),
        is_tls: false,
        request_id: "id-1",
    }
}

pub(crate) fn ranges(texts: &[&str]) -> AddressRanges {
    let ranges: Vec<_> = texts.iter().map(|text| AddressRange::parse(text).unwrap()).collect();
    AddressRanges::new(&ranges)
}

fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        listen: Box::default(),
        tls: None,
        trusted_proxies: TrustedProxies::default(),
        proxy_protocol: ProxyProtocol::Off,
        client_header: ClientHeader::List(HeaderName::from_static("x-forwarded-for")),
        token_in: [TokenPlace::Bearer, TokenPlace::Header(HeaderName::from_static("x-api-key"))].into(),
        workers: 1,
        drain_delay: second,
        shutdown_grace: second,
        limits: Limits {
            connections: 10,
            connections_per_address: 10,
            header_bytes: 16_384,
            headers: 64,
            body_bytes: 262_144,
            handshake_timeout: second,
            header_timeout: second,
            body_timeout: second,
            write_timeout: second,
            idle_timeout: second,
            h2_streams: 64,
        },
        lockout: None,
        cache: CacheLimits { max_bytes: 1 << 20, max_entry: 1 << 16 },
        self_service: Some("/_gate".into()),
        max_removed: MaxRemoved::Off,
        admin: None,
        log_format: LogFormat::Json,
        seal_key: None,
        audit: "audit.jsonl".into(),
        token_life: TokenLife { default: Duration::from_secs(90 * 86_400), max: None },
    }
}

/// `lead_id`, `country` and `email` are dimensions, `commission` a measure; the backend calls `code` otherwise.
pub(crate) fn catalogue() -> Catalogue {
    let column = |name: &str, request: &str, group: &str| Column {
        name: ColumnName::parse(name).unwrap(),
        title: None,
        request: request.into(),
        response: request.into(),
        group: Some(group.into()),
    };
    Catalogue::new(vec![
        column("lead_id", "lead_id", "dimension"),
        column("country", "country", "dimension"),
        column("code", "TrackingCode", "dimension"),
        column("commission", "commission", "measure"),
        column("email", "email", "dimension"),
    ])
}

pub(crate) fn columns(names: &[&str]) -> Box<[ColumnIndex]> {
    names.iter().map(|name| catalogue().find(name).unwrap()).collect()
}

pub(crate) fn view(names: &[&str]) -> View {
    View::new(&columns(names)).unwrap()
}

pub(crate) fn at(pointer: &str) -> Pointer {
    Pointer::parse(pointer).unwrap()
}

pub(crate) fn text(template: &str) -> JsonTemplate {
    JsonTemplate::Text(Template::parse(template))
}

pub(crate) fn csv() -> ListStyle {
    ListStyle::Csv { separator: ",".into() }
}

/// Every column, in one place.
pub(crate) fn column_slot(place: ColumnPlace) -> ColumnSlot {
    ColumnSlot {
        place,
        takes: columns(&["lead_id", "country", "code", "commission", "email"]),
        hidden: Box::default(),
    }
}

pub(crate) fn scope_slot(place: ScopePlace) -> ScopeSlot {
    ScopeSlot { place, all: None }
}

/// A string parameter.
pub(crate) fn parameter(client: Place, backend: Place, kind: ParameterType) -> Parameter {
    Parameter { client, backend, kind, required: false, default: None, column: None }
}

/// Columns repeat as `_col`, the scope is `affiliate_id`, both in the query.
pub(crate) fn dialect() -> RequestDialect {
    let columns = ColumnPlace::Query { name: "_col".into(), style: ListStyle::Repeat };
    RequestDialect {
        body: BodyKind::None,
        columns: [column_slot(columns.clone())].into(),
        ask: [column_slot(columns)].into(),
        scope: ScopeRule::Slots(
            [scope_slot(ScopePlace::Query { name: "affiliate_id".into(), style: csv() })].into(),
        ),
        sort: Box::default(),
        allow: Box::default(),
        parameters: Box::default(),
        spans: Box::default(),
        set: Box::default(),
        forbid: Box::default(),
        output_parameter: Some("format".into()),
        on_extra_columns: OnExtra::Reject,
        on_unknown_parameter: OnExtra::Reject,
        column_quote: "".into(),
        hidden: Box::default(),
    }
}

pub(crate) fn report() -> Report {
    Report {
        name: ReportName::parse("leads").unwrap(),
        title: None,
        permission: PermissionIndex(0),
        backend: BackendIndex(0),
        path: "/reports/leads".into(),
        methods: Methods { get: true, head: true, post: true },
        backend_path: Template::parse("/legacy/leads.json"),
        backend_method: Method::GET,
        catalogue: catalogue(),
        request: dialect(),
        response: ResponseDialect::new(ResponseFormat::Json(JsonDialect::new(at("/rows")))),
        output: [OutputFormat::Json].into(),
        pass_request_headers: Box::default(),
        pass_response_headers: Box::default(),
        cache: None,
        fingerprint: [0; 32],
    }
}

fn principal(id: &str, scope: ScopeGrant) -> Principal {
    Principal {
        id: PrincipalId::parse(id).unwrap(),
        name: None,
        kind: if scope == ScopeGrant::All { PrincipalKind::Employee } else { PrincipalKind::Ib },
        disabled: id == "off",
        scope,
        allowed_ips: ranges(&["192.0.2.0/24"]),
        rights: Arc::new(Rights {
            permissions: if id == "guest" { [].into() } else { [PermissionIndex(0)].into() },
            views: [(ReportIndex(0), view(&["lead_id", "country", "code", "commission"]))].into(),
            ..Rights::default()
        }),
        credentials: Box::default(),
    }
}

pub(crate) fn ids(ids: &[&str]) -> ScopeGrant {
    ScopeGrant::Ids(ids.iter().map(|id| (*id).into()).collect())
}

pub(crate) fn secret(id: &str) -> String {
    format!("token-of-{id}-000000")
}

pub(crate) fn digest(secret: &str) -> TokenDigest {
    PresentedToken::parse(secret.as_bytes()).unwrap().digest()
}

pub(crate) fn policy() -> Policy {
    policy_of(report())
}

pub(crate) fn policy_of(report: Report) -> Policy {
    let principals = [
        principal("acme", ids(&["1001"])),
        principal("ib", ids(&["1001", "1002"])),
        principal("jane", ScopeGrant::All),
        principal("guest", ids(&["1003"])),
        principal("off", ids(&["1004"])),
    ];
    let token = |(at, principal): (u32, &Principal)| TokenRecord {
        id: TokenId::parse(&format!("id-{}", principal.id)).unwrap(),
        digest: digest(&secret(principal.id.as_str())),
        principal: PrincipalIndex(at),
        expires: Expiry::At(EXPIRES),
        limits: None,
    };
    let second = Duration::from_secs(1);
    let backend = Backend {
        name: BackendName::parse("legacy").unwrap(),
        endpoint: Endpoint {
            url: "http://legacy:8001".into(),
            host: "legacy".into(),
            port: 8001,
            authority: HeaderValue::from_static("legacy:8001"),
        },
        others: Box::default(),
        tls: None,
        http2: false,
        base_path: "/base".into(),
        credential: Credential::default(),
        connect_timeout: second,
        timeout: second,
        body_timeout: second,
        idle_timeout: second,
        max_in_flight: 256,
        queue_timeout: second,
        max_connections: 256,
        health: None,
    };
    Policy {
        settings: settings(),
        backends: [Arc::new(backend)].into(),
        reports: ReportTable::new(vec![report]),
        permissions: [PermissionName::parse("get_leads_report").unwrap()].into(),
        tokens: TokenTable::new((0..).zip(&principals).map(token).collect()),
        principals: principals.into(),
    }
}

/// The permit of a principal, which the test knows to be given.
pub(crate) fn permit<'p>(policy: &'p Policy, id: &str, head: &Head<'_>) -> Permit<'p> {
    let id = PrincipalId::parse(id).unwrap();
    let holder = assume_holder(policy, &id, head, &mut Facts::default()).unwrap();
    authorize(policy, head, holder, &mut Facts::default()).unwrap()
}
