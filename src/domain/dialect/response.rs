//! How a backend's answers are read, and how they leave.

use super::Place;
use crate::domain::column::ColumnIndex;
use crate::domain::pointer::Pointer;

/// How a report's answers are read, and how they leave.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseDialect {
    /// What the backend sends, whatever its `Content-Type` says.
    pub format: ResponseFormat,
    /// Whose rows may leave.
    pub rows: RowRules,
    /// How rows leave.
    pub output: OutputRules,
    /// How far a compressed answer is decoded.
    pub decoding: DecodingLimits,
    /// What answers may be compressed with on their way to the client.
    pub compress: Box<[ContentCoding]>,
}

impl ResponseDialect {
    /// A dialect of that format, everything else as it is by default.
    #[must_use]
    pub fn new(format: ResponseFormat) -> Self {
        Self {
            format,
            rows: RowRules::default(),
            output: OutputRules::default(),
            decoding: DecodingLimits::default(),
            compress: Box::default(),
        }
    }

    /// The paging cursors; none outside of JSON.
    #[must_use]
    pub fn cursors(&self) -> &[Cursor] {
        match &self.format {
            ResponseFormat::Json(dialect) => &dialect.cursors,
            ResponseFormat::Csv(_) | ResponseFormat::Xml(_) | ResponseFormat::Opaque => &[],
        }
    }

    /// The links to other pages; none outside of JSON.
    #[must_use]
    pub fn links(&self) -> &[Pointer] {
        match &self.format {
            ResponseFormat::Json(dialect) => &dialect.links,
            ResponseFormat::Csv(_) | ResponseFormat::Xml(_) | ResponseFormat::Opaque => &[],
        }
    }
}

/// What the backend sends.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// JSON text (RFC 8259): one document, or many.
    Json(JsonDialect),
    /// Delimited text with a header line (RFC 4180).
    Csv(CsvDialect),
    /// XML 1.0 without a document type.
    Xml(XmlDialect),
    /// Relayed unfiltered, vouched for by the operator.
    Opaque,
}

impl ResponseFormat {
    /// The format in which its answers leave unless a client asks for another.
    #[must_use]
    pub fn own_output(&self) -> OutputFormat {
        match self {
            Self::Json(JsonDialect { documents: Documents::One, .. }) => OutputFormat::Json,
            Self::Json(JsonDialect { documents: Documents::Many, .. }) => OutputFormat::Ndjson,
            Self::Csv(_) => OutputFormat::Csv,
            Self::Xml(_) => OutputFormat::Xml,
            Self::Opaque => OutputFormat::Opaque,
        }
    }
}

/// A JSON answer.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonDialect {
    /// How many documents an answer has.
    pub documents: Documents,
    /// The array of rows of each document, the root when the document is the array; `None`: each document is
    /// itself a row, which only one of many can be.
    pub rows: Option<Pointer>,
    /// A document without anything, or with null, where the rows belong has no rows; otherwise it is not of the
    /// shape. Only with `success`, which tells such an answer from a failure.
    pub rows_optional: bool,
    /// What a row is.
    pub row: RowForm,
    /// Objects keyed by column, filtered as rows are.
    pub also: Box<[Pointer]>,
    /// Members that pass as they are.
    pub keep: Box<[Pointer]>,
    /// Arrays parallel to the columns, cut alike. With rows that are not arrays the first of them holds the
    /// backend's column names.
    pub columns_arrays: Box<[Pointer]>,
    /// Members that name the next page.
    pub cursors: Box<[Cursor]>,
    /// Links to other pages, rewritten to the gate's own path.
    pub links: Box<[Pointer]>,
    /// How a success is told from a failure with status 200.
    pub success: Option<Success>,
}

impl JsonDialect {
    /// One document that is the array of row objects, or holds it at `rows`, and nothing else that passes.
    #[must_use]
    pub fn new(rows: Pointer) -> Self {
        Self {
            documents: Documents::One,
            rows: Some(rows),
            rows_optional: false,
            row: RowForm::Object,
            also: Box::default(),
            keep: Box::default(),
            columns_arrays: Box::default(),
            cursors: Box::default(),
            links: Box::default(),
            success: None,
        }
    }
}

/// How many documents a JSON answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// Exactly one.
    One,
    /// One or more, one after the other, on lines of their own or not.
    Many,
}

/// What a row of a JSON answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowForm {
    /// An object keyed by column.
    Object,
    /// An array, its names in the first row of the answer.
    ArrayAfterHeader,
    /// An array, its names in the array at this pointer, before or after the rows.
    Array {
        /// Where the names stand.
        header: Pointer,
    },
    /// An array of objects that each hold one column: `[{"name":"clicks","value":3}]`.
    Pairs {
        /// The member that names the column.
        name_key: Box<str>,
        /// The member that holds the cell.
        value_key: Box<str>,
    },
}

/// A member that tells success.
#[derive(Debug, Clone, PartialEq)]
pub struct Success {
    /// The member.
    pub at: Pointer,
    /// Any of these means success.
    pub equals: Box<[Scalar]>,
    /// Whether a body without the member is a success.
    pub absent_ok: bool,
}

/// A scalar to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A number, by value.
    Number(f64),
    /// A string.
    Text(Box<str>),
}

/// A member that names the next page by values of the backend's own, and the client's parameter that takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The member of the answer.
    pub at: Pointer,
    /// Where the client sends it, and the backend gets it.
    pub parameter: Place,
}

/// A CSV answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two cells; an ASCII byte that is neither quote nor line end.
    pub delimiter: u8,
}

/// An XML answer. Paths name elements from the document's root on.
#[derive(Debug, Clone, PartialEq)]
pub struct XmlDialect {
    /// The repeated element that is a row; at least a root and a row.
    pub rows: Pointer,
    /// Elements keyed by column, filtered as rows are.
    pub also: Box<[Pointer]>,
    /// Elements that pass as they are.
    pub keep: Box<[Pointer]>,
    /// How a success is told from a failure with status 200; a last part `@name` is an attribute.
    pub success: Option<Success>,
}

/// Whose rows may leave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowRules {
    /// The backend's name of the column that tells whose a row is: asked for, checked in every row, cut unless granted.
    pub scope_column: Option<Box<str>>,
    /// What a row of somebody else does to the answer.
    pub on_foreign_row: OnForeignRow,
    /// Rows that are nobody's, cut before it is asked whose they are.
    pub total_rows: Option<TotalRows>,
}

/// What a row of somebody else does to an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnForeignRow {
    /// The answer cannot be passed on.
    #[default]
    Refuse,
    /// The row is cut.
    Drop,
}

/// How rows that sum others up are told.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalRows {
    /// The column; asked for.
    pub column: ColumnIndex,
    /// What stands there.
    pub equals: Scalar,
}

/// How rows leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputRules {
    /// The form of a JSON answer.
    pub shape: Shape,
    /// What a CSV header calls the columns.
    pub csv_header: CsvHeader,
    /// Whether CSV cells that a spreadsheet would run as formulas are neutralised.
    pub csv_safe: bool,
}

/// The form of a JSON answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Envelope and row form as the backend sends them.
    #[default]
    Same,
    /// The envelope as the backend sends it, rows as objects.
    Objects,
    /// Only an array of objects.
    Bare,
}

/// What a CSV header calls the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CsvHeader {
    /// Their names.
    #[default]
    Name,
    /// Their titles; the name of a column without one.
    Title,
}

/// How far a compressed answer is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodingLimits {
    /// The greatest length of a decoded body, in bytes.
    pub max_bytes: u64,
    /// How many times its own length a body may decode to.
    pub max_ratio: u32,
}

impl Default for DecodingLimits {
    /// 1 GiB and 200.
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_ratio: 200 }
    }
}

/// How a body is compressed towards a client (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
}

impl ContentCoding {
    /// As headers and the config write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// What clients get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// `application/json`.
    Json,
    /// `application/x-ndjson`: one JSON value a line.
    Ndjson,
    /// `text/csv`.
    Csv,
    /// `application/xml`; only where the backend sends it.
    Xml,
    /// Whatever the backend sends.
    Opaque,
}

impl OutputFormat {
    /// As `?format=` and the config write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Xml => "xml",
            Self::Opaque => "opaque",
        }
    }

    /// Its media type; `None` for opaque answers, which keep the backend's.
    #[must_use]
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            Self::Ndjson => Some("application/x-ndjson"),
            Self::Csv => Some("text/csv"),
            Self::Xml => Some("application/xml"),
            Self::Opaque => None,
        }
    }
}
