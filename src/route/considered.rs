//! What a rehearsal tells of each candidate.

use std::sync::Arc;
use std::time::Duration;

use super::choice::Candidate;
use super::plan::Ask;
use super::{Offer, Target};
use crate::chat::FailureClass;
use crate::health::View;
use crate::provider::Features;

/// A candidate of a rehearsal.
#[derive(Debug, Clone)]
pub struct Considered {
    /// The model and its provider.
    pub offer: Arc<Offer>,
    /// Its key, if it came so far that one was looked at.
    pub key: Option<usize>,
    /// What is known of it, if it came so far.
    pub view: Option<View>,
    /// What its strategy made of that.
    pub score: Option<f64>,
    /// Its place in the order, from 0, or why it is left out.
    pub verdict: Result<usize, Exclusion>,
}

/// Why a candidate is left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclusion {
    /// The request asked for it.
    Asked,
    /// It cannot be spoken to for this, nor by translation.
    NoSpeaker,
    /// It lacks what the request needs.
    Incapable(Features),
    /// The prompt is longer than its context.
    ContextLength {
        /// The estimate of the prompt, in tokens.
        tokens: u64,
        /// What it takes.
        context: u64,
    },
    /// Its key rests.
    Resting {
        /// For how long.
        wait: Duration,
        /// Why.
        class: FailureClass,
    },
    /// Its breaker is open.
    Open {
        /// For how long.
        wait: Duration,
    },
    /// The provider said that it does not have the model.
    Unavailable,
    /// Its score is too low for its strategy.
    Score,
    /// The alias names another key.
    Alias,
    /// Its owner has drained it.
    Drained,
}

/// Candidates that are noted for whoever watches.
pub const MOST_WATCHED: usize = 16;

/// What became of candidates: all of them for a rehearsal, a few while somebody watches, and else none.
#[derive(Debug)]
pub(super) struct Notes {
    taken: Vec<Considered>,
    most: usize,
}

impl Notes {
    /// The notes that `ask` wants.
    pub(super) fn wanted(ask: &Ask<'_>) -> Self {
        Self {
            taken: Vec::new(),
            most: if ask.rehearses { usize::MAX } else { ask.noted },
        }
    }

    /// Whether anybody reads more of them.
    pub(super) fn are_taken(&self) -> bool {
        self.taken.len() < self.most
    }

    /// `offer` is left out before its keys were looked at.
    pub(super) fn offer(&mut self, offer: &Arc<Offer>, why: Exclusion) {
        self.add(offer, None, None, why);
    }

    /// The key at `key` of `offer` is not among those that may be used.
    pub(super) fn key(&mut self, offer: &Arc<Offer>, key: Option<usize>) {
        self.add(offer, key, None, Exclusion::Alias);
    }

    /// `target` is left out as it stands.
    pub(super) fn target(&mut self, target: &Target, view: impl FnOnce() -> View, why: Exclusion) {
        if self.are_taken() {
            self.add(&target.offer, target.key, Some(view()), why);
        }
    }

    fn add(&mut self, offer: &Arc<Offer>, key: Option<usize>, view: Option<View>, why: Exclusion) {
        if self.are_taken() {
            self.taken.push(Considered {
                offer: offer.clone(),
                key,
                view,
                score: None,
                verdict: Err(why),
            });
        }
    }

    /// All of them: those that are tried, in order, then those that scored too low, then the rest.
    pub(super) fn of(self, tried: &[Candidate], dropped: &[Candidate]) -> Vec<Considered> {
        if self.most == 0 {
            return Vec::new();
        }
        let tried = tried
            .iter()
            .enumerate()
            .map(|(rank, one)| told(one, Ok(rank)));
        let dropped = dropped.iter().map(|one| told(one, Err(Exclusion::Score)));
        tried
            .chain(dropped)
            .chain(self.taken)
            .take(self.most)
            .collect()
    }
}

fn told(candidate: &Candidate, verdict: Result<usize, Exclusion>) -> Considered {
    Considered {
        offer: candidate.target.offer.clone(),
        key: candidate.target.key,
        view: Some(candidate.view),
        score: candidate.score,
        verdict,
    }
}
