//! Principals: added at the end of a file, changed in place, removed with what is theirs.

use super::*;
use crate::manage::principals;

#[test]
fn principals_are_added_in_the_style_of_the_house() {
    #[rustfmt::skip]
    let cases = [
        ("principal add gamma affiliate -", "+\n+[affiliates.gamma]\n+kind = \"affiliate\"\n"),
        ("principal add gamma ib - name=Gamma role=standard scope=1,2",
            "+\n+[affiliates.gamma]\n+name = \"Gamma\"\n+kind = \"ib\"\n+role = \"standard\"\n+scope = [\"1\", \"2\"]\n"),
        ("principal add joe employee - role=standard scope=all", "+\n+[employees.joe]\n+role = \"standard\"\n+scope = \"all\"\n"),
        ("principal add a.b employee - scope=7", "+\n+[employees.\"a.b\"]\n+scope = [\"7\"]\n"),
    ];
    for (command, expected) in cases {
        check(MAIN, command, expected);
    }
    // Behind the last comment, and whatever the end of the file looks like.
    check(&format!("{MAIN}# the end\n"), "principal add joe employee -", "+\n+[employees.joe]\n");
    check(
        MAIN.trim_end(),
        "principal add joe employee - role=standard",
        "-allowed_ips = [\"10.8.0.0/16\"]\n+allowed_ips = [\"10.8.0.0/16\"]\n+\n+[employees.joe]\n+role = \"standard\"\n",
    );
}

#[test]
fn included_files_are_appended_to_or_made() {
    let bed = Bed::new();
    bed.change(|draft| act(draft, "principal add gamma ib affiliates.d/beta.toml"));
    assert_eq!(
        bed.read("affiliates.d/beta.toml"),
        format!("{INCLUDED}\r\n[affiliates.gamma]\r\nkind = \"ib\"\r\n")
    );
    bed.change(|draft| act(draft, "principal add joe employee affiliates.d/joe.toml scope=all"));
    assert_eq!(bed.read("affiliates.d/joe.toml"), "[employees.joe]\nscope = \"all\"\n");
    assert_eq!(bed.read("reportgate.toml"), MAIN);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| fs::metadata(bed.path(name)).unwrap().permissions().mode();
        assert_eq!(mode("affiliates.d/joe.toml"), mode("reportgate.toml"));
    }
    bed.change(|draft| act(draft, "token new joe"));
    assert!(bed.read("affiliates.d/joe.toml").contains("[[employees.joe.tokens]]"));
}

#[test]
fn what_cannot_be_added_is_refused() {
    #[rustfmt::skip]
    let cases = [
        ("principal add acme ib -", "there is an affiliate or employee \"acme\" already"),
        ("principal add beta employee -", "already"),
        ("principal add _gate ib -", "expected 1 to 64"),
        ("principal add .x ib -", "expected 1 to 64"),
        ("principal add gamma ib - role=standart", "unknown role `standart`"),
        ("principal add gamma ib - scope=all", "only employees may see every affiliate's rows"),
        ("principal add gamma ib - scope=1,,2", "expected an id"),
        ("principal add gamma ib affiliates.d/.gamma.toml", "no `include` names it"),
        ("principal add gamma ib gamma.toml", "no `include` names it"),
        ("principal add gamma ib nowhere/gamma.toml", "cannot find the folder"),
        ("principal add gamma ib affiliates.d/..", "is not"),
        ("principal set acme scope=all", "only employees"),
        ("principal set acme role=gold", "unknown role `gold`"),
        ("principal remove acmee", "did you mean \"acme\""),
    ];
    for (command, expected) in cases {
        check_refused(MAIN, command, expected);
    }
    let bed = Bed::new();
    fs::write(bed.path("notes.toml"), "").unwrap();
    let error = bed.refused(|draft| act(draft, "principal add gamma ib notes.toml"));
    assert!(error.to_string().contains("is not a file of this config"), "{error}");
    let shown =
        bed.installation.change(Mode::Show, |draft| act(draft, "principal add g ib affiliates.d/g.toml"));
    assert!(shown.unwrap().diff().contains("+[affiliates.g]") && !bed.path("affiliates.d/g.toml").exists());
}

#[test]
fn principals_are_changed_in_place() {
    #[rustfmt::skip]
    let cases = [
        ("principal set acme name=Acme2", "-name = \"Acme\"\n+name = \"Acme2\"\n"),
        ("principal set acme scope=1002,1001", "-scope = [\"1001\"]\n+scope = [\"1002\", \"1001\"]\n"),
        ("principal set jane name=Jane scope=5", "-scope = \"all\"\n+scope = [\"5\"]\n+name = \"Jane\"\n"),
        ("principal set acme role=standard", ""),
        ("principal disable acme", "+disabled = true\n"),
        ("principal enable acme", ""),
    ];
    for (command, expected) in cases {
        check(MAIN, command, expected);
    }
    let disabled = MAIN.replace("# their office\n", "# their office\ndisabled = true # for a while\n");
    check(
        &disabled,
        "principal enable acme",
        "-disabled = true # for a while\n+disabled = false # for a while\n",
    );
    check(&disabled, "principal disable acme", "");
}

#[test]
fn principals_go_with_all_that_is_theirs() {
    let apart = MAIN
        .replace("[affiliates.acme] #", "# ---- Affiliates\n\n# Acme is our oldest\n[affiliates.acme] #")
        .replace("\n# Ours\n", "\n[affiliates.acme.columns]\nleads = [\"lead_id\"]\n\n# Ours\n");
    // Tokens come last.
    let apart = apart.replace("\n[affiliates.acme.columns]\nleads = [\"lead_id\"]\n", "");
    let bed = Bed::with(&apart);
    bed.change(|draft| act(draft, "principal remove acme"));
    let left = bed.read("reportgate.toml");
    let (head, rest) = apart.split_once("\n# Acme is our oldest").unwrap();
    let (_, tail) = rest.split_once("# Ours").unwrap();
    assert_eq!(left, format!("{head}\n# Ours{tail}"));
    let audit = bed.read("audit.jsonl");
    assert!(audit.contains("\"tokens\":[\"first\"]") && !audit.contains("sha256"), "{audit}");

    let bed = Bed::new();
    bed.change(|draft| act(draft, "principal remove beta"));
    assert_eq!(bed.read("affiliates.d/beta.toml"), "\u{feff}");
    bed.change(|draft| act(draft, "principal remove jane"));
    bed.change(|draft| act(draft, "principal add jane employee - scope=all"));
}

/// Revoking must never be blocked.
#[test]
fn a_test_of_somebody_removed_is_a_warning() {
    let test =
        "\n[[test]]\nas = \"acme\"\nfrom = \"203.0.113.7\"\nrequest = \"GET /leads\"\nexpect = \"allow\"\n";
    let bed = Bed::with(&format!("{MAIN}{test}"));
    let change = bed.installation.change(Mode::Write, |draft| act(draft, "principal remove acme")).unwrap();
    assert!(change.warnings.lines().any(|line| line.contains("there is no such holder")));
    assert!(bed.read("reportgate.toml").ends_with(test));
}

#[test]
fn principals_are_listed_with_their_tokens() {
    let more = "\n[[affiliates.acme.tokens]]\nid = \"old\"\nhash = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\nexpires = 2026-11-01T00:00:00Z\n";
    let bed = Bed::with(&MAIN.replace("\n# Ours\n", &format!("{more}\n# Ours\n")));
    let mut draft = bed.installation.read().unwrap();
    let all = principals::list(&mut draft).unwrap();
    let short: Vec<_> =
        all.iter().map(|one| (one.id.as_str(), one.kind.as_str(), one.role.as_deref())).collect();
    let standard = Some("standard");
    assert_eq!(
        short,
        [("acme", "ib", standard), ("jane", "employee", standard), ("beta", "affiliate", standard)]
    );
    assert_eq!((all[0].tokens.active, all[0].tokens.expired, all[1].tokens.active), (1, 1, 0));
    let shown = principals::show(&mut draft, "jane").unwrap();
    assert_eq!(shown.scope, Scope::All);
}
