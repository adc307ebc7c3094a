//! A seat: a permit whose end is told to whoever waits for a place at its provider, and whose verdicts about the
//! breaker are told to the log: here and nowhere else, so that each is there once.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::select_all;
use tokio::sync::Notify;

use crate::chat::Failure;
use crate::health::{Permit, TargetId, Toll, Transition};
use crate::telemetry::clock::milliseconds;

/// Where requests wait for a place at a provider that is full.
#[derive(Debug)]
pub struct Vacancies(Vec<Arc<Notify>>);

impl Vacancies {
    /// For so many providers.
    pub fn new(providers: usize) -> Self {
        Self((0..providers).map(|_| Arc::default()).collect())
    }

    /// For the providers that were at these places, or nowhere: who sits in a seat of before tells those who
    /// wait now.
    #[must_use]
    pub fn next(&self, before: &[Option<usize>]) -> Self {
        let known = |place: &Option<usize>| self.0.get((*place)?).cloned();
        Self(
            before
                .iter()
                .map(|place| known(place).unwrap_or_default())
                .collect(),
        )
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

/// See the module's head. An empty one holds nothing and says nothing.
#[derive(Debug, Default)]
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
            let transition = permit.answered(now);
            tell(permit.target(), transition);
        }
    }

    /// The answer is complete.
    pub fn completed(mut self, output_tokens: Option<u64>, now: Instant) {
        if let Some(permit) = self.permit.take() {
            let target = permit.target().clone();
            tell(&target, permit.completed(output_tokens, now));
        }
    }

    /// The attempt failed.
    pub fn failed(mut self, failure: &Failure, now: Instant, dice: u64) -> Toll {
        let Some(permit) = self.permit.take() else {
            return Toll::default();
        };
        let target = permit.target().clone();
        let toll = permit.failed(failure, now, dice);
        tell(&target, toll.transition);
        toll
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

/// The log line of a breaker that changed.
fn tell(target: &TargetId, transition: Option<Transition>) {
    let (provider, model) = (&*target.provider, &*target.model);
    match transition {
        Some(Transition::Opened(wait)) => tracing::warn!(
            target: "autogw::health",
            provider,
            model,
            open_ms = milliseconds(wait),
            "circuit opened: others are asked instead"
        ),
        Some(Transition::Closed) => {
            tracing::info!(target: "autogw::health", provider, model, "circuit closed");
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Write as _};
    use std::time::Duration;

    use parking_lot::Mutex;
    use tracing::field::Field;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;
    use crate::health::{Health, Settings};
    use crate::proxy::live::broken_off;

    /// What the log is told of breakers.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Told {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut line = event.metadata().level().to_string();
            event.record(&mut |field: &Field, value: &dyn Debug| {
                _ = write!(line, " {}={value:?}", field.name());
            });
            if event.metadata().target() == "autogw::health" {
                self.0.lock().push(line);
            }
        }
    }

    fn told_of(requests: impl FnOnce(&dyn Fn(Duration) -> Seat, Instant)) -> Vec<String> {
        let health = Arc::new(Health::new(Settings::default()));
        let target = TargetId {
            provider: "p".into(),
            key: 0,
            model: "m".into(),
            service: "conversation",
        };
        let now = Instant::now();
        let seat = |after| {
            let permit = health.insist(&target, now + after).expect("room");
            Seat::new(permit, None, 0)
        };
        let told = Told::default();
        let subscriber = tracing_subscriber::registry().with(told.clone());
        tracing::subscriber::with_default(subscriber, || requests(&seat, now));
        std::mem::take(&mut *told.0.lock())
    }

    #[test]
    fn each_change_of_a_breaker_is_told_once() {
        let second = Duration::from_secs(1);
        let told = told_of(|seat, now| {
            let under_way: Vec<Seat> = (0..9).map(|_| seat(Duration::ZERO)).collect();
            for seat in under_way {
                seat.failed(&broken_off(), now + second, u64::MAX / 2);
            }
            for after in 20..26 {
                let mut seat = seat(second * after);
                seat.answered(now + second * after);
                seat.completed(None, now + second * (after + 1));
            }
        });
        let [opened, closed] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(
            opened.starts_with("WARN ") && opened.contains("provider=\"p\" model=\"m\" open_ms=")
        );
        assert!(opened.contains("message=circuit opened"), "{opened}");
        assert!(
            closed.starts_with("INFO ") && closed.contains("message=circuit closed"),
            "{closed}"
        );
    }

    #[test]
    fn whoever_comes_to_nothing_says_nothing() {
        let told = told_of(|seat, now| {
            drop(seat(Duration::ZERO));
            seat(Duration::ZERO).completed(None, now);
            Seat::default().completed(None, now);
        });
        assert_eq!(told, Vec::<String>::new());
    }
}
