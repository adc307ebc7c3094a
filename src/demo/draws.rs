//! What chance decides about a request, drawn from the seed and the request's number alone.
//!
//! Every request draws the same values in the same order, so changing one rate never shifts another draw.

use std::time::Duration;

use crate::provider::DemoProfile;

/// `created` of the first answer: a fixed instant (June 2025), because answers do not depend on the clock.
pub(super) const EPOCH: u64 = 1_750_000_000;

/// A small generator (splitmix64, after Steele, Lea and Flood 2014), good enough for draws that must repeat.
pub(super) struct Random(u64);

impl Random {
    /// The sequence number `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self(seed);
        Self(start.next() ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in 0…1, 1 excluded.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from((self.next() >> 32) as u32) / 4_294_967_296.0
    }
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// With an answer.
    Answer,
    /// With an answer that breaks off after this many tokens.
    Cut(usize),
    /// With a 429.
    RateLimit,
    /// With a 500.
    Failure,
}

/// The lot of one request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draws {
    /// Makes the ids of the answer.
    pub(super) id: u64,
    /// `created` of the answer, in seconds since 1970.
    pub(super) created: u64,
    /// Time to the first token.
    pub(super) latency: Duration,
    /// How it ends.
    pub(super) fate: Fate,
}

impl Draws {
    /// The lot of request `number`, counted from 0.
    pub(super) fn of(profile: &DemoProfile, number: u64) -> Self {
        let mut random = Random::new(profile.seed, number);
        let id = random.next();
        let latency = profile
            .latency
            .saturating_add(profile.jitter.mul_f64(random.unit()));
        let (status, cut, cut_after) = (random.unit(), random.unit(), random.unit());
        let fate = if status < profile.rate_limit_rate {
            Fate::RateLimit
        } else if status < profile.rate_limit_rate + profile.failure_rate {
            Fate::Failure
        } else if cut < profile.cut_rate {
            // Early enough for any answer, and not always at the same place.
            Fate::Cut(if cut_after < 0.5 { 2 } else { 4 })
        } else {
            Fate::Answer
        };
        Self {
            id,
            created: EPOCH.saturating_add(number),
            latency,
            fate,
        }
    }

    /// `prefix` and the id in 16 hex digits.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:016x}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(profile: &DemoProfile) -> Vec<Fate> {
        (0..1000).map(|n| Draws::of(profile, n).fate).collect()
    }

    #[test]
    fn repeats_itself_for_a_seed_and_differs_between_seeds() {
        let flaky = |seed| DemoProfile {
            failure_rate: 0.3,
            rate_limit_rate: 0.2,
            cut_rate: 0.3,
            seed,
            ..DemoProfile::default()
        };
        assert_eq!(fates(&flaky(7)), fates(&flaky(7)));
        assert_ne!(fates(&flaky(7)), fates(&flaky(8)));
    }

    #[test]
    fn keeps_to_the_rates() {
        let profile = DemoProfile {
            failure_rate: 0.3,
            rate_limit_rate: 0.2,
            cut_rate: 0.5,
            ..DemoProfile::default()
        };
        let fates = fates(&profile);
        let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
        assert!((150..250).contains(&count(|fate| *fate == Fate::RateLimit)));
        assert!((250..350).contains(&count(|fate| *fate == Fate::Failure)));
        assert!((200..300).contains(&count(|fate| matches!(fate, Fate::Cut(_)))));
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let profile = DemoProfile {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(5),
            ..DemoProfile::default()
        };
        let bounds = Duration::from_millis(10)..Duration::from_millis(15);
        assert!((0..100).all(|n| bounds.contains(&Draws::of(&profile, n).latency)));
    }
}
