//! How one provider is: a row of the overview, and the page behind it.

use serde::{Deserialize, Serialize};

use super::totals::History;

/// A row. Counts are since the start; rates and percentiles are of the last minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ProviderRow {
    /// Its name.
    pub name: String,
    /// Its type, e.g. `openai`.
    pub kind: String,
    /// Where it is, without what could be a secret.
    pub address: Option<String>,
    /// The best that can be said of any of its targets: `ready`, `probe`, `suspect`, `open`, `resting`,
    /// `unavailable`, or `drained` where its owner has said so.
    pub standing: String,
    /// The health score of its best target, 0 to 100; 77 where nobody has tried it.
    pub health: f64,
    /// The breaker that is furthest open among its models.
    pub circuit: Circuit,
    /// Its keys.
    pub keys: u32,
    /// Those of them that may be used now.
    pub keys_ready: u32,
    /// When the first key may be used again, where none is.
    pub key_rests_until_ms: Option<u64>,
    /// Its models; of one that serves everything, those it lists.
    pub models: u32,
    /// Requests under way.
    pub in_flight: u32,
    /// Most requests at once, as configured or learned.
    pub cap: Option<u32>,
    /// Attempts per second.
    pub rate: f64,
    /// The share of attempts that failed, 0 to 1; `None` if there were none.
    pub errors: Option<f64>,
    /// The time that half of the answers need.
    pub p50_ms: Option<u64>,
    /// The time that 19 of 20 need.
    pub p95_ms: Option<u64>,
    /// The time to the first token that half of the streams need.
    pub ttft_ms: Option<u64>,
    /// Tokens written per second.
    pub tokens_per_second: f64,
    /// Attempts.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// What it cost, as far as prices are known.
    pub cost: f64,
    /// Its last failure.
    pub last_error: Option<LastError>,
    /// The fault that is injected, if one is.
    pub chaos: Option<String>,
    /// The course of the last minutes.
    pub history: History,
}

/// A circuit breaker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Circuit {
    /// `closed`, `open` or `half-open`; empty where nobody has asked.
    pub state: String,
    /// Of an open one: when it is half-open.
    pub until_ms: Option<u64>,
    /// Of a half-open one: how many probes have succeeded.
    pub successes: u32,
    /// And how many it takes.
    pub needed: u32,
}

/// A failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LastError {
    /// When it was.
    pub at_ms: u64,
    /// Its class, e.g. `rate_limit`.
    pub class: String,
    /// The upstream's status.
    pub status: Option<u16>,
    /// The model that was asked.
    pub model: String,
}

/// The page of a provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ProviderDetail {
    /// Its row.
    pub row: ProviderRow,
    /// The dialects it speaks.
    pub dialects: Vec<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its weight.
    pub weight: f64,
    /// Its keys, in their order.
    pub keys: Vec<KeyDetail>,
    /// Its targets: what is listed, and what has been tried.
    pub targets: Vec<TargetDetail>,
    /// Failures by class, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// The last failures, the latest first.
    pub last_errors: Vec<LastError>,
    /// What its rate limits leave, as far as it says.
    pub limits: Vec<Limit>,
}

/// A key; of which the name is told, and never the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct KeyDetail {
    /// Its place, from 1.
    pub place: usize,
    /// Its alias.
    pub alias: Option<String>,
    /// `ready`, `resting`, `dead` or `drained`.
    pub state: String,
    /// Why it rests.
    pub class: Option<String>,
    /// Until when it rests.
    pub until_ms: Option<u64>,
    /// Failures of that class in a row.
    pub failures: u32,
    /// Requests under way with it.
    pub in_flight: u32,
    /// How many there may be at once, as protests taught.
    pub learned_cap: Option<u32>,
}

/// A target: a model with a key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TargetDetail {
    /// The model.
    pub model: String,
    /// The place of its key, from 1.
    pub key: Option<usize>,
    /// What it is used for: `conversation`, or an endpoint.
    pub service: String,
    /// As of a provider, for this target.
    pub standing: String,
    /// Its health score.
    pub health: f64,
    /// Its breaker.
    pub circuit: Circuit,
    /// When it may be asked again, where it rests.
    pub until_ms: Option<u64>,
    /// Successes that are remembered.
    pub successes: u32,
    /// Failures that are remembered.
    pub failures: u32,
    /// Moving average of the time to the first token, or of the whole.
    pub latency_ms: Option<u64>,
    /// The time that 19 of 20 first tokens need.
    pub p95_ms: Option<u64>,
    /// Moving average of the speed of streams.
    pub tokens_per_second: Option<f64>,
    /// Requests under way.
    pub in_flight: u32,
    /// US dollars per million tokens: read and written.
    pub prices: Option<(f64, f64)>,
}

/// How often a class of failure occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ErrorCount {
    /// The class.
    pub class: String,
    /// How often.
    pub count: u64,
}

/// What an upstream says of its rate limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Limit {
    /// The place of the key, from 1.
    pub key: Option<usize>,
    /// What is limited: `requests` or `tokens`.
    pub what: String,
    /// How much is left.
    pub remaining: u64,
    /// Of how much.
    pub limit: Option<u64>,
    /// When all of it is there again.
    pub resets_ms: Option<u64>,
}
