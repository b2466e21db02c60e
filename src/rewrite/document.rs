//! The JSON body being built: members in order, their values as JSON text.

use crate::domain::encode;
use crate::domain::pointer::Pointer;
use std::borrow::Cow;

/// An object whose values are JSON texts or objects being built.
#[derive(Debug, Default)]
pub(super) struct Document<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

#[derive(Debug)]
enum Node<'a> {
    Text(Cow<'a, str>),
    Object(Document<'a>),
}

impl<'a> Document<'a> {
    /// Sets the value at a pointer, with the objects around it. What stood there is replaced.
    pub(super) fn set(&mut self, at: &'a Pointer, text: String) {
        let path: Vec<_> = at.tokens().collect();
        self.put(&path, Cow::Owned(text));
    }

    /// Sets the value at a path of names; an empty path sets nothing.
    pub(super) fn put(&mut self, path: &[&'a str], text: Cow<'a, str>) {
        let Some((name, rest)) = path.split_first() else { return };
        let node = self.member(name);
        if rest.is_empty() {
            *node = Node::Text(text);
            return;
        }
        if let Node::Text(_) = node {
            *node = Node::Object(Self::default());
        }
        if let Node::Object(inner) = node {
            inner.put(rest, text);
        }
    }

    fn member(&mut self, name: &'a str) -> &mut Node<'a> {
        let at = self.0.iter().position(|(own, _)| own == name).unwrap_or_else(|| {
            self.0.push((Cow::Borrowed(name), Node::Text(Cow::Borrowed("null"))));
            self.0.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was just found or made")]
        &mut self.0[at].1
    }

    /// Appends the object's text.
    pub(super) fn write(&self, out: &mut String) {
        out.push('{');
        for (at, (name, node)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            encode::push_json_string(out, name);
            out.push(':');
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Object(inner) => inner.write(out),
            }
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_pointers_make_objects() {
        let pointers: Vec<_> =
            ["/b", "/a/x", "/a/y~1z", "/b"].iter().map(|text| Pointer::parse(text).unwrap()).collect();
        let mut document = Document::default();
        for (at, text) in pointers.iter().zip(["1", "2.50", "\"s\"", "3"]) {
            document.set(at, text.to_owned());
        }
        let mut out = String::new();
        document.write(&mut out);
        assert_eq!(out, r#"{"b":3,"a":{"x":2.50,"y/z":"s"}}"#);
    }
}
