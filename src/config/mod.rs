//! The configuration as the rest of the program sees it: complete, with defaults, and never invalid.
//!
//! A file becomes one tree of values with their places (`json`, `yaml`, `toml` -> `node`); variables are
//! expanded in it (`variables`); each `section` reads its part (`read`, `scalar`, `units`) and resolves it
//! against presets and environment. Whatever is wrong goes to the `report` and comes out as `diagnostic`s.

pub mod base_url;
pub mod diagnostic;
pub mod discover;
pub mod effective;
pub mod env_file;
pub mod environment;
pub mod locate;
pub mod names;
pub mod paths;
pub mod schema;
pub mod write;

mod authtoken;
mod demo;
mod format;
mod inline;
mod json;
mod load;
mod mask;
mod nearest;
mod node;
mod read;
mod regular;
mod report;
mod scalar;
mod secrets;
mod section;
mod settings;
mod toml;
mod units;
mod variables;
mod yaml;

use crate::provider::Provider;

pub use authtoken::fault as authtoken_fault;
pub use demo::demo;
pub use diagnostic::{ConfigError, Diagnostic, Severity, Style, render};
pub use discover::{
    Discovery, Found, Probe, discover, nothing_found, nothing_found_awake, zero_config,
};
pub use effective::Origins;
pub use environment::Environment;
pub use format::Format;
pub use json::OPTIONS as JSON_WITH_COMMENTS;
pub use load::{Loaded, from_text, load};
pub use locate::{Choice, Source, locate};
pub use names::Names;
pub use nearest::nearest;
pub use paths::{Home, Name};
pub use regular::open_regular;
pub use settings::{
    Admin, AdminSocket, Affinity, Authtoken, Backoff, Backoffs, Bandit, Capture, Circuit,
    Cloudflared, ConflictResolution, Conversations, Fallback, FallbackOn, Fidelity, Gate,
    HealthCheck, Hedge, Limits, Listen, Ngrok, OnUnknownModel, Profile, PublicDoor, Route, Router,
    Server, SmallModels, Step, Strategy, Timeouts, Tls, Tunnel, Tunnels, Weighted,
};

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
    /// How public doors are opened.
    pub tunnels: Tunnels,
    /// Where the settings come from.
    pub origins: Box<Origins>,
}
