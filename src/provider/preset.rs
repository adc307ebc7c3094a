//! Presets: the rows of `assets/providers.json`.
//!
//! A new provider is a row there and a fixture; a new quirk is a variant of [`Quirk`] and a fixture.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de};

use crate::chat::Dialect;

/// What a `type` in the configuration stands for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The `type`, e.g. `groq`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The wire languages it speaks, the best first.
    #[serde(deserialize_with = "dialects")]
    pub dialects: Vec<Dialect>,
    /// Where it answers when the configuration does not say.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Path of a base URL that is given without any.
    #[serde(default)]
    pub default_path: Option<String>,
    /// How a key is sent.
    pub auth: Auth,
    /// Variables that hold a key, in order of preference.
    #[serde(default)]
    pub key_variables: Vec<String>,
    /// Variable that replaces `base_url` in zero-config, and stands in for it where there is none.
    #[serde(default)]
    pub base_url_variable: Option<String>,
    /// Ports on loopback where a local server of this kind is looked for by zero-config.
    #[serde(default)]
    pub local_ports: Vec<u16>,
    /// Small edits its requests need.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
    /// Client headers it has a use for, beside those every provider gets; lower case.
    #[serde(default)]
    pub forward_headers: Vec<String>,
}

impl Preset {
    /// Whether it refuses requests without a key: a server of one's own does not.
    pub fn needs_key(&self) -> bool {
        !self.key_variables.is_empty() && self.local_ports.is_empty()
    }

    /// Whether it is the built-in simulation, which has no address.
    pub fn is_simulated(&self) -> bool {
        self.kind == "demo"
    }
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
    /// Refuses `stream_options`: usage cannot be asked for in a stream.
    ///
    /// Mistral answers 422 `extra_forbidden` to `stream_options.include_usage` and sends the usage of a
    /// stream unasked: <https://github.com/openai/openai-agents-python/issues/442>.
    NoStreamOptions,
    /// It is OpenAI itself, or serves OpenAI's models as OpenAI does: the newest fields and roles are
    /// understood, and old ones are not.
    #[serde(rename = "openai_host")]
    OpenAiHost,
    /// Knows no role `developer`.
    NoDeveloperRole,
    /// Calls `seed` `random_seed` (Mistral).
    RandomSeed,
    /// Takes no seed.
    NoSeed,
    /// Calls `tool_choice: "required"` `any`, and takes no name (Mistral).
    ToolChoiceAny,
    /// Tools cannot be forced: `auto` or `none` (Cerebras).
    NoForcedTools,
    /// Does not know `tool_choice: "none"` (Together, Fireworks).
    NoToolChoiceNone,
    /// Ids of calls have exactly nine letters and digits (Mistral).
    NineCharIds,
    /// Refuses `user`.
    NoUser,
    /// Refuses log probabilities and `logit_bias`.
    NoLogprobs,
    /// Refuses names of speakers (Groq).
    NoNames,
    /// Refuses `n` other than 1.
    NoCandidates,
    /// Refuses penalties.
    NoPenalties,
    /// Refuses `parallel_tool_calls`.
    NoParallelToolCalls,
    /// Refuses `service_tier`.
    NoServiceTier,
    /// Knows the service tiers `auto` and `flex`, and no other (Groq).
    FlexTier,
    /// A temperature of 0 must be a little more (Groq).
    NoZeroTemperature,
    /// Can be held to JSON, but to no schema (DeepSeek).
    JsonObjectOnly,
    /// Thinking is switched by `thinking: {type}` (DeepSeek).
    ThinkingType,
    /// Wants the thoughts of a message that calls tools back (DeepSeek).
    ReplaysReasoning,
    /// Calls thoughts `reasoning` rather than `reasoning_content` (vLLM, OpenRouter).
    ReasoningField,
    /// Is told to think by an object `reasoning` (OpenRouter).
    ReasoningObject,
    /// Takes `top_k`.
    TopK,
    /// Takes Anthropic's `cache_control` (OpenRouter).
    CacheControl,
    /// Takes `web_search_options` for every model (OpenRouter).
    WebSearchOptions,
    /// Takes videos as `video_url` (OpenRouter).
    VideoUrl,
    /// A message that only calls tools must have the content `""` instead of null.
    EmptyContent,
    /// Wants instructions first and speakers who take turns (strict chat templates).
    MergeRoles,
    /// Takes no results of tools (TGI).
    NoToolResults,
}

/// All presets, in the order of the asset.
pub static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../assets/providers.json"))
        .expect("the asset is checked by a test")
});

/// The preset of `kind`, if there is one.
pub fn find(kind: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.kind == kind)
}

fn dialects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Dialect>, D::Error> {
    let names: Vec<String> = Vec::deserialize(deserializer)?;
    let dialect = |name: &String| {
        Dialect::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| de::Error::custom(format!("no such dialect: {name}")))
    };
    names.iter().map(dialect).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use url::Url;

    #[test]
    fn every_row_is_complete() {
        let kinds: Vec<&str> = PRESETS.iter().map(|preset| preset.kind.as_str()).collect();
        assert_eq!(
            kinds.join(" "),
            "openai_compatible google openai anthropic groq ollama openrouter cerebras mistral deepseek xai \
             together fireworks vllm lmstudio llamacpp azure_openai demo"
        );
        for preset in PRESETS.iter() {
            assert!(
                !preset.dialects.is_empty(),
                "{} speaks nothing",
                preset.kind
            );
            if let Some(text) = &preset.base_url {
                let url = Url::parse(text).expect("a base URL");
                assert!(!text.ends_with('/'), "{text}");
                let is_local = url.host_str() == Some("127.0.0.1");
                assert_eq!(url.scheme(), if is_local { "http" } else { "https" });
                assert_eq!(is_local, !preset.local_ports.is_empty(), "{text}");
            }
            if let Some(path) = &preset.default_path {
                assert!(path.starts_with('/') && !path.ends_with('/'), "{path}");
            }
        }
    }

    #[test]
    fn forwarded_headers_never_carry_credentials() {
        for header in PRESETS.iter().flat_map(|preset| &preset.forward_headers) {
            let name = HeaderName::from_bytes(header.as_bytes()).expect("a header name");
            assert_eq!(name.as_str(), header, "lower case");
            let secret = ["authorization", "cookie", "key", "forwarded"];
            assert!(!secret.iter().any(|word| header.contains(word)), "{header}");
        }
    }

    #[test]
    fn an_unknown_field_or_dialect_is_refused() {
        let row = |extra: &str| {
            let text =
                format!(r#"{{"type": "x", "auth": "bearer", "dialects": ["openai_chat"]{extra}}}"#);
            serde_json::from_str::<Preset>(&text)
        };
        assert!(row("").is_ok());
        assert!(row(r#", "base_ulr": "https://h""#).is_err());
        let telex = r#"{"type": "x", "auth": "bearer", "dialects": ["telex"]}"#;
        assert!(serde_json::from_str::<Preset>(telex).is_err());
    }
}
