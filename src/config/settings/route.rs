//! `routes[]`: logical models.

use std::time::Duration;

use super::{Fidelity, Strategy};

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
