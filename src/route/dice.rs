//! Dice: a stream of even numbers out of one seed (Steele, Lea and Flood's `SplitMix`).

/// How far apart the seeds of two numbers are: odd, and far from any pattern.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The bits of `value`, thrown about: a bijection, so what was counted never comes out twice.
pub fn scattered(value: u64) -> u64 {
    let bits = value.wrapping_add(STEP);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of `seed`; seeds that follow each other have nothing to do with each other.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        let next = scattered(self.0);
        self.0 = self.0.wrapping_add(STEP);
        next
    }

    /// A number from 0 up to 1, which it never is.
    pub(super) fn share(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// A place in a list of `count`, which is at least 1.
    pub(super) fn place(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_seeds_are_spread_evenly() {
        let shares: Vec<f64> = (0..10_000).map(|seed| Dice::new(seed).share()).collect();
        let below = |limit: f64| shares.iter().filter(|share| **share < limit).count();
        assert!((2_300..2_700).contains(&below(0.25)), "{}", below(0.25));
        assert!((4_800..5_200).contains(&below(0.5)), "{}", below(0.5));
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
    }
}
