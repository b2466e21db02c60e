//! Grants: what a request for one view of one report needs, compiled once.

use super::report::{Report, ReportIndex};
use crate::domain::column::View;
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
    /// The columns for each slot of the request dialect, as the backend calls them, in order.
    pub requested: Box<[Box<[Box<str>]>]>,
    /// What stands for `{columns}`.
    pub joined: Box<str>,
}

impl Grant {
    /// Compiles a view of a report.
    #[must_use]
    pub fn compile(report: &Report, view: &View) -> Self {
        let requested = report
            .request
            .columns
            .iter()
            .map(|slot| {
                let taken = view.iter().filter(|column| slot.takes.contains(column));
                taken.filter_map(|at| report.catalogue.get(at)).map(|c| c.request.clone()).collect()
            })
            .collect();
        let quote = &report.request.column_quote;
        let quoted: Vec<_> = report
            .catalogue
            .columns_of(view)
            .map(|column| format!("{quote}{}{quote}", column.request))
            .collect();
        Self {
            view: view.clone(),
            filter: Arc::new(FilterPlan::new(&report.response, report.catalogue.columns_of(view))),
            requested,
            joined: quoted.join(",").into(),
        }
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
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.fill_json(item, scope, out);
                }
                out.push(']');
            }
            JsonTemplate::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    encode::push_json_string(out, name);
                    out.push(':');
                    self.fill_json(value, scope, out);
                }
                out.push('}');
            }
        }
    }
}

/// Where compiled grants are kept.
pub trait Grants {
    /// The grant of a view; compiled at first use. `report` is the one that `key` names.
    fn grant(&self, key: GrantKey, report: &Report) -> Arc<Grant>;
}
