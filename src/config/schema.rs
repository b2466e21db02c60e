//! The JSON Schema of the config, made from the same tables that the reader uses.

use super::keys::{self, Kind, TableSpec};
use serde_json::{Value, json};

/// The JSON Schema (2020-12) of the config, for editors.
#[must_use]
pub fn schema() -> String {
    let mut root = table(&keys::MAIN);
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("reportgate config"));
    }
    serde_json::to_string_pretty(&root).unwrap_or_default()
}

fn table(spec: &TableSpec) -> Value {
    let mut properties = serde_json::Map::new();
    for key in spec.keys {
        let mut schema = kind(&key.kind);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn kind(of: &Kind) -> Value {
    match of {
        Kind::Text => json!({ "type": "string" }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }),
        Kind::Name => json!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$" }),
        Kind::Pointer => json!({ "type": "string", "pattern": "^(/.*)?$" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        // Editors hand a TOML date-time to the schema as a string.
        Kind::DateTime => json!({ "type": "string", "format": "date-time" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Any => json!({}),
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::Table(spec) => table(spec),
        Kind::Map(value) => json!({ "type": "object", "additionalProperties": kind(value) }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_table() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
        assert_eq!(at("/properties/server/properties/listen/items/type"), "string");
        assert_eq!(at("/properties/backends/additionalProperties/additionalProperties"), false);
        assert_eq!(at("/properties/cache/properties/max_bytes/type"), "string");
    }
}
