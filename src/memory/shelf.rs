//! A shelf: values by name, the oldest of which make room for new ones.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// What an entry costs beside its value: its places in the map and in the queue, which have room to grow.
const OVERHEAD: usize = 256;

/// Longest name. Names hold ids of the upstream's, and one that is longer is no id.
const LONGEST_NAME: usize = 1024;

/// Names out of date that the queue may hold before it is cleared of them, beside as many as are up to date.
const SLACK: usize = 64;

/// See the module's head. A value is as old as its last [`Shelf::put`].
#[derive(Debug)]
pub struct Shelf<V> {
    max_bytes: usize,
    ttl: Duration,
    bytes: usize,
    stamp: u64,
    entries: HashMap<String, Entry<V>>,
    /// Names in the order in which they were put; a name that was put again or taken is out of date here.
    order: VecDeque<(u64, String)>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    stamp: u64,
    put: Instant,
}

impl<V> Shelf<V> {
    /// A shelf for `max_bytes`, where nothing stays longer than `ttl`.
    pub fn new(max_bytes: usize, ttl: Duration) -> Self {
        Self {
            max_bytes,
            ttl,
            bytes: 0,
            stamp: 0,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Has room for `max_bytes` from now on, and keeps nothing longer than `ttl`.
    pub fn resize(&mut self, max_bytes: usize, ttl: Duration, now: Instant) {
        (self.max_bytes, self.ttl) = (max_bytes, ttl);
        self.make_room(now);
    }

    /// Puts `value`, which takes about `bytes`, in place of what had its name. What is too large for the
    /// whole shelf is not put, nor what has a name that is none.
    pub fn put(&mut self, name: String, value: V, bytes: usize, now: Instant) {
        let bytes = bytes.saturating_add(2 * name.len() + OVERHEAD);
        self.remove(&name);
        if bytes > self.max_bytes || name.len() > LONGEST_NAME {
            return;
        }
        self.stamp += 1;
        self.bytes += bytes;
        self.order.push_back((self.stamp, name.clone()));
        let entry = Entry {
            value,
            bytes,
            stamp: self.stamp,
            put: now,
        };
        self.entries.insert(name, entry);
        self.make_room(now);
    }

    /// The value called `name`, unless it has grown too old.
    pub fn get(&self, name: &str, now: Instant) -> Option<&V> {
        let entry = self.entries.get(name)?;
        (now.saturating_duration_since(entry.put) < self.ttl).then_some(&entry.value)
    }

    /// Takes a value away.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        let entry = self.entries.remove(name)?;
        self.bytes -= entry.bytes;
        self.tidy();
        Some(entry.value)
    }

    /// How many values there are, those that are too old but were not yet in the way included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Clears the queue of names that are out of date, which otherwise leave it only at its front.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.entries.len() + SLACK {
            let Self { order, entries, .. } = self;
            order.retain(|(stamp, name)| {
                let current = entries.get(name);
                current.is_some_and(|entry| entry.stamp == *stamp)
            });
        }
    }

    fn make_room(&mut self, now: Instant) {
        while let Some((stamp, name)) = self.order.front() {
            let current = self.entries.get(name).filter(|entry| entry.stamp == *stamp);
            let is_old = |entry: &Entry<V>| now.saturating_duration_since(entry.put) >= self.ttl;
            if current.is_some_and(|entry| !is_old(entry)) && self.bytes <= self.max_bytes {
                return;
            }
            let is_current = current.is_some();
            if let Some((_, name)) = self.order.pop_front()
                && is_current
            {
                self.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    #[test]
    fn the_oldest_make_room() {
        let mut shelf = Shelf::new(4 * (1000 + OVERHEAD + 2), TTL);
        let now = Instant::now();
        for n in 0..10 {
            shelf.put(n.to_string(), n, 1000, now);
        }
        let held: Vec<_> = (0..10)
            .filter(|n| shelf.get(&n.to_string(), now).is_some())
            .collect();
        assert_eq!(held, [6, 7, 8, 9]);
        assert!(shelf.bytes() <= shelf.max_bytes);
    }

    #[test]
    fn what_is_put_again_is_young_and_counted_once() {
        let mut shelf = Shelf::new(2 * (1000 + OVERHEAD + 2), TTL);
        let now = Instant::now();
        for name in ["a", "b", "a", "c"] {
            shelf.put(name.to_owned(), name, 1000, now);
        }
        assert_eq!(
            (shelf.get("a", now), shelf.get("b", now)),
            (Some(&"a"), None)
        );
        assert_eq!(shelf.order.len(), 2);
    }

    #[test]
    fn nothing_stays_longer_than_its_time() {
        let mut shelf = Shelf::new(1 << 20, TTL);
        let now = Instant::now();
        shelf.put("a".to_owned(), 1, 10, now);
        assert_eq!(shelf.get("a", now + TTL), None);
        shelf.put("b".to_owned(), 2, 10, now + TTL);
        assert_eq!(shelf.entries.len(), 1);
    }

    #[test]
    fn what_is_too_large_is_not_put_and_costs_nobody_else() {
        let mut shelf = Shelf::new(2000, TTL);
        let now = Instant::now();
        shelf.put("a".to_owned(), 1, 10, now);
        shelf.put("b".to_owned(), 2, 5000, now);
        assert_eq!((shelf.get("a", now), shelf.get("b", now)), (Some(&1), None));
        shelf.remove("a");
        assert_eq!(shelf.bytes(), 0);
    }

    #[test]
    fn a_name_that_is_put_or_taken_again_and_again_is_queued_no_more_often() {
        let mut shelf = Shelf::new(1 << 20, TTL);
        let now = Instant::now();
        shelf.put("first".to_owned(), 0, 10, now);
        for n in 0..12_000 {
            shelf.put("again".to_owned(), n, 10, now);
            shelf.put(n.to_string(), n, 10, now);
            shelf.remove(&n.to_string());
            assert!(shelf.order.len() <= 2 * shelf.entries.len() + SLACK + 1);
        }
        assert_eq!(shelf.get("first", now), Some(&0));
        assert_eq!(shelf.get("again", now), Some(&11_999));
        assert_eq!(shelf.entries.len(), 2);
        // Order is kept: the first is still the first to go.
        shelf.put("large".to_owned(), 1, (1 << 20) - 3 * OVERHEAD, now);
        assert_eq!(shelf.get("first", now), None);
        assert_eq!(shelf.get("large", now), Some(&1));
    }

    #[test]
    fn a_name_that_is_too_long_is_not_put() {
        let mut shelf = Shelf::new(1 << 20, TTL);
        let now = Instant::now();
        for (length, is_put) in [(LONGEST_NAME, true), (LONGEST_NAME + 1, false)] {
            let name = "x".repeat(length);
            shelf.put(name.clone(), 1, 10, now);
            assert_eq!(shelf.get(&name, now).is_some(), is_put, "{length}");
        }
    }
}
