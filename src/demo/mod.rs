//! The demo providers: simulated upstreams inside the process, for trying autogw without key or network.
//!
//! A [`Demo`] hands out the client half of an in-memory pipe; on the other half a real HTTP/1.1 server
//! speaks OpenAI chat, completions, embeddings and models. The request path therefore treats it like any
//! upstream: bytes are parsed, and a cut is a connection that ends. The same seed and the same order of
//! requests give the same answers, delays and failures; only outages go by the clock.

mod chat;
mod completions;
mod draws;
mod embeddings;
mod models;
mod outage;
mod pace;
mod refusal;
mod reply;
mod schema;
mod service;
mod speech;
mod tokens;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::provider::{DemoProfile, Models};

use draws::Draws;
use refusal::Refusal;

/// What a demo provider serves when its configuration names no models: the first talks, the second
/// embeds (each model of a demo does both).
pub const MODELS: [&str; 2] = ["demo-chat", "demo-embedding"];

/// Bytes a side may write before the other must read; what a socket's buffer would be.
const PIPE_BYTES: usize = 64 * 1024;

/// One simulated provider. Clones share the count of requests that drives its draws, so whoever pools
/// connections keeps one per provider.
#[derive(Debug, Clone)]
pub struct Demo(Arc<Simulation>);

impl Demo {
    /// A provider called `name` that behaves as `profile` says and serves `models` (their upstream names),
    /// or [`MODELS`] if that is everything.
    pub fn new(name: &str, profile: DemoProfile, models: &Models) -> Self {
        let models = match models {
            Models::Everything => MODELS.map(str::to_owned).to_vec(),
            Models::Listed(listed) => listed
                .iter()
                .map(|model| model.upstream.as_ref().unwrap_or(&model.name).clone())
                .collect(),
        };
        Self(Arc::new(Simulation {
            name: name.to_owned(),
            profile,
            models,
            requests: AtomicU64::new(0),
            started: Instant::now(),
        }))
    }

    /// Opens a connection: what a TCP connect is to a real provider. Never waits and never fails.
    ///
    /// The task that serves it ends when the returned half is dropped, whatever it was doing.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(service::serve(Arc::clone(&self.0), server));
        client
    }
}

/// What all connections of one demo provider share.
#[derive(Debug)]
struct Simulation {
    name: String,
    profile: DemoProfile,
    models: Vec<String>,
    /// Generating requests so far; listings are not counted, so that a background refresh changes no draw.
    requests: AtomicU64,
    /// What outages are counted from.
    started: Instant,
}

impl Simulation {
    /// The lot of the request that has just arrived.
    fn draw(&self) -> Draws {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        Draws::of(&self.profile, number)
    }

    fn check_model(&self, model: &str) -> Result<(), Refusal> {
        if self.models.iter().any(|served| served == model) {
            Ok(())
        } else {
            Err(Refusal::unknown_model(model, &self.name))
        }
    }
}
