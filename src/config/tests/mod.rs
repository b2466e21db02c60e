//! Whole configs, from files to policy.

mod answer_mistakes;
mod answers;
mod claims;
mod damaged;
mod mistakes;
mod rates;

use super::keys::Kind;
use super::*;
use crate::domain::names::PrincipalId;
use crate::policy::{ReportIndex, ScopeGrant, TokenRecord};
use std::collections::HashSet;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_790_000_000);
const HASH_1: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const SIMPLE: &str = r#"
[server]
listen = ["127.0.0.1:0"]

[backends.legacy]
url = "http://127.0.0.1:8001"

[reports.leads]
permission = "get_leads_report"
path = "/api/v1/reports/leads"
backend_path = "/affiliates/leads.json"

[reports.leads.columns]
lead_id = { title = "Lead ID" }
created_at = {}
country = {}
code = { request = "TrackingCode", response = "Tracking_Code" }

[reports.leads.request]
columns = { in = "query", name = "_col", style = "repeat" }
scope = [{ in = "query", name = "affiliate_id__exact" }]

[reports.leads.response]
rows = "/rows"

[roles.standard]
permissions = ["get_leads_report"]
columns.leads = ["lead_id", "created_at", "country"]

[roles.gold]
extends = "standard"
columns.leads = "all"

[affiliates.acme]
name = "Acme Media"
kind = "ib"
role = "standard"
scope = ["1001"]
allowed_ips = ["203.0.113.7"]
columns.leads = ["country", "created_at"]

[[affiliates.acme.tokens]]
id = "k7f3q9"
hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
created = 2026-01-22T10:15:00Z
expires = 2027-02-20T10:15:00+01:00

[employees.jane]
role = "gold"
scope = "all"
allowed_ips = ["10.8.0.0/16"]
"#;

/// Loads one file of that text.
fn load_text(text: &str) -> Result<Loaded, Box<Rejected>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, NOW)
}

/// The problems of a text, each as `line:column: message`.
fn problems(text: &str) -> Vec<String> {
    let (report, sources) = match load_text(text) {
        Ok(loaded) => (loaded.warnings, loaded.sources),
        Err(rejected) => (rejected.report, rejected.sources),
    };
    let file = format!("{}:", sources.files().next().unwrap().display());
    report.lines().map(|line| line.replace(&file, "")).collect()
}

#[test]
fn a_simple_config_is_read() {
    let loaded = load_text(SIMPLE).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(loaded.warnings.lines().collect::<Vec<_>>(), [] as [String; 0]);
    let policy = loaded.policy;
    let (index, report) = policy.reports.find("/api/v1/reports/leads").unwrap();
    assert_eq!(index, ReportIndex(0));
    assert_eq!(report.catalogue.len(), 4);
    let principal = |id: &str| {
        let id = PrincipalId::parse(id).unwrap();
        policy.principals.iter().find(|principal| principal.id == id).unwrap()
    };
    let view = |id: &str| {
        let (_, view) = principal(id).rights.views.iter().find(|(at, _)| *at == index).unwrap();
        report.catalogue.columns_of(view).map(|c| c.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(view("acme"), ["country", "created_at"]);
    assert_eq!(view("jane"), ["lead_id", "created_at", "country", "code"]);
    assert_eq!(principal("acme").scope, ScopeGrant::Ids(std::iter::once("1001".into()).collect()));
    assert_eq!(principal("jane").scope, ScopeGrant::All);
    assert!(principal("jane").has(report.permission));
    let token = policy.tokens.find(&crate::domain::token::TokenDigest::parse(HASH_1).unwrap()).unwrap();
    assert_eq!(token.expires, crate::domain::time::Expiry::At(Timestamp::from_unix_seconds(1_803_114_900)));
}

const EXAMPLE: &str = include_str!("../../../config.example.toml");

#[test]
fn the_example_loads_without_a_warning() {
    let loaded = load_text(EXAMPLE).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(loaded.warnings.lines().collect::<Vec<_>>(), [] as [String; 0]);
    assert_eq!(loaded.cases.len(), 5);
    assert_eq!(loaded.policy.reports.iter().len(), 5);
}

/// The example with every commented-out setting switched on.
fn uncommented_example() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|l| line(l) + "\n").collect()
}

#[test]
fn the_example_shows_every_key() {
    type Keys = HashSet<(&'static str, &'static str)>;
    fn collect(value: &toml::Value, kind: &Kind, seen: &mut Keys) {
        if let Kind::Table(spec) = kind {
            for (key, inner) in value.as_table().into_iter().flatten() {
                let key = spec.key(key).unwrap_or_else(|| panic!("unknown key {key} of {}", spec.name));
                seen.insert((spec.name, key.name));
                collect(inner, &key.kind, seen);
            }
        } else if let Kind::Map(inner) = kind {
            value.as_table().into_iter().flatten().for_each(|(_, value)| collect(value, inner, seen));
        } else if let Kind::List(inner) = kind {
            value.as_array().into_iter().flatten().for_each(|value| collect(value, inner, seen));
        } else if let Kind::Either(kinds) = kind {
            kinds.iter().for_each(|kind| collect(value, kind, seen));
        }
    }
    fn every(kind: &Kind, all: &mut Keys) {
        if let Kind::Table(spec) = kind {
            for key in spec.keys {
                all.insert((spec.name, key.name));
                every(&key.kind, all);
            }
        } else if let Kind::Map(inner) | Kind::List(inner) = kind {
            every(inner, all);
        } else if let Kind::Either(kinds) = kind {
            kinds.iter().for_each(|kind| every(kind, all));
        }
    }
    let text = uncommented_example();
    let value: toml::Value = toml::from_str(&text).unwrap();
    let (mut seen, mut all) = Default::default();
    collect(&value, &Kind::Table(&keys::MAIN), &mut seen);
    every(&Kind::Table(&keys::MAIN), &mut all);
    let mut missing: Vec<_> = all.difference(&seen).collect();
    missing.sort();
    assert!(missing.is_empty(), "not in config.example.toml: {missing:?}");
}

#[test]
fn ten_mistakes_are_ten_problems_each_at_its_place() {
    let text = SIMPLE
        .replace("listen = [\"127.0.0.1:0\"]", "lisen = [\"127.0.0.1:0\"]\nworkers = \"many\"")
        .replace(
            "permission = \"get_leads_report\"",
            "permission = \"get_leads_report\"\nbackend = \"legcy\"",
        )
        .replace("style = \"repeat\"", "style = \"repaet\"")
        .replace("rows = \"/rows\"", "rows = \"rows\"")
        .replace("columns.leads = [\"lead_id\"", "columns.leads = [\"lead_ix\"")
        .replace("extends = \"standard\"", "extends = \"standart\"")
        .replace("\"203.0.113.7\"", "\"203.0.113.9-203.0.113.1\"")
        .replace("expires = 2027-02-20T10:15:00+01:00", "expires = 2027-02-20")
        .replace("role = \"gold\"", "role = \"gold\"\nkind = \"ib\"");
    assert_eq!(
        problems(&text),
        [
            "3:1: unknown key `lisen` (did you mean `listen`?)",
            "4:11: expected a whole number, found a string",
            "11:11: unknown backend `legcy` (did you mean `legacy`?)",
            "22:50: expected one of \"csv\", \"repeat\", \"brackets\", \"flags\", \"array\", \"objects\", found `repaet` (did you mean \"repeat\"?)",
            "26:8: `rows`: expected a JSON Pointer (RFC 6901): empty, or parts that each begin with `/`",
            "30:18: unknown column of report `leads`: `lead_ix` (did you mean `lead_id`?)",
            "33:11: unknown role `standart` (did you mean `standard`?)",
            "41:16: `203.0.113.9-203.0.113.1`: the range ends at 203.0.113.1, before its start 203.0.113.9",
            "48:11: expected a date-time with an offset, such as 2027-02-20T10:15:00Z",
            "52:1: unknown key `kind` (expected one of: allowed_ips, columns, credentials, disabled, name, permissions, rate_limit, role, scope, tokens)",
        ]
    );
}

#[test]
fn secrets_are_in_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(folder.path().join("key"), "zecret-in-file\nsecond line\n").unwrap();
    let text = SIMPLE
        .replace("[backends.legacy]", "[backends.legacy]\nheaders = { a = 'zecret1', b = { file = 'key' }, c = { evn = 'zecret2' } }\nquery = { a = 7777777, b = ['zecret3'] }")
        .replace("[backends.legacy]", "[backends.legacy]\nhaeders = { a = 'zecret7' }\nx-api-key = 'zecret8'")
        .replace("http://", "http://zecret9:pw@")
        .replace("path = \"/api/v1/reports/leads", "path = \"/leads?zecret10")
        .replace("id = \"k7f3q9\"", "token = 'zecret11'")
        .replace("hash = \"sha256:ba7816bf", "hash = \"zecret4")
        .replace("country = {}", "country = { title = 5 } # rg_zecret5zecret5")
        .replace("role = \"gold\"", "role = \"rg_zecret6zecret6zecret6zecret6zecret6a\"");
    // Cut in the middle of a string, it is no TOML either.
    let cut = text.split_once("ecret1").unwrap().0.to_owned() + "ecret";
    for text in [text, cut] {
        std::fs::write(&path, text).unwrap();
        let report = load(&path, NOW).unwrap_err().report;
        assert!(report.errors() > 0);
        for shown in
            [report.render(false), report.render(true), report.lines().collect(), format!("{report:?}")]
        {
            assert!(!shown.contains("zecret") && !shown.contains("7777777"), "{shown}");
        }
    }
}

#[test]
fn problems_are_shown_with_their_line() {
    let rejected = load_text(&SIMPLE.replace("hash = \"sha", "hsah = \"sha")).unwrap_err();
    let shown = rejected.report.render(false);
    let expected = "   |\n44 | hsah = *************************************************************************\n   | ^^^^ did you mean `hash`?\n";
    assert!(shown.contains(expected), "{shown}");
    assert!(shown.starts_with("error: unknown key `hsah`\n"), "{shown}");
}

#[test]
fn places_are_right_behind_blotted_characters() {
    let text = SIMPLE.replace("[backends.legacy]", "[backends.legacy]\nheaders = { x = \"äöü€\", y = 1 }");
    const FOUND: &str = "expected a string, { env = \"NAME\" } or { file = \"PATH\" }, found an integer";
    assert_eq!(problems(&text), [format!("6:29: {FOUND}")]);
    let shown = load_text(&text).unwrap_err().report.render(false);
    let under: Vec<_> = shown.lines().skip_while(|line| !line.contains("headers")).take(2).collect();
    assert_eq!(under[0].find("y = *").map(|at| at + 4), under[1].find('^'), "{shown}");
}

#[test]
fn names_that_look_like_tokens_are_blotted_out_wherever_they_are_told() {
    const NAME: &str = "rg_7Kq2mZ9xTb4LwV1cYp8NsR3dHf6JgA5e0uQ1iX";
    let column = SIMPLE.replace("code = {", &format!("{NAME}a = {{")).replace("\"lead_id\", ", "\"nope\", ");
    let twice =
        format!("{SIMPLE}\n[affiliates.{NAME}b]\nscope = [\"7\"]\n[employees.{NAME}b]\nscope = \"all\"\n");
    for text in [column, twice] {
        let report = load_text(&text).unwrap_err().report;
        let said: String = report.lines().chain([report.render(false)]).collect();
        assert!(said.contains("****") && !said.contains(NAME), "{said}");
    }
}

#[test]
fn a_long_line_of_mistakes_is_not_shown_a_thousand_times() {
    let many = "\"a\", ".repeat(5_000);
    let text = SIMPLE.replace("allowed_ips = [\"203.0.113.7\"]", &format!("allowed_ips = [{many}]"));
    let report = load_text(&text).unwrap_err().report;
    assert_eq!(report.errors(), 5_000);
    assert!(!report.render(false).contains("\"a\", "), "to show it takes long, too");
}

/// A folder with a main file that includes `affiliates.d/*.toml`.
fn folder(main: &str, included: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::create_dir(folder.path().join("affiliates.d")).unwrap();
    std::fs::write(&path, main.replacen("\n[server]", "include = [\"affiliates.d/*.toml\"]\n[server]", 1))
        .unwrap();
    for (name, text) in included {
        std::fs::write(folder.path().join("affiliates.d").join(name), text).unwrap();
    }
    (folder, path)
}

#[test]
fn included_files_add_to_the_main_one() {
    let bob =
        "\u{FEFF}[affiliates.bob]\r\nrole = \"gold\"\r\nscope = [\"7\"]\r\nallowed_ips = [\"192.0.2.1\"]\r\n";
    let (folder, path) = folder(SIMPLE, &[("b.toml", bob), ("a.txt", "no TOML")]);
    let loaded = load(&path, NOW).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(loaded.policy.principals.len(), 3);
    assert_eq!(
        loaded.sources.files().collect::<Vec<_>>(),
        [path.as_path(), &folder.path().join("affiliates.d/b.toml")]
    );
    assert!(loaded.sources.folders().contains(&folder.path().join("affiliates.d")));
    assert!(!loaded.sources.hash().is_empty());
}

#[test]
fn principals_with_the_same_rights_share_them() {
    let of = |id: &str, own: &str| format!("[affiliates.{id}]\nrole = \"standard\"\nscope = []\n{own}\n");
    let own = "columns.leads = [\"country\"]";
    let text = [of("a", ""), of("b", ""), of("c", own), of("d", own)].concat();
    let policy = load_text(&format!("{SIMPLE}{text}")).map_err(|r| r.report.render(false)).unwrap().policy;
    let rights = |id: &str| {
        let found = policy.principals.iter().find(|principal| principal.id.as_str() == id);
        std::sync::Arc::as_ptr(&found.unwrap().rights)
    };
    assert_eq!((rights("a"), rights("c")), (rights("b"), rights("d")));
    assert_ne!(rights("a"), rights("c"));
}

#[test]
fn mistakes_of_included_files_name_their_file() {
    #[rustfmt::skip]
    let cases = [
        ("[server]\nworkers = 1\n", "affiliates.d/a.toml:1:2: `server` belongs in the main file, not in an included one"),
        ("[cache]\n", "affiliates.d/a.toml:1:2: `cache` belongs in the main file, not in an included one"),
        ("include = []\n", "affiliates.d/a.toml:1:1: `include` belongs in the main file, not in an included one"),
        ("[employees.acme]\n", "affiliates.d/a.toml:1:12: principal `acme` is defined twice (the first stands at reportgate.toml:34:13)"),
        ("[affiliates.bob]\nrole = \"gld\"\n", "affiliates.d/a.toml:2:8: unknown role `gld` (did you mean `gold`?)"),
        ("[affiliates.b\n", "affiliates.d/a.toml:1:14: unclosed table, expected `]`"),
        ("# \u{e4}\n[affiliates.bob]\r\nnmae = \"x\"\r\n", "affiliates.d/a.toml:3:1: unknown key `nmae` (did you mean `name`?)"),
    ];
    for (text, expected) in cases {
        let (folder, path) = folder(SIMPLE, &[("a.toml", text)]);
        let rejected = load(&path, NOW).unwrap_err();
        let root = format!("{}/", folder.path().display());
        let lines: Vec<_> = rejected.report.lines().map(|line| line.replace(&root, "")).collect();
        assert_eq!(lines, [expected], "{text}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_included_and_cannot_be_read_is_a_problem() {
    use std::os::unix::fs::symlink;
    type Change = fn(&std::path::Path);
    #[rustfmt::skip]
    let cases: [(&str, Change, &str); 5] = [
        ("as it was", |_| {}, ""),
        ("the links lead nowhere", |dir| std::fs::remove_file(dir.join("..data")).unwrap(), "a.toml` cannot be read: No such file"),
        ("no folder", |dir| std::fs::remove_dir_all(dir).unwrap(), "the folder cannot be read: No such file"),
        ("no file", |dir| std::fs::remove_file(dir.join("a.toml")).unwrap(), ""),
        ("linked to itself", |dir| {
            std::fs::remove_file(dir.join("..data")).unwrap();
            symlink("..data", dir.join("..data")).unwrap();
        }, "a.toml` cannot be read: Too many levels"),
    ];
    for (name, change, expected) in cases {
        let (folder, path) = folder(SIMPLE, &[]);
        let dir = folder.path().join("affiliates.d");
        std::fs::create_dir(dir.join("..1")).unwrap();
        std::fs::write(dir.join("..1/a.toml"), "[employees.bob]\nscope = []\nallowed_ips = []\n").unwrap();
        symlink("..1", dir.join("..data")).unwrap();
        symlink("..data/a.toml", dir.join("a.toml")).unwrap();
        change(&dir);
        let found = load(&path, NOW).map(|_| String::new());
        let found = found.unwrap_or_else(|rejected| rejected.report.lines().collect());
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{name}: {found}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_several_names_is_read_once() {
    let (folder, path) = folder(SIMPLE, &[("a.toml", "[employees.bob]\nscope = []\nallowed_ips = []\n")]);
    let text = std::fs::read_to_string(&path).unwrap();
    let names = "\"affiliates.d/*.toml\", \"affiliates.d/../affiliates.d/a.toml\", \"link.toml\", \"*.toml\"";
    std::os::unix::fs::symlink("affiliates.d/a.toml", folder.path().join("link.toml")).unwrap();
    std::fs::write(&path, text.replace("\"affiliates.d/*.toml\"", names)).unwrap();
    let loaded = load(&path, NOW).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(loaded.policy.principals.len(), 3);
    assert!(loaded.sources.files().any(|file| file.ends_with("link.toml")), "it may lead elsewhere later");
}

#[test]
fn tokens_are_told_apart_across_files() {
    let token = |id: &str, hash: &str| {
        format!("[[affiliates.bob.tokens]]\nid = \"{id}\"\nhash = \"{hash}\"\nexpires = \"never\"\n")
    };
    let other = HASH_1.replace("ba78", "0000");
    #[rustfmt::skip]
    let cases = [
        (token("k7f3q9", &other), "5:6: this token id is used twice"),
        (token("other", HASH_1), "6:8: this token hash is used twice"),
    ];
    for (tokens, expected) in cases {
        let text = format!("[affiliates.bob]\nscope = []\nallowed_ips = []\n{tokens}");
        let (_folder, path) = folder(SIMPLE, &[("a.toml", &text)]);
        let rejected = load(&path, NOW).unwrap_err();
        let lines: Vec<_> = rejected.report.lines().collect();
        assert!(lines.len() == 1 && lines[0].contains(&format!("a.toml:{expected}")), "{lines:?}");
        assert!(lines[0].contains("reportgate.toml:4"), "{lines:?}");
    }
}

#[test]
fn a_missing_main_file_is_named_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    let rejected = load(&folder.path().join("none.toml"), NOW).unwrap_err();
    assert_eq!(rejected.report.errors(), 1);
    assert!(rejected.report.lines().next().unwrap().contains("none.toml:1:1: "));
    assert_eq!(rejected.sources.folders(), [folder.path()]);
}

#[test]
fn no_affiliate_has_the_id_that_means_all() {
    let text =
        SIMPLE.replace("name = \"affiliate_id__exact\"", "name = \"affiliate_id__exact\", all = \"1001\"");
    assert_eq!(problems(&text), ["38:10: this id is what asks for every row (report `leads`)"]);
}

#[test]
fn ids_that_are_numbers_are_written_in_one_way() {
    let text = SIMPLE.replace(
        "{ in = \"query\", name = \"affiliate_id__exact\" }",
        "{ in = \"json\", at = \"/f\", type = \"number\" }",
    );
    #[rustfmt::skip]
    let cases = [
        ("0", true), ("-1", true), ("1001", true), ("9223372036854775807", true), ("9223372036854775808", false),
        ("-0", false), ("-01", false), ("01", false), ("00", false), ("+1", false), ("1.0", false), ("1e3", false), ("a", false),
    ];
    for (id, expected) in cases {
        let found = problems(&text.replace("[\"1001\"]", &format!("[\"{id}\"]")));
        let refused = ["38:10: this id is not a whole number (report `leads`)".to_owned()];
        assert_eq!(found, if expected { &[][..] } else { &refused[..] }, "{id}");
    }
}

#[test]
fn one_id_stands_in_a_path() {
    let text = SIMPLE.replace("/affiliates/leads.json", "/a/{scope}/leads.json");
    assert_eq!(problems(&text), [] as [String; 0]);
    #[rustfmt::skip]
    let cases = [
        ("[\"1001\", \"7\"]", "38:18: report `leads` takes one id, in its path; several cannot stand there"),
        ("[\"a/b\"]", "38:10: this id holds more than letters, digits and ._~-, and stands inside a path or text (report `leads`)"),
        ("[\"..\"]", "38:10: this id holds more than letters, digits and ._~-, and stands inside a path or text (report `leads`)"),
    ];
    for (scope, expected) in cases {
        assert_eq!(problems(&text.replace("[\"1001\"]", scope)), [expected], "{scope}");
    }
}

#[test]
fn the_example_says_what_it_means() {
    use crate::domain::dialect::*;
    let policy = load_text(EXAMPLE).unwrap().policy;
    let report =
        |name: &str| policy.reports.iter().find(|(_, report)| report.name.as_str() == name).unwrap().1;
    let names = |name: &str, slot: &ColumnSlot| {
        let columns = slot.takes.iter().map(|at| report(name).catalogue.get(*at).unwrap().name.to_string());
        columns.collect::<Vec<_>>()
    };
    let at = |text: &str| Pointer::parse(text).unwrap();

    let leads = report("leads");
    assert_eq!((leads.request.body, leads.backend_method.as_str()), (BodyKind::None, "GET"));
    assert!(leads.methods.get && leads.methods.head && !leads.methods.post);
    let (ask, columns) = (&leads.request.ask[0], &leads.request.columns[0]);
    assert_eq!((&ask.place, &ask.takes, ask.hidden.len()), (&columns.place, &columns.takes, 0));
    assert_eq!(*columns.hidden, ["affiliate_id".into(), "country".into()]);
    assert_eq!(leads.request.spans[0].max_seconds, 366 * 86_400);
    assert_eq!(leads.request.output_parameter.as_deref(), Some("format"));
    let ParameterDefault::Today { offset_days: -30 } = leads.request.parameters[0].default.clone().unwrap()
    else {
        panic!("{:?}", leads.request.parameters[0]);
    };
    assert_eq!(leads.request.parameters[5].backend, Place::Query("campaign_name".into()));
    let ResponseFormat::Json(json) = &leads.response.format else { panic!() };
    assert_eq!((json.rows.as_ref(), &*json.also), (Some(&at("/rows")), &[at("/totals")][..]));
    assert_eq!(*json.success.as_ref().unwrap().equals, [Scalar::Boolean(true), Scalar::Number(1.0)]);

    let commissions = report("commissions");
    assert_eq!((commissions.request.body, commissions.backend_method.as_str()), (BodyKind::Json, "POST"));
    assert!(commissions.methods.get && !commissions.methods.head && commissions.methods.post);
    let slots: Vec<_> = commissions.request.columns.iter().map(|slot| names("commissions", slot)).collect();
    assert_eq!(slots, [["date", "country"], ["clicks", "commission"]]);
    let ScopeRule::Slots(scope) = &commissions.request.scope else { panic!() };
    assert!(
        matches!(&scope[0].place, ScopePlace::Append { item, allow, .. } if item.len() == 2 && allow.len() == 1)
    );

    let clicks = report("clicks");
    let flags = ListStyle::Flags { prefix: "ck_".into(), value: "1".into() };
    assert_eq!(clicks.request.columns[0].place, ColumnPlace::Form { name: "".into(), style: flags });
    assert_eq!(clicks.response.format, ResponseFormat::Csv(CsvDialect { delimiter: b';' }));
    let ScopeRule::Slots(scope) = &clicks.request.scope else { panic!() };
    assert_eq!(scope[0].all.as_deref(), Some("0"));

    let payments = report("payments");
    let place = ScopePlace::Path { parameter: "affiliate_id".into() };
    assert_eq!(payments.request.scope, ScopeRule::Slots([ScopeSlot { place, all: None }].into()));
    let ColumnPlace::Query { name, .. } = &payments.request.ask[0].place else { panic!() };
    assert_eq!((&**name, payments.request.columns.len()), ("columns", 0));
}

#[test]
fn own_credentials_are_merged_over_the_backend() {
    let text = SIMPLE
        .replace("[backends.legacy]", "[backends.legacy]\nheaders = { x-key = \"shared\", x-app = \"gate\" }")
        .replace(
            "[[affiliates.acme.tokens]]",
            "[affiliates.acme.credentials.legacy]\nheaders = { X-Key = { file = \"acme.key\" } }\n[[affiliates.acme.tokens]]",
        );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reportgate.toml");
    std::fs::write(folder.path().join("acme.key"), "own\r\n").unwrap();
    std::fs::write(&path, text).unwrap();
    let loaded = load(&path, NOW).map_err(|r| r.report.render(false)).unwrap();
    let (_, own) = &loaded.policy.principals[0].credentials[0];
    let pairs: Vec<_> =
        own.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(pairs, [("x-app", "gate"), ("x-key", "own")]);
    assert!(own.headers.iter().all(|(_, value)| value.is_sensitive()));
    assert_eq!(loaded.sources.files().count(), 2);
}
