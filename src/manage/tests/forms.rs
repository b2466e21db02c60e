//! Principals in every form that TOML has: changed rightly, or refused with a sentence, never damaged.

use super::*;

const ACME: &str = "[affiliates.acme] # our first\nname = \"Acme\"\nkind = \"ib\"\nrole = \"standard\"\nscope = [\"1001\"]\nallowed_ips = [\"203.0.113.7\"]   # their office\n";

/// The config with acme written in another way, without tokens.
fn written(acme: &str) -> String {
    let (head, rest) = MAIN.split_once("\n[[affiliates.acme.tokens]]").unwrap();
    let (_, tail) = rest.split_once("\n# Ours").unwrap();
    format!("{head}\n# Ours{tail}").replace(ACME, acme)
}

const INLINE: &str = "[affiliates]\nacme = { kind = \"ib\", role = \"standard\", scope = [\"1001\"], allowed_ips = [\"203.0.113.7\"] } # inline\n";
const DOTTED: &str = "[affiliates]\nacme.kind = \"ib\"\nacme.role = \"standard\"\nacme.scope = [\"1001\"]\nacme.allowed_ips = [\"203.0.113.7\"] # dotted\n";
const QUOTED: &str = "[\"affiliates\".'acme']\n\"kind\" = \"ib\"\n\"role\" = 'standard'\nscope = ['1001']\n\"allowed_ips\" = ['203.0.113.7']\n";
const IMPLICIT: &str = "[affiliates.acme.columns]\nleads = [\"country\"]\n";

#[test]
fn every_form_is_edited() {
    let inline = |old: &str, new: &str| {
        let line = INLINE.lines().nth(1).unwrap();
        format!("-{line}\n+{}\n", line.replace(old, new))
    };
    #[rustfmt::skip]
    let cases = [
        (INLINE, "ip add acme 192.0.2.1", inline("[\"203.0.113.7\"]", "[\"203.0.113.7\", \"192.0.2.1\"]")),
        (INLINE, "columns set acme leads country", inline("\"203.0.113.7\"] }", "\"203.0.113.7\"], columns = { leads = [\"country\"] } }")),
        (INLINE, "principal disable acme", inline("\"203.0.113.7\"] }", "\"203.0.113.7\"], disabled = true }")),
        (INLINE, "principal set acme name=Acme", inline("\"203.0.113.7\"] }", "\"203.0.113.7\"], name = \"Acme\" }")),
        (DOTTED, "ip add acme 192.0.2.1", "-acme.allowed_ips = [\"203.0.113.7\"] # dotted\n+acme.allowed_ips = [\"203.0.113.7\", \"192.0.2.1\"] # dotted\n".to_owned()),
        (DOTTED, "principal disable acme", "+acme.disabled = true\n".to_owned()),
        (DOTTED, "columns set acme leads country", "+acme.columns.leads = [\"country\"]\n".to_owned()),
        (QUOTED, "ip add acme 192.0.2.1", "-\"allowed_ips\" = ['203.0.113.7']\n+\"allowed_ips\" = ['203.0.113.7', \"192.0.2.1\"]\n".to_owned()),
        (QUOTED, "principal set acme role=standard scope=1,1001", "-scope = ['1001']\n+scope = [\"1\", '1001']\n".to_owned()),
        (IMPLICIT, "columns set acme leads country,lead_id", String::new()),
        (IMPLICIT, "ip add acme 192.0.2.1", "+[affiliates.acme]\n+allowed_ips = [\"192.0.2.1\"]\n+\n".to_owned()),
    ];
    for (form, command, expected) in cases {
        let main = written(form);
        if form == IMPLICIT {
            // It has no role, so nothing to be within.
            let main = main.replace("permissions = [\"get_leads_report\"]\n", "");
            let bed = Bed::with(&main);
            let ((), lines) = bed.change(|draft| act(draft, command));
            assert!(expected.is_empty() || lines == expected, "{lines}");
            continue;
        }
        check(&main, command, &expected);
    }
}

#[test]
fn whole_principals_go_in_every_form() {
    for form in [INLINE, DOTTED, QUOTED] {
        let main = written(form);
        let bed = Bed::with(&main);
        bed.change(|draft| act(draft, "principal remove acme"));
        let left = bed.read("reportgate.toml");
        let expected = match form {
            QUOTED => main.replace(&format!("{QUOTED}\n"), "").replace("\n\n# Ours", "\n# Ours"),
            _ => main.replace(form, "[affiliates]\n"),
        };
        assert_eq!(left.replace("\n\n", "\n"), expected.replace("\n\n", "\n"), "{form}");
    }
}

#[test]
fn what_toml_cannot_hold_is_refused_with_a_sentence() {
    let more_lines =
        "[affiliates]\nacme = { kind = \"ib\", role = \"standard\", scope = [\n  \"1001\",\n] }\n";
    #[rustfmt::skip]
    let cases = [
        (INLINE, "token new acme", "give it a header, [affiliates.acme]"),
        (DOTTED, "token new acme", "give it a header, [affiliates.acme]"),
        (more_lines, "principal disable acme", "written inline over several lines"),
    ];
    for (form, command, expected) in cases {
        check_refused(&written(form), command, expected);
    }
    let inline = written(INLINE)
        .replace("[affiliates]\nacme = {", "affiliates = { acme = {")
        .replace("} # inline", "} } # inline");
    let (line, at) =
        (inline.lines().find(|line| line.starts_with("affiliates")).unwrap().to_owned(), "include = ");
    let inline = inline.replace(&format!("{line}\n"), "").replacen(at, &format!("{line}\n{at}"), 1);
    check_refused(&inline, "principal add gamma ib -", "cannot be appended");
}

/// Other principals may stand in between, and parts of one apart.
#[test]
fn scattered_tables_stay_where_they_are() {
    let main = written(ACME)
        .replace("\n# Ours\n", "\n[affiliates.zeta]\nrole = \"standard\"\nscope = [\"3\"]\n\n# Ours\n");
    let main = format!("{main}\n[affiliates.acme.columns]\nleads = [\"country\"]\n");
    let bed = Bed::with(&main);
    bed.change(|draft| act(draft, "token new acme"));
    let text = bed.read("reportgate.toml");
    assert!(text.starts_with(&main), "{text}");
    bed.change(|draft| act(draft, "token new zeta"));
    bed.change(|draft| act(draft, "columns set acme leads country,lead_id"));
    bed.change(|draft| act(draft, "principal remove acme"));
    let left = bed.read("reportgate.toml");
    assert!(!left.contains("acme") && left.contains("[[affiliates.zeta.tokens]]"), "{left}");
}

/// A file without an end of its last line, and one with both kinds of line ends.
#[test]
fn ends_of_lines_and_files_are_kept() {
    let mixed = MAIN.replacen("name = \"Acme\"\n", "name = \"Acme\"\r\n", 1);
    let bed = Bed::with(&mixed);
    bed.change(|draft| act(draft, "principal disable acme"));
    assert_eq!(
        bed.read("reportgate.toml"),
        mixed.replace("# their office\n", "# their office\ndisabled = true\n")
    );
    let cut = MAIN.trim_end();
    let bed = Bed::with(cut);
    bed.change(|draft| act(draft, "principal disable acme"));
    assert_eq!(
        bed.read("reportgate.toml"),
        cut.replace("# their office\n", "# their office\ndisabled = true\n")
    );
}
