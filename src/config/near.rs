//! "Did you mean": the nearest of some known names.

/// A hint at the nearest known name, or at all of them when they are few; the same in whatever order they come.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let few = (1..=24).contains(&known.len());
    few.then(|| format!("expected one of: {}", known.join(", ")))
}

/// The nearest known name, when it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(80).collect();
    let allowed = (name.len() / 3).max(1);
    known
        .filter(|other| other.len().abs_diff(name.len()) <= allowed)
        .map(|other| (distance(&name, other), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, other)| other)
}

/// How many letters must be added, taken, changed or swapped (optimal string alignment), whatever their case.
fn distance(a: &[char], b: &str) -> usize {
    let a: Vec<char> = a.iter().map(char::to_ascii_lowercase).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<usize>>());
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, j) + usize::from(from != to);
            let mut least = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        #[rustfmt::skip]
        let cases = [
            ("permision", Some("permission")), ("permissoin", Some("permission")), ("Path", Some("path")),
            ("pathe", Some("path")), ("pa", None), ("columms", Some("columns")), ("zzz", None), ("", None),
        ];
        let known = ["permission", "path", "columns"];
        for (name, expected) in cases {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
        assert_eq!(hint("zzz", known.into_iter()).unwrap(), "expected one of: columns, path, permission");
    }

    #[test]
    fn hints_do_not_depend_on_the_order_of_names() {
        for known in [["aaaa", "qqqq", "abab"], ["qqqq", "abab", "aaaa"]] {
            assert_eq!(hint("zzz", known.into_iter()).unwrap(), "expected one of: aaaa, abab, qqqq");
            assert_eq!(hint("aaba", known.into_iter()).unwrap(), "did you mean `aaaa`?");
        }
    }
}
