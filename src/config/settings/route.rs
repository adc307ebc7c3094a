//! `routes[]`: logical models.

use std::time::Duration;

use super::{Fidelity, Hedge, Strategy};

/// `routes[]`: a logical model.
#[derive(Debug, Clone)]
pub struct Route {
    /// The model name that selects it.
    pub name: String,
    /// Order of its steps.
    pub strategy: Option<Strategy>,
    /// Limit of the whole request.
    pub timeout: Option<Duration>,
    /// What a loss in translation leads to, instead of `router.fidelity`.
    pub fidelity: Option<Fidelity>,
    /// What it tries.
    pub steps: Vec<Step>,
    /// A second request against a slow target, instead of `router.hedge`; [`Hedge::NEVER`] = `off`.
    pub hedge: Option<Hedge>,
    /// Where a request goes on whose steps have failed in a certain way; the first that fits.
    pub fallbacks: Vec<Fallback>,
}

/// `routes[].fallbacks[]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// After what.
    pub on: Vec<FallbackOn>,
    /// The route, or model string, that takes over.
    pub route: String,
}

/// `routes[].fallbacks[].on[]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackOn {
    /// The prompt is too long.
    ContextLength,
    /// 429, or a purse that is empty, at every step.
    RateLimit,
    /// The provider's filter has refused the prompt.
    ContentFilter,
    /// No answer in time.
    Timeout,
    /// 5xx, broken connections, answers that are none.
    ServerError,
    /// Any of them, or another failure of every step.
    Any,
}

/// `routes[].steps[]`
#[derive(Debug, Clone)]
pub struct Step {
    /// Name of the provider.
    pub provider: String,
    /// Model there.
    pub model: String,
    /// Key alias.
    pub alias: Option<String>,
    /// Share under `weighted`.
    pub weight: Option<f64>,
    /// Limit of an attempt.
    pub timeout: Option<Duration>,
    /// What to keep when a request has both tools and a response format.
    pub conflict_resolution: Option<ConflictResolution>,
}

/// `routes[].steps[].conflict_resolution`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictResolution {
    /// Drop `response_format`.
    Tools,
    /// Drop the tools.
    Format,
}
