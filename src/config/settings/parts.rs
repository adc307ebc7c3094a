//! The parts of `router` that are one object each.

use std::time::Duration;

/// `router.fidelity`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fidelity {
    /// Drop and report.
    #[default]
    Warn,
    /// 400 on any loss.
    Strict,
    /// Drop.
    Silent,
}

/// `router.conversations`: what is remembered of conversations for upstreams that remember nothing: answers
/// of the Responses API with `store`, and the opaque reasoning of clients that drop unknown fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversations {
    /// Most bytes held in memory, for each of the two kinds.
    pub max_bytes: usize,
    /// How long.
    pub ttl: Duration,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            ttl: Duration::from_hours(24),
        }
    }
}

/// `router.capture`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Bytes kept of all requests and answers together; one of them has at most a quarter.
    pub max_bytes: usize,
    /// Requests kept.
    pub entries: usize,
}

/// `router.small_models`
#[derive(Debug, Clone, PartialEq)]
pub struct SmallModels {
    /// Their names.
    pub names: Vec<String>,
    /// Their bonus.
    pub factor: f64,
}

/// `router.bandit`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandit {
    /// Time in which the past loses half its weight.
    pub half_life: Duration,
}

/// `router.weighted`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weighted {
    /// Which figures count how much.
    pub profile: Profile,
}

/// `router.weighted.profile`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// All of them.
    #[default]
    Balanced,
    /// Latency first.
    Latency,
    /// Cost first.
    Cost,
    /// Error rate first.
    Reliability,
}

/// `router.affinity`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affinity {
    /// How long a session is remembered.
    pub ttl: Duration,
    /// Whether the conversation's stable prefix stands for a session id.
    pub prefix: bool,
}

/// `router.hedge`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedge {
    /// Wait before the second request; `None` = the target's own p95.
    pub after: Option<Duration>,
    /// Most requests hedged, as a share of all; zero = none.
    pub max_ratio: f64,
}

impl Hedge {
    /// No second request: what `off` at a route means, whatever the router says.
    pub const NEVER: Hedge = Hedge {
        after: None,
        max_ratio: 0.0,
    };
}

/// `router.first_token_gate`: how long a stream may keep silent while another target is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Times the target's own p95.
    pub factor: f64,
    /// But never less than this.
    pub least: Duration,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            factor: 4.0,
            least: Duration::from_secs(5),
        }
    }
}

/// `router.health_check`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time between probes.
    pub interval: Duration,
}

/// `router.limits`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most requests in flight.
    pub in_flight: usize,
    /// Most bytes of request bodies held at once.
    pub buffered_bytes: usize,
    /// How long a request may wait for room; zero = not at all.
    pub wait: Duration,
}
