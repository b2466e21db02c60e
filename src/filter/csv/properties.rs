//! CSV answers at random: held against a plain reader of this room's own, and against another library.

use super::tests::{OUTPUTS, csv_plan, judged};
use crate::domain::dialect::{OnForeignRow, OutputFormat};
use crate::filter::testing::{pieces, rig, run};
use proptest::prelude::*;

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9é .;]{0,8}", "\"([a-z,;\n\r€]|\"\"){0,8}\""]
}

/// A cell that may reach over the next boundary of whatever is read at once.
fn stretched_cell() -> impl Strategy<Value = String> {
    prop_oneof!["x{0,70}", "\"(x{0,70}|,|\r|\n|\"\"){0,3}\""]
}

const NAMES: [&str; 5] = ["a", "b", "c", "h", "i"];

/// The records of a text as RFC 4180 has them, read byte by byte: cells as they stand, and the end of the line.
/// `None` when it is not CSV.
fn records(text: &str) -> Option<Vec<(Vec<&str>, &str)>> {
    let mut records = Vec::new();
    let (mut cells, mut rest) = (Vec::new(), text);
    while !rest.is_empty() || !cells.is_empty() {
        let mut length = rest.find([',', '"', '\r', '\n']).unwrap_or(rest.len());
        if let Some(mut inside) = rest.strip_prefix('"') {
            inside = inside.split_once('"')?.1;
            while let Some(more) = inside.strip_prefix('"') {
                inside = more.split_once('"')?.1;
            }
            length = rest.len() - inside.len();
        }
        let (cell, behind) = rest.split_at(length);
        cells.push(cell);
        if let Some(next) = behind.strip_prefix(',') {
            rest = next;
            continue;
        }
        let line_end = ["\r\n", "\n", ""].into_iter().find(|end| behind.starts_with(end))?;
        rest = behind.strip_prefix(line_end)?;
        if line_end.is_empty() && !rest.is_empty() {
            return None;
        }
        records.push((std::mem::take(&mut cells), line_end));
    }
    Some(records)
}

/// What leaves of a text with the header `a,h,b` for a view of `b` and `a`.
fn expected(text: &str) -> Option<String> {
    let mut out = String::new();
    let (mut has_rows, mut is_interrupted) = (false, false);
    for (nth, (cells, line_end)) in records(text)?.into_iter().enumerate() {
        if cells[..] != [""] {
            has_rows = nth > 0;
        } else if nth > 0 {
            is_interrupted = has_rows;
        }
        match cells[..] {
            [""] if nth > 0 => {}
            _ if is_interrupted => return None,
            [a, _, b] => out += &format!("{b},{a}{line_end}"),
            _ => return None,
        }
    }
    Some(out)
}

fn text_of(cells: &[Vec<String>], style: csv::QuoteStyle, terminator: csv::Terminator) -> Vec<u8> {
    let mut writer =
        csv::WriterBuilder::new().quote_style(style).terminator(terminator).from_writer(Vec::new());
    cells.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}

/// What another reader finds in an output: rows of the columns `third`, `first`.
fn read_back(output: OutputFormat, out: &[u8]) -> Vec<Vec<String>> {
    let row = |row: &serde_json::Value| {
        assert_eq!(row.as_object().unwrap().len(), 2);
        ["third", "first"].map(|name| row[name].as_str().unwrap().to_owned()).to_vec()
    };
    match output {
        OutputFormat::Json => serde_json::from_slice::<Vec<_>>(out).unwrap().iter().map(row).collect(),
        OutputFormat::Ndjson => {
            let lines = std::str::from_utf8(out).unwrap().lines();
            lines.map(|line| row(&serde_json::from_str(line).unwrap())).collect()
        }
        OutputFormat::Csv | OutputFormat::Xml | OutputFormat::Opaque => {
            let mut reader = csv::Reader::from_reader(out);
            assert_eq!(reader.headers().unwrap(), vec!["third", "gone", "first"]);
            let cells = |record: csv::StringRecord| vec![record[0].to_owned(), record[2].to_owned()];
            reader.records().map(|record| cells(record.unwrap())).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn records_are_projected(
        names in Just(NAMES.to_vec()).prop_shuffle(),
        rows in prop::collection::vec(prop::collection::vec(cell(), NAMES.len()), 0..6),
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let plan = csv_plan(b',', "c second=b gone a");
        let hide = |name: &str, cell: &String| match (name, cell.strip_prefix('"')) {
            ("a" | "b" | "c", _) => cell.clone(),
            (_, Some(quoted)) => format!("\"HIDDEN{quoted}"),
            (_, None) => format!("HIDDEN{cell}"),
        };
        let place = |name| names.iter().position(|known| *known == name).unwrap();
        let places = [place("c"), place("b"), place("a")];
        let mut text = names.join(",");
        let mut expected = "c,second,gone,a".to_owned();
        for row in rows {
            let row: Vec<_> = names.iter().zip(&row).map(|(name, cell)| hide(name, cell)).collect();
            let [c, b, a] = places.map(|place| row[place].as_str());
            text += &format!("{line_end}{}", row.join(","));
            expected += &format!("{line_end}{c},{b},,{a}");
        }
        for pieces in [vec![text.as_bytes()], pieces(text.as_bytes(), &cuts), text.as_bytes().chunks(1).collect()] {
            let out = String::from_utf8(run(&plan, pieces).unwrap().0).unwrap();
            prop_assert_eq!(&out, &expected);
            prop_assert!(!out.contains("HIDDEN"));
        }
    }

    #[test]
    fn quotes_and_line_ends_are_read_wherever_they_stand(
        whole_rows in 0..600_usize,
        rows in prop::collection::vec((prop::array::uniform3(stretched_cell()), prop_oneof![9 => "\n", 9 => "\r\n", 1 => "\n\r\n"]), 0..12),
        fault in prop::option::of((prop_oneof!["\"", ",", "\r", "\n", "x", "\"\""], 0..1001_usize)),
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let mut text = format!("a,h,b\n{}", "1,\"2\r\n\",3\r\n".repeat(whole_rows));
        let from = text.len();
        rows.iter().for_each(|(cells, line_end)| text += &format!("{}{line_end}", cells.join(",")));
        if let Some((fault, at)) = fault {
            text.insert_str(from + at * (text.len() - from) / 1000, &fault);
        }
        let plan = csv_plan(b',', "b a");
        let expected = expected(&text);
        for pieces in [vec![text.as_bytes()], pieces(text.as_bytes(), &cuts)] {
            let found = run(&plan, pieces).ok().map(|(out, _)| String::from_utf8(out).unwrap());
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn other_readers_find_the_same_cells_in_every_output(
        rows in prop::collection::vec(prop::collection::vec("[a-zé€,;\"\r\n\\\\\t\u{1}=-]{0,12}", 4), 0..8),
        ids in prop::collection::vec(prop_oneof![3 => Just("7"), 1 => Just("8")], 8),
        always in any::<bool>(),
        crlf in any::<bool>(),
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut cells = vec![["first", "aff", "second", "third", "fourth"].map(str::to_owned).to_vec()];
        for (row, id) in rows.iter().zip(&ids) {
            let [first, second, third, fourth] = &row[..] else { unreachable!() };
            let row = [first, &(*id).to_owned(), &format!("HIDDEN{second}"), third, &format!("HIDDEN{fourth}")];
            cells.push(row.map(String::clone).to_vec());
        }
        let text = text_of(&cells, style, terminator);
        let own: Vec<_> = cells[1..].iter().filter(|row| row[1] == "7").collect();
        let expected: Vec<_> = own.iter().map(|row| vec![row[3].clone(), row[0].clone()]).collect();
        let foreign = u64::try_from(cells.len() - 1 - own.len()).unwrap();
        for output in OUTPUTS {
            let view = "third gone first";
            let dropping = rig(&judged(OnForeignRow::Drop), view).rows_of(&["7"]).output(output);
            let out = run(&dropping, pieces(&text, &cuts)).unwrap().0;
            prop_assert_eq!(&read_back(output, &out), &expected);
            prop_assert!(!String::from_utf8(out).unwrap().contains("HIDDEN"));
            let refusing = rig(&judged(OnForeignRow::Refuse), view).rows_of(&["7"]).output(output);
            let found = run(&refusing, pieces(&text, &cuts));
            prop_assert_eq!(found.is_err(), foreign > 0);
        }
    }

    #[test]
    fn nothing_panics(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "a,h(\r?\n|[ah,\"\r\n]){0,30}".prop_map(String::into_bytes)],
        cuts in prop::collection::vec(0..1001_usize, 0..8),
    ) {
        let plan = csv_plan(b',', "a");
        let whole = run(&plan, [&bytes[..]]);
        let cut = run(&plan, pieces(&bytes, &cuts));
        prop_assert_eq!(cut.is_ok(), whole.is_ok());
        if whole.is_ok() {
            prop_assert_eq!(cut, whole);
        }
    }
}
