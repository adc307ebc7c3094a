//! Plans: who is left, who comes first, and what a rehearsal tells.

mod steered;

use std::cell::Cell;

use super::*;
use crate::chat::{Blame, Failure, Next, Stage};
use crate::config::{Route, Step};
use crate::health::Settings;
use crate::provider::{ApiKey, Model, Models, Secret, preset};

/// Providers `a`, `b` (in `eu`) and `c`, each with the keys `one` and `two` and the models `m`, `tiny`.
struct House {
    index: Index,
    keyrings: Vec<Keyring>,
    health: Arc<Health>,
    now: Instant,
}

fn provider(name: &str) -> Provider {
    let kind = preset::find("openai_compatible").expect("a preset");
    let mut provider = Provider::new(name, kind, None);
    let key = |alias: &str| ApiKey {
        alias: Some(alias.to_owned()),
        secret: Secret::new("k"),
    };
    provider.keys = vec![key("one"), key("two")];
    provider.region = (name == "b").then(|| "eu".to_owned());
    provider.weight = if name == "c" { 4.0 } else { 1.0 };
    let context = if name == "a" { 1_000 } else { 8_000 };
    let model = |name: &str| Model {
        context: Some(context),
        input_price: Some(1.0),
        output_price: Some(5.0),
        ..Model::named(name)
    };
    let tiny = Model {
        weight: Some(0.5),
        features: Some(Features::NONE),
        ..model("tiny")
    };
    provider.models = Models::Listed(vec![model("m"), tiny]);
    provider
}

fn house(routes: &[Route]) -> House {
    let providers: Vec<Arc<Provider>> = ["a", "b", "c"].map(|name| provider(name).into()).into();
    let index = Index::build(&providers, &[], routes);
    let ring = |(place, provider): (usize, Arc<Provider>)| Keyring {
        provider,
        name_header: None,
        key_ids: [1, 2]
            .map(|key| u64::try_from(place).unwrap_or(0) * 10 + key)
            .into(),
        turn: AtomicUsize::new(0),
    };
    House {
        index,
        keyrings: providers.into_iter().enumerate().map(ring).collect(),
        health: Arc::new(Health::new(Settings::default())),
        now: Instant::now(),
    }
}

fn ask(model: &str) -> Ask<'_> {
    Ask {
        service: "chat",
        model,
        provider: None,
        alias: None,
        strict_alias: true,
        may_strip: false,
        scope: None,
        fluency: &|_| Some(Fluency::Native),
        policy: Policy::sequential(),
        session: None,
        rehearses: false,
        excluded: &[],
        region: None,
        body_len: 0,
        prompt_tokens: None,
        steer: None,
        noted: 0,
    }
}

impl House {
    fn plan(&self, ask: &Ask<'_>) -> Result<Plan, NoTarget> {
        let needs = || Features::NONE.with(crate::provider::Feature::Vision);
        make(
            ask,
            &self.index,
            &self.keyrings,
            &self.health,
            needs,
            self.now,
        )
    }

    fn firsts(&self, ask: &Ask<'_>) -> Vec<String> {
        names(&self.plan(ask).expect("targets"))
    }

    fn fail(&self, target: &Target, class: FailureClass, blame: Blame) {
        let failure = Failure {
            class,
            stage: Stage::Answered,
            next: Next::Key,
            blame,
            status: None,
            message: String::new(),
            kind: None,
            code: None,
            param: None,
            retry_after: None,
        };
        let permit = self.health.insist(&target.id, self.now).expect("room");
        permit.failed(&failure, self.now, 0);
    }
}

/// `provider.key`, in order.
fn names(plan: &Plan) -> Vec<String> {
    let name = |target: &Target| format!("{}{}", target.id.provider, target.id.key % 10);
    plan.targets.iter().map(name).collect()
}

fn route(strategy: Option<Strategy>, steps: &[(&str, Option<&str>)]) -> Route {
    let step = |(provider, alias): &(&str, Option<&str>)| Step {
        provider: (*provider).to_owned(),
        model: "m".to_owned(),
        alias: alias.map(str::to_owned),
        weight: Some(2.0),
        timeout: None,
        conflict_resolution: None,
    };
    Route {
        name: "house".to_owned(),
        strategy,
        timeout: None,
        fidelity: None,
        steps: steps.iter().map(step).collect(),
        hedge: None,
        fallbacks: Vec::new(),
    }
}

#[test]
fn excluded_providers_are_left_out() {
    let house = house(&[]);
    let excluded = ["a".to_owned(), "c".to_owned()];
    let without = Ask {
        excluded: &excluded,
        ..ask("m")
    };
    assert_eq!(house.firsts(&without), ["b1", "b2"]);
    let excluded = ["a", "b", "c"].map(str::to_owned);
    let nobody = Ask {
        excluded: &excluded,
        ..ask("m")
    };
    assert_eq!(house.plan(&nobody).err(), Some(NoTarget::Unavailable));
}

#[test]
fn a_preferred_region_comes_first_and_the_suspect_still_last() {
    let house = house(&[]);
    let near = Ask {
        region: Some("eu"),
        ..ask("m")
    };
    assert_eq!(house.firsts(&near)[..3], ["b1", "b2", "a1"]);
    let plan = house.plan(&near).expect("targets");
    house.fail(&plan.targets[0], FailureClass::Server, Blame::Place);
    assert!(
        names(&house.plan(&near).expect("targets"))[4..]
            .iter()
            .all(|name| name.starts_with('b'))
    );
}

#[test]
fn a_prompt_that_is_too_long_leaves_out_small_contexts() {
    let house = house(&[]);
    let asked = Cell::new(0);
    let with = |body_len: usize, tokens: u64| {
        asked.set(0);
        let count = || {
            asked.set(asked.get() + 1);
            tokens
        };
        let ask = Ask {
            body_len,
            prompt_tokens: Some(&count),
            ..ask("m")
        };
        (house.firsts(&ask).len(), asked.get())
    };
    assert_eq!(with(2_000, 9_999), (6, 0));
    assert_eq!(with(9_000, 1_000), (6, 1));
    assert_eq!(with(9_000, 1_001), (4, 1));
    assert_eq!(with(90_000, 9_000), (6, 1));
}

#[test]
fn a_session_goes_on_where_it_was_under_any_strategy() {
    let house = house(&[]);
    let own = house.plan(&ask("m")).expect("targets").targets[4]
        .id
        .clone();
    for strategy in [Strategy::Sequential, Strategy::Adaptive, Strategy::Weighted] {
        let mut session = Ask {
            session: Some(&own),
            ..ask("m")
        };
        session.policy.strategy = strategy;
        let plan = house.plan(&session).expect("targets");
        assert!(
            plan.kept_session && plan.targets[0].id == own,
            "{strategy:?}"
        );
    }
    assert!(!house.plan(&ask("m")).expect("targets").kept_session);
}

#[test]
fn a_route_has_a_strategy_keys_and_weights_of_its_own() {
    let steps = [("c", Some("two")), ("a", None), ("c", None)];
    for strategy in [
        None,
        Some(Strategy::Adaptive),
        Some(Strategy::Bandit),
        Some(Strategy::Weighted),
    ] {
        let house = house(&[route(strategy, &steps)]);
        let plan = house.plan(&ask("house")).expect("targets");
        assert_eq!(plan.strategy, strategy.unwrap_or_default());
        let mut seen = names(&plan);
        if strategy.is_none() {
            assert_eq!(seen, ["c2", "a1", "a2", "c1"]);
        }
        seen.sort();
        assert_eq!(seen, ["a1", "a2", "c1", "c2"], "{strategy:?}");
        assert!(
            plan.targets
                .iter()
                .all(|target| (target.offer.weight - 2.0).abs() < 1e-9)
        );
    }
}

#[test]
fn weights_and_prices_of_the_configuration_reach_the_offers() {
    let house = house(&[]);
    let weights = |model: &str| {
        let offers = house.index.find(model, None);
        offers.iter().map(|offer| offer.weight).collect::<Vec<_>>()
    };
    assert!(weights("m").iter().eq(&[1.0, 1.0, 4.0]));
    assert!(weights("tiny").iter().eq(&[0.5, 0.5, 0.5]));
    let price = house.index.find("m", None)[0].price().expect("a price");
    assert!((price - 2.0).abs() < 1e-9);
}

#[test]
fn a_rehearsal_tells_of_everybody_and_moves_no_key_on() {
    let house = house(&[]);
    let real = house.plan(&ask("m")).expect("targets");
    house.fail(&real.targets[2], FailureClass::RateLimit, Blame::Key);
    let excluded = ["c".to_owned()];
    let rehearsal = Ask {
        rehearses: true,
        alias: Some("two"),
        excluded: &excluded,
        ..ask("m")
    };
    let plan = house.plan(&rehearsal).expect("a plan");
    assert_eq!(
        names(&plan),
        names(&house.plan(&rehearsal).expect("a plan"))
    );
    let told: Vec<_> = plan
        .considered
        .iter()
        .map(|one| {
            (
                one.offer.provider,
                one.key,
                one.verdict.clone().map_err(|why| kind(&why)),
            )
        })
        .collect();
    let expected = [
        (0, Some(1), Ok(0)),
        (1, Some(1), Ok(1)),
        (2, None, Err("asked")),
        (0, Some(0), Err("alias")),
        (1, Some(0), Err("alias")),
    ];
    assert_eq!(told, expected);
    assert!(plan.considered[0].view.is_some());
    let all = Ask {
        rehearses: true,
        ..ask("m")
    };
    let plan = house.plan(&all).expect("a plan");
    let rests = plan
        .considered
        .iter()
        .filter(|one| one.verdict.clone().map_err(|why| kind(&why)) == Err("resting"));
    assert_eq!((rests.count(), plan.considered.len()), (1, 6));
}

fn kind(why: &Exclusion) -> &'static str {
    match why {
        Exclusion::Asked => "asked",
        Exclusion::Alias => "alias",
        Exclusion::Resting { .. } => "resting",
        Exclusion::Drained => "drained",
        _ => "another",
    }
}

#[test]
fn a_rehearsal_that_leads_nowhere_says_why_of_each() {
    let house = house(&[]);
    let nobody = Ask {
        rehearses: true,
        ..ask("tiny")
    };
    let plan = house.plan(&nobody).expect("a rehearsal");
    assert!(plan.targets.is_empty() && plan.considered.len() == 3);
    assert!(matches!(
        plan.no_target.as_deref(),
        Some(NoTarget::Incapable { .. })
    ));
    let real = house.plan(&ask("tiny"));
    assert!(matches!(real, Err(NoTarget::Incapable { .. })));
}
