//! Lists of source addresses: one address, CIDR, `FROM-TO` or `{ from, to }`.

use super::keys;
use super::{Item, Reader};
use crate::domain::address::{AddressRange, AddressRanges};
use crate::policy::TrustedProxies;
use toml::de::DeValue;

/// Reads a list of ranges; ranges that open a whole family are warned of.
pub(super) fn ranges(reader: &mut Reader<'_>, item: Item<'_>) -> Option<AddressRanges> {
    let ranges = reader.entries(item, warned_range)?;
    Some(AddressRanges::new(&ranges.iter().map(|range| range.value).collect::<Vec<_>>()))
}

/// Reads a range; one that opens a whole family is warned of.
fn warned_range(reader: &mut Reader<'_>, item: Item<'_>) -> Option<AddressRange> {
    let range = range(reader, item)?;
    if range.is_whole_family() {
        let family = if matches!(range, AddressRange::V4 { .. }) { "IPv4" } else { "IPv6" };
        let at = reader.at(item);
        reader.problems.warning(at, format!("this range is open to every {family} address"));
    }
    Some(range)
}

/// Reads a list of proxies: ranges, and `"unix"` for whoever connects by a unix socket.
pub(super) fn proxies(reader: &mut Reader<'_>, item: Item<'_>) -> Option<TrustedProxies> {
    let mut unix = false;
    let entries = reader.entries(item, |reader, item| {
        if item.get_ref().as_str() == Some("unix") {
            unix = true;
            return Some(None);
        }
        warned_range(reader, item).map(Some)
    })?;
    let ranges: Vec<_> = entries.iter().filter_map(|entry| entry.value).collect();
    Some(TrustedProxies { ranges: AddressRanges::new(&ranges), unix })
}

fn range(reader: &mut Reader<'_>, item: Item<'_>) -> Option<AddressRange> {
    if let DeValue::Table(_) = item.get_ref() {
        let fields = reader.fields(item, &keys::FROM_TO)?;
        let from = fields.required(reader, "from").and_then(|item| reader.text(item));
        let to = fields.required(reader, "to").and_then(|item| reader.text(item));
        return match AddressRange::between(from?, to?) {
            Ok(range) => Some(range),
            Err(error) => {
                reader.error(item, error.to_string());
                None
            }
        };
    }
    if item.get_ref().as_str() == Some("unix") {
        reader.error(item, "a unix socket has no address; only `trusted_proxies` can name it");
        return None;
    }
    reader.parsed(item, AddressRange::parse)
}
