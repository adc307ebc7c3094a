//! TOML into the tree; keys in the order in which they are written.

use ::toml::Spanned;
use ::toml::de::{DeInteger, DeTable, DeValue};

use super::format::SyntaxFault;
use super::node::{Entry, Node, Value};

/// Parses `text` into a tree. The parser recovers, so several syntax faults may come back.
pub(super) fn parse(text: &str) -> Result<Node, Vec<SyntaxFault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let span = table.span();
        return Ok(Node {
            value: object(table.get_ref()),
            span,
        });
    }
    Err(errors.iter().map(fault).collect())
}

fn fault(error: &::toml::de::Error) -> SyntaxFault {
    SyntaxFault {
        message: error.message().to_owned(),
        span: error.span().unwrap_or(0..0),
    }
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    Node {
        span: value.span(),
        value: match value.get_ref() {
            DeValue::String(text) => Value::literal(text.as_ref()),
            DeValue::Integer(integer) => number(integer),
            DeValue::Float(float) => float
                .as_str()
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map_or_else(
                    || Value::literal(float.as_str()),
                    |number| Value::Number(number.to_string()),
                ),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::literal(time.to_string()),
            DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
            DeValue::Table(table) => object(table),
        },
    }
}

fn number(integer: &DeInteger<'_>) -> Value {
    i64::from_str_radix(integer.as_str(), integer.radix()).map_or_else(
        |_| Value::literal(integer.to_string()),
        |value| Value::Number(value.to_string()),
    )
}

/// The table comes sorted by key; the order of models is the order of the file, so it is restored.
fn object(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            value: node(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Object(entries)
}
