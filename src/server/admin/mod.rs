//! The admin API: how the gateway stands, and what its owner has it do. On a socket of its own, never behind a
//! public door.
//!
//! ```text
//! socket    the Unix socket: only its owner opens it, and one that nobody listens on is replaced
//! serve     accepts, as few as an owner needs ─ gate: who may ask (peer, host, token) ─ pages
//! endpoint  the table of endpoints: router and `OpenAPI` document both come from it
//! pages     one question, one answer · events: the stream of what changes
//! ```

pub mod endpoint;
pub mod events;
pub mod failed;
pub mod gate;
pub mod question;
pub mod serve;
pub mod socket;

mod pages;

#[cfg(test)]
mod document;

use std::pin::Pin;

use serde_json::Value;

use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::bus::Watch;
use crate::telemetry::snapshot::{ProviderDetail, RequestDetail, Snapshot};

/// What the admin API asks of the house that it stands in.
pub trait Steward: Send + Sync + 'static {
    /// The gateway's random name.
    fn instance(&self) -> String;

    /// How it stands now.
    fn snapshot(&self) -> Snapshot;

    /// Hears what changes from now on; the observer works while somebody listens.
    fn watch(&self) -> Watch;

    /// The page of a provider.
    fn provider(&self, name: &str) -> Option<ProviderDetail>;

    /// The page of a request, by its id or its number.
    fn request(&self, id: &str) -> Option<RequestDetail>;

    /// The effective configuration, redacted, with the source of each value.
    fn config(&self) -> Value;

    /// What would become of a request: as `POST /routing/decide`.
    fn decide(&self, question: Value) -> Work<Value>;

    /// Does something.
    fn act(&self, act: Act) -> Work<Told>;
}

/// Something that takes its time and may be refused.
pub type Work<T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send>>;
