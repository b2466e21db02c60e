//! Source addresses and ranges of them: one address, a CIDR, or FROM to TO.
//!
//! Clients are compared in canonical form (`::ffff:a.b.c.d` is `a.b.c.d`), so ranges
//! written over mapped addresses are refused rather than misunderstood.

use ipnet::IpNet;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses from a first to a last one, both included, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressRange {
    /// IPv4.
    V4 {
        /// The first address.
        from: Ipv4Addr,
        /// The last address, not below `from`.
        to: Ipv4Addr,
    },
    /// IPv6, never over the mapped block `::ffff:0:0/96`.
    V6 {
        /// The first address.
        from: Ipv6Addr,
        /// The last address, not below `from`.
        to: Ipv6Addr,
    },
}

/// Why a text is not an address range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidAddressRange {
    /// Neither an address, nor a CIDR, nor FROM-TO.
    Unreadable,
    /// An octet such as `010`, which some programs read as octal.
    LeadingZero,
    /// An address in `::ffff:0:0/96`; clients are compared in their IPv4 form.
    Mapped,
    /// The last address is below the first.
    Reversed(IpAddr, IpAddr),
    /// One end IPv4, the other IPv6.
    MixedFamilies,
    /// An IPv6 zone such as `%eth0`.
    Zone,
    /// A CIDR whose address has bits set behind the prefix; holds the network it lies in.
    HostBits(IpNet),
}

impl fmt::Display for InvalidAddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("expected one address, a CIDR such as 192.0.2.0/24, or FROM-TO"),
            Self::LeadingZero => f.write_str("a number starts with 0, which other programs read as octal"),
            Self::Mapped => {
                f.write_str("an IPv4-mapped IPv6 address; clients are compared as IPv4, write the IPv4 form")
            }
            Self::Reversed(from, to) => write!(f, "the range ends at {to}, before its start {from}"),
            Self::MixedFamilies => f.write_str("one end is IPv4, the other IPv6"),
            Self::Zone => f.write_str("zone ids such as %eth0 are not supported"),
            Self::HostBits(net) => write!(f, "bits are set behind the prefix; the network is {net}"),
        }
    }
}

impl std::error::Error for InvalidAddressRange {}

impl AddressRange {
    /// Reads one address, a CIDR, or `FROM-TO`.
    ///
    /// # Errors
    /// See [`InvalidAddressRange`].
    pub fn parse(text: &str) -> Result<Self, InvalidAddressRange> {
        if let Some((from, to)) = text.split_once('-') {
            return Self::between(from.trim(), to.trim());
        }
        let Some((address, prefix)) = text.split_once('/') else {
            return Self::between(text, text);
        };
        let address = parse_address(address)?;
        if prefix.len() > 1 && prefix.starts_with('0') {
            return Err(InvalidAddressRange::LeadingZero);
        }
        let prefix: u8 = if prefix.bytes().all(|b| b.is_ascii_digit()) {
            prefix.parse().map_err(|_| InvalidAddressRange::Unreadable)?
        } else {
            return Err(InvalidAddressRange::Unreadable);
        };
        let net = IpNet::new(address, prefix).map_err(|_| InvalidAddressRange::Unreadable)?;
        if net.trunc() != net {
            return Err(InvalidAddressRange::HostBits(net.trunc()));
        }
        Self::ordered(net.network(), net.broadcast())
    }

    /// The range from one address to another, both included.
    ///
    /// # Errors
    /// See [`InvalidAddressRange`].
    pub fn between(from: &str, to: &str) -> Result<Self, InvalidAddressRange> {
        Self::ordered(parse_address(from)?, parse_address(to)?)
    }

    fn ordered(from: IpAddr, to: IpAddr) -> Result<Self, InvalidAddressRange> {
        match (from, to) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Ok(Self::V4 { from: a, to: b }),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                let mapped = (
                    u128::from(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()),
                    u128::from(Ipv4Addr::BROADCAST.to_ipv6_mapped()),
                );
                // ::/0 is "every IPv6 address" and cannot be meant as a mapped range.
                let everything = a.is_unspecified() && b == Ipv6Addr::from(u128::MAX);
                if !everything && u128::from(a) <= mapped.1 && u128::from(b) >= mapped.0 {
                    Err(InvalidAddressRange::Mapped)
                } else {
                    Ok(Self::V6 { from: a, to: b })
                }
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                Err(InvalidAddressRange::MixedFamilies)
            }
            (from, to) => Err(InvalidAddressRange::Reversed(from, to)),
        }
    }

    /// Whether the range is the whole of its family: open to everyone.
    #[must_use]
    pub fn is_whole_family(&self) -> bool {
        match self {
            Self::V4 { from, to } => from.is_unspecified() && to.is_broadcast(),
            Self::V6 { from, to } => from.is_unspecified() && *to == Ipv6Addr::from(u128::MAX),
        }
    }
}

/// Reads one address, refusing what programs read in two ways.
fn parse_address(text: &str) -> Result<IpAddr, InvalidAddressRange> {
    if text.contains('%') {
        return Err(InvalidAddressRange::Zone);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        return if mapped { Err(InvalidAddressRange::Mapped) } else { Ok(address) };
    }
    let leading_zero = |part: &str| part.len() > 1 && part.starts_with('0');
    if !text.contains(':') && text.split('.').any(leading_zero) {
        return Err(InvalidAddressRange::LeadingZero);
    }
    Err(InvalidAddressRange::Unreadable)
}

/// The other end of a connection, or whoever a trusted proxy speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An address, in canonical form.
    Ip(IpAddr),
    /// A program on this machine, by a unix socket: it has no address, and no range contains it.
    Unix,
}

impl Peer {
    /// Its address, in canonical form.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address),
            Self::Unix => None,
        }
    }
}

impl Peer {
    /// Appends what `Display` writes, faster.
    pub fn push_to(self, text: &mut String) {
        if let Self::Ip(IpAddr::V4(address)) = self {
            let mut digits = itoa::Buffer::new();
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    text.push('.');
                }
                text.push_str(digits.format(octet));
            }
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "{self}");
        }
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A set of addresses: sorted, merged ranges, searched in logarithmic time.
///
/// The empty set holds nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRanges(Ranges);

/// The ranges of IPv4 and those of IPv6. Most sets are small, and there may be millions.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ranges {
    /// At most two, of IPv4.
    Few {
        length: u8,
        v4: [(u32, u32); 2],
    },
    V4(Box<[(u32, u32)]>),
    Both(Box<Both>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Both {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Default for AddressRanges {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl AddressRanges {
    /// The union of `ranges`.
    #[must_use]
    pub fn new(ranges: &[AddressRange]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for range in ranges {
            match *range {
                AddressRange::V4 { from, to } => v4.push((u32::from(from), u32::from(to))),
                AddressRange::V6 { from, to } => v6.push((u128::from(from), u128::from(to))),
            }
        }
        merge(&mut v4, |n| n.checked_add(1));
        merge(&mut v6, |n| n.checked_add(1));
        Self(match (&*v4, &*v6) {
            ([], []) => Ranges::Few { length: 0, v4: [(0, 0); 2] },
            ([one], []) => Ranges::Few { length: 1, v4: [*one, (0, 0)] },
            ([one, two], []) => Ranges::Few { length: 2, v4: [*one, *two] },
            (_, []) => Ranges::V4(v4.into()),
            _ => Ranges::Both(Box::new(Both { v4: v4.into(), v6: v6.into() })),
        })
    }

    /// Whether `address`, in its canonical form, lies in the set.
    #[must_use]
    pub fn contains(&self, address: impl Into<Peer>) -> bool {
        let Peer::Ip(address) = address.into() else { return false };
        match address.to_canonical() {
            IpAddr::V4(v4) => holds(self.v4(), u32::from(v4)),
            IpAddr::V6(v6) => holds(self.v6(), u128::from(v6)),
        }
    }

    /// Whether an address of `range` lies in the set.
    #[must_use]
    pub fn overlaps(&self, range: &AddressRange) -> bool {
        match *range {
            AddressRange::V4 { from, to } => meets(self.v4(), u32::from(from), u32::from(to)),
            AddressRange::V6 { from, to } => meets(self.v6(), u128::from(from), u128::from(to)),
        }
    }

    /// Whether the set holds nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4().is_empty() && self.v6().is_empty()
    }

    fn v4(&self) -> &[(u32, u32)] {
        match &self.0 {
            Ranges::Few { length, v4 } => v4.get(..usize::from(*length)).unwrap_or_default(),
            Ranges::V4(v4) => v4,
            Ranges::Both(both) => &both.v4,
        }
    }

    fn v6(&self) -> &[(u128, u128)] {
        match &self.0 {
            Ranges::Few { .. } | Ranges::V4(_) => &[],
            Ranges::Both(both) => &both.v6,
        }
    }
}

/// Sorts ranges, and makes one of those that touch.
fn merge<N: Ord + Copy>(ranges: &mut Vec<(N, N)>, next: impl Fn(N) -> Option<N>) {
    ranges.sort_unstable();
    ranges.dedup_by(|range, last| {
        let touches = next(last.1).is_none_or(|after| range.0 <= after);
        if touches {
            last.1 = last.1.max(range.1);
        }
        touches
    });
}

fn holds<N: Ord + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|range| range.0 <= address);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|range| address <= range.1)
}

/// Whether one of sorted ranges has an address from `from` to `to`.
fn meets<N: Ord + Copy>(ranges: &[(N, N)], from: N, to: N) -> bool {
    let first = ranges.partition_point(|range| range.1 < from);
    ranges.get(first).is_some_and(|range| range.0 <= to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        #[rustfmt::skip]
        let cases = [
            ("203.0.113.7", "ok"),
            ("192.0.2.0/24", "ok"),
            ("198.51.100.10-198.51.100.20", "ok"),
            ("2001:db8::1-2001:db8::ff", "ok"),
            ("2001:db8::/32", "ok"),
            ("::/0", "ok"),
            ("0.0.0.0-255.255.255.255", "ok"),
            ("010.0.0.0/8", "LeadingZero"),
            ("10.0.0.0/08", "LeadingZero"),
            ("::ffff:10.0.0.0/8", "Mapped"),
            ("::ffff:10.0.0.1", "Mapped"),
            ("::fffe:ffff:ffff-::1:0:0:0", "Mapped"),
            ("192.0.2.9-192.0.2.1", "Reversed"),
            ("192.0.2.1-2001:db8::1", "MixedFamilies"),
            ("fe80::1%eth0", "Zone"),
            ("192.0.2.7/24", "HostBits"),
            ("192.0.2.0/33", "Unreadable"),
            ("192.0.2.0/+8", "Unreadable"),
            ("example.com", "Unreadable"),
            ("", "Unreadable"),
        ];
        for (text, expected) in cases {
            let found = match AddressRange::parse(text) {
                Ok(_) => "ok".to_owned(),
                Err(e) => format!("{e:?}"),
            };
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }

    #[test]
    fn sets_hold_their_ends_and_nothing_beyond() {
        let set: Vec<AddressRange> =
            ["192.0.2.10-192.0.2.20", "192.0.2.21", "2001:db8::1-2001:db8::ff", "255.255.255.255"]
                .iter()
                .map(|text| AddressRange::parse(text).unwrap())
                .collect();
        let set = AddressRanges::new(&set);
        assert_eq!(size_of::<AddressRanges>(), 24);
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.9", false), ("192.0.2.10", true), ("192.0.2.20", true), ("192.0.2.21", true), ("192.0.2.22", false),
            ("::ffff:192.0.2.10", true), ("::192.0.2.10", false),
            ("2001:db8::", false), ("2001:db8::1", true), ("2001:db8::ff", true), ("2001:db8::100", false),
            ("255.255.255.255", true), ("255.255.255.254", false),
        ];
        for (address, expected) in cases {
            assert_eq!(set.contains(address.parse::<IpAddr>().unwrap()), expected, "{address}");
        }
        assert!(!AddressRanges::default().contains(IpAddr::from([0, 0, 0, 0])), "empty means nobody");
    }

    #[test]
    fn sets_meet_ranges_at_their_ends() {
        let read = |text: &str| AddressRange::parse(text).unwrap();
        let set =
            AddressRanges::new(&[read("192.0.2.10-192.0.2.20"), read("192.0.2.40"), read("2001:db8::/64")]);
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.0-192.0.2.9", false), ("192.0.2.0-192.0.2.10", true), ("192.0.2.20-192.0.2.30", true), ("192.0.2.21-192.0.2.39", false),
            ("192.0.2.12", true), ("192.0.2.0/24", true), ("192.0.2.41-192.0.2.99", false),
            ("2001:db8::1", true), ("2001:db8:0:1::-2001:db8:0:2::", false), ("::/0", true),
        ];
        for (range, expected) in cases {
            assert_eq!(set.overlaps(&read(range)), expected, "{range}");
            assert!(!AddressRanges::default().overlaps(&read(range)));
        }
    }

    #[test]
    fn sets_of_every_size_hold_what_they_were_made_of() {
        let all = ["192.0.2.1", "192.0.2.3", "192.0.2.5", "2001:db8::1"];
        for count in 0..=all.len() {
            let (in_set, beyond) = all.split_at(count);
            let ranges: Vec<_> = in_set.iter().map(|text| AddressRange::parse(text).unwrap()).collect();
            let set = AddressRanges::new(&ranges);
            assert_eq!(set.is_empty(), count == 0);
            assert!(in_set.iter().all(|text| set.contains(text.parse::<IpAddr>().unwrap())), "{count}");
            assert!(!beyond.iter().any(|text| set.contains(text.parse::<IpAddr>().unwrap())), "{count}");
            assert!(
                !set.contains("0.0.0.0".parse::<IpAddr>().unwrap())
                    && !set.contains("::".parse::<IpAddr>().unwrap())
            );
        }
    }

    #[test]
    fn the_open_range_opens_its_own_family_only() {
        let open = AddressRange::parse("0.0.0.0-255.255.255.255").unwrap();
        assert!(open.is_whole_family());
        let set = AddressRanges::new(&[open]);
        assert!(set.contains("8.8.8.8".parse::<IpAddr>().unwrap()));
        assert!(!set.contains("2001:db8::1".parse::<IpAddr>().unwrap()));
    }
}
