//! The rows of the sample platform: made up, and the same at every start.

/// How many affiliates there are; their ids count from [`FIRST_AFFILIATE`].
const AFFILIATES: u32 = 12;
const FIRST_AFFILIATE: u32 = 1001;

const COUNTRIES: [&str; 8] = ["AT", "BR", "CY", "DE", "ES", "JP", "PL", "ZA"];
const NOTES: [&str; 4] = ["", "raise to 40 %", "asks for \"net 15\", refused", "under review"];
const PAGES: [&str; 3] = ["/", "/pricing", "/webinar"];

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// A text.
    Text(String),
    /// A number, as it is written.
    Number(String),
}

impl Cell {
    /// Its characters.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// A table of the sample platform. Every one has a column `affiliate_id`.
#[derive(Debug)]
pub(super) struct Table {
    /// Names, in order.
    pub(super) columns: &'static [&'static str],
    /// As many cells each as there are columns.
    pub(super) rows: Vec<Vec<Cell>>,
}

/// 3,000 leads, with the names and numbers that affiliates must not see.
pub(super) fn leads() -> Table {
    let row = |n| {
        let (month, day) = (1 + n / 300, 1 + noise(n, 1) % 28);
        let (hour, minute) = (noise(n, 2) % 24, noise(n, 3) % 60);
        vec![
            number(50_001 + n),
            number(affiliate(n)),
            text(format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")),
            text(pick(&COUNTRIES, noise(n, 4))),
            text(format!("spring-{:02}", noise(n, 5) % 20)),
            money(noise(n, 6) % 40_000),
            text(format!("lead{n}@customers.example")),
            text(format!("+49 30 {:07}", noise(n, 7) % 10_000_000)),
        ]
    };
    let columns = &["id", "affiliate_id", "created_at", "country", "code", "commission", "email", "phone"];
    Table { columns, rows: (0..3_000).map(row).collect() }
}

/// Ten months of commissions of every affiliate, with what its manager thinks of it.
pub(super) fn commissions() -> Table {
    let row = |n| {
        vec![
            number(affiliate(n)),
            text(format!("2026-{:02}", 1 + n / AFFILIATES)),
            number(noise(n, 1) % 90),
            money(noise(n, 2) % 90_000_000),
            money(noise(n, 3) % 900_000),
            text(pick(&NOTES, noise(n, 4))),
        ]
    };
    let columns = &["affiliate_id", "month", "deals", "volume", "commission", "manager_note"];
    Table { columns, rows: (0..10 * AFFILIATES).map(row).collect() }
}

/// 5,000 clicks, with who it was that clicked.
pub(super) fn clicks() -> Table {
    let row = |n| {
        let (hour, minute, second) = (n / 209, noise(n, 1) % 60, noise(n, 2) % 60);
        vec![
            number(affiliate(n)),
            text(format!("2026-10-31T{hour:02}:{minute:02}:{second:02}Z")),
            text(pick(&COUNTRIES, noise(n, 3))),
            text(pick(&PAGES, noise(n, 4))),
            text(format!("198.51.100.{}", noise(n, 5) % 256)),
            text(format!("visitor{n}@customers.example")),
        ]
    };
    let columns = &["affiliate_id", "clicked_at", "country", "landing_page", "visitor_ip", "visitor_mail"];
    Table { columns, rows: (0..5_000).map(row).collect() }
}

fn affiliate(row: u32) -> u32 {
    FIRST_AFFILIATE + row % AFFILIATES
}

/// A number that looks like chance and is always the same (the finaliser of MurmurHash3).
fn noise(row: u32, salt: u32) -> u32 {
    let mut n = row.wrapping_mul(31).wrapping_add(salt.wrapping_mul(0x9e37_79b9));
    n = (n ^ (n >> 16)).wrapping_mul(0x85eb_ca6b);
    n = (n ^ (n >> 13)).wrapping_mul(0xc2b2_ae35);
    n ^ (n >> 16)
}

fn pick(list: &[&'static str], at: u32) -> &'static str {
    let at = usize::try_from(at).unwrap_or_default();
    list.iter().cycle().nth(at % list.len().max(1)).copied().unwrap_or_default()
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn number(number: u32) -> Cell {
    Cell::Number(number.to_string())
}

/// Always two decimals, as platforms write money; a gate must not make `12.5` of `12.50`.
fn money(cents: u32) -> Cell {
    Cell::Number(format!("{}.{:02}", cents / 100, cents % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_rectangular_and_hold_every_affiliate() {
        for table in [leads(), commissions(), clicks()] {
            let at = table.columns.iter().position(|name| *name == "affiliate_id").unwrap();
            let mut affiliates: Vec<_> = table.rows.iter().map(|row| row[at].as_str()).collect();
            affiliates.sort_unstable();
            affiliates.dedup();
            assert_eq!(affiliates.len(), 12);
            assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        }
    }

    #[test]
    fn rows_are_the_same_at_every_start() {
        let row: Vec<_> = leads().rows[0].iter().map(|cell| cell.as_str().to_owned()).collect();
        let again: Vec<_> = leads().rows[0].iter().map(|cell| cell.as_str().to_owned()).collect();
        assert_eq!(row, again);
        assert_eq!(row[..2], ["50001", "1001"]);
        assert!(row[2].starts_with("2026-01-"), "{}", row[2]);
    }
}
