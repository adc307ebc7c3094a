//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::clock::Presence;
use super::crowd::network;

/// One connection, as seen by the edge.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// What is known of it.
    pub presence: Arc<Presence>,
}

impl Peer {
    /// The network it comes from, which stands for one client; `None` for a Unix socket.
    pub fn network(&self) -> Option<IpAddr> {
        self.address.map(|address| network(address.ip()))
    }
}
