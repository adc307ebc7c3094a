//! The figures of the gateway as a whole.

use serde::{Deserialize, Serialize};

/// See the module's head. Counts are since the start; rates and percentiles are of the last minute, `None` where
/// there is nothing to tell them from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Totals {
    /// Requests that came to providers' endpoints.
    pub requests: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// Requests that wait for a place.
    pub queued: u32,
    /// Requests per second.
    pub rate: f64,
    /// How they were answered.
    pub statuses: Statuses,
    /// The same within the last minute.
    pub recent: Statuses,
    /// The time that half of the requests need.
    pub p50_ms: Option<u64>,
    /// The time that 19 of 20 need.
    pub p95_ms: Option<u64>,
    /// The time that 99 of 100 need.
    pub p99_ms: Option<u64>,
    /// The time to the first token that half of the streams need.
    pub ttft_ms: Option<u64>,
    /// What the gateway itself adds to half of the requests, in microseconds.
    pub overhead_us: Option<u64>,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Of the tokens read: from the caches of providers.
    pub cached_tokens: u64,
    /// Tokens written per second.
    pub tokens_per_second: f64,
    /// What it cost, as far as prices are known.
    pub cost: f64,
    /// Answers whose price is not known.
    pub unpriced: u64,
    /// Attempts at providers.
    pub attempts: u64,
    /// Attempts at the same target again.
    pub repeats: u64,
    /// Attempts elsewhere after a failure.
    pub failovers: u64,
    /// Second attempts beside a slow one.
    pub hedges: u64,
    /// Those of them that won.
    pub hedges_won: u64,
    /// Streams that another target went on with.
    pub continued: u64,
    /// Things that were lost in translation.
    pub dropped: u64,
    /// The course of the last minutes.
    pub history: History,
}

/// How requests were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Statuses {
    /// Whole answers.
    pub ok: u64,
    /// 4xx: the client's doing.
    pub client_errors: u64,
    /// 429.
    pub rate_limited: u64,
    /// 5xx, and streams that ended in an error.
    pub server_errors: u64,
    /// Clients that left.
    pub left: u64,
}

/// Five minutes in steps of five seconds, the oldest first; shorter after a start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct History {
    /// Requests per second.
    pub rate: Vec<f64>,
    /// Half of the times to the first token, or of the whole where nothing streamed; 0 where there were none.
    pub latency_ms: Vec<u64>,
    /// Failed requests.
    pub errors: Vec<u64>,
    /// Tokens written per second.
    pub tokens: Vec<f64>,
}
