//! `router.circuit` and `router.backoff`: when a target or a key rests, and for how long.

use std::time::Duration;

use crate::config::read::{Object, Section};
use crate::config::report::Report;
use crate::config::scalar::{Factor, Ratio, Whole};
use crate::config::units::Span;
use crate::config::{Backoff, Backoffs, Circuit};

impl Section for Circuit {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Circuit::default();
        let mut count = |object: &mut Object<'_>, key, default| {
            let count: Option<Whole<1, 100_000>> = object.take(key, report);
            count.map_or(default, |count| count.0)
        };
        let threshold = count(object, "threshold", defaults.threshold);
        let min_samples = count(object, "min_samples", defaults.min_samples);
        let successes = count(object, "successes", defaults.successes);
        let mut span = |object: &mut Object<'_>, key, default| {
            let span: Option<Span> = object.take(key, report);
            span.map_or(default, |span| span.0)
        };
        let window = span(object, "window", defaults.window);
        let open = span(object, "open", defaults.open);
        let open_max = span(object, "open_max", defaults.open_max.max(open));
        let ratio: Option<Ratio> = object.take("ratio", report);
        if open_max < open {
            report.error(&object.place(), "`open_max` is less than `open`");
        }
        Some(Self {
            threshold,
            ratio: ratio.map_or(defaults.ratio, |ratio| ratio.0),
            min_samples,
            window,
            open,
            open_max,
            successes,
        })
    }
}

/// One class of `router.backoff` as written; its defaults depend on the class.
#[derive(Debug, Default)]
struct BackoffFile {
    first: Option<Duration>,
    factor: Option<Factor>,
    max: Option<Duration>,
}

impl Section for BackoffFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let file = Self {
            first: object.take("first", report),
            factor: object.take("factor", report),
            max: object.take("max", report),
        };
        if let (Some(first), Some(max)) = (file.first, file.max)
            && max < first
        {
            report.error(&object.place(), "`max` is less than `first`");
        }
        Some(file)
    }
}

impl BackoffFile {
    fn over(self, default: Backoff) -> Backoff {
        let first = self.first.unwrap_or(default.first);
        Backoff {
            // Who gives only one of the two means the other to make room for it.
            first: self.max.map_or(first, |max| first.min(max)),
            factor: self.factor.map_or(default.factor, |factor| factor.0),
            max: self.max.unwrap_or(default.max.max(first)),
        }
    }
}

impl Section for Backoffs {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Backoffs::default();
        let mut class = |key, default| {
            let file: Option<BackoffFile> = object.take(key, report);
            file.unwrap_or_default().over(default)
        };
        Some(Self {
            rate_limit: class("rate_limit", defaults.rate_limit),
            auth: class("auth", defaults.auth),
            quota: class("quota", defaults.quota),
            timeout: class("timeout", defaults.timeout),
            network: class("network", defaults.network),
            server: class("server", defaults.server),
        })
    }
}
