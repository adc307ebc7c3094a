//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::clock::Presence;

/// One connection, as seen by the edge.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// What is known of it.
    pub presence: Arc<Presence>,
}
