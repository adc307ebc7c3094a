//! The last minute and the last five, out of absolute counts: pure, and told the time.
//!
//! Whoever watches hands over a reading about once a second. Only those of every fifth second are kept, as what
//! later ones are compared with; so a minute is a minute and up to five seconds, and rates are exact for
//! the time that they are of.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::histogram::{Times, approximate};
use super::reading::Reading;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::snapshot::{History, ProviderRow, Statuses, Totals};

/// Between readings that are kept.
const STEP: Duration = Duration::from_secs(5);

/// Of these is what is called recent.
const MINUTE: Duration = Duration::from_mins(1);

/// Steps of the history: five minutes.
const STEPS: usize = 60;

/// What is counted as the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Requests, of the gateway as a whole.
    Requests,
    /// Attempts, of a provider.
    Attempts,
}

/// See the module's head.
#[derive(Debug)]
pub struct Window {
    of: Of,
    /// One reading per step, the oldest first.
    kept: VecDeque<(Instant, Reading)>,
    latest: Option<(Instant, Reading)>,
    steps: VecDeque<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    rate: f64,
    latency_ms: u64,
    errors: u64,
    tokens: f64,
}

/// The last minute, or as much of it as there was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recent {
    /// Requests or attempts per second.
    pub rate: f64,
    /// The share of them that failed; `None` if there were none.
    pub errors: Option<f64>,
    /// How requests were answered.
    pub statuses: Statuses,
    /// Tokens written per second.
    pub tokens_per_second: f64,
    /// The time that half of them need.
    pub p50: Option<Duration>,
    /// The time that 19 of 20 need.
    pub p95: Option<Duration>,
    /// The time that 99 of 100 need.
    pub p99: Option<Duration>,
    /// Half of the times to the first token.
    pub first_token: Option<Duration>,
    /// What the gateway adds to half of them.
    pub overhead: Option<Duration>,
}

impl Window {
    /// An empty window.
    pub fn new(of: Of) -> Self {
        Self {
            of,
            kept: VecDeque::new(),
            latest: None,
            steps: VecDeque::new(),
        }
    }

    /// Takes in how the counts are at `now`. The first is what later ones are compared with.
    pub fn sample(&mut self, now: Instant, reading: Reading) {
        match self.kept.back() {
            None => self.kept.push_back((now, reading.clone())),
            Some((then, before)) => {
                let passed = now.saturating_duration_since(*then);
                if passed >= STEP {
                    let step = self.step(before, &reading, passed);
                    self.keep(step, passed);
                    self.kept.push_back((now, reading.clone()));
                }
            }
        }
        // The one before the oldest of the minute stays: the minute began with it.
        let began = |(then, _): &(Instant, Reading)| now.saturating_duration_since(*then) >= MINUTE;
        while self.kept.get(1).is_some_and(began) {
            self.kept.pop_front();
        }
        self.latest = Some((now, reading));
    }

    /// The counts as they were told last.
    pub fn latest(&self) -> Option<&Reading> {
        self.latest.as_ref().map(|(_, reading)| reading)
    }

    /// The last minute.
    pub fn recent(&self) -> Recent {
        let (Some((then, before)), Some((now, reading))) = (self.kept.front(), &self.latest) else {
            return Recent::default();
        };
        let passed = now.saturating_duration_since(*then);
        let (made, failed) = self.counts(before, reading);
        let time = reading.time.since(&before.time);
        Recent {
            rate: per_second(made, passed),
            errors: (made > 0).then(|| (approximate(failed) / approximate(made)).min(1.0)),
            statuses: since(reading.statuses, before.statuses),
            tokens_per_second: per_second(written(before, reading), passed),
            p50: time.quantile(0.5),
            p95: time.quantile(0.95),
            p99: time.quantile(0.99),
            first_token: half(&reading.first_token, &before.first_token),
            overhead: half(&reading.overhead, &before.overhead),
        }
    }

    /// The course of the last five minutes.
    pub fn history(&self) -> History {
        let steps = || self.steps.iter();
        History {
            rate: steps().map(|step| step.rate).collect(),
            latency_ms: steps().map(|step| step.latency_ms).collect(),
            errors: steps().map(|step| step.errors).collect(),
            tokens: steps().map(|step| step.tokens).collect(),
        }
    }

    /// The totals, but for what is under way.
    pub fn totals(&self) -> Totals {
        let (recent, latest) = (self.recent(), self.latest().cloned().unwrap_or_default());
        let attempts = latest.attempts;
        Totals {
            requests: latest.requests,
            in_flight: 0,
            queued: 0,
            rate: recent.rate,
            statuses: latest.statuses,
            recent: recent.statuses,
            p50_ms: recent.p50.map(milliseconds),
            p95_ms: recent.p95.map(milliseconds),
            p99_ms: recent.p99.map(milliseconds),
            ttft_ms: recent.first_token.map(milliseconds),
            overhead_us: recent.overhead.map(microseconds),
            input_tokens: latest.tokens.input,
            output_tokens: latest.tokens.output,
            cached_tokens: latest.tokens.cached,
            tokens_per_second: recent.tokens_per_second,
            cost: latest.cost,
            unpriced: latest.unpriced,
            attempts: attempts.made,
            repeats: attempts.repeats,
            failovers: attempts.failovers,
            hedges: attempts.hedges,
            hedges_won: attempts.hedges_won,
            continued: attempts.continued,
            dropped: latest.dropped,
            history: self.history(),
        }
    }

    /// Writes into the row of a provider what is counted of it.
    pub fn tell(&self, row: &mut ProviderRow) {
        let recent = self.recent();
        row.rate = recent.rate;
        row.errors = recent.errors;
        row.p50_ms = recent.p50.map(milliseconds);
        row.p95_ms = recent.p95.map(milliseconds);
        row.ttft_ms = recent.first_token.map(milliseconds);
        row.tokens_per_second = recent.tokens_per_second;
        row.history = self.history();
        if let Some(latest) = self.latest() {
            row.attempts = latest.attempts.made;
            row.failures = latest.attempts.failed;
            row.input_tokens = latest.tokens.input;
            row.output_tokens = latest.tokens.output;
            row.cost = latest.cost;
        }
    }

    fn step(&self, before: &Reading, reading: &Reading, passed: Duration) -> Step {
        let (made, failed) = self.counts(before, reading);
        let first_token = half(&reading.first_token, &before.first_token);
        let latency = first_token.or_else(|| half(&reading.time, &before.time));
        Step {
            rate: per_second(made, passed),
            latency_ms: latency.map_or(0, milliseconds),
            errors: failed,
            tokens: per_second(written(before, reading), passed),
        }
    }

    /// Remembers a step; one that took long stands for several, of which the last has its errors.
    fn keep(&mut self, step: Step, passed: Duration) {
        let so_many = usize::try_from(passed.as_secs() / STEP.as_secs()).unwrap_or(STEPS);
        for left in (0..so_many.clamp(1, STEPS)).rev() {
            if self.steps.len() >= STEPS {
                self.steps.pop_front();
            }
            let errors = if left == 0 { step.errors } else { 0 };
            self.steps.push_back(Step { errors, ..step });
        }
    }

    /// How many came since `before`, and how many of them failed.
    fn counts(&self, before: &Reading, reading: &Reading) -> (u64, u64) {
        let since = |count: fn(&Reading) -> u64| count(reading).saturating_sub(count(before));
        match self.of {
            Of::Requests => (
                since(|reading| reading.requests),
                since(|reading| reading.statuses.server_errors + reading.statuses.rate_limited),
            ),
            Of::Attempts => (
                since(|reading| reading.attempts.made),
                since(|reading| reading.attempts.failed),
            ),
        }
    }
}

fn since(now: Statuses, before: Statuses) -> Statuses {
    Statuses {
        ok: now.ok.saturating_sub(before.ok),
        client_errors: now.client_errors.saturating_sub(before.client_errors),
        rate_limited: now.rate_limited.saturating_sub(before.rate_limited),
        server_errors: now.server_errors.saturating_sub(before.server_errors),
        left: now.left.saturating_sub(before.left),
    }
}

fn written(before: &Reading, reading: &Reading) -> u64 {
    reading.tokens.output.saturating_sub(before.tokens.output)
}

fn half(now: &Times, before: &Times) -> Option<Duration> {
    now.since(before).quantile(0.5)
}

fn per_second(count: u64, passed: Duration) -> f64 {
    if passed.is_zero() {
        return 0.0;
    }
    approximate(count) / passed.as_secs_f64()
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Histogram;

    /// The counts after so many requests, each with ten tokens and a second each.
    fn after(requests: u64) -> Reading {
        let time = Histogram::default();
        (0..requests).for_each(|_| time.record(Duration::from_secs(1)));
        let mut reading = Reading {
            requests,
            time: time.times(),
            ..Reading::default()
        };
        reading.tokens.output = requests * 10;
        reading.statuses.server_errors = requests / 10;
        reading
    }

    fn close(told: f64, expected: f64) {
        assert!((told - expected).abs() < 1e-6, "{told} is not {expected}");
    }

    #[test]
    fn rates_are_of_the_last_minute_only() {
        let (mut window, start) = (Window::new(Of::Requests), Instant::now());
        for second in 0..=300u64 {
            let requests = if second < 100 {
                second * 50
            } else {
                5000 + (second - 100) * 2
            };
            window.sample(start + Duration::from_secs(second), after(requests));
        }
        let recent = window.recent();
        close(recent.rate, 2.0);
        close(recent.tokens_per_second, 20.0);
        assert!(
            recent
                .errors
                .is_some_and(|share| (share - 0.1).abs() < 0.01)
        );
        assert_eq!(recent.statuses.server_errors, 12);
        let p50 = recent.p50.expect("requests");
        assert!(p50 > Duration::from_millis(800) && p50 <= Duration::from_secs(1));
        let history = window.history();
        assert_eq!(history.rate.len(), STEPS);
        close(history.rate[0], 50.0);
        close(history.rate[STEPS - 1], 2.0);
        assert_eq!(window.totals().requests, 5400);
    }

    #[test]
    fn the_first_seconds_have_a_rate_already() {
        let (mut window, start) = (Window::new(Of::Requests), Instant::now());
        window.sample(start, after(0));
        assert_eq!(window.recent(), Recent::default());
        window.sample(start + Duration::from_secs(2), after(8));
        close(window.recent().rate, 4.0);
        assert_eq!(window.history(), History::default());
    }

    #[test]
    fn who_looks_seldom_sees_the_average() {
        let (mut window, start) = (Window::new(Of::Requests), Instant::now());
        window.sample(start, after(0));
        window.sample(start + Duration::from_secs(20), after(100));
        let history = window.history();
        assert_eq!(history.rate, [5.0; 4]);
        assert_eq!(history.errors, [0, 0, 0, 10]);
    }

    #[test]
    fn memory_is_bounded_whatever_the_time() {
        let (mut window, start) = (Window::new(Of::Attempts), Instant::now());
        for second in 0..3000 {
            window.sample(start + Duration::from_secs(second), Reading::default());
        }
        assert!(window.kept.len() <= 14, "{}", window.kept.len());
        assert_eq!(window.steps.len(), STEPS);
        window.sample(start + Duration::from_hours(1000), after(3));
        assert_eq!(window.steps.len(), STEPS);
    }
}
