//! Room: whether a request would be let through, without sending one.

use std::time::Instant;

use super::{Health, Shut, TargetId};

impl Health {
    /// Why a request to `target` would find no room at `now`, if it would not; nothing is taken by asking.
    /// Breakers are another matter: they are part of [`Health::standing`].
    pub fn no_room(&self, target: &TargetId, now: Instant) -> Option<Shut> {
        let (key, provider) = {
            let books = self.books.lock();
            let key = books.keys.get(&target.key_id()).cloned();
            (key, books.providers.get(&target.provider).cloned())
        };
        let key = key.map(|key| key.lock().flow.clone());
        if key.is_some_and(|mut flow| !flow.admit(None, now)) {
            return Some(Shut::Full);
        }
        let (mut flow, cap, pace) = {
            let provider = provider.as_ref()?.lock();
            (provider.flow.clone(), provider.cap, provider.pace.clone())
        };
        if !flow.admit(cap, now) {
            return Some(Shut::Full);
        }
        match pace.map(|mut pace| pace.take(now)) {
            Some(Err(until)) => Some(Shut::Paced { until }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::health::{Caps, Settings};

    #[test]
    fn a_full_house_is_foretold_and_asking_takes_nothing() {
        let caps = Caps {
            max_concurrency: Some(1),
            max_rpm: Some(10),
        };
        let health = Arc::new(Health::new(Settings {
            caps: HashMap::from([("p".into(), caps)]),
            ..Settings::default()
        }));
        let target = |model: &str| TargetId {
            provider: "p".into(),
            key: 7,
            model: model.into(),
            service: "conversation",
        };
        let now = Instant::now();
        assert_eq!(health.no_room(&target("m"), now), None);
        let permit = health.admit(&target("m"), now).expect("room");
        for model in ["m", "never asked"] {
            assert_eq!(
                health.no_room(&target(model), now),
                Some(Shut::Full),
                "{model}"
            );
        }
        drop(permit);
        let shut = health.no_room(&target("m"), now);
        assert!(matches!(shut, Some(Shut::Paced { .. })), "{shut:?}");
        let later = now + Duration::from_mins(1);
        for _ in 0..100 {
            assert_eq!(health.no_room(&target("m"), later), None);
        }
    }
}
