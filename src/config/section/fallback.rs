//! `routes[].fallbacks`: where a request goes on whose steps have failed, and that it never goes in circles.

use serde_json::json;

use super::route::Known;
use crate::config::nearest::nearest;
use crate::config::node::Value;
use crate::config::read::{At, Object, Read, Section};
use crate::config::report::{Place, Report};
use crate::config::scalar::{Named, OneOf, OneOrMany};
use crate::config::{Fallback, FallbackOn};
use crate::provider::Models;

impl Named for FallbackOn {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("context_length", FallbackOn::ContextLength),
        ("rate_limit", FallbackOn::RateLimit),
        ("content_filter", FallbackOn::ContentFilter),
        ("timeout", FallbackOn::Timeout),
        ("server_error", FallbackOn::ServerError),
        ("any", FallbackOn::Any),
    ];
}

/// A fallback as written.
#[derive(Debug)]
pub(super) struct FallbackFile {
    on: Option<Causes>,
    route: Option<(String, Place)>,
}

impl Section for FallbackFile {
    const WHAT: &'static str = "a fallback (an object with `on` and `route`)";

    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let on = object.required("on", report);
        let target: Option<Target> = object.required("route", report);
        Some(Self {
            on,
            route: target.map(|target| (target.0, target.1)),
        })
    }
}

/// One cause, or at least one of a list.
#[derive(Debug)]
struct Causes(Vec<FallbackOn>);

impl Read for Causes {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let causes: OneOrMany<OneOf<FallbackOn>> = OneOrMany::read(at, report)?;
        if matches!(&at.node.value, Value::List(causes) if causes.is_empty()) {
            report.error(&at.place(), "a fallback needs at least one cause");
        }
        Some(Self(causes.0.into_iter().map(|cause| cause.0).collect()))
    }

    fn schema() -> serde_json::Value {
        let cause = OneOf::<FallbackOn>::schema();
        json!({ "anyOf": [cause, { "type": "array", "items": cause, "minItems": 1 }] })
    }
}

#[derive(Debug)]
struct Target(String, Place);

impl Read for Target {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        Some(Self(
            String::read(at, report)?.trim().to_owned(),
            at.place(),
        ))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

impl FallbackFile {
    /// The fallback of the route `own`.
    pub(super) fn resolve(
        self,
        own: &str,
        known: &Known<'_>,
        report: &mut Report,
    ) -> Option<Fallback> {
        let (route, place) = self.route?;
        if route == own {
            report.error(&place, "a route cannot fall back to itself");
        } else if !known.may_be_asked_for(&route) {
            let message = format!("`{route}` is neither a route nor a model that is listed");
            let fault = report.warning(&place, message);
            if let Some(near) = nearest(&route, known.routes.iter().map(String::as_str)) {
                fault.hint(format!("did you mean `{near}`?"));
            }
        }
        Some(Fallback {
            on: self.on?.0,
            route,
        })
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        let (route, place) = self.route.clone()?;
        Some(Exit {
            on: self.on.as_ref()?.0.clone(),
            route,
            place,
        })
    }
}

impl Known<'_> {
    /// Whether `name` is a route, or could find a model: only where every provider lists its own is a plain
    /// name known to find none.
    fn may_be_asked_for(&self, name: &str) -> bool {
        let finds = |models: &Models| match models {
            Models::Everything => true,
            Models::Listed(models) => models.iter().any(|model| *model.name == *name),
        };
        self.routes.iter().any(|route| route == name)
            || name.contains(['/', ',', ':', '*'])
            || self
                .providers
                .iter()
                .any(|provider| finds(&provider.models))
    }
}

/// The ways out of one route.
#[derive(Debug)]
pub(super) struct Exits {
    route: String,
    exits: Vec<Exit>,
}

/// One way out: after what, where to, and where that is said.
#[derive(Debug)]
pub(super) struct Exit {
    on: Vec<FallbackOn>,
    route: String,
    place: Place,
}

impl Exits {
    /// Those of `route`; what leads back to itself at once is reported elsewhere.
    pub(super) fn new(route: &str, exits: impl Iterator<Item = Exit>) -> Self {
        Self {
            exits: exits.filter(|exit| exit.route != route).collect(),
            route: route.to_owned(),
        }
    }

    /// The first that is taken after a failure of this kind.
    fn after(&self, failure: FallbackOn) -> Option<&Exit> {
        let fits = |on: &FallbackOn| *on == failure || *on == FallbackOn::Any;
        self.exits.iter().find(|exit| exit.on.iter().any(fits))
    }
}

/// Reports the routes that lead to each other after one and the same failure: a request that fails so at
/// every step would go round. Routes that refer to each other after different failures are sound.
pub(super) fn report_circles(routes: &[Exits], report: &mut Report) {
    let mut known: Vec<Vec<&str>> = Vec::new();
    for (_, failure) in FallbackOn::NAMES {
        for route in routes {
            let Some(circle) = circle(route, *failure, routes) else {
                continue;
            };
            let mut members = circle.clone();
            members.sort_unstable();
            if !known.contains(&members) {
                known.push(members);
                report_circle(route, &circle, *failure, report);
            }
        }
    }
}

fn report_circle(route: &Exits, circle: &[&str], failure: FallbackOn, report: &mut Report) {
    let Some(exit) = route.after(failure) else {
        return;
    };
    let way = circle.join("` → `");
    let message = format!(
        "these routes only lead to each other: `{way}` → `{}`",
        route.route
    );
    report.error(&exit.place, message);
}

/// The routes from `start` back to it when all of them fail so; `None` where the way ends.
fn circle<'a>(start: &'a Exits, failure: FallbackOn, routes: &'a [Exits]) -> Option<Vec<&'a str>> {
    let mut way = vec![start.route.as_str()];
    let mut here = start;
    // More steps than routes, and it is in a circle that `start` is no part of.
    for _ in routes {
        let next = &here.after(failure)?.route;
        if *next == start.route {
            return Some(way);
        }
        here = routes.iter().find(|route| route.route == *next)?;
        way.push(&here.route);
    }
    None
}
