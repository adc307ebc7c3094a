//! The books: what requests write while they run and when they end, and others read. They outlive every
//! configuration of the gateway.

use std::sync::Arc;

use super::live::Live;
use super::metrics::Metrics;
use super::trace::Ring;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Books {
    /// What was tried for the last requests.
    pub traces: Arc<Ring>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The requests under way.
    pub live: Arc<Live>,
}
