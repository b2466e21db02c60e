//! Whitelists: every notation, every way in which a list is written.

use super::*;
use crate::manage::addresses;

const ONE: &str = "allowed_ips = [\"203.0.113.7\"]   # their office\n";

fn with_list(list: &str) -> String {
    MAIN.replace(ONE, list)
}

#[test]
fn ranges_are_added_as_they_are_given() {
    #[rustfmt::skip]
    let cases = [
        (ONE, "192.0.2.0/24", "-allowed_ips = [\"203.0.113.7\"]   # their office\n+allowed_ips = [\"203.0.113.7\", \"192.0.2.0/24\"]   # their office\n"),
        (ONE, "192.0.2.9-192.0.2.10 2001:db8::/32", "-allowed_ips = [\"203.0.113.7\"]   # their office\n+allowed_ips = [\"203.0.113.7\", \"192.0.2.9-192.0.2.10\", \"2001:db8::/32\"]   # their office\n"),
        (ONE, "203.0.113.0/24", "-allowed_ips = [\"203.0.113.7\"]   # their office\n+allowed_ips = [\"203.0.113.7\", \"203.0.113.0/24\"]   # their office\n"),
        // The same range is there already.
        (ONE, "203.0.113.7", ""),
        (ONE, "203.0.113.7-203.0.113.7", ""),
        (ONE, "203.0.113.7/32", ""),
        ("", "192.0.2.1", "+allowed_ips = [\"192.0.2.1\"]\n"),
        ("allowed_ips = []\n", "192.0.2.1", "-allowed_ips = []\n+allowed_ips = [\"192.0.2.1\"]\n"),
        ("allowed_ips = [\n  # the office\n  \"203.0.113.7\", # upstairs\n]\n", "192.0.2.1", "+  \"192.0.2.1\",\n"),
        ("allowed_ips = [{ from = \"10.0.0.1\", to = \"10.0.0.9\" }]\n", "10.0.0.1-10.0.0.9", ""),
    ];
    for (list, ranges, expected) in cases {
        check(&with_list(list), &format!("ip add acme {ranges}"), expected);
    }
}

#[test]
fn tables_are_taken_as_they_are_given() {
    let bed = Bed::new();
    let range = ["{ from = \"10.0.0.1\", to = \"10.0.0.9\" }".to_owned()];
    let (_, lines) = bed.change(|draft| addresses::add(draft, "acme", &range));
    assert!(lines.contains("\"203.0.113.7\", { from = \"10.0.0.1\", to = \"10.0.0.9\" }]"), "{lines}");
    let (removed, _) =
        bed.change(|draft| addresses::remove(draft, "acme", &["10.0.0.1-10.0.0.9".to_owned()]));
    assert_eq!(removed[0].text, range[0]);
    assert_eq!(bed.read("reportgate.toml"), MAIN);
}

#[test]
fn ranges_are_removed_by_any_spelling() {
    #[rustfmt::skip]
    let cases = [
        ("allowed_ips = [\"203.0.113.7\", \"192.0.2.0/24\"] # why\n", "192.0.2.0-192.0.2.255", "-allowed_ips = [\"203.0.113.7\", \"192.0.2.0/24\"] # why\n+allowed_ips = [\"203.0.113.7\"] # why\n"),
        ("allowed_ips = [\"203.0.113.7-203.0.113.7\", \"::1\"]\n", "203.0.113.7 0:0:0:0:0:0:0:1", "-allowed_ips = [\"203.0.113.7-203.0.113.7\", \"::1\"]\n+allowed_ips = []\n"),
        ("allowed_ips = [\n  \"203.0.113.7\", # upstairs\n  { from = \"10.0.0.0\", to = \"10.255.255.255\" }, # all of it\n]\n", "10.0.0.0/8", "-  { from = \"10.0.0.0\", to = \"10.255.255.255\" }, # all of it\n"),
    ];
    for (list, ranges, expected) in cases {
        check(&with_list(list), &format!("ip remove acme {ranges}"), expected);
    }
}

#[test]
fn what_would_not_load_is_refused_at_its_place() {
    #[rustfmt::skip]
    let cases = [
        ("ip add acme 192.0.2.9-192.0.2.1", "the range ends at 192.0.2.1, before its start 192.0.2.9\n  --> "),
        ("ip add acme 192.0.2.1 192.0.2.7/24", "the network is 192.0.2.0/24"),
        ("ip add acme 010.0.0.1", "read as octal"),
        ("ip add acme example.com", "expected one address"),
        ("ip add acme ", "expected one address"),
        ("ip add acmee 192.0.2.1", "did you mean \"acme\""),
        ("ip remove acme 192.0.2.1", "\"acme\" has no range 192.0.2.1"),
        ("ip remove acme 203.0.113.0/24", "\"acme\" has no range 203.0.113.0/24; addresses of it are in 203.0.113.7"),
        ("ip remove acme 203.0.113.7 203.0.113.7", "\"acme\" has no range"),
    ];
    for (command, expected) in cases {
        check_refused(MAIN, command, expected);
    }
}

#[test]
fn whoever_shares_an_address_is_named() {
    let bed = Bed::new();
    let ranges =
        ["198.51.100.0/24", "10.8.1.1", "10.9.0.0/16", "203.0.113.7-203.0.113.7", "0.0.0.0-255.255.255.255"];
    let ranges: Vec<String> = ranges.iter().map(|range| (*range).to_owned()).collect();
    let change =
        bed.installation.change(Mode::Write, |draft| addresses::add(draft, "acme", &ranges)).unwrap();
    let shared: Vec<_> = change.value.iter().map(|added| added.shared_with.join(" ")).collect();
    assert_eq!(shared, ["beta", "jane", "", "", "jane beta"]);
    assert_eq!(change.value[3].already.as_deref(), Some("203.0.113.7"));
    let warnings: Vec<_> = change.warnings.lines().collect();
    assert!(warnings.len() == 1 && warnings[0].contains("open to every IPv4 address"), "{warnings:?}");

    // What was warned of is not said again.
    let again =
        bed.installation.change(Mode::Write, |draft| addresses::add(draft, "jane", &ranges[..1])).unwrap();
    assert_eq!(again.warnings.lines().count(), 0);
}

#[test]
fn what_is_still_open_is_told() {
    let bed = Bed::with(&with_list("allowed_ips = [\"192.0.2.0/24\", \"192.0.2.7\"]\n"));
    let remove = |range: &str| bed.change(|draft| addresses::remove(draft, "acme", &[range.to_owned()])).0;
    let first = remove("192.0.2.7");
    assert!(first[0].still_in == ["192.0.2.0/24"] && !first[0].is_last, "{first:?}");
    let last = remove("192.0.2.0/24");
    assert!(last[0].still_in.is_empty() && last[0].is_last, "{last:?}");
}

#[test]
fn lists_are_given_as_they_are_written() {
    let bed =
        Bed::with(&with_list("allowed_ips = [\"192.0.2.0/24\", { from = '10.0.0.1', to = '10.0.0.9' }]\n"));
    let listed = addresses::list(&mut bed.installation.read().unwrap(), "acme").unwrap();
    let listed: Vec<_> =
        listed.iter().map(|range| (range.text.clone(), range.ends().1.to_string())).collect();
    let expected = [("192.0.2.0/24", "192.0.2.255"), ("{ from = '10.0.0.1', to = '10.0.0.9' }", "10.0.0.9")];
    assert_eq!(listed, expected.map(|(text, end)| (text.to_owned(), end.to_owned())));
}
