//! Patience with wrong keys: it runs out, per network and for all together.
//!
//! A right key is never refused (but behind a public door that has short keys, see
//! [`Patience::is_swamped`]): behind one address there may be an office, and on loopback there is a
//! whole machine, whose careless member must not lock out the others. So the key is compared first, and
//! all that follows concerns wrong ones: ten a minute are answered 401, then a network gets 429 for a
//! time that doubles up to a minute.
//!
//! What is left to a guesser is to notice that an answer is *not* the one for a right key. Two things
//! make that slow. During a block answers are held back for [`Limits::wrong_key`](super::Limits), so that a
//! connection tries one key per second. And who would rather not wait, by leaving early or by asking on
//! more connections than are held at a time, pays with a new connection for every guess: a 429 that is
//! not held back ends the connection it came on. Few answers are held per network and, by the limit for
//! all, few in total, so they cannot be used to fill the house. None of this replaces long keys: at some
//! thousand connections per second a random key stays out of reach, and `password1` does not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::crowd::{Crowd, Place};

/// Wrong keys in a [`WINDOW`] before a network is slowed down.
const FREE: u32 = 10;

/// The window in which wrong keys are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Longest time a network's wrong keys are turned away without being counted.
const LONGEST: Duration = Duration::from_mins(1);

/// Wrong keys a second, from everywhere: more is an attack from many addresses.
const FREE_FOR_ALL: u32 = 100;

/// The window of [`FREE_FOR_ALL`].
const SECOND: Duration = Duration::from_secs(1);

/// Answers held back at a time for one network.
const HELD: usize = 10;

/// Most networks remembered; beyond it the oldest are forgotten.
const MAX_NETWORKS: usize = 10_000;

/// What a wrong key is answered.
#[derive(Debug)]
pub enum Verdict {
    /// That it is wrong.
    Wrong,
    /// That there were too many.
    Blocked {
        /// For how long that will be the answer.
        wait: Duration,
        /// The answer is to be held back as long as this is kept.
        hold: Option<Place>,
    },
}

/// Wrong keys by network; `None` is a Unix socket.
#[derive(Debug, Default)]
pub struct Patience {
    books: Mutex<Books>,
    held: Arc<Crowd>,
}

#[derive(Debug, Default)]
struct Books {
    networks: HashMap<Option<IpAddr>, Wrongs>,
    all: Option<All>,
}

#[derive(Debug, Clone, Copy)]
struct Wrongs {
    count: u32,
    since: Instant,
    blocked_until: Option<Instant>,
    last_block: Duration,
}

/// Wrong keys from everywhere in the second that began at `since`.
#[derive(Debug, Clone, Copy)]
struct All {
    count: u32,
    since: Instant,
    /// When it was last said that there are too many.
    told: Option<Instant>,
}

impl Patience {
    /// How long a network has to wait that guesses on more connections than can be held back; `None` for
    /// everybody else.
    ///
    /// Behind a tunnel a guesser does not pay with a connection for every guess: the tunnel has connections
    /// to spare. Where a short key is to be protected there, this is asked before a key is compared, so that
    /// nothing is learned from the answer.
    pub fn is_swamped(&self, network: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let wrongs = *self.books.lock().networks.get(&network)?;
        let wait = wrongs.blocked_for(now)?;
        self.held.is_full(network, HELD).then_some(wait)
    }

    /// Books a wrong key and says what it is answered.
    pub fn wrong_key(&self, network: Option<IpAddr>, now: Instant) -> Verdict {
        let mut books = self.books.lock();
        if let Some(wait) = books.blocks_all(now) {
            return Verdict::Blocked { wait, hold: None };
        }
        let wrongs = books.of(network, now);
        wrongs.count = wrongs.count.saturating_add(1);
        if let Some(wait) = wrongs.blocked_for(now) {
            drop(books);
            let hold = self.held.clone().enter(network, HELD);
            return Verdict::Blocked { wait, hold };
        }
        if wrongs.count <= FREE {
            return Verdict::Wrong;
        }
        let wait = wrongs.block(now);
        tracing::warn!(
            target: "autogw::audit",
            address = network.map(tracing::field::display),
            wrong_keys = wrongs.count,
            blocked_s = wait.as_secs(),
            "too many wrong client keys from one address"
        );
        Verdict::Blocked { wait, hold: None }
    }
}

impl Books {
    /// Counts for everybody; returns how long to wait where that is too much.
    fn blocks_all(&mut self, now: Instant) -> Option<Duration> {
        let fresh = All {
            count: 0,
            since: now,
            told: None,
        };
        let all = self.all.get_or_insert(fresh);
        if now.duration_since(all.since) >= SECOND {
            all.count = 0;
            all.since = now;
        }
        all.count = all.count.saturating_add(1);
        if all.count <= FREE_FOR_ALL {
            return None;
        }
        if all
            .told
            .is_none_or(|told| now.duration_since(told) >= WINDOW)
        {
            all.told = Some(now);
            tracing::warn!(
                target: "autogw::audit",
                wrong_keys = all.count,
                "too many wrong client keys from all addresses together"
            );
        }
        Some(SECOND)
    }

    fn of(&mut self, network: Option<IpAddr>, now: Instant) -> &mut Wrongs {
        self.make_room(now);
        let wrongs = self
            .networks
            .entry(network)
            .or_insert_with(|| Wrongs::since(now));
        if wrongs.is_forgotten(now) {
            *wrongs = Wrongs::since(now);
        }
        wrongs
    }

    fn make_room(&mut self, now: Instant) {
        if self.networks.len() >= MAX_NETWORKS {
            self.networks.retain(|_, wrongs| !wrongs.is_forgotten(now));
            if self.networks.len() >= MAX_NETWORKS {
                self.networks.clear();
            }
        }
    }
}

impl Wrongs {
    fn since(now: Instant) -> Self {
        Self {
            count: 0,
            since: now,
            blocked_until: None,
            last_block: Duration::ZERO,
        }
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= WINDOW.max(self.last_block * 2)
    }

    fn blocked_for(&self, now: Instant) -> Option<Duration> {
        let until = self.blocked_until?;
        (now < until).then(|| until - now)
    }

    /// Begins a block that is twice as long as the last.
    fn block(&mut self, now: Instant) -> Duration {
        let block = (self.last_block * 2).clamp(SECOND, LONGEST);
        self.last_block = block;
        self.since = now;
        self.blocked_until = Some(now + block);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(third: u8) -> IpAddr {
        IpAddr::from([10, 0, third, 1])
    }

    /// How long a wrong key is turned away.
    fn wait(patience: &Patience, network: Option<IpAddr>, now: Instant) -> Option<Duration> {
        match patience.wrong_key(network, now) {
            Verdict::Wrong => None,
            Verdict::Blocked { wait, .. } => Some(wait),
        }
    }

    #[test]
    fn runs_out_after_ten_and_doubles_up_to_a_minute() {
        let (patience, mut now) = (Patience::default(), Instant::now());
        assert!((0..10).all(|_| wait(&patience, None, now).is_none()));
        let mut blocks = Vec::new();
        for _ in 0..8 {
            let block = wait(&patience, None, now).expect("blocked");
            now += block / 2;
            assert_eq!(wait(&patience, None, now), Some(block / 2), "no new block");
            now += block / 2;
            blocks.push(block.as_secs());
        }
        assert_eq!(blocks, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn comes_back_with_time_and_is_kept_per_network() {
        let (patience, now) = (Patience::default(), Instant::now());
        assert!((0..11).any(|_| wait(&patience, None, now).is_some()));
        assert!(wait(&patience, Some(address(0)), now).is_none());
        assert!(wait(&patience, None, now + 61 * SECOND).is_none());
    }

    #[test]
    fn answers_are_held_back_during_a_block_but_only_so_many() {
        let (patience, now) = (Patience::default(), Instant::now());
        (0..11).for_each(|_| drop(patience.wrong_key(None, now)));
        let verdicts: Vec<_> = (0..12).map(|_| patience.wrong_key(None, now)).collect();
        let held = verdicts
            .iter()
            .filter(|verdict| matches!(verdict, Verdict::Blocked { hold: Some(_), .. }));
        assert_eq!(held.count(), HELD);
    }

    #[test]
    fn a_network_is_swamped_when_nothing_more_can_be_held_back() {
        let (patience, now) = (Patience::default(), Instant::now());
        let network = Some(address(0));
        for _ in 0..11 {
            drop(patience.wrong_key(network, now));
            assert_eq!(patience.is_swamped(network, now), None, "nothing is held");
        }
        let held: Vec<_> = (0..HELD)
            .map(|_| patience.wrong_key(network, now))
            .collect();
        assert!(patience.is_swamped(network, now).is_some());
        assert_eq!(patience.is_swamped(Some(address(1)), now), None);
        drop(held);
        assert_eq!(patience.is_swamped(network, now), None);
    }

    #[test]
    fn too_many_from_everywhere_are_turned_away_for_a_second() {
        let (patience, now) = (Patience::default(), Instant::now());
        assert!((0..100).all(|last| wait(&patience, Some(address(last)), now).is_none()));
        assert_eq!(wait(&patience, Some(address(200)), now), Some(SECOND));
        assert_eq!(wait(&patience, Some(address(200)), now + SECOND), None);
    }
}
