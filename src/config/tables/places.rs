//! Where columns, scope and sort keys stand in a request.

use super::request::IdRule;
use super::{Entry, Fields, Item, Reader, header_name, keys, one_or_more, parameter_name, request};
use crate::config::problem::{Mark, Marked};
use crate::config::secret::quoted;
use crate::domain::column::{Catalogue, Column, ColumnIndex};
use crate::domain::dialect::{
    AllowedMember, ColumnPlace, ColumnSlot, IdType, JsonListStyle, ListStyle, Place, ScopePlace, ScopeRule,
    ScopeSlot, SortSlot,
};
use crate::domain::pointer::Pointer;
use crate::domain::spelling::fold;
use crate::domain::template::{JsonTemplate, Part, Template};
use std::collections::HashSet;

/// The members of a JSON object.
type Members = Box<[(Box<str>, JsonTemplate)]>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum In {
    Query,
    Form,
    Json,
    Header,
    Path,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Csv,
    Repeat,
    Brackets,
    Flags,
    Array,
    Objects,
}

const STYLES: [(&str, Style); 6] = [
    ("csv", Style::Csv),
    ("repeat", Style::Repeat),
    ("brackets", Style::Brackets),
    ("flags", Style::Flags),
    ("array", Style::Array),
    ("objects", Style::Objects),
];

/// A column that is asked for besides the granted ones.
pub(super) struct Hidden {
    /// As the backend calls it in requests.
    pub(super) name: Box<str>,
    /// The same of the catalogue; `None` when it is not there.
    pub(super) column: Option<ColumnIndex>,
    /// Where it is named.
    pub(super) mark: Mark,
}

/// Reads the places of columns, and divides the catalogue and `hidden` between them.
pub(super) fn columns(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    catalogue: &Catalogue,
    hidden: &[Hidden],
) -> Vec<Marked<ColumnSlot>> {
    let (slots, sound) = reader.sound(|reader| grouped_places(reader, item, catalogue));
    let grouped: HashSet<&str> = slots.iter().filter_map(|(group, ..)| group.as_deref()).collect();
    let has_rest = slots.iter().any(|(group, ..)| group.is_none());
    fn in_group<'c>(column: &'c Column, grouped: &HashSet<&str>) -> Option<&'c str> {
        column.group.as_deref().filter(|group| grouped.contains(group))
    }
    let left = catalogue.iter().filter(|(_, column)| in_group(column, &grouped).is_none());
    let left: Vec<_> = left.map(|(_, column)| quoted(column.name.as_str())).collect();
    if !slots.is_empty() && !has_rest && !left.is_empty() && sound {
        reader.error(item, format!("no place takes {}: no group named here has them", left.join(", ")));
    }
    let takes = |group: &Option<Box<str>>| -> Box<[ColumnIndex]> {
        let taken = catalogue.iter().filter(|(_, column)| in_group(column, &grouped) == group.as_deref());
        taken.map(|(at, _)| at).collect()
    };
    let rest = slots.iter().position(|(group, ..)| group.is_none());
    let takes: Vec<_> = slots.iter().map(|(group, ..)| takes(group)).collect();
    let asked_at = |hidden: &Hidden| {
        let taken = hidden.column.and_then(|column| takes.iter().position(|taken| taken.contains(&column)));
        taken.or(rest).or(takes.len().checked_sub(1))
    };
    let slots: Vec<_> = slots
        .iter()
        .zip(&takes)
        .enumerate()
        .map(|(at, ((_, mark, place), takes))| {
            let hidden: Vec<_> = hidden.iter().filter(|hidden| asked_at(hidden) == Some(at)).collect();
            check_column_names(reader, place, *mark, takes, &hidden, catalogue);
            let hidden = hidden.into_iter().map(|hidden| hidden.name.clone()).collect();
            Marked { value: ColumnSlot { place: place.clone(), takes: takes.clone(), hidden }, mark: *mark }
        })
        .collect();
    slots
}

/// Places of columns, each with the group that it takes; no group: what the others leave.
fn grouped_places(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    catalogue: &Catalogue,
) -> Vec<(Option<Box<str>>, Mark, ColumnPlace)> {
    let mut slots: Vec<(Option<Box<str>>, Mark, ColumnPlace)> = Vec::new();
    for fields in one_or_more(reader, item, &keys::COLUMNS_AT) {
        let Some(place) = column_place(reader, &fields) else { continue };
        let group = fields.read("group", |item| reader.filled(item)).map(Box::<str>::from);
        if slots.iter().any(|(other, ..)| *other == group) {
            let at = fields.get("group").map_or(fields.at, |item| reader.at(item));
            reader.problems.error(at, "another place takes the same columns; `group` picks which go where");
        }
        if let (Some(name), Some(item)) = (&group, fields.get("group")) {
            let known: HashSet<&str> =
                catalogue.iter().filter_map(|(_, column)| column.group.as_deref()).collect();
            if !known.contains(&**name) {
                let at = reader.at(item);
                reader.problems.unknown(at, "group", name, known.into_iter());
            }
        }
        slots.push((group, fields.at, place));
    }
    slots
}

fn column_place(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<ColumnPlace> {
    let words = [("query", In::Query), ("form", In::Form), ("json", In::Json), ("header", In::Header)];
    let part = fields.required(reader, "in").and_then(|item| reader.choice(item, &words))?;
    let style = fields.read("style", |item| reader.choice(item, &STYLES));
    let place = match part {
        In::Query | In::Form => {
            let style = list_style(reader, fields, style)?;
            let name = match style {
                ListStyle::Flags { .. } => {
                    fields.refuse(reader, &["name"], "is not for style flags; use `prefix`");
                    Box::default()
                }
                ListStyle::Csv { .. } | ListStyle::Repeat | ListStyle::Brackets => {
                    named(reader, fields, &style)?
                }
            };
            if part == In::Query {
                ColumnPlace::Query { name, style }
            } else {
                ColumnPlace::Form { name, style }
            }
        }
        In::Json => {
            let style = json_style(reader, fields, Some(style.unwrap_or(Style::Array)))?;
            let at = fields.required(reader, "at").and_then(|item| reader.parsed(item, member))?;
            ColumnPlace::Json { at, style: style? }
        }
        In::Header | In::Path => ColumnPlace::Header { name: header(reader, fields, style)? },
    };
    refuse_foreign_keys(reader, fields, part, style);
    Some(place)
}

/// Reads whose rows a report gives: `"credential"`, `"public"`, or places.
pub(super) fn scope(
    reader: &mut Reader<'_>,
    request: Option<&Fields<'_>>,
    report: &Fields<'_>,
    template_in_path: bool,
) -> (ScopeRule, Vec<Marked<ScopeSlot>>, IdRule) {
    let at = report.get("backend_path").map_or(report.at, |item| reader.at(item));
    let item = request.and_then(|fields| fields.get("scope"));
    if let Some(item) = item.filter(|item| item.get_ref().is_str()) {
        if template_in_path {
            reader.error(item, "`backend_path` holds {scope}, so the scope has a place");
        }
        return (scope_word(reader, item), Vec::new(), IdRule::default());
    }
    let ((mut slots, mut ids), sound) = reader.sound(|reader| {
        let (mut slots, mut ids) = (Vec::new(), IdRule::default());
        let places = item.map(|item| one_or_more(reader, item, &keys::SCOPE_AT)).unwrap_or_default();
        for fields in places {
            let Some(slot) = scope_slot(reader, &fields, &mut ids) else { continue };
            if matches!(slot.place, ScopePlace::Path { .. }) && !template_in_path {
                reader.problems.error(fields.at, "`backend_path` holds no {scope}");
            }
            slots.push(Marked { value: slot, mark: fields.at });
        }
        (slots, ids)
    });
    let named = slots.iter().any(|slot| matches!(slot.value.place, ScopePlace::Path { .. }));
    if template_in_path && !named {
        let place = ScopePlace::Path { parameter: "scope".into() };
        slots.push(Marked { value: ScopeSlot { place, all: None }, mark: at });
    }
    ids.single |= template_in_path;
    ids.plain |= template_in_path;
    let misspelt = request.is_some_and(|fields| fields.misspells("scope")) || report.misspells("request");
    if slots.is_empty() && !misspelt && sound {
        let message = "a report needs a `scope` in its request: places for the ids of its holder, or \"credential\", or \"public\"";
        let at = item.map_or(request.map_or(at, |fields| fields.at), |item| reader.at(item));
        reader.problems.error(at, message);
    }
    let rule = ScopeRule::Slots(slots.iter().map(|slot| slot.value.clone()).collect());
    (rule, slots, ids)
}

/// A scope that stands in no place of the request.
fn scope_word(reader: &mut Reader<'_>, item: Item<'_>) -> ScopeRule {
    if item.get_ref().as_str() == Some("implied") {
        reader.error(item, "a scope implied by the principal's own credentials is written \"credential\"");
        return ScopeRule::Public;
    }
    match reader.choice(item, &[("credential", true), ("public", false)]) {
        Some(true) => ScopeRule::Credential,
        Some(false) | None => ScopeRule::Public,
    }
}

fn scope_slot(reader: &mut Reader<'_>, fields: &Fields<'_>, ids: &mut IdRule) -> Option<ScopeSlot> {
    let words = [
        ("query", In::Query),
        ("form", In::Form),
        ("json", In::Json),
        ("header", In::Header),
        ("path", In::Path),
    ];
    let part = fields.required(reader, "in").and_then(|item| reader.choice(item, &words))?;
    let style = fields.read("style", |item| reader.choice(item, &STYLES));
    let place = match part {
        In::Query | In::Form => {
            if style == Some(Style::Flags) {
                fields.refuse(reader, &["style"], "flags is for columns only");
                return None;
            }
            let list = list_style(reader, fields, style)?;
            if let ListStyle::Csv { separator } = &list {
                ids.separators.push(separator.clone());
            }
            let name = named(reader, fields, &list)?;
            if part == In::Query {
                ScopePlace::Query { name, style: list }
            } else {
                ScopePlace::Form { name, style: list }
            }
        }
        In::Json => json_scope(reader, fields, style, ids)?,
        In::Header => {
            ids.header = true;
            ScopePlace::Header { name: header(reader, fields, style)? }
        }
        In::Path => {
            let parameter = fields.read("name", |item| reader.parsed(item, parameter_name));
            ScopePlace::Path { parameter: parameter.unwrap_or_else(|| "scope".into()) }
        }
    };
    refuse_foreign_keys(reader, fields, part, style);
    if part == In::Path {
        fields.refuse(reader, &["all"], "has no meaning in a path");
    }
    let all: Option<Box<str>> = fields.read("all", |item| reader.text(item)).map(Into::into);
    ids.all.extend(all.clone());
    Some(ScopeSlot { place, all })
}

fn json_scope(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    style: Option<Style>,
    ids: &mut IdRule,
) -> Option<ScopePlace> {
    let at = fields.required(reader, "at").and_then(|item| reader.parsed(item, member));
    let types = [("string", IdType::String), ("number", IdType::Number)];
    let id_type = fields.read("type", |item| reader.choice(item, &types)).unwrap_or(IdType::String);
    ids.number |= id_type == IdType::Number;
    if let Some(item) = fields.get("append") {
        fields.refuse(reader, &["style", "separator", "key"], "does not go with `append`");
        let item = appended(reader, item);
        let allow = fields.read("append_allow", |allow| append_allow(reader, allow, item.as_deref()));
        return Some(ScopePlace::Append { at: at?, item: item?, id_type, allow: allow.unwrap_or_default() });
    }
    fields.refuse(reader, &["append_allow"], "needs `append`");
    let style = json_style(reader, fields, style)?;
    if let Some(JsonListStyle::Csv { separator }) = &style {
        ids.separators.push(separator.clone());
    }
    Some(ScopePlace::Json { at: at?, style, id_type })
}

/// The members of an appended item, exactly one of which is the scope.
fn appended(reader: &mut Reader<'_>, item: Item<'_>) -> Option<Members> {
    let entries = reader.table(item)?;
    let (members, sound) = reader.sound(|reader| {
        let member = |entry: Entry<'_>| {
            let value = request::json_template(reader, entry.item)?;
            let holds = |is: fn(&Template) -> bool| !value.is_scope() && request::any_template(&value, &is);
            if holds(Template::has_scope) || holds(Template::has_columns) {
                reader.error(entry.item, "only one member may hold {scope}, and nothing besides");
            }
            Some((entry.key.into(), value))
        };
        entries.into_iter().map(member).collect::<Option<Members>>()
    });
    let members = members?;
    if sound && members.iter().filter(|(_, value)| value.is_scope()).count() != 1 {
        reader.error(item, "exactly one member must be \"{scope}\"");
    }
    Some(members)
}

/// Which client items of an appended array may pass: never one that could be a scope of its own.
fn append_allow(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    appended: Option<&[(Box<str>, JsonTemplate)]>,
) -> Option<Box<[AllowedMember]>> {
    let entries = reader.table(item)?;
    let mut told_apart = false;
    let (allowed, sound) = reader.sound(|reader| {
        let member = |entry: Entry<'_>| {
            let values = reader.texts(entry.item)?;
            if values.is_empty() {
                reader.error(entry.item, "names no value");
            }
            let own = appended.unwrap_or_default().iter().find(|(name, _)| **name == *entry.key);
            if let Some((_, JsonTemplate::Text(own))) = own {
                let same = |value: &&Marked<Box<str>>| match own.parts() {
                    [Part::Text(own)] => fold(own) == fold(&value.value),
                    _ => false,
                };
                match values.iter().find(same) {
                    Some(value) => {
                        let message =
                            "this is what the gate's own item holds, so a client could add to its scope";
                        reader.problems.error(value.mark, message);
                    }
                    None => told_apart |= own.parts() != [Part::Scope],
                }
            }
            let values = values.into_iter().map(|value| value.value).collect();
            Some(AllowedMember { name: entry.key.into(), values })
        };
        entries.into_iter().map(member).collect::<Option<Box<[_]>>>()
    });
    if !told_apart && appended.is_some() && sound {
        let message =
            "must name a fixed text member of `append`, so that client items are told from the scope";
        reader.error(item, message);
    }
    allowed
}

/// Reads the parameters that name a column to sort by.
pub(super) fn sort(reader: &mut Reader<'_>, item: Item<'_>) -> Vec<Marked<SortSlot>> {
    let words = [("query", In::Query), ("form", In::Form), ("json", In::Json)];
    let mut slots = Vec::new();
    for fields in one_or_more(reader, item, &keys::SORT_AT) {
        let minus = fields.read("minus", |item| reader.boolean(item)).unwrap_or(false);
        let part = fields.required(reader, "in").and_then(|item| reader.choice(item, &words));
        let mut name =
            || fields.required(reader, "name").and_then(|item| reader.parsed(item, parameter_name));
        let place = match part {
            Some(In::Query) => name().map(Place::Query),
            Some(In::Form) => name().map(Place::Form),
            Some(In::Json) => {
                fields.refuse(reader, &["name"], "is not for in = \"json\"; use `at`");
                fields.required(reader, "at").and_then(|item| reader.parsed(item, member)).map(Place::Json)
            }
            Some(In::Header | In::Path) | None => None,
        };
        if part != Some(In::Json) {
            fields.refuse(reader, &["at"], "is for in = \"json\" only");
        }
        slots.extend(place.map(|place| Marked { value: SortSlot { place, minus }, mark: fields.at }));
    }
    slots
}

/// A JSON Pointer to a member; not the whole body.
pub(super) fn member(text: &str) -> Result<Pointer, String> {
    let at = Pointer::parse(text).map_err(|error| error.to_string())?;
    if at.is_root() { Err("expected a member, not the whole body".to_owned()) } else { Ok(at) }
}

fn named(reader: &mut Reader<'_>, fields: &Fields<'_>, style: &ListStyle) -> Option<Box<str>> {
    let item = fields.required(reader, "name")?;
    let name = reader.parsed(item, parameter_name)?;
    if *style == ListStyle::Brackets && name.ends_with("[]") {
        reader.error(item, "style brackets adds the [] itself");
    }
    Some(name)
}

fn header(reader: &mut Reader<'_>, fields: &Fields<'_>, style: Option<Style>) -> Option<http::HeaderName> {
    if style.is_some_and(|style| style != Style::Csv) {
        fields.refuse(reader, &["style"], "is csv in a header");
    }
    fields.refuse(reader, &["separator"], "is a comma in a header");
    fields.required(reader, "name").and_then(|item| reader.parsed(item, header_name))
}

fn list_style(reader: &mut Reader<'_>, fields: &Fields<'_>, style: Option<Style>) -> Option<ListStyle> {
    match style.unwrap_or(Style::Csv) {
        Style::Csv => Some(ListStyle::Csv { separator: separator(reader, fields) }),
        Style::Repeat => Some(ListStyle::Repeat),
        Style::Brackets => Some(ListStyle::Brackets),
        Style::Flags => {
            let prefix = fields.read("prefix", |item| reader.text(item)).unwrap_or_default().into();
            let value = fields.read("value", |item| reader.text(item)).unwrap_or("1").into();
            Some(ListStyle::Flags { prefix, value })
        }
        Style::Array | Style::Objects => {
            fields.refuse(reader, &["style"], "array and objects are for in = \"json\" only");
            None
        }
    }
}

/// `Some(None)`: no style was named.
fn json_style(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    style: Option<Style>,
) -> Option<Option<JsonListStyle>> {
    match style {
        None => Some(None),
        Some(Style::Array) => Some(Some(JsonListStyle::Array)),
        Some(Style::Csv) => Some(Some(JsonListStyle::Csv { separator: separator(reader, fields) })),
        Some(Style::Objects) => {
            let key = fields.required(reader, "key").and_then(|item| reader.filled(item))?;
            Some(Some(JsonListStyle::Objects { key: key.into() }))
        }
        Some(Style::Repeat | Style::Brackets | Style::Flags) => {
            fields.refuse(reader, &["style"], "is array, objects or csv with in = \"json\"");
            None
        }
    }
}

fn separator(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Box<str> {
    fields.read("separator", |item| reader.filled(item)).unwrap_or(",").into()
}

/// Reports keys that have no meaning where and how the values stand.
fn refuse_foreign_keys(reader: &mut Reader<'_>, fields: &Fields<'_>, part: In, style: Option<Style>) {
    let mut refuse = |key: &str, fits: bool, reason: &str| {
        if !fits && fields.knows(key) {
            fields.refuse(reader, &[key], reason);
        }
    };
    refuse("at", part == In::Json, "is for in = \"json\" only");
    refuse("name", part != In::Json, "is not for in = \"json\"; use `at`");
    refuse("type", part == In::Json, "is for in = \"json\" only");
    refuse("append", part == In::Json, "is for in = \"json\" only");
    refuse("append_allow", part == In::Json, "is for in = \"json\" only");
    refuse("style", part != In::Path, "has no meaning in a path");
    refuse("key", part == In::Json && style == Some(Style::Objects), "is for style objects only");
    refuse("prefix", style == Some(Style::Flags), "is for style flags only");
    refuse("value", style == Some(Style::Flags), "is for style flags only");
    let csv = style == Some(Style::Csv) || (style.is_none() && matches!(part, In::Query | In::Form));
    refuse("separator", csv || part == In::Header, "is for style csv only");
}

/// Refuses columns whose request name the place could not hold.
fn check_column_names(
    reader: &mut Reader<'_>,
    place: &ColumnPlace,
    mark: Mark,
    takes: &[ColumnIndex],
    hidden: &[&Hidden],
    catalogue: &Catalogue,
) {
    let separator = match place {
        ColumnPlace::Query { style: ListStyle::Csv { separator }, .. }
        | ColumnPlace::Form { style: ListStyle::Csv { separator }, .. }
        | ColumnPlace::Json { style: JsonListStyle::Csv { separator }, .. } => &**separator,
        ColumnPlace::Header { .. } => ",",
        ColumnPlace::Query { .. } | ColumnPlace::Form { .. } | ColumnPlace::Json { .. } => return,
    };
    let in_header = matches!(place, ColumnPlace::Header { .. });
    let fits = |name: &str| {
        let visible = name.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        !name.contains(separator) && (!in_header || visible)
    };
    const REASON: &str = "holds what separates columns here, or cannot stand in a header";
    for column in takes.iter().filter_map(|at| catalogue.get(*at)).filter(|column| !fits(&column.request)) {
        let name = quoted(&column.request);
        reader.problems.error(mark, format!("the request name {name} of column `{}` {REASON}", column.name));
    }
    // Those of the catalogue were looked at.
    for hidden in hidden.iter().filter(|hidden| hidden.column.is_none() && !fits(&hidden.name)) {
        let message = format!("{} is asked for in `columns`, and {REASON}", quoted(&hidden.name));
        reader.problems.error(hidden.mark, message);
    }
}
