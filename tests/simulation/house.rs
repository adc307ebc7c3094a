//! The house: what a gateway knows of the upstreams. One provider each, all with the same model and one key.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use autogw::config::{Profile, Strategy};
use autogw::health::{Health, Settings};
use autogw::provider::{ApiKey, Features, Model, Models, Provider, Secret, preset};
use autogw::route::choice::Policy;
use autogw::route::index::Index;
use autogw::route::plan::{self, Ask, Keyring, Plan};
use autogw::route::{Fluency, Target};

use crate::world::Nature;

/// See the module's head.
pub(crate) struct House {
    pub(crate) health: Arc<Health>,
    index: Index,
    keyrings: Vec<Keyring>,
    began: Instant,
}

impl House {
    pub(crate) fn new(natures: &[Nature], settings: Settings) -> Self {
        let weights = vec![1.0; natures.len()];
        Self::weighted(natures, &weights, settings)
    }

    pub(crate) fn weighted(natures: &[Nature], weights: &[f64], settings: Settings) -> Self {
        let natures = natures.iter().zip(weights).enumerate();
        let providers: Vec<Arc<Provider>> = natures
            .map(|(place, (nature, weight))| Arc::new(provider(place, nature, *weight)))
            .collect();
        let index = Index::build(&providers, &vec![None; providers.len()], &[]);
        let ring = |(place, provider): (usize, Arc<Provider>)| Keyring {
            provider,
            name_header: None,
            key_ids: vec![u64::try_from(place).unwrap_or(0) + 1],
            turn: AtomicUsize::new(0),
        };
        Self {
            health: Arc::new(Health::new(settings)),
            index,
            keyrings: providers.into_iter().enumerate().map(ring).collect(),
            began: Instant::now(),
        }
    }

    /// The moment so many seconds after the beginning.
    pub(crate) fn at(&self, second: f64) -> Instant {
        self.began + Duration::from_secs_f64(second)
    }

    /// What is tried for a request now.
    pub(crate) fn plan(&self, strategy: Strategy, dice: u64, second: f64) -> Plan {
        self.ask(strategy, dice, second, false)
    }

    /// What would be, and why.
    pub(crate) fn rehearse(&self, strategy: Strategy, dice: u64, second: f64) -> Plan {
        self.ask(strategy, dice, second, true)
    }

    fn ask(&self, strategy: Strategy, dice: u64, second: f64, rehearses: bool) -> Plan {
        let ask = Ask {
            service: "chat",
            model: "m",
            provider: None,
            alias: None,
            strict_alias: false,
            may_strip: false,
            scope: None,
            fluency: &|_| Some(Fluency::Native),
            policy: Policy {
                strategy,
                insisted: None,
                profile: Profile::Balanced,
                small_models: None,
                dice,
            },
            session: None,
            rehearses,
            excluded: &[],
            region: None,
            body_len: 0,
            prompt_tokens: None,
            steer: None,
            noted: 0,
        };
        let needs = || Features::NONE;
        let now = self.at(second);
        plan::make(&ask, &self.index, &self.keyrings, &self.health, needs, now).expect("targets")
    }

    /// All targets in config order, while nobody was tried yet.
    pub(crate) fn targets(&self) -> Vec<Target> {
        self.plan(Strategy::Sequential, 0, 0.0).targets
    }
}

fn provider(place: usize, nature: &Nature, weight: f64) -> Provider {
    let kind = preset::find("openai_compatible").expect("a preset");
    let mut provider = Provider::new(&format!("p{place}"), kind, None);
    let (input, output) = nature.price;
    provider.models = Models::Listed(vec![Model {
        input_price: Some(input),
        output_price: Some(output),
        ..Model::named("m")
    }]);
    provider.weight = weight;
    provider.keys = vec![ApiKey {
        alias: None,
        secret: Secret::new("k"),
    }];
    provider
}
