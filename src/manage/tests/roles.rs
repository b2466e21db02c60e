//! Roles: added after the others, changed in place, inherited from.

use super::*;
use crate::manage::roles;

const GOLD: &str = "columns.leads = [\"lead_id\", \"country\"] # not the money\n";

fn with_gold() -> String {
    MAIN.replace(
        GOLD,
        &format!("{GOLD}\n[roles.gold]\nextends = \"standard\"\ncolumns.leads = [\"commission\"]\n"),
    )
}

#[test]
fn roles_are_added_behind_the_others_and_changed_in_place() {
    let gold = with_gold();
    #[rustfmt::skip]
    let cases = [
        (MAIN, "role add gold", "+[roles.gold]\n+\n"),
        (MAIN, "role add gold standard", "+[roles.gold]\n+extends = \"standard\"\n+\n"),
        (&gold, "role grant gold get_leads_report", ""),
        (MAIN, "role revoke standard get_leads_report", "-permissions = [\"get_leads_report\"]\n+permissions = []\n"),
        (MAIN, "role columns standard leads country,commission",
            "-columns.leads = [\"lead_id\", \"country\"] # not the money\n+columns.leads = [\"country\", \"commission\"] # not the money\n"),
        (&gold, "role columns gold leads all", "-columns.leads = [\"commission\"]\n+columns.leads = \"all\"\n"),
    ];
    for (main, command, expected) in cases {
        check(main, command, expected);
    }
    let (head, rest) = MAIN.split_once("[roles.standard]").unwrap();
    let (_, tail) = rest.split_once("[affiliates.acme] #").unwrap();
    let none = format!("{head}[affiliates.acme] #{tail}");
    let none = none.replace("role = \"standard\"\n", "");
    let bed = Bed::with(&none);
    fs::write(bed.path("affiliates.d/beta.toml"), "").unwrap();
    bed.change(|draft| act(draft, "role add gold"));
    assert_eq!(bed.read("reportgate.toml"), format!("{none}\n[roles.gold]\n"));
}

#[test]
fn what_cannot_be_is_refused() {
    let gold = with_gold();
    #[rustfmt::skip]
    let cases = [
        ("role add standard", "there is a role \"standard\" already"),
        ("role add -x", "expected 1 to 64"),
        ("role add silver standart", "there is no role \"standart\"; did you mean \"standard\"?"),
        ("role grant standart get_leads_report", "did you mean \"standard\""),
        ("role grant gold get_lead_report", "did you mean \"get_leads_report\""),
        ("role revoke gold get_leads_report", "comes from role \"standard\""),
        ("role columns gold lead all", "did you mean \"leads\""),
        ("role columns gold leads contry", "contry"),
    ];
    for (command, expected) in cases {
        check_refused(&gold, command, expected);
    }
    // A view that the role would no longer cover.
    let own = MAIN.replace("# their office\n", "# their office\ncolumns.leads = [\"lead_id\"]\n");
    check_refused(&own, "role columns standard leads country", "does not grant the column `lead_id`");
}

#[test]
fn rights_are_inherited() {
    let limited = with_gold().replace(GOLD, &format!("{GOLD}rate_limit = \"60/min\"\n"));
    let bed = Bed::with(&limited);
    let mut draft = bed.installation.read().unwrap();
    let rights = roles::rights(&mut draft, "gold").unwrap();
    let pair = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    assert_eq!(rights.permissions, [pair("get_leads_report", "standard")]);
    let columns = vec![pair("commission", "gold"), pair("lead_id", "standard"), pair("country", "standard")];
    assert_eq!(rights.columns, [("leads".to_owned(), columns)]);
    assert_eq!(rights.rate_limit.as_deref(), Some("60/min"));
    assert_eq!(roles::holders(&mut draft, "standard").unwrap(), ["acme", "beta", "jane"]);
    assert_eq!(roles::holders(&mut draft, "gold").unwrap(), [] as [&str; 0]);
}

#[test]
fn tests_of_all_who_have_the_role_follow() {
    let test = |id: &str, from: &str| {
        format!(
            "\n[[test]]\nas = \"{id}\"\nfrom = \"{from}\"\nrequest = \"GET /leads\"\nexpect = \"allow\"\nbackend_query._col = [\"lead_id\", \"country\"]\n"
        )
    };
    let bed = Bed::with(&format!("{MAIN}{}{}", test("acme", "203.0.113.7"), test("jane", "10.8.0.1")));
    let columns = Columns::These(vec!["country".into()]);
    let (followed, _) = bed.change(|draft| roles::set_columns(draft, "standard", "leads", &columns));
    assert_eq!(followed, 2);
}
