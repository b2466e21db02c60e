//! Names that a client may send, held against those of scope, columns, credentials and tokens.

use super::*;

/// The simple config with other lines in the place of its scope.
fn with_scope(lines: &str) -> String {
    SIMPLE.replace("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", lines)
}

#[test]
fn a_name_that_could_be_taken_for_scope_or_columns_is_refused() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &[&str])] = &[
        ("another part", "scope = { in = \"query\", name = \"aff\" }\nallow = [\"form:aff\", \"form:_COL[]\"]", &[
            "22:10: `allow` takes the form field `aff`, which a backend could take for the query parameter `aff` of `scope`",
            "22:22: `allow` takes the form field `_COL[]`, which a backend could take for the query parameter `_col` of `columns`",
        ]),
        ("a member by its own name", "scope = { in = \"json\", at = \"/f/aff\" }\nallow = [\"aff\", \"f[Aff][]\", \"x[aff]\", \"json:/g/aff\"]", &[
            "22:10: `allow` takes the query parameter `aff`, which a backend could take for the JSON member `/f/aff` of `scope`",
            "22:17: `allow` takes the query parameter `f[Aff][]`, which a backend could take for the JSON member `/f/aff` of `scope`",
        ]),
        ("a member by what is around it", "scope = { in = \"json\", at = \"/f/aff\" }\nallow = [\"f\"]", &[
            "22:10: `allow` takes the query parameter `f`, which a backend could take for the JSON member `/f/aff` of `scope`",
        ]),
        ("the case of a member", "scope = { in = \"json\", at = \"/affiliateId\" }\nallow = [\"json:/affiliateid\"]", &[
            "22:10: `scope` and `allow` both write the JSON member `/affiliateid`",
        ]),
        ("indexes", "scope = { in = \"query\", name = \"aff\" }\nallow = [\"aff[0]\"]", &[
            "22:10: `scope` and `allow` both write the query parameter `aff[0]`",
        ]),
        ("brackets twice", "scope = { in = \"query\", name = \"aff\", style = \"brackets\" }\nallow = [\"aff[][]\"]", &[
            "22:10: `scope` and `allow` both write the query parameter `aff[][]`",
        ]),
        ("an index beside brackets", "scope = { in = \"query\", name = \"aff\", style = \"brackets\" }\nallow = [\"aff[0]\"]", &[
            "22:10: `scope` and `allow` both write the query parameter `aff[0]`",
        ]),
        ("dots and blanks", "scope = { in = \"query\", name = \"aff_id\" }\nallow = [\"aff.id\", \"form:aff id\"]", &[
            "22:10: `scope` and `allow` both write the query parameter `aff.id`",
            "22:20: `allow` takes the form field `aff id`, which a backend could take for the query parameter `aff_id` of `scope`",
        ]),
        ("siblings in brackets", "scope = { in = \"query\", name = \"filter[aff]\" }\nallow = [\"filter[from]\", \"filter[to]\", \"form:filter[x]\", \"affiliate\"]", &[]),
        ("around brackets", "scope = { in = \"query\", name = \"filter[aff]\" }\nallow = [\"form:filter\"]", &[
            "22:10: `allow` takes the form field `filter`, which a backend could take for the query parameter `filter[aff]` of `scope`",
        ]),
        ("one scope in two parts", "scope = [{ in = \"query\", name = \"aff\" }, { in = \"form\", name = \"aff\" }]", &[]),
        ("sort", "scope = { in = \"query\", name = \"aff\" }\nsort = { in = \"json\", at = \"/Aff\" }", &[
            "22:8: `sort` takes the JSON member `/Aff`, which a backend could take for the query parameter `aff` of `scope`",
        ]),
        ("ask", "scope = { in = \"query\", name = \"aff\" }\nask = { in = \"form\", name = \"aff\" }", &[
            "22:7: `ask` takes the form field `aff`, which a backend could take for the query parameter `aff` of `scope`",
        ]),
        ("the columns' own selection", "scope = { in = \"query\", name = \"aff\" }\nask = { in = \"form\", name = \"_col\" }", &[]),
        ("the output format", "scope = { in = \"form\", name = \"format\" }", &[
            "19:1: `output_parameter` takes the query parameter `format`, which a backend could take for the form field `format` of `scope`",
        ]),
        ("a client's own name", "scope = { in = \"query\", name = \"aff\" }\n[reports.leads.parameters]\n\"form:AFF\" = { backend = \"x\" }", &[
            "23:1: `parameters` takes the form field `AFF`, which a backend could take for the query parameter `aff` of `scope`",
        ]),
        ("a backend's name", "scope = { in = \"query\", name = \"aff\" }\n[reports.leads.parameters]\nx = { backend = \"form:_col\" }", &[
            "23:1: `parameters` takes the form field `_col`, which a backend could take for the query parameter `_col` of `columns`",
        ]),
        ("fixed values are the operator's", "scope = { in = \"query\", name = \"aff\" }\nset = { \"form:aff\" = \"0\" }", &[]),
        ("flags", "scope = { in = \"query\", name = \"country\" }\nask = { in = \"query\", style = \"flags\" }", &[
            "21:9: `ask` and `scope` both read the query parameter `country`",
        ]),
        ("forbidden", "scope = { in = \"query\", name = \"aff\" }\nforbid = [\"affiliate\"]\nallow = [\"Affiliate[0]\"]", &[
            "22:11: `affiliate` is forbidden and used by `allow`",
        ]),
        ("headers", "scope = { in = \"header\", name = \"affiliate-id\" }\n[reports.leads.response.pass_headers]\nrequest = [\"affiliate_id\", \"affiliate-ids\"]", &[
            "23:12: `scope` and `pass_headers` both write the header `affiliate_id`",
        ]),
        ("headers that the gate sets", "scope = { in = \"query\", name = \"aff\" }\n[reports.leads.response.pass_headers]\nrequest = [\"x_real_ip\"]", &[
            "23:12: `x_real_ip`: this header frames the message or is set by the gate itself",
        ]),
    ];
    for (what, lines, expected) in cases {
        let text = with_scope(lines).replace("[reports.leads.response]\nrows = \"/rows\"\n", "");
        assert_eq!(problems(&text), *expected, "{what}");
    }
}

#[test]
fn names_of_credentials_and_tokens_are_the_gate_s() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str, &[&str])] = &[
        // what, lines of [server], of [backends.legacy], of the request, problems
        ("another part", "", "query = { KEY = 'x' }", "allow = ['form:key', 'k']", &[
            "24:10: the credential of the backend sets the query parameter `KEY` too",
        ]),
        ("brackets", "", "query = { KEY = 'x' }", "allow = ['key[a]']", &[
            "24:10: the credential of the backend sets the query parameter `KEY` too",
        ]),
        ("a part of its own", "", "query = { KEY = 'x' }", "set = { 'form:key' = 'x' }", &[]),
        ("one part", "", "query = { KEY = 'x' }", "set = { 'key' = 'x' }", &[
            "24:9: the credential of the backend sets the query parameter `KEY` too",
        ]),
        ("the output format", "", "query = { Format = 'x' }", "", &[
            "21:1: the credential of the backend sets the query parameter `Format` too",
        ]),
        ("a passed header", "", "headers = { x-plat = 'x' }", "[reports.leads.response.pass_headers]\nrequest = ['x_plat', 'x-plan']", &[
            "25:12: the credential of the backend sets the header `x-plat` too",
        ]),
        ("the scope's header", "", "headers = { x_plat = 'x' }", "scope = { in = 'header', name = 'X-Plat' }", &[
            "23:9: the credential of the backend sets the header `x_plat` too",
        ]),
        ("a token in the query", "token_in = ['query:Aff']", "", "allow = ['form:aff[]']", &[
            "24:10: `Aff` holds the client's token (`token_in`)",
        ]),
        ("a token's credential", "token_in = ['query:Key']", "query = { key = 'x' }", "", &[
            "6:11: `Key` holds the client's token (`token_in`)",
        ]),
        ("a token's own header", "", "headers = { x-api-key = 'x' }", "", &[]),
        ("a token's header, passed", "", "", "[reports.leads.response.pass_headers]\nrequest = ['x_api_key']", &[
            "25:12: `x-api-key` holds the client's token (`token_in`)",
        ]),
        ("a token's header, scope", "", "", "scope = { in = 'header', name = 'x-api-key' }", &[
            "23:9: `x-api-key` holds the client's token (`token_in`)",
        ]),
        ("bearer", "", "", "scope = { in = 'header', name = 'authorization' }", &[
            "23:9: `authorization` holds the client's token (`token_in`)",
        ]),
        ("a proxy's header, scope", "trusted_proxies = ['10.0.0.1']\nclient_header = 'x-client'", "", "scope = { in = 'header', name = 'X_Client' }", &[
            "24:9: `x-client` names the client (`client_header`)",
        ]),
        ("a proxy's header, token", "trusted_proxies = ['10.0.0.1']\nclient_header = 'X_Api_Key'", "", "", &[
            "4:17: a token may stand in this header (`token_in`)",
        ]),
        ("a proxy's header, bearer", "trusted_proxies = ['10.0.0.1']\nclient_header = 'authorization'", "", "", &[
            "4:17: a token may stand in this header (`token_in`)",
        ]),
        ("a token twice", "token_in = ['query:key', 'query:KEY', 'header:x-k', 'header:x_k']", "", "", &[
            "3:26: a token would be read twice from this place",
            "3:53: a token would be read twice from this place",
        ]),
    ];
    for (what, server, backend, request, expected) in cases {
        let scope = if request.starts_with("scope") { "" } else { "scope = { in = 'query', name = 'id' }\n" };
        let text = with_scope(&format!("{scope}{request}"));
        let text = text.replace("[reports.leads.response]\nrows = \"/rows\"\n", "");
        let text = text.replacen("[server]", &format!("[server]\n{server}"), 1);
        let text = text.replacen("[backends.legacy]", &format!("[backends.legacy]\n{backend}"), 1);
        assert_eq!(problems(&text), *expected, "{what}");
    }
}
