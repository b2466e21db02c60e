//! Durations, sizes and shares as the config writes them.

use std::time::Duration;

/// Reads `"30s"`: a whole number and `ms`, `s`, `m`, `h` or `d`; at most 1,000 days.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a duration such as 500ms, 30s, 5m, 2h or 90d";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(EXPECTED),
    };
    let total = number.checked_mul(milliseconds).filter(|total| *total <= 86_400_000 * 1_000);
    total.map(Duration::from_millis).ok_or("is longer than 1,000 days")
}

/// Reads `"64KiB"`: a whole number and `B`, `KiB`, `MiB` or `GiB`; at most 1 TiB.
pub(super) fn size(text: &str) -> Result<usize, &'static str> {
    const EXPECTED: &str = "expected a size such as 512B, 64KiB, 8MiB or 1GiB";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(EXPECTED),
    };
    let total = number.checked_mul(bytes).filter(|total| *total <= 1 << 40);
    total.and_then(|total| usize::try_from(total).ok()).ok_or("is larger than 1TiB")
}

/// Reads `"50%"`, 0 to 100, fractions allowed.
pub(super) fn percent(text: &str) -> Result<f64, &'static str> {
    const EXPECTED: &str = "expected a share such as 50%, or \"off\"";
    let number = text.strip_suffix('%').ok_or(EXPECTED)?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(EXPECTED);
    }
    let share: f64 = number.parse().map_err(|_| EXPECTED)?;
    if share > 100.0 { Err("is more than 100%") } else { Ok(share) }
}

/// A number of days with its sign: `"-30d"`, `"7d"`.
pub(super) fn days(text: &str) -> Option<i32> {
    let digits = text.strip_suffix('d')?;
    let plain = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if plain.is_empty() || plain.len() > 5 || !plain.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_strictly() {
        #[rustfmt::skip]
        let durations = [
            ("0s", Some(0)), ("500ms", Some(500)), ("30s", Some(30_000)), ("5m", Some(300_000)), ("2h", Some(7_200_000)),
            ("1000d", Some(86_400_000_000)), ("1001d", None), ("30", None), ("s", None), ("-1s", None), ("1.5s", None),
            ("30 s", None), ("99999999999999999999s", None), ("", None),
        ];
        for (text, expected) in durations {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), expected, "{text}");
        }
        #[rustfmt::skip]
        let sizes = [
            ("512B", Some(512)), ("64KiB", Some(65_536)), ("8MiB", Some(8_388_608)), ("1024GiB", Some(1 << 40)), ("1025GiB", None),
            ("64KB", None), ("64", None), ("", None),
        ];
        for (text, expected) in sizes {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
        let shares =
            [("0%", Some(0.0)), ("12.5%", Some(12.5)), ("100%", Some(100.0)), ("101%", None), ("-1%", None)];
        for (text, expected) in shares {
            assert_eq!(percent(text).ok(), expected, "{text}");
        }
        for (text, expected) in
            [("-30d", Some(-30)), ("+1d", Some(1)), ("0d", Some(0)), ("d", None), ("--1d", None)]
        {
            assert_eq!(days(text), expected, "{text}");
        }
    }
}
