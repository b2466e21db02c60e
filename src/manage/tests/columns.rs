//! Views: where they are written, what is refused, and the tests that follow them.

use super::*;
use crate::manage::columns;

const SCOPE: &str = "allowed_ips = [\"203.0.113.7\"]   # their office\n";

fn with(keys: &str) -> String {
    MAIN.replace(SCOPE, &format!("{SCOPE}{keys}"))
}

#[test]
fn views_are_written_where_their_author_would() {
    #[rustfmt::skip]
    let cases = [
        ("", "set acme leads country", "+columns.leads = [\"country\"]\n"),
        ("", "set acme leads country,lead_id", "+columns.leads = [\"country\", \"lead_id\"]\n"),
        ("columns.leads = [\"lead_id\", \"country\"] # theirs\n", "set acme leads country,lead_id",
            "-columns.leads = [\"lead_id\", \"country\"] # theirs\n+columns.leads = [\"country\", \"lead_id\"] # theirs\n"),
        ("columns.leads = [\n  \"lead_id\", # the key\n  \"country\",\n]\n", "set acme leads country", "-  \"lead_id\", # the key\n"),
        ("columns = { leads = [\"lead_id\"] }\n", "set acme leads country", "-columns = { leads = [\"lead_id\"] }\n+columns = { leads = [\"country\"] }\n"),
        ("\n[affiliates.acme.columns] # customised\nleads = [\"lead_id\"]\n", "set acme leads country", "-leads = [\"lead_id\"]\n+leads = [\"country\"]\n"),
        ("\n[affiliates.acme.columns] # customised\n", "set acme leads country", "+leads = [\"country\"]\n"),
        ("columns.leads = [\"lead_id\"] # theirs\n", "reset acme leads", "-columns.leads = [\"lead_id\"] # theirs\n"),
        ("columns = { leads = [\"lead_id\"] }\n", "reset acme leads", "-columns = { leads = [\"lead_id\"] }\n"),
        ("\n[affiliates.acme.columns] # customised\nleads = [\"lead_id\"]\n", "reset acme leads", "-leads = [\"lead_id\"]\n"),
        ("", "reset acme leads", ""),
        ("columns.leads = [\"lead_id\"]\n", "set acme leads lead_id", ""),
    ];
    for (keys, command, expected) in cases {
        check(&with(keys), &format!("columns {command}"), expected);
    }
}

#[test]
fn columns_beyond_the_role_are_refused() {
    #[rustfmt::skip]
    let cases = [
        ("set acme leads commission", "role `standard` does not grant the column `commission` of `leads`\n"),
        ("set acme leads all", "role `standard` does not grant"),
        ("set acme leads contry", "column of report `leads`: `contry`"),
        ("set acme leads country,country", "stands twice"),
        ("set acme leads ", "leads"),
        ("set acme lead country", "there is no report \"lead\"; did you mean \"leads\"?"),
        ("reset acme lead", "there is no report"),
        ("set acmee leads country", "did you mean \"acme\""),
    ];
    for (command, expected) in cases {
        check_refused(MAIN, &format!("columns {command}"), expected);
    }
    // A token's own columns stay within the view.
    let own = MAIN.replace("created = 2026-01-01", "columns.leads = [\"lead_id\"]\ncreated = 2026-01-01");
    check_refused(&own, "columns set acme leads country", "lead_id");
}

#[test]
fn the_whole_catalogue_is_shown() {
    let bed = Bed::with(&with("columns.leads = [\"country\"]\n"));
    let mut draft = bed.installation.read().unwrap();
    let shown = columns::show(&mut draft, "acme", None).unwrap();
    let columns: Vec<_> =
        shown[0].columns.iter().map(|c| (c.name.as_str(), c.position, c.role.as_deref())).collect();
    let standard = Some("standard");
    assert_eq!(
        columns,
        [("country", Some(1), standard), ("lead_id", None, standard), ("commission", None, None)]
    );
    assert!(shown[0].is_customised && shown[0].is_permitted);
    let jane = columns::show(&mut draft, "jane", Some("leads")).unwrap();
    assert!(!jane[0].is_customised && jane[0].columns[1].position == Some(2), "{jane:?}");
}

const TEST: &str = "\n[[test]] # pinned\nas = \"acme\"\nfrom = \"203.0.113.7\"\nrequest = \"GET /leads\"\nexpect = \"allow\"\n";

/// The lines of a test that a change of columns turns into others.
#[track_caller]
fn follows(request: &str, test: &str, command: &str, expected: &str) {
    let columns = "columns = { in = \"query\", name = \"_col\", style = \"repeat\" }\n";
    let main = MAIN.replace(columns, &format!("{request}\n"));
    let main =
        main.replace("columns.leads = [\"lead_id\", \"country\"] # not the money", "columns.leads = \"all\"");
    let main = with_keys(&main, "columns.leads = [\"lead_id\", \"country\"]\n");
    let bed = Bed::with(&format!("{main}{TEST}{test}\n"));
    let ((), lines) = bed.change(|draft| act(draft, command));
    let lines: Vec<_> = lines.lines().filter(|line| !line.contains("columns.leads")).collect();
    assert_eq!(lines.join("\n"), expected, "{request} {test}");
}

fn with_keys(main: &str, keys: &str) -> String {
    main.replace(SCOPE, &format!("{SCOPE}{keys}"))
}

#[test]
fn tests_follow_wherever_columns_stand() {
    let query = "columns = { in = \"query\", name = \"_col\", style = \"repeat\" }";
    #[rustfmt::skip]
    let cases = [
        (query, "backend_query = { affiliate_id = \"1001\", _col = [\"lead_id\", \"country\"] } # exactly",
            "-backend_query = { affiliate_id = \"1001\", _col = [\"lead_id\", \"country\"] } # exactly\n\
             +backend_query = { affiliate_id = \"1001\", _col = [\"commission\", \"country\"] } # exactly"),
        (query, "[test.backend_query]\n_col = [\n  \"lead_id\", # the key\n  \"country\", # where\n]",
            "-  \"lead_id\", # the key\n+  \"commission\","),
        ("columns = { in = \"query\", name = \"f\", style = \"csv\" }", "backend_query.f = \"lead_id,country\" # all",
            "-backend_query.f = \"lead_id,country\" # all\n+backend_query.f = \"commission,country\" # all"),
        ("columns = { in = \"query\", name = \"f\", style = \"brackets\" }", "backend_query = { \"f[]\" = [\"lead_id\", \"country\"] }",
            "-backend_query = { \"f[]\" = [\"lead_id\", \"country\"] }\n+backend_query = { \"f[]\" = [\"commission\", \"country\"] }"),
        ("columns = { in = \"query\", style = \"flags\", prefix = \"ck_\" }", "backend_query = { ck_lead_id = \"1\", ck_country = \"1\" }",
            "-backend_query = { ck_lead_id = \"1\", ck_country = \"1\" }\n+backend_query = { ck_lead_id = [], ck_country = \"1\" }"),
        ("columns = { in = \"form\", name = \"f\", style = \"csv\" }", "backend_form = { f = \"lead_id,country\" }",
            "-backend_form = { f = \"lead_id,country\" }\n+backend_form = { f = \"commission,country\" }"),
        ("columns = { in = \"json\", at = \"/f\", style = \"array\" }", "backend_json = { \"/f\" = [\"lead_id\", \"country\"] }",
            "-backend_json = { \"/f\" = [\"lead_id\", \"country\"] }\n+backend_json = { \"/f\" = [\"commission\", \"country\"] }"),
        ("columns = { in = \"json\", at = \"/f\", style = \"objects\", key = \"c\" }", "backend_json = { \"/f\" = [{ c = \"lead_id\" }, { c = \"country\" }] }",
            "-backend_json = { \"/f\" = [{ c = \"lead_id\" }, { c = \"country\" }] }\n+backend_json = { \"/f\" = [{ c = \"commission\" }, { c = \"country\" }] }"),
        ("columns = { in = \"header\", name = \"x-columns\" }", "backend_header = { X-Columns = \"lead_id,country\" }",
            "-backend_header = { X-Columns = \"lead_id,country\" }\n+backend_header = { X-Columns = \"commission,country\" }"),
    ];
    for (request, test, expected) in cases {
        follows(request, test, "columns set acme leads commission,country", expected);
    }
}

#[test]
fn hidden_columns_and_own_selections_are_as_the_backend_gets_them() {
    let request = "columns = { in = \"query\", name = \"_col\", style = \"repeat\" }";
    let narrowed = "backend_query = { _col = [\"country\"] }\nheaders = { a = \"b\" }";
    let main = MAIN.replace("[roles.standard]", "[reports.leads.response]\nformat = \"json\"\nrows = \"\"\nscope_column = \"aff\"\n\n[roles.standard]");
    assert!(main.contains(request));
    let test = TEST.to_owned() + "backend_query._col = [\"lead_id\", \"country\", \"aff\"]\n";
    check(
        &(main + &test),
        "columns set acme leads country",
        "+columns.leads = [\"country\"]\n\
        -backend_query._col = [\"lead_id\", \"country\", \"aff\"]\n+backend_query._col = [\"country\", \"aff\"]\n",
    );
    // What the client chose itself is what the backend gets, before and after.
    let test = TEST.replace("GET /leads", "GET /leads?_col=country") + narrowed;
    check(
        &format!("{MAIN}{test}\n"),
        "columns set acme leads country,lead_id",
        "+columns.leads = [\"country\", \"lead_id\"]\n",
    );
}

#[test]
fn other_tests_stay_as_they_are() {
    let stated = "backend_query._col = [\"lead_id\", \"country\"]\n";
    // Of somebody else; of a request that is refused from now on; one that failed before.
    let jane = TEST.replace("acme", "jane").replace("203.0.113.7", "10.8.0.1") + stated;
    check(&format!("{MAIN}{jane}"), "columns set acme leads country", "+columns.leads = [\"country\"]\n");
    let chosen = TEST.replace("GET /leads", "GET /leads?_col=lead_id") + "backend_query._col = \"lead_id\"\n";
    check(&format!("{MAIN}{chosen}"), "columns set acme leads country", "+columns.leads = [\"country\"]\n");
    let inline = "test = [{ as = \"acme\", from = \"203.0.113.7\", request = \"GET /leads\", expect = \"allow\", backend_query._col = [\"lead_id\", \"country\"] }]\n";
    check(
        &format!("{inline}{MAIN}"),
        "columns set acme leads country",
        &format!(
            "-{inline}+{}+columns.leads = [\"country\"]\n",
            inline.replace("[\"lead_id\", \"country\"]", "[\"country\"]")
        ),
    );
}

#[test]
fn tests_follow_in_whatever_file_they_stand() {
    let bed = Bed::new();
    let test = TEST.replace('\n', "\r\n") + "backend_query._col = [\"lead_id\", \"country\"] # pinned\r\n";
    std::fs::write(bed.path("affiliates.d/beta.toml"), format!("{INCLUDED}{test}")).unwrap();
    let (followed, _) =
        bed.change(|draft| columns::set(draft, "acme", "leads", &Columns::These(vec!["country".into()])));
    assert_eq!(followed, 1);
    assert_eq!(
        bed.read("affiliates.d/beta.toml"),
        format!("{INCLUDED}{test}").replace("[\"lead_id\", \"country\"] #", "[\"country\"] #")
    );
    let (followed, _) = bed.change(|draft| columns::reset(draft, "acme", "leads"));
    assert_eq!(followed, 1);
    assert_eq!(
        (bed.read("affiliates.d/beta.toml"), bed.read("reportgate.toml")),
        (format!("{INCLUDED}{test}"), MAIN.to_owned())
    );
}
