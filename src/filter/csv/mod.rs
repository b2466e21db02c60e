//! CSV answers (RFC 4180): the header tells which cells are granted, records are cut.
//!
//! The header leaves with every column of the view under the catalogue's names; a column that
//! the backend does not send is empty. Cells, their quotes and the ends of lines leave
//! byte for byte. Refused: records of another length than the header, a quote inside a
//! bare cell, text behind a closing quote, a lone CR outside of quotes. Blank lines are dropped
//! unless there is one column, where they are a cell; so is the header's line when it comes again.
//! Behind rows and a blank line only that line and totals may follow: nothing else tells whether
//! another table, of other columns, has begun.

mod header;
#[cfg(test)]
mod properties;
mod record;
mod scan;
#[cfg(test)]
mod tests;

use super::headers::Ending;
use super::intake::{Intake, MAX_CELLS, MAX_UNIT, TOO_LONG, TOO_MANY};
use super::output::{OutputColumns, RowWriter};
use super::rows::{RowJudge, RowPlan, Verdict};
use super::{FilterError, Terms, Violation};
use crate::domain::column::{Catalogue, View};
use crate::domain::dialect::{CsvDialect, OutputFormat, ResponseDialect};
use crate::domain::names::ColumnName;
use header::{Header, NO_HEADER};
use record::{Layout, Record};
use scan::Scan;
use std::sync::Arc;

/// How CSV answers to one view are cut.
#[derive(Debug)]
pub(super) struct CsvPlan {
    delimiter: u8,
    /// In the view's order: the catalogue's name and the backend's.
    columns: Vec<(ColumnName, Box<str>)>,
    rows: RowPlan,
    output: OutputColumns,
    csv_safe: bool,
}

impl CsvPlan {
    pub(super) fn new(
        csv: &CsvDialect,
        dialect: &ResponseDialect,
        catalogue: &Catalogue,
        view: &View,
    ) -> Self {
        let columns = catalogue.columns_of(view);
        Self {
            delimiter: csv.delimiter,
            columns: columns.map(|column| (column.name.clone(), column.response.clone())).collect(),
            rows: RowPlan::new(dialect, catalogue),
            output: OutputColumns::new(dialect, catalogue, view),
            csv_safe: dialect.output.csv_safe,
        }
    }
}

/// The filter of one CSV answer.
pub(super) struct CsvFilter {
    intake: Intake,
    scan: Scan,
    records: Records,
}

impl CsvFilter {
    pub(super) fn new(plan: Arc<CsvPlan>, terms: Arc<Terms>) -> Self {
        let scan = Scan::new(plan.delimiter);
        Self { intake: Intake::default(), scan, records: Records::new(plan, terms) }
    }

    pub(super) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        self.intake.push(input, |text| self.records.read(&mut self.scan, text, out))
    }

    pub(super) fn finish(&mut self, ending: Ending, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let rest = self.intake.finish()?;
        let used = self.records.read(&mut self.scan, &rest, out)?;
        if used < rest.len() {
            if ending == Ending::Closed {
                // Perhaps its last cell is only half there.
                return Err(FilterError::Invalid(
                    Violation::Truncated,
                    "it ends within a line, and its length was not told",
                ));
            }
            self.scan.close(&rest)?;
            self.records.take(&mut self.scan, &rest, used, out)?;
        }
        self.records.finish(out)
    }

    pub(super) fn columns_removed(&self) -> usize {
        self.records.answer.as_ref().map_or(0, |answer| answer.header.removed)
    }

    pub(super) fn foreign_rows(&self) -> u64 {
        self.records.judge.foreign_rows()
    }

    pub(super) fn removed_names(&self) -> Vec<String> {
        self.records.answer.as_ref().map_or_else(Vec::new, |answer| answer.header.removed_names.clone())
    }

    pub(super) fn missing_columns(&self) -> Vec<ColumnName> {
        match &self.records.answer {
            Some(answer) if self.records.has_rows => answer.header.missing(&self.records.plan),
            Some(_) | None => Vec::new(),
        }
    }
}

/// The records of one answer.
struct Records {
    plan: Arc<CsvPlan>,
    terms: Arc<Terms>,
    judge: RowJudge,
    /// `None` before the header.
    answer: Option<Answer>,
    has_rows: bool,
    /// A blank line stood behind rows: another table, of other columns, may follow.
    is_interrupted: bool,
}

/// What is known once the header is.
struct Answer {
    header: Header,
    writer: Writer,
}

/// How the rows leave.
enum Writer {
    /// As they came.
    Csv(Layout),
    /// In another format.
    Other(RowWriter),
}

impl Records {
    fn new(plan: Arc<CsvPlan>, terms: Arc<Terms>) -> Self {
        let judge = RowJudge::new(Arc::clone(&terms));
        Self { plan, terms, judge, answer: None, has_rows: false, is_interrupted: false }
    }

    /// Reads and writes as many records as are complete: how many bytes they were.
    fn read(&mut self, scan: &mut Scan, text: &[u8], out: &mut Vec<u8>) -> Result<usize, FilterError> {
        scan.restart();
        let mut at = 0;
        while scan.advance(text)? {
            at = self.take(scan, text, at, out)?;
        }
        Ok(at)
    }

    /// Takes the records that were found, the first of which begins at `at`: where the next one begins.
    fn take(
        &mut self,
        scan: &mut Scan,
        text: &[u8],
        mut at: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, FilterError> {
        let (mut ends, lines) = scan.found();
        let mut before = 0;
        for line in lines {
            let Some((cells, rest)) = ends.split_at_mut_checked(line - before) else { break };
            (ends, before) = (rest, *line);
            let (record, next) = Record::new(text, at, cells);
            if next - at > MAX_UNIT {
                return Err(TOO_LONG);
            }
            match &self.answer {
                None => self.begin(&record, out)?,
                Some(_) => self.row(&record, out)?,
            }
            at = next;
        }
        scan.drop_lines()?;
        Ok(at)
    }

    /// Learns the header and writes the view's.
    fn begin(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), FilterError> {
        if record.width() > MAX_CELLS {
            return Err(TOO_MANY);
        }
        let header = Header::read(record, &self.plan, &self.terms.rows_of)?;
        let writer = match self.terms.output {
            OutputFormat::Csv => None,
            output @ (OutputFormat::Json
            | OutputFormat::Ndjson
            | OutputFormat::Xml
            | OutputFormat::Opaque) => RowWriter::new(output),
        };
        let writer = if let Some(mut writer) = writer {
            writer.begin(&self.plan.output, out);
            Writer::Other(writer)
        } else {
            self.plan.output.write_headings(self.plan.delimiter, out);
            out.extend_from_slice(record.line_end);
            Writer::Csv(Layout::new(&header, &self.plan))
        };
        self.answer = Some(Answer { header, writer });
        Ok(())
    }

    /// Writes what is granted of a record, if it may leave.
    #[inline]
    fn row(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), FilterError> {
        let Some(Answer { header, writer }) = &mut self.answer else { return Err(NO_HEADER) };
        if record.width() != header.width {
            if record.is_blank() {
                self.is_interrupted = self.has_rows;
                return Ok(());
            }
            return Err(RAGGED);
        }
        if header.is_again(record)? {
            self.is_interrupted = false;
            return Ok(());
        }
        self.has_rows = true;
        let scope = record.value(header.scope);
        let total = record.value(header.total);
        match self.judge.judge(&self.plan.rows, &scope, &total)? {
            Verdict::Cut => {}
            Verdict::Leaves if self.is_interrupted => return Err(INTERRUPTED),
            Verdict::Leaves => match writer {
                Writer::Csv(layout) => layout.write(record, out),
                Writer::Other(writer) => {
                    let cell = |nth: usize| record.value(header.granted.get(nth).copied().flatten());
                    writer.row(&self.plan.output, cell, out);
                }
            },
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FilterError> {
        match &mut self.answer {
            None => return Err(NO_HEADER),
            Some(Answer { writer: Writer::Csv(_), .. }) => {}
            Some(Answer { writer: Writer::Other(writer), .. }) => writer.end(out),
        }
        Ok(())
    }
}

const INTERRUPTED: FilterError = FilterError::Invalid(
    Violation::Shape,
    "rows go on behind a blank line, where another table may have begun",
);
const RAGGED: FilterError = FilterError::Invalid(Violation::Shape, "a record is not as long as the header");
