//! Health from outside: what requests do to it, and what it says of targets.

mod rests;

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
