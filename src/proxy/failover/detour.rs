//! Detours: where a request goes on whose route has failed in a certain way.
//!
//! A route names others by the kind of failure: a prompt that is too long goes to a larger model. Attempts and
//! time are those of the request, less if the other route has a limit of its own, and every detour is taken
//! once.

use std::sync::Arc;

use tokio::time::Instant;

use super::filtered::is_emptied;
use super::{Failover, Run, Won};
use crate::chat::{Failure, FailureClass};
use crate::config::{Fallback, FallbackOn};
use crate::proxy::attempt::Good;
use crate::proxy::exhausted::{End, Failed};
use crate::proxy::route_limit;
use crate::proxy::shown;
use crate::route::RouteRules;
use crate::route::plan::Plan;
use crate::telemetry::trace::{Cause, Verdict};

/// See the module's head.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Detour {
    /// The routes of the way so far, as far as they name detours.
    routes: Vec<Arc<RouteRules>>,
    /// Where it led already.
    taken: Vec<Arc<str>>,
}

impl Detour {
    /// The way begins at `route`.
    pub(in crate::proxy) fn of(route: Option<Arc<RouteRules>>) -> Self {
        let mut detour = Self::default();
        detour.passes(route);
        detour
    }

    /// The way goes on along `route`.
    pub(in crate::proxy) fn passes(&mut self, route: Option<Arc<RouteRules>>) {
        if let Some(route) = route.filter(|route| !route.fallbacks.is_empty()) {
            self.taken.push(route.name.clone());
            self.routes.push(route);
        }
    }

    /// Whether there is a detour for answers that a filter has emptied.
    fn minds_filters(&self) -> bool {
        let mut fallbacks = self.routes.iter().flat_map(|route| &route.fallbacks);
        fallbacks.any(|fallback| names(fallback, FallbackOn::ContentFilter))
    }

    /// The next way around failures of `kinds`; those of the route that was left last come first.
    pub(in crate::proxy) fn next(&mut self, kinds: &[Option<FallbackOn>]) -> Option<Arc<str>> {
        let fallbacks = self.routes.iter().rev().flat_map(|route| &route.fallbacks);
        let is_new =
            |fallback: &&Fallback| !self.taken.iter().any(|name| **name == *fallback.route);
        let mut fitting = fallbacks
            .filter(is_new)
            .filter(|fallback| fits(fallback, kinds));
        let name: Arc<str> = fitting.next()?.route.as_str().into();
        self.taken.push(name.clone());
        Some(name)
    }
}

fn names(fallback: &Fallback, kind: FallbackOn) -> bool {
    let mut on = fallback.on.iter();
    on.any(|on| *on == FallbackOn::Any || *on == kind)
}

/// Whether `fallback` is meant for failures of these kinds: for the request's own trouble if it is among
/// them, for that of targets if it was the trouble of all.
fn fits(fallback: &Fallback, kinds: &[Option<FallbackOn>]) -> bool {
    let is_own = |kind: &&FallbackOn| is_of_the_request(**kind);
    let mut own = kinds.iter().flatten().filter(is_own);
    let is_meant = |kind: &Option<FallbackOn>| match kind {
        Some(kind) => names(fallback, *kind),
        None => fallback.on.contains(&FallbackOn::Any),
    };
    own.any(|kind| names(fallback, *kind)) || (!kinds.is_empty() && kinds.iter().all(is_meant))
}

fn is_of_the_request(kind: FallbackOn) -> bool {
    matches!(kind, FallbackOn::ContextLength | FallbackOn::ContentFilter)
}

impl Failover<'_> {
    /// Whether the search goes on elsewhere after its `end` here.
    pub(super) fn turns_off(&mut self, end: End) -> bool {
        if self.detour.routes.is_empty() {
            return false;
        }
        let kinds = kinds(
            end,
            &self.failures,
            &self.line.asleep(),
            self.line.full().len(),
        );
        self.turns_for(&or_drained(kinds, end, self.line.is_drained()))
    }

    fn turns_for(&mut self, kinds: &[Option<FallbackOn>]) -> bool {
        if kinds.is_empty() || self.is_risky || self.is_over().is_some() {
            return false;
        }
        while let Some(name) = self.detour.next(kinds) {
            if let Some(plan) = self.plan(&name).and_then(|plan| self.untried(plan)) {
                tracing::info!(
                    target: "autogw::attempt",
                    request_id = self.record.id(),
                    route = &*name,
                    "goes on along a fallback"
                );
                self.turn_to(plan);
                return true;
            }
        }
        false
    }

    /// `plan` without those who have failed already.
    fn untried(&self, mut plan: Plan) -> Option<Plan> {
        plan.targets
            .retain(|target| !self.record.has_failed(target));
        plan.open
            .retain(|(target, _)| !self.record.has_failed(target));
        // Those of this request sleep in its line already, as tried.
        plan.resting
            .retain(|(target, ..)| !self.record.has_failed(target));
        (!plan.targets.is_empty() || !plan.open.is_empty()).then_some(plan)
    }

    fn turn_to(&mut self, plan: Plan) {
        self.attempt.needs = plan.needs;
        if let Some(limit) = route_limit(&plan) {
            let deadline = &mut self.attempt.deadline;
            *deadline = (*deadline).min(Instant::now() + limit);
        }
        self.cause = Cause::Fallback;
        for (target, _) in &plan.open {
            self.record.skip(target, self.cause, Verdict::CircuitOpen);
        }
        let keyrings = self.attempt.gateway.keyrings();
        self.record
            .considered(shown::considered(&plan.considered, keyrings));
        self.detour.passes(plan.route.clone());
        self.line.turn_to(plan);
    }

    /// The answer, unless a filter has emptied it and there is a detour for that: then it is kept for want of a
    /// better.
    pub(super) fn set_aside(&mut self, run: Run, good: Good) -> Option<Won> {
        let is_wanted = self.spare.is_none() && self.detour.minds_filters();
        let is_empty = is_wanted && is_emptied(self.attempt.call.endpoint.dialect, &good.body);
        if !is_empty || !self.turns_for(&[Some(FallbackOn::ContentFilter)]) {
            return Some(run.won(good));
        }
        if let Some(tried) = self.record.tried(run.place) {
            tried.verdict = Verdict::Filtered;
            tried.status = Some(good.status.as_u16());
            tried.elapsed = Some(run.began.elapsed());
        }
        let mut spare = run.won(good);
        // It has answered: its place is free, and what is tried now is not its time.
        std::mem::take(&mut spare.seat).completed(None, std::time::Instant::now());
        self.spare = Some(Box::new(spare));
        None
    }
}

/// What has gone wrong in a search with this `end`: one kind for each that failed, slept or had no room.
pub(in crate::proxy) fn kinds(
    end: End,
    failures: &[Failed],
    asleep: &[(FailureClass, Instant)],
    full: usize,
) -> Vec<Option<FallbackOn>> {
    let mut failed = failures.iter().map(|failed| kind(&failed.failure));
    match end {
        End::Answer => {
            let last = failed.next_back().flatten();
            let last = last.filter(|kind| is_of_the_request(*kind));
            last.map_or_else(Vec::new, |kind| vec![Some(kind)])
        }
        End::NobodyLeft => {
            let asleep = asleep.iter().map(|(class, _)| kind_of(*class));
            let full = std::iter::repeat_n(Some(FallbackOn::RateLimit), full);
            failed.chain(asleep).chain(full).collect()
        }
        End::Risk | End::Attempts | End::Late => Vec::new(),
    }
}

/// `kinds`, or, where nothing went wrong but that all are drained, one that no kind names: a detour for
/// any is meant.
pub(in crate::proxy) fn or_drained(
    kinds: Vec<Option<FallbackOn>>,
    end: End,
    is_drained: bool,
) -> Vec<Option<FallbackOn>> {
    if kinds.is_empty() && is_drained && end == End::NobodyLeft {
        return vec![None];
    }
    kinds
}

/// The kind of a failure, as fallbacks tell kinds apart.
fn kind(failure: &Failure) -> Option<FallbackOn> {
    let labels = [failure.kind.as_deref(), failure.code.as_deref()];
    let labelled = |words: &[&str]| {
        let mut labels = labels.iter().flatten();
        labels.any(|label| words.iter().any(|word| label.contains(word)))
    };
    let message = failure.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_the_requests = matches!(
        failure.class,
        FailureClass::Request | FailureClass::Capability
    );
    if is_the_requests && (labelled(&TOO_LONG_LABELS) || says(&TOO_LONG_WORDS)) {
        return Some(FallbackOn::ContextLength);
    }
    if is_the_requests && (labelled(&FILTER_LABELS) || says(&FILTER_WORDS)) {
        return Some(FallbackOn::ContentFilter);
    }
    kind_of(failure.class)
}

/// How upstreams label prompts that are too long, and what they say of them.
const TOO_LONG_LABELS: [&str; 2] = ["context_length", "string_above_max_length"];
const TOO_LONG_WORDS: [&str; 5] = [
    "maximum context length",
    "context window",
    "prompt is too long",
    "maximum number of tokens allowed",
    "input is too long",
];

/// The same of prompts that a filter refuses.
const FILTER_LABELS: [&str; 4] = ["content_filter", "content_policy", "moderation", "safety"];
const FILTER_WORDS: [&str; 3] = [
    "content management policy",
    "content filtering policy",
    "was flagged",
];

fn kind_of(class: FailureClass) -> Option<FallbackOn> {
    match class {
        FailureClass::RateLimit | FailureClass::Quota => Some(FallbackOn::RateLimit),
        FailureClass::Timeout => Some(FallbackOn::Timeout),
        FailureClass::Server | FailureClass::Network | FailureClass::Malformed => {
            Some(FallbackOn::ServerError)
        }
        FailureClass::Auth
        | FailureClass::Model
        | FailureClass::NotFound
        | FailureClass::Request
        | FailureClass::Capability
        | FailureClass::Local => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Blame, Next, Stage};

    fn failure(class: FailureClass, code: &str, message: &str) -> Failure {
        Failure {
            class,
            stage: Stage::Answered,
            next: Next::Return,
            blame: Blame::Nobody,
            status: Some(400),
            message: message.to_owned(),
            kind: None,
            code: Some(code.to_owned()),
            param: None,
            retry_after: None,
        }
    }

    #[test]
    fn failures_are_of_the_kind_that_their_words_or_their_class_say() {
        use FailureClass as Class;
        let gemini = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
        for (class, code, message, expected) in [
            (
                Class::Capability,
                "context_length_exceeded",
                "",
                Some(FallbackOn::ContextLength),
            ),
            (
                Class::Capability,
                "",
                "prompt is too long: 9 tokens > 8",
                Some(FallbackOn::ContextLength),
            ),
            (
                Class::Request,
                "INVALID_ARGUMENT",
                gemini,
                Some(FallbackOn::ContextLength),
            ),
            (
                Class::Request,
                "content_filter",
                "",
                Some(FallbackOn::ContentFilter),
            ),
            (
                Class::Capability,
                "",
                "this model does not support tools",
                None,
            ),
            (Class::Request, "", "no such field", None),
            (Class::Quota, "", "", Some(FallbackOn::RateLimit)),
            // What an upstream in trouble quotes says nothing of the request.
            (
                Class::Server,
                "",
                "maximum context length",
                Some(FallbackOn::ServerError),
            ),
            (Class::Auth, "", "", None),
        ] {
            assert_eq!(
                kind(&failure(class, code, message)),
                expected,
                "{code} {message}"
            );
        }
    }

    #[test]
    fn a_way_out_fits_the_requests_own_trouble_or_the_trouble_of_all() {
        use FallbackOn::{Any, ContextLength, RateLimit, ServerError};
        let some = |kinds: &[FallbackOn]| kinds.iter().copied().map(Some).collect::<Vec<_>>();
        for (on, kinds, expected) in [
            (&[RateLimit][..], some(&[RateLimit, RateLimit]), true),
            (&[RateLimit], some(&[RateLimit, ServerError]), false),
            (
                &[RateLimit, ServerError],
                some(&[RateLimit, ServerError]),
                true,
            ),
            (&[ContextLength], some(&[RateLimit, ContextLength]), true),
            (&[Any], vec![None], true),
            (&[RateLimit], vec![None], false),
            (&[Any], Vec::new(), false),
        ] {
            let fallback = Fallback {
                on: on.to_vec(),
                route: "other".to_owned(),
            };
            assert_eq!(fits(&fallback, &kinds), expected, "{on:?} {kinds:?}");
        }
    }
}
