//! How targets are shown to people and scripts: names, figures, reasons. Never a key, nor what it could be
//! told by.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::chat::FailureClass;
use crate::health::{CircuitState, Standing, View};
use crate::provider::{Feature, Features, Provider};
use crate::route::Offer;
use crate::route::plan::{Considered, Exclusion, Keyring};
use crate::telemetry::clock::milliseconds;
use crate::telemetry::snapshot::CandidateRow;

/// Characters of a model's name that are kept in books: clients may choose it.
const LONGEST_NAME: usize = 128;

/// A key by its place, from 1, and its name.
pub fn key(ring: &Keyring, place: Option<usize>) -> (Option<usize>, Option<&str>) {
    let key = place.and_then(|place| ring.provider.keys.get(place));
    let alias = key.and_then(|key| key.alias.as_deref());
    (place.map(|place| place + 1), alias)
}

/// What is known of a target.
pub fn health(view: &View, standing: Standing, now: Instant) -> Value {
    json!({
        "standing": self::standing(standing),
        "wait_ms": wait(standing, now).map(milliseconds),
        "success": view.success().map(rounded),
        "successes": view.successes,
        "failures": view.failures,
        "successes_in_row": view.successes_in_row,
        "failures_in_row": view.failures_in_row,
        "latency_ms": view.latency.map(milliseconds),
        "p95_ms": view.p95.map(milliseconds),
        "tokens_per_second": view.tokens_per_second.map(rounded),
        "in_flight": view.in_flight,
        "breaker": view.circuit.name(),
        "breaker_wait_ms": breaker_wait(view.circuit, now).map(milliseconds),
        "since_success_ms": view.since_success.map(milliseconds),
        "since_failure_ms": view.since_failure.map(milliseconds),
    })
}

/// Prices of a million tokens in US dollars.
pub fn price(offer: &Offer) -> Value {
    let known = offer.knowledge();
    json!({ "input": known.input_price, "output": known.output_price })
}

/// Where a provider is, without what could be a secret in an address.
pub fn address(provider: &Provider) -> Option<String> {
    let mut url = provider.base_url.clone()?;
    // Addresses that cannot have these have none.
    _ = url.set_username("");
    _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

/// The names of `features`.
pub fn features(features: Features) -> Vec<&'static str> {
    features.iter().map(Feature::name).collect()
}

/// The word for a standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Ready => "ready",
        Standing::Probe => "probe",
        Standing::Suspect => "suspect",
        Standing::Open { .. } => "open",
        Standing::Resting { .. } => "resting",
        Standing::Unavailable => "unavailable",
    }
}

fn wait(standing: Standing, now: Instant) -> Option<Duration> {
    match standing {
        Standing::Open { until } | Standing::Resting { until, .. } => {
            Some(until.saturating_duration_since(now))
        }
        Standing::Ready | Standing::Probe | Standing::Suspect | Standing::Unavailable => None,
    }
}

fn breaker_wait(circuit: CircuitState, now: Instant) -> Option<Duration> {
    match circuit {
        CircuitState::Open { until } => Some(until.saturating_duration_since(now)),
        CircuitState::Closed | CircuitState::HalfOpen { .. } => None,
    }
}

/// Why a candidate is left out: a code, and a sentence without its full stop.
pub fn exclusion(reason: &Exclusion) -> (&'static str, String) {
    match reason {
        Exclusion::Asked => ("excluded", "the request leaves it out".to_owned()),
        Exclusion::NoSpeaker => (
            "no_speaker",
            "it cannot be spoken to for this, nor by translation".to_owned(),
        ),
        Exclusion::Incapable(missing) => (
            "incapable",
            format!("it lacks {}", features(*missing).join(", ")),
        ),
        Exclusion::ContextLength { tokens, context } => (
            "context_length",
            format!("the prompt has about {tokens} tokens, and it takes {context}"),
        ),
        Exclusion::Resting { wait, class } => (
            "resting",
            format!("its key rests for {}: {}", time(*wait), class_words(*class)),
        ),
        Exclusion::Open { wait } if wait.is_zero() => (
            "open",
            "its breaker is half-open, and a probe is under way".to_owned(),
        ),
        Exclusion::Open { wait } => ("open", format!("its breaker is open for {}", time(*wait))),
        Exclusion::Unavailable => (
            "unavailable",
            "the provider said that it does not have the model".to_owned(),
        ),
        Exclusion::Score => (
            "score",
            "its score is too low: it is asked when everybody else has failed".to_owned(),
        ),
        Exclusion::Alias => ("alias", "the alias names another key".to_owned()),
        Exclusion::Drained => ("drained", "the gateway's owner has drained it".to_owned()),
    }
}

/// What became of the candidates of a plan that somebody watches, for the books.
pub fn considered(considered: &[Considered], keyrings: &[Keyring]) -> Vec<CandidateRow> {
    let row = |one: &Considered| CandidateRow {
        provider: keyrings[one.offer.provider].provider.name.to_string(),
        model: one.offer.name.chars().take(LONGEST_NAME).collect(),
        key: one.key.map(|place| place + 1),
        rank: one.verdict.as_ref().ok().map(|rank| rank + 1),
        score: one.score.filter(|score| score.is_finite()),
        excluded: one.verdict.as_ref().err().map(|why| exclusion(why).1),
    };
    considered.iter().map(row).collect()
}

/// Words for a class of failures.
pub fn class_words(class: FailureClass) -> String {
    class.name().replace('_', " ")
}

/// A time as people say it.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match () {
        () if seconds < 1.0 => format!("{} ms", time.as_millis()),
        () if seconds < 10.0 => format!("{seconds:.1} s"),
        () if seconds < 120.0 => format!("{seconds:.0} s"),
        () => format!("{:.0} min", seconds / 60.0),
    }
}

/// A figure with as many digits as mean something; what is no number is none.
pub fn rounded(figure: f64) -> Value {
    let rounded = (figure * 10_000.0).round() / 10_000.0;
    serde_json::Number::from_f64(rounded).map_or(Value::Null, Value::Number)
}

/// Names that somebody who wrote `name` may have meant.
pub fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const SIMILAR: f64 = 0.75;
    const MOST: usize = 3;
    if name.len() > 128 {
        return Vec::new();
    }
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .filter(|known| known.len() <= 128)
        .map(|known| (strsim::jaro_winkler(&wanted, &known.to_lowercase()), known))
        .filter(|(score, _)| *score >= SIMILAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(MOST)
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::provider::preset;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        let preset = preset::find("openai_compatible").expect("a preset");
        for (url, shown) in [
            (
                "https://u:canary@h.example/v1?key=canary#canary",
                "https://h.example/v1",
            ),
            ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ] {
            let url = Url::parse(url).expect("an address");
            let provider = Provider::new("p", preset, Some(url));
            assert_eq!(address(&provider).as_deref(), Some(shown));
        }
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (ms, said) in [
            (0, "0 ms"),
            (250, "250 ms"),
            (1_500, "1.5 s"),
            (42_000, "42 s"),
            (3_600_000, "60 min"),
        ] {
            assert_eq!(time(Duration::from_millis(ms)), said);
        }
    }

    #[test]
    fn a_figure_that_is_no_number_is_none() {
        assert_eq!(rounded(f64::INFINITY), Value::Null);
        assert_eq!(rounded(f64::NAN), Value::Null);
        assert_eq!(rounded(0.123_456), 0.1235);
    }

    #[test]
    fn near_names_come_nearest_first() {
        let known = || ["groq", "openai", "openrouter"].into_iter();
        assert_eq!(near("OpenAi", known()).first(), Some(&"openai"));
        assert_eq!(near("opnrouter", known())[0], "openrouter");
        assert_eq!(near("zzz", known()), [""; 0]);
    }
}
