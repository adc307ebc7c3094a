//! What the client is to ask for.

use super::fault::Fault;
use super::gateway::Known;
use crate::cli::door;
use crate::config::nearest;

/// What any gateway has: the model that is best just now.
const ANY: &str = "auto";

/// Names that every gateway understands.
const ALWAYS: [&str; 2] = [ANY, "any"];

/// A gateway tells of this many names at most: of others it is not known whether it has them.
const MOST_OFFERS: usize = 100;

/// Names that are told to somebody who has asked for another.
const SHOWN: usize = 6;

/// What was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// What the client is told to ask for; `None` leaves it its own.
    pub(super) model: Option<String>,
    /// What it may be offered, the best first.
    pub(super) models: Vec<String>,
    /// A model that may be asked for, where it is told none.
    pub(super) example: String,
}

/// Chooses for the client of `known`.
pub(super) fn choose(known: &Known<'_>) -> Result<Chosen, Fault> {
    let snapshot = known.snapshot.as_ref().filter(|_| known.args.url.is_none());
    let offers = snapshot.map_or(&[][..], |snapshot| &snapshot.about.offers);
    let wanted = known.args.model.as_deref();
    if let Some(wanted) = wanted {
        check(wanted, offers)?;
    }
    let own = known.recipe.own_models.as_deref();
    let own = own.and_then(|prefix| offers.iter().find(|offer| offer.starts_with(prefix)));
    let model = match (wanted, own) {
        (Some(wanted), _) => Some(wanted.to_owned()),
        (None, Some(_)) => None,
        (None, None) => Some(usual(known)),
    };
    let example = model.clone().or_else(|| own.cloned());
    Ok(Chosen {
        models: models(model.as_deref(), offers),
        example: example.unwrap_or_else(|| ANY.to_owned()),
        model,
    })
}

/// What is asked for where nobody has said.
fn usual(known: &Known<'_>) -> String {
    if !known.recipe.needs_public {
        return known
            .recipe
            .usual_model
            .as_deref()
            .unwrap_or(ANY)
            .to_owned();
    }
    let about = known.snapshot.as_ref().map(|snapshot| &snapshot.about);
    let example = about.map_or(ANY, |about| &about.example_model);
    match &known.config {
        Some(config) => door::cursor_model(config, example),
        None => door::unknown_to_cursor(match example {
            "" | ANY => "any",
            example => example,
        }),
    }
}

/// The one that is asked for, and every other chat model.
fn models(model: Option<&str>, offers: &[String]) -> Vec<String> {
    let others = offers.iter().map(String::as_str);
    let others = others.filter(|offer| Some(*offer) != model && !offer.contains("embed"));
    model.into_iter().chain(others).map(str::to_owned).collect()
}

/// Whether the gateway has `wanted`, as far as it is known.
fn check(wanted: &str, offers: &[String]) -> Result<(), Fault> {
    let name = wanted.split_once('/').map_or(wanted, |(_, name)| name);
    let is_offered = |offer: &String| offer == wanted || offer == name;
    let is_good = offers.is_empty()
        || offers.len() >= MOST_OFFERS
        || ALWAYS.contains(&wanted)
        || offers.iter().any(is_offered);
    if is_good {
        return Ok(());
    }
    let hint = match nearest(wanted, offers.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", listed(offers)),
    };
    Err(Fault::usage(format!("the gateway has no model `{wanted}`")).hint(hint))
}

fn listed(offers: &[String]) -> String {
    let mut shown = offers.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    if offers.len() > SHOWN {
        shown.push("…".to_owned());
    }
    format!(
        "{}; see `autogw status --json | jq .about.offers`",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("model-{number}")).collect()
    }

    #[test]
    fn a_model_that_is_not_there_is_refused_with_the_nearest() {
        for good in ["model-1", "demo/model-1", "auto", "any"] {
            assert!(check(good, &offers(3)).is_ok(), "{good}");
        }
        let Err(Fault::Said { hint, .. }) = check("modle-1", &offers(3)) else {
            panic!("a refusal");
        };
        assert_eq!(hint.as_deref(), Some("did you mean `model-1`?"));
        let Err(Fault::Said { hint, .. }) = check("x", &offers(9)) else {
            panic!("a refusal");
        };
        assert!(hint.is_some_and(|hint| hint.contains("model-5, …")));
    }

    #[test]
    fn of_what_is_not_known_nothing_is_refused() {
        assert!(check("x", &[]).is_ok());
        assert!(check("x", &offers(MOST_OFFERS)).is_ok());
    }

    #[test]
    fn the_one_that_is_asked_for_is_offered_first_and_once() {
        let offers = ["a", "text-embed", "b"].map(str::to_owned);
        assert_eq!(models(Some("b"), &offers), ["b", "a"]);
        assert_eq!(models(Some("auto"), &offers), ["auto", "a", "b"]);
        assert_eq!(models(None, &offers), ["a", "b"]);
    }
}
