//! The edge: listeners, connections, and the guards a request passes before it is anybody's business.
//!
//! ```text
//! listen ─ accept ─ clock (header, idle and write limits) ─ hyper
//!                                                             └─ edge: request id · host and origin · client key
//!                                                                  ├─ proxied endpoint ── body (size, pace) ── proxy::handle
//!                                                                  └─ everything else ─── pages (axum)
//! ```
//!
//! `axum::serve` sets no timer, which leaves hyper's header timeout inert; so the accept loop is ours.

pub mod accept;
pub mod address;
pub mod auth;
pub mod body;
pub mod clock;
pub mod crowd;
pub mod edge;
pub mod error;
pub mod framing;
pub mod guard;
pub mod listen;
pub mod pages;
pub mod patience;
pub mod peer;
pub mod request_id;

use std::time::Duration;

/// What a client may take its time for, and how much of us it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// Grace for a body, beside [`Limits::body_rate`].
    pub body: Duration,
    /// Least pace of a body in bytes per second, after the grace.
    pub body_rate: u32,
    /// A connection without a request.
    pub idle: Duration,
    /// A client that reads nothing while we have something for it.
    pub write_stall: Duration,
    /// How long the answer to a wrong key is held back where there were many.
    pub wrong_key: Duration,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one network (an IPv4 address, an IPv6 /64) that is not this machine.
    pub per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            body_rate: 64 * 1024,
            idle: Duration::from_secs(75),
            write_stall: Duration::from_mins(1),
            wrong_key: Duration::from_secs(1),
            connections: 10_000,
            per_address: 1_000,
        }
    }
}
