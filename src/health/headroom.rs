//! What an upstream says is left of a key's limits, as it was last heard: for people, who want to see a limit come
//! before it bites. Nothing is decided by it; what is spent is [`super::spent`]'s affair.

use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;

use crate::provider::limits::Limits;

/// How seldom they are read: nobody looks more often, and dates take time.
const EVERY: Duration = Duration::from_millis(500);

/// See the module's head.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Headroom {
    told: Option<(Limits, Instant)>,
}

impl Headroom {
    /// Reads what an answer says, if it is time.
    pub(super) fn hear(&mut self, headers: &HeaderMap, now: Instant) {
        let is_recent =
            |(_, heard): (Limits, Instant)| now.saturating_duration_since(heard) < EVERY;
        if !self.told.is_some_and(is_recent)
            && let Some(limits) = Limits::read(headers, SystemTime::now)
        {
            self.told = Some((limits, now));
        }
    }

    /// What was last heard, and when.
    pub(super) fn told(self) -> Option<(Limits, Instant)> {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(left: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = left.parse().expect("a value");
        headers.insert("x-ratelimit-remaining-requests", value);
        headers
    }

    #[test]
    fn the_latest_word_counts_and_silence_changes_nothing() {
        let mut room = Headroom::default();
        let now = Instant::now();
        let left = |room: Headroom| {
            room.told()
                .and_then(|(limits, _)| limits.requests.remaining)
        };
        room.hear(&HeaderMap::new(), now);
        assert_eq!(left(room), None);
        for (at, said, told) in [(0, "9", 9), (100, "8", 9), (600, "7", 7)] {
            room.hear(&headers(said), now + Duration::from_millis(at));
            assert_eq!(left(room), Some(told), "{said}");
        }
        room.hear(&HeaderMap::new(), now + Duration::from_mins(1));
        assert_eq!(left(room), Some(7));
    }
}
