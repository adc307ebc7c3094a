//! The index of what is offered by whom: built once per generation, looked up per request.

use std::collections::HashMap;
use std::sync::Arc;

use super::wanted::normalised;
use super::{Known, Offer, RouteRules, StepRules};
use crate::config::{Route, Step};
use crate::provider::{Models, Provider};

/// Names suggested with a 404.
const SUGGESTIONS: usize = 3;

/// Least similarity (Jaro–Winkler) of a name worth suggesting.
const SIMILAR: f64 = 0.75;

/// Longest name that is compared with others: similarity costs the product of the lengths.
const MAX_COMPARED: usize = 128;

/// Every offer, by name.
#[derive(Debug, Default)]
pub struct Index {
    /// All offers in config order, without duplicates.
    offers: Vec<Arc<Offer>>,
    /// By exact name: exact ones first, then those equal only after normalising.
    exact: HashMap<Arc<str>, Vec<Arc<Offer>>>,
    /// By normalised name.
    normalised: HashMap<String, Vec<Arc<Offer>>>,
    /// The steps of each route, by its name.
    routes: HashMap<Arc<str>, Vec<Arc<Offer>>>,
    /// What each route says of them all.
    rules: HashMap<Arc<str>, Arc<RouteRules>>,
    /// Names of routes in config order.
    route_names: Vec<Arc<str>>,
    /// Providers by name.
    providers: HashMap<Arc<str>, usize>,
    /// Providers that serve everything and have not said yet what that is.
    open: Vec<usize>,
    /// The weight of each provider.
    weights: Vec<f64>,
}

impl Index {
    /// Builds the index; `listings[i]` is what provider `i` was seen to list, if it serves everything.
    pub fn build(
        providers: &[Arc<Provider>],
        listings: &[Option<Vec<String>>],
        routes: &[Route],
    ) -> Self {
        let mut index = Index::default();
        for (place, provider) in providers.iter().enumerate() {
            index.providers.insert(provider.name.clone(), place);
            index.weights.push(provider.weight);
            match (
                &provider.models,
                listings.get(place).and_then(Option::as_ref),
            ) {
                (Models::Listed(models), _) => {
                    for model in models {
                        let upstream = model.upstream.as_deref().unwrap_or(&model.name);
                        index.add(Offer {
                            known: Known::given(model),
                            weight: model.weight.unwrap_or(provider.weight),
                            ..Offer::new(place, &model.name, upstream, model.features)
                        });
                    }
                }
                (Models::Everything, Some(names)) => {
                    for name in names {
                        index.add(index.unlisted(place, name));
                    }
                }
                (Models::Everything, None) => index.open.push(place),
            }
        }
        index.join_normalised();
        for route in routes {
            index.add_route(route);
        }
        index
    }

    /// A step whose provider this version cannot use is left out, and a route without steps with it.
    fn add_route(&mut self, route: &Route) {
        let steps = route.steps.iter().filter_map(|step| self.step(route, step));
        let steps: Vec<_> = steps.map(Arc::new).collect();
        if !steps.is_empty() {
            let name: Arc<str> = route.name.as_str().into();
            let rules = RouteRules {
                name: name.clone(),
                strategy: route.strategy,
                hedge: route.hedge,
                fallbacks: route.fallbacks.clone(),
            };
            self.rules.insert(name.clone(), Arc::new(rules));
            self.route_names.push(name.clone());
            self.routes.insert(name, steps);
        }
    }

    fn step(&self, route: &Route, step: &Step) -> Option<Offer> {
        let place = self.provider(&step.provider)?;
        let listed = self.exact.get(step.model.as_str()).into_iter().flatten();
        let offer = listed.into_iter().find(|offer| offer.provider == place);
        let offer = offer.map_or_else(
            || self.unlisted(place, &step.model),
            |offer| Offer::clone(offer),
        );
        let rules = StepRules {
            alias: step.alias.clone(),
            timeout: step.timeout,
            total: route.timeout,
            fidelity: route.fidelity,
            keep: step.conflict_resolution,
        };
        Some(Offer {
            weight: step.weight.unwrap_or(offer.weight),
            rules: Some(rules),
            ..offer
        })
    }

    /// A model of which the configuration says nothing.
    fn unlisted(&self, place: usize, model: &str) -> Offer {
        Offer {
            weight: self.weights[place],
            ..Offer::new(place, model, model, None)
        }
    }

    /// A model of which nobody says anything but the client.
    fn unheard_of(&self, place: usize, model: &str) -> Offer {
        Offer {
            is_listed: false,
            ..self.unlisted(place, model)
        }
    }

    fn add(&mut self, offer: Offer) {
        let same = self.exact.entry(offer.name.clone()).or_default();
        if same.iter().any(|known| known.provider == offer.provider) {
            return;
        }
        let offer = Arc::new(offer);
        same.push(offer.clone());
        self.normalised
            .entry(normalised(&offer.name))
            .or_default()
            .push(offer.clone());
        self.offers.push(offer);
    }

    fn join_normalised(&mut self) {
        for (name, offers) in &mut self.exact {
            let later = self.normalised.get(&normalised(name)).into_iter().flatten();
            let joining: Vec<_> = later.filter(|offer| offer.name != *name).cloned().collect();
            for offer in joining {
                if offers.iter().all(|known| known.provider != offer.provider) {
                    offers.push(offer);
                }
            }
        }
    }

    /// All offers in config order.
    pub fn offers(&self) -> &[Arc<Offer>] {
        &self.offers
    }

    /// Names of routes in config order.
    pub fn routes(&self) -> &[Arc<str>] {
        &self.route_names
    }

    /// Whether `name` is exactly the name of a route or a model.
    pub fn has(&self, name: &str) -> bool {
        self.is_route(name) || self.exact.contains_key(name)
    }

    /// Whether `name` is exactly the name of a route.
    pub fn is_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    /// What the route of that name says of its steps.
    pub fn route(&self, name: &str) -> Option<&Arc<RouteRules>> {
        self.rules.get(name)
    }

    /// Whether a provider has not said yet what it serves.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The place of the provider called `name`.
    pub fn provider(&self, name: &str) -> Option<usize> {
        self.providers.get(name).copied()
    }

    /// Who offers `name`: the first level of matching that has anybody. `pin` limits it to one provider.
    pub fn find(&self, name: &str, pin: Option<usize>) -> Vec<Arc<Offer>> {
        let fits = |offer: &&Arc<Offer>| pin.is_none_or(|place| offer.provider == place);
        let pick = |offers: Option<&Vec<Arc<Offer>>>| -> Vec<_> {
            offers.into_iter().flatten().filter(fits).cloned().collect()
        };
        let mut found = pick(self.routes.get(name));
        if found.is_empty() {
            found = pick(self.exact.get(name));
        }
        if found.is_empty() {
            found = self
                .qualified(name)
                .into_iter()
                .filter(|offer| fits(&offer))
                .collect();
        }
        if found.is_empty() {
            found = pick(self.normalised.get(&normalised(name)));
        }
        if found.is_empty() {
            let open = self
                .open
                .iter()
                .filter(|place| pin.is_none_or(|pin| pin == **place));
            found = open
                .map(|place| Arc::new(self.unheard_of(*place, name)))
                .collect();
        }
        found
    }

    /// `provider/model`.
    fn qualified(&self, name: &str) -> Option<Arc<Offer>> {
        let (provider, model) = name.split_once('/')?;
        let place = self.provider(provider)?;
        let listed = self
            .exact
            .get(model)
            .into_iter()
            .flatten()
            .find(|offer| offer.provider == place);
        match listed {
            Some(offer) => Some(offer.clone()),
            None if self.open.contains(&place) => Some(Arc::new(self.unheard_of(place, model))),
            None => None,
        }
    }

    /// Names like `name`, the nearest first.
    pub fn suggest(&self, name: &str) -> Vec<Arc<str>> {
        if name.len() > MAX_COMPARED {
            return Vec::new();
        }
        let wanted = normalised(name);
        let mut scored: Vec<(f64, &Arc<str>)> = self
            .exact
            .keys()
            .chain(self.routes.keys())
            .filter(|known| known.len() <= MAX_COMPARED)
            .map(|known| (strsim::jaro_winkler(&wanted, &normalised(known)), known))
            .filter(|(score, _)| *score >= SIMILAR)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored
            .into_iter()
            .take(SUGGESTIONS)
            .map(|(_, name)| name.clone())
            .collect()
    }
}
