//! What health is kept by.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Backoffs, Circuit};

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long rests are.
    pub backoffs: Backoffs,
    /// When breakers open and close.
    pub circuit: Circuit,
    /// Time in which the bandit forgets half of what it knows.
    pub half_life: Duration,
    /// Limits of providers, by name.
    pub caps: HashMap<Arc<str>, Caps>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backoffs: Backoffs::default(),
            circuit: Circuit::default(),
            half_life: Duration::from_mins(30),
            caps: HashMap::new(),
        }
    }
}

/// What a provider may be given at most.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caps {
    /// Requests under way at once.
    pub max_concurrency: Option<u32>,
    /// Requests a minute.
    pub max_rpm: Option<u32>,
}
