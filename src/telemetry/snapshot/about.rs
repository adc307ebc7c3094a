//! Which gateway it is, and how it was last configured.

use serde::{Deserialize, Serialize};

/// See the module's head.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its random name: another one after a restart.
    pub instance: String,
    /// `--name`, if there was one.
    pub name: Option<String>,
    /// When it was started.
    pub started_ms: u64,
    /// Where it answers, e.g. `http://127.0.0.1:8000`.
    pub url: String,
    /// The configuration it was started with, or how there is one without a file.
    pub config: String,
    /// The strategy in force.
    pub strategy: String,
    /// How often its configuration was loaded, from 1.
    pub generation: u64,
    /// The last reload, good or bad; `None` if there was none.
    pub reloaded: Option<Reloaded>,
    /// Whether it is ending.
    pub is_draining: bool,
    /// Whether bodies are kept for the inspector now.
    pub captures: bool,
    /// Dashboards and scripts that watch it.
    pub watchers: u32,
    /// Whether clients need a key.
    pub needs_key: bool,
    /// A model that a first request may ask for.
    pub example_model: String,
    /// Routes and models that may be asked for, routes first, as many as there is room for.
    pub offers: Vec<String>,
}

/// What a reload has changed, or why it has changed nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Reloaded {
    /// When it was.
    pub at_ms: u64,
    /// What asked for it: `file`, `signal` or `admin`.
    pub cause: String,
    /// Whether the new configuration is in force.
    pub is_good: bool,
    /// In one line, e.g. `3 targets changed, 1 key rotated`.
    pub summary: String,
    /// What changed, a line each.
    pub changes: Vec<String>,
    /// What has changed and needs a restart, a line each.
    pub needs_restart: Vec<String>,
    /// What should be said about the new one, a line each.
    pub warnings: Vec<String>,
    /// Why the new one cannot be used: every error, with its place.
    pub errors: Vec<String>,
}
