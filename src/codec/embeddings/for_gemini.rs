//! An OpenAI request, as calls to Gemini.

use serde_json::{Value, json};

use super::{Encoding, Method, Refusal};
use crate::codec::tokens;

/// Texts Gemini takes in one call.
const PER_CALL: usize = 100;

/// Inputs OpenAI takes in one request.
const MAX_INPUTS: usize = 2048;

/// An OpenAI request as calls to Gemini.
#[derive(Debug, Clone, PartialEq)]
pub struct ForGemini {
    /// The method of all calls.
    pub method: Method,
    /// The bodies, in the order of the inputs; at least one.
    pub calls: Vec<Value>,
    /// How the client wants its vectors.
    pub encoding: Encoding,
    /// The tokens of all inputs together, estimated: Gemini seldom tells them.
    pub tokens: u64,
    /// Fields that were dropped.
    pub losses: Vec<String>,
}

/// Translates an OpenAI request for `model` at Gemini (with or without `models/`).
pub fn request_to_gemini(request: &Value, model: &str) -> Result<ForGemini, Refusal> {
    let inputs = inputs(request.get("input"))?;
    let dimensions = dimensions(request.get("dimensions"))?;
    let encoding = encoding(request.get("encoding_format"))?;
    let model = format!("models/{}", model.strip_prefix("models/").unwrap_or(model));
    let one = |text: &&str| {
        let mut body = json!({"model": model, "content": {"parts": [{"text": text}]}});
        if let Some(dimensions) = dimensions {
            body["outputDimensionality"] = dimensions.into();
        }
        body
    };
    let (method, calls) = match &inputs {
        Inputs::One(text) => (Method::Embed, vec![one(text)]),
        Inputs::Many(texts) => {
            let calls = texts.chunks(PER_CALL);
            let batch =
                |texts: &[&str]| json!({"requests": texts.iter().map(one).collect::<Vec<_>>()});
            (Method::Batch, calls.map(batch).collect())
        }
    };
    Ok(ForGemini {
        method,
        calls,
        encoding,
        tokens: inputs.tokens(),
        losses: losses(request),
    })
}

/// `input`, as texts.
enum Inputs<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

impl Inputs<'_> {
    fn tokens(&self) -> u64 {
        match self {
            Inputs::One(text) => tokens::estimate_text(text),
            Inputs::Many(texts) => texts.iter().map(|text| tokens::estimate_text(text)).sum(),
        }
    }
}

fn inputs(input: Option<&Value>) -> Result<Inputs<'_>, Refusal> {
    match input {
        Some(Value::String(text)) => Ok(Inputs::One(not_empty(text)?)),
        Some(Value::Array(inputs)) => {
            if inputs.is_empty() || inputs.len() > MAX_INPUTS {
                let message = format!("`input` must hold 1 to {MAX_INPUTS} texts.");
                return Err(Refusal::new("input", message));
            }
            inputs
                .iter()
                .map(text)
                .collect::<Result<_, _>>()
                .map(Inputs::Many)
        }
        None | Some(Value::Null) => Err(Refusal::new("input", "`input` is missing.")),
        Some(_) => Err(Refusal::new(
            "input",
            "`input` must be a text or a list of texts.",
        )),
    }
}

fn text(input: &Value) -> Result<&str, Refusal> {
    match input {
        Value::String(text) => not_empty(text),
        Value::Number(_) | Value::Array(_) => Err(Refusal::new(
            "input",
            "`input` holds token numbers, which mean nothing to this model: send the text.",
        )),
        _ => Err(Refusal::new(
            "input",
            "`input` must be a text or a list of texts.",
        )),
    }
}

fn not_empty(text: &str) -> Result<&str, Refusal> {
    let refusal = || Refusal::new("input", "`input` must not be an empty text.");
    if text.is_empty() {
        Err(refusal())
    } else {
        Ok(text)
    }
}

fn dimensions(value: Option<&Value>) -> Result<Option<u64>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(dimensions) if dimensions > 0 => Ok(Some(dimensions)),
            _ => Err(Refusal::new(
                "dimensions",
                "`dimensions` must be a whole number above 0.",
            )),
        },
    }
}

fn encoding(value: Option<&Value>) -> Result<Encoding, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(Encoding::Float),
        Some(value) => match value.as_str() {
            Some("float") => Ok(Encoding::Float),
            Some("base64") => Ok(Encoding::Base64),
            _ => Err(Refusal::new(
                "encoding_format",
                "`encoding_format` must be `float` or `base64`.",
            )),
        },
    }
}

fn losses(request: &Value) -> Vec<String> {
    let known = ["model", "input", "dimensions", "encoding_format"];
    let fields = request.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null())
        .map(|(name, _)| name.clone())
        .collect()
}
