//! Data as people read it: columns side by side.

use std::borrow::Cow;

/// Rows under headings, each column as wide as its widest cell; the last is not padded. No line has blanks at its end.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let visible = |row: &Vec<String>| row.iter().map(|cell| visible(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(visible).collect();
    let width = |nth: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.get(nth)).map(|cell| cell.chars().count());
        cells.chain([heading.len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = headings.iter().enumerate().map(|(nth, heading)| width(nth, heading)).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        line.trim_end().to_owned() + "\n"
    };
    let head = line(&mut headings.iter().copied());
    let body = rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
    std::iter::once(head).chain(body).collect()
}

/// The text on one line; control characters are written as escapes, because a terminal would obey them.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_obeyed(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Control characters, line ends, and those that turn the direction of what follows (UAX #9 section 2).
fn is_obeyed(c: char) -> bool {
    let turns = ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c);
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        let cells = [vec!["a\u{1b}[2J".to_owned(), "b\nc".to_owned()]];
        assert_eq!(table(&["A", "B"], &cells), "A           B\na\\u{1b}[2J  b\\nc\n");
        // It would show what follows from right to left, or below.
        for c in ['\u{61c}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{2028}', '\u{9b}']
        {
            assert_eq!(visible(&format!("a{c}b")), format!("a{}b", c.escape_default()));
        }
        assert_eq!(visible("Äрус\u{200d}"), "Äрус\u{200d}");
    }

    #[test]
    fn columns_stand_side_by_side() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["k7", "Ärger", "x"]), row(&["longer", "", ""])];
        assert_eq!(table(&["ID", "NAME", "NOTE"], &rows), "ID      NAME   NOTE\nk7      Ärger  x\nlonger\n");
    }
}
