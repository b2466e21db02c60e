//! What is written instead of what in the simple config, and every problem that is reported.

use super::*;

#[rustfmt::skip]
const CASES: &[(&str, &str, &[&str])] = &[
    ("url = \"http://127.0.0.1:8001\"", "url = \"https://-\"", &[
        "6:7: `https://-`: no certificate can name this host",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nca = 'ca.pem'", &[
        "6:6: `ca` is for https backends",
    ]),
    ("url = \"http://127.0.0.1:8001\"", "urls = ['http://a/api', 'http://b/api/', 'http://c', 'http://a:80/api', 'b', 7]", &[
        "6:42: has another scheme or path than `http://a/api`: all hosts have the same",
        "6:54: this host stands twice in this list",
        "6:73: `b`: expected http://HOST or https://HOST, with or without a port and a path",
        "6:78: expected a string, found an integer",
    ]),
    ("url = \"http://127.0.0.1:8001\"", "url = 'http://a'\nurls = ['http://b']", &[
        "6:7: stands beside `urls`: name every host there",
    ]),
    ("url = \"http://127.0.0.1:8001\"", "urls = []", &[
        "6:8: expected 1 to 64 URLs",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nmax_in_flight = 0\nmax_connections = 65537\nqueue_timeout = '0s'\nhttp2 = 'yes'", &[
        "6:17: expected 1 to 65536, found 0",
        "7:19: expected 1 to 65536, found 65537",
        "8:17: must be at least 1ms",
        "9:9: expected true or false, found a string",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nhealth = { path = 'health', every = '99ms' }", &[
        "6:19: `health`: expected a path that begins with /",
        "6:37: must be at least 100ms",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nhealth = { path = '/a b' }", &[
        "6:19: `/a b`: a path holds letters, digits and /-._~!$&'()*+,=:@ only; no query, no % escapes",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nhealth = { path = '/a?b c' }", &[
        "6:19: `******`: expected a path such as \"/health\"",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nhealth = { }", &[
        "6:10: `path` is missing",
    ]),
    ("path = \"/api/v1/reports/leads\"", "path = \"/api//leads\"", &[
        "10:8: `/api//leads`: a path holds no // and no dot segments",
    ]),
    ("[reports.leads.request]", "[reports.leads.request]\nallow = [\"q\", \"q\", \"affiliate_id__exact\", \"\", \"json:/x\"]", &[
        "20:15: stands twice in this list",
        "20:20: `scope` and `allow` both write the query parameter `affiliate_id__exact`",
        "20:43: \"\": a parameter's name is empty",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "", &[
        "19:1: a report needs a `scope` in its request: places for the ids of its holder, or \"credential\", or \"public\"",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = \"implied\"", &[
        "21:9: a scope implied by the principal's own credentials is written \"credential\"",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = \"credential\"", &[
        "34:13: `acme` may call the report `leads`, whose scope is \"credential\", and has no `credentials` for its backend",
        "48:12: `jane` may call the report `leads`, whose scope is \"credential\", and has no `credentials` for its backend",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"path\" }", &[
        "21:9: `backend_path` holds no {scope}",
    ]),
    ("backend_path = \"/affiliates/leads.json\"", "backend_path = \"/a/{scope}/{columns}\"", &[
    ]),
    ("scope = [\"1001\"]", "scope = [\"1,2\", \"\"]", &[
        "38:10: this id holds what separates ids there (report `leads`)",
        "38:17: \"\": expected an id of 1 to 128 bytes without control characters or blanks at its ends",
    ]),
    ("scope = [\"1001\"]", "scope = \"all\"", &[
        "38:9: only employees may see every affiliate's rows",
    ]),
    ("columns.leads = [\"country\", \"created_at\"]", "columns.leads = [\"country\", \"code\", \"country\"]\ncolumns.leds = \"all\"", &[
        "40:29: role `standard` does not grant the column `code` of `leads`",
        "40:37: stands twice in this list",
        "41:9: unknown report `leds` (did you mean `leads`?)",
    ]),
    ("kind = \"ib\"", "kind = \"ip\"\nrate_limit = \"1/week\"", &[
        "36:8: expected \"affiliate\" or \"ib\", found `ip` (did you mean \"ib\"?)",
        "37:14: `1/week`: expected NUMBER/s, /min, /h or /d, such as \"120/min\" or \"120/min burst 20\", or \"off\"",
    ]),
    ("kind = \"ib\"", "kind = \"ib\"\nrate_limti = \"off\"\nrate_limit = 60", &[
        "37:1: unknown key `rate_limti` (did you mean `rate_limit`?)",
        "38:14: expected a string, found an integer",
    ]),
    ("extends = \"standard\"", "extends = \"standard\"\nrate_limit = \"120/minute\"", &[
        "32:14: `120/minute`: expected NUMBER/s, /min, /h or /d, such as \"120/min\" or \"120/min burst 20\", or \"off\" (did you mean \"120/min\"?)",
    ]),
    ("[[affiliates.acme.tokens]]", "[[affiliates.acme.tokens]]\nrate_limit = \"off\"", &[
        "43:14: a token cannot lift its holder's rate; leave it out for no rate of its own",
    ]),
    ("expires = 2027-02-20T10:15:00+01:00", "expires = 2027-02-20T10:15:00+01:00\nrate_limit = \"1/s\"", &[
        "47:1: put a token's `rate_limit` in front of its `expires`: a file cut off in between would give it more access",
    ]),
    ("[server]", "[defaults]\nrate_limit = \"0/s\"\n[server]", &[
        "3:14: `0/s`: expected NUMBER/s, /min, /h or /d, such as \"120/min\" or \"120/min burst 20\", or \"off\"",
    ]),
    ("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:0\"]\nlockout = { failures = 0, witin = \"1m\", for = \"0s\" }", &[
        "4:24: expected 1 to 1000, found 0",
        "4:27: unknown key `witin` (did you mean `within`?)",
        "4:47: must be at least 1ms",
    ]),
    ("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:0\"]\nlockout = \"of\"", &[
        "4:11: expected \"off\", found `of` (did you mean \"off\"?)",
    ]),
    ("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:0\"]\nlockout = false", &[
        "4:11: expected a table, found a boolean",
    ]),
    ("[[affiliates.acme.tokens]]", "[[affiliates.acme.tokens]]\nallowed_ips = []\n[affiliates.acme.credentials.legacy]\nheaders = { x = \"y\" }\n[[affiliates.acme.tokens]]\ncolumns.leads = [\"code\"]", &[
        "42:1: `id` is missing",
        "42:1: `hash` is missing",
        "42:1: `expires` is missing",
        "45:13: `credentials` stands after the tokens of its principal; tokens come last, so that a file cut off gives no more access",
        "47:18: `acme` does not have the column `code` of `leads`",
    ]),
    ("[[affiliates.acme.tokens]]", "tokens = []\n[x]", &[
        "42:10: tokens stand as tables of their own, [[affiliates.ID.tokens]] or [[employees.ID.tokens]]",
        "43:2: unknown key `x` (expected one of: admin, affiliates, backends, cache, defaults, employees, include, log, reload, reports, roles, server, test)",
    ]),
    ("expires = 2027-02-20T10:15:00+01:00", "expires = 2026-02-20T10:15:00+01:00\ncolumns.leads = [\"country\"]", &[
        "47:1: put a token's `columns` in front of its `expires`: a file cut off in between would give it more access",
        "43:6: warning: token `k7f3q9` has expired",
    ]),
    ("hash = \"sha256:ba", "hash = \"sha256:xx", &[
        "44:8: expected sha256: and 64 hexadecimal digits",
    ]),
    ("[employees.jane]", "[affiliates.acme]\n[employees.jane]", &[
        "48:13: this key is defined twice in this file",
    ]),
    ("[server]", "[server\n", &[
        "2:8: unclosed table, expected `]`",
    ]),
    ("[roles.gold]", "[roles.gold]\npermissions = [\"get_leads_reprot\"]", &[
        "31:16: unknown permission `get_leads_reprot` (did you mean `get_leads_report`?)",
    ]),
    ("extends = \"standard\"", "extends = \"gold\"", &[
        "31:11: role `gold` extends itself",
    ]),
    ("columns.leads = [\"lead_id\", \"created_at\", \"country\"]", "", &[
        "27:16: `get_leads_report` is granted without any column of the report `leads`",
        "40:9: role `standard` does not grant a column of the report `leads`",
    ]),
    ("[server]", "[admin]\nlisten = \"0.0.0.0:9180\"\n[server]\nshutdown_grace = \"5s\"", &[
        "3:10: not a loopback address: `allowed_ips` must say who may connect",
        "5:18: warning: `shutdown_grace` is shorter than the timeout of backend `legacy`: a shutdown would cut its answers",
    ]),
    ("[employees.jane]", "[[test]]\nas = \"amce\"\nfrom = \"1.2.3.4\"\nrequest = \"GET x\"\nexpect = \"alow\"\n[employees.jane]", &[
        "51:11: `GET x`: expected METHOD PATH, such as GET /api/v1/reports/leads?from=2026-01-01",
        "52:10: expected \"allow\" or a code of an answer, found `alow` (did you mean `allow`?)",
    ]),
    ("country = {}", "country = {}\nStat.clicks = {}\n\"Stat.x\" = {response = \"country\"}\ny = {response = \"country.z\"}", &[
        "16:1: columns `Stat.x` and `country` have the same `response`, or one inside the other's",
        "17:6: unknown key `clicks` (a column whose name holds a dot stands in quotes)",
        "19:1: columns `country` and `y` have the same `response`, or one inside the other's",
    ]),
    ("rows = \"/rows\"", "rows = \"/rows\"\nkeep = [\"/rows/x\", \"\"]\noutput = [\"csv\", \"json\"]\nheader = \"first\"", &[
        "25:9: `keep` and `rows` stand at one place, or one inside the other",
        "25:20: `keep` and `rows` stand at one place, or one inside the other",
        "27:10: `header` is for row = \"array\" only",
        "25:9: warning: `/rows/x` passes unfiltered",
        "25:20: warning: \"\" passes unfiltered",
    ]),
    ("rows = \"/rows\"", "delimiter = \";\"\nformat = \"opaque\"", &[
        "24:13: `delimiter` is for csv answers only",
        "25:10: warning: opaque answers are relayed unfiltered: columns are not enforced",
    ]),
    ("permission = \"get_leads_report\"", "permision = \"get_leads_report\"", &[
        "9:1: unknown key `permision` (did you mean `permission`?)",
    ]),
    ("[reports.leads.request]", "[reports.leads.requst]", &[
        "19:16: unknown key `requst` (did you mean `request`?)",
    ]),
    ("[reports.leads.columns]", "[reports.leads.colums]", &[
        "13:16: unknown key `colums` (did you mean `columns`?)",
    ]),
    ("columns.leads = [\"lead_id\"", "colums.leads = [\"lead_id\"", &[
        "28:1: unknown key `colums` (did you mean `columns`?)",
    ]),
    ("[roles.standard]", "[rolse.standard]", &[
        "26:2: unknown key `rolse` (did you mean `roles`?)",
    ]),
    ("role = \"standard\"", "rol = \"standard\"", &[
        "37:1: unknown key `rol` (did you mean `role`?)",
    ]),
    ("[backends.legacy]", "[backnds.legacy]", &[
        "5:2: unknown key `backnds` (did you mean `backends`?)",
    ]),
    ("style = \"repeat\"", "style = \"objects\"", &[
        "20:50: `style` array and objects are for in = \"json\" only",
    ]),
    ("scope = [{ in = \"query\"", "scope = [{ in = \"qery\"", &[
        "21:17: expected one of \"query\", \"form\", \"json\", \"header\", \"path\", found `qery` (did you mean \"query\"?)",
    ]),
    ("in = \"query\", name = \"_col\", style = \"repeat\"", "in = \"json\", at = \"/x\", separator = \";\", prefix = \"\"", &[
        "20:49: `separator` is for style csv only",
        "20:63: `prefix` is for style flags only",
    ]),
    ("in = \"query\", name = \"_col\", style = \"repeat\"", "in = \"query\", style = \"flags\", prefix = \"affiliate_id__\", group = \"m\"", &[
        "20:79: unknown group `m`",
    ]),
    ("scope = [{", "spans = [{ from = \"x\", to = \"y\", max = \"1d\" }]\nset = { affiliate_id__exact = \"{scope}\", b = [1], \"json:/a\" = inf, \"form:x\" = \"a\" }\nscope = [{", &[
        "21:19: unknown parameter `x`",
        "21:29: unknown parameter `y`",
        "22:9: `scope` and `set` both write the query parameter `affiliate_id__exact`",
        "22:46: expected a string, found an array",
        "22:63: JSON has no such number",
    ]),
    ("allowed_ips = [\"203.0.113.7\"]", "allowed_ips = [\"0.0.0.0-255.255.255.255\", \"unix\", { from = \"1.1.1.1\" }, 7]", &[
        "39:43: a unix socket has no address; only `trusted_proxies` can name it",
        "39:51: `to` is missing",
        "39:73: expected a string, found an integer",
        "39:16: warning: this range is open to every IPv4 address",
    ]),
        ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"/f\", append = { t = \"aff\", id = \"{scope}\" }, append_allow = { t = [\"aff\"] } }", &[
        "21:97: this is what the gate's own item holds, so a client could add to its scope",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"/f\", append = { t = \"aff\", id = \"{scope}\" }, append_allow = { u = [\"x\"] } }", &[
        "21:90: must name a fixed text member of `append`, so that client items are told from the scope",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"/f\", append = { t = \"x{scope}\", id = 1 } }", &[
        "21:50: only one member may hold {scope}, and nothing besides",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"\", style = \"repeat\" }", &[
        "21:29: \"\": expected a member, not the whole body",
        "21:41: `style` is array, objects or csv with in = \"json\"",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"/a\", type = \"number\" }\nallow = [\"json:/a/b\", \"form:c\"]", &[
        "22:10: `scope` and `allow` both write the JSON member `/a/b`",
        "22:23: places in a form and places in a JSON body do not go together",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"query\", name = \"aff\", style = \"flags\" }", &[
        "21:47: `style` flags is for columns only",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"header\", name = \"Host\" }", &[
        "21:33: `Host`: this header frames the message or is set by the gate itself",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = \"public\"\nset = { x = \"{scope}\" }", &[
        "22:9: holds {scope}, and the report's `scope` has no ids",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]\nbody = \"form\"\nset = { \"json:/x\" = 1 }", &[
        "23:9: stands in another body than `body` says",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]\nforbid = [\"Affiliate_ID__exact\", \"q\"]\nallow = [\"q[]\"]", &[
        "22:11: `Affiliate_ID__exact` is forbidden and used by `scope`",
        "22:34: `q` is forbidden and used by `allow`",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]\nset = { q = \"{columns}\" }\ncolumn_quote = \"'\"", &[
    ]),
    ("code = { request = \"TrackingCode\"", "code = { request = \"Tracking,Code\"", &[
    ]),
    ("code = { request = \"TrackingCode\", response = \"Tracking_Code\" }\n\n[reports.leads.request]\ncolumns = { in = \"query\", name = \"_col\", style = \"repeat\" }", "code = { request = \"Tracking,Code\" }\n\n[reports.leads.request]\ncolumns = { in = \"query\", name = \"_col\" }", &[
        "20:11: the request name `Tracking,Code` of column `code` holds what separates columns here, or cannot stand in a header",
    ]),
    ("code = { request = \"TrackingCode\", response = \"Tracking_Code\" }\n\n[reports.leads.request]\ncolumns = { in = \"query\", name = \"_col\", style = \"repeat\" }", "code = { request = \"Tracking'Code\" }\n\n[reports.leads.request]\nset = { q = \"in ({columns})\" }", &[
        "20:9: the request name `Tracking'Code` of `code` could break out of {columns}",
    ]),
    ("columns = { in = \"query\", name = \"_col\", style = \"repeat\" }", "columns = [{ in = \"query\", name = \"a\" }, { in = \"query\", name = \"b\" }]", &[
        "20:42: another place takes the same columns; `group` picks which go where",
    ]),
    ("columns = { in = \"query\", name = \"_col\", style = \"repeat\" }", "columns = [{ in = \"query\", name = \"a\", group = \"x\" }]", &[
        "20:48: unknown group `x`",
    ]),
    ("columns = { in = \"query\", name = \"_col\", style = \"repeat\" }", "columns = { in = \"header\", name = \"x-cols\", style = \"repeat\", separator = \";\" }", &[
        "20:53: `style` is csv in a header",
        "20:75: `separator` is a comma in a header",
    ]),
    ("scope = [\"1001\"]", "scope = [\"1001\", \"1002\"]", &[
    ]),
    ("backend_path = \"/affiliates/leads.json\"", "backend_path = \"/a/{scope}/x\"\nmethods = []", &[
        "12:11: names no method, so nobody could call the report",
    ]),
    ("url = \"http://127.0.0.1:8001\"", "url = \"http://127.0.0.1:8001\"\nquery = { _col = \"a\" }\nheaders = { x-a = \"b\" }", &[
        "22:11: the credential of the backend sets the query parameter `_col` too",
    ]),
    ("listen = [\"127.0.0.1:0\"]", "listen = []\ntoken_in = [\"query:_col\", \"header:authorization\", \"bearer\"]\ntrusted_proxies = []\nproxy_protocol = \"required\"\nworkers = -1\nlimits = { header_bytes = \"1B\", headers = 0, idle_timeout = \"0s\" }", &[
        "3:10: is empty",
        "4:51: a token would be read twice from this place",
        "6:18: PROXY headers come from `trusted_proxies`, and there are none: nobody could connect",
        "7:11: expected 0 to 1024, found -1",
        "8:27: expected 1024B to 1048576B",
        "8:43: expected 1 to 1000, found 0",
        "8:61: must be at least 1ms",
        "25:11: `_col` holds the client's token (`token_in`)",
    ]),
    ("[reports.leads.request]", "[reports.leads.parameters]\na = { type = \"date\", default = \"yesterday\", max = 3 }\nb = { type = \"integer\", min = 5, max = 4 }\nc = { column = \"contry\", one_of = [] }\n\"json:x\" = {}\nformat = {}\n[reports.leads.request]\nspans = [{ from = \"a\", to = \"b\", max = \"0s\" }]", &[
        "20:32: `yesterday`: expected a date such as 2026-01-31, \"today\" or \"-30d\"",
        "20:51: `max` is for type integer only",
        "21:40: `max` is below `min`, 5",
        "22:16: unknown column `contry` (did you mean `country`?)",
        "22:35: names no value",
        "23:1: `json:x`: expected a JSON Pointer (RFC 6901): empty, or parts that each begin with `/`",
        "25:1: `parameters` and `output_parameter` both read the query parameter `format`",
        "26:29: `b` is neither a date nor a datetime",
        "26:40: must be at least 1000ms",
    ]),
    ("rows = \"/rows\"", "rows = \"/rows\"\nrow = \"array\"\nsuccess = { at = \"/rows/0\", equals = [] }\nalso = [\"/rows\"]", &[
        "23:1: `header` is missing",
        "26:18: `success` and `rows` stand at one place, or one inside the other",
        "26:38: names no value, so every answer would be a failure",
        "27:9: `also` and `rows` stand at one place, or one inside the other",
    ]),
    ("rows = \"/rows\"", "rows = \"/rows\"\nrow = \"array\"\nheader = \"columns\"\nshape = \"bare\"\npass_headers = { request = [\"Cookie\"], response = [\"set-cookie\", \"connection\", \"Refresh\"] }\ndelimiter = \";\"", &[
        "26:10: `columns`: expected \"first\" or a JSON Pointer such as /columns",
        "28:29: `Cookie`: this header never reaches the backend",
        "28:52: `set-cookie`: this header never reaches the client as the backend sends it",
        "28:66: `connection`: this header frames the message or is set by the gate itself",
        "28:80: `Refresh`: this header never reaches the client as the backend sends it",
        "29:13: `delimiter` is for csv answers only",
    ]),
    ("[employees.jane]", "[reports.two]\npermission = \"get_leads_report\"\npath = \"/api/v1/reports/leads\"\ncolumns = { a = {} }\nrequest.scope = \"public\"\n[employees.jane]", &[
        "27:16: `get_leads_report` is granted without any column of the report `two`",
        "50:8: path `/api/v1/reports/leads` is defined twice (the first stands at 10:8)",
    ]),
    ("[affiliates.acme]", "[affiliates.\"a b\"]\n[affiliates.acme]", &[
        "34:13: `a b` is not a name: expected 1 to 64 of A-Z a-z 0-9 _ . - (not starting with . or -), and not `_gate` or a token itself",
    ]),
    ("kind = \"ib\"", "[affiliates.acme.credentials.legcy]\nheaders = { x = \"y\" }\n[affiliates.acme.credentials.legacy]\n[affiliates.eve]", &[
        "36:30: unknown backend `legcy` (did you mean `legacy`?)",
        "38:1: needs `headers` or `query`",
        "34:13: warning: `acme` has no `allowed_ips`, so nobody can use its tokens",
    ]),
    ("[server]\nlisten = [\"127.0.0.1:0\"]", "[admin]\nlisten = \"unix:a.sock\"\nallowed_ips = [\"10.0.0.0/8\"]\n[server]\nlisten = [\"unix:a.sock\"]", &[
        "3:10: [server] listens here: the admin endpoints need an address of their own",
        "4:15: whoever comes by a unix socket has no address: its file's owner and group may connect",
    ]),
    ("[server]", "[admin]\nlisten = \"0.0.0.0:8080\"\nhosts = [\"A:1\", \"::1\"]\nallowed_ips = [\"10.0.0.0/8\"]\n[reload]\nmax_removed = \"101%\"\n[log]\nformat = \"xml\"\n[server]\nlisten = [\"127.0.0.1:8080\"]\n[x.y]", &[
        "3:10: [server] listens here: the admin endpoints need an address of their own",
        "4:10: `A:1`: expected a host name without a port",
        "4:17: `::1`: expected a host name without a port",
        "7:15: `101%`: is more than 100%",
        "9:10: expected \"json\" or \"text\", found `xml`",
        "12:2: unknown key `x` (expected one of: admin, affiliates, backends, cache, defaults, employees, include, log, reload, reports, roles, server, test)",
    ]),
    ("[employees.jane]", "[[test]]\nas = \"acme\"\nfrom = \"1.2.3.4\"\nrequest = \"GET /x\"\nexpect = \"ip_not_alowed\"\nbackend_json = { x = 1 }\n[[test]]\nas = \"acme\"\nexpect = \"token_expired\"\nbackend_path = \"/x\"\nfrom = \"1\"\nrequest = \"GET /x\"\n[employees.jane]", &[
        "52:10: expected \"allow\" or a code of an answer, found `ip_not_alowed` (did you mean `ip_not_allowed`?)",
        "53:18: `x`: expected a JSON Pointer (RFC 6901): empty, or parts that each begin with `/`",
        "57:16: `backend_path` cannot be looked at when a refusal is expected",
        "58:8: `1`: expected an IP address",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]\nset = { q = \"{columns}\" }\ncolumn_quote = \"[\"", &[
        "23:16: `[`: expected what can stand on both sides of a name, such as ' or `",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]\ncolumn_quote = \"a\"", &[
        "22:16: `a`: expected what can stand on both sides of a name, such as ' or `",
    ]),
    ("scope = [{ in = \"query\", name = \"affiliate_id__exact\" }]", "scope = { in = \"json\", at = \"/f\", append = { t = \"aff\", id = \"{scope}\" }, append_allow = { t = [\"AFF\"] } }", &[
        "21:97: this is what the gate's own item holds, so a client could add to its scope",
    ]),
    ("rows = \"/rows\"", "rows = \"/data/rows\"\nalso = [\"/data\", \"/data/rows/0\", \"/data2\"]\nkeep = [\"/data2/x\"]\nrow = \"array\"\nheader = \"/data\"", &[
        "25:9: `also` and `rows` stand at one place, or one inside the other",
        "25:18: `also` and `rows` stand at one place, or one inside the other",
        "26:9: `keep` and `also` stand at one place, or one inside the other",
        "28:10: `header` and `rows` stand at one place, or one inside the other",
        "26:9: warning: `/data2/x` passes unfiltered",
    ]),
    ("[server]", "[server]\nself_service = \"/api/v1\"", &[
        "11:8: paths under /api/v1 are the gate's own (`self_service`)",
    ]),
    ("[server]", "[server]\nself_service = \"/api/v1/\"", &[
        "3:16: `/api/v1/`: expected a path with something behind its last /, such as /_gate; \"\" switches them off",
    ]),
    ("path = \"/api/v1/reports/leads\"", "path = \"/_gate/leads\"", &[
        "10:8: `/_gate/leads`: paths under /_gate are the gate's own",
    ]),
    ("[backends.legacy]", "[cache]\nmax_bytes = \"1KiB\"\nmax_entry = \"257B\"\nttl = \"1s\"\n[reports.leads.cache]\nttl = \"999ms\"\nstale = \"1s\"\n[backends.legacy]", &[
        "7:13: is more than a quarter of `max_bytes`, 256B",
        "8:1: unknown key `ttl` (expected one of: max_bytes, max_entry)",
        "10:7: must be at least 1000ms",
        "11:1: unknown key `stale` (expected one of: stale_if_error, ttl)",
    ]),
    ("[backends.legacy]", "[cache]\nmax_entry = \"65MiB\"\n[reports.leads.cache]\n[backends.legacy]", &[
        "6:13: is more than a quarter of `max_bytes`, 67108864B",
        "7:1: `ttl` is missing",
    ]),
    ("[backends.legacy]", "[cache]\nmax_bytes = \"1TiB\"\nmax_entry = \"0B\"\n[reports.leads.cache]\nttl = \"86401s\"\n[backends.legacy]", &[
        "6:13: `1TiB`: expected a size such as 512B, 64KiB, 8MiB or 1GiB",
        "7:13: expected 1B to 1073741824B",
        "9:7: warning: is long: so old may answers be, and nothing but a change of the report refreshes them",
    ]),
    ("[backends.legacy]", "[cache]\nmax_bytes = \"0B\"\nmax_entry = \"1GiB\"\n[reports.leads.cache]\nttl = \"24h\"\nstale_if_error = \"0s\"\n[backends.legacy]", &[
    ]),
    ("country = {}", "country = {}\nStat = {}\n\"Stat.payout\" = {}", &[
        "18:1: columns `Stat` and `Stat.payout` have the same `response`, or one inside the other's",
    ]),
];

#[test]
fn each_mistake_is_named_at_its_place() {
    for (from, to, expected) in CASES {
        assert!(SIMPLE.contains(from), "{from}");
        assert_eq!(problems(&SIMPLE.replacen(from, to, 1)), *expected, "{to}");
    }
}
