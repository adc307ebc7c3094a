//! Health from outside: what requests do to it, and what it says of targets.

mod circuit;
mod keys;
mod law;
mod resets;
mod rests;
mod room;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::chat::{Blame, Failure, FailureClass, Next, Stage};

fn target(key: u64, model: &str) -> TargetId {
    TargetId {
        provider: "p".into(),
        key,
        model: model.into(),
        service: "chat",
    }
}

fn failure(class: FailureClass, retry_after: Option<u64>) -> Failure {
    Failure {
        class,
        stage: Stage::Answered,
        next: Next::Key,
        blame: match class {
            FailureClass::RateLimit | FailureClass::Auth | FailureClass::Quota => Blame::Key,
            FailureClass::Request => Blame::Nobody,
            _ => Blame::Place,
        },
        status: None,
        message: String::new(),
        kind: None,
        code: None,
        param: None,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

fn health() -> (Arc<Health>, Instant) {
    (Arc::new(Health::new(Settings::default())), Instant::now())
}

fn fail(
    health: &Arc<Health>,
    target: &TargetId,
    failure: &Failure,
    now: Instant,
) -> Option<Rested> {
    let permit = health.insist(target, now).expect("room");
    permit.failed(failure, now, 0).rested
}

/// The number of troubled keys and places is what a count of them says.
fn check_books(health: &Health) {
    let books = health.books.lock();
    let keys = books.keys.values().filter(|key| key.lock().is_troubled());
    let places = books.places.values();
    let places = places.filter(|place| place.lock().is_troubled());
    let troubled = health.troubled.load(Ordering::Relaxed);
    assert_eq!(troubled, keys.count() + places.count());
}
