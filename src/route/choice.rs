//! The choice: in which order the candidates of a request are tried.
//!
//! A strategy is a pure function from candidates to scores; here they are put in order. Whatever it says, who
//! suits the request comes before who might not, and who is suspect comes last. Of the targets whose breaker
//! waits for a probe, one comes first where there is somebody else to ask; the others stand behind the ready, so
//! that no request pays for two. Under `sequential` they keep their places, which are early enough.

use std::cmp::Ordering;

use super::dice::Dice;
use super::{Target, adaptive, bandit, explore, weighted};
use crate::config::{Profile, SmallModels, Strategy};
use crate::health::{Standing, View};

/// How a request's candidates are put in order.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The strategy, unless a route says otherwise.
    pub strategy: Strategy,
    /// The strategy, whatever a route says: it is only asked what would happen.
    pub insisted: Option<Strategy>,
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
            insisted: None,
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
    /// How well the model suits the request.
    pub fit: Fit,
    /// Whether it runs where it should, as far as anybody cares.
    pub is_near: bool,
    /// What is known of it; nothing is asked for under `sequential`.
    pub view: View,
    /// What its strategy made of that.
    pub score: Option<f64>,
}

impl Candidate {
    pub(super) fn price(&self) -> Option<f64> {
        self.target.offer.price()
    }
}

/// How well a model suits a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It can do all that is asked, as far as is known.
    Good,
    /// It does not list something that younger configs list.
    Doubtful,
    /// It is for something else.
    Poor,
}

/// Candidates in order.
#[derive(Debug, Default)]
pub struct Order {
    /// Those that are tried, the best first.
    pub tried: Vec<Candidate>,
    /// Those that are not, as their scores are too low.
    pub dropped: Vec<Candidate>,
}

/// The candidates in the order in which they are tried.
pub fn order(policy: &Policy<'_>, mut candidates: Vec<Candidate>) -> Order {
    let strategy = policy.strategy;
    match strategy {
        Strategy::Sequential => {}
        Strategy::Adaptive => adaptive::score(&mut candidates, policy.small_models),
        Strategy::Bandit => bandit::score(&mut candidates),
        Strategy::Weighted => weighted::score(&mut candidates, policy.profile),
    }
    let class = |candidate: &Candidate| class(strategy, candidate);
    candidates.sort_by(|a, b| class(a).cmp(&class(b)).then_with(|| by_score(a, b)));
    if strategy == Strategy::Sequential {
        return Order {
            tried: candidates,
            dropped: Vec::new(),
        };
    }
    let mut dice = Dice::new(policy.dice);
    let scout = scout(strategy, &candidates, &mut dice).map(|place| candidates.remove(place));
    let mut order = match strategy {
        Strategy::Weighted => weighted::pick_and_drop(candidates, class, &mut dice),
        _ => Order {
            tried: candidates,
            dropped: Vec::new(),
        },
    };
    if let Some(scout) = scout {
        order.tried.insert(0, scout);
    }
    order
}

/// What comes before any score: the smaller, the earlier.
pub(super) type Class = (bool, u8, Fit, bool);

fn class(strategy: Strategy, candidate: &Candidate) -> Class {
    let is_parked = || strategy == Strategy::Bandit && bandit::is_parked(&candidate.view);
    let standing = match candidate.standing {
        Standing::Suspect => 3,
        _ if strategy == Strategy::Sequential => 0,
        Standing::Probe => 1,
        _ if is_parked() => 2,
        _ => 0,
    };
    // What is for something else would only refuse, however well it is.
    let is_poor = candidate.fit == Fit::Poor;
    (is_poor, standing, candidate.fit, !candidate.is_near)
}

fn by_score(a: &Candidate, b: &Candidate) -> Ordering {
    let score = |candidate: &Candidate| candidate.score.unwrap_or(0.0);
    score(b).total_cmp(&score(a))
}

/// How many stand in the first class.
pub(super) fn lead(candidates: &[Candidate], class: impl Fn(&Candidate) -> Class) -> usize {
    let Some(first) = candidates.first().map(&class) else {
        return 0;
    };
    let same = candidates
        .iter()
        .take_while(|candidate| class(candidate) == first);
    same.count()
}

/// The place of the candidate that this request tries out before the others: the probe that a breaker waits
/// for, or somebody of whom nothing was heard for long. The bandit's own bonus already sees to the latter.
fn scout(strategy: Strategy, candidates: &[Candidate], dice: &mut Dice) -> Option<usize> {
    let first = candidates.first()?;
    let alike =
        |candidate: &Candidate| candidate.fit == first.fit && candidate.is_near == first.is_near;
    let waits = |candidate: &Candidate| candidate.standing == Standing::Probe && alike(candidate);
    if first.standing == Standing::Ready
        && let Some(probe) = candidates.iter().position(waits)
    {
        return Some(probe);
    }
    if strategy == Strategy::Bandit {
        return None;
    }
    let lead = lead(candidates, |candidate| class(strategy, candidate));
    explore::scout(&candidates[..lead], dice)
}

#[cfg(test)]
pub(super) mod tests;
