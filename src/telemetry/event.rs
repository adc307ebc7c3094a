//! Events: what has changed since a snapshot, in absolute values.

use serde::{Deserialize, Serialize};

use super::snapshot::{
    About, LogLine, Lost, ProviderRow, RequestRow, Snapshot, Steering, Totals, TunnelRow,
};

/// One change; [`Snapshot::apply`] takes it in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// Everything, anew: at the beginning, and for whoever was too slow.
    Snapshot(Box<Snapshot>),
    /// The gateway itself.
    About(About),
    /// Its figures.
    Totals(Totals),
    /// One provider.
    Provider(ProviderRow),
    /// The names of all providers, in their order; who is not among them is gone.
    Providers(Vec<String>),
    /// All tunnels.
    Tunnels(Vec<TunnelRow>),
    /// What was changed by hand, all of it.
    Steering(Steering),
    /// One request.
    Request(RequestRow),
    /// One more line of the log.
    Log(LogLine),
    /// What could not be told so far.
    Lost(Lost),
    /// The gateway's clock.
    Tick {
        /// Milliseconds since 1970.
        now_ms: u64,
    },
}

impl Event {
    /// Its name in a stream of events.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Snapshot(_) => "snapshot",
            Event::About(_) => "about",
            Event::Totals(_) => "totals",
            Event::Provider(_) => "provider",
            Event::Providers(_) => "providers",
            Event::Tunnels(_) => "tunnels",
            Event::Steering(_) => "steering",
            Event::Request(_) => "request",
            Event::Log(_) => "log",
            Event::Lost(_) => "lost",
            Event::Tick { .. } => "tick",
        }
    }
}

/// The first word of a stream of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Hello {
    /// The language: [`VERSION`](super::snapshot::VERSION).
    pub version: u32,
    /// The program's version.
    pub autogw: String,
    /// The gateway's random name: another one after a restart.
    pub instance: String,
}
