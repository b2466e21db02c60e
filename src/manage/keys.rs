//! Keys of a principal or a role: read for the audit, and put where their author would have put them.
//!
//! A principal is a table of its own (`[affiliates.acme]`), or stands inline (`acme = { … }`) or in dotted keys
//! (`acme.kind = …`). Every form can be edited but for its tokens, which are tables of their own.

use super::ManageError;
use serde_json::{Map, Value as Json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// The value of a key; [`Item::get_mut`] would make one.
pub(super) fn inner<'t>(table: &'t mut Item, key: &str) -> Option<&'t mut Item> {
    table.as_table_like_mut()?.get_mut(key)
}

/// The list of a key.
pub(super) fn array<'t>(table: &'t mut Item, key: &str) -> Option<&'t mut Array> {
    inner(table, key)?.as_array_mut()
}

/// Sets a value and keeps the comment behind the old one; a new key comes last.
pub(super) fn put(table: &mut Item, key: &str, mut new: Value) -> Result<(), ManageError> {
    if let Some(old) = inner(table, key) {
        if let Some(old) = old.as_value() {
            if json_of(old) == json_of(&new) {
                return Ok(());
            }
            *new.decor_mut() = old.decor().clone();
        }
        *old = Item::Value(new);
        return Ok(());
    }
    match table {
        Item::Table(table) => {
            table.insert(key, Item::Value(new));
            Ok(())
        }
        Item::Value(Value::InlineTable(table)) => put_inline(table, key, new),
        Item::None | Item::Value(_) | Item::ArrayOfTables(_) => Err(not_a_table(key)),
    }
}

/// Appends a key to `{ … }`: what stood in front of the brace stands there still.
fn put_inline(table: &mut InlineTable, key: &str, mut new: Value) -> Result<(), ManageError> {
    if table.to_string().contains('\n') || table.trailing_comma() {
        return Err(ManageError::Refused(format!(
            "`{key}` cannot be added to a table that is written inline over several lines; give it a header of its own"
        )));
    }
    let before_brace = match last_value(table) {
        Some(last) => {
            let suffix = last.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or(" ").to_owned();
            last.decor_mut().set_suffix("");
            suffix
        }
        None => " ".to_owned(),
    };
    new.decor_mut().set_prefix(" ");
    new.decor_mut().set_suffix(before_brace);
    table.insert(key, new);
    Ok(())
}

/// The value that stands last in `{ … }`, where dotted keys are tables of their own.
fn last_value(table: &mut InlineTable) -> Option<&mut Value> {
    let (_, last) = table.iter_mut().last()?;
    if last.as_inline_table().is_some_and(InlineTable::is_dotted) {
        return last.as_inline_table_mut().and_then(last_value);
    }
    Some(last)
}

/// Sets a key inside a table such as `columns`: a dotted key where there is no such table yet.
pub(super) fn put_within(table: &mut Item, outer: &str, inner: &str, new: Value) -> Result<(), ManageError> {
    if let Some(found) = self::inner(table, outer) {
        return put(found, inner, new);
    }
    match table {
        Item::Table(table) => {
            let mut dotted = Table::new();
            dotted.set_dotted(true);
            dotted.insert(inner, Item::Value(new));
            table.insert(outer, Item::Table(dotted));
            Ok(())
        }
        Item::None | Item::Value(_) | Item::ArrayOfTables(_) => {
            let mut nested = InlineTable::new();
            nested.insert(inner, new);
            put(table, outer, Value::InlineTable(nested))
        }
    }
}

/// Takes a key out of a table such as `columns`, and that with it when nothing is left of dotted or inline keys.
pub(super) fn remove_within(table: &mut Item, outer: &str, inner: &str) {
    let Some(found) = self::inner(table, outer).and_then(Item::as_table_like_mut) else { return };
    take_out(found, inner);
    let is_left =
        !found.is_empty() || table.get(outer).and_then(Item::as_table).is_some_and(|t| !t.is_dotted());
    if !is_left && let Some(table) = table.as_table_like_mut() {
        take_out(table, outer);
    }
}

/// Takes a key out of a table; of the comments in front of it only those right above go with it.
pub(super) fn take_out(table: &mut dyn TableLike, key: &str) {
    let prefix = table.key(key).and_then(|key| key.leaf_decor().prefix()?.as_str()).unwrap_or_default();
    let (kept, _) = paragraphs(prefix);
    let kept = kept.to_owned();
    let next = table.iter().map(|(name, _)| name).skip_while(|name| *name != key).nth(1).map(str::to_owned);
    table.remove(key);
    let Some(next) = next.filter(|_| !kept.is_empty()) else { return };
    if let Some(mut next) = table.key_mut(&next) {
        let own = next.leaf_decor().prefix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        next.leaf_decor_mut().set_prefix(format!("{kept}{own}"));
    }
}

/// Takes the table `[group.name]` out with all that stands below it.
pub(super) fn remove_table(document: &mut DocumentMut, group: &str, name: &str) {
    let Some(tables) = document.get_mut(group).and_then(Item::as_table_like_mut) else { return };
    let Some(removed) = tables.get(name).and_then(Item::as_table).filter(|table| !table.is_dotted()).cloned()
    else {
        return take_out(tables, name);
    };
    tables.remove(name);
    // Comments apart from the headers that go belong to what follows.
    let mut kept = Vec::new();
    headers(&removed, &mut |table| kept.extend(comment_apart(table)));
    for (at, comment) in kept.into_iter().rev() {
        keep_behind(document, at, &comment);
    }
}

/// The comments in front of a table that are not its own, and the table's place.
pub(super) fn comment_apart(table: &Table) -> Option<(isize, String)> {
    let prefix = table.decor().prefix().and_then(|raw| raw.as_str()).unwrap_or_default();
    let (apart, _) = paragraphs(prefix);
    Some((table.position()?, apart.to_owned())).filter(|(_, apart)| !apart.is_empty())
}

/// Puts a comment in front of the first header behind a place, or at the end of the document.
pub(super) fn keep_behind(document: &mut DocumentMut, at: isize, comment: &str) {
    prefix_behind(document, at, |own, _| format!("{comment}{own}"));
}

/// Where the last header of a table and of those below it stands.
pub(super) fn last_place(table: &Table) -> Option<isize> {
    let mut last = None;
    headers(table, &mut |table| last = table.position().or(last));
    last
}

/// Takes the comments right behind the table at a place, which a blank line sets off from the next header.
pub(super) fn take_lines_behind(document: &mut DocumentMut, at: isize) -> String {
    let mut lines = String::new();
    prefix_behind(document, at, |own, is_end| {
        let first = own.find("\n\n").map(|end| end + 1).or_else(|| is_end.then_some(own.len()));
        match first.and_then(|end| own.split_at_checked(end)) {
            Some((first, rest)) if own.starts_with('#') => {
                lines = first.to_owned();
                rest.to_owned()
            }
            Some(_) | None => own.to_owned(),
        }
    });
    lines
}

/// Changes what stands in front of the first header behind a place, or, which is told, at the end of the document.
fn prefix_behind(document: &mut DocumentMut, at: isize, change: impl FnOnce(&str, bool) -> String) {
    let mut next: Option<isize> = None;
    headers(document.as_table(), &mut |table| {
        if let Some(place) = table.position().filter(|place| *place > at) {
            next = Some(next.map_or(place, |next| next.min(place)));
        }
    });
    let mut change = Some(change);
    match next {
        Some(next) => headers_mut(document.as_table_mut(), &mut |table| {
            if table.position() == Some(next)
                && let Some(change) = change.take()
            {
                let own = table.decor().prefix().and_then(|raw| raw.as_str()).unwrap_or_default();
                let new = change(own, false);
                table.decor_mut().set_prefix(new);
            }
        }),
        None => {
            if let Some(change) = change {
                let new = change(document.trailing().as_str().unwrap_or_default(), true);
                document.set_trailing(new);
            }
        }
    }
}

/// Visits every table that has a header of its own.
fn headers(table: &Table, visit: &mut dyn FnMut(&Table)) {
    if !table.is_implicit() && !table.is_dotted() {
        visit(table);
    }
    for (_, item) in table.iter() {
        match item {
            Item::Table(inner) => headers(inner, visit),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| headers(inner, visit)),
            Item::None | Item::Value(_) => {}
        }
    }
}

fn headers_mut(table: &mut Table, visit: &mut dyn FnMut(&mut Table)) {
    if !table.is_implicit() && !table.is_dotted() {
        visit(table);
    }
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => headers_mut(inner, visit),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|inner| headers_mut(inner, visit)),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// Comments in front of something: those set off from it by a blank line, and its own.
pub(super) fn paragraphs(prefix: &str) -> (&str, &str) {
    let own = prefix.rfind("\n\n").map_or(0, |blank| blank + 1);
    let (apart, own) = prefix.split_at_checked(own).unwrap_or(("", prefix));
    if apart.contains('#') { (apart, own) } else { ("", prefix) }
}

/// A list of texts.
pub(super) fn texts(list: &[String]) -> Value {
    Value::Array(list.iter().map(String::as_str).collect())
}

/// A value as JSON; dates become text.
pub(super) fn json(item: Option<&Item>) -> Json {
    match item {
        None | Some(Item::None) => Json::Null,
        Some(Item::Value(value)) => json_of(value),
        Some(Item::Table(table)) => json_of_table(table),
        Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| json_of_table(table)).collect(),
    }
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::String(text) => text.value().as_str().into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) => (*number.value()).into(),
        Value::Boolean(is) => (*is.value()).into(),
        Value::Datetime(at) => at.value().to_string().into(),
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::InlineTable(table) => json_of_table(table),
    }
}

fn json_of_table(table: &dyn TableLike) -> Json {
    let members = table.iter().map(|(key, item)| (key.to_owned(), json(Some(item))));
    Json::Object(members.collect::<Map<_, _>>())
}

/// A JSON value as the config writes it; there is no null.
pub(super) fn written(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(is) => (*is).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::Array(items.iter().map(written).collect::<Option<_>>()?),
        Json::Object(members) => {
            let member = |(name, json): (&String, &Json)| Some((name.clone(), written(json)?));
            Value::InlineTable(members.iter().map(member).collect::<Option<_>>()?)
        }
    })
}

/// The texts of a list.
pub(super) fn listed(item: Option<&Item>) -> Vec<String> {
    let items = item.and_then(Item::as_array).into_iter().flatten();
    items.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The text of a key.
pub(super) fn text(table: &dyn TableLike, key: &str) -> Option<String> {
    table.get(key).and_then(Item::as_str).map(str::to_owned)
}

fn not_a_table(key: &str) -> ManageError {
    ManageError::Refused(format!("`{key}` cannot be set: what it belongs to is not a table"))
}
