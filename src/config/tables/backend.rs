//! `[backends.NAME]` and credentials: where a backend is, and what it wants to see.

use super::tls;
use super::{Fields, Item, Reader, header_name, keys, name, parameter_name};
use crate::config::problem::Marked;
use crate::config::secret::quoted;
use crate::domain::names::BackendName;
use crate::policy::{Backend, Credential, Endpoint, HealthCheck};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use rustls_pki_types::ServerName;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::Duration;
use toml::de::DeValue;

/// The most hosts that a backend may have.
const MOST_HOSTS: usize = 64;

/// The most requests, and connections, that a backend may be given.
const MOST: usize = 65_536;

/// Reads a backend.
pub(super) fn read(reader: &mut Reader<'_>, at: Marked<&str>, item: Item<'_>) -> Option<Marked<Backend>> {
    let fields = reader.fields(item, &keys::BACKEND);
    let name = name(reader, at, BackendName::parse);
    let fields = fields?;
    let addresses = match fields.get("urls") {
        None => fields.required(reader, "url").and_then(|item| url(reader, item)).map(|only| vec![only]),
        Some(item) => {
            if let Some(url) = fields.get("url") {
                reader.error(url, "stands beside `urls`: name every host there");
            }
            urls(reader, item)
        }
    };
    let credential = credential(reader, &fields);
    let mut timeout = |key, seconds| {
        let read = fields.read(key, |item| reader.duration(item, Duration::from_millis(1)));
        read.unwrap_or(Duration::from_secs(seconds))
    };
    let (connect_timeout, head_timeout) = (timeout("connect_timeout", 2), timeout("timeout", 60));
    let (body_timeout, idle_timeout) = (timeout("body_timeout", 60), timeout("idle_timeout", 4));
    let queue_timeout = timeout("queue_timeout", 1);
    let max_in_flight = fields.read("max_in_flight", |item| reader.count(item, 1..=MOST)).unwrap_or(256);
    let max_connections = fields.read("max_connections", |item| reader.count(item, 1..=MOST));
    let http2 = fields.read("http2", |item| reader.boolean(item)).unwrap_or(false);
    let health = fields.read("health", |item| health(reader, item));
    let is_https = addresses.iter().flatten().any(|address| address.scheme() == Some("https"));
    let tls = if is_https { tls::backend(reader, &fields, http2) } else { None };
    if !is_https && addresses.is_some() {
        fields.refuse(reader, &["ca", "client_certificate"], "is for https backends");
    }
    // A backend that could not be read is still known, so that reports may name it.
    let mut addresses = addresses.unwrap_or_default().into_iter();
    let first = addresses.next().unwrap_or_else(Address::none);
    let backend = Backend {
        name: name?,
        base_path: first.base_path.clone(),
        endpoint: first.endpoint(),
        others: addresses.map(Address::endpoint).collect(),
        tls,
        http2,
        credential,
        connect_timeout,
        timeout: head_timeout,
        body_timeout,
        idle_timeout,
        max_in_flight,
        queue_timeout,
        max_connections: max_connections.unwrap_or(256),
        health,
    };
    Some(Marked { value: backend, mark: at.mark })
}

struct Address {
    url: Box<str>,
    host: Box<str>,
    port: u16,
    authority: HeaderValue,
    base_path: Box<str>,
}

impl Address {
    fn scheme(&self) -> Option<&str> {
        self.url.split_once("://").map(|(scheme, _)| scheme)
    }

    fn endpoint(self) -> Endpoint {
        Endpoint { url: self.url, host: self.host, port: self.port, authority: self.authority }
    }

    fn none() -> Self {
        let authority = HeaderValue::from_static("unknown");
        Self { url: "".into(), host: "".into(), port: 0, authority, base_path: "".into() }
    }
}

/// Reads several URLs, all with the same scheme and path.
fn urls(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Vec<Address>> {
    let items = reader.list(item)?;
    if items.is_empty() || items.len() > MOST_HOSTS {
        reader.error(item, format!("expected 1 to {MOST_HOSTS} URLs"));
        return None;
    }
    let mut addresses: Vec<Address> = Vec::with_capacity(items.len());
    for item in items {
        let Some(address) = url(reader, item) else { continue };
        if let Some(first) = addresses.first()
            && (first.scheme(), &first.base_path) != (address.scheme(), &address.base_path)
        {
            reader.error(
                item,
                format!("has another scheme or path than {}: all hosts have the same", quoted(&first.url)),
            );
        }
        if addresses.iter().any(|other| other.host == address.host && other.port == address.port) {
            reader.error(item, "this host stands twice in this list");
        }
        addresses.push(address);
    }
    Some(addresses)
}

/// Reads how the hosts of a backend are checked.
fn health(reader: &mut Reader<'_>, item: Item<'_>) -> Option<HealthCheck> {
    let fields = reader.fields(item, &keys::HEALTH)?;
    let path = fields.required(reader, "path").and_then(|item| reader.parsed(item, health_path));
    let every = fields.read("every", |item| reader.duration(item, Duration::from_millis(100)));
    Some(HealthCheck { path: path?, every: every.unwrap_or(Duration::from_secs(5)) })
}

/// Reads a path with its query, as it will be sent.
fn health_path(text: &str) -> Result<Box<str>, &'static str> {
    const EXPECTED: &str = "expected a path such as \"/health\"";
    let (path, _) = text.split_once('?').unwrap_or((text, ""));
    super::report::plain_path(path)?;
    let sent = PathAndQuery::try_from(text).map_err(|_| EXPECTED)?;
    if sent.as_str() == text { Ok(text.into()) } else { Err(EXPECTED) }
}

/// Reads a URL; one that may hold a secret is in no message.
fn url(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Address> {
    if reader.text(item)?.contains(['@', '?', '#']) {
        reader.error(item, "credentials and a query do not belong in the URL; use `headers` or `query`");
        return None;
    }
    reader.parsed(item, address)
}

/// Reads `http://HOST[:PORT][/PATH]`, or the same with `https`.
fn address(text: &str) -> Result<Address, &'static str> {
    const EXPECTED: &str = "expected http://HOST or https://HOST, with or without a port and a path";
    let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
    let usual_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(EXPECTED),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(at).ok_or(EXPECTED)?;
    let (host, port) = host_and_port(authority, usual_port).ok_or(EXPECTED)?;
    if usual_port == 443 && ServerName::try_from(host).is_err() {
        return Err("no certificate can name this host");
    }
    let base_path = path.trim_end_matches('/');
    if !base_path.is_empty() {
        super::report::plain_path(base_path)?;
    }
    let in_brackets = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let authority = if port == usual_port { in_brackets } else { format!("{in_brackets}:{port}") };
    Ok(Address {
        url: text.into(),
        host: host.into(),
        port,
        authority: HeaderValue::try_from(authority).map_err(|_| EXPECTED)?,
        base_path: base_path.into(),
    })
}

fn host_and_port(authority: &str, usual_port: u16) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if port.is_empty() { usual_port } else { port_number(port.strip_prefix(':')?)? };
        return Some((host, port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port_number(port)?),
        None => (authority, usual_port),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let valid = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
    valid.then_some((host, port))
}

fn port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Reads the `headers` and `query` of a backend or of a principal's own credentials.
pub(super) fn credential(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Credential {
    let headers = fields.read("headers", |item| {
        secrets(reader, item, |name| header_name(name).map_err(ToOwned::to_owned), header_value)
    });
    let query = fields.read("query", |item| {
        secrets(
            reader,
            item,
            |name| parameter_name(name).map_err(ToOwned::to_owned),
            |text| Some(text.into()),
        )
    });
    Credential { headers: headers.unwrap_or_default(), query: query.unwrap_or_default() }
}

fn header_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn secrets<N: PartialEq, V>(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    parse_name: impl Fn(&str) -> Result<N, String>,
    parse_value: impl Fn(&str) -> Option<V>,
) -> Option<Box<[(N, V)]>> {
    let mut pairs: Vec<(N, V)> = Vec::new();
    for entry in reader.table(item)? {
        let name = match parse_name(entry.key) {
            Ok(name) => name,
            Err(error) => {
                reader.problems.error(entry.mark, format!("{}: {error}", quoted(entry.key)));
                continue;
            }
        };
        let Some(text) = secret(reader, entry.item) else { continue };
        if pairs.iter().any(|(other, _)| *other == name) {
            reader.problems.error(entry.mark, format!("{} stands twice", quoted(entry.key)));
        }
        match parse_value(&text) {
            Some(value) if !text.is_empty() => pairs.push((name, value)),
            Some(_) => {
                reader.problems.error(entry.mark, format!("the secret of {} is empty", quoted(entry.key)))
            }
            None => {
                let message =
                    format!("the secret of {} holds characters that a header cannot", quoted(entry.key));
                reader.problems.error(entry.mark, message);
            }
        }
    }
    Some(pairs.into())
}

/// Reads a secret: a literal, `{ env = "NAME" }` or `{ file = "PATH" }`. No message shows its value.
pub(super) fn secret(reader: &mut Reader<'_>, item: Item<'_>) -> Option<String> {
    if let DeValue::String(text) = item.get_ref() {
        return Some(text.clone().into_owned());
    }
    let DeValue::Table(_) = item.get_ref() else {
        reader.wrong_type(item, "a string, { env = \"NAME\" } or { file = \"PATH\" }");
        return None;
    };
    let fields = reader.fields(item, &keys::SECRET)?;
    match (fields.get("env"), fields.get("file")) {
        (Some(name), None) => {
            let name = reader.filled(name)?;
            let value = environment(name);
            if value.is_none() {
                reader.error(
                    item,
                    format!("the environment variable {} is not set, or is no text", quoted(name)),
                );
            }
            value
        }
        (None, Some(path)) => {
            let path = reader.filled(path)?;
            let path = reader.folder.join(Path::new(path));
            match reader.sources.read_secret(&path) {
                Ok(text) => Some(text),
                Err(error) => {
                    let name = path.display().to_string();
                    reader.error(item, format!("the file {} cannot be read: {error}", quoted(&name)));
                    None
                }
            }
        }
        (Some(_), Some(_)) | (None, None) => {
            if !fields.has_unknown() {
                reader.error(item, "expected either `env` or `file`");
            }
            None
        }
    }
}

fn environment(name: &str) -> Option<String> {
    // `var` panics on none of these, but the names it cannot look up are worth no system call.
    if name.contains(['=', '\0']) {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "this is the secret reader of the config")]
    let value = std::env::var(name);
    value.ok()
}

/// A principal's own credential over a backend's: its headers and parameters replace those of the same name.
pub(in crate::config) fn merged(own: &Credential, backend: &Credential) -> Credential {
    let kept = backend.headers.iter().filter(|(name, _)| own.headers.iter().all(|(other, _)| other != name));
    let headers: Vec<(HeaderName, HeaderValue)> = kept.chain(own.headers.iter()).cloned().collect();
    let kept = backend.query.iter().filter(|(name, _)| own.query.iter().all(|(other, _)| other != name));
    let query: Vec<(Box<str>, Box<str>)> = kept.chain(own.query.iter()).cloned().collect();
    Credential { headers: headers.into(), query: query.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        #[rustfmt::skip]
        let cases = [
            ("http://127.0.0.1:8001", Some(("127.0.0.1", 8001, "127.0.0.1:8001", ""))),
            ("http://legacy", Some(("legacy", 80, "legacy", ""))),
            ("http://legacy:80/", Some(("legacy", 80, "legacy", ""))),
            ("http://[::1]:8001/api/", Some(("::1", 8001, "[::1]:8001", "/api"))),
            ("http://[::1]", Some(("::1", 80, "[::1]", ""))),
            ("https://legacy", Some(("legacy", 443, "legacy", ""))),
            ("https://legacy:443/a", Some(("legacy", 443, "legacy", "/a"))),
            ("https://[::1]", Some(("::1", 443, "[::1]", ""))),
            ("https://legacy:80", Some(("legacy", 80, "legacy:80", ""))),
            ("https://a_b.example", Some(("a_b.example", 443, "a_b.example", ""))),
            ("https://-", None), ("ftp://legacy", None), ("HTTPS://legacy", None), ("legacy:80", None), ("http://", None), ("http://u:p@legacy", None), ("http://legacy:0", None),
            ("http://legacy:65536", None), ("http://legacy:+1", None), ("http://a b", None), ("http://legacy?x", None),
            ("http://legacy/a/../b", None), ("http://legacy/a?x", None), ("http://[::1", None), ("http://legacy:", None),
        ];
        for (text, expected) in cases {
            let found = address(text).ok();
            let found =
                found.as_ref().map(|a| (&*a.host, a.port, a.authority.to_str().unwrap(), &*a.base_path));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn own_credentials_replace_those_of_the_backend() {
        let pair =
            |n: &'static str, v: &'static str| (HeaderName::from_static(n), HeaderValue::from_static(v));
        let own = Credential { headers: [pair("a", "1")].into(), query: [("q".into(), "1".into())].into() };
        let backend = Credential {
            headers: [pair("a", "2"), pair("b", "2")].into(),
            query: [("r".into(), "2".into())].into(),
        };
        let both = merged(&own, &backend);
        assert_eq!(*both.headers, [pair("b", "2"), pair("a", "1")]);
        assert_eq!(both.query.len(), 2);
    }
}
