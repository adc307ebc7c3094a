//! A Gemini request, as one for OpenAI.

use serde_json::{Map, Value, json};

use super::{Method, Refusal};

/// A Gemini request as a body for OpenAI.
#[derive(Debug, Clone, PartialEq)]
pub struct ForOpenAi {
    /// The body.
    pub body: Value,
    /// Fields that were dropped.
    pub losses: Vec<String>,
}

/// Translates a Gemini request, posted to `method`, for `model` at OpenAI. Names in snake case are read
/// too.
pub fn request_to_openai(
    request: &Value,
    method: Method,
    model: &str,
) -> Result<ForOpenAi, Refusal> {
    let mut reader = Reader::default();
    let input = match method {
        Method::Embed => reader.one(request, "content")?.into(),
        Method::Batch => reader.many(request)?.into(),
    };
    let mut body = json!({"model": model});
    body["input"] = input;
    if let Some(dimensions) = reader.dimensions {
        body["dimensions"] = dimensions.into();
    }
    body["encoding_format"] = "float".into();
    Ok(ForOpenAi {
        body,
        losses: reader.losses,
    })
}

/// What the requests of a batch have in common.
#[derive(Default)]
struct Reader {
    /// Requests read so far.
    count: usize,
    /// What the first of them asked for.
    dimensions: Option<u64>,
    losses: Vec<String>,
}

impl Reader {
    fn many(&mut self, request: &Value) -> Result<Vec<String>, Refusal> {
        let requests = request.get("requests").and_then(Value::as_array);
        let Some(requests) = requests.filter(|requests| !requests.is_empty()) else {
            return Err(Refusal::new(
                "requests",
                "`requests` must be a list that is not empty.",
            ));
        };
        requests
            .iter()
            .map(|request| self.one(request, "requests"))
            .collect()
    }

    /// The text of one request; `param` is the field to name if it cannot be.
    fn one(&mut self, request: &Value, param: &'static str) -> Result<String, Refusal> {
        let Some(fields) = request.as_object() else {
            return Err(Refusal::new(param, "A request must be an object."));
        };
        let mut content = None;
        let mut dimensions = None;
        for (name, value) in with_config(fields) {
            match name {
                "content" => content = Some(value),
                "outputDimensionality" | "output_dimensionality" => dimensions = number(value),
                "model" | "embedContentConfig" | "embed_content_config" => {}
                _ if value.is_null() => {}
                _ => self.lose(name),
            }
        }
        if self.count == 0 {
            self.dimensions = dimensions;
        }
        self.count += 1;
        if self.dimensions != dimensions {
            let message = "All requests must have the same `outputDimensionality`.";
            return Err(Refusal::new(param, message));
        }
        text(content, param)
    }

    fn lose(&mut self, name: &str) {
        if !self.losses.iter().any(|known| known == name) {
            self.losses.push(name.to_owned());
        }
    }
}

/// The fields of a request, those of its `embedContentConfig` after them.
fn with_config(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let names = ["embedContentConfig", "embed_content_config"];
    let config = names.iter().find_map(|name| fields.get(*name)?.as_object());
    let all = fields.iter().chain(config.into_iter().flatten());
    all.map(|(name, value)| (name.as_str(), value))
}

/// A number, or an int64 as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn text(content: Option<&Value>, param: &'static str) -> Result<String, Refusal> {
    let parts = content
        .and_then(|content| content.get("parts"))
        .and_then(Value::as_array);
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
        return Err(Refusal::new(param, "`content.parts` must hold text."));
    };
    let texts = parts
        .iter()
        .map(|part| part.get("text").and_then(Value::as_str));
    let Some(texts) = texts.collect::<Option<Vec<&str>>>() else {
        let message =
            "`content.parts` holds something else than text, which this model cannot embed.";
        return Err(Refusal::new(param, message));
    };
    Ok(texts.join("\n"))
}
