//! Answers, both ways, and the bytes of vectors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Encoding, Method};
use crate::codec::media;

/// Puts the answers of Gemini's calls together as one of OpenAI's; `None` if one of them holds no vectors.
/// `tokens` is the usage to tell if they do not tell it themselves.
pub fn answer_to_openai(
    answers: &[Value],
    model: &str,
    encoding: Encoding,
    tokens: u64,
) -> Option<Value> {
    let mut data = Vec::new();
    for answer in answers {
        for values in gemini_vectors(answer)? {
            let embedding = encoded(values, encoding)?;
            data.push(json!({"object": "embedding", "index": data.len(), "embedding": embedding}));
        }
    }
    let told: Option<u64> = answers.iter().map(gemini_tokens).sum();
    let tokens = told.unwrap_or(tokens);
    Some(json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))
}

/// The vectors in an answer to `embedContent` or `batchEmbedContents`; none is no answer.
fn gemini_vectors(answer: &Value) -> Option<Vec<&Vec<Value>>> {
    let many = answer.get("embeddings").and_then(Value::as_array);
    let all: Vec<&Value> = match many {
        Some(embeddings) => embeddings.iter().collect(),
        None => vec![answer.get("embedding")?],
    };
    let vectors = all
        .iter()
        .map(|embedding| embedding.get("values")?.as_array());
    vectors
        .collect::<Option<Vec<_>>>()
        .filter(|vectors| !vectors.is_empty())
}

fn gemini_tokens(answer: &Value) -> Option<u64> {
    answer
        .get("usageMetadata")?
        .get("promptTokenCount")?
        .as_u64()
}

fn encoded(values: &[Value], encoding: Encoding) -> Option<Value> {
    match encoding {
        Encoding::Float => Some(values.to_vec().into()),
        Encoding::Base64 => {
            let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
            Some(write_base64(&numbers?).into())
        }
    }
}

/// The numbers as little-endian `f32`, in base64.
fn write_base64(numbers: &[f64]) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the format is f32")]
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| (*number as f32).to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

/// The numbers in base64 of little-endian `f32`.
fn read_base64(text: &str) -> Option<Vec<Value>> {
    let bytes = STANDARD
        .decode(media::normal_base64(text)?.as_bytes())
        .ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    // Through its shortest spelling, so that 0.1 does not become 0.10000000149011612.
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes).to_string().parse::<f64>().ok();
    let numbers = numbers.iter().map(|bytes| number(bytes).map(Value::from));
    rest.is_empty().then(|| numbers.collect())?
}

/// Translates an answer of OpenAI for a client that called `method`; `None` if it holds no vectors.
pub fn answer_to_gemini(answer: &Value, method: Method) -> Option<Value> {
    let mut data: Vec<&Value> = answer.get("data")?.as_array()?.iter().collect();
    if data.is_empty() {
        return None;
    }
    // A stable sort: without indices the order is that of the list.
    data.sort_by_key(|one| one.get("index").and_then(Value::as_u64).unwrap_or(0));
    let vectors = data.iter().map(|one| openai_vector(one));
    let mut vectors = vectors.collect::<Option<Vec<Value>>>()?.into_iter();
    let mut written = Map::new();
    match method {
        Method::Embed => written.insert("embedding".to_owned(), vectors.next()?),
        Method::Batch => written.insert("embeddings".to_owned(), vectors.collect()),
    };
    let tokens = answer
        .get("usage")
        .and_then(|usage| usage.get("prompt_tokens"));
    if let Some(tokens) = tokens.and_then(Value::as_u64) {
        written.insert(
            "usageMetadata".to_owned(),
            json!({"promptTokenCount": tokens}),
        );
    }
    Some(Value::Object(written))
}

fn openai_vector(one: &Value) -> Option<Value> {
    let values = match one.get("embedding")? {
        Value::String(text) => read_base64(text)?,
        embedding => embedding.as_array()?.clone(),
    };
    Some(json!({"values": values}))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_little_endian_f32() {
        assert_eq!(write_base64(&[1.0, -2.0]), "AACAPwAAAMA=");
        assert_eq!(
            read_base64("AACAPwAAAMA="),
            Some(vec![json!(1.0), json!(-2.0)])
        );
        assert_eq!(read_base64("AACA"), None);
    }

    proptest! {
        #[test]
        fn vectors_survive_base64(numbers in proptest::collection::vec(-1.0f32..1.0, 1..20)) {
            let wide: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
            let read = read_base64(&write_base64(&wide)).expect("what we wrote");
            #[expect(clippy::cast_possible_truncation, reason = "back to what it was")]
            let back: Vec<f32> = read.iter().filter_map(Value::as_f64).map(|number| number as f32).collect();
            prop_assert_eq!(back, numbers);
        }
    }
}
