//! Tokens: what they change in the files, and what is refused.

use super::*;
use crate::manage::tokens;

#[test]
fn tokens_live_and_end() {
    let bed = Bed::new();
    let (issued, _) =
        bed.change(|draft| tokens::issue(draft, "acme", Life::Default, Some("BI \"feed\""), random()));
    let (hash, id) = (issued.token.digest().stored(), issued.id);
    let added = format!(
        "# see the contract\n\n[[affiliates.acme.tokens]]\nid = \"{id}\"\nhash = \"{hash}\"\n\
         created = 2026-11-22T10:00:00Z\nexpires = 2027-02-20T10:00:00Z\nnote = 'BI \"feed\"'\n"
    );
    assert_eq!(bed.read("reportgate.toml"), MAIN.replace("# see the contract\n", &added));
    let secret = issued.token.into_secret();
    assert!(!bed.read("reportgate.toml").contains(&secret) && !bed.read("audit.jsonl").contains(&secret));

    let (_, lines) = bed.change(|draft| tokens::extend(draft, "first", NewEnd::By(90 * DAY)));
    assert_eq!(
        lines,
        "-expires = 2026-12-01T00:00:00Z # see the contract\n+expires = 2027-03-01T00:00:00Z # see the contract\n"
    );

    let life = Life::Until(Timestamp::from_unix_seconds(1_800_000_000));
    let (rotated, lines) = bed.change(|draft| tokens::rotate(draft, &id, 7 * DAY, life, random()));
    assert!(
        lines.starts_with("-expires = 2027-02-20T10:00:00Z\n+expires = 2026-11-29T10:00:00Z\n"),
        "{lines}"
    );
    assert!(lines.contains("+note = 'BI \"feed\"'\n") && rotated.id != id, "{lines}");

    let (_, lines) = bed.change(|draft| tokens::revoke(draft, &rotated.id));
    assert!(lines.contains("-[[affiliates.acme.tokens]]\n") && lines.lines().count() == 7, "{lines}");
    let (_, _) = bed.change(|draft| tokens::revoke(draft, &id));
    assert_eq!(
        bed.read("reportgate.toml"),
        MAIN.replace("2026-12-01T00:00:00Z # see", "2027-03-01T00:00:00Z # see")
    );
}

#[test]
fn included_files_keep_their_line_ends() {
    let bed = Bed::new();
    let key = "an-old-key-of-the-platform";
    let ((id, _), _) =
        bed.change(|draft| tokens::import(draft, "beta", key, false, Life::For(DAY), None, random()));
    assert_eq!(bed.read("reportgate.toml"), MAIN);
    let text = bed.read("affiliates.d/beta.toml");
    assert!(text.starts_with(INCLUDED), "{text}");
    let added = text.strip_prefix(INCLUDED).unwrap();
    assert!(added.starts_with(&format!("\r\n[[affiliates.beta.tokens]]\r\nid = \"{id}\"\r\n")), "{added}");
    assert!(!added.replace("\r\n", "").contains('\n') && !added.contains(key));
}

#[test]
fn what_cannot_be_is_refused() {
    let bed = Bed::new();
    let long = "x".repeat(513);
    #[rustfmt::skip]
    let cases: [(&str, Edit<'_>); 9] = [
        ("there is no affiliate or employee \"acmee\"; did you mean \"acme\"?", &|d| tokens::issue(d, "acmee", Life::Default, None, random()).map(drop)),
        ("max_token_ttl", &|d| tokens::issue(d, "acme", Life::Never, None, random()).map(drop)),
        ("max_token_ttl", &|d| tokens::issue(d, "acme", Life::For(401 * DAY), None, random()).map(drop)),
        ("would never work", &|d| tokens::issue(d, "acme", Life::Until(NOW), None, random()).map(drop)),
        ("there is no token \"fist\"; did you mean \"first\"?", &|d| tokens::revoke(d, "fist")),
        ("max_token_ttl", &|d| tokens::extend(d, "first", NewEnd::By(400 * DAY)).map(drop)),
        ("fewer than 20", &|d| tokens::import(d, "acme", "short", false, Life::Default, None, random()).map(drop)),
        ("visible ASCII", &|d| tokens::import(d, "acme", &long, false, Life::Default, None, random()).map(drop)),
        ("is token \"first\" already", &|d| tokens::import(d, "acme", "test", true, Life::Default, None, random()).map(drop)),
    ];
    for (expected, edit) in cases {
        let error = bed.refused(|draft| edit(draft)).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!bed.path("audit.jsonl").exists());
}

const LIMITED: &str = "# The feed of the warehouse\n[[affiliates.acme.tokens]]\n# their own handle\nid = \"first\"\n\
    columns.leads = [\"country\"] # no keys\nallowed_ips = [\n  \"203.0.113.7\", # upstairs\n]\nrate_limit = \"10/min\" # slowly\n";

/// The limits of a token are those of the one in its place, and stand where the config wants them.
#[test]
fn limits_survive_a_rotation() {
    let main = MAIN.replace("[[affiliates.acme.tokens]]\nid = \"first\"\n", LIMITED);
    let second = "\n[[affiliates.acme.tokens]]\nid = \"second\"\nhash = \"sha256:1111111111111111111111111111111111111111111111111111111111111111\"\nexpires = 2027-01-01T00:00:00Z\n";
    let main = main.replace("\n# Ours\n", &format!("{second}\n# Ours\n"));
    let bed = Bed::with(&main);
    let (issued, lines) =
        bed.change(|draft| tokens::rotate(draft, "first", 7 * DAY, Life::For(DAY), random()));
    let (id, hash) = (issued.id, issued.token.digest().stored());
    assert!(bed.read("reportgate.toml").contains(&format!("hash = \"{hash}\"\n")));
    // A diff shows no secret.
    let hash = "*".repeat(hash.len() + 2);
    assert_eq!(
        lines,
        format!(
            "-expires = 2026-12-01T00:00:00Z # see the contract\n+expires = 2026-11-29T10:00:00Z # see the contract\n\
             +[[affiliates.acme.tokens]]\n+id = \"{id}\"\n+columns.leads = [\"country\"] # no keys\n+allowed_ips = [\n\
             +  \"203.0.113.7\", # upstairs\n+]\n+rate_limit = \"10/min\" # slowly\n+hash = {hash}\n+created = 2026-11-22T10:00:00Z\n+expires = 2026-11-23T10:00:00Z\n+\n"
        )
    );
    // The others are as they were, and the new one stands behind them.
    let listed = tokens::list(&mut bed.installation.read().unwrap(), Some("acme")).unwrap();
    let rates = listed.iter().map(|token| token.rate_limit.as_deref()).collect::<Vec<_>>();
    assert_eq!(rates, [Some("10/min"), None, Some("10/min")]);
    assert_eq!(listed.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["first", "second", &id]);
    for token in ["second", "first", &id] {
        bed.change(|draft| tokens::revoke(draft, token));
    }
    let left = bed.read("reportgate.toml");
    assert!(left.contains("# their office\n\n# Ours\n"), "{left}");
    bed.change(|draft| tokens::issue(draft, "acme", Life::Default, None, random()));
}

/// What heads a section stays when the first of it goes.
#[test]
fn comments_apart_stay() {
    let main = MAIN
        .replace("[[affiliates.acme.tokens]]", "# ---- Tokens\n\n# the first\n[[affiliates.acme.tokens]]");
    let bed = Bed::with(&main);
    bed.change(|draft| tokens::revoke(draft, "first"));
    let text = bed.read("reportgate.toml");
    assert!(
        text.contains("# their office\n\n# ---- Tokens\n\n# Ours\n") && !text.contains("# the first"),
        "{text}"
    );
}

/// Settings that are commented out belong to the token that they stand behind.
#[test]
fn lines_behind_a_token_stay_behind_it() {
    let behind = "# see the contract\n# Not yet:\n#rate_limit = \"10/min\"\n";
    for end in ["\n\n# Ours\n[employees.jane]", "\n# Ours\n[employees.jane]"] {
        let main = MAIN.replace("# see the contract\n", behind).replace("\n# Ours\n[employees.jane]", end);
        let bed = Bed::with(&main);
        let (issued, _) = bed.change(|draft| tokens::issue(draft, "acme", Life::Default, None, random()));
        let text = bed.read("reportgate.toml");
        assert!(
            text.contains(&format!("{behind}\n[[affiliates.acme.tokens]]\nid = \"{}\"", issued.id)),
            "{text}"
        );
        bed.change(|draft| tokens::rotate(draft, &issued.id, DAY, Life::Default, || 7));
        let text = bed.read("reportgate.toml");
        assert!(
            text.contains(&format!("{behind}\n[[affiliates.acme.tokens]]")) && text.contains(end),
            "{text}"
        );
    }
    let (main, _) = MAIN.split_once("\n# Ours").unwrap();
    let bed = Bed::with(&format!("{main}#expires = 2026-12-31T00:00:00Z\n"));
    bed.change(|draft| tokens::issue(draft, "acme", Life::Default, None, random()));
    let text = bed.read("reportgate.toml");
    assert!(
        text.starts_with(&format!("{main}#expires = 2026-12-31T00:00:00Z\n\n[[affiliates.acme.tokens]]\n")),
        "{text}"
    );
}
