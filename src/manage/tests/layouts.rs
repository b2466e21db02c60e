//! Legal files as nobody should write them: every command changes what it is to change and nothing else.

use super::*;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value as Json, json};
use toml_edit::DocumentMut;

/// What there is in front of all principals, in keys that TOML allows.
const HEAD: &str = r#"# head.
include = ["affiliates.d/*.toml"]

[backends]
"legacy".url = "http://127.0.0.1:8001" # url.

[roles]
standard = { permissions = ['get_leads_report'], columns = { leads = ["lead_id", "country"] } } # role.

[reports.'leads'] # leads.
permission = "get_leads_report"
path = "/leads"
columns.lead_id = {}
columns."country" = { title = """
[affiliates.acme]
allowed_ips = ["192.0.2.1"] # not.a.comment
""" }
columns.commission = { title = '[[affiliates.acme.tokens]] id = "first"' }
request.columns = { in = "query", name = "_col", style = "repeat" }
request.scope = [{ in = "query", name = "affiliate_id" }]

[reports.other]
permission = "other"
path = "/other"
columns = { lead_id = {} }
request = { scope = "public" }
"#;

/// The keys of a principal with a comment behind and above each.
fn keys_of(id: &'static str, scope: &'static str) -> impl Strategy<Value = Vec<String>> {
    let kind = if id == "jane" { "" } else { "kind = \"ib\"" };
    let lists = prop::sample::select(vec![
        "allowed_ips = [\"203.0.113.7\"]",
        "allowed_ips = [\"203.0.113.7\", # in.\n  ]",
        "'allowed_ips' = [ # in.\n\"203.0.113.7\", { from = \"10.0.0.1\", to = \"10.0.0.2\" } ]",
        "\"allowed_ips\" = ['203.0.113.7' # in.\n, \"198.51.100.0/24\"]",
    ]);
    let views = prop::sample::select(vec![
        "",
        "columns.leads = ['country']",
        "columns = { \"leads\" = [\"country\"] }",
    ]);
    (lists, views, any::<bool>()).prop_map(move |(list, view, name)| {
        let name = if name { "name = \"# [affiliates.acme] ü\"" } else { "" };
        let keys = [kind, "\"role\" = \"standard\"", scope, list, view, name];
        keys.into_iter().filter(|key| !key.is_empty()).map(str::to_owned).collect()
    })
}

fn tokens_of(group: &str, id: &str, count: usize) -> Vec<String> {
    let token = |nth: usize| {
        let digest = format!("{:064x}", nth + id.len() * 1_000 + usize::from(id.as_bytes()[0]) * 10_000);
        let end = ["2026-12-01T00:00:00.5Z", "2026-12-01T01:00:00+01:00 # end.", "\"never\""][nth % 3];
        format!(
            "[[{group}.{id}.tokens]] # {id}{nth}.\n# above.{id}{nth}.\nid = '{id}{nth}'\nhash = \"sha256:{digest}\"\nexpires = {end}\n"
        )
    };
    (0..count).map(token).collect()
}

/// The sections of a principal, which may stand apart from each other.
fn sections(
    id: &'static str,
    group: &'static str,
    header: &'static str,
    scope: &'static str,
) -> impl Strategy<Value = Vec<String>> {
    (keys_of(id, scope).prop_shuffle(), 0..4_usize, any::<bool>()).prop_map(move |(keys, count, comments)| {
        let comment = |nth| if comments { format!("# {id}.{nth}.\n") } else { String::new() };
        let mut text = format!("{header} # {id}.\n");
        for (nth, key) in keys.iter().enumerate() {
            text += &format!("{}{key}\n", comment(nth));
        }
        let mut all = vec![text];
        all.extend(tokens_of(group, id, count));
        all
    })
}

/// A whole main file: sections mixed, each principal's in their order; then line ends, mark and end of the file.
fn layout() -> impl Strategy<Value = (String, usize)> {
    let acme = sections("acme", "affiliates", "[affiliates.acme]", "scope = [\"1001\"]");
    let dotted = sections("a.b", "affiliates", "['affiliates'.\"a.b\"]", "scope = [ '7' , \"8\" ]");
    let jane = sections("jane", "employees", "[employees . jane]", "scope = \"all\"");
    let gaps = prop::collection::vec(
        prop::sample::select(vec!["", "\n", "\n\n", "\n# lone.\n\n", "# tight.\n"]),
        32,
    );
    let order = Just((0..16_usize).collect::<Vec<_>>()).prop_shuffle();
    (acme, dotted, jane, gaps, order, any::<[bool; 3]>()).prop_map(
        |(acme, dotted, jane, gaps, order, [crlf, bom, cut])| {
            let tokens = acme.len() - 1;
            let dotted: Vec<_> = dotted
                .into_iter()
                .map(|text| text.replace("[[affiliates.a.b.", "[[affiliates.\"a.b\"."))
                .collect();
            let mut queues = [acme, dotted, jane]
                .map(|sections| sections.into_iter().collect::<std::collections::VecDeque<_>>());
            let mut text = HEAD.to_owned();
            for (turn, gap) in order.iter().cycle().zip(gaps) {
                if let Some(section) = queues[turn % 3].pop_front() {
                    text = text + gap + &section;
                }
            }
            queues.iter().flatten().for_each(|section| text += section);
            if cut {
                text.pop();
            } else {
                text += "# tail.\n";
            }
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            if bom {
                text.insert(0, '\u{feff}');
            }
            (text, tokens)
        },
    )
}

fn parsed(text: &str) -> Json {
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let document: DocumentMut = plain.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    super::super::keys::json(Some(document.as_item()))
}

/// Every comment, with how often it stands there; those of texts are no comments, but are to stay as well.
fn comments(text: &str) -> Vec<String> {
    let words =
        text.split_whitespace().filter(|word| word.len() > 1 && word.ends_with('.')).map(str::to_owned);
    let mut all: Vec<_> = words.collect();
    all.sort();
    all
}

/// What a command is to change: applied to the parsed file.
fn intended(command: &str, before: &Json, after: &Json) -> Json {
    let mut expected = before.clone();
    let words: Vec<&str> = command.split(' ').collect();
    let id = words[2];
    let group = if id == "jane" { "employees" } else { "affiliates" };
    let (old, new) = (&mut expected[group], &after[group]);
    match words.as_slice() {
        ["principal", "remove", ..] => {
            let old = old.as_object_mut().unwrap();
            old.remove(id);
            if old.is_empty() {
                // Its headers named the group, too.
                expected.as_object_mut().unwrap().remove(group);
            }
        }
        ["principal", "add", ..] => old[id] = json!({ "kind": "ib", "role": "standard", "scope": ["5"] }),
        ["principal", "disable", ..] => old[id]["disabled"] = json!(true),
        ["principal", "set", ..] => {
            old[id]["name"] = json!("N");
            old[id]["scope"] = json!(["9", "1001"]);
        }
        ["ip", "add", _, range] => {
            let mut all = old[id]["allowed_ips"].as_array().unwrap().clone();
            all.push(json!(range));
            old[id]["allowed_ips"] = all.into();
        }
        ["ip", "remove", ..] => {
            let mut all = old[id]["allowed_ips"].as_array().unwrap().clone();
            all.retain(|range| range != "203.0.113.7");
            old[id]["allowed_ips"] = all.into();
        }
        ["columns", "set", ..] => old[id]["columns"] = json!({ "leads": ["country", "lead_id"] }),
        ["columns", "reset", ..] => _ = old[id].as_object_mut().unwrap().remove("columns"),
        ["token", "new", ..] => {
            let mut all = old[id].get("tokens").and_then(Json::as_array).cloned().unwrap_or_default();
            let new = new[id]["tokens"].as_array().unwrap();
            assert_eq!(new.len(), all.len() + 1);
            all.push(new.last().unwrap().clone());
            old[id]["tokens"] = all.into();
        }
        other => panic!("{other:?}"),
    }
    expected
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 8, ..Default::default() })]
    #[test]
    fn any_layout_changes_as_intended((main, tokens) in layout()) {
        let bed = Bed::with(&main);
        if let Err(error) = bed.installation.read() {
            panic!("{error}: {}\n{main}", std::error::Error::source(&error).unwrap());
        }
        let before = parsed(&main);
        let mut commands = Vec::new();
        for id in ["acme", "a.b", "jane"] {
            for rest in ["ip add ID 192.0.2.9", "ip remove ID 203.0.113.7", "principal disable ID", "principal remove ID", "columns set ID leads country,lead_id", "columns reset ID leads", "token new ID"] {
                commands.push(rest.replace("ID", id));
            }
        }
        commands.push("principal set acme name=N scope=9,1001".to_owned());
        commands.push("principal add gamma ib - role=standard scope=5".to_owned());
        for command in &commands {
            let bed = Bed::with(&main);
            let done = bed.installation.change(Mode::Write, |draft| act(draft, command));
            prop_assert!(done.is_ok(), "{command}: {:?}\n{main}", done.err().map(|error| error.to_string()));
            let text = bed.read("reportgate.toml");
            let after = parsed(&text);
            prop_assert_eq!(&after, &intended(command, &before, &after), "{}\n{}\n=>\n{}", command, main, text);
            prop_assert_eq!(text.starts_with('\u{feff}'), main.starts_with('\u{feff}'));
            if main.contains("\r\n") {
                prop_assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{}\n{}", command, text);
            }
            bed.installation.read().unwrap();
            let (old, new) = (comments(&main), comments(&text));
            // What is removed takes its own comments along.
            let own = |word: &String| {
                let id = command.split(' ').nth(2).unwrap();
                command.starts_with("principal remove") && (word.contains(id) || ["in.", "end.", "tight."].contains(&word.as_str()))
                    || (command.starts_with("columns reset") || command.starts_with("ip remove")) && word.contains(id) || command.starts_with("ip remove") && word == "in."
            };
            let mut left = new.clone();
            for word in old.iter().filter(|word| !own(word)) {
                let at = left.iter().position(|other| other == word);
                prop_assert!(at.is_some(), "{command} lost {word}\n{main}\n=>\n{text}");
                left.remove(at.unwrap());
            }
        }
        for nth in 0..tokens {
            let token = format!("acme{nth}");
            type Act<'a> = &'a dyn Fn(&mut Draft) -> Result<(), ManageError>;
            let acts: [(&str, Act<'_>); 3] = [
                ("extend", &|draft| keys::extend(draft, &token, NewEnd::To(Life::For(DAY))).map(drop)),
                ("rotate", &|draft| keys::rotate(draft, &token, DAY, Life::Default, random()).map(drop)),
                ("revoke", &|draft| keys::revoke(draft, &token)),
            ];
            for (name, edit) in acts {
                let bed = Bed::with(&main);
                let done = bed.installation.change(Mode::Write, edit);
                prop_assert!(done.is_ok(), "{name} {token}: {:?}\n{main}", done.err().map(|error| error.to_string()));
                let text = bed.read("reportgate.toml");
                let after = parsed(&text);
                let mut expected = before.clone();
                let all = expected["affiliates"]["acme"]["tokens"].as_array_mut().unwrap();
                let new = after["affiliates"]["acme"].get("tokens").and_then(Json::as_array).cloned().unwrap_or_default();
                match name {
                    "revoke" => _ = all.remove(nth),
                    "extend" => all[nth]["expires"] = json!("2026-11-23T10:00:00Z"),
                    _ => {
                        all[nth]["expires"] = json!("2026-11-23T10:00:00Z");
                        all.push(new.last().unwrap().clone());
                    }
                }
                let mut after = after.clone();
                if new.is_empty() {
                    after["affiliates"]["acme"]["tokens"] = json!([]);
                }
                prop_assert_eq!(after, expected, "{} {}\n{}\n=>\n{}", name, token, main, text);
                if name != "revoke" {
                    let mut left = comments(&text);
                    for word in comments(&main) {
                        let at = left.iter().position(|other| *other == word);
                        prop_assert!(at.is_some(), "{name} {token} lost {word}\n{main}\n=>\n{text}");
                        left.remove(at.unwrap());
                    }
                }
            }
        }
    }
}
