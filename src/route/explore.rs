//! Exploration: who has not been heard of for long gets a request now and then.
//!
//! What orders by what it has seen never sees whether the others have become better. So one request in fifty
//! goes to a target of which nothing was heard for a minute, or ever, and has nothing under way: whatever
//! comes of it, it is no longer one of them. Only who has somewhere else to go explores.

use std::time::Duration;

use super::choice::Candidate;
use super::dice::Dice;

/// After this long, what was heard is old.
const STALE: Duration = Duration::from_mins(1);

/// The share of requests that explore.
const SHARE: f64 = 0.02;

/// The place of the candidate that this request tries out, if it tries one out.
pub(super) fn scout(candidates: &[Candidate], dice: &mut Dice) -> Option<usize> {
    let explores = dice.share() < SHARE;
    if !explores || candidates.len() < 2 {
        return None;
    }
    let is_stale = |candidate: &Candidate| {
        let view = &candidate.view;
        let is_old = view.since_sample().is_none_or(|since| since >= STALE);
        // Who has no weight is to get nothing, under any strategy.
        is_old && view.in_flight == 0 && candidate.target.offer.weight > 0.0
    };
    let stale = || (0..candidates.len()).filter(|place| is_stale(&candidates[*place]));
    match stale().count() {
        0 => None,
        count => stale().nth(dice.place(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::choice::tests::candidate;

    fn heard(seconds: u64) -> Candidate {
        let mut candidate = candidate("m");
        candidate.view.since_success = Some(Duration::from_secs(seconds));
        candidate
    }

    fn count(candidates: &[Candidate]) -> Vec<u32> {
        let mut counts = vec![0; candidates.len()];
        for seed in 0..10_000 {
            if let Some(place) = scout(candidates, &mut Dice::new(seed)) {
                counts[place] += 1;
            }
        }
        counts
    }

    #[test]
    fn one_request_in_fifty_goes_to_the_stale_in_equal_parts() {
        let counts = count(&[heard(1), heard(60), candidate("untried"), heard(59)]);
        assert_eq!((counts[0], counts[3]), (0, 0));
        assert!((140..260).contains(&(counts[1] + counts[2])), "{counts:?}");
        assert!(counts[1] > 60 && counts[2] > 60, "{counts:?}");
    }

    #[test]
    fn nobody_explores_who_has_nowhere_else_to_go_or_a_scout_out_already() {
        assert_eq!(count(&[heard(600)]), [0]);
        let mut busy = heard(600);
        busy.view.in_flight = 1;
        assert_eq!(count(&[heard(1), busy]), [0, 0]);
    }
}
