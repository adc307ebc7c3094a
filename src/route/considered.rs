//! What a rehearsal tells of each candidate.

use std::sync::Arc;
use std::time::Duration;

use super::Offer;
use crate::chat::FailureClass;
use crate::health::View;
use crate::provider::Features;

/// A candidate of a rehearsal.
#[derive(Debug, Clone)]
pub struct Considered {
    /// The model and its provider.
    pub offer: Arc<Offer>,
    /// Its key, if it came so far that one was looked at.
    pub key: Option<usize>,
    /// What is known of it, if it came so far.
    pub view: Option<View>,
    /// What its strategy made of that.
    pub score: Option<f64>,
    /// Its place in the order, from 0, or why it is left out.
    pub verdict: Result<usize, Exclusion>,
}

/// Why a candidate is left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclusion {
    /// The request asked for it.
    Asked,
    /// It cannot be spoken to for this, nor by translation.
    NoSpeaker,
    /// It lacks what the request needs.
    Incapable(Features),
    /// The prompt is longer than its context.
    ContextLength {
        /// The estimate of the prompt, in tokens.
        tokens: u64,
        /// What it takes.
        context: u64,
    },
    /// Its key rests.
    Resting {
        /// For how long.
        wait: Duration,
        /// Why.
        class: FailureClass,
    },
    /// Its breaker is open.
    Open {
        /// For how long.
        wait: Duration,
    },
    /// The provider said that it does not have the model.
    Unavailable,
    /// Its score is too low for its strategy.
    Score,
    /// The alias names another key.
    Alias,
}
