//! What every test stands on: a gateway under test, scripted upstreams, and a client that sees bytes.
//!
//! Nothing here uses an HTTP library: what the gateway reads and writes is checked against code that
//! was not written with the same crates. Tests wait for events, each under [`PATIENCE`], and never
//! for time to pass.

pub(crate) mod binary;
pub(crate) mod chat;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod front;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod ngrok_edge;
pub(crate) mod public;
pub(crate) mod reply;
pub(crate) mod screen;
mod shim;
pub(crate) mod standin;
pub(crate) mod talk;
pub(crate) mod thinker;
pub(crate) mod tongue;
pub(crate) mod upstream;

use std::future::Future;
use std::time::Duration;

pub(crate) use binary::Binary;
pub(crate) use client::{Answer, Call, Client};
pub(crate) use config::Config;
pub(crate) use gateway::Gateway;
pub(crate) use public::Public;
pub(crate) use reply::{Gate, Reply};
pub(crate) use screen::Screen;
pub(crate) use upstream::Upstream;

/// How long a test waits for something that must happen: long enough for a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How soon something must happen that is promised "within a second".
pub(crate) const A_SECOND: Duration = Duration::from_secs(1);

/// The outcome of `future`, or a panic that says what was waited for.
pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    within(PATIENCE, what, future).await
}

/// The outcome of `future` if it comes within `limit`, or a panic that says what was waited for.
pub(crate) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(limit, future).await;
    outcome.unwrap_or_else(|_| panic!("waited {limit:?} in vain for {what}"))
}
