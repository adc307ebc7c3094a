//! What may be done to a provider, a key or a model, and what is asked before.

use super::overview::{fault, whom as named};
use crate::telemetry::act::{Act, Fault, Whom};
use crate::tui::keymap::Command;
use crate::tui::pane::{Effect, Look};

/// How long a fault is injected.
const CHAOS_SECONDS: f64 = 30.0;

/// For how many minutes something may be pinned.
const PIN_MINUTES: [f64; 4] = [5.0, 15.0, 60.0, 480.0];

/// The strategies that can be chosen.
pub const STRATEGIES: [&str; 4] = ["sequential", "adaptive", "bandit", "weighted"];

/// The faults that can be injected.
pub const FAULTS: [Fault; 6] = [
    Fault::RateLimit,
    Fault::ServerError,
    Fault::Latency { ms: 3_000 },
    Fault::Cut { after: 200 },
    Fault::Stall { after: 200 },
    Fault::Garbage,
];

/// What comes of a command about somebody.
pub fn about(command: Command, whom: &Whom, look: &Look<'_>) -> Effect {
    match command {
        Command::Drain => drain(whom, look),
        Command::ResetBreaker => act(Act::ResetBreaker {
            provider: whom.provider.clone(),
            model: whom.model.clone(),
        }),
        Command::Revive => act(Act::Revive {
            provider: whom.provider.clone(),
            key: whom.key,
        }),
        Command::Pin => pin(whom, look),
        Command::Chaos => chaos(&whom.provider, look),
        _ => Effect::Ignored,
    }
}

/// What strategies there are to choose from.
pub fn strategies(look: &Look<'_>) -> Effect {
    let now = &look.model.snapshot.about.strategy;
    let mut acts = vec![(
        "as configured".to_owned(),
        Act::Strategy { name: None },
        None,
    )];
    acts.extend(STRATEGIES.map(|name| {
        let mark = if name == now { "  (now)" } else { "" };
        let name = name.to_owned();
        (
            format!("{name}{mark}"),
            Act::Strategy { name: Some(name) },
            None,
        )
    }));
    Effect::Choose {
        title: "By which strategy are targets chosen?".to_owned(),
        acts,
    }
}

fn act(act: Act) -> Effect {
    Effect::Act {
        act,
        question: None,
    }
}

fn drain(whom: &Whom, look: &Look<'_>) -> Effect {
    let drained = &look.model.snapshot.steering.drained;
    let whom = whom.clone();
    if drained.iter().any(|one| one.whom == whom) {
        return act(Act::Enable { whom });
    }
    let question = format!(
        "Drain {}? It is asked no more until you enable it again.",
        named(&whom)
    );
    Effect::Act {
        act: Act::Drain { whom },
        question: Some(question),
    }
}

fn pin(whom: &Whom, look: &Look<'_>) -> Effect {
    let pinned = look.model.snapshot.steering.pin.as_ref();
    if pinned.is_some_and(|pin| pin.provider == whom.provider && pin.model == whom.model) {
        return act(Act::Unpin);
    }
    let one = |minutes: f64| {
        let pin = Act::Pin {
            provider: whom.provider.clone(),
            model: whom.model.clone(),
            minutes,
        };
        (format!("for {minutes:.0} minutes"), pin, None)
    };
    Effect::Choose {
        title: format!("Ask {} first:", named(whom)),
        acts: PIN_MINUTES.map(one).to_vec(),
    }
}

fn chaos(provider: &str, look: &Look<'_>) -> Effect {
    let injected = &look.model.snapshot.steering.chaos;
    if injected.iter().any(|one| one.provider == provider) {
        return act(Act::Calm {
            provider: Some(provider.to_owned()),
        });
    }
    let one = |what: Fault| {
        let words = format!("{} for {CHAOS_SECONDS:.0} s", fault(&what));
        let question =
            format!("{provider} will fail on purpose: {words}. Real requests feel it. Do it?");
        let chaos = Act::Chaos {
            provider: provider.to_owned(),
            fault: what,
            seconds: CHAOS_SECONDS,
        };
        (words, chaos, Some(question))
    };
    Effect::Choose {
        title: format!("Inject a fault into {provider}:"),
        acts: FAULTS.map(one).to_vec(),
    }
}
