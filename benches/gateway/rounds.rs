//! Who is measured, how much, and in which turns.
//!
//! Everyone is visited in every round, in an order that is reversed from round to round: whatever drifts on the machine
//! meets everyone alike. The upstream is visited too: what a gateway adds to a latency is its own minus the upstream's of
//! the same round.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::load::{self, Load, Question, Seen};
use super::process::{Launch, Process};

/// After a load, work that no answer waited for (writing the log) still belongs to it.
const AFTERMATH: Duration = Duration::from_millis(50);

/// Who is measured, and how much.
pub(crate) struct Bench {
    /// The scripted upstream.
    pub(crate) upstream: Process,
    /// The yardstick first, then gateways.
    pub(crate) contenders: Vec<Contender>,
    /// How much.
    pub(crate) counts: Counts,
}

/// One column of the table.
pub(crate) struct Contender {
    /// Its heading.
    pub(crate) name: &'static str,
    /// How it is started.
    pub(crate) launch: Launch,
}

/// How much is asked in each round.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Rounds of every part.
    pub(crate) rounds: u32,
    /// Small requests on enough connections to keep a gateway busy.
    pub(crate) busy: Load,
    /// Small requests, one at a time.
    pub(crate) alone: Load,
    /// Streams of 1000 events.
    pub(crate) streams: Load,
    /// The same, one at a time.
    pub(crate) stream_alone: Load,
    /// Bodies of 1 MB.
    pub(crate) bodies: Load,
    /// Streams open at once.
    pub(crate) open: usize,
    /// Small requests to translate.
    pub(crate) translated: Load,
    /// Requests of a coding agent to translate.
    pub(crate) agent: Load,
    /// Streams to translate.
    pub(crate) translated_streams: Load,
}

impl Counts {
    /// About a second for each visit: long beside a scheduler's slice, short beside what drifts.
    pub(crate) fn full(rounds: u32) -> Self {
        Self {
            rounds,
            busy: Load::new(32, 500),
            alone: Load::new(1, 3000),
            streams: Load::new(8, 10),
            stream_alone: Load::new(1, 40),
            bodies: Load::new(4, 75),
            open: 1000,
            translated: Load::new(16, 250),
            agent: Load::new(8, 60),
            translated_streams: Load::new(8, 5),
        }
    }

    /// One round of very little.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            busy: Load::new(32, 20),
            alone: Load::new(1, 100),
            streams: Load::new(2, 2),
            stream_alone: Load::new(1, 4),
            bodies: Load::new(2, 2),
            open: 50,
            translated: Load::new(4, 5),
            agent: Load::new(2, 2),
            translated_streams: Load::new(2, 1),
        }
    }
}

/// One load on one process.
pub(crate) struct Visit {
    /// What the clients saw.
    pub(crate) seen: Seen,
    /// On-CPU time of the process.
    pub(crate) cpu: Duration,
}

/// All visits under one load: a list for each contender and one for the upstream, in each a visit for each round.
pub(crate) struct Visits(Vec<Vec<Visit>>);

impl Visits {
    /// One value of every visit to the contenders.
    pub(crate) fn of_contenders(&self, value: impl Fn(&Visit) -> f64) -> Vec<Vec<f64>> {
        let contenders = &self.0[..self.0.len() - 1];
        contenders
            .iter()
            .map(|visits| visits.iter().map(&value).collect())
            .collect()
    }

    /// One value of every visit to the upstream.
    pub(crate) fn of_upstream(&self, value: impl Fn(&Visit) -> f64) -> Vec<f64> {
        self.0.last().into_iter().flatten().map(value).collect()
    }
}

impl Bench {
    /// A process for each contender.
    pub(crate) fn start_all(&self) -> Result<Vec<Process>> {
        self.contenders
            .iter()
            .map(|contender| Process::start(&contender.launch))
            .collect()
    }

    /// Visits everyone in every round, after one that only warms up.
    pub(crate) async fn visit(
        &self,
        running: &[Process],
        question: &Question,
        load: Load,
    ) -> Result<Visits> {
        let everyone: Vec<&Process> = running.iter().chain([&self.upstream]).collect();
        for process in &everyone {
            visit(process, question, load).await?;
        }
        let mut visits: Vec<Vec<Visit>> = everyone.iter().map(|_| Vec::new()).collect();
        for round in 0..self.counts.rounds {
            for turn in order(round, everyone.len()) {
                visits[turn].push(visit(everyone[turn], question, load).await?);
            }
        }
        Ok(Visits(visits))
    }

    /// Each contender's number and launch, in every round's order.
    pub(crate) fn turns(&self) -> impl Iterator<Item = (usize, &Launch)> {
        let turns = (0..self.counts.rounds).flat_map(|round| order(round, self.contenders.len()));
        turns.map(|turn| (turn, &self.contenders[turn].launch))
    }

    /// A list of samples for each contender.
    pub(crate) fn empty_samples(&self) -> Vec<Vec<f64>> {
        vec![Vec::new(); self.contenders.len()]
    }
}

/// Puts `load` on one process.
pub(crate) async fn visit(process: &Process, question: &Question, load: Load) -> Result<Visit> {
    let before = process.cpu()?;
    let seen = load::run(process.address, question, load).await?;
    sleep(AFTERMATH).await;
    let cpu = process.cpu()?.since(&before);
    Ok(Visit { seen, cpu })
}

/// The order of a round.
pub(crate) fn order(round: u32, length: usize) -> Vec<usize> {
    let mut turns: Vec<usize> = (0..length).collect();
    if !round.is_multiple_of(2) {
        turns.reverse();
    }
    turns
}
