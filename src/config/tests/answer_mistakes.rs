//! Mistakes of `[reports.NAME.response]`, each at its place.

use super::answers::with_response;
use super::*;

/// The lines of a response, and every problem that is reported.
#[rustfmt::skip]
const MISTAKES: &[(&str, &[&str])] = &[
    // Keys that a format does not have.
    ("format = 'csv'\nrows = ''\nrow = 'object'\nheader = 'first'\nname_key = 'n'\nvalue_key = 'v'\nalso = []\nkeep = []\nsuccess = { at = '/x', equals = [1] }\ncolumns_arrays = []\ncursors = []\nlinks = []", &[
        "25:8: `rows` is for json, ndjson and xml answers only",
        "26:7: `row` is for json and ndjson answers only",
        "27:10: `header` is for json and ndjson answers only",
        "28:12: `name_key` is for json and ndjson answers only",
        "29:13: `value_key` is for json and ndjson answers only",
        "30:8: `also` is for json, ndjson and xml answers only",
        "31:8: `keep` is for json, ndjson and xml answers only",
        "32:11: `success` is for json, ndjson and xml answers only",
        "33:18: `columns_arrays` is for json and ndjson answers only",
        "34:11: `cursors` is for json and ndjson answers only",
        "35:9: `links` is for json and ndjson answers only",
    ]),
    ("format = 'xml'\nrows = '/a/b'\nrow = 'object'\ndelimiter = ';'\nlinks = ['/x']\nshape = 'bare'", &[
        "26:7: `row` is for json and ndjson answers only",
        "27:13: `delimiter` is for csv answers only",
        "28:9: `links` is for json and ndjson answers only",
        "29:9: anything other than \"same\" is for json and ndjson answers only",
    ]),
    ("format = 'opaque'\nscope_column = 'a'\non_foreign_row = 'refuse'\ntotal_rows = { column = 'code', equals = 1 }\nkeep = ['/x']\noutput = ['json', 'opaque', 'pdf']\nshape = 'objects'\ncsv_safe = true", &[
        "25:16: `scope_column` is not for opaque answers, whose rows nobody reads",
        "26:18: `on_foreign_row` is not for opaque answers, whose rows nobody reads",
        "27:14: `total_rows` is not for opaque answers, whose rows nobody reads",
        "28:8: `keep` is for json, ndjson and xml answers only",
        "29:11: opaque answers cannot leave in another format",
        "29:29: expected \"opaque\", found `pdf`",
        "30:9: anything other than \"same\" is for json and ndjson answers only",
        "24:10: warning: opaque answers are relayed unfiltered: columns are not enforced",
    ]),
    ("rows = '/r'\nrows_optional = true", &[
        "25:17: needs `success`: without it a failure looks like an answer without rows",
    ]),
    ("format = 'jsno'\ndelimiter = ';'", &[
        "24:10: expected one of \"json\", \"ndjson\", \"csv\", \"xml\", \"opaque\", found `jsno` (did you mean \"json\"?)",
    ]),
    // Rows.
    ("format = 'ndjson'\nrow = 'array'\nheader = '/columns'\nalso = []\nkeep = ['/x']\nsuccess = { at = '/x', equals = [1] }\ncolumns_arrays = []\ncursors = []\nlinks = []", &[
        "26:10: names can stand in the \"first\" document only, as there are no `rows`: every document is a row",
        "27:8: `also` needs `rows`: without it every document is a row",
        "28:8: `keep` needs `rows`: without it every document is a row",
        "29:11: `success` needs `rows`: without it every document is a row",
        "30:18: `columns_arrays` needs `rows`: without it every document is a row",
        "31:11: `cursors` needs `rows`: without it every document is a row",
        "32:9: `links` needs `rows`: without it every document is a row",
    ]),
    ("row = 'pairs'\nheader = 'first'", &[
        "23:1: `name_key` is missing",
        "23:1: `value_key` is missing",
        "25:10: `header` is for row = \"array\" only",
    ]),
    ("row = 'pairs'\nname_key = ''\nvalue_key = 'v'", &["25:12: is empty"]),
    ("row = 'pairs'\nname_key = 'v'\nvalue_key = 'v'", &["26:13: a member cannot hold both the name and the value"]),
    ("row = 'object'\nname_key = 'n'\nvalue_key = 'v'", &[
        "25:12: `name_key` is for row = \"pairs\" only",
        "26:13: `value_key` is for row = \"pairs\" only",
    ]),
    ("row = 'pears'\nname_key = 'n'\nheader = 'first'", &[
        "24:7: expected one of \"object\", \"array\", \"pairs\", found `pears`",
    ]),
    ("row = 'array'\nheader = ''", &["25:10: \"\": expected \"first\" or a JSON Pointer such as /columns"]),
    // XML.
    ("format = 'xml'", &["23:1: `rows` is missing"]),
    ("format = 'xml'\nrows = '/Rows'", &["25:8: `/Rows`: expected the root and the element that is a row, such as /ResultSet/row"]),
    ("format = 'xml'\nrows = ''", &["25:8: \"\": expected a path of elements such as /ResultSet/row"]),
    ("format = 'xml'\nrows = 'a/b'", &["25:8: `a/b`: expected a path of elements such as /ResultSet/row"]),
    ("format = 'xml'\nrows = '/a/1b'\nalso = ['/a/@x']\nkeep = ['/a//b']\nsuccess = { at = '/@a/b', equals = [1] }", &[
        "25:8: `/a/1b`: `1b` is no name of an XML element",
        "26:9: `/a/@x`: an attribute can stand only as the last part of `success`",
        "27:9: `/a//b`: \"\" is no name of an XML element",
        "28:18: `/@a/b`: an attribute can stand only as the last part of `success`",
    ]),
    ("format = 'xml'\nrows = '/a/b'\nalso = ['/a']\nkeep = ['/a/c']\nsuccess = { at = '/a/c/@x', equals = [1] }", &[
        "26:9: `also` and `rows` stand at one place, or one inside the other",
        "28:18: `success` and `also` stand at one place, or one inside the other",
        "27:9: `keep` and `also` stand at one place, or one inside the other",
        "27:9: warning: `/a/c` passes unfiltered",
    ]),
    // Places.
    ("rows = '/r'\nrow = 'array'\nheader = '/h'\nalso = ['/r/x']\nkeep = ['/h/x']\nsuccess = { at = '/s', equals = [1] }\ncolumns_arrays = ['/h']\ncursors = [{ response = '/s/x', parameter = 'a' }, { response = '/c', parameter = 'b' }]\nlinks = ['/c', '/l', '/l/x']", &[
        "27:9: `also` and `rows` stand at one place, or one inside the other",
        "28:9: `keep` and `header` stand at one place, or one inside the other",
        "29:18: `success` and `cursors` stand at one place, or one inside the other",
        "30:19: `columns_arrays` and `header` stand at one place, or one inside the other",
        "32:10: `links` and `cursors` stand at one place, or one inside the other",
        "32:22: `links` and `links` stand at one place, or one inside the other",
        "28:9: warning: `/h/x` passes unfiltered",
    ]),
    ("rows = '/r'\nkeep = ['/s']\nsuccess = { at = '/s', equals = [1] }", &["25:9: warning: `/s` passes unfiltered"]),
    ("cursors = [{ response = '/c', parameter = 'b' }]", &[
        "24:25: `cursors` and `rows` stand at one place, or one inside the other",
    ]),
    // Cursors and links.
    ("rows = '/r'\ncursors = [{ response = '', parameter = 'json:' }, { parameter = 'x' }, { response = 'c', to = 'x' }, 7]", &[
        "25:25: \"\": expected a member, not the whole body",
        "25:41: `json:`: expected a member, not the whole body",
        "25:52: `response` is missing",
        "25:73: `parameter` is missing",
        "25:86: `c`: expected a JSON Pointer (RFC 6901): empty, or parts that each begin with `/`",
        "25:91: unknown key `to` (expected one of: parameter, response)",
        "25:103: expected a table, found an integer",
    ]),
    ("rows = '/r'\ncursors = [{ response = '/a', parameter = '_col' }, { response = '/b', parameter = 'format' }, { response = '/c', parameter = 'x' }, { response = '/d', parameter = 'X[]' }, { response = '/e', parameter = 'form:affiliate_id__exact' }]", &[
        "25:43: `columns` and `cursors` both write the query parameter `_col`",
        "25:43: `ask` and `cursors` both read the query parameter `_col`",
        "25:84: `output_parameter` and `cursors` both read the query parameter `format`",
        "25:165: `cursors` and `cursors` both write the query parameter `X[]`",
        "25:205: comes back in a body, which needs POST, and that is not in `methods`",
        "25:205: `cursors` takes the form field `affiliate_id__exact`, which a backend could take for the query parameter `affiliate_id__exact` of `scope`",
    ]),
    ("rows = '/r'\ncursors = [{ response = '/next', parameter = 'x' }, { response = '/prev', parameter = 'x' }]", &[]),
    ("rows = '/r'\ncursors = [{ response = '/next', parameter = 'allow' }, { response = '/prev', parameter = 'form:allow' }]", &[
        "25:91: comes back in a body, which needs POST, and that is not in `methods`",
    ]),
    ("rows = '/r'\nshape = 'bare'\nalso = ['/t']\nkeep = ['/k']\ncolumns_arrays = ['/n']", &[
        "26:8: `also` could never leave: with shape = \"bare\" there are only rows",
        "27:8: `keep` could never leave: with shape = \"bare\" there are only rows",
        "28:18: `columns_arrays` could never leave: with shape = \"bare\" there are only rows",
        "27:9: warning: `/k` passes unfiltered",
    ]),
    ("format = 'xml'\nrows = '/a/r'\noutput = ['json', 'csv']\nalso = ['/a/t']", &[
        "27:8: `also` could never leave: it leaves as xml only, which is not in `output`",
    ]),
    ("rows = '/r'\noutput = ['csv', 'json']\nalso = ['/t']\ncolumns_arrays = ['/n']", &[]),
    ("rows = '/r'\nshape = 'bare'\ncursors = [{ response = '/c', parameter = 'x' }]\nlinks = ['/l']", &[
        "26:11: `cursors` could never leave: with shape = \"bare\" there are only rows",
        "27:9: `links` could never leave: with shape = \"bare\" there are only rows",
    ]),
    ("format = 'ndjson'\nrows = '/r'\noutput = ['json', 'csv']\ncursors = [{ response = '/c', parameter = 'x' }]\nlinks = ['/l']", &[
        "27:11: `cursors` could never leave: it leaves as ndjson only, which is not in `output`",
        "28:9: `links` could never leave: it leaves as ndjson only, which is not in `output`",
    ]),
    ("rows = '/r'\nshape = 'objects'\noutput = ['csv', 'json']\nlinks = ['/l']", &[]),
    // Rows of others.
    ("on_foreign_row = 'drop'", &["24:18: `on_foreign_row` needs `scope_column`, which tells whose a row is"]),
    ("on_foreign_row = 'refuse'", &["24:18: `on_foreign_row` needs `scope_column`, which tells whose a row is"]),
    ("scope_colum = 'x'\non_foreign_row = 'refuse'", &["24:1: unknown key `scope_colum` (did you mean `scope_column`?)"]),
    ("rows = '/r'\nscope_column = 'x'\non_foreign_row = 'drop'\nalso = ['/t']\nkeep = ['/k']", &[
        "27:8: `also` does not go with on_foreign_row = \"drop\": it could sum up the rows that are dropped",
        "28:8: `keep` does not go with on_foreign_row = \"drop\": it could sum up the rows that are dropped",
        "28:9: warning: `/k` passes unfiltered",
    ]),
    ("scope_column = ''\non_foreign_row = 'ignore'", &[
        "24:16: is empty",
        "25:18: expected \"refuse\" or \"drop\", found `ignore`",
    ]),
    ("scope_column = 'Tracking_Code.x'", &["24:16: this and the `response` of column `code` stand one inside the other"]),
    ("format = 'csv'\nscope_column = 'Tracking_Code.x'", &[]),
    ("scope_column = 'code'", &[
        "24:16: warning: is looked for in answers, which call the column `code` `Tracking_Code` (its `response`)",
    ]),
    ("scope_column = 'TrackingCode'", &[
        "24:16: warning: is looked for in answers, which call the column `code` `Tracking_Code` (its `response`)",
    ]),
    ("scope_column = 'Tracking_Code'", &[]),
    ("format = 'xml'\nrows = '/a/r'\nscope_column = '@id'", &[
        "26:16: `@id` is no name of an XML element or attribute; an attribute is named without the @",
    ]),
    ("format = 'xml'\nrows = '/a/r'\nscope_column = 'Affiliate.Affiliate ID'", &[
        "26:16: `Affiliate ID` is no name of an XML element or attribute",
    ]),
    ("total_rows = { column = 'contry', equals = [] }", &[
        "24:25: unknown column `contry` (did you mean `country`?)",
        "24:44: expected a string, a number, true or false",
    ]),
    ("total_rows = { colum = 'country' }", &[
        "24:14: `equals` is missing",
        "24:16: unknown key `colum` (did you mean `column`?)",
    ]),
    // Formats and forms that leave.
    ("output = []", &["24:10: names no format"]),
    ("output = ['csv', 'csv', 'xml', 'opaque', 'tsv']", &[
        "24:18: stands twice in this list",
        "24:25: only answers that come as xml can leave as xml",
        "24:32: only answers that come as opaque can leave as opaque",
        "24:42: expected one of \"json\", \"ndjson\", \"csv\", found `tsv` (did you mean \"csv\"?)",
    ]),
    ("csv_safe = true\ncsv_header = 'title'", &[
        "24:12: `csv_safe` is about csv, which is not in `output`",
        "25:14: `csv_header` is about csv, which is not in `output`",
    ]),
    ("format = 'csv'\ncsv_safe = 1\ncsv_header = 'titel'\ndelimiter = 'tab'", &[
        "25:12: expected true or false, found an integer",
        "26:14: expected \"name\" or \"title\", found `titel` (did you mean \"title\"?)",
        "27:13: expected one of \",\", \"\\t\", \"|\", \";\", found `tab`",
    ]),
    ("shape = 'flat'", &["24:9: expected one of \"same\", \"objects\", \"bare\", found `flat`"]),
    ("max_decoded_bytes = '0B'\nmax_ratio = 0\ncompress = ['gzip', 'deflate', 'gzip']", &[
        "24:21: expected 1B to 1099511627776B",
        "25:13: expected 1 to 1000000, found 0",
        "26:21: expected one of \"gzip\", \"br\", \"zstd\", found `deflate`",
        "26:32: stands twice in this list",
    ]),
    ("max_decoded_bytes = 7\nmax_ratio = '7'", &[
        "24:21: expected a size in quotes such as \"64KiB\", found an integer",
        "25:13: expected a whole number, found a string",
    ]),
];

#[test]
fn each_mistake_of_a_response_is_named_at_its_place() {
    for (lines, expected) in MISTAKES {
        let (mut found, mut expected) = (problems(&with_response(lines)), expected.to_vec());
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn responses_are_held_against_the_rest_of_the_report() {
    const SCOPE: &str = "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]";
    const COLUMNS: &str = "columns = { in = \"query\", name = \"_col\", style = \"repeat\" }";
    #[rustfmt::skip]
    let cases: &[Held] = &[
        (SCOPE, "scope = 'public'", "scope_column = 'aff'", &[
            "24:16: the report's `scope` is \"public\", so its rows are nobody's",
        ]),
        (SCOPE, "scope = 'public'", "total_rows = { column = 'code', equals = 1 }", &[]),
        ("backend_path", "methods = ['POST']\nbackend_path", "rows = '/r'\nlinks = ['/l']", &[
            "26:9: `links` are followed with GET, which is not in `methods`",
        ]),
        ("backend_path", "methods = ['POST', 'GET']\nbackend_path", "rows = '/r'\nlinks = ['/l']", &[]),
        (SCOPE, "scope = { in = 'query', name = 'id' }\nallow = ['next']\nforbid = ['page']\nset = { p = 1 }\nsort = { in = 'query', name = 'by' }",
            "rows = '/r'\ncursors = [{ response = '/a', parameter = 'NEXT' }, { response = '/b', parameter = 'page' }, { response = '/c', parameter = 'p' }, { response = '/d', parameter = 'by' }]", &[
            "23:11: `page` is forbidden and used by `cursors`",
            "29:43: `allow` and `cursors` both write the query parameter `NEXT`",
            "29:125: `set` and `cursors` both write the query parameter `p`",
            "29:163: `sort` and `cursors` both write the query parameter `by`",
        ]),
        (SCOPE, "scope = { in = 'query', name = 'id' }\n[reports.leads.parameters]\nnext = { backend = 'after' }",
            "rows = '/r'\ncursors = [{ response = '/a', parameter = 'after' }, { response = '/b', parameter = 'form:next' }]", &[
            "27:43: `parameters` and `cursors` both write the query parameter `after`",
            "27:85: comes back in a body, which needs POST, and that is not in `methods`",
        ]),
        ("[backends.legacy]", "[backends.legacy]\nquery = { key = 'x' }", "rows = '/r'\ncursors = [{ response = '/a', parameter = 'Key' }]", &[
            "26:43: the credential of the backend sets the query parameter `key` too",
        ]),
        ("[server]", "[server]\ntoken_in = ['query:key']", "rows = '/r'\ncursors = [{ response = '/a', parameter = 'key' }]", &[
            "26:43: `key` holds the client's token (`token_in`)",
        ]),
        // Names that are asked for.
        (COLUMNS, "columns = { in = 'query', name = '_col' }", "scope_column = 'Affiliate, ID'", &[
            "24:16: `Affiliate, ID` is asked for in `columns`, and holds what separates columns here, or cannot stand in a header",
        ]),
        (COLUMNS, "columns = { in = 'header', name = 'x-cols' }", "scope_column = 'Affili\u{e9}'", &[
            "24:16: `Affili\u{e9}` is asked for in `columns`, and holds what separates columns here, or cannot stand in a header",
        ]),
        (COLUMNS, "columns = { in = 'json', at = '/c', style = 'csv', separator = '|' }", "scope_column = 'a|b'", &[
            "24:16: `a|b` is asked for in `columns`, and holds what separates columns here, or cannot stand in a header",
        ]),
        (COLUMNS, "columns = { in = 'json', at = '/c' }", "scope_column = 'a|, b'", &[]),
        (COLUMNS, "set = { q = 'select {columns}' }", "scope_column = 'a b'", &[
            "24:16: `a b` is asked for, and could break out of {columns}",
        ]),
        (COLUMNS, "set = { q = 'select {columns}' }\ncolumn_quote = '`'", "scope_column = 'a`b'", &[
            "25:16: `a`b` is asked for, and could break out of {columns}",
        ]),
        (COLUMNS, "set = { q = 'select {columns}' }\ncolumn_quote = '`'", "scope_column = 'a b'", &[]),
        (COLUMNS, "columns = { in = 'query', style = 'flags', prefix = 'affiliate_' }", "scope_column = 'id__exact'", &[
            "21:10: `columns` and `scope` both write the query parameter `affiliate_id__exact`",
        ]),
        (COLUMNS, "columns = { in = 'query', style = 'flags' }", "total_rows = { column = 'country', equals = 1 }", &[]),
        (COLUMNS, "", "scope_column = 'Affiliate, ID'", &[]),
    ];
    each_is_named(cases);
}

#[test]
fn columns_of_xml_have_names_of_xml() {
    #[rustfmt::skip]
    let cases: &[Held] = &[
        ("country = {}", "country = { response = '@country' }\n'a.b' = {}\nok = { response = 'a-1' }\n1st = { response = 'a..c' }", "format = 'xml'\nrows = '/a/b'\noutput = ['json']", &[
            "16:1: the `response` of column `country`: `@country` is no name of an XML element or attribute; an attribute is named without the @",
            "19:1: the `response` of column `1st`: \"\" is no name of an XML element or attribute",
        ]),
        ("country = {}", "country = {}\n1st = { response = 'w' }\n'a.-b' = { response = 'x' }\n'a.' = { response = 'y' }\nok-1 = {}", "format = 'xml'\nrows = '/a/b'", &[
            "17:1: column `1st` cannot leave as xml: the name of an element begins with a letter or _, behind each dot, too",
            "18:1: column `a.-b` cannot leave as xml: the name of an element begins with a letter or _, behind each dot, too",
            "19:1: column `a.` cannot leave as xml: the name of an element begins with a letter or _, behind each dot, too",
        ]),
        ("country = {}", "country = { response = 'x' }\n'country.code' = { response = 'y' }", "format = 'xml'\nrows = '/a/b'", &[
            "17:1: column `country.code` cannot leave as xml: it would stand inside `country`",
        ]),
        ("country = {}", "country = { response = 'x' }\n'country.code' = { response = 'y' }\n1st = { response = 'z' }", "format = 'xml'\nrows = '/a/b'\noutput = ['json']", &[]),
    ];
    each_is_named(cases);
}

/// What in the simple config, instead of it, the lines of the response, problems.
type Held = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn each_is_named(cases: &[Held]) {
    for (from, to, response, expected) in cases {
        assert!(SIMPLE.contains(from), "{from}");
        let found = problems(&with_response(response).replacen(from, to, 1));
        assert_eq!(found, *expected, "{to} {response}");
    }
}
