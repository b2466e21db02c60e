//! Filtering: 10 MB in pieces as they come from a socket, 4 of 16 columns kept; beside it the same work over
//! the same text by a streaming JSON library and by the csv crate, so that ratios come from one run.

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
use struson::reader::{JsonReader, JsonStreamReader, ValueType};
use struson::writer::{JsonStreamWriter, JsonWriter};

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

/// The same columns by struson.
#[divan::bench]
fn json_10_mb_struson(bencher: Bencher<'_, '_>) {
    let text = json();
    assert_eq!(by_struson(&text), run_whole(&json_rig(), &text));
    bencher.counter(BytesCount::new(text.len())).bench(|| by_struson(&text).len());
}

#[divan::bench]
fn csv_10_mb(bencher: Bencher<'_, '_>) {
    bench(bencher, &csv_rig(), &csv(""));
}

#[divan::bench]
fn csv_10_mb_quoted(bencher: Bencher<'_, '_>) {
    bench(bencher, &csv_rig(), &csv("\""));
}

/// The same columns by the csv crate.
#[divan::bench]
fn csv_10_mb_csv_crate(bencher: Bencher<'_, '_>) {
    bench_csv_crate(bencher, &csv(""));
}

/// The same columns by the csv crate.
#[divan::bench]
fn csv_10_mb_quoted_csv_crate(bencher: Bencher<'_, '_>) {
    bench_csv_crate(bencher, &csv("\""));
}

fn bench_csv_crate(bencher: Bencher<'_, '_>, text: &[u8]) {
    let ours = run_whole(&csv_rig(), text);
    // It writes quotes only where they are needed.
    let unquoted: Vec<_> = ours.into_iter().filter(|byte| *byte != b'"').collect();
    assert_eq!(by_csv_crate(text), unquoted);
    bencher.counter(BytesCount::new(text.len())).bench(|| by_csv_crate(text).len());
}

fn run_whole(rig: &Rig, text: &[u8]) -> Vec<u8> {
    let mut filter = Filter::new(&rig.plan, &rig.terms);
    let mut out = Vec::new();
    filter.push(text, &mut out).unwrap();
    filter.finish(Ending::Framed, &mut out).unwrap();
    out
}

enum Value {
    String(String),
    Number(String),
}

fn by_struson(text: &[u8]) -> Vec<u8> {
    let mut reader = JsonStreamReader::new(text);
    let mut out = Vec::new();
    let mut writer = JsonStreamWriter::new(&mut out);
    reader.begin_object().unwrap();
    writer.begin_object().unwrap();
    assert_eq!(reader.next_name().unwrap(), "rows");
    writer.name("rows").unwrap();
    reader.begin_array().unwrap();
    writer.begin_array().unwrap();
    while reader.has_next().unwrap() {
        let mut row = [const { None }; VIEW.len()];
        reader.begin_object().unwrap();
        while reader.has_next().unwrap() {
            let name = reader.next_name().unwrap();
            match VIEW.iter().position(|column| *column == name) {
                None => reader.skip_value().unwrap(),
                Some(place) if reader.peek().unwrap() == ValueType::String => {
                    row[place] = Some(Value::String(reader.next_string().unwrap()));
                }
                Some(place) => row[place] = Some(Value::Number(reader.next_number_as_string().unwrap())),
            }
        }
        reader.end_object().unwrap();
        writer.begin_object().unwrap();
        for (name, value) in VIEW.iter().zip(row) {
            writer.name(name).unwrap();
            match value.unwrap() {
                Value::String(text) => writer.string_value(&text).unwrap(),
                Value::Number(digits) => writer.number_value_from_string(&digits).unwrap(),
            }
        }
        writer.end_object().unwrap();
    }
    reader.end_array().unwrap();
    writer.end_array().unwrap();
    reader.end_object().unwrap();
    writer.end_object().unwrap();
    reader.consume_trailing_whitespace().unwrap();
    writer.finish_document().unwrap();
    out
}

fn by_csv_crate(text: &[u8]) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(text);
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let header = reader.byte_headers().unwrap();
    let places = VIEW.map(|name| header.iter().position(|column| column == name.as_bytes()).unwrap());
    writer.write_record(VIEW).unwrap();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        writer.write_record(places.map(|place| &record[place])).unwrap();
    }
    writer.into_inner().unwrap()
}
