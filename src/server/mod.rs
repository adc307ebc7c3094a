//! The edge: listeners, connections, and the guards a request passes before it is anybody's business.
//!
//! ```text
//! listen ─ accept ─ tls (where configured) ─ clock (header, idle and write limits) ─ hyper
//!                                                             └─ edge of this door: request id · host and origin · client key
//!                                                                  ├─ proxied endpoint ── body (size, pace) ── proxy::handle
//!                                                                  └─ everything else ─── pages (axum)
//! ```
//!
//! `axum::serve` sets no timer, which leaves hyper's header timeout inert; so the accept loop is ours.

pub mod accept;
pub mod address;
pub mod admin;
pub mod auth;
pub mod body;
pub mod clock;
pub mod crowd;
pub mod door;
pub mod edge;
pub mod error;
pub mod framing;
pub mod guard;
pub mod keep_alive;
pub mod listen;
pub mod models;
pub mod pages;
pub mod patience;
pub mod peer;
pub mod probe;
pub mod rate;
pub mod request_id;
pub mod tls;
pub mod tongue;
pub mod turned_away;

use std::time::Duration;

/// What a client may take its time for, and how much of us it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the beginning of a connection behind TLS to the end of its handshake.
    pub handshake: Duration,
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
    /// Connections from one network (an IPv4 address, an IPv6 /64) that is not this machine. Behind a public
    /// door those do not count on which a good key was shown.
    pub per_address: usize,
}

/// Descriptors that are not connections: log, listener, the runtime's own.
const OTHER_FILES: u64 = 64;

/// Connections that are served even where descriptors are scarcer than that.
const FEWEST_CONNECTIONS: usize = 8;

impl Limits {
    /// The defaults, with no more connections than the `files` this process may open allow; `None` is
    /// any number. Each connection may need another one to a provider, and a gateway that
    /// accepts more than it can serve fails those whom it serves already.
    pub fn within(files: Option<u64>) -> Self {
        let usual = Self::default();
        let room = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES) / 2);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Self {
            connections: usual.connections.min(room.max(FEWEST_CONNECTIONS)),
            ..usual
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_their_upstreams() {
        let connections = |files| Limits::within(files).connections;
        assert_eq!(connections(Some(1024)), 480);
        assert_eq!(connections(Some(64)), 8);
        assert_eq!(connections(Some(1 << 20)), 10_000);
        assert_eq!(connections(None), 10_000);
    }
}
