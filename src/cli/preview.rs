//! `preview`: what a principal gets of a report, from the backend, through the rules and the filter.
//!
//! The rows go to stdout; what is hidden, cut or skipped to stderr.

use super::explain::{known, report_named};
use super::failure::{Failure, count};
use super::table::{table, visible};
use super::{note, print};
use clap::{Args, ValueEnum};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use reportgate::clock;
use reportgate::decide::Denial;
use reportgate::domain::dialect::{OutputFormat, ResponseFormat};
use reportgate::domain::names::PrincipalId;
use reportgate::load::{self, Asks, WrittenRequest};
use reportgate::policy::Report;
use reportgate::rewrite::BackendRequest;
use reportgate::serve::{self, Fetched};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use tokio::runtime;

/// No more of an answer is read.
const MOST: usize = 64 << 20;

/// What is looked at.
#[derive(Debug, Args)]
#[command(after_help = "Example: reportgate preview --as acme leads from=2026-01-01 --limit 10")]
pub(super) struct Options {
    /// The affiliate or employee
    #[arg(long = "as", value_name = "ID", value_parser = PrincipalId::parse)]
    principal: PrincipalId,
    /// The report, by its name
    report: String,
    /// Parameters of the request
    #[arg(value_name = "NAME=VALUE", value_parser = pair)]
    values: Vec<(String, String)>,
    /// Show so many rows at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// As if it came from there; without, the whitelist is not looked at
    #[arg(long, value_name = "ADDR")]
    ip: Option<IpAddr>,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Printed::Table)]
    format: Printed,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// For reading
    Table,
    /// An array of objects
    Json,
    /// As the report's CSV
    Csv,
}

/// Shows a report of the gate with the config at `path`.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let now = clock::now();
    let policy = load::load(path, now)?.policy;
    let id = &options.principal;
    known(&policy, id)?;
    let report = report_named(&policy, &options.report)?;
    if report.response.format == ResponseFormat::Opaque {
        let why = "is relayed as the backend sends it (format = \"opaque\"): there are no columns to show";
        return Err(Failure::Plain(format!("report {} {why}", report.name)));
    }
    let composed = load::compose(report, &options.values);
    let composed =
        composed.map_err(|incomplete| Failure::Plain(format!("report {}: {incomplete}", report.name)))?;
    let content_type = composed.content_type.map(|of| (CONTENT_TYPE, HeaderValue::from_static(of)));
    let request = WrittenRequest {
        asks: if options.ip.is_some() { Asks::Holder(id) } else { Asks::HolderAnywhere(id) },
        from: options.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        method: &composed.method,
        target: &composed.target,
        headers: content_type.as_slice(),
        body: composed.body.as_bytes(),
        request_id: "preview",
    };
    let asked = load::ask(&policy, &request, now).map_err(|denial| refused(id, &denial))?;
    let output = if options.format == Printed::Csv { OutputFormat::Csv } else { OutputFormat::Ndjson };
    let fetched = fetch(&asked, output)?;
    let rows = Rows::read(&fetched, output)?;
    print(&rows.printed(&names(report, &asked), options)?)?;
    note(&notes(report, &asked, &fetched, &rows, options));
    Ok(())
}

/// What is told of a request that does not pass.
pub(super) fn refused(id: &PrincipalId, denial: &Denial) -> Failure {
    let (code, status) = (denial.code, denial.code.status());
    Failure::Plain(format!("{id} would be refused: {status} {code}: {}", visible(&denial.told())))
}

fn fetch(asked: &BackendRequest, output: OutputFormat) -> Result<Fetched, Failure> {
    let failed = |error| Failure::because("cannot ask the backend", error);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(serve::fetch(asked, output, MOST)).map_err(|unanswered| {
        let (code, status) = (unanswered.code(), unanswered.code().status());
        Failure::because(format!("a client would get {status} {code}"), unanswered)
    })
}

/// The names of the columns that are shown, in order.
fn names(report: &Report, asked: &BackendRequest) -> Vec<String> {
    let columns = report.catalogue.columns_of(&asked.answer().grant.view);
    columns.map(|column| column.name.to_string()).collect()
}

/// The rows of an answer.
struct Rows<'a> {
    /// A heading, for CSV.
    heading: &'a str,
    /// Each as it came.
    rows: Vec<&'a str>,
}

impl<'a> Rows<'a> {
    /// Splits an answer; a row that it breaks off in is left out.
    fn read(fetched: &'a Fetched, output: OutputFormat) -> Result<Self, Failure> {
        let whole = match std::str::from_utf8(&fetched.body) {
            Ok(text) => text,
            // Where it was cut.
            Err(error) if !fetched.is_whole => {
                let valid = fetched.body.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(valid).unwrap_or_default()
            }
            Err(error) => return Err(Failure::because("cannot read the answer", error)),
        };
        let mut rows = if output == OutputFormat::Csv { records(whole) } else { whole.lines().collect() };
        if !fetched.is_whole {
            rows.pop();
        }
        let has_heading = output == OutputFormat::Csv && !rows.is_empty();
        let heading = if has_heading { rows.remove(0) } else { "" };
        Ok(Self { heading, rows })
    }

    fn shown(&self, options: &Options) -> impl Iterator<Item = &'a str> + Clone {
        self.rows.iter().copied().take(options.limit.unwrap_or(usize::MAX))
    }

    fn printed(&self, names: &[String], options: &Options) -> Result<String, Failure> {
        let rows = self.shown(options);
        Ok(match options.format {
            Printed::Csv => std::iter::once(self.heading).chain(rows).collect(),
            Printed::Json => match rows.map(|row| format!("  {row}")).collect::<Vec<_>>() {
                rows if rows.is_empty() => "[]\n".to_owned(),
                rows => format!("[\n{}\n]\n", rows.join(",\n")),
            },
            Printed::Table => {
                let cells = rows.map(|row| cells(row, names)).collect::<Result<Vec<_>, _>>();
                let cells = cells.map_err(|error| Failure::because("cannot read the answer", error))?;
                let headings: Vec<_> = names.iter().map(String::as_str).collect();
                table(&headings, &cells)
            }
        })
    }
}

/// The cells of a row: text without its quotes, everything else as it is written; null and nothing are empty.
fn cells(row: &str, names: &[String]) -> Result<Vec<String>, serde_json::Error> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(row)?;
    let cell = |name: &String| match members.get(name).map(|value| value.get()) {
        None | Some("null") => Ok(String::new()),
        Some(text) if text.starts_with('"') => serde_json::from_str(text),
        Some(other) => Ok(other.to_owned()),
    };
    names.iter().map(cell).collect()
}

/// The records of a CSV text, each with its line end (RFC 4180).
fn records(text: &str) -> Vec<&str> {
    let mut in_quotes = false;
    let ends = move |c: char| {
        in_quotes ^= c == '"';
        c == '\n' && !in_quotes
    };
    text.split_inclusive(ends).collect()
}

/// What the rows do not show.
fn notes(
    report: &Report,
    asked: &BackendRequest,
    fetched: &Fetched,
    rows: &Rows<'_>,
    options: &Options,
) -> String {
    let id = &options.principal;
    let view = &asked.answer().grant.view;
    let hidden = report.catalogue.iter().filter(|(column, _)| !view.contains(*column));
    let hidden: Vec<_> = hidden.map(|(_, column)| &column.name).collect();
    let mut notes = match (rows.shown(options).count(), rows.rows.len()) {
        (shown, all) if shown < all => format!("{shown} of {}\n", count(all, "row")),
        (_, all) => format!("{}\n", count(all, "row")),
    };
    if !fetched.is_whole {
        notes += "there are more: only the first 64 MiB were read\n";
    }
    notes += &format!("hidden from {id}: {}\n", listed(&hidden));
    notes += &format!("sent by the backend and cut: {}\n", listed(&fetched.removed));
    if !fetched.missing.is_empty() {
        notes += &format!("not sent by the backend: {}\n", listed(&fetched.missing));
    }
    if fetched.foreign_rows > 0 {
        let foreign = usize::try_from(fetched.foreign_rows).unwrap_or(usize::MAX);
        notes += &format!("cut, because they are somebody else's: {}\n", count(foreign, "row"));
    }
    if options.ip.is_none() {
        notes += "the whitelist was not looked at; see --ip\n";
    }
    notes
}

fn listed(names: &[impl Display]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    visible(&names.join(", ")).into_owned()
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "expected NAME=VALUE".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_outside_of_quotes() {
        #[rustfmt::skip]
        let cases: [(&str, &[&str]); 4] = [
            ("a,b\r\n1,2\r\n", &["a,b\r\n", "1,2\r\n"]), ("a\n\"x\ny\"\n\"\"\"\n\"\nz", &["a\n", "\"x\ny\"\n", "\"\"\"\n\"\n", "z"]),
            ("", &[]), ("a", &["a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(records(text), expected, "{text:?}");
        }
    }

    #[test]
    fn cells_are_shown_as_they_are() {
        let names: Vec<_> = ["b", "a", "c", "d", "e"].map(str::to_owned).into();
        let row = r#"{"a":1.50,"b":"x\ty","c":null,"e":{"n":[1]}}"#;
        assert_eq!(cells(row, &names).unwrap(), ["x\ty", "1.50", "", "", r#"{"n":[1]}"#]);
        assert!(cells("[1]", &names).is_err());
    }

    #[test]
    fn a_row_that_was_cut_is_not_shown() {
        let fetched = |body: &[u8], is_whole| Fetched { body: body.to_vec(), is_whole, ..Fetched::default() };
        #[rustfmt::skip]
        let cases: [(&[u8], bool, OutputFormat, usize); 6] = [
            (b"{}\n{}\n", true, OutputFormat::Ndjson, 2), (b"{}\n{\"a", false, OutputFormat::Ndjson, 1),
            (b"{}\n{\"a\xc3", false, OutputFormat::Ndjson, 1), (b"a\r\n1\r\n2\r\n", true, OutputFormat::Csv, 2),
            (b"a\r\n1\r\n\"2\r\n", false, OutputFormat::Csv, 1), (b"", true, OutputFormat::Csv, 0),
        ];
        for (body, is_whole, output, expected) in cases {
            let fetched = fetched(body, is_whole);
            assert_eq!(Rows::read(&fetched, output).unwrap().rows.len(), expected, "{body:?}");
        }
    }
}
