//! `router`: how requests are routed and how long they may take.

use std::path::PathBuf;

use crate::config::environment::Environment;
use crate::config::node::Value;
use crate::config::read::{Object, Read, Section};
use crate::config::report::{Place, Report};
use crate::config::scalar::{Named, OneOf, Whole};
use crate::config::section::parts::{Parts, take_parts};
use crate::config::section::timeouts::TimeoutsFile;
use crate::config::units::Span;
use crate::config::{Backoffs, Circuit, Fidelity, OnUnknownModel, Router, Strategy};

impl Named for Strategy {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("sequential", Strategy::Sequential),
        ("adaptive", Strategy::Adaptive),
        ("bandit", Strategy::Bandit),
        ("weighted", Strategy::Weighted),
    ];
}

impl Named for OnUnknownModel {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("error", OnUnknownModel::Error),
        ("default", OnUnknownModel::Default),
    ];
}

impl Named for Fidelity {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("warn", Fidelity::Warn),
        ("strict", Fidelity::Strict),
        ("silent", Fidelity::Silent),
    ];
}

/// `router` as written.
#[derive(Debug, Default)]
pub(super) struct RouterFile {
    strategy: Option<OneOf<Strategy>>,
    retries: Option<Whole<0, 100>>,
    max_attempts: Option<Whole<1, 1000>>,
    timeout: Option<Span>,
    timeouts: Option<TimeoutsFile>,
    commit_hold: Option<Span>,
    default_model: Option<String>,
    on_unknown_model: Option<(OneOf<OnUnknownModel>, Place)>,
    circuit: Option<Circuit>,
    backoff: Option<Backoffs>,
    strip_unsupported: Option<bool>,
    retry_ambiguous: Option<bool>,
    continue_stream: Option<bool>,
    fidelity: Option<OneOf<Fidelity>>,
    hot_reload: Option<bool>,
    parts: Parts,
    persistence: Persistence,
}

/// Absent is not null here: null switches it off.
#[derive(Debug, Default)]
enum Persistence {
    #[default]
    Standard,
    Off,
    At(String),
}

impl Section for RouterFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            strategy: object.take("strategy", report),
            retries: object.take("retries", report),
            max_attempts: object.take("max_attempts", report),
            timeout: object.take("timeout", report),
            timeouts: object.take("timeouts", report),
            commit_hold: object.take("commit_hold", report),
            default_model: object.take("default_model", report),
            on_unknown_model: object.take_at("on_unknown_model", report),
            circuit: object.take("circuit", report),
            backoff: object.take("backoff", report),
            strip_unsupported: object.take("strip_unsupported", report),
            retry_ambiguous: object.take("retry_ambiguous", report),
            continue_stream: object.take("continue_stream", report),
            fidelity: object.take("fidelity", report),
            hot_reload: object.take("hot_reload", report),
            parts: take_parts(object, report),
            persistence: take_persistence(object, report),
        })
    }
}

fn take_persistence(object: &mut Object<'_>, report: &mut Report) -> Persistence {
    let Some(at) = object.find("persistence_path", String::schema()) else {
        return Persistence::Standard;
    };
    if matches!(at.node.value, Value::Null) {
        return Persistence::Off;
    }
    String::read(&at, report).map_or(Persistence::Standard, Persistence::At)
}

impl RouterFile {
    /// The router with its defaults, and what only shows when two keys are looked at together.
    pub(super) fn resolve(self, env: &Environment, report: &mut Report) -> Router {
        let on_unknown_model = self.on_unknown_model(report);
        let timeouts = self.timeouts.unwrap_or_default();
        Router {
            strategy: self.strategy.map_or_else(Strategy::default, |s| s.0),
            retries: self.retries.map_or(1, |retries| retries.0),
            max_attempts: self.max_attempts.map_or(6, |attempts| attempts.0),
            timeouts: timeouts.resolve(self.timeout),
            commit_hold: self.commit_hold.map(|hold| hold.0),
            default_model: self.default_model,
            on_unknown_model,
            circuit: self.circuit.unwrap_or_default(),
            backoff: self.backoff.unwrap_or_default(),
            strip_unsupported: self.strip_unsupported.unwrap_or(false),
            retry_ambiguous: self.retry_ambiguous.unwrap_or(true),
            continue_stream: self.continue_stream.unwrap_or(false),
            fidelity: self.fidelity.map_or_else(Fidelity::default, |f| f.0),
            conversations: self.parts.conversations,
            capture: self.parts.capture,
            hot_reload: self.hot_reload.unwrap_or(true),
            small_models: self.parts.small_models,
            bandit: self.parts.bandit,
            weighted: self.parts.weighted,
            affinity: self.parts.affinity,
            hedge: self.parts.hedge,
            first_token_gate: self.parts.first_token_gate,
            health_check: self.parts.health_check,
            limits: self.parts.limits,
            persistence_path: self.persistence.resolve(env),
        }
    }

    fn on_unknown_model(&self, report: &mut Report) -> OnUnknownModel {
        let Some((policy, place)) = &self.on_unknown_model else {
            return OnUnknownModel::default();
        };
        if policy.0 == OnUnknownModel::Default && self.default_model.is_none() {
            report.error(place, "`default` needs router.default_model");
        }
        policy.0
    }
}

impl Persistence {
    fn resolve(self, env: &Environment) -> Option<PathBuf> {
        match self {
            Persistence::Off => None,
            Persistence::At(path) => Some(env.expand_home(&path)),
            Persistence::Standard => {
                let home = crate::config::paths::Home::of(env).ok()?;
                Some(home.state_file(None))
            }
        }
    }
}
