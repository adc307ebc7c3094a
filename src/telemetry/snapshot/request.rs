//! One request: a row of the list, and the page of the inspector.

use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It arrives, or waits for a place.
    #[default]
    Queued,
    /// A target was asked.
    Waiting,
    /// Its answer is being generated.
    Streaming,
    /// It has ended.
    Over,
}

/// Whether a request has ended.
pub fn is_over(row: &RequestRow) -> bool {
    row.phase == Phase::Over
}

/// A row of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RequestRow {
    /// Its number in this run; later requests have larger ones.
    pub number: u64,
    /// Its id, as it stands in the answer.
    pub id: String,
    /// When it arrived.
    pub received_ms: u64,
    /// Whose key it came with.
    pub client: String,
    /// The tunnel it came through.
    pub door: Option<String>,
    /// What was asked, e.g. `/chat/completions`.
    pub endpoint: String,
    /// The model string.
    pub model: String,
    /// Where it stands.
    pub phase: Phase,
    /// Who serves it, or is asked now.
    pub provider: Option<String>,
    /// The model that serves it.
    pub served: Option<String>,
    /// Attempts so far, as `a✗ b`: the names of providers, with the word of how each ended.
    pub route: Vec<(String, String)>,
    /// Attempts so far.
    pub attempts: u32,
    /// The status that the client got.
    pub status: Option<u16>,
    /// `complete`, `failed` or `client left`, once it is over.
    pub outcome: Option<String>,
    /// To the first token.
    pub ttft_ms: Option<u64>,
    /// To the end, or until now.
    pub total_ms: u64,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer; of one under way, the events so far.
    pub output_tokens: Option<u64>,
    /// Tokens of the answer per second, from the first one on.
    pub tokens_per_second: Option<f64>,
    /// What it cost, if prices are known.
    pub cost: Option<f64>,
}

/// The page of the inspector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RequestDetail {
    /// Its row.
    pub row: RequestRow,
    /// By which strategy its candidates were put in order.
    pub strategy: String,
    /// Its candidates and what became of each, if somebody watched when it was planned.
    pub candidates: Vec<CandidateRow>,
    /// What was tried, in the order in which it began.
    pub attempts: Vec<AttemptRow>,
    /// What was lost or changed in translation.
    pub losses: Vec<String>,
    /// What the gateway itself took of the time, in microseconds.
    pub overhead_us: Option<u64>,
    /// Headers and bodies, if they were captured.
    pub captured: Option<Captured>,
}

/// A candidate, as it stood when the request was planned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CandidateRow {
    /// Its provider.
    pub provider: String,
    /// Its model.
    pub model: String,
    /// The place of its key, from 1.
    pub key: Option<usize>,
    /// Its place in the order, from 1; `None` if it was left out.
    pub rank: Option<usize>,
    /// What the strategy made of it.
    pub score: Option<f64>,
    /// Why it was left out, in a few words.
    pub excluded: Option<String>,
}

/// One attempt, or one that was not made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AttemptRow {
    /// Whom it went to.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// The place of the key, from 1.
    pub key: Option<usize>,
    /// Why it was made: `first`, `failover`, `repeat`, `healed`, `hedge`, `fallback` or `continued`.
    pub cause: String,
    /// How it ended: `ok`, `open`, `lost`, `slow`, a class of failure, …
    pub verdict: String,
    /// Whether that was a failure.
    pub is_failure: bool,
    /// The upstream's status.
    pub status: Option<u16>,
    /// When it began, since the request arrived.
    pub began_ms: u64,
    /// How long it took, if it has ended.
    pub elapsed_ms: Option<u64>,
    /// How long what failed rests.
    pub rests_ms: Option<u64>,
    /// Whether a fault was injected into its provider.
    pub injected: bool,
}

/// What was captured of a request, redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Captured {
    /// Headers of the request; those that carry keys have no value.
    pub request_headers: Vec<(String, String)>,
    /// The body of the request, as far as there is room.
    pub request: String,
    /// Whether there was more of it.
    pub request_is_cut: bool,
    /// Headers of the answer.
    pub answer_headers: Vec<(String, String)>,
    /// The text of the answer so far.
    pub answer: String,
    /// Whether there was more of it.
    pub answer_is_cut: bool,
}
