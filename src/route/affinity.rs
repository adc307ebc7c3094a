//! Session affinity: a session goes on where it was, so that the upstream still has its prompt in a cache, unless
//! waiting there would cost more than that saves.

use std::time::Duration;

use super::choice::Candidate;
use crate::health::{Standing, TargetId, View};

/// A target is left only if the quickest is this many times quicker …
const FACTOR: u32 = 3;

/// … and by at least this much, which is more than reading a long prompt anew takes.
const SLACK: Duration = Duration::from_secs(2);

/// Puts the target of `session` first, if it is ready and quick enough; whether it did.
pub(super) fn keep(session: &TargetId, candidates: &mut [Candidate]) -> bool {
    let Some(fit) = candidates.iter().map(|candidate| candidate.fit).min() else {
        return false;
    };
    let goes_on = |candidate: &Candidate| {
        candidate.target.id == *session
            && candidate.standing == Standing::Ready
            && candidate.fit == fit
    };
    let Some(place) = candidates.iter().position(goes_on) else {
        return false;
    };
    if is_too_slow(&candidates[place].view, candidates) {
        return false;
    }
    candidates[..=place].rotate_right(1);
    true
}

fn is_too_slow(own: &View, candidates: &[Candidate]) -> bool {
    let all: u32 = candidates.iter().fold(0, |sum, candidate| {
        sum.saturating_add(candidate.view.in_flight)
    });
    let ready = candidates
        .iter()
        .filter(|candidate| candidate.standing == Standing::Ready);
    let best = ready
        .filter_map(|candidate| delay(&candidate.view, all))
        .min();
    let (Some(own), Some(best)) = (delay(own, all), best) else {
        return false;
    };
    own > best.saturating_mul(FACTOR) && own > best.saturating_add(SLACK)
}

/// How long the first token is likely to take: the average, more where more of all that is under way is under
/// way. One slow answer moves the average and not the percentile, so the smaller of the two counts.
fn delay(view: &View, all_in_flight: u32) -> Option<Duration> {
    let crowd = f64::from(view.in_flight) / f64::from(all_in_flight.max(1));
    let expected = view.latency?.mul_f64(1.0 + crowd);
    Some(view.p95.map_or(expected, |p95| expected.min(p95)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::choice::tests::candidate;

    fn seen(model: &str, ms: u64) -> Candidate {
        let mut candidate = candidate(model);
        candidate.view.latency = Some(Duration::from_millis(ms));
        candidate
    }

    fn first_after(session: &str, mut candidates: Vec<Candidate>) -> (String, bool) {
        let id = candidate(session).target.id;
        let kept = keep(&id, &mut candidates);
        (candidates[0].target.offer.name.to_string(), kept)
    }

    #[test]
    fn a_session_goes_on_where_it_was_even_if_others_are_quicker() {
        for own in [100, 900, 2_400] {
            let candidates = vec![seen("a", 500), seen("b", 600), seen("own", own)];
            assert_eq!(first_after("own", candidates), ("own".to_owned(), true));
        }
        let untried = vec![seen("a", 500), candidate("own")];
        assert_eq!(first_after("own", untried), ("own".to_owned(), true));
    }

    #[test]
    fn it_leaves_who_is_ill_or_much_slower() {
        let slow = vec![seen("a", 500), seen("own", 2_600)];
        assert_eq!(first_after("own", slow), ("a".to_owned(), false));
        let mut suspect = vec![seen("a", 500), seen("own", 400)];
        suspect[1].standing = Standing::Suspect;
        assert_eq!(first_after("own", suspect), ("a".to_owned(), false));
        let gone = vec![seen("a", 500)];
        assert_eq!(first_after("own", gone), ("a".to_owned(), false));
    }

    #[test]
    fn the_busy_are_slower_and_one_slow_answer_says_little() {
        let mut busy = vec![seen("a", 500), seen("own", 2_000)];
        busy[1].view.in_flight = 30;
        assert!(!first_after("own", busy).1);
        let mut hiccup = vec![seen("a", 500), seen("own", 9_000)];
        hiccup[1].view.p95 = Some(Duration::from_millis(800));
        assert!(first_after("own", hiccup).1);
    }
}
