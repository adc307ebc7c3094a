//! JSON with comments and trailing commas, and no other laxity.

use jsonc_parser::ast;
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions};

use super::format::SyntaxFault;
use super::node::{Entry, Node, Span, Value};

/// Parses `text` into a tree.
pub(super) fn parse(text: &str) -> Result<Node, Vec<SyntaxFault>> {
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Off,
        tokens: false,
    };
    match jsonc_parser::parse_to_ast(text, &collect, &OPTIONS) {
        Ok(parsed) => Ok(parsed
            .value
            .map_or_else(|| empty(text), |value| node(&value))),
        Err(error) => Err(SyntaxFault::alone(
            sentence(&error.kind().to_string()),
            span(error.range()),
        )),
    }
}

/// Comments and trailing commas, as editors' settings have them, too. The parser's defaults accept far more
/// than JSON; a typo must stay a typo.
pub const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn node(value: &ast::Value<'_>) -> Node {
    Node {
        span: span(value.range()),
        value: match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(lit) => Value::Bool(lit.value),
            ast::Value::NumberLit(lit) => Value::Number(lit.value.to_owned()),
            ast::Value::StringLit(lit) => Value::literal(lit.value.clone()),
            ast::Value::Array(array) => Value::List(array.elements.iter().map(node).collect()),
            ast::Value::Object(object) => {
                Value::Object(object.properties.iter().map(entry).collect())
            }
        },
    }
}

fn entry(property: &ast::ObjectProp<'_>) -> Entry {
    Entry {
        key: property.name.as_str().to_owned(),
        key_span: span(property.name.range()),
        value: node(&property.value),
    }
}

/// A file of nothing but comments says nothing: an empty object.
fn empty(text: &str) -> Node {
    Node {
        value: Value::Object(Vec::new()),
        span: text.len()..text.len(),
    }
}

fn span(range: Range) -> Span {
    range.start..range.end
}

/// The parser's messages begin with a capital; ours do not.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
