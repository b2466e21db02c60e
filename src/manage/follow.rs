//! Tests of the config that state which columns the backend is asked for follow a change of columns.
//!
//! Only a value that is what the config gave before is changed, and only to what it gives after:
//! a test that fails for another reason still does.

use super::{Draft, ManageError, keys, list};
use crate::config::{self, Case};
use crate::load;
use toml_edit::{Item, TableLike, Value};

/// What a case expects otherwise: table and key, old and new value.
struct Turn {
    table: &'static str,
    key: Option<String>,
    value: Expected,
}

enum Expected {
    /// One text or a list of them.
    Texts(Vec<String>),
    /// JSON text.
    Json(String),
    /// Nothing is sent.
    Nothing,
}

/// Rewrites what cases expect of the requests of a principal, or of everyone; how many cases were changed.
pub(super) fn follow(draft: &mut Draft, principal: Option<&str>) -> Result<usize, ManageError> {
    let has_tests = |document: Result<&mut toml_edit::DocumentMut, ManageError>| {
        document.map_or(true, |document| document.contains_key("test"))
    };
    if !draft.documents().any(has_tests) {
        return Ok(0);
    }
    let (now, path) = (draft.now(), draft.main_path().to_path_buf());
    // Should it not load, that is found and told when the whole change is checked.
    let Ok(after) = config::load_drafts(&path, now, &draft.drafts()) else { return Ok(0) };
    let mut turns: Vec<(&Case, Vec<Turn>)> = Vec::with_capacity(after.cases.len());
    for case in &after.cases {
        let concerned = case.refusal.is_none() && principal.is_none_or(|id| case.principal.as_str() == id);
        let told = |policy| load::told(policy, case, now);
        turns.push((
            case,
            match concerned.then(|| told(draft.policy()).ok().zip(told(&after.policy).ok())) {
                Some(Some((before, after))) => turns_of(case, &before, &after),
                Some(None) | None => Vec::new(),
            },
        ));
    }
    let mut changed = 0;
    let mut turns = turns.into_iter();
    for document in draft.documents() {
        let Some(tests) = document?.get_mut("test") else { continue };
        for test in tables(tests) {
            // The config reads them in the same order.
            let Some((case, turns)) = turns.next() else { return Ok(changed) };
            if keys::text(test, "as").as_deref() != Some(case.principal.as_str()) || turns.is_empty() {
                continue;
            }
            turns.into_iter().for_each(|turn| turn.make(test));
            changed += 1;
        }
    }
    Ok(changed)
}

/// The tests of a file, as `[[test]]` tables or inline ones.
fn tables(item: &mut Item) -> Box<dyn Iterator<Item = &mut dyn TableLike> + '_> {
    match item {
        Item::ArrayOfTables(tables) => Box::new(tables.iter_mut().map(|table| table as &mut dyn TableLike)),
        Item::Value(Value::Array(tables)) => Box::new(
            tables.iter_mut().filter_map(|table| Some(table.as_inline_table_mut()? as &mut dyn TableLike)),
        ),
        Item::None | Item::Table(_) | Item::Value(_) => Box::new(std::iter::empty()),
    }
}

fn turns_of(case: &Case, before: &Case, after: &Case) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut turn = |is_turned: bool, table, key: Option<&str>, value: &dyn Fn() -> Expected| {
        if is_turned {
            turns.push(Turn { table, key: key.map(str::to_owned), value: value() });
        }
    };
    let path = (&case.backend_path, &before.backend_path, &after.backend_path);
    turn(path.0 == path.1 && path.1 != path.2, "backend_path", None, &|| {
        Expected::Texts(after.backend_path.iter().cloned().collect())
    });
    let pairs = [
        ("backend_query", &case.backend_query, &before.backend_query, &after.backend_query),
        ("backend_form", &case.backend_form, &before.backend_form, &after.backend_form),
    ];
    for (table, case, before, after) in pairs {
        for ((stated, before), after) in case.iter().zip(before).zip(after) {
            turn(stated == before && before != after, table, Some(&stated.0), &|| {
                Expected::Texts(after.1.clone())
            });
        }
    }
    let headers = case.backend_header.iter().zip(&before.backend_header).zip(&after.backend_header);
    for ((stated, before), after) in headers {
        turn(stated == before && before != after, "backend_header", Some(stated.0.as_str()), &|| {
            if after.1.is_empty() { Expected::Nothing } else { Expected::Texts(vec![after.1.clone()]) }
        });
    }
    for ((stated, before), after) in
        case.backend_json.iter().zip(&before.backend_json).zip(&after.backend_json)
    {
        turn(stated == before && before != after, "backend_json", Some(&stated.0.to_string()), &|| {
            if after.1.is_empty() { Expected::Nothing } else { Expected::Json(after.1.clone()) }
        });
    }
    turns
}

impl Turn {
    fn make(self, test: &mut dyn TableLike) {
        let Some(item) = (match &self.key {
            None => test.get_mut(self.table),
            Some(key) => {
                let table = test.get_mut(self.table).and_then(Item::as_table_like_mut);
                table.and_then(|table| {
                    let named = |(name, _): &(toml_edit::KeyMut<'_>, &mut Item)| {
                        // Names of headers are not case-sensitive.
                        name.get() == key
                            || (self.table == "backend_header" && name.eq_ignore_ascii_case(key))
                    };
                    table.iter_mut().find(named).map(|(_, item)| item)
                })
            }
        }) else {
            return;
        };
        match self.value {
            Expected::Texts(texts) => set_texts(item, &texts),
            Expected::Json(text) => {
                let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
                if let Some(new) = json.as_ref().and_then(keys::written) {
                    match (all_texts(&new), item.as_array_mut()) {
                        (Some(texts), Some(array)) => list::set(array, &texts),
                        (_, _) => set_value(item, new),
                    }
                }
            }
            Expected::Nothing => {
                if let (Some(key), Some(table)) =
                    (&self.key, test.get_mut(self.table).and_then(Item::as_table_like_mut))
                {
                    keys::take_out(table, key);
                }
            }
        }
    }
}

fn set_texts(item: &mut Item, texts: &[String]) {
    match (item.as_array_mut(), texts) {
        (Some(array), _) => list::set(array, texts),
        (None, [one]) => set_value(item, one.as_str().into()),
        (None, _) => set_value(item, keys::texts(texts)),
    }
}

/// Sets a value and keeps what stands around the old one.
fn set_value(item: &mut Item, mut new: Value) {
    if let Some(old) = item.as_value() {
        *new.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(new);
}

/// The texts of a list of nothing else.
fn all_texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}
