//! What is known of an offered model: looked up when a translation first asks, once per offer.

use std::sync::OnceLock;

use crate::provider::Model;
use crate::provider::knowledge::{self, Knowledge};

/// See the module's head. It follows from the rest of an offer, so it never tells two apart.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What the configuration says of it.
    given: Option<Box<Model>>,
    looked_up: OnceLock<Knowledge>,
}

impl Known {
    /// With what the configuration says.
    pub fn given(model: &Model) -> Self {
        Self {
            given: Some(Box::new(model.clone())),
            looked_up: OnceLock::new(),
        }
    }

    /// What the configuration says of it.
    pub fn configured(&self) -> Option<&Model> {
        self.given.as_deref()
    }

    /// What is known of the model that the provider calls `upstream`.
    pub fn of(&self, upstream: &str) -> &Knowledge {
        self.looked_up.get_or_init(|| {
            let known = knowledge::of(upstream);
            match &self.given {
                Some(given) => known.with(given),
                None => known,
            }
        })
    }

    /// The price of a million tokens, three of the input to one of the output, in US dollars.
    pub fn price(&self, upstream: &str) -> Option<f64> {
        let known = self.of(upstream);
        Some((3.0 * known.input_price? + known.output_price?) / 4.0)
    }
}

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}
