//! How many of something each network has at a time: connections, answers that are held back.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The part of an address that stands for one client.
///
/// For IPv6 that is the /64: a single host has all of its 2^64 addresses to choose from.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Counts by network; `None` is whoever comes over a Unix socket.
#[derive(Debug, Default)]
pub struct Crowd(Mutex<HashMap<Option<IpAddr>, usize>>);

impl Crowd {
    /// Whether `network` has `most` places.
    pub fn is_full(&self, network: Option<IpAddr>, most: usize) -> bool {
        let counts = self.0.lock();
        counts.get(&network).is_some_and(|count| *count >= most)
    }

    /// Takes a place for `network` unless it has `most` of them already.
    pub fn enter(self: Arc<Self>, network: Option<IpAddr>, most: usize) -> Option<Place> {
        let mut counts = self.0.lock();
        let count = counts.get(&network).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        counts.insert(network, count + 1);
        drop(counts);
        Some(Place {
            crowd: self,
            network,
        })
    }
}

/// A place in the crowd; it is free again when this goes.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    network: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_has_so_many_places_and_gets_them_back() {
        let crowd = Arc::new(Crowd::default());
        let enter = |network| crowd.clone().enter(network, 1);
        let held = enter(None);
        assert!(held.is_some() && enter(None).is_none());
        assert!(enter(Some(ip("10.0.0.1"))).is_some());
        drop(held);
        assert!(enter(None).is_some());
        assert!(crowd.0.lock().is_empty(), "nobody left is remembered");
    }

    #[test]
    fn one_host_of_ipv6_is_one_network() {
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ff:2")));
        assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
        assert_ne!(network(ip("10.0.0.1")), network(ip("10.0.0.2")));
        assert_eq!(network(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }
}
