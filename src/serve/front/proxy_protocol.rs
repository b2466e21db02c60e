//! The PROXY header (versions 1 and 2): who connected to the proxy, said before anything else.
//!
//! HAProxy's `proxy-protocol.txt`, sections 2.1 and 2.2. [`read_header`] is pure and strict: one header has one
//! reading, and it tells how many more bytes are surely its own, so that nothing behind it is taken from the socket.

use super::listen::{Place, Refused, counted};
use super::socket::Socket;
use crate::domain::address::Peer;
use crate::policy::{PolicyReader, ProxyProtocol};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The first bytes of version 1.
const WORD: &[u8] = b"PROXY ";

/// No header is shorter: `PROXY UNKNOWN` and a line end.
const SHORTEST: usize = 15;

/// The longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;

/// Signature, command, family and length of version 2.
const FIXED: usize = 16;

/// The longest header of version 2; one with a client's certificate takes about half of it.
const LONGEST: usize = 4096;

/// The type of the TLV that holds a CRC-32C of the whole header.
const CHECKSUM: u8 = 0x03;

/// A PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// How many bytes it takes.
    pub length: usize,
    /// Who connected to the proxy, and where to; `None`: the proxy speaks for itself, or cannot tell.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadHeader {
    /// They begin with this header.
    Whole(ProxyHeader),
    /// They may be the begin of one, to which at least so many more bytes belong.
    Partial(usize),
}

/// Why bytes are no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHeader(&'static str);

impl std::fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidHeader {}

/// Reads the header that `bytes` begin with.
///
/// # Errors
/// When they begin with none.
pub fn read_header(bytes: &[u8]) -> Result<ReadHeader, InvalidHeader> {
    let begins = |with: &[u8]| with.iter().zip(bytes).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        version_2(bytes)
    } else if begins(WORD) {
        version_1(bytes)
    } else {
        Err(InvalidHeader("neither the line of version 1 nor the signature of version 2"))
    }
}

fn version_1(bytes: &[u8]) -> Result<ReadHeader, InvalidHeader> {
    if bytes.len() < SHORTEST {
        return Ok(ReadHeader::Partial(SHORTEST - bytes.len()));
    }
    let within = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(at) = memchr::memchr(b'\r', within) else {
        let left = least_left(within);
        if within.len() + left > LONGEST_LINE {
            return Err(InvalidHeader("the line is longer than 107 bytes"));
        }
        return Ok(ReadHeader::Partial(left));
    };
    match within.get(at + 1) {
        Some(b'\n') => {}
        Some(_) => return Err(InvalidHeader("a CR without its LF")),
        None if at + 1 < LONGEST_LINE => return Ok(ReadHeader::Partial(1)),
        None => return Err(InvalidHeader("the line is longer than 107 bytes")),
    }
    let line = within.get(WORD.len()..at).unwrap_or_default();
    let addresses = addresses_of_line(line)?;
    Ok(ReadHeader::Whole(ProxyHeader { length: at + 2, addresses }))
}

/// How many bytes a line without its end lacks at least.
fn least_left(line: &[u8]) -> usize {
    const END: usize = 2;
    let rest = line.get(WORD.len()..).unwrap_or_default();
    if rest.starts_with(b"UNKNOWN") {
        return END;
    }
    // Family, two addresses, two ports: what is missing takes a blank and a character each.
    let blanks = memchr::memchr_iter(b' ', rest).count();
    2 * 4_usize.saturating_sub(blanks) + usize::from(rest.ends_with(b" ")) + END
}

/// What stands between `PROXY ` and the end of the line.
fn addresses_of_line(line: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, InvalidHeader> {
    // What follows is to be ignored.
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| InvalidHeader("the line is not ASCII"))?;
    let mut words = line.split(' ');
    let mut next = || words.next().ok_or(InvalidHeader("a word is missing"));
    let (family, from, to, from_port, to_port) = (next()?, next()?, next()?, next()?, next()?);
    if words.next().is_some() {
        return Err(InvalidHeader("there are words behind the ports"));
    }
    let (from, to) = match family {
        "TCP4" => (address::<Ipv4Addr>(from)?, address::<Ipv4Addr>(to)?),
        "TCP6" => (address::<Ipv6Addr>(from)?, address::<Ipv6Addr>(to)?),
        _ => return Err(InvalidHeader("neither TCP4 nor TCP6 nor UNKNOWN")),
    };
    Ok(Some((SocketAddr::new(from, port(from_port)?), SocketAddr::new(to, port(to_port)?))))
}

/// An address of that family; the standard library takes neither leading zeros nor zones.
fn address<A: FromStr + Into<IpAddr>>(text: &str) -> Result<IpAddr, InvalidHeader> {
    let address = text.parse::<A>().map_err(|_| InvalidHeader("not an address of that family"))?;
    Ok(address.into())
}

fn port(text: &str) -> Result<u16, InvalidHeader> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(InvalidHeader("not a port"))
}

fn version_2(bytes: &[u8]) -> Result<ReadHeader, InvalidHeader> {
    if bytes.len() < SHORTEST {
        return Ok(ReadHeader::Partial(SHORTEST - bytes.len()));
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(ReadHeader::Partial(FIXED - bytes.len()));
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // What is wrong already need not be read to its end.
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(InvalidHeader("neither LOCAL nor PROXY of version 2")),
    };
    let of_addresses = match family {
        _ if is_local => 0,
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ => return Err(InvalidHeader("not a family of streams")),
    };
    if length < of_addresses {
        return Err(InvalidHeader("shorter than its addresses"));
    }
    if FIXED + length > LONGEST {
        return Err(InvalidHeader("longer than 4096 bytes"));
    }
    let Some((addresses, tlvs)) = rest.get(..length).and_then(|block| block.split_at_checked(of_addresses))
    else {
        return Ok(ReadHeader::Partial(length - rest.len()));
    };
    let addresses = match family {
        // All of the block is to be ignored.
        _ if is_local => None,
        0x11 => ends::<4>(addresses),
        0x21 => ends::<16>(addresses),
        // Without addresses, or by a unix socket of the proxy: nobody whom a whitelist could name.
        _ => None,
    };
    if !is_local {
        check(fixed, rest.get(..length).unwrap_or_default(), tlvs)?;
    }
    Ok(ReadHeader::Whole(ProxyHeader { length: FIXED + length, addresses }))
}

/// Two addresses and two ports.
fn ends<const N: usize>(block: &[u8]) -> Option<(SocketAddr, SocketAddr)>
where
    IpAddr: From<[u8; N]>,
{
    let (from, rest) = block.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let (from_port, rest) = rest.split_first_chunk::<2>()?;
    let (to_port, _) = rest.split_first_chunk::<2>()?;
    let end = |address: &[u8; N], port: &[u8; 2]| {
        SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes(*port))
    };
    Some((end(from, from_port), end(to, to_port)))
}

/// Steps over the TLVs at the end of `block`, and checks the checksum when it is among them.
fn check(fixed: &[u8; FIXED], block: &[u8], mut tlvs: &[u8]) -> Result<(), InvalidHeader> {
    let mut seen = false;
    while !tlvs.is_empty() {
        let (kind, value, rest) = tlv(tlvs).ok_or(InvalidHeader("a TLV is cut short"))?;
        if kind == CHECKSUM {
            let Some(sum) = value.first_chunk::<4>().filter(|_| value.len() == 4 && !seen) else {
                return Err(InvalidHeader("not one checksum of four bytes"));
            };
            seen = true;
            let before = block.len() - rest.len() - value.len();
            let zeroed = block
                .iter()
                .enumerate()
                .map(|(at, byte)| if (before..before + value.len()).contains(&at) { 0 } else { *byte });
            if crc32c(fixed.iter().copied().chain(zeroed)) != u32::from_be_bytes(*sum) {
                return Err(InvalidHeader("the checksum does not match"));
            }
        }
        tlvs = rest;
    }
    Ok(())
}

/// Type and value of the first TLV, and what follows it.
fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([kind, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    Some((*kind, value, rest))
}

/// CRC-32C (RFC 3720 appendix B.4), bit by bit: a header is short, and few have one.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    let sum = bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(byte),
            |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 }
            },
        )
    });
    !sum
}

/// Who is at the other end of a connection, its PROXY header taken from `socket` where there must be one.
///
/// `None` when the connection is to be closed; that is counted.
pub(super) async fn introduced(
    socket: &mut Socket,
    peer: Peer,
    place: &mut Place,
    policies: &PolicyReader,
) -> Option<Peer> {
    let (is_trusted, deadline) = {
        let snapshot = policies.current();
        let settings = &snapshot.policy.settings;
        match settings.proxy_protocol {
            ProxyProtocol::Off => return Some(peer),
            ProxyProtocol::Required => {}
        }
        (settings.trusted_proxies.contains(peer), settings.limits.handshake_timeout)
    };
    if !is_trusted {
        place.refused(Refused::ProxyNotTrusted);
        tracing::debug!(%peer, "connection closed: not one of trusted_proxies");
        return None;
    }
    let header = match timeout(deadline, receive(socket)).await {
        Ok(Ok(header)) => header?,
        Ok(Err(error)) => {
            place.refused(Refused::ProxyHeaderInvalid);
            tracing::debug!(%peer, %error, "connection closed: no PROXY header");
            return None;
        }
        Err(_) => {
            place.refused(Refused::ProxyHeaderLate);
            tracing::debug!(%peer, "connection closed: no PROXY header within handshake_timeout");
            return None;
        }
    };
    let Some((client, _)) = header.addresses else { return Some(peer) };
    let peer = Peer::from(client.ip());
    let (counted, limit) = counted(&policies.current().policy.settings, peer);
    if !place.counts_for(counted, limit) {
        tracing::debug!(%peer, "connection closed: connections_per_address");
        return None;
    }
    Some(peer)
}

/// Takes a header from the socket, and nothing else; `None` when there was not a byte, as health checks do.
async fn receive(socket: &mut Socket) -> io::Result<Option<ProxyHeader>> {
    let mut bytes = Vec::new();
    loop {
        let missing = match read_header(&bytes).map_err(io::Error::other)? {
            ReadHeader::Whole(header) => return Ok(Some(header)),
            ReadHeader::Partial(missing) => missing,
        };
        let wanted = bytes.len() + missing;
        while bytes.len() < wanted {
            let left = u64::try_from(wanted - bytes.len()).unwrap_or(u64::MAX);
            if (&mut *socket).take(left).read_buf(&mut bytes).await? == 0 {
                let silent = bytes.is_empty();
                return if silent { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Who connected, `-` when nobody is named; what is missing; or why it is none.
    fn read(bytes: &[u8]) -> String {
        match read_header(bytes) {
            Ok(ReadHeader::Whole(ProxyHeader { length, addresses })) => {
                assert_eq!(length, bytes.len(), "{}", bytes.escape_ascii());
                addresses.map_or_else(|| "-".to_owned(), |(from, to)| format!("{from} {to}"))
            }
            Ok(ReadHeader::Partial(missing)) => format!("+{missing}"),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn lines_of_version_1() {
        let pad = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
        let (longest, too_long) = (pad(107), pad(108));
        let six = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let full = format!("PROXY TCP6 {six} {six} 65535 65535\r\n");
        let both = format!("[{six}]:65535 [{six}]:65535");
        #[rustfmt::skip]
        let cases = [
            ("PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n", "192.0.2.1:4711 10.0.0.1:80"),
            ("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535 0.0.0.0:0"),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1 [::1]:2"),
            ("PROXY TCP6 2001:DB8:0:0::1 ::ffff:192.0.2.1 1 2\r\n", "[2001:db8::1]:1 [::ffff:192.0.2.1]:2"),
            (&full, &both),
            ("PROXY UNKNOWN\r\n", "-"),
            ("PROXY UNKNOWN ffff::1 whatever\r\n", "-"),
            (&longest, "-"),
            (&too_long, "the line is longer than 107 bytes"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 65536 80\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 080\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 +1 80\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 \r\n", "not a port"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n", "a word is missing"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n", "there are words behind the ports"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n", "there are words behind the ports"),
            ("PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n", "there are words behind the ports"),
            ("PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n", "not an address of that family"),
            ("PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n", "not an address of that family"),
            ("PROXY TCP4 ::1 10.0.0.1 1 2\r\n", "not an address of that family"),
            ("PROXY TCP6 192.0.2.1 ::1 1 2\r\n", "not an address of that family"),
            ("PROXY TCP6 fe80::1%1 ::1 1 2\r\n", "not an address of that family"),
            ("PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n", "neither TCP4 nor TCP6 nor UNKNOWN"),
            ("PROXY UNKNOWNX\r\n", "a word is missing"),
            ("PROXY TCP4\t192.0.2.1 10.0.0.1 1 2\r\n", "a word is missing"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\rx", "a CR without its LF"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n\r\n", "not a port"),
            ("proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n", "neither the line of version 1 nor the signature of version 2"),
            ("GET / HTTP/1.1\r\n\r\n", "neither the line of version 1 nor the signature of version 2"),
            ("", "+15"),
            ("PROXY ", "+9"),
            ("PROXY TCP4 1.1.", "+8"),
            ("PROXY TCP4 1.1.1.1 ", "+7"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2", "+2"),
            ("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r", "+1"),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line.as_bytes()), expected, "{line:?}");
        }
    }

    /// A header of version 2 with that command, family and block.
    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, block].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0, 80];

    /// Version 2 by TCP over IPv4, followed by a TLV with the checksum that such a header has, or another.
    fn summed(flip: u8, more: &[u8]) -> Vec<u8> {
        let mut header = binary(0x21, 0x11, &[&V4[..], &[CHECKSUM, 0, 4, 0, 0, 0, 0], more].concat());
        let sum = crc32c(header.iter().copied()) ^ u32::from(flip);
        header[FIXED + 15..FIXED + 19].copy_from_slice(&sum.to_be_bytes());
        header
    }

    #[test]
    fn headers_of_version_2() {
        let v6 = [&[0x20, 1, 0x0d, 0xb8], &[0; 11][..], &[1], &[0; 15], &[1], &[0, 1, 0, 2]].concat();
        let four = "192.0.2.1:4711 10.0.0.1:80";
        let with = |tlvs: &[u8]| binary(0x21, 0x11, &[&V4[..], tlvs].concat());
        let two_sums = summed(0, &[CHECKSUM, 0, 4, 0, 0, 0, 0]);
        let padded = |length: usize| {
            with(
                &[
                    &[4],
                    &(u16::try_from(length - FIXED - 15).unwrap()).to_be_bytes()[..],
                    &vec![0; length - FIXED - 15],
                ]
                .concat(),
            )
        };
        #[rustfmt::skip]
        let cases = [
            (binary(0x21, 0x11, &V4), four),
            (binary(0x21, 0x21, &v6), "[2001:db8::1]:1 [::1]:2"),
            (binary(0x21, 0x31, &[0; 216]), "-"),
            (binary(0x21, 0x00, b""), "-"),
            (binary(0x21, 0x00, &[4, 0, 1, 0]), "-"),
            (binary(0x20, 0x11, &V4), "-"),
            (binary(0x20, 0xff, b"\xff"), "-"),
            (with(&[4, 0, 0, 0x20, 0, 1, 9]), four),
            (padded(4096), four),
            (padded(4097), "longer than 4096 bytes"),
            (summed(0, b""), four),
            (summed(0, &[4, 0, 1, 7]), four),
            (summed(1, b""), "the checksum does not match"),
            (two_sums, "not one checksum of four bytes"),
            (with(&[CHECKSUM, 0, 3, 0, 0, 0]), "not one checksum of four bytes"),
            (with(&[4]), "a TLV is cut short"),
            (with(&[4, 0, 2, 0]), "a TLV is cut short"),
            (binary(0x21, 0x00, &[4, 0, 2, 0]), "a TLV is cut short"),
            (binary(0x21, 0x11, &V4[..11]), "shorter than its addresses"),
            (binary(0x21, 0x21, &v6[..35]), "shorter than its addresses"),
            (binary(0x21, 0x31, &[0; 215]), "shorter than its addresses"),
            (binary(0x21, 0x12, &V4), "not a family of streams"),
            (binary(0x21, 0x22, &v6), "not a family of streams"),
            (binary(0x21, 0x41, &v6), "not a family of streams"),
            (binary(0x22, 0x11, &V4), "neither LOCAL nor PROXY of version 2"),
            (binary(0x11, 0x11, &V4), "neither LOCAL nor PROXY of version 2"),
            (binary(0x31, 0x11, &V4), "neither LOCAL nor PROXY of version 2"),
            (SIGNATURE.to_vec(), "+3"),
            (binary(0x21, 0x11, &V4)[..15].to_vec(), "+1"),
            (binary(0x21, 0x11, &V4)[..16].to_vec(), "+12"),
            (binary(0x21, 0x11, &V4)[..27].to_vec(), "+1"),
            (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), "neither the line of version 1 nor the signature of version 2"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_checksum_is_crc_32c() {
        // RFC 3720 appendix B.4.
        assert_eq!(crc32c([0; 32].into_iter()), 0x8a91_36aa);
        assert_eq!(crc32c(0..32), 0x46dd_794e);
    }

    proptest! {
        #[test]
        fn no_step_goes_beyond_the_header(from: SocketAddr, to: SocketAddr, behind in "[ -~\r\n]{0,40}") {
            let family = match (from.ip(), to.ip()) {
                (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
                (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
                _ => return Ok(()),
            };
            let (from, to) = (SocketAddr::new(from.ip(), from.port()), SocketAddr::new(to.ip(), to.port()));
            let line = format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
            let all = [line.as_bytes(), behind.as_bytes()].concat();
            let mut taken = 0;
            let header = loop {
                match read_header(&all[..taken]).unwrap() {
                    ReadHeader::Whole(header) => break header,
                    ReadHeader::Partial(missing) => taken += missing,
                }
                prop_assert!(taken <= line.len());
            };
            prop_assert_eq!(header, ProxyHeader { length: line.len(), addresses: Some((from, to)) });
            prop_assert_eq!(read_header(&all), Ok(ReadHeader::Whole(header)), "what follows changes nothing");
        }
    }
}
