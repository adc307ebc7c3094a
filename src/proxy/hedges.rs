//! The budget of hedges: a share of the requests that may be hedged, so that a stall of everything is not
//! answered with twice the load.

use std::sync::atomic::{AtomicU64, Ordering};

/// One hedge, in parts of it.
const ONE: u64 = 1_000_000;

/// Hedges that a quiet time saves up at most.
const BURST: u64 = 3 * ONE;

/// See the module's head.
#[derive(Debug)]
pub struct Hedges {
    credit: AtomicU64,
    started: AtomicU64,
    won: AtomicU64,
    refused: AtomicU64,
}

impl Default for Hedges {
    fn default() -> Self {
        Self {
            // A quiet gateway may hedge its first slow request.
            credit: AtomicU64::new(ONE),
            started: AtomicU64::new(0),
            won: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Hedges {
    /// Books a request that may be hedged, of which `ratio` are.
    pub fn deposit(&self, ratio: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "it is at least 0 and at most one hedge"
        )]
        let share = (ratio.clamp(0.0, 1.0) * ONE as f64) as u64;
        self.add(share);
    }

    /// Takes a hedge out of the budget, if there is one left.
    pub fn withdraw(&self) -> bool {
        let taken = self
            .credit
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
                credit.checked_sub(ONE)
            });
        if taken.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Gives a hedge back that came to nothing.
    pub fn give_back(&self) {
        self.add(ONE);
    }

    fn add(&self, share: u64) {
        // The closure never says no.
        let _ = self
            .credit
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
                Some(credit.saturating_add(share).min(BURST))
            });
    }

    /// Counts a second request that was sent.
    pub fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that was faster than the first.
    pub fn win(&self) {
        self.won.fetch_add(1, Ordering::Relaxed);
    }

    /// Second requests so far.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Those that were faster than the first.
    pub fn won(&self) -> u64 {
        self.won.load(Ordering::Relaxed)
    }

    /// Those that the budget forbade.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_gateway_may_hedge_once_and_then_one_in_fifty() {
        let hedges = Hedges::default();
        assert!(hedges.withdraw());
        assert!(!hedges.withdraw());
        (0..49).for_each(|_| hedges.deposit(0.02));
        assert!(!hedges.withdraw());
        hedges.deposit(0.02);
        assert!(hedges.withdraw());
        assert_eq!(hedges.refused(), 2);
    }

    #[test]
    fn what_is_saved_up_is_bounded() {
        let hedges = Hedges::default();
        (0..100_000).for_each(|_| hedges.deposit(0.02));
        assert_eq!((0..100).filter(|_| hedges.withdraw()).count(), 3);
    }

    #[test]
    fn what_came_to_nothing_costs_nothing() {
        let hedges = Hedges::default();
        assert!(hedges.withdraw());
        hedges.give_back();
        assert!(hedges.withdraw());
    }
}
