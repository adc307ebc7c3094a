//! Providers: whom we may ask, with which keys, for which models, and how they like to be asked.
//!
//! A [`Provider`] is resolved and valid; it is made by `config` from a file or from the environment,
//! and never changes afterwards. A [`preset`] is a row of `assets/providers.json`.

pub mod auth;
pub mod classify;
pub mod knowledge;
pub mod limits;
pub mod preset;
pub mod redact;
pub mod refused;
pub mod retry_after;
pub mod secret;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::value::RawValue;
use url::Url;

pub use knowledge::{Knowledge, ThinkingStyle};
pub use preset::{Auth, Preset, Quirk};
pub use redact::Redactor;
pub use secret::Secret;

/// One upstream: a base URL, its keys and its models.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Unique routing id, as in `provider/model` and in `x-autogw-provider`.
    pub name: Arc<str>,
    /// The row of the catalogue it was made from: dialects, auth style, quirks.
    pub preset: &'static Preset,
    /// Where it answers; a path without trailing slash. `None` only for the built-in demo.
    pub base_url: Option<Url>,
    /// Keys in config order; empty means that the upstream wants none.
    pub keys: Vec<ApiKey>,
    /// What it serves.
    pub models: Models,
    /// Fields merged into each request body where the client did not set them; JSON text verbatim.
    pub extra_body: Vec<(String, Box<RawValue>)>,
    /// Headers set on each request.
    pub extra_headers: Vec<(HeaderName, HeaderValue)>,
    /// Share of traffic under the `weighted` strategy.
    pub weight: f64,
    /// Where it runs, for people and for `preferred_region`.
    pub region: Option<String>,
    /// Replaces `first_token`, `idle` and `response` of `router.timeouts` for this provider.
    pub timeout: Option<Duration>,
    /// Most requests in flight at once.
    pub max_concurrency: Option<u32>,
    /// Most requests a minute.
    pub max_rpm: Option<u32>,
    /// Statuses after which the next target is tried, instead of the built-in classification.
    pub retryable_status_codes: Option<StatusSet>,
    /// Path of the model listing under `base_url`, e.g. `/models`.
    pub models_path: String,
    /// An HTTP or SOCKS proxy that leads to it.
    pub proxy: Option<Url>,
    /// `user-agent` sent to it instead of ours.
    pub user_agent: Option<HeaderValue>,
    /// How the built-in simulation behaves; `None` for real providers.
    pub demo: Option<DemoProfile>,
}

impl Provider {
    /// A provider with nothing but its preset's defaults: no key, every model.
    pub fn new(name: &str, preset: &'static Preset, base_url: Option<Url>) -> Self {
        Self {
            name: name.into(),
            preset,
            base_url,
            keys: Vec::new(),
            models: Models::Everything,
            extra_body: Vec::new(),
            extra_headers: Vec::new(),
            weight: 1.0,
            region: None,
            timeout: None,
            max_concurrency: None,
            max_rpm: None,
            retryable_status_codes: None,
            models_path: "/models".to_owned(),
            proxy: None,
            user_agent: None,
            demo: None,
        }
    }
}

impl PartialEq for Provider {
    /// Whether a request would be the same at both; taken apart, so that no field is forgotten.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            name,
            preset,
            base_url,
            keys,
            models,
            extra_body,
            extra_headers,
            weight,
            region,
            timeout,
            max_concurrency,
            max_rpm,
            retryable_status_codes,
            models_path,
            proxy,
            user_agent,
            demo,
        } = self;
        let body = |provider: &Self| -> Vec<(String, String)> {
            let fields = provider.extra_body.iter();
            let text = |(name, value): &(String, Box<RawValue>)| (name.clone(), value.get().into());
            fields.map(text).collect()
        };
        (name, preset, base_url, keys, models)
            == (
                &other.name,
                &other.preset,
                &other.base_url,
                &other.keys,
                &other.models,
            )
            && extra_body.len() == other.extra_body.len()
            && body(self) == body(other)
            && (extra_headers, weight, region, timeout)
                == (
                    &other.extra_headers,
                    &other.weight,
                    &other.region,
                    &other.timeout,
                )
            && (max_concurrency, max_rpm) == (&other.max_concurrency, &other.max_rpm)
            && (retryable_status_codes, models_path)
                == (&other.retryable_status_codes, &other.models_path)
            && (proxy, user_agent, demo) == (&other.proxy, &other.user_agent, &other.demo)
    }
}

/// A key of a provider, with the name it was given in an alias map.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// The name in the alias map, if the keys were given as one.
    pub alias: Option<String>,
    /// The key itself.
    pub secret: Secret,
}

/// What a provider serves.
#[derive(Debug, Clone, PartialEq)]
pub enum Models {
    /// Whatever the upstream lists (`"*"`).
    Everything,
    /// Exactly these.
    Listed(Vec<Model>),
}

/// A model as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name clients use.
    pub name: String,
    /// The name sent upstream, when it differs.
    pub upstream: Option<String>,
    /// What it can do; `None` = unknown, taken to support everything until an upstream says otherwise.
    pub features: Option<Features>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Most output tokens of one answer.
    pub max_output: Option<u64>,
    /// A known model that it is to be treated as.
    pub like: Option<String>,
    /// How it is told to think.
    pub thinking: Option<ThinkingStyle>,
    /// Whether it accepts `temperature` and the like.
    pub sampling: Option<bool>,
    /// Whether a tool may be forced on it.
    pub forced_tool_choice: Option<bool>,
    /// Whether the last message may be the assistant's, to be continued.
    pub prefill: Option<bool>,
    /// Share of traffic under the `weighted` strategy, replacing the provider's.
    pub weight: Option<f64>,
    /// Price of a million input tokens in US dollars.
    pub input_price: Option<f64>,
    /// Price of a million output tokens in US dollars.
    pub output_price: Option<f64>,
}

impl Model {
    /// A model of which nothing but the name is configured.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            upstream: None,
            features: None,
            context: None,
            max_output: None,
            like: None,
            thinking: None,
            sampling: None,
            forced_tool_choice: None,
            prefill: None,
            weight: None,
            input_price: None,
            output_price: None,
        }
    }
}

/// A capability that a request may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Feature {
    /// Images in the input.
    Vision = 0,
    /// Files and other media in the input.
    Media = 1,
    /// Video in the input.
    VideoVision = 2,
    /// Function tools.
    ToolCalls = 3,
    /// `response_format` other than text.
    Json = 4,
    /// Reasoning effort or budgets.
    Reasoning = 5,
    /// Audio in or out.
    Audio = 6,
    /// The embeddings endpoint.
    Embeddings = 7,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Feature; 8] = [
        Feature::Vision,
        Feature::Media,
        Feature::VideoVision,
        Feature::ToolCalls,
        Feature::Json,
        Feature::Reasoning,
        Feature::Audio,
        Feature::Embeddings,
    ];

    /// The name used in configuration and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Vision => "vision",
            Feature::Media => "media",
            Feature::VideoVision => "video_vision",
            Feature::ToolCalls => "tool_calls",
            Feature::Json => "json",
            Feature::Reasoning => "reasoning",
            Feature::Audio => "audio",
            Feature::Embeddings => "embeddings",
        }
    }
}

/// A set of [`Feature`]s, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Features(u8);

impl Features {
    /// The empty set.
    pub const NONE: Features = Features(0);

    /// The set with `feature` added.
    #[must_use]
    pub fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    /// Whether `feature` is in the set.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    /// The members of `self` that `other` lacks.
    #[must_use]
    pub fn without(self, other: Features) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members of both.
    #[must_use]
    pub fn common(self, other: Features) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |f| self.has(*f))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(iter: I) -> Self {
        iter.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A set of HTTP statuses given as ranges, e.g. `429,500,502-504`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusSet(pub Vec<std::ops::RangeInclusive<u16>>);

impl StatusSet {
    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// How a built-in simulated provider behaves (`type: "demo"`).
#[derive(Debug, Clone, PartialEq)]
pub struct DemoProfile {
    /// Time to the first token.
    pub latency: Duration,
    /// Extra time to the first token, up to this much, drawn per request.
    pub jitter: Duration,
    /// Pace of a stream; 0 = unpaced.
    pub tokens_per_second: f64,
    /// Length of an answer in tokens when the request does not limit it.
    pub answer_tokens: u32,
    /// Share of requests answered by a 500, 0…1.
    pub failure_rate: f64,
    /// Share of requests answered by a 429, 0…1.
    pub rate_limit_rate: f64,
    /// `Retry-After` of those 429s.
    pub retry_after: Duration,
    /// Share of streams cut after some tokens, 0…1.
    pub cut_rate: f64,
    /// Seed of all draws: the same seed and the same order of requests give the same answers.
    pub seed: u64,
    /// Times in which it is down, whatever the draws say.
    pub outages: Vec<Outage>,
}

/// A time in which a simulated provider is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When it begins, counted from the start.
    pub after: Duration,
    /// How long it lasts.
    pub lasting: Duration,
    /// What those see who ask.
    pub how: Downtime,
}

/// How a provider is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downtime {
    /// Connections close without an answer, those in the middle of one included.
    #[default]
    Closed,
    /// Everything is answered by a 503.
    Unavailable,
    /// Requests are taken, and nothing comes back while it lasts.
    Silent,
}

impl Default for DemoProfile {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(20),
            jitter: Duration::ZERO,
            tokens_per_second: 200.0,
            answer_tokens: 24,
            failure_rate: 0.0,
            rate_limit_rate: 0.0,
            retry_after: Duration::from_secs(2),
            cut_rate: 0.0,
            seed: 1,
            outages: Vec::new(),
        }
    }
}
