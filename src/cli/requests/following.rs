//! Requests as they end, each once.

use std::collections::BTreeSet;
use std::io;

use super::{RequestsArgs, told};
use crate::cli::console::Console;
use crate::cli::follow::Teller;
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::{Lost, MOST_LIVE, MOST_REQUESTS, RequestRow, Snapshot, is_over};

/// Numbers that are remembered: more than a snapshot can hold, so that none of it is told twice.
const REMEMBERED: usize = 4 * (MOST_REQUESTS + MOST_LIVE);

/// See the module's head.
pub(super) struct Finished<'a> {
    args: &'a RequestsArgs,
    /// How many that are over already are shown.
    first: usize,
    /// The numbers of those that were seen to end.
    seen: BTreeSet<u64>,
    lost: u64,
}

impl<'a> Finished<'a> {
    pub(super) fn new(args: &'a RequestsArgs) -> Self {
        Self {
            args,
            first: args.limit.unwrap_or(0),
            seen: BTreeSet::new(),
            lost: 0,
        }
    }

    fn show(&mut self, row: &RequestRow, console: &mut Console<'_>) -> io::Result<()> {
        if !is_over(row) || !self.see(row.number) || !self.args.wants(row) {
            return Ok(());
        }
        if self.args.json {
            console.stream_json(row)
        } else {
            console.stream(told::line(row))
        }
    }

    /// Whether it was not seen before.
    fn see(&mut self, number: u64) -> bool {
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_first();
        }
        self.seen.insert(number)
    }

    fn begin_with(&mut self, snapshot: &Snapshot, console: &mut Console<'_>) -> io::Result<()> {
        let over: Vec<&RequestRow> = snapshot
            .requests
            .values()
            .filter(|row| is_over(row))
            .collect();
        let wanted = over.iter().filter(|row| self.args.wants(row)).count();
        let mut skipped = wanted.saturating_sub(self.first);
        // Whatever ends from now on is news, whether it is told by an event or the next snapshot.
        self.first = usize::MAX;
        for row in over {
            if skipped > 0 && self.args.wants(row) {
                skipped -= 1;
                self.see(row.number);
            } else {
                self.show(row, console)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, lost: Lost, console: &mut Console<'_>) {
        let missed = lost.requests.saturating_sub(self.lost);
        if missed > 0 {
            console.say(format_args!(
                "{missed} requests came too fast and are left out"
            ));
        }
        self.lost = lost.requests;
    }
}

impl Teller for Finished<'_> {
    fn begin(&mut self) {
        self.seen.clear();
        self.lost = 0;
    }

    fn tell(&mut self, event: Event, console: &mut Console<'_>) -> io::Result<()> {
        match event {
            Event::Snapshot(snapshot) => {
                // What was lost before is nothing that was to be told here.
                self.lost = self.lost.max(snapshot.lost.requests);
                self.begin_with(&snapshot, console)
            }
            Event::Request(row) => self.show(&row, console),
            Event::Lost(lost) => {
                self.hear(lost, console);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
