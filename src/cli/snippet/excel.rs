//! A request in Power Query M, and its answer as a table.

use super::Call;
use super::quote::m;
use reportgate::domain::column::View;
use reportgate::domain::dialect::{Documents, JsonDialect, OutputFormat, ResponseFormat, RowForm, Shape};
use reportgate::domain::pointer::Pointer;
use reportgate::policy::Report;

/// A query to be pasted into the advanced editor; `view` are the columns that come.
pub(super) fn excel(call: &Call, report: &Report, view: Option<&View>, output: OutputFormat) -> String {
    let headers = call.all_headers();
    let headers = headers.iter().map(|(name, value)| format!("#{} = {}", m(name), m(value)));
    let headers = headers.collect::<Vec<_>>().join(", ");
    let mut settings = format!("Headers = [{headers}]");
    // Content makes it a POST.
    match &call.body {
        Some((_, body)) => {
            settings += &format!(",\n        Content = Text.ToBinary({}, TextEncoding.Utf8)", m(body))
        }
        None if call.method == "POST" => settings += ",\n        Content = Text.ToBinary(\"\")",
        None => {}
    }
    let columns = view.map_or_else(Vec::new, |view| {
        report.catalogue.columns_of(view).map(|column| m(column.name.as_str())).collect()
    });
    let table = table(report, output, &format!("{{{}}}", columns.join(", ")));
    let url = m(&call.url);
    format!(
        "// Data > Get Data > From Other Sources > Blank Query > Advanced Editor; as credentials choose Anonymous
let
    Source = Web.Contents({url}, [
        {settings}
    ]),
    Report = {table}
in
    Report
"
    )
}

/// An answer as a table.
fn table(report: &Report, output: OutputFormat, columns: &str) -> String {
    const LINES: &str = "List.Select(Lines.FromBinary(Source, null, null, 65001), each _ <> \"\")";
    match output {
        OutputFormat::Csv => {
            let delimiter = match &report.response.format {
                ResponseFormat::Csv(csv) => char::from(csv.delimiter),
                ResponseFormat::Json(_) | ResponseFormat::Xml(_) | ResponseFormat::Opaque => ',',
            };
            let options = format!(
                "[Delimiter = {}, Encoding = 65001, QuoteStyle = QuoteStyle.Csv]",
                m(&delimiter.to_string())
            );
            format!("Table.PromoteHeaders(Csv.Document(Source, {options}))")
        }
        OutputFormat::Ndjson => {
            of_records(&format!("List.Transform({LINES}, each Json.Document(_))"), columns)
        }
        OutputFormat::Json => match &report.response.format {
            ResponseFormat::Json(JsonDialect { documents: Documents::One, rows: Some(at), row, .. })
                if report.response.output.shape != Shape::Bare =>
            {
                let form =
                    if report.response.output.shape == Shape::Objects { &RowForm::Object } else { row };
                rows(&within(at), form, columns)
            }
            ResponseFormat::Json(_)
            | ResponseFormat::Csv(_)
            | ResponseFormat::Xml(_)
            | ResponseFormat::Opaque => of_records("Json.Document(Source)", columns),
        },
        OutputFormat::Xml => "Xml.Tables(Source)".to_owned(),
        OutputFormat::Opaque => "Source".to_owned(),
    }
}

/// Where the rows stand in the document.
fn within(at: &Pointer) -> String {
    let steps: String = at.tokens().map(|name| format!("[#{}]", m(name))).collect();
    format!("Json.Document(Source){steps}")
}

/// Rows of that form as a table.
fn rows(list: &str, form: &RowForm, columns: &str) -> String {
    match form {
        RowForm::Object => of_records(list, columns),
        RowForm::Array { .. } => format!("Table.FromRows({list}, {columns})"),
        RowForm::ArrayAfterHeader => format!("Table.PromoteHeaders(Table.FromRows({list}))"),
        RowForm::Pairs { name_key, value_key } => {
            let of = |key: &str| format!("List.Transform(_, (pair) => pair[#{}])", m(key));
            let record = format!("Record.FromList({}, {})", of(value_key), of(name_key));
            of_records(&format!("List.Transform({list}, each {record})"), columns)
        }
    }
}

/// Records as a table; a cell that a record lacks is null.
fn of_records(records: &str, columns: &str) -> String {
    format!("Table.FromRecords({records}, {columns}, MissingField.UseNull)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_table() {
        let at = within(&Pointer::parse("/data/the \"rows\"").unwrap());
        let pairs = RowForm::Pairs { name_key: "n".into(), value_key: "v".into() };
        let header = Pointer::parse("/h").unwrap();
        #[rustfmt::skip]
        let cases = [
            (RowForm::Object, r#"Table.FromRecords(Json.Document(Source)[#"data"][#"the ""rows"""], {"a"}, MissingField.UseNull)"#),
            (RowForm::Array { header }, r#"Table.FromRows(Json.Document(Source)[#"data"][#"the ""rows"""], {"a"})"#),
            (RowForm::ArrayAfterHeader, r#"Table.PromoteHeaders(Table.FromRows(Json.Document(Source)[#"data"][#"the ""rows"""]))"#),
            (pairs, "Table.FromRecords(List.Transform(Json.Document(Source)[#\"data\"][#\"the \"\"rows\"\"\"], each \
                     Record.FromList(List.Transform(_, (pair) => pair[#\"v\"]), List.Transform(_, (pair) => pair[#\"n\"]))), \
                     {\"a\"}, MissingField.UseNull)"),
        ];
        for (form, expected) in cases {
            assert_eq!(rows(&at, &form, "{\"a\"}"), expected);
        }
    }
}
