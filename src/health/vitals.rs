//! The vitals of one target: how often, how fast and how steadily it answers. The past fades.

mod past;

use std::time::{Duration, Instant};

use super::breaker::CircuitState;
use super::quantile::Quantile;
use super::view::{Arm, View};
use super::window::Window;

/// How long successes and failures are remembered.
const MEMORY: Duration = Duration::from_mins(10);

/// Weight of the newest sample in a moving average.
const ALPHA: f64 = 0.3;

/// Fewest times before a percentile means anything.
const FEWEST: u32 = 20;

/// Failures in a row that park an arm, for as long as the last of them makes it rest.
const PARKED_AFTER: u32 = 3;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Vitals {
    window: Window,
    /// Milliseconds.
    latency: Option<f64>,
    has_streamed: bool,
    times: Quantile,
    /// Times of whole answers, whether or not it streams as well.
    whole: Quantile,
    tokens_per_second: Option<f64>,
    successes_in_row: u32,
    failures_in_row: u32,
    last_success: Option<Instant>,
    last_failure: Option<Instant>,
    pub(super) in_flight: u32,
    pulls: f64,
    reward: f64,
    /// When pulls and reward were last brought up to date.
    faded: Option<Instant>,
    parked_until: Option<Instant>,
}

/// How a request went that went well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// From sending to the last byte.
    pub total: Duration,
    /// Tokens of the answer, if known.
    pub output_tokens: Option<u64>,
}

impl Vitals {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(MEMORY),
            latency: None,
            has_streamed: false,
            times: Quantile::default(),
            whole: Quantile::default(),
            tokens_per_second: None,
            successes_in_row: 0,
            failures_in_row: 0,
            last_success: None,
            last_failure: None,
            in_flight: 0,
            pulls: 0.0,
            reward: 0.0,
            faded: None,
            parked_until: None,
        }
    }

    /// The first token of a stream is here.
    pub(super) fn first_token(&mut self, after: Duration) {
        if !self.has_streamed {
            // Times of whole answers say nothing about first tokens.
            self.has_streamed = true;
            self.latency = None;
            self.times = Quantile::default();
        }
        self.sample(after);
    }

    fn sample(&mut self, time: Duration) {
        let ms = time.as_secs_f64() * 1000.0;
        self.latency = Some(average(self.latency, ms));
        self.times.add(time);
    }

    /// An answer is complete. `first_token` is that of a stream.
    pub(super) fn success(
        &mut self,
        first_token: Option<Duration>,
        done: Done,
        half_life: Duration,
        now: Instant,
    ) {
        if first_token.is_none() {
            self.whole.add(done.total);
            if !self.has_streamed {
                self.sample(done.total);
            }
        }
        if let (Some(first), Some(tokens)) = (first_token, done.output_tokens) {
            let seconds = done.total.saturating_sub(first).as_secs_f64();
            if seconds > 0.05 {
                #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
                let speed = tokens as f64 / seconds;
                self.tokens_per_second = Some(average(self.tokens_per_second, speed));
            }
        }
        self.window.success(now);
        self.successes_in_row = self.successes_in_row.saturating_add(1);
        self.failures_in_row = 0;
        self.last_success = Some(now);
        self.parked_until = None;
        let ms = first_token.unwrap_or(done.total).as_secs_f64() * 1000.0;
        self.reward(1.0 + (1.0 - ms / 1000.0).max(-1.0), half_life, now);
    }

    /// It failed by its own doing, and rests for so long.
    pub(super) fn failure(&mut self, rest: Duration, half_life: Duration, now: Instant) {
        self.window.failure(now);
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.successes_in_row = 0;
        self.last_failure = Some(now);
        if self.failures_in_row >= PARKED_AFTER {
            self.parked_until = self.parked_until.max(Some(super::later(now, rest)));
        }
        self.reward(-2.0, half_life, now);
    }

    fn reward(&mut self, reward: f64, half_life: Duration, now: Instant) {
        // What fades by less than a thousandth fades with the next, or the one after.
        let is_long = |faded| now.saturating_duration_since(faded) > half_life / 1024;
        if self.faded.is_none_or(is_long) {
            let kept = self.fading(half_life, now);
            self.pulls *= kept;
            self.reward *= kept;
            self.faded = Some(now);
        }
        self.pulls += 1.0;
        self.reward += reward;
    }

    /// What is left of the past at `now`, as a share.
    fn fading(&self, half_life: Duration, now: Instant) -> f64 {
        let Some(faded) = self.faded else { return 1.0 };
        let passed = now.saturating_duration_since(faded).as_secs_f64();
        (-passed / half_life.as_secs_f64().max(1e-3)).exp2()
    }

    /// The time that 19 of 20 first tokens need, if enough have been seen.
    pub(super) fn p95(&self) -> Option<Duration> {
        self.times.at(0.95, FEWEST)
    }

    /// The time that 19 of 20 whole answers need, if enough have been seen.
    pub(super) fn p95_of_whole(&self) -> Option<Duration> {
        self.whole.at(0.95, FEWEST)
    }

    /// What is known at `now`.
    pub(super) fn view(&self, circuit: CircuitState, half_life: Duration, now: Instant) -> View {
        let (successes, failures) = self.window.counts(now);
        let kept = self.fading(half_life, now);
        let since = |moment: Option<Instant>| Some(now.saturating_duration_since(moment?));
        View {
            successes,
            failures,
            latency: self.latency.map(|ms| Duration::from_secs_f64(ms / 1000.0)),
            p95: self.p95(),
            tokens_per_second: self.tokens_per_second,
            successes_in_row: self.successes_in_row,
            failures_in_row: self.failures_in_row,
            since_success: since(self.last_success),
            since_failure: since(self.last_failure),
            in_flight: self.in_flight,
            arm: Arm {
                pulls: self.pulls * kept,
                reward: self.reward * kept,
                is_parked: self.parked_until.is_some_and(|end| now < end),
            },
            circuit,
        }
    }
}

fn average(known: Option<f64>, sample: f64) -> f64 {
    known.map_or(sample, |known| known + ALPHA * (sample - known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIFE: Duration = Duration::from_mins(30);

    fn view(vitals: &Vitals, now: Instant) -> View {
        vitals.view(CircuitState::Closed, HALF_LIFE, now)
    }

    fn whole(vitals: &mut Vitals, ms: u64, now: Instant) {
        let done = Done {
            total: Duration::from_millis(ms),
            output_tokens: None,
        };
        vitals.success(None, done, HALF_LIFE, now);
    }

    fn streamed(vitals: &mut Vitals, first: u64, total: u64, tokens: u64, now: Instant) {
        vitals.first_token(Duration::from_millis(first));
        let done = Done {
            total: Duration::from_millis(total),
            output_tokens: Some(tokens),
        };
        vitals.success(Some(Duration::from_millis(first)), done, HALF_LIFE, now);
    }

    fn close(one: Option<f64>, other: f64) -> bool {
        one.is_some_and(|one| (one - other).abs() < 1e-6)
    }

    fn latency(vitals: &Vitals, now: Instant) -> Option<f64> {
        Some(view(vitals, now).latency?.as_secs_f64() * 1000.0)
    }

    #[test]
    fn latency_is_that_of_the_whole_answer_until_something_was_streamed() {
        let (mut vitals, now) = (Vitals::new(), Instant::now());
        assert_eq!(view(&vitals, now), View::untried());
        whole(&mut vitals, 1000, now);
        whole(&mut vitals, 2000, now);
        assert!(close(latency(&vitals, now), 1300.0));
        streamed(&mut vitals, 100, 5000, 10, now);
        assert!(close(latency(&vitals, now), 100.0));
        whole(&mut vitals, 9000, now);
        assert!(close(latency(&vitals, now), 100.0));
        streamed(&mut vitals, 200, 5000, 10, now);
        assert!(close(latency(&vitals, now), 130.0));
    }

    #[test]
    fn speed_is_that_of_the_stream_behind_its_first_token() {
        let (mut vitals, now) = (Vitals::new(), Instant::now());
        streamed(&mut vitals, 500, 1500, 100, now);
        assert!(close(view(&vitals, now).tokens_per_second, 100.0));
        streamed(&mut vitals, 500, 1500, 200, now);
        assert!(close(view(&vitals, now).tokens_per_second, 130.0));
        streamed(&mut vitals, 500, 501, 1000, now);
        assert!(
            close(view(&vitals, now).tokens_per_second, 130.0),
            "no time to measure by"
        );
    }

    #[test]
    fn a_percentile_is_known_from_the_twentieth_time_on() {
        let (mut vitals, now) = (Vitals::new(), Instant::now());
        (0..19).for_each(|_| whole(&mut vitals, 100, now));
        assert_eq!(view(&vitals, now).p95, None);
        whole(&mut vitals, 100, now);
        let p95 = view(&vitals, now).p95.expect("enough");
        assert!((80..=125).contains(&p95.as_millis()), "{p95:?}");
    }

    #[test]
    fn streaks_and_shares_are_as_the_strategies_count_them() {
        let (mut vitals, now) = (Vitals::new(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        whole(&mut vitals, 6000, at(0));
        (0..3).for_each(|_| vitals.failure(Duration::ZERO, HALF_LIFE, at(10)));
        let seen = view(&vitals, at(20));
        assert_eq!((seen.successes, seen.failures), (1, 3));
        assert_eq!((seen.successes_in_row, seen.failures_in_row), (0, 3));
        assert_eq!(seen.success(), Some(0.25));
        assert_eq!(seen.since_success, Some(Duration::from_secs(20)));
        assert_eq!(seen.since_failure, Some(Duration::from_secs(10)));
        assert_eq!(seen.since_sample(), Some(Duration::from_secs(10)));
        assert_eq!(
            view(&vitals, at(10) + MEMORY).success(),
            None,
            "the past fades"
        );
    }

    #[test]
    fn rewards_are_those_of_the_worked_values_and_fade_by_half() {
        let (mut fast, mut slow, now) = (Vitals::new(), Vitals::new(), Instant::now());
        whole(&mut fast, 200, now);
        whole(&mut slow, 1500, now);
        assert!(close(Some(view(&fast, now).arm.reward), 1.8));
        assert!(close(Some(view(&slow, now).arm.reward), 0.5));
        fast.failure(Duration::ZERO, HALF_LIFE, now);
        let arm = view(&fast, now).arm;
        assert!(close(Some(arm.reward / arm.pulls), -0.1));
        let faded = view(&fast, now + HALF_LIFE).arm;
        assert!(close(Some(faded.pulls), 1.0) && close(Some(faded.reward), -0.1));
    }

    #[test]
    fn three_failures_in_a_row_park_the_arm_for_as_long_as_it_rests() {
        let (mut vitals, now) = (Vitals::new(), Instant::now());
        let rest = Duration::from_secs(8);
        for failures in 1..=3 {
            assert!(!view(&vitals, now).arm.is_parked, "{failures}");
            vitals.failure(rest, HALF_LIFE, now);
        }
        assert!(view(&vitals, now).arm.is_parked);
        assert!(!view(&vitals, now + rest).arm.is_parked);
        whole(&mut vitals, 1, now);
        assert!(!view(&vitals, now).arm.is_parked);
    }
}
