//! What is allowed: principals, tokens, reports and backends, immutable and indexed.
//!
//! Floor 2. Built by `config`, read by everything above. It knows no files, sockets
//! or HTTP messages, and parses no text.

mod backend;
mod grant;
mod principal;
mod report;
mod settings;
mod snapshot;
mod tls;

pub use backend::{Backend, BackendIndex, Credential, Endpoint, HealthCheck};
pub use grant::{Grant, GrantKey, Grants};
pub use principal::{
    Ids, PermissionIndex, Principal, PrincipalIndex, PrincipalKind, RateSource, Rights, ScopeGrant,
    TokenLimits, TokenRecord, TokenTable, Views,
};
pub use report::{CacheRule, Methods, Report, ReportIndex, ReportTable};
pub use settings::{
    Admin, CacheLimits, ClientHeader, Limits, ListenAddress, Lockout, LogFormat, MaxRemoved, ProxyProtocol,
    SealKey, Settings, TokenLife, TokenPlace, TrustedProxies,
};
pub use snapshot::{Policy, PolicyReader, PolicyWriter, Snapshot, policies};
pub use tls::{ClientTls, ServerTls, crypto_provider};
