//! What the owner has changed by hand, beside the configuration. Nothing of it outlives the run.

use serde::{Deserialize, Serialize};

use crate::telemetry::act::{Fault, Whom};

/// See the module's head.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Steering {
    /// Who is not asked.
    pub drained: Vec<Drained>,
    /// Who is asked first.
    pub pin: Option<Pin>,
    /// The strategy, in place of the configured one.
    pub strategy: Option<String>,
    /// The faults that are injected.
    pub chaos: Vec<Chaos>,
}

/// Somebody who is not asked until a person says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Drained {
    /// Who.
    pub whom: Whom,
    /// Since when.
    pub since_ms: u64,
}

/// A target that is asked first, wherever it is a candidate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Pin {
    /// Its provider.
    pub provider: String,
    /// Its model; every one of the provider's, if `None`.
    pub model: Option<String>,
    /// Until when.
    pub until_ms: u64,
}

/// A fault that is injected into a provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Chaos {
    /// The provider.
    pub provider: String,
    /// The fault.
    pub fault: Fault,
    /// Until when; it then ends by itself.
    pub until_ms: u64,
}
