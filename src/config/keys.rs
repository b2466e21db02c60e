//! Every key of the config: its name, what it says, what it holds.
//!
//! One table per TOML table, used by the reader (unknown keys, near spellings), by `schema` and by the
//! test of `config.example.toml`, so that they cannot drift apart.

/// A TOML table and its keys.
#[derive(Debug)]
pub(super) struct TableSpec {
    /// As messages call it.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
}

impl TableSpec {
    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What it says, in one line.
    pub(super) doc: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
}

/// What a key holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any string.
    Text,
    /// A string such as `"30s"`.
    Duration,
    /// A string such as `"64KiB"`.
    Size,
    /// A name of the config's own alphabet.
    Name,
    /// A JSON Pointer.
    Pointer,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A date-time with an offset.
    DateTime,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// Any TOML value.
    Any,
    /// A list.
    List(&'static Self),
    /// A table with known keys.
    Table(&'static TableSpec),
    /// A table whose keys are names.
    Map(&'static Self),
    /// One of several kinds.
    Either(&'static [Self]),
}

impl Kind {
    /// What a key of such a table holds; `None` when it has no such key.
    pub(super) fn of_key(&self, name: &str) -> Option<&Self> {
        self.each().find_map(|kind| {
            if let Table(spec) = kind {
                return spec.key(name).map(|key| &key.kind);
            }
            if let Map(inner) = kind { Some(*inner) } else { matches!(kind, Any).then_some(kind) }
        })
    }

    /// What an item of such a list is.
    pub(super) fn of_item(&self) -> Option<&Self> {
        self.each().find_map(|kind| {
            if let List(inner) = kind { Some(*inner) } else { matches!(kind, Any).then_some(kind) }
        })
    }

    /// Whether it may be neither a table nor a list.
    pub(super) fn is_scalar(&self) -> bool {
        self.each().any(|kind| !matches!(kind, Table(_) | Map(_) | List(_)))
    }

    fn each(&self) -> impl Iterator<Item = &Self> {
        let one = std::slice::from_ref(self);
        if let Either(kinds) = self { kinds.iter() } else { one.iter() }
    }
}

use Kind::*;

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, doc, kind }
}

const CERT: Key = key("cert", Text, "The certificate and those that lead to its authority, in PEM");
const PRIVATE_KEY: Key = key("key", Text, "Its private key, in PEM");
const TEXTS: Kind = List(&Text);
const NAMES: Kind = List(&Name);
const ADDRESSES: Kind = List(&Either(&[Text, Table(&FROM_TO)]));
const SECRET_TEXT: Kind = Either(&[Text, Table(&SECRET)]);
const SECRETS: Kind = Map(&SECRET_TEXT);
const TEXT_OR_TEXTS: Kind = Either(&[Text, TEXTS]);

/// The main file.
pub(super) static MAIN: TableSpec = TableSpec {
    name: "the main file",
    keys: &[
        key("include", TEXTS, "More files, as patterns relative to this one; `*` and `?` in the file name"),
        key("server", Table(&SERVER), "The listener for affiliates and employees"),
        key("reload", Table(&RELOAD), "How changed files come in force"),
        key("cache", Table(&CACHE), "Memory for cached answers of all reports"),
        key("admin", Table(&ADMIN), "The listener for metrics, health and status"),
        key("log", Table(&LOG), "The access log"),
        key("defaults", Table(&DEFAULTS), "For principals and tokens that say nothing else"),
        key("backends", Map(&Table(&BACKEND)), "The legacy platforms that answer"),
        key("reports", Map(&Table(&REPORT)), "What can be asked for"),
        key("roles", Map(&Table(&ROLE)), "Permissions and columns that many principals share"),
        key("affiliates", Map(&Table(&AFFILIATE)), "Affiliates and introducing brokers"),
        key("employees", Map(&Table(&EMPLOYEE)), "Employees"),
        key("test", List(&Table(&TEST)), "Written requests and what must come of them"),
    ],
};

/// The keys of the main file that included files may have.
pub(super) const INCLUDED: [&str; 6] = ["backends", "reports", "roles", "affiliates", "employees", "test"];

pub(super) static SERVER: TableSpec = TableSpec {
    name: "[server]",
    keys: &[
        key("listen", TEXTS, "ADDRESS:PORT or unix:PATH, one or several; takes effect at start"),
        key(
            "trusted_proxies",
            ADDRESSES,
            "Proxies whose client header is believed, \"unix\" among them; default none",
        ),
        key(
            "proxy_protocol",
            Choice(&["off", "required"]),
            "Whether connections begin with a PROXY header, version 1 or 2, of one of the trusted proxies",
        ),
        key(
            "client_header",
            Text,
            "The header believed from trusted proxies: x-forwarded-for, forwarded, or a name",
        ),
        key("token_in", TEXTS, "Where a token may stand: bearer, header:NAME, query:NAME"),
        key("tls", Table(&LISTENER_TLS), "Speak TLS; the files are read anew when they change"),
        key("workers", Integer, "Threads that serve; 0 is one per core; takes effect at start"),
        key("drain_delay", Duration, "Not ready but still accepting, for load balancers"),
        key("shutdown_grace", Duration, "How long requests under way may take at a shutdown"),
        key(
            "seal_key",
            SECRET_TEXT,
            "The key that seals paging cursors, at least 32 bytes; default: random at every start",
        ),
        key("limits", Table(&LIMITS), "Limits towards clients"),
        key(
            "lockout",
            Either(&[Table(&LOCKOUT), Choice(&["off"])]),
            "When addresses that try tokens are locked out; \"off\": never",
        ),
        key("self_service", Text, "The path of the holders' own endpoints; \"\": there are none"),
    ],
};

pub(super) static LOCKOUT: TableSpec = TableSpec {
    name: "[server] lockout",
    keys: &[
        key("failures", Integer, "Requests with a token that nobody holds, of one address"),
        key("within", Duration, "In how short a time"),
        key("for", Duration, "How long the address is locked out then"),
    ],
};

pub(super) static LIMITS: TableSpec = TableSpec {
    name: "[server] limits",
    keys: &[
        key("connections", Integer, "Open connections"),
        key("connections_per_address", Integer, "Open connections of one address"),
        key("header_bytes", Size, "A request's target and headers"),
        key("headers", Integer, "Number of headers of a request"),
        key("body_bytes", Size, "A request's body"),
        key("handshake_timeout", Duration, "For a PROXY header and a TLS handshake together"),
        key("header_timeout", Duration, "To the end of a request's head"),
        key("body_timeout", Duration, "From there to the end of its body"),
        key("write_timeout", Duration, "Without progress towards the client"),
        key("idle_timeout", Duration, "Between two requests of a connection"),
        key("h2_streams", Integer, "Requests at one time on a connection of HTTP/2"),
    ],
};

pub(super) static RELOAD: TableSpec = TableSpec {
    name: "[reload]",
    keys: &[key(
        "max_removed",
        Text,
        "Hold a watched reload that removes more of the active tokens; \"off\"",
    )],
};

pub(super) static CACHE: TableSpec = TableSpec {
    name: "[cache]",
    keys: &[
        key("max_bytes", Size, "All reports together; default 256MiB; 0B: nothing is cached"),
        key(
            "max_entry",
            Size,
            "Larger answers are not cached; at most a quarter of `max_bytes`; default 8MiB",
        ),
    ],
};

pub(super) static ADMIN: TableSpec = TableSpec {
    name: "[admin]",
    keys: &[
        key("listen", Text, "ADDRESS:PORT or unix:PATH; takes effect at start"),
        key("hosts", TEXTS, "Host names answered besides IP literals and localhost"),
        key(
            "allowed_ips",
            ADDRESSES,
            "Who may connect; needed unless `listen` is a loopback address or a unix socket",
        ),
        key("tls", Table(&LISTENER_TLS), "Speak TLS; the files are read anew when they change"),
    ],
};

pub(super) static LOG: TableSpec = TableSpec {
    name: "[log]",
    keys: &[
        key("format", Choice(&["json", "text"]), "How access lines are written; takes effect at start"),
        key("audit", Text, "The file that lists every change made by command; default audit.jsonl"),
    ],
};

pub(super) static DEFAULTS: TableSpec = TableSpec {
    name: "[defaults]",
    keys: &[
        key(
            "rate_limit",
            Text,
            "Requests of each principal: NUMBER/s, /min, /h or /d, burst NUMBER behind it; \"off\"; default 300/min",
        ),
        key("token_ttl", Duration, "The life of a new token that is not told otherwise; default 90d"),
        key("max_token_ttl", Duration, "The longest life a command gives a token"),
    ],
};

pub(super) static BACKEND: TableSpec = TableSpec {
    name: "[backends.NAME]",
    keys: &[
        key("url", Text, "http://HOST:PORT, with a path in front of every report's"),
        key("urls", TEXTS, "Several hosts instead that give the same answers: the least busy is asked"),
        key(
            "headers",
            SECRETS,
            "The platform's own credential: a literal, { env = \"NAME\" } or { file = \"PATH\" }",
        ),
        key("query", SECRETS, "The platform's own credential, as query parameters"),
        key("connect_timeout", Duration, "To an open connection"),
        key("timeout", Duration, "From there to the head of the answer"),
        key("body_timeout", Duration, "Between two pieces of the answer's body"),
        key("idle_timeout", Duration, "How long an unused connection is kept; below the backend's own limit"),
        key(
            "ca",
            Text,
            "Certificates that an https backend is trusted by, in PEM; default: the public roots",
        ),
        key("client_certificate", Table(&CERTIFICATE), "What the gate shows an https backend"),
        key("http2", Boolean, "Speak HTTP/2, with prior knowledge"),
        key(
            "max_in_flight",
            Integer,
            "Requests at one time, over all hosts; one principal has a quarter at most",
        ),
        key("queue_timeout", Duration, "How long a request waits for its turn"),
        key("max_connections", Integer, "Connections of all workers, unused ones included"),
        key("health", Table(&HEALTH), "A path that is asked again and again, to learn whether a host works"),
    ],
};

pub(super) static LISTENER_TLS: TableSpec = TableSpec {
    name: "tls",
    keys: &[
        CERT,
        PRIVATE_KEY,
        key(
            "client_ca",
            Text,
            "Clients show a certificate of one of these authorities, in PEM; default: they need none",
        ),
    ],
};

pub(super) static CERTIFICATE: TableSpec =
    TableSpec { name: "client_certificate", keys: &[CERT, PRIVATE_KEY] };

pub(super) static HEALTH: TableSpec = TableSpec {
    name: "health",
    keys: &[
        key("path", Text, "Behind the path of the URL; with its query"),
        key("every", Duration, "How often; default 5s"),
    ],
};

pub(super) static SECRET: TableSpec = TableSpec {
    name: "a secret",
    keys: &[
        key("env", Text, "The environment variable that holds it"),
        key("file", Text, "The file that holds it; one newline at its end is cut"),
    ],
};

pub(super) static CREDENTIAL: TableSpec = TableSpec {
    name: "credentials",
    keys: &[
        key("headers", SECRETS, "Instead of, or besides, the backend's own headers"),
        key("query", SECRETS, "Instead of, or besides, the backend's own query parameters"),
    ],
};

pub(super) static REPORT: TableSpec = TableSpec {
    name: "[reports.NAME]",
    keys: &[
        key("title", Text, "A human title"),
        key("permission", Name, "The right that it asks for"),
        key("backend", Name, "Who answers it; may be left out when there is only one"),
        key("path", Text, "The path that affiliates call, exactly"),
        key("methods", List(&Choice(&["GET", "POST"])), "What affiliates may use; GET implies HEAD"),
        key("backend_path", Text, "The path at the backend; may hold {scope} and {columns}; default: `path`"),
        key("backend_method", Choice(&["GET", "POST"]), "Default: GET, or POST when the backend gets a body"),
        key("columns", Map(&Table(&COLUMN)), "The catalogue: the names that affiliates see"),
        key("request", Table(&REQUEST), "How the backend's requests are written"),
        key("parameters", Map(&Table(&PARAMETER)), "Client parameters that are checked"),
        key("response", Table(&RESPONSE), "How the backend's answers are read"),
        key("cache", Table(&REPORT_CACHE), "How long answers are kept; default: they are not"),
    ],
};

pub(super) static REPORT_CACHE: TableSpec = TableSpec {
    name: "[reports.NAME.cache]",
    keys: &[
        key("ttl", Duration, "How long an answer is fresh"),
        key(
            "stale_if_error",
            Duration,
            "How long after that it may stand in for a failing backend; default 0s",
        ),
    ],
};

pub(super) static COLUMN: TableSpec = TableSpec {
    name: "a column",
    keys: &[
        key("title", Text, "A human title"),
        key("request", Text, "The backend's name in requests; default: the column's name"),
        key(
            "response",
            Text,
            "The backend's name in answers; dots step into nested objects or elements; default: the column's name",
        ),
        key("group", Text, "Picks where the column is asked for"),
    ],
};

pub(super) static REQUEST: TableSpec = TableSpec {
    name: "[reports.NAME.request]",
    keys: &[
        key(
            "body",
            Choice(&["none", "form", "json"]),
            "What body the backend gets; default: what the places imply",
        ),
        key(
            "columns",
            Either(&[Table(&COLUMNS_AT), List(&Table(&COLUMNS_AT))]),
            "Where the backend reads columns",
        ),
        key(
            "ask",
            Either(&[Table(&COLUMNS_AT), List(&Table(&COLUMNS_AT))]),
            "Where a client's own selection is read",
        ),
        key(
            "scope",
            Either(&[Choice(&["credential", "public"]), Table(&SCOPE_AT), List(&Table(&SCOPE_AT))]),
            "Where the backend reads whose rows it gives",
        ),
        key(
            "sort",
            Either(&[Table(&SORT_AT), List(&Table(&SORT_AT))]),
            "Parameters whose values must be granted columns",
        ),
        key("allow", TEXTS, "Client parameters that pass as they are: NAME, form:NAME, json:/POINTER"),
        key("output_parameter", Text, "The parameter that names the output format; \"\" = only Accept"),
        key(
            "set",
            Map(&Any),
            "Fixed values: NAME, form:NAME or json:/POINTER; strings may hold {columns} and {scope}",
        ),
        key("forbid", TEXTS, "Other spellings of scope, refused when a client sends them"),
        key("spans", List(&Table(&SPAN)), "Date parameters and how far apart they may be"),
        key("on_extra_columns", Choice(&["reject", "drop"]), "About columns that are not granted"),
        key("on_unknown_parameter", Choice(&["reject", "drop"]), "About parameters that are not declared"),
        key("column_quote", Text, "Around each name of a {columns}"),
    ],
};

pub(super) static COLUMNS_AT: TableSpec = TableSpec {
    name: "a place for columns",
    keys: &[
        key("in", Choice(&["query", "form", "json", "header"]), "Which part of the request"),
        key("name", Text, "The parameter, field or header"),
        key(
            "style",
            Choice(&["csv", "repeat", "brackets", "flags", "array", "objects"]),
            "How several columns stand there",
        ),
        key("separator", Text, "Between two columns of style csv; default a comma"),
        key("prefix", Text, "In front of each column of style flags"),
        key("value", Text, "What asks for a column of style flags; default 1"),
        key("at", Pointer, "The member of a JSON body"),
        key("key", Text, "The member that holds the name, of style objects"),
        key("group", Text, "Only columns of this group go here"),
    ],
};

pub(super) static SCOPE_AT: TableSpec = TableSpec {
    name: "a place for the scope",
    keys: &[
        key("in", Choice(&["query", "form", "json", "header", "path"]), "Which part of the request"),
        key("name", Text, "The parameter, field or header; with in = \"path\" the client's query parameter"),
        key(
            "style",
            Choice(&["csv", "repeat", "brackets", "array", "objects"]),
            "How several ids stand there",
        ),
        key("separator", Text, "Between two ids of style csv; default a comma"),
        key("at", Pointer, "The member of a JSON body"),
        key("key", Text, "The member that holds the id, of style objects"),
        key("type", Choice(&["string", "number"]), "How a JSON body writes ids"),
        key(
            "append",
            Map(&Any),
            "An item appended to the array `at`, once per id; one member is \"{scope}\"",
        ),
        key("append_allow", Map(&TEXTS), "Client items of that array that may pass"),
        key("all", Text, "Written for principals that see every row; default: nothing"),
    ],
};

pub(super) static SORT_AT: TableSpec = TableSpec {
    name: "a sort parameter",
    keys: &[
        key("in", Choice(&["query", "form", "json"]), "Which part of the request"),
        key("name", Text, "The parameter or field"),
        key("at", Pointer, "The member of a JSON body"),
        key("minus", Boolean, "Whether \"-column\" sorts downwards"),
    ],
};

pub(super) static SPAN: TableSpec = TableSpec {
    name: "a span",
    keys: &[
        key("from", Text, "The earlier of two date parameters"),
        key("to", Text, "The later one"),
        key("max", Duration, "How far apart they may be"),
    ],
};

pub(super) static PARAMETER: TableSpec = TableSpec {
    name: "a parameter",
    keys: &[
        key(
            "type",
            Choice(&["string", "integer", "number", "boolean", "date", "datetime"]),
            "What may stand in it; default string",
        ),
        key("required", Boolean, "Refuse requests without it"),
        key(
            "default",
            Either(&[Text, Integer, Boolean]),
            "Filled in when it is not sent; dates: also today and -30d",
        ),
        key("column", Name, "A filter over this column: refused unless it is granted"),
        key(
            "backend",
            Text,
            "Where the backend gets it: NAME, form:NAME, json:/POINTER; default: as the client sends it",
        ),
        key("max_length", Integer, "The longest string, in characters"),
        key("one_of", TEXTS, "The only strings"),
        key("min", Integer, "The least integer"),
        key("max", Integer, "The greatest integer"),
    ],
};

pub(super) static RESPONSE: TableSpec = TableSpec {
    name: "[reports.NAME.response]",
    keys: &[
        key(
            "format",
            Choice(&["json", "ndjson", "csv", "xml", "opaque"]),
            "What the backend sends, whatever its Content-Type says; opaque is relayed unfiltered; default json",
        ),
        key(
            "rows",
            Pointer,
            "The array of rows; \"\" = the body is the array; xml: the path of the element that is a row; ndjson: left out = every document is a row",
        ),
        key("row", Choice(&["object", "array", "pairs"]), "What a row is; default object"),
        key("header", Text, "Where the names of array rows stand: a JSON Pointer, or \"first\""),
        key("name_key", Text, "The member of a pair that names the column"),
        key("value_key", Text, "The member of a pair that holds the cell"),
        key("also", List(&Pointer), "Objects keyed by column, filtered as rows are"),
        key("keep", List(&Pointer), "Other members that may pass, vouched for by the operator"),
        key(
            "cursors",
            List(&Table(&CURSOR)),
            "Members that name the next page: sealed, as they may hold values of hidden columns",
        ),
        key("total_rows", Table(&TOTAL_ROWS), "Rows that sum others up and belong to nobody: cut"),
        key(
            "shape",
            Choice(&["same", "objects", "bare"]),
            "The form of a JSON answer: as the backend sends it, rows as objects, or only an array of objects",
        ),
        key(
            "scope_column",
            Text,
            "The backend's name, in answers, of the column that tells whose a row is: asked for, checked in every row, cut unless granted",
        ),
        key(
            "on_foreign_row",
            Choice(&["refuse", "drop"]),
            "About rows of somebody else: refuse the answer (the default), or drop the row",
        ),
        key(
            "rows_optional",
            Boolean,
            "Null, or nothing, where the rows belong means none; needs `success`, which tells that from a failure",
        ),
        key("success", Table(&SUCCESS), "How a success is told from a failure with status 200"),
        key(
            "columns_arrays",
            List(&Pointer),
            "Arrays parallel to the columns, cut alike; where rows are no arrays, the first holds the names",
        ),
        key("links", List(&Pointer), "Links to other pages, rewritten to the gate's own path"),
        key(
            "delimiter",
            Choice(&[",", "\t", "|", ";"]),
            "Between two cells of a CSV answer; default a comma",
        ),
        key("max_decoded_bytes", Size, "The longest answer after decompression; default 1GiB"),
        key("max_ratio", Integer, "How many times its own length an answer may decompress to; default 200"),
        key(
            "compress",
            List(&Choice(&["gzip", "br", "zstd"])),
            "What answers may be compressed with towards clients; default: nothing",
        ),
        key("pass_headers", Table(&PASS_HEADERS), "Headers that pass besides the fixed ones"),
        key("csv_safe", Boolean, "Neutralise CSV cells that a spreadsheet would run as formulas"),
        key("csv_header", Choice(&["name", "title"]), "What a CSV header calls the columns; default name"),
        key(
            "output",
            List(&Choice(&["json", "ndjson", "csv", "xml", "opaque"])),
            "What clients may ask for, the first being the default; default: as the backend sends; xml and opaque only where it sends them",
        ),
    ],
};

pub(super) static CURSOR: TableSpec = TableSpec {
    name: "a cursor",
    keys: &[
        key("response", Pointer, "The member of the answer"),
        key("parameter", Text, "Where clients send it back: NAME, form:NAME, json:/POINTER"),
    ],
};

pub(super) static TOTAL_ROWS: TableSpec = TableSpec {
    name: "total_rows",
    keys: &[
        key("column", Name, "The column of the catalogue that tells; asked for"),
        key("equals", Any, "What stands there in such a row"),
    ],
};

pub(super) static SUCCESS: TableSpec = TableSpec {
    name: "success",
    keys: &[
        key("at", Pointer, "The member that tells"),
        key("equals", List(&Any), "Any of these means success"),
        key("absent_ok", Boolean, "Whether a body without the member is a success"),
    ],
};

pub(super) static PASS_HEADERS: TableSpec = TableSpec {
    name: "pass_headers",
    keys: &[
        key("request", TEXTS, "From the client to the backend"),
        key("response", TEXTS, "From the backend to the client"),
    ],
};

const VIEWS: Kind = Map(&NAMES);
const ROLE_VIEWS: Kind = Map(&Either(&[NAMES, Choice(&["all"])]));

pub(super) static ROLE: TableSpec = TableSpec {
    name: "[roles.NAME]",
    keys: &[
        key("extends", Name, "The role whose permissions and columns it adds to"),
        key("permissions", NAMES, "Rights"),
        key("columns", ROLE_VIEWS, "Columns of each report; \"all\" = the whole catalogue"),
        key(
            "rate_limit",
            Text,
            "Requests of each principal; default: that of the role it extends, or the default",
        ),
    ],
};

pub(super) static AFFILIATE: TableSpec = TableSpec {
    name: "[affiliates.ID]",
    keys: &[
        key("name", Text, "A human name"),
        key("kind", Choice(&["affiliate", "ib"]), "Affiliate or introducing broker"),
        key("role", Name, "The role whose permissions and columns it has"),
        key("scope", TEXTS, "The platform's own ids whose rows it sees"),
        key("permissions", NAMES, "Rights added to the role's"),
        key("allowed_ips", ADDRESSES, "Where requests may come from; nothing = nobody"),
        key("columns", ROLE_VIEWS, "The customised columns of each report, in order; default: the role's"),
        key("disabled", Boolean, "Refuse its tokens"),
        key("credentials", Map(&Table(&CREDENTIAL)), "Its own credential at a backend"),
        key("rate_limit", Text, "Requests of all its tokens; default: its role's"),
        key("tokens", List(&Table(&TOKEN)), "API tokens, last in the table, as [[affiliates.ID.tokens]]"),
    ],
};

pub(super) static EMPLOYEE: TableSpec = TableSpec {
    name: "[employees.ID]",
    keys: &[
        key("name", Text, "A human name"),
        key("role", Name, "The role whose permissions and columns it has"),
        key(
            "scope",
            Either(&[Choice(&["all"]), TEXTS]),
            "The platform's own ids whose rows it sees, or \"all\"",
        ),
        key("permissions", NAMES, "Rights added to the role's"),
        key("allowed_ips", ADDRESSES, "Where requests may come from; nothing = nobody"),
        key("columns", ROLE_VIEWS, "The customised columns of each report, in order; default: the role's"),
        key("disabled", Boolean, "Refuse its tokens"),
        key("credentials", Map(&Table(&CREDENTIAL)), "Its own credential at a backend"),
        key("rate_limit", Text, "Requests of all its tokens; default: its role's"),
        key("tokens", List(&Table(&TOKEN)), "API tokens, last in the table, as [[employees.ID.tokens]]"),
    ],
};

pub(super) static TOKEN: TableSpec = TableSpec {
    name: "a token",
    keys: &[
        key("id", Name, "The public handle, safe in logs"),
        key("columns", VIEWS, "Only these columns of a report, for this token"),
        key("allowed_ips", ADDRESSES, "Only from these addresses, for this token"),
        key("rate_limit", Text, "Requests of this token, among those of its holder"),
        key("hash", Text, "sha256: and the SHA-256 of the token in hexadecimal"),
        key("created", DateTime, "When it was made"),
        key("expires", Either(&[DateTime, Choice(&["never"])]), "When it stops working"),
        key("note", Text, "What it is for"),
    ],
};

static FROM_TO_KEYS: [Key; 2] = [key("from", Text, "The first address"), key("to", Text, "The last address")];

pub(super) static FROM_TO: TableSpec = TableSpec { name: "an address range", keys: &FROM_TO_KEYS };

pub(super) static TEST: TableSpec = TableSpec {
    name: "[[test]]",
    keys: &[
        key("as", Name, "Who asks: the id of an affiliate or employee"),
        key("from", Text, "From which address"),
        key("request", Text, "METHOD PATH?QUERY"),
        key("headers", Map(&Text), "Headers of the request"),
        key("body", Text, "Its body"),
        key("expect", Text, "\"allow\", or the code of the refusal"),
        key("backend_path", Text, "The path that the backend must get"),
        key("backend_query", Map(&TEXT_OR_TEXTS), "Query parameters that it must get"),
        key("backend_form", Map(&TEXT_OR_TEXTS), "Form fields that it must get"),
        key("backend_header", Map(&Text), "Headers that it must get"),
        key("backend_json", Map(&Any), "Members of the JSON body, by JSON Pointer"),
    ],
};
