//! A TOML text as what it is made of: headers and `key = value` lines, each with its place.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml_edit::{Array, Document, InlineTable, Item, Table};

use super::super::node::{Entry, Node, What};
use super::super::{EditError, unreadable};

/// The statements of a text.
pub(super) struct Source {
    /// The whole tree as values.
    pub(super) tree: Value,
    /// The headers, in the order of the text.
    pub(super) headers: Vec<Header>,
    /// The lines of keys and values, in the order of the text.
    pub(super) pairs: Vec<Pair>,
}

/// `[a.b]` or `[[a.b]]`.
pub(super) struct Header {
    /// Its keys.
    pub(super) path: Vec<String>,
    /// Its bytes.
    pub(super) span: Range<usize>,
    /// Which item of a list it is, if it is one.
    pub(super) index: Option<usize>,
    /// Whether it is an item of a list, or below one.
    pub(super) in_list: bool,
}

/// `a.b = value`.
pub(super) struct Pair {
    /// All keys that lead to it, those of the header too.
    pub(super) path: Vec<String>,
    /// How many of them are the header's.
    pub(super) above: usize,
    /// Where its last key is.
    pub(super) key: usize,
    /// The value.
    pub(super) value: Node,
    /// Whether it is in an item of a list of tables.
    pub(super) in_list: bool,
}

impl Source {
    pub(super) fn of(text: &str) -> Result<Self, EditError> {
        // The parser itself bounds the depth and refuses a key that is there twice.
        let document = Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            unreadable(text, at, error.message())
        })?;
        let mut source = Self {
            tree: Value::Null,
            headers: Vec::new(),
            pairs: Vec::new(),
        };
        source.tree = source.table(document.as_table(), &mut Vec::new(), 0, false);
        source.headers.sort_by_key(|header| header.span.start);
        source.pairs.sort_by_key(|pair| pair.key);
        Ok(source)
    }

    fn table(
        &mut self,
        table: &Table,
        path: &mut Vec<String>,
        above: usize,
        in_list: bool,
    ) -> Value {
        let mut tree = Map::new();
        for (key, item) in table {
            path.push(key.to_owned());
            let place = table.get_key_value(key).and_then(|(key, _)| key.span());
            let value = match item {
                Item::None => Value::Null,
                Item::Value(value) => {
                    let value = node(value);
                    let tree = value.value();
                    self.pairs.push(Pair {
                        path: path.clone(),
                        above,
                        key: place.map_or(value.span.start, |place| place.start),
                        value,
                        in_list,
                    });
                    tree
                }
                Item::Table(inner) => {
                    let above = self.header(inner, path, above, None, in_list);
                    self.table(inner, path, above, in_list)
                }
                Item::ArrayOfTables(items) => {
                    let items = items.iter().enumerate().map(|(index, inner)| {
                        let above = self.header(inner, path, above, Some(index), true);
                        self.table(inner, path, above, true)
                    });
                    Value::Array(items.collect())
                }
            };
            path.pop();
            tree.insert(key.to_owned(), value);
        }
        Value::Object(tree)
    }

    /// Notes the header of a table; how many keys it gives to what is below.
    fn header(
        &mut self,
        table: &Table,
        path: &[String],
        above: usize,
        index: Option<usize>,
        in_list: bool,
    ) -> usize {
        if table.is_dotted() {
            return above;
        }
        if let Some(span) = table.span().filter(|_| !table.is_implicit()) {
            self.headers.push(Header {
                path: path.to_vec(),
                span,
                index,
                in_list,
            });
        }
        path.len()
    }
}

fn node(value: &toml_edit::Value) -> Node {
    use toml_edit::Value as Toml;
    let fixed = |text: String| {
        (
            What::Leaf(Value::from(text)),
            Some("JSON has no such value"),
        )
    };
    let (what, fixed) = match value {
        Toml::String(text) => (What::Leaf(Value::from(text.value().as_str())), None),
        Toml::Integer(number) => (What::Leaf(Value::from(*number.value())), None),
        Toml::Float(number) => match Number::from_f64(*number.value()) {
            Some(number) => (What::Leaf(Value::Number(number)), None),
            None => fixed(number.value().to_string()),
        },
        Toml::Boolean(value) => (What::Leaf(Value::Bool(*value.value())), None),
        Toml::Datetime(time) => fixed(time.value().to_string()),
        Toml::Array(items) => (list(items), None),
        Toml::InlineTable(table) => object(table),
    };
    Node {
        span: value.span().unwrap_or_default(),
        what,
        fixed,
    }
}

fn list(items: &Array) -> What {
    What::List(items.iter().map(node).collect())
}

fn object(table: &InlineTable) -> (What, Option<&'static str>) {
    let mut fixed = None;
    let entries = table.iter().map(|(key, value)| {
        let place = table.get_key_value(key).and_then(|(key, _)| key.span());
        if value.as_inline_table().is_some_and(InlineTable::is_dotted) {
            fixed = Some("it has dotted keys inside braces");
        }
        Entry {
            key: key.to_owned(),
            key_span: place.unwrap_or_default(),
            value: node(value),
        }
    });
    let entries = entries.collect();
    (What::Object(entries), fixed)
}
