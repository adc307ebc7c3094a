//! What a translation costs: the same requests with and without one, on the same gateways, turn by turn.

use anyhow::Result;

use super::load::{Asked, Load, Question};
use super::measure::{count, micros};
use super::process::Process;
use super::question;
use super::report::{Findings, Goal, Row};
use super::rounds::{Bench, order, visit};
use super::script::TOKENS;
use super::tongue::Tongue;

/// One client's way to one upstream.
struct Way {
    measure: &'static str,
    client: Tongue,
    upstream: Tongue,
    kind: Kind,
}

/// What is asked.
#[derive(Clone, Copy)]
enum Kind {
    Small,
    Agent,
    Stream,
}

const fn way(measure: &'static str, client: Tongue, upstream: Tongue, kind: Kind) -> Way {
    Way {
        measure,
        client,
        upstream,
        kind,
    }
}

/// Ways without a translation come first in each group: the ratios of those behind them are to the last of the same client.
const WAYS: [Way; 17] = [
    way(
        "CPU per request, Chat, µs",
        Tongue::Chat,
        Tongue::Chat,
        Kind::Small,
    ),
    way(
        "– translated, upstream Anthropic",
        Tongue::Chat,
        Tongue::Anthropic,
        Kind::Small,
    ),
    way(
        "– translated, upstream Gemini",
        Tongue::Chat,
        Tongue::Gemini,
        Kind::Small,
    ),
    way(
        "CPU per request, Anthropic, µs",
        Tongue::Anthropic,
        Tongue::Anthropic,
        Kind::Small,
    ),
    way(
        "– translated, upstream Chat",
        Tongue::Anthropic,
        Tongue::Chat,
        Kind::Small,
    ),
    way(
        "CPU per agent's request (60 KB), Anthropic, µs",
        Tongue::Anthropic,
        Tongue::Anthropic,
        Kind::Agent,
    ),
    way(
        "– translated, upstream Chat",
        Tongue::Anthropic,
        Tongue::Chat,
        Kind::Agent,
    ),
    way(
        "CPU per token of a stream, Chat, µs",
        Tongue::Chat,
        Tongue::Chat,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Anthropic",
        Tongue::Chat,
        Tongue::Anthropic,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Gemini",
        Tongue::Chat,
        Tongue::Gemini,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Responses",
        Tongue::Chat,
        Tongue::Responses,
        Kind::Stream,
    ),
    way(
        "CPU per token of a stream, Anthropic, µs",
        Tongue::Anthropic,
        Tongue::Anthropic,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Chat",
        Tongue::Anthropic,
        Tongue::Chat,
        Kind::Stream,
    ),
    way(
        "CPU per token of a stream, Gemini, µs",
        Tongue::Gemini,
        Tongue::Gemini,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Chat",
        Tongue::Gemini,
        Tongue::Chat,
        Kind::Stream,
    ),
    way(
        "CPU per token of a stream, Responses, µs",
        Tongue::Responses,
        Tongue::Responses,
        Kind::Stream,
    ),
    way(
        "– translated, upstream Chat",
        Tongue::Responses,
        Tongue::Chat,
        Kind::Stream,
    ),
];

impl Way {
    fn is_translated(&self) -> bool {
        self.client != self.upstream
    }

    fn asked(&self) -> Asked {
        let model = self.upstream.model();
        match self.kind {
            Kind::Small => question::small_in(self.client, model, false),
            Kind::Agent => question::agent(model),
            Kind::Stream => question::small_in(self.client, model, true),
        }
    }

    async fn question(&self, bench: &Bench, gateway: &Process) -> Result<Question> {
        if self.is_translated() {
            Question::translated(self.asked(), gateway.address).await
        } else {
            Question::native(self.asked(), bench.upstream.address).await
        }
    }

    fn load(&self, bench: &Bench) -> Load {
        match self.kind {
            Kind::Small => bench.counts.translated,
            Kind::Agent => bench.counts.agent,
            Kind::Stream => bench.counts.translated_streams,
        }
    }

    /// What its cost is divided by.
    fn units(&self, bench: &Bench) -> usize {
        let each = match self.kind {
            Kind::Stream => TOKENS,
            Kind::Small | Kind::Agent => 1,
        };
        self.load(bench).total() * each
    }
}

/// Everything in [`WAYS`].
pub(crate) async fn measure(bench: &Bench) -> Result<Findings> {
    let mut running = Vec::new();
    for (place, contender) in bench.contenders.iter().enumerate() {
        if let Some(launch) = contender.launch.translator() {
            running.push((place, Process::start(&launch)?));
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    let Some((_, first)) = running.first() else {
        return Ok(Findings {
            rows,
            notes: Vec::new(),
        });
    };
    let mut questions = Vec::with_capacity(WAYS.len());
    for way in &WAYS {
        questions.push(way.question(bench, first).await?);
    }
    let mut samples = vec![bench.empty_samples(); WAYS.len()];
    // The first round only warms up.
    for round in 0..=bench.counts.rounds {
        for (number, (way, question)) in WAYS.iter().zip(&questions).enumerate() {
            for turn in order(round, running.len()) {
                let (place, process) = &running[turn];
                let cpu = visit(process, question, way.load(bench)).await?.cpu;
                if round > 0 {
                    samples[number][*place].push(micros(cpu) / count(way.units(bench)));
                }
            }
        }
    }
    let mut native = bench.empty_samples();
    for (way, samples) in WAYS.iter().zip(samples) {
        let goal = if way.is_translated() {
            Goal::NearNative
        } else {
            native.clone_from(&samples);
            Goal::Watched
        };
        rows.push(Row {
            measure: way.measure,
            goal,
            samples,
            native: way.is_translated().then(|| native.clone()),
        });
    }
    Ok(Findings {
        rows,
        notes: Vec::new(),
    })
}
