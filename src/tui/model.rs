//! The model: all that the dashboard knows, and nothing that it draws.

use std::time::Duration;

use serde_json::Value;

use crate::telemetry::snapshot::{ProviderDetail, RequestDetail, Snapshot};

/// The screens, in the order of their digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// Everything at a glance.
    #[default]
    Overview,
    /// The live list.
    Requests,
    /// The log.
    Logs,
    /// Which target a request would go to.
    Routes,
    /// The public doors.
    Tunnel,
    /// The effective configuration.
    Config,
}

impl Screen {
    /// All of them.
    pub const ALL: [Screen; 6] = [
        Screen::Overview,
        Screen::Requests,
        Screen::Logs,
        Screen::Routes,
        Screen::Tunnel,
        Screen::Config,
    ];

    /// The one with that digit.
    pub fn of_digit(digit: u8) -> Option<Self> {
        let at = usize::from(digit).checked_sub(1)?;
        Self::ALL.get(at).copied()
    }

    /// Its place, from 0.
    pub fn place(self) -> usize {
        Self::ALL.iter().position(|one| *one == self).unwrap_or(0)
    }

    /// The one so many places behind it, and around the end.
    #[must_use]
    pub fn turned(self, steps: usize) -> Self {
        Self::ALL[(self.place() + steps) % Self::ALL.len()]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Screen::Overview => "Overview",
            Screen::Requests => "Requests",
            Screen::Logs => "Logs",
            Screen::Routes => "Routes",
            Screen::Tunnel => "Tunnel",
            Screen::Config => "Config",
        }
    }
}

/// How it stands with the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet.
    Connecting,
    /// It is heard.
    Live,
    /// It is gone since so long, and is looked for.
    Lost {
        /// What happened.
        reason: String,
        /// Until the next look.
        again_in: Duration,
    },
}

/// See the module's head. Each screen keeps its own state (selection, filter, scroll) beside its pane, in `view`.
#[derive(Debug)]
pub struct Model {
    /// What the gateway tells.
    pub snapshot: Snapshot,
    /// How it stands with the gateway.
    pub link: Link,
    /// What is looked at.
    pub screen: Screen,
    /// The gateway's clock less this machine's, in milliseconds.
    pub clock_skew_ms: i64,
    /// The provider that is looked at closely.
    pub provider: Option<ProviderDetail>,
    /// The request that is looked at closely.
    pub request: Option<RequestDetail>,
    /// The last explanation, as the gateway gave it.
    pub explained: Option<Value>,
    /// The effective configuration, as the gateway told it.
    pub config: Option<Value>,
}
