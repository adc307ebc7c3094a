//! How often it is told that somebody was turned away: a stranger must not be able to fill the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines in a [`WINDOW`] at most.
const MOST: u32 = 120;

/// The window in which they are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Longest path in a line, in characters: a head may have 64 KiB.
const LONGEST_PATH: usize = 200;

/// What was told, and what was not, behind one door.
#[derive(Debug, Default)]
pub struct TurnedAway(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    told: u32,
    untold: u64,
}

impl TurnedAway {
    /// Counts one more. `Some` if it is to be told, with how many were not told before it.
    pub fn one_more(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock();
        let fresh = || Window {
            since: now,
            told: 0,
            untold: 0,
        };
        let current = window.get_or_insert_with(fresh);
        if now.duration_since(current.since) >= WINDOW {
            (current.since, current.told) = (now, 0);
        }
        if current.told >= MOST {
            current.untold = current.untold.saturating_add(1);
            return None;
        }
        current.told += 1;
        Some(std::mem::take(&mut current.untold))
    }
}

/// `path`, short enough for a line.
pub fn shortened(path: &str) -> &str {
    path.char_indices()
        .nth(LONGEST_PATH)
        .map_or(path, |(end, _)| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_of_by_its_number() {
        let (turned_away, now) = (TurnedAway::default(), Instant::now());
        assert!((0..MOST).all(|_| turned_away.one_more(now) == Some(0)));
        assert!((0..7).all(|_| turned_away.one_more(now).is_none()));
        assert_eq!(turned_away.one_more(now + WINDOW), Some(7));
        assert_eq!(turned_away.one_more(now + WINDOW), Some(0));
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        assert_eq!(shortened("/short"), "/short");
        let long = "ä".repeat(LONGEST_PATH + 1);
        assert_eq!(shortened(&long).chars().count(), LONGEST_PATH);
    }
}
