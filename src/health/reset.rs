//! Resets: a person says that places are as good as new.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Health;
use super::rest::Rest;
use super::tracked::{Place, Troubled};

impl Health {
    /// Closes the breakers of a provider, or of one of its models, and ends the rests of those places; how many
    /// of them were in trouble.
    ///
    /// What is under way there is counted on, but how it ends says nothing of the breaker any more: it began
    /// before. No growth of earlier openings is remembered either.
    pub fn reset_breaker(&self, provider: &str, model: Option<&str>) -> usize {
        let circuit = self.settings.load().circuit;
        let was_troubled = |place: &Arc<Mutex<Place>>| {
            self.change(place, |place| {
                let was_troubled = place.is_troubled();
                place.rest = Rest::default();
                place.breaker.reset(&circuit);
                was_troubled
            })
        };
        let places = self.places_of(provider, model);
        places.iter().filter(|place| was_troubled(place)).count()
    }

    fn places_of(&self, provider: &str, model: Option<&str>) -> Vec<Arc<Mutex<Place>>> {
        let books = self.books.lock();
        let is_meant = |(owner, name): (&str, &str)| {
            owner == provider && model.is_none_or(|model| model == name)
        };
        let places = books.places.iter();
        places
            .filter(|((owner, name, _), _)| is_meant((owner, name)))
            .map(|(_, place)| place.clone())
            .collect()
    }
}
