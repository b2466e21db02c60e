//! Path, query and body of the backend's request, from what was parsed and granted.
//!
//! Every name and value is written anew; of the client's bytes only allowed JSON values keep their text.

use super::document::Document;
use super::scope::Scope;
use super::sent::{Sent, Side};
use crate::decide::{Denial, Permit};
use crate::domain::dialect::{
    BodyKind, ColumnPlace, Fixed, Parameter, ParameterType, Place, RequestDialect, ScopePlace,
};
use crate::domain::encode;
use crate::domain::template::Part;
use crate::policy::Grant;
use std::borrow::Cow;

/// Everything the backend's request is built of.
pub(super) struct Contents<'a> {
    pub(super) permit: &'a Permit<'a>,
    pub(super) grant: &'a Grant,
    pub(super) scope: Scope<'a>,
    /// By their place in the dialect.
    pub(super) parameters: Vec<Option<Cow<'a, str>>>,
    /// By their place in the dialect, under the backend's names.
    pub(super) sorts: Vec<Option<Cow<'a, str>>>,
    /// Opened, as their places want them, by their place in the dialect.
    pub(super) cursors: Vec<Option<String>>,
    pub(super) sent: &'a Sent<'a>,
}

impl<'a> Contents<'a> {
    fn dialect(&self) -> &'a RequestDialect {
        &self.permit.report().request
    }

    /// What stands for `{scope}` in a text that has one.
    fn scope_text(&self, has_scope: bool) -> Result<String, Denial> {
        if has_scope { self.scope.joined(self.dialect().scope.slots()) } else { Ok(String::new()) }
    }

    /// Path and query, encoded.
    pub(super) fn path_and_query(&self) -> Result<String, Denial> {
        let path = &self.permit.report().backend_path;
        let scope = self.scope_text(path.has_scope())?;
        let mut out = String::with_capacity(256);
        out.push_str(&self.permit.backend().base_path);
        for part in path.parts() {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Columns => encode::push_path_list(&mut out, &self.grant.joined),
                Part::Scope => encode::push_path_list(&mut out, &scope),
            }
        }
        out.push('?');
        self.push_pairs(Side::Query, &mut out)?;
        for (name, value) in &self.permit.credential().query {
            encode::push_pair(&mut out, name, value);
        }
        if out.ends_with('?') {
            out.pop();
        }
        Ok(out)
    }

    /// The body; empty where the backend gets none. `members` are the client's.
    pub(super) fn body(&'a self, members: Document<'a>) -> Result<String, Denial> {
        let mut out = String::new();
        match self.dialect().body {
            BodyKind::None => {}
            BodyKind::Form => self.push_pairs(Side::Form, &mut out)?,
            BodyKind::Json => self.document(members)?.write(&mut out),
        }
        Ok(out)
    }

    /// The pairs of a query or form.
    fn push_pairs(&self, side: Side, out: &mut String) -> Result<(), Denial> {
        let dialect = self.dialect();
        for fixed in &dialect.set {
            let (Fixed::Query(name, template) | Fixed::Form(name, template)) = fixed else { continue };
            if matches!(fixed, Fixed::Query(..)) == (side == Side::Query) {
                let scope = self.scope_text(template.has_scope())?;
                encode::push_pair(out, name, &self.grant.fill(template, &scope));
            }
        }
        for (parameter, value) in dialect.parameters.iter().zip(&self.parameters) {
            if let (Some(name), Some(value)) = (side.name(&parameter.backend), value) {
                encode::push_pair(out, name, value);
            }
        }
        for (slot, value) in dialect.sort.iter().zip(&self.sorts) {
            if let (Some(name), Some(value)) = (side.name(&slot.place), value) {
                encode::push_pair(out, name, value);
            }
        }
        for (cursor, value) in self.permit.report().response.cursors().iter().zip(&self.cursors) {
            if let (Some(name), Some(value)) = (side.name(&cursor.parameter), value) {
                encode::push_pair(out, name, value);
            }
        }
        for pair in if side == Side::Query { &self.sent.query } else { &self.sent.form } {
            encode::push_pair(out, &pair.name, &pair.value);
        }
        for (slot, written) in dialect.columns.iter().zip(&self.grant.written) {
            let here = match slot.place {
                ColumnPlace::Query { .. } => side == Side::Query,
                ColumnPlace::Form { .. } => side == Side::Form,
                ColumnPlace::Json { .. } | ColumnPlace::Header { .. } => false,
            };
            if here && !written.is_empty() {
                encode::push_encoded(out, written);
            }
        }
        for slot in dialect.scope.slots() {
            match (&slot.place, side) {
                (ScopePlace::Query { name, style }, Side::Query)
                | (ScopePlace::Form { name, style }, Side::Form) => {
                    self.scope.push_pairs(slot, name, style, out);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The JSON body: the client's members, then everything the gate sets.
    fn document(&'a self, mut document: Document<'a>) -> Result<Document<'a>, Denial> {
        let dialect = self.dialect();
        for fixed in &dialect.set {
            if let Fixed::Json(at, template) = fixed {
                let mut text = String::new();
                self.grant.fill_json(template, &self.scope_text(template.has_scope())?, &mut text);
                document.set(at, text);
            }
        }
        for (parameter, value) in dialect.parameters.iter().zip(&self.parameters) {
            if let (Place::Json(at), Some(value)) = (&parameter.backend, value) {
                document.set(at, json_text(parameter, value));
            }
        }
        for (slot, value) in dialect.sort.iter().zip(&self.sorts) {
            if let (Place::Json(at), Some(value)) = (&slot.place, value) {
                document.set(at, json_string(value));
            }
        }
        for (cursor, value) in self.permit.report().response.cursors().iter().zip(&self.cursors) {
            if let (Place::Json(at), Some(value)) = (&cursor.parameter, value) {
                document.set(at, value.clone());
            }
        }
        for (slot, written) in dialect.columns.iter().zip(&self.grant.written) {
            if let (ColumnPlace::Json { at, .. }, false) = (&slot.place, written.is_empty()) {
                document.set(at, written.to_string());
            }
        }
        for (number, slot) in dialect.scope.slots().iter().enumerate() {
            let sent = self.sent.items.iter().filter(|(own, _)| *own == number);
            let sent: Vec<_> = sent.map(|(_, raw)| *raw).collect();
            let (ScopePlace::Json { at, .. } | ScopePlace::Append { at, .. }) = &slot.place else { continue };
            if let Some(text) = self.scope.json(slot, &sent, self.grant) {
                document.set(at, text);
            }
        }
        Ok(document)
    }
}

impl Side {
    fn name(self, place: &Place) -> Option<&str> {
        match (self, place) {
            (Self::Query, Place::Query(name)) | (Self::Form, Place::Form(name)) => Some(name),
            _ => None,
        }
    }
}

/// A checked value as JSON: numbers and booleans with the text they were sent with.
fn json_text(parameter: &Parameter, value: &str) -> String {
    match parameter.kind {
        ParameterType::Integer { .. } | ParameterType::Number | ParameterType::Boolean => value.to_owned(),
        ParameterType::String { .. } | ParameterType::Date | ParameterType::DateTime => json_string(value),
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    encode::push_json_string(&mut out, text);
    out
}
