//! Where a client finds the gateway, and what it may ask for there.

use crate::provider::Secret;

/// What is presented where no key is asked for: many clients do not start without one.
const NO_KEY: &str = "none-needed";

/// The gateway as a client sees it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Scheme, host and port, without a slash at the end and without `/v1`: `http://127.0.0.1:8000`.
    pub origin: String,
    /// What clients must present; `None` where nothing is asked for.
    pub key: Option<Secret>,
    /// The model that the client is to ask for; `None` leaves it the one it has.
    pub model: Option<String>,
    /// Every model and route that a client may be offered, the best first.
    pub models: Vec<String>,
}

impl Endpoint {
    /// What a client presents, be it asked for or not.
    pub fn presented(&self) -> &str {
        self.key.as_ref().map_or(NO_KEY, Secret::expose)
    }
}
