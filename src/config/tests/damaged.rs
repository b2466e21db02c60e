//! Files that were cut off or damaged: no panic, and never more access.

use super::*;
use crate::policy::Principal;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Principals with everything that can limit them, behind the simple config.
const LIMITED: &str = r#"
[affiliates.bob]
role = "gold"
scope = ["7", "8"]
permissions = ["get_leads_report"]
disabled = true
rate_limit = "2/min"
allowed_ips = ["192.0.2.10-192.0.2.20", { from = "198.51.100.1", to = "198.51.100.9" }]
columns.leads = ["country", "code"]

[affiliates.bob.credentials.legacy]
headers = { "x-api-key" = "bob" }

[[affiliates.bob.tokens]]
id = "b1"
columns.leads = ["code"]
allowed_ips = ["192.0.2.11"]
rate_limit = "1/min"
hash = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
created = 2026-01-22T10:15:00Z
expires = 2027-02-20T10:15:00+01:00
note = "x"

[affiliates.eve]
permissions = ["get_leads_report"]
columns.leads = ["country"]
scope = ["9"]
allowed_ips = ["192.0.2.0/24"]
[[affiliates.eve.tokens]]
id = "e1"
hash = "sha256:0000000000000000000000000000000000000000000000000000000000000002"
expires = 2027-02-20T10:15:00.5Z
[[affiliates.eve.tokens]]
id = "e2"
expires = "never"
allowed_ips = ["192.0.2.1"]
hash = "sha256:0000000000000000000000000000000000000000000000000000000000000003"
"#;

/// What the bearer of a token can do.
#[derive(Debug, PartialEq)]
struct Access {
    id: String,
    disabled: bool,
    expires: crate::domain::time::Expiry,
    permissions: BTreeSet<usize>,
    columns: BTreeSet<String>,
    scope: BTreeSet<String>,
    /// How many requests it may send a minute, and those of its holder.
    rates: [u32; 2],
    /// Which of some addresses may use it.
    addresses: BTreeSet<String>,
}

const ADDRESSES: [&str; 8] = [
    "192.0.2.1",
    "192.0.2.10",
    "192.0.2.11",
    "192.0.2.20",
    "192.0.2.21",
    "198.51.100.1",
    "203.0.113.7",
    "2001:db8::1",
];

fn access(policy: &Policy) -> Vec<Access> {
    let of = |token: &TokenRecord| {
        let holder: &Principal = policy.principal(token.principal).unwrap();
        let columns = policy.reports.iter().flat_map(|(index, report)| {
            let view = token.view(holder, index).filter(|_| holder.has(report.permission));
            let columns = view.into_iter().flat_map(|view| report.catalogue.columns_of(view));
            columns.map(|column| format!("{}.{}", report.name, column.name)).collect::<Vec<_>>()
        });
        let may_come = |address: &&&str| {
            let address: std::net::IpAddr = address.parse().unwrap();
            let own = token.limits.as_ref().and_then(|limits| limits.allowed_ips.as_ref());
            let own = own.is_none_or(|own| own.contains(address));
            own && holder.allowed_ips.contains(address)
        };
        Access {
            id: token.id.to_string(),
            disabled: holder.disabled,
            expires: token.expires,
            permissions: holder.rights.permissions.iter().map(|index| index.0).collect(),
            columns: columns.collect(),
            scope: match &holder.scope {
                ScopeGrant::All => ["*".to_owned()].into(),
                ScopeGrant::Ids(ids) => ids.iter().map(ToString::to_string).collect(),
            },
            rates: [token.rate_limit(), holder.rights.rate_limit]
                .map(|rate| rate.map_or(u32::MAX, |rate| rate.requests())),
            addresses: ADDRESSES.iter().filter(may_come).map(ToString::to_string).collect(),
        }
    };
    policy.tokens.iter().map(of).collect()
}

#[test]
fn a_file_cut_anywhere_gives_no_more_access() {
    let whole = format!("{SIMPLE}{LIMITED}");
    let full = load_text(&whole).map_err(|r| r.report.render(false)).unwrap();
    assert_eq!(full.warnings.lines().collect::<Vec<_>>(), [] as [String; 0]);
    let full = access(&full.policy);
    assert_eq!(full.len(), 4);
    let (mut accepted, mut tokens) = (0, 0);
    for length in SIMPLE.find("[roles").unwrap()..whole.len() {
        let Ok(cut) = load_text(whole.get(..length).unwrap()) else { continue };
        accepted += 1;
        for found in access(&cut.policy) {
            tokens += 1;
            let whole = full.iter().find(|whole| whole.id == found.id).unwrap();
            assert_eq!((found.disabled, found.expires), (whole.disabled, whole.expires), "{length}");
            assert!(found.permissions.is_subset(&whole.permissions), "{length}: {found:?}");
            assert!(found.columns.is_subset(&whole.columns), "{length}: {found:?}");
            assert!(
                found.rates[0] <= whole.rates[0] && found.rates[1] <= whole.rates[1],
                "{length}: {found:?}"
            );
            assert!(found.scope.is_subset(&whole.scope), "{length}: {found:?}");
            assert!(found.addresses.is_subset(&whole.addresses), "{length}: {found:?}");
        }
    }
    assert!(accepted > 50 && tokens > 50, "{accepted} cuts were accepted, with {tokens} tokens");
}

#[test]
fn what_limits_a_principal_may_not_stand_behind_its_tokens() {
    let late = [
        "[affiliates.acme.credentials.legacy]\nheaders = { x = \"y\" }\n",
        "[affiliates.acme.columns]\nleads = [\"country\"]\n",
        "[affiliates.acme.columns.x]\n",
    ];
    for table in late {
        let text = SIMPLE.replace("columns.leads = [\"country\", \"created_at\"]\n", "");
        let text = text.replace("[employees.jane]", &format!("{table}\n[employees.jane]"));
        let found = problems(&text);
        assert!(
            found.iter().any(|line| line.contains("after the tokens of its principal")),
            "{table}: {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Bytes changed, put in, taken out, the end cut off: no panic, and what is accepted can be shown.
    #[test]
    fn a_damaged_file_does_not_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<u8>(), "[\"\\[\\]{}=.,#\n a-z0-9]{0,3}"), 1..6),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (at, kind, byte, text) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.splice(at..at, text.bytes())),
                _ => drop(bytes.remove(at)),
            }
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, &bytes).unwrap();
        let report = match load(&path, NOW) {
            Ok(loaded) => loaded.warnings,
            Err(rejected) => {
                prop_assert!(rejected.report.errors() > 0);
                rejected.report
            }
        };
        prop_assert_eq!(report.lines().count(), (report.errors() + report.warnings()).min(2_000));
        prop_assert!(report.render(true).len() >= report.render(false).len());
    }
}
