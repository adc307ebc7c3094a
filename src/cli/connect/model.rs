//! What the client is to ask for.

use super::fault::Fault;
use super::gateway::Known;
use crate::cli::door;
use crate::config::nearest;
use crate::telemetry::foreign::is_treacherous;

/// What any gateway has: the model that is best just now.
const ANY: &str = "auto";

/// Names that every gateway understands.
const ALWAYS: [&str; 2] = [ANY, "any"];

/// A gateway tells of this many names at most: of others it is not known whether it has them.
const MOST_OFFERS: usize = 100;

/// Longest name that is written down.
const LONGEST_NAME: usize = 256;

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
    let is_own = |offer: &&String, prefix: &str| offer.starts_with(prefix) && is_name(offer);
    let own = own.and_then(|prefix| offers.iter().find(|offer| is_own(offer, prefix)));
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
    let others = others.filter(|offer| is_name(offer));
    model.into_iter().chain(others).map(str::to_owned).collect()
}

/// Whether `text` is a name and nothing else, wherever a client reads it: some fill in variables and files
/// between braces. What is on offer was named by providers.
fn is_name(text: &str) -> bool {
    let is_odd = |c: char| is_treacherous(c) || "\"'`\\${}<>".contains(c);
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.contains(is_odd)
}

/// Whether the gateway has `wanted`, as far as it is known.
fn check(wanted: &str, offers: &[String]) -> Result<(), Fault> {
    if !is_name(wanted) {
        let message = format!("`{wanted}` cannot be written into the files of a client");
        return Err(
            Fault::usage(message).hint("name a route in the configuration, and ask for that")
        );
    }
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
    fn what_a_client_would_take_for_more_than_a_name_is_not_offered_to_it() {
        let odd = [
            "{file:~/.ssh/id_rsa}",
            "{env:OPENAI_API_KEY}",
            "${{ secrets.KEY }}",
            "a\u{1b}[2Jb",
            "a\u{9b}2J",
            "a\u{202e}b",
            "a\nb",
            "a\"b",
            "a\\b",
            "$(x)",
            "`x`",
            "",
            &"x".repeat(300),
        ];
        for odd in odd {
            let offers = [odd.to_owned(), "gpt-4o".to_owned()];
            assert_eq!(models(None, &offers), ["gpt-4o"], "{odd}");
            assert!(check(odd, &offers).is_err(), "{odd}");
            assert!(check(odd, &[]).is_err(), "{odd}");
        }
        let usual = [
            "a/b:c@d+e-f_g.h".to_owned(),
            "meta/Llama 3 (free)".to_owned(),
        ];
        assert_eq!(models(None, &usual), usual);
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
