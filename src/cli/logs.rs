//! `autogw logs`: the last lines of a running gateway's log, and those that come.

use std::io;

use anstyle::Style;
use clap::{Args, ValueEnum};

use super::console::Console;
use super::exit::Exit;
use super::figures::moment;
use super::follow::{Teller, follow};
use super::page::{BAD, DIM, GOOD, Painted, WORST};
use super::reach::{self, ReachArgs};
use super::table::plain;
use crate::config::Environment;
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::{LogLine, Snapshot};

/// Show the last lines of a running gateway's log
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw logs                        the last 100 lines
  autogw logs --level warn           warnings and errors among the last 2000 lines
  autogw logs --follow               goes on with every new line, until Ctrl-C
  autogw logs -f --json | jq .text   one JSON object per line: number, at_ms, level, target, text
  autogw logs --name team            of the gateway that was started with --name team

The gateway keeps its last 2000 lines in memory; older ones are in its daily file, below
~/.auto-gateway/logs. A gateway that restarts is waited for.

Exit status: 0 shown, or ended with Ctrl-C; 1 no gateway answers; 2 wrong usage.")]
pub struct LogsArgs {
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,

    /// Leave out what is less serious than this
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "trace")]
    level: Severity,

    /// Show so many of the lines that are there already
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    limit: usize,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reach: ReachArgs,
}

/// How serious a line is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Severity {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Runs the verb.
pub async fn run(args: &LogsArgs, env: &Environment, console: &mut Console<'_>) -> Exit {
    let client = match args.reach.client(env) {
        Ok(client) => client,
        Err(unclear) => return unclear.tell(console),
    };
    let mut lines = Lines {
        args,
        first: args.limit,
        last: 0,
    };
    if args.follow {
        return follow(client, "log,lost", &mut lines, console).await;
    }
    match client.get::<Snapshot>("/v1/snapshot").await {
        Ok(snapshot) => {
            // Who reads no more has seen enough.
            _ = lines.show_all(snapshot.log, console);
            Exit::Done
        }
        Err(trouble) => reach::tell(&trouble, console),
    }
}

/// What was shown, and what is to be.
struct Lines<'a> {
    args: &'a LogsArgs,
    /// How many of the lines that are there already are shown.
    first: usize,
    /// The number of the last line that was seen.
    last: u64,
}

impl Teller for Lines<'_> {
    fn begin(&mut self) {
        self.last = 0;
    }

    fn tell(&mut self, event: Event, console: &mut Console<'_>) -> io::Result<()> {
        match event {
            Event::Snapshot(snapshot) => {
                self.show_all(snapshot.log, console)?;
                // Whatever comes later was not there already.
                self.first = usize::MAX;
                Ok(())
            }
            Event::Log(line) => self.show_all([line], console),
            _ => Ok(()),
        }
    }
}

impl Lines<'_> {
    fn show_all(
        &mut self,
        lines: impl IntoIterator<Item = LogLine>,
        console: &mut Console<'_>,
    ) -> io::Result<()> {
        let new = lines.into_iter().filter(|line| line.number > self.last);
        let new: Vec<LogLine> = new.collect();
        if let (Some(first), true) = (new.first(), self.last > 0)
            && first.number > self.last + 1
        {
            let lost = first.number - self.last - 1;
            console.say(format_args!("{lost} lines came too fast and are left out"));
        }
        self.last = new.last().map_or(self.last, |line| line.number);
        let wanted = new.iter().filter(|line| severity(line) <= self.args.level);
        let wanted: Vec<&LogLine> = wanted.collect();
        let skipped = wanted.len().saturating_sub(self.first);
        let mut wanted = wanted.into_iter().skip(skipped);
        wanted.try_for_each(|line| self.show(line, console))
    }

    fn show(&self, line: &LogLine, console: &mut Console<'_>) -> io::Result<()> {
        if self.args.json {
            return console.stream_json(line);
        }
        let level = plain(&line.level).to_ascii_uppercase();
        console.stream(format_args!(
            "{} {} {}",
            Painted(moment(line.at_ms), DIM),
            Painted(format_args!("{level:<5}"), style(severity(line))),
            plain(&line.text)
        ))
    }
}

/// A level that nobody knows is worth a look.
fn severity(line: &LogLine) -> Severity {
    Severity::from_str(&line.level, true).unwrap_or(Severity::Warn)
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => WORST,
        Severity::Warn => BAD,
        Severity::Info => GOOD,
        Severity::Debug | Severity::Trace => DIM,
    }
}
