//! The end-to-end bench: what autogw costs beside a bare proxy, on this machine, in one command.
//!
//! `cargo bench --bench gateway` starts a scripted upstream, a *yardstick* (a bare hyper proxy) and autogw as processes of
//! their own on loopback, loads them with the same requests and prints a table that can be pasted as Markdown.
//!
//! How to read it. The figure that counts is the **ratio**: autogw over the yardstick, as the median of the ratios of
//! the single rounds. Absolute figures move with the machine and with its neighbours; the ratio hardly does, because
//! both are measured within seconds of each other, in turns that swap their order from round to round. Cells are
//! `median (lowest..highest)` over the rounds. A spread as wide as the difference you look for means: run it again, quieter.
//!
//! How it is measured. CPU is the on-CPU time of the gateway's process alone, so the load generator and the upstream
//! may share its cores. Load is a closed loop of a fixed number of requests: the same work for everybody, and a slow
//! gateway cannot hide behind requests that were never sent. Each answer is compared with the upstream's, byte by byte.
//!
//! Translations are measured against the gateway itself: their ratio is to the same client's request to an upstream of
//! its own dialect, and for a stream to the same client's native stream, per token in both.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is this program's output, and progress its courtesy"
)]

mod load;
mod measure;
mod process;
mod question;
mod report;
mod role;
mod rounds;
mod script;
mod tongue;
mod translated;
mod upstream;
mod yardstick;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use process::{Launch, Process};
use report::{Findings, Report};
use rounds::{Bench, Contender, Counts};

/// Measures autogw beside a bare proxy.
#[derive(Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
struct Arguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// One short round: shows that the bench works, not how fast anything is.
    #[arg(long)]
    quick: bool,
    /// Measure only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Another autogw to measure beside this one, an older build for instance. One that cannot translate needs `--only`.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Leave autogw out: calibrates the machine.
    #[arg(long)]
    yardstick_only: bool,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// Cargo passes it in `cargo bench`, and not in `cargo test --benches`, which is a smoke test: `--quick`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the bench runs of itself as another process.
#[derive(Subcommand)]
#[command(hide = true)]
enum Role {
    /// The scripted upstream.
    Upstream,
    /// The bare proxy.
    Yardstick {
        /// Where it forwards to.
        upstream: SocketAddr,
    },
}

/// A part of the bench.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Small requests: CPU and latency.
    Request,
    /// Streams of 1000 events without a pause.
    Stream,
    /// Bodies of 1 MB.
    Megabyte,
    /// Resident memory, idle and with 1000 open streams.
    Memory,
    /// From the start of the process to its first answers.
    Start,
    /// Requests and streams between dialects, beside the same without a translation.
    Translated,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Upstream) => upstream::serve(),
        Some(Role::Yardstick { upstream }) => yardstick::serve(upstream),
        None => tokio::runtime::Runtime::new()?.block_on(until_interrupted(bench(&arguments))),
    }
}

/// Runs `work`; a signal drops it, and with it every child process and temporary directory.
async fn until_interrupted(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    raise_open_files().context("cannot raise the limit of open files")?;
    let counts = if arguments.quick || !arguments.bench {
        Counts::quick()
    } else {
        Counts::full(arguments.rounds)
    };
    let upstream = Process::start(&Launch::Upstream)?;
    let bench = Bench {
        contenders: contenders(arguments, upstream.address),
        upstream,
        counts,
    };
    let mut report = Report::new(&bench);
    for part in parts(&arguments.only) {
        eprintln!("measuring: {}", name(part));
        report.add(measured(&bench, part).await?);
    }
    println!(
        "{}",
        if arguments.json {
            report.json()
        } else {
            report.table()
        }
    );
    Ok(())
}

async fn measured(bench: &Bench, part: Part) -> Result<Findings> {
    match part {
        Part::Request => measure::request(bench).await,
        Part::Stream => measure::stream(bench).await,
        Part::Megabyte => measure::megabyte(bench).await,
        Part::Memory => measure::memory(bench).await,
        Part::Start => measure::start(bench).await,
        Part::Translated => translated::measure(bench).await,
    }
}

/// The yardstick first: ratios are taken against it.
fn contenders(arguments: &Arguments, upstream: SocketAddr) -> Vec<Contender> {
    let gateway = |name, binary| Contender {
        name,
        launch: Launch::Gateway(binary, upstream),
    };
    let mut contenders = vec![Contender {
        name: "yardstick",
        launch: Launch::Yardstick(upstream),
    }];
    if !arguments.yardstick_only {
        contenders.push(gateway(
            "autogw",
            PathBuf::from(env!("CARGO_BIN_EXE_autogw")),
        ));
    }
    if let Some(other) = &arguments.binary {
        contenders.push(gateway("other", other.clone()));
    }
    contenders
}

fn parts(only: &[Part]) -> Vec<Part> {
    let all = Part::value_variants().iter().copied();
    all.filter(|part| only.is_empty() || only.contains(part))
        .collect()
}

fn name(part: Part) -> String {
    part.to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// A thousand streams are two thousand sockets in a gateway; children inherit the limit.
fn raise_open_files() -> rustix::io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
}
