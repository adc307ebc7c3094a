//! A simulation of routing: ten upstreams, what they go through, and how each strategy fares.
//!
//! ```text
//! world      upstreams as they truly are: latency, capacity, limits, outages
//! house      what the gateway knows of them: the real index, plan and health
//! run        requests, one event after the other, in virtual time
//! properties what holds of a strategy beside its numbers
//! ```
//!
//! `cargo test --test simulation -- --nocapture` prints the table. Nothing here waits for time to pass, and a
//! seed makes every run the same.

mod chance;
mod house;
mod properties;
mod run;
mod world;

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::thread;

use autogw::config::Strategy;

use run::{Chooser, Scenario, Story, run};
use world::{Nature, Script, State};

/// Any number; the assertions hold for others too.
const SEED: u64 = 7;

const CHOOSERS: [Chooser; 6] = [
    Chooser::Strategy(Strategy::Sequential),
    Chooser::Strategy(Strategy::Adaptive),
    Chooser::Strategy(Strategy::Bandit),
    Chooser::Strategy(Strategy::Weighted),
    Chooser::Random,
    Chooser::Oracle,
];

/// Ten providers of one model in the order of somebody who did not measure: the first is neither the best nor
/// the worst.
fn natures() -> Vec<Nature> {
    let nature = |(median, sigma, capacity, input, output)| Nature {
        median,
        sigma,
        capacity,
        price: (input, output),
        limit: None,
    };
    [
        (700.0, 0.4, 40.0, 3.0, 15.0),
        (450.0, 0.3, 30.0, 2.5, 10.0),
        (1_200.0, 0.5, 60.0, 0.5, 1.5),
        (300.0, 0.3, 20.0, 1.0, 4.0),
        (900.0, 0.4, 50.0, 1.5, 6.0),
        (350.0, 0.6, 30.0, 5.0, 25.0),
        (600.0, 0.3, 25.0, 0.8, 3.2),
        (2_000.0, 0.4, 100.0, 0.2, 0.6),
        (500.0, 0.5, 40.0, 3.0, 12.0),
        (1_500.0, 0.3, 60.0, 1.0, 3.0),
    ]
    .map(nature)
    .to_vec()
}

fn scenario(name: &'static str, script: Script) -> Scenario {
    Scenario {
        name,
        natures: natures(),
        script,
        rate: 12.0,
        seconds: (240.0, 30.0),
    }
}

fn is_among_the_unlucky(place: usize) -> bool {
    [0, 1, 3, 8].contains(&place)
}

/// How a strategy fared.
#[derive(Debug, Clone, Copy)]
struct Score {
    success: f64,
    p95_ms: f64,
    cost: f64,
}

fn measure(scenario: &Scenario, stories: &[Story]) -> Score {
    let counted: Vec<&Story> = stories
        .iter()
        .filter(|story| story.arrived >= scenario.seconds.1)
        .collect();
    let mut waited: Vec<f64> = counted.iter().filter_map(|story| story.waited).collect();
    waited.sort_by(f64::total_cmp);
    let count = |of: usize| f64::from(u32::try_from(of).unwrap_or(u32::MAX));
    let cost: f64 = counted.iter().map(|story| story.cost).sum();
    Score {
        success: count(waited.len()) / count(counted.len()),
        p95_ms: waited[waited.len() * 95 / 100] * 1_000.0,
        cost: cost / count(waited.len()) * 1_000.0,
    }
}

fn calm() -> Scenario {
    scenario("calm", |_, _| State::Well)
}

/// Four of the ten are dead for a minute.
fn outage() -> Scenario {
    scenario("outage", |place, second| {
        let is_time = (60.0..120.0).contains(&second);
        if is_time && is_among_the_unlucky(place) {
            State::Dead
        } else {
            State::Well
        }
    })
}

/// The same four are slow and faulty for two minutes.
fn brown_out() -> Scenario {
    scenario("brown-out", |place, second| {
        let is_time = (60.0..180.0).contains(&second);
        if is_time && is_among_the_unlucky(place) {
            State::Brown
        } else {
            State::Well
        }
    })
}

/// The five best take 90 requests a minute each, together two thirds of what arrives.
fn limits() -> Scenario {
    let mut limits = scenario("rate limits", |_, _| State::Well);
    for place in [0, 1, 3, 5, 8] {
        limits.natures[place].limit = Some(90.0);
    }
    limits
}

/// Everybody's scores in one scenario.
struct Comparison {
    name: &'static str,
    scores: Vec<(Chooser, Score)>,
}

impl Comparison {
    fn of(&self, wanted: Chooser) -> Score {
        let mut scores = self.scores.iter();
        let found = scores.find(|(chooser, _)| *chooser == wanted);
        found.expect("everybody ran").1
    }
}

/// All scenarios, run once for all tests.
static COMPARISONS: LazyLock<Vec<Comparison>> = LazyLock::new(|| {
    let compare = |scenario: Scenario| {
        let score = |chooser| measure(&scenario, &run(&scenario, chooser, SEED));
        Comparison {
            name: scenario.name,
            scores: CHOOSERS.map(|chooser| (chooser, score(chooser))).to_vec(),
        }
    };
    let comparisons: Vec<Comparison> = thread::scope(|scope| {
        let scenarios = [calm(), outage(), brown_out(), limits()];
        let runs = scenarios.map(|scenario| scope.spawn(move || compare(scenario)));
        runs.map(|run| run.join().expect("it ran")).into()
    });
    print(&comparisons);
    comparisons
});

#[expect(
    clippy::print_stdout,
    reason = "the table is what the simulation is for"
)]
fn print(comparisons: &[Comparison]) {
    let mut table = "| | | success | p95 to the first token | $ per 1000 |\n".to_owned();
    table.push_str("|---|---|--:|--:|--:|\n");
    for Comparison { name, scores } in comparisons {
        for (chooser, score) in scores {
            let (who, success) = (chooser.name(), score.success * 100.0);
            let Score { p95_ms, cost, .. } = score;
            let _ = writeln!(
                table,
                "| {name} | {who} | {success:.2} % | {p95_ms:.0} ms | {cost:.2} |"
            );
        }
    }
    println!("{table}");
}

fn comparison(name: &str) -> &'static Comparison {
    let mut comparisons = COMPARISONS.iter();
    let found = comparisons.find(|comparison| comparison.name == name);
    found.expect("it is among them")
}

const SEQUENTIAL: Chooser = Chooser::Strategy(Strategy::Sequential);
const ADAPTIVE: Chooser = Chooser::Strategy(Strategy::Adaptive);
const BANDIT: Chooser = Chooser::Strategy(Strategy::Bandit);

#[test]
fn no_request_is_lost_that_somebody_could_have_answered() {
    for comparison in COMPARISONS.iter() {
        assert!(comparison.of(Chooser::Oracle).success >= 0.999);
        for (chooser, score) in &comparison.scores {
            let (name, who) = (comparison.name, chooser.name());
            assert!(score.success >= 0.999, "{name}, {who}: {score:?}");
        }
    }
}

/// Sequential is measured here with an average provider first. Who has put the best one first cannot be beaten
/// by anybody who has to find that out.
#[test]
fn nothing_is_lost_in_the_calm() {
    let calm = comparison("calm");
    let bound = calm.of(SEQUENTIAL).p95_ms * 1.05;
    for chooser in [ADAPTIVE, BANDIT] {
        let own = calm.of(chooser).p95_ms;
        assert!(own <= bound, "{}: {own} against {bound}", chooser.name());
    }
}

#[test]
fn adaptive_and_bandit_find_their_way_around_a_brown_out() {
    let brown_out = comparison("brown-out");
    for chooser in [ADAPTIVE, BANDIT] {
        for other in [SEQUENTIAL, Chooser::Random] {
            let (own, other) = (brown_out.of(chooser).p95_ms, brown_out.of(other).p95_ms);
            assert!(own < other, "{}: {own} against {other}", chooser.name());
        }
    }
}
