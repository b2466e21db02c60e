//! What is written instead of what in the simple config, and every problem that is reported.

use super::*;

#[rustfmt::skip]
const CASES: &[(&str, &str, &[&str])] = &[
    ("url = \"http://127.0.0.1:8001\"", "url = \"https://legacy\"", &[
        "6:7: `https://legacy`: https backends are not supported yet",
    ]),
    ("[backends.legacy]", "[backends.legacy]\nmax_in_flight = 3", &[
        "6:1: `max_in_flight` is not supported yet; remove it",
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
    ("kind = \"ib\"", "kind = \"ip\"\nrate_limit = \"1/s\"", &[
        "36:8: expected \"affiliate\" or \"ib\", found `ip` (did you mean \"ib\"?)",
        "37:1: `rate_limit` is not supported yet; remove it",
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
        "43:2: unknown key `x` (expected one of: include, server, reload, admin, log, backends, reports, roles, affiliates, employees, test)",
    ]),
    ("expires = 2027-02-20T10:15:00+01:00", "expires = 2026-02-20T10:15:00+01:00\ncolumns.leads = [\"country\"]", &[
        "43:6: warning: token `k7f3q9` has expired",
        "47:1: warning: put a token's `columns` in front of its `expires`: a file cut off in between would give it more access",
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
        "27:16: `get_leads_report` is granted without one column of the report `leads`",
        "40:9: role `standard` does not grant a column of the report `leads`",
    ]),
    ("[server]", "[admin]\nlisten = \"0.0.0.0:9180\"\n[server]\nshutdown_grace = \"5s\"", &[
        "3:10: not a loopback address: `allowed_ips` must say who may connect",
        "5:18: warning: `shutdown_grace` is shorter than the timeout of backend `legacy`: a shutdown would cut its answers",
    ]),
    ("[employees.jane]", "[[test]]\nas = \"amce\"\nfrom = \"1.2.3.4\"\nrequest = \"GET x\"\nexpect = \"alow\"\n[employees.jane]", &[
        "49:6: unknown principal `amce` (did you mean `acme`?)",
        "51:11: `GET x`: expected METHOD PATH, such as GET /api/v1/reports/leads?from=2026-01-01",
        "52:10: expected \"allow\" or a code of an answer, found `alow` (did you mean `allow`?)",
    ]),
    ("country = {}", "country = {}\nStat.clicks = {}\n\"Stat.x\" = {response = \"country\"}\ny = {response = \"country.z\"}", &[
        "16:1: columns `Stat.x` and `country` have the same `response`, or one inside the other's",
        "17:6: unknown key `clicks` (expected one of: title, request, response, group)",
        "19:1: columns `country` and `y` have the same `response`, or one inside the other's",
    ]),
    ("rows = \"/rows\"", "rows = \"/rows\"\nkeep = [\"/rows/x\", \"\"]\noutput = [\"csv\"]\nformat = \"xml\"\nheader = \"first\"", &[
        "25:9: `keep` and `rows` stand at one place, or one inside the other",
        "25:20: `keep` and `rows` stand at one place, or one inside the other",
        "27:10: xml answers are not supported yet",
        "28:10: `header` is for row = \"array\" only",
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
        "39:43: unix sockets are not supported yet",
        "39:51: `to` is missing",
        "39:73: expected a string, found an integer",
        "39:16: warning: this range is open to every IPv4 address",
    ]),
    ];

#[test]
fn each_mistake_is_named_at_its_place() {
    for (from, to, expected) in CASES {
        assert!(SIMPLE.contains(from), "{from}");
        assert_eq!(problems(&SIMPLE.replacen(from, to, 1)), *expected, "{to}");
    }
}
