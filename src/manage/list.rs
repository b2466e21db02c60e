//! Editing an array so that it looks as its author would have written it.
//!
//! What stands behind a value up to the end of its line is its comment, wherever the parser
//! keeps that: in front of the next value, behind the last one, or in front of the bracket.

use toml_edit::{Array, Value};

/// Appends a value, on a line of its own where the others stand so.
pub(super) fn push(array: &mut Array, value: impl Into<Value>) {
    let mut value = value.into();
    let Some(last) = array.iter().last() else {
        let trailing = trailing(array);
        let (comment, end) = at_line_end(&trailing);
        value.decor_mut().set_prefix(behind(comment, ""));
        array.set_trailing(end);
        return array.push_formatted(value);
    };
    let indent = match prefix(last).rsplit_once('\n') {
        Some((_, indent)) => format!("\n{indent}"),
        None => " ".to_owned(),
    };
    if array.trailing_comma() {
        let trailing = trailing(array);
        let (comment, end) = at_line_end(&trailing);
        value.decor_mut().set_prefix(behind(comment, &indent));
        array.set_trailing(end);
    } else if let Some(last) = array.len().checked_sub(1).and_then(|place| array.get_mut(place)) {
        let suffix = last.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        let (comment, end) = at_line_end(&suffix);
        last.decor_mut().set_suffix("");
        value.decor_mut().set_prefix(behind(comment, &indent));
        value.decor_mut().set_suffix(end);
    }
    array.push_formatted(value);
}

/// Takes out every value that `is_out`, with its comments; how many there were.
pub(super) fn remove(array: &mut Array, is_out: impl Fn(&Value) -> bool) -> usize {
    let mut removed = 0;
    let mut place = 0;
    while let Some(value) = array.get(place) {
        if !is_out(value) {
            place += 1;
            continue;
        }
        let own = prefix(value).to_owned();
        let suffix = value.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        // The comment of the value before stands in front of this one.
        let (of_the_one_before, _) = at_line_end(&own);
        array.remove(place);
        removed += 1;
        if let Some(next) = array.get_mut(place) {
            let next_prefix = prefix(next).to_owned();
            let (_, rest) = at_line_end(&next_prefix);
            let rest = if own.is_empty() && !rest.contains('\n') { "" } else { rest };
            next.decor_mut().set_prefix(behind(of_the_one_before, rest));
        } else if array.trailing_comma() {
            let trailing = trailing(array);
            let (_, end) = at_line_end(&trailing);
            array.set_trailing(behind(of_the_one_before, end));
        } else if let Some(last) = place.checked_sub(1).and_then(|place| array.get_mut(place)) {
            let (_, end) = at_line_end(&suffix);
            let kept = format!("{}{of_the_one_before}", self::suffix(last).trim_end_matches('\n'));
            last.decor_mut().set_suffix(behind(&kept, end));
        } else {
            let (_, end) = at_line_end(&suffix);
            array.set_trailing(behind(of_the_one_before, end));
        }
    }
    if array.is_empty() {
        array.set_trailing_comma(false);
        if !trailing(array).contains('#') {
            array.set_trailing("");
        }
    }
    removed
}

/// Makes an array hold these texts, in this order. Those that were there keep their comments.
pub(super) fn set(array: &mut Array, texts: &[String]) {
    let places = array.len();
    let mut ends: Vec<(String, String)> = Vec::with_capacity(places + 1);
    for value in array.iter() {
        let (comment, lead) = at_line_end(prefix(value));
        ends.push((comment.to_owned(), lead.to_owned()));
    }
    let last_suffix = array.iter().last().map(|value| suffix(value).to_owned()).unwrap_or_default();
    let closing = if array.trailing_comma() || places == 0 { trailing(array) } else { last_suffix };
    let (comment, end) = at_line_end(&closing);
    ends.push((comment.to_owned(), end.to_owned()));
    let head = ends.first().map(|(comment, _)| comment.clone()).unwrap_or_default();
    let mut old: Vec<Option<Part>> = Vec::with_capacity(places);
    for (value, around) in array.iter().zip(ends.windows(2)) {
        let [(_, lead), (tail, _)] = around else { continue };
        old.push(Some(Part { value: value.clone(), lead: lead.clone(), tail: tail.clone() }));
    }
    let first_lead = if places == 0 { String::new() } else { lead_at(&ends, 0) };
    let other_lead = if places > 1 { lead_at(&ends, 1) } else { own_line(&first_lead) };
    let mut parts = Vec::with_capacity(texts.len());
    for (nth, text) in texts.iter().enumerate() {
        let is_it =
            |part: &&mut Option<Part>| part.as_ref().is_some_and(|part| part.value.as_str() == Some(text));
        let mut part = old.iter_mut().find(is_it).and_then(Option::take).unwrap_or_else(|| Part {
            value: Value::from(text.as_str()),
            lead: if nth == 0 { first_lead.clone() } else { own_line(&other_lead) },
            tail: String::new(),
        });
        if !part.lead.contains('\n') {
            part.lead = if nth == 0 { first_lead.clone() } else { own_line(&other_lead) };
        }
        parts.push(part);
    }
    let has_comma = array.trailing_comma();
    array.clear();
    let mut before = head;
    let count = parts.len();
    for (nth, Part { mut value, lead, tail }) in parts.into_iter().enumerate() {
        value.decor_mut().set_prefix(behind(&before, &lead));
        let is_last = nth + 1 == count && !has_comma;
        value.decor_mut().set_suffix(if is_last { behind(&tail, end) } else { String::new() });
        array.push_formatted(value);
        before = tail;
    }
    array.set_trailing_comma(has_comma && count > 0);
    array.set_trailing(if has_comma && count > 0 { behind(&before, end) } else { String::new() });
}

/// A value of an array with what belongs to it.
struct Part {
    value: Value,
    /// What stands in front of it, from the end of the line before on.
    lead: String,
    /// The comment behind it.
    tail: String,
}

fn lead_at(ends: &[(String, String)], nth: usize) -> String {
    ends.get(nth).map(|(_, lead)| lead.clone()).unwrap_or_default()
}

/// What stands in front of one more value: a line of its own where others have one.
fn own_line(lead: &str) -> String {
    lead.rsplit_once('\n').map_or_else(|| " ".to_owned(), |(_, indent)| format!("\n{indent}"))
}

/// A comment and what follows, which must not become part of it.
fn behind(comment: &str, rest: &str) -> String {
    let line = if comment.contains('#') && !rest.starts_with('\n') { "\n" } else { "" };
    format!("{comment}{line}{rest}")
}

fn suffix(value: &Value) -> &str {
    value.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or_default()
}

fn trailing(array: &Array) -> String {
    array.trailing().as_str().unwrap_or_default().to_owned()
}

fn prefix(value: &Value) -> &str {
    value.decor().prefix().and_then(|raw| raw.as_str()).unwrap_or_default()
}

/// What stands up to the end of the line, when there is one, and the rest.
fn at_line_end(text: &str) -> (&str, &str) {
    text.find('\n').and_then(|end| text.split_at_checked(end)).unwrap_or(("", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
    use toml_edit::DocumentMut;

    fn edited(text: &str, edit: impl FnOnce(&mut Array)) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        edit(document["a"].as_array_mut().unwrap());
        document.to_string()
    }

    #[test]
    fn values_are_appended_as_the_others_stand() {
        #[rustfmt::skip]
        let cases = [
            ("a = []\n",                                        "a = [\"x\"]\n"),
            ("a = [\"1\"]  # why\n",                            "a = [\"1\", \"x\"]  # why\n"),
            ("a = [\"1\", \"2\",]\n",                           "a = [\"1\", \"2\", \"x\",]\n"),
            ("a = [\n  \"1\",  # one\n  \"2\",  # two\n]\n",     "a = [\n  \"1\",  # one\n  \"2\",  # two\n  \"x\",\n]\n"),
            ("a = [\n  \"1\",\n  \"2\"  # two\n]\n",           "a = [\n  \"1\",\n  \"2\",  # two\n  \"x\"\n]\n"),
            ("a = [\n  \"1\",\n  \"2\"\n]\n",                    "a = [\n  \"1\",\n  \"2\",\n  \"x\"\n]\n"),
        ];
        for (before, after) in cases {
            assert_eq!(edited(before, |array| push(array, "x")), after, "{before}");
        }
    }

    #[test]
    fn values_are_set_in_order_and_keep_their_comments() {
        let set_to = |texts: &'static [&str]| {
            move |array: &mut Array| {
                set(array, &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            }
        };
        #[rustfmt::skip]
        let cases: [(&str, &[&str], &str); 14] = [
            ("a = []\n",                             &["1"],           "a = [\"1\"]\n"),
            ("a = [] # why\n",                       &["1", "2"],      "a = [\"1\", \"2\"] # why\n"),
            ("a = [\"1\", \"2\"] # why\n",           &["2", "1"],      "a = [\"2\", \"1\"] # why\n"),
            ("a = [ \"1\", \"2\" ]\n",               &["2", "3", "1"], "a = [ \"2\", \"3\", \"1\" ]\n"),
            ("a = [\"1\", \"2\",]\n",                &["2"],           "a = [\"2\",]\n"),
            ("a = [\"1\"]\n",                        &["1", "2"],      "a = [\"1\", \"2\"]\n"),
            ("a = ['1', \"2\"]\n",                   &["2", "1"],      "a = [\"2\", '1']\n"),
            ("a = [\n  \"1\", # one\n  \"2\", # two\n]\n", &["2", "1"],      "a = [\n  \"2\", # two\n  \"1\", # one\n]\n"),
            ("a = [\n  \"1\", # one\n  \"2\", # two\n]\n", &["3", "2"],      "a = [\n  \"3\",\n  \"2\", # two\n]\n"),
            ("a = [\n  \"1\",\n  \"2\" # two\n]\n",      &["2", "1"],      "a = [\n  \"2\", # two\n  \"1\"\n]\n"),
            ("a = [ # all\n  # first\n  \"1\",\n  \"2\",\n]\n", &["2", "1"], "a = [ # all\n  \"2\",\n  # first\n  \"1\",\n]\n"),
            ("a = [\n  \"1\", \"2\", # both\n  \"3\",\n]\n", &["2", "1", "3"], "a = [\n  \"2\", # both\n  \"1\",\n  \"3\",\n]\n"),
            ("a = [\"1\", # one\n \"2\"]\n",          &["2", "1"],      "a = [\n \"2\",\n \"1\" # one\n]\n"),
            ("a = [\n  \"1\",\n]\n",                 &["1", "2"],      "a = [\n  \"1\",\n  \"2\",\n]\n"),
        ];
        for (before, texts, after) in cases {
            let found = edited(before, set_to(texts));
            assert_eq!(found, after, "{before}");
            let again: DocumentMut = found.parse().unwrap();
            let values: Vec<_> = again["a"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
            assert_eq!(values, texts, "{found}");
        }
    }

    /// No comment takes in what follows it.
    #[test]
    fn comments_end_with_their_lines() {
        #[rustfmt::skip]
        let pushed = [
            ("a = [\"1\", # one\n]\n",       "a = [\"1\", # one\n \"x\",\n]\n"),
            ("a = [\"1\" # one\n]\n",        "a = [\"1\", # one\n \"x\"\n]\n"),
            ("a = [\"1\", \"2\", # both\n]\n", "a = [\"1\", \"2\", # both\n \"x\",\n]\n"),
        ];
        for (before, after) in pushed {
            assert_eq!(edited(before, |array| push(array, "x")), after, "{before}");
        }
        #[rustfmt::skip]
        let removed = [
            ("a = [\"1\", # one\n \"x\", \"3\"\n]\n", "a = [\"1\", # one\n \"3\"\n]\n"),
            ("a = [\"1\", # one\n \"x\"]\n",         "a = [\"1\" # one\n]\n"),
            ("a = [\"1\", # one\n \"x\",]\n",        "a = [\"1\", # one\n]\n"),
            ("a = [\"1\" # one\n, \"x\"]\n",         "a = [\"1\" # one\n]\n"),
            ("a = [ # all\n \"x\",\n]\n",           "a = [ # all\n]\n"),
            ("a = [ # all\n \"x\"]\n",             "a = [ # all\n]\n"),
        ];
        for (before, after) in removed {
            assert_eq!(
                edited(before, |array| assert_eq!(remove(array, |v| v.as_str() == Some("x")), 1)),
                after,
                "{before}"
            );
        }
    }

    /// A list as somebody may have written it, with a comment `#K.` behind some values and `#h.` behind the bracket.
    fn written() -> impl Strategy<Value = (String, Vec<String>, Vec<String>)> {
        let gap = || prop::sample::select(vec!["", " ", "\n", "\n  ", " # lone\n ", "\n  # lone\n  "]);
        let value = (gap(), gap(), any::<bool>(), gap());
        (any::<bool>(), prop::collection::vec(value, 0..5), any::<bool>(), gap()).prop_map(
            |(head, values, comma, end)| {
                let mut text = "a = [".to_owned();
                let (mut names, mut comments) = (Vec::new(), Vec::new());
                if head {
                    text += " #h.\n";
                    comments.push("#h.".to_owned());
                }
                let count = values.len();
                for (nth, (before, behind, told, after)) in values.into_iter().enumerate() {
                    text += &format!("{before}\"v{nth}\"{behind}");
                    if nth + 1 < count || comma {
                        text.push(',');
                    }
                    if told {
                        text += &format!(" #{nth}.\n{after}");
                        comments.push(format!("#{nth}."));
                    }
                    names.push(format!("v{nth}"));
                }
                (text + end + "]\nb = 1\n", names, comments)
            },
        )
    }

    fn held(text: &str) -> Vec<String> {
        let document: DocumentMut = text.parse().unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(document["b"].as_integer(), Some(1), "{text}");
        document["a"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    }

    proptest! {
        #[test]
        fn any_layout_is_edited_rightly((text, names, comments) in written(), out in 0..5_usize, order in Just(vec![0, 1, 2, 3, 4, 9]).prop_shuffle()) {
            let pushed = edited(&text, |array| push(array, "x"));
            let mut expected = names.clone();
            expected.push("x".to_owned());
            prop_assert_eq!(held(&pushed), expected, "{} -> {}", text, pushed);
            let lost: Vec<_> = comments.iter().filter(|comment| !pushed.contains(*comment)).collect();
            prop_assert!(lost.is_empty(), "{lost:?}: {text} -> {pushed}");

            let gone = format!("v{out}");
            let removed = edited(&text, |array| _ = remove(array, |value| value.as_str() == Some(&gone)));
            let expected: Vec<_> = names.iter().filter(|name| **name != gone).cloned().collect();
            prop_assert_eq!(held(&removed), expected, "{} -> {}", text, removed);
            let kept = comments.iter().filter(|comment| **comment != format!("#{out}."));
            let lost: Vec<_> = kept.filter(|comment| !removed.contains(*comment)).collect();
            prop_assert!(lost.is_empty(), "{lost:?}: {text} without {gone} -> {removed}");

            let texts: Vec<_> = order.iter().map(|nth| format!("v{nth}")).collect();
            let set_to = edited(&text, |array| set(array, &texts));
            prop_assert_eq!(&held(&set_to), &texts, "{} -> {}", text, set_to);
            let lost: Vec<_> = comments.iter().filter(|comment| !set_to.contains(*comment)).collect();
            prop_assert!(lost.is_empty(), "{lost:?}: {text} -> {set_to}");
        }
    }

    #[test]
    fn values_are_taken_out_with_nothing_else() {
        #[rustfmt::skip]
        let cases = [
            ("a = [\"x\"]\n",                                   "a = []\n"),
            ("a = [\"x\", \"2\"]\n",                            "a = [\"2\"]\n"),
            ("a = [\"1\", \"x\", \"3\"] # why\n",               "a = [\"1\", \"3\"] # why\n"),
            ("a = [\"1\", \"x\"]\n",                            "a = [\"1\"]\n"),
            ("a = [\n  \"1\", # one\n  # a lost one\n  \"x\", # lost\n  \"3\", # three\n]\n", "a = [\n  \"1\", # one\n  \"3\", # three\n]\n"),
            ("a = [\n  \"1\", # one\n  \"x\", # lost\n]\n",   "a = [\n  \"1\", # one\n]\n"),
            ("a = [\n  \"1\",\n  \"x\"  # lost\n]\n",       "a = [\n  \"1\"\n]\n"),
            ("a = [\n  \"x\",\n  \"2\",\n]\n",                   "a = [\n  \"2\",\n]\n"),
        ];
        for (before, after) in cases {
            assert_eq!(
                edited(before, |array| assert_eq!(remove(array, |v| v.as_str() == Some("x")), 1)),
                after,
                "{before}"
            );
        }
    }
}
