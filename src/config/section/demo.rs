//! `providers[].demo`: how a simulated provider behaves.

use std::time::Duration;

use crate::config::read::{Object, Section};
use crate::config::report::Report;
use crate::config::scalar::{Amount, Named, OneOf, Ratio, Whole};
use crate::config::units::Span;
use crate::provider::{DemoProfile, Downtime, Outage};

impl Named for Downtime {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("closed", Downtime::Closed),
        ("unavailable", Downtime::Unavailable),
        ("silent", Downtime::Silent),
    ];
}

impl Section for Outage {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let after: Option<Duration> = object.take("after", report);
        let lasting: Option<Span> = object.required("for", report);
        let how: Option<OneOf<Downtime>> = object.take("how", report);
        Some(Self {
            after: after.unwrap_or_default(),
            lasting: lasting?.0,
            how: how.map_or_else(Downtime::default, |how| how.0),
        })
    }
}

impl Section for DemoProfile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = DemoProfile::default();
        let pace: Option<Amount> = object.take("tokens_per_second", report);
        let answer_tokens: Option<Whole<1, 1_000_000>> = object.take("answer_tokens", report);
        let seed: Option<Whole<0, { u32::MAX }>> = object.take("seed", report);
        let mut rate = |object: &mut Object<'_>, key, default| {
            let rate: Option<Ratio> = object.take(key, report);
            rate.map_or(default, |rate| rate.0)
        };
        let failure_rate = rate(object, "failure_rate", defaults.failure_rate);
        let rate_limit_rate = rate(object, "rate_limit_rate", defaults.rate_limit_rate);
        let cut_rate = rate(object, "cut_rate", defaults.cut_rate);
        Some(Self {
            latency: object.take("latency", report).unwrap_or(defaults.latency),
            jitter: object.take("jitter", report).unwrap_or(defaults.jitter),
            tokens_per_second: pace.map_or(defaults.tokens_per_second, |pace| pace.0),
            answer_tokens: answer_tokens.map_or(defaults.answer_tokens, |tokens| tokens.0),
            failure_rate,
            rate_limit_rate,
            retry_after: object
                .take("retry_after", report)
                .unwrap_or(defaults.retry_after),
            cut_rate,
            seed: seed.map_or(defaults.seed, |seed| u64::from(seed.0)),
            outages: object.take("outages", report).unwrap_or_default(),
        })
    }
}
