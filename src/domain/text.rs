//! Short texts that need no allocation of their own: there may be millions of names and ids.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Texts of up to so many bytes stand in the value itself, which then has 24.
const INLINE: usize = 22;

/// A text that is cheap to keep and to clone. Immutable.
#[derive(Clone)]
pub struct SmallText(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Shared(Arc<str>),
}

impl From<&str> for SmallText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(text.as_bytes());
                Self(Repr::Inline { length, bytes })
            }
            _ => Self(Repr::Shared(text.into())),
        }
    }
}

impl Deref for SmallText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Repr::Inline { length, bytes } => {
                let text = bytes.get(..usize::from(*length));
                text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
            }
            Repr::Shared(text) => text,
        }
    }
}

impl Borrow<str> for SmallText {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for SmallText {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SmallText {}

impl PartialOrd for SmallText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallText {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for SmallText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for SmallText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for SmallText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn texts_of_any_length_are_kept() {
        assert_eq!(size_of::<SmallText>(), 24);
        assert_eq!(size_of::<Option<SmallText>>(), 24);
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 300] {
            let text = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let small = SmallText::from(&*text);
            assert_eq!(
                (&*small, small.to_string(), format!("{small:?}")),
                (&*text, text.clone(), format!("{text:?}"))
            );
            assert_eq!(matches!(small.0, Repr::Inline { .. }), length <= INLINE, "{length}");
            assert!(HashSet::from([small.clone()]).contains(&*text));
            assert!(small == small.clone() && small < SmallText::from(&*(text + "y")));
        }
    }
}
