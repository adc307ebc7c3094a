//! The parts of `router` that are one object each; most can be switched off.

use std::time::Duration;

use crate::config::read::{Object, Read, Section};
use crate::config::report::Report;
use crate::config::scalar::{Factor, Named, OneOf, Ratio, Switch, Whole};
use crate::config::units::{Size, Span};
use crate::config::{
    Affinity, Bandit, Capture, Conversations, Gate, HealthCheck, Hedge, Limits, Profile,
    SmallModels, Weighted,
};

/// All of them with their defaults.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) conversations: Option<Conversations>,
    pub(super) capture: Option<Capture>,
    pub(super) small_models: Option<SmallModels>,
    pub(super) bandit: Bandit,
    pub(super) weighted: Weighted,
    pub(super) affinity: Affinity,
    pub(super) hedge: Option<Hedge>,
    pub(super) first_token_gate: Option<Gate>,
    pub(super) health_check: Option<HealthCheck>,
    pub(super) limits: Limits,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            conversations: Some(Conversations::default()),
            capture: None,
            small_models: None,
            bandit: Bandit {
                half_life: Duration::from_mins(30),
            },
            weighted: Weighted::default(),
            affinity: Affinity {
                ttl: Duration::from_hours(2),
                prefix: false,
            },
            hedge: None,
            first_token_gate: Some(Gate::default()),
            health_check: None,
            limits: Limits {
                in_flight: 10_000,
                buffered_bytes: 512 << 20,
                wait: Duration::ZERO,
            },
        }
    }
}

/// Takes every part from the router's object.
pub(super) fn take_parts(object: &mut Object<'_>, report: &mut Report) -> Parts {
    let defaults = Parts::default();
    Parts {
        conversations: take_unless_off(object, "conversations", report),
        capture: take(object, "capture", report),
        small_models: take(object, "small_models", report),
        bandit: take(object, "bandit", report).unwrap_or(defaults.bandit),
        weighted: take(object, "weighted", report).unwrap_or(defaults.weighted),
        affinity: take(object, "affinity", report).unwrap_or(defaults.affinity),
        hedge: take(object, "hedge", report),
        first_token_gate: take_unless_off(object, "first_token_gate", report),
        health_check: take(object, "health_check", report),
        limits: take(object, "limits", report).unwrap_or(defaults.limits),
    }
}

fn take<T: Read>(object: &mut Object<'_>, key: &'static str, report: &mut Report) -> Option<T> {
    match object.take(key, report)? {
        Switch::Off => None,
        Switch::On(part) => Some(part),
    }
}

/// A part that acts where the file says nothing of it.
fn take_unless_off<T: Read + Default>(
    object: &mut Object<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<T> {
    match object.take(key, report) {
        None => Some(T::default()),
        Some(Switch::Off) => None,
        Some(Switch::On(part)) => Some(part),
    }
}

impl Section for Conversations {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Conversations::default();
        let max_bytes: Option<Size> = object.take("max_bytes", report);
        let ttl: Option<Span> = object.take("ttl", report);
        Some(Self {
            max_bytes: max_bytes.map_or(defaults.max_bytes, |size| size.0),
            ttl: ttl.map_or(defaults.ttl, |span| span.0),
        })
    }
}

impl Section for Capture {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let max_bytes: Option<Size> = object.take("max_bytes", report);
        let entries: Option<Whole<1, 100_000>> = object.take("entries", report);
        Some(Self {
            max_bytes: max_bytes.map_or(16 << 20, |size| size.0),
            entries: entries.map_or(100, |entries| entries.0 as usize),
        })
    }
}

impl Section for SmallModels {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let names = object.required("names", report);
        let factor: Option<Factor> = object.take("factor", report);
        Some(Self {
            names: names?,
            factor: factor.map_or(1.2, |factor| factor.0),
        })
    }
}

impl Section for Bandit {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let half_life: Option<Span> = object.take("half_life", report);
        Some(half_life.map_or(Parts::default().bandit, |span| Self { half_life: span.0 }))
    }
}

impl Named for Profile {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("balanced", Profile::Balanced),
        ("latency", Profile::Latency),
        ("cost", Profile::Cost),
        ("reliability", Profile::Reliability),
    ];
}

impl Section for Weighted {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let profile: Option<OneOf<Profile>> = object.take("profile", report);
        Some(Self {
            profile: profile.map_or_else(Profile::default, |profile| profile.0),
        })
    }
}

impl Section for Affinity {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Parts::default().affinity;
        let ttl: Option<Span> = object.take("ttl", report);
        let prefix = object.take("prefix", report);
        Some(Self {
            ttl: ttl.map_or(defaults.ttl, |span| span.0),
            prefix: prefix.unwrap_or(defaults.prefix),
        })
    }
}

impl Section for Hedge {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let after: Option<Span> = object.take("after", report);
        let max_ratio: Option<Ratio> = object.take("max_ratio", report);
        Some(Self {
            after: after.map(|span| span.0),
            max_ratio: max_ratio.map_or(0.02, |ratio| ratio.0),
        })
    }
}

impl Section for Gate {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Gate::default();
        let factor: Option<Factor> = object.take("factor", report);
        let least = object.take("least", report);
        Some(Self {
            factor: factor.map_or(defaults.factor, |factor| factor.0),
            least: least.unwrap_or(defaults.least),
        })
    }
}

impl Section for HealthCheck {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let interval: Option<Span> = object.required("interval", report);
        Some(Self {
            interval: interval?.0,
        })
    }
}

impl Section for Limits {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let defaults = Parts::default().limits;
        let in_flight: Option<Whole<1, 1_000_000>> = object.take("in_flight", report);
        let buffered: Option<Size> = object.take("buffered_bytes", report);
        let wait = object.take("wait", report);
        Some(Self {
            in_flight: in_flight.map_or(defaults.in_flight, |limit| limit.0 as usize),
            buffered_bytes: buffered.map_or(defaults.buffered_bytes, |size| size.0),
            wait: wait.unwrap_or(defaults.wait),
        })
    }
}
