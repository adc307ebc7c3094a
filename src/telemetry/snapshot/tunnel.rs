//! How one tunnel is, for eyes and scripts.

use serde::{Deserialize, Serialize};

/// See the module's head.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TunnelRow {
    /// `ngrok` or `cloudflared`.
    pub kind: String,
    /// `starting`, `url-known`, `online`, `degraded`, `waiting`, `failed` or `stopped`.
    pub state: String,
    /// Since when.
    pub since_ms: u64,
    /// The public address.
    pub url: Option<String>,
    /// To its edge and back.
    pub latency_ms: Option<u64>,
    /// How often it came back.
    pub restarts: u32,
    /// What a request through the public URL showed.
    pub check: TunnelCheck,
    /// The provider's code of what went wrong.
    pub code: Option<String>,
    /// What went wrong.
    pub reason: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// When it is opened again, where it waits for that.
    pub retry_at_ms: Option<u64>,
    /// How it came to be so, the latest last.
    pub history: Vec<TunnelStep>,
}

/// What a request through the public URL showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TunnelCheck {
    /// `pending`, `passed` or `failed`.
    pub state: String,
    /// How streams come through: `live` or `buffered`.
    pub streams: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// One state of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TunnelStep {
    /// When it began.
    pub at_ms: u64,
    /// As [`TunnelRow::state`].
    pub state: String,
    /// What went wrong.
    pub reason: Option<String>,
}
