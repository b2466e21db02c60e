//! Rows that are arrays of pairs, each a column's name and its cell: `[{"name":"clicks","value":3}]`.

use super::columns::{Columns, Step, lead, quoted};
use super::keys::Keys;
use super::row::{Lines, RowReader, separate};
use super::scan::{Scan, blank, byte, colon, invalid, misshapen, slice, too_large, value};
use std::ops::Range;

/// The members of pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    name_key: Box<str>,
    value_key: Box<str>,
    /// In the view's order: `{"name":"clicks","value":`
    leads: Vec<Box<[u8]>>,
}

/// What the members of a pair are, as the cells of an object are numbered.
const NAME: Step = Step { cell: Some(0), level: None };
const VALUE: Step = Step { cell: Some(1), level: None };

impl Pairs {
    pub(super) fn new(name_key: &str, value_key: &str, columns: &Columns) -> Self {
        let pair = |name: &[u8]| [b"{", &*lead(name_key), name, b",", &*lead(value_key)].concat().into();
        Self {
            name_key: name_key.into(),
            value_key: value_key.into(),
            leads: columns.view.iter().map(|granted| pair(&quoted(granted.name.as_str()))).collect(),
        }
    }

    fn step(&self, key: &[u8]) -> Option<Step> {
        if *key == *self.name_key.as_bytes() {
            Some(NAME)
        } else {
            (*key == *self.value_key.as_bytes()).then_some(VALUE)
        }
    }
}

/// What was learnt about the names in pairs.
#[derive(Default)]
pub(super) struct PairNames {
    /// The columns that pairs name.
    columns: Keys,
    /// The members of a pair.
    members: Keys,
    /// How many of the columns are noted among the names of rows.
    noted: usize,
}

/// One pair.
struct Pair {
    /// The cell of the column, if that matters.
    cell: Option<usize>,
    value: Range<usize>,
    /// Where the pair ends.
    end: usize,
}

impl PairNames {
    /// Reads the pair at `at`, whose values may nest `depth` levels.
    fn read(&mut self, pairs: &Pairs, columns: &Columns, text: &[u8], at: usize, depth: u32) -> Scan<Pair> {
        if byte(text, at)? != b'{' {
            return Err(misshapen("not an object where a pair belongs"));
        }
        self.members.begin();
        let (mut name, mut cell) = (None, None);
        let mut at = blank(text, at + 1);
        if byte(text, at)? == b'}' {
            return Err(misshapen("a pair without a name or a value"));
        }
        loop {
            let (step, end) = self.members.read(text, at, |key| pairs.step(key))?;
            let from = colon(text, end)?;
            at = value(text, from, depth)?;
            if step == NAME {
                name = Some(from);
            } else if step == VALUE {
                cell = Some(from..at);
            }
            at = blank(text, at);
            match byte(text, at)? {
                b',' => at = blank(text, at + 1),
                b'}' => break,
                _ => return Err(invalid("a comma or closing brace is missing")),
            }
        }
        let (Some(name), Some(value)) = (name, cell) else {
            return Err(misshapen("a pair without a name or a value"));
        };
        if byte(text, name)? != b'"' {
            return Err(misshapen("a pair whose name is no string"));
        }
        let whole = |name: &[u8]| Some(Step { cell: Some(columns.cell(name)?), level: None });
        let (step, _) = self.columns.read(text, name, whole)?;
        Ok(Pair { cell: step.cell, value, end: at + 1 })
    }
}

impl RowReader {
    /// Reads the array of pairs at `at`: where it ends.
    pub(super) fn read_pairs(
        &mut self,
        pairs: &Pairs,
        columns: &Columns,
        text: &[u8],
        at: usize,
        depth: u32,
    ) -> Scan<usize> {
        self.cells.fill(None);
        let Self { pairs: names, levels, cells, .. } = self;
        let names = names.get_or_insert_default();
        names.columns.begin();
        if byte(text, at)? != b'[' {
            return Err(misshapen("not an array where a row of pairs belongs"));
        }
        let Some(depth) = depth.checked_sub(2) else {
            return Err(too_large("nested more than 64 levels deep"));
        };
        let mut at = blank(text, at + 1);
        if byte(text, at)? == b']' {
            return Ok(at + 1);
        }
        loop {
            let Pair { cell, value, end } = names.read(pairs, columns, text, at, depth)?;
            if let Some(cell) = cell.and_then(|cell| cells.get_mut(cell)) {
                *cell = Some(value);
            }
            at = blank(text, end);
            match byte(text, at)? {
                b',' => at = blank(text, at + 1),
                b']' => break,
                _ => return Err(invalid("a comma or closing bracket is missing")),
            }
        }
        if let Some(row) = levels.first_mut() {
            for (spelling, name) in names.columns.removed_behind(names.noted) {
                row.note(spelling, name, columns.step(0, name));
            }
            names.noted = names.columns.len();
        }
        Ok(at + 1)
    }

    /// Writes the row just read from `text` as pairs.
    pub(super) fn write_pairs(
        &self,
        pairs: &Pairs,
        columns: &Columns,
        text: &[u8],
        lines: Lines,
        out: &mut Vec<u8>,
    ) {
        out.push(b'[');
        for (granted, lead) in columns.view.iter().zip(&pairs.leads) {
            if let Some(Some(cell)) = self.cells.get(granted.cell) {
                separate(out);
                out.extend_from_slice(lead);
                lines.write(slice(text, cell.start, cell.end), out);
                out.push(b'}');
            }
        }
        out.push(b']');
    }
}
