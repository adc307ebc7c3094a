//! Planning: from a prepared call to the order in which targets are tried. A rehearsal takes the same way as
//! a request, so what it foretells is what the next request does.

use std::time::Instant;

use super::call::Call;
use super::gateway::Gateway;
use super::prepared::Prepared;
use super::problem::Problem;
use super::tongue;
use crate::config::{OnUnknownModel, Strategy};
use crate::health::TargetId;
use crate::route::choice::Policy;
use crate::route::plan::{self, NoTarget, Plan};
use crate::route::wanted::Wanted;

/// Of a longer body the tokens are not counted: no text that fits any model is longer, and what is in it
/// is pictures.
const MOST_COUNTED: usize = 4 * 1024 * 1024;

/// What bears on a plan beside the call itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Whether it is only asked what would happen: then nothing changes by it, and everything is explained.
    pub rehearses: bool,
    /// Providers that are left out.
    pub excluded: &'a [String],
    /// Where it should run, if there is a choice.
    pub region: Option<&'a str>,
    /// The order of the candidates, whatever the gateway or a route says.
    pub strategy: Option<Strategy>,
    /// Whose turn it was last in the same session.
    pub session: Option<&'a TargetId>,
    /// As of when; as of now, if nobody says.
    pub now: Option<Instant>,
}

/// Plans a call.
///
/// # Errors
/// There is nobody to ask, or no model is named.
pub fn plan(
    gateway: &Gateway,
    call: &Call,
    prepared: &Prepared,
    terms: Terms<'_>,
) -> Result<Plan, Problem> {
    let router = &gateway.config().router;
    let exists = |name: &&String| call.scope.as_ref().is_none_or(|scope| scope.allows(name));
    let default_model = router.default_model.as_ref().filter(exists);
    let asked = prepared.head.model.as_deref().ok_or_else(no_model)?;
    let index = gateway.index();
    let model = match (default_model, Wanted::parse(asked, |name| index.has(name))) {
        (Some(default), Wanted::Anything) => default,
        _ => asked,
    };
    drop(index);
    let dice = if terms.rehearses {
        gateway.peek_lot(0)
    } else {
        gateway.next_lot()
    };
    let plan_for = |model: &str| for_model(gateway, call, prepared, model, terms, dice);
    let plan = match (plan_for(model), default_model) {
        (Err(NoTarget::UnknownModel { .. }), Some(default))
            if router.on_unknown_model == OnUnknownModel::Default =>
        {
            plan_for(default)
        }
        (plan, _) => plan,
    };
    plan.map_err(|reason| no_target(reason, call, prepared, model))
}

/// What a client is told who asked for `model`, of which there is no target.
pub(super) fn no_target(
    reason: NoTarget,
    call: &Call,
    prepared: &Prepared,
    model: &str,
) -> Problem {
    match reason {
        NoTarget::NoSpeaker => Problem::no_speaker(call.endpoint, model),
        reason => Problem::no_target(
            reason,
            model,
            prepared.head.provider.as_deref(),
            prepared.head.alias.as_deref(),
        ),
    }
}

/// Plans a call as if it had asked for `model`: a name, a list or a route.
///
/// # Errors
/// There is nobody to ask.
pub fn for_model(
    gateway: &Gateway,
    call: &Call,
    prepared: &Prepared,
    model: &str,
    terms: Terms<'_>,
    dice: u64,
) -> Result<Plan, NoTarget> {
    let router = &gateway.config().router;
    let fluency =
        |place: usize| tongue::fluency(call.endpoint, &gateway.keyrings()[place].provider);
    let policy = Policy {
        strategy: router.strategy,
        insisted: terms.strategy,
        profile: router.weighted.profile,
        small_models: router.small_models.as_ref(),
        dice,
    };
    let hand = gateway.steering().of_plans();
    let prompt_tokens = || prompt_tokens(gateway, call, prepared);
    let can_count = tongue::holds_a_conversation(call.endpoint);
    let ask = plan::Ask {
        prompt_tokens: can_count.then_some(&prompt_tokens),
        session: terms.session,
        rehearses: terms.rehearses,
        excluded: terms.excluded,
        region: terms.region,
        steer: hand.as_ref().map(|hand| &hand.steer),
        noted: if gateway.steering().is_watched() {
            plan::MOST_WATCHED
        } else {
            0
        },
        ..prepared.ask(call, model, router.strip_unsupported, &fluency, policy)
    };
    plan::make(
        &ask,
        &gateway.index(),
        gateway.keyrings(),
        gateway.health(),
        || prepared.needs(),
        terms.now.unwrap_or_else(Instant::now),
    )
}

/// The fewest tokens that the prompt can have; 0 where that is not worth finding out.
///
/// The estimate is right within a fifth for nearly every text, and nobody is to be passed over for the rest.
fn prompt_tokens(gateway: &Gateway, call: &Call, prepared: &Prepared) -> u64 {
    if call.body.len() > MOST_COUNTED {
        return 0;
    }
    let neutral = prepared.neutral(gateway, call);
    neutral.map_or(0, |neutral| neutral.input_tokens() / 4 * 3)
}

fn no_model() -> Problem {
    Problem::bad_field(
        "model",
        "`model` is required: a name from GET /v1/models, or `auto`",
    )
}
