//! Editing an array so that it looks as its author would have written it.
//!
//! What stands behind a value up to the end of its line is its comment, wherever the parser
//! keeps that: in front of the next value, behind the last one, or in front of the bracket.

use toml_edit::{Array, Value};

/// Appends a text, on a line of its own where the others stand so.
pub(super) fn push(array: &mut Array, text: &str) {
    let mut value = Value::from(text);
    let Some(last) = array.iter().last() else { return array.push_formatted(value) };
    let indent = match prefix(last).rsplit_once('\n') {
        Some((_, indent)) => format!("\n{indent}"),
        None => " ".to_owned(),
    };
    if array.trailing_comma() {
        let trailing = trailing(array);
        let (comment, end) = at_line_end(&trailing);
        value.decor_mut().set_prefix(format!("{comment}{indent}"));
        array.set_trailing(end);
    } else if let Some(last) = array.len().checked_sub(1).and_then(|place| array.get_mut(place)) {
        let suffix = last.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        let (comment, end) = at_line_end(&suffix);
        last.decor_mut().set_suffix("");
        value.decor_mut().set_prefix(format!("{comment}{indent}"));
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
            next.decor_mut().set_prefix(format!("{of_the_one_before}{rest}"));
        } else if array.trailing_comma() {
            let trailing = trailing(array);
            let (_, end) = at_line_end(&trailing);
            array.set_trailing(format!("{of_the_one_before}{end}"));
        } else if let Some(last) = place.checked_sub(1).and_then(|place| array.get_mut(place)) {
            let (_, end) = at_line_end(&suffix);
            last.decor_mut().set_suffix(format!("{of_the_one_before}{end}"));
        }
    }
    if array.is_empty() {
        array.set_trailing_comma(false);
        array.set_trailing("");
    }
    removed
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
