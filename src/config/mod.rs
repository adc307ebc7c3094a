//! The configuration as the rest of the program sees it: complete, with defaults, and never invalid.
//!
//! How a file becomes a [`Config`] is told in the modules below; nothing here reads or writes.

pub mod base_url;
pub mod diagnostic;
pub mod discover;
pub mod env_file;
pub mod environment;
pub mod locate;
pub mod paths;
pub mod schema;
pub mod write;

mod demo;
mod format;
mod json;
mod load;
mod mask;
mod nearest;
mod node;
mod read;
mod report;
mod scalar;
mod secrets;
mod section;
mod toml;
mod units;
mod variables;
mod yaml;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::provider::{Provider, Secret};

pub use demo::demo;
pub use diagnostic::{ConfigError, Diagnostic, Severity, Style, render};
pub use discover::{Discovery, Found, Probe, discover, nothing_found, zero_config};
pub use environment::Environment;
pub use format::Format;
pub use load::{Loaded, from_text, load};
pub use locate::{Choice, Source, locate};
pub use nearest::nearest;
pub use paths::{Home, Name};

/// A whole, valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listener and its guards.
    pub server: Server,
    /// How requests are routed and how long they may take.
    pub router: Router,
    /// Upstreams in config order; names are unique.
    pub providers: Vec<Provider>,
    /// Logical models.
    pub routes: Vec<Route>,
    /// The old place for tunnel settings, `extra.tunnels`.
    pub tunnels: TunnelSettings,
}

/// `server.*`
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it listens.
    pub listen: Listen,
    /// Keys that clients may present; empty = none configured.
    pub api_keys: Vec<Secret>,
    /// Whether a key may also be presented base64-encoded.
    pub accept_base64_keys: bool,
    /// The public door that was asked for.
    pub tunnel: Tunnel,
    /// Origins that browsers may call from.
    pub cors: Vec<String>,
    /// Largest accepted request body in bytes.
    pub max_body: usize,
    /// How long a stop waits for running requests.
    pub drain: Duration,
    /// `Host` names accepted beside loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Certificate and key of the TLS listener.
    pub tls: Option<Tls>,
    /// The admin listener.
    pub admin: Option<Admin>,
}

/// Where the gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP socket.
    Tcp {
        /// Host name or address to bind.
        host: String,
        /// Port; 0 = any free one.
        port: u16,
        /// Whether somebody chose the port (file, flag or `PORT`); if not, a taken one is stepped over in zero-config.
        port_is_chosen: bool,
    },
    /// A Unix socket at this path.
    Unix(PathBuf),
}

impl Listen {
    /// Whether only this machine can reach it. A host name other than `localhost` counts as reachable.
    pub fn is_local(&self) -> bool {
        match self {
            Listen::Unix(_) => true,
            Listen::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .trim_matches(['[', ']'])
                        .parse::<IpAddr>()
                        .is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

/// `server.tls`
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// `server.admin`
#[derive(Debug, Clone)]
pub struct Admin {
    /// Unix socket of the admin API.
    pub socket: Option<PathBuf>,
    /// Loopback address of the admin API.
    pub listen: Option<String>,
    /// Token it asks for.
    pub token: Option<Secret>,
}

/// `server.tunnel`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tunnel {
    /// No public door.
    #[default]
    None,
    /// Through ngrok.
    Ngrok,
    /// Through cloudflared.
    Cloudflared,
}

impl Tunnel {
    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Tunnel::None => "none",
            Tunnel::Ngrok => "ngrok",
            Tunnel::Cloudflared => "cloudflared",
        }
    }
}

/// `extra.tunnels`
#[derive(Debug, Clone, Default)]
pub struct TunnelSettings {
    /// Token of the ngrok account.
    pub ngrok_authtoken: Option<Secret>,
    /// Reserved domain.
    pub ngrok_domain: Option<String>,
    /// Name or path of the cloudflared program.
    pub cloudflared_binary: Option<String>,
}

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

/// `router.circuit`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circuit {
    /// Failures in a row that open it.
    pub threshold: u32,
    /// Share of failures that opens it, 0…1.
    pub ratio: f64,
    /// Fewest requests in the window before `ratio` counts.
    pub min_samples: u32,
    /// The window of `ratio`.
    pub window: Duration,
    /// How long it stays open at first.
    pub open: Duration,
    /// Longest time it stays open.
    pub open_max: Duration,
    /// Successes that close it.
    pub successes: u32,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            threshold: 5,
            ratio: 0.5,
            min_samples: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(15),
            open_max: Duration::from_mins(5),
            successes: 3,
        }
    }
}

/// `router.backoff`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoffs {
    /// After a 429.
    pub rate_limit: Backoff,
    /// After a refused key.
    pub auth: Backoff,
    /// After an exhausted quota.
    pub quota: Backoff,
    /// After a timeout.
    pub timeout: Backoff,
    /// After a network failure.
    pub network: Backoff,
    /// After a server error.
    pub server: Backoff,
}

impl Default for Backoffs {
    fn default() -> Self {
        let backoff = |first, factor, max| Backoff {
            first: Duration::from_secs(first),
            factor,
            max: Duration::from_secs(max),
        };
        Self {
            rate_limit: backoff(5, 2.0, 60),
            auth: backoff(10, 1.5, 300),
            quota: backoff(60, 2.0, 3600),
            timeout: backoff(5, 1.5, 120),
            network: backoff(1, 2.0, 30),
            server: backoff(2, 2.0, 60),
        }
    }
}

/// A rest that grows with each failure: `min(max, first · factor^n)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first rest.
    pub first: Duration,
    /// Growth per failure in a row.
    pub factor: f64,
    /// The longest rest.
    pub max: Duration,
}

impl Backoff {
    /// The rest after `failures` failures in a row (1 = the first).
    pub fn after(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.first.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(self.max)
            .min(self.max)
    }
}

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

/// `router.capture`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Bytes kept of all bodies together.
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
    /// Most requests hedged, as a share of all.
    pub max_ratio: f64,
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

/// `routes[]`: a logical model.
#[derive(Debug, Clone)]
pub struct Route {
    /// The model name that selects it.
    pub name: String,
    /// Order of its steps.
    pub strategy: Option<Strategy>,
    /// Limit of the whole request.
    pub timeout: Option<Duration>,
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
