//! `routes[]`: logical models, and the check that their steps lead somewhere.

use serde_json::json;

use super::fallback::{Exits, FallbackFile};
use crate::config::nearest::nearest;
use crate::config::read::{At, Object, Read, Section};
use crate::config::report::{Place, Report};
use crate::config::scalar::{Amount, Named, OneOf, Switch};
use crate::config::units::Span;
use crate::config::{ConflictResolution, Fidelity, Hedge, Route, Step, Strategy};
use crate::provider::Provider;

impl Named for ConflictResolution {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("tools", ConflictResolution::Tools),
        ("format", ConflictResolution::Format),
    ];
}

/// A route as written.
#[derive(Debug)]
pub(super) struct RouteFile {
    name: Option<(String, Place)>,
    strategy: Option<OneOf<Strategy>>,
    timeout: Option<Span>,
    fidelity: Option<OneOf<Fidelity>>,
    steps: Option<Steps>,
    hedge: Option<Switch<Hedge>>,
    fallbacks: Vec<FallbackFile>,
}

impl Section for RouteFile {
    const WHAT: &'static str = "a route (an object)";

    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let name: Option<String> = object.required("name", report);
        let place = object.place();
        Some(Self {
            name: name.map(|name| (name, place)),
            strategy: object.take("strategy", report),
            timeout: object.take("timeout", report),
            fidelity: object.take("fidelity", report),
            steps: object.required("steps", report),
            hedge: object.take("hedge", report),
            fallbacks: object.take("fallbacks", report).unwrap_or_default(),
        })
    }
}

/// At least one step.
#[derive(Debug)]
struct Steps(Vec<StepFile>);

impl Read for Steps {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let steps: Vec<StepFile> = Vec::read(at, report)?;
        if at.items("a list", report)?.is_empty() {
            report.error(&at.place(), "a route needs at least one step");
        }
        Some(Self(steps))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "array", "items": StepFile::schema(), "minItems": 1 })
    }
}

#[derive(Debug)]
struct StepFile {
    provider: Option<Placed>,
    model: Option<String>,
    alias: Option<(String, Place)>,
    weight: Option<Amount>,
    timeout: Option<Span>,
    conflict_resolution: Option<OneOf<ConflictResolution>>,
}

#[derive(Debug)]
struct Placed(String, Place);

impl Read for Placed {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        Some(Self(String::read(at, report)?, at.place()))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

impl Section for StepFile {
    const WHAT: &'static str = "a step (an object)";

    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            provider: object.required("provider", report),
            model: object.required("model", report),
            alias: object.take_at("alias", report),
            weight: object.take("weight", report),
            timeout: object.take("timeout", report),
            conflict_resolution: object.take("conflict_resolution", report),
        })
    }
}

/// The providers a step may name: those of the file, be they valid or not.
pub(super) struct Known<'a> {
    pub(super) ids: &'a [String],
    pub(super) providers: &'a [Provider],
    pub(super) routes: &'a [String],
}

impl RouteFile {
    /// The route, its steps checked against `known`.
    pub(super) fn resolve(self, known: &Known<'_>, report: &mut Report) -> Option<Route> {
        let steps = self.steps.map_or_else(Vec::new, |steps| steps.0);
        let steps = steps
            .into_iter()
            .filter_map(|step| step.resolve(known, report))
            .collect();
        let (name, _) = self.name?;
        let fallbacks = self.fallbacks.into_iter();
        Some(Route {
            fallbacks: fallbacks
                .filter_map(|file| file.resolve(&name, known, report))
                .collect(),
            name,
            strategy: self.strategy.map(|strategy| strategy.0),
            timeout: self.timeout.map(|span| span.0),
            fidelity: self.fidelity.map(|fidelity| fidelity.0),
            steps,
            hedge: self.hedge.map(|written| match written {
                Switch::On(hedge) => hedge,
                Switch::Off => Hedge::NEVER,
            }),
        })
    }

    /// Where it leads, for what only shows when all routes are looked at together.
    pub(super) fn exits(&self) -> Option<Exits> {
        let (name, _) = self.name.as_ref()?;
        let exits = self.fallbacks.iter().filter_map(FallbackFile::exit);
        Some(Exits::new(name, exits))
    }

    /// The model name that selects it.
    pub(super) fn id(&self) -> Option<(String, Place)> {
        self.name.clone()
    }
}

impl StepFile {
    fn resolve(self, known: &Known<'_>, report: &mut Report) -> Option<Step> {
        let Placed(provider, place) = self.provider?;
        if !known.ids.contains(&provider) {
            let fault = report.error(&place, format!("there is no provider `{provider}`"));
            if let Some(near) = nearest(&provider, known.ids.iter().map(String::as_str)) {
                fault.hint(format!("did you mean `{near}`?"));
            }
        }
        if let Some((alias, place)) = &self.alias {
            known.check_alias(&provider, alias, place, report);
        }
        Some(Step {
            provider,
            model: self.model?,
            alias: self.alias.map(|(alias, _)| alias),
            weight: self.weight.map(|weight| weight.0),
            timeout: self.timeout.map(|span| span.0),
            conflict_resolution: self.conflict_resolution.map(|keep| keep.0),
        })
    }
}

impl Known<'_> {
    fn check_alias(&self, provider: &str, alias: &str, place: &Place, report: &mut Report) {
        let Some(provider) = self.providers.iter().find(|p| &*p.name == provider) else {
            return;
        };
        let aliases = || provider.keys.iter().filter_map(|key| key.alias.as_deref());
        if aliases().any(|known| known == alias) {
            return;
        }
        let message = format!("provider `{}` has no key alias `{alias}`", provider.name);
        let fault = report.error(place, message);
        if let Some(near) = nearest(alias, aliases()) {
            fault.hint(format!("did you mean `{near}`?"));
        }
    }
}
