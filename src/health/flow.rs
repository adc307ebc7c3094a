//! Flow: how many requests may be under way at once, learned from the upstream's own protests.
//!
//! Additive increase, multiplicative decrease: a 429 or a `slow_down` halves the limit, each full round of
//! successes raises it by one. What is configured is never exceeded; where nothing is, a flow that has grown
//! back to twice what was under way at the protest is unlimited again.

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    in_flight: u32,
    /// The learned limit, and where it is forgotten.
    learned: Option<Learned>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    limit: f64,
    forgotten_at: f64,
}

impl Flow {
    /// Takes a place, if `cap` and what was learned allow.
    pub(super) fn admit(&mut self, cap: Option<u32>) -> bool {
        let is_free = f64::from(self.in_flight) < self.limit(cap);
        if is_free {
            self.in_flight += 1;
        }
        is_free
    }

    /// Gives a place back.
    pub(super) fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The upstream protested.
    pub(super) fn halve(&mut self) {
        let now = self.learned.map_or(f64::from(self.in_flight), |learned| {
            learned.limit.min(f64::from(self.in_flight))
        });
        self.learned = Some(Learned {
            limit: (now / 2.0).floor().max(1.0),
            forgotten_at: f64::from(self.in_flight.max(4)) * 2.0,
        });
    }

    /// A request went well.
    pub(super) fn grow(&mut self) {
        if let Some(learned) = &mut self.learned {
            learned.limit += 1.0 / learned.limit.max(1.0);
            if learned.limit >= learned.forgotten_at {
                self.learned = None;
            }
        }
    }

    fn limit(&self, cap: Option<u32>) -> f64 {
        let cap = cap.map_or(f64::INFINITY, f64::from);
        self.learned
            .map_or(cap, |learned| learned.limit.floor().min(cap))
    }
}
