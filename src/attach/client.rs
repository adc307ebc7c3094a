//! One question, one answer.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::door::Door;
use super::wire;
use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::foreign::is_treacherous;

/// How long an answer may take: a reload reads a file and builds what it describes.
const ANSWER: Duration = Duration::from_secs(10);

/// Largest answer, and largest event: ten times the largest snapshot that there can be.
pub(super) const LARGEST: usize = 16 << 20;

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
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Asks with a body.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Trouble> {
        let body = Bytes::from(body.to_string());
        self.ask(Method::POST, path, body).await
    }

    /// Has it do something.
    pub async fn act(&self, act: &Act) -> Result<Told, Trouble> {
        let body = serde_json::to_value(act).map_err(|error| self.odd(&error))?;
        self.post("/v1/acts", &body).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Trouble> {
        let asking = async {
            let (answer, _wire) = wire::exchange(&self.door, method, path, body).await?;
            let status = answer.status();
            Ok((status, self.whole(answer.into_body()).await?))
        };
        let (status, body) = timeout(ANSWER, asking)
            .await
            .unwrap_or_else(|_| Err(self.odd(&format!("no answer within {ANSWER:?}"))))?;
        if !status.is_success() {
            return Err(refused(status, &body).unwrap_or_else(|| self.odd(&status)));
        }
        serde_json::from_slice(&body).map_err(|error| self.odd(&error))
    }

    async fn whole(&self, body: Incoming) -> Result<Bytes, Trouble> {
        let whole = Limited::new(body, LARGEST).collect().await;
        let whole = whole.map_err(|error| self.odd(&error))?;
        Ok(whole.to_bytes())
    }

    pub(super) fn odd(&self, reason: &impl ToString) -> Trouble {
        Trouble::Odd {
            door: self.door.clone(),
            reason: reason.to_string().replace(is_treacherous, " "),
        }
    }
}

/// A refusal as the admin API writes it.
#[derive(Deserialize)]
struct Answer {
    error: Refused,
}

/// What a status that is no success says, if it says it in the API's own way.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> Option<Trouble> {
    let Answer { mut error } = serde_json::from_slice(body).ok()?;
    if error.message.is_empty() {
        error.message = status.to_string();
    }
    Some(error.into())
}

#[cfg(test)]
mod tests;
