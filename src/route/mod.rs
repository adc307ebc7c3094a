//! Routing: from a model string to an ordered list of targets. Pure functions over immutable views.

mod adaptive;
mod affinity;
mod bandit;
mod candidates;
mod capable;
pub mod choice;
mod considered;
mod context;
pub mod dice;
mod explore;
pub mod index;
mod keys;
mod known;
pub mod plan;
mod scope;
pub mod steer;
mod survey;
pub mod wanted;
mod weighted;

pub use adaptive::health as health_score;
pub use known::Known;
pub use scope::Scope;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;

use crate::config::{ConflictResolution, Fallback, Fidelity, Hedge, Strategy};
use crate::health::TargetId;
use crate::provider::Features;
use crate::provider::knowledge::Knowledge;

/// A model at a provider, ready to be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Place of the provider in the configuration.
    pub provider: usize,
    /// The name clients use, and answers are attributed to.
    pub name: Arc<str>,
    /// The same as a header, if it can be one.
    pub name_header: Option<HeaderValue>,
    /// The name sent upstream.
    pub upstream: Arc<str>,
    /// The same as JSON text.
    pub upstream_json: Bytes,
    /// What it can do; `None` = unknown.
    pub features: Option<Features>,
    /// `x-autogw-route` of most answers: that it was asked first, and served.
    pub served_header: OnceLock<Option<HeaderValue>>,
    /// What is known of it.
    pub known: Known,
    /// Whether somebody has listed it; else its name is whatever a client has asked for.
    pub is_listed: bool,
    /// Share under `weighted`.
    pub weight: f64,
    /// What the step of a route adds, if a route led here.
    pub rules: Option<StepRules>,
}

/// How well a provider can be spoken to in the words of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fluency {
    /// In its own dialect.
    Native,
    /// By translation.
    Translated,
}

/// What a route says of all its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRules {
    /// Its name.
    pub name: Arc<str>,
    /// The order of its steps, if not the gateway's.
    pub strategy: Option<Strategy>,
    /// A second request against a slow target, if not the gateway's.
    pub hedge: Option<Hedge>,
    /// Where a request goes on whose steps have failed.
    pub fallbacks: Vec<Fallback>,
}

/// What a route says of one of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRules {
    /// The only key that may be used.
    pub alias: Option<String>,
    /// Limit of an attempt.
    pub timeout: Option<Duration>,
    /// Limit of the whole request.
    pub total: Option<Duration>,
    /// What a loss in translation leads to.
    pub fidelity: Option<Fidelity>,
    /// What to keep when a request has both tools and a response format.
    pub keep: Option<ConflictResolution>,
}

impl Offer {
    /// What is known of the model.
    pub fn knowledge(&self) -> &Knowledge {
        self.known.of(&self.upstream)
    }

    /// The price of a million tokens, three of the input to one of the output, in US dollars.
    pub fn price(&self) -> Option<f64> {
        self.known.price(&self.upstream)
    }

    /// An offer of `name`, which the upstream knows as `upstream`.
    pub fn new(provider: usize, name: &str, upstream: &str, features: Option<Features>) -> Self {
        let upstream_json = serde_json::to_string(upstream).expect("a string is JSON");
        Self {
            provider,
            name: name.into(),
            name_header: HeaderValue::from_str(name).ok(),
            upstream: upstream.into(),
            upstream_json: upstream_json.into(),
            features,
            served_header: OnceLock::new(),
            known: Known::default(),
            is_listed: true,
            weight: 1.0,
            rules: None,
        }
    }
}

/// Provider × key × model: what one attempt is sent to.
#[derive(Debug, Clone)]
pub struct Target {
    /// The model and its provider.
    pub offer: Arc<Offer>,
    /// Place of the key in the provider's list; `None` for a provider without keys.
    pub key: Option<usize>,
    /// Its identity in the books.
    pub id: TargetId,
}
