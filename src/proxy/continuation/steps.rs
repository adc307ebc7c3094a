//! Steps: what a search has done so far, for the record of its request.
//!
//! They are told while it goes on, so that a client that leaves in the middle leaves a true record behind.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::chat::FailureClass;
use crate::health::Shut;
use crate::route::Target;

/// One step.
#[derive(Debug)]
pub enum Step {
    /// This target is asked.
    Asked(Target),
    /// It is not asked.
    Shut(Target, Shut),
    /// Who was asked last does not go on.
    Failed {
        /// The kind of failure.
        class: FailureClass,
        /// The upstream's status.
        status: Option<u16>,
        /// How long it took.
        elapsed: Duration,
        /// How long what failed rests now.
        rests: Option<Duration>,
    },
}

/// See the module's head. There are two at most for each target.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<Mutex<Vec<Step>>>);

impl Steps {
    /// Tells one more.
    pub(super) fn tell(&self, step: Step) {
        self.0.lock().push(step);
    }

    /// All that were told since the last time.
    pub(super) fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.0.lock())
    }
}
