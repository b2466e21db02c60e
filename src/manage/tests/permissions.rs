//! Permissions: own ones, those of the role, and what is refused.

use super::*;
use crate::manage::permissions::{self, Source};

#[test]
fn own_permissions_come_and_go() {
    let bare = MAIN.replace("permissions = [\"get_leads_report\"]\ncolumns", "columns");
    let own =
        bare.replace("# their office\n", "# their office\npermissions = [\"get_leads_report\"] # for now\n");
    #[rustfmt::skip]
    let cases = [
        (bare.as_str(), "permission grant acme get_leads_report", "+permissions = [\"get_leads_report\"]\n"),
        (&own, "permission revoke acme get_leads_report", "-permissions = [\"get_leads_report\"] # for now\n+permissions = [] # for now\n"),
        (&own, "permission grant acme get_leads_report", ""),
        (MAIN, "permission grant acme get_leads_report", ""),
    ];
    for (main, command, expected) in cases {
        check(main, command, expected);
    }
    #[rustfmt::skip]
    let cases = [
        (bare.as_str(), "permission grant acme get_lead_report", "there is no permission \"get_lead_report\"; did you mean \"get_leads_report\"?"),
        (MAIN, "permission revoke acme get_leads_report", "comes from role \"standard\" and can be revoked there only"),
        (&bare, "permission revoke acme get_leads_report", "does not have the permission"),
    ];
    for (main, command, expected) in cases {
        check_refused(main, command, expected);
    }
    let without_columns = bare.replace("columns.leads = [\"lead_id\", \"country\"] # not the money\n", "");
    check_refused(
        &without_columns,
        "permission grant acme get_leads_report",
        "is granted without any column of the report `leads`\n",
    );
}

#[test]
fn where_permissions_come_from_is_told() {
    let both = MAIN.replace("# their office\n", "# their office\npermissions = [\"get_leads_report\"]\n");
    let bed = Bed::with(&both);
    let list = |id: &str| permissions::list(&mut bed.installation.read().unwrap(), id).unwrap();
    let (acme, jane) = (list("acme"), list("jane"));
    assert!(acme[0].own && acme[0].role.as_deref() == Some("standard"), "{acme:?}");
    assert!(!jane[0].own && jane[0].reports == [("leads".to_owned(), true)], "{jane:?}");
    let names = ["get_leads_report".to_owned()];
    let (granted, _) = bed.change(|draft| permissions::grant(draft, "jane", &names));
    assert_eq!(granted[0].already, Some(Source::Role("standard".to_owned())));
    let (revoked, _) = bed.change(|draft| permissions::revoke(draft, "acme", &names));
    assert_eq!(revoked[0].still_by.as_deref(), Some("standard"));
}
