//! A report as its holder may call it: the columns, methods and parameters that a request can have and pass.
//!
//! What is in here would be allowed by `decide` and `rewrite`; what is left out would be refused.

use super::example;
use super::items::{Items, fixed};
use super::parameter::{List, Parameter, Stands, Values};
use crate::decide::{Holder, client_body};
use crate::domain::column::{Column, View};
use crate::domain::dialect::{
    BodyKind, ColumnPlace, Fixed, IdType, JsonListStyle, ListStyle, OutputFormat, ParameterDefault, Place,
    RequestDialect, ScopePlace, ScopeSlot, Shape, SortSlot,
};
use crate::domain::time::Timestamp;
use crate::policy::{Ids, Methods, Policy, Report, ReportIndex, ScopeGrant};
use std::borrow::Cow;

/// A report that the holder may call.
#[derive(Debug)]
pub(super) struct GrantedReport<'p> {
    pub(super) report: &'p Report,
    /// The columns, in order.
    pub(super) columns: Vec<&'p Column>,
    /// Those that can succeed.
    pub(super) methods: Methods,
    /// What a POST holds.
    pub(super) body: BodyKind,
    pub(super) parameters: Vec<Parameter<'p>>,
}

/// Every report that the holder may call, in the order of the config.
pub(super) fn granted<'p>(policy: &'p Policy, holder: Holder<'p>, now: Timestamp) -> Vec<GrantedReport<'p>> {
    let reports = policy.reports.iter();
    reports.filter_map(|(index, report)| GrantedReport::of(index, report, holder, now)).collect()
}

impl<'p> GrantedReport<'p> {
    /// `None` when the holder can make no request that passes.
    pub(super) fn of(
        index: ReportIndex,
        report: &'p Report,
        holder: Holder<'p>,
        now: Timestamp,
    ) -> Option<Self> {
        let view = holder.view(index).filter(|_| holder.principal().has(report.permission))?;
        let scope = &holder.principal().scope;
        let sees_no_rows = matches!(scope, ScopeGrant::Ids(ids) if ids.is_empty());
        if sees_no_rows && !report.request.scope.slots().is_empty() {
            return None;
        }
        let mut parameters = declared(report, view, now)?;
        parameters.extend(selection(report, view));
        parameters.extend(sorts(report, view));
        parameters.extend(self::scope(report, scope));
        parameters.extend(output(report));
        parameters.extend(cursors(report));
        parameters.extend(allowed(&report.request));
        let is_in_body = |own: &Parameter<'_>| own.stands.is_in_body();
        let needs_body = parameters.iter().any(|own| own.required && is_in_body(own));
        let Methods { get, head, post } = report.methods;
        let methods = Methods { get: get && !needs_body, head: head && !needs_body, post };
        if !post {
            parameters.retain(|own| !is_in_body(own));
        }
        (methods.get || post).then(|| Self {
            report,
            columns: report.catalogue.columns_of(view).collect(),
            methods,
            body: if post { client_body(&report.request) } else { BodyKind::None },
            parameters,
        })
    }

    /// Its title, or its name.
    pub(super) fn title(&self) -> &'p str {
        self.report.title.as_deref().unwrap_or(self.report.name.as_str())
    }
}

/// The title of a column, or its name.
pub(super) fn title(column: &Column) -> &str {
    column.title.as_deref().unwrap_or(column.name.as_str())
}

/// The declared parameters; those that filter by a column that is not granted may not be sent. `None` when such a one is
/// required.
fn declared<'p>(report: &'p Report, view: &View, now: Timestamp) -> Option<Vec<Parameter<'p>>> {
    let dialect = &report.request;
    let mut listed = Vec::with_capacity(dialect.parameters.len());
    for (at, own) in dialect.parameters.iter().enumerate() {
        let spanned = dialect.spans.iter().any(|span| span.from == at || span.to == at);
        let required = own.default.is_none() && (own.required || spanned);
        if own.column.is_some_and(|column| !view.contains(column)) {
            if required {
                return None;
            }
            continue;
        }
        let span = dialect.spans.iter().find(|span| span.to == at);
        let span = span
            .and_then(|span| Some((dialect.parameters.get(span.from)?.client.to_string(), span.max_seconds)));
        listed.push(Parameter {
            required,
            example: required.then(|| example::value(dialect, at, now)).flatten(),
            default: own.default.clone(),
            column: own.column.and_then(|column| Some(report.catalogue.get(column)?.name.as_str())),
            span,
            ..Parameter::optional(Stands::from(&own.client), Values::Typed(&own.kind), "")
        });
    }
    Some(listed)
}

/// Where the holder's own selection of columns is read.
fn selection<'p>(report: &'p Report, view: &View) -> Vec<Parameter<'p>> {
    let mut listed = Vec::new();
    for slot in &report.request.ask {
        let taken = view.iter().filter(|column| slot.takes.contains(column));
        let names: Vec<&str> =
            taken.filter_map(|at| report.catalogue.get(at)).map(|column| column.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let of_form = matches!(slot.place, ColumnPlace::Form { .. });
        let (stands, list) = match &slot.place {
            ColumnPlace::Query { style: ListStyle::Flags { prefix, value }, .. }
            | ColumnPlace::Form { style: ListStyle::Flags { prefix, value }, .. } => {
                let flag = |name: &&str| {
                    let flag = Cow::Owned(format!("{prefix}{name}"));
                    let stands = if of_form { Stands::Form(flag) } else { Stands::Query(flag) };
                    let description = format!("asks for the column {name}");
                    Parameter::optional(stands, Values::Texts(vec![Cow::Borrowed(value)]), &description)
                };
                listed.extend(names.iter().map(flag));
                continue;
            }
            ColumnPlace::Query { name, style } => (Stands::Query(bracketed(name, style)), List::of(style)),
            ColumnPlace::Form { name, style } => (Stands::Form(bracketed(name, style)), List::of(style)),
            ColumnPlace::Json { at, style } => (Stands::Json(at), Some(List::of_json(style))),
            ColumnPlace::Header { name } => (Stands::Header(name.as_str()), Some(List::Csv(","))),
        };
        let names = names.into_iter().map(Cow::Borrowed).collect();
        let description = "the columns wanted, in order; without it, all of them";
        let own = Parameter::optional(stands, Values::Texts(names), description).listed(list);
        listed.push(Parameter { distinct: true, ..own });
    }
    listed
}

/// A name as clients write it.
fn bracketed<'p>(name: &'p str, style: &ListStyle) -> Cow<'p, str> {
    match style {
        ListStyle::Brackets => Cow::Owned(format!("{name}[]")),
        ListStyle::Csv { .. } | ListStyle::Repeat | ListStyle::Flags { .. } => Cow::Borrowed(name),
    }
}

fn sorts<'p>(report: &'p Report, view: &View) -> Vec<Parameter<'p>> {
    let names: Vec<&str> = report.catalogue.columns_of(view).map(|column| column.name.as_str()).collect();
    let sort = |slot: &'p SortSlot| {
        let ascending = names.iter().map(|name| Cow::Owned((*name).to_owned()));
        let descending = names.iter().filter(|_| slot.minus).map(|name| Cow::Owned(format!("-{name}")));
        let values = Values::Texts(ascending.chain(descending).collect());
        let description = if slot.minus {
            "the column to sort by; descending with - before it"
        } else {
            "the column to sort by"
        };
        Parameter::optional(Stands::from(&slot.place), values, description)
    };
    report.request.sort.iter().map(sort).collect()
}

/// Where the holder chooses whose rows it wants: one place of those where the scope is read.
fn scope<'p>(report: &'p Report, scope: &'p ScopeGrant) -> Option<Parameter<'p>> {
    let slots = report.request.scope.slots();
    let is_path = |slot: &&ScopeSlot| matches!(slot.place, ScopePlace::Path { .. });
    let is_outside = |slot: &&ScopeSlot| {
        matches!(slot.place, ScopePlace::Query { .. } | ScopePlace::Header { .. } | ScopePlace::Path { .. })
    };
    let is_free = *scope == ScopeGrant::All;
    let of_path = slots.iter().find(is_path);
    let slot = of_path.or_else(|| slots.iter().find(is_outside)).or(slots.first())?;
    let as_numbers = slots.iter().any(|slot| id_type(&slot.place) == IdType::Number);
    let values = |written: IdType| match scope {
        ScopeGrant::All => Values::AnyId(if as_numbers { IdType::Number } else { written }),
        ScopeGrant::Ids(ids) => own_ids(ids, written),
    };
    let (stands, values, list) = match &slot.place {
        ScopePlace::Query { name, style } => {
            (Stands::Query(bracketed(name, style)), values(IdType::String), List::of(style))
        }
        ScopePlace::Form { name, style } => {
            (Stands::Form(bracketed(name, style)), values(IdType::String), List::of(style))
        }
        ScopePlace::Json { at, style, id_type } => {
            let list = style.as_ref().map_or(List::OneOrArray, List::of_json);
            // What is joined is a text.
            let written =
                if matches!(style, Some(JsonListStyle::Csv { .. })) { IdType::String } else { *id_type };
            (Stands::Json(at), values(written), Some(list))
        }
        ScopePlace::Append { at, item, id_type, allow } => {
            let sendable = item.iter().all(|(_, value)| value.is_scope() || fixed(value).is_some());
            let own = sendable.then_some(&**item);
            if own.is_none() && allow.is_empty() {
                return None;
            }
            let more = item.iter().map(|(name, _)| &**name);
            let more = more.filter(|name| allow.iter().all(|allowed| *allowed.name != **name));
            let names = allow.iter().map(|allowed| &*allowed.name).chain(more).collect();
            let items = Items { own, ids: Box::new(values(*id_type)), allow, names };
            (Stands::Json(at), Values::Items(items), Some(List::Array))
        }
        ScopePlace::Header { name } => {
            (Stands::Header(name.as_str()), values(IdType::String), Some(List::Csv(",")))
        }
        ScopePlace::Path { parameter } => {
            (Stands::Query(Cow::Borrowed(parameter)), values(IdType::String), None)
        }
    };
    let nothing_for_all = slots.iter().all(|slot| slot.all.is_none());
    let required = is_free && (of_path.is_some() || nothing_for_all && has_scope_text(&report.request));
    let description = if required { "whose rows" } else { "whose rows; without it, all that you may see" };
    Some(Parameter {
        required,
        example: required.then(|| "1".to_owned()),
        ..Parameter::optional(stands, values, description).listed(list)
    })
}

/// The ids that the holder may choose from.
fn own_ids(ids: &Ids, written: IdType) -> Values<'_> {
    let numbers: Option<Vec<i64>> = ids.iter().map(|id| id.parse().ok()).collect();
    match (written, numbers) {
        (IdType::Number, Some(numbers)) => Values::Numbers(numbers),
        (IdType::Number | IdType::String, _) => {
            Values::Texts(ids.iter().map(|id| Cow::Borrowed(id.as_str())).collect())
        }
    }
}

fn id_type(place: &ScopePlace) -> IdType {
    match place {
        ScopePlace::Json { id_type, .. } | ScopePlace::Append { id_type, .. } => *id_type,
        ScopePlace::Query { .. }
        | ScopePlace::Form { .. }
        | ScopePlace::Header { .. }
        | ScopePlace::Path { .. } => IdType::String,
    }
}

/// Whether the backend's request holds ids inside of a text, which is then never left out.
fn has_scope_text(dialect: &RequestDialect) -> bool {
    dialect.set.iter().any(|fixed| match fixed {
        Fixed::Query(_, text) | Fixed::Form(_, text) => text.has_scope(),
        Fixed::Json(_, value) => value.has_scope(),
    })
}

/// The parameter that names the format.
fn output(report: &Report) -> Option<Parameter<'_>> {
    let name = report.request.output_parameter.as_deref()?;
    let formats = report.output.iter().filter(|format| **format != OutputFormat::Opaque);
    let formats: Vec<_> = formats.map(|format| Cow::Borrowed(format.as_str())).collect();
    let default = formats.first()?.clone();
    Some(Parameter {
        default: Some(ParameterDefault::Text(default.into())),
        ..Parameter::optional(
            Stands::Query(Cow::Borrowed(name)),
            Values::Texts(formats),
            "the format of the answer, which the Accept header can name, too",
        )
    })
}

/// The parameters that take paging cursors back, each once.
fn cursors(report: &Report) -> Vec<Parameter<'_>> {
    let mut seen: Vec<&Place> = Vec::new();
    let mut listed = Vec::new();
    for cursor in report.response.cursors() {
        if seen.contains(&&cursor.parameter) {
            continue;
        }
        seen.push(&cursor.parameter);
        // Only where the envelope leaves does the client see the member.
        let description = if report.response.output.shape == Shape::Bare {
            "the next page: a cursor of the answer before".to_owned()
        } else {
            format!("the next page: what the answer before holds at {}", cursor.at)
        };
        listed.push(Parameter::optional(Stands::from(&cursor.parameter), Values::Text, &description));
    }
    listed
}

/// What passes as it is.
fn allowed(dialect: &RequestDialect) -> impl Iterator<Item = Parameter<'_>> {
    dialect.allow.iter().map(|place| {
        let (values, list) = match place {
            Place::Json(_) => (Values::Anything, None),
            Place::Query(name) | Place::Form(name) => {
                (Values::Text, name.ends_with("[]").then_some(List::Brackets))
            }
        };
        Parameter::optional(Stands::from(place), values, "").listed(list)
    })
}
