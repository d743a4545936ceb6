//! A sweep file being written.

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::failure::Failure;

/// What there is of it so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    base: Table,
    sweep: Table,
    variants: Table,
    /// What could not be taken over, or not as it was.
    pub(crate) notes: Vec<String>,
}

impl Draft {
    /// `key`, as in `server.rounds`, has this value, or varies over these. Nothing is said of an empty list.
    pub(crate) fn put(&mut self, key: &str, mut values: Vec<Value>) {
        match values.len() {
            0 => (),
            1 => set(&mut self.base, key, values.remove(0)),
            _ => set(&mut self.sweep, key, Value::Array(values)),
        }
    }

    /// A piece of a scenario under a name of its own.
    pub(crate) fn variant(&mut self, axis: &str, name: &str, piece: &[(&str, i64)]) {
        let mut table = Table::new();
        for (key, value) in piece {
            set(&mut table, key, Value::Integer(*value));
        }
        let axis = self.variants.entry(axis).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(variants) = axis {
            variants.insert(name.to_owned(), Value::Table(table));
        }
    }

    /// Something that was not taken over as it was.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never: it is made of what TOML has.
    pub(crate) fn text(mut self) -> Result<(String, Vec<String>), Failure> {
        for (name, table) in [("variants", self.variants), ("sweep", self.sweep)] {
            if !table.is_empty() {
                self.base.insert(name.to_owned(), Value::Table(table));
            }
        }
        let text = toml::to_string(&self.base).map_err(|error| Failure::unfinished(&error))?;
        Ok((text, self.notes))
    }
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            match section {
                Value::Table(inner) => set(inner, rest, value),
                Value::Array(entries) => {
                    // `attackers.0.count`: the drafts have one entry.
                    let (_, rest) = rest.split_once('.').unwrap_or((rest, rest));
                    if let Some(Value::Table(inner)) = entries.first_mut() {
                        set(inner, rest, value);
                    }
                }
                _ => (),
            }
        }
    }
}

/// A scalar stands for itself, a list for its alternatives, nothing for nothing.
pub(super) fn alternatives(value: Option<&Json>) -> Vec<Json> {
    match value {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
    }
}

/// A number or a text as TOML has it.
pub(super) fn scalar(value: &Json) -> Option<Value> {
    match value {
        Json::Bool(value) => Some(Value::Boolean(*value)),
        Json::Number(number) => {
            number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Float))
        }
        Json::String(text) => Some(Value::String(text.clone())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
