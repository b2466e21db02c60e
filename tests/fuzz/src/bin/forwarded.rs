//! The header that names the client: only what a trusted proxy wrote is believed, and no address is made up.

#![no_main]

#[path = "../requests.rs"]
mod requests;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use reportgate::decide::{Facts, Head, identify_holder};
use reportgate::domain::address::Peer;
use reportgate::policy::Policy;
use requests::{Choices, NOW, policy};
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

/// The headers that are believed in turn, and whether each is a plain list.
const HEADERS: [(&str, bool); 3] = [("x-forwarded-for", true), ("forwarded", false), ("x-real-ip", true)];

static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let with = |(name, _): &(&str, bool)| {
        policy(&format!(
            "[server]\nlisten = [\"127.0.0.1:8080\"]\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
             client_header = \"{name}\"\n[backends.legacy]\nurl = \"http://127.0.0.1:8001\"\n"
        ))
    };
    HEADERS.iter().map(with).collect()
});

const PEERS: [&str; 5] = ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "203.0.113.9", "2001:db8::9"];

/// What a header is put together from, besides bytes as they are.
#[rustfmt::skip]
const WORDS: [&str; 48] = [
    ",", ", ", ";", "=", "\"", "\\", "[", "]", ":", "%", " ", "\t", ".", "for=", "For=", "for=\"", "by=", "proto=http", "host=\"", "_hidden",
    "unknown", "1.2.3.4", "192.0.2.1", "10.0.0.2", "10.9.9.9", "fd00::2", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", "[fd00::2]",
    "::ffff:192.0.2.1", "::ffff:10.0.0.2", "::1", ":4711", ":_port", "010.1.1.1", "0x7f.1", "1.2.3", "256.1.1.1", "fe80::1%1", "for",
    "10.0.0.2,10.0.0.2,10.0.0.2", "0", "1", "2", "3", "a", "ä",
];

fn is_trusted(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.segments()[0] >> 8 == 0xfd,
    }
}

/// Whom the policy takes for the client; `None`: refused.
fn client(policy: &Policy, name: &str, peer: IpAddr, lines: &[Vec<u8>]) -> Option<IpAddr> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_bytes(line).ok()?;
        headers.append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
    }
    // Headers of others that a client may send.
    for (other, _) in HEADERS.iter().filter(|(other, _)| *other != name) {
        headers.insert(*other, HeaderValue::from_static("198.51.100.66"));
    }
    let method = Method::GET;
    let peer = peer.into();
    let head = Head {
        method: &method,
        path: "/",
        query: None,
        headers: &headers,
        peer,
        is_tls: false,
        request_id: "id",
    };
    let mut facts = Facts::default();
    let refused = identify_holder(policy, &head, NOW, &mut facts).err().expect("there is no token");
    assert_eq!(facts.client.is_none(), refused.code.as_str() == "forwarded_invalid");
    facts.client.and_then(Peer::ip)
}

/// Every address that stands in a text, however it is wrapped.
fn addresses(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for word in text.replace('\\', "").split(|c: char| !c.is_ascii_hexdigit() && !".:".contains(c)) {
        let bare = word.split_once(':').map_or(word, |(address, _)| address);
        let forms = [word, bare, word.trim_end_matches(':')];
        found.extend(forms.iter().filter_map(|form| form.parse::<IpAddr>().ok()));
        found.extend(word.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    }
    found.into_iter().map(|address| address.to_canonical()).collect()
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let nth = choices.below(HEADERS.len());
    let ((name, is_list), policy) = (HEADERS[nth], &POLICIES[nth]);
    let peer: IpAddr = choices.pick(&PEERS).parse().expect("an address");
    let text = if choices.one_in(2) { choices.rest().to_vec() } else { choices.words(&WORDS).into_bytes() };
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let seen = client(policy, name, peer, &lines);
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        // Unless the header cannot be sent at all, it does not count.
        assert!(seen.is_none_or(|client| client == peer), "{seen:?}: {}", text.escape_ascii());
        return;
    }
    let joined = String::from_utf8_lossy(&text).replace('\n', ",");
    if let Some(client) = seen {
        assert!(addresses(&joined).contains(&client), "{client} is made up: {joined:?}");
        // To the right of where it stands last, there are only proxies.
        if is_list {
            let hops = joined.rsplit(',').map(|hop| addresses(hop));
            let right = hops.take_while(|hop| !hop.contains(&client));
            assert!(right.flatten().all(is_trusted), "{client}: {joined:?}");
        }
    }
    // What a trusted proxy appends is the client, whatever stands before it; or it is refused.
    let appended = if is_list { "192.0.2.77" } else { "for=192.0.2.77" };
    let expected = "192.0.2.77".parse().ok();
    let mut more = lines.clone();
    more.push(appended.as_bytes().to_vec());
    let seen_then = client(policy, name, peer, &more);
    assert!(seen_then.is_none() || seen_then == expected, "{seen_then:?}: {joined:?}");
    // A proxy behind it changes nothing.
    more.push(if is_list { b"10.1.1.1".to_vec() } else { b"for=10.1.1.1;proto=https".to_vec() });
    let seen_last = client(policy, name, peer, &more);
    assert!(seen_last.is_none() || seen_last == expected, "{seen_last:?}: {joined:?}");
});
