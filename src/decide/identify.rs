//! Who the client is: the peer, or the right-most hop that is not a trusted proxy.
//!
//! `X-Forwarded-For` and its like are lists of addresses; `Forwarded` is RFC 7239. The header of a
//! peer that is not trusted is not read. A hop that is needed and cannot be read refuses the request.

use super::Head;
use super::denial::Denial;
use crate::domain::address::Peer;
use crate::domain::code::Code;
use crate::policy::{ClientHeader, Settings};
use http::HeaderName;
use http::header::FORWARDED;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many hops are read.
const MAX_HOPS: usize = 16;

/// The address a request really comes from, in canonical form; only from [`identify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientAddr(Peer);

impl ClientAddr {
    pub(super) fn peer(self) -> Peer {
        self.0
    }
}

/// The client behind trusted proxies.
pub(super) fn identify(head: &Head<'_>, settings: &Settings) -> Result<ClientAddr, Denial> {
    let peer = head.peer;
    if !settings.trusted_proxies.contains(peer) {
        return Ok(ClientAddr(peer));
    }
    let hops = match &settings.client_header {
        ClientHeader::List(name) => lines(head, name)?.map(|lines| list(&lines)),
        ClientHeader::Forwarded => lines(head, &FORWARDED)?.map(|lines| forwarded(&lines)).transpose()?,
    };
    let Some(hops) = hops else { return Ok(ClientAddr(peer)) };
    if hops.len() > MAX_HOPS {
        return Err(invalid("names more than 16 hops"));
    }
    let mut client = peer;
    for hop in hops.iter().rev() {
        client = hop.ok_or_else(|| invalid("names a hop that is not an address"))?.into();
        if !settings.trusted_proxies.contains(client) {
            break;
        }
    }
    Ok(ClientAddr(client))
}

fn invalid(what: &str) -> Denial {
    Denial::new(Code::ForwardedInvalid, format!("the header that names the client {what}"))
}

/// All lines of a header as the one list they are (RFC 9110 section 5.3); `None` when there is none.
fn lines(head: &Head<'_>, name: &HeaderName) -> Result<Option<String>, Denial> {
    let mut joined: Option<String> = None;
    for line in head.headers.get_all(name) {
        let line = line.to_str().map_err(|_| invalid("is not plain ASCII"))?;
        match &mut joined {
            None => joined = Some(line.to_owned()),
            Some(before) => {
                before.push(',');
                before.push_str(line);
            }
        }
    }
    Ok(joined)
}

/// The hops of a plain list, at most one more than are allowed; `None` for one that cannot be read.
fn list(text: &str) -> Vec<Option<IpAddr>> {
    text.split(',')
        .take(MAX_HOPS + 1)
        .map(|entry| address(entry.trim_matches([' ', '\t']), is_port))
        .collect()
}

fn is_port(text: &str) -> bool {
    matches!(text.len(), 1..=5) && text.bytes().all(|b| b.is_ascii_digit())
}

/// A port, or the name that hides one (RFC 7239 section 6.2).
fn is_node_port(text: &str) -> bool {
    let named = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    is_port(text) || text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(named))
}

/// An address, with or without a port; IPv6 with a port in brackets.
fn address(text: &str, is_port: fn(&str) -> bool) -> Option<IpAddr> {
    let ip = if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let port_ok = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        port_ok.then(|| inside.parse::<Ipv6Addr>().ok())?.map(IpAddr::V6)?
    } else if let Some((before, port)) = text.split_once(':').filter(|(_, port)| !port.contains(':')) {
        is_port(port).then(|| before.parse::<Ipv4Addr>().ok())?.map(IpAddr::V4)?
    } else {
        text.parse().ok()?
    };
    Some(ip.to_canonical())
}

/// The `for` of every element of a `Forwarded` list (RFC 7239 section 4), `None` where there is no address.
fn forwarded(text: &str) -> Result<Vec<Option<IpAddr>>, Denial> {
    let mut hops = Vec::new();
    let mut rest = text;
    loop {
        let (hop, after) = element(rest).ok_or_else(|| invalid("is not as RFC 7239 writes it"))?;
        hops.push(hop);
        match after {
            Some(after) if hops.len() <= MAX_HOPS => rest = after,
            Some(_) | None => return Ok(hops),
        }
    }
}

/// Reads `name=value;name=value` up to a comma: its hop, and what stands behind the comma.
fn element(text: &str) -> Option<(Option<IpAddr>, Option<&str>)> {
    let mut hop = None;
    let mut seen = false;
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, after) = value(after)?;
        if name.eq_ignore_ascii_case("for") {
            if seen {
                return None;
            }
            seen = true;
            hop = address(&value, is_node_port);
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.split_at_checked(1) {
            None => return Some((hop, None)),
            Some((",", after)) => return Some((hop, Some(after))),
            Some((";", after)) => rest = after,
            Some(_) => return None,
        }
    }
}

/// A token or quoted string (RFC 9110 section 5.6) and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // An IPv6 address or a port must be quoted, but many proxies write them bare.
        let end = text.find(|c: char| !c.is_ascii() || !(is_token_char(c) || "[]:".contains(c)));
        let (token, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        return (!token.is_empty()).then(|| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_token_char(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture;
    use crate::domain::address::{AddressRange, AddressRanges};
    use http::HeaderMap;
    use proptest::prelude::*;

    fn seen(header: &ClientHeader, peer: &str, lines: &[&str]) -> String {
        let mut settings = fixture::policy().settings;
        let trusted: Vec<_> = ["10.0.0.0/8", "fd00::/8"].map(|t| AddressRange::parse(t).unwrap()).into();
        settings.trusted_proxies.ranges = AddressRanges::new(&trusted);
        settings.client_header = header.clone();
        let name = match header {
            ClientHeader::List(name) => name.clone(),
            ClientHeader::Forwarded => FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let peer = peer.parse::<IpAddr>().unwrap().into();
        let head = Head { headers: &headers, peer, ..fixture::head("/", None) };
        identify(&head, &settings).map_or_else(|d| d.code.as_str().to_owned(), |client| client.0.to_string())
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        let sixteen = "1.1.1.1,".repeat(15) + "192.0.2.1";
        let seventeen = "1.1.1.1,".repeat(16) + "192.0.2.1";
        #[rustfmt::skip]
        let cases: [(&str, &str, &[&str], &str); 26] = [
            ("peers that are not trusted speak for themselves", "203.0.113.9", &["192.0.2.1"], "203.0.113.9"),
            ("no header: the peer", "10.0.0.1", &[], "10.0.0.1"),
            ("mapped peers are canonical", "::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("mapped and not trusted", "::ffff:203.0.113.9", &["192.0.2.1"], "203.0.113.9"),
            ("one hop", "10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("the left is the client's own word", "10.0.0.1", &["1.2.3.4, 192.0.2.1"], "192.0.2.1"),
            ("trusted hops are stepped over", "10.0.0.1", &["192.0.2.1, 10.0.0.2,10.0.0.3"], "192.0.2.1"),
            ("all trusted: the left-most", "10.0.0.1", &["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
            ("lines are one list", "10.0.0.1", &["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            ("ports", "10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("IPv6", "10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("IPv6 in brackets", "10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("IPv6 with a port", "10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("mapped hops are canonical", "10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("garbage on the left is not needed", "10.0.0.1", &["<script>, 192.0.2.1"], "192.0.2.1"),
            ("garbage that is needed", "10.0.0.1", &["192.0.2.1, x"], "forwarded_invalid"),
            ("garbage behind a trusted hop", "10.0.0.1", &["x, 10.0.0.2"], "forwarded_invalid"),
            ("leading zeros have two readings", "10.0.0.1", &["010.1.1.1"], "forwarded_invalid"),
            ("an empty entry", "10.0.0.1", &["192.0.2.1,"], "forwarded_invalid"),
            ("an empty header", "10.0.0.1", &[""], "forwarded_invalid"),
            ("a zone", "10.0.0.1", &["fe80::1%1"], "forwarded_invalid"),
            ("a bare port", "10.0.0.1", &["192.0.2.1:"], "forwarded_invalid"),
            ("a port in words", "10.0.0.1", &["192.0.2.1:_x10.0.0.1"], "forwarded_invalid"),
            ("not ASCII", "10.0.0.1", &["ä, 192.0.2.1"], "forwarded_invalid"),
            ("sixteen hops", "10.0.0.1", &[&sixteen], "192.0.2.1"),
            ("seventeen hops", "10.0.0.1", &[&seventeen], "forwarded_invalid"),
        ];
        let list = ClientHeader::List(HeaderName::from_static("x-forwarded-for"));
        for (rule, peer, lines, expected) in cases {
            assert_eq!(seen(&list, peer, lines), expected, "{rule}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let sixteen = "for=1.1.1.1,".repeat(15) + "for=192.0.2.1";
        let seventeen = "for=1.1.1.1,".repeat(16) + "for=192.0.2.1";
        #[rustfmt::skip]
        let cases: [(&[&str], &str); 25] = [
            (&["for=192.0.2.1"], "192.0.2.1"),
            (&["For=192.0.2.1;proto=http;by=203.0.113.43"], "192.0.2.1"),
            (&["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=\"[2001:db8::1]\""], "2001:db8::1"),
            (&["for=[2001:db8::1]:4711"], "2001:db8::1"),
            (&["for=\"192.0.2.1:_port\""], "192.0.2.1"),
            (&["for=\"192.0.2.1:port\""], "forwarded_invalid"),
            (&["for=\"192.0.2.1:_\""], "forwarded_invalid"),
            (&["for=\"192.0.2\\.1\""], "192.0.2.1"),
            (&["for=1.2.3.4, for=192.0.2.1 ; proto=https , for=10.0.0.2"], "192.0.2.1"),
            (&["for=192.0.2.1", "for=10.0.0.2"], "192.0.2.1"),
            (&["for=_hidden, for=192.0.2.1"], "192.0.2.1"),
            (&["host=\"a,for=6.6.6.6\";for=192.0.2.1"], "192.0.2.1"),
            (&["for=_hidden"], "forwarded_invalid"),
            (&["for=unknown, for=10.0.0.2"], "forwarded_invalid"),
            (&["proto=http"], "forwarded_invalid"),
            (&["for=192.0.2.1;for=192.0.2.2"], "forwarded_invalid"),
            (&["for=\"192.0.2.1"], "forwarded_invalid"),
            (&["for=\"192.0.2.1\\"], "forwarded_invalid"),
            (&["for="], "forwarded_invalid"),
            (&["for=192.0.2.1;"], "forwarded_invalid"),
            (&["for=192.0.2.1 x"], "forwarded_invalid"),
            (&["192.0.2.1"], "forwarded_invalid"),
            (&[&sixteen], "192.0.2.1"),
            (&[&seventeen], "forwarded_invalid"),
        ];
        for (lines, expected) in cases {
            assert_eq!(seen(&ClientHeader::Forwarded, "10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_in_the_header_moves_a_client_that_a_proxy_appended(left in "[ -~]{0,60}") {
            let list = ClientHeader::List(HeaderName::from_static("x-forwarded-for"));
            let seen = seen(&list, "10.0.0.1", &[&format!("{left},192.0.2.1")]);
            prop_assert!(seen == "192.0.2.1" || left.matches(',').count() >= 15);
        }

        #[test]
        fn any_forwarded_header_is_read_without_a_panic(text in "[ -~]{0,60}") {
            seen(&ClientHeader::Forwarded, "10.0.0.1", &[&text]);
        }
    }
}
