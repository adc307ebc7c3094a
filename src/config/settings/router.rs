//! `router`: the order of targets and the limits of a request.

use std::path::PathBuf;
use std::time::Duration;

use super::{
    Affinity, Backoffs, Bandit, Capture, Circuit, Conversations, Fidelity, Gate, HealthCheck,
    Hedge, Limits, SmallModels, Weighted,
};

/// `router.*`
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the configuration of its own, not a state"
)]
pub struct Router {
    /// In which order targets are tried.
    pub strategy: Strategy,
    /// Extra tries of one target after a failure that is safe to repeat there.
    pub retries: u32,
    /// Upstream attempts of one request, all targets together.
    pub max_attempts: u32,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// After this long without a meaningful event, 200 and keep-alives are sent; `None` = the status waits.
    pub commit_hold: Option<Duration>,
    /// Used for `auto` and, by policy, for unknown names.
    pub default_model: Option<String>,
    /// What an unknown model name gets.
    pub on_unknown_model: OnUnknownModel,
    /// Circuit breaker.
    pub circuit: Circuit,
    /// How long a key rests after a failure, by class.
    pub backoff: Backoffs,
    /// Remove the parts that no target can take instead of answering 400.
    pub strip_unsupported: bool,
    /// Whether a reset after the request was sent may go to the next target.
    pub retry_ambiguous: bool,
    /// Whether a text-only stream that dies is continued by another target.
    pub continue_stream: bool,
    /// What a loss in translation leads to.
    pub fidelity: Fidelity,
    /// What is remembered of conversations; `None` = nothing.
    pub conversations: Option<Conversations>,
    /// Request bodies kept for the inspector.
    pub capture: Option<Capture>,
    /// Whether the file is watched.
    pub hot_reload: bool,
    /// Models given a bonus under `adaptive`.
    pub small_models: Option<SmallModels>,
    /// Settings of `bandit`.
    pub bandit: Bandit,
    /// Settings of `weighted`.
    pub weighted: Weighted,
    /// Keeping a session on its target.
    pub affinity: Affinity,
    /// A second request against a slow target.
    pub hedge: Option<Hedge>,
    /// How long a stream may keep silent while another target is left; `None` = `timeouts.first_token`.
    pub first_token_gate: Option<Gate>,
    /// Probes of idle targets.
    pub health_check: Option<HealthCheck>,
    /// Limits of the whole gateway.
    pub limits: Limits,
    /// Health state across restarts; `None` = off.
    pub persistence_path: Option<PathBuf>,
}

/// `router.strategy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Config order.
    #[default]
    Sequential,
    /// By health and latency.
    Adaptive,
    /// UCB1.
    Bandit,
    /// Random in proportion to a score.
    Weighted,
}

impl Strategy {
    /// All there are.
    pub const ALL: [Self; 4] = [
        Strategy::Sequential,
        Strategy::Adaptive,
        Strategy::Bandit,
        Strategy::Weighted,
    ];

    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Sequential => "sequential",
            Strategy::Adaptive => "adaptive",
            Strategy::Bandit => "bandit",
            Strategy::Weighted => "weighted",
        }
    }
}

/// `router.timeouts`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup, TCP and TLS together.
    pub connect: Duration,
    /// To the first meaningful event of a stream.
    pub first_token: Duration,
    /// Between bytes of a stream.
    pub idle: Duration,
    /// One whole non-stream attempt.
    pub response: Duration,
    /// Commit, or the whole non-stream answer, over all attempts.
    pub total: Duration,
    /// A whole stream.
    pub stream_total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            connect: s(5),
            first_token: s(120),
            idle: s(120),
            response: s(300),
            total: s(600),
            stream_total: s(3600),
        }
    }
}

/// `router.on_unknown_model`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknownModel {
    /// 404 with the nearest names.
    #[default]
    Error,
    /// `router.default_model` answers.
    Default,
}
