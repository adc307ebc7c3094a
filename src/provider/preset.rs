//! Presets: the rows of `assets/providers.json`.
//!
//! A new provider is a row there and a fixture; a new quirk is a variant of [`Quirk`] and a fixture.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::chat::Dialect;

/// What a `type` in the configuration stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// The `type`, e.g. `groq`.
    pub kind: String,
    /// The wire languages it speaks, the best first.
    pub dialects: Vec<Dialect>,
    /// Where it answers when the configuration does not say.
    pub base_url: Option<String>,
    /// How a key is sent.
    pub auth: Auth,
    /// Variables that hold a key, in order of preference.
    pub key_variables: Vec<String>,
    /// Variable that replaces `base_url`.
    pub base_url_variable: Option<String>,
    /// Ports on loopback where a local server of this kind is looked for by zero-config.
    pub local_ports: Vec<u16>,
    /// Small edits its requests need.
    pub quirks: Vec<Quirk>,
    /// Client headers it has a use for, beside those every provider gets; lower case.
    pub forward_headers: Vec<String>,
}

/// How a key is sent to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    XApiKey,
    /// `api-key: …`
    ApiKey,
    /// `x-goog-api-key: …`
    XGoogApiKey,
}

/// A named deviation of a provider from what the OpenAI endpoints define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Answers 400 to `stream_options`: usage cannot be asked for in a stream.
    NoStreamOptions,
}

/// All presets, in the order of the asset.
pub static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(Vec::new);

/// The preset of `kind`, if there is one.
pub fn find(kind: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.kind == kind)
}
