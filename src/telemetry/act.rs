//! Acts: what the owner of a gateway may have it do while it runs. None of them outlives the run.

use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Asks somebody no more; what is under way there ends in its own time.
    Drain {
        /// Whom.
        whom: Whom,
    },
    /// Asks somebody again.
    Enable {
        /// Whom.
        whom: Whom,
    },
    /// Closes breakers and ends rests of places.
    ResetBreaker {
        /// The provider.
        provider: String,
        /// One of its models; all of them, if `None`.
        #[serde(default)]
        model: Option<String>,
    },
    /// Takes keys back that rest or are dead.
    Revive {
        /// The provider.
        provider: String,
        /// The place of one of its keys, from 1; all of them, if `None`.
        #[serde(default)]
        key: Option<usize>,
    },
    /// Asks a target first for a while, wherever it is a candidate.
    Pin {
        /// Its provider.
        provider: String,
        /// Its model; whichever of the provider's is a candidate, if `None`.
        #[serde(default)]
        model: Option<String>,
        /// For how long.
        minutes: f64,
    },
    /// Ends a pin.
    Unpin,
    /// Chooses by another strategy; by the configured one, if `None`.
    Strategy {
        /// Its name.
        name: Option<String>,
    },
    /// Injects a fault into a provider for a while.
    Chaos {
        /// The provider.
        provider: String,
        /// The fault.
        fault: Fault,
        /// For how long; it then ends by itself.
        seconds: f64,
    },
    /// Ends injected faults.
    Calm {
        /// Of one provider; of all, if `None`.
        #[serde(default)]
        provider: Option<String>,
    },
    /// Reads the configuration anew.
    Reload,
    /// Opens, closes or restarts a tunnel.
    Tunnel {
        /// `ngrok` or `cloudflared`.
        kind: String,
        /// What to do with it.
        what: TunnelAct,
    },
}

/// A provider, one of its keys, or one of its models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Whom {
    /// The provider.
    pub provider: String,
    /// The place of the key, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<usize>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A fault that a provider seems to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It begins to answer so much later.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// It answers 429.
    #[default]
    RateLimit,
    /// It answers 500.
    ServerError,
    /// Its answers break off after so many bytes.
    Cut {
        /// Bytes of the body.
        after: u64,
    },
    /// It goes silent after so many bytes.
    Stall {
        /// Bytes of the body.
        after: u64,
    },
    /// It answers what nobody can read.
    Garbage,
}

/// What to do with a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TunnelAct {
    /// Opens it.
    Open,
    /// Closes it.
    Close,
    /// Closes it and opens it again.
    Restart,
}

/// What came of an act, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Told {
    /// In one line without a full stop.
    pub message: String,
    /// More, a line each.
    pub details: Vec<String>,
}

/// Why an act was not done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
#[error("{message}")]
pub struct Refused {
    /// In one line without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// More, a line each: all the errors of a configuration.
    pub details: Vec<String>,
}

impl Told {
    /// What came of it, and no more.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
        }
    }
}

impl Refused {
    /// Why, and no more.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
