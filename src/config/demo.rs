//! The simulated providers of `start --demo`, and the models a simulated provider has of its own.

use super::diagnostic::ConfigError;
use super::environment::Environment;
use super::format::Format;
use super::load::{Loaded, from_text};
use crate::provider::{Feature, Features, Model};

/// Three providers that serve the same models: one fast, one flaky, one slow.
const DEMO: &str = include_str!("../../assets/demo.json");

/// The configuration of `start --demo`: no key, no network, no file. `PORT` counts; a port that nobody
/// chose is stepped over when it is taken. The error is that `PORT` is no port.
pub fn demo(env: &Environment) -> Result<Loaded, ConfigError> {
    from_text("demo.json", DEMO, Format::Json, env)
}

/// What a provider of type `demo` serves when the configuration does not say.
pub(super) fn demo_models() -> Vec<Model> {
    let chat: Features = Feature::ALL
        .into_iter()
        .filter(|feature| *feature != Feature::Embeddings)
        .collect();
    let embed = Features::NONE.with(Feature::Embeddings);
    vec![model("demo-chat", chat), model("demo-embed", embed)]
}

fn model(name: &str, features: Features) -> Model {
    Model {
        features: Some(features),
        context: Some(128_000),
        ..Model::named(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_providers_serve_the_same_models_and_the_first_is_quick() {
        let config = demo(&Environment::empty())
            .expect("the asset is valid")
            .config;
        let names: Vec<&str> = config.providers.iter().map(|p| &*p.name).collect();
        assert_eq!(names, ["demo-fast", "demo-flaky", "demo-slow"]);
        let latency = |index: usize| {
            config.providers[index]
                .demo
                .as_ref()
                .map(|demo| demo.latency)
        };
        assert!(latency(0) < latency(1) && latency(1) < latency(2));
    }
}
