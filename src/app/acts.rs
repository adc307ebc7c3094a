//! Acts: what the owner has the gateway do while it runs. Names and times are checked here, and what came of it is
//! told in one sentence; nothing of it outlives the run.

mod named;
mod times;
mod tunnel;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tunnels::Tunnels;
use crate::proxy::gateway::Gateway;
use crate::proxy::shown;
use crate::server::admin::Work;
use crate::telemetry::act::{Act, Fault, Refused, Told, Whom};
use named::Named;

/// Reads the configuration anew.
pub(super) type Reload = Arc<dyn Fn() -> Work<Told> + Send + Sync>;

/// What acts act on.
#[derive(Clone)]
pub(super) struct Deps {
    /// The gateway.
    pub(super) gateway: Arc<Gateway>,
    /// Its tunnels.
    pub(super) tunnels: Tunnels,
    /// Reads the configuration anew.
    pub(super) reload: Reload,
}

/// Does `act`.
///
/// # Errors
/// It names somebody who is not there, its time is none, or it cannot be done as things are.
pub(super) async fn perform(deps: Deps, act: Act) -> Result<Told, Refused> {
    match act {
        Act::Reload => (deps.reload)().await,
        Act::Tunnel { kind, what } => tunnel::perform(&deps.tunnels, &kind, what).await,
        act => steer(&deps.gateway, act, Instant::now()),
    }
}

/// Does what needs no waiting.
fn steer(gateway: &Gateway, act: Act, now: Instant) -> Result<Told, Refused> {
    let names = Named { gateway };
    match act {
        Act::Drain { whom } => drain(&names, &whom),
        Act::Enable { whom } => enable(&names, &whom),
        Act::ResetBreaker { provider, model } => reset(&names, &provider, model.as_deref()),
        Act::Revive { provider, key } => revive(&names, &provider, key),
        Act::Pin {
            provider,
            model,
            minutes,
        } => {
            let time = times::minutes(minutes)?;
            pin(&names, &provider, model.as_deref(), time, now)
        }
        Act::Unpin => Ok(Told::new(if gateway.steering().unpin(now) {
            "nobody is pinned any more"
        } else {
            "nobody was pinned"
        })),
        Act::Strategy { name } => strategy(&names, name.as_deref()),
        Act::Chaos {
            provider,
            fault,
            seconds,
        } => {
            let time = times::seconds(seconds)?;
            chaos(&names, &provider, times::bounded(fault)?, time, now)
        }
        Act::Calm { provider } => calm(&names, provider.as_deref(), now),
        // Those that need waiting were done before.
        Act::Reload | Act::Tunnel { .. } => Err(Refused::new("this act has a way of its own")),
    }
}

fn drain(names: &Named<'_>, whom: &Whom) -> Result<Told, Refused> {
    let key = names.whom(whom)?;
    let name = said(whom);
    if !names.gateway.steering().drain(whom, key) {
        return Ok(Told::new(format!("{name} is drained already")));
    }
    let mut told = Told::new(format!("{name} is asked no more"));
    let in_flight = names.in_flight(&whom.provider);
    if in_flight > 0 {
        let line = format!(
            "what is under way at {} ({in_flight}) ends in its own time",
            whom.provider
        );
        told.details.push(line);
    }
    if names.are_all_drained() {
        told.details
            .push("every provider is drained now: requests are answered with 503".to_owned());
    }
    Ok(told)
}

fn enable(names: &Named<'_>, whom: &Whom) -> Result<Told, Refused> {
    // What is not configured any more may still be drained.
    let was_drained = names.gateway.steering().enable(whom);
    if !was_drained {
        names.whom(whom)?;
    }
    let name = said(whom);
    let mut told = Told::new(if was_drained {
        format!("{name} is asked again")
    } else {
        format!("{name} was not drained")
    });
    let steering = names.gateway.steering().view(Instant::now());
    let others = steering.drained.iter().map(|drained| &drained.whom);
    let others = others.filter(|other| other.provider == whom.provider && *other != whom);
    told.details
        .extend(others.map(|other| format!("{} is still drained", said(other))));
    Ok(told)
}

fn reset(names: &Named<'_>, provider: &str, model: Option<&str>) -> Result<Told, Refused> {
    names.provider(provider)?;
    names.model(provider, model)?;
    let count = names.gateway.health().reset_breaker(provider, model);
    tracing::info!(target: "autogw::steering", provider, model, count, "breakers reset by hand");
    let place = place(provider, model);
    Ok(Told::new(match count {
        0 => format!("nothing was held against {place}"),
        1 => format!("{place} is as good as new"),
        count => format!("{place} is as good as new: {count} breakers and rests were reset"),
    }))
}

fn revive(names: &Named<'_>, provider: &str, key: Option<usize>) -> Result<Told, Refused> {
    let ring = names.provider(provider)?;
    let only = key.map(|key| names.key(provider, key)).transpose()?;
    let mut ids: Vec<u64> = ring.key_ids.clone();
    if ids.is_empty() {
        // A provider without keys has one place in the books all the same.
        ids.push(0);
    }
    ids.retain(|id| only.is_none_or(|only| only == *id));
    let health = names.gateway.health();
    let name = &ring.provider.name;
    let now = Instant::now();
    let rested = |id: &u64| health.key_standing(name, *id, now).rest.is_some();
    let count = ids.iter().filter(|id| rested(id)).count();
    for id in ids {
        health.revive(name, id);
    }
    tracing::info!(target: "autogw::steering", provider, key, count, "keys revived by hand");
    Ok(Told::new(match (key, count) {
        (Some(key), 0) => format!("key {key} of {provider} did not rest"),
        (Some(key), _) => format!("key {key} of {provider} is asked again"),
        (None, 0) => format!("no key of {provider} rested"),
        (None, 1) => format!("a key of {provider} is asked again"),
        (None, count) => format!("{count} keys of {provider} are asked again"),
    }))
}

fn pin(
    names: &Named<'_>,
    provider: &str,
    model: Option<&str>,
    time: Duration,
    now: Instant,
) -> Result<Told, Refused> {
    names.provider(provider)?;
    names.model(provider, model)?;
    names.gateway.steering().pin(provider, model, time, now);
    let (place, time) = (place(provider, model), shown::time(time));
    let mut told = Told::new(format!("{place} is asked first for {time}"));
    let whom = Whom {
        provider: provider.to_owned(),
        key: None,
        model: model.map(str::to_owned),
    };
    if names.is_drained(&whom) {
        told.details.push(format!(
            "{place} is drained, so the pin waits until it is enabled"
        ));
    }
    Ok(told)
}

fn strategy(names: &Named<'_>, name: Option<&str>) -> Result<Told, Refused> {
    let chosen = name.map(named::strategy).transpose()?;
    names.gateway.steering().choose_by(chosen);
    let configured = names.gateway.config().router.strategy.name();
    Ok(match chosen {
        Some(chosen) => {
            let mut told = Told::new(format!("targets are chosen by {} now", chosen.name()));
            told.details
                .push("routes with a strategy of their own keep it".to_owned());
            told
        }
        None => Told::new(format!(
            "targets are chosen by {configured} again, as configured"
        )),
    })
}

fn chaos(
    names: &Named<'_>,
    provider: &str,
    fault: Fault,
    time: Duration,
    now: Instant,
) -> Result<Told, Refused> {
    names.provider(provider)?;
    names.gateway.steering().inject(provider, fault, time, now);
    let (words, time) = (words(fault), shown::time(time));
    Ok(Told::new(format!("{provider} {words} for {time}")))
}

fn calm(names: &Named<'_>, provider: Option<&str>, now: Instant) -> Result<Told, Refused> {
    let ended = names.gateway.steering().calm(provider, now);
    if ended == 0
        && let Some(provider) = provider
    {
        names.provider(provider)?;
    }
    Ok(Told::new(match (provider, ended) {
        (Some(provider), 0) => format!("no fault was injected into {provider}"),
        (Some(provider), _) => format!("{provider} is itself again"),
        (None, 0) => "no fault was injected".to_owned(),
        (None, ended) => format!("injected faults are over: {ended}"),
    }))
}

/// What a fault looks like.
fn words(fault: Fault) -> String {
    match fault {
        Fault::Latency { ms } => {
            format!("answers {} later", shown::time(Duration::from_millis(ms)))
        }
        Fault::RateLimit => "answers 429".to_owned(),
        Fault::ServerError => "answers 500".to_owned(),
        Fault::Cut { after } => format!("breaks off after {after} bytes"),
        Fault::Stall { after } => format!("falls silent after {after} bytes"),
        Fault::Garbage => "answers garbage".to_owned(),
    }
}

fn place(provider: &str, model: Option<&str>) -> String {
    model.map_or_else(
        || provider.to_owned(),
        |model| format!("{provider}/{model}"),
    )
}

/// Whom an act names, for people.
fn said(whom: &Whom) -> String {
    let place = place(&whom.provider, whom.model.as_deref());
    whom.key
        .map_or(place.clone(), |key| format!("key {key} of {place}"))
}
