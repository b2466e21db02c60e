//! Texts with `{columns}` and `{scope}` in them.

/// A text of fixed parts and places to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Box<[Part]>);

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Passed as it is.
    Text(Box<str>),
    /// The request names of the columns, joined by commas, each in the report's quote.
    Columns,
    /// The scope ids, joined by commas.
    Scope,
}

impl Template {
    /// Splits a text at its `{columns}` and `{scope}`; other braces are text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let columns = rest.find("{columns}").map(|at| (at, "{columns}".len(), Part::Columns));
            let scope = rest.find("{scope}").map(|at| (at, "{scope}".len(), Part::Scope));
            let next = columns.into_iter().chain(scope).min_by_key(|(at, ..)| *at);
            let Some((at, length, part)) = next else {
                parts.push(Part::Text(rest.into()));
                break;
            };
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(part);
            rest = from.split_at_checked(length).map_or("", |(_, after)| after);
        }
        Self(parts.into())
    }

    /// The parts in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether a `{columns}` stands in it.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.0.contains(&Part::Columns)
    }

    /// Whether a `{scope}` stands in it.
    #[must_use]
    pub fn has_scope(&self) -> bool {
        self.0.contains(&Part::Scope)
    }
}

/// A fixed JSON value whose strings may be templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonTemplate {
    /// A number, boolean or null, as JSON text.
    Literal(Box<str>),
    /// A string.
    Text(Template),
    /// An array.
    Array(Box<[Self]>),
    /// An object, members in order.
    Object(Box<[(Box<str>, Self)]>),
}

impl JsonTemplate {
    /// Whether it is `"{scope}"` and nothing else.
    #[must_use]
    pub fn is_scope(&self) -> bool {
        matches!(self, Self::Text(text) if *text.parts() == [Part::Scope])
    }

    /// Whether a `{scope}` stands in one of its strings.
    #[must_use]
    pub fn has_scope(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Text(text) => text.has_scope(),
            Self::Array(items) => items.iter().any(Self::has_scope),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_scope()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_split_at_their_places() {
        let text = |t: &str| Part::Text(t.into());
        #[rustfmt::skip]
        let cases = [
            ("", vec![]),
            ("plain {x}", vec![text("plain {x}")]),
            ("{columns}", vec![Part::Columns]),
            ("a{scope}b{columns}c", vec![text("a"), Part::Scope, text("b"), Part::Columns, text("c")]),
        ];
        for (input, expected) in cases {
            assert_eq!(Template::parse(input).parts(), expected, "{input}");
        }
    }
}
