//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::clock::Presence;
use super::crowd::{Place, network};

/// One connection, as seen by the edge.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from; `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// What is known of it.
    pub presence: Arc<Presence>,
    /// Its place among the connections of its network that nobody knows yet.
    place: Mutex<Option<Place>>,
}

impl Peer {
    /// A connection that has shown no key yet, and takes `place` until it does.
    pub fn new(address: Option<SocketAddr>, presence: Arc<Presence>, place: Option<Place>) -> Self {
        Self {
            address,
            presence,
            place: Mutex::new(place),
        }
    }

    /// It has shown a good key: its place is free for somebody else.
    pub fn is_known(&self) {
        drop(self.place.lock().take());
    }

    /// The network it comes from, which stands for one client; `None` for a Unix socket.
    pub fn network(&self) -> Option<IpAddr> {
        self.address.map(|address| network(address.ip()))
    }
}
