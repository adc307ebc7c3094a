//! Chance: a stream of numbers out of one seed, so that every run is the same.

/// See the module's head.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number above 0 and up to 1.
    pub(crate) fn share(&mut self) -> f64 {
        let high = u32::try_from(self.number() >> 32).unwrap_or(0);
        (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    /// The time to the next of events that come `rate` times a second.
    pub(crate) fn gap(&mut self, rate: f64) -> f64 {
        -self.share().ln() / rate
    }

    /// A factor around 1 whose logarithm is normal with deviation `sigma`.
    pub(crate) fn lognormal(&mut self, sigma: f64) -> f64 {
        let (radius, angle) = (self.share(), self.share());
        let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        (sigma * normal).exp()
    }

    /// Puts `items` into any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            let bound = u64::try_from(place).unwrap_or(0) + 1;
            let other = usize::try_from(self.number() % bound).unwrap_or(0);
            items.swap(place, other);
        }
    }
}
