//! Where columns, scope and parameters stand in a backend's requests, and in those of clients.

use crate::domain::column::ColumnIndex;
use crate::domain::pointer::Pointer;
use crate::domain::template::{JsonTemplate, Template};
use http::HeaderName;
use std::fmt;

/// Where a single-valued item stands in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A query parameter, by its decoded name.
    Query(Box<str>),
    /// A form field, by its decoded name.
    Form(Box<str>),
    /// A member of the JSON body.
    Json(Pointer),
}

impl fmt::Display for Place {
    /// As the config writes it: `NAME`, `form:NAME`, `json:/POINTER`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(name) => f.write_str(name),
            Self::Form(name) => write!(f, "form:{name}"),
            Self::Json(at) => write!(f, "json:{at}"),
        }
    }
}

/// What body the backend gets, and a POSTing client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// None.
    None,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
}

/// How several values stand in a query or form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListStyle {
    /// `k=a,b`.
    Csv {
        /// Between two values.
        separator: Box<str>,
    },
    /// `k=a&k=b`.
    Repeat,
    /// `k[]=a&k[]=b`; the name is stored without the brackets.
    Brackets,
    /// `a=1&b=1`; only for columns. The place's name is empty.
    Flags {
        /// In front of each column's name.
        prefix: Box<str>,
        /// The value that asks for a column.
        value: Box<str>,
    },
}

impl ListStyle {
    /// What a client writes behind the stored name.
    fn suffix(&self) -> &'static str {
        match self {
            Self::Brackets => "[]",
            Self::Csv { .. } | Self::Repeat | Self::Flags { .. } => "",
        }
    }
}

/// How several values stand in a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonListStyle {
    /// `["a", "b"]`.
    Array,
    /// `[{"KEY": "a"}, {"KEY": "b"}]`.
    Objects {
        /// The member that holds the value.
        key: Box<str>,
    },
    /// `"a,b"`.
    Csv {
        /// Between two values.
        separator: Box<str>,
    },
}

/// Where columns stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnPlace {
    /// In the query.
    Query {
        /// The parameter; empty with `flags`.
        name: Box<str>,
        /// How several stand there.
        style: ListStyle,
    },
    /// In the form.
    Form {
        /// The field; empty with `flags`.
        name: Box<str>,
        /// How several stand there.
        style: ListStyle,
    },
    /// In the JSON body.
    Json {
        /// Where.
        at: Pointer,
        /// How several stand there.
        style: JsonListStyle,
    },
    /// In a header, separated by commas.
    Header {
        /// The header.
        name: HeaderName,
    },
}

impl fmt::Display for ColumnPlace {
    /// The parameter that clients send, written like a [`Place`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query { name, style } => write!(f, "{name}{}", style.suffix()),
            Self::Form { name, style } => write!(f, "form:{name}{}", style.suffix()),
            Self::Json { at, .. } => write!(f, "json:{at}"),
            Self::Header { name } => write!(f, "{name}"),
        }
    }
}

/// A place for columns, and which of them go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSlot {
    /// Where.
    pub place: ColumnPlace,
    /// Which columns of the catalogue go there; the groups divide it between the slots.
    pub takes: Box<[ColumnIndex]>,
    /// Columns that are asked for there besides the granted ones, by the backend's names, so that the gate can
    /// check the rows; what comes of them is cut. Empty where a client's selection is read.
    pub hidden: Box<[Box<str>]>,
}

/// How a JSON body writes scope ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdType {
    /// As strings.
    String,
    /// As numbers; the ids are then integers.
    Number,
}

/// Where the scope stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopePlace {
    /// In the query.
    Query {
        /// The parameter.
        name: Box<str>,
        /// `Csv`, `Repeat` or `Brackets`.
        style: ListStyle,
    },
    /// In the form.
    Form {
        /// The field.
        name: Box<str>,
        /// `Csv`, `Repeat` or `Brackets`.
        style: ListStyle,
    },
    /// In the JSON body.
    Json {
        /// Where.
        at: Pointer,
        /// `None`: one id alone as a scalar, several as an array.
        style: Option<JsonListStyle>,
        /// How ids are written.
        id_type: IdType,
    },
    /// Items appended to an array of the JSON body, one per id.
    Append {
        /// The array.
        at: Pointer,
        /// The members of an item; exactly one of them is the `{scope}`.
        item: Box<[(Box<str>, JsonTemplate)]>,
        /// How the id is written.
        id_type: IdType,
        /// Client items that may pass: every listed member must hold one of its texts; the other members of `item` are
        /// free scalars, and there are none besides.
        allow: Box<[AllowedMember]>,
    },
    /// In a header, separated by commas.
    Header {
        /// The header.
        name: HeaderName,
    },
    /// `{scope}` in `backend_path`; clients choose by this query parameter.
    Path {
        /// The client's query parameter.
        parameter: Box<str>,
    },
}

/// A member that client items of an appended array may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedMember {
    /// Its name.
    pub name: Box<str>,
    /// The texts it may hold; at least one.
    pub values: Box<[Box<str>]>,
}

impl fmt::Display for ScopePlace {
    /// The parameter that clients send, written like a [`Place`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query { name, style } => write!(f, "{name}{}", style.suffix()),
            Self::Form { name, style } => write!(f, "form:{name}{}", style.suffix()),
            Self::Json { at, .. } | Self::Append { at, .. } => write!(f, "json:{at}"),
            Self::Header { name } => write!(f, "{name}"),
            Self::Path { parameter } => f.write_str(parameter),
        }
    }
}

/// A place for the scope, and what to write there for `scope = "all"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSlot {
    /// Where.
    pub place: ScopePlace,
    /// Written for principals that see every row; `None`: nothing is written.
    pub all: Option<Box<str>>,
}

/// How a report is limited to its holder's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeRule {
    /// By ids in these places, at least one.
    Slots(Box<[ScopeSlot]>),
    /// By the principal's own credential at the backend.
    Credential,
    /// Not at all: the same rows for everyone.
    Public,
}

impl ScopeRule {
    /// The places that hold ids; none for the other rules.
    #[must_use]
    pub fn slots(&self) -> &[ScopeSlot] {
        match self {
            Self::Slots(slots) => slots,
            Self::Credential | Self::Public => &[],
        }
    }
}

/// A parameter whose value must be a granted column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortSlot {
    /// Where.
    pub place: Place,
    /// Whether `-column` is a descending sort.
    pub minus: bool,
}

/// What may stand in a client's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterType {
    /// Any text.
    String {
        /// In characters.
        max_length: usize,
        /// When not empty, only these.
        one_of: Box<[Box<str>]>,
    },
    /// A decimal integer.
    Integer {
        /// The least.
        min: Option<i64>,
        /// The greatest.
        max: Option<i64>,
    },
    /// A JSON number (RFC 8259 section 6).
    Number,
    /// `true` or `false`.
    Boolean,
    /// `YYYY-MM-DD` (RFC 3339 full-date).
    Date,
    /// `YYYY-MM-DDTHH:MM:SS`, with or without fraction and offset (RFC 3339).
    DateTime,
}

/// What a parameter is when the client does not send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterDefault {
    /// This text, of the parameter's type.
    Text(Box<str>),
    /// The date in UTC, so many days from today.
    Today {
        /// Negative: in the past.
        offset_days: i32,
    },
}

/// A client parameter that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Where the client sends it.
    pub client: Place,
    /// Where the backend gets it.
    pub backend: Place,
    /// What may stand in it.
    pub kind: ParameterType,
    /// Refuse requests without it (and without a default).
    pub required: bool,
    /// Filled in when it is not sent.
    pub default: Option<ParameterDefault>,
    /// A filter over this column: refused unless the column is granted.
    pub column: Option<ColumnIndex>,
}

/// Two date parameters and how far apart they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The place in [`RequestDialect::parameters`] of the earlier one.
    pub from: usize,
    /// The place in [`RequestDialect::parameters`] of the later one.
    pub to: usize,
    /// The greatest distance, in seconds.
    pub max_seconds: i64,
}

/// A fixed value the gate sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fixed {
    /// A query parameter.
    Query(Box<str>, Template),
    /// A form field.
    Form(Box<str>, Template),
    /// A member of the JSON body.
    Json(Pointer, JsonTemplate),
}

/// What to do with something a client sent and may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExtra {
    /// Refuse the request.
    Reject,
    /// Leave it out.
    Drop,
}

/// How a report's requests are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDialect {
    /// What body the backend gets.
    pub body: BodyKind,
    /// Where the backend reads columns; empty when it cannot select.
    pub columns: Box<[ColumnSlot]>,
    /// Where a client's own selection is read.
    pub ask: Box<[ColumnSlot]>,
    /// Whose rows.
    pub scope: ScopeRule,
    /// Parameters that name a column to sort by.
    pub sort: Box<[SortSlot]>,
    /// Client parameters that pass as they are; a JSON pointer allows all below it.
    pub allow: Box<[Place]>,
    /// Client parameters that are checked.
    pub parameters: Box<[Parameter]>,
    /// Pairs of parameters with a limited distance.
    pub spans: Box<[Span]>,
    /// Fixed values.
    pub set: Box<[Fixed]>,
    /// Names that no client may send: other spellings of scope. In JSON at every depth.
    pub forbid: Box<[Box<str>]>,
    /// The query parameter that names the output format; `None`: only `Accept`.
    pub output_parameter: Option<Box<str>>,
    /// About columns that are not granted.
    pub on_extra_columns: OnExtra,
    /// About parameters that are not declared.
    pub on_unknown_parameter: OnExtra,
    /// Around each name of a `{columns}`.
    pub column_quote: Box<str>,
    /// Every [`ColumnSlot::hidden`], and those for which there is no slot: they stand in `{columns}`.
    pub hidden: Box<[Box<str>]>,
}
