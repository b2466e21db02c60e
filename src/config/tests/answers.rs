//! How answers are read: every key in its dialect.

use super::*;
use crate::domain::dialect::*;
use crate::policy::Report as PolicyReport;

/// The simple config with these lines as the response of its report; the first of them is line 24.
pub(super) fn with_response(lines: &str) -> String {
    SIMPLE.replace(
        "[reports.leads.response]\nrows = \"/rows\"\n",
        &format!("[reports.leads.response]\n{lines}\n"),
    )
}

/// The report of a config, and its warnings.
fn report(text: &str) -> (PolicyReport, Vec<String>) {
    let loaded = load_text(text).map_err(|r| r.report.render(false)).unwrap();
    let report = loaded.policy.reports.iter().next().unwrap().1.clone();
    (
        report,
        loaded.warnings.lines().map(|line| line.split(": ").skip(1).collect::<Vec<_>>().join(": ")).collect(),
    )
}

fn at(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

#[test]
fn every_key_stands_in_the_dialect() {
    let text = with_response(
        r#"format = "ndjson"
rows = "/rows"
row = "array"
header = "/columns"
also = ["/totals"]
keep = ["/ok"]
success = { at = "/ok", equals = [true, "yes", 0], absent_ok = true }
columns_arrays = ["/types"]
cursors = [{ response = "/next", parameter = "_next" }, { response = "/prev", parameter = "form:p" }, ]
links = ["/nextUrl", "/prevUrl"]
rows_optional = true
scope_column = "Affiliate"
on_foreign_row = "refuse"
total_rows = { column = "code", equals = "Total" }
shape = "objects"
csv_header = "title"
csv_safe = true
max_decoded_bytes = "64MiB"
max_ratio = 50
compress = ["br", "gzip", "zstd"]
output = ["csv", "ndjson", "json"]
pass_headers = { request = ["x-in"], response = ["x-out"] }"#,
    );
    let (report, warnings) =
        report(&text.replacen("backend_path", "methods = [\"GET\", \"POST\"]\nbackend_path", 1));
    assert_eq!(warnings, ["warning: `/ok` passes unfiltered"]);
    let cursor = |response: &str, parameter| Cursor { at: at(response), parameter };
    let json = JsonDialect {
        documents: Documents::Many,
        rows: Some(at("/rows")),
        rows_optional: true,
        row: RowForm::Array { header: at("/columns") },
        also: [at("/totals")].into(),
        keep: [at("/ok")].into(),
        columns_arrays: [at("/types")].into(),
        cursors: [cursor("/next", Place::Query("_next".into())), cursor("/prev", Place::Form("p".into()))]
            .into(),
        links: [at("/nextUrl"), at("/prevUrl")].into(),
        success: Some(Success {
            at: at("/ok"),
            equals: [Scalar::Boolean(true), Scalar::Text("yes".into()), Scalar::Number(0.0)].into(),
            absent_ok: true,
        }),
    };
    let column = report.catalogue.find("code").unwrap();
    let expected = ResponseDialect {
        format: ResponseFormat::Json(json),
        rows: RowRules {
            scope_column: Some("Affiliate".into()),
            on_foreign_row: OnForeignRow::Refuse,
            total_rows: Some(TotalRows { column, equals: Scalar::Text("Total".into()) }),
        },
        output: OutputRules { shape: Shape::Objects, csv_header: CsvHeader::Title, csv_safe: true },
        decoding: DecodingLimits { max_bytes: 64 << 20, max_ratio: 50 },
        compress: [ContentCoding::Brotli, ContentCoding::Gzip, ContentCoding::Zstd].into(),
    };
    assert_eq!(report.response, expected);
    assert_eq!(*report.output, [OutputFormat::Csv, OutputFormat::Ndjson, OutputFormat::Json]);
    assert_eq!(report.request.body, BodyKind::Form, "a cursor is a parameter of the body");
    // What the gate needs itself is asked for, by the names of requests, and no client asks for it.
    let asked = ["Affiliate".into(), "TrackingCode".into()];
    assert_eq!((&*report.request.hidden, &*report.request.columns[0].hidden), (&asked[..], &asked[..]));
    assert_eq!(*report.request.ask[0].hidden, []);
}

#[test]
fn formats_have_forms_of_their_own() {
    let json = |documents, rows: Option<&str>, row| {
        let rows = rows.map(at);
        ResponseFormat::Json(JsonDialect { documents, rows, row, ..JsonDialect::new(Pointer::default()) })
    };
    let pairs = || RowForm::Pairs { name_key: "n".into(), value_key: "v".into() };
    let xml = |success: Option<&str>| XmlDialect {
        rows: at("/R/Row"),
        also: [at("/R/Sum")].into(),
        keep: Box::default(),
        success: success.map(|text| Success {
            at: at(text),
            equals: [Scalar::Text("ok".into())].into(),
            absent_ok: false,
        }),
    };
    let xml = |success| ResponseFormat::Xml(xml(success));
    use OutputFormat::{Csv, Json, Ndjson, Opaque, Xml};
    #[rustfmt::skip]
    let cases: [(&str, ResponseFormat, &[OutputFormat]); 12] = [
        ("", json(Documents::One, Some(""), RowForm::Object), &[Json]),
        ("row = 'array'\nheader = 'first'", json(Documents::One, Some(""), RowForm::ArrayAfterHeader), &[Json]),
        ("row = 'pairs'\nname_key = 'n'\nvalue_key = 'v'", json(Documents::One, Some(""), pairs()), &[Json]),
        ("format = 'ndjson'", json(Documents::Many, None, RowForm::Object), &[Ndjson]),
        ("format = 'ndjson'\nrow = 'array'\nheader = 'first'", json(Documents::Many, None, RowForm::ArrayAfterHeader), &[Ndjson]),
        ("format = 'ndjson'\nrows = ''\noutput = ['json', 'ndjson']", json(Documents::Many, Some(""), RowForm::Object), &[Json, Ndjson]),
        ("format = 'csv'\ndelimiter = '|'", ResponseFormat::Csv(CsvDialect { delimiter: b'|' }), &[Csv]),
        ("format = 'csv'\nshape = 'same'\noutput = ['json', 'csv']", ResponseFormat::Csv(CsvDialect { delimiter: b',' }), &[Json, Csv]),
        ("format = 'xml'\nrows = '/R/Row'\nalso = ['/R/Sum']", xml(None), &[Xml]),
        ("format = 'xml'\nrows = '/R/Row'\nalso = ['/R/Sum']\nsuccess = { at = '/R/@state', equals = ['ok'] }\noutput = ['csv', 'xml']", xml(Some("/R/@state")), &[Csv, Xml]),
        ("format = 'opaque'", ResponseFormat::Opaque, &[Opaque]),
        ("format = 'opaque'\noutput = ['opaque']\ncompress = ['gzip']\nmax_ratio = 10\nmax_decoded_bytes = '1MiB'", ResponseFormat::Opaque, &[Opaque]),
    ];
    for (lines, format, output) in cases {
        let (report, _) = report(&with_response(lines));
        assert_eq!((&report.response.format, &*report.output), (&format, output), "{lines}");
        assert_eq!(
            (report.response.rows, &*report.request.hidden),
            (RowRules::default(), &[][..]),
            "{lines}"
        );
    }
}

/// Lines of a request and of a response; what is asked for in each slot, and in all.
type Asked = (&'static str, &'static str, &'static [&'static [&'static str]], &'static [&'static str]);

#[test]
fn what_tells_rows_apart_is_asked_for() {
    const COLUMNS: &str = "columns = { in = \"query\", name = \"_col\", style = \"repeat\" }";
    #[rustfmt::skip]
    let cases: [Asked; 10] = [
        (COLUMNS, "scope_column = 'aff'", &[&["aff"]], &["aff"]),
        (COLUMNS, "scope_column = 'Tracking_Code'", &[&["TrackingCode"]], &["TrackingCode"]),
        (COLUMNS, "scope_column = 'TrackingCode'", &[&["TrackingCode"]], &["TrackingCode"]),
        (COLUMNS, "scope_column = 'aff'\ntotal_rows = { column = 'country', equals = 1 }", &[&["aff", "country"]], &["aff", "country"]),
        (COLUMNS, "scope_column = 'country'\ntotal_rows = { column = 'country', equals = 1 }", &[&["country"]], &["country"]),
        ("columns = [{ in = 'query', name = 'a', group = 'm' }, { in = 'query', name = 'b' }, { in = 'query', name = 'c', group = 'd' }]",
            "scope_column = 'aff'\ntotal_rows = { column = 'code', equals = 1 }", &[&[], &["aff"], &["TrackingCode"]], &["aff", "TrackingCode"]),
        ("columns = [{ in = 'query', name = 'a', group = 'm' }, { in = 'json', at = '/c', group = 'd' }]",
            "scope_column = 'aff'\ntotal_rows = { column = 'lead_id', equals = 1 }", &[&["lead_id"], &["aff"]], &["aff", "lead_id"]),
        ("set = { q = '{columns}' }", "scope_column = 'aff'", &[], &["aff"]),
        ("", "scope_column = 'aff'\ntotal_rows = { column = 'country', equals = 1 }", &[], &[]),
        (COLUMNS, "", &[&[]], &[]),
    ];
    for (request, response, slots, all) in cases {
        let group = |column: &str, group: &str| {
            (format!("{column} = {{"), format!("{column} = {{ group = '{group}',"))
        };
        let mut text =
            with_response(response).replace(COLUMNS, request).replace("created_at = {}", "created_at = { }");
        for (from, to) in [group("lead_id", "m"), group("created_at", "m"), group("code", "d")] {
            text = text.replacen(&from, &to, 1);
        }
        text = text.replacen("country = {}", "country = { group = 'm' }", 1);
        let (report, _) = report(&text);
        let found: Vec<Vec<&str>> = report
            .request
            .columns
            .iter()
            .map(|slot| slot.hidden.iter().map(|name| &**name).collect())
            .collect();
        assert_eq!(found, slots, "{request} {response}");
        assert_eq!(
            report.request.hidden.iter().map(|name| &**name).collect::<Vec<_>>(),
            all,
            "{request} {response}"
        );
        assert!(report.request.ask.iter().all(|slot| slot.hidden.is_empty()));
    }
}

#[test]
fn rows_are_told_apart_by_ids_of_the_principal() {
    let text = with_response("scope_column = 'aff'")
        .replace("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = \"credential\"")
        .replace(
            "[[affiliates.acme.tokens]]",
            "[affiliates.acme.credentials.legacy]\nheaders = { x = 'y' }\n[[affiliates.acme.tokens]]",
        )
        + "[employees.jane.credentials.legacy]\nheaders = { x = 'z' }\n";
    let missing = |place, who| {
        format!(
            "{place}: `{who}` may call the report `leads`, whose `scope_column` tells whose a row is, and has no `scope`"
        )
    };
    #[rustfmt::skip]
    let cases = [
        ("scope = [\"1001\"]", "scope = [\"1001\"]", vec![]),
        ("scope = [\"1001\"]\n", "", vec![missing("34:13", "acme")]),
        ("scope = [\"1001\"]", "scope = []", vec![missing("34:13", "acme")]),
        ("scope = \"all\"\n", "", vec![missing("50:12", "jane")]),
        ("role = \"standard\"\nscope = [\"1001\"]", "permissions = []", vec![]),
    ];
    for (from, to, expected) in cases {
        assert!(text.contains(from), "{from}");
        let mut text = text.replace(from, to);
        if to == "permissions = []" {
            text = text.replace("columns.leads = [\"country\", \"created_at\"]\n", "");
        }
        assert_eq!(problems(&text), expected, "{to}");
    }
}

#[test]
fn the_seal_key_is_a_secret_of_32_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(folder.path().join("seal"), format!("{}\n", "k".repeat(32))).unwrap();
    std::fs::write(folder.path().join("short"), format!("{}\n", "z".repeat(31))).unwrap();
    let short = "3:12: a seal key has at least 32 bytes; `openssl rand -hex 32` makes one";
    #[rustfmt::skip]
    let cases = [
        (String::new(), Ok(None)),
        (format!("seal_key = '{}'", "s".repeat(32)), Ok(Some("s".repeat(32)))),
        (format!("seal_key = '{}'", "s".repeat(31)), Err(short)),
        ("seal_key = { file = 'seal' }".to_owned(), Ok(Some("k".repeat(32)))),
        ("seal_key = { file = 'short' }".to_owned(), Err(short)),
        ("seal_key = ''".to_owned(), Err(short)),
        ("seal_key = 7".to_owned(), Err("3:12: expected a string, { env = \"NAME\" } or { file = \"PATH\" }, found an integer")),
        ("seal_key = { env = 'REPORTGATE_NOT_SET' }".to_owned(), Err("3:12: the environment variable `REPORTGATE_NOT_SET` is not set, or is no text")),
    ];
    for (line, expected) in cases {
        std::fs::write(&path, SIMPLE.replacen("[server]", &format!("[server]\n{line}"), 1)).unwrap();
        match (load(&path, NOW), expected) {
            (Ok(loaded), Ok(expected)) => {
                let key = loaded.policy.settings.seal_key.clone();
                assert_eq!(
                    key.as_ref().map(|key| key.as_bytes()),
                    expected.as_ref().map(|key| key.as_bytes()),
                    "{line}"
                );
                let shown = format!("{:?}", loaded.policy.settings);
                assert!(
                    !shown.contains("ssss") && !shown.contains("kkkk") && !shown.contains("115"),
                    "{shown}"
                );
                assert_eq!(loaded.sources.files().count(), 1 + usize::from(line.contains("file")), "{line}");
            }
            (Err(rejected), Err(expected)) => {
                let lines: Vec<_> = rejected.report.lines().collect();
                assert!(matches!(&*lines, [only] if only.ends_with(expected)), "{lines:?}");
                let shown = rejected.report.render(false);
                assert!(!shown.contains("ssss") && !shown.contains("zzzz"), "{shown}");
            }
            (found, expected) => panic!("{line}: {found:?}, not {expected:?}"),
        }
    }
}
