//! Rates and lockout: what counts where several places say something, or none.

use super::*;
use std::time::Duration;

/// The rate of each principal, and then of each token, with these texts in front of, in and behind the simple config.
fn rates(changes: &[(&str, &str)]) -> Vec<String> {
    let text = changes.iter().fold(SIMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let policy = load_text(&text).map_err(|r| r.report.render(false)).unwrap().policy;
    let of_principals = policy.principals.iter().map(|principal| principal.rights.rate_limit);
    let all = of_principals.chain(policy.tokens.iter().map(TokenRecord::rate_limit));
    all.map(|rate| rate.map_or_else(|| "-".to_owned(), |rate| rate.to_string())).collect()
}

#[test]
fn the_nearest_rate_counts() {
    const BOB: (&str, &str) = ("[employees.jane]", "[affiliates.bob]\nscope = []\n[employees.jane]");
    const STANDARD: &str = "[roles.standard]";
    const GOLD: &str = "[roles.gold]";
    let default = |rate| ("[server]", format!("[defaults]\nrate_limit = \"{rate}\"\n[server]"));
    let of = |table: &'static str, rate| (table, format!("{table}\nrate_limit = \"{rate}\""));
    #[rustfmt::skip]
    let cases = [
        // acme (standard), bob (no role), jane (gold, which extends standard), acme's token
        (vec![],                                                        ["300/min", "300/min", "300/min", "-"]),
        (vec![default("60/min burst 5")],                               ["60/min burst 5", "60/min burst 5", "60/min burst 5", "-"]),
        (vec![default("off")],                                          ["-", "-", "-", "-"]),
        (vec![default("off"), of(STANDARD, "1/s")],                     ["1/s", "-", "1/s", "-"]),
        (vec![of(STANDARD, "1/s"), of(GOLD, "2/s")],                    ["1/s", "300/min", "2/s", "-"]),
        (vec![of(STANDARD, "1/s"), of(GOLD, "off")],                    ["1/s", "300/min", "-", "-"]),
        (vec![of(STANDARD, "off")],                                     ["-", "300/min", "-", "-"]),
        (vec![of(STANDARD, "1/s"), of("[affiliates.acme]", "9/h")],     ["9/h", "300/min", "1/s", "-"]),
        (vec![of(STANDARD, "1/s"), of("[affiliates.acme]", "off")],     ["-", "300/min", "1/s", "-"]),
        (vec![of("[employees.jane]", "7/d")],                           ["300/min", "300/min", "7/d", "-"]),
        (vec![of("[[affiliates.acme.tokens]]", "5/min")],               ["300/min", "300/min", "300/min", "5/min"]),
    ];
    for (changes, expected) in cases {
        let mut all = vec![BOB];
        all.extend(changes.iter().map(|(from, to)| (*from, to.as_str())));
        assert_eq!(rates(&all), expected, "{changes:?}");
    }
}

#[test]
fn principals_with_the_same_rate_share_their_rights() {
    let of = |id: &str, own: &str| format!("[affiliates.{id}]\nrole = \"standard\"\nscope = []\n{own}\n");
    let text = [
        of("a", "rate_limit = \"1/s\""),
        of("b", "rate_limit = \"1/s\""),
        of("c", "rate_limit = \"300/min\""),
    ];
    let policy = load_text(&format!("{SIMPLE}{}", text.concat())).unwrap().policy;
    let rights = |id: &str| {
        let found = policy.principals.iter().find(|principal| principal.id.as_str() == id).unwrap();
        std::sync::Arc::as_ptr(&found.rights)
    };
    assert_eq!(rights("a"), rights("b"));
    assert_ne!(rights("a"), rights("c"));
}

#[test]
fn a_lockout_is_the_default_but_for_what_is_said() {
    let seconds = |failures, within, duration| {
        let [within, duration] = [within, duration].map(Duration::from_secs);
        Some(crate::policy::Lockout { failures, within, duration })
    };
    #[rustfmt::skip]
    let cases = [
        ("",                                                                    seconds(20, 60, 300)),
        ("lockout = { failures = 3, within = \"10s\", for = \"1h\" }",          seconds(3, 10, 3_600)),
        ("lockout = { failures = 1000 }",                                       seconds(1_000, 60, 300)),
        ("lockout = { for = \"1s\" }",                                          seconds(20, 60, 1)),
        ("lockout = {}",                                                        seconds(20, 60, 300)),
        ("lockout = \"off\"",                                                   None),
    ];
    for (key, expected) in cases {
        let loaded = load_text(&SIMPLE.replacen("[server]", &format!("[server]\n{key}"), 1));
        assert_eq!(
            loaded.map_err(|r| r.report.render(false)).unwrap().policy.settings.lockout,
            expected,
            "{key}"
        );
    }
}
