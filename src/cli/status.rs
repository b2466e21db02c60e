//! `status`: what the running gate says about itself, from its `/status`.

use super::ask::{self, Target};
use super::{Failure, Format, print};
use clap::Args;
use http::StatusCode;
use serde_json::Value;
use std::path::Path;

/// Options of `status`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Asks the gate that runs with the config at `path`.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let admin = options.target.place(path)?;
    let (status, body) = ask::get(&admin, "/status")?;
    if status != StatusCode::OK {
        return Err(Failure::Plain(format!("{admin}/status answered {status}")));
    }
    let unreadable = |error| Failure::because(format!("cannot read the answer of {admin}/status"), error);
    let answer: Value = serde_json::from_slice(&body).map_err(unreadable)?;
    match options.format {
        Format::Table => print(&table(&answer)),
        Format::Json => print(&format!("{answer:#}\n")),
    }
}

/// One line per member, members of members as `outer.inner`; deeper values stay JSON.
fn table(answer: &Value) -> String {
    let mut lines = Vec::new();
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::Object(members) => {
                lines.extend(members.iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                lines.push((name.clone(), value));
            }
        }
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.iter().map(|(name, value)| format!("{name:width$}  {}\n", cell(value, width))).collect()
}

/// A value as people read it; the items of a list below each other.
fn cell(value: &Value, indent: usize) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            items.join(&format!("\n{:indent$}  ", ""))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_become_tables() {
        #[rustfmt::skip]
        let cases = [
            (json!({"generation": 3, "held": null}), "generation  3\nheld        -\n"),
            (json!({"tokens": {"active": 2, "expired": 0}}), "tokens.active   2\ntokens.expired  0\n"),
            (json!({"last_reload": {"ok": false, "problems": ["a.toml:1:1: x", "a.toml:2:1: y"]}}),
                "last_reload.ok        false\nlast_reload.problems  a.toml:1:1: x\n                      a.toml:2:1: y\n"),
            (json!({"restart_needed": [], "version": "0.1.0"}), "restart_needed  -\nversion         0.1.0\n"),
            (json!({"a": {"b": {"c": 1}}}), "a.b  {\"c\":1}\n"),
            (json!([1]), ""),
        ];
        for (answer, expected) in cases {
            assert_eq!(table(&answer), expected);
        }
    }
}
