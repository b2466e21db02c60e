//! Texts as literals of other languages: whatever stands in them, they end where they should.

/// A word of a POSIX shell, in single quotes.
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A string of Python 3.
pub(super) fn python(text: &str) -> String {
    let escaped = |c: char| match c {
        '\\' | '"' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        c if c.is_control() => format!("\\x{:02x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

/// A string of PHP, in single quotes, where nothing but those and backslashes means anything.
pub(super) fn php(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A string of JavaScript.
pub(super) fn javascript(text: &str) -> String {
    let escaped = |c: char| match c {
        '\\' | '"' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        // The two are line ends there (ECMA-262 section 12.3).
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

/// A string of PowerShell, in single quotes; for it, curly quotes are quotes, too.
pub(super) fn powershell(text: &str) -> String {
    let is_quote = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
    let doubled = |c: char| if is_quote(c) { format!("{c}{c}") } else { c.to_string() };
    format!("'{}'", text.chars().map(doubled).collect::<String>())
}

/// A text of Power Query M, where `#(` begins an escape.
pub(super) fn m(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\"\"",
            '#' => out += "#(#)",
            c if c.is_control() => out += &format!("#({:04X})", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    type Quote = fn(&str) -> String;

    #[test]
    fn texts_end_where_they_should() {
        let nasty = "it's \"$x\" `y` \\ #(z) \u{2019}\n";
        #[rustfmt::skip]
        let cases: [(Quote, &str); 6] = [
            (shell,      "'it'\\''s \"$x\" `y` \\ #(z) \u{2019}\n'"),
            (python,     "\"it's \\\"$x\\\" `y` \\\\ #(z) \u{2019}\\n\""),
            (php,        "'it\\'s \"$x\" `y` \\\\ #(z) \u{2019}\n'"),
            (javascript, "\"it's \\\"$x\\\" `y` \\\\ #(z) \u{2019}\\n\""),
            (powershell, "'it''s \"$x\" `y` \\ #(z) \u{2019}\u{2019}\n'"),
            (m,          "\"it's \"\"$x\"\" `y` \\ #(#)(z) \u{2019}#(000A)\""),
        ];
        for (quote, expected) in cases {
            assert_eq!(quote(nasty), expected);
        }
        assert_eq!(javascript("a\u{2028}\u{1b}"), "\"a\\u2028\\u001b\"");
        assert_eq!(python("a\u{1b}\u{85}"), "\"a\\x1b\\x85\"");
    }
}
