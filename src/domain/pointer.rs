//! JSON Pointer (RFC 6901): where in a document something stands.

use std::fmt;

/// A JSON Pointer; the empty one is the whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer(Box<[Box<str>]>);

/// Why a text is not a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPointer;

impl fmt::Display for InvalidPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a JSON Pointer (RFC 6901): empty, or parts that each begin with `/`")
    }
}

impl std::error::Error for InvalidPointer {}

impl Pointer {
    /// Reads a pointer such as `/meta/rows`; `~0` is `~`, `~1` is `/`.
    ///
    /// # Errors
    /// When the text is neither empty nor starts with `/`, or holds a `~` that is not `~0` or `~1`.
    pub fn parse(text: &str) -> Result<Self, InvalidPointer> {
        if text.is_empty() {
            return Ok(Self(Box::default()));
        }
        let tokens = text.strip_prefix('/').ok_or(InvalidPointer)?;
        tokens.split('/').map(unescaped).collect::<Result<_, _>>().map(Self)
    }

    /// The names of the members to step into, outermost first.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|token| &**token)
    }

    /// Whether it is the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `self` is `other` or stands around it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

fn unescaped(token: &str) -> Result<Box<str>, InvalidPointer> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        match c {
            '~' => match chars.next() {
                Some('0') => out.push('~'),
                Some('1') => out.push('/'),
                _ => return Err(InvalidPointer),
            },
            _ => out.push(c),
        }
    }
    Ok(out.into())
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.0 {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_follow_rfc_6901() {
        #[rustfmt::skip]
        let cases: [(&str, Option<&[&str]>); 7] = [
            ("", Some(&[])), ("/", Some(&[""])), ("/a/b", Some(&["a", "b"])), ("/a~1b/m~0n", Some(&["a/b", "m~n"])),
            ("a", None), ("/~", None), ("/~2", None),
        ];
        for (text, expected) in cases {
            let found = Pointer::parse(text);
            assert_eq!(
                found.as_ref().ok().map(|p| p.tokens().collect()),
                expected.map(<[&str]>::to_vec),
                "{text}"
            );
            if let Ok(pointer) = found {
                assert_eq!(pointer.to_string(), text);
            }
        }
        let at = |text| Pointer::parse(text).unwrap();
        assert!(
            at("/a").contains(&at("/a/b")) && at("/a").contains(&at("/a")) && !at("/a").contains(&at("/ab"))
        );
    }
}
