//! `POST /v1/embeddings`: unit vectors in which texts that share words are near each other.
//!
//! A vector is the sum of pseudo-random directions, one per word. It depends on the text alone, not on the
//! seed: an index built from one demo provider stays valid when another one takes over.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::draws::{Draws, Random};
use super::refusal::Refusal;
use super::reply::Reply;
use super::{Simulation, tokens, wire};

/// Numbers per vector unless the request says otherwise.
const DIMENSIONS: usize = 256;

/// Bounds of a request, so that one request costs milliseconds, not seconds.
const MAX_DIMENSIONS: usize = 1024;
const MAX_INPUTS: usize = 2048;
const MAX_TOKENS: usize = 100_000;

#[derive(Deserialize)]
struct Request {
    model: String,
    input: Input,
    encoding_format: Option<Encoding>,
    dimensions: Option<usize>,
}

/// `input`: one or several, each as text or as token numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

/// `encoding_format`
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

/// Answers the request in `body`.
pub(super) fn reply(simulation: &Simulation, _: &Draws, body: &[u8]) -> Result<Reply, Refusal> {
    let request: Request = wire::parse(body)?;
    simulation.check_model(&request.model)?;
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(Refusal::invalid_field(
            "dimensions",
            format!("`dimensions` must be 1 to {MAX_DIMENSIONS}."),
        ));
    }
    let encoding = request.encoding_format.unwrap_or_default();
    let inputs = request.input.into_words();
    let used = check(&inputs)?;
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, words)| {
            let embedding = encoding.write(&vector(words, dimensions));
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let body = json!({
        "object": "list",
        "data": data,
        "model": request.model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    });
    // Nothing is generated token by token, so only the latency of the profile applies.
    Ok(Reply::Whole { body, tokens: 0 })
}

impl Input {
    /// The words of each input.
    fn into_words(self) -> Vec<Vec<String>> {
        match self {
            Input::Text(text) => vec![words(&text)],
            Input::Texts(texts) => texts.iter().map(|text| words(text)).collect(),
            Input::Tokens(tokens) => vec![numbers(&tokens)],
            Input::TokenLists(lists) => lists.iter().map(|list| numbers(list)).collect(),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let word = |piece: &str| piece.trim().to_lowercase();
    tokens::pieces(text).map(word).collect()
}

fn numbers(tokens: &[u32]) -> Vec<String> {
    tokens.iter().map(u32::to_string).collect()
}

/// The number of tokens of all `inputs`, none of which may be empty.
fn check(inputs: &[Vec<String>]) -> Result<usize, Refusal> {
    let tokens = inputs.iter().map(Vec::len).sum();
    let is_complete = !inputs.is_empty() && inputs.iter().all(|words| !words.is_empty());
    if !is_complete {
        return Err(Refusal::invalid_field(
            "input",
            "`input` must not be empty.",
        ));
    }
    if inputs.len() > MAX_INPUTS || tokens > MAX_TOKENS {
        return Err(Refusal::invalid_field(
            "input",
            format!("`input` may hold {MAX_INPUTS} texts and {MAX_TOKENS} tokens in all."),
        ));
    }
    Ok(tokens)
}

/// The unit vector of `words`.
fn vector(words: &[String], dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimensions];
    for word in words {
        let mut random = Random::new(0, fnv1a(word.as_bytes()));
        for value in &mut sum {
            *value += random.unit() - 0.5;
        }
    }
    let squares: f64 = sum.iter().map(|value| value * value).sum();
    let length = squares.sqrt().max(f64::MIN_POSITIVE);
    sum.iter().map(|value| narrow(value / length)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a component of a unit vector only loses digits"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// FNV-1a, which is the same in every release and on every machine.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

impl Encoding {
    fn write(self, vector: &[f32]) -> Value {
        match self {
            Encoding::Float => json!(vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
                json!(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}
