//! What is measured: the parts of the bench but for translations, each of which starts fresh processes and returns lines of the table.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::load::{self, Load, Question};
use super::process::{Launch, Process};
use super::question;
use super::report::{Findings, Goal, Row};
use super::rounds::{Bench, Counts, Visits};

/// Memory stands still this long after the last stream was opened.
const SETTLING: Duration = Duration::from_millis(500);
/// Starts in a round: each takes milliseconds, and their spread is wide.
const STARTS: u32 = 4;
/// A sender that waits for a delayed acknowledgement (no `TCP_NODELAY`) is silent for 40 ms or more.
const STALL: Duration = Duration::from_millis(35);

/// Small requests: CPU of each, and the latency that a gateway adds.
pub(crate) async fn request(bench: &Bench) -> Result<Findings> {
    let Counts { busy, alone, .. } = bench.counts;
    let running = bench.start_all()?;
    let question = Question::new(question::small(), bench.upstream.address).await?;
    let one = bench.visit(&running, &question, alone).await?;
    let many = bench.visit(&running, &question, busy).await?;
    let cpu = |measure, visits: &Visits, load: Load| Row {
        measure,
        goal: Goal::NearYardstick,
        samples: visits.of_contenders(|visit| micros(visit.cpu) / count(load.total())),
        native: None,
    };
    Ok(Findings {
        rows: vec![
            cpu("CPU per request (2 KB in, 1 KB out), µs", &many, busy),
            Row {
                goal: Goal::Watched,
                ..cpu("CPU per request, 1 connection, µs", &one, alone)
            },
            added("added p50, 1 connection, µs", &one, 0.5),
            added("added p99, 1 connection, µs", &one, 0.99),
            added("added p50, 32 connections, µs", &many, 0.5),
            added("added p99, 32 connections, µs", &many, 0.99),
        ],
        notes: logged(bench, &running)?,
    })
}

/// Streams without a pause: CPU of each event, and whether they ever stall.
///
/// With many streams a gateway that waits for a core finds several events readable, and may pass them on in one write; with
/// one stream nearly every event is a wake-up of its own, as it is when a model takes its time.
pub(crate) async fn stream(bench: &Bench) -> Result<Findings> {
    let Counts {
        streams,
        stream_alone,
        ..
    } = bench.counts;
    let running = bench.start_all()?;
    let upstream = bench.upstream.address;
    let with_usage = Question::new(question::streaming_with_usage(), upstream).await?;
    let without = Question::new(question::streaming(), upstream).await?;
    let alone = bench.visit(&running, &without, stream_alone).await?;
    let rows = vec![
        per_event(
            "CPU per event, many streams, usage asked for, µs",
            &bench.visit(&running, &with_usage, streams).await?,
            streams.total() * with_usage.events(),
        ),
        per_event(
            "CPU per event, many streams, usage not asked for, µs",
            &bench.visit(&running, &without, streams).await?,
            streams.total() * without.events(),
        ),
        per_event(
            "CPU per event, one stream, µs",
            &alone,
            stream_alone.total() * without.events(),
        ),
        stalls(&alone, stream_alone),
    ];
    Ok(Findings {
        rows,
        notes: Vec::new(),
    })
}

fn per_event(measure: &'static str, visits: &Visits, events: usize) -> Row {
    Row {
        measure,
        goal: Goal::NearYardstick,
        samples: visits.of_contenders(|visit| micros(visit.cpu) / count(events)),
        native: None,
    }
}

/// One stream at a time: with several, a stream that waits for a core would look like one that waits for the network.
fn stalls(visits: &Visits, load: Load) -> Row {
    Row {
        measure: "unpaced streams silent for over 35 ms, %",
        goal: Goal::AtMost(0.0),
        samples: visits
            .of_contenders(|visit| 100.0 * count(visit.seen.stalled(STALL)) / count(load.total())),
        native: None,
    }
}

/// Bodies of 1 MB: CPU of each.
pub(crate) async fn megabyte(bench: &Bench) -> Result<Findings> {
    let load = bench.counts.bodies;
    let running = bench.start_all()?;
    let question = Question::new(question::megabyte(), bench.upstream.address).await?;
    let visits = bench.visit(&running, &question, load).await?;
    let samples = visits.of_contenders(|visit| millis(visit.cpu) / count(load.total()));
    let row = Row {
        measure: "CPU per 1 MB body, ms",
        goal: Goal::NearYardstick,
        samples,
        native: None,
    };
    Ok(Findings {
        rows: vec![row],
        notes: Vec::new(),
    })
}

/// Resident memory: after one answer, and what each open stream adds.
pub(crate) async fn memory(bench: &Bench) -> Result<Findings> {
    let streams = bench.counts.open;
    let small = Question::new(question::small(), bench.upstream.address).await?;
    let body = question::holding();
    let mut idle = bench.empty_samples();
    let mut each = bench.empty_samples();
    for (turn, launch) in bench.turns() {
        let process = Process::start(launch)?;
        load::ask(process.address, &small).await?;
        let before = settled(&process).await?;
        let held = load::hold_open(process.address, &body, streams).await?;
        let after = settled(&process).await?;
        drop(held);
        idle[turn].push(before / 1024.0);
        each[turn].push((after - before) / count(streams));
    }
    let idle = Row {
        measure: "RSS idle, MiB",
        goal: Goal::AtMost(15.0),
        samples: idle,
        native: None,
    };
    let each = Row {
        measure: "RSS per open stream, KiB",
        goal: Goal::AtMost(48.0),
        samples: each,
        native: None,
    };
    Ok(Findings {
        rows: vec![idle, each],
        notes: vec![format!(
            "RSS per open stream is the growth over {streams} of them."
        )],
    })
}

/// From the start of the process to its first answers, and how large it is on disk.
pub(crate) async fn start(bench: &Bench) -> Result<Findings> {
    let small = Question::new(question::small(), bench.upstream.address).await?;
    let mut health = bench.empty_samples();
    let mut chat = bench.empty_samples();
    for (turn, launch) in (0..STARTS).flat_map(|_| bench.turns()) {
        let process = Process::start(launch)?;
        if launch.is_gateway() {
            load::ask_health(process.address).await?;
            health[turn].push(millis(process.spawned.elapsed()));
        }
        load::ask(process.address, &small).await?;
        chat[turn].push(millis(process.spawned.elapsed()));
    }
    let mut size = bench.empty_samples();
    for (turn, contender) in bench.contenders.iter().enumerate() {
        if let Launch::Gateway(binary, _) = &contender.launch {
            size[turn].push(megabytes(std::fs::metadata(binary)?.len()));
        }
    }
    let rows = vec![
        Row {
            measure: "start to first /health, ms",
            goal: Goal::AtMost(20.0),
            samples: health,
            native: None,
        },
        Row {
            measure: "start to first chat answer, ms",
            goal: Goal::AtMost(20.0),
            samples: chat,
            native: None,
        },
        Row {
            measure: "binary, MB",
            goal: Goal::AtMost(15.0),
            samples: size,
            native: None,
        },
    ];
    Ok(Findings {
        rows,
        notes: Vec::new(),
    })
}

/// What each contender adds to the upstream's own latency at `share`, round by round.
fn added(measure: &'static str, visits: &Visits, share: f64) -> Row {
    let through = visits.of_contenders(|visit| micros(visit.seen.percentile(share)));
    let direct = visits.of_upstream(|visit| micros(visit.seen.percentile(share)));
    let less = |rounds: Vec<f64>| {
        rounds
            .iter()
            .zip(&direct)
            .map(|(through, direct)| through - direct)
            .collect()
    };
    Row {
        measure,
        goal: Goal::Watched,
        samples: through.into_iter().map(less).collect(),
        native: None,
    }
}

/// Whether the gateways' logs were on, and whole, while they were measured.
fn logged(bench: &Bench, running: &[Process]) -> Result<Vec<String>> {
    let Counts {
        rounds,
        busy,
        alone,
        ..
    } = bench.counts;
    // Every load runs once more than there are rounds: to warm up.
    let requests = (busy.total() + alone.total()) * (rounds as usize + 1);
    let gateways = bench
        .contenders
        .iter()
        .zip(running)
        .filter(|(contender, _)| contender.launch.is_gateway());
    gateways
        .map(|(contender, process)| {
            let lines = process.logged_lines()?;
            Ok(format!(
                "{} wrote {lines} log lines for {requests} requests.",
                contender.name
            ))
        })
        .collect()
}

async fn settled(process: &Process) -> Result<f64> {
    sleep(SETTLING).await;
    process.resident_kib()
}

/// Microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A number of things, to divide by.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a bench are far below 2^52"
)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "binaries are far below 2^52 bytes"
)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
