//! The PROXY header: whatever is taken for one is one to the byte, not a byte more is asked for, and one address is read
//! out of it, which another writer would write in the same way.

#![no_main]

#[path = "../choices.rs"]
mod choices;

use choices::Choices;
use libfuzzer_sys::fuzz_target;
use reportgate::serve::{ProxyHeader, ReadHeader, read_header};
use std::net::{IpAddr, SocketAddr};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a line is put together from.
#[rustfmt::skip]
const WORDS: [&str; 48] = [
    "PROXY ", "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "PROXY UNKNOWN ", "PROXY", "proxy ", "TCP4", "TCP6", "UNKNOWN", "UDP4", " ", "  ", "\t", "\r\n", "\r", "\n",
    "\0", "192.0.2.1 ", "203.0.113.7 ", "010.0.0.1 ", "1.2.3 ", "256.0.0.1 ", "255.255.255.255 ", "2001:db8::1 ", "::1 ", "::", ":", "::ffff:192.0.2.1 ", "fe80::1%1 ", "[::1] ",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ", "0:0:0:0:0:0:0:1 ", "0", "80", "443\r\n", "65535\r\n", "65536\r\n", "65535 ", "08\r\n", "+1\r\n", "-1", "1", "2",
    "GET / HTTP/1.1\r\n", "\r\n\r\n\0\r\nQUIT\n", "aaaaaaaaaaaaaaaa", "ä",
];

/// A header of version 2, right or nearly right, and what follows it.
fn binary(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.push(choices.pick(&[0x21, 0x21, 0x21, 0x20, 0x22, 0x11, 0x01]));
    let (family, of_addresses) =
        choices.pick(&[(0x11, 12), (0x21, 36), (0x31, 216), (0x00, 0), (0x12, 12), (0x22, 36), (0x41, 36)]);
    header.extend([family, 0, 0]);
    let missing = choices.pick(&[0, 0, 0, 0, 1, 4]);
    header.extend((missing..of_addresses).map(|_| choices.byte()));
    let mut sum = None;
    for _ in 0..choices.below(4) {
        let kind = choices.pick(&[0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30, 0xee]);
        let length = if kind == 3 { choices.pick(&[4, 4, 4, 3, 5]) } else { choices.below(40) };
        header.extend([kind, 0, length as u8]);
        sum = if kind == 3 && length == 4 { Some(header.len()) } else { sum };
        header.extend((0..length).map(|nth| if kind == 3 { 0 } else { nth as u8 }));
    }
    if choices.one_in(8) {
        header.extend(vec![4; 4_090_usize.saturating_sub(header.len()) + choices.below(12)]);
    }
    let length = header.len() - 16 + choices.pick(&[0, 0, 0, 0, 1, 3]);
    header[14..16].copy_from_slice(&(length as u16).to_be_bytes());
    if let Some(at) = sum {
        let wrong = u32::from(choices.one_in(4));
        let sum = crc32c(&header) ^ wrong;
        header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
    header.extend(choices.rest());
    header
}

/// CRC-32C by a table, from the lowest bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| (0..8).fold(byte, |sum, _| (sum >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(sum & 1))))
        .collect();
    !bytes.iter().fold(!0, |sum, byte| (sum >> 8) ^ table[(sum as u8 ^ byte) as usize])
}

/// The line of version 1, without any abbreviation.
fn line(addresses: Option<(SocketAddr, SocketAddr)>) -> Option<Vec<u8>> {
    let Some((from, to)) = addresses else { return Some(b"PROXY UNKNOWN\r\n".to_vec()) };
    let text = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().map(|byte| byte.to_string()).join("."),
        IpAddr::V6(v6) => v6.segments().map(|group| format!("{group:x}")).join(":"),
    };
    let family = match (from.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        _ => return None,
    };
    let ports = format!("{} {}", from.port(), to.port());
    Some(format!("PROXY {family} {} {} {ports}\r\n", text(from.ip()), text(to.ip())).into_bytes())
}

/// The header of version 2.
fn block(addresses: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut block = SIGNATURE.to_vec();
    let Some((from, to)) = addresses else {
        block.extend([0x20, 0, 0, 0]);
        return block;
    };
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let ends = [octets(from.ip()), octets(to.ip())].concat();
    block.extend([0x21, if from.is_ipv4() { 0x11 } else { 0x21 }, 0, ends.len() as u8 + 4]);
    block.extend(ends);
    block.extend([from.port().to_be_bytes(), to.port().to_be_bytes()].concat());
    block
}

/// Whether the bytes are TLVs to their end, and the checksum among them, if any, is that of `whole`.
fn are_tlvs(whole: &[u8], from: usize) -> bool {
    let (mut at, mut sums) = (from, 0);
    while at < whole.len() {
        let Some([kind, high, low]) = whole.get(at..at + 3) else { return false };
        let length = usize::from(*high) << 8 | usize::from(*low);
        let Some(value) = whole.get(at + 3..at + 3 + length) else { return false };
        if *kind == 3 {
            sums += 1;
            let mut zeroed = whole.to_vec();
            zeroed[at + 3..at + 3 + length].fill(0);
            if value != crc32c(&zeroed).to_be_bytes() {
                return false;
            }
        }
        at += 3 + length;
    }
    sums <= 1
}

/// Whether `header` says nothing but these addresses.
fn says(header: &[u8], addresses: Option<(SocketAddr, SocketAddr)>) -> bool {
    if header.starts_with(SIGNATURE) {
        let length = usize::from(header[14]) << 8 | usize::from(header[15]);
        let whole = header.len() == 16 + length;
        return whole
            && match (header[12], header[13]) {
                (0x20, _) => addresses.is_none(),
                (0x21, 0x00) => addresses.is_none() && are_tlvs(header, 16),
                (0x21, 0x31) => addresses.is_none() && length >= 216 && are_tlvs(header, 16 + 216),
                (0x21, 0x11 | 0x21) => {
                    let block = block(addresses);
                    header[13] == block[13]
                        && header[16..].starts_with(&block[16..])
                        && are_tlvs(header, block.len())
                }
                _ => false,
            };
    }
    let text = header.strip_suffix(b"\r\n").filter(|text| header.len() <= 107 && !text.contains(&b'\r'));
    let Some(text) = text else { return false };
    let Some((from, to)) = addresses else {
        return text == b"PROXY UNKNOWN" || text.starts_with(b"PROXY UNKNOWN ");
    };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let words: Vec<_> = text.split(' ').collect();
    let written = String::from_utf8(line(addresses).expect("one family")).expect("ASCII");
    let expected: Vec<_> = written.trim_end().split(' ').collect();
    // IPv6 has many spellings, everything else has one.
    let same_address = |nth: usize, address: IpAddr| match address {
        IpAddr::V4(_) => words[nth] == expected[nth],
        IpAddr::V6(_) => words[nth].parse() == Ok(address),
    };
    words.len() == 6
        && words[..2] == expected[..2]
        && words[4..] == expected[4..]
        && same_address(2, from.ip())
        && same_address(3, to.ip())
}

/// Reads the header as it comes from a socket, which gives what it is asked for; `None` where it ends too early or is none.
fn step_by_step(bytes: &[u8]) -> Option<ProxyHeader> {
    let mut taken = 0;
    loop {
        match read_header(bytes.get(..taken)?) {
            Ok(ReadHeader::Whole(header)) => {
                assert_eq!(header.length, taken, "bytes behind the header were asked for");
                return Some(header);
            }
            Ok(ReadHeader::Partial(missing)) => {
                assert!(missing > 0);
                taken += missing;
            }
            Err(_) => return None,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let choices = &mut Choices::new(input);
    let bytes = match choices.below(3) {
        0 => choices.rest().to_vec(),
        1 => choices.words(&WORDS).into_bytes(),
        _ => binary(choices),
    };
    let at_once = match read_header(&bytes) {
        Ok(ReadHeader::Whole(header)) => Some(header),
        Ok(ReadHeader::Partial(_)) | Err(_) => None,
    };
    assert_eq!(at_once, step_by_step(&bytes), "{}", bytes.escape_ascii());
    let Some(header) = at_once else { return };
    let own = &bytes[..header.length];
    assert!(says(own, header.addresses), "{:?}: {}", header.addresses, own.escape_ascii());
    // What it begins with may always become it.
    for cut in 0..header.length {
        let Ok(ReadHeader::Partial(missing)) = read_header(&own[..cut]) else {
            panic!("{} of {}", cut, own.escape_ascii())
        };
        assert!((1..=header.length - cut).contains(&missing), "{missing} at {cut} of {}", own.escape_ascii());
    }
    for again in line(header.addresses).into_iter().chain([block(header.addresses)]) {
        let read = ProxyHeader { length: again.len(), ..header };
        assert_eq!(read_header(&again), Ok(ReadHeader::Whole(read)), "{}", again.escape_ascii());
    }
});
