//! Filtering: 10 MB in pieces as they come from a socket, 4 of 16 columns kept.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic")]

use divan::Bencher;
use divan::counter::BytesCount;
use reportgate::domain::column::{Catalogue, Column, View};
use reportgate::domain::dialect::{CsvDialect, JsonDialect, ResponseDialect, ResponseFormat};
use reportgate::domain::names::ColumnName;
use reportgate::domain::pointer::Pointer;
use reportgate::filter::headers::Ending;
use reportgate::filter::{Filter, FilterPlan, RowsOf, Terms};
use std::sync::Arc;

const NAMES: [&str; 16] = [
    "lead_id",
    "created_at",
    "country",
    "email",
    "phone",
    "first_name",
    "last_name",
    "campaign",
    "tracking_code",
    "ip_address",
    "status",
    "deposit",
    "commission",
    "currency",
    "notes",
    "affiliate_id",
];
const VIEW: [&str; 4] = ["created_at", "country", "commission", "lead_id"];
const SIZE: usize = 10_000_000;
const PIECE: usize = 64 << 10;

fn main() {
    divan::main();
}

fn cells(row: usize) -> [String; 16] {
    [
        format!("{}", 1_000_000 + row),
        format!("\"2026-01-{:02}T10:{:02}:00Z\"", row % 28 + 1, row % 60),
        "\"DE\"".into(),
        format!("\"person{row}@example.com\""),
        format!("\"+49 30 {}\"", 100_000 + row % 900_000),
        "\"Maximiliane\"".into(),
        "\"Mustermann\"".into(),
        format!("\"spring-{}\"", row % 40),
        format!("\"tc-{:08x}\"", row * 2_654_435_761 % 4_294_967_296),
        format!("\"203.0.113.{}\"", row % 256),
        "\"deposited\"".into(),
        format!("{}.{:02}", row % 5000, row % 100),
        format!("{}.{:04}", row % 300, row % 10_000),
        "\"EUR\"".into(),
        "null".into(),
        format!("{}", 1000 + row % 50),
    ]
}

fn json() -> Vec<u8> {
    let mut text = "{\"rows\":[".to_owned();
    for row in 0.. {
        let members: Vec<_> =
            NAMES.iter().zip(cells(row)).map(|(name, cell)| format!("\"{name}\":{cell}")).collect();
        text += &format!("{}{{{}}}", if row > 0 { "," } else { "" }, members.join(","));
        if text.len() >= SIZE {
            break;
        }
    }
    (text + "]}").into_bytes()
}

fn csv(quote: &str) -> Vec<u8> {
    let mut text = NAMES.join(",") + "\r\n";
    for row in 0.. {
        if text.len() >= SIZE {
            break;
        }
        let cells =
            cells(row).map(|cell| if cell.starts_with('"') { cell.replace('"', quote) } else { cell });
        text += &(cells.join(",") + "\r\n");
    }
    text.into_bytes()
}

/// What a gate has at hand for an answer.
struct Rig {
    plan: FilterPlan,
    terms: Arc<Terms>,
}

fn rig(format: ResponseFormat) -> Rig {
    let column = |name: &str| Column {
        name: ColumnName::parse(name).unwrap(),
        title: None,
        request: name.into(),
        response: name.into(),
        group: None,
    };
    let catalogue = Catalogue::new(NAMES.map(column).into());
    let view = VIEW.map(|name| catalogue.find(name).unwrap());
    let dialect = ResponseDialect::new(format);
    let output = dialect.format.own_output();
    Rig {
        plan: FilterPlan::new(&dialect, &catalogue, &View::new(&view).unwrap()),
        terms: Arc::new(Terms { output, rows_of: RowsOf::Everyone, paging: None }),
    }
}

fn json_rig() -> Rig {
    rig(ResponseFormat::Json(JsonDialect::new(Pointer::parse("/rows").unwrap())))
}

fn csv_rig() -> Rig {
    rig(ResponseFormat::Csv(CsvDialect { delimiter: b',' }))
}

fn run(rig: &Rig, text: &[u8]) -> usize {
    let mut filter = Filter::new(&rig.plan, &rig.terms);
    let mut out = Vec::new();
    let mut length = 0;
    for piece in text.chunks(PIECE) {
        out.clear();
        filter.push(piece, &mut out).unwrap();
        length += out.len();
    }
    filter.finish(Ending::Framed, &mut out).unwrap();
    length + out.len()
}

fn bench(bencher: Bencher<'_, '_>, rig: &Rig, text: &[u8]) {
    bencher.counter(BytesCount::new(text.len())).bench(|| run(rig, text));
}

#[divan::bench]
fn json_10_mb(bencher: Bencher<'_, '_>) {
    bench(bencher, &json_rig(), &json());
}

/// An answer of about 2 KB, with what it costs to begin.
#[divan::bench]
fn json_2_kb(bencher: Bencher<'_, '_>) {
    let mut text = json();
    let end = text[..2000].windows(2).rposition(|pair| pair == b"},").unwrap();
    text.truncate(end + 1);
    text.extend_from_slice(b"]}");
    bench(bencher, &json_rig(), &text);
}

#[divan::bench]
fn csv_10_mb(bencher: Bencher<'_, '_>) {
    bench(bencher, &csv_rig(), &csv(""));
}

#[divan::bench]
fn csv_10_mb_quoted(bencher: Bencher<'_, '_>) {
    bench(bencher, &csv_rig(), &csv("\""));
}
