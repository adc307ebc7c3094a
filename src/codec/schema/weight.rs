//! How much schema a request may bring: rewriting takes several times its size, for every provider anew.

use serde_json::Value;

use crate::chat::request::{Format, Tool};
use crate::chat::{Dialect, Request};
use crate::codec::target::Refusal;

/// Bytes of all the schemas of a request: far more than a model reads as tools.
const MAX_BYTES: usize = 1024 * 1024;

/// Values in them.
const MAX_VALUES: usize = 50_000;

/// Bytes of JSON around a value: marks, a comma.
const OVERHEAD: usize = 4;

/// Refuses a request whose schemas, of all tools and of the answer together, are larger than anybody's
/// tools: it is wrong wherever it goes.
pub fn weigh(request: &Request) -> Result<(), Refusal> {
    let mut room = Room::default();
    for tool in &request.tools {
        let parameters = match tool {
            Tool::Function(function) => function.parameters.as_ref(),
            _ => None,
        };
        if !parameters.is_none_or(|schema| room.takes(schema)) {
            return Err(too_large(name_in_tools(request.dialect)));
        }
    }
    match &request.format {
        Some(Format::Schema { schema, .. }) if !room.takes(schema) => {
            Err(too_large(name_in_format(request.dialect)))
        }
        _ => Ok(()),
    }
}

/// What is left for schemas.
struct Room {
    bytes: usize,
    values: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: MAX_BYTES,
            values: MAX_VALUES,
        }
    }
}

impl Room {
    /// Whether the schema still has room; it is looked at no further than there is.
    fn takes(&mut self, schema: &Value) -> bool {
        let mut open = vec![schema];
        while let Some(value) = open.pop() {
            if self.values == 0 || !self.takes_text(value) {
                return false;
            }
            self.values -= 1;
            match value {
                Value::Array(values) if values.len() <= self.values => open.extend(values),
                Value::Object(node) if node.len() <= self.values => open.extend(node.values()),
                Value::Array(_) | Value::Object(_) => return false,
                _ => {}
            }
        }
        true
    }

    /// Likewise for the text that the value has itself.
    fn takes_text(&mut self, value: &Value) -> bool {
        let bytes = match value {
            Value::String(text) => text.len(),
            Value::Object(node) => node.keys().take(MAX_VALUES).map(String::len).sum(),
            _ => 0,
        };
        let left = self.bytes.checked_sub(bytes.saturating_add(OVERHEAD));
        self.bytes = left.unwrap_or_default();
        left.is_some()
    }
}

fn too_large(field: &str) -> Refusal {
    let message = format!(
        "`{field}`: the schemas of a request may have 1 MiB and {MAX_VALUES} values in all; these have more"
    );
    Refusal::new(field, message)
}

fn name_in_tools(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "tools[].function.parameters",
        Dialect::OpenAiResponses => "tools[].parameters",
        Dialect::Anthropic => "tools[].input_schema",
        Dialect::Gemini => "tools[].functionDeclarations[].parameters",
    }
}

fn name_in_format(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => "response_format.json_schema.schema",
        Dialect::OpenAiResponses => "text.format.schema",
        Dialect::Anthropic => "output_config.format.schema",
        Dialect::Gemini => "generationConfig.responseSchema",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::Extra;
    use crate::chat::request::Function;

    fn request(tools: &[Value], format: Option<Value>) -> Request {
        let tool = |parameters: &Value| {
            Tool::Function(Function {
                name: "f".to_owned(),
                namespace: None,
                description: None,
                parameters: Some(parameters.clone()),
                strict: None,
                cache: None,
                extra: Extra::default(),
            })
        };
        let format = format.map(|schema| Format::Schema {
            name: None,
            description: None,
            schema,
            strict: None,
        });
        Request {
            tools: tools.iter().map(tool).collect(),
            format,
            ..Request::new(Dialect::OpenAiChat)
        }
    }

    #[track_caller]
    fn refused(request: &Request) -> String {
        weigh(request).expect_err("too large").field
    }

    #[test]
    fn what_agents_send_is_let_through() {
        let property = json!({"type": "string", "description": "x".repeat(200)});
        let properties: serde_json::Map<_, _> = (0..20)
            .map(|place| (format!("p{place}"), property.clone()))
            .collect();
        let tools = vec![json!({"type": "object", "properties": properties}); 100];
        assert_eq!(weigh(&request(&tools, Some(json!({})))), Ok(()));
    }

    #[test]
    fn text_and_values_are_counted_over_all_schemas() {
        let text = json!({"description": "x".repeat(MAX_BYTES / 2)});
        let values = json!({"enum": vec![1; MAX_VALUES / 2]});
        let keys: serde_json::Map<_, _> = (0..10)
            .map(|place| (format!("{place}{}", "x".repeat(MAX_BYTES / 20)), json!(1)))
            .collect();
        for half in [text, values, keys.into()] {
            let tools = [half.clone()];
            assert_eq!(weigh(&request(&tools, None)), Ok(()));
            assert_eq!(weigh(&request(&[], Some(half.clone()))), Ok(()));
            let twice = request(&[half.clone(), half.clone()], None);
            assert_eq!(refused(&twice), "tools[].function.parameters");
            let with_format = request(&tools, Some(half));
            assert_eq!(refused(&with_format), "response_format.json_schema.schema");
        }
    }

    #[test]
    fn the_field_is_named_in_the_words_of_the_client() {
        let mut request = request(&[json!(vec![1; MAX_VALUES])], None);
        for (dialect, name) in [
            (Dialect::OpenAiResponses, "tools[].parameters"),
            (Dialect::Anthropic, "tools[].input_schema"),
        ] {
            request.dialect = dialect;
            assert_eq!(refused(&request), name);
        }
    }
}
