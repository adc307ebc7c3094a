//! Patience with wrong keys: it runs out, per address.
//!
//! Ten wrong keys a minute are answered 401. After that an address gets 429 without its key being
//! looked at, for a time that doubles up to a minute, so that guessing learns nothing. A connection that has shown
//! a good key before is not affected: on a shared address, somebody else's guessing must not lock out
//! those who are let in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Wrong keys in a [`WINDOW`] before an address is slowed down.
const FREE: u32 = 10;

/// The window in which wrong keys are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Longest time an address is turned away.
const LONGEST: Duration = Duration::from_mins(1);

/// Most addresses remembered; beyond it the oldest are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Wrong keys by address; `None` is a Unix socket.
#[derive(Debug, Default)]
pub struct Patience {
    records: Mutex<HashMap<Option<IpAddr>, Wrongs>>,
}

#[derive(Debug, Clone, Copy)]
struct Wrongs {
    count: u32,
    since: Instant,
    blocked_until: Option<Instant>,
    last_block: Duration,
}

impl Patience {
    /// How long this address is still turned away, if it is.
    pub fn blocked(&self, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let records = self.records.lock();
        let until = records.get(&address)?.blocked_until?;
        (now < until).then(|| until - now)
    }

    /// Books a wrong key; returns for how long the address is turned away now, if it is.
    pub fn wrong_key(&self, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let mut records = self.records.lock();
        if records.len() >= MAX_ADDRESSES {
            records.retain(|_, wrongs| now.duration_since(wrongs.since) < WINDOW);
            if records.len() >= MAX_ADDRESSES {
                records.clear();
            }
        }
        let fresh = Wrongs {
            count: 0,
            since: now,
            blocked_until: None,
            last_block: Duration::ZERO,
        };
        let wrongs = records.entry(address).or_insert(fresh);
        if now.duration_since(wrongs.since) >= WINDOW.max(wrongs.last_block * 2) {
            *wrongs = fresh;
        }
        wrongs.count += 1;
        if wrongs.count <= FREE {
            return None;
        }
        let block = (wrongs.last_block * 2).clamp(Duration::from_secs(1), LONGEST);
        wrongs.last_block = block;
        wrongs.since = now;
        wrongs.blocked_until = Some(now + block);
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn runs_out_after_ten_and_doubles_up_to_a_minute() {
        let (patience, mut now) = (Patience::default(), Instant::now());
        assert!((0..10).all(|_| patience.wrong_key(None, now).is_none()));
        let mut blocks = Vec::new();
        for _ in 0..8 {
            let block = patience.wrong_key(None, now).expect("blocked");
            assert_eq!(patience.blocked(None, now), Some(block));
            now += block;
            assert_eq!(patience.blocked(None, now), None);
            blocks.push(block.as_secs());
        }
        assert_eq!(blocks, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn comes_back_with_time_and_is_kept_per_address() {
        let (patience, now) = (Patience::default(), Instant::now());
        (0..11).for_each(|_| {
            patience.wrong_key(None, now);
        });
        assert!(
            patience
                .blocked(Some(IpAddr::from([10, 0, 0, 1])), now)
                .is_none()
        );
        assert!(patience.wrong_key(None, now + 61 * SECOND).is_none());
    }
}
