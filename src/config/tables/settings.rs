//! `[server]`, `[reload]`, `[admin]` and `[log]`: only in the main file.

use super::address;
use super::backend::secret;
use super::rate;
use super::report::plain_path;
use super::tls;
use super::{Fields, Item, Reader, header_name, keys, parameter_name};
use crate::config::problem::{Mark, Marked};
use crate::config::units;
use crate::domain::rate::{RateLimit, RatePeriod};
use crate::domain::spelling::{fold, fold_header};
use crate::policy::{
    Admin, CacheLimits, ClientHeader, Limits, ListenAddress, Lockout, LogFormat, MaxRemoved, ProxyProtocol,
    SealKey, ServerTls, Settings, TokenLife, TokenPlace, TrustedProxies,
};
use http::HeaderName;
use http::header::AUTHORIZATION;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long the path of a unix socket is at most, in bytes (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// The gate keeps the time of each failure.
const MAX_FAILURES: usize = 1_000;

const DAY: Duration = Duration::from_secs(86_400);

/// Settings, with the places that `check` may have to name.
pub(in crate::config) struct RawSettings {
    pub(in crate::config) settings: Settings,
    /// What principals may send whose role says nothing; `None`: any number of requests.
    pub(in crate::config) rate_limit: Option<RateLimit>,
    /// Where `shutdown_grace` or `[server]` stands.
    pub(in crate::config) grace: Option<Mark>,
    /// Certificates of listeners.
    pub(in crate::config) certificates: Vec<Marked<ServerTls>>,
}

impl Default for RawSettings {
    fn default() -> Self {
        let settings = Settings {
            listen: [ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 8080).into())].into(),
            tls: None,
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: ProxyProtocol::Off,
            client_header: ClientHeader::List(HeaderName::from_static("x-forwarded-for")),
            token_in: [TokenPlace::Bearer, TokenPlace::Header(HeaderName::from_static("x-api-key"))].into(),
            workers: 0,
            drain_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(90),
            limits: Limits {
                connections: 10_000,
                connections_per_address: 1_000,
                header_bytes: 16 << 10,
                headers: 64,
                body_bytes: 256 << 10,
                handshake_timeout: Duration::from_secs(5),
                header_timeout: Duration::from_secs(10),
                body_timeout: Duration::from_secs(30),
                write_timeout: Duration::from_secs(30),
                idle_timeout: Duration::from_secs(75),
                h2_streams: 64,
            },
            lockout: Some(Lockout {
                failures: 20,
                within: Duration::from_secs(60),
                duration: Duration::from_secs(300),
            }),
            cache: CacheLimits { max_bytes: 256 << 20, max_entry: 8 << 20 },
            self_service: Some("/_gate".into()),
            max_removed: MaxRemoved::Percent(50.0),
            admin: None,
            log_format: LogFormat::Json,
            seal_key: None,
            audit: "audit.jsonl".into(),
            token_life: TokenLife { default: 90 * DAY, max: None },
        };
        let rate_limit = RateLimit::new(300, RatePeriod::Minute, 300);
        Self { settings, rate_limit, grace: None, certificates: Vec::new() }
    }
}

impl RawSettings {
    /// Reads what the main file says.
    pub(in crate::config) fn read(&mut self, reader: &mut Reader<'_>, file: &Fields<'_>) {
        if let Some(fields) = file.read("server", |item| reader.fields(item, &keys::SERVER)) {
            self.read_server(reader, &fields);
        }
        let settings = &mut self.settings;
        if let Some(fields) = file.read("reload", |item| reader.fields(item, &keys::RELOAD)) {
            let read = fields.read("max_removed", |item| reader.parsed(item, max_removed));
            settings.max_removed = read.unwrap_or(settings.max_removed);
        }
        if let Some(fields) = file.read("cache", |item| reader.fields(item, &keys::CACHE)) {
            read_cache(reader, &fields, &mut settings.cache);
        }
        if let Some(fields) = file.read("log", |item| reader.fields(item, &keys::LOG)) {
            let words = [("json", LogFormat::Json), ("text", LogFormat::Text)];
            let read = fields.read("format", |item| reader.choice(item, &words));
            settings.log_format = read.unwrap_or(settings.log_format);
            if let Some(audit) = fields.read("audit", |item| reader.filled(item)) {
                settings.audit = audit.into();
            }
        }
        if let Some(fields) = file.read("defaults", |item| reader.fields(item, &keys::DEFAULTS)) {
            token_life(reader, &fields, &mut settings.token_life);
            let read = fields.read("rate_limit", |item| rate::rate(reader, item));
            self.rate_limit = read.map_or(self.rate_limit, rate::Rate::limit);
        }
        if let Some(fields) = file.read("admin", |item| reader.fields(item, &keys::ADMIN)) {
            settings.admin = admin(reader, &fields, &settings.listen);
            let tls = settings.admin.as_ref().and_then(|admin| admin.tls.as_ref());
            if let Some(item) = fields.get("tls") {
                self.certificates.extend(marked(reader, item, tls));
            }
        }
    }

    fn read_server(&mut self, reader: &mut Reader<'_>, fields: &Fields<'_>) {
        let settings = &mut self.settings;
        if let Some(item) = fields.get("listen") {
            let read = reader.entries(item, listen);
            settings.listen = not_empty(reader, item, read).unwrap_or_default();
        }
        if let Some(proxies) = fields.read("trusted_proxies", |item| address::proxies(reader, item)) {
            settings.trusted_proxies = proxies;
        }
        if let Some(item) = fields.get("proxy_protocol") {
            let words = [("off", ProxyProtocol::Off), ("required", ProxyProtocol::Required)];
            settings.proxy_protocol = reader.choice(item, &words).unwrap_or(settings.proxy_protocol);
            if settings.proxy_protocol == ProxyProtocol::Required && settings.trusted_proxies.is_empty() {
                reader.error(
                    item,
                    "PROXY headers come from `trusted_proxies`, and there are none: nobody could connect",
                );
            }
        }
        if let Some(header) = fields.read("client_header", |item| reader.parsed(item, client_header)) {
            if let Some(item) = fields.get("client_header")
                && settings.trusted_proxies.is_empty()
            {
                let at = reader.at(item);
                reader.problems.warning(at, "is read from `trusted_proxies` only, and there are none");
            }
            settings.client_header = header;
        }
        if let Some(item) = fields.get("token_in") {
            settings.token_in = token_in(reader, item).unwrap_or_default();
        }
        refuse_tokens_of_proxies(reader, fields, settings);
        let least = Duration::ZERO;
        let read = fields.read("workers", |item| reader.count(item, 0..=1024));
        settings.workers = read.unwrap_or(settings.workers);
        let read = fields.read("drain_delay", |item| reader.duration(item, least));
        settings.drain_delay = read.unwrap_or(settings.drain_delay);
        let read = fields.read("shutdown_grace", |item| reader.duration(item, least));
        settings.shutdown_grace = read.unwrap_or(settings.shutdown_grace);
        if let Some(item) = fields.get("tls") {
            settings.tls = tls::listener(reader, item, &tls::SERVED);
            self.certificates.extend(marked(reader, item, settings.tls.as_ref()));
        }
        settings.seal_key = fields.read("seal_key", |item| seal_key(reader, item));
        if let Some(path) = fields.read("self_service", |item| reader.parsed(item, self_service)) {
            settings.self_service = path;
        }
        if let Some(lockout) = fields.get("lockout") {
            settings.lockout = read_lockout(reader, lockout, settings.lockout);
        }
        let grace = fields.get("shutdown_grace").map(|item| reader.at(item));
        self.grace = Some(grace.unwrap_or(fields.at));
        if let Some(fields) = fields.read("limits", |item| reader.fields(item, &keys::LIMITS)) {
            read_limits(reader, &fields, &mut settings.limits);
        }
    }
}

fn marked(reader: &Reader<'_>, item: Item<'_>, tls: Option<&ServerTls>) -> Option<Marked<ServerTls>> {
    tls.map(|tls| Marked { value: tls.clone(), mark: reader.at(item) })
}

/// The path of the holders' own endpoints; an empty text is none.
fn self_service(text: &str) -> Result<Option<Box<str>>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    plain_path(text)?;
    if text.ends_with('/') {
        return Err(
            "expected a path with something behind its last /, such as /_gate; \"\" switches them off",
        );
    }
    Ok(Some(text.into()))
}

fn seal_key(reader: &mut Reader<'_>, item: Item<'_>) -> Option<SealKey> {
    let key = SealKey::new(secret(reader, item)?.as_bytes());
    if key.is_none() {
        let least = SealKey::MIN_BYTES;
        reader
            .error(item, format!("a seal key has at least {least} bytes; `openssl rand -hex 32` makes one"));
    }
    key
}

/// Refuses that clients put their tokens where proxies name the client.
fn refuse_tokens_of_proxies(reader: &mut Reader<'_>, fields: &Fields<'_>, settings: &Settings) {
    let ClientHeader::List(name) = &settings.client_header else { return };
    let holds_token = settings.token_in.iter().any(|place| match place {
        TokenPlace::Bearer => *name == AUTHORIZATION,
        TokenPlace::Header(own) => fold_header(own) == fold_header(name),
        TokenPlace::Query(_) => false,
    });
    if let Some(item) = fields.get("client_header").filter(|_| holds_token) {
        reader.error(item, "a token may stand in this header (`token_in`)");
    }
}

fn read_limits(reader: &mut Reader<'_>, fields: &Fields<'_>, limits: &mut Limits) {
    let counts = [
        ("connections", &mut limits.connections, 1..=10_000_000),
        ("connections_per_address", &mut limits.connections_per_address, 1..=10_000_000),
        ("headers", &mut limits.headers, 1..=1_000),
    ];
    for (key, limit, range) in counts {
        *limit = fields.read(key, |item| reader.count(item, range)).unwrap_or(*limit);
    }
    let streams = fields.read("h2_streams", |item| reader.count(item, 1..=10_000));
    if let Some(streams) = streams.and_then(|streams| u32::try_from(streams).ok()) {
        limits.h2_streams = streams;
    }
    let sizes = [
        ("header_bytes", &mut limits.header_bytes, 1 << 10..=1 << 20),
        ("body_bytes", &mut limits.body_bytes, 0..=1 << 30),
    ];
    for (key, limit, range) in sizes {
        *limit = fields.read(key, |item| reader.size(item, range)).unwrap_or(*limit);
    }
    let timeouts = [
        ("handshake_timeout", &mut limits.handshake_timeout),
        ("header_timeout", &mut limits.header_timeout),
        ("body_timeout", &mut limits.body_timeout),
        ("write_timeout", &mut limits.write_timeout),
        ("idle_timeout", &mut limits.idle_timeout),
    ];
    for (key, limit) in timeouts {
        let read = fields.read(key, |item| reader.duration(item, Duration::from_millis(1)));
        *limit = read.unwrap_or(*limit);
    }
}

/// When addresses are locked out: a table, whose keys that are left out stay as in `default`, or "off".
fn read_lockout(reader: &mut Reader<'_>, item: Item<'_>, default: Option<Lockout>) -> Option<Lockout> {
    if item.get_ref().as_str().is_some() {
        reader.choice(item, &[("off", ())]);
        return None;
    }
    let fields = reader.fields(item, &keys::LOCKOUT)?;
    let mut lockout = default?;
    let failures = fields.read("failures", |item| reader.count(item, 1..=MAX_FAILURES));
    lockout.failures = failures.and_then(|count| u32::try_from(count).ok()).unwrap_or(lockout.failures);
    for (key, duration) in [("within", &mut lockout.within), ("for", &mut lockout.duration)] {
        let read = fields.read(key, |item| reader.duration(item, Duration::from_millis(1)));
        *duration = read.unwrap_or(*duration);
    }
    Some(lockout)
}

fn read_cache(reader: &mut Reader<'_>, fields: &Fields<'_>, cache: &mut CacheLimits) {
    let max_bytes = fields.read("max_bytes", |item| reader.size(item, 0..=1 << 40));
    let max_entry = fields.read("max_entry", |item| reader.size(item, 1..=1 << 30));
    let max_bytes = max_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(cache.max_bytes);
    let most = CacheLimits::max_entry_of(max_bytes);
    if let (Some(item), Some(max_entry)) = (fields.get("max_entry"), max_entry)
        && max_bytes > 0
        && max_entry > most
    {
        reader.error(item, format!("is more than a quarter of `max_bytes`, {most}B"));
    }
    *cache = CacheLimits { max_bytes, max_entry: max_entry.unwrap_or(cache.max_entry).min(most) };
}

fn admin(reader: &mut Reader<'_>, fields: &Fields<'_>, servers: &[ListenAddress]) -> Option<Admin> {
    let item = fields.required(reader, "listen");
    let listen = item.and_then(|item| listen(reader, item));
    let hosts = fields.read("hosts", |item| reader.entries(item, |reader, item| reader.parsed(item, host)));
    let allowed_ips = fields.read("allowed_ips", |item| address::ranges(reader, item)).unwrap_or_default();
    let (item, listen) = (item?, listen?);
    match (&listen, fields.get("allowed_ips")) {
        (ListenAddress::Tcp(listen), _) if !listen.ip().is_loopback() && allowed_ips.is_empty() => {
            reader.error(item, "not a loopback address: `allowed_ips` must say who may connect");
        }
        (ListenAddress::Unix(_), Some(allowed)) => {
            reader.error(
                allowed,
                "whoever comes by a unix socket has no address: its file's owner and group may connect",
            );
        }
        (ListenAddress::Tcp(_) | ListenAddress::Unix(_), _) => {}
    }
    if servers.iter().any(|server| shared(server, &listen)) {
        reader.error(item, "[server] listens here: the admin endpoints need an address of their own");
    }
    let tls = fields.read("tls", |item| tls::listener(reader, item, &[b"http/1.1"]));
    let hosts = hosts.unwrap_or_default().into_iter().map(|host| host.value).collect();
    Some(Admin { listen, tls, hosts, allowed_ips })
}

/// Whether one of two listeners would get the connections of the other.
fn shared(one: &ListenAddress, other: &ListenAddress) -> bool {
    match (one, other) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => {
            let every = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port() && one.port() != 0 && (every || one.ip() == other.ip())
        }
        (one, other) => one == other,
    }
}

fn token_in(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Box<[TokenPlace]>> {
    let mut seen = std::collections::HashSet::new();
    let mut places = Vec::new();
    for item in reader.list(item)? {
        let Some(place) = reader.parsed(item, token_place) else { continue };
        let key = match &place {
            TokenPlace::Bearer => AUTHORIZATION.to_string(),
            TokenPlace::Header(name) => fold_header(name),
            TokenPlace::Query(name) => format!("?{}", fold(name)),
        };
        if seen.insert(key) {
            places.push(place);
        } else {
            reader.error(item, "a token would be read twice from this place");
        }
    }
    if places.is_empty() {
        reader.error(item, "is empty, so nobody could present a token");
    }
    Some(places.into())
}

fn token_place(text: &str) -> Result<TokenPlace, String> {
    if text == "bearer" {
        return Ok(TokenPlace::Bearer);
    }
    if let Some(name) = text.strip_prefix("header:") {
        return Ok(TokenPlace::Header(header_name(name)?));
    }
    if let Some(name) = text.strip_prefix("query:") {
        return Ok(TokenPlace::Query(parameter_name(name)?));
    }
    Err("expected \"bearer\", \"header:NAME\" or \"query:NAME\"".to_owned())
}

fn client_header(text: &str) -> Result<ClientHeader, &'static str> {
    let name = HeaderName::try_from(text).map_err(|_| "expected a header name (RFC 9110)")?;
    if name == http::header::FORWARDED {
        return Ok(ClientHeader::Forwarded);
    }
    Ok(ClientHeader::List(name))
}

fn max_removed(text: &str) -> Result<MaxRemoved, &'static str> {
    if text == "off" { Ok(MaxRemoved::Off) } else { units::percent(text).map(MaxRemoved::Percent) }
}

/// Reads where to listen; the path of a unix socket starts at the file that names it.
fn listen(reader: &mut Reader<'_>, item: Item<'_>) -> Option<ListenAddress> {
    let Some(path) = reader.text(item)?.strip_prefix("unix:") else {
        return reader.parsed(item, |text| socket(text).map(ListenAddress::Tcp));
    };
    let path = reader.folder.join(path);
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        reader.error(item, format!("the path of a unix socket has at most {MAX_SOCKET_PATH} bytes"));
        return None;
    }
    if path.file_name().is_none() || path.is_dir() {
        reader.error(item, "expected unix:PATH, such as unix:/run/reportgate.sock");
        return None;
    }
    Some(ListenAddress::Unix(path))
}

fn socket(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::]:8080, or unix:PATH")
}

fn host(text: &str) -> Result<Box<str>, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if text.is_empty() || text.len() > 253 || !text.bytes().all(plain) {
        return Err("expected a host name without a port");
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err("IP literals are always answered");
    }
    Ok(text.to_ascii_lowercase().into())
}

fn not_empty<T>(reader: &mut Reader<'_>, item: Item<'_>, read: Option<Vec<Marked<T>>>) -> Option<Box<[T]>> {
    if item.get_ref().as_array().is_some_and(|items| items.is_empty()) {
        reader.error(item, "is empty");
    }
    Some(read?.into_iter().map(|entry| entry.value).collect())
}

fn token_life(reader: &mut Reader<'_>, fields: &Fields<'_>, life: &mut TokenLife) {
    let mut days = |key| {
        let item = fields.get(key)?;
        let read = reader.parsed(item, units::duration)?;
        if read < DAY {
            reader.error(item, "expected at least one day");
        }
        Some((item, read))
    };
    let (default, max) = (days("token_ttl"), days("max_token_ttl"));
    life.max = max.map(|(_, max)| max);
    match (default, life.max) {
        (Some((item, default)), Some(max)) if default > max => {
            reader.error(item, "is longer than `max_token_ttl`");
        }
        (Some((_, default)), _) => life.default = default,
        (None, Some(max)) => life.default = life.default.min(max),
        (None, None) => {}
    }
}
