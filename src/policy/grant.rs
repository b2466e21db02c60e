//! Grants: what a request for one view of one report needs, compiled once.

use super::report::{Report, ReportIndex};
use crate::domain::column::View;
use crate::domain::dialect::{ColumnPlace, ColumnSlot};
use crate::domain::encode;
use crate::domain::template::{JsonTemplate, Part, Template};
use crate::filter::FilterPlan;
use std::sync::Arc;

/// A view of a report: what grants are found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantKey {
    /// The report.
    pub report: ReportIndex,
    /// The columns, in order.
    pub view: View,
}

/// Columns of a report, ready for requests and answers. Immutable, shared.
#[derive(Debug)]
pub struct Grant {
    /// The columns, in order.
    pub view: View,
    /// How answers are cut to it.
    pub filter: Arc<FilterPlan>,
    /// What stands in each slot of the request dialect, ready to be sent: pairs of a query or form, JSON
    /// text, or the value of a header. Empty, and left out, when no column goes there.
    pub written: Box<[Box<str>]>,
    /// What stands for `{columns}`.
    pub joined: Box<str>,
}

impl Grant {
    /// Compiles a view of a report.
    #[must_use]
    pub fn compile(report: &Report, view: &View) -> Self {
        let write = |slot: &ColumnSlot| {
            let taken = view.iter().filter(|column| slot.takes.contains(column));
            let mut names: Vec<_> =
                taken.filter_map(|at| report.catalogue.get(at)).map(|c| &*c.request).collect();
            push_hidden(&mut names, &slot.hidden);
            if names.is_empty() { Box::default() } else { written(&slot.place, &names).into() }
        };
        let quote = &report.request.column_quote;
        let mut names: Vec<_> = report.catalogue.columns_of(view).map(|column| &*column.request).collect();
        push_hidden(&mut names, &report.request.hidden);
        let quoted: Vec<_> = names.iter().map(|name| format!("{quote}{name}{quote}")).collect();
        Self {
            view: view.clone(),
            filter: Arc::new(FilterPlan::new(&report.response, &report.catalogue, view)),
            written: report.request.columns.iter().map(write).collect(),
            joined: quoted.join(",").into(),
        }
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn weight(&self) -> u32 {
        // Names, plans and tables of one column are some 400 bytes; what does not grow with them, about a KiB.
        u32::try_from(self.view.width()).unwrap_or(u32::MAX).saturating_mul(512).saturating_add(1024)
    }

    /// Fills a template in.
    #[must_use]
    pub fn fill(&self, template: &Template, scope: &str) -> String {
        let parts = template.parts().iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Columns => &*self.joined,
            Part::Scope => scope,
        });
        parts.collect()
    }

    /// Fills a JSON template in and appends its text.
    pub fn fill_json(&self, template: &JsonTemplate, scope: &str, out: &mut String) {
        match template {
            JsonTemplate::Literal(text) => out.push_str(text),
            JsonTemplate::Text(text) => encode::push_json_string(out, &self.fill(text, scope)),
            JsonTemplate::Array(items) => {
                encode::push_json_array(out, items, |out, item| self.fill_json(item, scope, out));
            }
            JsonTemplate::Object(members) => {
                encode::push_json_object(out, members, |out, value| self.fill_json(value, scope, out));
            }
        }
    }
}

/// Appends the names that are asked for besides the granted ones.
fn push_hidden<'a>(names: &mut Vec<&'a str>, hidden: &'a [Box<str>]) {
    for name in hidden {
        if !names.contains(&&**name) {
            names.push(name);
        }
    }
}

/// The names of columns as they stand in a place.
fn written(place: &ColumnPlace, names: &[&str]) -> String {
    let mut out = String::new();
    match place {
        ColumnPlace::Query { name, style } | ColumnPlace::Form { name, style } => {
            encode::push_pairs(&mut out, name, style, names);
        }
        ColumnPlace::Json { style, .. } => {
            encode::push_json_list(&mut out, style, names, encode::push_json_string)
        }
        ColumnPlace::Header { .. } => out = names.join(","),
    }
    out
}

/// Where compiled grants are kept.
pub trait Grants {
    /// The grant of a view; compiled at first use. `report` is the one that `key` names.
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dialect::{JsonListStyle, ListStyle};
    use crate::domain::pointer::Pointer;

    #[test]
    fn columns_are_written_as_their_place_wants_them() {
        let name = || "k".into();
        let at = Pointer::parse("/k").unwrap();
        let flags = ListStyle::Flags { prefix: "ck_".into(), value: "on".into() };
        #[rustfmt::skip]
        let cases = [
            (ColumnPlace::Query { name: name(), style: ListStyle::Csv { separator: ",".into() } }, "k=a%2CTracking%20Code"),
            (ColumnPlace::Query { name: name(), style: ListStyle::Csv { separator: "|".into() } }, "k=a%7CTracking%20Code"),
            (ColumnPlace::Query { name: name(), style: ListStyle::Repeat }, "k=a&k=Tracking%20Code"),
            (ColumnPlace::Form { name: name(), style: ListStyle::Brackets }, "k%5B%5D=a&k%5B%5D=Tracking%20Code"),
            (ColumnPlace::Form { name: "".into(), style: flags }, "ck_a=on&ck_Tracking%20Code=on"),
            (ColumnPlace::Json { at: at.clone(), style: JsonListStyle::Array }, r#"["a","Tracking Code"]"#),
            (ColumnPlace::Json { at: at.clone(), style: JsonListStyle::Objects { key: "c".into() } }, r#"[{"c":"a"},{"c":"Tracking Code"}]"#),
            (ColumnPlace::Json { at, style: JsonListStyle::Csv { separator: ",".into() } }, r#""a,Tracking Code""#),
            (ColumnPlace::Header { name: http::HeaderName::from_static("x-columns") }, "a,Tracking Code"),
        ];
        for (place, expected) in cases {
            assert_eq!(written(&place, &["a", "Tracking Code"]), expected, "{place:?}");
        }
    }
}
