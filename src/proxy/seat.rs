//! A seat: a permit whose end is told to whoever waits for a place at its provider.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::select_all;
use tokio::sync::Notify;

use crate::chat::Failure;
use crate::health::{Permit, Toll};

/// Where requests wait for a place at a provider that is full.
#[derive(Debug)]
pub struct Vacancies(Vec<Notify>);

impl Vacancies {
    /// For so many providers.
    pub fn new(providers: usize) -> Self {
        Self((0..providers).map(|_| Notify::new()).collect())
    }

    /// A place is free at the provider: one of those who wait is woken.
    fn tell(&self, provider: usize) {
        if let Some(notify) = self.0.get(provider) {
            notify.notify_one();
        }
    }

    /// Resolves when a place is free at one of `providers`, counted from this call on.
    ///
    /// # Cancel safety
    /// Who leaves passes on what it was told.
    pub fn listen<'a>(&'a self, providers: &[usize]) -> impl Future<Output = ()> + use<'a> {
        let doors = providers.iter().filter_map(|place| self.0.get(*place));
        let mut heard: Vec<_> = doors.map(|door| Box::pin(door.notified())).collect();
        for heard in &mut heard {
            heard.as_mut().enable();
        }
        async move {
            if heard.is_empty() {
                std::future::pending::<()>().await;
            }
            select_all(heard).await;
        }
    }
}

/// See the module's head.
#[derive(Debug)]
pub struct Seat {
    permit: Option<Permit>,
    /// Who is told, if anybody may wait: and the place of the provider.
    vacancies: Option<(Arc<Vacancies>, usize)>,
}

impl Seat {
    /// A seat at the provider at `place`.
    pub fn new(permit: Permit, vacancies: Option<&Arc<Vacancies>>, place: usize) -> Self {
        Self {
            permit: Some(permit),
            vacancies: vacancies.map(|vacancies| (vacancies.clone(), place)),
        }
    }

    /// The permit itself.
    pub fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// A stream has its first meaningful event.
    pub fn answered(&mut self, now: Instant) {
        if let Some(permit) = &mut self.permit {
            permit.answered(now);
        }
    }

    /// The answer is complete.
    pub fn completed(mut self, output_tokens: Option<u64>, now: Instant) {
        if let Some(permit) = self.permit.take() {
            permit.completed(output_tokens, now);
        }
    }

    /// The attempt failed.
    pub fn failed(mut self, failure: &Failure, now: Instant, dice: u64) -> Toll {
        let permit = self.permit.take();
        permit.map_or_else(Toll::default, |permit| permit.failed(failure, now, dice))
    }
}

impl From<Permit> for Seat {
    fn from(permit: Permit) -> Self {
        Self {
            permit: Some(permit),
            vacancies: None,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // First the place is given back, then that is told.
        drop(self.permit.take());
        if let Some((vacancies, place)) = &self.vacancies {
            vacancies.tell(*place);
        }
    }
}
