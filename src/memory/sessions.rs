//! Sessions: which target served a client's session last, so that the next request of it goes there too.
//!
//! A prompt cache belongs to one key at one provider, and warms up only for who comes back. Kept by client,
//! session and the model string that was asked for: an agent that asks a small model between two requests
//! to a large one has two conversations in one session, and neither pulls the other along.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shelf;

/// Room for all sessions, some ten thousands of them.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most models of one session; the one that was not asked for the longest makes room.
const MAX_MODELS: usize = 8;

/// See the module's head. A session is forgotten when it has not been used for a time. `T` is a target.
#[derive(Debug)]
pub struct Sessions<T> {
    /// In milliseconds.
    ttl: AtomicU64,
    kept: Mutex<Shelf<Vec<Stay<T>>>>,
}

/// With whom a session stays, for one of its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay<T> {
    /// The model string that is asked for.
    pub model: Box<str>,
    /// Who serves it.
    pub target: T,
    /// Since when that is.
    pub since: Instant,
    /// When it served last.
    pub used: Instant,
    /// How many requests it has served in a row.
    pub requests: u64,
}

impl<T: Clone + PartialEq> Sessions<T> {
    /// Each session is remembered for `ttl` after its last request.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl: AtomicU64::new(milliseconds(ttl)),
            kept: Mutex::new(Shelf::new(MAX_BYTES, ttl)),
        }
    }

    /// Each session is remembered for `ttl` from now on.
    pub fn resize(&self, ttl: Duration, now: Instant) {
        self.ttl.store(milliseconds(ttl), Ordering::Relaxed);
        self.kept.lock().resize(MAX_BYTES, ttl, now);
    }

    /// Who served `client`'s session `id` last when it asked for `model`.
    pub fn get(&self, client: &str, id: &str, model: &str, now: Instant) -> Option<T> {
        let kept = self.kept.lock();
        let mut stays = kept.get(&name(client, id), now)?.iter();
        let stay = stays.find(|stay| &*stay.model == model)?;
        self.is_fresh(stay, now).then(|| stay.target.clone())
    }

    /// `target` has served a request for `model` in `client`'s session `id`.
    pub fn put(&self, client: &str, id: &str, model: &str, target: &T, now: Instant) {
        let name = name(client, id);
        let mut kept = self.kept.lock();
        let mut stays = kept.remove(&name).unwrap_or_default();
        stays.retain(|stay| self.is_fresh(stay, now));
        let place = stays.iter().position(|stay| &*stay.model == model);
        let before = place.map(|place| stays.remove(place));
        if stays.len() == MAX_MODELS {
            stays.remove(0);
        }
        stays.push(match before {
            Some(stay) if stay.target == *target => Stay {
                used: now,
                requests: stay.requests.saturating_add(1),
                ..stay
            },
            _ => Stay::begun(model, target, now),
        });
        let bytes = stays.iter().map(Stay::bytes).sum();
        kept.put(name, stays, bytes, now);
    }

    /// All that is known of `client`'s session `id`, the model that was asked for last at the end; `None`
    /// if there is no such session.
    pub fn stays(&self, client: &str, id: &str, now: Instant) -> Option<Vec<Stay<T>>> {
        let kept = self.kept.lock();
        let stays = kept.get(&name(client, id), now)?.iter();
        let fresh = stays.filter(|stay| self.is_fresh(stay, now));
        Some(fresh.cloned().collect())
    }

    /// Forgets `client`'s session `id`; false if there is none.
    pub fn remove(&self, client: &str, id: &str, now: Instant) -> bool {
        let name = name(client, id);
        let mut kept = self.kept.lock();
        let is_known = kept.get(&name, now).is_some();
        kept.remove(&name);
        is_known
    }

    /// How many sessions are remembered, those included whose time is over but not yet their place.
    pub fn len(&self) -> usize {
        self.kept.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_fresh(&self, stay: &Stay<T>, now: Instant) -> bool {
        let ttl = Duration::from_millis(self.ttl.load(Ordering::Relaxed));
        now.saturating_duration_since(stay.used) < ttl
    }
}

impl<T: Clone> Stay<T> {
    fn begun(model: &str, target: &T, now: Instant) -> Self {
        Self {
            model: model.into(),
            target: target.clone(),
            since: now,
            used: now,
            requests: 1,
        }
    }

    /// The names of a target are shared with the index, but may outlive it: they are about as long as the
    /// model string.
    fn bytes(&self) -> usize {
        size_of::<Self>() + 3 * self.model.len()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Ids are the clients' own, so two of them may say the same one.
fn name(client: &str, id: &str) -> String {
    format!("{client}\0{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_hours(2);

    #[test]
    fn a_session_stays_where_it_was_served_last() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        assert_eq!(sessions.get("me", "s", "m", now), None);
        for (key, requests) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            sessions.put("me", "s", "m", &key, now);
            assert_eq!(sessions.get("me", "s", "m", now), Some(key));
            let stays = sessions.stays("me", "s", now).expect("known");
            assert_eq!(stays.len(), 1);
            assert_eq!((stays[0].requests, stays[0].target), (requests, key));
        }
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn clients_sessions_and_models_are_told_apart() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        sessions.put("me", "s", "large", &1, now);
        sessions.put("me", "s", "small", &2, now);
        sessions.put("you", "s", "large", &3, now);
        for (client, id, model, key) in [
            ("me", "s", "large", Some(1)),
            ("me", "s", "small", Some(2)),
            ("you", "s", "large", Some(3)),
            ("you", "s", "small", None),
            ("me", "t", "large", None),
            ("me", "s", "", None),
        ] {
            let got = sessions.get(client, id, model, now);
            assert_eq!(got, key, "{client} {id} {model}");
        }
        assert!(!sessions.remove("me", "t", now));
        assert!(sessions.remove("me", "s", now) && !sessions.remove("me", "s", now));
        assert_eq!(sessions.stays("me", "s", now), None);
        assert!(sessions.get("you", "s", "large", now).is_some());
    }

    #[test]
    fn use_prolongs_a_session_and_its_model_but_not_the_others() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        let half = TTL / 2;
        sessions.put("me", "s", "a", &1, now);
        sessions.put("me", "s", "b", &2, now);
        sessions.put("me", "s", "a", &1, now + half);
        assert_eq!(sessions.get("me", "s", "a", now + TTL), Some(1));
        assert_eq!(sessions.get("me", "s", "b", now + TTL), None);
        let stays = sessions.stays("me", "s", now + TTL).expect("known");
        assert_eq!((stays.len(), stays[0].since), (1, now));
        assert_eq!(sessions.get("me", "s", "a", now + half + TTL), None);
        assert!(!sessions.remove("me", "s", now + half + TTL));
        assert!(sessions.is_empty());
    }

    #[test]
    fn what_clients_make_up_is_bounded() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        for n in 0..100 {
            sessions.put("me", "s", &n.to_string(), &n, now);
        }
        let stays = sessions.stays("me", "s", now).expect("known");
        assert_eq!(stays.len(), MAX_MODELS);
        assert_eq!(sessions.get("me", "s", "99", now), Some(99));
        let long = "x".repeat(1 << 20);
        for n in 0..100 {
            sessions.put("me", &n.to_string(), &long, &n, now);
        }
        assert!(sessions.kept.lock().bytes() <= MAX_BYTES);
        assert!((1..16).contains(&sessions.len()));
    }
}
